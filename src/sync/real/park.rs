//! Parks threads by the address of a word, through `parking_lot_core`.
//!
//! The contract, which `model/park.rs` keeps too:
//!
//! * [`park`] sleeps only if `word` holds `expected`, and looks and falls asleep in one step as seen by
//!   [`unpark_one`] and [`unpark_all`]: a wake-up after the word was changed is not missed.
//! * It may return early; the caller looks at its word again. It returns after `deadline` at the latest,
//!   give or take the scheduler.
//! * Wake-ups order nothing by themselves. The caller's own accesses to its words do.
//! * Only the address of the word is used to wake, so a word that is gone by then does no harm.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, ParkResult};
use std::time::Instant;

/// How a [`park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parked {
    /// By an unpark, or for no reason.
    Woken,
    /// At once: the word did not hold the expected value.
    Changed,
    /// Because the deadline passed.
    TimedOut,
}

/// Sleeps while `word` holds `expected`. See the contract above.
pub(crate) fn park(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Parked {
    // SAFETY: the closures neither panic nor call into parking_lot_core, and the key is the address of
    // a word of ours, which nobody else parks on.
    let result = unsafe {
        parking_lot_core::park(
            key(word),
            || word.load(Relaxed) == expected,
            || {},
            |_, _| {},
            DEFAULT_PARK_TOKEN,
            deadline,
        )
    };
    match result {
        ParkResult::Unparked(_) => Parked::Woken,
        ParkResult::Invalid => Parked::Changed,
        ParkResult::TimedOut => Parked::TimedOut,
    }
}

/// Wakes the thread that has been parked on `word` for longest, if there is one.
pub(crate) fn unpark_one(word: &AtomicU32) -> bool {
    // SAFETY: the closure does nothing, and the key is one that only `park` above uses.
    let result = unsafe { parking_lot_core::unpark_one(key(word), |_| DEFAULT_UNPARK_TOKEN) };
    result.unparked_threads != 0
}

/// Wakes all threads that are parked on `word`, and says how many.
pub(crate) fn unpark_all(word: &AtomicU32) -> usize {
    // SAFETY: the key is one that only `park` above uses.
    unsafe { parking_lot_core::unpark_all(key(word), DEFAULT_UNPARK_TOKEN) }
}

fn key(word: &AtomicU32) -> usize {
    core::ptr::from_ref(word).addr()
}
