// error[E0277]: lock order violation: `Audit` may not be locked while `Account` is held
//! Two levels without an order between them.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_alice, mut token) = token.lock_and(&ALICE);
        let _audit = token.lock(&AUDIT);
    });
}
