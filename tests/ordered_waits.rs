//! Waits that would never end, on real threads: exactly those are refused.

use lockline::{
    lock_levels,
    ordered::{
        self, Always, CheckedAcquireError, CheckedMutex, CheckedSemaphore, LevelMutex,
        LockAllError, OrderErrorKind, Step, lock_all, with_root,
    },
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

type Lock = CheckedMutex<u32, Always>;

/// As many threads as locks, each of which has one lock and waits for the next. Says how many waits were refused.
fn ring<const N: usize>() -> usize {
    let locks: [Lock; N] = [(); N].map(|()| Lock::always(0));
    let all_have_one = Barrier::new(N);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for n in 0..N {
            let (locks, all_have_one, refused) = (&locks, &all_have_one, &refused);
            scope.spawn(move || {
                let _one = locks[n].lock_or_deadlock().unwrap();
                all_have_one.wait();
                match locks[(n + 1) % N].lock_or_deadlock() {
                    Ok(mut next) => *next += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), OrderErrorKind::Deadlock);
                        assert_eq!(error.chain().len(), N);
                        refused.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    // All but the refused got through.
    let passed: u32 = locks.into_iter().map(CheckedMutex::into_inner).sum();
    assert_eq!(passed as usize + refused.load(Relaxed), N);
    refused.load(Relaxed)
}

#[test]
fn of_each_circle_one_wait_is_refused() {
    for _ in 0..20 {
        assert_eq!(ring::<2>(), 1);
        assert_eq!(ring::<3>(), 1);
        assert_eq!(ring::<7>(), 1);
    }
}

/// Philosophers who take the left fork, then the right, and start again when refused: all finish.
#[test]
fn who_is_refused_can_go_on() {
    const SEATS: usize = 4;
    let forks: [Lock; SEATS] = [(); SEATS].map(|()| Lock::always(0));
    thread::scope(|scope| {
        for seat in 0..SEATS {
            let forks = &forks;
            scope.spawn(move || {
                let mut meals = 0;
                while meals < 1_000 {
                    let mut left = forks[seat].lock_or_deadlock().unwrap();
                    let Ok(mut right) = forks[(seat + 1) % SEATS].lock_or_deadlock() else {
                        continue;
                    };
                    *left += 1;
                    *right += 1;
                    meals += 1;
                }
            });
        }
    });
    assert_eq!(forks.map(CheckedMutex::into_inner), [2_000; SEATS]);
}

/// Many threads behind each other, none in a circle.
#[test]
fn a_queue_is_no_circle() {
    let (a, b, c) = (Lock::always(0), Lock::always(0), Lock::always(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            let one = |lock: &Lock| *lock.lock_or_deadlock().unwrap() += 1;
            let two = |outer: &Lock, inner: &Lock| {
                let mut outer = outer.lock_or_deadlock().unwrap();
                *inner.lock_or_deadlock().unwrap() += 1;
                *outer += 1;
            };
            let (a, b, c) = (&a, &b, &c);
            scope.spawn(move || (0..500).for_each(|_| two(a, b)));
            scope.spawn(move || (0..500).for_each(|_| two(b, c)));
            scope.spawn(move || (0..500).for_each(|_| two(a, c)));
            scope.spawn(move || (0..500).for_each(|_| one(b)));
        }
    });
    assert_eq!([a, b, c].map(CheckedMutex::into_inner), [3_000, 4_500, 3_000]);
}

/// Every wait without a deadline is one of those that make a circle, not only that of `lock_or_deadlock`.
#[test]
fn all_waits_count() {
    let (one, other) = (Lock::always(0), Lock::always(0));
    let both_have_one = Barrier::new(2);
    let (by_panic, by_error) = thread::scope(|scope| {
        let by_panic = scope.spawn(|| {
            let _one = one.lock();
            both_have_one.wait();
            // The order was not learnt yet, so it is not refused for that.
            let wait = catch_unwind(AssertUnwindSafe(|| drop(other.lock())));
            wait.err().map(|message| *message.downcast::<String>().unwrap())
        });
        let held = other.lock();
        both_have_one.wait();
        let by_error = one.lock_or_deadlock().err();
        drop(held);
        (by_panic.join().unwrap(), by_error)
    });
    // Whoever came last.
    assert!(by_panic.is_some() != by_error.is_some());
    if let Some(message) = by_panic {
        assert!(message.starts_with("lock refused: this wait would never end"), "{message}");
    }
    if let Some(error) = by_error {
        assert_eq!(error.kind(), OrderErrorKind::Deadlock);
        let Some(Step::Waits { held_at, .. }) = error.chain().last() else { panic!("{error}") };
        // What the other thread waits for, this one took there.
        assert_eq!(error.held_at(), *held_at);
        assert!(held_at.is_some());
    }
}

/// A wait that ends by itself is in no circle: it is not refused, and nor is the wait of another for its thread.
#[test]
fn timed_waits_do_not_count() {
    let (one, other) = (Lock::always(0), Lock::always(0));
    let both_have_one = Barrier::new(2);
    thread::scope(|scope| {
        let _other = other.lock();
        scope.spawn(|| {
            let _one = one.lock();
            both_have_one.wait();
            assert!(other.try_lock_for(Duration::from_millis(200)).is_none());
        });
        both_have_one.wait();
        // Waits for the other thread, which gives up and lets go.
        assert!(one.lock_or_deadlock().is_ok());
    });
}

/// A set holds what it has while it waits for the rest by address.
#[test]
fn a_set_can_be_in_a_circle() {
    let locks: [Lock; 2] = [(); 2].map(|()| Lock::always(0));
    let passed = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2_000 {
                match lock_all([&locks[0], &locks[1]]) {
                    Ok(_) => _ = passed.fetch_add(1, Relaxed),
                    Err(LockAllError::Order(refused)) => {
                        assert_eq!(refused.kind(), OrderErrorKind::Deadlock);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        });
        scope.spawn(|| {
            for _ in 0..2_000 {
                let _high = locks[1].lock_or_deadlock().unwrap();
                if locks[0].lock_or_deadlock().is_ok() {
                    passed.fetch_add(1, Relaxed);
                }
            }
        });
    });
    assert!(passed.load(Relaxed) > 0);
    assert!(locks.iter().all(|lock| !lock.is_locked()));
}

lock_levels! { levels { Leveled; } }

/// Locks with tokens take part where they are checked.
#[test]
fn waits_for_locks_with_tokens_count() {
    let leveled = LevelMutex::<Leveled, _, Always>::always(0);
    let plain = Lock::always(0);
    let both = Barrier::new(2);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            with_root(|mut token| {
                let (_leveled, _token) = token.lock_and(&leveled);
                both.wait();
                if plain.lock_or_deadlock().is_err() {
                    refused.fetch_add(1, Relaxed);
                }
            });
        });
        scope.spawn(|| {
            let _plain = plain.lock_or_deadlock().unwrap();
            both.wait();
            let wait = || with_root(|mut token| *token.lock(&leveled) += 1);
            if catch_unwind(AssertUnwindSafe(wait)).is_err() {
                refused.fetch_add(1, Relaxed);
            }
        });
    });
    assert_eq!(refused.load(Relaxed), 1);
}

