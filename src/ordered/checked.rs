//! The mutex that is checked at run time, without tokens.

use super::{
    error::OrderError,
    levels::Level,
    lock::{Lock, OrderedGuard},
    origin::Origin,
    watch::{Always, ByBuild, Checks, Idle, Never, Watching, sealed::Sealed},
};
use crate::{Mutex, sync::const_new};
use core::{fmt, panic::Location};
use std::time::Duration;

/// A [`Mutex`] that refuses to be waited for in an order that could deadlock, and a wait that would.
///
/// For code that cannot carry tokens. In builds with debug assertions, or always, as its [checks](Checks) say:
///
/// * **The order.** Locks are of *classes*: the place where they were made, or a declared level. When a thread asks for a lock
///   while it holds others, each of these comes before it from then on, in the whole program. Asked for against that
///   order, over locks in between or not, a lock is refused, *before* anybody blocks, and although this time there
///   might have been no deadlock. Two locks of one class at a time are refused too, unless taken by
///   [`lock_all`](super::lock_all). Among declared levels the declaration decides.
/// * **The waits.** A wait that would close a circle of waits is refused. This is exact: each such wait, and none else.
///
/// A lock that was got by `try_lock` or `try_lock_for` was not checked, and comes after nothing; what is asked for while it
/// is held comes after it.
///
/// A known order costs a few nanoseconds for each lock held, and threads that lock different locks share nothing they write to.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{Always, CheckedMutex, OrderErrorKind};
///
/// static USERS: CheckedMutex<Vec<String>, Always> = CheckedMutex::always(Vec::new());
/// static LOG: CheckedMutex<Vec<String>, Always> = CheckedMutex::always(Vec::new());
///
/// {
///     let users = USERS.lock();
///     LOG.lock().push(format!("{} users", users.len()));
/// }
/// let (log, here) = (LOG.lock(), line!());
/// let refused = USERS.checked_lock().unwrap_err();
/// assert_eq!(refused.kind(), OrderErrorKind::Inversion);
/// assert_eq!(refused.held_at().unwrap().line(), here);
/// // Nobody waits who has a deadline.
/// assert!(USERS.try_lock().is_some());
/// ```
pub struct CheckedMutex<T: ?Sized, S: Checks = ByBuild> {
    lock: Lock<T, S>,
}

const_new! {
    const fn with_watch<T, S: Checks>(watch: S::Watch, value: T) -> CheckedMutex<T, S> {
        CheckedMutex { lock: Lock { watch, mutex: Mutex::new(value) } }
    }
}

impl<T> CheckedMutex<T> {
    const_new! {
        #[track_caller]
        /// A free lock around `value`, of the class of this call, checked in [builds that ask for it](ByBuild). A constructor
        /// around it is one class to all its callers, unless it is `#[track_caller]` too.
        pub const fn new(value: T) -> Self {
            with_watch(<ByBuild as Sealed>::Watch::new(Origin::Site(Location::caller())), value)
        }
    }

    const_new! {
        /// A free lock around `value`, of the level `L`, checked in [builds that ask for it](ByBuild).
        pub const fn leveled<L: Level>(value: T) -> Self {
            with_watch(<ByBuild as Sealed>::Watch::new(Origin::Level(&L::PLACE)), value)
        }
    }
}

impl<T> CheckedMutex<T, Always> {
    const_new! {
        #[track_caller]
        /// As [`new`](CheckedMutex::new), checked in every build.
        pub const fn always(value: T) -> Self {
            with_watch(Watching::new(Origin::Site(Location::caller())), value)
        }
    }

    const_new! {
        /// As [`leveled`](CheckedMutex::leveled), checked in every build.
        pub const fn always_leveled<L: Level>(value: T) -> Self {
            with_watch(Watching::new(Origin::Level(&L::PLACE)), value)
        }
    }
}

