//! The queue's promises, on real threads.

use lockline::{
    WorkQueue,
    queue::{
        CapacityError, ForcePushError, PopTimeoutError, PushError, PushTimeoutError, TryPopError,
        TryPushError,
    },
};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Counts how often it is dropped.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn first_in_first_out_at_every_capacity() {
    for capacity in [1, 2, 3, 7, 8, 100] {
        let queue = WorkQueue::new(capacity);
        for lap in 0..5 {
            for n in 0..capacity {
                assert_eq!(queue.len(), n);
                queue.try_push((lap, n)).unwrap();
            }
            assert!(queue.is_full());
            assert_eq!(queue.try_push((9, 9)), Err(TryPushError::Full((9, 9))));
            for n in 0..capacity {
                assert_eq!(queue.try_pop(), Ok((lap, n)));
            }
            assert!(queue.is_empty());
            assert_eq!(queue.try_pop(), Err(TryPopError::Empty));
        }
    }
}

#[test]
fn every_failing_path_gives_the_item_back() {
    let queue = WorkQueue::new(1);
    queue.push("a").unwrap();
    let soon = Duration::from_millis(1);
    assert_eq!(queue.push_for("b", soon), Err(PushTimeoutError::Timeout("b")));
    assert_eq!(queue.push_until("b", Instant::now()), Err(PushTimeoutError::Timeout("b")));
    assert!(queue.close());
    assert!(!queue.close());
    assert_eq!(queue.push("b"), Err(PushError("b")));
    assert_eq!(queue.try_push("b"), Err(TryPushError::Closed("b")));
    assert_eq!(queue.push_for("b", soon), Err(PushTimeoutError::Closed("b")));
    assert_eq!(block_on(queue.push_async("b")), Err(PushError("b")));
    let error = queue.force_push("b").unwrap_err();
    assert_eq!(error, ForcePushError::Closed { item: "b", displaced: None });
    let mut batch = vec!["b", "c"];
    queue.push_batch(&mut batch).unwrap_err();
    queue.try_push_batch(&mut batch).unwrap_err();
    assert_eq!(batch, ["b", "c"]);
    assert_eq!(queue.pop(), Some("a"));
    assert_eq!(queue.pop(), None);
    assert_eq!(queue.pop_for(soon), Err(PopTimeoutError::Closed));
}

#[test]
fn deadlines_are_not_undercut_and_huge_ones_are_for_ever() {
    let queue = WorkQueue::<u8>::new(1);
    let start = Instant::now();
    let timeout = Duration::from_millis(20);
    assert_eq!(queue.pop_for(timeout), Err(PopTimeoutError::Timeout));
    assert!(start.elapsed() >= timeout);
    thread::scope(|scope| {
        let consumer = scope.spawn(|| queue.pop_for(Duration::MAX));
        queue.push(1).unwrap();
        assert_eq!(consumer.join().unwrap(), Ok(1));
    });
}

#[test]
fn bad_capacities() {
    assert_eq!(WorkQueue::<u8>::try_new(0).unwrap_err(), CapacityError::Zero);
    for capacity in [usize::MAX, usize::MAX / 2, 1 << 50] {
        assert_eq!(WorkQueue::<u8>::try_new(capacity).unwrap_err(), CapacityError::TooLarge);
    }
    assert!(thread::spawn(|| WorkQueue::<u8>::new(0)).join().is_err());
}

#[test]
fn items_of_no_size_and_of_a_page() {
    let queue = WorkQueue::new(3);
    (0..3).for_each(|_| queue.push(()).unwrap());
    assert_eq!(queue.try_push(()), Err(TryPushError::Full(())));
    assert_eq!(queue.try_iter().count(), 3);
    let queue = WorkQueue::new(2);
    for n in 0..10 {
        queue.push([n; 4096]).unwrap();
        assert_eq!(queue.pop(), Some([n; 4096]));
    }
}

