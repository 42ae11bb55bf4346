//! Semaphores: alone, between threads, between tasks on two workers, and between both.
//!
//! What a semaphore promises is that no more are in than there are permits, which every operation checks. Threads
//! run for a time; tasks do so many operations each, and hold their permit while they let others run once.

use crate::case::{Case, Kind, Label, repeat};
use crossbeam_utils::CachePadded;
use lockline::Fairness;
use lockline_harness::work;
use std::{
    future::Future,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{
            AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
};
use tokio::runtime::Runtime;

/// Threads, permits, steps of work inside (each about 1.2 ns), and how the row calls them.
const THREADS: [(usize, usize, u64, &str); 5] = [
    (2, 1, 0, "nothing inside"),
    (2, 10, 0, "nothing inside"),
    (8, 2, 0, "nothing inside"),
    (8, 2, 80, "~100 ns inside"),
    (32, 10, 80, "~100 ns inside"),
];
const TASKS: [(usize, usize); 2] = [(8, 2), (1_000, 10)];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = alone();
    for (threads, permits, steps, inside) in THREADS {
        cases.extend(threads_only(threads, permits, steps, inside));
    }
    for (tasks, permits) in TASKS {
        cases.extend(tasks_only(tasks, permits));
    }
    cases.extend(mixed());
    cases
}

fn label(row: String, name: &str, kind: Kind, threads: usize, blocks: bool) -> Label {
    Label { group: "semaphore", row, name: name.to_owned(), kind, threads, blocks }
}

/// So many at a time, by blocking.
trait Blocking: Send + Sync + 'static {
    fn new(permits: usize) -> Self;
    fn with(&self, inside: impl FnOnce());
}

/// So many at a time, by waiting in async code.
trait Awaiting: Send + Sync + 'static {
    fn new(permits: usize) -> Self;
    fn hold(&self, inside: impl Future<Output = ()> + Send) -> impl Future<Output = ()> + Send;
}

/// A semaphore on lines of its own, and how many are in.
struct Subject<S> {
    semaphore: CachePadded<S>,
    permits: u64,
    inside: CachePadded<AtomicU64>,
    most: CachePadded<AtomicU64>,
}

impl<S> Subject<S> {
    fn new(semaphore: S, permits: usize) -> Self {
        Self {
            semaphore: CachePadded::new(semaphore),
            permits: permits as u64,
            inside: CachePadded::default(),
            most: CachePadded::default(),
        }
    }

    fn enter(&self) {
        let inside = self.inside.fetch_add(1, SeqCst) + 1;
        if inside > self.most.load(Relaxed) {
            self.most.fetch_max(inside, Relaxed);
        }
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, SeqCst);
    }

    fn check(&self) -> Result<(), String> {
        let most = self.most.load(Relaxed);
        if most > self.permits || self.inside.load(Relaxed) != 0 {
            return Err(format!("{most} were in at once, of {} permits", self.permits));
        }
        Ok(())
    }
}

fn alone() -> Vec<Case> {
    fn case<S: Blocking>(name: &str, kind: Kind) -> Case {
        Case::race(
            label("uncontended".to_owned(), name, kind, 1, false),
            || CachePadded::new(S::new(10)),
            |semaphore, _, ops| repeat(ops, |_| semaphore.with(|| {})),
            |_, _| Ok(()),
        )
    }
    use Kind::*;
    vec![
        case::<Bounded>("lockline::Semaphore", Ours),
        case::<Strict>("lockline, strict", Ours),
        case::<Tokio>("tokio", Peer),
        case::<async_lock::Semaphore>("async-lock", Peer),
        case::<Channel>("crossbeam-channel", Peer),
        case::<Classic>("Mutex + Condvar", Peer),
    ]
}

fn threads_only(threads: usize, permits: usize, steps: u64, inside: &str) -> Vec<Case> {
    type Row<'a> = (usize, usize, u64, &'a str);
    fn case<S: Blocking>(name: &str, kind: Kind, (threads, permits, steps, inside): Row) -> Case {
        let permit = if permits == 1 { "permit" } else { "permits" };
        let row = format!("{threads} threads, {permits} {permit}, {inside}");
        Case::sprint(
            label(row, name, kind, threads, true),
            move || Subject::new(S::new(permits), permits),
            move |subject, _, stop| {
                let mut ops = 0;
                while !stop.now() {
                    subject.semaphore.with(|| {
                        subject.enter();
                        work(steps);
                        subject.leave();
                    });
                    ops += 1;
                }
                ops
            },
            |subject, _| subject.check(),
        )
    }
    use Kind::*;
    let row = (threads, permits, steps, inside);
    vec![
        case::<Bounded>("lockline::Semaphore", Ours, row),
        case::<Strict>("lockline, strict", Ours, row),
        case::<Tokio>("tokio", Peer, row),
        case::<async_lock::Semaphore>("async-lock", Peer, row),
        case::<Channel>("crossbeam-channel", Peer, row),
        case::<Classic>("Mutex + Condvar", Peer, row),
    ]
}

/// A subject and two workers.
struct Service<S> {
    subject: Arc<Subject<S>>,
    runtime: Runtime,
}

impl<S: Awaiting> Service<S> {
    fn new(permits: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        Self {
            subject: Arc::new(Subject::new(S::new(permits), permits)),
            runtime: runtime.expect("a runtime"),
        }
    }

