// error[E0277]: lock order violation: `Jobs` may not be locked while `Stats` is held
//! The same, with many items.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_stats, mut token) = token.lock_and(&STATS);
        token.push_batch(&JOBS, &mut vec![1, 2]).unwrap();
    });
}
