// error[E0599]
//! There is no way to wait for such a queue but a token.

#![forbid(unsafe_code)]

use ui::*;

fn main() {
    let _job = JOBS.pop();
}
