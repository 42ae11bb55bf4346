//! What the models see of the algorithms: counters owned by the model, not by the program, and what
//! the bytes of a mutex say.

use super::{
    mutex::{HEAD, HELD, QUEUED, RESERVED, RawMutex},
    registry::{PLACES, Registry},
    rows::Rows,
};
use crate::{
    Mutex, Policy,
    sync::{atomic::Ordering::Relaxed, park, sizes::SLOTS},
};

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

/// A look at a mutex from outside, which locks nothing. What it finds may be old, like all that is read relaxed.
#[derive(Debug)]
pub struct Inside<'a>(&'a RawMutex);

/// A look at `mutex`.
pub fn inside<T: ?Sized, P: Policy>(mutex: &Mutex<T, P>) -> Inside<'_> {
    Inside(&mutex.raw)
}

impl Inside<'_> {
    /// Whether somebody is next, awake or asleep, or queues to be.
    pub fn is_awaited(&self) -> bool {
        // A modification, of nothing: of several loads by one thread loom tries too few orders.
        self.0.waiters.fetch_or(0, Relaxed) & (HEAD | QUEUED) != 0
    }

    /// How many sleep behind who is next.
    pub fn queued(&self) -> usize {
        park::sleepers(&self.0.waiters)
    }

    /// Whether the lock is kept for a waiter.
    pub fn is_reserved(&self) -> bool {
        self.0.lock.load(Relaxed) == RESERVED
    }

    /// Panics unless the mutex is as if nobody had ever waited. `RESERVED` may be left by a fair release whose
    /// waiter gave up. No bit may: `WAKE` and `CLOSED` go with the head or with the release that takes them
    /// on; and `QUEUED` only stands beside `HEAD`, whose leaving turns that into `WAKE`, or beside `WAKE`, whose
    /// wake-up ends with an empty queue, and no `QUEUED`, or with a new head. So as soon as all who locked and
    /// released are done, the byte is zero.
    ///
    /// # Panics
    ///
    /// If somebody has the lock, or is noted as waiting.
    #[track_caller]
    pub fn assert_settled(&self) {
        assert_ne!(self.0.lock.load(Relaxed), HELD, "still held");
        assert_eq!(self.0.waiters.load(Relaxed), 0, "a bit is left");
    }
}
