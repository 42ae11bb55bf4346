//! The condition variable of this crate's mutexes.

use crate::{
    MutexGuard, OwnedMutexGuard, Policy,
    raw::condvar::RawCondvar,
    sync::{const_new, time},
};
use core::{fmt, ops::DerefMut};
use std::time::{Duration, Instant};

/// Waits, with a mutex released meanwhile, until somebody says that a condition may have come true.
///
/// Works with the guard of any mutex of this crate: [`MutexGuard`] and [`OwnedMutexGuard`] of any policy,
/// [`poison::MutexGuard`](crate::poison::MutexGuard). One byte, no allocation, `const` to make. Where the condition is "there is a free
/// place" or "there is an item", a semaphore or a queue says it with less.
///
/// The condition is a matter of the value under the mutex: a waiter looks at it, and waits while it does not like
/// what it sees; whoever changes the value notifies. [`wait_while`](Self::wait_while) is that loop.
/// A notification is not kept for waiters to come. Notify while the mutex is held or after it was released: no
/// waiter is missed either way; after it is cheaper, as the one woken finds the mutex free.
///
/// Several mutexes may be used with one condition variable, also at the same time. Nothing breaks, but
/// [`notify_one`](Self::notify_one) wakes the longest waiter, whatever it waits for: use
/// [`notify_all`](Self::notify_all) then, or better a condition variable for each condition.
///
/// # Examples
///
/// ```
/// use lockline::{Condvar, Mutex};
/// use std::{thread, time::Duration};
///
/// static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// static MORE: Condvar = Condvar::new();
///
/// let reader = thread::spawn(|| {
///     let mut lines = LINES.lock();
///     MORE.wait_while(&mut lines, |lines| lines.is_empty());
///     lines.pop()
/// });
/// LINES.lock().push("hello".to_owned());
/// MORE.notify_one();
/// assert_eq!(reader.join().unwrap().unwrap(), "hello");
///
/// let mut lines = LINES.lock();
/// let result = MORE.wait_while_for(&mut lines, |lines| lines.is_empty(), Duration::from_millis(1));
/// assert!(result.timed_out());
/// ```
///
/// # Blocking
///
/// Every wait puts the thread to sleep at once, and then waits for the mutex. A timeout ends the sleep, not the
/// wait for the mutex. A timeout too long for the clock to tell is for ever; one of zero, or a deadline that has passed, releases the
/// mutex, and takes it again. Waits may end without a notification or timeout: look at the condition again.
///
/// # Fairness
///
/// `notify_one` wakes in the order of arrival. Who is woken has no privilege at the mutex.
///
/// # Memory ordering
///
/// A notification orders nothing by itself: what was done under the mutex is seen by those who have it later. A
/// waiter whose wait released the mutex before the notifier locked it, is waiting as far as the notification is concerned.
pub struct Condvar {
    raw: RawCondvar,
}

impl core::panic::UnwindSafe for Condvar {}
impl core::panic::RefUnwindSafe for Condvar {}

impl Condvar {
    const_new! {
        /// A condition variable that nobody waits on.
        pub const fn new() -> Self {
            Self { raw: RawCondvar::new() }
        }
    }

    /// Releases the mutex, waits for a notification, and locks the mutex again, all with the same guard.
    ///
    /// A notification that comes after the mutex was released is not missed. The wait may also end for no reason.
    ///
    /// # Errors
    ///
    /// With a guard of [`poison::Mutex`](crate::poison::Mutex) only, if the mutex is poisoned when the wait is over. The
    /// guard has the lock in any case.
    pub fn wait<G: WaitGuard>(&self, guard: &mut G) -> G::Outcome<()> {
        self.sleep(guard, None);
        G::outcome(guard, ())
    }

