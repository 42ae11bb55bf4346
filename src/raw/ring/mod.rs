//! A bounded ring of slots, each with a stamp that says whose turn it is.
//!
//! [Vyukov's queue](https://www.1024cores.net/home/lock-free-algorithms/queues/bounded-mpmc-queue): a producer claims
//! the position at `tail` if the slot there has been vacated, writes, and publishes by the stamp; a consumer does the same at
//! `head`. Two things are added. The answers "full" and "empty" are exact: a stamp that is not as one wants it may
//! belong to a peer in the middle of its own operation, so the other end's index decides, and where that says no,
//! the answer is [`Refusal::Busy`] and the caller waits for the peer. And `tail` counts the places that are reserved
//! for later. Rings that claim by `fetch_add` cannot answer exactly, nor take a claim back when a deadline passes.
//!
//! # State
//!
//! A position is a lap and an index below the capacity, in the upper 48 bits; the lower 16 of `tail` are its own.
//!
//! | word            | value                                          | who may change it                        |
//! |-----------------|------------------------------------------------|------------------------------------------|
//! | `tail`          | the next position to be filled                 | a producer that claims it                |
//! | `tail`, `RESERVED` | how many positions from there on are spoken for | who reserves, fills or gives up one   |
//! | `tail`, `CLOSED` | nothing is put in any more                    | `close`, once                            |
//! | `head`          | the next position to be taken                  | a consumer that claims it                |
//! | stamp of a slot | position: vacated, for whoever claims that     | the consumer of the lap before, having read |
//! | 〃              | position and `FILLED`: for whoever takes it    | the producer of that position, having written |
//!
//! # Transitions
//!
//! | by            | from → to                                    | when                                         |
//! |---------------|----------------------------------------------|----------------------------------------------|
//! | `claim_push`  | `tail`: p → p + 1                            | the slots of p and of the first position that is not reserved are vacated |
//! | `fill`        | stamp: p → p, `FILLED`                       | the claimer of p has written                 |
//! | `claim_pop`   | `head`: p → p + 1                            | the slot of p is filled                      |
//! | `vacate`      | stamp: p, `FILLED` → p + a lap               | the claimer of p has read                    |
//! | `reserve`     | `RESERVED` + 1                               | the slot of the first position that is not reserved is vacated |
//! | `claim_reserved` | `tail`: p → p + 1, `RESERVED` − 1         | by who reserved                              |
//! | `replace`     | `head`: p → p + 1, then `tail`: p → p + 1    | full; the slot changes hands unpublished, so nobody comes in between |
//!
//! # Edges
//!
//! * **filled**: the `Release` that publishes a filled slot pairs with the `Acquire` that finds it so. What the
//!   producer did, the consumer of that item sees.
//! * **vacated**: the same from the consumer to the producer of the next lap, which may then overwrite.
//! * **ends**: a refusal modifies the other end's index without changing it: a claim that it did not see comes later in
//!   that word, and acquires from it. So no refusal has seen a later step of a thread and not an earlier one, and of two
//!   threads that each claimed and then were refused at the other end, one has seen the other's claim.
//! * **order**: a claim releases to the next at its end, so that claims follow one another as their items do.
//! * **queue up**: who is about to sleep says so elsewhere, then modifies the other end's index without changing it.
//!   A claim that comes later acquires from that, and its publisher sees that somebody sleeps; one that came before is
//!   seen by the index. So nobody needs a fence unless a peer is in between:
//! * **announcement**: then the sleeper looks at the stamp as well; who publishes changes the stamp, then looks whether
//!   somebody sleeps. By store: `heavy_fence` and `light_fence` between the two. By swap: both looks at the stamp are
//!   modifications; either the sleeper sees the new stamp, or who publishes acquires what it said.
//!
//! The indices carry no data of the users': that passes by the stamps. So a thread which has moved an end several times, and
//! nobody else meanwhile, may guess that it stands there still ([`recent`](crate::sync::recent)) rather than load it: a stamp that
//! is not so, or the claim, finds out a wrong guess.
//!
//! # Progress
//!
//! A claim retries only because another took effect. A peer that sleeps between its claim and its publication holds up
//! whoever needs that slot, and nobody else.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/queue.rs`; beside it the orders in `queue_orders.rs`, operations in pairs in `queue_pairs.rs`,
//! and all small programs against a sequential queue in `linear.rs`.