#[test]
fn forced() {
    let queue = WorkQueue::new(2);
    assert_eq!(queue.force_push(1), Ok(None));
    assert_eq!(queue.force_push(2), Ok(None));
    assert_eq!(queue.force_push(3), Ok(Some(1)));
    let permit = { queue.pop().map(|_| queue.try_reserve().unwrap()) };
    assert_eq!(queue.force_push(4), Ok(Some(3)));
    assert_eq!(queue.pop(), Some(4));
    let other = queue.try_reserve().unwrap();
    assert_eq!(queue.force_push(5), Err(ForcePushError::Full(5)));
    drop((permit, other));
    assert_eq!(queue.force_push(5), Ok(None));
}

#[test]
fn idle_workers_are_those_in_line() {
    let queue = WorkQueue::<u8>::new(1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.pop())).collect();
        while queue.idle_workers() != 3 {
            thread::yield_now();
        }
        queue.close();
        assert!(workers.into_iter().all(|worker| worker.join().unwrap().is_none()));
    });
    assert_eq!(queue.idle_workers(), 0);
}

#[test]
fn handles_close_the_queue() {
    let queue = Arc::new(WorkQueue::new(1));
    let first = queue.producer();
    let weak = first.downgrade();
    let second = weak.upgrade().unwrap();
    drop(first);
    assert!(!queue.is_closed());
    second.push(1).unwrap();
    drop(second);
    assert!(queue.is_closed() && weak.upgrade().is_none());
    assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
}

#[test]
fn abort_hands_the_rest_back() {
    let queue = WorkQueue::new(4);
    queue.push_batch(&mut vec![1, 2, 3]).unwrap();
    assert_eq!(queue.pop(), Some(1));
    assert_eq!(queue.abort(), [2, 3]);
    assert_eq!(queue.pop(), None);
}

#[test]
fn batches() {
    let queue = WorkQueue::new(5);
    let mut items: Vec<u32> = (0..8).collect();
    assert_eq!(queue.try_push_batch(&mut items), Ok(5));
    assert_eq!(items, [5, 6, 7]);
    let mut out = vec![100];
    assert_eq!(queue.pop_batch(&mut out, 3), 3);
    assert_eq!(out, [100, 0, 1, 2]);
    queue.push_batch(&mut items).unwrap();
    assert!(items.is_empty());
    assert_eq!(block_on(queue.pop_batch_async(&mut out, 99)), 5);
    assert_eq!(out[4..], [3, 4, 5, 6, 7]);
    assert_eq!(queue.try_pop_batch(&mut out, 1), Err(TryPopError::Empty));
    assert_eq!(queue.pop_batch(&mut out, 0), 0);
    assert_eq!(queue.pop_batch_for(&mut out, 1, Duration::ZERO), Err(PopTimeoutError::Timeout));
}

