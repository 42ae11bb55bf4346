// error[E0277]: lock order violation: `Connections` may not be locked while `Connections` is held
//! Permits of one pool, one by one: two threads that do it can have half of them each.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_one, mut token) = token.acquire_and(&POOL).unwrap();
        let _another = token.acquire(&POOL).unwrap();
    });
}
