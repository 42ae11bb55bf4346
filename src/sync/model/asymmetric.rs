//! The asymmetric fences, both as `SeqCst` fences; a model chooses the kind of release.

use super::{atomic::fence, fault, park};
use core::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};

static BY_STORE: AtomicBool = AtomicBool::new(false);

/// From now on releases are by store and fence, or by swap. For models, to begin with.
pub fn release_by_store(by_store: bool) {
    park::prepare();
    BY_STORE.store(by_store, Relaxed);
}

pub(crate) fn releases_by_store() -> bool {
    BY_STORE.load(Relaxed)
}

pub(crate) fn released_by_swap() {}

pub(crate) fn about_to_release() {}

#[track_caller]
pub(crate) fn light_fence() {
    // SeqCst: stands for the compiler's fence of a release, which the heavy one makes as strong as this.
    fence(SeqCst);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    Fenced,
    Chained,
    Short,
}

impl Sleep {
    /// Also if it is short: a modification beside a plain store is in no order with it here, and may hide it for good.
    pub(crate) fn looks_by_load(self) -> bool {
        self != Self::Chained
    }
}

#[track_caller]
pub(crate) fn heavy_fence() -> Sleep {
    if !releases_by_store() {
        return Sleep::Chained;
    }
    if fault::here(fault::Kind::Refusal) {
        return Sleep::Short;
    }
    // SeqCst: the same as that of a release, each before its look.
    fence(SeqCst);
    Sleep::Fenced
}
