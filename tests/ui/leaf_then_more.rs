// error[E0499]
//! `lock` is for the last lock.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let alice = token.lock(&ALICE);
        let _journal = token.lock(&JOURNAL);
        drop(alice);
    });
}
