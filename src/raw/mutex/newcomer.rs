//! Who wants the mutex and finds it taken, until it is better to wait: `wait.rs`. The states are told in `mod.rs`.

use super::{ASLEEP, AWAITED, CLOSED, FREE, Observer, RESERVED, RawMutex, wait::Place};
use crate::sync::{
    atomic::Ordering::Relaxed,
    pace::Start,
    spin::{Spin, Wait},
    stand_back::{self, Meeting},
    time::{self, Instant},
};
use core::hint;

/// Who is eager looks so many times, with a spin hint after each: for a fifth to half of a microsecond.
const EAGER: u32 = 16;
/// The first of these are tries. Not all, as where many cores want the lock each try keeps who has it from its line.
const TRIES: u32 = 4;

impl RawMutex {
    #[cold]
    pub(super) fn lock_slow(&self, observer: &impl Observer, deadline: Option<Instant>) -> bool {
        if time::is_past(deadline) {
            return self.try_lock();
        }
        if stand_back::is_spared() && self.try_eagerly() {
            return true;
        }
        let unknown = || self.waiters.load(Relaxed) == 0;
        let before = self.pace.start();
        let mut waits: Option<Wait> = None;
        let met = stand_back::meets(|| {
            let may_give = unknown() && time::is_far(deadline);
            if may_give {
                waits = Some(Wait::start());
            }
            may_give
        });
        // If nobody took its core, it has not waited.
        waits = waits.filter(|wait| met == Meeting::Wanted || wait.is_long());
        let competes = match met {
            Meeting::Compete => true,
            Meeting::StoodBack => !self.pace.is_thronged(before),
            Meeting::Measure | Meeting::Wanted => !unknown(),
        };
        if competes && met == Meeting::Measure {
            self.measures_beside();
        }
        let start = if met == Meeting::StoodBack { before } else { self.pace.start() };
        if competes && self.compete(start, &mut waits) {
            if let Some(wait) = waits {
                observer.waited(wait);
            }
            return true;
        }
        let wait = waits.unwrap_or_else(Wait::start);
        let place = self.enter();
        let heads = !competes && place == Place::Head;
        if heads && met == Meeting::Measure {
            let start = self.pace.start();
            // Who comes to sleep beside us has the count begin anew.
            let alone = || self.waiters.load(Relaxed) & ASLEEP == 0;
            stand_back::measures(|| if alone() { self.pace.passed_since(start) } else { 0 });
        }
        let rests = heads && met == Meeting::Wanted;
        let got = self.wait(place, rests, observer, deadline);
        if got {
            observer.waited(wait);
        }
        got
    }

    /// Measures beside others who are known to wait. If they are so before and after, passes mostly were counted.
    fn measures_beside(&self) {
        let counts = || self.waiters.load(Relaxed) & AWAITED != 0;
        if !counts() {
            return;
        }
        let start = self.pace.start();
        stand_back::measures(|| if counts() { self.pace.passed_since(start) } else { 0 });
    }

    /// Takes the lock as soon as it is free, if that is soon. At first without a load: that would bring the line here to
    /// be read, and the line would have to come once more to be written.
    #[inline(never)]
    fn try_eagerly(&self) -> bool {
        for look in 0..EAGER {
            let mut found = if look < TRIES { FREE } else { self.lock.load(Relaxed) };
            if found == FREE {
                match self.take_as(FREE) {
                    Ok(_) => return true,
                    Err(now) => found = now,
                }
            }
            if found == RESERVED {
                break;
            }
            hint::spin_loop();
        }
        false
    }

    /// Tries as a newcomer, until it is better to sleep.
    fn compete(&self, start: Start, waits: &mut Option<Wait>) -> bool {
        let mut spin = Spin::patient();
        loop {
            // A load first, which leaves the line shared while the lock is held.
            let found = self.lock.load(Relaxed);
            if found == FREE && self.take(found) {
                return true;
            }
            let mut closed = found == RESERVED;
            if closed {
                // Who it is kept for may need this core, and then leave the lock alone for long.
                waits.get_or_insert_with(Wait::start);
                closed = !self.pace.comes(|| self.lock.load(Relaxed) == RESERVED);
            }
            // Not while it is closed. Nor in a crowd: who has the lock takes it again sooner than its line would
            // come here and go back.
            closed |= self.waiters.load(Relaxed) & CLOSED != 0;
            if closed || self.pace.is_crowded(start, &spin) || !spin.once() {
                return false;
            }
        }
    }
}
