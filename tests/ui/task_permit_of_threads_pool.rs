// error[E0308]
//! A task keeps no permit of a pool that threads wait for: one of them may be the one that would poll it.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::*;

fn main() {
    tasks::spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _one = token.acquire(&POOL).await.unwrap();
    }));
}
