//! What is worth trying, for who spins, and for who is about to sleep.
//!
//! State, transitions and edges are the ring's, at the head of `mod.rs`.

use super::{
    super::laps::{CLOSED, FILLED, POSITION, before},
    Ring,
};
use crate::sync::{
    asymmetric::{self, Sleep},
    atomic::{
        AtomicU64,
        Ordering::{Relaxed, Release},
    },
};

/// Which end somebody waits at, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// To put something in.
    Tail,
    /// To put something in where a place is reserved for it.
    Reserved,
    /// To take something out.
    Head,
}

/// What who is going to sleep has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is worth trying.
    Ready,
    /// It may sleep until it is told.
    Sleep,
    /// It may sleep for a short time.
    Doze,
}

impl<T> Ring<T> {
    /// Whether it is worth trying at this end: plain loads, for a guess. That the queue is closed and empty is not seen.
    #[inline]
    pub(crate) fn looks_ready(&self, end: End) -> bool {
        // The other end's index is not looked at: it lies on the line that the other side works on.
        let (head, tail) = match end {
            End::Head => (self.head.load(Relaxed), 0),
            End::Tail | End::Reserved => (0, self.tail.load(Relaxed)),
        };
        self.is_ready(end, head, tail, |stamp| stamp.load(Relaxed))
    }

    /// The same of so many places further on.
    pub(crate) fn looks_ready_ahead(&self, end: End, places: usize) -> bool {
        let (index, mark) = match end {
            End::Head => (&self.head, FILLED),
            End::Tail | End::Reserved => (&self.tail, 0),
        };
        let position = self.laps.after(index.load(Relaxed) & POSITION, places as u64);
        !before(self.slot(position).stamp.load(Relaxed), position | mark)
    }

    fn is_ready(&self, end: End, head: u64, tail: u64, look: impl Fn(&AtomicU64) -> u64) -> bool {
        let ready = |position, mark| !before(look(&self.slot(position).stamp), position | mark);
        let position = tail & POSITION;
        match end {
            // Closed, but not empty: a producer is in the middle of putting the last in.
            End::Head => (tail & CLOSED != 0 && position == head) || ready(head, FILLED),
            _ if tail & CLOSED != 0 => true,
            End::Reserved => ready(position, 0),
            End::Tail => {
                let end = self.laps.end(tail);
                ready(position, 0) && (end == position || ready(end, 0))
            }
        }
    }

    /// The last look of who has said that it is going to sleep: whether it must try again instead. If not, whoever
    /// publishes at this end after it sees what was said.
    ///
    /// One that `watches` wants an answer, and full or empty is one.
    pub(crate) fn look_again(&self, end: End, watches: bool) -> Look {
        let (head, tail) = if end == End::Head {
            // Release: queue up, to the claim that is next; those before are in what this sees. Nothing that is read below
            // need be as new: an old index leads to a slot that has passed since, and its stamp says so.
            let tail = self.tail.fetch_or(0, Release);
            (self.head.load(Relaxed), tail)
        } else {
            // Release: queue up, likewise. A reservation that is given up is told under the list's lock.
            let head = self.head.fetch_or(0, Release);
            (head, self.tail.load(Relaxed))
        };
        let settled = match end {
            End::Head => tail & POSITION == head,
            End::Tail => !before(self.laps.end(tail), head.wrapping_add(self.laps.one())),
            End::Reserved => false,
        };
        if settled && tail & CLOSED == 0 {
            return if watches { Look::Ready } else { Look::Sleep };
        }
        // All looks are at the same moment's slot: at one that has passed since, the stamp says so.
        if self.is_ready(end, head, tail, |stamp| stamp.load(Relaxed)) {
            return Look::Ready;
        }
        // A peer has claimed it. It may look for sleepers as soon as it has published.
        // SeqCst: announcement, against the `light_fence` of who publishes by store.
        let sleep = asymmetric::heavy_fence();
        let ready = self.is_ready(end, head, tail, |stamp| {
            if sleep.looks_by_load() {
                stamp.load(Relaxed)
            } else {
                // Release: announcement, to the swap that publishes.
                stamp.fetch_or(0, Release)
            }
        });
        match (ready, sleep) {
            (true, _) => Look::Ready,
            (false, Sleep::Short) => Look::Doze,
            (false, _) => Look::Sleep,
        }
    }
}
