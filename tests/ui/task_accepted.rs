//! A task with nothing wrong, which runs on any thread.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (mut alice, mut bob, mut token) = token.lock_both(&ALICE, &BOB).await.unwrap();
        let (_journal, token) = token.lock_and(&JOURNAL).await;
        std::future::ready(()).await;
        drop(token);
        *alice += 1;
        drop(alice);
        *bob += 1;
    }));
}
