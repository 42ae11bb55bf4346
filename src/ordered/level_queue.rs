//! The work queue of a declared level, which only a token pushes to, and only a thread that holds nothing consumes.

use super::{
    levels::{After, Level, Unlocked, ranks_rise},
    token::Token,
};
use crate::queue::{
    Closed, PopTimeoutError, PushError, PushTimeoutError, TryPopError, TryPushError, WorkQueue,
};
use core::{fmt, marker::PhantomData};
use std::time::Duration;

/// A [`WorkQueue`] of a declared level `L`. A [`Token`] of an earlier level pushes; a thread that holds nothing becomes
/// a [`Consumer`], by [`consume`](Token::consume).
///
/// A full queue makes who pushes wait for the consumers, and so for all that they wait for, which no guard shows. So:
///
/// * Pushing is as locking an `L`: not with a lock in hand that comes after `L`, as a consumer may need that for an item.
/// * A consumer's token stands at `L`. With it, it locks and pushes to what comes after; so it does not feed its own queue, nor
///   need a lock that a producer may hold while it pushes.
/// * An item is waited for with that token whole: what was locked for the last one is released before.
///
/// It is for threads, made when the program runs and shared by reference, in an [`Arc`](std::sync::Arc) or a
/// [`LazyLock`](std::sync::LazyLock). There is no check at run time: a
/// [`CheckedMutex`](super::CheckedMutex) in hand is not seen.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelMutex, LevelQueue, with_root};
/// use std::thread;
///
/// lockline::lock_levels! { levels { Config; Jobs after Config; Stats after Jobs; } }
/// static FACTOR: LevelMutex<Config, u32> = LevelMutex::new(2);
/// static SUM: LevelMutex<Stats, u32> = LevelMutex::new(0);
///
/// let jobs: LevelQueue<Jobs, u32> = LevelQueue::new(4);
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         with_root(|mut token| {
///             let (mut consumer, mut token) = token.consume(&jobs);
///             while let Some(job) = consumer.pop(&mut token) {
///                 *token.lock(&SUM) += job;
///             }
///         });
///     });
///     with_root(|mut token| {
///         // The consumers cannot ask for this lock, so they make room, whoever has it.
///         let (factor, mut token) = token.lock_and(&FACTOR);
///         for n in 1..=100 {
///             token.push(&jobs, n * *factor).expect("nobody closes it before");
///         }
///     });
///     jobs.close();
/// });
/// assert_eq!(with_root(|mut token| *token.lock(&SUM)), 10_100);
/// ```
///
/// Pushing with a lock in hand that the consumer needs does not compile. The error begins with
/// ``lock order violation: `Jobs` may not be locked while `Stats` is held``:
///
/// ```compile_fail,E0277
/// use lockline::ordered::{LevelMutex, LevelQueue, with_root};
///
/// lockline::lock_levels! { levels { Jobs; Stats after Jobs; } }
/// static SUM: LevelMutex<Stats, u32> = LevelMutex::new(0);
///
/// let jobs: LevelQueue<Jobs, u32> = LevelQueue::new(4);
/// with_root(|mut token| {
///     let (sum, mut token) = token.lock_and(&SUM);
///     token.push(&jobs, *sum).unwrap();
/// });
/// ```
///
/// Nor does waiting for the next item with a lock in hand from the last one: ``lock order violation: items may not be waited for
/// while `Stats` is held``:
///
/// ```compile_fail,E0277
/// # use lockline::ordered::{LevelMutex, LevelQueue, with_root};
/// # lockline::lock_levels! { levels { Jobs; Stats after Jobs; } }
/// # static SUM: LevelMutex<Stats, u32> = LevelMutex::new(0);
/// # let jobs: LevelQueue<Jobs, u32> = LevelQueue::new(4);
/// with_root(|mut token| {
///     let (mut consumer, mut token) = token.consume(&jobs);
///     let (mut sum, mut token) = token.lock_and(&SUM);
///     *sum += consumer.pop(&mut token).unwrap();
/// });
/// ```
///
/// # What is proven
///
/// In a program that waits for locks, permits, threads and room in queues with its tokens alone, there is no circle of waits: as long as
/// each queue that is pushed to has a consumer that goes on popping until it is [closed](Self::close). Who waits for room
/// waits for threads that wait for later levels only, or for items with nothing in hand.
///
/// That there *are* items is not: threads that all wait for each other's items wait for ever, though they keep
/// nothing from anybody. Nor is it if all consumers give up their part, and then want a lock that somebody has who pushes.
pub struct LevelQueue<L, T> {
    level: PhantomData<fn() -> L>,
    queue: WorkQueue<T>,
}

impl<L: Level, T> LevelQueue<L, T> {
    /// A queue with room for `capacity` items.
    ///
    /// # Panics
    ///
    /// As [`WorkQueue::new`].
    #[must_use]
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Self { level: PhantomData, queue: WorkQueue::new(capacity) }
    }
}

impl<L, T> LevelQueue<L, T> {
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

impl<L, T> fmt::Debug for LevelQueue<L, T> {
    /// Shows the state, not the items.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LevelQueue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<Held: Level> Token<'_, Held> {
    /// Puts an item in, waiting for room.
    ///
    /// # Blocking
    ///
    /// As [`WorkQueue::push`], until a consumer takes an item out or somebody closes the queue.
    ///
    /// # Errors
    ///
    /// The item, if the queue is closed.
    #[inline]
    pub fn push<M: Level + After<Held>, T>(
        &mut self,
        queue: &LevelQueue<M, T>,
        item: T,
    ) -> Result<(), PushError<T>> {
        const { ranks_rise::<Held, M>() }
        queue.queue.push(item)
    }

    /// Puts all items in, in order, waiting for room as often as needed.
    ///
    /// # Blocking
    ///
    /// As [`push`](Self::push).
    ///
    /// # Errors
    ///
    /// If the queue is closed; `items` keeps those that were not put in.
    #[inline]
    pub fn push_batch<M: Level + After<Held>, T>(
        &mut self,
        queue: &LevelQueue<M, T>,
        items: &mut Vec<T>,
    ) -> Result<(), Closed> {
        const { ranks_rise::<Held, M>() }
        queue.queue.push_batch(items)
    }

    /// Puts an item in if there is room. Of any level, as it does not wait: so a consumer may feed its own queue.
    ///
    /// # Errors
    ///
    /// The item, if there is none or the queue is closed.
    #[inline]
    pub fn try_push<M: Level, T>(
        &mut self,
        queue: &LevelQueue<M, T>,
        item: T,
    ) -> Result<(), TryPushError<T>> {
        queue.queue.try_push(item)
    }

    /// Waits for room for at most `timeout`. Of any level, as [`try_lock_for`](Self::try_lock_for).
    ///
    /// # Errors
    ///
    /// The item, if there was no room in time or the queue is closed.
    #[inline]
    pub fn push_for<M: Level, T>(
        &mut self,
        queue: &LevelQueue<M, T>,
        item: T,
        timeout: Duration,
    ) -> Result<(), PushTimeoutError<T>> {
        queue.queue.push_for(item, timeout)
    }

    /// Makes the thread a consumer of the queue, with a token for what it needs to finish an item. Only where it holds nothing;
    /// this token is back when the consumer and the new token are both gone.
    #[inline]
    pub fn consume<'g, M: Level, T>(
        &'g mut self,
        queue: &'g LevelQueue<M, T>,
    ) -> (Consumer<'g, M, T>, Token<'g, M>)
    where
        Held: HoldsOnly<Unlocked>,
    {
        // Its level comes after `Unlocked` as all do, and nothing is waited for here.
        (Consumer { queue, stays: PhantomData }, Token::new())
    }
}

/// The right to wait for the items of a [`LevelQueue`], and the duty to make room. Made by [`Token::consume`]; stays on its
/// thread.
#[must_use = "the thread is no consumer any more if it is not kept"]
#[clippy::has_significant_drop]
pub struct Consumer<'g, L, T> {
    queue: &'g LevelQueue<L, T>,
    stays: PhantomData<*mut ()>,
}

