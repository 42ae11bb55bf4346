//! Parking with buckets that are loom mutexes, so that what the closures do and the change of the queue are
//! one step, and what one user of the bucket did is seen by the next, as `parking_lot_core` promises.
//! The contract is in `real/park.rs`. Each key has a bucket of its own: two that share one, as a real table
//! may have it, order more.
//!
//! A thread sleeps on a channel of its own. Loom's `park` would not do: a wake-up that is kept for a thread that
//! does not sleep yet is forgotten when that thread comes to a mutex first, as `release` may make it do, and one
//! that finds it blocked there ends the wrong wait.

use super::{audit, fault, time};
use core::{panic::Location, task::Waker};
use loom::sync::{
    MutexGuard,
    mpsc::{Receiver, Sender, channel},
};
use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Instant,
};

/// How a [`park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// By an unpark that chose this thread.
    Woken,
    /// As in `real/park.rs`.
    Changed,
    /// Because the deadline passed; the thread is no longer in the queue.
    TimedOut,
}

/// What an unpark found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unparked {
    /// Somebody was there, and is woken.
    pub woke: bool,
    /// Somebody is left in the queue.
    pub more: bool,
}

/// A thread in a queue.
struct Sleeper {
    id: loom::thread::ThreadId,
    alarm: Sender<()>,
}

impl Sleeper {
    fn this_thread() -> (Self, Receiver<()>) {
        let (alarm, woken) = channel();
        (Self { id: loom::thread::current().id(), alarm }, woken)
    }

    fn wake(&self) {
        // A sleeper that is out of the queue without having left it waits for this.
        let _ = self.alarm.send(());
    }
}

type Queue = loom::sync::Mutex<VecDeque<Sleeper>>;

loom::lazy_static! {
    /// Under a lock that loom does not see: finding one's bucket orders nothing.
    static ref TABLE: std::sync::Mutex<HashMap<usize, Arc<Queue>>> = std::sync::Mutex::default();
}

/// Makes the table. To loom whoever does it happens before whoever uses it, so the first thread should.
pub(super) fn prepare() {
    let _ = &*TABLE;
}

struct Bucket(Arc<Queue>);

impl Bucket {
    fn of<K>(key: &K) -> Self {
        Self::at(Address::of(key))
    }

    fn at(address: Address) -> Self {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = table.entry(address.0);
        Self(Arc::clone(queue.or_insert_with(|| Arc::new(Queue::new(VecDeque::new())))))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sleeper>> {
        self.0.lock().expect("the closures do not panic")
    }
}

/// How many threads sleep on `key`, for models.
pub(crate) fn sleepers<K>(key: &K) -> usize {
    Bucket::of(key).lock().len()
}

/// Sleeps on `key`, if `validate` says so. With a deadline it times out where the model's fault says so, or for certain
/// if that has passed.
pub fn park<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    timed_out: impl FnOnce(bool),
    deadline: Option<Instant>,
) -> Parked {
    if fault::here(fault::Kind::EarlyReturn) {
        return Parked::Changed;
    }
    enqueue(key, validate, || {}, timed_out, deadline, false)
}

/// As [`park`], and calls `release` between joining the queue and going to sleep.
pub fn park_releasing<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    release: impl FnOnce(),
    timed_out: impl FnOnce(bool),
    deadline: Option<Instant>,
) -> Parked {
    let early = fault::here(fault::Kind::EarlyReturn);
    enqueue(key, validate, release, timed_out, deadline, early)
}

fn enqueue<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    release: impl FnOnce(),
    timed_out: impl FnOnce(bool),
    deadline: Option<Instant>,
    early: bool,
) -> Parked {
    let deadline_passes = deadline
        .is_some_and(|deadline| time::has_passed(deadline) || fault::here(fault::Kind::Timeout));
    let bucket = Bucket::of(key);
    let (me, woken) = Sleeper::this_thread();
    let id = me.id;
    {
        let mut queue = bucket.lock();
        if !validate() {
            return Parked::Changed;
        }
        queue.push_back(me);
    }
    release();
    if early || deadline_passes {
        // Others may have chosen us in between: then the wake-up stands.
        let mut queue = bucket.lock();
        let before = queue.len();
        queue.retain(|sleeper| sleeper.id != id);
        if before != queue.len() {
            if early {
                return Parked::Changed;
            }
            timed_out(queue.is_empty());
            return Parked::TimedOut;
        }
    }
    // An alarm that is gone cannot be: whoever took us out of the queue rings it first.
    let _ = woken.recv();
    Parked::Woken
}

/// Wakes the thread that has been parked on `key` for longest. Whether there was one.
#[track_caller]
pub fn unpark_one<K>(key: &K, before_wake: impl FnOnce(Unparked)) -> bool {
    let bucket = Bucket::of(key);
    let first = {
        let mut queue = bucket.lock();
        let first = queue.pop_front();
        before_wake(Unparked { woke: first.is_some(), more: !queue.is_empty() });
        first
    };
    let woke = first.is_some();
    if let Some(sleeper) = first
        && audit::wake(Location::caller())
    {
        sleeper.wake();
    }
    woke
}

/// Wakes all threads parked on `key`, and says how many.
#[track_caller]
pub fn unpark_all<K>(key: &K, before_wake: impl FnOnce()) -> usize {
    if !audit::wake(Location::caller()) {
        return 0;
    }
    let bucket = Bucket::of(key);
    let all = {
        let mut queue = bucket.lock();
        before_wake();
        core::mem::take(&mut *queue)
    };
    let woken = all.len();
    for sleeper in all {
        sleeper.wake();
    }
    woken
}

/// Where a [`park_for_good`] sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Address(usize);

impl Address {
    #[allow(missing_docs, reason = "for models only")]
    pub fn of<K>(key: &K) -> Self {
        Self(core::ptr::from_ref(key).addr())
    }
}

/// As [`park`]. Whoever else parks on the same address sleeps in the same queue here, which nobody does while the
/// key is there; nor does anybody whose sleep a wake-up for nothing would harm come after it.
pub fn park_for_good<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    deadline: Option<Instant>,
) -> Parked {
    park(key, validate, |_| {}, deadline)
}

/// Wakes whoever sleeps there.
#[track_caller]
pub fn unpark_at(address: Address) {
    if !audit::wake(Location::caller()) {
        return;
    }
    let first = Bucket::at(address).lock().pop_front();
    if let Some(sleeper) = first {
        sleeper.wake();
    }
}

/// Wakes a task.
#[track_caller]
pub fn wake_task(waker: Waker) {
    if audit::wake(Location::caller()) {
        contain(|| waker.wake());
    } else {
        drop_waker(Some(waker));
    }
}

/// Drops a waker.
pub fn drop_waker(waker: Option<Waker>) {
    if let Some(waker) = waker {
        contain(|| drop(waker));
    }
}

fn contain(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code)) {
        core::mem::forget(payload);
    }
}
