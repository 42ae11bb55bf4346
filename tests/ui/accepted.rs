//! A program with nothing wrong: the others are rejected for what they do, not for where they stand.

#![forbid(unsafe_code)]

use lockline::ordered::{LevelMutex, with_root};
use ui::*;

lockline::lock_levels! {
    levels after Journal { Cache; Row after Cache; Hits after Cache; Log after Row, Hits; }
}
static ROW: LevelMutex<Row, u32> = LevelMutex::new(0);
static LOG: LevelMutex<Log, u32> = LevelMutex::new(0);

fn main() {
    with_root(|mut token| {
        let ((_alice, _bob), mut token) = token.lock_all((&ALICE, &BOB)).unwrap();
        let (_journal, mut token) = token.lock_and(&JOURNAL);
        let (_row, mut token) = token.lock_and(&ROW);
        *token.lock(&LOG) += 1;
    });
}
