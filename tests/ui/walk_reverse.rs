// error[E0277]: lock order violation: `Account` may not be locked while `Journal` is held
//! A walk over a level that does not come after what is held.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_journal, mut token) = token.lock_and(&JOURNAL);
        let _walk = token.ascending::<Account>();
    });
}
