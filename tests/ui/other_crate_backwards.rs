// error[E0277]: lock order violation: `Account` may not be locked while `Cache` is held
//! An order that goes on in another crate has its direction.

#![forbid(unsafe_code)]

use lockline::ordered::{LevelMutex, with_root};
use ui::*;

lockline::lock_levels! {
    levels after Journal { Cache; }
}
static CACHE: LevelMutex<Cache, u32> = LevelMutex::new(0);

fn main() {
    with_root(|mut token| {
        let (_cache, mut token) = token.lock_and(&CACHE);
        let _alice = token.lock(&ALICE);
    });
}
