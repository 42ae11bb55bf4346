//! A condition variable: the queue of those who sleep on it, and one flag that says whether to look there.
//!
//! A waiter joins the queue *before* it releases its mutex. Whoever changes the condition under the mutex after
//! that finds the waiter in the queue, so there is no moment at which a notification could fall between the release
//! and the sleep. The alternative is a sequence number that a notification bumps and a waiter compares as it goes to
//! sleep (as std does over a futex): that wakes waiters for nothing, cannot say whether anybody was woken, and misses a
//! waiter when it wraps. It is for systems that offer no more than "sleep if the word is still this".
//!
//! # State
//!
//! | `waiting` | meaning                       | who may change it                                                  |
//! |-----------|-------------------------------|--------------------------------------------------------------------|
//! | `NOBODY`  | the queue is empty            | a waiter that joins the queue, → `SOME`                            |
//! | `SOME`    | somebody may be in the queue  | a notification that leaves the queue empty, or found it so, → `NOBODY` |
//!
//! Both under the bucket's lock, in one step with the change of the queue. It is legal to be sloppy with `SOME`: a
//! waiter whose time is up leaves it, and the next notification looks in vain, once.
//!
//! # Transitions
//!
//! | by           | from → to           | when                                                              |
//! |--------------|---------------------|-------------------------------------------------------------------|
//! | `wait`       | any → `SOME`        | it joins the queue, its mutex still held                          |
//! | `wait`       | none                | it leaves the queue as its deadline passed; chosen before that, it is woken |
//! | `notify_one` | `SOME`, → `NOBODY` if the queue is now empty | it takes the first out of the queue      |
//! | `notify_all` | `SOME → NOBODY`     | it takes everybody out of the queue                               |
//!
//! # Edges
//!
//! None of its own; two are borrowed, and they are why everything here is relaxed.
//!
//! * **hand-off**, of the [mutex](super::mutex): a waiter sets `SOME`, then releases. Who notifies after it had the
//!   mutex after that, or knows of the release otherwise, reads this `SOME` or a later value. A later `NOBODY` was written
//!   when the queue was empty, so the waiter had left it: chosen, or too late.
//! * What a notifier did is seen by the waiter once it has the mutex again, if the notifier did it under the mutex.
//!
//! # Progress
//!
//! First come, first served. A notification takes the bucket's lock only on `SOME`. Who is woken then
//! waits for the mutex like anybody else.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/condvar.rs`.

use crate::sync::{
    asymmetric,
    atomic::{AtomicU8, Ordering::Relaxed},
    const_new,
    park::{self, Parked},
    time::Instant,
};

const NOBODY: u8 = 0;
const SOME: u8 = 1;

#[derive(Debug)]
pub(crate) struct RawCondvar {
    waiting: AtomicU8,
}

impl RawCondvar {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self { waiting: AtomicU8::new(NOBODY) }
        }
    }

    /// Joins the queue, calls `release`, and sleeps. Says whether it ended because the deadline passed; if not, a
    /// notification chose this thread, or nothing did.
    ///
    /// `release` runs exactly once. It neither panics nor waits, though it may give the core away, and nothing else here
    /// panics.
    pub(crate) fn wait(&self, release: impl FnOnce(), deadline: Option<Instant>) -> bool {
        asymmetric::about_to_release();
        let parked = park::park_releasing(
            &self.waiting,
            || {
                // Relaxed: under the bucket's lock, for a notification; before `release`, for its first look.
                self.waiting.store(SOME, Relaxed);
                true
            },
            release,
            |_| {},
            deadline,
        );
        parked == Parked::TimedOut
    }

    /// Whether a notification would look into the queue.
    #[inline]
    pub(crate) fn may_have_waiters(&self) -> bool {
        self.waiting.load(Relaxed) == SOME
    }

    /// Wakes who has waited for longest, and says whether there was one.
    #[inline]
    pub(crate) fn notify_one(&self) -> bool {
        self.may_have_waiters() && self.notify_one_slow()
    }

    /// Wakes all, and says how many.
    #[inline]
    pub(crate) fn notify_all(&self) -> usize {
        if self.may_have_waiters() { self.notify_all_slow() } else { 0 }
    }

    #[cold]
    fn notify_one_slow(&self) -> bool {
        let mut woke = false;
        park::unpark_one(&self.waiting, |found| {
            woke = found.woke;
            if !found.more {
                // Relaxed: under the bucket's lock, so no waiter is in between.
                self.waiting.store(NOBODY, Relaxed);
            }
        });
        woke
    }

    #[cold]
    fn notify_all_slow(&self) -> usize {
        // Relaxed: as in `notify_one_slow`.
        park::unpark_all(&self.waiting, || self.waiting.store(NOBODY, Relaxed))
    }
}
