//! When the turn of somebody who sleeps is due, in two bytes.
//!
//! Heuristics: written by whoever has something to say and read by whoever wants to know, so that a mistake only
//! makes a turn come sooner or later.

use super::spin::{Spin, pause, several_cores};
use core::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};
use std::{
    sync::OnceLock,
    thread, thread_local,
    time::{Duration, Instant},
};

/// The unit of `since` in nanoseconds is `1 << UNIT`, 33 µs; all of it is 8 ms: so much more than a turn that looks at the
/// clock, whenever they are, seldom find it where the turn began.
const UNIT: u32 = 15;
/// A turn takes so many units, an eighth of a millisecond: then who releases the lock gives its core away, which may be what
/// who was woken waits for, …
const TURN: u8 = 4;
/// … and after so many, a millisecond, closes the lock. Not before: who was woken may be on its way to another core, and
/// until it has come the lock would lie idle. A virtual core that sleeps may take that long to wake up.
const OVERDUE: u8 = 30;
/// Who dozes has come so many units after the turn, a tenth of a millisecond, if it has a core.
const LATE: u8 = 3;
/// Who is to come and has a core has come after so many units, a quarter of a millisecond. Who is woken sooner on top of it
/// mostly wants the same core, or takes the lock before its time: then each sleeps and is woken the more often.
const MISSING: u8 = 8;
/// Who dozes sets its timer so many units before the turn is due: most timers go off some fifty microseconds late, and then
/// it has to wake up.
const EARLY: u8 = 1;
/// So many passes are counted singly, with a look at the clock at powers of two: all there are in a turn of sections
/// longer than a unit, …
const SINGLY: u8 = 64;
/// … and then one in so many of each thread's, a power of two, as to count costs more than to pass, …
const EACH: u8 = 16;
/// … with a look at the clock at each of the first counts, …
const OFTEN: u8 = SINGLY + 8;
/// … and later at one in so many.
const LOOK: u8 = 2;
/// After so many spin hints others mostly see what was stored.
const SETTLED: u32 = 8;
/// The count goes on from here when it has reached its end.
const LAST: u8 = u8::MAX - ROUND + 1;
/// Then it goes round so many counts, a multiple of [`LOOK`].
const ROUND: u8 = 16;
/// After so many rounds of a spin, a third of a microsecond or nearly a whole one, …
const ROUNDS: u32 = 5;
/// … so many passes are a crowd.
const CROWD: u32 = 8;
/// So many in a microsecond are a throng: whoever has the lock does nothing else.
const THRONG: u32 = 64;
/// A lock is passed on quickly that is so often in a unit, once in three microseconds: who was woken need not hurry.
const QUICK: u32 = 12;

/// From the number of a thread's pass to that of the next: odd, so that all come up in turn, and such that of as many as
/// eight locks released one after another each is counted once in 32 times or sooner, and of 64 once in 65.
const STEP: u16 = 17_607;

/// So often one looks at a lock, …
const LOOKS: usize = 4;
/// … so many spin hints apart, as long again, …
const BETWEEN: u32 = 32;
/// … and if it is held so often, there is no room for another.
const BUSY: usize = 2;

thread_local! {
    /// A number for the thread's next pass, of whatever lock.
    static PASSES: Cell<u16> = const { Cell::new(u16::MAX) };
    /// In which unit the thread last gave its core away.
    static GAVE_WAY: Cell<u8> = const { Cell::new(0) };
}

/// Since when the turn lasts, and how often somebody who waits was passed in it, or since that was counted anew.
#[derive(Debug)]
pub(crate) struct Pace {
    since: AtomicU8,
    passes: AtomicU8,
}

/// Where a count of passes begins, and in which turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    turn: u8,
    count: u8,
}

/// What a release does that passes somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Nothing more.
    Brief,
    /// Somebody is to come and does not. If it was woken, wakes another, who may find a core; if it dozes, wakes it.
    Slow,
    /// A turn is overdue: closes the lock, or wakes who dozes.
    Due,
}

