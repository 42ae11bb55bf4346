// error[E0277]: lock order violation: `Jobs` may not be locked while `Jobs` is held
//! A consumer waits for room in its own queue: if all do, nobody makes any.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, mut token) = token.consume(&JOBS);
        let job = consumer.pop(&mut token).unwrap();
        token.push(&JOBS, job).unwrap();
    });
}
