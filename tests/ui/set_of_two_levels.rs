// error[E0277]: not a set of locks: all must be of one level
// error[E0308]
//! surelock's sets take any levels, in the order in which the locks were made: two threads really deadlocked.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let _ = token.lock_all((&JOURNAL, &ALICE));
        let _ = token.lock_all([&JOURNAL, &ALICE]);
    });
}
