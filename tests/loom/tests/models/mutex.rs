//! The mutex, each model with both kinds of release.

use crate::harness::{Model, spawn};
use lockline_loom::{
    __private::{fault, release_by_store},
    Mutex, MutexGuard,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

const A_WHILE: Duration = Duration::from_secs(1);

fn one(by_store: bool) -> Arc<Mutex<u32>> {
    release_by_store(by_store);
    Arc::new(Mutex::new(0))
}

fn add(m: &Mutex<u32>) {
    *m.lock() += 1;
}

/// Two models of one body.
macro_rules! both {
    ($($name:ident, $promise:literal, $bound:expr, |$by_store:ident| $body:block)*) => {
        $(fn $name($by_store: bool) $body)*

        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!("mutex::", stringify!($name), "_by_store"),
                promise: $promise,
                bound: $bound,
                body: || $name(true),
            },
            Model {
                name: concat!("mutex::", stringify!($name), "_by_swap"),
                promise: $promise,
                bound: $bound,
                body: || $name(false),
            },
        )*];
    };
}

both! {
    two_threads, "two threads exclude each other, each sees what the other did, and both get the lock", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, add);
        add(&m);
        other.join().unwrap();
        assert_eq!(*m.lock(), 2);
    }

    three_threads, "three threads all get the lock: who waits behind the head is woken in turn", Some(2), |by_store| {
        let m = one(by_store);
        let others = [spawn(&m, add), spawn(&m, add)];
        add(&m);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(*m.lock(), 3);
    }

    twice, "a lock that is taken again and again wakes whoever waits", Some(3), |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| {
            add(m);
            add(m);
        });
        add(&m);
        other.join().unwrap();
        assert_eq!(*m.lock(), 3);
    }

    try_lock, "of two that try, one has the lock or both had it in turn", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| m.try_lock().map(|mut value| *value += 1).is_some());
        let mine = m.try_lock().map(|mut value| *value += 1).is_some();
        let other = other.join().unwrap();
        assert!(mine || other);
        assert_eq!(*m.try_lock().expect("nobody has it"), u32::from(mine) + u32::from(other));
    }

    timeout, "a timed waiter gets the lock or gives up, and leaves it as it was", None, |by_store| {
        let m = one(by_store);
        let other = spawn(&m, |m| m.try_lock_for(A_WHILE).map(|mut value| *value += 1).is_some());
        add(&m);
        let got = other.join().unwrap();
        assert_eq!(*m.try_lock().expect("nobody has it"), 1 + u32::from(got));
    }

    timeout_passes_the_wake_on, "a head that gives up passes the wake-up on to who waits behind it", Some(2), |by_store| {
        let m = one(by_store);
        let held = m.lock();
        let timed = spawn(&m, |m| drop(m.try_lock_for(A_WHILE)));
        let behind = spawn(&m, add);
        drop(held);
        timed.join().unwrap();
        behind.join().unwrap();
        assert_eq!(*m.try_lock().expect("nobody has it"), 1);
    }

    fair, "a fair release gives the lock to who waits, and is a release otherwise", Some(3), |by_store| {
        let m = one(by_store);
        let other = spawn(&m, add);
        let mut value = m.lock();
        *value += 1;
        MutexGuard::unlock_fair(value);
        add(&m);
        other.join().unwrap();
        assert_eq!(*m.try_lock().expect("nobody has it"), 3);
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
        assert_eq!(*m.try_lock().expect("nobody has it"), 1 + u32::from(whole));
    }
}
