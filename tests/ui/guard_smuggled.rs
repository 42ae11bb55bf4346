// error[E0521]
//! Nor through a variable outside.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    let mut journal = None;
    with_root(|mut token| journal = Some(token.lock(&JOURNAL)));
    with_root(|mut token| *token.lock(&ALICE) += 1);
    drop(journal);
}
