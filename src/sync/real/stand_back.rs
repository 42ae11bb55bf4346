//! When a thread stands back, that meets others where one at a time may go.
//!
//! When each goes as soon as it can, what they take in turn moves from core to core every few times, for which each waits
//! several times as long as it takes to go. Or it does not, and they get as much done in turn as two can: that depends on
//! what they do inside and outside, and on the machine. So who meets others soon, again and again, measures. While *both*
//! go, each does so once or more often from one meeting to the next: half of the shortest such time is about what it takes
//! for one to go. (That is too much where some go without meeting anybody, or with a third thread.) How long it takes one
//! *alone* is found out by staying away for two microseconds, as a known waiter, whom others count as they pass. If that is
//! less, it stands back for a microsecond each time it meets them: then the others go on without it, and later it without
//! them. Who meets others now and then does not, nor who has other work for as long as that takes. Where others are known
//! to wait already, who measures need not be known too, and has each pass counted for a while.
//!
//! Threads that stand back are not known to wait. If others want the core, nobody knows those either, and the system lets
//! each run for milliseconds. So about once in a millisecond who stands back *rests*, for a turn, and is known to: who runs
//! on its core meanwhile, and finds the lock taken all the time, sleeps, and is known too.
//!
//! Heuristics, each thread's own: a mistake only costs time.

use super::spin::{pause, several_cores};
use core::cell::Cell;
use std::{
    thread_local,
    time::{Duration, Instant},
};

/// Whoever meets others again after less than this …
const SOON: Duration = Duration::from_nanos(400);
/// … so often in a row measures, …
const OFTEN: u8 = 3;
/// … for so long, and if one alone is faster …
const MEASURE: Duration = Duration::from_micros(2);
/// … stands back so many times, …
const TIMES: u8 = 32;
/// … if it meets them again after less than this, …
const AGAIN: Duration = Duration::from_micros(2);
/// … for so long.
const BACK: Duration = Duration::from_micros(1);
/// Nobody goes in less than this: it was counted wrongly.
const LEAST: Duration = Duration::from_nanos(2);
/// Never for more hints than these, as the clock may stand.
const HINTS: u32 = 256;
/// If one alone is not faster, it is so many meetings until it measures again: about as long as it would stand back.
const SPARED: u16 = 250;
/// Who has stood back for so long in all rests: that is about once in a millisecond.
const REST: Duration = Duration::from_micros(500);

thread_local! {
    static MEETINGS: Cell<Meetings> = const { Cell::new(Meetings::NONE) };
}

/// What a thread does that meets others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// It tries to go before them.
    Compete,
    /// It has stood back.
    StoodBack,
    /// It is to find out whether to stand back, by [`measures`] or [`measures_beside`].
    Measure,
}

/// How a thread has met others.
#[derive(Clone, Copy, Debug)]
struct Meetings {
    /// When it did so last, or had stood back.
    last: Option<Instant>,
    /// How often in a row that was soon, …
    soon: u8,
    /// … and half of how soon it was once: in that time, each goes once or more often.
    both: Duration,
    /// How often it is to stand back.
    left: u8,
    /// How often it is spared.
    spared: u16,
    /// For how long it has stood back without a rest.
    stood: Duration,
}

impl Meetings {
    const NONE: Self = Self {
        last: None,
        soon: 0,
        both: Duration::ZERO,
        left: 0,
        spared: 0,
        stood: Duration::ZERO,
    };

