// error[E0499]
//! The same, with the token that is right, but not whole.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, mut token) = token.consume(&JOBS);
        let mut stats = token.lock(&STATS);
        *stats += consumer.pop(&mut token).unwrap();
    });
}
