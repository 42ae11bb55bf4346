// error[E0277]: lock order violation: `Settings` may not be locked while `Connections` is held
//! A lock that comes before the pool, with a permit in hand.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_one, mut token) = token.acquire_and(&POOL).unwrap();
        let _settings = token.lock(&SETTINGS);
    });
}
