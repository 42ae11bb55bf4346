//! When the turn of somebody who sleeps is due, in two bytes.
//!
//! Heuristics: written by whoever has something to say and read by whoever wants to know, so that a mistake only
//! makes a turn come sooner or later.

use super::spin::Spin;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::{sync::OnceLock, time::Instant};

/// The unit of `since` in nanoseconds is `1 << UNIT`, 8 µs; all of it is 2 ms.
const UNIT: u32 = 13;
/// A turn takes so many units: a quarter of a millisecond.
const TURN: u8 = 32;
/// Who is woken and has a core has come after so many units.
const WAKING: u8 = 4;
/// The clock is read once in so many passes, and at the first powers of two.
const LOOK: u8 = 32;
/// Set in `passes` if the first 128 were quick: one thread more would only pull the line away from who has it.
const CROWDED: u8 = 0x80;
/// Quick is in so many units, a quarter of a microsecond each.
const QUICK: u8 = 4;
/// After so many rounds of a spin, half a microsecond, …
const ROUNDS: u32 = 5;
/// … so many passes are a crowd.
const CROWD: u8 = 2;

/// Since when the turn lasts, and how often somebody who waits was passed in it.
#[derive(Debug)]
pub(crate) struct Pace {
    since: AtomicU8,
    passes: AtomicU8,
}

/// What a release does that passes somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Nothing.
    Brief,
    /// If somebody was woken and has not come: wakes another, who may find a core.
    Slow,
    /// Closes the lock: a turn is due.
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
        now().wrapping_sub(self.since.load(Relaxed))
    }

    /// How often somebody was passed, for [`is_crowded`](Self::is_crowded).
    pub(crate) fn passes(&self) -> u8 {
        self.passes.load(Relaxed)
    }

    /// Whether the lock changed hands very often since `start`, when `spin` was new.
    pub(crate) fn is_crowded(&self, start: u8, spin: &Spin) -> bool {
        spin.pauses() == ROUNDS && self.passes().wrapping_sub(start) & !CROWDED >= CROWD
    }

    /// Counts a release that passes somebody who waits.
    pub(crate) fn pass(&self) -> Pass {
        let before = self.passes.load(Relaxed);
        let count = (before & !CROWDED) + 1;
        let mut passes = (before & CROWDED) | (count & !CROWDED);
        if !count.is_power_of_two() && count % LOOK != 0 {
            self.passes.store(passes, Relaxed);
            return Pass::Brief;
        }
        let elapsed = self.elapsed();
        if count == CROWDED && elapsed <= QUICK {
            passes |= CROWDED;
        }
        self.passes.store(passes, Relaxed);
        match elapsed {
            TURN.. => Pass::Due,
            WAKING.. if passes & CROWDED == 0 => Pass::Slow,
            _ => Pass::Brief,
        }
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

/// For `tests/hooks`: from now on the clock shows the same whenever somebody looks, or goes.
#[cfg(lockline_hooks)]
pub fn clock_stands(stands: bool) {
    STANDS.store(stands, Relaxed);
}
