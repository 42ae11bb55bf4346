//! The queue between those who accept work and those who do it.

mod batch;
mod error;
mod future;
mod handle;
mod iter;
mod permit;
#[cfg(all(feature = "futures_0_3", not(all(loom, feature = "loom"))))]
mod stream;

pub use error::{
    CapacityError, Closed, ForcePushError, PopTimeoutError, PushError, PushTimeoutError,
    TryPopError, TryPushError,
};
pub use future::{PopBatchFuture, PopFuture, PushFuture, ReserveFuture};
pub use handle::{Producer, WeakProducer};
pub use iter::{IntoIter, Iter, TryIter};
pub use permit::Permit;
#[cfg(all(feature = "futures_0_3", not(all(loom, feature = "loom"))))]
pub use stream::{PopStream, PushSink};

use crate::{
    raw::{
        ring::{Care, End, Refusal, Ring, Ticket},
        work::{InVain, Work},
    },
    sync::{atomic::AtomicUsize, time},
};
use core::fmt;
use std::time::{Duration, Instant};

/// A queue of fixed capacity: threads and tasks put items in and take them out, in any number and mixed.
///
/// First in, first out. The items live in the queue, which allocates once, when it is made; waiting
/// allocates nothing, but for a thread's first sleep. Used by reference or in an [`Arc`](std::sync::Arc); [`producer`](Self::producer) makes handles that close it
/// when the last one goes. For one value that changes, a [`Mutex`](crate::Mutex) and a
/// [`Condvar`](crate::Condvar) do; for a limit without items, a semaphore.
///
/// # Examples
///
/// ```
/// use lockline::WorkQueue;
///
/// let queue = WorkQueue::new(64);
/// let sum = std::thread::scope(|scope| {
///     let workers: Vec<_> = (0..4)
///         .map(|_| scope.spawn(|| queue.iter().map(|n: u64| n * n).sum::<u64>()))
///         .collect();
///     for n in 1..=1_000 {
///         queue.push(n).unwrap();
///     }
///     queue.close(); // the workers do what is left, then see the end
///     workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>()
/// });
/// assert_eq!(sum, 333_833_500);
/// ```
///
/// # Blocking
///
/// [`push`](Self::push), [`pop`](Self::pop) and their kin spin for a microsecond, give their core away a few times,
/// more often where waits have been short of late (for about twenty microseconds where nobody else wants the core), and
/// then sleep; the timed forms stop spinning when their time is up. Where items come faster than one at a time, one
/// that spins lets a few gather before it takes the first: that may lie for up to a microsecond longer, and all cost
/// less; where that gains nothing it is tried once in sixteen waits.
///
/// The `try_` forms answer exactly: "full" was true at a moment during the call, and so was "empty". To know, they may
/// have to wait for a thread that is in the middle of its own operation, which takes nanoseconds, or until that thread
/// runs again if the system has stopped it there; they sleep for that as well, and so does a poll, or for who is
/// changing the line of those who wait. No future blocks a thread until there is an item or room; a poll spins for a
/// microsecond before it is pending.
///
/// # Order
///
/// Items leave in the order they came in; so those of one producer leave in its order. All operations of all threads
/// appear in one order that keeps each thread's own; those that put something in or took something out also
/// keep the order in time. One that was refused may be put earlier than it happened: its view may be a few
/// nanoseconds old.
///
/// # Fairness
///
/// Waiters are woken in the order they came, threads and tasks in one line, but newcomers may be faster: nothing
/// stands idle while a thread wakes up. While one waiter is awake and looking, no other is woken: so a future that was
/// woken wants to be polled or dropped soon. One that is kept aside meanwhile, by a long branch of a `select!`,
/// keeps all who wait behind it asleep.
///
/// # Memory ordering
///
/// What a producer did before it put an item in happens before the pop that takes it out returns; and what a
/// consumer did before it took an item out happens before the push into the place that this freed returns.
///
/// Pushes happen in the order of their items, and so do pops: what was done before one happens before the next
/// returns. And what a thread did before it was told "empty", by [`try_pop`](Self::try_pop) or one of its kin, happens
/// before the push that it came too early for returns; likewise "full", by [`try_push`](Self::try_push) or its kin, and the
/// pop. So a thread that says that it has nothing to do, and then is told "empty", has said so to whoever puts
/// something in later. All that holds of batches and forced pushes as well, and of a permit when the item is put there.
///
/// That goes one way: who is told "empty" or "full" need not see what others did before. And nothing is ordered by a wait
/// that ends by its time, by a [`close`](Self::close) or the sight of one, by a permit that is given up, nor by
/// [`len`](Self::len), [`is_empty`](Self::is_empty) and [`is_full`](Self::is_full), which just look.
pub struct WorkQueue<T> {
    work: Work<T>,
    /// Handles that close the queue when the last one goes.
    producers: AtomicUsize,
}

