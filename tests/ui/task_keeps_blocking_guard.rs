// error: lifetime may not live long enough
// error[E0515]
//! A thread's lock, held over an `.await`.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};

fn main() {
    let _task = ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let alice = token.blocking(|mut token| token.lock(&ui::ALICE));
        std::future::ready(()).await;
        drop(alice);
    });
}
