//! The facade: the only place that names atomics, thread-locals, parking, spinning, or loom.
//!
//! The layers above say `crate::sync::…` and compile unchanged in both worlds. [`real`] is std and
//! `parking_lot_core`; [`model`] is loom, with three additions that loom lacks: it lists the orderings
//! it is asked for, weakens one of them on request, and can make the platform do what it rarely does
//! (see `model/audit.rs` and `model/fault.rs`).
//!
//! What differs between the two differs here. In particular the sizes: a model explores every
//! interleaving, so it has 2 slots where a service has 64.

#[cfg(not(all(loom, feature = "loom")))]
mod real;
#[cfg(not(all(loom, feature = "loom")))]
pub use real::private;
#[cfg(not(all(loom, feature = "loom")))]
pub(crate) use real::*;

#[cfg(all(loom, feature = "loom"))]
mod model;
#[cfg(all(loom, feature = "loom"))]
pub use model::private;
#[cfg(all(loom, feature = "loom"))]
pub(crate) use model::*;

pub(crate) mod recent;
pub(crate) mod stats;

/// A lock of the layer above, for a [`Section`](section::Section) to use.
#[cfg_attr(loom, allow(dead_code, reason = "a model has no use for it"))]
pub(crate) trait Exclude {
    fn enter(&self);

    /// # Safety
    ///
    /// The caller has entered, and leaves once.
    unsafe fn leave(&self);
}
