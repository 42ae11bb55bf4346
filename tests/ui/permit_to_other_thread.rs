// error[E0277]
//! A permit is given back where it was acquired.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use std::thread;
use ui::*;

fn main() {
    with_root(|mut token| {
        let one = token.acquire(&POOL).unwrap();
        thread::scope(|scope| {
            scope.spawn(move || drop(one));
        });
    });
}
