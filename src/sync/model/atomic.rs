//! Loom's atomics, with each operation's call site reported to the audit before it is carried out.
//!
//! Only what the crate uses is here; add a line when it uses more. `SeqCst` on an access is refused:
//! loom would take it as `AcqRel` without a word, and a model that passes would prove nothing about it.

pub use core::sync::atomic::Ordering;

use super::{audit, fault};
use core::panic::Location;

/// Each method has the caller's location, as seen from the layer above the facade.
macro_rules! atomic {
    ($name:ident, $int:ty) => {
        /// See the type of the same name in `core::sync::atomic`.
        #[derive(Debug)]
        pub struct $name(loom::sync::atomic::$name);

        #[allow(
            missing_docs,
            clippy::missing_errors_doc,
            dead_code,
            reason = "the same methods for each width; std documents them"
        )]
        impl $name {
            #[track_caller]
            pub fn new(value: $int) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            #[track_caller]
            pub fn load(&self, order: Ordering) -> $int {
                let order = audit::access("load", order, Location::caller());
                self.0.load(order)
            }

            #[track_caller]
            pub fn store(&self, value: $int, order: Ordering) {
                let order = audit::access("store", order, Location::caller());
                self.0.store(value, order);
            }

            #[track_caller]
            pub fn swap(&self, value: $int, order: Ordering) -> $int {
                let order = audit::access("swap", order, Location::caller());
                self.0.swap(value, order)
            }

            #[track_caller]
            pub fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                let order = audit::access("fetch_add", order, Location::caller());
                self.0.fetch_add(value, order)
            }

            #[track_caller]
            pub fn fetch_sub(&self, value: $int, order: Ordering) -> $int {
                let order = audit::access("fetch_sub", order, Location::caller());
                self.0.fetch_sub(value, order)
            }

            #[track_caller]
            pub fn fetch_and(&self, value: $int, order: Ordering) -> $int {
                let order = audit::access("fetch_and", order, Location::caller());
                self.0.fetch_and(value, order)
            }

            #[track_caller]
            pub fn fetch_or(&self, value: $int, order: Ordering) -> $int {
                let order = audit::access("fetch_or", order, Location::caller());
                self.0.fetch_or(value, order)
            }

            #[track_caller]
            pub fn fetch_max(&self, value: $int, order: Ordering) -> $int {
                let order = audit::access("fetch_max", order, Location::caller());
                self.0.fetch_max(value, order)
            }

            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                let success = audit::access("compare_exchange", success, Location::caller());
                let failure =
                    audit::access("compare_exchange failure", failure, Location::caller());
                self.0.compare_exchange(current, new, success, failure)
            }

            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                let success = audit::access("compare_exchange", success, Location::caller());
                let failure =
                    audit::access("compare_exchange failure", failure, Location::caller());
                if fault::here(fault::Kind::WeakCas) {
                    // Fails although the value may be right: a load, with the failure ordering.
                    return Err(self.0.load(failure));
                }
                self.0.compare_exchange(current, new, success, failure)
            }
        }
    };
}

atomic!(AtomicU8, u8);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);

/// See `core::sync::atomic::fence`.
#[track_caller]
#[allow(dead_code, reason = "no algorithm has a fence yet; the audit's fixture has")]
pub fn fence(order: Ordering) {
    if let Some(order) = audit::fence(order, Location::caller()) {
        loom::sync::atomic::fence(order);
    }
}
