// error[E0277]: lock order violation: `Account` may not be locked while `Account` is held
//! Two locks of one level, one by one, in a task.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (_alice, mut token) = token.lock_and(&ALICE).await;
        let _bob = token.lock(&BOB).await;
    }));
}