/// What was put in by `producers`, taken out by `consumers`: a checksum, and each producer's order.
fn soak(capacity: usize, producers: u64, consumers: usize, each: u64, tasks: bool) {
    let queue = WorkQueue::new(capacity);
    let taken: Vec<Vec<(u64, u64)>> = thread::scope(|scope| {
        let consumers: Vec<_> = (0..consumers)
            .map(|nth| {
                let queue = &queue;
                scope.spawn(move || match nth % 3 {
                    0 => queue.iter().collect(),
                    1 if tasks => block_on(async {
                        let mut taken = Vec::new();
                        while let Some(item) = queue.pop_async().await {
                            taken.push(item);
                        }
                        taken
                    }),
                    _ => {
                        let mut taken = Vec::new();
                        while queue.pop_batch(&mut taken, 7) > 0 {}
                        taken
                    }
                })
            })
            .collect();
        let workers: Vec<_> = (0..producers)
            .map(|nth| {
                let queue = &queue;
                scope.spawn(move || {
                    for n in 0..each {
                        match (n + nth) % 4 {
                            0 if tasks => block_on(queue.push_async((nth, n))).unwrap(),
                            1 => queue.reserve().unwrap().push((nth, n)).unwrap(),
                            2 => queue.push_for((nth, n), Duration::MAX).unwrap(),
                            _ => queue.push((nth, n)).unwrap(),
                        }
                        assert!(queue.len() <= queue.capacity());
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        queue.close();
        consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect()
    });
    for taken in &taken {
        for nth in 0..producers {
            let own: Vec<u64> =
                taken.iter().filter(|item| item.0 == nth).map(|item| item.1).collect();
            assert!(own.is_sorted(), "a producer's items out of order");
        }
    }
    let mut all: Vec<_> = taken.concat();
    all.sort_unstable();
    let expected: Vec<_> =
        (0..producers).flat_map(|nth| (0..each).map(move |n| (nth, n))).collect();
    assert_eq!(all, expected);
}

#[test]
fn nothing_is_lost_or_doubled() {
    for capacity in [1, 3, 64] {
        soak(capacity, 4, 4, 5_000, false);
        soak(capacity, 4, 4, 5_000, true);
        soak(capacity, 1, 3, 5_000, true);
        soak(capacity, 3, 1, 5_000, true);
    }
}

/// Four tasks against four, over and over, with one item for each pair of them: when they are done the queue is
/// dropped, so a wake-up that is missed hangs a run, whoever would have made up for it later.
fn fresh_queues(runs: u32, capacity: usize) {
    const TASKS: u32 = 4;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        for run in 0..runs {
            let queue = Arc::new(WorkQueue::new(capacity));
            let tasks: Vec<_> = (0..2 * TASKS)
                .map(|nth| {
                    let queue = Arc::clone(&queue);
                    tokio::spawn(async move {
                        let mut sum = 0;
                        for n in 0..TASKS {
                            if nth < TASKS {
                                queue.push_async(n).await.unwrap();
                            } else {
                                sum += queue.pop_async().await.unwrap();
                            }
                        }
                        sum
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            assert_eq!(sum, TASKS * TASKS * (TASKS - 1) / 2, "run {run}");
        }
    });
}

#[test]
fn every_task_is_served() {
    for capacity in [1, 3, 1_024] {
        fresh_queues(1_000, capacity);
    }
}

/// About once in 300,000 runs a task was missed that stood behind one that had been woken in vain and then found something.
/// `cargo test --release --test queue -- --ignored`
#[test]
#[ignore = "minutes"]
fn every_task_is_served_in_a_million_runs() {
    fresh_queues(1_000_000, 1_024);
}

/// crossfire #70: an item was lost when a `try_recv` raced the drop of the last sender.
#[test]
fn last_handle_races_try_pop() {
    for _ in 0..2_000 {
        let queue = Arc::new(WorkQueue::new(1));
        let producer = queue.producer();
        let other = thread::spawn(move || producer.push(1).unwrap());
        let got = loop {
            match queue.try_pop() {
                Ok(item) => break Some(item),
                Err(TryPopError::Closed) => break None,
                Err(TryPopError::Empty) => thread::yield_now(),
            }
        };
        assert_eq!(got, Some(1));
        other.join().unwrap();
    }
}

/// kanal #24: a receive that was dropped in the middle of the hand-over lost the item.
#[test]
fn a_dropped_pop_loses_nothing() {
    let queue = WorkQueue::new(1);
    let mut got = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..=2_000).for_each(|n| queue.push(n).unwrap());
            queue.close();
        });
        while !queue.is_closed() || !queue.is_empty() {
            let mut pop = pin!(queue.pop_async());
            let poll = pop.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Some(item)) = poll {
                got += item;
            }
            // And dropped, perhaps as it is being woken.
        }
    });
    assert_eq!(got, 2_000 * 2_001 / 2);
}

/// crossfire #72: a send that was dropped before it was polled, or after, leaked its item.
#[test]
fn a_dropped_push_drops_its_item_once() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let queue = WorkQueue::new(1);
    drop(queue.push_async(Counted(Arc::clone(&dropped))));
    assert_eq!(dropped.load(Relaxed), 1);
    queue.push(Counted(Arc::clone(&dropped))).unwrap();
    {
        let mut push = pin!(queue.push_async(Counted(Arc::clone(&dropped))));
        assert!(push.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(dropped.load(Relaxed), 2);
    drop(queue);
    assert_eq!(dropped.load(Relaxed), 3);
}

/// crossbeam #1187: items were freed twice.
#[test]
fn items_left_behind_are_dropped_once() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let queue = WorkQueue::new(3);
    for _ in 0..4 {
        queue.force_push(Counted(Arc::clone(&dropped))).unwrap();
    }
    drop(queue.pop());
    assert_eq!(dropped.load(Relaxed), 2);
    drop(queue);
    assert_eq!(dropped.load(Relaxed), 4);
}

#[test]
fn an_item_that_panics_as_it_is_dropped_leaves_none_behind() {
    struct Loud(bool, Arc<AtomicUsize>);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.1.fetch_add(1, Relaxed);
            assert!(!self.0, "injected");
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let queue = WorkQueue::new(3);
    for loud in [true, false, false] {
        assert!(queue.try_push(Loud(loud, Arc::clone(&dropped))).is_ok());
    }
    assert!(thread::spawn(move || drop(queue)).join().is_err());
    assert_eq!(dropped.load(Relaxed), 3);
}

/// async-channel #45: an operation that completed kept a wake-up that was another's.
#[test]
fn a_ready_pop_hands_the_wake_up_on() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let counts = [(); 2].map(|()| Arc::new(Count(AtomicUsize::new(0))));
    let wakers = [0, 1].map(|n| Waker::from(Arc::clone(&counts[n])));
    let queue = WorkQueue::new(2);
    let mut first = pin!(queue.pop_async());
    let mut second = pin!(queue.pop_async());
    assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
    queue.push_batch(&mut vec![1, 2]).unwrap();
    assert_eq!([0, 1].map(|n| counts[n].0.load(Relaxed)), [1, 0], "one at a time");
    assert_eq!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])), Poll::Ready(Some(1)));
    assert_eq!([0, 1].map(|n| counts[n].0.load(Relaxed)), [1, 1], "and then the next");
    assert_eq!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])), Poll::Ready(Some(2)));
}

