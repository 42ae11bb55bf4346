// error[E0277]: `*const ()` cannot be sent
//! Whoever waits for a guard must be able to tell which thread has it.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let alice = token.lock(&ALICE);
        std::thread::scope(|scope| {
            scope.spawn(move || drop(alice));
        });
    });
}
