// error[E0277]: lock order violation: items may not be waited for while `Jobs` is held
//! A thread that another waits for, maybe with a lock in hand, waits for items.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_config, mut token) = token.lock_and(&CONFIG);
        token.scope::<Jobs, _>(|scope| {
            scope.spawn(|mut token| drop(token.consume(&RESULTS)));
        });
    });
}
