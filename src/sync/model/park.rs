//! Parking with a bucket that is a loom mutex, so that what the closures do and the change of the queue are
//! one step, and what one user of the bucket did is seen by the next, as `parking_lot_core` promises.
//! The contract is in `real/park.rs`. All keys share one bucket, which a real table may do to any two.
//!
//! A thread sleeps on a channel of its own. Loom's `park` would not do: a wake-up that is kept for a thread that
//! does not sleep yet is forgotten when that thread comes to a mutex first, as `release` may make it do, and one
//! that finds it blocked there ends the wrong wait.

use super::{audit, fault};
use core::{panic::Location, task::Waker};
use loom::sync::{
    MutexGuard,
    mpsc::{Receiver, Sender, channel},
};
use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

/// How a [`park`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// By an unpark that chose this thread.
    Woken,
    /// At once, as `validate` said no, or for no reason; the thread is not in the queue.
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

type Table = HashMap<usize, VecDeque<Sleeper>>;

loom::lazy_static! {
    static ref BUCKET: loom::sync::Mutex<Table> = loom::sync::Mutex::new(Table::new());
}

fn bucket() -> MutexGuard<'static, Table> {
    BUCKET.lock().expect("the closures do not panic")
}

/// Sleeps on `key`, if `validate` says so. With a deadline it times out only where the model's fault says so.
pub fn park<K>(
    key: &K,
    validate: impl FnOnce() -> bool,
    timed_out: impl FnOnce(bool),
    deadline: Option<Instant>,
) -> Parked {
    park_releasing(key, validate, || {}, timed_out, deadline)
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
    let deadline_passes = deadline.is_some() && fault::here(fault::Kind::Timeout);
    let key = core::ptr::from_ref(key).addr();
    let (me, woken) = Sleeper::this_thread();
    let id = me.id;
    {
        let mut table = bucket();
        if !validate() {
            return Parked::Changed;
        }
        table.entry(key).or_default().push_back(me);
    }
    release();
    if early || deadline_passes {
        // Others may have chosen us in between: then the wake-up stands.
        let mut table = bucket();
        let queue = table.entry(key).or_default();
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

/// Wakes the thread that has been parked on `key` for longest, if there is one.
#[track_caller]
pub fn unpark_one<K>(key: &K, before_wake: impl FnOnce(Unparked)) {
    if !audit::wake(Location::caller()) {
        return;
    }
    let key = core::ptr::from_ref(key).addr();
    let first = {
        let mut table = bucket();
        let queue = table.entry(key).or_default();
        let first = queue.pop_front();
        before_wake(Unparked { woke: first.is_some(), more: !queue.is_empty() });
        first
    };
    if let Some(sleeper) = first {
        sleeper.wake();
    }
}

/// Wakes all threads parked on `key`, and says how many.
#[track_caller]
pub fn unpark_all<K>(key: &K, before_wake: impl FnOnce()) -> usize {
    if !audit::wake(Location::caller()) {
        return 0;
    }
    let key = core::ptr::from_ref(key).addr();
    let all = {
        let mut table = bucket();
        let all = core::mem::take(table.entry(key).or_default());
        before_wake();
        all
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
    let first = bucket().entry(address.0).or_default().pop_front();
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
