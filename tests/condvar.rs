//! What `Condvar` promises, on real threads.

use lockline::{Condvar, Mutex, MutexGuard, Observed, OwnedMutexGuard, SendGuards, poison};
use static_assertions::{assert_impl_all, const_assert_eq};
use std::{
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

assert_impl_all!(Condvar: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, std::fmt::Debug);
const_assert_eq!(size_of::<Condvar>(), 1);

/// Long enough that a test that waits for it has failed.
const AGES: Duration = Duration::from_secs(60);

static PING: Mutex<u32> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

#[test]
fn two_threads_take_turns() {
    fn play(parity: u32) {
        for _ in 0..1_000 {
            let mut ping = PING.lock();
            CHANGED.wait_while(&mut ping, |ping| *ping % 2 != parity);
            *ping += 1;
            CHANGED.notify_one();
        }
    }
    thread::scope(|scope| {
        scope.spawn(|| play(0));
        scope.spawn(|| play(1));
    });
    assert_eq!(*PING.lock(), 2_000);
    assert_eq!(CHANGED.notify_all(), 0);
}

#[test]
fn every_item_is_fetched() {
    const EACH: usize = 2_000;
    let items = Mutex::new(0_usize);
    let more = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    let mut items = items.lock();
                    more.wait_while(&mut items, |items| *items == 0);
                    *items -= 1;
                }
            });
        }
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    *items.lock() += 1;
                    more.notify_one();
                }
            });
        }
    });
    assert_eq!(items.into_inner(), 0);
}

#[test]
fn timeouts_and_notifications_mixed() {
    let items = Mutex::new(0_usize);
    let more = Condvar::new();
    thread::scope(|scope| {
        for micros in [0, 1, 20, 100] {
            let (items, more) = (&items, &more);
            scope.spawn(move || {
                let mut left = 500;
                while left > 0 {
                    let mut items = items.lock();
                    let timeout = Duration::from_micros(micros);
                    let result = more.wait_while_for(&mut items, |items| *items == 0, timeout);
                    assert_eq!(result.timed_out(), *items == 0);
                    if !result.timed_out() {
                        *items -= 1;
                        left -= 1;
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..500 {
                let mut items = items.lock();
                more.wait_while(&mut items, |items| *items == 0);
                *items -= 1;
            }
        });
        for _ in 0..2_500 {
            *items.lock() += 1;
            more.notify_one();
        }
    });
    assert_eq!(items.into_inner(), 0);
}

#[test]
fn a_notification_wakes_who_released_the_mutex() {
    let waiting = Mutex::new(0);
    let more = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut waiting = waiting.lock();
                *waiting += 1;
                more.wait(&mut waiting);
            });
        }
        // Each counts and releases in one step, so three that have counted are three that wait.
        while *waiting.lock() < 3 {
            thread::yield_now();
        }
        assert!(more.notify_one());
        assert_eq!(format!("{more:?}"), "Condvar { may_have_waiters: true }");
        assert_eq!(more.notify_all(), 2);
        assert_eq!(format!("{more:?}"), "Condvar { may_have_waiters: false }");
        assert!(!more.notify_one());
    });
}

#[test]
fn nobody_waits() {
    let condvar = Condvar::default();
    assert!(!condvar.notify_one());
    assert_eq!(condvar.notify_all(), 0);
    assert_eq!(format!("{condvar:?}"), "Condvar { may_have_waiters: false }");
}

#[test]
fn timeouts_of_every_kind() {
    let value = Mutex::new(7);
    let never = Condvar::new();
    let mut guard = value.lock();
    assert!(never.wait_for(&mut guard, Duration::ZERO).timed_out());
    assert!(never.wait_for(&mut guard, Duration::from_millis(2)).timed_out());
    let past = Instant::now();
    assert!(never.wait_until(&mut guard, past).timed_out());
    assert!(never.wait_until(&mut guard, past + Duration::from_millis(2)).timed_out());
    assert!(never.wait_while_until(&mut guard, |value| *value == 7, past).timed_out());
    assert!(never.wait_while_for(&mut guard, |value| *value == 7, Duration::ZERO).timed_out());
    assert!(!never.wait_while_for(&mut guard, |value| *value == 8, Duration::ZERO).timed_out());
    assert_eq!(*guard, 7);
    drop(guard);
    assert!(!value.is_locked());
    assert!(!never.notify_one(), "those whose time was up are gone");
    assert_eq!(format!("{never:?}"), "Condvar { may_have_waiters: false }");
}

