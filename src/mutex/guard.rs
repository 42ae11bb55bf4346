//! Guards that borrow the mutex.

use super::{Mutex, Plain, Policy};
use crate::{raw::mutex::RawMutex, sync::cell::MutPtr};
use core::{
    fmt,
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
};

/// The value of a locked [`Mutex`]; unlocks when dropped. `Send` only with [`SendGuards`](super::SendGuards).
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized, P: Policy = Plain> {
    lock: &'a Mutex<T, P>,
    /// The access to the value, which loom watches; it ends before the lock is released.
    value: ManuallyDrop<MutPtr<T>>,
    marker: PhantomData<(&'a mut T, P::Marker)>,
}

// SAFETY: a shared guard gives shared access to the value; and by `mutex`, the mutex, through which the value can
// be moved to another thread, so that it must be `Send` as well.
unsafe impl<T: ?Sized + Send + Sync, P: Policy> Sync for MutexGuard<'_, T, P> {}
// SAFETY: the lock has no owner, so any thread may release it; whether this guard may leave its thread is the
// policy's choice, by its marker.
unsafe impl<T: ?Sized + Send, P: Policy> Send for MutexGuard<'_, T, P> where P::Marker: Send {}

impl<'a, T: ?Sized, P: Policy> MutexGuard<'a, T, P> {
    /// # Safety
    ///
    /// The caller has just locked `lock`, and makes one guard of that.
    #[inline]
    pub(crate) unsafe fn new(lock: &'a Mutex<T, P>) -> Self {
        let value = ManuallyDrop::new(lock.value.get_mut());
        Self { lock, value, marker: PhantomData }
    }

    /// The mutex of this guard.
    pub fn mutex(this: &Self) -> &'a Mutex<T, P> {
        this.lock
    }

    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U, P> {
        match Self::try_map(this, |value| Some(f(value))) {
            Ok(mapped) => mapped,
            Err(_) => unreachable!("the closure always says `Some`"),
        }
    }

    /// A guard of a part of the value, if `f` finds one.
    ///
    /// # Errors
    ///
    /// The guard itself, still locked, if `f` says `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U, P>, Self> {
        let Some(part) = f(&mut this) else { return Err(this) };
        let part = core::ptr::from_mut(part);
        let mut this = ManuallyDrop::new(this);
        // SAFETY: `this` is not dropped, so the access ends here, once; the lock stays held.
        unsafe { ManuallyDrop::drop(&mut this.value) };
        Ok(MappedMutexGuard { raw: &this.lock.raw, part, marker: PhantomData })
    }

    /// Unlocks; if somebody waits, the longest waiter is next, and newcomers wait behind it. Costs a switch of
    /// threads for each use: call it where a long holder should give way, not always.
    pub fn unlock_fair(this: Self) {
        let mut this = ManuallyDrop::new(this);
        // SAFETY: `this` is not dropped, so the access ends here, once, before the release.
        unsafe { ManuallyDrop::drop(&mut this.value) };
        // SAFETY: this guard had the lock, and does not release it again.
        unsafe { this.lock.raw.unlock_fair() };
    }

    /// Unlocks while `f` runs, and has the lock again when this returns or unwinds.
    pub fn unlocked<R>(this: &mut Self, f: impl FnOnce() -> R) -> R {
        struct Relock<'g, 'a, T: ?Sized, P: Policy>(&'g mut MutexGuard<'a, T, P>);
        impl<T: ?Sized, P: Policy> Drop for Relock<'_, '_, T, P> {
            fn drop(&mut self) {
                self.0.relock();
            }
        }
        // SAFETY: `Relock` locks again before the guard can be used.
        unsafe { this.release() };
        let _relock = Relock(this);
        f()
    }

    /// Releases the lock although the guard lives on.
    ///
    /// # Safety
    ///
    /// The caller calls [`relock`](Self::relock) before anybody uses or drops the guard.
    pub(crate) unsafe fn release(&mut self) {
        // SAFETY: ended once; `relock` starts it anew.
        unsafe { ManuallyDrop::drop(&mut self.value) };
        // SAFETY: this guard has the lock.
        unsafe { self.lock.raw.unlock() };
    }

    pub(crate) fn relock(&mut self) {
        self.lock.raw.lock(&self.lock.observer, None);
        self.value = ManuallyDrop::new(self.lock.value.get_mut());
    }
}

impl<T: ?Sized, P: Policy> Drop for MutexGuard<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: dropped once, here, before the release.
        unsafe { ManuallyDrop::drop(&mut self.value) };
        // SAFETY: this guard has the lock.
        unsafe { self.lock.raw.unlock() };
    }
}

impl<T: ?Sized, P: Policy> Deref for MutexGuard<'_, T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard has the lock, and lends the value no longer than itself.
        self.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized, P: Policy> DerefMut for MutexGuard<'_, T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        self.value.with(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug, P: Policy> fmt::Debug for MutexGuard<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display, P: Policy> fmt::Display for MutexGuard<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A part of the value of a locked [`Mutex`]; unlocks when dropped. Made by [`MutexGuard::map`].
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, U: ?Sized, P: Policy = Plain> {
    raw: &'a RawMutex,
    part: *mut U,
    marker: PhantomData<(&'a mut U, P::Marker)>,
}

// SAFETY: as for `MutexGuard`.
unsafe impl<U: ?Sized + Sync, P: Policy> Sync for MappedMutexGuard<'_, U, P> {}
// SAFETY: as for `MutexGuard`.
unsafe impl<U: ?Sized + Send, P: Policy> Send for MappedMutexGuard<'_, U, P> where P::Marker: Send {}

impl<'a, U: ?Sized, P: Policy> MappedMutexGuard<'a, U, P> {
    /// A guard of a part of this part.
    pub fn map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut U) -> &mut V,
    ) -> MappedMutexGuard<'a, V, P> {
        match Self::try_map(this, |part| Some(f(part))) {
            Ok(mapped) => mapped,
            Err(_) => unreachable!("the closure always says `Some`"),
        }
    }

    /// A guard of a part of this part, if `f` finds one.
    ///
    /// # Errors
    ///
    /// The guard itself, still locked, if `f` says `None`.
    pub fn try_map<V: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedMutexGuard<'a, V, P>, Self> {
        let Some(part) = f(&mut this) else { return Err(this) };
        let part = core::ptr::from_mut(part);
        let raw = this.raw;
        mem::forget(this);
        Ok(MappedMutexGuard { raw, part, marker: PhantomData })
    }

    /// Unlocks as [`MutexGuard::unlock_fair`] does.
    pub fn unlock_fair(this: Self) {
        let raw = this.raw;
        mem::forget(this);
        // SAFETY: the guard had the lock, and does not release it again.
        unsafe { raw.unlock_fair() };
    }
}

impl<U: ?Sized, P: Policy> Drop for MappedMutexGuard<'_, U, P> {
    fn drop(&mut self) {
        // SAFETY: this guard took over the lock from the one it was mapped from.
        unsafe { self.raw.unlock() };
    }
}

impl<U: ?Sized, P: Policy> Deref for MappedMutexGuard<'_, U, P> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: a part of a value that this guard has locked, lent no longer than the guard.
        unsafe { &*self.part }
    }
}

impl<U: ?Sized, P: Policy> DerefMut for MappedMutexGuard<'_, U, P> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

impl<U: ?Sized + fmt::Debug, P: Policy> fmt::Debug for MappedMutexGuard<'_, U, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<U: ?Sized + fmt::Display, P: Policy> fmt::Display for MappedMutexGuard<'_, U, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
