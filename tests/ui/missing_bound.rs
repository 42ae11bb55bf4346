// error[E0277]: lock order violation: a `Journal` lock may not be acquired while a `Held` lock is held
//! A generic function says what it locks.

#![forbid(unsafe_code)]

use lockline::ordered::{Level, Token, with_root};
use ui::*;

fn record<Held: Level>(token: &mut Token<'_, Held>) {
    *token.lock(&JOURNAL) += 1;
}

fn main() {
    with_root(|mut token| record(&mut token));
}
