//! Deadlines pass where the model's fault says so, before the wait or in a park, which tells it then. That of a timeout
//! of zero always has, and that of a nanosecond passes in the first park.

use super::fault;
pub(crate) use std::time::Instant;
use std::{sync::LazyLock, time::Duration};

/// The clock must not decide anything: an execution is repeated step by step.
static PAST: LazyLock<Instant> = LazyLock::new(Instant::now);

const NEXT: Duration = Duration::from_nanos(1);

/// Asked in a park.
pub(super) fn has_passed(deadline: Instant) -> bool {
    // Exactly these two: what a model takes from the clock may lie before them, and passes by the fault alone.
    [*PAST, *PAST + NEXT].contains(&deadline)
}

/// A short sleep ends without a wake-up, if it must.
pub(crate) fn earlier(deadline: Option<Instant>, short: bool) -> Option<Instant> {
    if short { Some(*PAST + NEXT) } else { deadline }
}

/// Such a sleep ends without a wake-up, if it must.
pub(crate) fn within(_deadline: Option<Instant>, _rest: Duration) -> Instant {
    *PAST + NEXT
}

/// Asked before the wait.
pub(crate) fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline == *PAST || fault::here(fault::Kind::Timeout))
}

/// Nobody asks: no core is given away in a model.
pub(crate) fn is_far(_deadline: Option<Instant>) -> bool {
    true
}

/// Asked only after a park that timed out.
pub(crate) fn passed(deadline: Option<Instant>) -> bool {
    deadline.is_some()
}

pub(crate) fn after(timeout: Duration) -> Option<Instant> {
    let past = *PAST;
    if timeout.is_zero() { Some(past) } else { past.checked_add(timeout) }
}
