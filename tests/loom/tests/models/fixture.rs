//! Small programs with known faults, by which the harness and the audit are themselves tested.
//!
//! One has an ordering that is stronger than it need be, which the audit must report; the others break
//! only when the platform does what it rarely does, which the fault runs must find.

use crate::harness::{Model, spawn};
use lockline_loom::__private::{
    fault,
    sync::{
        AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
        fence,
        park::{Parked, park, unpark_one},
    },
};
use loom::cell::UnsafeCell;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

/// A value handed over by a flag.
struct HandOver {
    value: UnsafeCell<u32>,
    full: AtomicU32,
}

// SAFETY: loom checks each access of the cell.
unsafe impl Send for HandOver {}
// SAFETY: as above.
unsafe impl Sync for HandOver {}

impl HandOver {
    fn new() -> Arc<Self> {
        Arc::new(Self { value: UnsafeCell::new(0), full: AtomicU32::new(0) })
    }

    fn put(&self) {
        // SAFETY: nobody reads before the swap.
        self.value.with_mut(|value| unsafe { *value = 7 });
        // AcqRel where Release would do: the audit must say so.
        self.full.swap(1, AcqRel);
    }

    fn get(&self) -> Option<u32> {
        // SAFETY: the flag says that the writer is done.
        (self.full.load(Acquire) == 1).then(|| self.value.with(|value| unsafe { *value }))
    }
}

/// One permit, a waiter that says so before it looks again, a releaser that looks after it released.
struct Sleeper {
    permit: AtomicU32,
    waiting: AtomicU32,
}

impl Sleeper {
    fn new() -> Arc<Self> {
        Arc::new(Self { permit: AtomicU32::new(0), waiting: AtomicU32::new(0) })
    }

    fn release(&self) {
        self.permit.store(1, Relaxed);
        // SeqCst: store then load, against the fence in `acquire`.
        fence(SeqCst);
        if self.waiting.load(Relaxed) == 1 {
            self.waiting.store(0, Relaxed);
            self.wake();
        }
    }

    fn wake(&self) {
        unpark_one(&self.waiting, |_| {});
    }

    fn sleep(&self, deadline: Option<Instant>) -> Parked {
        park(&self.waiting, || self.waiting.load(Relaxed) == 1, |_| {}, deadline)
    }

    fn acquire(&self) {
        loop {
            self.waiting.store(1, Relaxed);
            // SeqCst: store then load, against the fence in `release`.
            fence(SeqCst);
            if self.permit.load(Relaxed) == 1 {
                return;
            }
            self.sleep(None);
        }
    }
}

/// In which the audit must find exactly one survivor.
pub(crate) const AUDITED: &[Model] = &[
    Model {
        name: "fixture::hand_over",
        promise: "a value is seen whole",
        bound: None,
        body: || {
            let h = HandOver::new();
            let put = spawn(&h, HandOver::put);
            assert!(matches!(h.get(), None | Some(7)));
            put.join().unwrap();
        },
    },
    Model {
        name: "fixture::sleeper",
        promise: "a waiter is woken",
        bound: None,
        body: || {
            let s = Sleeper::new();
            let release = spawn(&s, Sleeper::release);
            s.acquire();
            release.join().unwrap();
        },
    },
];

/// Which pass until a fault is injected, and must then fail.
pub(crate) const FRAIL: &[Model] = &[
    Model {
        name: "fixture::weak_failure_taken_as_final",
        promise: "a free permit is got (and is not, when the weak exchange fails for nothing)",
        bound: None,
        body: || {
            let permit = AtomicU32::new(1);
            assert!(permit.compare_exchange_weak(1, 0, Relaxed, Relaxed).is_ok());
        },
    },
    Model {
        name: "fixture::park_taken_as_a_wake",
        promise: "the permit is there after a park (and is not, when the park returns early)",
        bound: None,
        body: || {
            let s = Sleeper::new();
            s.waiting.store(1, Relaxed);
            let release = spawn(&s, |s| {
                s.permit.store(1, Relaxed);
                s.waiting.store(0, Relaxed);
                s.wake();
            });
            s.sleep(None);
            assert_eq!(s.permit.fetch_add(0, Relaxed), 1);
            release.join().unwrap();
        },
    },
    Model {
        name: "fixture::timeout_not_foreseen",
        promise: "a timed park is woken (and is not, when the timeout fires)",
        bound: None,
        body: || {
            let s = Sleeper::new();
            s.waiting.store(1, Relaxed);
            let release = spawn(&s, |s| {
                s.waiting.store(0, Relaxed);
                s.wake();
            });
            let parked = s.sleep(Some(Instant::now()));
            assert_ne!(parked, Parked::TimedOut);
            release.join().unwrap();
        },
    },
    Model {
        name: "fixture::held_after_a_panic",
        promise: "a lock is free after its section (and is not, when the section panics)",
        bound: None,
        body: || {
            let lock = AtomicU32::new(0);
            let section = || {
                lock.store(1, Relaxed);
                fault::user_code();
                lock.store(0, Relaxed);
            };
            // The panic itself is the user's and is caught here; what counts is what it leaves behind.
            let _ = catch_unwind(AssertUnwindSafe(section));
            assert_eq!(lock.load(Relaxed), 0);
        },
    },
];

/// Which runs into a limit, and so shows nothing.
pub(crate) const ENDLESS: Model = Model {
    name: "fixture::endless",
    promise: "none: it never ends",
    bound: None,
    body: || {
        let never = AtomicU32::new(0);
        while never.load(Relaxed) == 0 {}
    },
};

/// Whose timed park may be chosen by a waker in the moment it times out: both ends must occur.
pub(crate) const BOTH_ENDS: Model = Model {
    name: "fixture::timeout_meets_wake",
    promise: "exactly one of waker and timeout gets the sleeper",
    bound: None,
    body: || {
        let s = Sleeper::new();
        s.waiting.store(1, Relaxed);
        let release = spawn(&s, |s| {
            s.waiting.store(0, Relaxed);
            let mut woke = false;
            unpark_one(&s.waiting, |found| woke = found.woke);
            woke
        });
        let parked = s.sleep(Some(Instant::now()));
        let woke = release.join().unwrap();
        assert!(!(parked == Parked::TimedOut && woke), "woken and timed out");
    },
};
