//! Who waits for the mutex: queues, sleeps, is woken and gives up. The states are told in `mod.rs`.

use super::{
    ASLEEP, AWAKE, CLOSED, COMING, DOZING, FRONT, HEAD, HELD, ONE_COMING, Observer, QUEUED,
    RESERVED, RawMutex, WAKE,
};
use crate::sync::{
    asymmetric::{self, Sleep},
    atomic::Ordering::{AcqRel, Relaxed},
    pace::Pass,
    park::{self, Parked},
    spin::Spin,
    time::{self, Instant},
};

/// With so many nobody is woken on top by who finds them slow.
const MANY_COMING: u8 = 2 * ONE_COMING;
/// A head that tried so often in vain has its turn, whatever the clock says: its face is small, and may show the same
/// each time. (Of this `tests/hooks/tests/turns.rs` makes certain: no model tries so often.)
const OFTEN: u32 = 8;

/// Where a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::raw) enum Place {
    /// Next, and awake until it says otherwise.
    Head,
    /// Asleep behind those who came before, on `waiters`.
    Queue,
    /// Asleep before all who were never woken, on `lock`.
    Front,
}

impl RawMutex {
    /// In this place, until it has the lock or the deadline has passed. A head may be to rest first.
    pub(super) fn wait(
        &self,
        mut place: Place,
        rests: bool,
        observer: &impl Observer,
        deadline: Option<Instant>,
    ) -> bool {
        let rested = rests.then(|| self.doze(false, observer, deadline)).flatten();
        let mut slept = rested.is_some();
        let mut vainly = u32::from(slept);
        place = rested.unwrap_or(place);
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
                    match self.arrive(ONE_COMING) {
                        // Who slept before it ever tried dozes, once. That counts as a try.
                        Place::Head if vainly == 0 => {
                            vainly = 1;
                            let alone = self.waiters.load(Relaxed) & QUEUED == 0;
                            self.doze(alone, observer, deadline).unwrap_or(Place::Head)
                        }
                        place => place,
                    }
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
        let parked = match place {
            Place::Queue => {
                park::park(&self.waiters, validate, |last| self.gone(QUEUED, last), deadline)
            }
            Place::Front | Place::Head => {
                park::park(&self.lock, validate, |last| self.gone(FRONT, last), deadline)
            }
        };
        (parked, after)
    }

    /// Under the bucket's lock: a sleeper's time was up, and it was perhaps the last there.
    fn gone(&self, bit: u8, last: bool) {
        if last {
            // Relaxed: as in `pop`.
            self.waiters.fetch_and(!bit, Relaxed);
        }
    }

    /// The head leaves the lock to those who pass it on quickly, until a turn is due, or its deadline has passed.
    fn doze(
        &self,
        alone: bool,
        observer: &impl Observer,
        deadline: Option<Instant>,
    ) -> Option<Place> {
        let is_held = || self.lock.load(Relaxed) == HELD;
        let rest = self.pace.rest(alone, is_held)?;
        observer.parks();
        let until = time::within(deadline, rest);
        let gone = |last| self.gone(FRONT, last);
        match park::park(&self.lock, || self.lie_down(), gone, Some(until)) {
            Parked::Changed => None,
            Parked::Woken => Some(self.arrive(ONE_COMING)),
            Parked::TimedOut => Some(self.arrive(0)),
        }
    }

    /// Under the bucket's lock: the head dozes from now on, if it is the only one who is awake, and the lock is not
    /// closed, which would then lie idle.
    fn lie_down(&self) -> bool {
        let mut waiters = self.waiters.load(Relaxed);
        while waiters & (COMING | CLOSED) == 0 {
            let change = (waiters & !HEAD) | DOZING | FRONT;
            // Relaxed: as in `pop`.
            match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => waiters = now,
            }
        }
        false
    }

    /// Who dozes is woken by our release, or by the next if ours is over. `DOZING` stays until somebody comes, so that
    /// a lock which is kept for a dozer whose time is up just now is not taken for left over. Without `FRONT` it is,
    /// and the dozer on its way. One that lies down only after this is missed, and comes when its time is up.
    pub(in crate::raw) fn rouse(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        while waiters & (DOZING | FRONT) == DOZING | FRONT {
            // Relaxed: read by our own release, as in `leave`; if that is over, a request.
            match self.waiters.compare_exchange_weak(waiters, waiters | WAKE, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => waiters = now,
            }
        }
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
    pub(in crate::raw) fn enter(&self) -> Place {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            let head = waiters & (AWAKE | WAKE | DOZING) == 0;
            let change = waiters | if head { HEAD } else { QUEUED };
            // Before anybody counts that we are passed.
            if waiters & ASLEEP == 0 {
                self.pace.begin();
            }
            // Relaxed: a place in line, and no data.
            match self.waiters.compare_exchange_weak(waiters, change, Relaxed, Relaxed) {
                Ok(_) => return if head { Place::Head } else { Place::Queue },
                Err(now) => waiters = now,
            }
        }
    }

    /// Who was woken becomes the head, or sleeps on in front if somebody else has.
    pub(in crate::raw) fn arrive(&self, coming: u8) -> Place {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            debug_assert!(waiters & (DOZING | HEAD) != DOZING | HEAD, "{waiters:b}");
            let head = waiters & HEAD == 0;
            let change = if head { (waiters | HEAD) & !WAKE } else { waiters | FRONT };
            let change = (change & !DOZING) - coming;
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
        if sleep.looks_by_load() {
            self.take(self.lock.load(Relaxed))
        } else {
            // AcqRel: announcement, to the swap of a release; and hand-off, as in `lock`. Taken while it is
            // held, this changes nothing.
            self.lock.swap(HELD, AcqRel) != HELD
        }
    }

    /// The head has the lock: who sleeps is woken when it releases it.
    pub(in crate::raw) fn leave(&self) {
        let mut waiters = self.waiters.load(Relaxed);
        loop {
            debug_assert!(waiters & HEAD != 0, "{waiters:b}");
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
    pub(in crate::raw) fn give_up(&self) {
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

    /// A release has passed somebody, and is one of those that look at the clock.
    pub(super) fn passed(&self, waiters: u8) {
        match self.pace.pass(waiters & DOZING != 0) {
            Pass::Brief => {}
            // Closed for one that dozes, the lock would lie idle.
            Pass::Slow | Pass::Due
                if waiters & (DOZING | FRONT) == DOZING | FRONT && waiters & COMING == 0 =>
            {
                self.rouse();
            }
            Pass::Slow => {
                let coming = waiters & COMING;
                if waiters & ASLEEP != 0 && coming != 0 && coming < MANY_COMING {
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
    /// tries again: whoever else were woken could only sleep on, and any number of them be coming. Nor is anybody woken
    /// on top of as many as can be counted: the last of these to come sees to who sleeps.
    #[cold]
    pub(super) fn wake(&self, mut waiters: u8) {
        while waiters & WAKE != 0 {
            let wakes = waiters & HEAD == 0 && waiters & COMING != COMING;
            let taken = (waiters & !WAKE) + if wakes { ONE_COMING } else { 0 };
            // Relaxed: only who clears WAKE wakes.
            match self.waiters.compare_exchange_weak(waiters, taken, Relaxed, Relaxed) {
                Ok(_) if wakes => return self.pop(),
                Ok(_) => return,
                Err(now) => waiters = now,
            }
        }
    }

    /// Wakes the first who sleeps, who is counted as coming already.
    pub(in crate::raw) fn pop(&self) {
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
                if left & (AWAKE | DOZING) == 0 {
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
}
