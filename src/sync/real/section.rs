//! Content that a lock of the layer above excludes from: this is where a model has another lock in its place.

use super::cell::UnsafeCell;
use crate::sync::Exclude;

/// What `L` protects.
#[derive(Debug)]
pub(crate) struct Section<L, T> {
    lock: L,
    content: UnsafeCell<T>,
}

// SAFETY: the lock hands out one access at a time, and moves with the content.
unsafe impl<L: Send, T: Send> Send for Section<L, T> {}
// SAFETY: as above; sharing it moves accesses, and so the content, between threads.
unsafe impl<L: Sync, T: Send> Sync for Section<L, T> {}

impl<L, T> Section<L, T> {
    pub(crate) const fn new(lock: L, content: T) -> Self {
        Self { lock, content: UnsafeCell::new(content) }
    }
}

impl<L: Exclude, T> Section<L, T> {
    /// Runs `f` with the lock held. `f` is short, runs no code of the user's, does not park and does not panic.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.lock.enter();
        // SAFETY: the lock is held until the closure is done.
        let result = self.content.get_mut().with(|content| f(unsafe { &mut *content }));
        // SAFETY: entered above.
        unsafe { self.lock.leave() };
        result
    }
}
