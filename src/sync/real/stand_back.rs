//! When a thread stands back, that meets others where one at a time may go; and when it finds out whether its core is
//! wanted.
//!
//! When each goes as soon as it can, what they take in turn moves from core to core every few times, for which each
//! waits several times as long as it takes to go. Or it does not, and they get as much done in turn as two can: that
//! depends on what they do inside and outside, and on the machine. So who meets others soon, again and again, measures.
//! While *both* go, each does so once or more often from one meeting to the next: half of the shortest such time is
//! about what it takes for one to go. (That is too much where some go without meeting anybody, or with a third thread.)
//! How long it takes one *alone* is found out by staying away for a microsecond, as a known waiter, whom others count
//! as they pass. If that is less, it stands back for a microsecond each time it meets them: then the others go on
//! without it, and later it without them. Who meets others now and then does not, nor who has other work for as long as
//! that takes. Where others are known to wait already, who measures need not be known too. If it is not less, what
//! matters is how soon the lock is taken when it is free: for many meetings who measured *is spared* all this, and
//! looks again and again, unless that is in vain.
//!
//! Where nobody is known to wait there may be many who want the core: whoever is neither asleep nor running. Who runs
//! does not know of them, and the system lets it run for milliseconds. So who meets others then very often gives its
//! core away, some times a millisecond, as a mere newcomer: this lock is not kept for it meanwhile. If somebody had the
//! core meanwhile, it *rests*, and is known to wait for a turn: who runs on its core meanwhile, and finds the lock
//! taken all the time, sleeps, and is known too. Who does something else only takes what it is given. So who is off its
//! core for long each time seldom gives it away.
//!
//! Heuristics, each thread's own: a mistake only costs time.

use super::spin::{pause, several_cores};
use core::cell::Cell;
use std::{
    thread, thread_local,
    time::{Duration, Instant},
};

/// Whoever meets others again after less than this …
const SOON: Duration = Duration::from_nanos(400);
/// … so often in a row measures, …
const OFTEN: u8 = 3;
/// … for so long, and if one alone is faster …
const MEASURE: Duration = Duration::from_micros(1);
/// … stands back so many times, …
const TIMES: u8 = 32;
/// … if it meets them again after less than this, …
const AGAIN: Duration = Duration::from_micros(2);
/// … for so long.
const BACK: Duration = Duration::from_micros(1);
/// Who meets others again after less than this …
const SHORTLY: Duration = Duration::from_micros(4);
/// … so many times, each other time halving that …
const MANY: u8 = 64;
/// … or, after so long, beginning anew, …
const FORGETS: Duration = Duration::from_millis(50);
/// … gives its core away while nobody is known to wait, at most once in so long. …
const GIVES: Duration = Duration::from_micros(250);
/// … If it was away for so long, somebody had it, most likely. …
const WANTED: Duration = Duration::from_micros(5);
/// … If for as long as this …
const SLICE: Duration = Duration::from_micros(1_500);
/// … so often in a row, that is somebody who does something else, and has it for a slice each time. …
const VAINLY: u8 = 6;
/// … Then it does so seldom.
const SELDOM: Duration = Duration::from_millis(50);
/// If that took longer, it lost its core; and no more go meanwhile than one count tells from another, if each takes 6 ns
/// or more. (Where more do, few are seen, and one alone is taken for no faster.)
const LONGEST: Duration = Duration::from_nanos(1_330);
/// Never for more hints than these, as the clock may stand.
const HINTS: u32 = 256;
/// If one alone is not faster, it is eager so many times it meets others: about as long as it would stand back.
const EQUALS: u16 = 250;

thread_local! {
    static MEETINGS: Cell<Meetings> = const { Cell::new(Meetings::NONE) };
    /// How often the thread is spared to measure.
    static SPARED: Cell<u16> = const { Cell::new(0) };
}

/// What a thread does that meets others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// It tries to go before them.
    Compete,
    /// It has stood back.
    StoodBack,
    /// It is to find out whether to stand back, by [`measures`].
    Measure,
    /// Others want its core.
    Wanted,
}

/// How a thread has met others.
#[derive(Clone, Copy, Debug)]
struct Meetings {
    /// When it did so last, or had stood back, measured or given its core away.
    last: Option<Instant>,
    /// How often in a row that was soon, …
    soon: u8,
    /// … and half of how soon it was once: in that time, each goes once or more often.
    both: Duration,
    /// How often it is to stand back.
    left: u8,
    /// How often it met others shortly after it did so before, less half of that for each time it did not.
    times: u8,
    /// How often in a row it was off its core for a slice.
    vainly: u8,
    /// When it next gives its core away.
    gives: Option<Instant>,
}

