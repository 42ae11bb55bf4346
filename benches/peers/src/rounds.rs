//! Every case once a round, in an order that changes from round to round: rows, and within each its cases.
//!
//! What drifts while we measure (clock rate, neighbours) then reaches all cases alike, and no case owes
//! its figures to the one that always ran before it. Cases that are compared are measured one right after another: a clock
//! that changes every few seconds is the same for most of a row, and falls out of its ratios.

use crate::case::{Case, Kind, Label, Sample};
use lockline_harness::machine::Watch;
use std::{fmt, panic, sync::mpsc, thread, time::Duration};

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Samples of each case.
    pub rounds: usize,
    /// About what a sample takes. Three times as much where threads share cores: they take turns of some
    /// milliseconds, and a short race would end before all had theirs.
    pub budget: Duration,
    /// So often a sample is taken until the host leaves us the cores meanwhile. What is kept does not depend on what was
    /// measured.
    pub tries: usize,
    /// A case that works at one sample, or at finding its size, for longer than this stands still.
    pub patience: Duration,
}

/// A case's samples, one for each round.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Whose.
    pub label: Label,
    /// In order of rounds. Those of cases in one row were taken in the same rounds.
    pub samples: Vec<Sample>,
    /// So many more were taken in vain, as the host kept the cores from us.
    pub in_vain: usize,
    /// So many of the samples are no better, as it did each time.
    pub disturbed: usize,
    /// Why there are no more samples.
    pub broken: Option<Broken>,
}

/// Why a case is not measured any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its check found this.
    Wrong(String),
    /// It stood still for so long. Its threads are left to themselves, and may be in the way of what is measured after.
    StoodStill(Duration),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(what) => f.write_str(what),
            Self::StoodStill(time) => write!(f, "stood still for {} s", time.as_secs()),
        }
    }
}

impl Measured {
    /// Whether something is wrong here. Not with a peer that stood still: that is its own affair, and said.
    pub fn is_wrong(&self) -> bool {
        match &self.broken {
            None => false,
            Some(Broken::Wrong(_)) => true,
            Some(Broken::StoodStill(_)) => self.label.kind == Kind::Ours,
        }
    }

    const fn nothing(label: Label) -> Self {
        Self { label, samples: Vec::new(), in_vain: 0, disturbed: 0, broken: None }
    }

    fn calibrate(&mut self, case: &mut Option<Case>, budget: Duration, plan: Plan) {
        let sized = attended(case, plan.patience, move |case| case.calibrate(budget));
        self.broken = sized.and_then(|sized| sized.map_err(Broken::Wrong)).err();
    }

    fn sample(&mut self, case: &mut Option<Case>, plan: Plan) {
        for left in (0..plan.tries).rev() {
            let watch = Watch::start();
            let sample = attended(case, plan.patience, |case| case.sample());
            match sample.and_then(|sample| sample.map_err(Broken::Wrong)) {
                Ok(sample) => {
                    if self.keeps(sample, plan.tries > 1 && watch.is_disturbed(), left) {
                        return;
                    }
                }
                Err(why) => {
                    self.broken = Some(why);
                    return;
                }
            }
        }
    }

    /// Keeps the sample, unless it was disturbed and there are tries left.
    fn keeps(&mut self, sample: Sample, disturbed: bool, left: usize) -> bool {
        if disturbed && left > 0 {
            self.in_vain += 1;
            return false;
        }
        self.disturbed += usize::from(disturbed);
        self.samples.push(sample);
        true
    }
}

