//! The async mutex of a declared level, which only a task's token locks.

use super::levels::Level;
use crate::{AsyncMutex, AsyncMutexGuard, async_mutex::Locking, sync::const_new};
use core::{fmt, marker::PhantomData};

/// An [`AsyncMutex`] of a declared level `L`. There is no `lock` on it: a [`TaskToken`](super::TaskToken) of an earlier level locks
/// it, so that the wrong order does not compile.
///
/// As large as the plain one. It is not checked at run time: what is held there is counted for each thread, and a task has
/// none of its own.
///
/// Prefer a [`LevelMutex`](super::LevelMutex), also in tasks, where the lock is not held across an `.await`: with
/// [`TaskToken::blocking`](super::TaskToken::blocking).
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelAsyncMutex, TaskToken, Unlocked};
///
/// lockline::lock_levels! { levels { Connection; Stats after Connection; } }
///
/// struct Server {
///     connection: LevelAsyncMutex<Connection, Vec<u8>>,
///     stats: LevelAsyncMutex<Stats, usize>,
/// }
///
/// async fn send(server: &Server, token: &mut TaskToken<'_, Unlocked>, bytes: &[u8]) {
///     let (mut connection, mut token) = token.lock_and(&server.connection).await;
///     connection.extend(bytes);
///     *token.lock(&server.stats).await += bytes.len();
/// }
/// ```
pub struct LevelAsyncMutex<L, T: ?Sized> {
    level: PhantomData<fn() -> L>,
    mutex: AsyncMutex<T>,
}

impl<L: Level, T> LevelAsyncMutex<L, T> {
    const_new! {
        /// A free lock around `value`.
        pub const fn new(value: T) -> Self {
            Self { level: PhantomData, mutex: AsyncMutex::new(value) }
        }
    }
}

impl<L, T> LevelAsyncMutex<L, T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.mutex.into_inner()
    }
}

impl<L, T: ?Sized> LevelAsyncMutex<L, T> {
    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.mutex.get_mut()
    }

    /// For tokens.
    pub(super) fn acquire(&self) -> Locking<'_, T> {
        self.mutex.lock()
    }

    pub(super) fn try_acquire(&self) -> Option<AsyncMutexGuard<'_, T>> {
        self.mutex.try_lock()
    }
}

impl<L: Level, T: Default> Default for LevelAsyncMutex<L, T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<L: Level, T> From<T> for LevelAsyncMutex<L, T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<L, T: ?Sized + fmt::Debug> fmt::Debug for LevelAsyncMutex<L, T> {
    /// Shows the value if the lock is free, and never waits for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("LevelAsyncMutex");
        match self.mutex.try_lock() {
            Some(guard) => f.field("value", &&*guard).finish(),
            None => f.field("value", &format_args!("<locked>")).finish(),
        }
    }
}
