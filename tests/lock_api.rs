//! Our lock in the types of `lock_api`.

use lock_api::{RawMutexFair, RawMutexTimed};
use lockline::{
    LockStats, Observed, Plain, Policy, SendGuards,
    lock_api_0_4::{MappedMutexGuard, Mutex, MutexGuard, RawMutex},
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(2);

assert_impl_all!(RawMutex: RawMutexFair, RawMutexTimed, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default);
assert_impl_all!(RawMutex<Observed>: RawMutexFair, RawMutexTimed, Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Mutex<u8>: Send, Sync);
assert_impl_all!(MutexGuard<'static, u8>: Sync);
assert_not_impl_any!(MutexGuard<'static, u8>: Send);
assert_not_impl_any!(MappedMutexGuard<'static, u8>: Send);
assert_not_impl_any!(MutexGuard<'static, u8, Observed>: Send);
assert_impl_all!(MutexGuard<'static, u8, SendGuards>: Send, Sync);
assert_impl_all!(MappedMutexGuard<'static, u8, Observed<SendGuards>>: Send, Sync);
const_assert_eq!(size_of::<Mutex<()>>(), size_of::<lockline::Mutex<()>>());
const_assert_eq!(size_of::<Mutex<u64>>(), size_of::<lockline::Mutex<u64>>());

/// What is known of the lock is that it is one of `lock_api`'s.
fn get_in_somehow<R>(mutex: &lock_api::Mutex<R, (u64, u64)>, round: u64) -> bool
where
    R: RawMutexFair + RawMutexTimed<Duration = Duration, Instant = Instant>,
{
    let in_a_moment = Duration::from_micros(round % 64);
    let guard = match round % 6 {
        0 => mutex.try_lock(),
        1 => mutex.try_lock_for(in_a_moment),
        2 => mutex.try_lock_until(Instant::now() + in_a_moment),
        3 => mutex.try_lock_for(Duration::MAX),
        _ => Some(mutex.lock()),
    };
    let Some(mut guard) = guard else { return false };
    guard.0 += 1;
    if round % 7 == 0 {
        thread::yield_now();
    }
    guard.1 += 1;
    assert_eq!(guard.0, guard.1, "two at once");
    match round % 5 {
        0 => lock_api::MutexGuard::unlock_fair(guard),
        1 => lock_api::MutexGuard::bump(&mut guard),
        2 => lock_api::MutexGuard::unlocked_fair(&mut guard, thread::yield_now),
        _ => drop(guard),
    }
    true
}

fn exclude<P: Policy>() {
    let mutex = Mutex::<_, P>::new((0, 0));
    let visits: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let mutex = &mutex;
                let rounds = thread..thread + 2_000;
                scope.spawn(move || {
                    rounds.map(|round| u64::from(get_in_somehow(mutex, round))).sum::<u64>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(mutex.into_inner(), (visits, visits));
}

#[test]
fn one_at_a_time_by_any_way_in() {
    exclude::<Plain>();
    exclude::<Observed>();
    exclude::<SendGuards>();
}

#[test]
fn a_held_lock_is_not_had_in_time() {
    static MUTEX: Mutex<u8> = Mutex::new(0);
    let guard = MUTEX.lock();
    assert!(MUTEX.is_locked() && MUTEX.try_lock().is_none());
    for timeout in [Duration::ZERO, SHORT] {
        let before = Instant::now();
        assert!(MUTEX.try_lock_for(timeout).is_none());
        assert!(MUTEX.try_lock_until(before + timeout).is_none());
        assert!(before.elapsed() >= timeout);
    }
    drop(guard);
    assert!(!MUTEX.is_locked());
    for timeout in [Duration::ZERO, SHORT, Duration::MAX] {
        *MUTEX.try_lock_for(timeout).unwrap() += 1;
    }
    *MUTEX.try_lock_until(Instant::now()).unwrap() += 1;
    assert_eq!(*MUTEX.lock(), 4);
}

#[test]
fn a_fair_release_is_for_who_waits_and_the_wait_is_counted() {
    // An unfair one would be so by chance, but not each time.
    for _ in 0..20 {
        let mutex = Mutex::<_, Observed>::from_raw(RawMutex::new(), Vec::new());
        // SAFETY: nothing is unlocked by that, here and below.
        let raw = unsafe { mutex.raw() };
        MutexGuard::unlock_fair(mutex.lock());
        assert_eq!(raw.stats(), LockStats::default());
        thread::scope(|scope| {
            let guard = mutex.lock();
            scope.spawn(|| mutex.lock().push("waiter"));
            while raw.stats().parks == 0 {
                thread::yield_now();
            }
            MutexGuard::unlock_fair(guard);
            mutex.lock().push("newcomer");
        });
        assert!(raw.stats().contended >= 1);
        assert_eq!(mutex.into_inner(), ["waiter", "newcomer"]);
    }
}

#[test]
fn a_guard_that_moved_unlocks_where_it_is() {
    let mutex = Mutex::<_, SendGuards>::new(0);
    thread::scope(|scope| {
        let mut guard = mutex.lock();
        scope.spawn(move || {
            *guard += 1;
            drop(guard);
        });
        *mutex.lock() += 1;
    });
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn a_panic_while_locked_leaves_it_free() {
    let mutex = Mutex::<_>::new(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        *mutex.lock() += 1;
        let _part = MutexGuard::map(mutex.lock(), |value| value);
        resume_unwind(Box::new("on purpose"))
    }));
    assert!(panicked.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn debug_does_not_block() {
    let mutex = Mutex::<_>::new(1);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 1 }");
    let guard = mutex.lock();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    // SAFETY: nothing is unlocked by that.
    assert_eq!(format!("{:?}", unsafe { mutex.raw() }), "RawMutex { locked: true, .. }");
    drop(guard);
    assert_eq!(format!("{:?}", RawMutex::<Observed>::default()), "RawMutex { locked: false, .. }");
}
