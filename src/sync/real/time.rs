//! Deadlines.

use std::time::Duration;
pub(crate) use std::time::Instant;

/// How long a thread sleeps that might be missed by a release.
const SHORT: Duration = Duration::from_millis(1);

/// The deadline, or a moment from now if that is `short` and earlier.
pub(crate) fn earlier(deadline: Option<Instant>, short: bool) -> Option<Instant> {
    if short { Some(within(deadline, SHORT)) } else { deadline }
}

/// The deadline, or the moment so long from now if that is earlier.
pub(crate) fn within(deadline: Option<Instant>, rest: Duration) -> Instant {
    let then = Instant::now() + rest;
    deadline.map_or(then, |deadline| deadline.min(then))
}

/// Whether there is no time left to wait in.
pub(crate) fn is_past(deadline: Option<Instant>) -> bool {
    passed(deadline)
}

/// Whether a park that timed out did so because of the deadline.
pub(crate) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// The moment `timeout` from now, or none if that is beyond what the clock can say: then it is for ever.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
