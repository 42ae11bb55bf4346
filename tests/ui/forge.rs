// error[E0451]: field
//! A token or a root out of nothing.

#![forbid(unsafe_code)]

use lockline::ordered::{Root, Token, Unlocked};
use std::marker::PhantomData;
use ui::*;

fn main() {
    let mut token = Token::<Unlocked> { borrow: PhantomData, marker: PhantomData, held: PhantomData };
    *token.lock(&ALICE) += 1;
    let _root = Root { marker: PhantomData };
}
