//! The semaphore: so many at a time.

mod error;
mod future;
mod owned;
mod permit;
mod poll;
#[cfg(feature = "tower")]
pub mod tower;

pub use error::{AcquireError, TryAcquireError};
pub use future::{Acquire, AcquireOwned};
pub use permit::{OwnedPermit, Permit};
pub use poll::PollSemaphore;

use crate::{
    mutex::{LockStats, Observes, Plain, Policy},
    raw::semaphore::{MAX_PERMITS, RawSemaphore},
    sync::{const_new, time},
};
use core::fmt;
use std::time::{Duration, Instant};

/// Lets so many at a time: 10 connections, 5 downloads. Threads and tasks wait in one line, on the same object.
///
/// No allocation, `const` to make; an uncontended acquire and release are one atomic instruction each, and a wait
/// allocates nothing, but for a thread's first sleep. Where only one may be in and there is something to protect, use [`Mutex`](crate::Mutex): it
/// has the value inside. Unlike a mutex's guard, a permit may be given back on any thread.
///
/// # Examples
///
/// ```
/// use lockline::Semaphore;
/// use std::{thread, time::Duration};
///
/// static CONNECTIONS: Semaphore = Semaphore::new(10);
///
/// thread::scope(|scope| {
///     scope.spawn(|| {
///         let _permit = CONNECTIONS.acquire().expect("nobody closes it");
///         // One of at most ten.
///     });
/// });
/// assert!(CONNECTIONS.acquire_for(Duration::from_millis(50)).is_ok());
/// assert!(CONNECTIONS.acquire_many(11).is_err(), "more than there are: said at once");
/// assert_eq!(CONNECTIONS.available(), 10);
/// ```
///
/// In async code, on any runtime, it is the same semaphore:
///
/// ```
/// # use lockline::Semaphore;
/// # static CONNECTIONS: Semaphore = Semaphore::new(10);
/// async fn query() {
///     let _permit = CONNECTIONS.acquire_async().await.expect("nobody closes it");
/// }
/// ```
///
/// # Fairness
///
/// By default newcomers may take permits that are free, ahead of those who wait. A service
/// wants its permits in use: in order they would lie idle while the next in line wakes up, several microseconds
/// for a thread, which costs tens of times the throughput. What it must not have is a wait without end, or a large request
/// that small ones starve. So once the first in line has waited for a millisecond, newcomers wait behind
/// the line until it has its permits; and those who wait have their turns in the order they came, except that several who
/// were woken together may overtake each other.
///
/// [`fair`](Self::fair) makes a semaphore that serves strictly in order, newcomers included. Use it where the order itself
/// matters.
///
/// # Blocking
///
/// A waiting thread spins for about a microsecond, not at all on one core, and then sleeps.
///
/// # Memory ordering
///
/// What was done before a permit was given back happens before the acquisition that takes it returns.
pub struct Semaphore<P: Policy = Plain> {
    raw: RawSemaphore,
    observer: P::Observer,
}

impl<P: Policy> core::panic::UnwindSafe for Semaphore<P> {}
impl<P: Policy> core::panic::RefUnwindSafe for Semaphore<P> {}

/// In what order permits are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fairness {
    /// Newcomers may take what is free, until the first in line has waited for a millisecond.
    #[default]
    Bounded,
    /// Strictly in order.
    Strict,
}

impl Semaphore {
    /// The most permits a semaphore can have: 2<sup>54</sup> - 1 on 64-bit systems, 4 million on 32-bit ones.
    pub const MAX_PERMITS: usize = MAX_PERMITS;

    const_new! {
        /// So many permits, all free, and no more than these.
        ///
        /// # Panics
        ///
        /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub const fn new(permits: usize) -> Self {
            Self::with_policy(permits, permits, Fairness::Bounded)
        }
    }

    const_new! {
        /// Some permits now, and a limit for what is [added](Self::add_permits) and [forgotten](Permit::forget) later:
        /// requests for up to `limit` wait instead of failing. For a semaphore that counts what others produce.
        ///
        /// # Panics
        ///
        /// If `limit` is less than `permits`, or more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub const fn with_limit(permits: usize, limit: usize) -> Self {
            Self::with_policy(permits, limit, Fairness::Bounded)
        }
    }

    const_new! {
        /// As [`new`](Self::new), strictly in order.
        ///
        /// # Panics
        ///
        /// As there.
        pub const fn fair(permits: usize) -> Self {
            Self::with_policy(permits, permits, Fairness::Strict)
        }
    }
}

