// error[E0500]
//! Code that is called with a lock held does not get the caller's token by the back door.

#![forbid(unsafe_code)]

use lockline::ordered::{After, Level, Token, with_root};
use ui::*;

fn each<Held: Level>(mut token: Token<'_, Held>, mut f: impl FnMut())
where
    Account: After<Held>,
{
    let _alice = token.lock(&ALICE);
    f();
}

fn main() {
    with_root(|mut token| {
        let again = &mut token;
        each(again.reborrow(), || *again.lock(&BOB) += 1);
    });
}
