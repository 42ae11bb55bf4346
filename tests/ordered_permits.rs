//! Permits of semaphores as part of the order: what tokens allow, and what is refused at run time.

use lockline::{
    AcquireError, Semaphore, TryAcquireError, lock_levels,
    ordered::{
        Always, CheckedAcquireError, CheckedMutex, CheckedSemaphore, LevelAsyncMutex,
        LevelAsyncSemaphore, LevelMutex, LevelSemaphore, Never, OrderError, OrderErrorKind,
        OrderedPermit, TaskPermit, TaskToken, Token, Unlocked, observed, ordered, with_root,
    },
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

lock_levels! {
    levels {
        Config;
        Pool after Config;
        Stats after Pool;
    }
}

static CONFIG: LevelMutex<Config, u32> = LevelMutex::new(1);
static STATS: LevelMutex<Stats, u32> = LevelMutex::new(0);

type Lock = CheckedMutex<u32, Always>;
type Permits = CheckedSemaphore<Always>;

assert_not_impl_any!(OrderedPermit<'static, Never>: Send, Sync, Clone);
assert_impl_all!(TaskPermit<'static>: Send);
const_assert_eq!(size_of::<LevelSemaphore<Pool, Never>>(), size_of::<Semaphore>());
const_assert_eq!(size_of::<LevelAsyncSemaphore<Pool>>(), size_of::<Semaphore>());

fn order(result: Result<OrderedPermit<'_, Always>, CheckedAcquireError>) -> OrderError {
    match result {
        Err(CheckedAcquireError::Order(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_order_allows() {
    fn count(mut token: Token<'_, Pool>) {
        *token.lock(&STATS) += 1;
    }
    let pool = LevelSemaphore::<Pool>::new(5);
    with_root(|mut token| {
        let (config, mut at_config) = token.lock_and(&CONFIG);
        let (two, mut at_pool) = at_config.acquire_many_and(&pool, 2).unwrap();
        count(at_pool.reborrow());
        // Not the newest first.
        drop(config);
        count(at_pool);
        assert_eq!((two.count(), pool.available()), (2, 3));
        drop(two);
        let (one, at_pool) = token.acquire_and(&pool).unwrap();
        count(at_pool);
        drop(one);
        // Anew, after the first is back.
        assert_eq!(token.acquire(&pool).unwrap().count(), 1);
        assert_eq!(token.acquire_many(&pool, 5).unwrap().count(), 5);
        assert_eq!(*token.lock(&STATS), 3);
    });
    assert_eq!((pool.available(), pool.limit(), pool.waiting()), (5, 5, 0));
    assert_eq!(format!("{pool:?}"), "LevelSemaphore { available: 5, limit: 5, closed: false }");
}

#[test]
fn trying_is_allowed_at_any_level() {
    let pool = LevelSemaphore::<Pool, Never>::never(2);
    let other = LevelSemaphore::<Pool, Never>::never(1);
    with_root(|mut token| {
        let (_stats, mut token) = token.lock_and(&STATS);
        assert_eq!(token.try_acquire_many(&pool, 2).unwrap().count(), 2);
        let soon = Duration::from_millis(1);
        assert_eq!(token.acquire_for(&pool, soon).unwrap().count(), 1);
        assert_eq!(token.try_acquire_many(&pool, 3).unwrap_err(), TryAcquireError::TooMany);
    });
    with_root(|mut token| {
        let (_one, mut token) = token.acquire_and(&pool).unwrap();
        let soon = Duration::from_millis(1);
        assert_eq!(token.acquire_many_for(&pool, 2, soon).unwrap_err(), TryAcquireError::NoPermits);
        assert_eq!(token.try_acquire(&other).unwrap().count(), 1);
    });
}

#[test]
fn closed_and_too_many_are_errors() {
    let leveled = LevelSemaphore::<Pool, Always>::always(1);
    let (checked, plain) = (Permits::always(1), CheckedSemaphore::never(1));
    with_root(|mut token| {
        assert_eq!(token.acquire_many(&leveled, 2).unwrap_err(), AcquireError::TooMany);
        assert!(leveled.close() && !leveled.close() && leveled.is_closed());
        assert_eq!(token.acquire(&leveled).unwrap_err(), AcquireError::Closed);
    });
    assert_eq!(checked.acquire_many(2).unwrap_err(), AcquireError::TooMany);
    assert_eq!(plain.acquire_many(2).unwrap_err(), AcquireError::TooMany);
    assert!(checked.close());
    let Err(CheckedAcquireError::Semaphore(AcquireError::Closed)) = checked.checked_acquire()
    else {
        panic!("it is closed");
    };
}

/// A wait that is listed ends when the semaphore is closed, and gets what is given back before.
#[test]
fn waits_end() {
    let pool = Permits::always(2);
    let both = pool.acquire_many(2).unwrap();
    thread::scope(|scope| {
        let waits = scope.spawn(|| pool.acquire().map(drop));
        let waits_for_both = scope.spawn(|| pool.acquire_many_or_deadlock(2).map(drop));
        while pool.waiting() < 2 {
            thread::yield_now();
        }
        drop(both);
        waits.join().unwrap().unwrap();
        waits_for_both.join().unwrap().unwrap();
        let _both = pool.acquire_many(2).unwrap();
        let waits = scope.spawn(|| pool.acquire().map(drop));
        while pool.waiting() < 1 {
            thread::yield_now();
        }
        pool.close();
        assert_eq!(waits.join().unwrap(), Err(AcquireError::Closed));
    });
}

#[test]
fn one_by_one_is_refused() {
    let pool = Permits::always(10);
    let (_one, one_at) = (pool.acquire().unwrap(), line!());
    let refused = order(pool.checked_acquire());
    assert_eq!(refused.kind(), OrderErrorKind::SameClass);
    assert_eq!(refused.held_at().unwrap().line(), one_at);
    assert!(refused.to_string().contains("`acquire_many`"), "{refused}");
    assert!(refused.wanted().starts_with("the semaphore made at "), "{refused}");
    let panics = catch_unwind(AssertUnwindSafe(|| drop(pool.acquire())));
    assert!(panics.unwrap_err().downcast_ref::<String>().unwrap().contains("same class"));
    // Trying does not wait, and is not checked.
    assert!(pool.try_acquire_many(2).is_ok());
    assert_eq!(pool.available(), 9);
}

#[test]
fn both_call_sites_are_named() {
    let (pool, lock) = (Permits::always(3), Lock::always(0));
    let (held, held_at) = (pool.acquire_many(2).unwrap(), line!());
    let (asked, asked_at) = (lock.lock(), line!());
    drop((held, asked));

    let (_lock, now_held_at) = (lock.lock(), line!());
    let (refused, wanted_at) = (order(pool.checked_acquire()), line!());
    assert_eq!(refused.kind(), OrderErrorKind::Inversion);
    assert_eq!(refused.wanted_at().line(), wanted_at);
    assert_eq!(refused.held_at().unwrap().line(), now_held_at);
    let [lockline::ordered::Step::Asked { held_at: before, asked_at: after, .. }] = refused.chain()
    else {
        panic!("{refused}");
    };
    assert_eq!((before.line(), after.line()), (held_at, asked_at));
    // It is there before anybody blocks: all permits are free.
    assert_eq!(pool.available(), 3);
    let dot = observed().dot();
    assert!(dot.contains("OrderedPermitsL"), "{dot}");
}

#[test]
fn what_was_given_back_is_not_held() {
    let (pool, lock) = (Permits::always(3), Lock::always(0));
    {
        // Two entries of one semaphore, of different counts.
        let two = pool.acquire_many(2).unwrap();
        let one = pool.try_acquire().unwrap();
        drop(two);
        let refused = order(pool.checked_acquire());
        assert_eq!(refused.kind(), OrderErrorKind::SameClass);
        drop(one);
        drop(pool.checked_acquire_many(3).unwrap());
    }
    let _lock = lock.lock();
    drop(pool.checked_acquire().unwrap());
}

#[test]
fn tokens_and_checks_see_each_other() {
    let pool = LevelSemaphore::<Pool, Always>::always(2);
    let leveled = CheckedSemaphore::always_leveled::<Config>(1);
    let lock = Lock::always(0);
    with_root(|mut token| {
        let (_permit, mut token) = token.acquire_and(&pool).unwrap();
        // As declared.
        assert_eq!(order(leveled.checked_acquire()).kind(), OrderErrorKind::DeclaredOrder);
        drop(lock.lock());
        drop(token.lock(&STATS));
    });
    let _lock = lock.lock();
    let panics =
        with_root(|mut token| catch_unwind(AssertUnwindSafe(|| drop(token.acquire(&pool)))));
    let message = panics.unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("a lock of level `Pool`"), "{message}");
}

#[test]
fn switched_off_nothing_is_seen() {
    let (pool, lock) = (CheckedSemaphore::never(1), Lock::always(0));
    let permit = pool.acquire().unwrap();
    drop(lock.lock());
    drop(permit);
    let _lock = lock.lock();
    assert!(pool.checked_acquire().is_ok());
}

/// Two threads, one of two permits each, that want the other one too.
#[test]
fn of_two_halves_one_is_refused() {
    for _ in 0..20 {
        let pool = Permits::always(2);
        let (both_have_one, refused) = (Barrier::new(2), AtomicUsize::new(0));
        let run = || {
            let _one = pool.acquire_or_deadlock().unwrap();
            both_have_one.wait();
            if let Err(error) = pool.acquire_or_deadlock() {
                let CheckedAcquireError::Order(error) = error else { panic!("{error}") };
                assert_eq!(error.kind(), OrderErrorKind::Deadlock);
                assert_eq!(error.chain().len(), 2);
                refused.fetch_add(1, Relaxed);
            }
        };
        thread::scope(|scope| {
            scope.spawn(run);
            scope.spawn(run);
        });
        assert_eq!(refused.load(Relaxed), 1);
        assert_eq!(pool.available(), 2);
    }
}

/// Of three permits one is in the hands of a thread that gives it back. Another thread has `stuck` of them and wants a lock; who has
/// that wants `wanted` permits. Says how many of the two were refused.
fn against_a_lock(stuck: usize, wanted: usize) -> usize {
    let (pool, lock) = (Permits::always(3), Lock::always(0));
    let all_have_theirs = Barrier::new(3);
    let (refused, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let _one = pool.acquire_or_deadlock().unwrap();
            all_have_theirs.wait();
            while pool.waiting() == 0 && done.load(Relaxed) == 0 {
                thread::yield_now();
            }
        });
        scope.spawn(|| {
            let _stuck = pool.acquire_many_or_deadlock(stuck).unwrap();
            all_have_theirs.wait();
            if let Err(error) = lock.lock_or_deadlock() {
                assert_eq!(error.kind(), OrderErrorKind::Deadlock);
                refused.fetch_add(1, Relaxed);
            }
        });
        let _lock = lock.lock_or_deadlock().unwrap();
        all_have_theirs.wait();
        match pool.acquire_many_or_deadlock(wanted) {
            Ok(permits) => assert_eq!(permits.count(), wanted),
            Err(CheckedAcquireError::Order(error)) => {
                assert_eq!(error.kind(), OrderErrorKind::Deadlock);
                assert_eq!(error.chain().len(), 2);
                refused.fetch_add(1, Relaxed);
            }
            Err(error) => panic!("{error}"),
        }
        done.store(1, Relaxed);
    });
    assert_eq!(pool.available(), 3);
    refused.load(Relaxed)
}

#[test]
fn permits_are_counted() {
    for _ in 0..20 {
        // One is free, or comes back.
        assert_eq!(against_a_lock(1, 1), 0);
        assert_eq!(against_a_lock(2, 1), 0);
        assert_eq!(against_a_lock(1, 2), 0);
        // Not enough of them do, although some.
        assert_eq!(against_a_lock(2, 2), 1);
        assert_eq!(against_a_lock(1, 3), 1);
        assert_eq!(against_a_lock(2, 3), 1);
    }
}

/// Of the permits that a thread has in hand, those are counted that it has still.
#[test]
fn what_was_given_back_is_not_counted() {
    let pool = Permits::always(4);
    let all_have_theirs = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _one = pool.acquire_or_deadlock().unwrap();
            all_have_theirs.wait();
            while pool.waiting() == 0 {
                thread::yield_now();
            }
        });
        let two = pool.acquire_many_or_deadlock(2).unwrap();
        let _one = pool.try_acquire().unwrap();
        drop(two);
        all_have_theirs.wait();
        // Two are free, and the third comes back.
        assert_eq!(pool.acquire_many_or_deadlock(3).unwrap().count(), 3);
    });
}

