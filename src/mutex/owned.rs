//! Guards that own their share of the mutex.

use super::{Mutex, Plain, Policy};
use crate::sync::cell::MutPtr;
use core::{
    fmt,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
};
use std::sync::Arc;

/// The value of a locked [`Mutex`], with a share in the mutex; unlocks when dropped.
/// Made by [`Mutex::lock_owned`]. `Send` only with [`SendGuards`](super::SendGuards).
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized, P: Policy = Plain> {
    /// Dropped after the release, which is its last touch of the lock.
    lock: Arc<Mutex<T, P>>,
    value: ManuallyDrop<MutPtr<T>>,
    /// Not `UnwindSafe`, as a `&mut` is not, and as the guards that borrow are not.
    marker: PhantomData<(&'static mut (), P::Marker)>,
}

// SAFETY: a shared guard gives shared access to the value, and nothing else.
unsafe impl<T: ?Sized + Send + Sync, P: Policy> Sync for OwnedMutexGuard<T, P> {}
// SAFETY: as for `MutexGuard`.
unsafe impl<T: ?Sized + Send, P: Policy> Send for OwnedMutexGuard<T, P> where P::Marker: Send {}

impl<T: ?Sized, P: Policy> OwnedMutexGuard<T, P> {
    /// # Safety
    ///
    /// The caller has just locked `lock`, and makes one guard of that.
    pub(super) unsafe fn new(lock: Arc<Mutex<T, P>>) -> Self {
        let value = ManuallyDrop::new(lock.value.get_mut());
        Self { lock, value, marker: PhantomData }
    }

    /// The mutex of this guard.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T, P>> {
        &this.lock
    }

    /// A guard of a part of the value.
    pub fn map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedMappedMutexGuard<T, U, P> {
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
    ) -> Result<OwnedMappedMutexGuard<T, U, P>, Self> {
        let Some(part) = f(&mut this) else { return Err(this) };
        let part = core::ptr::from_mut(part);
        Ok(OwnedMappedMutexGuard { lock: Self::into_lock(this), part, marker: PhantomData })
    }

    /// Unlocks as [`MutexGuard::unlock_fair`](super::MutexGuard::unlock_fair) does.
    pub fn unlock_fair(this: Self) {
        let lock = Self::into_lock(this);
        // SAFETY: the guard had the lock, and does not release it again.
        unsafe { lock.raw.unlock_fair() };
    }

    /// Unlocks while `f` runs, and has the lock again when this returns or unwinds.
    pub fn unlocked<R>(this: &mut Self, f: impl FnOnce() -> R) -> R {
        struct Relock<'g, T: ?Sized, P: Policy>(&'g mut OwnedMutexGuard<T, P>);
        impl<T: ?Sized, P: Policy> Drop for Relock<'_, T, P> {
            fn drop(&mut self) {
                self.0.relock();
            }
        }
        // SAFETY: `Relock` locks again before the guard can be used.
        unsafe { this.release() };
        let _relock = Relock(this);
        f()
    }

    /// Ends the access to the value, and gives the mutex, still locked.
    fn into_lock(this: Self) -> Arc<Mutex<T, P>> {
        let mut this = ManuallyDrop::new(this);
        // SAFETY: `this` is not dropped, so the access ends here, once.
        unsafe { ManuallyDrop::drop(&mut this.value) };
        // SAFETY: moved out once, as `this` is not used again, nor dropped.
        unsafe { core::ptr::read(&raw const this.lock) }
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

impl<T: ?Sized, P: Policy> Drop for OwnedMutexGuard<T, P> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here, before the release.
        unsafe { ManuallyDrop::drop(&mut self.value) };
        // SAFETY: this guard has the lock.
        unsafe { self.lock.raw.unlock() };
    }
}

impl<T: ?Sized, P: Policy> Deref for OwnedMutexGuard<T, P> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard has the lock, and lends the value no longer than itself.
        self.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized, P: Policy> DerefMut for OwnedMutexGuard<T, P> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        self.value.with(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug, P: Policy> fmt::Debug for OwnedMutexGuard<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display, P: Policy> fmt::Display for OwnedMutexGuard<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A part of the value of a locked [`Mutex`], with a share in the mutex; unlocks when dropped.
/// Made by [`OwnedMutexGuard::map`].
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized, P: Policy = Plain> {
    /// Dropped after the release.
    lock: Arc<Mutex<T, P>>,
    part: *mut U,
    marker: PhantomData<(&'static mut (), P::Marker)>,
}

// SAFETY: a shared guard gives shared access to the part, and nothing else.
unsafe impl<T: ?Sized + Send, U: ?Sized + Sync, P: Policy> Sync for OwnedMappedMutexGuard<T, U, P> {}
// SAFETY: as for `MutexGuard`; the whole value goes along, and may be dropped there.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send, P: Policy> Send for OwnedMappedMutexGuard<T, U, P> where
    P::Marker: Send
{
}

impl<T: ?Sized, U: ?Sized, P: Policy> OwnedMappedMutexGuard<T, U, P> {
    /// A guard of a part of this part.
    pub fn map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedMappedMutexGuard<T, V, P> {
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
    ) -> Result<OwnedMappedMutexGuard<T, V, P>, Self> {
        let Some(part) = f(&mut this) else { return Err(this) };
        let part = core::ptr::from_mut(part);
        Ok(OwnedMappedMutexGuard { lock: Self::into_lock(this), part, marker: PhantomData })
    }

    /// Unlocks as [`MutexGuard::unlock_fair`](super::MutexGuard::unlock_fair) does.
    pub fn unlock_fair(this: Self) {
        let lock = Self::into_lock(this);
        // SAFETY: the guard had the lock, and does not release it again.
        unsafe { lock.raw.unlock_fair() };
    }

    /// The mutex, still locked.
    fn into_lock(this: Self) -> Arc<Mutex<T, P>> {
        let this = ManuallyDrop::new(this);
        // SAFETY: moved out once, as `this` is not used again, nor dropped.
        unsafe { core::ptr::read(&raw const this.lock) }
    }
}

impl<T: ?Sized, U: ?Sized, P: Policy> Drop for OwnedMappedMutexGuard<T, U, P> {
    fn drop(&mut self) {
        // SAFETY: this guard took over the lock from the one it was mapped from.
        unsafe { self.lock.raw.unlock() };
    }
}

impl<T: ?Sized, U: ?Sized, P: Policy> Deref for OwnedMappedMutexGuard<T, U, P> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: a part of a value that this guard has locked, lent no longer than the guard.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized, P: Policy> DerefMut for OwnedMappedMutexGuard<T, U, P> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Debug, P: Policy> fmt::Debug for OwnedMappedMutexGuard<T, U, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized, U: ?Sized + fmt::Display, P: Policy> fmt::Display
    for OwnedMappedMutexGuard<T, U, P>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
