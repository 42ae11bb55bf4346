//! Bounded queues: alone, one to one, many to many, round trips, tasks.
//!
//! Each producer puts in its share and the consumers take out theirs; what comes out must add up. An operation is an
//! item that went through.

mod tasks;
mod threads;

use crate::case::{Case, Kind, Label, repeat, same};
use lockline::WorkQueue;
use lockline_harness::{latency::Latencies, pin};
use std::{
    hint,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};
use threads::{AsyncChannel, Crossbeam, Crossfire, Flume, Kanal, Rtrb, Std, Thingbuf};

/// What goes through.
trait Item: Send + Sync + Copy + Default + 'static {
    fn of(n: u64) -> Self;
    fn number(self) -> u64;
}

impl Item for u64 {
    fn of(n: u64) -> Self {
        n
    }

    fn number(self) -> u64 {
        self
    }
}

type Line = [u64; 8];

impl Item for Line {
    fn of(n: u64) -> Self {
        [n; 8]
    }

    fn number(self) -> u64 {
        self[7]
    }
}

/// A bounded queue that blocks.
trait Queue<T>: Send + Sync + 'static {
    fn new(capacity: usize) -> Self;
    fn put(&self, item: T);
    fn take(&self) -> T;
}

/// `case` for each queue of many producers and consumers.
macro_rules! all {
    ($case:ident::<$item:ty>($($argument:expr),*)) => {{
        use Kind::*;
        vec![
            $case::<$item, WorkQueue<$item>>("lockline::WorkQueue", Ours $(, $argument)*),
            $case::<$item, Crossbeam<$item>>("crossbeam-channel", Peer $(, $argument)*),
            $case::<$item, Crossfire<$item>>("crossfire", Peer $(, $argument)*),
            $case::<$item, Kanal<$item>>("kanal", Peer $(, $argument)*),
            $case::<$item, Flume<$item>>("flume", Peer $(, $argument)*),
            $case::<$item, AsyncChannel<$item>>("async-channel", Peer $(, $argument)*),
        ]
    }};
}

/// And for those of one consumer.
macro_rules! one_consumer {
    ($case:ident::<$item:ty>($($argument:expr),*)) => {{
        use Kind::*;
        let mut cases = all!($case::<$item>($($argument),*));
        cases.push($case::<$item, Std<$item>>("std sync_channel", Peer $(, $argument)*));
        cases.push($case::<$item, Thingbuf<$item>>("thingbuf mpsc", Peer $(, $argument)*));
        cases
    }};
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = one_consumer!(alone::<u64>());
    cases.push(alone::<u64, Rtrb<u64>>("rtrb, spinning", Kind::Limit));
    cases.push(batches(1));
    for capacity in [1024, 16] {
        cases.extend(one_consumer!(flow::<u64>(1, 1, capacity)));
        cases.push(flow::<u64, Rtrb<u64>>("rtrb, spinning", Kind::Limit, 1, 1, capacity));
        if capacity == 1024 {
            cases.push(batches(2));
        }
    }
    cases.extend(one_consumer!(round_trip::<u64>()));
    cases.extend(one_consumer!(flow::<u64>(4, 1, 1024)));
    cases.extend(all!(flow::<u64>(1, 4, 1024)));
    cases.extend(all!(flow::<u64>(2, 2, 1024)));
    cases.extend(all!(flow::<u64>(4, 4, 1024)));
    // Four times as many threads as cores; with two cores these were they.
    let half = 2 * pin::cores().len();
    if half > 4 {
        cases.extend(all!(flow::<u64>(half, half, 1024)));
    }
    cases.extend(all!(flow::<u64>(4, 4, 16)));
    // Without crossfire 3.1.22, which stood still with eight threads on two cores that others wanted too.
    let narrow = all!(flow::<u64>(4, 4, 1));
    cases.extend(narrow.into_iter().filter(|case| case.label.name != "crossfire"));
    cases.extend(all!(flow::<Line>(1, 1, 1024)));
    cases.extend(all!(flow::<Line>(4, 4, 1024)));
    cases.extend(tasks::cases(1, 1));
    cases.extend(tasks::cases(4, 4));
    cases.extend(tasks::cases(4, 1));
    let one_core = all!(flow::<u64>(4, 4, 1024));
    cases.extend(one_core.into_iter().map(|mut case| {
        "4 to 4, capacity 1024, on one core".clone_into(&mut case.label.row);
        case.on_one_core()
    }));
    cases
}

