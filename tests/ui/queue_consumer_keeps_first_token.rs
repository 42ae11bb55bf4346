// error[E0499]
//! The token of a thread that holds nothing, while the thread is a consumer. Although it pops no more, it is one to its end.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (mut consumer, mut at_jobs) = token.consume(&JOBS);
        let job = consumer.pop(&mut at_jobs).unwrap();
        *token.lock(&CONFIG) += job;
    });
}
