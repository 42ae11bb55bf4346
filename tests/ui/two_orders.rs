// error[E0277]: lock order violation: `Stranger` may not be locked while `Account` is held
//! Two declarations that know nothing of each other.

#![forbid(unsafe_code)]

use lockline::ordered::{LevelMutex, with_root};
use ui::*;

lockline::lock_levels! {
    levels { Stranger; }
}
static STRANGER: LevelMutex<Stranger, u32> = LevelMutex::new(0);

fn main() {
    with_root(|mut token| {
        let (_alice, mut token) = token.lock_and(&ALICE);
        let _stranger = token.lock(&STRANGER);
    });
}
