//! The work queue that is checked at run time, without tokens.

use super::{
    error::OrderError,
    levels::Level,
    lock,
    origin::Origin,
    room::{QueueWatch, Side},
    watch::{Always, ByBuild, Checks, Never},
};
use crate::queue::{
    PopTimeoutError, PushError, PushTimeoutError, TryPopError, TryPushError, WorkQueue,
};
use core::{fmt, marker::PhantomData, panic::Location};
use std::{error::Error, time::Duration};

/// A [`WorkQueue`] whose room and items are part of the order that [`CheckedMutex`](super::CheckedMutex)es are checked by.
///
/// A full queue makes who pushes wait for the consumers, and so for all that they wait for, which no lock shows. So a thread says
/// that it [consumes](Self::consume) the queue, and only then can pop ([`abort`](Self::abort), which never waits, takes out what
/// is left):
///
/// * **Room** is something of its class, the place where the queue was made or a declared level. A consumer holds it, from
///   `consume` on until it drops that: whatever it waits for meanwhile, a lock, permits, room elsewhere, comes after. To
///   push is to ask for it, with all that the thread holds before it. So to push with a lock in hand that a consumer takes is
///   refused, before anybody blocks, and a ring of queues is; a pipeline is not.
/// * **Items** are the same the other way round, as far as threads say that they [produce](Self::produce) them: to pop with
///   a lock in hand that a producer takes is refused.
///
/// Of one queue, room and items do not hold each other up: who waits for the one has left the other.
///
/// Not checked are the calls that do not wait, or for a time only. A thread in a wait here is not known to
/// [`lock_or_deadlock`](super::CheckedMutex::lock_or_deadlock); see the list in the [module](super).
///
/// # Refused though harmless
///
/// * A consumer that pushes to its own queue, though others may consume it as well, or there always is room. Where it feeds back,
///   [`try_push`](Self::try_push).
/// * A lock that one of several consumers takes, while another would make the room.
/// * A pipeline of queues that were made at one place, as those of a loop: give them levels, or places of their own.
/// * Two threads that ask and answer over two queues, with never so much under way that both are full. Who waits for an answer
///   consumes only then: `answers.consume().pop()`.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{Always, CheckedMutex, CheckedPushError, CheckedQueue, OrderErrorKind};
/// use std::thread;
///
/// static TOTAL: CheckedMutex<u32, Always> = CheckedMutex::always(0);
/// let jobs = CheckedQueue::always(4);
///
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         let consumer = jobs.consume();
///         while let Some(job) = consumer.pop() {
///             *TOTAL.lock() += job;
///         }
///     });
///     for n in 1..=100 {
///         jobs.push(n).expect("nobody closes it before");
///     }
///     jobs.close();
/// });
///
/// // Would deadlock, were the queue full.
/// let total = TOTAL.lock();
/// let Err(CheckedPushError::Order(job, refused)) = jobs.checked_push(*total) else { panic!() };
/// assert_eq!((job, refused.kind()), (5_050, OrderErrorKind::Inversion));
/// ```
pub struct CheckedQueue<T, S: Checks = ByBuild> {
    watch: S::QueueWatch,
    queue: WorkQueue<T>,
}

impl<T, S: Checks> CheckedQueue<T, S> {
    #[track_caller]
    fn of(room: Origin, capacity: usize) -> Self {
        let watch = S::QueueWatch::new(room, Origin::Items(Location::caller()));
        Self { watch, queue: WorkQueue::new(capacity) }
    }

    #[track_caller]
    fn made_here(capacity: usize) -> Self {
        Self::of(Origin::Room(Location::caller()), capacity)
    }
}

impl<T> CheckedQueue<T> {
    /// A queue with room for `capacity` items, of the class of this call, checked in [builds that ask for it](ByBuild). A constructor
    /// around it is one class to all its callers, unless it is `#[track_caller]` too.
    ///
    /// # Panics
    ///
    /// As [`WorkQueue::new`].
    #[must_use]
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self::made_here(capacity)
    }

    /// As [`new`](Self::new), with room of the level `L`. Its items have no level: what comes before and after them is
    /// learnt, of the queues made by this call.
    ///
    /// # Panics
    ///
    /// As there.
    #[must_use]
    #[track_caller]
    pub fn leveled<L: Level>(capacity: usize) -> Self {
        Self::of(Origin::Level(&L::PLACE), capacity)
    }
}