// crossbeam #366: threads spun without bound for a peer that was preempted in the middle of its own operation. No test on
// real threads can stop a peer there, where none of the user's code runs. In a model every moment is one where it stops, and
// a spin without bound never ends: `queue::hand_over` and `queue::room` in `tests/loom/tests/models/queue.rs` are where it would.

/// thingbuf #83: a guard that was leaked hung the queue.
#[test]
fn a_leaked_permit_holds_nobody_up() {
    let queue = WorkQueue::new(2);
    std::mem::forget(queue.try_reserve());
    for n in 0..10 {
        queue.push(n).unwrap();
        assert_eq!(queue.try_push(n), Err(TryPushError::Full(n)));
        assert_eq!(queue.pop(), Some(n));
    }
    queue.close();
    assert_eq!(queue.pop(), None);
}

#[test]
fn auto_traits_and_errors() {
    fn shared<T: Send + Sync>() {}
    fn error<T: std::error::Error>() {}
    shared::<WorkQueue<std::cell::Cell<u8>>>();
    error::<TryPushError<*const u8>>();
    static_assertions::assert_not_impl_any!(WorkQueue<*const u8>: Send, Sync);
    assert_eq!(format!("{:?}", TryPushError::Full(())), "Full(_)");
    assert_eq!(
        format!("{:?}", WorkQueue::<u8>::new(3)),
        "WorkQueue { len: 0, capacity: 3, closed: false, .. }"
    );
}
