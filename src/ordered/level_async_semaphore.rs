//! The semaphore of a declared level for tasks, whose permits only a task's token acquires.

use super::{
    levels::{After, Level, ranks_rise},
    pool::fmt_semaphore,
    task::TaskToken,
};
use crate::{AcquireError, Permit, Semaphore, TryAcquireError, sync::const_new};
use core::{fmt, marker::PhantomData};

/// A [`Semaphore`] of a declared level `L`, for tasks: a [`TaskToken`] of an earlier level acquires its permits, as a
/// thread's token does those of a [`LevelSemaphore`](super::LevelSemaphore).
///
/// As large as the plain one, and not checked at run time, as [`LevelAsyncMutex`](super::LevelAsyncMutex).
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelAsyncMutex, LevelAsyncSemaphore, TaskToken, Unlocked};
///
/// lockline::lock_levels! { levels { Downloads; Stats after Downloads; } }
/// static DOWNLOADS: LevelAsyncSemaphore<Downloads> = LevelAsyncSemaphore::new(5);
/// static BYTES: LevelAsyncMutex<Stats, usize> = LevelAsyncMutex::new(0);
///
/// async fn download(token: &mut TaskToken<'_, Unlocked>) {
///     let (_permit, mut token) = token.acquire_and(&DOWNLOADS).await.expect("nobody closes it");
///     // One of at most five.
///     *token.lock(&BYTES).await += 1;
/// }
/// ```
pub struct LevelAsyncSemaphore<L> {
    level: PhantomData<fn() -> L>,
    semaphore: Semaphore,
}

impl<L: Level> LevelAsyncSemaphore<L> {
    const_new! {
        /// So many permits, all free.
        ///
        /// # Panics
        ///
        /// If that is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
        pub const fn new(permits: usize) -> Self {
            Self { level: PhantomData, semaphore: Semaphore::new(permits) }
        }
    }
}

impl<L> LevelAsyncSemaphore<L> {
    /// Ends the semaphore: nobody gets any more, and all who wait are told so. Says whether it was open.
    pub fn close(&self) -> bool {
        self.semaphore.close()
    }

    /// Whether it is [closed](Self::close).
    pub fn is_closed(&self) -> bool {
        self.semaphore.is_closed()
    }

    /// How many permits are free at this moment.
    pub fn available(&self) -> usize {
        self.semaphore.available()
    }

    /// How many tasks wait at this moment.
    pub fn waiting(&self) -> usize {
        self.semaphore.waiting()
    }

    /// How many permits there are.
    pub fn limit(&self) -> usize {
        self.semaphore.limit()
    }
}

impl<L> fmt::Debug for LevelAsyncSemaphore<L> {
    /// Takes the list's lock for a moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_semaphore(&self.semaphore, "LevelAsyncSemaphore", f)
    }
}

/// Permits of a [`LevelAsyncSemaphore`]; gives them back when dropped, on whatever thread.
///
/// It does not give the semaphore back, which would be a way to acquire out of order.
#[derive(Debug)]
#[must_use = "the permits are given back at once if the permit is not kept"]
#[clippy::has_significant_drop]
pub struct TaskPermit<'a>(Permit<'a>);

impl TaskPermit<'_> {
    /// How many permits it holds.
    pub fn count(&self) -> usize {
        self.0.count()
    }
}

impl<Held: Level> TaskToken<'_, Held> {
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
    pub async fn acquire<'g, M: Level + After<Held>>(
        &'g mut self,
        semaphore: &'g LevelAsyncSemaphore<M>,
    ) -> Result<TaskPermit<'g>, AcquireError> {
        self.acquire_many(semaphore, 1).await
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
    pub async fn acquire_and<'g, M: Level + After<Held>>(
        &'g mut self,
        semaphore: &'g LevelAsyncSemaphore<M>,
    ) -> Result<(TaskPermit<'g>, TaskToken<'g, M>), AcquireError> {
        self.acquire_many_and(semaphore, 1).await
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
    pub async fn acquire_many<'g, M: Level + After<Held>>(
        &'g mut self,
        semaphore: &'g LevelAsyncSemaphore<M>,
        n: usize,
    ) -> Result<TaskPermit<'g>, AcquireError> {
        Ok(self.acquire_many_and(semaphore, n).await?.0)
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
    pub async fn acquire_many_and<'g, M: Level + After<Held>>(
        &'g mut self,
        semaphore: &'g LevelAsyncSemaphore<M>,
        n: usize,
    ) -> Result<(TaskPermit<'g>, TaskToken<'g, M>), AcquireError> {
        const { ranks_rise::<Held, M>() }
        let task = self.task();
        let permit = task.wait(semaphore.semaphore.acquire_many_async(n)).await?;
        Ok((TaskPermit(permit), TaskToken::new(task)))
    }

    /// Takes a permit if one is free. Of any level, as it does not wait; and nothing else can be acquired while it lives.
    ///
    /// # Errors
    ///
    /// As [`TryAcquireError`] says.
    pub fn try_acquire<'g, M: Level>(
        &'g mut self,
        semaphore: &'g LevelAsyncSemaphore<M>,
    ) -> Result<TaskPermit<'g>, TryAcquireError> {
        self.try_acquire_many(semaphore, 1)
    }

    /// As [`try_acquire`](Self::try_acquire), for `n` at once.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_acquire_many<'g, M: Level>(
        &'g mut self,
        semaphore: &'g LevelAsyncSemaphore<M>,
        n: usize,
    ) -> Result<TaskPermit<'g>, TryAcquireError> {
        Ok(TaskPermit(semaphore.semaphore.try_acquire_many(n)?))
    }
}