impl<L: Level, T> Consumer<'_, L, T> {
    /// Takes the oldest item out, waiting for one. None once the queue is closed and empty.
    ///
    /// The token is the one that came with the consumer: what was locked with it for the last item is released.
    ///
    /// # Blocking
    ///
    /// As [`WorkQueue::pop`].
    #[inline]
    pub fn pop<Held: HoldsOnly<L>>(&mut self, _token: &mut Token<'_, Held>) -> Option<T> {
        self.queue.queue.pop()
    }

    /// As [`pop`](Self::pop), of several at once: it waits for an item, then takes out as many as there are in a row,
    /// `max` at most, and appends them. How many; zero once the queue is closed and empty, or if `max` is zero.
    #[inline]
    pub fn pop_batch<Held: HoldsOnly<L>>(
        &mut self,
        _token: &mut Token<'_, Held>,
        into: &mut Vec<T>,
        max: usize,
    ) -> usize {
        self.queue.queue.pop_batch(into, max)
    }

    /// Takes the oldest item out if there is one. It does not wait, and so needs no token.
    ///
    /// # Errors
    ///
    /// If there is none; and whether there can be one later.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, TryPopError> {
        self.queue.queue.try_pop()
    }

    /// Waits for an item for at most `timeout`. It needs no token, as a wait that ends closes no cycle for ever.
    ///
    /// # Errors
    ///
    /// If there was nothing in time, or never will be.
    #[inline]
    pub fn pop_for(&mut self, timeout: Duration) -> Result<T, PopTimeoutError> {
        self.queue.queue.pop_for(timeout)
    }
}

impl<L, T> Drop for Consumer<'_, L, T> {
    /// It ends where it is dropped, and not with its last use: so that the first token is not back before.
    fn drop(&mut self) {}
}

impl<L: Level, T> fmt::Debug for Consumer<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer<{}>", L::NAME)
    }
}

/// `Held: HoldsOnly<L>` says that they are the same: what may wait for items holds nothing, or is a consumer and holds nothing
/// else.
///
/// A bound of its own, and not only a type in a signature, for the words of the error.
#[diagnostic::on_unimplemented(
    message = "lock order violation: items may not be waited for while `{Self}` is held",
    label = "the token says that `{Self}` is held",
    note = "become a consumer with the token of a thread that holds nothing, and drop what was locked for an item before the next `pop`"
)]
pub trait HoldsOnly<L>: Level + sealed::Same<L> {}

impl<L: Level> HoldsOnly<L> for L {}

mod sealed {
    /// Keeps others from saying that a level is another.
    pub trait Same<L> {}

    impl<L> Same<L> for L {}
}
