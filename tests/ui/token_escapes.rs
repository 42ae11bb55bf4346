// error: lifetime may not live long enough
//! A token does not outlive its root.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;

fn main() {
    let _token = with_root(|token| token);
}
