//! Deadlines pass where the model's fault says so: before the wait, or in a park, which tells it then.

use super::fault;
use std::time::Duration;
pub(crate) use std::time::Instant;

pub(crate) fn earlier(deadline: Option<Instant>, _short: bool) -> Option<Instant> {
    deadline
}

/// Asked before the wait.
pub(crate) fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some() && fault::here(fault::Kind::Timeout)
}

/// Asked only after a park that timed out.
pub(crate) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some()
}

pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
