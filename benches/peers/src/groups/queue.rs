//! Bounded queues: alone, one to one, many to many, round trips, tasks.
//!
//! Each producer puts in its share and the consumers take out theirs; what comes out must add up. An operation is an
//! item that went through.

use crate::case::{Case, Kind, Label, repeat, same};
use lockline::WorkQueue;
use lockline_harness::latency::Latencies;
use std::{
    future::Future,
    hint,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// What goes through.
trait Item: Send + Sync + Copy + 'static {
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
    cases.extend(all!(flow::<u64>(4, 4, 16)));
    cases.extend(all!(flow::<u64>(4, 4, 1)));
    cases.extend(all!(flow::<Line>(1, 1, 1024)));
    cases.extend(all!(flow::<Line>(4, 4, 1024)));
    cases.extend(tasks(1, 1));
    cases.extend(tasks(4, 4));
    cases.extend(tasks(4, 1));
    let one_core = all!(flow::<u64>(4, 4, 1024));
    cases.extend(one_core.into_iter().map(|mut case| {
        case.label.row = "4 to 4, capacity 1024, on one core".to_owned();
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
        let producer = (thread % 2 == 0) == (thread / 2 % 2 == 0);
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

/// A bounded queue that tasks wait on.
trait Tasks: Clone + Send + Sync + 'static {
    fn new(capacity: usize) -> Self;
    fn put(&self, item: u64) -> impl Future<Output = ()> + Send;
    fn take(&self) -> impl Future<Output = u64> + Send;
}

/// Tasks on a runtime with two threads, which are the harness's business no more: so one thread of it waits.
fn tasks(producers: usize, consumers: usize) -> Vec<Case> {
    fn case<Q: Tasks>(name: &str, kind: Kind, producers: usize, consumers: usize) -> Case {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("a runtime");
        let row = format!("{producers} to {consumers}, capacity 1024, tasks");
        Case::race(
            Label { blocks: true, ..label(row, name, kind, 1) },
            move || (Q::new(1024), runtime.handle().clone()),
            move |(queue, runtime), _, ops| {
                let spawned = (0..producers + consumers).map(|thread| {
                    let queue = queue.clone();
                    let (role, nth) = role(thread, producers, consumers);
                    runtime.spawn(async move {
                        let mut sum = 0_u64;
                        if role {
                            for n in 0..share(ops, producers, nth) {
                                queue.put(n).await;
                                sum = sum.wrapping_add(n);
                            }
                        } else {
                            for _ in 0..share(ops, consumers, nth) {
                                sum = sum.wrapping_sub(queue.take().await);
                            }
                        }
                        sum
                    })
                });
                let spawned: Vec<_> = spawned.collect();
                let sum = spawned.into_iter().fold(0_u64, |sum, task| {
                    sum.wrapping_add(runtime.block_on(task).expect("nobody panics"))
                });
                assert_eq!(sum, 0);
            },
            |_, _| Ok(()),
        )
    }
    use Kind::{Ours, Peer};
    let mut cases = vec![
        case::<Arc<WorkQueue<u64>>>("lockline::WorkQueue", Ours, producers, consumers),
        case::<CrossfireTasks>("crossfire", Peer, producers, consumers),
        case::<KanalTasks>("kanal", Peer, producers, consumers),
        case::<FlumeTasks>("flume", Peer, producers, consumers),
        case::<AsyncChannelTasks>("async-channel", Peer, producers, consumers),
    ];
    if consumers == 1 {
        cases.push(case::<TokioTasks>("tokio mpsc", Peer, producers, consumers));
    }
    cases
}

impl<T: Item> Queue<T> for WorkQueue<T> {
    fn new(capacity: usize) -> Self {
        Self::new(capacity)
    }

    #[inline]
    fn put(&self, item: T) {
        self.push(item).expect("open");
    }

    #[inline]
    fn take(&self) -> T {
        self.pop().expect("open")
    }
}

impl Tasks for Arc<WorkQueue<u64>> {
    fn new(capacity: usize) -> Self {
        Self::new(WorkQueue::new(capacity))
    }

    async fn put(&self, item: u64) {
        self.push_async(item).await.expect("open");
    }

    async fn take(&self) -> u64 {
        self.pop_async().await.expect("open")
    }
}

/// Both ends of a peer's channel.
macro_rules! peer {
    ($name:ident, $sender:ty, $receiver:ty, $make:expr, $put:ident, $take:ident) => {
        struct $name<T: Item>($sender, $receiver);

        impl<T: Item> Queue<T> for $name<T> {
            fn new(capacity: usize) -> Self {
                let (sender, receiver) = $make(capacity);
                Self(sender, receiver)
            }

            #[inline]
            fn put(&self, item: T) {
                self.0.$put(item).expect("open");
            }

            #[inline]
            fn take(&self) -> T {
                self.1.$take().expect("open")
            }
        }
    };
}

peer!(
    Crossbeam,
    crossbeam_channel::Sender<T>,
    crossbeam_channel::Receiver<T>,
    crossbeam_channel::bounded,
    send,
    recv
);
peer!(
    Crossfire,
    crossfire::MTx<crossfire::mpmc::Array<T>>,
    crossfire::MRx<crossfire::mpmc::Array<T>>,
    crossfire::mpmc::bounded_blocking,
    send,
    recv
);
peer!(Kanal, kanal::Sender<T>, kanal::Receiver<T>, kanal::bounded, send, recv);
peer!(Flume, flume::Sender<T>, flume::Receiver<T>, flume::bounded, send, recv);
peer!(
    AsyncChannel,
    async_channel::Sender<T>,
    async_channel::Receiver<T>,
    async_channel::bounded,
    send_blocking,
    recv_blocking
);

/// The receiver is one thread's; a lock that nobody else takes stands for that.
struct Std<T>(std::sync::mpsc::SyncSender<T>, Exclusive<std::sync::mpsc::Receiver<T>>);

/// Used by one thread at a time, by the case's construction.
struct Exclusive<T>(std::cell::UnsafeCell<T>);

// SAFETY: one thread of a case uses it, and the case has it dropped after that thread ended.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl<T> Exclusive<T> {
    fn new(content: T) -> Self {
        Self(std::cell::UnsafeCell::new(content))
    }

    #[allow(clippy::mut_from_ref, reason = "see above")]
    fn get(&self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.0.get() }
    }
}

impl<T: Item> Queue<T> for Std<T> {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = std::sync::mpsc::sync_channel(capacity);
        Self(sender, Exclusive::new(receiver))
    }

    #[inline]
    fn put(&self, item: T) {
        self.0.send(item).expect("open");
    }

    #[inline]
    fn take(&self) -> T {
        self.1.get().recv().expect("open")
    }
}

