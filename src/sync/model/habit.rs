//! Nobody spins in a model, so there is nothing to learn.

use super::spin::{Spin, Wait};

#[derive(Debug)]
pub(crate) struct Habit;

#[allow(clippy::unused_self, reason = "as in the real one")]
impl Habit {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn spin(&self) -> Spin {
        Spin::spent()
    }

    pub(crate) fn spun(&self, _: &Spin) {}

    pub(crate) fn slept(&self, _: Wait) {}

    pub(crate) fn gather(&self, _: usize, _: impl FnOnce() -> bool) {}
}
