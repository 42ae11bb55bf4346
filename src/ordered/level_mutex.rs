//! The mutex of a declared level, which only a token locks.

use super::{
    levels::Level,
    lock::{Lock, OrderedGuard},
    origin::Origin,
    watch::{Always, ByBuild, Checks, Idle, Never, Watching, sealed::Sealed},
};
use crate::{Mutex, sync::const_new};
use core::{fmt, marker::PhantomData, panic::Location};
use std::time::Duration;

/// A [`Mutex`] of a declared level `L`. There is no `lock` on it: a [`Token`](super::Token) of an earlier level locks it, so that the
/// wrong order does not compile.
///
/// As large as the plain mutex, and as fast, unless it is also [checked](Checks) at run time. That is so by default in builds with
/// debug assertions, for the sake of [`CheckedMutex`](super::CheckedMutex)es beside it: each sees in what order the other was
/// locked.
///
/// A panic while locked leaves the lock free and the value as it is.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelMutex, with_root};
///
/// lockline::lock_levels! { levels { Config; Stats after Config; } }
///
/// struct Server {
///     config: LevelMutex<Config, String>,
///     stats: LevelMutex<Stats, u32>,
/// }
///
/// let server = Server { config: LevelMutex::new("eu".to_owned()), stats: LevelMutex::new(0) };
/// with_root(|mut token| {
///     let (config, mut token) = token.lock_and(&server.config);
///     *token.lock(&server.stats) += config.len() as u32;
/// });
/// assert_eq!(server.stats.into_inner(), 2);
/// ```
pub struct LevelMutex<L, T: ?Sized, S: Checks = ByBuild> {
    level: PhantomData<fn() -> L>,
    lock: Lock<T, S>,
}

const_new! {
    const fn with_watch<L: Level, T, S: Checks>(watch: S::Watch, value: T) -> LevelMutex<L, T, S> {
        LevelMutex { level: PhantomData, lock: Lock { watch, mutex: Mutex::new(value) } }
    }
}

impl<L: Level, T> LevelMutex<L, T> {
    const_new! {
        /// A free lock around `value`, checked in [builds that ask for it](ByBuild).
        pub const fn new(value: T) -> Self {
            with_watch(<ByBuild as Sealed>::Watch::new(Origin::Level(&L::PLACE)), value)
        }
    }
}

impl<L: Level, T> LevelMutex<L, T, Always> {
    const_new! {
        /// A free lock around `value`, checked in every build.
        pub const fn always(value: T) -> Self {
            with_watch(Watching::new(Origin::Level(&L::PLACE)), value)
        }
    }
}

impl<L: Level, T> LevelMutex<L, T, Never> {
    const_new! {
        /// A free lock around `value`, checked by the compiler alone.
        pub const fn never(value: T) -> Self {
            with_watch(Idle::new(Origin::Level(&L::PLACE)), value)
        }
    }
}

impl<L, T, S: Checks> LevelMutex<L, T, S> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.lock.mutex.into_inner()
    }
}

impl<L, T: ?Sized, S: Checks> LevelMutex<L, T, S> {
    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.lock.mutex.get_mut()
    }

    /// Whether somebody has the lock at this moment.
    pub fn is_locked(&self) -> bool {
        self.lock.mutex.is_locked()
    }

    /// For tokens.
    #[inline]
    #[track_caller]
    pub(super) fn acquire(&self) -> OrderedGuard<'_, T, S> {
        self.lock.lock(Location::caller())
    }

    #[inline]
    #[track_caller]
    pub(super) fn try_acquire(&self) -> Option<OrderedGuard<'_, T, S>> {
        self.lock.try_lock(Location::caller())
    }

    #[track_caller]
    pub(super) fn try_acquire_for(&self, timeout: Duration) -> Option<OrderedGuard<'_, T, S>> {
        self.lock.try_lock_for(timeout, Location::caller())
    }

    pub(super) fn parts(&self) -> &Lock<T, S> {
        &self.lock
    }
}

impl<L: Level, T: Default> Default for LevelMutex<L, T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<L: Level, T> From<T> for LevelMutex<L, T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<L, T: ?Sized + fmt::Debug, S: Checks> fmt::Debug for LevelMutex<L, T, S> {
    /// Shows the value if the lock is free, and never waits for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock.fmt("LevelMutex", f)
    }
}
