// note: the above error was encountered while instantiating
// elsewhere: error[E0080]: evaluation panicked: lock order violation: the rank does not rise
//! A relation that somebody wrote down is no way to permits either.

#![forbid(unsafe_code)]

use lockline::ordered::{
    __private::{Bool, Place, Reach},
    Level, LevelSemaphore, with_root,
};
use ui::*;

#[derive(Debug)]
enum Low {}
impl Level for Low {
    const NAME: &'static str = "Low";
    const RANK: u32 = 1;
    const PLACE: Place = Connections::PLACE;
}
impl<Held> Reach<Held> for Low {
    type After = Bool<true>;
    type AtOrAfter = Bool<true>;
}
static LOW: LevelSemaphore<Low> = LevelSemaphore::new(1);

fn main() {
    with_root(|mut token| {
        let (_queries, mut token) = token.lock_and(&QUERIES);
        drop(token.acquire_many(&LOW, 1));
    });
}