impl<P: Policy> Semaphore<P> {
    const_new! {
        /// With statistics, if the type says so, and the order that is asked for.
        ///
        /// # Panics
        ///
        /// As [`with_limit`](Semaphore::with_limit).
        pub const fn with_policy(permits: usize, limit: usize, fairness: Fairness) -> Self {
            assert!(permits <= limit, "the limit is below the number of permits");
            assert!(limit <= MAX_PERMITS, "more permits than a semaphore can have");
            let fair = matches!(fairness, Fairness::Strict);
            Self { raw: RawSemaphore::new(permits, limit, fair), observer: P::OBSERVER }
        }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`Closed`](AcquireError::Closed), and [`TooMany`](AcquireError::TooMany) if none are left but removed or
    /// forgotten ones.
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_, P>, AcquireError> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits and takes them all at once. Zero are taken in turn like others.
    ///
    /// # Errors
    ///
    /// [`Closed`](AcquireError::Closed); [`TooMany`](AcquireError::TooMany) if `n` is above the [limit](Self::limit),
    /// now or as it is lowered.
    #[inline]
    pub fn acquire_many(&self, n: usize) -> Result<Permit<'_, P>, AcquireError> {
        self.raw.acquire(n, &self.observer, None)?;
        Ok(Permit::new(self, n))
    }

    /// Takes a permit if one is free and nobody has a right to it before.
    ///
    /// # Errors
    ///
    /// As [`TryAcquireError`] says.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_, P>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// As [`try_acquire`](Self::try_acquire), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn try_acquire_many(&self, n: usize) -> Result<Permit<'_, P>, TryAcquireError> {
        self.raw.try_acquire(n)?;
        Ok(Permit::new(self, n))
    }

    /// Waits for a permit for at most `timeout`; one too long for the clock to tell is for ever.
    ///
    /// # Errors
    ///
    /// As [`TryAcquireError`] says; [`NoPermits`](TryAcquireError::NoPermits) when the time is up.
    pub fn acquire_for(&self, timeout: Duration) -> Result<Permit<'_, P>, TryAcquireError> {
        self.acquire_many_for(1, timeout)
    }

    /// As [`acquire_for`](Self::acquire_for), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_many_for(
        &self,
        n: usize,
        timeout: Duration,
    ) -> Result<Permit<'_, P>, TryAcquireError> {
        self.wait_for(n, timeout)?;
        Ok(Permit::new(self, n))
    }

    /// Waits for a permit until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// As for [`acquire_for`](Self::acquire_for).
    pub fn acquire_until(&self, deadline: Instant) -> Result<Permit<'_, P>, TryAcquireError> {
        self.acquire_many_until(1, deadline)
    }

    /// As [`acquire_until`](Self::acquire_until), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_many_until(
        &self,
        n: usize,
        deadline: Instant,
    ) -> Result<Permit<'_, P>, TryAcquireError> {
        self.raw.acquire(n, &self.observer, Some(deadline))?;
        Ok(Permit::new(self, n))
    }

    /// Waits for a permit in async code. A deadline is the runtime's: the future may be dropped at any moment.
    pub fn acquire_async(&self) -> Acquire<'_, P> {
        self.acquire_many_async(1)
    }

    /// As [`acquire_async`](Self::acquire_async), for `n` at once.
    pub fn acquire_many_async(&self, n: usize) -> Acquire<'_, P> {
        Acquire::new(self, n)
    }

    /// The clock is read only where permits are not to be had at once.
    fn wait_for(&self, n: usize, timeout: Duration) -> Result<(), TryAcquireError> {
        if self.raw.try_acquire(n).is_err() {
            self.raw.acquire(n, &self.observer, time::after(timeout))?;
        }
        Ok(())
    }

    /// Adds permits and raises the [limit](Self::limit) by as many. Those that are [owed](Self::remove_permits) are
    /// paid first.
    ///
    /// # Panics
    ///
    /// If the limit would be above [`MAX_PERMITS`](Semaphore::MAX_PERMITS); then nothing is changed.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        assert!(self.raw.add(n), "more permits than a semaphore can have");
    }

    /// Removes permits and lowers the [limit](Self::limit) by as many: free ones now, and for the rest, others
    /// when they are given back. Says how many these are together: no more than there are.
    pub fn remove_permits(&self, n: usize) -> usize {
        self.raw.remove(n)
    }

    /// Ends the semaphore: nobody gets any more, and all who wait are told so. Permits that are out stay valid. Never
    /// undone. Says whether it was open.
    pub fn close(&self) -> bool {
        self.raw.close()
    }

    /// Whether it is [closed](Self::close).
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// How many permits are free at this moment.
    pub fn available(&self) -> usize {
        self.raw.available()
    }

    /// How many permits somebody has at this moment.
    pub fn in_use(&self) -> usize {
        self.raw.in_use()
    }

    /// How many threads and tasks wait at this moment.
    pub fn waiting(&self) -> usize {
        self.raw.waiting()
    }

    /// The most permits one may ask for.
    pub fn limit(&self) -> usize {
        self.raw.limit()
    }

    /// In what order permits are given.
    pub fn fairness(&self) -> Fairness {
        if self.raw.is_fair() { Fairness::Strict } else { Fairness::Bounded }
    }
}

impl<P: Observes> Semaphore<P> {
    /// What waiting there was so far, of tasks and threads. Only threads park, and `hand_offs` are not counted.
    pub fn stats(&self) -> LockStats {
        P::read(&self.observer)
    }
}

impl<P: Policy> fmt::Debug for Semaphore<P> {
    /// Takes the list's lock for a moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("limit", &self.limit())
            .field("closed", &self.is_closed())
            .field("fairness", &self.fairness())
            .finish()
    }
}
