//! Mutexes: alone, and 2, 8 and 32 threads at one lock, with and without work inside and outside.
//!
//! Threads run for a time and tell how often they got the lock, so a row has throughput and fairness at once.
//! What a lock excludes is an integer beside it, which must count every acquisition.

use crate::case::{Case, Kind, Label, repeat, same};
use crossbeam_utils::CachePadded;
use lockline_harness::{Stop, latency::Latencies, work};
use std::{
    cell::UnsafeCell,
    hint,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Instant,
};

const THREADS: [usize; 3] = [2, 8, 32];
/// Steps of [`work`], each about 1.2 ns, and how rows call them.
const INSIDE: [(u64, &str); 3] = [(0, "nothing"), (80, "~100 ns"), (800, "~1 µs")];
const OUTSIDE: [(u64, &str); 3] = [(0, "nothing"), (80, "~100 ns"), (1_640, "~2 µs")];

/// `case` for each lock. The one that never sleeps has no place where threads share cores.
macro_rules! all {
    ($case:ident($($argument:expr),*)) => {{
        use Kind::*;
        let mut cases = vec![
            $case::<lockline::Mutex<u64>>("lockline::Mutex", Ours $(, $argument)*),
            $case::<std::sync::Mutex<u64>>("std", Peer $(, $argument)*),
            $case::<parking_lot::Mutex<u64>>("parking_lot", Peer $(, $argument)*),
            $case::<usync::Mutex<u64>>("usync", Peer $(, $argument)*),
            $case::<Spinning>("a spin lock", Limit $(, $argument)*),
        ];
        cases.retain(|case| case.label.kind != Limit || case.label.threads <= 2);
        cases
    }};
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = alone();
    for threads in THREADS {
        for inside in INSIDE {
            for outside in OUTSIDE {
                cases.extend(contended(threads, inside, outside));
            }
        }
    }
    for threads in THREADS {
        cases.extend(longest_wait(threads));
    }
    cases.extend(one_core(8));
    cases
}

fn label(row: String, name: &str, kind: Kind, threads: usize) -> Label {
    Label { group: "mutex", row, name: name.to_owned(), kind, threads, blocks: threads > 1 }
}

/// Something that excludes, and an integer inside.
trait Lock: Default + Sync + 'static {
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R;
}

/// A lock on lines of its own, with what it protects.
type Subject<L> = CachePadded<L>;

fn counted<L: Lock>(lock: &Subject<L>, ops: u64) -> Result<(), String> {
    same(lock.with(|n| *n), ops)
}

fn alone() -> Vec<Case> {
    fn case<L: Lock>(name: &str, kind: Kind) -> Case {
        Case::race(
            label("uncontended".to_owned(), name, kind, 1),
            Subject::<L>::default,
            |lock, _, ops| repeat(ops, |_| lock.with(|n| *n += 1)),
            counted,
        )
    }
    let mut cases = all!(case());
    cases.insert(1, case::<Observed>("lockline, Observed", Kind::Ours));
    cases
}

fn contended(threads: usize, inside: (u64, &str), outside: (u64, &str)) -> Vec<Case> {
    type Amount<'a> = (u64, &'a str);
    fn case<L: Lock>(
        name: &str,
        kind: Kind,
        threads: usize,
        inside: Amount,
        outside: Amount,
    ) -> Case {
        let row = format!("{threads} threads, {} inside, {} outside", inside.1, outside.1);
        let (inside, outside) = (inside.0, outside.0);
        Case::sprint(
            label(row, name, kind, threads),
            Subject::<L>::default,
            move |lock, _, stop| {
                let mut ops = 0;
                while !stop.now() {
                    lock.with(|n| {
                        *n += 1;
                        work(inside);
                    });
                    work(outside);
                    ops += 1;
                }
                ops
            },
            |lock, ops| counted(lock, ops.iter().sum()),
        )
    }
    all!(case(threads, inside, outside))
}

/// From one acquisition to the next of the same thread, with nothing but a look at the clock between them.
fn longest_wait(threads: usize) -> Vec<Case> {
    fn case<L: Lock>(name: &str, kind: Kind, threads: usize) -> Case {
        Case::sprint_timed(
            label(format!("{threads} threads, each wait timed"), name, kind, threads),
            Subject::<L>::default,
            timed,
            |lock, ops| counted(lock, ops.iter().sum()),
        )
    }
    all!(case(threads))
}

/// From asking for the lock to having it. Whoever loses its core outside, or with the lock, does not wait for the lock.
fn timed<L: Lock>(lock: &Subject<L>, _thread: usize, stop: &Stop, waits: &mut Latencies) -> u64 {
    let mut ops = 0;
    while !stop.now() {
        let asks = Instant::now();
        let has = lock.with(|n| {
            *n += 1;
            Instant::now()
        });
        waits.record(has - asks);
        ops += 1;
    }
    ops
}

fn one_core(threads: usize) -> Vec<Case> {
    fn case<L: Lock>(name: &str, kind: Kind, threads: usize) -> Case {
        Case::sprint_timed(
            label(format!("{threads} threads on one core, each wait timed"), name, kind, threads),
            Subject::<L>::default,
            timed,
            |lock, ops| counted(lock, ops.iter().sum()),
        )
        .on_one_core()
    }
    all!(case(threads))
}

impl Lock for lockline::Mutex<u64> {
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R {
        change(&mut self.lock())
    }
}

type Observed = lockline::Mutex<u64, lockline::Observed>;

impl Lock for Observed {
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R {
        change(&mut self.lock())
    }
}

impl Lock for std::sync::Mutex<u64> {
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R {
        change(&mut self.lock().expect("nobody panics"))
    }
}

impl Lock for parking_lot::Mutex<u64> {
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R {
        change(&mut self.lock())
    }
}

impl Lock for usync::Mutex<u64> {
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R {
        change(&mut self.lock())
    }
}

/// Test and set, as little as a lock can be. Never sleeps.
#[derive(Default)]
struct Spinning {
    held: AtomicBool,
    value: UnsafeCell<u64>,
}

// SAFETY: the value is touched by whoever set `held`, and nobody else.
unsafe impl Sync for Spinning {}

impl Lock for Spinning {
    #[inline]
    fn with<R>(&self, change: impl FnOnce(&mut u64) -> R) -> R {
        // Acquire: hand-off, from the store below.
        while self.held.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
            while self.held.load(Relaxed) {
                hint::spin_loop();
            }
        }
        // SAFETY: `held` is ours.
        let result = change(unsafe { &mut *self.value.get() });
        // Release: hand-off, to whoever next sees it free.
        self.held.store(false, Release);
        result
    }
}
