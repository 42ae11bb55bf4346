// error[E0277]
//! A wait that releases one lock and keeps the others.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let mut alice = token.lock(&ALICE);
        lockline::Condvar::new().wait(&mut alice);
    });
}