impl Meetings {
    const NONE: Self = Self {
        last: None,
        soon: 0,
        both: Duration::ZERO,
        left: 0,
        times: 0,
        vainly: 0,
        gives: None,
    };

    /// Meets others. Gives its core away if `may_give` and it is time, or stands back if it is to.
    fn again(
        &mut self,
        may_give: impl FnOnce() -> bool,
        give: impl FnOnce(),
        clock: impl Fn() -> Instant,
    ) -> Meeting {
        let start = clock();
        let before = self.last.replace(start);
        let apart = before.map(|before| start.saturating_duration_since(before));
        match apart {
            Some(apart) if apart < SHORTLY => self.times = self.times.saturating_add(1),
            Some(apart) if apart >= FORGETS => self.times = 0,
            Some(_) => self.times /= 2,
            None => {}
        }
        let is_time = self.gives.is_none_or(|at| start >= at);
        if self.times >= MANY && is_time && may_give() {
            give();
            return self.gave(start, clock());
        }
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
        Meeting::StoodBack
    }

    /// It was off its core from then till now, if anybody wanted that.
    fn gave(&mut self, start: Instant, now: Instant) -> Meeting {
        let away = now.saturating_duration_since(start);
        self.vainly = if away < SLICE { 0 } else { VAINLY.min(self.vainly + 1) };
        let (each, finds) = match self.vainly {
            VAINLY => (SELDOM, Meeting::Compete),
            _ if away < WANTED => (GIVES, Meeting::Compete),
            _ => (GIVES, Meeting::Wanted),
        };
        self.gives = now.checked_add(each);
        (self.last, self.soon) = (Some(now), 0);
        finds
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

    /// Stays away, and finds out how often others go meanwhile, and so whether one alone is faster. Says `true` if it
    /// is not.
    fn measures(&mut self, passes: impl Fn() -> u32, clock: impl Fn() -> Instant) -> bool {
        let (took, now) = stand(clock(), MEASURE, clock);
        self.last = Some(now);
        let passes = passes();
        // Nobody, or it lost its core: that says nothing.
        if passes == 0 || took >= LONGEST {
            return false;
        }
        if took / passes >= self.both {
            // Nor does it look at the clock then.
            self.last = None;
            return true;
        }
        self.left = TIMES;
        false
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

/// The calling thread has found that somebody else is before it. Gives its core away if it `may_give` that and it is
/// time, or stands back if it is to.
pub(crate) fn meets(may_give: impl FnOnce() -> bool) -> Meeting {
    if !several_cores() {
        return Meeting::Compete;
    }
    with(|met| met.again(may_give, thread::yield_now, Instant::now)).unwrap_or(Meeting::Compete)
}

/// From now on `passes` are counted, as the calling thread or others are known to wait: finds out how fast one goes
/// alone.
pub(crate) fn measures(passes: impl Fn() -> u32) {
    if with(|met| met.measures(passes, Instant::now)) == Some(true) {
        // As below.
        let _ = SPARED.try_with(|spared| spared.set(EQUALS));
    }
}

/// The calling thread has found that somebody else is before it. Says whether it has measured lately that one alone is
/// no faster than both.
pub(crate) fn is_spared() -> bool {
    // As below.
    let left = SPARED.try_with(|spared| spared.replace(spared.get().saturating_sub(1)));
    left.is_ok_and(|left| left > 0)
}

/// For `tests/hooks`: the calling thread has found that one alone is no faster.
#[cfg(lockline_hooks)]
pub fn spare() {
    SPARED.set(EQUALS);
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

    impl Meetings {
        /// Meets others who are known to wait.
        fn meets(&mut self, clock: impl Fn() -> Instant) -> Meeting {
            self.again(|| false, || panic!("gives its core away"), clock)
        }
    }

    /// Meets others until it is to measure, and finds that one takes so long alone.
    fn measured(alone: Duration, clock: impl Fn() -> Instant) -> Meetings {
        let mut met = Meetings::NONE;
        assert!((0..OFTEN).all(|_| met.meets(&clock) == Meeting::Compete));
        assert_eq!(met.meets(&clock), Meeting::Measure);
        let passes = || u32::try_from(MEASURE.as_nanos() / alone.as_nanos()).expect("a few");
        met.measures(passes, clock);
        met
    }

    #[test]
    fn who_meets_others_soon_stands_back_if_one_alone_is_faster_and_then_looks_how_things_are() {
        let clock = ticking(200 * NANOS);
        let mut met = measured(86 * NANOS, &clock);
        for _ in 0..3 {
            for _ in 0..TIMES {
                let before = clock();
                assert_eq!(met.meets(&clock), Meeting::StoodBack);
                let took = clock() - before;
                assert!(took >= BACK && took < 2 * BACK, "{took:?}");
            }
            assert!(met.last.is_none());
            assert!((0..OFTEN).all(|_| met.meets(&clock) == Meeting::Compete));
            assert_eq!(met.meets(&clock), Meeting::Measure);
            met.measures(|| 25, &clock);
        }
    }

    #[test]
    fn both_go_once_or_more_often_between_two_meetings() {
        let mut met = Meetings::NONE;
        let now = Cell::new(Instant::now());
        let mut after = |nanos: u64| {
            now.set(now.get() + Duration::from_nanos(nanos));
            (met.meets(|| now.get()), met.both)
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
        assert!((0..OFTEN).all(|_| met.meets(&clock) == Meeting::Compete));
        for _ in 0..3 {
            assert_eq!(met.meets(&clock), Meeting::Measure);
            assert!((1..OFTEN).all(|_| met.meets(&clock) == Meeting::Compete));
        }
    }

    #[test]
    fn who_is_as_fast_beside_others_does_not_stand_back_and_measures_seldom() {
        let clock = ticking(200 * NANOS);
        let mut met = measured(100 * NANOS, &clock);
        assert_eq!((met.left, met.last), (0, None));
        MEETINGS.set(Meetings { both: NANOS, ..Meetings::NONE });
        // Unless it loses its core meanwhile.
        let spared = (0..1_000).any(|_| {
            measures(|| 100);
            SPARED.get() > 0
        });
        assert!(spared);
        assert_eq!((0..1_000).take_while(|_| is_spared()).count(), usize::from(EQUALS));
        assert!(!is_spared());
        assert_eq!(met.meets(&clock), Meeting::Compete);
    }

    #[test]
    fn who_has_other_work_does_not_stand_back() {
        let (mut met, clock) = (Meetings::NONE, ticking(SOON));
        assert!((0..100).all(|_| met.meets(&clock) == Meeting::Compete));
        // Nor any more, if that comes up meanwhile.
        let last = clock();
        let mut met = Meetings { last: Some(last), left: TIMES, ..Meetings::NONE };
        assert_eq!(met.meets(|| last + AGAIN), Meeting::Compete);
        assert_eq!(met.left, 0);
    }

    #[test]
    fn nobody_measures_by_one_who_has_the_lock_for_long_or_when_it_lost_its_core() {
        for (passes, step, says) in [(0, MEASURE, 0), (100, MEASURE, TIMES), (100, LONGEST, 0)] {
            let mut met = Meetings { both: 100 * NANOS, ..Meetings::NONE };
            assert!(!met.measures(|| passes, ticking(step)), "{passes}");
            assert_eq!(met.left, says, "{passes}");
        }
    }

    #[test]
    fn who_gives_its_core_away_finds_out_whether_it_is_wanted() {
        let (vain, not) = (VAINLY, VAINLY - 1);
        for (away, vainly, finds, each) in [
            (WANTED / 2, vain, Meeting::Compete, GIVES),
            (WANTED, vain, Meeting::Wanted, GIVES),
            (SLICE / 2, vain, Meeting::Wanted, GIVES),
            (SLICE, 0, Meeting::Wanted, GIVES),
            (SLICE, not, Meeting::Compete, SELDOM),
            (SLICE, vain, Meeting::Compete, SELDOM),
            (10 * SLICE, not, Meeting::Compete, SELDOM),
        ] {
            let now = Cell::new(Instant::now());
            let pass = |time: Duration| now.set(now.get() + time);
            let mut met = Meetings { times: u8::MAX, vainly, ..Meetings::NONE };
            assert_eq!(met.again(|| true, || pass(away), || now.get()), finds, "{away:?}");
            pass(each.saturating_sub(NANOS));
            // Not yet, and nobody asks whether it may.
            let (ask, give) = (|| panic!("asks"), || panic!("gives its core away"));
            assert_eq!(met.again(ask, give, || now.get()), Meeting::Compete);
            pass(NANOS);
            met.times = MANY;
            assert_eq!(met.meets(|| now.get()), Meeting::Compete);
            let gives = Cell::new(false);
            met.again(|| true, || gives.set(true), || now.get());
            assert!(gives.get());
        }
    }

    #[test]
    fn who_is_off_its_core_for_slices_in_a_row_gives_it_away_seldom() {
        let now = Cell::new(Instant::now());
        let clock = || now.get();
        let mut met = Meetings::NONE;
        let mut gives = |away| {
            met.times = u8::MAX;
            met.gives = None;
            met.again(|| true, || now.set(now.get() + away), clock)
        };
        for _ in 0..2 {
            let wanted = (0..50).take_while(|_| gives(SLICE) == Meeting::Wanted).count();
            assert_eq!(wanted, usize::from(VAINLY) - 1);
            assert_eq!(gives(SLICE / 2), Meeting::Wanted);
        }
    }

    #[test]
    fn who_meets_others_now_and_then_keeps_its_core() {
        let now = Cell::new(Instant::now());
        let clock = || now.get();
        let after = |met: &mut Meetings, apart| {
            now.set(now.get() + apart);
            let gives = Cell::new(false);
            met.again(|| true, || gives.set(true), clock);
            gives.get()
        };
        let mut met = Meetings::NONE;
        assert!(!after(&mut met, Duration::ZERO));
        assert_eq!(met.times, 0);
        assert!((0..1_000).all(|_| !after(&mut met, SHORTLY)));
        // Nor who does so a few times shortly after one another.
        for _ in 0..10 {
            assert!(!after(&mut met, SHORTLY));
            assert!((0..MANY / 2).all(|_| !after(&mut met, SHORTLY / 2)));
        }
        // Often, and after it was off its core.
        let mut met = Meetings::NONE;
        let before = (0..=MANY).take_while(|_| !after(&mut met, SHORTLY / 2)).count();
        assert_eq!(before, usize::from(MANY));
        let often = (0..1_000).filter(|_| after(&mut met, SHORTLY / 2)).count();
        assert_eq!(
            often,
            1_000 / usize::try_from(GIVES.as_nanos() / (SHORTLY / 2).as_nanos()).unwrap()
        );
        assert!(after(&mut met, GIVES));
        met.times = u8::MAX;
        assert!(after(&mut met, FORGETS.saturating_sub(NANOS)));
        met.times = u8::MAX;
        assert!(!after(&mut met, FORGETS));
        // Of who was spared it is not known when it last met others.
        let mut met = Meetings { times: MANY, ..Meetings::NONE };
        assert!(after(&mut met, FORGETS));
    }

    #[test]
    fn who_gave_its_core_away_has_not_met_others_soon_and_stands_back_as_before() {
        let now = Cell::new(Instant::now());
        let clock = || now.replace(now.get() + 100 * NANOS);
        let mut met = Meetings { soon: OFTEN - 1, both: 80 * NANOS, times: MANY, ..Meetings::NONE };
        assert_eq!(met.again(|| true, || (), clock), Meeting::Compete);
        assert!((1..OFTEN).all(|_| met.meets(clock) == Meeting::Compete));
        assert_eq!((met.meets(clock), met.both), (Meeting::Measure, 50 * NANOS));
        let mut met = Meetings {
            last: Some(now.get()),
            left: 2,
            times: MANY,
            vainly: VAINLY,
            ..Meetings::NONE
        };
        assert_eq!(met.again(|| true, || now.set(now.get() + SLICE), clock), Meeting::Compete);
        assert_eq!([met.meets(clock), met.meets(clock)], [Meeting::StoodBack; 2]);
    }

    #[test]
    fn who_lost_its_core_has_not_stood_back() {
        let clock = ticking(Duration::from_millis(1));
        let last = clock() + Duration::from_millis(1);
        let mut met = Meetings { last: Some(last), left: TIMES, ..Meetings::NONE };
        assert_eq!(met.meets(clock), Meeting::Compete);
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_keeps_nobody() {
        let start = Instant::now();
        let mut met = Meetings { last: Some(start), left: TIMES, ..Meetings::NONE };
        assert_eq!(met.meets(|| start), Meeting::StoodBack);
        met.measures(|| 1, || start);
        let mut met = Meetings { last: Some(start), left: TIMES, ..Meetings::NONE };
        let later = Cell::new(start + Duration::from_micros(1));
        assert_eq!(met.meets(|| later.replace(start)), Meeting::StoodBack);
    }
}
