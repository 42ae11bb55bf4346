// error[E0499]
//! A future that may have the lock, and is no longer polled.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

async fn work(token: &mut TaskToken<'_, Unlocked>) {
    let _alice = token.lock(&ALICE).await;
    std::future::pending::<()>().await;
}

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _work = std::pin::pin!(work(&mut token));
        let _alice = token.lock(&ALICE).await;
    }));
}
