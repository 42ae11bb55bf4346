// error[E0277]: lock order violation: items may not be waited for while `Jobs` is held
//! A consumer of two queues: while it waits for items of one, nobody makes room in the other.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let (_jobs, mut token) = token.consume(&JOBS);
        let _results = token.consume(&RESULTS);
    });
}
