// error[E0277]
//! Nor can somebody write down that a lock in hand is none.

#![forbid(unsafe_code)]

use lockline::ordered::{HoldsOnly, Unlocked};

lockline::lock_levels! {
    levels { Mine; }
}
impl HoldsOnly<Unlocked> for Mine {}

fn main() {}
