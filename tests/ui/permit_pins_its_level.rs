// error[E0499]
//! The token that a permit came from is borrowed while that lives, also when the new token is gone.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (one, at_pool) = token.acquire_and(&POOL).unwrap();
        drop(at_pool);
        let another = token.acquire(&POOL).unwrap();
        drop((one, another));
    });
}
