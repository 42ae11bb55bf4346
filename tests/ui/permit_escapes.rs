// error: lifetime may not live long enough
// error[E0515]
//! A permit outlives the token that it came from.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    let _one = with_root(|mut token| token.acquire(&POOL).unwrap());
}
