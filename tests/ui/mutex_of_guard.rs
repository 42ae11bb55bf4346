// error[E0599]: no function or associated item named `mutex` found
//! A guard does not give the plain mutex away.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let alice = token.lock(&ALICE);
        let _mutex = lockline::ordered::OrderedGuard::mutex(&alice);
    });
}
