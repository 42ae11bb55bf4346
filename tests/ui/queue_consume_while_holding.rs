// error[E0277]: lock order violation: items may not be waited for while `Config` is held
//! A thread becomes a consumer with a lock in hand that a producer may need.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_config, mut token) = token.lock_and(&CONFIG);
        let _consumer = token.consume(&JOBS);
    });
}
