//! A mutex in four bytes: newcomers may take it when it is free, and who sleeps has its turn before long.
//!
//! Barging, because handing a lock to a thread that still sleeps leaves it idle for the microseconds that waking takes.
//! Bounded, because barging alone starves. At most one waiter, the *head*, is awake and tries; the others sleep, and
//! the next is woken when the head has got the lock. While anybody sleeps, turns go by a clock: when the last one to
//! have slept got the lock a sixth of a millisecond ago, who releases it gives its core away now and then: on crowded
//! cores that, and not the lock, is what the head waits for, and on others the lock need not lie idle while it is on
//! its way. If it has not come after a millisecond, the lock is closed to newcomers until it has it. Whoever runs into
//! that gives its core away too, competes on if the head has come, and sleeps if not. Where the lock is passed on
//! quickly, who was woken *dozes* until its turn is due, by a timer of its own, and leaves the lock to who has it: two
//! threads that take a short section in turn are slower than one alone, as the line goes to and fro for each. For the
//! same reason a newcomer that runs into others again and again measures how fast one goes alone, as a head that does
//! not look at the lock, or beside others who are known to wait, and if that is faster *stands back* for a microsecond
//! before it looks, later, each time; if not, it looks *eagerly* for a while. Where one thread takes the lock all the
//! while, and others sleep, it sleeps too. Where nobody is known to wait, all may be awake, most of them without a
//! core: a newcomer that meets others very often gives its own away now and then, and if somebody had it meanwhile it
//! *rests*, as a dozer, so that those are known too. (The pause before a look is Anderson's
//! [delay](https://doi.org/10.1109/71.80120); Go's [starvation
//! mode](https://github.com/golang/go/blob/master/src/internal/sync/mutex.go) hands over to sleepers; `nsync`'s
//! [designated waker](https://github.com/google/nsync) counts failed wake-ups; few awake and the rest asleep for long
//! is Dice's [Malthusian lock](https://arxiv.org/abs/1511.06035).)
//!
//! The lock and the waiters have a byte each, never accessed as one word, so that a release can be a plain
//! store where [`asymmetric`](crate::sync::asymmetric) fences are to be had. The other two bytes are the clock's.
//!
//! # State
//!
//! | `lock`     | meaning                                        | who may change it                       |
//! |------------|------------------------------------------------|-----------------------------------------|
//! | `FREE`     | free for anybody                               | whoever wants it, → `HELD`              |
//! | `HELD`     | somebody has it                                | the holder                              |
//! | `RESERVED` | free for the head                              | the head, → `HELD`                      |
//!
//! | in `waiters` | meaning                                      | set by                   | cleared by              |
//! |----------|--------------------------------------------------|--------------------------|-------------------------|
//! | `HEAD`   | the head is awake                                | who becomes the head     | the head, leaving, or asleep under the queue's bucket |
//! | `DOZING` | who was the head sleeps on `lock` until a turn is due | the head, in place of `HEAD` | who comes from it, or before it |
//! | `COMING` | how many were woken and have not come, three at most | who wakes            | who comes, each its own |
//! | `WAKE`   | the next release must wake the first who sleeps  | the head, leaving or about to sleep; who releases, for a dozer | who takes on the wake, or becomes the head |
//! | `QUEUED` | somebody may sleep on `waiters`, who was never woken | who goes to sleep    | under the queue's bucket, when it is empty |
//! | `FRONT`  | somebody may sleep on `lock`, before those       | who goes to sleep again, or dozes | under the queue's bucket, when it is empty |
//! | `CLOSED` | releases leave `RESERVED`                        | the head; a release that finds a turn is overdue, and nobody dozing | the head; who finds nobody to wake |
//!
//! While anybody sleeps, one of `HEAD`, `COMING`, `WAKE` and `DOZING` is set: somebody sees to them. With `DOZING` there is no
//! `HEAD`, neither of the others until a release asks for the dozer, and `FRONT` as long as it sleeps. (If it sleeps behind others
//! in front, one of those may come before it. Then it sleeps on without `DOZING`, and comes like anybody when its time is up.)
//!
//! # Transitions
//!
//! | by            | from → to                             | when                                       |
//! |---------------|---------------------------------------|--------------------------------------------|
//! | `lock`        | `FREE → HELD`                         | no matter who waits                        |
//! | `unlock`      | `HELD → FREE`, `RESERVED` if `CLOSED` | always                                     |
//! | newcomer      | → `HEAD`                              | nobody sees to sleepers: none of the four is set |
//! | newcomer      | → `HEAD`, measures                    | it met others soon and often, and nobody is known to wait; then it tries |
//! | newcomer      | → `HEAD`, rests                       | its core was wanted, and nobody is known to wait; it dozes as below, though it was not woken and nobody else sleeps, if the lock is held as often as not and passed on quickly, else it tries |
//! | newcomer      | → `QUEUED`, sleeps                    | otherwise, having spun in vain, or if the lock is closed, or taken in a throng, or another was the head sooner |
//! | head          | `FREE`, `RESERVED → HELD`             | then leaves: `WAKE` if anybody sleeps and nobody is coming |
//! | head          | → `CLOSED`                            | a brief spin was in vain                   |
//! | head          | → `WAKE`, then → `FRONT`, sleeps      | a longer one too; the lock is open again, unless a turn is due |
//! | head          | `HEAD → DOZING`, `FRONT`, sleeps for most of the turn that is left | it was woken and has not tried yet, others sleep, nobody else is coming, the lock is open, held as often as not, and passed on quickly |
//! | who dozed     | `DOZING → HEAD`                       | its time is up, or its deadline has passed |
//! | who releases fairly | `DOZING →` and `WAKE`           | before the release, if there is `FRONT`    |
//! | who releases  | `WAKE →` one more `COMING`, and wakes | after the release                          |
//! | who releases  | `WAKE →` none                         | the same, while the head is awake still: it tries again; or while three are coming |
//! | who releases  | one more `COMING`, and wakes          | who was woken has not come for a quarter of a millisecond |
//! | who releases  | `DOZING →` and `WAKE`                 | who dozes has not come for as long, or a turn is overdue; the next release wakes it |
//! | who was woken | `COMING` one less, `→ HEAD`           | it runs; if there is a head, → `FRONT`, sleeps |
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
//! passes by it. The closures of the queues run under their bucket's lock.
//!
//! # Progress
//!
//! Who sleeps comes in order, those in front first. Each turn takes a sixth of a millisecond where who was woken finds
//! a core, and else a millisecond, and until somebody looks at the clock, which is before the second is over where
//! sections are about as long as one another, and for long ones when two more are (`sync/real/pace/tests.rs`). Then
//! what the holder at that moment still needs, and the waking. A head does not run for ever either: it spins for
//! microseconds. A lock that is left alone while somebody dozes is taken when the timer ends.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/mutex.rs` and `mutex_timed.rs`, with both kinds of release. No newcomer is eager there: it
//! takes the lock by the same step as `lock`, and on real threads, `tests/hooks/tests/release.rs`, half of them are.
//! Coming is in `newcomer.rs`, waiting in `wait.rs`.

