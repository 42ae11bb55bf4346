// error[E0499]
//! A permit that was had by trying is the last thing too.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

fn main() {
    with_root(|mut token| {
        let one = token.try_acquire(&POOL).unwrap();
        let another = token.acquire(&POOL).unwrap();
        drop((one, another));
    });
}
