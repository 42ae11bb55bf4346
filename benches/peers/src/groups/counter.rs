//! Counters: adding from 1, 2 and 8 threads, what a sum costs, and 16 counters at once.
//!
//! Each peer is used as its documentation recommends, and owned where that spares it an indirection.
//! Statics are aligned away from each other, so that no case suffers from its neighbour in memory.

use crate::case::{Case, Kind, Label, repeat, same};
use contatori::counters::Observable as _;
use crossbeam_utils::CachePadded;
use lockline::{Counter, CounterSet};
use lockline_harness::{pin, race};
use std::{
    array,
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

const THREADS: [usize; 3] = [1, 2, 8];
/// Counters in a set.
const SET: usize = 16;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for threads in THREADS {
        cases.extend(add(threads));
    }
    cases.extend(sum(1).into_iter().map(Case::early));
    cases.extend(sum(8));
    for threads in THREADS {
        cases.extend(add_to_sets(threads));
    }
    cases
}

fn label(row: String, name: &str, kind: Kind, threads: usize) -> Label {
    Label { group: "counter", row, name: name.to_owned(), kind, threads, blocks: false }
}

fn plural(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

/// Something that counts.
trait Count: Sync + 'static {
    /// For this many threads.
    fn new(threads: usize) -> Self;
    fn add(&self);
    /// Everything added since `new`.
    fn total(&self) -> u64;
}

fn add(threads: usize) -> Vec<Case> {
    fn case<C: Count>(name: &str, kind: Kind, threads: usize) -> Case {
        Case::race(
            label(format!("add, {}", plural(threads)), name, kind, threads),
            move || C::new(threads),
            |counter, _, ops| repeat(ops, |_| counter.add()),
            move |counter, ops| same(counter.total(), ops * threads as u64),
        )
    }
    use Kind::*;
    vec![
        case::<Lockline>("lockline::Counter", Ours, threads),
        case::<Shared>("one AtomicU64", Peer, threads),
        case::<Stripes<AtomicU64>>("8 stripes", Peer, threads),
        case::<Stripes<CachePadded<AtomicU64>>>("8 padded stripes", Peer, threads),
        case::<PerCore>("a padded stripe per core", Peer, threads),
        case::<fast_counter::ConcurrentCounter>("fast-counter", Peer, threads),
        case::<Contatori>("contatori", Peer, threads),
        case::<hytra::TrAdder<u64>>("hytra", Peer, threads),
        own_local(threads),
        own_cell(threads),
    ]
}

/// What a sum costs one thread, after `writers` threads that lived at once have counted.
///
/// Ours reads the cells that threads of the process ever used, so the row for one thread is measured
/// before any case with more.
fn sum(writers: usize) -> Vec<Case> {
    const EACH: u64 = 1_000;
    fn case<C: Count>(name: &str, kind: Kind, writers: usize) -> Case {
        Case::race(
            label(format!("sum, after {}", plural(writers)), name, kind, 1),
            move || {
                let counter = C::new(writers);
                race(&pin::spread(writers), EACH, &|_, ops| repeat(ops, |_| counter.add()));
                (counter, AtomicU64::new(0))
            },
            |(counter, sums), _, ops| {
                let mut all = 0_u64;
                repeat(ops, |_| all = all.wrapping_add(counter.total()));
                sums.store(all, Relaxed);
            },
            move |(_, sums), ops| same(sums.load(Relaxed), ops * writers as u64 * EACH),
        )
    }
    use Kind::*;
    vec![
        case::<Lockline>("lockline::Counter", Ours, writers),
        case::<Shared>("one AtomicU64", Limit, writers),
        case::<Stripes<CachePadded<AtomicU64>>>("8 padded stripes", Peer, writers),
        case::<PerCore>("a padded stripe per core", Peer, writers),
        case::<fast_counter::ConcurrentCounter>("fast-counter", Peer, writers),
        case::<Contatori>("contatori", Peer, writers),
        case::<hytra::TrAdder<u64>>("hytra", Peer, writers),
    ]
}

/// The recommended use: a static. Totals are differences, as it is never set back.
struct Lockline {
    before: u64,
}

static OURS: CachePadded<Counter> = CachePadded::new(Counter::new());

impl Count for Lockline {
    fn new(_threads: usize) -> Self {
        Self { before: OURS.sum() }
    }

    #[inline]
    fn add(&self) {
        OURS.increment();
    }

