//! Queues as part of the order: what tokens allow, and what is not seen.

use lockline::{
    WorkQueue, lock_levels,
    ordered::{
        Always, CheckedMutex, Consumer, LevelMutex, LevelQueue, TaskToken, Token, Unlocked,
        ordered, with_root,
    },
    queue::{Closed, PopTimeoutError, PushError, PushTimeoutError, TryPopError, TryPushError},
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
    sync::{Arc, Barrier, LazyLock},
    thread,
    time::{Duration, Instant},
};

lock_levels! {
    levels {
        Config;
        Jobs after Config;
        Results after Jobs;
        Stats after Results;
    }
}

type Queue = LevelQueue<Jobs, u32>;

assert_impl_all!(Queue: Send, Sync, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(LevelQueue<Jobs, Rc<()>>: Send, Sync);
assert_not_impl_any!(Consumer<'static, Jobs, u32>: Send, Sync, Clone);
const_assert_eq!(size_of::<Queue>(), size_of::<WorkQueue<u32>>());
const_assert_eq!(size_of::<Consumer<'static, Jobs, u32>>(), size_of::<&Queue>());

/// So that a test that fails ends: whoever else is part of it is not waited for.
struct ClosedAtEnd<'a, L, T>(&'a LevelQueue<L, T>);

impl<L, T> Drop for ClosedAtEnd<'_, L, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

const SOON: Duration = Duration::from_millis(1);

/// From two producers, who push with a lock in hand, over two workers, who push to the second queue, to who adds up: the queues have room for
/// one and two, so that all of them wait.
#[test]
fn a_pipeline() {
    const JOBS: u32 = 2_000;
    static OFFSET: LevelMutex<Config, u32> = LevelMutex::new(0);
    static DONE: LevelMutex<Stats, u32> = LevelMutex::new(0);
    let jobs = Arc::new(Queue::new(1));
    let results: LevelQueue<Results, u64> = LevelQueue::new(2);

    let sum = thread::scope(|scope| {
        let _end = (ClosedAtEnd(&jobs), ClosedAtEnd(&results));
        let sum = scope.spawn(|| {
            let _end = ClosedAtEnd(&results);
            with_root(|mut token| {
                let (mut consumer, mut token) = token.consume(&results);
                let (mut sum, mut some) = (0, Vec::new());
                while consumer.pop_batch(&mut token, &mut some, 2) > 0 {
                    sum += some.drain(..).sum::<u64>();
                }
                sum
            })
        });
        let workers = [(); 2].map(|()| {
            scope.spawn(|| {
                let _end = ClosedAtEnd(&jobs);
                with_root(|mut token| {
                    let (mut consumer, mut token) = token.consume(&jobs);
                    while let Some(job) = consumer.pop(&mut token) {
                        token.push(&results, u64::from(job) * 2).unwrap();
                        *token.lock(&DONE) += 1;
                    }
                });
            })
        });
        let producers = [0, 1].map(|first| {
            let jobs = jobs.clone();
            scope.spawn(move || {
                with_root(|mut token| {
                    for n in (first..JOBS).step_by(2) {
                        let (offset, mut token) = token.lock_and(&OFFSET);
                        token.push(&jobs, n + *offset).unwrap();
                    }
                });
            })
        });
        for producer in producers {
            producer.join().unwrap();
        }
        assert!(jobs.close());
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(results.close());
        sum.join().unwrap()
    });
    assert_eq!(sum, u64::from(JOBS) * u64::from(JOBS - 1));
    assert_eq!(with_root(|mut token| *token.lock(&DONE)), JOBS);
}

/// A worker is given its token, and is generic in nothing.
fn work(consumer: &mut Consumer<'_, Jobs, u32>, mut token: Token<'_, Jobs>) -> Option<u32> {
    consumer.pop(&mut token)
}

#[test]
fn what_the_order_allows() {
    static QUEUE: LazyLock<Queue> = LazyLock::new(|| Queue::new(2));
    static CONFIG: LevelMutex<Config, u32> = LevelMutex::new(5);
    static STATS: LevelMutex<Stats, u32> = LevelMutex::new(0);
    with_root(|mut token| {
        {
            let (config, mut token) = token.lock_and(&CONFIG);
            token.push(&QUEUE, *config).unwrap();
        }
        token.push_batch(&QUEUE, &mut vec![6]).unwrap();
        assert!(QUEUE.is_full() && !QUEUE.is_empty());
        let (mut consumer, mut at_jobs) = token.consume(&QUEUE);
        assert_eq!(work(&mut consumer, at_jobs.reborrow()), Some(5));
        let (stats, _) = at_jobs.lock_and(&STATS);
        drop(stats);
        assert_eq!(work(&mut consumer, at_jobs.reborrow()), Some(6));
        assert_eq!(format!("{consumer:?}"), "Consumer<Jobs>");
        drop((consumer, at_jobs));
        // No consumer any more.
        *token.lock(&CONFIG) += 1;
        let (mut consumer, _) = token.consume(&QUEUE);
        assert_eq!(consumer.try_pop(), Err(TryPopError::Empty));
    });
    assert_eq!((QUEUE.len(), QUEUE.capacity(), QUEUE.idle_workers()), (0, 2, 0));
    assert_eq!(format!("{:?}", *QUEUE), "LevelQueue { len: 0, capacity: 2, closed: false }");
}

#[test]
fn what_ends_is_allowed_at_any_level() {
    static STATS: LevelMutex<Stats, u32> = LevelMutex::new(0);
    let queue = Queue::new(1);
    with_root(|mut token| {
        let (_stats, mut token) = token.lock_and(&STATS);
        token.try_push(&queue, 1).unwrap();
        let Err(TryPushError::Full(2)) = token.try_push(&queue, 2) else { panic!("it is full") };
        let begin = Instant::now();
        let Err(PushTimeoutError::Timeout(3)) = token.push_for(&queue, 3, SOON) else {
            panic!("it is full")
        };
        assert!(begin.elapsed() >= SOON);
    });
    with_root(|mut token| {
        let (mut consumer, mut token) = token.consume(&queue);
        let (_stats, mut token) = token.lock_and(&STATS);
        assert_eq!(consumer.try_pop(), Ok(1));
        let begin = Instant::now();
        assert_eq!(consumer.pop_for(SOON), Err(PopTimeoutError::Timeout));
        assert!(begin.elapsed() >= SOON);
        // Back into its own queue.
        token.try_push(&queue, 4).unwrap();
        assert_eq!(consumer.pop_for(SOON), Ok(4));
        token.push_for(&queue, 5, SOON).unwrap();
    });
    assert_eq!(queue.abort(), [5]);
}

#[test]
fn closing_ends_the_waits() {
    let queue = Queue::new(1);
    let pop = || {
        with_root(|mut token: Token<'_, Unlocked>| {
            let (mut consumer, mut token) = token.consume(&queue);
            (consumer.pop(&mut token), consumer.pop_batch(&mut token, &mut Vec::new(), 3))
        })
    };
    let waits = thread::scope(|scope| {
        let waits = scope.spawn(pop);
        while queue.idle_workers() == 0 {
            thread::yield_now();
        }
        assert!(queue.close() && !queue.close() && queue.is_closed());
        waits.join().unwrap()
    });
    assert_eq!(waits, (None, 0));
    with_root(|mut token| {
        assert_eq!(token.push(&queue, 1), Err(PushError(1)));
        let mut items = vec![2, 3];
        assert_eq!(token.push_batch(&queue, &mut items), Err(Closed::Closed));
        assert_eq!(items, [2, 3]);
        let Err(TryPushError::Closed(4)) = token.try_push(&queue, 4) else { panic!("closed") };
        let Err(PushTimeoutError::Closed(5)) = token.push_for(&queue, 5, SOON) else {
            panic!("closed")
        };
        let (mut consumer, _) = token.consume(&queue);
        assert_eq!(consumer.try_pop(), Err(TryPopError::Closed));
    });
}

/// A hole: the only consumer gives its part up, and asks for the lock that who waits for room has. With a time limit, as without one it
/// would be for ever.
#[test]
fn a_consumer_that_gives_up() {
    static CONFIG: LevelMutex<Config, u32> = LevelMutex::new(0);
    let (queue, gave_up) = (Queue::new(1), Barrier::new(2));
    thread::scope(|scope| {
        with_root(|mut token| {
            let (_config, mut token) = token.lock_and(&CONFIG);
            token.push(&queue, 1).unwrap();
            scope.spawn(|| {
                with_root(|mut token| {
                    {
                        let (mut consumer, mut token) = token.consume(&queue);
                        assert_eq!(consumer.pop(&mut token), Some(1));
                    }
                    gave_up.wait();
                    *token.lock(&CONFIG) += 1;
                });
            });
            gave_up.wait();
            token.push(&queue, 2).unwrap();
            let waits = token.push_for(&queue, 3, SOON);
            assert!(matches!(waits, Err(PushTimeoutError::Timeout(3))));
        });
    });
    assert_eq!(queue.len(), 1);
}

/// A hole: two threads, each with a queue that it consumes, give their part up to push, and wait for each other's item first. Nothing is in
/// hand, and it compiles; with a time limit, as without one it would be for ever.
#[test]
fn nobody_has_an_item() {
    let queues = (Queue::new(1), LevelQueue::<Results, u32>::new(1));
    let both_popped = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            with_root(|mut token| {
                let (mut consumer, _) = token.consume(&queues.0);
                assert_eq!(consumer.pop_for(SOON), Err(PopTimeoutError::Timeout));
                drop(consumer);
                both_popped.wait();
                token.push(&queues.1, 1).unwrap();
            });
        });
        with_root(|mut token| {
            let (mut consumer, _) = token.consume(&queues.1);
            assert_eq!(consumer.pop_for(SOON), Err(PopTimeoutError::Timeout));
            drop(consumer);
            both_popped.wait();
            token.push(&queues.0, 1).unwrap();
        });
    });
    assert_eq!((queues.0.len(), queues.1.len()), (1, 1));
}

