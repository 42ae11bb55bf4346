// error[E0277]: lock order violation: `Workers` may not be locked while `Journal` is held
//! Waiting for threads with a lock in hand that they may need.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

lockline::lock_levels! {
    levels after Registry { Workers; }
}

fn main() {
    with_root(|mut token| {
        let (_journal, mut token) = token.lock_and(&JOURNAL);
        token.scope::<Workers, _>(|_| ());
    });
}
