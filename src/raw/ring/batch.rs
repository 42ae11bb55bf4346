//! Many positions with one claim.
//!
//! State, transitions and edges are the ring's, at the head of `mod.rs`: each slot is handed over as one that was claimed alone,
//! and who hands over looks once, after the last, whether somebody sleeps.

use super::{
    super::laps::{FILLED, ONE, POSITION},
    Care, Refusal, Ring, Slot, Ticket, before_looking, hand_over,
};
use crate::sync::{
    asymmetric,
    atomic::Ordering::{Acquire, Relaxed},
};

/// Positions in a row that the caller has claimed.
#[derive(Debug)]
#[must_use = "all others wait for the slots"]
pub(crate) struct Tickets {
    next: u64,
    left: usize,
}

impl Tickets {
    pub(crate) fn len(&self) -> usize {
        self.left
    }
}

impl<T> Ring<T> {
    /// Claims at most `most` positions at the tail, as many as are vacated in a row.
    pub(crate) fn claim_push_many(&self, most: usize, care: Care) -> Result<Tickets, Refusal> {
        loop {
            let tail = self.tail.load(Relaxed);
            let ready = if tail & !POSITION == 0 { self.run(tail, most, 0) } else { 0 };
            if ready < 2 {
                return self.claim_push(care).map(|Ticket(next)| Tickets { next, left: 1 });
            }
            let beyond = self.laps.after(tail, ready as u64);
            // A slot that was vacated stays so until `tail` passes it.
            if self.change_tail(tail, beyond).is_ok() {
                return Ok(Tickets { next: tail, left: ready });
            }
        }
    }

    /// Claims at most `most` positions at the head, as many as are filled in a row.
    pub(crate) fn claim_pop_many(&self, most: usize, care: Care) -> Result<Tickets, Refusal> {
        loop {
            let head = self.head.load(Relaxed);
            let ready = self.run(head, most, FILLED);
            if ready < 2 {
                return self.claim_pop(care).map(|Ticket(next)| Tickets { next, left: 1 });
            }
            let beyond = self.laps.after(head, ready as u64);
            if self.change_head(head, beyond).is_ok() {
                return Ok(Tickets { next: head, left: ready });
            }
        }
    }

    /// How many slots in a row have the mark of their positions from this one on.
    fn run(&self, from: u64, most: usize, mark: u64) -> usize {
        let [(here, first), (wrapped, second)] = self.stretches(from, most.min(self.capacity()));
        let ready = run(here, first | mark);
        if ready < here.len() { ready } else { ready + run(wrapped, second | mark) }
    }

    /// The slots of so many positions, up to the end of the lap and from the start of the next, and the first position of each.
    fn stretches(&self, from: u64, count: usize) -> [(&[Slot<T>], u64); 2] {
        let (lower, upper) = self.slots.split_at(self.laps.index(from));
        let here = &upper[..count.min(upper.len())];
        let wrapped = &lower[..count - here.len()];
        [(here, from), (wrapped, self.laps.after(from, here.len() as u64))]
    }

    /// Puts in what `item` gives for each number, from 0 on. That must not unwind.
    pub(crate) fn fill_many(&self, Tickets { next, left }: Tickets, item: impl Fn(usize) -> T) {
        let by_store = asymmetric::releases_by_store();
        let mut nth = 0;
        for (slots, first) in self.stretches(next, left) {
            for (slot, position) in slots.iter().zip(positions(first)) {
                slot.write(item(nth));
                hand_over(&slot.stamp, position | FILLED, by_store);
                nth += 1;
            }
        }
        before_looking(by_store);
    }

    /// Takes the items out and gives them to `each`, which must not unwind, with their numbers from 0 on.
    pub(crate) fn vacate_many(&self, Tickets { next, left }: Tickets, each: impl Fn(usize, T)) {
        let (by_store, lap) = (asymmetric::releases_by_store(), self.laps.one());
        let mut nth = 0;
        for (slots, first) in self.stretches(next, left) {
            for (slot, position) in slots.iter().zip(positions(first)) {
                each(nth, slot.read());
                hand_over(&slot.stamp, position.wrapping_add(lap), by_store);
                nth += 1;
            }
        }
        before_looking(by_store);
    }
}

/// How many of the slots have these stamps.
fn run<T>(slots: &[Slot<T>], first: u64) -> usize {
    let slots = slots.iter().zip(positions(first));
    // Acquire: filled or vacated, by whoever had the slot before.
    slots.take_while(|(slot, stamp)| slot.stamp.load(Acquire) == *stamp).count()
}

/// Those of a lap from this one on.
fn positions(first: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |n| first.wrapping_add(n * ONE))
}
