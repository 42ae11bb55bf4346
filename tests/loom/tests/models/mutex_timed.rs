//! The mutex with waiters that give up. A timeout of zero is one that passes for certain, and a longer one passes
//! where a fault says so.

use crate::{
    harness::{Model, spawn},
    mutex::{add, both, one, settled},
};
use lockline_loom::{__private::inside, Mutex, MutexGuard};
use std::time::Duration;

const NO_TIME: Duration = Duration::ZERO;
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

    passes_the_wake_on, "a head that gives up passes the wake-up on to who waits behind it", Some(2), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        let timed = spawn(&m, |m| add_within(m, NO_TIME));
        let behind = spawn(&m, add);
        drop(held);
        let got = timed.join().unwrap();
        behind.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    behind, "who gives up in the queue leaves those before and behind it as they were", Some(1), |by_store| {
        let m = one(by_store);
        let guard = m.lock();
        let head = spawn(&m, add);
        let timed = spawn(&m, |m| add_within(m, NO_TIME));
        let last = spawn(&m, add);
        drop(guard);
        head.join().unwrap();
        let got = timed.join().unwrap();
        last.join().unwrap();
        assert_eq!(settled(&m), 2 + u32::from(got));
    }

    pair, "two that have no time, one behind the other, leave nothing behind", Some(2), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        let pair = [(); 2].map(|()| spawn(&m, |m| add_within(m, NO_TIME)));
        drop(held);
        let got: u32 = pair.map(|timed| u32::from(timed.join().unwrap())).iter().sum();
        assert_eq!(settled(&m), got);
    }

    fair, "a fair release to who gives up leaves the lock to whoever comes, by whatever way", Some(2), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        let timed = spawn(&m, |m| add_within(m, NO_TIME));
        let newcomer = spawn(&m, add);
        MutexGuard::unlock_fair(value);
        let got = timed.join().unwrap();
        newcomer.join().unwrap();
        assert_eq!(settled(&m), 1 + u32::from(got));
    }

    left_over, "of two that try a lock that was left reserved, one has it or both had it in turn", Some(3), |by_store| {
        let m = one(by_store);
        let value = m.lock();
        let other = spawn(&m, |m| {
            let first = add_within(m, NO_TIME);
            first || m.try_lock().map(|mut value| *value += 1).is_some()
        });
        MutexGuard::unlock_fair(value);
        let mine = m.try_lock().map(|mut value| *value += 1).is_some();
        let other = other.join().unwrap();
        assert_eq!(settled(&m), u32::from(mine) + u32::from(other));
        assert!(!inside(&m).is_reserved(), "used since");
    }
}
