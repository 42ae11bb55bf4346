// error[E0277]: lock order violation: `Account` may not be locked while `Account` is held
//! Two locks of one level, one by one.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_alice, mut token) = token.lock_and(&ALICE);
        let _bob = token.lock(&BOB);
    });
}
