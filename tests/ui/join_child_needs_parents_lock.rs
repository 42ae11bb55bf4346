// error[E0277]: lock order violation: `Registry` may not be locked while `Workers` is held
//! A thread that waits for others which need what it holds.

#![forbid(unsafe_code)]

use lockline::ordered::with_root;
use ui::*;

lockline::lock_levels! {
    levels after Registry { Workers; }
}

fn main() {
    with_root(|mut token| {
        let (_registry, mut token) = token.lock_and(&REGISTRY);
        token.scope::<Workers, _>(|scope| {
            scope.spawn(|mut token| *token.lock(&REGISTRY) += 1);
        });
    });
}
