// error[E0499]
//! Two arms of a join, both of which wait for locks.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

async fn work(token: &mut TaskToken<'_, Unlocked>) {
    drop(token.lock(&ALICE).await);
}

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        join(work(&mut token), work(&mut token)).await;
    }));
}
