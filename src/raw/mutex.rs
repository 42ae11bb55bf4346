//! A mutex in four bytes: newcomers may take it when it is free, and who sleeps has its turn before long.
//!
//! Barging, because handing a lock to a thread that still sleeps leaves it idle for the microseconds that waking
//! takes. Bounded, because barging alone starves. At most one waiter, the *head*, is awake and tries; the others sleep,
//! and the next is woken when the head has got the lock. While anybody sleeps, turns go by a clock: when the
//! last one to have slept got the lock a quarter of a millisecond ago, the lock is closed to newcomers until the head
//! has it. Whoever runs into that sleeps too, which leaves its core to who was woken: on crowded cores that, and not the
//! lock, is what a waiter waits for. (Go's
//! [starvation mode](https://github.com/golang/go/blob/master/src/internal/sync/mutex.go) hands over to sleepers;
//! `nsync`'s [designated waker](https://github.com/google/nsync) counts failed wake-ups; few awake and the rest asleep
//! for long is Dice's [Malthusian lock](https://arxiv.org/abs/1511.06035).)
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
//! | `COMING` | how many were woken and have not come            | who wakes                | who comes, each its own |
//! | `WAKE`   | the next release must wake the first who sleeps  | the head, leaving or about to sleep | who takes on the wake, or becomes the head |
//! | `QUEUED` | somebody may sleep on `waiters`, who was never woken | who goes to sleep    | under the queue's bucket, when it is empty |
//! | `FRONT`  | somebody may sleep on `lock`, before those       | who goes to sleep again  | under the queue's bucket, when it is empty |
//! | `CLOSED` | releases leave `RESERVED`                        | the head; a release that finds a turn is due | the head; who finds nobody to wake |
//!
//! While anybody sleeps, one of `HEAD`, `COMING` and `WAKE` is set: somebody sees to them.
//!
//! # Transitions
//!
//! | by            | from → to                             | when                                       |
//! |---------------|---------------------------------------|--------------------------------------------|
//! | `lock`        | `FREE → HELD`                         | no matter who waits                        |
//! | `unlock`      | `HELD → FREE`, `RESERVED` if `CLOSED` | always                                     |
//! | newcomer      | → `HEAD`                              | nobody sees to sleepers: none of the three is set |
//! | newcomer      | → `QUEUED`, sleeps                    | otherwise, having spun in vain             |
//! | head          | `FREE`, `RESERVED → HELD`             | then leaves: `WAKE` if anybody sleeps and nobody is coming |
//! | head          | → `CLOSED`                            | a brief spin was in vain                   |
//! | head          | → `WAKE`, then → `FRONT`, sleeps      | a longer one too; the lock is open again, unless a turn is due |
//! | who releases  | `WAKE →` one more `COMING`, and wakes | after the release                          |
//! | who releases  | `WAKE →` none                         | the same, while the head is awake still: it tries again |
//! | who releases  | one more `COMING`, and wakes          | who was woken has no core, it seems, and the lock changes hands slowly |
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
//! Who sleeps comes in order, those in front first. Each turn takes a quarter of a millisecond at most, then what the
//! holder at that moment still needs, and the waking. A head does not run for ever either: it spins for microseconds.
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
    pace::{Pace, Pass},
    park::{self, Parked},
    spin::{Spin, Wait},
    time::{self, Instant},
};

pub(super) const FREE: u8 = 0;
pub(super) const HELD: u8 = 1;
pub(super) const RESERVED: u8 = 2;

pub(super) const WAKE: u8 = 1;
pub(super) const CLOSED: u8 = 2;
pub(super) const HEAD: u8 = 4;
pub(super) const FRONT: u8 = 8;
pub(super) const QUEUED: u8 = 16;
/// One of those who were woken and have not come yet: a number in the upper bits.
const ONE_COMING: u8 = 32;
pub(super) const COMING: u8 = 7 * ONE_COMING;
/// With so many nobody is woken on top, but for a head that sleeps, and one such at a time: so five is the most.
const MANY_COMING: u8 = 4 * ONE_COMING;
/// A head that tried so often in vain has its turn, whatever the clock says: its face is small, and may show the same
/// each time.
const OFTEN: u32 = 8;

