//! Room that is kept for one item.

use super::{PushError, WorkQueue};
use crate::raw::ring::{End, Refusal};
use core::fmt;

/// Room for one item, kept until it is used or dropped.
///
/// It has no place in the order yet: the item gets that when it is pushed. So a permit that is never used, or leaked,
/// holds nobody up; it makes the queue smaller by one.
#[must_use = "the room is given back at once if the permit is not kept"]
pub struct Permit<'a, T> {
    queue: &'a WorkQueue<T>,
}

impl<'a, T> Permit<'a, T> {
    /// For somebody who has just reserved a place.
    pub(super) fn new(queue: &'a WorkQueue<T>) -> Self {
        Self { queue }
    }

    /// Puts the item in.
    ///
    /// # Errors
    ///
    /// The item, if the queue has been closed since.
    pub fn push(self, item: T) -> Result<(), PushError<T>> {
        match self.queue.work.at_once(End::Reserved, |ring, _| ring.claim_reserved()) {
            Ok(ticket) => {
                self.queue.fill(ticket, item);
                core::mem::forget(self);
                Ok(())
            }
            Err(Refusal::Closed | Refusal::No | Refusal::Busy) => Err(PushError(item)),
        }
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &'a WorkQueue<T> {
        self.queue
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.queue.work.ring.give_up();
        self.queue.work.notify_slow(End::Tail);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("queue", self.queue).finish()
    }
}