    /// `ops` operations by so many tasks together.
    fn tasks(&self, tasks: usize, ops: u64) {
        let each = |task: u64| ops / tasks as u64 + u64::from(task < ops % tasks as u64);
        let tasks: Vec<_> = (0..tasks as u64)
            .map(|task| {
                let subject = Arc::clone(&self.subject);
                let ops = each(task);
                self.runtime.spawn(async move {
                    for _ in 0..ops {
                        let inside = async {
                            subject.enter();
                            tokio::task::yield_now().await;
                            subject.leave();
                        };
                        subject.semaphore.hold(inside).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            pollster::block_on(task).expect("no task panics");
        }
    }
}

fn tasks_only(tasks: usize, permits: usize) -> Vec<Case> {
    fn case<S: Awaiting>(name: &str, kind: Kind, tasks: usize, permits: usize) -> Case {
        let row = format!("{tasks} tasks on 2 workers, {permits} permits");
        Case::race(
            label(row, name, kind, 1, true),
            move || Service::<S>::new(permits),
            move |service, _, ops| service.tasks(tasks, ops),
            |service, _| service.subject.check(),
        )
    }
    use Kind::*;
    vec![
        case::<Bounded>("lockline::Semaphore", Ours, tasks, permits),
        case::<Strict>("lockline, strict", Ours, tasks, permits),
        case::<Tokio>("tokio", Peer, tasks, permits),
        case::<async_lock::Semaphore>("async-lock", Peer, tasks, permits),
    ]
}

/// Two threads and eight tasks, half of the operations each.
fn mixed() -> Vec<Case> {
    fn case<S: Awaiting + Blocking>(name: &str, kind: Kind) -> Case {
        Case::race(
            label("2 threads and 8 tasks, 2 permits".to_owned(), name, kind, 1, true),
            || Service::<S>::new(2),
            |service, _, ops| {
                thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| {
                            let subject = &service.subject;
                            for _ in 0..ops / 4 {
                                subject.semaphore.with(|| {
                                    subject.enter();
                                    subject.leave();
                                });
                            }
                        });
                    }
                    service.tasks(8, ops - ops / 4 * 2);
                });
            },
            |service, _| service.subject.check(),
        )
    }
    use Kind::*;
    vec![
        case::<Bounded>("lockline::Semaphore", Ours),
        case::<Strict>("lockline, strict", Ours),
        case::<Tokio>("tokio", Peer),
        case::<async_lock::Semaphore>("async-lock", Peer),
    ]
}

struct Bounded(lockline::Semaphore);

struct Strict(lockline::Semaphore);

macro_rules! ours {
    ($name:ident, $fairness:expr) => {
        impl Blocking for $name {
            fn new(permits: usize) -> Self {
                Self(lockline::Semaphore::with_policy(permits, permits, $fairness))
            }

            #[inline]
            fn with(&self, inside: impl FnOnce()) {
                let _permit = self.0.acquire().expect("open");
                inside();
            }
        }

        impl Awaiting for $name {
            fn new(permits: usize) -> Self {
                <Self as Blocking>::new(permits)
            }

            async fn hold(&self, inside: impl Future<Output = ()> + Send) {
                let _permit = self.0.acquire_async().await.expect("open");
                inside.await;
            }
        }
    };
}

ours!(Bounded, Fairness::Bounded);
ours!(Strict, Fairness::Strict);

struct Tokio(tokio::sync::Semaphore);

impl Blocking for Tokio {
    fn new(permits: usize) -> Self {
        Self(tokio::sync::Semaphore::new(permits))
    }

    #[inline]
    fn with(&self, inside: impl FnOnce()) {
        let permit = match self.0.try_acquire() {
            Ok(permit) => permit,
            Err(_) => pollster::block_on(self.0.acquire()).expect("open"),
        };
        inside();
        drop(permit);
    }
}

impl Awaiting for Tokio {
    fn new(permits: usize) -> Self {
        <Self as Blocking>::new(permits)
    }

    async fn hold(&self, inside: impl Future<Output = ()> + Send) {
        let _permit = self.0.acquire().await.expect("open");
        inside.await;
    }
}

impl Blocking for async_lock::Semaphore {
    fn new(permits: usize) -> Self {
        Self::new(permits)
    }

    #[inline]
    fn with(&self, inside: impl FnOnce()) {
        let _permit = self.acquire_blocking();
        inside();
    }
}

impl Awaiting for async_lock::Semaphore {
    fn new(permits: usize) -> Self {
        Self::new(permits)
    }

    async fn hold(&self, inside: impl Future<Output = ()> + Send) {
        let _permit = self.acquire().await;
        inside.await;
    }
}

/// Tokens in a channel.
struct Channel(crossbeam_channel::Sender<()>, crossbeam_channel::Receiver<()>);

impl Blocking for Channel {
    fn new(permits: usize) -> Self {
        let (give, take) = crossbeam_channel::bounded(permits);
        for _ in 0..permits {
            give.send(()).expect("we have the other end");
        }
        Self(give, take)
    }

    #[inline]
    fn with(&self, inside: impl FnOnce()) {
        self.1.recv().expect("we have the other end");
        inside();
        self.0.send(()).expect("we have the other end");
    }
}

/// As in the textbook, and a notification costs only where somebody waits: what is free, and how many wait.
struct Classic {
    free: Mutex<(usize, usize)>,
    more: Condvar,
}

impl Blocking for Classic {
    fn new(permits: usize) -> Self {
        Self { free: Mutex::new((permits, 0)), more: Condvar::new() }
    }

    #[inline]
    fn with(&self, inside: impl FnOnce()) {
        let mut free = self.free.lock().expect("nobody panics");
        while free.0 == 0 {
            free.1 += 1;
            free = self.more.wait(free).expect("nobody panics");
            free.1 -= 1;
        }
        free.0 -= 1;
        drop(free);
        inside();
        let mut free = self.free.lock().expect("nobody panics");
        free.0 += 1;
        let awaited = free.1 > 0;
        drop(free);
        if awaited {
            self.more.notify_one();
        }
    }
}