    /// Meets others. Stands back if it is to.
    fn again(&mut self, clock: impl Fn() -> Instant) -> Meeting {
        if self.spared > 0 {
            self.spared -= 1;
            // As long as a look at the clock takes: a look at the lock at once only takes the line from who has it.
            pause(1);
            return Meeting::Compete;
        }
        let start = clock();
        let before = self.last.replace(start);
        let apart = before.map(|before| start.saturating_duration_since(before));
        if self.left == 0 || apart.is_none_or(|apart| apart >= AGAIN) {
            self.left = 0;
            return self.competes(apart.filter(|&apart| apart < SOON));
        }
        self.left -= 1;
        let (took, now) = stand(start, BACK, clock);
        // After the last time one sees how things are: who has work of its own outside would not come so soon.
        self.last = (self.left > 0).then_some(now);
        // Unless it lost its core meanwhile.
        if took >= 2 * BACK {
            return Meeting::Compete;
        }
        self.stood += took;
        Meeting::StoodBack
    }

    /// It met others soon after it did so before, or not.
    fn competes(&mut self, soon: Option<Duration>) -> Meeting {
        let Some(apart) = soon else {
            self.soon = 0;
            return Meeting::Compete;
        };
        let before = if self.soon == 0 { Duration::MAX } else { self.both };
        self.both = before.min(apart / 2);
        self.soon += 1;
        if self.soon < OFTEN {
            return Meeting::Compete;
        }
        self.soon = 0;
        Meeting::Measure
    }

    /// Stays away, and finds out how often others go meanwhile. Says whether one alone is faster.
    fn measures(&mut self, passes: impl Fn() -> u32, clock: impl Fn() -> Instant) -> bool {
        let (took, now) = stand(clock(), MEASURE, clock);
        self.last = Some(now);
        match passes() {
            // Nobody, or more than can be, or it lost its core: that says nothing.
            0 => false,
            passes if took / passes < LEAST => false,
            _ if took >= 2 * MEASURE => false,
            passes if took / passes >= self.both => {
                (self.spared, self.stood) = (SPARED, Duration::ZERO);
                false
            }
            _ => {
                self.left = TIMES;
                true
            }
        }
    }

    /// Whether it is time for a rest, which begins now.
    fn rests(&mut self) -> bool {
        let rests = self.stood >= REST;
        if rests {
            self.stood = Duration::ZERO;
        }
        rests
    }

    /// Measures, and says whether to rest.
    fn measures_and_rests(
        &mut self,
        passes: impl Fn() -> u32,
        clock: impl Fn() -> Instant,
    ) -> bool {
        self.measures(passes, clock) && self.rests()
    }
}

/// Lets some time go by. Says how long it was, and until when.
fn stand(start: Instant, long: Duration, clock: impl Fn() -> Instant) -> (Duration, Instant) {
    let mut now = start;
    for _ in 0..HINTS / 2 {
        pause(2);
        now = clock();
        if now.saturating_duration_since(start) >= long {
            break;
        }
    }
    (now.saturating_duration_since(start), now)
}

/// The calling thread has found that somebody else is before it. Stands back if it is to.
pub(crate) fn meets() -> Meeting {
    if !several_cores() {
        return Meeting::Compete;
    }
    with(|met| met.again(Instant::now)).unwrap_or(Meeting::Compete)
}

/// The calling thread is known to wait, so that `passes` are counted from now on: finds out how fast one goes alone. Says
/// whether to rest.
pub(crate) fn measures(passes: impl Fn() -> u32) -> bool {
    with(|met| met.measures_and_rests(passes, Instant::now)).unwrap_or(false)
}

/// As [`measures`], but others are known to wait, and the calling thread is not.
pub(crate) fn measures_beside(passes: impl Fn() -> u32) {
    with(|met| met.measures(passes, Instant::now));
}

