//! A mutex in two bytes: newcomers may take it when it is free, and nobody waits for long.
//!
//! Barging, because handing a lock to a thread that still sleeps leaves it idle for the microseconds
//! that waking takes. Bounded, because barging alone starves. At most one waiter, the *head*, is awake
//! and trying; the others sleep in a queue, and none is woken while the head has not got the lock. A head that
//! loses keeps its place and its age, and one that has waited a millisecond closes the lock to newcomers.
//! (Go's [starvation mode](https://github.com/golang/go/blob/master/src/internal/sync/mutex.go) hands over to
//! sleepers; `nsync`'s [designated waker](https://github.com/google/nsync) counts failed wake-ups.)
//!
//! The lock and the waiters have a byte each, never accessed as one word, so that a release can be a plain
//! store where [`asymmetric`](crate::sync::asymmetric) fences are to be had.
//!
//! # State
//!
//! | `lock`     | meaning                                                 | who may change it                  |
//! |------------|---------------------------------------------------------|------------------------------------|
//! | `FREE`     | free for anybody                                        | whoever wants it, → `HELD`         |
//! | `HELD`     | somebody has it                                         | the holder                         |
//! | `RESERVED` | free for the head, who may be still to come             | the head, → `HELD`                 |
//!
//! | bit of `waiters` | meaning                                         | set by          | cleared by              |
//! |----------|---------------------------------------------------------|-----------------|-------------------------|
//! | `HEAD`   | somebody is the head, or is being woken to be           | a waiter, or who pops it | the head, leaving |
//! | `QUEUED` | somebody may be in the queue                            | who goes to queue | under the queue's bucket, when it is empty |
//! | `WAKE`   | the next release must wake: the head if `HEAD`, else the first in the queue | the head, parking or leaving | whoever takes on the wake |
//! | `CLOSED` | the next release leaves `RESERVED`                      | the head        | the head, leaving       |
//!
//! # Transitions
//!
//! | by            | from → to                           | when                                       |
//! |---------------|-------------------------------------|--------------------------------------------|
//! | `lock`        | `FREE → HELD`                       | no matter who waits                        |
//! | `unlock`      | `HELD → FREE`, `RESERVED` if `CLOSED` | always                                   |
//! | `unlock_fair` | `HELD → RESERVED`, `FREE` if nobody waits | always                               |
//! | `try_lock`    | none → `HEAD`, and leaves or gives up | `RESERVED`, and nobody waits             |
//! | waiter        | none → `HEAD`                       | there is neither head nor queue            |
//! | waiter        | → `QUEUED`, parks on `waiters`      | otherwise                                  |
//! | head          | `FREE`, `RESERVED → HELD`           | then leaves: `WAKE` for the queue, if any  |
//! | head          | → `WAKE`, parks on `lock`           | tried in vain, spun in vain                |
//! | head          | → `CLOSED`                          | a brief spin was in vain; undone before it parks, unless it has waited for long |
//! | who releases  | `WAKE → HEAD`, and wakes            | after the release                          |
//!
//! # Edges
//!
//! * **hand-off**: the `Release` of each `unlock` pairs with the `Acquire` of the `lock` that takes what it
//!   left. What one holder wrote, the next sees.
//! * **announcement**: a head that parks sets `WAKE`, then looks at `lock`; a release changes `lock`, then
//!   looks at `WAKE`. One of them sees the other. By store: `heavy_fence` and `light_fence` between the two. By
//!   swap: both looks at `lock` are modifications of one byte, `AcqRel`, and the later one sees the earlier.
//!
//! `waiters` is changed by read-modify-writes only, relaxed: what matters is its own order, and no data
//! passes by it. The closures of the queue run under its bucket's lock.
//!
//! # Progress
//!
//! A waiter's turn comes when those queued before it have had theirs. Each of these takes what it holds the lock
//! for, the waking, and while its own wait is shorter than a millisecond perhaps newcomers' turns.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/mutex.rs`, with both kinds of release.

