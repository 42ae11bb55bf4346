// error[E0277]: `*mut ()` cannot be
//! A thread has a root of its own.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        std::thread::scope(|scope| {
            scope.spawn(|| *token.lock(&ALICE) += 1);
        });
    });
}
