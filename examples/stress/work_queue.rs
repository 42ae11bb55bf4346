//! The work queue, by every way in and out, and as it is closed under everybody's hands.

use super::{THREADS, on_threads, wait};
use lockline::{
    Mutex, WorkQueue,
    queue::{PopTimeoutError, Producer, TryPopError},
};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

/// Memory of its own, none of it atomic: whoever has it without right races, or frees it twice.
struct Item(Box<[u64; 3]>);

fn item(n: u64) -> Item {
    Item(Box::new([n; 3]))
}

fn number(Item(item): Item) -> u64 {
    let [a, b, c] = *item;
    assert!(a == b && b == c, "half an item");
    a
}

/// Polls once, and gives up unless that does.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    // Who wakes a task that is not there any more?
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

struct Shared {
    queue: Arc<WorkQueue<Item>>,
    /// One for each thread that puts in: the last one closes the queue.
    handles: Mutex<Vec<Producer<Item>>>,
    taken: AtomicU64,
}

/// Half of the threads put in and half take out, until the last handle is gone.
pub(crate) fn every_way(rounds: u64) -> (u64, u64) {
    let queue = Arc::new(WorkQueue::new(3));
    let handles = Mutex::new((0..THREADS / 2).map(|_| queue.producer()).collect());
    let shared = Arc::new(Shared { queue, handles, taken: AtomicU64::new(0) });
    let put = on_threads(&shared, move |shared, thread| {
        if thread % 2 == 0 {
            let producer = shared.handles.lock().pop().expect("one for each");
            (0..rounds).map(|round| put(&producer, thread + round, &shared.taken)).sum()
        } else {
            let mut round = thread;
            while let Some(taken) = take(&shared.queue, round) {
                shared.taken.fetch_add(taken, Relaxed);
                round += 1;
            }
            0
        }
    });
    (shared.taken.load(Relaxed), put)
}

/// Puts something in by one of the ways there are. The sum of it.
fn put(queue: &WorkQueue<Item>, round: u64, taken: &AtomicU64) -> u64 {
    let in_a_moment = Duration::from_micros(round % 64);
    match round % 9 {
        0 => queue.push(item(round)).expect("open"),
        1 => {
            if queue.try_push(item(round)).is_err() {
                return 0;
            }
        }
        2 => {
            if queue.push_for(item(round), in_a_moment).is_err() {
                return 0;
            }
        }
        3 => wait(queue.push_async(item(round))).expect("open"),
        4 => {
            if at_once(queue.push_async(item(round))).is_none() {
                return 0;
            }
        }
        5 => {
            queue.push_batch(&mut (0..5).map(|_| item(round)).collect()).expect("open");
            return 5 * round;
        }
        6 => queue.reserve().expect("open").push(item(round)).expect("open"),
        7 => {
            // Given up at once, given back, or used.
            match at_once(queue.reserve_async()) {
                Some(permit) if round % 2 == 0 => {
                    permit.expect("open").push(item(round)).expect("open");
                }
                _ => return 0,
            }
        }
        _ => match queue.force_push(item(round)) {
            Ok(displaced) => {
                taken.fetch_add(displaced.map_or(0, number), Relaxed);
            }
            // All places are reserved.
            Err(_) => return 0,
        },
    }
    round
}

/// Takes something out by one of the ways there are. The sum of it; none at the end.
fn take(queue: &WorkQueue<Item>, round: u64) -> Option<u64> {
    let in_a_moment = Duration::from_micros(round % 64);
    match round % 7 {
        0 => queue.pop().map(number),
        1 => match queue.try_pop() {
            Ok(item) => Some(number(item)),
            Err(TryPopError::Empty) => Some(0),
            Err(TryPopError::Closed) => None,
        },
        2 => match queue.pop_for(in_a_moment) {
            Ok(item) => Some(number(item)),
            Err(PopTimeoutError::Timeout) => Some(0),
            Err(PopTimeoutError::Closed) => None,
        },
        3 => wait(queue.pop_async()).map(number),
        4 => at_once(queue.pop_async()).map_or(Some(0), |item| item.map(number)),
        way => {
            let mut batch = Vec::new();
            let taken = if way == 5 {
                queue.pop_batch(&mut batch, 4)
            } else {
                wait(queue.pop_batch_async(&mut batch, 4))
            };
            (taken > 0).then(|| batch.into_iter().map(number).sum())
        }
    }
}

/// A queue lives for a few rounds. Then it is closed, whoever may be at it, and the last to leave drops it with what it
/// has. Each item is dropped once, wherever it was.
pub(crate) fn closed(rounds: u64) -> (u64, u64) {
    static DROPPED: AtomicU64 = AtomicU64::new(0);
    struct Counted(#[allow(dead_code, reason = "memory to be freed")] Item);
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Relaxed);
        }
    }
    fn new() -> Arc<WorkQueue<Counted>> {
        Arc::new(WorkQueue::new(2))
    }
    let shared = Arc::new((Mutex::new(new()), AtomicU64::new(0)));
    let made = on_threads(&shared, move |shared, thread| {
        let (slot, done) = &**shared;
        if thread == 0 {
            // Whoever waits does until the queue is closed.
            while done.load(Relaxed) < THREADS - 1 {
                thread::yield_now();
                let old = std::mem::replace(&mut *slot.lock(), new());
                if old.len() % 2 == 0 {
                    old.close();
                } else {
                    drop(old.abort());
                }
            }
            return 0;
        }
        let mut made = 0;
        for round in 0..rounds {
            let queue = slot.lock().clone();
            let mut next = || {
                made += 1;
                Counted(item(made))
            };
            match (thread + round) % 6 {
                0 => drop(queue.push(next())),
                1 => drop(queue.pop()),
                2 => drop(wait(queue.push_async(next()))),
                3 => drop(wait(queue.pop_async())),
                4 => drop(queue.push_batch(&mut vec![next(), next(), next()])),
                _ => drop(queue.pop_batch(&mut Vec::new(), 2)),
            }
        }
        done.fetch_add(1, Relaxed);
        made
    });
    drop(shared);
    (DROPPED.load(Relaxed), made)
}
