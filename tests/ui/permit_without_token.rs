// error[E0599]
//! There is no way to a permit of such a pool but a token.

#![forbid(unsafe_code)]

use ui::*;

fn main() {
    let _one = POOL.acquire();
}
