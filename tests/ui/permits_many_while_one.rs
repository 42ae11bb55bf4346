// error[E0277]: lock order violation: `Connections` may not be locked while `Connections` is held
//! The rest of a pool with some of it in hand.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_two, mut token) = token.acquire_many_and(&POOL, 2).unwrap();
        let _rest = token.acquire_many(&POOL, 3).unwrap();
    });
}
