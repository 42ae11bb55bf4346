//! Places that are kept for later, and those that a forced push makes.
//!
//! State, transitions and edges are the ring's, at the head of `mod.rs`.

use super::{
    super::laps::{CLOSED, FILLED, ONE_RESERVED, POSITION, RESERVED, before},
    Care, Refusal, Ring, Ticket,
};
use crate::sync::atomic::Ordering::{Acquire, Relaxed};

impl<T> Ring<T> {
    /// Reserves a position, to be claimed by [`claim_reserved`](Self::claim_reserved) or given up.
    ///
    /// # Panics
    ///
    /// If more are reserved than can be counted.
    pub(crate) fn reserve(&self, care: Care) -> Result<(), Refusal> {
        self.claim_room(care, reserve_one).map(|_| ())
    }

    /// Claims the position at the tail for somebody who has reserved one.
    pub(crate) fn claim_reserved(&self) -> Result<Ticket, Refusal> {
        let mut tail = self.tail.load(Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            let position = tail & POSITION;
            // Acquire: vacated, as in `claim_push`.
            if self.slot(position).stamp.load(Acquire) != position {
                let now = self.tail.load(Relaxed);
                if now == tail {
                    return Err(Refusal::Busy);
                }
                tail = now;
                continue;
            }
            let filled = self.laps.next(tail) - ONE_RESERVED;
            match self.change_tail(tail, filled) {
                Ok(_) => return Ok(Ticket(position)),
                Err(now) => tail = now,
            }
        }
    }

    /// Gives a reservation up. The caller wakes who may want it.
    pub(crate) fn give_up(&self) {
        // Relaxed: a number; who waits for it is told under the list's lock.
        self.tail.fetch_sub(ONE_RESERVED, Relaxed);
    }

    /// Reserves a position although there is none left, if there is an item to be displaced for it.
    /// `Busy` if something has changed meanwhile.
    pub(crate) fn reserve_beyond(&self) -> Result<(), Refusal> {
        let tail = self.tail.load(Relaxed);
        if tail & CLOSED != 0 {
            return Err(Refusal::Closed);
        }
        let head = self.head.load(Relaxed);
        let over = self.laps.distance(head.wrapping_add(self.laps.one()), self.laps.end(tail));
        // One item for each position beyond: else who has the last of them would wait for room that nobody makes.
        if over >= self.laps.distance(head, tail & POSITION) {
            return Err(Refusal::No);
        }
        // Relaxed: a number; what comes of it is ordered by the claims that follow.
        self.tail
            .compare_exchange(tail, reserve_one(tail), Relaxed, Relaxed)
            .map_or(Err(Refusal::Busy), |_| Ok(()))
    }

    /// Claims the oldest item if more is filled or reserved than there is room for. `Ok(None)` if not.
    pub(crate) fn claim_displaced(&self) -> Result<Option<Ticket>, Refusal> {
        loop {
            let head = self.head.load(Relaxed);
            // Relaxed: a modification, so that all count who reserved beyond the last place as we did. A head that has
            // moved on meanwhile makes the claim fail, and does not matter to who finds none beyond.
            let tail = self.tail.fetch_or(0, Relaxed);
            if !before(head.wrapping_add(self.laps.one()), self.laps.end(tail))
                || head == tail & POSITION
            {
                return Ok(None);
            }
            // Acquire: filled, by the producer of this position.
            if self.slot(head).stamp.load(Acquire) != head | FILLED {
                if self.head.load(Relaxed) == head {
                    return Err(Refusal::Busy);
                }
                continue;
            }
            if self.change_head(head, self.laps.next(head)).is_ok() {
                return Ok(Some(Ticket(head)));
            }
        }
    }
}

/// A `tail` with one position more reserved.
fn reserve_one(tail: u64) -> u64 {
    assert!(tail & RESERVED != RESERVED, "more than 32,767 permits of a queue are outstanding");
    tail + ONE_RESERVED
}
