//! What a turn does for sections of any length, and when who waits is let in.

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
        counts.windows(5).skip(usize::from(SINGLY)).all(|five| since(five[0], five[4]) >= THRONG)
    );
    assert_eq!(since(100, 3), 0);
    let pace = Pace::new();
    for count in 1..=80 {
        pace.pass_at(|| 0, false);
        let beyond = u32::from(count - SINGLY.min(count));
        assert_eq!(pace.passed(), u32::from(count.min(SINGLY)) + beyond * u32::from(EACH));
    }
}
