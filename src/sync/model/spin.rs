//! No spinning: a model explores every moment at which the next look could come.

use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Spin;

impl Spin {
    pub(crate) const fn brief() -> Self {
        Self
    }

    pub(crate) const fn patient() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "as in the real one")]
    pub(crate) fn once(&mut self) -> bool {
        false
    }
}

/// How long somebody has been waiting, which no model asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait;

impl Wait {
    pub(crate) fn start() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "as in the real one")]
    pub(crate) fn elapsed(self) -> Duration {
        Duration::ZERO
    }
}