#[test]
fn a_thread_with_too_many_itself() {
    let pool = Permits::always(3);
    let _two = pool.acquire_many_or_deadlock(2).unwrap();
    let refused = order(pool.acquire_many_or_deadlock(2));
    assert_eq!(refused.kind(), OrderErrorKind::SelfDeadlock);
    assert!(pool.acquire_or_deadlock().is_ok());
}

/// To the checks, a forgotten permit is held by its thread for ever.
#[test]
fn a_forgotten_permit_is_held() {
    let pool = Permits::always(1);
    mem::forget(pool.acquire().unwrap());
    assert_eq!(order(pool.checked_acquire()).kind(), OrderErrorKind::SameClass);
    assert_eq!(order(pool.acquire_or_deadlock()).kind(), OrderErrorKind::SelfDeadlock);
}

/// A hole: who stands before in the line is not known to be waited for. One permit is free, but the first in line wants two and
/// waits for the one that the other has, who is behind it. `close` ends both waits.
#[test]
fn waiters_ahead_are_not_seen() {
    let pool = Permits::always(2);
    thread::scope(|scope| {
        let one = pool.acquire_or_deadlock().unwrap();
        let first = scope.spawn(|| pool.acquire_many_or_deadlock(2).map(drop));
        // Until it has waited for so long that newcomers must stand behind it.
        while pool.try_acquire().is_ok() || pool.waiting() == 0 {
            thread::yield_now();
        }
        scope.spawn(|| {
            while pool.waiting() < 2 {
                thread::yield_now();
            }
            pool.close();
        });
        for wait in [pool.acquire_or_deadlock().map(drop), first.join().unwrap()] {
            assert!(matches!(wait, Err(CheckedAcquireError::Semaphore(AcquireError::Closed))));
        }
        drop(one);
    });
}

