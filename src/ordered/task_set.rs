//! Several async mutexes of one level at once.

use super::{
    DuplicateLock, LevelAsyncMutex,
    levels::{After, Level, ranks_rise},
    task::TaskToken,
};
use crate::{AsyncMutexGuard, raw::lock_set};
use core::ptr;

fn address<L, T: ?Sized>(lock: &LevelAsyncMutex<L, T>) -> usize {
    ptr::from_ref(lock).cast::<()>().addr()
}

// No trait for sets of all kinds, as for threads: futures that are generic in one are not known to be `Send` where that
// counts (rust-lang/rust#100013).
impl<Held: Level> TaskToken<'_, Held> {
    /// Two locks of one level, in the order of their addresses: so calls with the two in either order get along.
    ///
    /// # Errors
    ///
    /// If it is one lock; then it is not acquired.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    pub async fn lock_both<'g, M: Level + After<Held>, T: ?Sized, U: ?Sized>(
        &'g mut self,
        first: &'g LevelAsyncMutex<M, T>,
        second: &'g LevelAsyncMutex<M, U>,
    ) -> Result<(AsyncMutexGuard<'g, T>, AsyncMutexGuard<'g, U>, TaskToken<'g, M>), DuplicateLock>
    {
        const { ranks_rise::<Held, M>() }
        let task = self.task();
        let (a, b) = (address(first), address(second));
        if a == b {
            return Err(DuplicateLock { first: 0, second: 1 });
        }
        let (first, second) = if a < b {
            let first = task.wait(first.acquire()).await;
            (first, task.wait(second.acquire()).await)
        } else {
            let second = task.wait(second.acquire()).await;
            (task.wait(first.acquire()).await, second)
        };
        Ok((first, second, TaskToken::new(task)))
    }

    /// As many locks of one level as there are in the slice. The guards come in the order of the locks.
    ///
    /// It takes them in the order of their addresses: so calls with the same locks in any order get along with each other.
    ///
    /// # Errors
    ///
    /// If a lock is there twice; then none is acquired.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    ///
    /// # Cancellation
    ///
    /// Dropped while it waits, it releases those that it has.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{DuplicateLock, LevelAsyncMutex, TaskToken, Unlocked};
    ///
    /// lockline::lock_levels! { levels { Account; } }
    /// type Balance = LevelAsyncMutex<Account, i64>;
    ///
    /// async fn collect(
    ///     token: &mut TaskToken<'_, Unlocked>,
    ///     from: &[&Balance],
    /// ) -> Result<i64, DuplicateLock> {
    ///     let (mut balances, _) = token.lock_all(from).await?;
    ///     Ok(balances.iter_mut().map(|balance| std::mem::take(&mut **balance)).sum())
    /// }
    /// ```
    pub async fn lock_all<'g, M: Level + After<Held>, T: ?Sized>(
        &'g mut self,
        locks: &[&'g LevelAsyncMutex<M, T>],
    ) -> Result<(Vec<AsyncMutexGuard<'g, T>>, TaskToken<'g, M>), DuplicateLock> {
        const { ranks_rise::<Held, M>() }
        let task = self.task();
        let mut order: Vec<usize> = (0..locks.len()).collect();
        lock_set::sort(|lock| address(locks[lock]), &mut order)
            .map_err(|(first, second)| DuplicateLock { first, second })?;
        let mut guards: Vec<Option<AsyncMutexGuard<'g, T>>> = locks.iter().map(|_| None).collect();
        for lock in order {
            guards[lock] = Some(task.wait(locks[lock].acquire()).await);
        }
        let guards = guards.into_iter().map(|guard| guard.expect("each was locked"));
        Ok((guards.collect(), TaskToken::new(task)))
    }
}
