#![doc = include_str!("../README.md")]

mod async_mutex;
mod condvar;
#[cfg(target_has_atomic = "64")]
mod counter;
#[cfg(target_has_atomic = "64")]
mod counter_set;
#[cfg(target_has_atomic = "64")]
mod gauge;
#[cfg(all(feature = "lock_api_0_4", not(all(loom, feature = "loom"))))]
pub mod lock_api_0_4;
mod mutex;
pub mod ordered;
pub mod poison;
#[cfg(target_has_atomic = "64")]
pub mod queue;
mod raw;
mod semaphore;
mod sync;

#[cfg(target_has_atomic = "64")]
pub use {counter::Counter, counter_set::CounterSet, gauge::Gauge};

pub use async_mutex::{AsyncMutex, AsyncMutexGuard, Locking, LockingOwned, OwnedAsyncMutexGuard};
pub use condvar::{Condvar, WaitGuard, WaitTimeoutResult};
pub use mutex::{
    LockStats, MappedMutexGuard, Mutex, MutexGuard, Observed, Observes, OwnedMappedMutexGuard,
    OwnedMutexGuard, Plain, Policy, SendGuards,
};
#[cfg(target_has_atomic = "64")]
pub use queue::WorkQueue;

pub use semaphore::{
    Acquire, AcquireError, AcquireOwned, Fairness, OwnedPermit, Permit, PollSemaphore, Semaphore,
    TryAcquireError,
};

#[cfg(feature = "tower")]
pub use semaphore::tower;

#[doc(hidden)]
pub use sync::private as __private;
