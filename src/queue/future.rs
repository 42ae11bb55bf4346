//! The waits of tasks.

use super::{Closed, Permit, PushError, WorkQueue};
use crate::raw::{
    ring::{Care, End, Refusal, Ring},
    work::{InVain, Place},
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A task's wait. Does not move while it stands in line.
pub(super) struct Waiting<'a, T> {
    pub(super) queue: &'a WorkQueue<T>,
    end: End,
    place: Place,
}

impl<'a, T> Waiting<'a, T> {
    #[inline]
    pub(super) const fn new(queue: &'a WorkQueue<T>, end: End) -> Self {
        Self { queue, end, place: None }
    }

    #[inline]
    fn place(self: Pin<&mut Self>) -> (&'a WorkQueue<T>, End, Pin<&mut Place>) {
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned with what it is a part of, and never moved out of it.
        let place = unsafe { Pin::new_unchecked(&mut this.place) };
        (this.queue, this.end, place)
    }

    #[inline]
    pub(super) fn poll<R>(
        self: Pin<&mut Self>,
        waker: &Waker,
        attempt: impl Fn(&Ring<T>, Care) -> Result<R, Refusal>,
    ) -> Poll<Result<R, InVain>> {
        let (queue, end, place) = self.place();
        queue.work.poll(end, place, waker, attempt)
    }
}

impl<T> Drop for Waiting<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it was pinned if it was ever polled, and is not moved from here on.
        let (queue, end, place) = unsafe { Pin::new_unchecked(self) }.place();
        queue.work.withdraw(end, place);
    }
}

/// Projects a pinned future to its waiting part and the rest.
macro_rules! parts {
    ($future:expr, $field:ident) => {{
        // SAFETY: only `waiting` is pinned, and stays where it is.
        let this = unsafe { $future.get_unchecked_mut() };
        // SAFETY: as above.
        let waiting = unsafe { Pin::new_unchecked(&mut this.waiting) };
        (waiting, &mut this.$field)
    }};
}

/// See [`WorkQueue::push_async`].
#[must_use = "futures do nothing unless they are polled"]
pub struct PushFuture<'a, T> {
    waiting: Waiting<'a, T>,
    item: Option<T>,
}

impl<'a, T> PushFuture<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a WorkQueue<T>, item: T) -> Self {
        Self { waiting: Waiting::new(queue, End::Tail), item: Some(item) }
    }
}

impl<T> Future for PushFuture<'_, T> {
    type Output = Result<(), PushError<T>>;

    /// # Panics
    ///
    /// If it was ready before.
    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut waiting, item) = parts!(self, item);
        assert!(item.is_some(), "polled after it was ready");
        let Poll::Ready(claimed) = waiting.as_mut().poll(context.waker(), Ring::claim_push) else {
            return Poll::Pending;
        };
        let item = item.take().unwrap_or_else(|| unreachable!("just looked"));
        Poll::Ready(match claimed {
            Ok(ticket) => {
                waiting.queue.fill(ticket, item);
                Ok(())
            }
            Err(_) => Err(PushError(item)),
        })
    }
}

/// See [`WorkQueue::pop_async`].
#[must_use = "futures do nothing unless they are polled"]
pub struct PopFuture<'a, T> {
    waiting: Waiting<'a, T>,
}

impl<'a, T> PopFuture<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a WorkQueue<T>) -> Self {
        Self { waiting: Waiting::new(queue, End::Head) }
    }
}

impl<T> Future for PopFuture<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: only `waiting` is there, and stays where it is.
        let mut waiting = unsafe { self.map_unchecked_mut(|this| &mut this.waiting) };
        let claimed = waiting.as_mut().poll(context.waker(), Ring::claim_pop);
        claimed.map(|claimed| Some(waiting.queue.vacate(claimed.ok()?)))
    }
}

/// See [`WorkQueue::pop_batch_async`].
#[must_use = "futures do nothing unless they are polled"]
pub struct PopBatchFuture<'a, T> {
    waiting: Waiting<'a, T>,
    into: (&'a mut Vec<T>, usize),
}

impl<'a, T> PopBatchFuture<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a WorkQueue<T>, into: &'a mut Vec<T>, max: usize) -> Self {
        Self { waiting: Waiting::new(queue, End::Head), into: (into, max) }
    }
}

impl<T> Future for PopBatchFuture<'_, T> {
    type Output = usize;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<usize> {
        let (mut waiting, (into, max)) = parts!(self, into);
        if *max == 0 {
            return Poll::Ready(0);
        }
        let max = waiting.queue.make_room(into, *max);
        let claimed =
            waiting.as_mut().poll(context.waker(), |ring, care| ring.claim_pop_many(max, care));
        claimed.map(|claimed| claimed.map_or(0, |tickets| waiting.queue.vacate_many(tickets, into)))
    }
}

/// See [`WorkQueue::reserve_async`].
#[must_use = "futures do nothing unless they are polled"]
pub struct ReserveFuture<'a, T> {
    waiting: Waiting<'a, T>,
}

impl<'a, T> ReserveFuture<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a WorkQueue<T>) -> Self {
        Self { waiting: Waiting::new(queue, End::Tail) }
    }
}

impl<'a, T> Future for ReserveFuture<'a, T> {
    type Output = Result<Permit<'a, T>, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: only `waiting` is there, and stays where it is.
        let mut waiting = unsafe { self.map_unchecked_mut(|this| &mut this.waiting) };
        let reserved = waiting.as_mut().poll(context.waker(), Ring::reserve);
        reserved.map(|reserved| match reserved {
            Ok(()) => Ok(Permit::new(waiting.queue)),
            Err(_) => Err(Closed::Closed),
        })
    }
}

/// `Debug` that shows the queue.
macro_rules! debug {
    ($($name:ident)*) => {$(
        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("queue", self.waiting.queue).finish_non_exhaustive()
            }
        }
    )*};
}

debug! { PushFuture PopFuture PopBatchFuture ReserveFuture }
