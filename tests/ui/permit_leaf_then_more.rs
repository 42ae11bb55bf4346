// error[E0499]
//! A permit without a new token is the last thing.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let one = token.acquire(&POOL).unwrap();
        *token.lock(&QUERIES) += 1;
        drop(one);
    });
}
