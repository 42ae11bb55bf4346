//! A [`Mutex`] that tells whether a thread panicked while it had the lock.
//!
//! The value may be half changed then, so each later `lock` says so, until
//! [`clear_poison`](Mutex::clear_poison). The types of the results are std's, and so is their meaning. Where nobody would look,
//! the plain [`Mutex`](crate::Mutex) is a byte smaller and its guard lighter.

pub use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

use crate::{
    LockStats, Observes, Plain, Policy, WaitGuard,
    condvar::sealed,
    mutex,
    sync::{
        atomic::{AtomicU8, Ordering::Relaxed},
        const_new,
    },
};
use core::{
    fmt,
    ops::{Deref, DerefMut},
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Excludes like [`lockline::Mutex`](crate::Mutex), in all that is said there, and poisons: a panic while the lock is held marks it.
///
/// A section that was entered while the thread was panicking already does not poison.
///
/// # Examples
///
/// ```
/// use lockline::poison::Mutex;
/// use std::thread;
///
/// static PAIR: Mutex<(u32, u32)> = Mutex::new((0, 0));
///
/// let half_way = thread::spawn(|| {
///     let mut pair = PAIR.lock().unwrap();
///     pair.0 = 1;
///     panic!("before the other half");
/// });
/// assert!(half_way.join().is_err());
///
/// let mut pair = PAIR.lock().unwrap_or_else(|poisoned| {
///     let mut pair = poisoned.into_inner();
///     *pair = (0, 0);
///     PAIR.clear_poison();
///     pair
/// });
/// pair.1 += 1;
/// drop(pair);
/// assert_eq!(*PAIR.lock().unwrap(), (0, 1));
/// ```
pub struct Mutex<T: ?Sized, P: Policy = Plain> {
    poison: Poison,
    inner: mutex::Mutex<T, P>,
}

impl<T: ?Sized, P: Policy> core::panic::UnwindSafe for Mutex<T, P> {}
impl<T: ?Sized, P: Policy> core::panic::RefUnwindSafe for Mutex<T, P> {}

/// Whether a section panicked. Relaxed throughout: set before the release and read after the lock, it is ordered by
/// the lock; read without the lock, it is only a hint.
#[derive(Debug)]
struct Poison(AtomicU8);

impl Poison {
    fn get(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    fn set(&self, poisoned: bool) {
        self.0.store(u8::from(poisoned), Relaxed);
    }

    fn judge<R>(&self, result: R) -> LockResult<R> {
        if self.get() { Err(PoisonError::new(result)) } else { Ok(result) }
    }
}

impl<T> Mutex<T> {
    const_new! {
        /// A free lock around `value`, without statistics, not poisoned.
        pub const fn new(value: T) -> Self {
            Self::with_policy(value)
        }
    }
}

impl<T, P: Policy> Mutex<T, P> {
    const_new! {
        /// A free lock around `value`, with the policy that its type says, not poisoned.
        pub const fn with_policy(value: T) -> Self {
            Self { poison: Poison(AtomicU8::new(0)), inner: mutex::Mutex::with_policy(value) }
        }
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned; the error has the value.
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.judge(self.inner.into_inner())
    }
}

impl<T: ?Sized, P: Policy> Mutex<T, P> {
    /// Waits until it has the lock.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned; the error has the guard.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T, P>> {
        self.guard(self.inner.lock())
    }

    /// Takes the lock if it is free, and not reserved for a waiter.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if it is not to be had; if the mutex is poisoned, an error with the guard.
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T, P>> {
        self.try_guard(self.inner.try_lock())
    }

    /// Waits for at most `timeout`; one too long for the clock to tell is for ever. Zero tries, and waits not at all.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TryLockError::WouldBlock) if the time is up; if the mutex is poisoned, an error with the guard.
    pub fn try_lock_for(&self, timeout: Duration) -> TryLockResult<MutexGuard<'_, T, P>> {
        self.try_guard(self.inner.try_lock_for(timeout))
    }

    /// Waits until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// As for [`try_lock_for`](Self::try_lock_for).
    pub fn try_lock_until(&self, deadline: Instant) -> TryLockResult<MutexGuard<'_, T, P>> {
        self.try_guard(self.inner.try_lock_until(deadline))
    }

    fn guard<'a>(&'a self, inner: mutex::MutexGuard<'a, T, P>) -> LockResult<MutexGuard<'a, T, P>> {
        let section = Section { poison: &self.poison, panicking: thread::panicking() };
        self.poison.judge(MutexGuard { section, inner })
    }

    fn try_guard<'a>(
        &'a self,
        inner: Option<mutex::MutexGuard<'a, T, P>>,
    ) -> TryLockResult<MutexGuard<'a, T, P>> {
        Ok(self.guard(inner.ok_or(TryLockError::WouldBlock)?)?)
    }

    /// Whether somebody has the lock at this moment.
    pub fn is_locked(&self) -> bool {
        self.inner.is_locked()
    }

    /// Whether a thread panicked while it had the lock. Without the lock, the answer may be old by the time it is used.
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Takes the mark away: the value is well again. Best called with the lock held.
    pub fn clear_poison(&self) {
        self.poison.set(false);
    }

    /// The value, without locking: nobody else can have it.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned; the error has the value.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.judge(self.inner.get_mut())
    }
}

