//! The semaphore of a declared level, whose permits only a token acquires.

use super::{
    levels::{After, Level, ranks_rise},
    origin::Origin,
    pool::{OrderedPermit, Pool, WatchingPermits},
    token::Token,
    watch::{Always, ByBuild, Checks, Idle, Never, sealed::Sealed},
};
use crate::{AcquireError, Semaphore, TryAcquireError, sync::const_new};
use core::{fmt, marker::PhantomData, panic::Location};
use std::time::Duration;

/// A [`Semaphore`] of a declared level `L`. A [`Token`] of an earlier level acquires its permits, and while one lives, nothing of
/// that level or an earlier one can be waited for.
///
/// So permits cannot be taken one by one, which deadlocks as soon as two threads have half of them each: a thread takes what
/// it needs at once, by [`acquire_many`](Token::acquire_many). The permits stay on their thread. Tasks have
/// [`LevelAsyncSemaphore`](super::LevelAsyncSemaphore): a thread that waits may be the one that would poll the task with the permit.
///
/// It is checked at run time as a [`LevelMutex`](super::LevelMutex) is.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelMutex, LevelSemaphore, with_root};
///
/// lockline::lock_levels! { levels { Connections; Stats after Connections; } }
/// static CONNECTIONS: LevelSemaphore<Connections> = LevelSemaphore::new(10);
/// static QUERIES: LevelMutex<Stats, u32> = LevelMutex::new(0);
///
/// with_root(|mut token| {
///     let (_one, mut token) = token.acquire_and(&CONNECTIONS).expect("nobody closes it");
///     *token.lock(&QUERIES) += 1;
/// });
/// with_root(|mut token| {
///     let two = token.acquire_many(&CONNECTIONS, 2).expect("nobody closes it");
///     assert_eq!((two.count(), CONNECTIONS.available()), (2, 8));
/// });
/// ```
///
/// One by one does not compile. The error begins with
/// ``lock order violation: `Connections` may not be locked while `Connections` is held``:
///
/// ```compile_fail,E0277
/// use lockline::ordered::{LevelSemaphore, with_root};
///
/// lockline::lock_levels! { levels { Connections; } }
/// static CONNECTIONS: LevelSemaphore<Connections> = LevelSemaphore::new(10);
///
/// with_root(|mut token| {
///     let (_one, mut token) = token.acquire_and(&CONNECTIONS).unwrap();
///     let _another = token.acquire(&CONNECTIONS).unwrap();
/// });
/// ```
pub struct LevelSemaphore<L, S: Checks = ByBuild> {
    level: PhantomData<fn() -> L>,
    pool: Pool<S>,
}

const_new! {
    const fn with_watch<L: Level, S: Checks>(watch: S::PermitWatch, permits: usize) -> LevelSemaphore<L, S> {
        LevelSemaphore { level: PhantomData, pool: Pool { watch, semaphore: Semaphore::new(permits) } }
    }
}

impl<L: Level> LevelSemaphore<L> {
    const_new! {
        /// So many permits, all free, checked in [builds that ask for it](ByBuild).
        ///
        /// # Panics
        ///
        /// If that is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
        pub const fn new(permits: usize) -> Self {
            with_watch(<ByBuild as Sealed>::PermitWatch::new(Origin::Level(&L::PLACE)), permits)
        }
    }
}

impl<L: Level> LevelSemaphore<L, Always> {
    const_new! {
        /// So many permits, all free, checked in every build.
        ///
        /// # Panics
        ///
        /// As [`new`](LevelSemaphore::new).
        pub const fn always(permits: usize) -> Self {
            with_watch(WatchingPermits::new(Origin::Level(&L::PLACE)), permits)
        }
    }
}

impl<L: Level> LevelSemaphore<L, Never> {
    const_new! {
        /// So many permits, all free, checked by the compiler alone.
        ///
        /// # Panics
        ///
        /// As [`new`](LevelSemaphore::new).
        pub const fn never(permits: usize) -> Self {
            with_watch(Idle::new(Origin::Level(&L::PLACE)), permits)
        }
    }
}

impl<L, S: Checks> LevelSemaphore<L, S> {
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

impl<L, S: Checks> fmt::Debug for LevelSemaphore<L, S> {
    /// Takes the list's lock for a moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt("LevelSemaphore", f)
    }
}

impl<Held: Level> Token<'_, Held> {
    /// Waits for a permit. Nothing else can be acquired while it lives; where something must be, there is
    /// [`acquire_and`](Self::acquire_and).
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire`].
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn acquire<'g, M: Level + After<Held>, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
    ) -> Result<OrderedPermit<'g, S>, AcquireError> {
        self.acquire_many(semaphore, 1)
    }

    /// As [`acquire`](Self::acquire), with a token for what comes after. This one is back when the permit and
    /// the new token are both gone.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn acquire_and<'g, M: Level + After<Held>, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
    ) -> Result<(OrderedPermit<'g, S>, Token<'g, M>), AcquireError> {
        self.acquire_many_and(semaphore, 1)
    }

    /// Waits for `n` permits and takes them all at once.
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire_many`].
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn acquire_many<'g, M: Level + After<Held>, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
        n: usize,
    ) -> Result<OrderedPermit<'g, S>, AcquireError> {
        const { ranks_rise::<Held, M>() }
        semaphore.pool.acquire(n, Location::caller())
    }

    /// As [`acquire_many`](Self::acquire_many), with a token for what comes after.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn acquire_many_and<'g, M: Level + After<Held>, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
        n: usize,
    ) -> Result<(OrderedPermit<'g, S>, Token<'g, M>), AcquireError> {
        const { ranks_rise::<Held, M>() }
        Ok((semaphore.pool.acquire(n, Location::caller())?, Token::new()))
    }

    /// Takes a permit if one is free. Of any level, as it does not wait; and nothing else can be acquired while it lives.
    ///
    /// # Errors
    ///
    /// As [`TryAcquireError`] says.
    #[inline]
    #[track_caller]
    pub fn try_acquire<'g, M: Level, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
    ) -> Result<OrderedPermit<'g, S>, TryAcquireError> {
        self.try_acquire_many(semaphore, 1)
    }

    /// As [`try_acquire`](Self::try_acquire), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    #[track_caller]
    pub fn try_acquire_many<'g, M: Level, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
        n: usize,
    ) -> Result<OrderedPermit<'g, S>, TryAcquireError> {
        semaphore.pool.try_acquire(n, Location::caller())
    }

    /// Waits for a permit for at most `timeout`. Of any level, as [`try_lock_for`](Self::try_lock_for).
    ///
    /// # Errors
    ///
    /// As [`Semaphore::acquire_for`].
    #[track_caller]
    pub fn acquire_for<'g, M: Level, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
        timeout: Duration,
    ) -> Result<OrderedPermit<'g, S>, TryAcquireError> {
        self.acquire_many_for(semaphore, 1, timeout)
    }

    /// As [`acquire_for`](Self::acquire_for), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn acquire_many_for<'g, M: Level, S: Checks>(
        &'g mut self,
        semaphore: &'g LevelSemaphore<M, S>,
        n: usize,
        timeout: Duration,
    ) -> Result<OrderedPermit<'g, S>, TryAcquireError> {
        semaphore.pool.acquire_for(n, timeout, Location::caller())
    }
}