    #[inline]
    fn total(&self) -> u64 {
        OURS.sum().wrapping_sub(self.before)
    }
}

struct Shared(CachePadded<AtomicU64>);

impl Count for Shared {
    fn new(_threads: usize) -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    #[inline]
    fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    #[inline]
    fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The calling thread's number, given out in order of first use: `LongAdder`'s probe, without its
/// reaction to contention, which threads on stripes of their own never meet.
#[inline]
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    match NUMBER.get() {
        usize::MAX => {
            let number = NEXT.fetch_add(1, Relaxed);
            NUMBER.set(number);
            number
        }
        number => number,
    }
}

/// An atomic integer, alone on its line or not.
trait Stripe: Sync + 'static {
    fn new() -> Self;
    fn word(&self) -> &AtomicU64;
}

impl Stripe for AtomicU64 {
    fn new() -> Self {
        Self::new(0)
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        self
    }
}

impl Stripe for CachePadded<AtomicU64> {
    fn new() -> Self {
        Self::new(AtomicU64::new(0))
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        self
    }
}

/// Eight, known when compiled.
struct Stripes<S>(CachePadded<[S; 8]>);

impl<S: Stripe> Count for Stripes<S> {
    fn new(_threads: usize) -> Self {
        Self(CachePadded::new(array::from_fn(|_| S::new())))
    }

    #[inline]
    fn add(&self) {
        self.0[number() % 8].word().fetch_add(1, Relaxed);
    }

    #[inline]
    fn total(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.word().load(Relaxed)).sum()
    }
}

/// As many as there are cores, rounded up to a power of two: `LongAdder`'s own limit.
struct PerCore(Box<[CachePadded<AtomicU64>]>);

impl Count for PerCore {
    fn new(_threads: usize) -> Self {
        let stripes = pin::cores().len().next_power_of_two();
        Self((0..stripes).map(|_| Stripe::new()).collect())
    }

    #[inline]
    fn add(&self) {
        self.0[number() & (self.0.len() - 1)].fetch_add(1, Relaxed);
    }

    #[inline]
    fn total(&self) -> u64 {
        self.0.iter().map(|stripe| stripe.load(Relaxed)).sum()
    }
}

/// "More than enough cells … for the number of threads which are going to be writing", says its manual.
impl Count for fast_counter::ConcurrentCounter {
    fn new(threads: usize) -> Self {
        Self::new(threads.max(pin::cores().len()))
    }

    #[inline]
    fn add(&self) {
        self.add(1);
    }

    #[inline]
    fn total(&self) -> u64 {
        self.sum().unsigned_abs() as u64
    }
}

/// In a static, as its manual has it: 128 stripes.
struct Contatori {
    before: u64,
}

static CONTATORI: contatori::counters::unsigned::Unsigned =
    contatori::counters::unsigned::Unsigned::new();

impl Count for Contatori {
    fn new(_threads: usize) -> Self {
        Self { before: CONTATORI.value().as_u64() }
    }

    #[inline]
    fn add(&self) {
        CONTATORI.add(1);
    }

    #[inline]
    fn total(&self) -> u64 {
        CONTATORI.value().as_u64().wrapping_sub(self.before)
    }
}

impl Count for hytra::TrAdder<u64> {
    fn new(_threads: usize) -> Self {
        Self::new()
    }

    #[inline]
    fn add(&self) {
        self.inc(1);
    }

    #[inline]
    fn total(&self) -> u64 {
        self.get()
    }
}

/// A thread-local variable that nobody else can read.
fn own_local(threads: usize) -> Case {
    thread_local! {
        static LOCAL: Cell<u64> = const { Cell::new(0) };
    }
    Case::race(
        label(format!("add, {}", plural(threads)), "a thread-local Cell", Kind::Limit, threads),
        || AtomicU64::new(0),
        |total, _, ops| {
            repeat(ops, |_| LOCAL.set(LOCAL.get() + 1));
            total.fetch_add(LOCAL.get(), Relaxed);
        },
        move |total, ops| same(total.load(Relaxed), ops * threads as u64),
    )
}

/// A padded cell that the thread holds a reference to: nothing to look up.
fn own_cell(threads: usize) -> Case {
    Case::race(
        label(format!("add, {}", plural(threads)), "an own cell at hand", Kind::Limit, threads),
        move || -> Vec<_> { (0..threads).map(|_| CachePadded::new(AtomicU64::new(0))).collect() },
        |cells, thread, ops| {
            let cell = &*cells[thread];
            repeat(ops, |_| cell.store(cell.load(Relaxed) + 1, Relaxed));
        },
        move |cells, ops| {
            same(cells.iter().map(|cell| cell.load(Relaxed)).sum(), ops * threads as u64)
        },
    )
}

