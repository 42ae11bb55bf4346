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
mod tests {
    use super::*;

    #[test]
    fn who_comes_is_seen_and_who_does_not_is_not_waited_for() {
        let looks = Cell::new(0);
        assert!(Pace::new().comes(|| looks.replace(looks.get() + 1) < LOOKS - 1));
        assert!(!Pace::new().comes(|| true));
    }

    /// A turn of a lock whose clock shows what we say, and threads that pass somebody.
    struct Turn {
        pace: Pace,
        time: u64,
        numbers: Vec<u16>,
    }

    impl Turn {
        /// Begins so far into a unit of the clock, with what the threads have done before.
        fn new(offset: u64, numbers: Vec<u16>) -> Self {
            Self { pace: Pace::new(), time: offset, numbers }
        }

        /// A thread had the lock for so long.
        fn section(&mut self, thread: usize, takes: u64) -> Pass {
            self.time += takes;
            // This thread stands for all, wherever its own variables are.
            let place = PASSES.with(|passes| place(ptr::from_ref(passes).addr()));
            PASSES.set(self.numbers[thread].wrapping_sub(place));
            let counts = self.pace.counts();
            self.numbers[thread] = PASSES.get().wrapping_add(place);
            #[expect(clippy::cast_possible_truncation, reason = "a face")]
            let now = || (self.time >> UNIT) as u8;
            if counts { self.pace.pass_at(now, false) } else { Pass::Brief }
        }

        /// How many nanoseconds it lasts until the lock is closed, where each thread has it for so long, in turn.
        fn until_closed(mut self, takes: u64) -> u64 {
            let start = self.time;
            for thread in (0..self.numbers.len()).cycle() {
                if self.section(thread, takes) == Pass::Due || self.time > start + 200_000_000 {
                    break;
                }
            }
            self.time - start
        }
    }

