//! The condition variable and the poisoning mutex, each model with both kinds of release.
//!
//! Loom's threads are stacks that one thread of the system switches between, so `std::thread::panicking` is true on all of
//! them while one unwinds. A section entered meanwhile does not poison; the models here panic once at most, and
//! with the lock held, so nothing is lost by that.

use crate::harness::{Model, spawn};
use lockline_loom::{
    __private::{fault, release_by_store},
    Condvar, Mutex,
    poison::{self, PoisonError},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

const A_WHILE: Duration = Duration::from_secs(1);

/// Items, and how one waits for them.
struct Shelf<M> {
    items: Arc<M>,
    more: Condvar,
}

fn shelf(by_store: bool) -> Arc<Shelf<Mutex<u32>>> {
    release_by_store(by_store);
    Arc::new(Shelf { items: Arc::new(Mutex::new(0)), more: Condvar::new() })
}

impl Shelf<Mutex<u32>> {
    /// The lock is free again before the notification.
    fn put(&self) -> bool {
        *self.items.lock() += 1;
        self.more.notify_one()
    }

    /// It is not.
    fn put_locked(&self) -> bool {
        let mut items = self.items.lock();
        *items += 1;
        self.more.notify_one()
    }

    fn put_for_all(&self, n: u32) -> usize {
        *self.items.lock() += n;
        self.more.notify_all()
    }

    fn get(&self) {
        let mut items = self.items.lock();
        self.more.wait_while(&mut items, |items| *items == 0);
        *items -= 1;
    }

    fn get_owned(&self) {
        let mut items = Arc::clone(&self.items).lock_owned();
        while *items == 0 {
            self.more.wait(&mut items);
        }
        *items -= 1;
    }

    /// Whether there was one in time.
    fn get_in_time(&self) -> bool {
        let mut items = self.items.lock();
        let result = self.more.wait_while_for(&mut items, |items| *items == 0, A_WHILE);
        assert_eq!(result.timed_out(), *items == 0, "the result tells of the condition");
        let got = *items != 0;
        *items -= u32::from(got);
        got
    }

    fn left(&self) -> u32 {
        *self.items.try_lock().expect("nobody has it")
    }
}

/// Two halves that a section keeps equal, unless it panics.
type Halves = poison::Mutex<(u32, u32)>;

fn halves(by_store: bool) -> Arc<Shelf<Halves>> {
    release_by_store(by_store);
    Arc::new(Shelf { items: Arc::new(poison::Mutex::new((0, 0))), more: Condvar::new() })
}

impl Shelf<Halves> {
    /// Whether it did all of it.
    fn step(&self) -> bool {
        let section = || {
            let mut halves = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            halves.0 += 1;
            fault::user_code();
            halves.1 += 1;
        };
        let whole = catch_unwind(AssertUnwindSafe(section)).is_ok();
        self.more.notify_all();
        whole
    }
}

/// Two models of one body.
macro_rules! both {
    ($($name:ident, $promise:literal, $bound:expr, |$by_store:ident| $body:block)*) => {
        $(fn $name($by_store: bool) $body)*

        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!("condvar::", stringify!($name), "_by_store"),
                promise: $promise,
                bound: $bound,
                body: || $name(true),
            },
            Model {
                name: concat!("condvar::", stringify!($name), "_by_swap"),
                promise: $promise,
                bound: $bound,
                body: || $name(false),
            },
        )*];
    };
}