struct Rtrb<T>(Exclusive<rtrb::Producer<T>>, Exclusive<rtrb::Consumer<T>>);

impl<T: Item> Queue<T> for Rtrb<T> {
    fn new(capacity: usize) -> Self {
        let (producer, consumer) = rtrb::RingBuffer::new(capacity);
        Self(Exclusive::new(producer), Exclusive::new(consumer))
    }

    #[inline]
    fn put(&self, item: T) {
        while self.0.get().push(item).is_err() {
            hint::spin_loop();
        }
    }

    #[inline]
    fn take(&self) -> T {
        loop {
            if let Ok(item) = self.1.get().pop() {
                return item;
            }
            hint::spin_loop();
        }
    }
}

/// The same for tasks.
macro_rules! task_peer {
    ($name:ident, $sender:ty, $receiver:ty, $make:expr, $put:ident, $take:ident) => {
        #[derive(Clone)]
        struct $name($sender, $receiver);

        impl Tasks for $name {
            fn new(capacity: usize) -> Self {
                let (sender, receiver) = $make(capacity);
                Self(sender, receiver)
            }

            async fn put(&self, item: u64) {
                self.0.$put(item).await.expect("open");
            }

            async fn take(&self) -> u64 {
                self.1.$take().await.expect("open")
            }
        }
    };
}

task_peer!(
    CrossfireTasks,
    crossfire::MAsyncTx<crossfire::mpmc::Array<u64>>,
    crossfire::MAsyncRx<crossfire::mpmc::Array<u64>>,
    crossfire::mpmc::bounded_async,
    send,
    recv
);
task_peer!(
    KanalTasks,
    kanal::AsyncSender<u64>,
    kanal::AsyncReceiver<u64>,
    kanal::bounded_async,
    send,
    recv
);
task_peer!(
    FlumeTasks,
    flume::Sender<u64>,
    flume::Receiver<u64>,
    flume::bounded,
    send_async,
    recv_async
);
task_peer!(
    AsyncChannelTasks,
    async_channel::Sender<u64>,
    async_channel::Receiver<u64>,
    async_channel::bounded,
    send,
    recv
);

#[derive(Clone)]
struct TokioTasks(
    tokio::sync::mpsc::Sender<u64>,
    Arc<tokio::sync::Mutex<tokio::sync::mpsc::Receiver<u64>>>,
);

impl Tasks for TokioTasks {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = tokio::sync::mpsc::channel(capacity);
        Self(sender, Arc::new(tokio::sync::Mutex::new(receiver)))
    }

    async fn put(&self, item: u64) {
        self.0.send(item).await.expect("open");
    }

    async fn take(&self) -> u64 {
        // One task takes: the lock costs a few nanoseconds of what is measured.
        self.1.lock().await.recv().await.expect("open")
    }
}
