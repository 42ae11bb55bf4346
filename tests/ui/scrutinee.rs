// error[E0499]
//! A guard in a scrutinee lives to the end of the statement.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        match *token.lock(&ALICE) {
            0 => *token.lock(&ALICE) = 1,
            _ => (),
        }
        if let 0 = *token.lock(&ALICE) {
            *token.lock(&ALICE) = 1;
        }
    });
}
