//! Queues used as they are meant to.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use std::thread;
use ui::*;

fn main() {
    thread::scope(|scope| {
        scope.spawn(|| {
            with_root(|mut token| {
                let (mut consumer, mut token) = token.consume(&JOBS);
                while let Some(job) = consumer.pop(&mut token) {
                    *token.lock(&STATS) += job;
                    token.push(&RESULTS, job).unwrap();
                    let _again = token.try_push(&JOBS, job);
                }
            });
        });
        with_root(|mut token| {
            let (config, mut token) = token.lock_and(&CONFIG);
            token.push(&JOBS, *config).unwrap();
        });
    });
}
