//! The work queue with each way of publishing, and while that changes, on real threads.

// What is included says `lockline`.
extern crate lockline_hooks as lockline;

#[path = "../../queue_guesses/programs.rs"]
mod guesses;

use lockline::{
    __private::hooks::{self, Kernel, Mode},
    WorkQueue,
};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

const CAPACITIES: [usize; 3] = [1, 3, 64];

/// The mode is the process's: one test at a time, and each from the beginning.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    hooks::kernel(Kernel::Itself);
    hooks::by_swap();
    alone
}

fn guess() {
    guesses::another_queue_in_its_place();
    guesses::an_end_that_was_moved_since();
}

/// Items go through, from so many threads to as many, while `change` runs at some moment; none is lost, and none comes twice.
fn flow(threads: u64, capacity: usize, moment: u64, change: impl FnOnce()) {
    const ITEMS: u64 = 4_000;
    let (queue, taken, sum) = (WorkQueue::new(capacity), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        let consumer = || {
            while let Some(item) = queue.pop() {
                sum.fetch_add(item, Relaxed);
                taken.fetch_add(1, Relaxed);
            }
        };
        let producers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(consumer);
                scope.spawn(|| (1..=ITEMS).for_each(|item| queue.push(item).unwrap()))
            })
            .collect();
        while taken.load(Relaxed) < moment {
            thread::yield_now();
        }
        change();
        for producer in producers {
            producer.join().unwrap();
        }
        queue.close();
    });
    let (taken, sum) = (taken.into_inner(), sum.into_inner());
    assert_eq!((taken, sum), (threads * ITEMS, threads * ITEMS * (ITEMS + 1) / 2));
}

#[test]
fn by_swap() {
    let _alone = alone();
    guess();
    flow(2, 3, 0, || {});
    assert_eq!(hooks::mode(), Mode::Locked);
}

#[test]
fn by_store() {
    let _alone = alone();
    let mode = if hooks::by_store() { Mode::Plain } else { Mode::Locked };
    guess();
    flow(2, 3, 0, || {});
    assert_eq!(hooks::mode(), mode);
}

#[test]
fn from_swap_to_store_in_the_middle() {
    let _alone = alone();
    for (round, capacity) in (0..40).zip(CAPACITIES.into_iter().cycle()) {
        hooks::by_swap();
        flow(1 + round % 2, capacity, 7 * round, || {
            hooks::by_store();
        });
    }
}

/// The kernel refuses from some moment on. Who sleeps then is woken all the same, and who comes to sleep later too.
#[test]
fn a_refusal_in_the_middle() {
    let _alone = alone();
    for (round, capacity) in (0..40).zip(CAPACITIES.into_iter().cycle()) {
        hooks::kernel(Kernel::Itself);
        hooks::by_swap();
        if !hooks::by_store() {
            println!("no membarrier here: there is nothing to refuse");
            return;
        }
        flow(1 + round % 2, capacity, 7 * round, || {
            hooks::kernel(Kernel::Refuses);
        });
    }
    hooks::kernel(Kernel::Itself);
}
