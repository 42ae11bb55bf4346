//! The facade over std and `parking_lot_core`: what users run.

pub(crate) mod asymmetric;
pub(crate) mod cell;
pub(crate) mod habit;
pub(crate) mod lock;
pub(crate) mod pace;
pub(crate) mod park;
pub(crate) mod section;
pub(crate) mod spin;
pub(crate) mod stand_back;
pub(crate) mod time;

pub(crate) use std::{thread_local as local_const, thread_local as local_lazy};

pub(crate) mod atomic {
    pub(crate) use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
}

pub(crate) mod thread {
    pub(crate) use std::thread::{JoinHandle, LocalKey, spawn};
}

/// Capacities that a model needs small.
pub(crate) mod sizes {
    /// Threads that can own a slot at the same time. One word holds a bit for each, and few machines
    /// have more hardware threads; slots that no thread has used cost a reader nothing.
    pub(crate) const SLOTS: usize = 64;
    /// Places for threads without a slot. As many as keep a few dozen blocked-most-of-the-time threads
    /// from meeting often.
    pub(crate) const SHARED: usize = 8;
    /// Classes of locks that the run-time order tells apart. A bit for each pair, 128 KiB that a program which checks
    /// nothing never touches.
    pub(crate) const CLASSES: usize = 1024;
    /// How often a set of locks is tried before it is taken in the order of addresses.
    pub(crate) const ROUNDS: usize = 3;
    /// Wake-ups made after one section of a wait list's lock.
    pub(crate) const WAKES: usize = 8;
}

/// If nobody else moved an index between so many of a thread's moves in a row, nobody is expected to before the next.
/// A guess in vain costs a look at a slot that another core has just written.
pub(crate) const fn row() -> u8 {
    4
}

/// A constructor that is `const`, except under loom, whose atomics cannot be.
macro_rules! const_new {
    ($($constructor:tt)*) => { $($constructor)* };
}
pub(crate) use const_new;

/// `[value; length]` for a value that is not `Copy`.
macro_rules! array {
    ($value:expr; $length:expr) => {
        [const { $value }; $length]
    };
}
pub(crate) use array;

/// Declares a `static` of this crate's types, in ordinary builds and under loom.
///
/// In an ordinary build `statics! { static REQUESTS: Counter = Counter::new(); }` is the plain `static`
/// that stands in it, and you do not need the macro. Under loom there are no atomics that live longer
/// than one execution of a model, so there the macro makes a value that each execution builds anew on
/// first use. Write it once and the same code runs in both.
///
/// # Examples
///
/// ```
/// use lockline::Counter;
///
/// lockline::statics! {
///     /// Requests since the start.
///     pub static REQUESTS: Counter = Counter::new();
///     static ERRORS: Counter = Counter::new();
/// }
///
/// REQUESTS.increment();
/// assert_eq!((REQUESTS.sum(), ERRORS.sum()), (1, 0));
/// ```
#[macro_export]
macro_rules! statics {
    ($($(#[$meta:meta])* $visibility:vis static $name:ident: $type:ty = $value:expr;)*) => {
        $($(#[$meta])* $visibility static $name: $type = $value;)*
    };
}

/// Drops its content when it is dropped: in a thread-local, when the thread ends.
pub(crate) struct AtThreadEnd<T>(T);

impl<T> AtThreadEnd<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self(content)
    }
}

impl<T> core::ops::Deref for AtThreadEnd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Behind `lockline::__private`: what the macros of this world need, which is nothing; and for `tests/hooks`.
pub mod private {
    #[cfg(lockline_hooks)]
    pub use super::{
        asymmetric::hooks,
        pace::{clock_stands, dozes_last},
        park::slept,
        spin::spins,
        stand_back::spare,
    };
}
