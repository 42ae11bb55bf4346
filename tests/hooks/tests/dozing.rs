//! One that dozes comes when a fair release gives it the lock, and not only when its time is up, which here is an hour
//! away: who is missed never comes.

use lockline_hooks::{
    __private::{dozes_last, slept},
    Mutex, MutexGuard,
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// One that finds the lock free when it is woken takes it, and shows nothing.
const DOZERS: u64 = 20;
const A_MOMENT: Duration = Duration::from_millis(1);

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// Whether somebody dozed, when `meanwhile` ran with the lock held, and then came.
fn dozes(meanwhile: impl FnOnce(&Mutex<bool>) + Send) -> bool {
    // The value says that the dozer-to-be has had it.
    let mutex = Mutex::new(false);
    let before = slept();
    thread::scope(|scope| {
        let held = mutex.lock();
        let first = scope.spawn(|| {
            let got = mutex.lock();
            let before = slept();
            // Wakes the other, and takes the lock again before that one comes.
            drop(got);
            let Some(again) = mutex.try_lock() else { return false };
            let dozes = !*again;
            if dozes {
                until(|| slept() > before);
                meanwhile(&mutex);
            }
            MutexGuard::unlock_fair(again);
            dozes
        });
        until(|| slept() > before);
        // Queues: when the head leaves, it has not tried yet.
        scope.spawn(|| *mutex.lock() = true);
        until(|| slept() > before + 1);
        drop(held);
        first.join().unwrap()
    })
}

#[test]
fn a_fair_release_wakes_who_dozes() {
    dozes_last(true);
    let mut dozers = 0;
    while dozers < DOZERS {
        dozers += u64::from(dozes(|_| {}));
    }
    while dozers < 2 * DOZERS {
        let behind = |mutex: &Mutex<bool>| {
            let start = Instant::now();
            assert!(mutex.try_lock_for(A_MOMENT).is_none(), "held meanwhile");
            assert!(start.elapsed() >= A_MOMENT, "gave up early");
        };
        dozers += u64::from(dozes(behind));
    }
}
