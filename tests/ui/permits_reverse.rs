// error[E0277]: lock order violation: `Connections` may not be locked while `Statistics` is held
//! A permit with a lock in hand that others need to give theirs back.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_queries, mut token) = token.lock_and(&QUERIES);
        let _one = token.acquire(&POOL).unwrap();
    });
}
