//! Locks in a declared order: the wrong order does not compile, and where types cannot reach, the wrong lock is refused
//! before it blocks.

mod checked;
mod dump;
mod error;
mod level_mutex;
mod levels;
mod lock;
#[cfg(not(all(loom, feature = "loom")))]
mod scope;
mod set;
mod token;
mod trace;
mod watch;

pub use checked::CheckedMutex;
pub use dump::{ObservedOrder, observed};
pub use error::{OrderError, OrderErrorKind, Step};
pub use level_mutex::LevelMutex;
pub use levels::{After, Level, Unlocked};
pub use lock::OrderedGuard;
#[cfg(not(all(loom, feature = "loom")))]
pub use scope::Scope;
pub use set::{CheckedSet, DuplicateLock, LockAllError, LockSet, lock_all};
pub use token::{Root, Token, with_root};
pub use watch::{Always, ByBuild, Checks, Never};

/// For `lock_levels!`, and for the property tests.
#[doc(hidden)]
pub mod __private {
    pub use super::{
        levels::{Bool, Place, Reach, closure, ranks},
        trace::Trace,
    };
}