/// Measures `cases`, early ones first, and returns them in their own order.
///
/// `progress` gets a line now and then.
pub fn measure(cases: Vec<Case>, plan: Plan, mut progress: impl FnMut(&str)) -> Vec<Measured> {
    let mut measured: Vec<_> =
        cases.iter().map(|case| Measured::nothing(case.label.clone())).collect();
    let cores = lockline_harness::pin::cores().len();
    // The same orders in each run.
    let mut random = fastrand::Rng::with_seed(1);
    let both = [true, false].map(|early| rows(&cases, early));
    let mut cases: Vec<_> = cases.into_iter().map(Some).collect();
    for mut rows in both {
        if rows.is_empty() {
            continue;
        }
        let count = rows.iter().map(Vec::len).sum::<usize>();
        progress(&format!("{count} cases, {} rounds; sizing", plan.rounds));
        for &index in rows.iter().flatten() {
            let result = &mut measured[index];
            let shared = result.label.threads > cores;
            let budget = plan.budget * if shared { 3 } else { 1 };
            result.calibrate(&mut cases[index], budget, plan);
        }
        for round in 1..=plan.rounds {
            progress(&format!("round {round} of {}", plan.rounds));
            shuffle(&mut random, &mut rows);
            for &index in rows.iter().flatten() {
                let result = &mut measured[index];
                if result.broken.is_none() {
                    result.sample(&mut cases[index], plan);
                }
            }
        }
    }
    for result in &measured {
        if let Some(why) = &result.broken {
            progress(&format!("broken: {}: {why}", result.label));
        }
    }
    measured
}

/// Has a thread of its own do some work with the case, which is that thread's until then, and for good if it stands
/// still.
fn attended<R: Send + 'static>(
    case: &mut Option<Case>,
    patience: Duration,
    work: impl FnOnce(&mut Case) -> R + Send + 'static,
) -> Result<R, Broken> {
    let (done, result) = mpsc::channel();
    let mut own = case.take().expect("a case that stood still is asked no more");
    let thread = thread::spawn(move || {
        let result = work(&mut own);
        // Nobody listens any more if it was late.
        let _ = done.send((own, result));
    });
    match result.recv_timeout(patience) {
        Ok((back, result)) => {
            *case = Some(back);
            Ok(result)
        }
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Broken::StoodStill(patience)),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic::resume_unwind(thread.join().expect_err("it panicked"))
        }
    }
}

/// The early cases, or the others, row by row.
fn rows(cases: &[Case], early: bool) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for index in (0..cases.len()).filter(|&index| cases[index].early == early) {
        let row = |index: usize| (cases[index].label.group, &cases[index].label.row);
        match rows.iter_mut().find(|others| row(others[0]) == row(index)) {
            Some(others) => others.push(index),
            None => rows.push(vec![index]),
        }
    }
    rows
}

/// New orders, of rows and within each, in which what comes first is not what was last.
fn shuffle(random: &mut fastrand::Rng, rows: &mut [Vec<usize>]) {
    for row in rows.iter_mut() {
        reorder(random, row);
    }
    reorder(random, rows);
}