fn block_on<F: Future>(task: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)
}

#[test]
fn tasks_acquire_with_their_tokens() {
    static POOL: LevelAsyncSemaphore<Pool> = LevelAsyncSemaphore::new(3);
    static TOTAL: LevelAsyncMutex<Stats, u32> = LevelAsyncMutex::new(0);
    async fn count(mut token: TaskToken<'_, Pool>) {
        *token.lock(&TOTAL).await += 1;
    }
    let task = ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (two, at_pool) = token.acquire_many_and(&POOL, 2).await.unwrap();
        count(at_pool).await;
        assert_eq!((two.count(), POOL.available()), (2, 1));
        drop(two);
        let (_one, mut at_pool) = token.acquire_and(&POOL).await.unwrap();
        assert_eq!(at_pool.try_acquire_many(&POOL, 2).unwrap().count(), 2);
        assert_eq!(at_pool.try_acquire_many(&POOL, 4).unwrap_err(), TryAcquireError::TooMany);
        count(at_pool).await;
    });
    block_on(task);
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        assert_eq!(token.acquire_many(&POOL, 3).await.unwrap().count(), 3);
        assert_eq!(*token.lock(&TOTAL).await, 2);
        POOL.close();
        assert_eq!(token.acquire(&POOL).await.unwrap_err(), AcquireError::Closed);
    }));
    assert!(POOL.is_closed() && POOL.limit() == 3 && POOL.waiting() == 0);
}

/// More tasks than permits, on two threads.
#[test]
fn tasks_wait_for_permits() {
    static POOL: LevelAsyncSemaphore<Pool> = LevelAsyncSemaphore::new(2);
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            runtime.spawn(ordered(async move |mut token: TaskToken<'_, Unlocked>| {
                for _ in 0..100 {
                    let permits = token.acquire_many(&POOL, 1 + n % 2).await.unwrap();
                    let inside = INSIDE.fetch_add(permits.count(), Relaxed) + permits.count();
                    assert!(inside <= 2);
                    tokio::task::yield_now().await;
                    INSIDE.fetch_sub(permits.count(), Relaxed);
                }
            }))
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    assert_eq!(POOL.available(), 2);
}
