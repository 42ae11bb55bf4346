// error[E0428]
// error[E0119]
//! One level in two places of the order.

#![forbid(unsafe_code)]


lockline::lock_levels! {
    levels { First; Second after First; First after Second; }
}

fn main() {}
