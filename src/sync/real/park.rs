//! Parks threads by address, through `parking_lot_core`.
//!
//! The contract, which `model/park.rs` keeps too:
//!
//! * The threads parked on one key form a queue, first come first served. A lock that belongs to the key
//!   (the *bucket's*) is held while `validate`, `timed_out` and `before_wake` run, and while the queue
//!   changes: what these closures do and the change of the queue are one step to all others.
//! * What happened before an unpark is seen by the `validate` of a later park on the same key.
//! * `release` runs once `validate` said yes and the thread is in the queue, before it sleeps, without the
//!   bucket's lock: whoever is let in by it finds the thread there. It may unpark others.
//! * [`park`] says [`Parked::Woken`] only if an unpark chose this thread. It returns after `deadline` at
//!   the latest, give or take the scheduler.
//! * Only the address of the key is used, so a key that is gone by the time of a wake does no harm.
//! * No closure panics or parks, nor allocates, as an allocator may park; and those under the bucket's lock do not
//!   unpark either. So nothing unwinds here.

use core::task::Waker;
use parking_lot_core::{DEFAULT_PARK_TOKEN, DEFAULT_UNPARK_TOKEN, FilterOp, ParkResult, ParkToken};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

/// How a [`park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parked {
    /// By an unpark that chose this thread.
    Woken,
    /// At once, as `validate` said no, or before it was asked; with a `release` also after that, for no reason. The
    /// thread is not in the queue.
    Changed,
    /// Because the deadline passed; the thread is no longer in the queue.
    TimedOut,
}

/// What an unpark found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unparked {
    /// Somebody was there, and is woken.
    pub(crate) woke: bool,
    /// Somebody is left in the queue.
    pub(crate) more: bool,
}

/// Sleeps on `key`, if `validate` says so. `timed_out` is told whether the queue is now empty.
pub(crate) fn park<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    timed_out: impl FnOnce(bool),
    deadline: Option<Instant>,
) -> Parked {
    park_releasing(key, validate, joined, timed_out, deadline)
}

/// The thread is in a queue, and about to sleep.
fn joined() {
    #[cfg(lockline_hooks)]
    SLEPT.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
}

#[cfg(lockline_hooks)]
static SLEPT: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// For `tests/hooks`: how often a thread has gone to sleep by [`park`], in all.
#[cfg(lockline_hooks)]
pub fn slept() -> u64 {
    SLEPT.load(core::sync::atomic::Ordering::Relaxed)
}

/// As [`park`], and calls `release` between joining the queue and going to sleep.
pub(crate) fn park_releasing<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    release: impl FnOnce(),
    timed_out: impl FnOnce(bool),
    deadline: Option<Instant>,
) -> Parked {
    // SAFETY: the closures keep to the contract above, and the key is the address of a field of ours,
    // on which nobody else parks.
    let result = unsafe {
        parking_lot_core::park(
            address(key),
            validate,
            release,
            |_, last| timed_out(last),
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

/// Wakes the thread that has been parked on `key` for longest, if there is one. The thread is woken
/// after `before_wake` ran and the bucket's lock was released. Whether there was one.
pub(crate) fn unpark_one<K>(key: &K, before_wake: impl FnOnce(Unparked)) -> bool {
    // SAFETY: the closure keeps to the contract above, and only `park` above uses such keys.
    let result = unsafe {
        parking_lot_core::unpark_one(address(key), |result| {
            before_wake(Unparked {
                woke: result.unparked_threads != 0,
                more: result.have_more_threads,
            });
            DEFAULT_UNPARK_TOKEN
        })
    };
    result.unparked_threads != 0
}

/// Wakes all threads parked on `key`, and says how many. They are woken after `before_wake` ran and the bucket's
/// lock was released.
pub(crate) fn unpark_all<K>(key: &K, before_wake: impl FnOnce()) -> usize {
    // SAFETY: as for `unpark_one`. `parking_lot_core::unpark_all` would do, but has no callback.
    let result = unsafe {
        parking_lot_core::unpark_filter(
            address(key),
            |_| FilterOp::Unpark,
            |_| {
                before_wake();
                DEFAULT_UNPARK_TOKEN
            },
        )
    };
    result.unparked_threads
}

/// Where a [`park_for_good`] sleeps, for a wake-up that comes when the key may be gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(usize);

impl Address {
    pub(crate) fn of<K>(key: &K) -> Self {
        Self(address(key))
    }
}

/// What [`unpark_at`] knows its sleepers by: the address of something that is ours alone.
static MARK: u8 = 0;

fn mark() -> ParkToken {
    ParkToken(address(&MARK))
}

/// As [`park`], for a thread that is woken by [`unpark_at`] and nothing else, and may be so for nothing.
pub(crate) fn park_for_good<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    deadline: Option<Instant>,
) -> Parked {
    // SAFETY: as for `park_releasing`.
    let result = unsafe {
        parking_lot_core::park(address(key), validate, || {}, |_, _| {}, mark(), deadline)
    };
    match result {
        ParkResult::Unparked(_) => Parked::Woken,
        ParkResult::Invalid => Parked::Changed,
        ParkResult::TimedOut => Parked::TimedOut,
    }
}

/// Wakes whoever sleeps there by [`park_for_good`]. If the key is gone, and something else that threads park on
/// has its place, these are left alone.
pub(crate) fn unpark_at(address: Address) {
    let ours = |token| if token == mark() { FilterOp::Unpark } else { FilterOp::Skip };
    // SAFETY: the closures keep to the contract above. The address may be anybody's by now: only threads with our
    // mark are woken, and for these it is no harm.
    unsafe { parking_lot_core::unpark_filter(address.0, ours, |_| DEFAULT_UNPARK_TOKEN) };
}

/// Wakes a task. A waker that panics has been reported by the panic hook, and harms neither the caller nor those
/// who are woken after it.
pub(crate) fn wake_task(waker: Waker) {
    contain(|| waker.wake());
}

/// Drops a waker, with the same care.
pub(crate) fn drop_waker(waker: Option<Waker>) {
    if let Some(waker) = waker {
        contain(|| drop(waker));
    }
}

fn contain(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code)) {
        // Dropping it might panic again.
        core::mem::forget(payload);
    }
}

fn address<K>(key: &K) -> usize {
    core::ptr::from_ref(key).addr()
}
