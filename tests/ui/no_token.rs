// error[E0599]: no method named `lock` found
// error[E0599]: no method named `try_lock` found
//! surelock's and lock_tree's locks can be had without.

#![forbid(unsafe_code)]

use ui::*;

fn main() {
    *ALICE.lock() += 1;
    *ALICE.try_lock().unwrap() += 1;
}