impl Pace {
    pub(crate) const fn new() -> Self {
        Self { since: AtomicU8::new(0), passes: AtomicU8::new(0) }
    }

    /// A turn begins.
    pub(crate) fn begin(&self) {
        self.since.store(now(), Relaxed);
        self.passes.store(0, Relaxed);
    }

    /// Whether the turn has lasted for long enough.
    pub(crate) fn is_due(&self) -> bool {
        self.elapsed() >= TURN
    }

    fn elapsed(&self) -> u8 {
        self.elapsed_at(now())
    }

    fn elapsed_at(&self, now: u8) -> u8 {
        now.wrapping_sub(self.since.load(Relaxed))
    }

    /// How often somebody was passed, for [`is_crowded`](Self::is_crowded).
    pub(crate) fn passes(&self) -> u8 {
        self.passes.load(Relaxed)
    }

    /// How often somebody was passed in this turn, or since that was counted anew.
    pub(crate) fn passed(&self) -> u32 {
        passes(self.passes())
    }

    /// From now on passes are counted singly, the next [`SINGLY`]. `None` if so many have come already, or a release has gone on
    /// with the old count.
    pub(crate) fn count_anew(&self) -> Option<Start> {
        let turn = self.since.load(Relaxed);
        self.passes.store(0, Relaxed);
        // One that was about to store the old count mostly has done so then.
        pause(SETTLED);
        Self::starts(turn, self.passes())
    }

    fn starts(turn: u8, count: u8) -> Option<Start> {
        (count < SINGLY / 2).then_some(Start { turn, count })
    }

    /// How often somebody was passed since then. If another turn has begun nothing is known, and 0 said; unless it began
    /// in the same unit, or another count, when it is too little.
    pub(crate) fn passed_since(&self, start: Start) -> u32 {
        if self.since.load(Relaxed) == start.turn { since(start.count, self.passes()) } else { 0 }
    }

    /// Whether the lock changed hands very often since `start`, when `spin` was new.
    pub(crate) fn is_crowded(&self, start: u8, spin: &Spin) -> bool {
        spin.pauses() == ROUNDS && since(start, self.passes()) >= CROWD
    }

    /// Whether the lock changed hands so often since `start` that it must be one thread that takes it again and again. Whoever
    /// took it in between would only move its line.
    pub(crate) fn is_thronged(&self, start: u8) -> bool {
        since(start, self.passes()) >= THRONG
    }

    /// How long until a turn is due, if the lock is passed on quickly until then and held as often as not, so that one
    /// more could only wait for it. One that sleeps `alone` may as well be awake beside who has the lock.
    pub(crate) fn rest(&self, alone: bool, is_held: impl Fn() -> bool) -> Option<Duration> {
        #[cfg(lockline_hooks)]
        if ENDLESS.load(Relaxed) {
            return is_held().then_some(Duration::from_secs(3_600));
        }
        if alone || !several_cores() {
            return None;
        }
        self.rest_at(now(), is_held)
    }

    fn rest_at(&self, now: u8, is_held: impl Fn() -> bool) -> Option<Duration> {
        let elapsed = self.elapsed_at(now);
        if elapsed >= TURN {
            return None;
        }
        let before = self.passes();
        let found = (0..LOOKS).filter(|_| {
            pause(BETWEEN);
            is_held()
        });
        let busy = found.count() >= BUSY;
        // Shortly after its turn began, or the count, there may not have been time for so many, but one while we looked is
        // enough.
        let quick = passes(before) > QUICK * u32::from(elapsed.max(1)) || self.passes() != before;
        let units = TURN.saturating_sub(elapsed + EARLY).max(1);
        (busy && quick).then(|| Duration::from_nanos(u64::from(units) << UNIT))
    }

    /// Whether somebody comes whom the lock is kept for, if the core is given away a few times. Then one more may compete;
    /// else it is better to sleep, as the system may go on to have us run.
    #[expect(clippy::unused_self, reason = "as the others")]
    pub(crate) fn comes(&self, is_kept: impl Fn() -> bool) -> bool {
        (0..LOOKS).any(|_| {
            thread::yield_now();
            pause(BETWEEN);
            !is_kept()
        })
    }

