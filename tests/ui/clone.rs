// error[E0599]: no method named `clone` found
//! A second token of the same level.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;

fn main() {
    with_root(|mut token| {
        let mut _second = token.clone();
        token.reborrow();
    });
}
