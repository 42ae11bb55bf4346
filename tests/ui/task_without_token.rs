// error[E0599]
//! There is no other way to lock.

#![forbid(unsafe_code)]

use ui::tasks::*;

fn main() {
    spawn(async { drop(ALICE.lock().await) });
}
