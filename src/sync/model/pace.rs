//! A turn is due, or a pass slow, where the model's fault says so.

use super::{fault, spin::Spin};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

static QUICK: AtomicBool = AtomicBool::new(false);

/// From now on locks are passed on quickly, and not by a fault only: what comes of that meets the other faults. For
/// models, to begin with.
pub fn passed_on_quickly() {
    QUICK.store(true, Relaxed);
}

#[derive(Debug)]
pub(crate) struct Pace;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Start;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    Brief,
    Slow,
    Due,
}

#[allow(clippy::unused_self, reason = "as in the real one")]
impl Pace {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn begin(&self) {}

    pub(crate) fn is_due(&self) -> bool {
        fault::here(fault::Kind::LongWait)
    }

    pub(crate) fn rest(&self, _alone: bool, is_held: impl Fn() -> bool) -> Option<Duration> {
        ((QUICK.load(Relaxed) || fault::here(fault::Kind::Quick)) && is_held())
            .then_some(Duration::ZERO)
    }

    /// Nor does it wait.
    pub(crate) fn comes(&self, _is_kept: impl Fn() -> bool) -> bool {
        false
    }

    pub(crate) fn start(&self) -> Start {
        Start
    }

    pub(crate) fn passed_since(&self, _start: Start) -> u32 {
        0
    }

    /// A model does not spin.
    pub(crate) fn is_crowded(&self, _start: Start, _spin: &Spin) -> bool {
        false
    }

    pub(crate) fn is_thronged(&self, _start: Start) -> bool {
        false
    }

    pub(crate) fn counts(&self) -> bool {
        !fault::here(fault::Kind::NoLook)
    }

    pub(crate) fn pass(&self, _dozing: bool) -> Pass {
        if fault::here(fault::Kind::LongWait) {
            Pass::Due
        } else if fault::here(fault::Kind::SlowWaking) {
            Pass::Slow
        } else {
            Pass::Brief
        }
    }
}