#[test]
fn the_longest_timeout_is_for_ever() {
    let ready = Mutex::new(false);
    let condvar = Condvar::new();
    thread::scope(|scope| {
        let wait = || {
            let mut ready = ready.lock();
            condvar.wait_while_for(&mut ready, |ready| !*ready, Duration::MAX)
        };
        let waiter = scope.spawn(wait);
        *ready.lock() = true;
        condvar.notify_one();
        assert!(!waiter.join().unwrap().timed_out());
    });
}

#[test]
fn the_wait_releases_the_mutex_and_has_it_after() {
    let value = Mutex::new(0);
    let condvar = Condvar::new();
    thread::scope(|scope| {
        let mut guard = value.lock();
        scope.spawn(|| {
            // Would wait for ever if the wait below did not release.
            *value.lock() = 1;
            condvar.notify_one();
        });
        condvar.wait_while(&mut guard, |value| *value == 0);
        assert!(value.try_lock().is_none());
        assert_eq!(*guard, 1);
    });
}

#[test]
fn any_guard() {
    fn wake_up<G: lockline::WaitGuard>(condvar: &Condvar, guard: &mut G) {
        // Of whatever mutex: it is released and locked again.
        let _ = condvar.wait_for(guard, Duration::from_millis(1));
    }
    let condvar = Condvar::new();
    let plain: Mutex<u32> = Mutex::new(1);
    let observed: Mutex<u32, Observed> = Mutex::with_policy(2);
    let sent: Mutex<u32, SendGuards> = Mutex::with_policy(3);
    let owned: Arc<Mutex<[u32], Observed<SendGuards>>> = Arc::new(Mutex::with_policy([4, 5]));
    let poisoning = poison::Mutex::new(6);
    let mut guards = (
        plain.lock(),
        observed.lock(),
        sent.lock(),
        Arc::clone(&owned).lock_owned(),
        poisoning.lock().unwrap(),
    );
    wake_up(&condvar, &mut guards.0);
    wake_up(&condvar, &mut guards.1);
    wake_up(&condvar, &mut guards.2);
    wake_up(&condvar, &mut guards.3);
    wake_up(&condvar, &mut guards.4);
    let sum = *guards.0 + *guards.1 + *guards.2 + guards.3[0] + guards.3[1] + *guards.4;
    assert_eq!(sum, 21);
    assert!(owned.is_locked());
    drop(guards);
    assert!(!owned.is_locked() && !plain.is_locked() && !poisoning.is_locked());
    assert_eq!(Arc::strong_count(&owned), 1);
}

#[test]
fn results_by_type() {
    let condvar = Condvar::new();
    let plain = Mutex::new(1);
    let mut guard: MutexGuard<'_, u32> = plain.lock();
    let () = condvar.wait_while(&mut guard, |_| false);
    drop(guard);
    let mut guard: OwnedMutexGuard<u32> = Arc::new(plain).lock_owned();
    let () = condvar.wait_while(&mut guard, |_| false);
    let poisoning = poison::Mutex::new(1);
    let mut guard = poisoning.lock().unwrap();
    let () = condvar.wait_while(&mut guard, |_| false).unwrap();
}

#[test]
fn two_mutexes_with_one_condvar() {
    let a = Mutex::new(false);
    let b = Mutex::new(false);
    let condvar = Condvar::new();
    thread::scope(|scope| {
        for mutex in [&a, &b] {
            let condvar = &condvar;
            scope.spawn(move || condvar.wait_while(&mut mutex.lock(), |ready| !*ready));
        }
        *a.lock() = true;
        condvar.notify_all();
        *b.lock() = true;
        condvar.notify_all();
    });
}

#[test]
fn a_condition_that_panics() {
    let value = Mutex::new(0);
    let condvar = Condvar::new();
    let mut guard = value.lock();
    let wait = || condvar.wait_while_for(&mut guard, |_| panic!("looked"), AGES);
    assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());
    assert!(value.is_locked(), "the guard still has it");
    *guard = 1;
    drop(guard);
    assert!(!value.is_locked());
}

#[test]
fn waiting_shows_in_the_statistics_of_the_lock() {
    let value: Mutex<bool, Observed> = Mutex::with_policy(false);
    let condvar = Condvar::new();
    let mut guard = value.lock();
    condvar.wait_for(&mut guard, Duration::ZERO);
    drop(guard);
    assert_eq!(value.stats().contended, 0, "sleeping on a condition is not contention");
}
