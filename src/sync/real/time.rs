//! Deadlines.

use std::time::Duration;
pub(crate) use std::time::Instant;

/// So much time, a few slices of the system's, who may be off its core needlessly must have left.
const FAR: Duration = Duration::from_millis(20);
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

/// Whether there is so much time left that it matters little if some is lost.
pub(crate) fn is_far(deadline: Option<Instant>) -> bool {
    deadline.is_none_or(|deadline| leaves_time(deadline, Instant::now()))
}

fn leaves_time(deadline: Instant, now: Instant) -> bool {
    deadline.saturating_duration_since(now) >= FAR
}

/// Whether a park that timed out did so because of the deadline.
pub(crate) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

/// The moment `timeout` from now, or none if that is beyond what the clock can say: then it is for ever.
pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_is_what_leaves_time_for_some_slices() {
        let now = Instant::now();
        assert!(leaves_time(now + FAR, now));
        assert!(!leaves_time(now + FAR, now + Duration::from_nanos(1)));
        assert!(!leaves_time(now, now + FAR));
        assert!(is_far(None) && !is_far(Some(now)));
    }
}