impl<T: ?Sized, P: Observes> Mutex<T, P> {
    /// What waiting there was so far.
    pub fn stats(&self) -> LockStats {
        self.inner.stats()
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
            Ok(guard) => f.field("value", &&*guard),
            Err(TryLockError::Poisoned(poisoned)) => f.field("value", &&**poisoned.get_ref()),
            Err(TryLockError::WouldBlock) => f.field("value", &format_args!("<locked>")),
        };
        f.field("poisoned", &self.is_poisoned()).finish()
    }
}

/// What poisons, when it is dropped because of a panic.
struct Section<'a> {
    poison: &'a Poison,
    /// Whether the thread was panicking when it locked.
    panicking: bool,
}

impl Section<'_> {
    /// `f`, during which the section may end by a panic: that is before the release, which is up to the caller of
    /// this. Otherwise it comes back in `kept`.
    fn around<T: ?Sized, U: ?Sized>(
        self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
        kept: &mut Option<Self>,
    ) -> impl FnOnce(&mut T) -> Option<&mut U> {
        move |value| {
            let section = self;
            let found = f(value);
            *kept = Some(section);
            found
        }
    }
}

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.panicking && thread::panicking() {
            self.poison.set(true);
        }
    }
}

/// The value of a locked [`Mutex`]; unlocks when dropped, and poisons if that is because of a panic.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized, P: Policy = Plain> {
    /// Dropped before the release: the next holder must see what it says.
    section: Section<'a>,
    inner: mutex::MutexGuard<'a, T, P>,
}

// As std's: a section that a panic cuts off poisons, wherever it began.
impl<T: ?Sized, P: Policy> core::panic::UnwindSafe for MutexGuard<'_, T, P> {}
impl<T: ?Sized, P: Policy> core::panic::RefUnwindSafe for MutexGuard<'_, T, P> {}

impl<'a, T: ?Sized, P: Policy> MutexGuard<'a, T, P> {
    /// A guard of a part of the value. A panic of `f` poisons, as any in the section does.
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
        this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U, P>, Self> {
        let Self { section, inner } = this;
        let mut kept = None;
        let mapped = mutex::MutexGuard::try_map(inner, section.around(f, &mut kept));
        let Some(section) = kept else { unreachable!("the closure has run") };
        match mapped {
            Ok(inner) => Ok(MappedMutexGuard { section, inner }),
            Err(inner) => Err(Self { section, inner }),
        }
    }

    /// Unlocks; if somebody waits, the longest waiter is next. As
    /// [`lockline::MutexGuard::unlock_fair`](crate::MutexGuard::unlock_fair).
    pub fn unlock_fair(this: Self) {
        let Self { section, inner } = this;
        drop(section);
        mutex::MutexGuard::unlock_fair(inner);
    }
}

impl<T: ?Sized, P: Policy> Deref for MutexGuard<'_, T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized, P: Policy> DerefMut for MutexGuard<'_, T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
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

impl<T: ?Sized, P: Policy> sealed::Sealed for MutexGuard<'_, T, P> {
    unsafe fn release(&mut self) {
        // SAFETY: the caller's promise.
        unsafe { self.inner.release() };
    }

    fn relock(&mut self) {
        self.inner.relock();
    }

    fn is_poisoned(&self) -> bool {
        self.section.poison.get()
    }
}

/// A wait returns an error if the mutex is poisoned when it is over, as with std: what the waiter saw before it
/// waited may have been left half changed since.
impl<T: ?Sized, P: Policy> WaitGuard for MutexGuard<'_, T, P> {
    type Outcome<R> = LockResult<R>;

    fn outcome<R>(this: &Self, result: R) -> LockResult<R> {
        this.section.poison.judge(result)
    }
}

/// A part of the value of a locked [`Mutex`]; unlocks when dropped, and poisons if that is because of a panic. Made by
/// [`MutexGuard::map`].
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, U: ?Sized, P: Policy = Plain> {
    /// Dropped before the release.
    section: Section<'a>,
    inner: mutex::MappedMutexGuard<'a, U, P>,
}

impl<U: ?Sized, P: Policy> core::panic::UnwindSafe for MappedMutexGuard<'_, U, P> {}
impl<U: ?Sized, P: Policy> core::panic::RefUnwindSafe for MappedMutexGuard<'_, U, P> {}

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
        this: Self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedMutexGuard<'a, V, P>, Self> {
        let Self { section, inner } = this;
        let mut kept = None;
        let mapped = mutex::MappedMutexGuard::try_map(inner, section.around(f, &mut kept));
        let Some(section) = kept else { unreachable!("the closure has run") };
        match mapped {
            Ok(inner) => Ok(MappedMutexGuard { section, inner }),
            Err(inner) => Err(Self { section, inner }),
        }
    }

    /// Unlocks as [`MutexGuard::unlock_fair`] does.
    pub fn unlock_fair(this: Self) {
        let Self { section, inner } = this;
        drop(section);
        mutex::MappedMutexGuard::unlock_fair(inner);
    }
}

impl<U: ?Sized, P: Policy> Deref for MappedMutexGuard<'_, U, P> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.inner
    }
}

impl<U: ?Sized, P: Policy> DerefMut for MappedMutexGuard<'_, U, P> {
    fn deref_mut(&mut self) -> &mut U {
        &mut self.inner
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