    /// Waits while `condition` says `true` of the value. If it panics, the guard has the lock as ever.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait). An error ends the waiting at once, and then the condition may still hold.
    pub fn wait_while<G: WaitGuard>(
        &self,
        guard: &mut G,
        condition: impl FnMut(&mut G::Target) -> bool,
    ) -> G::Outcome<()> {
        self.sleep_while(guard, condition, None);
        G::outcome(guard, ())
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    pub fn wait_for<G: WaitGuard>(
        &self,
        guard: &mut G,
        timeout: Duration,
    ) -> G::Outcome<WaitTimeoutResult> {
        let timed_out = self.sleep(guard, time::after(timeout));
        G::outcome(guard, WaitTimeoutResult(timed_out))
    }

    /// As [`wait`](Self::wait), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    pub fn wait_until<G: WaitGuard>(
        &self,
        guard: &mut G,
        deadline: Instant,
    ) -> G::Outcome<WaitTimeoutResult> {
        let timed_out = self.sleep(guard, Some(deadline));
        G::outcome(guard, WaitTimeoutResult(timed_out))
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`. The result says that the time is up only if
    /// `condition` still says `true` then.
    ///
    /// # Errors
    ///
    /// As for [`wait_while`](Self::wait_while).
    pub fn wait_while_for<G: WaitGuard>(
        &self,
        guard: &mut G,
        condition: impl FnMut(&mut G::Target) -> bool,
        timeout: Duration,
    ) -> G::Outcome<WaitTimeoutResult> {
        let timed_out = self.sleep_while(guard, condition, time::after(timeout));
        G::outcome(guard, WaitTimeoutResult(timed_out))
    }

    /// As [`wait_while_for`](Self::wait_while_for), until `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// As for [`wait_while`](Self::wait_while).
    pub fn wait_while_until<G: WaitGuard>(
        &self,
        guard: &mut G,
        condition: impl FnMut(&mut G::Target) -> bool,
        deadline: Instant,
    ) -> G::Outcome<WaitTimeoutResult> {
        let timed_out = self.sleep_while(guard, condition, Some(deadline));
        G::outcome(guard, WaitTimeoutResult(timed_out))
    }

    /// Wakes the longest waiter, and says whether there was one. Costs one load where nobody waits.
    ///
    /// A waiter that was woken for this has not timed out, whatever the clock says by then.
    pub fn notify_one(&self) -> bool {
        self.raw.notify_one()
    }

    /// Wakes all who wait, and says how many these were. They then have the mutex one after the other.
    pub fn notify_all(&self) -> usize {
        self.raw.notify_all()
    }

    fn sleep<G: WaitGuard>(&self, guard: &mut G, deadline: Option<Instant>) -> bool {
        // SAFETY: locked again just below, whatever ended the wait; in between nothing unwinds.
        let timed_out = self.raw.wait(|| unsafe { guard.release() }, deadline);
        guard.relock();
        timed_out
    }

    /// Says whether the time was up. Then the condition holds, unless the mutex is poisoned and it was not asked.
    fn sleep_while<G: WaitGuard>(
        &self,
        guard: &mut G,
        mut condition: impl FnMut(&mut G::Target) -> bool,
        deadline: Option<Instant>,
    ) -> bool {
        let mut timed_out = false;
        while condition(guard) {
            if timed_out {
                return true;
            }
            timed_out = self.sleep(guard, deadline);
            if guard.is_poisoned() {
                return timed_out;
            }
        }
        false
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    /// Shows whether somebody may be waiting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("may_have_waiters", &self.raw.may_have_waiters()).finish()
    }
}

/// How a timed wait of a [`Condvar`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was up, rather than a notification received.
    pub const fn timed_out(&self) -> bool {
        self.0
    }
}

/// A guard that a [`Condvar`] can wait with: it can release its whole mutex and lock it again. Sealed.
///
/// A [`MappedMutexGuard`](crate::MappedMutexGuard) is none: while it waited, others could change the value so that its part is
/// no longer there.
pub trait WaitGuard: DerefMut + sealed::Sealed {
    /// What a wait returns: `R`, or `Result<R, PoisonError<R>>` with a mutex that poisons.
    type Outcome<R>;

    #[doc(hidden)]
    fn outcome<R>(this: &Self, result: R) -> Self::Outcome<R>;
}

pub(crate) mod sealed {
    #[allow(unnameable_types, reason = "seals `WaitGuard`")]
    pub trait Sealed {
        /// Releases the mutex although the guard lives on.
        ///
        /// # Safety
        ///
        /// The caller calls `relock` before anybody uses or drops the guard.
        unsafe fn release(&mut self);

        /// Locks the mutex again.
        fn relock(&mut self);

        /// Whether waiting is to end early with an error. The guard has the lock.
        fn is_poisoned(&self) -> bool;
    }
}

/// The guards of mutexes that do not poison: they have both methods already.
macro_rules! wait_guard {
    ($([$($generics:tt)*] $guard:ty;)*) => {$(
        impl<$($generics)*> sealed::Sealed for $guard {
            unsafe fn release(&mut self) {
                // SAFETY: the caller's promise.
                unsafe { <$guard>::release(self) };
            }

            fn relock(&mut self) {
                <$guard>::relock(self);
            }

            fn is_poisoned(&self) -> bool {
                false
            }
        }

        impl<$($generics)*> WaitGuard for $guard {
            type Outcome<R> = R;

            fn outcome<R>(_: &Self, result: R) -> R {
                result
            }
        }
    )*};
}

wait_guard! {
    ['a, T: ?Sized, P: Policy] MutexGuard<'a, T, P>;
    [T: ?Sized, P: Policy] OwnedMutexGuard<T, P>;
}
