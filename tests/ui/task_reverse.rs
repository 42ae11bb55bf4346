// error[E0277]: lock order violation: `Account` may not be locked while `Journal` is held
//! The wrong order, in a task.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (_journal, mut token) = token.lock_and(&JOURNAL).await;
        let _alice = token.lock(&ALICE).await;
    }));
}
