// error[E0599]
//! Queues of a level are for threads: a task that waited for room would keep its thread from other tasks.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::*;

fn main() {
    tasks::spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        token.push(&JOBS, 1).unwrap();
    }));
}
