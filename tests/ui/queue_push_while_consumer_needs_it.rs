// error[E0277]: lock order violation: `Jobs` may not be locked while `Stats` is held
//! A full queue is waited for with a lock in hand that its consumer needs to finish an item.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_stats, mut token) = token.lock_and(&STATS);
        token.push(&JOBS, 1).unwrap();
    });
}
