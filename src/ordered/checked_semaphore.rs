//! The semaphore that is checked at run time, without tokens.

use super::{
    levels::Level,
    origin::Origin,
    pool::{CheckedAcquireError, OrderedPermit, Pool, WatchingPermits},
    watch::{Always, ByBuild, Checks, Idle, Never, sealed::Sealed},
};
use crate::{AcquireError, Semaphore, TryAcquireError, sync::const_new};
use core::{fmt, panic::Location};
use std::time::Duration;

/// A [`Semaphore`] whose permits are part of the order and of the waits that [`CheckedMutex`](super::CheckedMutex)es are
/// checked by. Its permits stay on their thread.
///
/// * **The order.** All permits of a semaphore are one thing of its class. So asking for permits of a pool while one has
///   some is refused: two threads that take them one by one can have half of them each. What a thread needs it takes at
///   once, by [`acquire_many`](Self::acquire_many).
/// * **The waits.** Permits are counted: a wait is refused if, whatever others do, too few will ever be
///   free, as the rest is in the hands of threads that wait, over others or not, for this one.
///
/// The number of permits is fixed. What is not known of its waits is who stands before whom in the line: see the list in the
/// [module](super).
///
/// # Examples
///
/// ```
/// use lockline::ordered::{Always, CheckedAcquireError, CheckedMutex, CheckedSemaphore, OrderErrorKind};
///
/// static CONNECTIONS: CheckedSemaphore<Always> = CheckedSemaphore::always(10);
/// static CACHE: CheckedMutex<Vec<u8>, Always> = CheckedMutex::always(Vec::new());
///
/// {
///     let _two = CONNECTIONS.acquire_many(2).expect("nobody closes it");
///     CACHE.lock().push(1);
/// }
/// // The other way round it could deadlock, once all ten are out.
/// let cache = CACHE.lock();
/// let Err(CheckedAcquireError::Order(refused)) = CONNECTIONS.checked_acquire() else { panic!() };
/// assert_eq!(refused.kind(), OrderErrorKind::Inversion);
/// drop(cache);
///
/// // One by one.
/// let one = CONNECTIONS.acquire().expect("nobody closes it");
/// let Err(CheckedAcquireError::Order(refused)) = CONNECTIONS.checked_acquire() else { panic!() };
/// assert_eq!(refused.kind(), OrderErrorKind::SameClass);
/// ```
pub struct CheckedSemaphore<S: Checks = ByBuild> {
    pool: Pool<S>,
}

const_new! {
    const fn with_watch<S: Checks>(watch: S::PermitWatch, permits: usize) -> CheckedSemaphore<S> {
        CheckedSemaphore { pool: Pool { watch, semaphore: Semaphore::new(permits) } }
    }
}

impl CheckedSemaphore {
    const_new! {
        #[track_caller]
        /// So many permits, all free, of the class of this call, checked in [builds that ask for it](ByBuild). A constructor
        /// around it is one class to all its callers, unless it is `#[track_caller]` too.
        ///
        /// # Panics
        ///
        /// If that is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
        pub const fn new(permits: usize) -> Self {
            with_watch(<ByBuild as Sealed>::PermitWatch::new(Origin::Permits(Location::caller())), permits)
        }
    }

    const_new! {
        /// So many permits, all free, of the level `L`, checked in [builds that ask for it](ByBuild).
        ///
        /// # Panics
        ///
        /// As [`new`](Self::new).
        pub const fn leveled<L: Level>(permits: usize) -> Self {
            with_watch(<ByBuild as Sealed>::PermitWatch::new(Origin::Level(&L::PLACE)), permits)
        }
    }
}

impl CheckedSemaphore<Always> {
    const_new! {
        #[track_caller]
        /// As [`new`](CheckedSemaphore::new), checked in every build.
        ///
        /// # Panics
        ///
        /// As there.
        pub const fn always(permits: usize) -> Self {
            with_watch(WatchingPermits::new(Origin::Permits(Location::caller())), permits)
        }
    }

    const_new! {
        /// As [`leveled`](CheckedSemaphore::leveled), checked in every build.
        ///
        /// # Panics
        ///
        /// As there.
        pub const fn always_leveled<L: Level>(permits: usize) -> Self {
            with_watch(WatchingPermits::new(Origin::Level(&L::PLACE)), permits)
        }
    }
}

impl CheckedSemaphore<Never> {
    const_new! {
        #[track_caller]
        /// Not checked: the plain semaphore.
        ///
        /// # Panics
        ///
        /// As [`new`](CheckedSemaphore::new).
        pub const fn never(permits: usize) -> Self {
            with_watch(Idle::new(Origin::Permits(Location::caller())), permits)
        }
    }
}

