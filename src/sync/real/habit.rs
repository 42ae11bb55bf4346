//! What those who wait at one end of a queue have learned of their waits.
//!
//! Heuristics: written by whoever has waited and read by who waits next, so that a mistake only costs time.

use super::spin::{Spin, Wait, pause};
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::time::Duration;

/// Who spun in vain gives its core away so often: about three microseconds where nobody takes it, …
const BRIEF: u32 = 8;
/// … and twenty-two, where waits are short.
const PATIENT: u32 = 64;
/// After so many spins in vain, one gives its core away at once …
const VAIN: u8 = 4;
/// … so many times, and then spins again.
const SPARED: u8 = 16;
/// A sleep below this is short: most of it went by in waking up.
const SHORT: Duration = Duration::from_micros(50);
/// The longest pause to let more gather, in spin hints: about a microsecond.
const GATHER: u32 = 64;
/// How often one does without after a pause that was in vain.
const REST: u8 = 15;

#[derive(Debug)]
pub(crate) struct Habit {
    /// The last sleep was short: the other side came back before one was awake. If both sides sleep for so short a
    /// time, each wakes the other for every item; so it pays to stay awake for longer than that.
    short: AtomicBool,
    /// So many spins in a row were in vain: the other side wants the very cores that we spin on.
    vain: AtomicU8,
    /// So many times no pause is made.
    rest: AtomicU8,
}

impl Habit {
    pub(crate) const fn new() -> Self {
        Self { short: AtomicBool::new(true), vain: AtomicU8::new(0), rest: AtomicU8::new(0) }
    }

    /// How to spin before going to sleep.
    pub(crate) fn spin(&self) -> Spin {
        let yields = if self.short.load(Relaxed) { PATIENT } else { BRIEF };
        let vain = self.vain.load(Relaxed);
        if vain < VAIN {
            return Spin::yielding(yields);
        }
        self.vain.store(if vain < VAIN + SPARED { vain + 1 } else { VAIN - 1 }, Relaxed);
        Spin::only_yielding(yields)
    }

    /// That such a spin has ended.
    pub(crate) fn spun(&self, spin: &Spin) {
        if let Some(in_vain) = spin.was_in_vain() {
            let vain = self.vain.load(Relaxed);
            self.vain.store(if in_vain { vain.saturating_add(1) } else { 0 }, Relaxed);
        }
    }

    /// That somebody has slept.
    pub(crate) fn slept(&self, wait: Wait) {
        self.short.store(wait.elapsed() < SHORT, Relaxed);
    }

    /// The first thing has come that one waited for: pauses, to let more come before it is taken, if that has paid lately or
    /// has not been tried for a while. Where things come quickly it pays: else each is taken as it comes, and its
    /// line goes to and fro for each. `most` is what there is room for, and `more` says whether it pays now.
    pub(crate) fn gather(&self, most: usize, more: impl FnOnce() -> bool) {
        let rest = self.rest.load(Relaxed);
        if rest > 0 {
            self.rest.store(rest - 1, Relaxed);
            return;
        }
        pause(GATHER.min(u32::try_from(most / 2).unwrap_or(GATHER)));
        if !more() {
            self.rest.store(REST, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_vain() -> Spin {
        let mut spin = Spin::yielding(0);
        while spin.once() {}
        spin
    }

    #[test]
    fn any_number_of_threads_may_spin_in_vain_at_once() {
        if in_vain().was_in_vain() != Some(true) {
            return; // one core
        }
        let habit = Habit::new();
        for _ in 0..1_000 {
            habit.spun(&in_vain());
        }
        // And who comes next gives way, and spins again after a while.
        assert_eq!(habit.spin().was_in_vain(), None);
        let again = (0..=SPARED).position(|_| habit.spin().was_in_vain().is_some());
        assert!(again.is_some());
    }
}
