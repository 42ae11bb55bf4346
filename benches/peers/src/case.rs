//! What is measured, and how one sample of it is taken.
//!
//! A case makes its subject anew for each sample, outside the clock, and checks the result after it: a
//! case that loses operations must not look fast. Its loop is inside the closure it brings, so it is
//! compiled for its subject; the harness makes one dynamic call for each thread.

use lockline_harness::{Stop, latency::Latencies, pin, race, race::Sprint, sprint};
use std::{
    fmt, hint,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Whose case it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// lockline's.
    Ours,
    /// Another implementation of the same promise: what ratios are taken to.
    Peer,
    /// Cheaper because it promises less: shows what is left to gain, and takes part in no ratio.
    Limit,
}

/// Where a case stands on the page.
#[derive(Clone, Debug)]
pub struct Label {
    /// The primitive.
    pub group: &'static str,
    /// What is done with it. Cases of one row are compared with each other.
    pub row: String,
    /// The implementation.
    pub name: String,
    /// Whose it is.
    pub kind: Kind,
    /// How many threads take part.
    pub threads: usize,
    /// Whether threads may sleep. Where they never do, they must have had their cores to themselves.
    pub blocks: bool,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.group, self.row, self.name)
    }
}

/// One sample: what the threads did together, and what it took.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Operations of all threads.
    pub ops: u64,
    /// First start to last finish.
    pub wall: Duration,
    /// CPU time of all threads.
    pub cpu: Duration,
    /// The share of `wall` in which all threads ran.
    pub overlap: f64,
    /// Whether all threads were pinned.
    pub pinned: bool,
    /// Single operations, where the case asks for them.
    pub latencies: Option<Latencies>,
    /// The fewest operations of a thread over the most, where the case asks for it.
    pub fairness: Option<f64>,
}

impl Sample {
    fn of(sprint: &Sprint, latencies: Option<Latencies>) -> Self {
        Self {
            ops: sprint.total(),
            wall: sprint.wall,
            cpu: sprint.cpu,
            overlap: sprint.overlap,
            pinned: sprint.pinned,
            latencies,
            fairness: Some(sprint.fairness()),
        }
    }
}

/// Single operations of each thread. Made before the race, which neither allocates nor merges.
struct Waits(Vec<Mutex<Latencies>>);

impl Waits {
    fn of(threads: usize) -> Self {
        Self((0..threads).map(|_| Mutex::new(Latencies::new())).collect())
    }

    fn mine(&self, thread: usize) -> MutexGuard<'_, Latencies> {
        self.0[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn merged(self) -> Latencies {
        let mut all = Latencies::new();
        for waits in self.0 {
            all.merge(&waits.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        all
    }
}

/// A sample, or why it is not worth having.
pub type Outcome = Result<Sample, String>;

/// Something to measure.
pub struct Case {
    /// Where it stands on the page.
    pub label: Label,
    /// Measured before all cases that are not: for what depends on how many threads the process ever had.
    pub early: bool,
    /// On the first core, all of them.
    one_core: bool,
    measure: Box<dyn Measure>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.label).finish()
    }
}

trait Measure: Send {
    /// Finds the size at which a sample takes about `budget`.
    fn calibrate(&mut self, cores: &[usize], budget: Duration) -> Result<(), String>;
    fn sample(&self, cores: &[usize]) -> Outcome;
}

impl Case {
    /// Each thread executes the same number of operations: `work(subject, thread, ops)`.
    ///
    /// `check(subject, ops)` says what is wrong with the result of `ops` operations by each thread.
    pub fn race<T: Sync + 'static>(
        label: Label,
        make: impl Fn() -> T + Send + 'static,
        work: impl Fn(&T, usize, u64) + Send + Sync + 'static,
        check: impl Fn(&T, u64) -> Result<(), String> + Send + 'static,
    ) -> Self {
        Self::sized(label, move |cores, ops| {
            let subject = make();
            let race = race(cores, ops, &|thread, ops| work(&subject, thread, ops));
            check(&subject, ops)?;
            Ok(Sample {
                ops: ops * cores.len() as u64,
                wall: race.wall,
                cpu: race.cpu,
                overlap: race.overlap,
                pinned: race.pinned,
                latencies: None,
                fairness: None,
            })
        })
    }

