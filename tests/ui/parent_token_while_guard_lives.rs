// error[E0499]
//! surelock gives the low key back while a guard of its `subscope` lives.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (journal, _) = token.lock_and(&JOURNAL);
        let _alice = token.lock(&ALICE);
        drop(journal);
    });
}
