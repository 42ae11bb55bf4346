#![doc = include_str!("../README.md")]

#[cfg(target_has_atomic = "64")]
mod counter;
#[cfg(target_has_atomic = "64")]
mod counter_set;
#[cfg(target_has_atomic = "64")]
mod gauge;
mod raw;
mod sync;

#[cfg(target_has_atomic = "64")]
pub use {counter::Counter, counter_set::CounterSet, gauge::Gauge};

#[doc(hidden)]
pub use sync::private as __private;