// ----------------------------------------------------------------------------- joins

/// Whoever comes last, the thread that joins or the one that wants what the joiner has, is refused.
#[test]
fn a_join_can_be_in_a_circle() {
    for _ in 0..50 {
        let lock = Arc::new(Lock::always(0));
        let held = lock.lock();
        let wants = Arc::clone(&lock);
        let child = ordered::spawn(move || {
            wants.lock_or_deadlock().map(drop).map_err(|error| error.kind())
        });
        match child.join() {
            Ok(child) => assert_eq!(child.unwrap(), Err(OrderErrorKind::Deadlock)),
            Err((refused, child)) => {
                assert_eq!(refused.kind(), OrderErrorKind::Deadlock);
                drop(held);
                assert_eq!(child.join().unwrap().unwrap(), Ok(()));
            }
        }
    }
}

/// Also when this time nobody would have waited.
#[test]
fn a_join_against_the_order_is_refused() {
    let lock = Arc::new(Lock::always(0));
    let start = || {
        let wants = Arc::clone(&lock);
        ordered::spawn(move || drop(wants.lock()))
    };
    start().join().unwrap().unwrap();
    let child = start();
    // It has let go of the lock, and will not want it again.
    while Arc::strong_count(&lock) > 1 {
        thread::yield_now();
    }
    let held = lock.lock();
    let (refused, child) = child.join().unwrap_err();
    assert_eq!(refused.kind(), OrderErrorKind::Inversion);
    assert!(refused.wanted().starts_with("the thread started at"), "{refused}");
    drop(held);
    child.join().unwrap().unwrap();
}

/// And the other way round: the joiner was seen first, so the thread is refused its lock.
#[test]
fn a_thread_that_is_joined_with_a_lock_in_hand_may_not_take_it() {
    fn start(f: impl FnOnce() + Send + 'static) -> ordered::JoinHandle<()> {
        ordered::spawn(f)
    }
    let lock = Arc::new(Lock::always(0));
    {
        let _held = lock.lock();
        start(|| ()).join().unwrap().unwrap();
    }
    let wants = Arc::clone(&lock);
    let message = start(move || drop(wants.lock())).join().unwrap().unwrap_err();
    assert!(message.downcast::<String>().unwrap().starts_with("lock refused: against the order"));
}

#[test]
fn threads_may_start_each_other_at_one_place() {
    fn depth(left: u32) -> u32 {
        if left == 0 {
            0
        } else {
            1 + ordered::spawn(move || depth(left - 1)).join().unwrap().unwrap()
        }
    }
    assert_eq!(depth(5), 5);
}

/// A hole: a lock is its thread's for ever if the guard is forgotten, and a thread that ended waits for nothing, so there is no circle.
#[test]
fn a_lock_of_a_thread_that_ended() {
    let left = CheckedSemaphore::always(1);
    thread::scope(|scope| {
        let ended = scope.spawn(|| std::mem::forget(left.acquire_or_deadlock().unwrap()));
        ended.join().unwrap();
        // Not refused, and only `close` ends it: a mutex has nothing like that, so this is shown with a permit.
        let wait = scope.spawn(|| left.acquire_or_deadlock().map(drop));
        while left.waiting() == 0 {
            thread::yield_now();
        }
        left.close();
        assert!(matches!(wait.join().unwrap(), Err(CheckedAcquireError::Semaphore(_))));
    });
}