/// Somebody may be asleep.
pub(super) const ASLEEP: u8 = FRONT | QUEUED;
/// Somebody is awake, who sees to those who sleep.
pub(super) const AWAKE: u8 = HEAD | COMING;

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

/// Where a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Next, and awake until it says otherwise.
    Head,
    /// Asleep behind those who came before, on `waiters`.
    Queue,
    /// Asleep before all who were never woken, on `lock`.
    Front,
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
        if waiters & (AWAKE | WAKE | ASLEEP) != 0
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
        let left = if self.waiters.load(Relaxed) & CLOSED == 0 { FREE } else { RESERVED };
        // SAFETY: the caller's promise.
        unsafe { self.leave_as(left) }
    }

    /// Releases the lock to the longest waiter, if there is any: newcomers go behind it.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    pub(crate) unsafe fn unlock_fair(&self) {
        let awaited = self.waiters.load(Relaxed) & (AWAKE | ASLEEP) != 0;
        // SAFETY: the caller's promise.
        unsafe { self.leave_as(if awaited { RESERVED } else { FREE }) }
    }

    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    unsafe fn leave_as(&self, left: u8) {
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
        let waiters = self.waiters.load(Relaxed);
        if waiters & (WAKE | AWAKE) != 0 {
            self.released_slow(waiters);
        }
    }

    /// Somebody waits.
    #[cold]
    fn released_slow(&self, waiters: u8) {
        if waiters & WAKE != 0 {
            return self.wake(waiters);
        }
        match self.pace.pass() {
            Pass::Brief => {}
            Pass::Slow => {
                let coming = waiters & COMING;
                if waiters & ASLEEP != 0 && coming != 0 && coming < MANY_COMING {
                    self.pace.begin();
                    // Relaxed: no data. If something has changed, one of the next asks again.
                    let more = waiters + ONE_COMING;
                    if self.waiters.compare_exchange(waiters, more, Relaxed, Relaxed).is_ok() {
                        self.pop();
                    }
                }
            }
            Pass::Due => {
                // Relaxed: a request to releases to come. If something has changed, one of those asks again.
                let _ = self.waiters.compare_exchange(waiters, waiters | CLOSED, Relaxed, Relaxed);
            }
        }
    }

    /// Takes on the wake that `WAKE` asks for, unless somebody else has. A head that is still awake finds that, and
    /// tries again: whoever else were woken could only sleep on, and any number of them be coming.
    fn wake(&self, mut waiters: u8) {
        while waiters & WAKE != 0 {
            let asleep = waiters & HEAD == 0;
            let taken = (waiters & !WAKE) + if asleep { ONE_COMING } else { 0 };
            // Relaxed: only who clears WAKE wakes.
            match self.waiters.compare_exchange_weak(waiters, taken, Relaxed, Relaxed) {
                Ok(_) if asleep => return self.pop(),
                Ok(_) => return,
                Err(now) => waiters = now,
            }
        }
    }

    /// Wakes the first who sleeps, who is counted as coming already.
    fn pop(&self) {
        let mut again = true;
        while again {
            again = false;
            if self.waiters.load(Relaxed) & FRONT != 0 {
                let found = park::unpark_one(&self.lock, |found| {
                    if !found.more {
                        // Relaxed: under the bucket's lock, which `park` holds when it looks at FRONT.
                        self.waiters.fetch_and(!FRONT, Relaxed);
                    }
                });
                if found {
                    return;
                }
            }
            park::unpark_one(&self.waiters, |found| {
                if !found.woke {
                    again = !self.nobody_sleeps();
                } else if !found.more {
                    // Relaxed: under the bucket's lock, which `park` holds when it looks at QUEUED.
                    self.waiters.fetch_and(!QUEUED, Relaxed);
                }
            });
        }
    }

    /// Under the bucket's lock of an empty queue: nobody is coming after all, unless there is somebody in front.
    fn nobody_sleeps(&self) -> bool {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let mut left = waiters & !QUEUED;
            if waiters & FRONT == 0 {
                left -= ONE_COMING;
                if left & AWAKE == 0 {
                    // If the lock was reserved, it is for nobody now, and anybody takes it.
                    left = 0;
                }
            }
            // Relaxed: as in `pop`.
            match self.waiters.compare_exchange_weak(waiters, left, Relaxed, Relaxed) {
                Ok(_) => return waiters & FRONT == 0,
                Err(now) => waiters = now,
            }
        }
    }

    #[cold]
    fn lock_slow(&self, observer: &impl Observer, deadline: Option<Instant>) -> bool {
        if time::is_past(deadline) {
            return self.try_lock();
        }
        let mut spin = Spin::patient();
        let start = self.pace.passes();
        loop {
            // A load first, which leaves the line shared while the lock is held.
            let found = self.lock.load(Relaxed);
            if found == FREE && self.take(found) {
                return true;
            }
            // Not while it is closed. Nor in a crowd: who has the lock takes it again sooner than its line would
            // come here and go back.
            let closed = found == RESERVED || self.waiters.load(Relaxed) & CLOSED != 0;
            if closed || self.pace.is_crowded(start, &spin) || !spin.once() {
                break;
            }
        }
        let wait = Wait::start();
        let got = self.wait(observer, deadline);
        if got {
            observer.waited(wait);
        }
        got
    }

    fn wait(&self, observer: &impl Observer, deadline: Option<Instant>) -> bool {
        let mut place = self.enter();
        let mut slept = false;
        let mut vainly = 0_u32;
        loop {
            let mut sleep = Sleep::Fenced;
            if place == Place::Head {
                match self.lock_as_head(slept, vainly, observer) {
                    None => return true,
                    Some(how) => sleep = how,
                }
                vainly = vainly.saturating_add(1);
            }
            observer.parks();
            let soonest = time::earlier(deadline, sleep == Sleep::Short);
            let (parked, after) = self.sleep(place, soonest);
            if parked == Parked::TimedOut && time::passed(deadline) {
                if sleep == Sleep::Short {
                    // The release that was to wake us, or who is next, may have missed us: that one looks for itself.
                    self.wake(self.waiters.load(Relaxed));
                }
                return false;
            }
            place = match (parked, after) {
                (Parked::Woken, _) => {
                    slept = true;
                    self.arrive(ONE_COMING)
                }
                (_, Place::Head) => Place::Head,
                (_, Place::Queue) => self.enter(),
                (_, Place::Front) => self.arrive(0),
            };
        }
    }

    /// Sleeps, unless what was announced is no longer so; and what has become of a head.
    fn sleep(&self, place: Place, deadline: Option<Instant>) -> (Parked, Place) {
        let mut after = place;
        let validate = || match place {
            Place::Queue => self.waiters.load(Relaxed) & QUEUED != 0,
            Place::Front => self.waiters.load(Relaxed) & FRONT != 0,
            Place::Head => {
                let asleep = self.resign();
                if asleep {
                    after = Place::Front;
                }
                asleep
            }
        };
        let timed_out = |bit: u8| {
            move |last| {
                if last {
                    // Relaxed: under the bucket's lock.
                    self.waiters.fetch_and(!bit, Relaxed);
                }
            }
        };
        let parked = match place {
            Place::Queue => park::park(&self.waiters, validate, timed_out(QUEUED), deadline),
            Place::Front | Place::Head => {
                park::park(&self.lock, validate, timed_out(FRONT), deadline)
            }
        };
        (parked, after)
    }

    /// Under the bucket's lock: the head is one that sleeps from now on, unless somebody took on to wake it.
    fn resign(&self) -> bool {
        let mut waiters = self.waiters.load(Relaxed);
        while waiters & WAKE != 0 {
            // Relaxed: as in `pop`.
            let change = (waiters & !HEAD) | FRONT;
            match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => waiters = now,
            }
        }
        false
    }

    /// A newcomer becomes the head if nobody sees to those who sleep, or has a place to sleep.
    fn enter(&self) -> Place {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let head = waiters & (AWAKE | WAKE) == 0;
            let change = waiters | if head { HEAD } else { QUEUED };
            // Relaxed: a place in line, and no data.
            match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                Ok(_) => {
                    if waiters & ASLEEP == 0 {
                        self.pace.begin();
                    }
                    return if head { Place::Head } else { Place::Queue };
                }
                Err(now) => waiters = now,
            }
        }
    }

    /// Who was woken becomes the head, or sleeps on in front if somebody else has.
    fn arrive(&self, coming: u8) -> Place {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let head = waiters & HEAD == 0;
            let change = if head { (waiters | HEAD) & !WAKE } else { waiters | FRONT } - coming;
            // Relaxed: a place in line, and no data.
            match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                Ok(_) => return if head { Place::Head } else { Place::Front },
                Err(now) => waiters = now,
            }
        }
    }

    /// Tries, as the only one who is awake and no newcomer. Says how to sleep if that was in vain.
    fn lock_as_head(&self, slept: bool, vainly: u32, observer: &impl Observer) -> Option<Sleep> {
        // First as one of many: whoever has the lock may go on taking it meanwhile.
        let mut got = self.take_spinning(&mut Spin::brief());
        if got.is_none() {
            // Then as the only one. We are awake, so the lock is not left idle for long.
            // Relaxed: a request to releases to come; one under way may miss it.
            self.waiters.fetch_or(CLOSED, Relaxed);
            got = self.take_spinning(&mut Spin::patient());
        }
        if let Some(found) = got {
            self.leave();
            if slept {
                self.pace.begin();
                if found == RESERVED {
                    observer.handed_over();
                }
            }
            return None;
        }
        let sleep = self.announce(vainly);
        if self.look_again(sleep) {
            self.leave();
            return None;
        }
        Some(sleep)
    }

    /// How the lock was found, if it was got.
    fn take_spinning(&self, spin: &mut Spin) -> Option<u8> {
        loop {
            let found = self.lock.load(Relaxed);
            if self.take(found) {
                return Some(found);
            }
            if !spin.once() {
                return None;
            }
        }
    }

    /// The head is about to sleep: the next release is to wake it, or whoever is in front of it. It has tried so
    /// often, `vainly`.
    fn announce(&self, vainly: u32) -> Sleep {
        // Asleep, we would leave a reserved lock idle for as long as waking takes.
        let mut waiters = self.waiters.load(Relaxed);
        let due = vainly >= OFTEN || self.pace.is_due();
        loop {
            let keep = if due { waiters } else { waiters & !CLOSED };
            // Relaxed: announcement is by the fence and the look that follow.
            let change = keep | WAKE;
            match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(now) => waiters = now,
            }
        }
        // SeqCst: announcement, against the `light_fence` of a release by store.
        asymmetric::heavy_fence()
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

    /// The head has the lock: who sleeps is woken when it releases it.
    fn leave(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let mut left = waiters & (COMING | ASLEEP);
            if left & COMING == 0 && left != 0 {
                left |= WAKE;
            }
            // Relaxed: read by our own release, and by who comes to wait, as one byte.
            match self.waiters.compare_exchange_weak(waiters, left, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => waiters = now,
            }
        }
    }
    /// The head goes without the lock, and without having slept: who came to sleep meanwhile is woken.
    fn give_up(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let mut left = waiters & !(HEAD | CLOSED);
            let alone = waiters & (COMING | ASLEEP) == 0;
            if !alone {
                left += ONE_COMING;
            }
            // Relaxed: as in `leave`.
            match self.waiters.compare_exchange_weak(waiters, left, Relaxed, Relaxed) {
                Ok(_) if alone => return,
                Ok(_) => return self.pop(),
                Err(now) => waiters = now,
            }
        }
    }
}
