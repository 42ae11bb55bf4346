// note: the above error was encountered while instantiating
// elsewhere: error[E0080]: evaluation panicked: lock order violation: the rank does not rise
//! lock_ordering believes any relation that one writes down. Ours is not for users, and its mistakes end here.

#![forbid(unsafe_code)]

use lockline::ordered::{
    __private::{Bool, Place, Reach},
    Level, LevelMutex, with_root,
};
use ui::*;

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
static LOW: LevelMutex<Low, u32> = LevelMutex::new(0);

fn main() {
    with_root(|mut token| {
        let (_journal, mut token) = token.lock_and(&JOURNAL);
        *token.lock(&LOW) += 1;
    });
}
