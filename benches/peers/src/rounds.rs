//! Every case once a round, in an order that changes from round to round: rows, and within each its cases.
//!
//! What drifts while we measure (clock rate, neighbours) then reaches all cases alike, and no case owes
//! its figures to the one that always ran before it. Cases that are compared are measured one right after another: a clock
//! that changes every few seconds is the same for most of a row, and falls out of its ratios.

use crate::case::{Case, Label, Sample};
use lockline_harness::machine::Watch;
use std::time::Duration;

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
    /// What the case's check found wrong: then `samples` ends before it.
    pub broken: Option<String>,
}

impl Measured {
    const fn nothing(label: Label) -> Self {
        Self { label, samples: Vec::new(), in_vain: 0, disturbed: 0, broken: None }
    }

    fn sample(&mut self, case: &mut Case, tries: usize) {
        for left in (0..tries).rev() {
            let watch = Watch::start();
            match case.sample() {
                Ok(sample) => {
                    if self.keeps(sample, tries > 1 && watch.is_disturbed(), left) {
                        return;
                    }
                }
                Err(wrong) => {
                    self.broken = Some(wrong);
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
pub fn measure(mut cases: Vec<Case>, plan: Plan, mut progress: impl FnMut(&str)) -> Vec<Measured> {
    let mut measured: Vec<_> =
        cases.iter().map(|case| Measured::nothing(case.label.clone())).collect();
    let cores = lockline_harness::pin::cores().len();
    // The same orders in each run.
    let mut random = fastrand::Rng::with_seed(1);
    for early in [true, false] {
        let mut rows = rows(&cases, early);
        if rows.is_empty() {
            continue;
        }
        let count = rows.iter().map(Vec::len).sum::<usize>();
        progress(&format!("{count} cases, {} rounds; sizing", plan.rounds));
        for &index in rows.iter().flatten() {
            let shared = cases[index].label.threads > cores;
            let budget = plan.budget * if shared { 3 } else { 1 };
            measured[index].broken = cases[index].calibrate(budget).err();
        }
        for round in 1..=plan.rounds {
            progress(&format!("round {round} of {}", plan.rounds));
            shuffle(&mut random, &mut rows);
            for &index in rows.iter().flatten() {
                let result = &mut measured[index];
                if result.broken.is_none() {
                    result.sample(&mut cases[index], plan.tries);
                }
            }
        }
    }
    for result in &measured {
        if let Some(wrong) = &result.broken {
            progress(&format!("broken: {}: {wrong}", result.label));
        }
    }
    measured
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
    use crate::case::Kind;

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
