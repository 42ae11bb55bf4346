//! Bounded queues that tasks wait on.

use super::{label, role, share};
use crate::case::{Case, Kind, Label};
use lockline::WorkQueue;
use std::{future::Future, sync::Arc};

/// A bounded queue that tasks wait on.
trait Tasks: Clone + Send + Sync + 'static {
    fn new(capacity: usize) -> Self;
    fn put(&self, item: u64) -> impl Future<Output = ()> + Send;
    fn take(&self) -> impl Future<Output = u64> + Send;
}

/// Tasks on a runtime with two threads, which are the harness's business no more: so one thread of it waits.
///
/// flume 0.12 stands still once in a while with 4 to 4, where others want the cores too: seen with two items in its queue
/// and a receiver in its list that nobody wakes.
pub(super) fn cases(producers: usize, consumers: usize) -> Vec<Case> {
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
        case::<RapidfireTasks>("rapidfire", Peer, producers, consumers),
    ];
    if consumers == 1 {
        cases.push(case::<TokioTasks>("tokio mpsc", Peer, producers, consumers));
        cases.push(case::<ThingbufTasks>("thingbuf mpsc", Peer, producers, consumers));
    }
    cases
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

task_peer!(
    RapidfireTasks,
    rapidfire::Sender<u64>,
    rapidfire::Receiver<u64>,
    rapidfire::bounded,
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

#[derive(Clone)]
struct ThingbufTasks(thingbuf::mpsc::Sender<u64>, Arc<thingbuf::mpsc::Receiver<u64>>);

impl Tasks for ThingbufTasks {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = thingbuf::mpsc::channel(capacity);
        Self(sender, Arc::new(receiver))
    }

    async fn put(&self, item: u64) {
        self.0.send(item).await.expect("open");
    }

    async fn take(&self) -> u64 {
        self.1.recv().await.expect("open")
    }
}
