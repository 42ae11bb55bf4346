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
    marker: PhantomData<P::Marker>,
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
