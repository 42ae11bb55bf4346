//! What the models see of the algorithms: each owned by the model, not by the program.

use super::{
    registry::{PLACES, Registry},
    rows::Rows,
};
use crate::sync::sizes::SLOTS;

/// A registry and counters of its own, whose slots are claimed and released by hand.
#[derive(Debug)]
pub struct Counters<const N: usize> {
    registry: Registry,
    rows: Rows<N>,
}

impl<const N: usize> Counters<N> {
    /// How many slots there are.
    pub const SLOTS: usize = SLOTS;
    /// The first shared place.
    pub const SHARED: usize = PLACES - 1;

    #[track_caller]
    #[allow(clippy::new_without_default, missing_docs, reason = "for models only")]
    pub fn new() -> Self {
        Self { registry: Registry::new(), rows: Rows::new() }
    }

    /// As a thread that counts for the first time: a slot, or a shared place.
    pub fn settle(&self) -> usize {
        self.registry.claim().unwrap_or_else(|| self.registry.share())
    }

    /// As a thread that ends.
    pub fn release(&self, place: usize) {
        if place < SLOTS {
            self.registry.release(place);
        }
    }

    /// A shared place, as for a destructor that runs after the slot was released.
    pub fn share(&self) -> usize {
        self.registry.share()
    }

    /// Adds in `place`, which must be the caller's or shared.
    pub fn add(&self, place: usize, column: usize, n: u64) {
        if !self.rows.add_own(place, column, n) {
            self.rows.add_shared(place, column, n);
        }
    }

    #[allow(missing_docs, reason = "see `Counter::sum`")]
    pub fn sum(&self, column: usize) -> u64 {
        self.rows.sum(column, self.registry.visited())
    }

    #[allow(missing_docs, reason = "see `Counter::take`")]
    pub fn take(&self, column: usize) -> u64 {
        self.rows.take(column, || self.registry.visited())
    }
}
