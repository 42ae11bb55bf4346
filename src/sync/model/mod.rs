//! The facade over loom: what models run.

pub(crate) mod asymmetric;
pub(crate) mod atomic;
pub mod audit;
pub mod fault;
pub(crate) mod habit;
pub(crate) mod lock;
pub(crate) mod pace;
pub mod park;
pub(crate) mod section;
pub(crate) mod spin;
pub(crate) mod stand_back;
pub(crate) mod time;

pub(crate) mod cell {
    pub(crate) use loom::cell::{MutPtr, UnsafeCell};
}

/// `thread_local!` of loom, whose rules know no `const` block.
macro_rules! local_const {
    ($(static $name:ident: $type:ty = const { $value:expr };)*) => {
        $(loom::thread_local! { static $name: $type = $value; })*
    };
}
pub(crate) use {local_const, loom::thread_local as local_lazy};

pub(crate) mod thread {
    pub(crate) use loom::thread::{JoinHandle, LocalKey, spawn};
}

/// Capacities, small enough for every interleaving.
pub(crate) mod sizes {
    /// Two owners, so that a third thread has to share.
    pub(crate) const SLOTS: usize = 2;
    /// One shared place, so that two threads without a slot meet.
    pub(crate) const SHARED: usize = 1;
    /// Three, and the one for those that find no place.
    pub(crate) const CLASSES: usize = 4;
    /// One round that may fail, then by address.
    pub(crate) const ROUNDS: usize = 1;
    /// Two, so that three waiters take two sections.
    pub(crate) const WAKES: usize = 2;
}

/// All of a thread's moves of an index but the first are guessed, or none.
pub(crate) fn row() -> u8 {
    if asymmetric::releases_by_store() { 0 } else { u8::MAX }
}

/// A constructor without its `const`: each loom atomic is registered with the running model.
macro_rules! const_new {
    // As each is.
    (#[track_caller] $($rest:tt)*) => { $crate::sync::const_new! { $($rest)* } };
    ($(#[$meta:meta])* $visibility:vis const fn $($rest:tt)*) => {
        #[track_caller]
        $(#[$meta])*
        $visibility fn $($rest)*
    };
}
pub(crate) use const_new;

/// `[value; length]` for a value that is not `Copy` and cannot be made in a `const`.
macro_rules! array {
    ($value:expr; $length:expr) => {
        core::array::from_fn(|_| $value)
    };
}
pub(crate) use array;

/// Declares a `static` of this crate's types, built anew for each execution of a model.
#[macro_export]
macro_rules! statics {
    () => {};
    ($(#[$meta:meta])* pub static $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        $crate::__private::loom::lazy_static! { $(#[$meta])* pub static ref $name: $type = $value; }
        $crate::statics! { $($rest)* }
    };
    ($(#[$meta:meta])* pub($($to:tt)+) static $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        $crate::__private::loom::lazy_static! {
            $(#[$meta])* pub($($to)+) static ref $name: $type = $value;
        }
        $crate::statics! { $($rest)* }
    };
    ($(#[$meta:meta])* static $name:ident: $type:ty = $value:expr; $($rest:tt)*) => {
        $crate::__private::loom::lazy_static! { $(#[$meta])* static ref $name: $type = $value; }
        $crate::statics! { $($rest)* }
    };
}

/// Never drops its content. At the end of loom's main thread the statics are gone before the
/// thread-locals, and `join` returns before a thread's locals were dropped, so there is no useful
/// moment; models end a thread's business explicitly.
pub(crate) struct AtThreadEnd<T>(core::mem::ManuallyDrop<T>);

impl<T> AtThreadEnd<T> {
    pub(crate) fn new(content: T) -> Self {
        Self(core::mem::ManuallyDrop::new(content))
    }
}

impl<T> core::ops::Deref for AtThreadEnd<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Behind `lockline::__private`.
pub mod private {
    pub use super::{
        asymmetric::release_by_store, audit, fault, pace::passed_on_quickly,
        stand_back::cores_are_wanted,
    };
    pub use loom;

    /// The facade itself, for the fixtures that test the audit.
    pub mod sync {
        pub use super::super::{
            atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
            park,
        };
    }

    /// The algorithms, for models that bring their own registry.
    #[cfg(target_has_atomic = "64")]
    pub use crate::raw::model::*;
}
