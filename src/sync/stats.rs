//! Tallies for statistics: relaxed, not part of any algorithm, and so the same under loom, which they would
//! only slow down.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that several threads raise.
#[derive(Debug)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn add(&self, n: u64) {
        // Relaxed: a number, read on its own.
        self.0.fetch_add(n, Relaxed);
    }

    pub(crate) fn raise(&self, to: u64) {
        // Relaxed: as in `add`.
        self.0.fetch_max(to, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