mod newcomer;
pub(super) mod wait;

use crate::sync::{
    asymmetric::{self, light_fence},
    atomic::{
        AtomicU8,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    const_new,
    pace::Pace,
    spin::Wait,
    time::Instant,
};

pub(super) const FREE: u8 = 0;
pub(super) const HELD: u8 = 1;
pub(super) const RESERVED: u8 = 2;

pub(super) const WAKE: u8 = 1;
pub(super) const CLOSED: u8 = 2;
pub(super) const HEAD: u8 = 4;
pub(super) const FRONT: u8 = 8;
pub(super) const QUEUED: u8 = 16;
pub(super) const DOZING: u8 = 32;
/// One of those who were woken and have not come yet: a number in the upper bits.
pub(super) const ONE_COMING: u8 = 64;
pub(super) const COMING: u8 = 3 * ONE_COMING;

/// Somebody may be asleep.
pub(super) const ASLEEP: u8 = FRONT | QUEUED;
/// Somebody is awake, who sees to those who sleep.
pub(super) const AWAKE: u8 = HEAD | COMING;
/// Somebody waits whom a release wakes, or passes, which it counts.
pub(super) const AWAITED: u8 = WAKE | AWAKE | DOZING;

/// Told what happens to those who wait. The calls cost nothing where nobody listens.
pub(crate) trait Observer {
    /// The lock was got after a wait.
    fn waited(&self, _wait: Wait) {}
    /// A waiter goes to sleep.
    fn parks(&self) {}
    /// A waiter that slept got the lock, which was kept for it.
    fn handed_over(&self) {}
}

#[derive(Debug)]
pub(crate) struct RawMutex {
    pub(super) lock: AtomicU8,
    pub(super) waiters: AtomicU8,
    pace: Pace,
}

impl RawMutex {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self { lock: AtomicU8::new(FREE), waiters: AtomicU8::new(0), pace: Pace::new() }
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
            Err(found) => found == RESERVED && self.try_left_over(),
        }
    }

    /// A waiter that gave up may have left the lock reserved for nobody. Who takes that is the head.
    #[cold]
    fn try_left_over(&self) -> bool {
        let waiters = self.waiters.load(Relaxed);
        // Relaxed: a place in line, and no data.
        if waiters & (AWAKE | WAKE | DOZING | ASLEEP) != 0
            || self.waiters.compare_exchange(waiters, HEAD, Relaxed, Relaxed).is_err()
        {
            return false;
        }
        let got = self.take(self.lock.load(Relaxed));
        if got {
            self.leave();
        } else {
            self.give_up();
        }
        got
    }

    /// Takes the lock if it is as it was `found`, and that was not held.
    fn take(&self, found: u8) -> bool {
        found != HELD && self.take_as(found).is_ok()
    }

    /// Takes the lock, which is free if it is as it was `found`; else says how it is.
    fn take_as(&self, found: u8) -> Result<u8, u8> {
        // Acquire: hand-off, as in `lock`. Relaxed on failure: not got, and nothing read.
        self.lock.compare_exchange(found, HELD, Acquire, Relaxed)
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.lock.load(Relaxed) == HELD
    }

    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        let waiters = self.waiters.load(Relaxed);
        if waiters & (AWAITED | CLOSED) == 0 {
            // SAFETY: the caller's promise.
            let waiters = unsafe { self.leave_as(FREE) };
            if waiters & WAKE != 0 {
                self.wake(waiters);
            }
        } else {
            let left = if waiters & CLOSED == 0 { FREE } else { RESERVED };
            // SAFETY: the caller's promise.
            unsafe { self.unlock_awaited(waiters, left) }
        }
    }

    /// Somebody waits, or has closed the lock. Releases that pass somebody are counted before, by who has the lock: a
    /// plain load and store miss none.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    #[cold]
    unsafe fn unlock_awaited(&self, waiters: u8, left: u8) {
        // Not if we are to wake somebody: who does that does not look at the clock.
        if waiters & WAKE == 0 && waiters & AWAITED != 0 && self.pace.counts() {
            // SAFETY: the caller's promise.
            return unsafe { self.unlock_looking(left) };
        }
        // SAFETY: the caller's promise.
        let waiters = unsafe { self.leave_as(left) };
        if waiters & WAKE != 0 {
            self.wake(waiters);
        }
    }

    /// The same, and it is time to look at the clock. Few do that: the others are not to save registers for it.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline(never)]
    unsafe fn unlock_looking(&self, left: u8) {
        // SAFETY: the caller's promise.
        let waiters = unsafe { self.leave_as(left) };
        if waiters & WAKE != 0 {
            self.wake(waiters);
        } else if waiters & AWAITED != 0 {
            self.passed(waiters);
        }
    }

    /// Releases the lock to the longest waiter, if there is any: newcomers go behind it.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    pub(crate) unsafe fn unlock_fair(&self) {
        self.rouse();
        let waiters = self.waiters.load(Relaxed);
        let awaited = waiters & (AWAKE | DOZING | ASLEEP) != 0;
        // SAFETY: the caller's promise.
        unsafe { self.unlock_awaited(waiters, if awaited { RESERVED } else { FREE }) }
    }

    /// Releases the lock, and says who waits then.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    unsafe fn leave_as(&self, left: u8) -> u8 {
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
        self.waiters.load(Relaxed)
    }
}

// Models do not count.
#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_release_counts_if_it_passes_somebody_and_wakes_nobody() {
        // As many are coming as can be counted, so that no wake looks for them.
        for (waiters, counts) in [
            (0, 0),
            (QUEUED | COMING | WAKE, 0),
            (QUEUED | COMING, 1),
            (HEAD, 1),
            (FRONT | DOZING, 1),
        ] {
            let mutex = RawMutex::new();
            // A fair release would ask for who dozes to be woken.
            for fair in [false, waiters & DOZING == 0] {
                mutex.waiters.store(waiters, Relaxed);
                let start = mutex.pace.start();
                assert!(mutex.take(mutex.lock.load(Relaxed)));
                let unlock = if fair { RawMutex::unlock_fair } else { RawMutex::unlock };
                // SAFETY: it has just been taken.
                unsafe { unlock(&mutex) };
                assert_eq!(mutex.pace.passed_since(start), counts, "{waiters:b}, {fair}");
            }
        }
    }
}
