// error[E0277]
//! A consumer in the hands of a thread that may hold anything.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use std::thread;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, _token) = token.consume(&JOBS);
        thread::scope(|scope| {
            scope.spawn(move || consumer.try_pop());
        });
    });
}
