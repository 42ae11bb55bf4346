//! Hands each thread a place of its own, and takes it back when the thread ends.
//!
//! One word with a bit per slot. Lowest free slot first, so that the places in use stay together and
//! a reader visits few of them. A list of free numbers under a lock would do as well; a word needs no
//! lock, no allocation, and can be built in a `const`.
//!
//! # State
//!
//! | word       | value                                     | who may change it                       |
//! |------------|-------------------------------------------|-----------------------------------------|
//! | `taken`    | bit i set: slot i belongs to a thread     | set by `claim`, cleared by its owner     |
//! | `visited`  | every place ever given is below it        | only grows, by `claim` and `share`      |
//! | `next`     | how many threads were sent to share       | only grows, by `share`                  |
//!
//! A *place* is a number below [`PLACES`]. Those below [`SLOTS`] are slots, with one owner at a time;
//! the rest are shared.
//!
//! # Transitions
//!
//! | by        | from → to                        | when                                          |
//! |-----------|----------------------------------|-----------------------------------------------|
//! | `claim`   | lowest clear bit of `taken` → set | a thread counts for the first time           |
//! | `release` | its bit → clear                  | the owner ends, after its last use of the slot |
//!
//! # Edges
//!
//! * **recycling**: the `Release` in [`Registry::release`] pairs with the `Acquire` in
//!   [`Registry::claim`] that takes the same bit. What the old owner wrote into the slot's cells is
//!   what the new owner reads there. A `claim` or `release` of another bit in between does not break
//!   the edge: every change of `taken` is a read-modify-write, and so continues the release sequence.
//!
//! `visited` and `next` are only ever read as numbers, so relaxed. A reader that synchronised with a
//! thread after that thread counted sees `visited` above its place, because the thread raised
//! `visited` before it counted.
//!
//! # Progress
//!
//! Lock-free: a `claim` retries only because another thread's `claim` or `release` took effect.
//! `release` and `share` are wait-free where the machine has such instructions.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/counter.rs`: a slot passing from an ending to a starting thread, and the
//! shared places once the slots are gone.

use crate::sync::{
    atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_new,
    sizes::{SHARED, SLOTS},
};

/// Places in all: the slots, then the shared ones.
pub(crate) const PLACES: usize = SLOTS + SHARED;

const _: () = assert!(SLOTS >= 1 && SLOTS <= 64, "one bit a slot, in one word");
const _: () = assert!(SHARED >= 1, "a thread without a slot must count somewhere");

/// All bits that stand for a slot.
const ALL: u64 = u64::MAX >> (64 - SLOTS);

#[derive(Debug)]
pub(crate) struct Registry {
    taken: AtomicU64,
    visited: AtomicUsize,
    next: AtomicUsize,
}

impl Registry {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self {
                taken: AtomicU64::new(0),
                visited: AtomicUsize::new(0),
                next: AtomicUsize::new(0),
            }
        }
    }

    /// A slot for the calling thread alone, or `None` when all are taken.
    pub(crate) fn claim(&self) -> Option<usize> {
        let mut taken = self.taken.load(Relaxed);
        loop {
            let free = !taken & ALL;
            if free == 0 {
                return None;
            }
            let slot = free.trailing_zeros() as usize;
            // Acquire: recycling, from the `release` of the slot's last owner.
            // Relaxed on failure: the value is only the next guess.
            match self.taken.compare_exchange_weak(taken, taken | 1 << slot, Acquire, Relaxed) {
                Ok(_) => {
                    self.visit(slot);
                    return Some(slot);
                }
                Err(now) => taken = now,
            }
        }
    }

    /// Gives `slot` back. The caller owns it, and will not touch its cells again.
    pub(crate) fn release(&self, slot: usize) {
        // Release: recycling, to the `claim` that next takes this bit.
        let before = self.taken.fetch_and(!(1 << slot), Release);
        debug_assert!(before & 1 << slot != 0, "slot {slot} was given back twice");
    }

    /// A place that other threads count in as well. Never given back.
    pub(crate) fn share(&self) -> usize {
        // Relaxed: spreads threads over the shared places, and promises nothing.
        #[allow(clippy::modulo_one, reason = "models have one shared place")]
        let place = SLOTS + self.next.fetch_add(1, Relaxed) % SHARED;
        self.visit(place);
        place
    }

    /// Every place in which anything the caller knows of was counted is below this number.
    pub(crate) fn visited(&self) -> usize {
        self.visited.load(Relaxed)
    }

    fn visit(&self, place: usize) {
        // Relaxed: the caller counts after this; whoever knows of the count knows of this.
        self.visited.fetch_max(place + 1, Relaxed);
    }
}