mod batch;
mod look;
mod places;

pub(crate) use batch::Tickets;
pub(crate) use look::{End, Look};

use super::laps::{CLOSED, FILLED, Laps, POSITION, before};
use crate::sync::{
    asymmetric::{self, light_fence},
    atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    cell::UnsafeCell,
    recent::{AT_HEAD, AT_TAIL, Owner},
};
use core::mem::MaybeUninit;
use crossbeam_utils::CachePadded;

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Full, or empty.
    No,
    /// Closed; for a consumer also: and empty, for good.
    Closed,
    /// A peer is in the middle of its own operation on the slot.
    Busy,
}

/// How well somebody wants to know why it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// "No" only if it is so: that takes a modification of the other end's index, on whose line the other side works.
    Exact,
    /// `Busy` at first sight: who waits in any case asks again.
    Glance,
}

/// A position that the caller has claimed and must fill or vacate.
#[derive(Debug)]
#[must_use = "all others wait for the slot"]
pub(crate) struct Ticket(u64);

struct Slot<T> {
    stamp: AtomicU64,
    item: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// By who has claimed it, if it is vacated.
    #[inline]
    fn write(&self, item: T) {
        // SAFETY: the claim makes the slot the caller's until it is published.
        self.item.get_mut().with(|to| unsafe {
            (*to).write(item);
        });
    }

    /// By who has claimed it, once, if it is filled.
    #[inline]
    fn read(&self) -> T {
        self.item.get_mut().with(|from| {
            // SAFETY: as in `write`.
            let from = unsafe { &*from };
            // SAFETY: its producer has filled it, and it is taken once.
            unsafe { from.assume_init_read() }
        })
    }

    #[inline]
    fn fill(&self, position: u64, item: T, by_store: bool) {
        self.write(item);
        publish(&self.stamp, position | FILLED, by_store);
    }

    #[inline]
    fn vacate(&self, next_lap: u64, by_store: bool) -> T {
        let item = self.read();
        publish(&self.stamp, next_lap, by_store);
        item
    }
}

pub(crate) struct Ring<T> {
    slots: Box<[Slot<T>]>,
    laps: Laps,
    tail: CachePadded<AtomicU64>,
    head: CachePadded<AtomicU64>,
    /// Who moves an end remembers it as this ring's.
    owner: Owner,
}

