//! Where a thread last left an index, so that it need not read it again.
//!
//! A load of what a locked instruction has just modified waits until that is done, so a thread that moves an index again
//! and again begins the next claim some nanoseconds earlier if it knows where the index stands. What is told here is a
//! guess: the caller's claim fails if it is wrong. Models guess too: always where releases are by store, never where they are by
//! swap, so that an order which only a guess provides is missed there.

use super::{local_const, row, thread::LocalKey};
use core::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Whose index it is that a thread moved: a number that is nobody else's, neither before nor later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u64);

impl Owner {
    const NONE: Self = Self(0);

    pub(crate) fn new() -> Self {
        // No part of a model: which number it is makes no difference.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// The last index of a kind that the thread has moved.
pub(crate) struct Recent {
    /// Whose index it is, if it is expected to stand where it was left: what a guess looks at, at one comparison.
    trusted: Cell<Owner>,
    /// Whose it is in any case.
    of: Cell<Owner>,
    /// Where this thread moved it to.
    left_at: Cell<u64>,
    /// So many times in a row nobody else had moved it meanwhile.
    row: Cell<u8>,
}

impl Recent {
    const fn new() -> Self {
        Self {
            trusted: Cell::new(Owner::NONE),
            of: Cell::new(Owner::NONE),
            left_at: Cell::new(0),
            row: Cell::new(0),
        }
    }
}

local_const! {
    static TAIL: Recent = const { Recent::new() };
    static HEAD: Recent = const { Recent::new() };
}

/// A kind of index. Of each, a thread knows one.
#[derive(Clone, Copy)]
pub(crate) struct Kind(&'static LocalKey<Recent>);

pub(crate) const AT_TAIL: Kind = Kind(&TAIL);
pub(crate) const AT_HEAD: Kind = Kind(&HEAD);

impl Kind {
    /// Where the index of this owner stands, if that is to be guessed.
    #[inline]
    pub(crate) fn guess(self, of: Owner) -> Option<u64> {
        // Where thread-locals are keys of the system, an ending thread has none; here and below.
        let guess =
            self.0.try_with(|recent| (recent.trusted.get() == of).then(|| recent.left_at.get()));
        guess.ok().flatten()
    }

    /// The guess was right, and the thread has moved the index.
    #[inline]
    pub(crate) fn went_on(self, to: u64) {
        let _ = self.0.try_with(|recent| recent.left_at.set(to));
    }

    /// The thread has moved an index without a guess, or after a wrong one.
    pub(crate) fn moved(self, of: Owner, from: u64, to: u64) {
        let _ = self.0.try_with(|recent| {
            let alone = recent.of.get() == of && recent.left_at.get() == from;
            let alone_for = if alone { recent.row.get().saturating_add(1) } else { 0 };
            recent.trusted.set(if alone_for >= row() { of } else { Owner::NONE });
            recent.of.set(of);
            recent.row.set(alone_for);
            recent.left_at.set(to);
        });
    }
}
