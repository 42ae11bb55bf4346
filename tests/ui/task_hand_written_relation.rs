// note: the above error was encountered while instantiating
// elsewhere: error[E0080]: evaluation panicked: lock order violation: the rank does not rise
//! The barrier behind the barrier is there for tasks too.

#![forbid(unsafe_code)]

use lockline::ordered::{
    __private::{Bool, Place, Reach},
    Level, LevelAsyncMutex, TaskToken, Unlocked, ordered,
};
use std::{
    pin::pin,
    task::{Context, Waker},
};
use ui::{Account, tasks::JOURNAL};

#[derive(Debug)]
enum Low {}
impl Level for Low {
    const NAME: &'static str = "Low";
    const RANK: u32 = 1;
    const PLACE: Place = Account::PLACE;
}
impl<Held> Reach<Held> for Low {
    type After = Bool<true>;
    type AtOrAfter = Bool<true>;
}
static LOW: LevelAsyncMutex<Low, u32> = LevelAsyncMutex::new(0);

fn main() {
    let task = ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (_journal, mut token) = token.lock_and(&JOURNAL).await;
        *token.lock(&LOW).await += 1;
    });
    // It is looked at when the code is generated, and there is none for what is never polled.
    let _ = pin!(task).poll(&mut Context::from_waker(Waker::noop()));
}
