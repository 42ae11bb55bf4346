//! Who meets others finds that its core is wanted, where the model says so or its fault. Nobody stands back: a model
//! explores every moment at which the next look could come.

use super::fault;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static WANTED: AtomicBool = AtomicBool::new(false);

/// From now on everybody's core is wanted, and not by a fault only: what comes of that meets the other faults. For
/// models, to begin with.
pub fn cores_are_wanted() {
    WANTED.store(true, Relaxed);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    Compete,
    #[allow(dead_code, reason = "as in the real one")]
    StoodBack,
    #[allow(dead_code, reason = "as in the real one")]
    Measure,
    Wanted,
}

pub(crate) fn meets(_may_give: impl FnOnce() -> bool) -> Meeting {
    if WANTED.load(Relaxed) || fault::here(fault::Kind::Rest) {
        Meeting::Wanted
    } else {
        Meeting::Compete
    }
}

pub(crate) fn measures(_passes: impl Fn() -> u32) {}

/// Who is spared first tries as anybody does: nothing else comes of that.
pub(crate) fn is_spared() -> bool {
    false
}
