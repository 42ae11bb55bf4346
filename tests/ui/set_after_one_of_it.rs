// error[E0277]: lock order violation: `Account` may not be locked while `Account` is held
//! Nested sets of one level are no set (sortlock, lock_many).

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_alice, mut token) = token.lock_and(&ALICE);
        let _ = token.lock_all((&ALICE, &BOB));
    });
}
