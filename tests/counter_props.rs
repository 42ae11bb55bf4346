//! Any program of adds, takes and sums balances, run by one thread or by four at once.
//!
//! Threads at once: what all takes got, with a last take, is what `sum` says and what was added. One
//! operation after the other, by whichever thread: each result is that of a plain integer.

use lockline::{Counter, CounterSet, Gauge};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};
use std::{
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

/// What the three types have in common. Totals are modulo 2^64 everywhere, so that one model in `u64` does
/// for all; the signed ones are read as two's complement.
trait Counts: Sync {
    const COLUMNS: usize;
    fn new() -> Self;
    fn add(&self, column: usize, n: u64);
    fn sum(&self, column: usize) -> u64;
    fn take(&self, column: usize) -> u64;
}

impl Counts for Counter {
    const COLUMNS: usize = 1;
    fn new() -> Self {
        Self::new()
    }
    fn add(&self, _: usize, n: u64) {
        if n == 1 { self.increment() } else { self.add(n) }
    }
    fn sum(&self, _: usize) -> u64 {
        self.sum()
    }
    fn take(&self, _: usize) -> u64 {
        self.take()
    }
}

impl Counts for Gauge {
    const COLUMNS: usize = 1;
    fn new() -> Self {
        Self::new()
    }
    fn add(&self, _: usize, n: u64) {
        match signed(n) {
            1 => self.increment(),
            -1 => self.decrement(),
            // Its own negative is `i64::MIN`, which `sub` has to get right as well.
            n if n < 0 => self.sub(n.wrapping_neg()),
            n => self.add(n),
        }
    }
    fn sum(&self, _: usize) -> u64 {
        unsigned(self.sum())
    }
    fn take(&self, _: usize) -> u64 {
        unsigned(self.take())
    }
}

impl Counts for CounterSet<3> {
    const COLUMNS: usize = 3;
    fn new() -> Self {
        Self::new()
    }
    fn add(&self, column: usize, n: u64) {
        if n == 1 { self.increment(column) } else { self.add(column, n) }
    }
    fn sum(&self, column: usize) -> u64 {
        self.sum(column)
    }
    fn take(&self, column: usize) -> u64 {
        self.take(column)
    }
}

fn signed(n: u64) -> i64 {
    i64::from_ne_bytes(n.to_ne_bytes())
}

fn unsigned(n: i64) -> u64 {
    u64::from_ne_bytes(n.to_ne_bytes())
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Add(u64),
    Sum,
    Take,
}

/// An operation and the column that it is for.
type Step = (usize, Op);
type Program = Vec<Step>;

/// Small, near both ends of the unsigned and in the middle, where the signed have theirs, and any.
fn amount() -> BoxedStrategy<u64> {
    prop_oneof![
        4 => 0..10u64,
        2 => (0..10u64).prop_map(|less| u64::MAX - less),
        2 => (0..10u64).prop_map(|more| (1 << 63) - 5 + more),
        1 => any::<u64>(),
    ]
    .boxed()
}

/// Small enough for no sum to wrap.
fn small_amount() -> BoxedStrategy<u64> {
    (0..1_000u64).boxed()
}

fn steps(
    columns: usize,
    amount: BoxedStrategy<u64>,
    length: usize,
) -> impl Strategy<Value = Program> {
    let op = prop_oneof![4 => amount.prop_map(Op::Add), 1 => Just(Op::Sum), 2 => Just(Op::Take)];
    vec((0..columns, op), 0..length)
}

/// Runs each program on a thread of its own, all at once. Returns, by thread, the result of each step.
fn run<C: Counts>(counts: &C, programs: &[Program]) -> Vec<Vec<u64>> {
    // A spin: threads woken one by one would be done before the next one starts.
    let ready = AtomicUsize::new(0);
    let run = |program: &Program| {
        ready.fetch_add(1, Relaxed);
        while ready.load(Relaxed) < programs.len() {
            thread::yield_now();
        }
        let step = |&(column, op): &Step| match op {
            Op::Add(n) => {
                counts.add(column, n);
                n
            }
            Op::Sum => counts.sum(column),
            Op::Take => counts.take(column),
        };
        program.iter().map(step).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = programs.iter().map(|p| scope.spawn(move || run(p))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Programs at once, of any amounts.
fn balances<C: Counts>(programs: &[Program]) -> TestCaseResult {
    let counts = C::new();
    let results = run(&counts, programs);
    for column in 0..C::COLUMNS {
        let total = |which: fn(&Op) -> bool| {
            let steps = programs.iter().flatten().zip(results.iter().flatten());
            let ours = steps.filter(|((of, op), _)| *of == column && which(op));
            ours.fold(0u64, |total, (_, &result)| total.wrapping_add(result))
        };
        let added = total(|op| matches!(op, Op::Add(_)));
        let taken = total(|op| matches!(op, Op::Take)).wrapping_add(counts.take(column));
        prop_assert_eq!(counts.sum(column), added);
        prop_assert_eq!(taken, added);
        prop_assert_eq!(counts.take(column), 0);
    }
    Ok(())
}

/// Programs at once, of amounts that do not wrap: then no take is more than was added, and each thread's
/// sums grow, by its own additions at least.
fn grows<C: Counts>(programs: &[Program]) -> TestCaseResult {
    let counts = C::new();
    let results = run(&counts, programs);
    for column in 0..C::COLUMNS {
        let of = |&((of, _), _): &(&Step, &u64)| *of == column;
        let added: u64 = programs
            .iter()
            .flatten()
            .map(|&(of, op)| if let (true, Op::Add(n)) = (of == column, op) { n } else { 0 })
            .sum();
        for (program, results) in programs.iter().zip(&results) {
            let mut least = 0;
            for ((_, op), &result) in program.iter().zip(results).filter(of) {
                match op {
                    Op::Add(n) => least += n,
                    Op::Take => prop_assert!(result <= added, "took {result} of {added}"),
                    Op::Sum => {
                        prop_assert!(
                            least <= result && result <= added,
                            "{least} {result} {added}"
                        );
                        least = result;
                    }
                }
            }
        }
    }
    Ok(())
}

/// One step after the other, each by the thread that it names: the results are a plain integer's.
fn is_exact<C: Counts>(program: &[(usize, Step)]) -> TestCaseResult {
    let counts = C::new();
    let (mut sums, mut taken) = ([0u64; 3], [0u64; 3]);
    thread::scope(|scope| {
        let workers: [_; 4] = std::array::from_fn(|_| {
            let (steps, todo) = mpsc::channel::<Step>();
            let (answer, answers) = mpsc::channel();
            let counts = &counts;
            scope.spawn(move || {
                for (column, op) in todo {
                    let result = match op {
                        Op::Add(n) => {
                            counts.add(column, n);
                            n
                        }
                        Op::Sum => counts.sum(column),
                        Op::Take => counts.take(column),
                    };
                    answer.send(result).unwrap();
                }
            });
            (steps, answers)
        });
        for &(worker, (column, op)) in program {
            let (steps, answers) = &workers[worker];
            steps.send((column, op)).unwrap();
            let result = answers.recv().unwrap();
            let expected = match op {
                Op::Add(n) => {
                    sums[column] = sums[column].wrapping_add(n);
                    n
                }
                Op::Sum => sums[column],
                Op::Take => {
                    let new = sums[column].wrapping_sub(taken[column]);
                    taken[column] = sums[column];
                    new
                }
            };
            prop_assert_eq!(result, expected, "{:?} of column {}", op, column);
        }
        Ok(())
    })
}

fn at_once(columns: usize, amount: BoxedStrategy<u64>) -> impl Strategy<Value = Vec<Program>> {
    vec(steps(columns, amount, 60), 1..=4)
}

fn one_by_one(columns: usize) -> impl Strategy<Value = Vec<(usize, Step)>> {
    steps(columns, amount(), 40)
        .prop_flat_map(|steps| {
            let threads = vec(0..4usize, steps.len());
            (threads, Just(steps))
        })
        .prop_map(|(threads, steps)| threads.into_iter().zip(steps).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_counter_program_balances(programs in at_once(1, amount())) {
        balances::<Counter>(&programs)?;
    }

    #[test]
    fn any_gauge_program_balances(programs in at_once(1, amount())) {
        balances::<Gauge>(&programs)?;
    }

    #[test]
    fn any_set_program_balances(programs in at_once(3, amount())) {
        balances::<CounterSet<3>>(&programs)?;
    }

    #[test]
    fn a_counter_grows(programs in at_once(1, small_amount())) {
        grows::<Counter>(&programs)?;
    }

    #[test]
    fn a_set_grows(programs in at_once(3, small_amount())) {
        grows::<CounterSet<3>>(&programs)?;
    }

    #[test]
    fn a_counter_is_exact_step_by_step(program in one_by_one(1)) {
        is_exact::<Counter>(&program)?;
    }

    #[test]
    fn a_gauge_is_exact_step_by_step(program in one_by_one(1)) {
        is_exact::<Gauge>(&program)?;
    }

    #[test]
    fn a_set_is_exact_step_by_step(program in one_by_one(3)) {
        is_exact::<CounterSet<3>>(&program)?;
    }
}
