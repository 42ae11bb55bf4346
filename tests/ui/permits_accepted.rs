//! Permits used as they are meant to.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered, with_root};
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_settings, mut token) = token.lock_and(&SETTINGS);
        let (_two, mut token) = token.acquire_many_and(&POOL, 2).unwrap();
        *token.lock(&QUERIES) += 1;
    });
    tasks::spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (_two, mut token) = token.acquire_many_and(&tasks::POOL, 2).await.unwrap();
        token.blocking(|mut token| *token.lock(&QUERIES) += 1);
    }));
}
