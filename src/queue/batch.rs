//! Many items with one claim: what an operation costs is shared among them.

use super::{Closed, PopBatchFuture, PopTimeoutError, TryPopError, WorkQueue};
use crate::{
    raw::{
        ring::{End, Refusal, Tickets},
        work::InVain,
    },
    sync::time,
};
use core::{mem::MaybeUninit, ptr};
use std::time::{Duration, Instant};

/// Items on their way out of a vector, from the front; those that did not leave move up when this is dropped.
struct Leaving<'a, T> {
    /// Its length is zero meanwhile.
    from: &'a mut Vec<T>,
    len: usize,
    gone: usize,
}

impl<'a, T> Leaving<'a, T> {
    fn new(from: &'a mut Vec<T>) -> Self {
        let len = from.len();
        // SAFETY: less than it was.
        unsafe { from.set_len(0) };
        Self { from, len, gone: 0 }
    }

    fn left(&self) -> usize {
        self.len - self.gone
    }

    /// The first that has not left.
    fn first(&self) -> *const T {
        // SAFETY: within the length that the vector had.
        unsafe { self.from.as_ptr().add(self.gone) }
    }
}

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        let start = self.from.as_mut_ptr();
        let left = self.left();
        // SAFETY: within the length that the vector had.
        let rest = unsafe { start.add(self.gone) };
        // SAFETY: both ranges are within the vector.
        unsafe { ptr::copy(rest, start, left) };
        // SAFETY: these were moved there.
        unsafe { self.from.set_len(left) };
    }
}

impl<T> WorkQueue<T> {
    /// Puts all items in, in order, waiting for room as often as needed. They need not end up side by side: others
    /// may come between.
    ///
    /// # Errors
    ///
    /// If the queue is closed; `items` keeps those that were not put in.
    pub fn push_batch(&self, items: &mut Vec<T>) -> Result<(), Closed> {
        let mut items = Leaving::new(items);
        while items.left() > 0 {
            let most = items.left();
            match self.work.block(End::Tail, None, |ring, care| ring.claim_push_many(most, care)) {
                Ok(tickets) => self.fill_many(tickets, &mut items),
                Err(_) => return Err(Closed::Closed),
            }
        }
        Ok(())
    }

    /// Puts as many items in as there is room for, in order, and says how many. `items` keeps the others.
    ///
    /// # Errors
    ///
    /// If the queue is closed.
    pub fn try_push_batch(&self, items: &mut Vec<T>) -> Result<usize, Closed> {
        let mut items = Leaving::new(items);
        while items.left() > 0 {
            let most = items.left();
            match self.work.at_once(End::Tail, |ring, care| ring.claim_push_many(most, care)) {
                Ok(tickets) => self.fill_many(tickets, &mut items),
                Err(Refusal::Closed) if items.gone == 0 => return Err(Closed::Closed),
                Err(_) => break,
            }
        }
        Ok(items.gone)
    }

    fn fill_many(&self, tickets: Tickets, items: &mut Leaving<'_, T>) {
        let (count, first) = (tickets.len(), items.first());
        assert!(count <= items.left(), "no more than there are");
        // Before they go: if anything unwinds, they are lost rather than twice there.
        items.gone += count;
        self.work.ring.fill_many(tickets, |nth| {
            // SAFETY: no more are claimed than were left.
            let item = unsafe { first.add(nth) };
            // SAFETY: one of those, each of which is read once.
            unsafe { item.read() }
        });
        self.work.notify(End::Head);
    }

    /// Waits for an item, then takes out as many as there are in a row, `max` at most, and appends them. How many;
    /// zero once the queue is closed and empty, or if `max` is zero.
    pub fn pop_batch(&self, into: &mut Vec<T>, max: usize) -> usize {
        if max == 0 {
            return 0;
        }
        let max = self.make_room(into, max);
        let claimed = self.work.block(End::Head, None, |ring, care| ring.claim_pop_many(max, care));
        claimed.map_or(0, |tickets| self.vacate_many(tickets, into))
    }

    /// As [`pop_batch`](Self::pop_batch), without waiting.
    ///
    /// # Errors
    ///
    /// If there is nothing; and whether there can be later.
    pub fn try_pop_batch(&self, into: &mut Vec<T>, max: usize) -> Result<usize, TryPopError> {
        if max == 0 {
            return Ok(0);
        }
        let max = self.make_room(into, max);
        match self.work.at_once(End::Head, |ring, care| ring.claim_pop_many(max, care)) {
            Ok(tickets) => Ok(self.vacate_many(tickets, into)),
            Err(Refusal::Closed) => Err(TryPopError::Closed),
            Err(_) => Err(TryPopError::Empty),
        }
    }

    /// As [`pop_batch`](Self::pop_batch), for at most `timeout`; one too long for the clock to tell is for ever.
    ///
    /// # Errors
    ///
    /// If there was nothing in time, or never will be.
    pub fn pop_batch_for(
        &self,
        into: &mut Vec<T>,
        max: usize,
        timeout: Duration,
    ) -> Result<usize, PopTimeoutError> {
        self.pop_batch_by(into, max, time::after(timeout))
    }

    /// As [`pop_batch`](Self::pop_batch), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// If there was nothing in time, or never will be.
    pub fn pop_batch_until(
        &self,
        into: &mut Vec<T>,
        max: usize,
        deadline: Instant,
    ) -> Result<usize, PopTimeoutError> {
        self.pop_batch_by(into, max, Some(deadline))
    }

    fn pop_batch_by(
        &self,
        into: &mut Vec<T>,
        max: usize,
        deadline: Option<Instant>,
    ) -> Result<usize, PopTimeoutError> {
        if max == 0 {
            return Ok(0);
        }
        let max = self.make_room(into, max);
        let claimed =
            self.work.block(End::Head, deadline, |ring, care| ring.claim_pop_many(max, care));
        claimed.map(|tickets| self.vacate_many(tickets, into)).map_err(InVain::into)
    }

    /// As [`pop_batch`](Self::pop_batch), without blocking the thread. Dropped before it is done, the future has taken
    /// nothing out.
    pub fn pop_batch_async<'a>(
        &'a self,
        into: &'a mut Vec<T>,
        max: usize,
    ) -> PopBatchFuture<'a, T> {
        PopBatchFuture::new(self, into, max)
    }

    /// Makes room before anything is claimed, as a vector may panic over it. How many to claim at most.
    pub(super) fn make_room(&self, into: &mut Vec<T>, max: usize) -> usize {
        /// As many as may have come by the time that it is done waiting.
        const SOME: usize = 64;
        let max = max.min(self.capacity()).min(self.len().max(SOME));
        into.reserve(max);
        max
    }

    /// `into` has room for them.
    pub(super) fn vacate_many(&self, tickets: Tickets, into: &mut Vec<T>) -> usize {
        let taken = tickets.len();
        let len = into.len();
        assert!(taken <= into.capacity() - len, "no more than there is room for");
        let end = into.spare_capacity_mut().as_mut_ptr();
        self.work.ring.vacate_many(tickets, |nth, item| {
            // SAFETY: there is room for as many.
            let place = unsafe { end.add(nth) };
            // SAFETY: it is ours, and as good as new.
            unsafe { place.write(MaybeUninit::new(item)) };
        });
        // SAFETY: so many have been written.
        unsafe { into.set_len(len + taken) };
        self.work.notify(End::Tail);
        taken
    }
}