impl<T> core::panic::UnwindSafe for WorkQueue<T> {}
impl<T> core::panic::RefUnwindSafe for WorkQueue<T> {}

impl<T> WorkQueue<T> {
    /// A queue with room for `capacity` items.
    ///
    /// # Panics
    ///
    /// If that is zero, or more than there is memory for; [`try_new`](Self::try_new) says so instead.
    #[must_use]
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        match Self::try_new(capacity) {
            Ok(queue) => queue,
            Err(error) => panic!("{error}: {capacity}"),
        }
    }

    /// A queue with room for `capacity` items.
    ///
    /// # Errors
    ///
    /// If that is zero, or more than there is memory for.
    #[track_caller]
    pub fn try_new(capacity: usize) -> Result<Self, CapacityError> {
        if capacity == 0 {
            return Err(CapacityError::Zero);
        }
        let work = Work::new(capacity).ok_or(CapacityError::TooLarge)?;
        Ok(Self { work, producers: AtomicUsize::new(0) })
    }

    /// Puts an item in, waiting for room.
    ///
    /// # Errors
    ///
    /// The item, if the queue is closed.
    #[inline]
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        match self.work.ring.push_next(item) {
            Ok(()) => {
                self.work.notify(End::Head);
                Ok(())
            }
            Err(item) => self.push_slow(item),
        }
    }

    #[inline(never)]
    fn push_slow(&self, item: T) -> Result<(), PushError<T>> {
        match self.work.block(End::Tail, None, Ring::claim_push) {
            Ok(ticket) => {
                self.fill(ticket, item);
                Ok(())
            }
            Err(_) => Err(PushError(item)),
        }
    }

    /// Puts an item in if there is room.
    ///
    /// # Errors
    ///
    /// The item, if there is none or the queue is closed.
    #[inline]
    pub fn try_push(&self, item: T) -> Result<(), TryPushError<T>> {
        match self.work.at_once(End::Tail, Ring::claim_push) {
            Ok(ticket) => {
                self.fill(ticket, item);
                Ok(())
            }
            Err(Refusal::Closed) => Err(TryPushError::Closed(item)),
            Err(_) => Err(TryPushError::Full(item)),
        }
    }

    /// As [`push`](Self::push), for at most `timeout`; one too long for the clock to tell is for ever.
    ///
    /// # Errors
    ///
    /// The item, if there was no room in time or the queue is closed.
    #[inline]
    pub fn push_for(&self, item: T, timeout: Duration) -> Result<(), PushTimeoutError<T>> {
        // The clock is read only if it is needed.
        match self.work.ring.claim_push(Care::Glance) {
            Ok(ticket) => {
                self.fill(ticket, item);
                Ok(())
            }
            Err(_) => self.push_by(item, time::after(timeout)),
        }
    }

    /// As [`push`](Self::push), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// The item, if there was no room in time or the queue is closed.
    pub fn push_until(&self, item: T, deadline: Instant) -> Result<(), PushTimeoutError<T>> {
        self.push_by(item, Some(deadline))
    }

    fn push_by(&self, item: T, deadline: Option<Instant>) -> Result<(), PushTimeoutError<T>> {
        match self.work.block(End::Tail, deadline, Ring::claim_push) {
            Ok(ticket) => {
                self.fill(ticket, item);
                Ok(())
            }
            Err(InVain::Closed) => Err(PushTimeoutError::Closed(item)),
            Err(InVain::TooLate) => Err(PushTimeoutError::Timeout(item)),
        }
    }

    /// As [`push`](Self::push), without blocking the thread.
    ///
    /// # Cancellation
    ///
    /// Dropped before it is done, the future drops its item, once. To keep it, [`reserve_async`](Self::reserve_async) and
    /// then push.
    #[inline]
    pub fn push_async(&self, item: T) -> PushFuture<'_, T> {
        PushFuture::new(self, item)
    }

    /// Puts an item in at once; if there is no room, takes the oldest out for it and returns that.
    ///
    /// This is two steps to others: a queue of capacity one may be found empty in between.
    ///
    /// # Errors
    ///
    /// The item, if the queue is closed, or if all its places are reserved or being given to other forced pushes.
    pub fn force_push(&self, item: T) -> Result<Option<T>, ForcePushError<T>> {
        loop {
            match self.work.at_once(End::Tail, Ring::claim_push) {
                Ok(ticket) => {
                    self.fill(ticket, item);
                    return Ok(None);
                }
                Err(Refusal::Closed) => {
                    return Err(ForcePushError::Closed { item, displaced: None });
                }
                Err(_) => {}
            }
            // A place beyond the last, so that nobody else gets the one that is made free.
            match self.work.ring.reserve_beyond() {
                Ok(()) => break,
                Err(Refusal::No) => return Err(ForcePushError::Full(item)),
                Err(_) => {}
            }
        }
        let permit = Permit::new(self);
        let displaced = self.work.at_once(End::Head, |ring, _| ring.claim_displaced());
        let displaced = displaced.ok().flatten().map(|ticket| self.vacate(ticket));
        match permit.push(item) {
            Ok(()) => Ok(displaced),
            Err(PushError(item)) => Err(ForcePushError::Closed { item, displaced }),
        }
    }

    /// Waits for room, and keeps it for one item.
    ///
    /// # Errors
    ///
    /// If the queue is closed.
    ///
    /// # Panics
    ///
    /// If 32,767 permits of this queue are outstanding.
    pub fn reserve(&self) -> Result<Permit<'_, T>, Closed> {
        match self.work.block(End::Tail, None, Ring::reserve) {
            Ok(()) => Ok(Permit::new(self)),
            Err(_) => Err(Closed::Closed),
        }
    }

    /// Keeps room for one item, if there is any.
    ///
    /// # Errors
    ///
    /// If there is none, or the queue is closed.
    ///
    /// # Panics
    ///
    /// As [`reserve`](Self::reserve).
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TryPushError<()>> {
        match self.work.at_once(End::Tail, Ring::reserve) {
            Ok(()) => Ok(Permit::new(self)),
            Err(Refusal::Closed) => Err(TryPushError::Closed(())),
            Err(_) => Err(TryPushError::Full(())),
        }
    }

    /// As [`reserve`](Self::reserve), without blocking the thread.
    ///
    /// # Cancellation
    ///
    /// Dropped before it is done, the future has no effect. So a put that may be cancelled waits here, and pushes
    /// when it has the permit.
    #[inline]
    pub fn reserve_async(&self) -> ReserveFuture<'_, T> {
        ReserveFuture::new(self)
    }

    /// Takes the oldest item out, waiting for one. None once the queue is closed and empty.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        match self.work.ring.pop_next() {
            Some(item) => {
                self.work.notify(End::Tail);
                Some(item)
            }
            None => self.pop_slow(),
        }
    }

    #[inline(never)]
    fn pop_slow(&self) -> Option<T> {
        let ticket = self.work.block(End::Head, None, Ring::claim_pop).ok()?;
        Some(self.vacate(ticket))
    }

    /// Takes the oldest item out if there is one.
    ///
    /// # Errors
    ///
    /// If there is none; and whether there can be one later.
    #[inline]
    pub fn try_pop(&self) -> Result<T, TryPopError> {
        match self.work.at_once(End::Head, Ring::claim_pop) {
            Ok(ticket) => Ok(self.vacate(ticket)),
            Err(Refusal::Closed) => Err(TryPopError::Closed),
            Err(_) => Err(TryPopError::Empty),
        }
    }

    /// As [`pop`](Self::pop), for at most `timeout`; one too long for the clock to tell is for ever.
    ///
    /// # Errors
    ///
    /// If there was nothing in time, or never will be.
    #[inline]
    pub fn pop_for(&self, timeout: Duration) -> Result<T, PopTimeoutError> {
        match self.work.ring.claim_pop(Care::Glance) {
            Ok(ticket) => Ok(self.vacate(ticket)),
            Err(_) => self.pop_by(time::after(timeout)),
        }
    }

    /// As [`pop`](Self::pop), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// If there was nothing in time, or never will be.
    pub fn pop_until(&self, deadline: Instant) -> Result<T, PopTimeoutError> {
        self.pop_by(Some(deadline))
    }

    fn pop_by(&self, deadline: Option<Instant>) -> Result<T, PopTimeoutError> {
        match self.work.block(End::Head, deadline, Ring::claim_pop) {
            Ok(ticket) => Ok(self.vacate(ticket)),
            Err(why) => Err(why.into()),
        }
    }

    /// As [`pop`](Self::pop), without blocking the thread.
    ///
    /// # Cancellation
    ///
    /// The future takes an item out in the poll that returns it. Dropped before that it loses nothing, and if it had
    /// been woken for an item, another waiter is.
    #[inline]
    pub fn pop_async(&self) -> PopFuture<'_, T> {
        PopFuture::new(self)
    }

    /// Nothing more is put in: producers get their items back, consumers take out what is left and then see the end.
    /// Whether this call did it.
    pub fn close(&self) -> bool {
        self.work.close()
    }

    /// Closes the queue and takes out what is left, as far as consumers are not faster.
    pub fn abort(&self) -> Vec<T> {
        self.close();
        self.try_iter().collect()
    }

    /// How many items there are: never more than the capacity. One that is being put in counts.
    pub fn len(&self) -> usize {
        self.work.ring.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all places are taken or reserved.
    pub fn is_full(&self) -> bool {
        self.work.ring.is_full()
    }

    /// How many items there is room for.
    pub fn capacity(&self) -> usize {
        self.work.ring.capacity()
    }

    /// Whether nothing more can be put in; there may be items left.
    pub fn is_closed(&self) -> bool {
        self.work.ring.is_closed()
    }

    /// How many threads and tasks wait for an item now. One that still spins does not count.
    pub fn idle_workers(&self) -> usize {
        self.work.idle()
    }

    #[inline]
    fn fill(&self, ticket: Ticket, item: T) {
        self.work.ring.fill(ticket, item);
        self.work.notify(End::Head);
    }

    #[inline]
    fn vacate(&self, ticket: Ticket) -> T {
        let item = self.work.ring.vacate(ticket);
        self.work.notify(End::Tail);
        item
    }
}

impl From<InVain> for PopTimeoutError {
    fn from(why: InVain) -> Self {
        match why {
            InVain::Closed => Self::Closed,
            InVain::TooLate => Self::Timeout,
        }
    }
}

impl<T> fmt::Debug for WorkQueue<T> {
    /// Shows the state, not the items.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
