//! What one sample tells, and the file in which samples go from the child to the page.

use lockline_harness::{Race, stats::Spread};
use std::{fmt::Write as _, fs, io, path::Path};

/// One race, or one side of it.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The row it belongs to; no commas.
    pub(crate) case: String,
    /// How many threads raced.
    pub(crate) threads: usize,
    /// Operations of each thread.
    pub(crate) ops: u64,
    /// Nanoseconds per operation; what is divided by what is the case's business.
    pub(crate) ns: f64,
    /// The share of time in which all threads ran.
    pub(crate) together: f64,
    /// Whether each thread stayed on its core.
    pub(crate) pinned: bool,
}

impl Sample {
    /// From a race in which each thread did `ops` operations: wall time per operation and thread.
    pub(crate) fn of(race: &Race, ops: u64) -> Self {
        Self {
            case: String::new(),
            threads: race.per_thread.len(),
            ops,
            ns: race.wall.as_secs_f64() * 1e9 / float(ops),
            together: together(race),
            pinned: race.pinned,
        }
    }

    /// For the row `case`.
    pub(crate) fn named(mut self, case: impl Into<String>) -> Self {
        self.case = case.into();
        debug_assert!(!self.case.contains(','), "{}", self.case);
        self
    }

    /// In `ops` operations of `nanos` altogether.
    pub(crate) fn with_ops(mut self, ops: u64, nanos: f64) -> Self {
        (self.ops, self.ns) = (ops, nanos / float(ops));
        self
    }
}

/// The share of a race in which all threads were executing, at least.
///
/// Starts and finishes alone miss threads that take turns: on a loaded machine both are in the race
/// from start to finish, and on a core half of the time. Whatever time they did not get there counts
/// as time apart, which it may or may not have been.
fn together(race: &Race) -> f64 {
    let present: f64 = race.per_thread.iter().map(std::time::Duration::as_secs_f64).sum();
    let (cpu, wall) = (race.cpu.as_secs_f64(), race.wall.as_secs_f64());
    if cpu == 0.0 || wall == 0.0 {
        // The system does not tell.
        return race.overlap;
    }
    (race.overlap - (present - cpu).max(0.0) / wall).clamp(0.0, 1.0)
}

/// Operations of a sample: far below the 2^53 that a float counts exactly.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub(crate) fn float(n: u64) -> f64 {
    n as f64
}

/// All samples of a run.
#[derive(Debug, Default)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

const HEAD: &str = "case,threads,ops,ns_per_op,together,pinned";

impl Samples {
    /// Times per operation of `case`, in order.
    pub(crate) fn ns(&self, case: &str) -> Vec<f64> {
        self.of(case).map(|sample| sample.ns).collect()
    }

    /// The same, summed up. `None` if a filter left the case out.
    pub(crate) fn spread(&self, case: &str) -> Option<Spread> {
        let times = self.ns(case);
        (!times.is_empty()).then(|| Spread::of(&times))
    }

    /// The share of time in which the threads of `case` ran together, in its middle sample.
    pub(crate) fn together(&self, case: &str) -> Option<f64> {
        let shares: Vec<_> = self.of(case).map(|sample| sample.together).collect();
        (!shares.is_empty()).then(|| Spread::of(&shares).median)
    }

    /// Whether every thread of every case stayed on its core.
    pub(crate) fn pinned(&self) -> bool {
        self.0.iter().all(|sample| sample.pinned)
    }

    fn of<'a>(&'a self, case: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.case == case)
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = format!("{HEAD}\n");
        for Sample { case, threads, ops, ns, together, pinned } in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{case},{threads},{ops},{ns},{together},{pinned}");
        }
        fs::write(path, text)
    }

    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let broken = || io::Error::other(format!("{}: not the samples we wrote", path.display()));
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(broken());
        }
        lines.map(parse).collect::<Option<_>>().map(Self).ok_or_else(broken)
    }
}

fn parse(line: &str) -> Option<Sample> {
    let mut cells = line.split(',');
    let sample = Sample {
        case: cells.next()?.to_owned(),
        threads: cells.next()?.parse().ok()?,
        ops: cells.next()?.parse().ok()?,
        ns: cells.next()?.parse().ok()?,
        together: cells.next()?.parse().ok()?,
        pinned: cells.next()?.parse().ok()?,
    };
    cells.next().is_none().then_some(sample)
}