fn with<R>(change: impl FnOnce(&mut Meetings) -> R) -> Option<R> {
    // Where thread-locals are keys of the system, an ending thread has none.
    MEETINGS
        .try_with(|meetings| {
            let mut now = meetings.get();
            let result = change(&mut now);
            meetings.set(now);
            result
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NANOS: Duration = Duration::from_nanos(1);

    /// A clock that goes on by so much with each look.
    fn ticking(step: Duration) -> impl Fn() -> Instant {
        let now = Cell::new(Instant::now());
        move || now.replace(now.get() + step)
    }

    /// Meets others until it is to measure, and finds that one takes so long alone.
    fn measured(alone: Duration, clock: impl Fn() -> Instant) -> (Meetings, bool) {
        let mut met = Meetings::NONE;
        assert!((0..OFTEN).all(|_| met.again(&clock) == Meeting::Compete));
        assert_eq!(met.again(&clock), Meeting::Measure);
        let passes = || u32::try_from(MEASURE.as_nanos() / alone.as_nanos()).expect("a few");
        let rests = met.measures_and_rests(passes, clock);
        (met, rests)
    }

    #[test]
    fn who_meets_others_soon_stands_back_if_one_alone_is_faster_and_then_looks_how_things_are() {
        let clock = ticking(200 * NANOS);
        let (mut met, rests) = measured(86 * NANOS, &clock);
        assert!(!rests);
        for _ in 0..3 {
            for _ in 0..TIMES {
                let before = clock();
                assert_eq!(met.again(&clock), Meeting::StoodBack);
                let took = clock() - before;
                assert!(took >= BACK && took < 2 * BACK, "{took:?}");
            }
            assert!(met.last.is_none());
            assert!((0..OFTEN).all(|_| met.again(&clock) == Meeting::Compete));
            assert_eq!(met.again(&clock), Meeting::Measure);
            assert!(!met.measures_and_rests(|| 25, &clock));
        }
    }

    #[test]
    fn both_go_once_or_more_often_between_two_meetings() {
        let mut met = Meetings::NONE;
        let now = Cell::new(Instant::now());
        let mut after = |nanos: u64| {
            now.set(now.get() + Duration::from_nanos(nanos));
            (met.again(|| now.get()), met.both)
        };
        assert_eq!(after(0).0, Meeting::Compete);
        assert_eq!(after(100), (Meeting::Compete, 50 * NANOS));
        assert_eq!(after(400).0, Meeting::Compete);
        assert_eq!(after(300), (Meeting::Compete, 150 * NANOS));
        assert_eq!(after(200), (Meeting::Compete, 100 * NANOS));
        assert_eq!(after(390), (Meeting::Measure, 100 * NANOS));
        assert_eq!(after(390), (Meeting::Compete, 195 * NANOS));
    }

    #[test]
    fn who_is_to_measure_and_does_not_has_to_meet_others_often_again() {
        let (mut met, clock) = (Meetings::NONE, ticking(200 * NANOS));
        assert!((0..OFTEN).all(|_| met.again(&clock) == Meeting::Compete));
        for _ in 0..3 {
            assert_eq!(met.again(&clock), Meeting::Measure);
            assert!((1..OFTEN).all(|_| met.again(&clock) == Meeting::Compete));
        }
    }

    #[test]
    fn who_is_as_fast_beside_others_does_not_stand_back_and_measures_seldom() {
        let clock = ticking(200 * NANOS);
        let (mut met, rests) = measured(100 * NANOS, &clock);
        assert!(!rests);
        let spared = (0..2 * usize::from(SPARED))
            .take_while(|_| met.again(&clock) == Meeting::Compete)
            .count();
        assert_eq!(spared, usize::from(SPARED) + usize::from(OFTEN) - 1);
    }

    #[test]
    fn who_is_spared_does_not_look_at_the_clock() {
        let clock = || panic!("a look at the clock");
        let mut met = Meetings { spared: 2, ..Meetings::NONE };
        assert_eq!([met.again(clock), met.again(clock)], [Meeting::Compete; 2]);
        assert_eq!(met.spared, 0);
    }

    #[test]
    fn who_has_other_work_does_not_stand_back() {
        let (mut met, clock) = (Meetings::NONE, ticking(SOON));
        assert!((0..100).all(|_| met.again(&clock) == Meeting::Compete));
        // Nor any more, if that comes up meanwhile.
        let last = clock();
        let mut met = Meetings { last: Some(last), left: TIMES, ..Meetings::NONE };
        assert_eq!(met.again(|| last + AGAIN), Meeting::Compete);
        assert_eq!(met.left, 0);
    }

    #[test]
    fn nobody_measures_by_one_who_has_the_lock_for_long_or_a_wrong_count_or_when_it_lost_its_core()
    {
        for (passes, step, says) in [
            (0, MEASURE, false),
            (1_001, MEASURE, false),
            (1_000, MEASURE, true),
            (100, 2 * MEASURE, false),
        ] {
            let mut met = Meetings { both: 100 * NANOS, ..Meetings::NONE };
            assert_eq!(met.measures(|| passes, ticking(step)), says, "{passes}");
            assert_eq!((met.left, met.spared), (if says { TIMES } else { 0 }, 0));
        }
    }

    #[test]
    fn who_finds_that_it_need_not_stand_back_has_not_stood_back_for_long() {
        let mut met = Meetings { both: 100 * NANOS, stood: REST, ..Meetings::NONE };
        assert!(!met.measures_and_rests(|| 20, ticking(MEASURE)));
        assert_eq!((met.spared, met.stood), (SPARED, Duration::ZERO));
    }

    #[test]
    fn who_has_stood_back_for_long_rests_once() {
        let clock = ticking(100 * NANOS);
        let (mut met, _) = measured(10 * NANOS, &clock);
        let (mut stood, mut rests) = (Duration::ZERO, Vec::new());
        while rests.len() < 3 {
            match met.again(&clock) {
                Meeting::StoodBack => stood += BACK,
                Meeting::Measure if met.measures_and_rests(|| 200, &clock) => {
                    rests.push(stood);
                    stood = Duration::ZERO;
                }
                _ => {}
            }
        }
        assert!(rests.iter().all(|&stood| stood >= REST && stood < REST + 40 * BACK), "{rests:?}");
    }

    #[test]
    fn who_only_measures_has_still_stood_back_for_as_long() {
        let clock = ticking(200 * NANOS);
        let mut met = Meetings { both: 100 * NANOS, stood: REST, ..Meetings::NONE };
        assert!(met.measures(|| 200, &clock));
        assert_eq!((met.left, met.stood), (TIMES, REST));
        assert!(met.measures_and_rests(|| 200, &clock));
        assert_eq!((met.left, met.stood), (TIMES, Duration::ZERO));
    }

    #[test]
    fn who_comes_now_and_then_does_not_rest() {
        let mut met = Meetings::NONE;
        let now = Cell::new(Instant::now());
        for _ in 0..100 {
            now.set(now.get() + Duration::from_millis(5));
            let clock = || now.replace(now.get() + 200 * NANOS);
            assert!((0..OFTEN).all(|_| met.again(clock) == Meeting::Compete));
            assert_eq!(met.again(clock), Meeting::Measure);
            assert!(!met.measures_and_rests(|| 200, clock));
        }
    }

    #[test]
    fn who_lost_its_core_has_not_stood_back() {
        let clock = ticking(Duration::from_millis(1));
        let last = clock() + Duration::from_millis(1);
        let mut met = Meetings { last: Some(last), left: TIMES, ..Meetings::NONE };
        assert_eq!(met.again(clock), Meeting::Compete);
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_keeps_nobody() {
        let start = Instant::now();
        let mut met = Meetings { last: Some(start), left: TIMES, ..Meetings::NONE };
        assert_eq!(met.again(|| start), Meeting::StoodBack);
        assert!(!met.measures_and_rests(|| 1, || start));
        let mut met = Meetings { last: Some(start), left: TIMES, ..Meetings::NONE };
        let later = Cell::new(start + Duration::from_micros(1));
        assert_eq!(met.again(|| later.replace(start)), Meeting::StoodBack);
    }
}