fn reorder<T: Clone + PartialEq>(random: &mut fastrand::Rng, order: &mut [T]) {
    let last = order.last().cloned();
    random.shuffle(order);
    if order.len() > 1 && order.first() == last.as_ref() {
        order.rotate_left(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[test]
    fn what_was_disturbed_is_taken_again_while_there_are_tries() {
        let label = Label {
            group: "a",
            row: "b".to_owned(),
            name: "c".to_owned(),
            kind: Kind::Ours,
            threads: 1,
            blocks: false,
        };
        let sample = |ops| Sample {
            ops,
            wall: Duration::from_millis(1),
            cpu: Duration::from_millis(1),
            overlap: 1.0,
            pinned: true,
            latencies: None,
            fairness: None,
        };
        let mut measured = Measured::nothing(label);
        assert!(!measured.keeps(sample(1), true, 2));
        assert!(measured.keeps(sample(2), false, 1));
        assert!(!measured.keeps(sample(3), true, 1));
        assert!(measured.keeps(sample(4), true, 0));
        let kept: Vec<_> = measured.samples.iter().map(|sample| sample.ops).collect();
        assert_eq!((&*kept, measured.in_vain, measured.disturbed), (&[2, 4][..], 2, 1));
    }

    #[test]
    fn a_case_that_stands_still_is_left_to_itself() {
        let case = |row: &str, last: u64| {
            let label = Label {
                group: "a",
                row: row.to_owned(),
                name: "b".to_owned(),
                kind: Kind::Peer,
                threads: 1,
                blocks: true,
            };
            let samples = AtomicU64::new(0);
            Case::sprint(
                label,
                || (),
                move |(), _, _| {
                    // One finds its size.
                    if samples.fetch_add(1, Relaxed) > last {
                        thread::sleep(Duration::from_hours(1));
                    }
                    1
                },
                |(), _| Ok(()),
            )
        };
        let patience = Duration::from_secs(2);
        let plan = Plan { rounds: 3, budget: Duration::from_millis(1), tries: 1, patience };
        let cases = vec![case("fine", u64::MAX), case("still", 1), case("at first", 0)];
        let mut told = String::new();
        let measured = measure(cases, plan, |line| told.push_str(line));
        let samples: Vec<_> = measured.iter().map(|case| case.samples.len()).collect();
        assert_eq!(samples, [3, 1, 0]);
        assert_eq!(measured[0].broken, None);
        assert_eq!(measured[1].broken, Some(Broken::StoodStill(patience)));
        // Which is a peer's own affair.
        assert_eq!([0, 1, 2].map(|case: usize| measured[case].is_wrong()), [false; 3]);
        let ours = Label { kind: Kind::Ours, ..measured[1].label.clone() };
        assert!(Measured { label: ours, ..measured[1].clone() }.is_wrong());
        assert!(told.contains("broken: a / still / b: stood still for 2 s"), "{told}");
    }

    #[test]
    #[should_panic(expected = "of its own accord")]
    fn a_panic_of_a_case_comes_through() {
        let label = Label {
            group: "a",
            row: String::new(),
            name: String::new(),
            kind: Kind::Peer,
            threads: 1,
            blocks: true,
        };
        let case = Case::race(label, || (), |(), _, _| panic!("of its own accord"), |(), _| Ok(()));
        attended(&mut Some(case), Duration::MAX, |case| case.sample()).expect("a panic").expect("");
    }

    #[test]
    fn cases_of_a_row_are_one_after_another() {
        let case = |group: &'static str, row: &str, early: bool| {
            let label = Label {
                group,
                row: row.to_owned(),
                name: String::new(),
                kind: Kind::Ours,
                threads: 1,
                blocks: false,
            };
            let case = Case::race(label, || (), |(), _, _| {}, |(), _| Ok(()));
            if early { case.early() } else { case }
        };
        let cases = [
            case("a", "1", false),
            case("a", "2", false),
            case("a", "1", false),
            case("b", "1", false),
            case("a", "1", true),
        ];
        assert_eq!(rows(&cases, false), [vec![0, 2], vec![1], vec![3]]);
        assert_eq!(rows(&cases, true), [vec![4]]);
    }

    #[test]
    fn no_case_always_follows_the_same_one() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut rows: Vec<Vec<usize>> = vec![(0..4).collect(), (4..9).collect(), vec![9]];
        let mut before = vec![Vec::new(); 10];
        let mut last = None;
        for _ in 0..7 {
            shuffle(&mut random, &mut rows);
            let order: Vec<_> = rows.iter().flatten().copied().collect();
            for &case in &order {
                assert_ne!(last, Some(case));
                before[case].extend(last.replace(case));
            }
            // Those of a row stay together.
            let row = |case: usize| rows.iter().position(|row| row.contains(&case));
            let mut visited: Vec<_> = order.iter().map(|&case| row(case)).collect();
            visited.dedup();
            assert_eq!(visited.len(), rows.len());
        }
        for mut seen in before {
            seen.sort_unstable();
            seen.dedup();
            assert!(seen.len() > 1);
        }
    }
}
