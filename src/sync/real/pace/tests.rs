//! What a turn does for sections of any length, and when who waits is let in.

use super::*;

#[test]
fn who_comes_is_seen_and_who_does_not_is_not_waited_for() {
    let looks = Cell::new(0);
    assert!(Pace::new().comes(|| looks.replace(looks.get() + 1) < LOOKS - 1));
    assert!(!Pace::new().comes(|| true));
}

/// A turn of a lock whose clock shows what we say.
struct Turn {
    pace: Pace,
    time: u64,
}

impl Turn {
    /// Begins so far into a unit of the clock.
    fn new(offset: u64) -> Self {
        Self { pace: Pace::new(), time: offset }
    }

    /// Somebody had the lock for so long.
    fn section(&mut self, takes: u64) -> Pass {
        self.time += takes;
        #[expect(clippy::cast_possible_truncation, reason = "a face")]
        let now = || (self.time >> UNIT) as u8;
        if self.pace.counts() { self.pace.pass_at(now, false) } else { Pass::Brief }
    }

    /// How many nanoseconds it lasts until the lock is closed, where each has it for so long.
    fn until_closed(mut self, takes: u64) -> u64 {
        let start = self.time;
        while self.section(takes) != Pass::Due && self.time <= start + 200_000_000 {}
        self.time - start
    }
}

fn sections(from: u64, to: u64) -> impl Iterator<Item = u64> {
    core::iter::successors(Some(from), |section| Some(section + section / 20))
        .take_while(move |&section| section < to)
}

#[test]
fn a_lock_is_closed_within_two_milliseconds_and_a_section() {
    // Longer ones may fall into step with the clock's face.
    for takes in sections(20, 7_000_000) {
        for offset in (0..1 << UNIT).step_by(1 << (UNIT - 3)) {
            let mut turn = Turn::new(offset);
            // That of who begins the turn wakes the next, and does not count.
            turn.time += takes;
            let time = takes + turn.until_closed(takes);
            let bounds = (u64::from(OVERDUE) - 1) << UNIT..=(2_000_000 + takes).max(3 * takes);
            assert!(bounds.contains(&time), "{time} with {takes}, {offset}");
        }
    }
}

#[test]
fn after_many_short_sections_at_most_44_long_ones_go_first() {
    for takes in sections(1_000, 100_000) {
        for short in (0..300).chain([400, 5_000]) {
            let mut turn = Turn::new(0);
            (0..short).for_each(|_| assert_eq!(turn.section(50), Pass::Brief));
            let time = turn.until_closed(takes);
            assert!(time <= 1_250_000 + 44 * takes, "{time} for {takes} after {short}");
        }
    }
}

#[test]
fn of_longer_ones_at_most_a_round_goes_first_if_no_two_take_as_long() {
    let mut x = 1_u64;
    for takes in sections(100_000, 7_000_000) {
        for short in 0..300 {
            let mut turn = Turn::new(0);
            (0..short).for_each(|_| assert_eq!(turn.section(50), Pass::Brief));
            // Up to a tenth more or less.
            let longer = (1..=1_000_u32).find(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                turn.section(takes * 9 / 10 + (x >> 33) % (takes / 5)) == Pass::Due
            });
            let longer = longer.expect("a turn");
            assert!(longer <= u32::from(ROUND), "{longer} of {takes} after {short}");
        }
    }
}

#[test]
fn who_was_woken_rests_for_what_is_left_of_the_turn_where_it_would_only_wait() {
    let unit = |units: u8| Some(Duration::from_nanos(u64::from(units) << UNIT));
    let held = |_: &Turn| true;
    let rest = |at: u8, passes: u32, is_held: &dyn Fn(&Turn) -> bool| {
        let mut turn = Turn::new(0);
        (0..passes).for_each(|_| assert_eq!(turn.section(0), Pass::Brief));
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
    pace.passes.store(FIRST, Relaxed);
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
fn passes_are_counted_one_by_one() {
    for before in [0, 10, 32, 33, 200, 255] {
        for takes in [6, 10, 32, 60, 100] {
            let mut turn = Turn::new(0);
            turn.pace.passes.store(before, Relaxed);
            let start = turn.pace.start();
            assert_eq!(turn.pace.passed_since(start), 0);
            // As many as go while somebody measures.
            let passes = u32::try_from(1_330 / takes).expect("a few");
            (0..passes).for_each(|_| assert_eq!(turn.section(takes), Pass::Brief));
            assert_eq!(turn.pace.passed_since(start), passes, "{takes} from {before}");
            turn.pace.since.store(1, Relaxed);
            assert_eq!(turn.pace.passed_since(start), 0, "another turn");
        }
    }
}

#[test]
fn who_does_not_come_in_a_quarter_of_a_millisecond_is_slow_until_the_lock_is_closed() {
    for takes in [20, 100, 1_000, 30_000] {
        let mut turn = Turn::new(0);
        let mut slow = Vec::new();
        loop {
            match turn.section(takes) {
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
    let (mut counts, mut looks) = (Vec::new(), Vec::new());
    for pass in 1..=5_000_u32 {
        counts.push(pace.start().count);
        if pace.counts() {
            looks.push(pass);
        }
    }
    for apart in 0..usize::from(ROUND) {
        let mut ends = counts.iter().zip(&counts[apart..]);
        assert!(ends.all(|(&from, &to)| since(from, to) as usize == apart));
    }
    assert_eq!(since(100, 3), 0, "another turn");
    let later = APART
        .iter()
        .cycle()
        .scan(u32::from(FIRST), |at, &apart| Some(core::mem::replace(at, *at + u32::from(apart))));
    let later = later.take_while(|&at| at <= 5_000);
    assert_eq!(looks, [1, 2, 4, 8, 16].into_iter().chain(later).collect::<Vec<_>>());
    // Of threads that release the lock in turn each looks.
    for threads in 2..=16 {
        assert!((0..threads).all(|thread| looks.iter().any(|at| at % threads == thread)));
    }
    pace.begin();
    assert_eq!(pace.start().count, 0);
}