impl<T> CheckedQueue<T, Always> {
    /// As [`new`](CheckedQueue::new), checked in every build.
    ///
    /// # Panics
    ///
    /// As there.
    #[must_use]
    #[track_caller]
    pub fn always(capacity: usize) -> Self {
        Self::made_here(capacity)
    }

    /// As [`leveled`](CheckedQueue::leveled), checked in every build.
    ///
    /// # Panics
    ///
    /// As there.
    #[must_use]
    #[track_caller]
    pub fn always_leveled<L: Level>(capacity: usize) -> Self {
        Self::of(Origin::Level(&L::PLACE), capacity)
    }
}

impl<T> CheckedQueue<T, Never> {
    /// Not checked: the plain queue.
    ///
    /// # Panics
    ///
    /// As [`new`](CheckedQueue::new).
    #[must_use]
    #[track_caller]
    pub fn never(capacity: usize) -> Self {
        Self::made_here(capacity)
    }
}

impl<T, S: Checks> CheckedQueue<T, S> {
    /// Puts an item in, waiting for room.
    ///
    /// # Errors
    ///
    /// The item, if the queue is closed.
    ///
    /// # Panics
    ///
    /// Instead of waiting against the order, full or not. While the thread is panicking already, that is reported to stderr and
    /// gone through with.
    #[inline]
    #[track_caller]
    pub fn push(&self, item: T) -> Result<(), PushError<T>> {
        if let Err(refusal) = self.watch.admit(Side::Room, Location::caller()) {
            lock::refused(&refusal);
        }
        self.queue.push(item)
    }

    /// As [`push`](Self::push), for who wants to go on.
    ///
    /// # Errors
    ///
    /// As there, and where it panics. A refused call leaves no trace in the order.
    #[inline]
    #[track_caller]
    pub fn checked_push(&self, item: T) -> Result<(), CheckedPushError<T>> {
        match self.watch.admit(Side::Room, Location::caller()) {
            Ok(()) => {
                self.queue.push(item).map_err(|PushError(item)| CheckedPushError::Closed(item))
            }
            Err(refusal) => Err(CheckedPushError::Order(item, refusal)),
        }
    }

    /// Puts an item in if there is room. Not checked, as it does not wait.
    ///
    /// # Errors
    ///
    /// The item, if there is none or the queue is closed.
    #[inline]
    pub fn try_push(&self, item: T) -> Result<(), TryPushError<T>> {
        self.queue.try_push(item)
    }

    /// Waits for room for at most `timeout`. Not checked, as the wait ends.
    ///
    /// # Errors
    ///
    /// The item, if there was no room in time or the queue is closed.
    #[inline]
    pub fn push_for(&self, item: T, timeout: Duration) -> Result<(), PushTimeoutError<T>> {
        self.queue.push_for(item, timeout)
    }

    /// Makes the calling thread a consumer, whom others wait for when they push, until the result is dropped. At any
    /// time: nothing is waited for here.
    #[inline]
    #[track_caller]
    pub fn consume(&self) -> CheckedConsumer<'_, T, S> {
        self.watch.hold(Side::Room, Location::caller());
        CheckedConsumer { queue: self, stays: PhantomData }
    }

    /// Makes it known that the calling thread produces the items, until the result is dropped: others wait for it when they pop.
    /// Not needed for pushing.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{Always, CheckedMutex, CheckedQueue, OrderErrorKind};
    ///
    /// let (config, jobs) = (CheckedMutex::always(1), CheckedQueue::always(4));
    /// {
    ///     let _producer = jobs.produce();
    ///     let job = *config.lock();
    ///     jobs.push(job).unwrap();
    /// }
    /// let consumer = jobs.consume();
    /// let _config = config.lock();
    /// // Were the queue empty, who fills it could wait for this thread.
    /// assert_eq!(consumer.checked_pop().unwrap_err().kind(), OrderErrorKind::Inversion);
    /// ```
    #[inline]
    #[track_caller]
    pub fn produce(&self) -> CheckedProducer<'_, T, S> {
        self.watch.hold(Side::Items, Location::caller());
        CheckedProducer { queue: self, stays: PhantomData }
    }

    /// Nothing more is put in: who pushes gets the item back, and consumers take out what is left and then see the end. Whether
    /// this call did it.
    pub fn close(&self) -> bool {
        self.queue.close()
    }

    /// Closes the queue and takes out what is left, as far as consumers are not faster.
    pub fn abort(&self) -> Vec<T> {
        self.queue.abort()
    }

    /// Whether it is [closed](Self::close); there may be items left.
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// How many items there are: never more than the capacity.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// How many items there is room for.
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    /// How many consumers wait for an item now. One that still spins does not count.
    pub fn idle_workers(&self) -> usize {
        self.queue.idle_workers()
    }
}

