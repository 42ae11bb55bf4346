//! This crate's mutex in the types of [`lock_api`] 0.4, for code that is generic over the lock.
//!
//! With the feature `lock_api_0_4`. Everything that `lock_api` builds on a raw mutex works: mapped guards, `ReentrantMutex`,
//! and with its own feature `arc_lock` guards that own an `Arc`. Where nothing is generic, [`lockline::Mutex`](crate::Mutex) says the
//! same with less; in particular [`Condvar`](crate::Condvar) takes its guards and not these. Left out under loom, whose
//! locks cannot be made in a `const`.
//!
//! # Examples
//!
//! ```
//! use lock_api::{RawMutex, RawMutexTimed};
//! use std::time::Duration;
//!
//! /// Written for any lock.
//! struct Names<R>(lock_api::Mutex<R, Vec<String>>);
//!
//! impl<R: RawMutex + RawMutexTimed<Duration = Duration>> Names<R> {
//!     fn add(&self, name: &str) -> bool {
//!         let names = self.0.try_lock_for(Duration::from_millis(50));
//!         names.map(|mut names| names.push(name.to_owned())).is_some()
//!     }
//! }
//!
//! // Used with this one.
//! static NAMES: Names<lockline::lock_api_0_4::RawMutex> = Names(lock_api::Mutex::new(Vec::new()));
//! assert!(NAMES.add("a"));
//! assert_eq!(*NAMES.0.lock(), ["a"]);
//! ```

use crate::{LockStats, Observes, Plain, Policy, raw::mutex, sync::time};
use core::fmt;
use std::time::{Duration, Instant};

/// [`lock_api::Mutex`] with this crate's lock.
pub type Mutex<T, P = Plain> = lock_api::Mutex<RawMutex<P>, T>;
/// [`lock_api::MutexGuard`] with this crate's lock.
pub type MutexGuard<'a, T, P = Plain> = lock_api::MutexGuard<'a, RawMutex<P>, T>;
/// [`lock_api::MappedMutexGuard`] with this crate's lock.
pub type MappedMutexGuard<'a, T, P = Plain> = lock_api::MappedMutexGuard<'a, RawMutex<P>, T>;

/// The lock of [`lockline::Mutex`](crate::Mutex) without a value: what [`lock_api::Mutex`] is to be built on.
///
/// The promises are those of `lockline::Mutex`, and the [policies](Policy) too. Guards are `Send` only with
/// [`SendGuards`](crate::SendGuards). Four bytes, unless observed.
///
/// # Examples
///
/// ```
/// use lockline::{Observed, lock_api_0_4::{Mutex, RawMutex}};
///
/// static TOTAL: Mutex<u32, Observed> = Mutex::from_raw(RawMutex::new(), 0);
/// *TOTAL.lock() += 1;
/// // SAFETY: nothing is unlocked by that.
/// let raw = unsafe { TOTAL.raw() };
/// assert_eq!(raw.stats().contended, 0);
/// ```
pub struct RawMutex<P: Policy = Plain> {
    raw: mutex::RawMutex,
    observer: P::Observer,
}

impl<P: Policy> core::panic::UnwindSafe for RawMutex<P> {}
impl<P: Policy> core::panic::RefUnwindSafe for RawMutex<P> {}

impl<P: Policy> RawMutex<P> {
    /// A free lock.
    pub const fn new() -> Self {
        Self { raw: mutex::RawMutex::new(), observer: P::OBSERVER }
    }
}

impl<P: Observes> RawMutex<P> {
    /// What waiting there was so far.
    pub fn stats(&self) -> LockStats {
        P::read(&self.observer)
    }
}

impl<P: Policy> Default for RawMutex<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy> fmt::Debug for RawMutex<P> {
    /// Shows whether somebody has the lock at this moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMutex").field("locked", &self.raw.is_locked()).finish_non_exhaustive()
    }
}

// SAFETY: the lock excludes, as for `lockline::Mutex`; a guard that the policy keeps on its thread has a marker that is
// not `Send`.
unsafe impl<P: Policy> lock_api::RawMutex for RawMutex<P> {
    const INIT: Self = Self::new();

    type GuardMarker = P::Marker;

    #[inline]
    fn lock(&self) {
        self.raw.lock(&self.observer, None);
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.raw.try_lock()
    }

    #[inline]
    unsafe fn unlock(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock() };
    }

    fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

// SAFETY: `unlock_fair` releases the lock, once, as `unlock` does.
unsafe impl<P: Policy> lock_api::RawMutexFair for RawMutex<P> {
    unsafe fn unlock_fair(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock_fair() };
    }
}

// SAFETY: both say `true` only if they got the lock.
unsafe impl<P: Policy> lock_api::RawMutexTimed for RawMutex<P> {
    type Duration = Duration;
    type Instant = Instant;

    fn try_lock_for(&self, timeout: Duration) -> bool {
        // The clock is read only where the lock is not to be had at once.
        self.raw.try_lock() || self.raw.lock(&self.observer, time::after(timeout))
    }

    fn try_lock_until(&self, deadline: Instant) -> bool {
        self.raw.lock(&self.observer, Some(deadline))
    }
}