fn label(row: String, name: &str, kind: Kind, threads: usize) -> Label {
    Label { group: "queue", row, name: name.to_owned(), kind, threads, blocks: threads > 1 }
}

fn bytes<T>() -> String {
    if size_of::<T>() == 8 { String::new() } else { format!(", {} bytes", size_of::<T>()) }
}

fn alone<T: Item, Q: Queue<T>>(name: &str, kind: Kind) -> Case {
    Case::race(
        label("put and take on one thread".to_owned(), name, kind, 1),
        || Q::new(1024),
        |queue, _, ops| {
            repeat(ops, |n| {
                queue.put(T::of(n));
                hint::black_box(queue.take().number());
            });
        },
        |_, _| Ok(()),
    )
}

/// A queue and the sums of what went in and came out.
struct Subject<Q> {
    queue: Q,
    difference: AtomicU64,
}

/// `ops` items of each thread's making, or as many as there are for it.
fn flow<T: Item, Q: Queue<T>>(
    name: &str,
    kind: Kind,
    producers: usize,
    consumers: usize,
    capacity: usize,
) -> Case {
    let threads = producers + consumers;
    let row = format!("{producers} to {consumers}, capacity {capacity}{}", bytes::<T>());
    Case::race(
        label(row, name, kind, threads),
        move || Subject { queue: Q::new(capacity), difference: AtomicU64::new(0) },
        move |subject: &Subject<Q>, thread, ops| {
            // Cores are dealt out in turn: so both sides are on both.
            let (role, nth) = role(thread, producers, consumers);
            let items = ops * threads as u64;
            let sum = if role {
                let mine = share(items, producers, nth);
                (0..mine).fold(0_u64, |sum, n| {
                    subject.queue.put(T::of(n));
                    sum.wrapping_add(n)
                })
            } else {
                let mine = share(items, consumers, nth);
                (0..mine).fold(0_u64, |sum, _| sum.wrapping_sub(subject.queue.take().number()))
            };
            subject.difference.fetch_add(sum, Relaxed);
        },
        |subject, _| same(subject.difference.load(Relaxed), 0),
    )
}

/// Whether the thread is a producer, and which.
fn role(thread: usize, producers: usize, consumers: usize) -> (bool, usize) {
    // Pairs of producers and consumers, a producer first on the first core and last on the second in turn.
    let pairs = producers.min(consumers);
    if thread < 2 * pairs {
        let producer = thread % 2 == thread / 2 % 2;
        (producer, thread / 2)
    } else {
        (producers > consumers, thread - pairs)
    }
}

fn share(items: u64, threads: usize, nth: usize) -> u64 {
    let (items, threads) = (items, threads as u64);
    items / threads + u64::from((nth as u64) < items % threads)
}

fn batches(threads: usize) -> Case {
    const BATCH: usize = 32;
    let row = if threads == 1 { "put and take on one thread" } else { "1 to 1, capacity 1024" };
    Case::race(
        label(row.to_owned(), "lockline, batches of 32", Kind::Limit, threads),
        || WorkQueue::<u64>::new(1024),
        move |queue, thread, ops| {
            let batches = ops * threads as u64 / BATCH as u64;
            let mut items = Vec::with_capacity(BATCH);
            let put = |items: &mut Vec<u64>| {
                items.extend(0..BATCH as u64);
                queue.push_batch(items).expect("open");
            };
            if threads == 1 {
                repeat(batches, |_| {
                    put(&mut items);
                    queue.pop_batch(&mut items, BATCH);
                    hint::black_box(&items);
                    items.clear();
                });
            } else if thread == 0 {
                repeat(batches, |_| put(&mut items));
            } else {
                let mut left = batches * BATCH as u64;
                while left > 0 {
                    left -= queue.pop_batch(&mut items, BATCH) as u64;
                    hint::black_box(&items);
                    items.clear();
                }
            }
        },
        |_, _| Ok(()),
    )
}

fn round_trip<T: Item, Q: Queue<T>>(name: &str, kind: Kind) -> Case {
    Case::timed(
        label("round trip through two queues of capacity 1".to_owned(), name, kind, 2),
        || (Q::new(1), Q::new(1)),
        |(there, back): &(Q, Q), thread, ops, trips: &mut Latencies| {
            // Both threads count, a trip has two operations.
            repeat(ops, |n| {
                if thread == 0 {
                    let start = Instant::now();
                    there.put(T::of(n));
                    assert_eq!(back.take().number(), n);
                    trips.record(start.elapsed());
                } else {
                    back.put(there.take());
                }
            });
        },
        |_, _| Ok(()),
    )
}
