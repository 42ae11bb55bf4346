// error[E0499]
//! A guard that lives keeps the token that it came from.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _alice = token.lock(&ALICE).await;
        let _journal = token.lock(&JOURNAL).await;
    }));
}
