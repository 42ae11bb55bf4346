// error[E0308]
//! A set of locks of different levels, in a task.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _both = token.lock_all(&[&ALICE, &JOURNAL]).await;
    }));
}
