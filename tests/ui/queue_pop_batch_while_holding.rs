// error[E0277]: lock order violation: items may not be waited for while `Stats` is held
//! The same, with many items.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, mut token) = token.consume(&JOBS);
        let (_stats, mut token) = token.lock_and(&STATS);
        consumer.pop_batch(&mut token, &mut Vec::new(), 2);
    });
}
