// error: lifetime may not live long enough
// error[E0515]
//! A consumer outlives the token that it came from.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    let _consumer = with_root(|mut token| token.consume(&JOBS).0);
}
