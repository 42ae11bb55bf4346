//! Counts in cells that only grow, one padded row of cells for each place.
//!
//! The owner of a slot is the only writer of its row, so it adds with a load and a store: no locked
//! instruction, no line to fetch. The usual alternative, `fetch_add` on striped cells
//! ([LongAdder](https://gee.cs.oswego.edu/dl/jsr166/dist/docs/java.base/java/util/concurrent/atomic/LongAdder.html)),
//! pays for a locked instruction although nobody else is there. Single-writer cells are the per-thread
//! [statistical counters](https://mirrors.edge.kernel.org/pub/linux/kernel/people/paulmck/perfbook/perfbook.html)
//! (chapter 5); what is added here is recycling, sharing, and a `take` that loses nothing.
//!
//! # State
//!
//! | word             | value                                     | who may change it                    |
//! |------------------|-------------------------------------------|--------------------------------------|
//! | `rows[slot][i]`  | what the slot's owners ever added to i    | the owner of the slot                |
//! | `rows[shared][i]`| what was added to i by threads without one | anybody                             |
//! | `taken[i]`       | how much of i was ever taken              | `take`, from one sum to a later one  |
//!
//! All modulo 2^64. Cells are never set back: a writer that stores what it loaded and a reader that
//! stores zero would undo one another.
//!
//! # Transitions
//!
//! | by     | from → to                              | when                                    |
//! |--------|----------------------------------------|-----------------------------------------|
//! | `add`  | `rows[place][i]`: c → c + n            | by plain load and store in a slot, else by `fetch_add` |
//! | `take` | `taken[i]`: t → the sum read after t   | nobody took in between; else once more  |
//!
//! # Edges
//!
//! * **taking**: the `Release` with which [`Rows::take`] moves `taken` pairs with the `Acquire`s by which
//!   a later `take` reads it. The later one therefore reads each cell no older than the earlier one did
//!   (coherence of two reads, one of which happens before the other), so its sum is not behind and the
//!   difference is what was added in between, never an underflow.
//! * **recycling**: see [`registry`](super::registry). Without it a new owner might load an old value
//!   from its cell and overwrite what the last owner added.
//!
//! Cells are read and written relaxed: `sum` promises a value for each cell that is at least as new as
//! what the caller already knows of, and that is coherence, not synchronisation.
//!
//! # Progress
//!
//! `add` is wait-free in a slot. `sum` is wait-free. `take` is lock-free: it retries only when another
//! `take` of the same column succeeded.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/counter.rs`: add against sum, add against take, take against take, shared
//! rows, a slot that changes hands.

use super::{place, registry::PLACES};
use crate::sync::{
    array,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_new,
    sizes::SLOTS,
};
use crossbeam_utils::CachePadded;

#[derive(Debug)]
pub(crate) struct Rows<const N: usize> {
    rows: [CachePadded<[AtomicU64; N]>; PLACES],
    taken: CachePadded<[AtomicU64; N]>,
}

impl<const N: usize> Rows<N> {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self {
                rows: array![CachePadded::new(array![AtomicU64::new(0); N]); PLACES],
                taken: CachePadded::new(array![AtomicU64::new(0); N]),
            }
        }
    }

    /// Adds `n` to `column`, if `slot` is a slot.
    ///
    /// A `slot` below [`SLOTS`] must belong to the calling thread: two writers of one row lose
    /// counts. Any other number is refused with `false`, and nothing is added.
    #[inline]
    pub(crate) fn add_own(&self, slot: usize, column: usize, n: u64) -> bool {
        if slot >= SLOTS {
            return false;
        }
        let cell = &self.rows[slot][column];
        cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
        true
    }

    /// Adds `n` to `column` in `place`, which any number of threads may be using.
    ///
    /// Never in a slot: its owner does not expect other writers.
    pub(crate) fn add_shared(&self, place: usize, column: usize, n: u64) {
        debug_assert!(place >= SLOTS, "place {place} has an owner");
        // Relaxed: a count; the read-modify-write is for the other writers, not to order anything.
        self.rows[place][column].fetch_add(n, Relaxed);
    }

    /// What was ever added to `column` in the first `places` rows.
    pub(crate) fn sum(&self, column: usize, places: usize) -> u64 {
        self.rows[..places].iter().fold(0, |sum, row| sum.wrapping_add(row[column].load(Relaxed)))
    }

    /// What was added to `column` since the last `take`. `places` is asked for each attempt, as more may
    /// have been taken into use.
    pub(crate) fn take(&self, column: usize, places: impl Fn() -> usize) -> u64 {
        let taken = &self.taken[column];
        // Acquire: taking, from the `take` before. Read before the cells, or the sum could be behind.
        let mut before = taken.load(Acquire);
        loop {
            let sum = self.sum(column, places());
            // Release: taking, to the `take` after: what it reads is no older than what we read.
            // Acquire on failure: taking, as at the top.
            match taken.compare_exchange_weak(before, sum, Release, Acquire) {
                Ok(_) => return sum.wrapping_sub(before),
                Err(now) => before = now,
            }
        }
    }
}

/// With the program's own threads: each in the place that [`place`] keeps for it.
impl<const N: usize> Rows<N> {
    /// Adds `n` to `column`.
    #[inline]
    pub(crate) fn add(&self, column: usize, n: u64) {
        if !self.add_own(place::own(), column, n) {
            self.add_slow(column, n);
        }
    }

    /// The first time on this thread, and always on a thread without a slot.
    #[cold]
    fn add_slow(&self, column: usize, n: u64) {
        let place = place::settle();
        if !self.add_own(place, column, n) {
            self.add_shared(place, column, n);
        }
    }

    /// What was ever added to `column`.
    pub(crate) fn total(&self, column: usize) -> u64 {
        self.sum(column, place::visited())
    }

    /// What was added to `column` since it was last taken.
    pub(crate) fn take_total(&self, column: usize) -> u64 {
        self.take(column, place::visited)
    }
}
