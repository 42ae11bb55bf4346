//! The calling thread's place in the one registry that all counters share.
//!
//! Two thread-local variables, because one that has a destructor costs a look at whether it was built
//! and not yet destroyed on each use: the place is a bare number, which an inlined `add` reads with one
//! instruction, and a separate lease gives the slot back when the thread ends.
//!
//! # State
//!
//! | `PLACE`          | meaning                                                       |
//! |------------------|---------------------------------------------------------------|
//! | [`NONE`]         | this thread has not counted yet                               |
//! | below `SLOTS`    | this thread owns the slot, and `LEASE` will give it back      |
//! | below `PLACES`   | this thread shares, as it could not have a slot               |
//! | [`ENDED`]        | its slot was given back: whatever counts from now on shares   |
//!
//! # Transitions
//!
//! | by              | from → to       | when                                                   |
//! |-----------------|-----------------|--------------------------------------------------------|
//! | `settle`        | `NONE` → slot   | first use                                              |
//! | `settle`        | `NONE` → shared | first use, no slot free, or the lease cannot be kept   |
//! | `Lease::drop`   | slot → `ENDED`  | the thread ends                                        |
//! | `settle`        | `ENDED` → shared | a destructor counts after the lease's                 |
//!
//! # Edges
//!
//! None of its own: everything here belongs to one thread. **recycling** is in
//! [`registry`](super::registry).
//!
//! # Checked by
//!
//! `tests/counter.rs` on real threads: destructors that count after the slot is gone, ten thousand short
//! threads, three hundred at once. The models end a slot explicitly, as loom's `join` returns before
//! thread-local destructors have run.

use super::registry::{PLACES, Registry};
use crate::{
    statics,
    sync::{AtThreadEnd, local_const, local_lazy},
};
use core::cell::Cell;

/// No place yet.
const NONE: usize = usize::MAX;
/// No place any more.
const ENDED: usize = usize::MAX - 1;
const _: () = assert!(ENDED > PLACES);

statics! {
    static REGISTRY: Registry = Registry::new();
}

local_const! {
    static PLACE: Cell<usize> = const { Cell::new(NONE) };
}

local_lazy! {
    static LEASE: AtThreadEnd<Lease> = AtThreadEnd::new(Lease { slot: REGISTRY.claim() });
}

/// Owns a slot, if one was free, until the thread ends.
struct Lease {
    slot: Option<usize>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            // First the place, then the slot: whatever still counts on this thread must not write
            // to a row that may have a new owner.
            PLACE.with(|place| place.set(ENDED));
            REGISTRY.release(slot);
        }
    }
}

/// The calling thread's slot, or a number that is none: not below [`SLOTS`].
#[inline]
pub(crate) fn own() -> usize {
    PLACE.with(Cell::get)
}

/// The calling thread's place, which it is given now if it has none.
#[cold]
pub(crate) fn settle() -> usize {
    let place = own();
    if place < PLACES {
        return place;
    }
    // Where the lease is already destroyed, nobody could give a slot back: then we share.
    let slot =
        if place == ENDED { None } else { LEASE.try_with(|lease| lease.slot).ok().flatten() };
    let place = slot.unwrap_or_else(|| REGISTRY.share());
    PLACE.with(|mine| mine.set(place));
    place
}

/// How many places, from the first, a reader has to visit.
pub(crate) fn visited() -> usize {
    REGISTRY.visited()
}
