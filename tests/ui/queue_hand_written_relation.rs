// note: the above error was encountered while instantiating
// elsewhere: error[E0080]: evaluation panicked: lock order violation: the rank does not rise
//! A relation that somebody wrote down is no way to a queue either.

#![forbid(unsafe_code)]

use lockline::ordered::{
    __private::{Bool, Place, Reach},
    Level, LevelQueue, with_root,
};
use ui::*;

#[derive(Debug)]
enum Low {}
impl Level for Low {
    const NAME: &'static str = "Low";
    const RANK: u32 = 1;
    const PLACE: Place = Jobs::PLACE;
}
impl<Held> Reach<Held> for Low {
    type After = Bool<true>;
    type AtOrAfter = Bool<true>;
}

fn main() {
    let low: LevelQueue<Low, u32> = LevelQueue::new(1);
    with_root(|mut token| {
        let (_stats, mut token) = token.lock_and(&STATS);
        token.push(&low, 1).unwrap();
    });
}
