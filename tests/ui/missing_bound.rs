// error[E0277]: lock order violation: `Journal` may not be locked while `Held` is held
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
