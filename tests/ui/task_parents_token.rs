// error[E0499]
//! The low token is not back while a guard of the high one lives, whichever guard goes first.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (alice, mut inner) = token.lock_and(&ALICE).await;
        let _journal = inner.lock(&JOURNAL).await;
        drop(alice);
        let _bob = token.lock(&BOB).await;
    }));
}
