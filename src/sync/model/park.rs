//! Parking as a single step: nothing between the comparison and the queueing is a switch point to loom,
//! which is what the lock of `parking_lot_core`'s bucket does in the real one. The contract is in
//! `real/park.rs`.
//!
//! The queue of each word is a std mutex around a deque, which loom does not see, so it adds neither
//! states nor edges that the program does not have.

use super::{
    atomic::{AtomicU32, Ordering::Relaxed},
    audit, fault,
};
use core::panic::Location;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How a [`park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "no blocking primitive yet; the audit's fixture parks")]
pub enum Parked {
    /// By an unpark, or for no reason.
    Woken,
    /// At once: the word did not hold the expected value.
    Changed,
    /// Because the deadline passed.
    TimedOut,
}

type Queue = VecDeque<loom::thread::Thread>;

/// Who is parked on which address. Empty between executions: a model that ends with a thread still
/// parked has failed.
static PARKED: Mutex<Option<HashMap<usize, Queue>>> = Mutex::new(None);

fn table() -> MutexGuard<'static, Option<HashMap<usize, Queue>>> {
    PARKED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with_queue<R>(word: &AtomicU32, f: impl FnOnce(&mut Queue) -> R) -> R {
    let mut table = table();
    let table = table.get_or_insert_default();
    let key = core::ptr::from_ref(word).addr();
    let result = f(table.entry(key).or_default());
    if table[&key].is_empty() {
        table.remove(&key);
    }
    result
}

/// The newest value. The real comparison happens under the bucket's lock, after the waker's change if
/// the waker got there first, so an old value would be a false alarm. A loom load may return one; a
/// compare-and-exchange never does, and one that fails writes nothing and so orders nothing.
fn newest(word: &AtomicU32) -> u32 {
    let impossible = u32::MAX;
    match word.compare_exchange(impossible, impossible, Relaxed, Relaxed) {
        Ok(value) | Err(value) => value,
    }
}

/// Sleeps while `word` holds `expected`. With a deadline it times out only where the model's fault says so.
#[allow(dead_code, reason = "no blocking primitive yet; the audit's fixture parks")]
pub fn park(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Parked {
    if fault::here(fault::Kind::EarlyReturn) {
        return Parked::Woken;
    }
    if deadline.is_some() && fault::here(fault::Kind::TimeoutAtOnce) {
        return Parked::TimedOut;
    }
    let times_out = deadline.is_some() && fault::here(fault::Kind::TimeoutAsleep);
    if newest(word) != expected {
        return Parked::Changed;
    }
    let me = loom::thread::current();
    let id = me.id();
    with_queue(word, |queue| queue.push_back(me));
    if times_out {
        // A switch point: a waker may choose us before the timeout does.
        newest(word);
        let before = with_queue(word, |queue| {
            let before = queue.len();
            queue.retain(|thread| thread.id() != id);
            before != queue.len()
        });
        if before {
            return Parked::TimedOut;
        }
    }
    loom::thread::park();
    Parked::Woken
}

/// Wakes the thread that has been parked on `word` for longest, if there is one.
#[track_caller]
#[allow(dead_code, reason = "no blocking primitive yet; the audit's fixture wakes")]
pub fn unpark_one(word: &AtomicU32) -> bool {
    if !audit::wake(Location::caller()) {
        return false;
    }
    // A switch point, so that a waker can come just before or just after a timeout.
    newest(word);
    let first = with_queue(word, VecDeque::pop_front);
    first.inspect(loom::thread::Thread::unpark).is_some()
}

/// Wakes all threads that are parked on `word`, and says how many.
#[track_caller]
#[allow(dead_code, reason = "no blocking primitive yet")]
pub fn unpark_all(word: &AtomicU32) -> usize {
    if !audit::wake(Location::caller()) {
        return 0;
    }
    newest(word);
    let all = with_queue(word, core::mem::take);
    all.iter().for_each(loom::thread::Thread::unpark);
    all.len()
}
