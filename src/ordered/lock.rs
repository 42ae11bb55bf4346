//! What the ordered locks are made of: the plain mutex, watched or not, and its guard.

use super::{
    error::OrderError,
    watch::{ByBuild, Checks, Watch},
};
use crate::{Mutex, MutexGuard, raw::order::Site};
use core::{
    fmt,
    ops::{Deref, DerefMut},
};
use std::{thread, time::Duration};

pub(super) struct Lock<T: ?Sized, S: Checks> {
    pub(super) watch: S::Watch,
    pub(super) mutex: Mutex<T>,
}

impl<T: ?Sized, S: Checks> Lock<T, S> {
    /// Panics instead of waiting for what must not be waited for.
    #[inline]
    #[track_caller]
    pub(super) fn lock(&self, at: Site) -> OrderedGuard<'_, T, S> {
        if let Err(refusal) = self.watch.admit(at) {
            refused(&refusal);
        }
        if let Err(refusal) = self.watch.wait(&self.mutex.raw, at) {
            panic!("{refusal}");
        }
        self.watch.taken(at);
        // SAFETY: just locked.
        unsafe { self.guard() }
    }

    #[inline]
    pub(super) fn checked_lock(&self, at: Site) -> Result<OrderedGuard<'_, T, S>, OrderError> {
        self.watch.admit(at)?;
        self.lock_or_deadlock(at)
    }

    #[inline]
    pub(super) fn lock_or_deadlock(&self, at: Site) -> Result<OrderedGuard<'_, T, S>, OrderError> {
        self.watch.wait(&self.mutex.raw, at)?;
        self.watch.taken(at);
        // SAFETY: just locked.
        Ok(unsafe { self.guard() })
    }

    #[inline]
    pub(super) fn try_lock(&self, at: Site) -> Option<OrderedGuard<'_, T, S>> {
        self.taken_if(self.mutex.raw.try_lock(), at)
    }

    pub(super) fn try_lock_for(
        &self,
        timeout: Duration,
        at: Site,
    ) -> Option<OrderedGuard<'_, T, S>> {
        self.taken_if(self.mutex.lock_for(timeout), at)
    }

    #[inline]
    fn taken_if(&self, locked: bool, at: Site) -> Option<OrderedGuard<'_, T, S>> {
        locked.then(|| {
            self.watch.taken(at);
            // SAFETY: just locked.
            unsafe { self.guard() }
        })
    }

    /// # Safety
    ///
    /// The caller has just locked it, told the watch, and makes one guard of that.
    #[inline]
    pub(super) unsafe fn guard(&self) -> OrderedGuard<'_, T, S> {
        // SAFETY: the caller's promise.
        let guard = unsafe { MutexGuard::new(&self.mutex) };
        OrderedGuard { watch: self.watch.pointer(), guard }
    }
}

/// Panics; unless the thread is unwinding, when that would end the process for what only may be a deadlock one day.
#[cold]
#[track_caller]
pub(super) fn refused(refusal: &OrderError) {
    assert!(thread::panicking(), "{refusal}");
    eprintln!("{refusal}\n(gone through with, as the thread is panicking)");
}

impl<T: ?Sized + fmt::Debug, S: Checks> Lock<T, S> {
    /// Shows the value if the lock is free, and never waits for it.
    pub(super) fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct(name);
        match self.mutex.try_lock() {
            Some(guard) => f.field("value", &&*guard).finish(),
            None => f.field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// The value of a locked [`LevelMutex`](super::LevelMutex) or [`CheckedMutex`](super::CheckedMutex); unlocks when
/// dropped. Guards can be dropped in any order, and stay on their thread.
///
/// It does not give the mutex back, and no [`Condvar`](crate::Condvar) takes it: either would be a way to lock
/// that nobody watches.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OrderedGuard<'a, T: ?Sized, S: Checks = ByBuild> {
    watch: <S::Watch as Watch>::Pointer,
    /// Unlocks, after the watch was told.
    guard: MutexGuard<'a, T>,
}

impl<T: ?Sized, S: Checks> Drop for OrderedGuard<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard borrows the lock, and the watch is part of that.
        unsafe { S::Watch::follow(&self.watch) }.releasing();
    }
}

impl<T: ?Sized, S: Checks> Deref for OrderedGuard<'_, T, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T: ?Sized, S: Checks> DerefMut for OrderedGuard<'_, T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: ?Sized + fmt::Debug, S: Checks> fmt::Debug for OrderedGuard<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display, S: Checks> fmt::Display for OrderedGuard<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
