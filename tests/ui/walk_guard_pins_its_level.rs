// error[E0499]
//! A guard of a walk outlives the walk, and keeps its level all the same.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let alice = token.ascending().lock(&ALICE);
        let bob = token.lock(&BOB);
        drop((alice, bob));
    });
}
