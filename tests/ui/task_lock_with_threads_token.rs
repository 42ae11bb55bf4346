// error[E0308]
//! A thread that waits for a lock that tasks have.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::tasks::*;

fn main() {
    with_root(|mut token| {
        let _alice = token.lock(&ALICE);
    });
}
