// error[E0277]: lock order violation: `Config` may not be locked while `Jobs` is held
//! A consumer needs a lock that who waits for room may have.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, mut token) = token.consume(&JOBS);
        let job = consumer.pop(&mut token).unwrap();
        *token.lock(&CONFIG) += job;
    });
}
