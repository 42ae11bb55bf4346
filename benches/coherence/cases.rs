//! Every row that is measured, in its order, and the time that each may take.

use crate::{
    beside, cores, counters,
    layouts::{self, LAYOUTS, Op},
    samples::{Sample, Samples},
};
use criterion::{Criterion, SamplingMode, Throughput};
use lockline_harness::{Race, pin};
use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

/// All rows together, however many there are: rows that are added make the others shorter.
const BUDGET: Duration = Duration::from_secs(75);
/// All rows of a quick run.
const QUICK_BUDGET: Duration = Duration::from_secs(10);
/// One row, where there are few.
const ROW: Duration = Duration::from_millis(1_200);
/// One row of a quick run.
const QUICK_ROW: Duration = Duration::from_millis(120);

/// Operations of one iteration of criterion's. It finds out how many iterations make a sample by doing 1,
/// 2, 4 …; by a race of one operation it would only learn how far apart threads start.
const BATCH: u64 = 1_000;

/// The first row and the last, which ought to agree.
pub(crate) const FIRST: &str = "fetch_add/padded";
pub(crate) const AGAIN: &str = "fetch_add/padded again";
/// What the verdict compares [`FIRST`] with.
pub(crate) const PACKED: &str = "fetch_add/same line";

/// A row: `run(ops)` has each thread execute `ops` operations.
pub(crate) struct Case {
    id: String,
    run: Box<dyn Fn(u64) -> Measured>,
}

/// What one race took, for criterion, and what it told, for the page.
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// Those without a name get the row's.
    pub(crate) samples: Vec<Sample>,
}

impl Measured {
    /// A race in which each thread did `ops` operations.
    pub(crate) fn of(race: &Race, ops: u64) -> Self {
        Self { wall: race.wall, samples: vec![Sample::of(race, ops)] }
    }
}

impl Case {
    pub(crate) fn new(id: String, run: impl Fn(u64) -> Measured + 'static) -> Self {
        Self { id, run: Box::new(run) }
    }
}

/// All rows. On one core, those remain that mean something there.
fn all() -> Vec<Case> {
    let several = pin::cores().len() > 1;
    let padded = &LAYOUTS[LAYOUTS.len() - 1];
    let mut cases = Vec::new();
    if several {
        cases.push(layouts::together(Op::Rmw, padded));
        for (a, b) in cores::pairs(&cores::paired()) {
            cases.push(layouts::transfer(a, b));
        }
    }
    for op in [Op::Rmw, Op::Store] {
        cases.push(layouts::alone(op));
        for layout in LAYOUTS.iter().filter(|_| several) {
            if format!("{}/{}", op.id(), layout.id) != FIRST {
                cases.push(layouts::together(op, layout));
            }
        }
    }
    if several {
        cases.extend(LAYOUTS.iter().map(layouts::reader_beside_writer));
    }
    for way in counters::ways() {
        cases.extend(cores::thread_counts().into_iter().map(|threads| way.case(threads)));
    }
    if several {
        cases.extend(beside::pairs().iter().flat_map(beside::Beside::cases));
        cases.push(layouts::again(Op::Rmw, padded, AGAIN.to_owned()));
    }
    cases
}

/// Has criterion measure all rows, or those that its arguments name.
pub(crate) fn measure(quick: bool) -> Samples {
    cores::check();
    let cases = all();
    let rows = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    let (budget, row) = if quick { (QUICK_BUDGET, QUICK_ROW) } else { (BUDGET, ROW) };
    let row = row.min(budget / rows);
    let samples = if quick { 10 } else { 20 };
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(samples)
        // The rest of a row's time goes to starting threads and to criterion's statistics.
        .warm_up_time(row.mul_f64(0.15))
        .measurement_time(row.mul_f64(0.75))
        .nresamples(2_000)
        .configure_from_args();

    let start = Instant::now();
    let mut all = Vec::new();
    let mut group = criterion.benchmark_group("coherence");
    // As many operations in each sample, for figures that can be compared one by one.
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(BATCH));
    for (at, Case { id, run }) in cases.iter().enumerate() {
        // On a loaded machine rows take longer than they were given. The last one shows that it is loaded.
        if start.elapsed() > budget && id != AGAIN {
            eprintln!("coherence: no time left for row {} of {rows}: {id}", at + 1);
            continue;
        }
        let seen = RefCell::new(Vec::new());
        group.bench_function(id, |bencher| {
            if seen.borrow().is_empty() {
                let seconds = start.elapsed().as_secs();
                eprintln!("coherence: {seconds:2} s, row {} of {rows}: {id}", at + 1);
            }
            bencher.iter_custom(|iterations| {
                let Measured { wall, samples } = run(iterations * BATCH);
                seen.borrow_mut().push(samples);
                wall
            });
        });
        let mut seen = seen.into_inner();
        // The first are warm-up: as many as criterion liked.
        let warm_up = seen.len().saturating_sub(samples);
        for sample in seen.drain(warm_up..).flatten() {
            let id = if sample.case.is_empty() { id.clone() } else { sample.case.clone() };
            all.push(sample.named(id));
        }
    }
    group.finish();
    criterion.final_summary();
    Samples(all)
}
