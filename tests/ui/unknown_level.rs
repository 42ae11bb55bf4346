// error[E0599]
//! A slip of the pen.

#![forbid(unsafe_code)]


lockline::lock_levels! {
    levels { First; Second after Frist; }
}

fn main() {}
