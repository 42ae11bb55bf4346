//! The mutex that a service locks with.

mod guard;
mod owned;
mod policy;
mod stats;

pub use guard::{MappedMutexGuard, MutexGuard};
pub use owned::{OwnedMappedMutexGuard, OwnedMutexGuard};
pub use policy::{Observed, Observes, Plain, Policy, SendGuards};
pub use stats::LockStats;

use crate::{
    raw::mutex::RawMutex,
    sync::{cell::UnsafeCell, const_new, time},
};
use core::fmt;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Excludes: one thread at a time has the value. No thread waits for long, however many hammer the lock.
///
/// Four bytes beside the value, no allocation, `const` to make. A panic while locked leaves the lock free and the
/// value as it is; where that must be noticed, use [`poison::Mutex`](crate::poison::Mutex). Locking twice on
/// one thread deadlocks. For a number that is only added to, [`Counter`](crate::Counter) is cheaper; while waiting in async
/// code, a blocking lock blocks the worker: keep the section short.
///
/// # Examples
///
/// ```
/// use lockline::Mutex;
/// use std::time::Duration;
///
/// static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// LOG.lock().push("started".to_owned());
/// if let Some(mut log) = LOG.try_lock_for(Duration::from_millis(50)) {
///     log.push("in time".to_owned());
/// }
/// assert_eq!(LOG.lock().len(), 2);
/// ```
///
/// Statistics, by type:
///
/// ```
/// use lockline::{Mutex, Observed};
///
/// static LOCK: Mutex<u32, Observed> = Mutex::with_policy(0);
/// *LOCK.lock() += 1;
/// assert_eq!(LOCK.stats().contended, 0);
/// ```
///
/// # Fairness
///
/// A newcomer may take a lock that is free, ahead of those who wait; that is what makes a lock fast. Who sleeps is
/// woken in order, one at a time as long as that one finds a core, and once awake spins for about a microsecond among
/// the newcomers, then closes the lock to them. Where a short section is entered again and again, it first sleeps on
/// until its turn is due, and leaves the lock to those who are awake, also if they leave it alone meanwhile. While
/// anybody sleeps, a turn is due when a sixth of a millisecond has passed since the last of them got the lock: then who
/// releases it gives its core away now and then, for the waiter to come. If that has not come after a quarter, another
/// is woken too, who may find a core; after a millisecond the lock is closed, and newcomers queue, or wait until a
/// waiter has had it. A waiter that is awake keeps it closed as soon as its turn is due. So a wait is bounded, for each
/// waiter ahead and for the waiter itself, by a sixth of a millisecond, or one to two where there is no core to wake up
/// on, as only some of the sections end with a look at the clock; by what is left of the section that is under way
/// then; and by the waking. (Without a core: two more sections may go first that take four milliseconds each, and where
/// many short ones are followed by long ones, mostly not more than forty of these. And the clock's face shows 8.4
/// milliseconds: of sections that take just as long, again and again, more can go first, in step with it.)
/// [`unlock_fair`](MutexGuard::unlock_fair) gives the lock to the next waiter at once, or, if that is just about to
/// sleep until its turn, then.
///
/// # Blocking
///
/// A newcomer spins for a few microseconds, not at all on one core or where the lock changes hands too fast for that to
/// help, and then sleeps. Whoever runs into others at locks time and again, within 0.4 microseconds, stays away for one
/// and measures how fast the others go without it. If that is faster, it stands back for a microsecond each time before
/// it looks again, also with other locks in hand, so that a lock and what it protects stay in one core's cache for
/// longer; if not, it looks up to sixteen times, a spin hint apart, each of the next 250 times. Who has other work for
/// a few microseconds does not. Who meets others within four microseconds dozens of times, and finds nobody known to
/// wait, gives its core away, at most once in a quarter of a millisecond, with other locks in hand too, but not if its
/// deadline is nearer than 20 milliseconds: threads may want the core that nobody knows of, and the system would let
/// this one run on. If somebody took it, who gave it mostly sleeps for a turn, so that those come to be known. (Threads
/// that do something else, of whatever program, may keep the core for milliseconds each time; after six times in a row
/// it is given away once in fifty.) Where the lock is closed it is given away a few times, for the waiter to come. A
/// release does not block, but where a turn is due it may give the core away too, with this lock released; others that
/// the thread holds stay locked meanwhile.
///
/// # Lifetime
///
/// The release of a guard that borrows looks at the mutex once more after it has let the next holder in. A borrow keeps
/// the mutex alive until then; code that goes by raw pointers must, too: a mutex that its next holder frees while
/// that release is still under way is not supported. A guard from [`lock_owned`](Self::lock_owned) keeps its share until its
/// release is over, so that with those any holder may drop the last other one.
///
/// # Memory ordering
///
/// Everything one holder did before it unlocked happens before the next holder's lock returns.
pub struct Mutex<T: ?Sized, P: Policy = Plain> {
    pub(crate) raw: RawMutex,
    pub(crate) observer: P::Observer,
    pub(crate) value: UnsafeCell<T>,
}