    /// As [`race`](Self::race), for a case that also records how long single operations take.
    pub fn timed<T: Sync + 'static>(
        label: Label,
        make: impl Fn() -> T + Send + 'static,
        work: impl Fn(&T, usize, u64, &mut Latencies) + Send + Sync + 'static,
        check: impl Fn(&T, u64) -> Result<(), String> + Send + 'static,
    ) -> Self {
        Self::sized(label, move |cores, ops| {
            let subject = make();
            let waits = Waits::of(cores.len());
            let race = race(cores, ops, &|thread, ops| {
                work(&subject, thread, ops, &mut waits.mine(thread));
            });
            check(&subject, ops)?;
            Ok(Sample {
                ops: ops * cores.len() as u64,
                wall: race.wall,
                cpu: race.cpu,
                overlap: race.overlap,
                pinned: race.pinned,
                latencies: Some(waits.merged()),
                fairness: None,
            })
        })
    }

    /// Each thread executes what it can until time is up, and tells how much that was:
    /// `work(subject, thread, stop)`. For fairness.
    ///
    /// `check(subject, ops)` says what is wrong with the result of `ops[thread]` operations.
    pub fn sprint<T: Sync + 'static>(
        label: Label,
        make: impl Fn() -> T + Send + 'static,
        work: impl Fn(&T, usize, &Stop) -> u64 + Send + Sync + 'static,
        check: impl Fn(&T, &[u64]) -> Result<(), String> + Send + 'static,
    ) -> Self {
        let run = move |cores: &[usize], time| {
            let subject = make();
            let sprint = sprint(cores, time, &|thread, stop| work(&subject, thread, stop));
            check(&subject, &sprint.ops)?;
            Ok(Sample::of(&sprint, None))
        };
        Self::new(label, ByTime { time: Duration::ZERO, run })
    }

    /// As [`sprint`](Self::sprint), for a case that also records how long single operations take.
    pub fn sprint_timed<T: Sync + 'static>(
        label: Label,
        make: impl Fn() -> T + Send + 'static,
        work: impl Fn(&T, usize, &Stop, &mut Latencies) -> u64 + Send + Sync + 'static,
        check: impl Fn(&T, &[u64]) -> Result<(), String> + Send + 'static,
    ) -> Self {
        let run = move |cores: &[usize], time| {
            let subject = make();
            let waits = Waits::of(cores.len());
            let sprint = sprint(cores, time, &|thread, stop| {
                work(&subject, thread, stop, &mut waits.mine(thread))
            });
            check(&subject, &sprint.ops)?;
            Ok(Sample::of(&sprint, Some(waits.merged())))
        };
        Self::new(label, ByTime { time: Duration::ZERO, run })
    }

    fn sized(label: Label, run: impl Fn(&[usize], u64) -> Outcome + Send + 'static) -> Self {
        Self::new(label, ByOps { ops: 1, run })
    }

    fn new(label: Label, measure: impl Measure + 'static) -> Self {
        Self { label, early: false, one_core: false, measure: Box::new(measure) }
    }

    /// All threads on the first core, where they take turns.
    #[must_use]
    pub fn on_one_core(mut self) -> Self {
        self.one_core = true;
        self
    }

    fn cores(&self) -> Vec<usize> {
        let threads = self.label.threads;
        if self.one_core { vec![pin::cores()[0]; threads] } else { pin::spread(threads) }
    }

    /// Measured before the cases that are not early.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Finds the size at which a sample takes about `budget`.
    ///
    /// # Errors
    ///
    /// What the case's check found wrong.
    pub fn calibrate(&mut self, budget: Duration) -> Result<(), String> {
        self.measure.calibrate(&self.cores(), budget)
    }

    /// Takes a sample.
    ///
    /// # Errors
    ///
    /// What the case's check found wrong.
    pub fn sample(&self) -> Outcome {
        self.measure.sample(&self.cores())
    }
}

/// More operations than anything could execute in a twentieth of a round.
const FOLDED: u64 = 1 << 40;

/// Sized by a number of operations.
struct ByOps<F> {
    ops: u64,
    run: F,
}

impl<F: Fn(&[usize], u64) -> Outcome + Send> Measure for ByOps<F> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an estimate, and positive"
    )]
    fn calibrate(&mut self, cores: &[usize], budget: Duration) -> Result<(), String> {
        // From a run of a twentieth of the budget one can tell the size of a whole one.
        let enough = budget / 20;
        loop {
            let mut walls = vec![(self.run)(cores, self.ops)?.wall];
            // The median of three: who was off its core once, or met the others asleep, would size all rounds by that.
            // The best would not do: some cases are a thousand times slower when they begin to sleep.
            while walls[0] >= enough && walls.len() < 3 {
                walls.push((self.run)(cores, self.ops)?.wall);
            }
            walls.sort_unstable();
            let wall = walls[walls.len() / 2];
            let scale = |to: Duration| to.as_secs_f64() / wall.as_secs_f64().max(1e-9);
            if wall >= enough {
                self.ops = ((self.ops as f64 * scale(budget)) as u64).max(1);
                return Ok(());
            }
            if self.ops >= FOLDED {
                return Err(format!("{} operations took no time: the loop was folded", self.ops));
            }
            // Not straight to the goal: the first runs are slow for being the first.
            let factor = (2.0 * scale(enough)).clamp(2.0, 100.0);
            self.ops = (self.ops as f64 * factor) as u64;
        }
    }

    fn sample(&self, cores: &[usize]) -> Outcome {
        (self.run)(cores, self.ops)
    }
}

/// Sized by time.
struct ByTime<F> {
    time: Duration,
    run: F,
}

impl<F: Fn(&[usize], Duration) -> Outcome + Send> Measure for ByTime<F> {
    fn calibrate(&mut self, cores: &[usize], budget: Duration) -> Result<(), String> {
        // Nothing to find out, but the first run warms up, as it does for the others.
        self.time = budget / 20;
        self.sample(cores)?;
        self.time = budget;
        Ok(())
    }

    fn sample(&self, cores: &[usize]) -> Outcome {
        (self.run)(cores, self.time)
    }
}

/// `op(i)` for `i` below `ops`: the loop of every case.
///
/// The compiler has to assume that all memory changes between two operations. So it can neither fold
/// them into one nor keep a thread-local variable in a register, as it could not in a service, where
/// other work lies between.
#[inline]
pub fn repeat(ops: u64, mut op: impl FnMut(u64)) {
    for i in 0..ops {
        op(i);
        hint::black_box(());
    }
}

/// The result of a check on a count.
///
/// # Errors
///
/// Unless `found` is `expected`.
pub fn same(found: u64, expected: u64) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("counted {found} of {expected}")) }
}