impl<T> CheckedMutex<T, Never> {
    const_new! {
        #[track_caller]
        /// Not checked: the plain mutex.
        pub const fn never(value: T) -> Self {
            with_watch(Idle::new(Origin::Site(Location::caller())), value)
        }
    }
}

impl<T, S: Checks> CheckedMutex<T, S> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.lock.mutex.into_inner()
    }
}

impl<T: ?Sized, S: Checks> CheckedMutex<T, S> {
    /// Waits until it has the lock.
    ///
    /// # Panics
    ///
    /// Instead of waiting against the order or for ever. While the thread is panicking already, a wait against the
    /// order is reported to stderr and gone through with; one that would never end still panics, and so ends the process.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> OrderedGuard<'_, T, S> {
        self.lock.lock(Location::caller())
    }

    /// As [`lock`](Self::lock), for who wants to go on.
    ///
    /// # Errors
    ///
    /// Where `lock` panics. A refused call leaves no trace in the order.
    #[inline]
    #[track_caller]
    pub fn checked_lock(&self) -> Result<OrderedGuard<'_, T, S>, OrderError> {
        self.lock.checked_lock(Location::caller())
    }

    /// Takes the lock if it is free. Not checked, as it does not wait.
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<OrderedGuard<'_, T, S>> {
        self.lock.try_lock(Location::caller())
    }

    /// Waits for at most `timeout`. Not checked, as the wait ends; nor is it one of the waits that make a circle.
    #[track_caller]
    pub fn try_lock_for(&self, timeout: Duration) -> Option<OrderedGuard<'_, T, S>> {
        self.lock.try_lock_for(timeout, Location::caller())
    }

    /// Whether somebody has the lock at this moment.
    pub fn is_locked(&self) -> bool {
        self.lock.mutex.is_locked()
    }

    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.lock.mutex.get_mut()
    }

    pub(super) fn parts(&self) -> &Lock<T, S> {
        &self.lock
    }
}

impl<T: ?Sized> CheckedMutex<T, Always> {
    /// Waits until it has the lock, in any order: only a wait that would close a circle of waits is refused. Then let
    /// go of what others may wait for, and begin anew.
    ///
    /// Not there for locks that are checked in some builds only: a program that recovers from deadlocks must see
    /// them in all.
    ///
    /// # Errors
    ///
    /// If all who could end the wait are waiting, directly or over others, for what this thread has; also if it has
    /// this very lock. Exact among waits without a deadline for locks that are watched: one such wait of each circle is
    /// refused, at once, when the circle would close, and never another.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{Always, CheckedMutex};
    /// use std::thread;
    ///
    /// /// Takes two locks in whatever order they come, and starts again instead of deadlocking.
    /// fn swap(a: &CheckedMutex<u32, Always>, b: &CheckedMutex<u32, Always>) {
    ///     loop {
    ///         let mut first = a.lock_or_deadlock().unwrap();
    ///         if let Ok(mut second) = b.lock_or_deadlock() {
    ///             std::mem::swap(&mut *first, &mut *second);
    ///             return;
    ///         }
    ///     }
    /// }
    ///
    /// let (a, b) = (CheckedMutex::always(1), CheckedMutex::always(2));
    /// thread::scope(|scope| {
    ///     scope.spawn(|| (0..100).for_each(|_| swap(&a, &b)));
    ///     scope.spawn(|| (0..101).for_each(|_| swap(&b, &a)));
    /// });
    /// assert_eq!((a.into_inner(), b.into_inner()), (2, 1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock_or_deadlock(&self) -> Result<OrderedGuard<'_, T, Always>, OrderError> {
        self.lock.lock_or_deadlock(Location::caller())
    }
}

impl<T: Default> Default for CheckedMutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for CheckedMutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug, S: Checks> fmt::Debug for CheckedMutex<T, S> {
    /// Shows the value if the lock is free, and never waits for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock.fmt("CheckedMutex", f)
    }
}