/// A task has room in a queue waited for by the thread that polls it.
#[test]
fn a_task_pushes_in_a_blocking_section() {
    let queue = Queue::new(1);
    thread::scope(|scope| {
        let _end = ClosedAtEnd(&queue);
        let sum = scope.spawn(|| {
            let _end = ClosedAtEnd(&queue);
            with_root(|mut token| {
                let (mut consumer, mut token) = token.consume(&queue);
                let mut sum = 0;
                while let Some(job) = consumer.pop(&mut token) {
                    sum += job;
                }
                sum
            })
        });
        let task = ordered(async |mut token: TaskToken<'_, Unlocked>| {
            for n in 1..=100 {
                token.blocking(|mut token| token.push(&queue, n)).unwrap();
            }
        });
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task);
        queue.close();
        assert_eq!(sum.join().unwrap(), 5_050);
    });
}

/// A hole: the checks at run time know nothing of queues. A consumer takes a lock that is in hand where room is waited for, in both
/// orders.
#[test]
fn queues_are_not_known_to_the_checks() {
    let (queue, lock) = (Queue::new(1), CheckedMutex::<u32, Always>::always(0));
    thread::scope(|scope| {
        let _end = ClosedAtEnd(&queue);
        scope.spawn(|| {
            with_root(|mut token| {
                let (mut consumer, mut token) = token.consume(&queue);
                while let Some(job) = consumer.pop(&mut token) {
                    // Not refused, although it comes too late: the queue is full, and who has it pushes.
                    *lock.checked_lock().unwrap() += job;
                }
            });
        });
        with_root(|mut token| {
            let _locked = lock.checked_lock().unwrap();
            let begin = Instant::now();
            // One is in the consumer's hands at most, one in the queue.
            let full = (0..3).find_map(|n| token.push_for(&queue, n, SOON).err());
            assert!(matches!(full, Some(PushTimeoutError::Timeout(_))));
            assert!(begin.elapsed() >= SOON);
        });
    });
}
