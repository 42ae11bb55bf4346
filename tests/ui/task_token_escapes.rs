// error: lifetime may not live long enough
//! A task's token does not outlive its task.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};

fn main() {
    let _task = ordered(async |token: TaskToken<'_, Unlocked>| token);
}