both! {
    notify, "a waiter is woken by who changes the value and notifies", None, |by_store| {
        let s = shelf(by_store);
        let getter = spawn(&s, Shelf::get);
        s.put();
        getter.join().unwrap();
        assert_eq!(s.left(), 0);
    }

    notify_locked, "a waiter is woken by who notifies with the mutex held", Some(4), |by_store| {
        let s = shelf(by_store);
        let getter = spawn(&s, Shelf::get_owned);
        s.put_locked();
        getter.join().unwrap();
        assert_eq!(s.left(), 0);
    }

    not_remembered, "a notification wakes who has released the mutex by then, and is not kept for later", None, |by_store| {
        let s = shelf(by_store);
        assert!(!s.more.notify_one());
        assert_eq!(s.more.notify_all(), 0);
        let waiter = spawn(&s, |s| {
            let mut items = s.items.lock();
            if *items == 0 {
                *items = 1;
                // Once, and no look at the value: nothing makes up for a notification that is lost.
                s.more.wait(&mut items);
            }
        });
        let waits = core::mem::replace(&mut *s.items.lock(), 2) == 1;
        let woke = s.more.notify_one();
        assert!(waits || !woke, "there was nobody");
        waiter.join().unwrap();
    }

    one_then_all, "who waits again while it is being notified is there for the next notification, of all", Some(3), |by_store| {
        let s = shelf(by_store);
        let putter = spawn(&s, |s| {
            s.put();
            s.put_for_all(1);
        });
        s.get();
        s.get();
        putter.join().unwrap();
        assert_eq!(s.left(), 0);
    }

    all_then_one, "who waits again while all are being notified is there for the next notification", Some(3), |by_store| {
        let s = shelf(by_store);
        let putter = spawn(&s, |s| {
            s.put_for_all(1);
            s.put();
        });
        s.get();
        s.get();
        putter.join().unwrap();
        assert_eq!(s.left(), 0);
    }

    // The main thread waits in these three, so that both waiters sleep in the first execution already.
    two_and_two, "two waiters and two notifications: both waiters return", Some(1), |by_store| {
        let s = shelf(by_store);
        let getter = spawn(&s, Shelf::get_owned);
        let putter = spawn(&s, |s| {
            s.put();
            s.put();
        });
        s.get();
        getter.join().unwrap();
        putter.join().unwrap();
        assert_eq!(s.left(), 0);
    }

    notify_all, "one notification of all wakes both waiters", Some(1), |by_store| {
        let s = shelf(by_store);
        let getter = spawn(&s, Shelf::get);
        let putter = spawn(&s, |s| s.put_for_all(2));
        s.get();
        getter.join().unwrap();
        assert!(putter.join().unwrap() <= 2, "there are two");
        assert_eq!(s.more.notify_all(), 0, "nobody is left");
        assert_eq!(s.left(), 0);
    }

    timeout, "a timed waiter gets the item or is told that the time is up", None, |by_store| {
        let s = shelf(by_store);
        let getter = spawn(&s, Shelf::get_in_time);
        s.put();
        let got = getter.join().unwrap();
        assert_eq!(s.left(), u32::from(!got));
    }

    timeout_or_notify, "a waiter that was chosen by a notification has not timed out", None, |by_store| {
        let s = shelf(by_store);
        let waiter = spawn(&s, |s| {
            let mut items = s.items.lock();
            if *items == 0 { Some(s.more.wait_for(&mut items, A_WHILE).timed_out()) } else { None }
        });
        let woke = s.put();
        match waiter.join().unwrap() {
            None => assert!(!woke, "it did not wait"),
            Some(timed_out) => assert!(!(woke && timed_out), "woken and timed out"),
        }
    }

    timeout_leaves_the_others, "a waiter whose time is up takes nothing from one that waits on", Some(1), |by_store| {
        let s = shelf(by_store);
        let timed = spawn(&s, Shelf::get_in_time);
        let putter = spawn(&s, |s| {
            s.put();
            s.put();
        });
        s.get();
        let got = timed.join().unwrap();
        putter.join().unwrap();
        assert_eq!(s.left(), u32::from(!got));
    }

    panic_in_the_condition, "a condition that panics leaves the mutex to its guard, which unlocks", None, |by_store| {
        let s = shelf(by_store);
        let getter = spawn(&s, |s| {
            let get = || {
                let mut items = s.items.lock();
                s.more.wait_while(&mut items, |items| {
                    fault::user_code();
                    *items == 0
                });
                *items -= 1;
            };
            catch_unwind(AssertUnwindSafe(get)).is_ok()
        });
        s.put();
        let got = getter.join().unwrap();
        assert_eq!(s.left(), u32::from(!got));
    }

    poison, "who locks after a section that panicked is told, until the mark is taken away", None, |by_store| {
        let s = halves(by_store);
        let stepper = spawn(&s, Shelf::step);
        match s.items.lock() {
            Ok(halves) => assert_eq!(halves.0, halves.1, "half done, and not poisoned"),
            Err(poisoned) => {
                let mut halves = poisoned.into_inner();
                assert_ne!(halves.0, halves.1, "poisoned for nothing");
                halves.1 = halves.0;
                s.items.clear_poison();
            }
        }
        let whole = stepper.join().unwrap();
        match s.items.try_lock() {
            Ok(halves) => assert_eq!(halves.0, halves.1, "half done, and not poisoned"),
            Err(_) => assert!(!whole, "poisoned for nothing"),
        }
    }

    poison_while_waiting, "a waiter is told if a section panicked meanwhile", None, |by_store| {
        let s = halves(by_store);
        let stepper = spawn(&s, Shelf::step);
        // A lock, not a try, may come after the panic: then it is told so here.
        if let Ok(mut halves) = s.items.lock() {
            match s.more.wait_while(&mut halves, |halves| halves.1 == 0) {
                Ok(()) => assert_eq!(*halves, (1, 1)),
                Err(_) => assert_eq!(*halves, (1, 0)),
            }
        }
        assert_eq!(s.items.is_poisoned(), !stepper.join().unwrap());
    }
}
