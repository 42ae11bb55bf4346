// error[E0499]
//! The token of before, while a later one is in use.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (journal, mut inner) = token.lock_and(&JOURNAL);
        let _alice = token.lock(&ALICE);
        drop(journal);
        inner.reborrow();
    });
}
