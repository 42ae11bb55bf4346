// error[E0277]: lock order violation: `Account` may not be locked while `Journal` is held
// error[E0277]: lock order violation: `Account` may not be locked while `Account` is held
//! `restrict` goes one way.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_journal, mut token) = token.lock_and(&JOURNAL);
        *token.restrict::<Account>().lock(&ALICE) += 1;
    });
}
