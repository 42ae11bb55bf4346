//! One that dozes comes when a fair release gives it the lock, or when it is passed for long, and not only when its time is
//! up, which here is an hour away: who is missed never comes.

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

/// Whether somebody dozed, when `release` was to let it have the lock, and then came.
fn dozes(release: impl FnOnce(&Mutex<bool>, MutexGuard<'_, bool>) + Send) -> bool {
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
                release(&mutex, again);
            }
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
fn who_dozes_is_woken() {
    dozes_last(true);
    let some = |release: fn(&Mutex<bool>, MutexGuard<'_, bool>)| {
        let mut dozers = 0;
        while dozers < DOZERS {
            dozers += u64::from(dozes(release));
        }
    };
    some(|_, held| MutexGuard::unlock_fair(held));
    // Also with one behind it that has given up.
    some(|mutex, held| {
        let start = Instant::now();
        assert!(mutex.try_lock_for(A_MOMENT).is_none(), "held meanwhile");
        assert!(start.elapsed() >= A_MOMENT, "gave up early");
        MutexGuard::unlock_fair(held);
    });
    // Nobody is fair: it is woken when it does not come, and instead of the lock being closed for it.
    some(|mutex, held| {
        drop(held);
        while !*mutex.lock() {}
    });
    some(|mutex, held| {
        thread::sleep(2 * A_MOMENT);
        drop(held);
        while !*mutex.lock() {}
    });
}
