// error[E0277]: lock order violation: `Connections` may not be locked while `Connections` is held
//! Permits of one pool, one by one, in a task.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (_one, mut token) = token.acquire_and(&POOL).await.unwrap();
        let _another = token.acquire(&POOL).await.unwrap();
    }));
}
