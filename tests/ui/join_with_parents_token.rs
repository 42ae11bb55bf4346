// error[E0499]
//! The parent's own token while it is about to wait.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        token.scope::<Registry, _>(|scope| {
            let handle = scope.spawn(|mut token| *token.lock(&ALICE) += 1);
            let _alice = token.lock(&ALICE);
            handle.join().unwrap();
        });
    });
}
