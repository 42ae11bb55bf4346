//! The mutex, each model with both kinds of release. Those of waiters with deadlines are in `mutex_timed`.

use crate::harness::{Model, spawn};
use lockline_loom::{
    __private::{cores_are_wanted, fault, inside, passed_on_quickly, release_by_store},
    Mutex, MutexGuard, Policy, SendGuards,
};
use loom::thread::JoinHandle;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub(crate) fn one(by_store: bool) -> Arc<Mutex<u32>> {
    release_by_store(by_store);
    Arc::new(Mutex::new(0))
}

pub(crate) fn add<P: Policy>(m: &Mutex<u32, P>) {
    *m.lock() += 1;
}

/// Another that queues, and is woken as one that never tried, so that it dozes. The lock is free then.
pub(crate) fn woken<R: 'static>(
    m: &Arc<Mutex<u32>>,
    f: impl FnOnce(&Mutex<u32>) -> R + 'static,
) -> JoinHandle<R> {
    passed_on_quickly();
    let held = m.lock();
    inside(m).enter();
    let other = spawn(m, f);
    loom::thread::yield_now();
    inside(m).leave();
    drop(held);
    other
}

/// Whoever finds the lock held, and nobody known to wait, finds its core wanted, and rests before it tries.
pub(crate) fn rest_first() {
    passed_on_quickly();
    cores_are_wanted();
}

/// The value, when everybody is done: nothing is left of those who waited.
pub(crate) fn settled<P: Policy>(m: &Mutex<u32, P>) -> u32 {
    inside(m).assert_settled();
    let value = *m.try_lock().expect("nobody has it");
    inside(m).assert_settled();
    value
}

/// Two models of one body.
macro_rules! both {
    ($file:literal; $($name:ident, $promise:literal, $bound:expr, |$by_store:ident| $body:block)*) => {
        $(fn $name($by_store: bool) $body)*

        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!($file, "::", stringify!($name), "_by_store"),
                promise: $promise,
                bound: $bound,
                body: || $name(true),
            },
            Model {
                name: concat!($file, "::", stringify!($name), "_by_swap"),
                promise: $promise,
                bound: $bound,
                body: || $name(false),
            },
        )*];
    };
}
pub(crate) use both;