    /// Numbers of threads that have done this and that.
    fn numbers(seed: u64, threads: usize) -> Vec<u16> {
        let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let next = |_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u16::try_from(x >> 48).expect("16 bits")
        };
        (0..threads).map(next).collect()
    }

    fn sections(from: u64, to: u64) -> impl Iterator<Item = u64> {
        core::iter::successors(Some(from), |section| Some(section + section / 20))
            .take_while(move |&section| section < to)
    }

    #[test]
    fn a_lock_is_closed_within_two_milliseconds_and_a_section() {
        for threads in [1, 2, 3, 4, 8] {
            // Longer ones may fall into step with the clock's face.
            for takes in sections(20, 7_000_000) {
                for seed in 0..if takes < 1_000 { 2 } else { 10 } {
                    let offset = (seed % 4) << (UNIT - 2);
                    let time = Turn::new(offset, numbers(seed, threads)).until_closed(takes);
                    let bounds = (u64::from(OVERDUE) - 1) << UNIT..=2_000_000 + takes;
                    assert!(bounds.contains(&time), "{time} for {threads} with {takes}, {seed}");
                }
            }
        }
    }

    #[test]
    fn after_many_short_sections_at_most_64_long_ones_go_first() {
        for takes in sections(1_000, 100_000) {
            for threads in [1, 2, 4] {
                for (seed, short) in (0..10).zip([10, 60, 70, 100, 400, 5_000].iter().cycle()) {
                    let mut turn = Turn::new(0, numbers(seed, threads));
                    for i in 0..*short {
                        turn.section(i % threads, 50);
                    }
                    let time = turn.until_closed(takes);
                    assert!(time <= 1_250_000 + 64 * takes, "{time} for {takes} after {short}");
                }
            }
        }
    }

    #[test]
    fn who_was_woken_rests_for_what_is_left_of_the_turn_where_it_would_only_wait() {
        let unit = |units: u8| Some(Duration::from_nanos(u64::from(units) << UNIT));
        let held = |_: &Turn| true;
        let rest = |at: u8, passes: u32, is_held: &dyn Fn(&Turn) -> bool| {
            let mut turn = Turn::new(0, vec![0]);
            (0..passes).for_each(|_| assert_eq!(turn.section(0, 0), Pass::Brief));
            turn.pace.rest_at(at, || is_held(&turn))
        };
        assert_eq!(rest(0, 100, &held), unit(TURN - EARLY));
        assert_eq!(rest(1, 100, &held), unit(TURN - 1 - EARLY));
        assert_eq!(rest(TURN - 1, 100, &held), unit(1), "a timer that is not over at once");
        assert_eq!(rest(TURN, 100, &held), None, "the turn is due");
        assert_eq!(rest(0, QUICK, &held), None, "not passed on quickly");
        assert_eq!(rest(0, QUICK + 1, &held), unit(TURN - EARLY));
        assert_eq!(rest(2, 2 * QUICK, &held), None, "not for two units");
        let passed = |turn: &Turn| {
            turn.pace.passes.fetch_add(1, Relaxed);
            true
        };
        assert_eq!(rest(0, 0, &passed), unit(TURN - EARLY), "passed on while it looks");
        let looks = Cell::new(0);
        let often = |least: usize| {
            looks.set(0);
            rest(0, 100, &|_| looks.replace(looks.get() + 1) < least).is_some()
        };
        assert!(often(BUSY));
        assert!(!often(BUSY - 1));
        // To find that out the first time takes longer than a turn.
        several_cores();
        let pace = Pace::new();
        pace.begin();
        pace.passes.store(SINGLY, Relaxed);
        assert_eq!(pace.rest(true, || true), None, "nobody else sleeps");
    }

    #[test]
    fn a_core_is_given_away_when_a_turn_is_due_and_later_for_one_that_dozes() {
        for (dozes, due) in [(false, TURN), (true, TURN + LATE)] {
            let gives_way = |&now: &u8| {
                GAVE_WAY.set(0);
                assert_eq!(Pace::new().pass_at(|| now, dozes), Pass::Brief);
                GAVE_WAY.get() == now
            };
            let when: Vec<_> = (1..MISSING).filter(gives_way).collect();
            assert_eq!(when, (due..MISSING).collect::<Vec<_>>());
        }
    }

    #[test]
    fn passes_are_counted_anew_one_by_one() {
        for before in [0, 10, 63, 64, 200, 255] {
            for takes in [32, 60, 100] {
                let mut turn = Turn::new(0, vec![0]);
                turn.pace.passes.store(before, Relaxed);
                let start = turn.pace.count_anew().expect("nobody else counts");
                assert_eq!(turn.pace.passed_since(start), 0);
                // As many as go in two microseconds.
                let passes = u32::try_from(2_000 / takes).expect("a few");
                (0..passes).for_each(|_| assert_eq!(turn.section(0, takes), Pass::Brief));
                assert_eq!(turn.pace.passed_since(start), passes);
                // Those who measure at the same time.
                let later = Start { count: start.count + 10, ..start };
                assert_eq!(turn.pace.passed_since(later), passes - 10);
                turn.pace.since.store(1, Relaxed);
                assert_eq!(turn.pace.passed_since(start), 0, "another turn");
            }
        }
    }

    #[test]
    fn a_count_that_did_not_begin_anew_is_no_start() {
        assert!(Pace::starts(0, SINGLY / 2 - 1).is_some());
        assert!((SINGLY / 2..=u8::MAX).all(|count| Pace::starts(0, count).is_none()));
    }

    #[test]
    fn a_lock_is_closed_as_soon_if_passes_are_counted_anew_again_and_again() {
        for each in [1, 2, 3, 5, 16, 33, 64, 65, 250, 1_000] {
            for takes in sections(20, 7_000_000).step_by(3) {
                let mut turn = Turn::new(each, numbers(each, 2));
                let start = turn.time;
                let mut passes = 0;
                while turn.section(usize::from(passes % 3 == 0), takes) != Pass::Due {
                    passes += 1;
                    if passes % each == 0 {
                        assert!(turn.pace.count_anew().is_some());
                    }
                    assert!(turn.time - start <= 2_000_000 + takes, "each {each}, {takes}");
                }
            }
        }
    }

    #[test]
    fn each_of_many_locks_is_counted() {
        for (locks, most) in [(1..=8, 32), (9..=64, 65)]
            .into_iter()
            .flat_map(|(locks, most)| locks.map(move |n| (n, most)))
        {
            let mut left_out = 0;
            for pass in 0..20_000 {
                let counted = is_counted();
                if pass % locks == 0 {
                    left_out = if counted { 0 } else { left_out + 1 };
                    assert!(left_out < most, "of {locks}");
                }
            }
        }
    }

    #[test]
    fn who_does_not_come_in_a_quarter_of_a_millisecond_is_slow_until_the_lock_is_closed() {
        for takes in [20, 100, 1_000, 30_000] {
            let mut turn = Turn::new(0, vec![0]);
            let mut slow = Vec::new();
            loop {
                match turn.section(0, takes) {
                    Pass::Brief => {}
                    Pass::Slow => slow.push(turn.time),
                    Pass::Due => break,
                }
                assert!(turn.time < 200_000_000, "never closed");
            }
            let (first, last) = (slow[0], slow[slow.len() - 1]);
            let latest = if takes <= 1_000 { 300_000 } else { 550_000 };
            assert!((250_000..latest).contains(&first), "{first} for {takes}");
            assert!(slow.len() > 1 || takes > 1_000, "{slow:?}");
            assert!(last < u64::from(OVERDUE) << UNIT, "{last} for {takes}");
        }
    }

    #[test]
    fn passes_are_known_also_when_the_count_goes_round() {
        let pace = Pace::new();
        let mut counts = Vec::new();
        for _ in 0..600 {
            counts.push(pace.passes());
            pace.pass_at(|| 0, false);
        }
        for pair in counts.windows(2) {
            let each = if pair[0] < SINGLY { 1 } else { u32::from(EACH) };
            assert_eq!(since(pair[0], pair[1]), each, "{pair:?}");
        }
        assert!(
            counts
                .windows(5)
                .skip(usize::from(SINGLY))
                .all(|five| since(five[0], five[4]) >= THRONG)
        );
        assert_eq!(since(100, 3), 0);
        let pace = Pace::new();
        for count in 1..=80 {
            pace.pass_at(|| 0, false);
            let beyond = u32::from(count - SINGLY.min(count));
            assert_eq!(pace.passed(), u32::from(count.min(SINGLY)) + beyond * u32::from(EACH));
        }
    }
}
