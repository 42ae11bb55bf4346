// error[E0499]
//! The token that a task's permit came from is borrowed while that lives.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let one = token.acquire(&POOL).await.unwrap();
        let another = token.acquire(&POOL).await.unwrap();
        drop((one, another));
    }));
}
