// error[E0451]: field `marker` of struct `Token` is private
// error[E0451]: field `marker` of struct `Root` is private
//! A token or a root out of nothing.

#![forbid(unsafe_code)]

use lockline::ordered::{Root, Token, Unlocked};
use ui::*;

fn main() {
    let mut token = Token::<Unlocked> { marker: std::marker::PhantomData, ..todo!() };
    *token.lock(&ALICE) += 1;
    let _root = Root { marker: std::marker::PhantomData };
}
