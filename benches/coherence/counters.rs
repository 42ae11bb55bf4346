//! Our counter, and what one would write instead.

use crate::{
    beside::plain,
    cases::{Case, Measured},
    cores,
    samples::Sample,
};
use crossbeam_utils::CachePadded;
use lockline::Counter;
use lockline_harness::race;
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// A way to count, its size, and `count(thread, n)`, which adds one n times.
pub(crate) struct Way {
    pub(crate) name: String,
    pub(crate) bytes: usize,
    count: Arc<dyn Fn(usize, u64) + Send + Sync>,
}

impl Way {
    fn new(
        name: impl Into<String>,
        bytes: usize,
        count: impl Fn(usize, u64) + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), bytes, count: Arc::new(count) }
    }

    pub(crate) fn id(&self, threads: usize) -> String {
        format!("counter/{}/{threads}", plain(&self.name))
    }

    /// `threads` threads count. The time is one core's: wall time by the cores in use, over all
    /// additions, so that a row stays flat where the way to count scales.
    pub(crate) fn case(&self, threads: usize) -> Case {
        let count = Arc::clone(&self.count);
        Case::new(self.id(threads), move |ops| {
            let cores = cores::spread(threads);
            let race = race(&cores, ops, &*count);
            let mut sample = Sample::of(&race, ops);
            let mut used = cores;
            used.sort_unstable();
            used.dedup();
            let used = u32::try_from(used.len()).map_or(1.0, f64::from);
            sample.ns *= used / u32::try_from(threads).map_or(1.0, f64::from);
            Measured { wall: race.wall, samples: vec![sample] }
        })
    }
}

/// All of them, ours first. Each starts at zero.
pub(crate) fn ways() -> Vec<Way> {
    // One stripe for each thread of the largest race: no two ever share one, which flatters them. A power
    // of two, as every number of threads is, so that a mask does for a remainder.
    let stripes = cores::thread_counts().last().copied().unwrap_or(1);
    let mask = stripes - 1;
    let counter = Box::new(Counter::new());
    let one = CachePadded::new(AtomicU64::new(0));
    let unpadded: Vec<_> = (0..stripes.div_ceil(BLOCK)).map(|_| Block::default()).collect();
    let padded: Vec<_> = (0..stripes).map(|_| CachePadded::new(AtomicU64::new(0))).collect();
    vec![
        Way::new("`lockline::Counter`", size_of::<Counter>(), move |_, n| {
            (0..n).for_each(|_| counter.increment());
        }),
        Way::new("one `AtomicU64`", size_of::<AtomicU64>(), move |_, n| {
            for _ in 0..n {
                one.fetch_add(1, Relaxed);
            }
        }),
        Way::new(
            format!("{stripes} stripes side by side"),
            stripes * size_of::<AtomicU64>(),
            move |thread, n| {
                on_stripe(thread, n, |stripe| {
                    let stripe = stripe & mask;
                    &unpadded[stripe / BLOCK].0[stripe % BLOCK]
                });
            },
        ),
        Way::new(
            format!("{stripes} stripes padded"),
            stripes * size_of::<CachePadded<AtomicU64>>(),
            move |thread, n| on_stripe(thread, n, |stripe| &padded[stripe & mask]),
        ),
    ]
}

/// Words of a [`Block`].
const BLOCK: usize = 16;

/// Words side by side from the start of a line: eight in each.
#[derive(Default)]
#[repr(C, align(128))]
struct Block([AtomicU64; BLOCK]);

thread_local! {
    /// A thread's stripe, looked up at each addition, as a counter on its own would have to.
    static STRIPE: Cell<usize> = const { Cell::new(0) };
}

fn on_stripe<'a>(thread: usize, n: u64, cell: impl Fn(usize) -> &'a AtomicU64) {
    STRIPE.set(thread);
    for _ in 0..n {
        cell(STRIPE.get()).fetch_add(1, Relaxed);
    }
}
