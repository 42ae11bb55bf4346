//! No spinning: a model explores every moment at which the next look could come.

use super::fault;
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

    pub(crate) const fn spent() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "as in the real one")]
    pub(crate) fn once(&mut self) -> bool {
        false
    }
}

/// Long where the model's fault says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait;

impl Wait {
    pub(crate) fn start() -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "as in the real one")]
    pub(crate) fn is_long(self) -> bool {
        fault::here(fault::Kind::LongWait)
    }

    #[allow(clippy::unused_self, reason = "as in the real one")]
    pub(crate) fn elapsed(self) -> Duration {
        Duration::ZERO
    }
}
