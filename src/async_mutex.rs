//! A mutex that async code may hold while it waits for something else.

use crate::{
    mutex::{LockStats, Observes, Plain, Policy},
    raw::semaphore::{RawSemaphore, Wanting},
    sync::{
        cell::{MutPtr, UnsafeCell},
        const_new,
    },
};
use core::{
    fmt,
    future::Future,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::sync::Arc;

/// Excludes tasks and threads: one at a time has the value, and may keep it across an `.await`.
///
/// Prefer [`Mutex`](crate::Mutex), also in async code, where the lock is not held across an `.await`: it is
/// cheaper, and a short wait is no harm to a runtime. Take this one where a task keeps the lock while it waits for
/// something else, a connection that is written to for example; or better, give that thing to a task of its own.
///
/// It is a [semaphore](crate::Semaphore) of one permit, with a value inside, and as fair as that one is by
/// default. Any runtime will do. A panic while locked leaves it free.
///
/// # Examples
///
/// ```
/// use lockline::AsyncMutex;
///
/// static CONNECTION: AsyncMutex<Vec<u8>> = AsyncMutex::new(Vec::new());
///
/// async fn send(bytes: &[u8]) {
///     let mut connection = CONNECTION.lock().await;
///     connection.extend(bytes);
/// }
///
/// CONNECTION.lock_blocking().push(1);
/// assert_eq!(CONNECTION.try_lock().map(|c| c.len()), Some(1));
/// ```
///
/// Statistics, by type; without [`Observed`](crate::Observed) they cost neither space nor time:
///
/// ```
/// use lockline::{AsyncMutex, Observed};
///
/// static CONNECTION: AsyncMutex<Vec<u8>, Observed> = AsyncMutex::with_policy(Vec::new());
///
/// CONNECTION.lock_blocking().push(1);
/// assert_eq!(CONNECTION.stats().contended, 0);
/// ```
pub struct AsyncMutex<T: ?Sized, P: Policy = Plain> {
    raw: RawSemaphore,
    observer: P::Observer,
    value: UnsafeCell<T>,
}

// SAFETY: the permit is one, so one access at a time is handed out; the mutex may be sent with the value.
unsafe impl<T: ?Sized + Send, P: Policy> Send for AsyncMutex<T, P> {}
// SAFETY: as above; sharing it moves accesses, and so the value, between threads.
unsafe impl<T: ?Sized + Send, P: Policy> Sync for AsyncMutex<T, P> {}

// As for `Mutex`: a section within what unwinds is the lock's own affair, and guards are as `&mut T`.
impl<T: ?Sized, P: Policy> core::panic::UnwindSafe for AsyncMutex<T, P> {}
impl<T: ?Sized, P: Policy> core::panic::RefUnwindSafe for AsyncMutex<T, P> {}

impl<T> AsyncMutex<T> {
    const_new! {
        /// A free lock around `value`, without statistics.
        pub const fn new(value: T) -> Self {
            Self::with_policy(value)
        }
    }
}

impl<T, P: Policy> AsyncMutex<T, P> {
    const_new! {
        /// A free lock around `value`, with statistics if the type says so.
        pub const fn with_policy(value: T) -> Self {
            let raw = RawSemaphore::new(1, 1, false);
            Self { raw, observer: P::OBSERVER, value: UnsafeCell::new(value) }
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: Policy> AsyncMutex<T, P> {
    /// Waits for the lock.
    ///
    /// # Cancellation
    ///
    /// The future may be dropped at any moment, as when a runtime's timeout ends it; if it had the lock already,
    /// that goes to the next in line.
    pub fn lock(&self) -> Locking<'_, T, P> {
        Locking { mutex: self, wanting: Wanting::new(1) }
    }

    /// As [`lock`](Self::lock), with a guard that shares in owning the mutex.
    pub fn lock_owned(self: Arc<Self>) -> LockingOwned<T, P> {
        LockingOwned { mutex: self, wanting: Wanting::new(1) }
    }

    /// Waits for the lock, blocking the thread. Not for async code.
    pub fn lock_blocking(&self) -> AsyncMutexGuard<'_, T, P> {
        let got = self.raw.acquire(1, &self.observer, None);
        debug_assert!(got.is_ok(), "never closed, nor shrunk");
        AsyncMutexGuard::new(self)
    }

    /// Takes the lock if it is free and no waiter has a right to it.
    pub fn try_lock(&self) -> Option<AsyncMutexGuard<'_, T, P>> {
        self.raw.try_acquire(1).is_ok().then(|| AsyncMutexGuard::new(self))
    }

    /// As [`try_lock`](Self::try_lock), owned.
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedAsyncMutexGuard<T, P>> {
        self.raw.try_acquire(1).is_ok().then(|| OwnedAsyncMutexGuard::new(self))
    }

    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the exclusive borrow excludes everybody else.
        self.value.get_mut().with(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized, P: Observes> AsyncMutex<T, P> {
    /// What waiting there was so far, of tasks and threads. Only threads park, and `hand_offs` are not counted.
    pub fn stats(&self) -> LockStats {
        P::read(&self.observer)
    }
}

impl<T: Default, P: Policy> Default for AsyncMutex<T, P> {
    fn default() -> Self {
        Self::with_policy(T::default())
    }
}

impl<T, P: Policy> From<T> for AsyncMutex<T, P> {
    fn from(value: T) -> Self {
        Self::with_policy(value)
    }
}

impl<T: ?Sized + fmt::Debug, P: Policy> fmt::Debug for AsyncMutex<T, P> {
    /// Shows the value if the lock is free, and never waits for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("AsyncMutex");
        match self.try_lock() {
            Some(guard) => f.field("value", &&*guard).finish(),
            None => f.field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// The value of a locked [`AsyncMutex`]; unlocks when dropped, on whatever thread.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct AsyncMutexGuard<'a, T: ?Sized, P: Policy = Plain> {
    mutex: &'a AsyncMutex<T, P>,
    /// The access to the value, which loom watches; it ends before the lock is released.
    value: ManuallyDrop<MutPtr<T>>,
    marker: PhantomData<&'a mut T>,
}

/// As [`AsyncMutexGuard`], with a share in the mutex.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedAsyncMutexGuard<T: ?Sized, P: Policy = Plain> {
    /// Dropped after the release, which is its last touch of the lock.
    mutex: Arc<AsyncMutex<T, P>>,
    value: ManuallyDrop<MutPtr<T>>,
    /// Not `UnwindSafe`, as a `&mut` is not.
    marker: PhantomData<&'static mut ()>,
}

/// Waits for an [`AsyncMutex`]. Made by [`AsyncMutex::lock`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Locking<'a, T: ?Sized, P: Policy = Plain> {
    mutex: &'a AsyncMutex<T, P>,
    wanting: Wanting,
}

/// Waits for an [`AsyncMutex`]. Made by [`AsyncMutex::lock_owned`].
#[must_use = "a future does nothing unless it is polled"]
pub struct LockingOwned<T: ?Sized, P: Policy = Plain> {
    mutex: Arc<AsyncMutex<T, P>>,
    wanting: Wanting,
}

macro_rules! guard_and_future {
    ($guard:ty, $future:ty, $($lifetime:lifetime)?, $mutex:ty, $share:expr) => {
        // SAFETY: a shared guard gives shared access to the value, and the mutex, through which it can be moved.
        unsafe impl<$($lifetime,)? T: ?Sized + Send + Sync, P: Policy> Sync for $guard {}
        // SAFETY: the lock has no owner, so any thread may release it, and the value may be sent.
        unsafe impl<$($lifetime,)? T: ?Sized + Send, P: Policy> Send for $guard {}

        impl<$($lifetime,)? T: ?Sized, P: Policy> $guard {
            /// The permit was acquired just now.
            fn new(mutex: $mutex) -> Self {
                let value = ManuallyDrop::new(mutex.value.get_mut());
                Self { mutex, value, marker: PhantomData }
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> Drop for $guard {
            fn drop(&mut self) {
                // SAFETY: dropped once, here, before the release.
                unsafe { ManuallyDrop::drop(&mut self.value) };
                self.mutex.raw.release(1);
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> Deref for $guard {
            type Target = T;

            fn deref(&self) -> &T {
                // SAFETY: this guard has the lock, and lends the value no longer than itself.
                self.value.with(|value| unsafe { &*value })
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> DerefMut for $guard {
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: as above, and the guard is borrowed exclusively.
                self.value.with(|value| unsafe { &mut *value })
            }
        }

        impl<$($lifetime,)? T: ?Sized + fmt::Debug, P: Policy> fmt::Debug for $guard {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> $future {
            #[inline]
            fn parts(self: Pin<&mut Self>) -> (&$mutex, Pin<&mut Wanting>) {
                // SAFETY: nothing is moved out.
                let this = unsafe { self.get_unchecked_mut() };
                // SAFETY: it is pinned with the future, and only here and in `drop` touched.
                (&this.mutex, unsafe { Pin::new_unchecked(&mut this.wanting) })
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> Future for $future {
            type Output = $guard;

            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<$guard> {
                let (mutex, wanting) = self.parts();
                let got = ready!(wanting.poll(&mutex.raw, &mutex.observer, context));
                debug_assert!(got.is_ok(), "never closed, nor shrunk");
                Poll::Ready(<$guard>::new($share(mutex)))
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> Drop for $future {
            fn drop(&mut self) {
                // SAFETY: it is not moved again.
                let (mutex, wanting) = unsafe { Pin::new_unchecked(self) }.parts();
                wanting.cancel(&mutex.raw);
            }
        }

        impl<$($lifetime,)? T: ?Sized, P: Policy> fmt::Debug for $future {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        }
    };
}

guard_and_future!(
    AsyncMutexGuard<'a, T, P>, Locking<'a, T, P>, 'a, &'a AsyncMutex<T, P>, |m: &&'a _| *m
);
guard_and_future!(
    OwnedAsyncMutexGuard<T, P>, LockingOwned<T, P>, , Arc<AsyncMutex<T, P>>, Arc::clone
);
