// error[E0499]
//! Whoever tried may hold a lock of any level.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let journal = token.try_lock(&JOURNAL);
        let _alice = token.lock(&ALICE);
        drop(journal);
    });
}
