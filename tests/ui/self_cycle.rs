// error[E0080]: evaluation panicked: lock_levels!: a level can only be declared `after` levels that stand above it
//! The shortest cycle.

#![forbid(unsafe_code)]


lockline::lock_levels! {
    levels { Own after Own; }
}

fn main() {}
