// error[E0502]
//! What comes after the level is held while the walk would go on: it has to be let go of first.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let mut walk = token.ascending();
        let _alice = walk.lock(&ALICE);
        let mut later = walk.token();
        let journal = later.lock(&JOURNAL);
        let _bob = walk.lock(&BOB);
        drop(journal);
    });
}