// SAFETY: the ring owns its items.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: items move in and out by shared reference, and are not looked at inside.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// `None` if there is not that much memory, or no capacity.
    #[track_caller]
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        let laps = Laps::new(capacity)?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(capacity).ok()?;
        let mut position = 0;
        slots.resize_with(capacity, || {
            let stamp = AtomicU64::new(position);
            position = laps.next(position);
            Slot { stamp, item: UnsafeCell::new(MaybeUninit::uninit()) }
        });
        Some(Self {
            slots: slots.into_boxed_slice(),
            laps,
            tail: CachePadded::new(AtomicU64::new(0)),
            head: CachePadded::new(AtomicU64::new(0)),
            owner: Owner::new(),
        })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Claims the position at the tail if that is where this thread left it.
    #[inline]
    fn claim_next_push(&self) -> Option<(Ticket, &Slot<T>)> {
        let tail = AT_TAIL.guess(self.owner)?;
        let slot = self.slot(tail);
        // Acquire: vacated, by the consumer of the lap before.
        if slot.stamp.load(Acquire) != tail {
            return None;
        }
        let next = self.laps.next(tail);
        self.change_tail(tail, next).ok()?;
        AT_TAIL.went_on(next);
        Some((Ticket(tail), slot))
    }

    /// Claims the position at the head if that is where this thread left it.
    #[inline]
    fn claim_next_pop(&self) -> Option<(Ticket, &Slot<T>)> {
        let head = AT_HEAD.guess(self.owner)?;
        let slot = self.slot(head);
        // Acquire: filled, by the producer of this position.
        if slot.stamp.load(Acquire) != head | FILLED {
            return None;
        }
        let next = self.laps.next(head);
        self.change_head(head, next).ok()?;
        AT_HEAD.went_on(next);
        Some((Ticket(head), slot))
    }

    /// Puts the item in if the tail is where this thread left it, or else gives it back. At one go: to look the slot up
    /// again takes until the claim is done, and the next claim waits for what is written there. By store only: by
    /// swap there would be a call in between, and a frame for it.
    #[inline]
    pub(crate) fn push_next(&self, item: T) -> Result<(), T> {
        if !asymmetric::releases_by_store() {
            return Err(item);
        }
        let Some((Ticket(position), slot)) = self.claim_next_push() else { return Err(item) };
        slot.fill(position, item, true);
        Ok(())
    }

    /// Takes the next item out if the head is where this thread left it. By store only, likewise.
    #[inline]
    pub(crate) fn pop_next(&self) -> Option<T> {
        if !asymmetric::releases_by_store() {
            return None;
        }
        let (Ticket(position), slot) = self.claim_next_pop()?;
        Some(slot.vacate(position.wrapping_add(self.laps.one()), true))
    }

    /// Claims the position at the tail.
    #[inline]
    pub(crate) fn claim_push(&self, care: Care) -> Result<Ticket, Refusal> {
        match self.claim_next_push() {
            Some((ticket, _)) => Ok(ticket),
            None => self.claim_push_slow(care),
        }
    }

    /// Not cold: where several push, a guess is often wrong.
    #[inline(never)]
    fn claim_push_slow(&self, care: Care) -> Result<Ticket, Refusal> {
        let mut tail = self.tail.load(Relaxed);
        // With a flag or a reservation in `tail` it takes a longer look.
        while tail & !POSITION == 0 {
            // Acquire: vacated, by the consumer of the lap before.
            if self.slot(tail).stamp.load(Acquire) != tail {
                if care == Care::Glance {
                    return Err(Refusal::Busy);
                }
                break;
            }
            let next = self.laps.next(tail);
            match self.change_tail(tail, next) {
                Ok(_) => {
                    AT_TAIL.moved(self.owner, tail, next);
                    return Ok(Ticket(tail));
                }
                Err(now) => tail = now,
            }
        }
        let tail = self.claim_room(care, |tail| self.laps.next(tail))?;
        Ok(Ticket(tail & POSITION))
    }

    /// Makes the change to `tail` if a position is left that is neither filled nor reserved. The value before.
    fn claim_room(&self, care: Care, change: impl Fn(u64) -> u64) -> Result<u64, Refusal> {
        let mut tail = self.tail.load(Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(Refusal::Closed);
            }
            if self.has_room(tail) {
                match self.change_tail(tail, change(tail)) {
                    Ok(_) => return Ok(tail),
                    Err(now) => tail = now,
                }
                continue;
            }
            if care == Care::Glance {
                return Err(Refusal::Busy);
            }
            // Release: ends, to the claims at the head that this does not see. It need not acquire from the others: what
            // is read below says only whether to try again or to wait.
            let head = self.head.fetch_or(0, Release);
            if !before(self.laps.end(tail), head.wrapping_add(self.laps.one())) {
                return Err(Refusal::No);
            }
            let now = self.tail.load(Relaxed);
            if now == tail && !self.has_room(tail) {
                return Err(Refusal::Busy);
            }
            tail = now;
        }
    }

    /// Whether the first position is vacated, and the first that is not reserved.
    fn has_room(&self, tail: u64) -> bool {
        let (position, end) = (tail & POSITION, self.laps.end(tail));
        // Acquire: vacated, by the consumer of the lap before. The other slot is not touched.
        self.slot(position).stamp.load(Acquire) == position
            && (end == position || self.slot(end).stamp.load(Relaxed) == end)
    }

    /// Claims the position at the head.
    #[inline]
    pub(crate) fn claim_pop(&self, care: Care) -> Result<Ticket, Refusal> {
        match self.claim_next_pop() {
            Some((ticket, _)) => Ok(ticket),
            None => self.claim_pop_slow(care),
        }
    }

    /// Not cold, likewise.
    #[inline(never)]
    fn claim_pop_slow(&self, care: Care) -> Result<Ticket, Refusal> {
        let mut head = self.head.load(Relaxed);
        loop {
            // Acquire: filled, by the producer of this position.
            if self.slot(head).stamp.load(Acquire) == head | FILLED {
                let next = self.laps.next(head);
                match self.change_head(head, next) {
                    Ok(_) => {
                        AT_HEAD.moved(self.owner, head, next);
                        return Ok(Ticket(head));
                    }
                    Err(now) => head = now,
                }
            } else if care == Care::Glance {
                return Err(Refusal::Busy);
            } else {
                head = self.refused_pop(head)?;
            }
        }
    }

    /// Why nothing is to be had at `head`, or where to look next.
    #[cold]
    fn refused_pop(&self, head: u64) -> Result<u64, Refusal> {
        // Release: ends, to the claims at the tail that this does not see. No more, as in `claim_room`.
        let tail = self.tail.fetch_or(0, Release);
        if tail & POSITION == head {
            return Err(if tail & CLOSED == 0 { Refusal::No } else { Refusal::Closed });
        }
        let now = self.head.load(Relaxed);
        if now == head && self.slot(head).stamp.load(Relaxed) != head | FILLED {
            return Err(Refusal::Busy);
        }
        Ok(now)
    }

    /// Puts the item in.
    #[inline]
    pub(crate) fn fill(&self, Ticket(position): Ticket, item: T) {
        self.slot(position).fill(position, item, asymmetric::releases_by_store());
    }

    /// Takes the item out.
    #[inline]
    pub(crate) fn vacate(&self, Ticket(position): Ticket) -> T {
        let next_lap = position.wrapping_add(self.laps.one());
        self.slot(position).vacate(next_lap, asymmetric::releases_by_store())
    }

    /// No more is put in. Whether this did it. The caller wakes everybody.
    pub(crate) fn close(&self) -> bool {
        // Relaxed: who sleeps is told under the list's lock.
        self.tail.fetch_or(CLOSED, Relaxed) & CLOSED == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.tail.load(Relaxed) & CLOSED != 0
    }

    /// How many items there are, counting those that are being put in.
    pub(crate) fn len(&self) -> usize {
        // The head first: what is read later only makes it more, and the capacity bounds it.
        let head = self.head.load(Relaxed);
        let len = self.laps.distance(head, self.tail.load(Relaxed) & POSITION);
        usize::try_from(len).unwrap_or(usize::MAX).min(self.capacity())
    }

    /// Whether nothing more can be put in now.
    pub(crate) fn is_full(&self) -> bool {
        let head = self.head.load(Relaxed);
        !before(self.laps.end(self.tail.load(Relaxed)), head.wrapping_add(self.laps.one()))
    }

    /// Every claim at the tail is this, and may fail for nothing.
    #[inline]
    fn change_tail(&self, tail: u64, to: u64) -> Result<u64, u64> {
        // AcqRel: order, to and from; ends, from refusals; and queue up, from who went to sleep before. No data passes here:
        // the stamp carries it.
        self.tail.compare_exchange_weak(tail, to, AcqRel, Relaxed)
    }

    /// Every claim at the head, likewise.
    #[inline]
    fn change_head(&self, head: u64, to: u64) -> Result<u64, u64> {
        // AcqRel: order, ends and queue up, as in `change_tail`.
        self.head.compare_exchange_weak(head, to, AcqRel, Relaxed)
    }

    #[inline]
    fn slot(&self, position: u64) -> &Slot<T> {
        let index = self.laps.index(position);
        debug_assert!(index < self.slots.len());
        // SAFETY: the index of a position is below the capacity.
        unsafe { self.slots.get_unchecked(index) }
    }
}

/// Hands a slot over.
#[inline]
fn publish(stamp: &AtomicU64, turn: u64, by_store: bool) {
    hand_over(stamp, turn, by_store);
    before_looking(by_store);
}

#[inline]
fn hand_over(stamp: &AtomicU64, turn: u64, by_store: bool) {
    if by_store {
        // Release: filled or vacated, to whoever claims the slot next.
        stamp.store(turn, Release);
    } else {
        // AcqRel: filled or vacated, as above; and announcement, from the last look of who goes to sleep.
        stamp.swap(turn, AcqRel);
    }
}

/// Between that and the look whether somebody sleeps.
#[inline]
fn before_looking(by_store: bool) {
    if by_store {
        // SeqCst: announcement, against the `heavy_fence` of who goes to sleep.
        light_fence();
    } else {
        asymmetric::released_by_swap();
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        /// Goes on if dropping an item unwinds.
        struct Rest<'a, T>(&'a Ring<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Ok(ticket) = self.0.claim_pop(Care::Exact) {
                    let rest = Rest(self.0);
                    drop(self.0.vacate(ticket));
                    core::mem::forget(rest);
                }
            }
        }
        if core::mem::needs_drop::<T>() {
            drop(Rest(self));
        }
    }
}
