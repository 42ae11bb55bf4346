//! The mutex with waiters that give up. A timeout of zero has passed before the wait, one of a nanosecond passes for
//! certain as soon as the waiter sleeps, and a longer one where a fault says so.

use crate::{
    harness::{Model, spawn, variant},
    mutex::{add, both, one, rest_first, settled, woken},
};
use lockline_loom::{__private::inside, Mutex, MutexGuard};
use std::time::Duration;

const NO_TIME: Duration = Duration::ZERO;
const ONE_SLEEP: Duration = Duration::from_nanos(1);
const A_WHILE: Duration = Duration::from_secs(1);

/// Whether it was in time.
fn add_within(m: &Mutex<u32>, timeout: Duration) -> bool {
    m.try_lock_for(timeout).map(|mut value| *value += 1).is_some()
}

both! { "mutex_timed";
    one_waiter, "a timed waiter gets the lock or gives up, and leaves it as it was", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| add_within(m, A_WHILE));
        add(&m);
        let got = other.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    no_time, "one that has no time does the same, each time", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| add_within(m, NO_TIME));
        add(&m);
        let got = other.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    passes_the_wake_on, "a head that gives up in its sleep leaves the wake-up to who waits behind it, and the other way round", Some(2), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        let timed = spawn(&m, |m| add_within(m, ONE_SLEEP));
        let behind = spawn(&m, add);
        drop(held);
        let got = timed.join().unwrap();
        behind.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    behind, "who gives up in the queue leaves those before and behind it as they were", Some(0), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        // So that all three queue.
        inside(&m).enter();
        let at_the_end = variant(2) == 1;
        let first = spawn(&m, add);
        let before = at_the_end.then(|| spawn(&m, add));
        let timed = spawn(&m, |m| add_within(m, ONE_SLEEP));
        let behind = (!at_the_end).then(|| spawn(&m, add));
        loom::thread::yield_now();
        inside(&m).leave();
        drop(held);
        for other in [Some(first), before, behind].into_iter().flatten() {
            other.join().unwrap();
        }
        let got = timed.join().unwrap();
        assert_eq!(settled(&m), 2 + u32::from(got));
    }

    pair, "two that give up in their sleep, one behind the other, leave nothing behind", Some(1), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        let pair = [(); 2].map(|()| spawn(&m, |m| add_within(m, ONE_SLEEP)));
        drop(held);
        let got: u32 = pair.map(|timed| u32::from(timed.join().unwrap())).iter().sum();
        assert_eq!(settled(&m), got);
    }

    fair, "a fair release to who gives up leaves the lock to whoever comes, by whatever way", Some(2), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        let timed = spawn(&m, |m| add_within(m, ONE_SLEEP));
        let newcomer = spawn(&m, add);
        MutexGuard::unlock_fair(value);
        let got = timed.join().unwrap();
        newcomer.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    after_a_doze, "one that dozed, was too early for the lock, and gives up in its next sleep leaves nothing behind", Some(1), |by_store| {
        let m = one(by_store);
        let timed = woken(&m, |m| add_within(m, A_WHILE));
        let mut held = m.lock();
        // Its time is up meanwhile, and in a fault run its deadline passes.
        loom::thread::yield_now();
        *held += 1;
        drop(held);
        let got = timed.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    left_over, "of two that try a lock that was left reserved, one has it or both had it in turn", Some(3), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        let other = spawn(&m, |m| {
            let first = add_within(m, ONE_SLEEP);
            first || m.try_lock().map(|mut value| *value += 1).is_some()
        });
        MutexGuard::unlock_fair(value);
        let mine = m.try_lock().map(|mut value| *value += 1).is_some();
        let other = other.join().unwrap();
        assert_eq!(settled(&m), u32::from(mine) + u32::from(other));
        assert!(!inside(&m).is_reserved(), "used since");
    }

    one_sleep, "one that gives up in its sleep leaves nothing, even if its turn was due", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| add_within(m, ONE_SLEEP));
        add(&m);
        let got = other.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    rests_in_vain, "one whose deadline passes while it rests leaves nothing, and who came behind it is woken", Some(0), |by_store| {
        rest_first();
        let m = one(by_store);
        let held = m.lock();
        let timed = spawn(&m, |m| add_within(m, ONE_SLEEP));
        let other = spawn(&m, add);
        loom::thread::yield_now();
        drop(held);
        let got = timed.join().unwrap();
        other.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    beside_a_sleeper, "one that gives up in the queue leaves the other there to be woken", Some(1), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        // So that both queue.
        inside(&m).enter();
        let timed = spawn(&m, |m| add_within(m, ONE_SLEEP));
        let other = spawn(&m, add);
        loom::thread::yield_now();
        inside(&m).leave();
        drop(held);
        let got = timed.join().unwrap();
        other.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    tries_of_a_left_over, "of two that try a lock that is reserved for nobody, one has it, and neither leaves it closed", None, |by_store| {
        let m = one(by_store);
        inside(&m).reserve();
        let other = spawn(&m, |m| {
            let mut value = m.try_lock()?;
            // A switch that is no preemption.
            loom::thread::yield_now();
            *value += 1;
            Some(())
        });
        let mine = m.try_lock().map(|mut value| *value += 1).is_some();
        let other = other.join().unwrap().is_some();
        assert!(mine || other);
        assert_eq!(settled(&m), u32::from(mine) + u32::from(other));
    }

    sleeps_behind_a_try, "who queues behind a head that gives up awake is woken by it", None, |by_store| {
        let m = one(by_store);
        let held = m.lock();
        inside(&m).enter();
        let other = spawn(&m, add);
        loom::thread::yield_now();
        inside(&m).give_up();
        drop(held);
        other.join().unwrap();
        assert_eq!(settled(&m), 1);
    }

    woken_while_falling_asleep, "who goes to sleep in front is found by one that wakes just then, and nobody is expected for ever", Some(3), |by_store| {
        let m = one(by_store);
        let mut value = m.lock();
        let other = spawn(&m, add);
        inside(&m).wake_one_more();
        *value += 1;
        drop(value);
        other.join().unwrap();
        assert_eq!(settled(&m), 2);
    }
}