    /// Whether a release that passes somebody is one of those to be counted.
    #[inline]
    pub(crate) fn counts(&self) -> bool {
        self.passes() < SINGLY || is_counted()
    }

    /// Counts a release that passes somebody who waits, or dozes; and gives the core away if a turn is due, once in a unit.
    pub(crate) fn pass(&self, dozes: bool) -> Pass {
        self.pass_at(now, dozes)
    }

    fn pass_at(&self, now: impl FnOnce() -> u8, dozes: bool) -> Pass {
        let count = self.passes().checked_add(1).unwrap_or(LAST);
        self.passes.store(count, Relaxed);
        let looks = match count {
            OFTEN.. => count % LOOK == 0,
            _ => count > SINGLY || count.is_power_of_two(),
        };
        if !looks {
            return Pass::Brief;
        }
        let now = now();
        let elapsed = self.elapsed_at(now);
        if elapsed >= OVERDUE {
            return Pass::Due;
        }
        if elapsed >= if dozes { TURN + LATE } else { TURN }
            && GAVE_WAY.try_with(|unit| unit.replace(now) != now).unwrap_or(true)
        {
            thread::yield_now();
        }
        if elapsed >= MISSING { Pass::Slow } else { Pass::Brief }
    }
}

/// Whether this pass of the thread is one in [`EACH`]. By a sequence that goes through all numbers in steps, and for each
/// thread by another part of it: locks that a thread releases in turn, and threads that release a lock in turn, do not
/// fall into step.
#[inline]
fn is_counted() -> bool {
    const FEW: u16 = u16::MAX / EACH as u16 + 1;
    // Where thread-locals are keys of the system, an ending thread has none.
    let number = PASSES.try_with(|passes| {
        let number = passes.get();
        passes.set(number.wrapping_add(STEP));
        number.wrapping_add(place(ptr::from_ref(passes).addr()))
    });
    number.is_ok_and(|number| number < FEW)
}

/// How many passes a count stands for.
fn passes(count: u8) -> u32 {
    let beyond = count.saturating_sub(SINGLY);
    u32::from(count - beyond) + u32::from(beyond) * u32::from(EACH)
}

/// A number for each thread, by where its own variables are.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a hash")]
fn place(address: usize) -> u16 {
    // Those of two threads lie some pages apart, mostly as many from each to the next.
    ((address >> 12) as u16).wrapping_mul(40_503)
}

/// How many passes lie between two counts of one turn; none if the count is back before the first.
fn since(start: u8, now: u8) -> u32 {
    if now >= start {
        passes(now) - passes(start)
    } else if now >= LAST {
        u32::from(now - LAST + ROUND - (start - LAST)) * u32::from(EACH)
    } else {
        0
    }
}

/// A clock's face with 256 units.
#[expect(clippy::cast_possible_truncation, reason = "a face")]
fn now() -> u8 {
    static START: OnceLock<Instant> = OnceLock::new();
    #[cfg(lockline_hooks)]
    if STANDS.load(Relaxed) {
        return 0;
    }
    (START.get_or_init(Instant::now).elapsed().as_nanos() >> UNIT) as u8
}

#[cfg(lockline_hooks)]
static STANDS: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

#[cfg(lockline_hooks)]
static ENDLESS: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

/// For `tests/hooks`: from now on whoever is woken and finds the lock held dozes, for an hour; or as usual.
#[cfg(lockline_hooks)]
pub fn dozes_last(last: bool) {
    ENDLESS.store(last, Relaxed);
}

/// For `tests/hooks`: from now on the clock shows the same whenever somebody looks, or goes.
#[cfg(lockline_hooks)]
pub fn clock_stands(stands: bool) {
    STANDS.store(stands, Relaxed);
}

#[cfg(test)]
mod tests;
