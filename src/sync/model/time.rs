//! Deadlines pass where the model's fault says so, which only a park can tell.

use std::time::Duration;
pub(crate) use std::time::Instant;

pub(crate) fn earlier(deadline: Option<Instant>, _short: bool) -> Option<Instant> {
    deadline
}

/// Asked only after a park that timed out.
pub(crate) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some()
}

pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