both! { "mutex";
    two_threads, "two threads exclude each other, each sees what the other did, and both get the lock", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, add);
        add(&m);
        other.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    three_threads, "three threads all get the lock: who waits behind the head is woken in turn", Some(2), |by_store| {
        let m = one(by_store);
        let others = [spawn(&m, add), spawn(&m, add)];
        add(&m);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(settled(&m), 3);
    }

    held_three, "two in the queue behind a head get the lock, although one comes again who has had it", Some(0), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        // The head is the holder, which gets what it has: a thread less, and both others queue.
        inside(&m).enter();
        let others = [spawn(&m, add), spawn(&m, add)];
        // So that both sleep in the first execution already, which takes no preemption.
        loom::thread::yield_now();
        inside(&m).leave();
        drop(held);
        add(&m);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(settled(&m), 3);
    }

    rests, "who rests before it has tried, known to wait, is not forgotten", None, |by_store| {
        rest_first();
        let m = one(by_store);
        let other = spawn(&m, add);
        add(&m);
        other.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    rests_for_long, "and is woken when a release finds that it does not come", Some(1), |by_store| {
        rest_first();
        let m = one(by_store);
        let held = m.lock();
        let other = spawn(&m, add);
        // It rests in the first execution already.
        loom::thread::yield_now();
        drop(held);
        add(&m);
        other.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    rests_only_as_head, "nor does anybody else rest than the head", Some(2), |by_store| {
        rest_first();
        let m = one(by_store);
        let held = m.lock();
        let others = [spawn(&m, add), spawn(&m, add)];
        drop(held);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(settled(&m), 2);
    }

    rests_before_others, "nor who comes to wait meanwhile", Some(0), |by_store| {
        rest_first();
        let m = one(by_store);
        let held = m.lock();
        let others = [spawn(&m, add), spawn(&m, add)];
        // So that one rests and the other queues in the first execution already.
        loom::thread::yield_now();
        drop(held);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(settled(&m), 2);
    }

    twice, "a lock that is taken again and again wakes whoever waits", Some(3), |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| {
            add(m);
            add(m);
        });
        add(&m);
        other.join().unwrap();
        assert_eq!(settled(&m), 3);
    }

    try_lock, "of two that try, one has the lock or both had it in turn", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| m.try_lock().map(|mut value| *value += 1).is_some());
        let mine = m.try_lock().map(|mut value| *value += 1).is_some();
        let other = other.join().unwrap();
        assert!(mine || other);
        assert_eq!(settled(&m), u32::from(mine) + u32::from(other));
    }

    // Two here and in `starving`: one for the waiter to come and sleep, one for the thief behind the release.
    fair, "a fair release gives the lock to who waits, and is a release otherwise", Some(2), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        let waiter = spawn(&m, |m| *m.lock() = 2);
        release_fairly(&m, value, |m| inside(m).is_awaited());
        no_passing(&m);
        waiter.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    fair_to_a_try, "nor may a thread pass that knows nothing of who waits", Some(2), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        let newcomer = spawn(&m, no_passing);
        let waiter = spawn(&m, |m| *m.lock() = 2);
        release_fairly(&m, value, |m| inside(m).is_awaited());
        newcomer.join().unwrap();
        waiter.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    fair_to_the_queue, "nor, by trying, the first in the queue before it is woken", Some(1), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        // Whoever is the head of these leaves the lock to the other.
        let others = [(); 2].map(|()| spawn(&m, |m| {
            let mut value = m.lock();
            if *value == 1 {
                *value = 2;
            } else {
                release_fairly(m, value, |m| inside(m).queued() == 1);
            }
        }));
        drop(value);
        no_passing(&m);
        for other in others {
            other.join().unwrap();
        }
        settled(&m);
    }

    starving, "nor may anybody pass a waiter that was passed for long, and closed the lock before it slept", Some(2), |by_store| {
        let m = one(by_store);
        let mut value = m.lock();
        let waiter = spawn(&m, |m| *m.lock() = 2);
        *value = u32::from(inside(&m).is_due());
        drop(value);
        no_passing(&m);
        waiter.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    fair_to_a_dozer, "nor one that was woken and dozes, or has just done so", Some(2), |by_store| {
        let m = one(by_store);
        let waiter = woken(&m, |m| *m.lock() = 2);
        release_fairly(&m, m.lock(), |m| inside(m).is_awaited());
        no_passing(&m);
        assert_ne!(*m.lock(), 1, "passed who was promised the lock");
        waiter.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    fair_to_one_just_up, "nor one whose time is up between the two steps of the release that wakes it", Some(2), |by_store| {
        let m = one(by_store);
        let waiter = woken(&m, |m| *m.lock() = 2);
        let value = m.lock();
        // Switches that are no preemptions: it lies down, and its time is up.
        loom::thread::yield_now();
        inside(&m).rouse();
        loom::thread::yield_now();
        release_fairly(&m, value, |m| inside(m).is_awaited());
        no_passing(&m);
        waiter.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    many_coming, "a head that sleeps is not woken on top of as many as can be counted, but by one of them", Some(2), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        let other = spawn(&m, add);
        // It sleeps as the head in the first execution already.
        loom::thread::yield_now();
        inside(&m).expect_many();
        drop(held);
        inside(&m).many_come();
        other.join().unwrap();
        assert_eq!(settled(&m), 1);
    }

    sent, "a guard unlocks on another thread, which sees what was done on the first", Some(3), |by_store| {
        release_by_store(by_store);
        let m: &'static Mutex<u32, SendGuards> = Box::leak(Box::new(Mutex::with_policy(0)));
        let waiter = loom::thread::spawn(|| add(m));
        let mut value = m.lock();
        *value += 1;
        let taker = loom::thread::spawn(move || {
            *value += 1;
            drop(value);
        });
        waiter.join().unwrap();
        taker.join().unwrap();
        assert_eq!(settled(m), 3);
    }

    mapped, "a guard of a part excludes, and wakes who waits as it unlocks", Some(3), |by_store| {
        release_by_store(by_store);
        let m = Arc::new(Mutex::new([0, 0]));
        let other = spawn(&m, |m| *MutexGuard::map(m.lock(), |parts| &mut parts[0]) += 1);
        *MutexGuard::map(m.lock(), |parts| &mut parts[0]) += 1;
        other.join().unwrap();
        inside(&m).assert_settled();
        assert_eq!(*m.lock(), [2, 0]);
    }

    unlocked, "a guard that is unlocked for a while lets others in, and has the lock again also after a panic", Some(3), |by_store| {
        let m = one(by_store);
        let other = spawn(&m, add);
        let mut value = m.lock();
        let meanwhile = || MutexGuard::unlocked(&mut value, fault::user_code);
        // Caught here, with the guard alive.
        let _ = catch_unwind(AssertUnwindSafe(meanwhile));
        *value += 1;
        drop(value);
        other.join().unwrap();
        assert_eq!(settled(&m), 2);
    }

    // What loom watches: it reports a leak of its `Arc`, and each touch of an atomic that is gone.
    owned, "a mutex lives until the last guard that owns a share of it is done with it", Some(3), |by_store| {
        release_by_store(by_store);
        let tail = loom::sync::Arc::new(0);
        let m = Arc::new(Mutex::new(loom::sync::Arc::clone(&tail)));
        let other = Arc::clone(&m);
        let other = loom::thread::spawn(move || drop(other.lock_owned()));
        drop(m.lock_owned());
        other.join().unwrap();
        assert_eq!(loom::sync::Arc::try_unwrap(tail).ok(), Some(0), "the mutex is not gone");
    }

    unwinding, "a section that panics leaves the lock free", Some(3), |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| {
            let section = || {
                let mut value = m.lock();
                fault::user_code();
                *value += 1;
            };
            catch_unwind(AssertUnwindSafe(section)).is_ok()
        });
        add(&m);
        let whole = other.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(whole));
    }
}

/// Releases for who waits, and notes it in the value: 1 until the waiter makes it 2.
fn release_fairly(
    m: &Mutex<u32>,
    mut value: MutexGuard<'_, u32>,
    waits: impl FnOnce(&Mutex<u32>) -> bool,
) {
    if *value == 0 && waits(m) {
        *value = 1;
    }
    MutexGuard::unlock_fair(value);
}

fn no_passing(m: &Mutex<u32>) {
    if let Some(value) = m.try_lock() {
        assert_ne!(*value, 1, "passed who was promised the lock");
    }
}
