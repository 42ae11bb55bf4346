// error[E0521]
//! A token that goes to another task.

#![forbid(unsafe_code)]

use lockline::ordered::{TaskToken, Unlocked, ordered};
use ui::tasks::*;

fn main() {
    spawn(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        spawn(async move { drop(token.lock(&ALICE).await) });
    }));
}
