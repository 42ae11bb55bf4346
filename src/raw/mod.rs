//! The algorithms: words, bits and their orderings. Nothing here is public, and nothing names
//! std's or loom's atomics except through [`crate::sync`].

pub(crate) mod condvar;
#[cfg(target_has_atomic = "64")]
pub(crate) mod laps;
pub(crate) mod lock_set;
pub(crate) mod mutex;
pub(crate) mod order;
#[cfg(target_has_atomic = "64")]
pub(crate) mod place;
#[cfg(target_has_atomic = "64")]
pub(crate) mod registry;
#[cfg(target_has_atomic = "64")]
pub(crate) mod ring;
#[cfg(target_has_atomic = "64")]
pub(crate) mod rows;
pub(crate) mod semaphore;
pub(crate) mod wait_list;
pub(crate) mod waits;
#[cfg(target_has_atomic = "64")]
pub(crate) mod work;

#[cfg(all(loom, feature = "loom", target_has_atomic = "64"))]
#[allow(unreachable_pub, reason = "reached through `__private`")]
pub mod model;
