// error[E0080]: evaluation panicked: lock_levels!: a level can only be declared `after` levels that stand above it
//! lock_ordering takes any relation that one writes down.

#![forbid(unsafe_code)]


lockline::lock_levels! {
    levels {
        Chicken after Egg;
        Egg after Chicken;
    }
}

fn main() {}