/// Counters addressed by index.
trait Set: Sync + 'static {
    fn new(threads: usize) -> Self;
    fn add(&self, index: usize);
    /// Everything added to `index` since `new`.
    fn total(&self, index: usize) -> u64;
}

fn add_to_sets(threads: usize) -> Vec<Case> {
    fn case<S: Set>(name: &str, kind: Kind, threads: usize) -> Case {
        Case::race(
            label(format!("add to {SET} in turn, {}", plural(threads)), name, kind, threads),
            move || S::new(threads),
            |set, _, ops| repeat(ops, |i| set.add(turn(i))),
            move |set, ops| {
                // The first few counters get one more where `ops` is no multiple of their number.
                let each = |index: usize| ops / SET as u64 + u64::from(index < turn(ops));
                (0..SET).try_for_each(|index| {
                    same(set.total(index), each(index) * threads as u64)
                        .map_err(|wrong| format!("counter {index}: {wrong}"))
                })
            },
        )
    }
    use Kind::*;
    vec![
        case::<OurSet>("lockline::CounterSet<16>", Ours, threads),
        case::<OurCounters>("16 lockline::Counter", Ours, threads),
        case::<SharedSet>("16 AtomicU64", Peer, threads),
        case::<StripedSet>("8 padded stripes of 16 AtomicU64", Peer, threads),
        case::<FastSet>("16 fast-counter", Peer, threads),
    ]
}

/// Which counter's turn it is.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "below the size of a set")]
fn turn(i: u64) -> usize {
    (i % SET as u64) as usize
}

struct OurSet {
    before: [u64; SET],
}

static OUR_SET: CachePadded<CounterSet<SET>> = CachePadded::new(CounterSet::new());

impl Set for OurSet {
    fn new(_threads: usize) -> Self {
        Self { before: OUR_SET.sums() }
    }

    #[inline]
    fn add(&self, index: usize) {
        OUR_SET.increment(index);
    }

    fn total(&self, index: usize) -> u64 {
        OUR_SET.sum(index).wrapping_sub(self.before[index])
    }
}

/// What a set saves: as fast alone, but a line for each counter.
struct OurCounters {
    before: [u64; SET],
}

static OUR_COUNTERS: [Counter; SET] = [const { Counter::new() }; SET];

impl Set for OurCounters {
    fn new(_threads: usize) -> Self {
        Self { before: array::from_fn(|index| OUR_COUNTERS[index].sum()) }
    }

    #[inline]
    fn add(&self, index: usize) {
        OUR_COUNTERS[index].increment();
    }

    fn total(&self, index: usize) -> u64 {
        OUR_COUNTERS[index].sum().wrapping_sub(self.before[index])
    }
}

struct SharedSet(CachePadded<[AtomicU64; SET]>);

impl Set for SharedSet {
    fn new(_threads: usize) -> Self {
        Self(CachePadded::new(array::from_fn(|_| AtomicU64::new(0))))
    }

    #[inline]
    fn add(&self, index: usize) {
        self.0[index].fetch_add(1, Relaxed);
    }

    fn total(&self, index: usize) -> u64 {
        self.0[index].load(Relaxed)
    }
}

/// Our layout with the usual instruction: rows are padded, counters are not.
struct StripedSet([CachePadded<[AtomicU64; SET]>; 8]);

impl Set for StripedSet {
    fn new(_threads: usize) -> Self {
        Self(array::from_fn(|_| CachePadded::new(array::from_fn(|_| AtomicU64::new(0)))))
    }

    #[inline]
    fn add(&self, index: usize) {
        self.0[number() % 8][index].fetch_add(1, Relaxed);
    }

    fn total(&self, index: usize) -> u64 {
        self.0.iter().map(|row| row[index].load(Relaxed)).sum()
    }
}

struct FastSet([fast_counter::ConcurrentCounter; SET]);

impl Set for FastSet {
    fn new(threads: usize) -> Self {
        Self(array::from_fn(|_| Count::new(threads)))
    }

    #[inline]
    fn add(&self, index: usize) {
        self.0[index].add(1);
    }

    fn total(&self, index: usize) -> u64 {
        self.0[index].total()
    }
}
