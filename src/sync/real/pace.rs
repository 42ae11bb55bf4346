//! When the turn of somebody who sleeps is due, in two bytes.
//!
//! Heuristics: written by whoever has something to say and read by whoever wants to know, so that a mistake only
//! makes a turn come sooner or later.

use super::spin::{Spin, pause, several_cores};
use core::{
    cell::Cell,
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
/// A turn takes so many units, a sixth of a millisecond: then who releases the lock gives its core away, which may be
/// what who was woken waits for, …
const TURN: u8 = 5;
/// … and after so many, a millisecond, closes the lock. Not before: who was woken may be on its way to another core, and
/// until it has come the lock would lie idle. A virtual core that sleeps may take that long to wake up.
const OVERDUE: u8 = 30;
/// Who dozes has come so many units after the turn is due, some sixty microseconds, if it has a core.
const LATE: u8 = 2;
/// Who is to come and has a core has come after so many units, a quarter of a millisecond. Who is woken sooner on top of it
/// mostly wants the same core, or takes the lock before its time: then each sleeps and is woken the more often.
const MISSING: u8 = 8;
/// Who dozes sets its timer so many units before the turn is due: most timers go off some fifty microseconds late, and then
/// it has to wake up.
const EARLY: u8 = 1;
/// Of the first passes of a turn those look at the clock whose number is a power of two, and then this one: there are
/// no more where sections are longer than a unit. …
const FIRST: u8 = 33;
/// … After it so many lie from each that looks to the next, over and over: not as many each time, as sections may take
/// as long as the clock's face needs to go round so often. (Of hundreds of such rows that were tried with sections of
/// up to 7 ms, ones like this had the fewest go before a look that finds the turn overdue.)
const APART: [u8; 7] = [26, 44, 39, 22, 21, 39, 32];
/// When the count has reached its end it goes on from [`FIRST`], and so goes round so many: a prime, as threads may
/// release the lock in turn.
const ROUND: u8 = u8::MAX - FIRST + 1;
/// Which passes look at the clock, a bit each.
static LOOKS_AT: [u32; 8] = looks_at();
/// After so many rounds of a spin, a third of a microsecond or nearly a whole one, …
const ROUNDS: u32 = 5;
/// … so many passes are a crowd.
const CROWD: u32 = 6;
/// So many in a microsecond are a throng: whoever has the lock does nothing else.
const THRONG: u32 = 64;
/// A lock is passed on quickly that is so often in a unit, once in three microseconds: who was woken need not hurry.
const QUICK: u32 = 12;

/// So often one looks at a lock, …
const LOOKS: usize = 4;
/// … so many spin hints apart, as long again, …
const BETWEEN: u32 = 32;
/// … and if it is held so often, there is no room for another.
const BUSY: usize = 2;

thread_local! {
    /// In which unit the thread last gave its core away.
    static GAVE_WAY: Cell<u8> = const { Cell::new(0) };
}

/// Since when the turn lasts, and how often who had the lock passed somebody in it.
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

    /// From now on passes are counted.
    pub(crate) fn start(&self) -> Start {
        Start { turn: self.since.load(Relaxed), count: self.passes.load(Relaxed) }
    }

    /// How often somebody was passed since then, if it is less than [`ROUND`]; else that much too little, or a multiple.
    /// If another turn has begun nothing is known, and 0 said; unless it began in the same unit, or begins just now, when
    /// it may be anything below that.
    pub(crate) fn passed_since(&self, start: Start) -> u32 {
        let now = self.start();
        if now.turn == start.turn { since(start.count, now.count) } else { 0 }
    }

    /// Whether the lock changed hands very often since `start`, when `spin` was new.
    pub(crate) fn is_crowded(&self, start: Start, spin: &Spin) -> bool {
        spin.pauses() == ROUNDS && self.passed_since(start) >= CROWD
    }

    /// Whether the lock changed hands so often since `start` that it must be one thread that takes it again and again. Whoever
    /// took it in between would only move its line.
    pub(crate) fn is_thronged(&self, start: Start) -> bool {
        self.passed_since(start) >= THRONG
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
        let before = self.passes.load(Relaxed);
        let found = (0..LOOKS).filter(|_| {
            pause(BETWEEN);
            is_held()
        });
        let busy = found.count() >= BUSY;
        // Shortly after its turn began, or when the count has gone round, there may not be so many, but one while we looked is
        // enough.
        let quick = u32::from(before) > QUICK * u32::from(elapsed.max(1))
            || self.passes.load(Relaxed) != before;
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

    /// Who has the lock is about to pass somebody who waits: counts that, while the line is here. Says whether to look
    /// at the clock when the lock is released, by [`pass`](Self::pass).
    #[inline]
    pub(crate) fn counts(&self) -> bool {
        let count = self.passes.load(Relaxed).checked_add(1).unwrap_or(FIRST);
        self.passes.store(count, Relaxed);
        LOOKS_AT[usize::from(count / 32)] >> (count % 32) & 1 != 0
    }

    /// A release has passed somebody who waits, or dozes, and looks at the clock. Gives the core away if a turn is due,
    /// once in a unit.
    pub(crate) fn pass(&self, dozes: bool) -> Pass {
        self.pass_at(now, dozes)
    }

    fn pass_at(&self, now: impl FnOnce() -> u8, dozes: bool) -> Pass {
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

const fn looks_at() -> [u32; 8] {
    let mut looks = [0; 8];
    looks[0] = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8 | 1 << 16;
    let (mut at, mut i) = (FIRST as usize, 0);
    while i < APART.len() {
        looks[at / 32] |= 1 << (at % 32);
        at += APART[i] as usize;
        i += 1;
    }
    assert!(at == FIRST as usize + ROUND as usize, "a round");
    looks
}

/// How many passes lie between two counts of one turn, if it is less than a round.
fn since(start: u8, now: u8) -> u32 {
    if now >= start {
        u32::from(now - start)
    } else if now >= FIRST {
        u32::from(now) + u32::from(ROUND) - u32::from(start)
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