// SAFETY: the lock hands out one access at a time, and may be sent with the value.
unsafe impl<T: ?Sized + Send, P: Policy> Send for Mutex<T, P> {}
// SAFETY: as above; sharing the lock moves accesses, and so the value, between threads.
unsafe impl<T: ?Sized + Send, P: Policy> Sync for Mutex<T, P> {}

// A section that begins and ends within what unwinds is the lock's own affair, as it is with std. One that began
// outside is cut off: so guards are as `&mut T`, and not `UnwindSafe`.
impl<T: ?Sized, P: Policy> core::panic::UnwindSafe for Mutex<T, P> {}
impl<T: ?Sized, P: Policy> core::panic::RefUnwindSafe for Mutex<T, P> {}

impl<T> Mutex<T> {
    const_new! {
        /// A free lock around `value`, without statistics.
        pub const fn new(value: T) -> Self {
            Self::with_policy(value)
        }
    }
}

impl<T, P: Policy> Mutex<T, P> {
    const_new! {
        /// A free lock around `value`, with the policy that its type says.
        pub const fn with_policy(value: T) -> Self {
            Self { raw: RawMutex::new(), observer: P::OBSERVER, value: UnsafeCell::new(value) }
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: Policy> Mutex<T, P> {
    /// Waits until it has the lock.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T, P> {
        self.raw.lock(&self.observer, None);
        // SAFETY: just locked, and without a deadline that is always so.
        unsafe { MutexGuard::new(self) }
    }

    /// Takes the lock if it is free, and not reserved for a waiter.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T, P>> {
        // SAFETY: just locked.
        self.raw.try_lock().then(|| unsafe { MutexGuard::new(self) })
    }

    /// Waits for at most `timeout`; one too long for the clock to tell is for ever. Zero tries, and waits not at all.
    #[inline]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<MutexGuard<'_, T, P>> {
        // SAFETY: just locked.
        self.lock_for(timeout).then(|| unsafe { MutexGuard::new(self) })
    }

    /// Waits until `deadline` at the latest. If that has passed, it tries, and waits not at all.
    #[inline]
    pub fn try_lock_until(&self, deadline: Instant) -> Option<MutexGuard<'_, T, P>> {
        let got = self.raw.lock(&self.observer, Some(deadline));
        // SAFETY: just locked.
        got.then(|| unsafe { MutexGuard::new(self) })
    }

    pub(crate) fn lock_for(&self, timeout: Duration) -> bool {
        // The clock is read only where the lock is not to be had at once.
        self.raw.try_lock() || self.raw.lock(&self.observer, time::after(timeout))
    }

    /// Whether somebody has the lock at this moment.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the exclusive borrow excludes everybody else.
        self.value.get_mut().with(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized, P: Policy> Mutex<T, P> {
    /// As [`lock`](Self::lock), with a guard that shares in owning the mutex instead of borrowing it.
    pub fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T, P> {
        self.raw.lock(&self.observer, None);
        // SAFETY: just locked, and without a deadline that is always so.
        unsafe { OwnedMutexGuard::new(self) }
    }

    /// As [`try_lock`](Self::try_lock), owned.
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedMutexGuard<T, P>> {
        // SAFETY: just locked.
        self.raw.try_lock().then(|| unsafe { OwnedMutexGuard::new(self) })
    }

    /// As [`try_lock_for`](Self::try_lock_for), owned.
    pub fn try_lock_owned_for(self: Arc<Self>, timeout: Duration) -> Option<OwnedMutexGuard<T, P>> {
        // SAFETY: just locked.
        self.lock_for(timeout).then(|| unsafe { OwnedMutexGuard::new(self) })
    }

    /// As [`try_lock_until`](Self::try_lock_until), owned.
    pub fn try_lock_owned_until(
        self: Arc<Self>,
        deadline: Instant,
    ) -> Option<OwnedMutexGuard<T, P>> {
        let got = self.raw.lock(&self.observer, Some(deadline));
        // SAFETY: just locked.
        got.then(|| unsafe { OwnedMutexGuard::new(self) })
    }
}

impl<T: ?Sized, P: Observes> Mutex<T, P> {
    /// What waiting there was so far.
    pub fn stats(&self) -> LockStats {
        P::read(&self.observer)
    }
}

impl<T: Default, P: Policy> Default for Mutex<T, P> {
    fn default() -> Self {
        Self::with_policy(T::default())
    }
}

impl<T, P: Policy> From<T> for Mutex<T, P> {
    fn from(value: T) -> Self {
        Self::with_policy(value)
    }
}

impl<T: ?Sized + fmt::Debug, P: Policy> fmt::Debug for Mutex<T, P> {
    /// Shows the value if the lock is free, and never waits for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => f.field("value", &&*guard).finish(),
            None => f.field("value", &format_args!("<locked>")).finish(),
        }
    }
}