impl<T, S: Checks> fmt::Debug for CheckedQueue<T, S> {
    /// Shows the state, not the items.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The right to take items out of a [`CheckedQueue`], and the duty to go on doing so. Made by [`CheckedQueue::consume`]; stays on
/// its thread. Forgotten, it is held for ever, to the checks.
#[must_use = "the thread is no consumer any more if it is not kept"]
#[clippy::has_significant_drop]
pub struct CheckedConsumer<'a, T, S: Checks = ByBuild> {
    queue: &'a CheckedQueue<T, S>,
    /// What a thread holds is known by thread.
    stays: PhantomData<*mut ()>,
}

impl<T, S: Checks> CheckedConsumer<'_, T, S> {
    /// Takes the oldest item out, waiting for one. None once the queue is closed and empty.
    ///
    /// # Panics
    ///
    /// Instead of waiting against the order, empty or not, as [`push`](CheckedQueue::push).
    #[inline]
    #[track_caller]
    pub fn pop(&self) -> Option<T> {
        if let Err(refusal) = self.queue.watch.admit(Side::Items, Location::caller()) {
            lock::refused(&refusal);
        }
        self.queue.queue.pop()
    }

    /// As [`pop`](Self::pop), for who wants to go on.
    ///
    /// # Errors
    ///
    /// Where it panics. A refused call leaves no trace in the order.
    #[inline]
    #[track_caller]
    pub fn checked_pop(&self) -> Result<Option<T>, OrderError> {
        self.queue.watch.admit(Side::Items, Location::caller())?;
        Ok(self.queue.queue.pop())
    }

    /// Takes the oldest item out if there is one. Not checked, as it does not wait.
    ///
    /// # Errors
    ///
    /// If there is none; and whether there can be one later.
    #[inline]
    pub fn try_pop(&self) -> Result<T, TryPopError> {
        self.queue.queue.try_pop()
    }

    /// Waits for an item for at most `timeout`. Not checked, as the wait ends.
    ///
    /// # Errors
    ///
    /// If there was nothing in time, or never will be.
    #[inline]
    pub fn pop_for(&self, timeout: Duration) -> Result<T, PopTimeoutError> {
        self.queue.queue.pop_for(timeout)
    }
}

impl<T, S: Checks> Drop for CheckedConsumer<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.queue.watch.let_go(Side::Room);
    }
}

impl<T, S: Checks> fmt::Debug for CheckedConsumer<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedConsumer").field("queue", self.queue).finish()
    }
}

/// Says that its thread produces the items of a [`CheckedQueue`]. Made by [`CheckedQueue::produce`]; stays on its thread.
/// Forgotten, it is held for ever, to the checks.
#[must_use = "the thread is not known to produce any more if it is not kept"]
#[clippy::has_significant_drop]
pub struct CheckedProducer<'a, T, S: Checks = ByBuild> {
    queue: &'a CheckedQueue<T, S>,
    /// What a thread holds is known by thread.
    stays: PhantomData<*mut ()>,
}

impl<T, S: Checks> Drop for CheckedProducer<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.queue.watch.let_go(Side::Items);
    }
}

impl<T, S: Checks> fmt::Debug for CheckedProducer<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedProducer").field("queue", self.queue).finish()
    }
}

/// Why an item was not put into a [`CheckedQueue`]. It comes back.
#[derive(Clone)]
#[non_exhaustive]
pub enum CheckedPushError<T> {
    /// The queue is closed.
    Closed(T),
    /// The order is against it.
    Order(T, OrderError),
}

impl<T> CheckedPushError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Closed(item) | Self::Order(item, _) => item,
        }
    }
}

impl<T> fmt::Display for CheckedPushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("the queue is closed"),
            Self::Order(_, refusal) => refusal.fmt(f),
        }
    }
}

impl<T> fmt::Debug for CheckedPushError<T> {
    /// Without the item.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("Closed(_)"),
            Self::Order(_, refusal) => f.debug_tuple("Order").field(refusal).finish(),
        }
    }
}

impl<T> Error for CheckedPushError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Closed(_) => None,
            Self::Order(_, refusal) => Some(refusal),
        }
    }
}
