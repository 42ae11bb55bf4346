// error[E0277]: lock order violation: items may not be waited for while `Stats` is held
//! The next item is waited for with the last one's lock in hand.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, mut token) = token.consume(&JOBS);
        let (mut stats, mut token) = token.lock_and(&STATS);
        *stats += consumer.pop(&mut token).unwrap();
    });
}
