//! Permits that take part in the waits which are refused.

use crate::harness::{Model, spawn};
use lockline_loom::{
    __private::release_by_store,
    ordered::{Always, CheckedAcquireError, CheckedMutex, CheckedSemaphore, OrderErrorKind},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

type Refused = OrderErrorKind;

/// A pool and a lock.
struct Both {
    pool: CheckedSemaphore<Always>,
    lock: CheckedMutex<u32, Always>,
    /// How many threads have what the other waits for. Not seen by loom, which runs one thread at a time: so it is true
    /// at each moment.
    have: AtomicUsize,
}

impl Both {
    fn new(permits: usize) -> Arc<Self> {
        release_by_store(true);
        Arc::new(Self {
            pool: CheckedSemaphore::always(permits),
            lock: CheckedMutex::always(0),
            have: AtomicUsize::new(0),
        })
    }

    /// Waits for permits, and says why not.
    fn permits(&self, count: usize, then: impl FnOnce()) -> Result<(), Refused> {
        match self.pool.acquire_many_or_deadlock(count) {
            Ok(permits) => {
                assert_eq!(permits.count(), count);
                then();
                Ok(())
            }
            Err(CheckedAcquireError::Order(refusal)) => Err(refusal.kind()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for the lock, and says why not.
    fn lock(&self, then: impl FnOnce()) -> Result<(), Refused> {
        let mut lock = self.lock.lock_or_deadlock().map_err(|refusal| refusal.kind())?;
        *lock += 1;
        then();
        Ok(())
    }

    /// Runs `second` with something in hand. It is refused only when everybody else has something in hand too, `others` of
    /// them: not on suspicion.
    fn holding(
        &self,
        others: usize,
        refused: &mut bool,
        second: impl FnOnce() -> Result<(), Refused>,
    ) {
        self.have.fetch_add(1, Relaxed);
        let result = second();
        let have = self.have.fetch_sub(1, Relaxed);
        if let Err(kind) = result {
            assert_eq!(kind, OrderErrorKind::Deadlock);
            assert_eq!(have, 1 + others);
            *refused = true;
        }
    }

    /// A permit, or several, and then the lock. Says whether that was refused.
    fn permits_then_lock(&self, count: usize) -> bool {
        let mut refused = false;
        self.permits(count, || self.holding(1, &mut refused, || self.lock(|| ())))
            .expect("nobody waits for a thread that has nothing");
        refused
    }

    /// The lock, and then permits. Says whether these were refused.
    fn lock_then_permits(&self, count: usize) -> bool {
        let mut refused = false;
        self.lock(|| self.holding(1, &mut refused, || self.permits(count, || ())))
            .expect("nobody waits for a thread that has nothing");
        refused
    }

    fn all_is_free(&self, permits: usize) {
        assert_eq!(self.pool.available(), permits);
        assert!(self.lock.try_lock().is_some());
    }
}

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "permits::circle_with_a_lock",
        promise: "of two waits, for a lock and for the last permit, that close a circle one is refused, when it closes",
        bound: Some(2),
        body: || {
            let both = Both::new(1);
            let other = spawn(&both, |both| both.permits_then_lock(1));
            let mine = both.lock_then_permits(1);
            let other = other.join().unwrap();
            assert!(!(mine && other));
            both.all_is_free(1);
        },
    },
    Model {
        name: "permits::circle_of_halves",
        promise: "of two threads that have a permit each and want the other's, one is refused, when both have theirs",
        bound: Some(2),
        body: || {
            let both = Both::new(2);
            let halves = |both: &Both| {
                let mut refused = false;
                both.permits(1, || both.holding(1, &mut refused, || both.permits(1, || ())))
                    .expect("nobody waits for a thread that has nothing");
                refused
            };
            let other = spawn(&both, halves);
            let mine = halves(&both);
            let other = other.join().unwrap();
            assert!(!(mine && other));
            both.all_is_free(2);
        },
    },
    Model {
        name: "permits::enough_without_the_stuck",
        promise: "a wait for permits that are there without those of a stuck thread is never refused, nor is that thread",
        bound: Some(2),
        body: || {
            let both = Both::new(2);
            let other = spawn(&both, |both| both.permits_then_lock(1));
            assert!(!both.lock_then_permits(1));
            assert!(!other.join().unwrap());
            both.all_is_free(2);
        },
    },
    Model {
        name: "permits::too_few_without_the_stuck",
        promise: "of two waits one is refused also if some of the permits are free, but too few",
        bound: Some(2),
        body: || {
            let both = Both::new(2);
            let other = spawn(&both, |both| both.permits_then_lock(1));
            let mine = both.lock_then_permits(2);
            let other = other.join().unwrap();
            assert!(!(mine && other));
            both.all_is_free(2);
        },
    },
    Model {
        name: "permits::one_comes_back",
        promise: "a wait for a permit that a thread will give back is not refused, whoever else has some and is stuck",
        // No preemption is needed: whoever is to wait does so as another runs.
        bound: Some(0),
        body: || {
            let both = Both::new(2);
            let mut others = Vec::new();
            let got = both.lock(|| {
                others.push(spawn(&both, |both| both.permits_then_lock(1)));
                others.push(spawn(&both, |both| {
                    let got = both.permits(1, loom::thread::yield_now);
                    got.expect("nobody waits for a thread that has nothing");
                    false
                }));
                // So that each has one in the first execution already.
                loom::thread::yield_now();
                both.permits(1, || ()).expect("one comes back");
            });
            got.expect("nobody has it");
            for other in others {
                assert!(!other.join().unwrap());
            }
            both.all_is_free(2);
        },
    },
    Model {
        name: "permits::no_circle",
        promise: "waits for a permit and a lock in one order are not refused, however they meet",
        bound: Some(3),
        body: || {
            let both = Both::new(1);
            let other = spawn(&both, |both| both.permits_then_lock(1));
            assert!(!both.permits_then_lock(1));
            assert!(!other.join().unwrap());
            both.all_is_free(1);
        },
    },
    Model {
        name: "permits::no_circle_any_more",
        promise: "a thread that gave its permit back, or has got what it waited for, gives hope to who waits for it",
        bound: Some(2),
        body: || {
            let both = Both::new(1);
            let other = spawn(&both, |both| assert!(!both.lock_then_permits(1)));
            both.permits(1, || ()).expect("nothing is held");
            both.lock(|| ()).expect("nothing is held any more");
            other.join().unwrap();
            both.all_is_free(1);
        },
    },
];