impl<S: Checks> CheckedSemaphore<S> {
    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// Instead of waiting against the order or for ever, as [`CheckedMutex::lock`](super::CheckedMutex::lock).
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> Result<OrderedPermit<'_, S>, AcquireError> {
        self.acquire_many(1)
    }

    /// Waits for `n` permits and takes them all at once.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire_many`].
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> Result<OrderedPermit<'_, S>, AcquireError> {
        self.pool.acquire(n, Location::caller())
    }

    /// As [`acquire`](Self::acquire), for who wants to go on.
    ///
    /// # Errors
    ///
    /// As there, and where it panics. A refused call leaves no trace in the order.
    #[inline]
    #[track_caller]
    pub fn checked_acquire(&self) -> Result<OrderedPermit<'_, S>, CheckedAcquireError> {
        self.checked_acquire_many(1)
    }

    /// As [`checked_acquire`](Self::checked_acquire), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    #[track_caller]
    pub fn checked_acquire_many(
        &self,
        n: usize,
    ) -> Result<OrderedPermit<'_, S>, CheckedAcquireError> {
        self.pool.checked_acquire(n, Location::caller())
    }

    /// Takes a permit if one is free. Not checked, as it does not wait.
    ///
    /// # Errors
    ///
    /// As [`TryAcquireError`] says.
    #[inline]
    #[track_caller]
    pub fn try_acquire(&self) -> Result<OrderedPermit<'_, S>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// As [`try_acquire`](Self::try_acquire), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    #[track_caller]
    pub fn try_acquire_many(&self, n: usize) -> Result<OrderedPermit<'_, S>, TryAcquireError> {
        self.pool.try_acquire(n, Location::caller())
    }

    /// Waits for a permit for at most `timeout`. Not checked, as the wait ends; nor is it one of the waits that make a circle.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire_for`].
    #[track_caller]
    pub fn acquire_for(&self, timeout: Duration) -> Result<OrderedPermit<'_, S>, TryAcquireError> {
        self.acquire_many_for(1, timeout)
    }

    /// As [`acquire_for`](Self::acquire_for), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn acquire_many_for(
        &self,
        n: usize,
        timeout: Duration,
    ) -> Result<OrderedPermit<'_, S>, TryAcquireError> {
        self.pool.acquire_for(n, timeout, Location::caller())
    }

    /// Ends the semaphore: nobody gets any more, and all who wait are told so. Says whether it was open.
    pub fn close(&self) -> bool {
        self.pool.semaphore.close()
    }

    /// Whether it is [closed](Self::close).
    pub fn is_closed(&self) -> bool {
        self.pool.semaphore.is_closed()
    }

    /// How many permits are free at this moment.
    pub fn available(&self) -> usize {
        self.pool.semaphore.available()
    }

    /// How many threads wait at this moment.
    pub fn waiting(&self) -> usize {
        self.pool.semaphore.waiting()
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.pool.semaphore.limit()
    }
}

impl CheckedSemaphore<Always> {
    /// Waits for a permit, in any order: only a wait that would never end is refused, as by
    /// [`CheckedMutex::lock_or_deadlock`](super::CheckedMutex::lock_or_deadlock).
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); and if too few permits are left for this wait when all those that are in the hands of
    /// threads that wait, directly or over others, for this one, or of this one itself, do not come back.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{Always, CheckedAcquireError, CheckedSemaphore, OrderErrorKind};
    ///
    /// let pool = CheckedSemaphore::always(2);
    /// let _one = pool.acquire_or_deadlock().unwrap();
    /// let _two = pool.acquire_or_deadlock().unwrap();
    /// // Nobody else has any that could come back.
    /// let Err(CheckedAcquireError::Order(refused)) = pool.acquire_or_deadlock() else { panic!() };
    /// assert_eq!(refused.kind(), OrderErrorKind::SelfDeadlock);
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_or_deadlock(&self) -> Result<OrderedPermit<'_, Always>, CheckedAcquireError> {
        self.acquire_many_or_deadlock(1)
    }

    /// As [`acquire_or_deadlock`](Self::acquire_or_deadlock), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    #[track_caller]
    pub fn acquire_many_or_deadlock(
        &self,
        n: usize,
    ) -> Result<OrderedPermit<'_, Always>, CheckedAcquireError> {
        self.pool.acquire_or_deadlock(n, Location::caller())
    }
}

impl<S: Checks> fmt::Debug for CheckedSemaphore<S> {
    /// Takes the list's lock for a moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt("CheckedSemaphore", f)
    }
}
