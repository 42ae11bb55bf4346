//! What a `Mutex` tells of those who waited, on real threads.

use lockline::{Mutex, MutexGuard, Observed, SendGuards};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(2);
/// Returns when somebody has gone to sleep for the lock, which the caller has.
fn until_somebody_sleeps<T: ?Sized>(mutex: &Mutex<T, Observed>) {
    while mutex.stats().parks == 0 {
        thread::yield_now();
    }
}

#[test]
fn nobody_waited_so_there_is_nothing_to_tell() {
    let mutex = Arc::new(Mutex::<_, Observed>::with_policy(0));
    for _ in 0..1_000 {
        *mutex.lock() += 1;
        *mutex.try_lock().unwrap() += 1;
        *mutex.try_lock_for(SHORT).unwrap() += 1;
        *mutex.clone().lock_owned() += 1;
        MutexGuard::unlock_fair(mutex.lock());
    }
    let guard = mutex.lock();
    assert!(mutex.try_lock().is_none());
    drop(guard);
    assert_eq!(mutex.stats(), lockline::LockStats::default());
}

#[test]
fn a_wait_is_told_with_its_length() {
    let mutex = Mutex::<_, Observed<SendGuards>>::with_policy(());
    let slept = thread::scope(|scope| {
        let guard = mutex.lock();
        let waiter = scope.spawn(|| drop(mutex.lock()));
        while mutex.stats().parks == 0 {
            thread::yield_now();
        }
        let asleep = Instant::now();
        assert_eq!(mutex.stats().contended, 0, "not before it has the lock");
        thread::sleep(SHORT);
        let slept = asleep.elapsed();
        drop(guard);
        waiter.join().unwrap();
        slept
    });
    let stats = mutex.stats();
    assert_eq!((stats.contended, stats.total_wait), (1, stats.longest_wait));
    assert!(stats.longest_wait >= slept, "{stats:?}, slept {slept:?}");
}

#[test]
fn who_gives_up_has_slept_but_not_acquired() {
    let mutex = Mutex::<_, Observed>::with_policy(());
    let guard = mutex.lock();
    assert!(mutex.try_lock_for(SHORT).is_none());
    drop(guard);
    let stats = mutex.stats();
    assert_eq!((stats.contended, stats.total_wait), (0, Duration::ZERO));
    assert!(stats.parks > 0);
}

#[test]
fn the_statistics_of_many_agree() {
    const THREADS: u32 = 8;
    let mutex = Mutex::<_, Observed>::with_policy(0);
    thread::scope(|scope| {
        let guard = mutex.lock();
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..200 {
                    *mutex.lock() += 1;
                    // Readable at any time, and consistent enough to print.
                    assert!(mutex.stats().contended <= u64::from(THREADS * 200));
                }
            });
        }
        until_somebody_sleeps(&mutex);
        drop(guard);
    });
    let stats = mutex.stats();
    assert_eq!(*mutex.lock(), THREADS * 200);
    assert!((1..=u64::from(THREADS * 200)).contains(&stats.contended), "{stats:?}");
    assert!(stats.parks >= 1 && stats.longest_wait > Duration::ZERO, "{stats:?}");
    assert!(stats.longest_wait <= stats.total_wait, "{stats:?}");
    let contended = u32::try_from(stats.contended).unwrap();
    assert!(stats.total_wait <= stats.longest_wait * contended, "{stats:?}");
    hand_offs_are_to_sleepers(stats);
}

/// If nobody gives up: at most one for each wait, and none for who did not sleep.
fn hand_offs_are_to_sleepers(stats: lockline::LockStats) {
    assert!(stats.hand_offs <= stats.contended.min(stats.parks), "{stats:?}");
}

#[test]
fn who_wakes_in_vain_is_handed_the_lock_in_the_end() {
    // Where the waiter is quick it has the lock at its first wake, and there was no need to close. Otherwise it must
    // get it in the end, however often it is taken again before it comes.
    loop {
        let mutex = Mutex::<_, Observed>::with_policy(());
        thread::scope(|scope| {
            let mut guard = mutex.lock();
            let waiter = scope.spawn(|| drop(mutex.lock()));
            until_somebody_sleeps(&mutex);
            while !waiter.is_finished() && mutex.stats().hand_offs == 0 {
                thread::sleep(SHORT);
                // Taken again at once: the waiter wakes in vain.
                drop(guard);
                guard = mutex.lock();
            }
        });
        let stats = mutex.stats();
        hand_offs_are_to_sleepers(stats);
        if stats.hand_offs > 0 {
            break;
        }
    }
}
