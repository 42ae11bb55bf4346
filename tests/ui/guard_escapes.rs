// error[E0515]
// error: lifetime may not live long enough
//! surelock's guards outlive their scope, and the next scope starts low again.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    let journal = with_root(|mut token| token.lock(&JOURNAL));
    with_root(|mut token| *token.lock(&ALICE) += 1);
    drop(journal);
}