use crate::sync::{
    asymmetric::{self, Sleep, light_fence},
    atomic::{
        AtomicU8,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    const_new,
    park::{self, Parked},
    spin::{Spin, Wait},
    time::{self, Instant},
};

const FREE: u8 = 0;
pub(super) const HELD: u8 = 1;
pub(super) const RESERVED: u8 = 2;

const WAKE: u8 = 1;
const CLOSED: u8 = 2;
pub(super) const HEAD: u8 = 4;
pub(super) const QUEUED: u8 = 8;

/// Told what happens to those who wait. The calls cost nothing where nobody listens.
pub(crate) trait Observer {
    /// The lock was got after a wait.
    fn waited(&self, _wait: Wait) {}
    /// A waiter goes to sleep.
    fn parks(&self) {}
    /// A waiter closes the lock to newcomers.
    fn closes(&self) {}
}

/// How a waiter came to be the head.
enum Turn {
    /// Nobody waited.
    Now,
    /// After those before it.
    Woken,
    /// Not at all: the deadline passed.
    TooLate,
}

#[derive(Debug)]
pub(crate) struct RawMutex {
    pub(super) lock: AtomicU8,
    pub(super) waiters: AtomicU8,
}

impl RawMutex {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self { lock: AtomicU8::new(FREE), waiters: AtomicU8::new(0) }
        }
    }

    /// Takes the lock, waiting for it until the deadline. `false` if that passed.
    #[inline]
    pub(crate) fn lock(&self, observer: &impl Observer, deadline: Option<Instant>) -> bool {
        // Acquire: hand-off, from the `unlock` that stored FREE.
        // Relaxed on failure: nothing is read under the lock; `lock_slow` acquires for itself.
        self.lock.compare_exchange(FREE, HELD, Acquire, Relaxed).is_ok()
            || self.lock_slow(observer, deadline)
    }

    /// Takes the lock if nobody has it and no waiter has reserved it.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        // Acquire: hand-off, as in `lock`. Relaxed on failure: the value decides, and is checked anew.
        match self.lock.compare_exchange(FREE, HELD, Acquire, Relaxed) {
            Ok(_) => true,
            Err(found) => found == RESERVED && self.try_as_head(),
        }
    }

    /// A head that gave up may have left the lock reserved for nobody, and then it is for the next head: for us, if
    /// nobody waits. That is decided by a modification, as what a load says of `waiters` may be older than the
    /// release. Between a release and its wake-up there is no head either, but a queue.
    #[cold]
    fn try_as_head(&self) -> bool {
        let mut waiters = self.waiters.load(Relaxed);
        while waiters & (HEAD | QUEUED) == 0 {
            // Relaxed: a place in line, and no data.
            match self.waiters.compare_exchange_weak(waiters, waiters | HEAD, Relaxed, Relaxed) {
                Ok(_) => {
                    let got = self.take(self.lock.load(Relaxed));
                    if got {
                        self.leave()
                    } else {
                        self.give_up()
                    }
                    return got;
                }
                Err(now) => waiters = now,
            }
        }
        false
    }

    /// Takes the lock if it is as it was `found`, and that was not held.
    fn take(&self, found: u8) -> bool {
        // Acquire: hand-off, as in `lock`. Relaxed on failure: not got, and nothing read.
        found != HELD && self.lock.compare_exchange(found, HELD, Acquire, Relaxed).is_ok()
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.lock.load(Relaxed) == HELD
    }

    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        self.release(if self.waiters.load(Relaxed) & CLOSED == 0 { FREE } else { RESERVED });
    }

    /// Releases the lock to the longest waiter, if there is any: newcomers go behind it.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    pub(crate) unsafe fn unlock_fair(&self) {
        // Not by `CLOSED`, which a head that is about to park takes back.
        let waits = self.waiters.load(Relaxed) & (HEAD | QUEUED) != 0;
        self.release(if waits { RESERVED } else { FREE });
    }

    #[inline]
    fn release(&self, left: u8) {
        if asymmetric::releases_by_store() {
            // Release: hand-off, to whoever next takes the lock.
            self.lock.store(left, Release);
            // SeqCst: announcement, against the `heavy_fence` of a head that parks.
            light_fence();
        } else {
            // AcqRel: hand-off, as above; and announcement, from the swap of a head that parks.
            self.lock.swap(left, AcqRel);
            asymmetric::released_by_swap();
        }
        // The lock may be someone else's by now. The guard's borrow, or its `Arc`, still keeps it alive.
        if self.waiters.load(Relaxed) & WAKE != 0 {
            self.wake_slow();
        }
    }

    /// Takes on the wake that `WAKE` asks for.
    #[cold]
    fn wake_slow(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            if waiters & WAKE == 0 {
                // Somebody else took it on.
                return;
            }
            // Relaxed: only who clears WAKE wakes. Whoever is popped is the head already.
            let taken = (waiters & !WAKE) | HEAD;
            match self.waiters.compare_exchange_weak(waiters, taken, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(now) => waiters = now,
            }
        }
        if waiters & HEAD == 0 {
            self.pop();
        } else {
            park::unpark_one(&self.lock, |_| {});
        }
    }

    /// Wakes the first of the queue. `HEAD` is set on its behalf.
    fn pop(&self) {
        park::unpark_one(&self.waiters, |found| {
            // Relaxed: under the bucket's lock, which `park` holds when it looks at QUEUED.
            if !found.woke {
                // The lock may stay RESERVED, for the next head.
                self.waiters.fetch_and(!(QUEUED | HEAD), Relaxed);
            } else if !found.more {
                self.waiters.fetch_and(!QUEUED, Relaxed);
            }
        });
    }

    #[cold]
    fn lock_slow(&self, observer: &impl Observer, deadline: Option<Instant>) -> bool {
        let mut spin = Spin::brief();
        while self.waiters.load(Relaxed) == 0 && spin.once() {
            // A load first, which leaves the line shared while the lock is held.
            let found = self.lock.load(Relaxed);
            if found == FREE && self.take(found) {
                return true;
            }
        }
        let wait = Wait::start();
        let got = match self.become_head(observer, deadline) {
            Turn::Now => self.lock_as_head(spin, observer, wait, deadline),
            Turn::Woken => self.lock_as_head(Spin::brief(), observer, wait, deadline),
            Turn::TooLate => false,
        };
        if got {
            observer.waited(wait);
        }
        got
    }

    /// Waits in the queue, unless nobody waits.
    fn become_head(&self, observer: &impl Observer, deadline: Option<Instant>) -> Turn {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let alone = waiters & (HEAD | QUEUED) == 0;
            let change = if alone { waiters | HEAD } else { waiters | QUEUED };
            if change != waiters {
                // Relaxed: a place in line, and no data.
                match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                    Ok(_) => {}
                    Err(now) => {
                        waiters = now;
                        continue;
                    }
                }
            }
            if alone {
                return Turn::Now;
            }
            observer.parks();
            let parked = park::park(
                &self.waiters,
                || self.waiters.load(Relaxed) & QUEUED != 0,
                |last| {
                    if last {
                        // Relaxed: under the bucket's lock.
                        self.waiters.fetch_and(!QUEUED, Relaxed);
                    }
                },
                deadline,
            );
            match parked {
                // Whoever popped us set HEAD for us.
                Parked::Woken => return Turn::Woken,
                Parked::TimedOut => return Turn::TooLate,
                Parked::Changed => waiters = self.waiters.load(Relaxed),
            }
        }
    }

    /// Tries, sleeps, and tries again; nobody else is woken meanwhile.
    fn lock_as_head(
        &self,
        mut brief: Spin,
        observer: &impl Observer,
        wait: Wait,
        deadline: Option<Instant>,
    ) -> bool {
        loop {
            // First as one of many: whoever has the lock may go on taking it meanwhile.
            if self.take_spinning(&mut brief) {
                return true;
            }
            // Then as the only one. We are awake, so the lock is not left idle for long.
            // Relaxed: a request to releases to come; one under way may miss it.
            self.waiters.fetch_or(CLOSED, Relaxed);
            observer.closes();
            if self.take_spinning(&mut Spin::patient()) {
                return true;
            }
            if !wait.is_long() {
                // Asleep, we would leave it idle for as long as waking takes.
                // Relaxed: a release under way may still leave RESERVED, and wakes us then.
                self.waiters.fetch_and(!CLOSED, Relaxed);
            }
            // Relaxed: announcement is by the fence and the look that follow.
            self.waiters.fetch_or(WAKE, Relaxed);
            // SeqCst: announcement, against the `light_fence` of a release by store.
            let sleep = asymmetric::heavy_fence();
            if self.look_again(sleep) {
                self.leave();
                return true;
            }
            observer.parks();
            let parked = park::park(
                &self.lock,
                || self.waiters.load(Relaxed) & WAKE != 0,
                |_| {},
                time::earlier(deadline, sleep == Sleep::Short),
            );
            if parked == Parked::TimedOut && time::passed(deadline) {
                self.give_up();
                return false;
            }
            brief = Spin::brief();
        }
    }

    fn take_spinning(&self, spin: &mut Spin) -> bool {
        loop {
            if self.take(self.lock.load(Relaxed)) {
                self.leave();
                return true;
            }
            if !spin.once() {
                return false;
            }
        }
    }

    /// The head's last look before it parks, which a release that missed `WAKE` does not escape.
    fn look_again(&self, sleep: Sleep) -> bool {
        if sleep == Sleep::Fenced {
            self.take(self.lock.load(Relaxed))
        } else {
            // AcqRel: announcement, to the swap of a release; and hand-off, as in `lock`. Taken while it is
            // held, this changes nothing.
            self.lock.swap(HELD, AcqRel) != HELD
        }
    }

    /// The head has the lock: the next in the queue is woken when it releases it.
    fn leave(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let left = if waiters & QUEUED == 0 { 0 } else { QUEUED | WAKE };
            // Relaxed: read by our own release, and by who comes to wait, as one byte.
            match self.waiters.compare_exchange_weak(waiters, left, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => waiters = now,
            }
        }
    }

    /// The head goes without the lock: a wake meant for it, which may be under way, is passed on.
    fn give_up(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let left = if waiters & QUEUED == 0 { 0 } else { QUEUED | HEAD };
            // Relaxed: as in `leave`.
            match self.waiters.compare_exchange_weak(waiters, left, Relaxed, Relaxed) {
                Ok(_) if left == 0 => return,
                Ok(_) => return self.pop(),
                Err(now) => waiters = now,
            }
        }
    }
}
