//! The semaphore's promises, on real threads.

use lockline::{
    Acquire, AcquireError, AcquireOwned, Fairness, Observed, OwnedPermit, Permit, Plain,
    PollSemaphore, Semaphore, TryAcquireError,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::pin,
    ptr,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const BOTH: [Fairness; 2] = [Fairness::Bounded, Fairness::Strict];
const A_WHILE: Duration = Duration::from_millis(20);

macro_rules! semaphore_of {
    ($($policy:ty),*) => { $(
        assert_impl_all!(Semaphore<$policy>: Send, Sync, UnwindSafe, RefUnwindSafe);
        assert_impl_all!(Permit<'static, $policy>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
        assert_impl_all!(OwnedPermit<$policy>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
        assert_impl_all!(Acquire<'static, $policy>: Send, Sync, UnwindSafe, RefUnwindSafe);
        assert_impl_all!(AcquireOwned<$policy>: Send, Sync, UnwindSafe, RefUnwindSafe);
        assert_not_impl_any!(Acquire<'static, $policy>: Unpin);
        assert_not_impl_any!(AcquireOwned<$policy>: Unpin);
        assert_impl_all!(PollSemaphore<$policy>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
    )* };
}
semaphore_of!(Plain, Observed);

/// Counts what the current thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

fn semaphore(permits: usize, fairness: Fairness) -> Arc<Semaphore> {
    Arc::new(Semaphore::with_policy(permits, permits, fairness))
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Until somebody waits.
fn until_waiting(semaphore: &Semaphore, n: usize) {
    while semaphore.waiting() != n {
        thread::yield_now();
    }
}

#[test]
fn no_more_than_the_permits_are_in() {
    for fairness in BOTH {
        let semaphore = semaphore(3, fairness);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for thread in 0..8 {
                let (semaphore, inside, most) = (&semaphore, &inside, &most);
                scope.spawn(move || {
                    for _ in 0..500 {
                        let n = 1 + thread % 2;
                        let permit = semaphore.acquire_many(n).unwrap();
                        most.fetch_max(inside.fetch_add(n, SeqCst) + n, SeqCst);
                        inside.fetch_sub(n, SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 3);
        assert_eq!((semaphore.available(), semaphore.waiting(), semaphore.in_use()), (3, 0, 0));
    }
}

#[test]
fn a_wait_allocates_nothing_after_the_first() {
    for fairness in BOTH {
        let semaphore = semaphore(1, fairness);
        // The first park of a thread allocates what the later ones use; a wait may also end before it parks.
        let held = semaphore.acquire().unwrap();
        assert!(semaphore.acquire_for(A_WHILE).is_err());
        drop(held);
        let turns = Barrier::new(2);
        let counted = thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..3 {
                    let held = semaphore.acquire().unwrap();
                    turns.wait();
                    until_waiting(&semaphore, 1);
                    drop(held);
                    turns.wait();
                }
            });
            [0; 3].map(|_| {
                turns.wait();
                let counted = allocations(|| drop(semaphore.acquire()));
                turns.wait();
                counted
            })
        });
        assert_eq!(counted, [0; 3]);
        let held = semaphore.try_acquire().unwrap();
        let counted = allocations(|| {
            let mut future = pin!(semaphore.acquire_async());
            assert!(poll(future.as_mut(), Waker::noop()).is_pending());
        });
        assert_eq!(counted, 0);
        drop(held);
    }
}

#[test]
fn the_large_request_is_not_starved() {
    for fairness in BOTH {
        let semaphore = semaphore(2, fairness);
        let done = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while done.load(SeqCst) == 0 {
                        drop(semaphore.acquire());
                    }
                });
            }
            for _ in 0..20 {
                drop(semaphore.acquire_many(2));
            }
            done.store(1, SeqCst);
        });
    }
}

#[test]
fn strict_is_in_order() {
    let semaphore = semaphore(2, Fairness::Strict);
    let held = semaphore.acquire_many(2).unwrap();
    let waker = Waker::noop();
    let mut large = pin!(semaphore.acquire_many_async(2));
    let mut small = pin!(semaphore.acquire_async());
    assert!(poll(large.as_mut(), waker).is_pending());
    assert!(poll(small.as_mut(), waker).is_pending());
    drop(held);
    assert_eq!(semaphore.try_acquire().map(drop), Err(TryAcquireError::NoPermits));
    assert!(poll(small.as_mut(), waker).is_pending());
    let Poll::Ready(Ok(permit)) = poll(large, waker) else { panic!("granted") };
    drop(permit);
    assert!(poll(small, waker).is_ready());
}

#[test]
fn one_that_wants_none_has_its_turn_with_nothing_free() {
    struct Woken(AtomicUsize);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    for fairness in BOTH {
        let semaphore = semaphore(2, fairness);
        let _kept = semaphore.try_acquire().expect("free");
        let owed = semaphore.try_acquire().expect("free");
        let mut one = Box::pin(semaphore.acquire_async());
        assert!(poll(one.as_mut(), Waker::noop()).is_pending());
        // Newcomers wait until it is paid, also one that wants none.
        assert_eq!(semaphore.remove_permits(1), 1);
        let mut none = pin!(semaphore.acquire_many_async(0));
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        assert!(poll(none.as_mut(), &waker).is_pending());
        drop(owed);
        drop(one);
        assert_eq!(woken.0.load(SeqCst), 1, "{fairness:?}");
        assert!(poll(none, &waker).is_ready(), "{fairness:?}");
    }
}

#[test]
fn deadlines_are_not_undercut() {
    for fairness in BOTH {
        let semaphore = semaphore(1, fairness);
        let held = semaphore.acquire().unwrap();
        let start = Instant::now();
        let none = Err(TryAcquireError::NoPermits);
        assert_eq!(semaphore.acquire_for(A_WHILE).map(drop), none);
        assert!(start.elapsed() >= A_WHILE);
        let deadline = Instant::now() + A_WHILE;
        assert_eq!(Arc::clone(&semaphore).acquire_owned_until(deadline).map(drop), none);
        assert!(Instant::now() >= deadline);
        assert_eq!(semaphore.acquire_until(Instant::now()).map(drop), none);
        assert_eq!(semaphore.waiting(), 0);
        drop(held);
        assert!(semaphore.acquire_for(Duration::MAX).is_ok());
        assert!(semaphore.acquire_for(Duration::ZERO).is_ok());
    }
}

#[test]
fn too_many_is_said_at_once() {
    let semaphore = Semaphore::with_limit(1, 3);
    assert_eq!(semaphore.acquire_many(4).map(drop), Err(AcquireError::TooMany));
    assert_eq!(semaphore.try_acquire_many(4).map(drop), Err(TryAcquireError::TooMany));
    assert_eq!(semaphore.try_acquire_many(3).map(drop), Err(TryAcquireError::NoPermits));
    semaphore.add_permits(2);
    assert_eq!(semaphore.limit(), 5);
    assert_eq!(semaphore.try_acquire_many(3).map(drop), Ok(()));
    assert_eq!(AcquireError::TooMany.to_string(), "more permits than the semaphore's limit");
}

#[test]
fn permits_split_merge_and_forget() {
    let semaphore = semaphore(5, Fairness::Bounded);
    let mut four = Arc::clone(&semaphore).acquire_many_owned(4).unwrap();
    let three = four.split(3).unwrap();
    assert_eq!((four.count(), three.count()), (1, 3));
    assert!(four.split(2).is_none());
    four.merge(three);
    assert_eq!((four.count(), semaphore.in_use(), semaphore.available()), (4, 4, 1));
    let gone = four.split(1).unwrap();
    gone.forget();
    assert_eq!((semaphore.limit(), semaphore.in_use()), (4, 3));
    assert_eq!(semaphore.remove_permits(3), 3);
    assert_eq!((semaphore.available(), semaphore.limit(), semaphore.in_use()), (0, 1, 3));
    four.split(1).unwrap().forget();
    assert_eq!((semaphore.limit(), semaphore.in_use()), (1, 2), "it paid what was owed");
    drop(four);
    assert_eq!((semaphore.available(), semaphore.in_use()), (1, 0));
    assert_eq!(semaphore.remove_permits(7), 1);
}

#[test]
#[should_panic(expected = "different semaphores")]
fn permits_of_others_are_not_merged() {
    let (a, b) = (Semaphore::new(1), Semaphore::new(1));
    a.acquire().unwrap().merge(b.acquire().unwrap());
}

#[test]
#[should_panic(expected = "more permits than a semaphore can have")]
fn too_many_permits_are_refused() {
    Semaphore::new(1).add_permits(Semaphore::MAX_PERMITS);
}

#[test]
fn closed_is_for_ever() {
    for fairness in BOTH {
        let semaphore = semaphore(1, fairness);
        let held = semaphore.acquire().unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| semaphore.acquire().map(drop));
            until_waiting(&semaphore, 1);
            assert!(semaphore.close());
            assert_eq!(waits.join().unwrap(), Err(AcquireError::Closed));
        });
        assert!(!semaphore.close());
        held.forget();
        semaphore.add_permits(2);
        assert_eq!(semaphore.try_acquire().map(drop), Err(TryAcquireError::Closed));
        assert!(semaphore.is_closed());
    }
}

/// Remembers who was woken.
struct Notes(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
        assert_ne!(self.0, 0, "this waker panics");
    }
}

#[test]
fn twenty_are_woken_though_one_panics() {
    for fairness in BOTH {
        let semaphore = semaphore(20, fairness);
        let held = semaphore.acquire_many(20).unwrap();
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut futures: Vec<_> = (0..20).map(|_| Box::pin(semaphore.acquire_async())).collect();
        for (nth, future) in futures.iter_mut().enumerate() {
            let waker = Waker::from(Arc::new(Notes(nth, Arc::clone(&woken))));
            assert!(poll(future.as_mut(), &waker).is_pending());
        }
        drop(held);
        assert_eq!(*woken.lock().unwrap(), (0..20).collect::<Vec<_>>());
        let permits: Vec<_> =
            futures.iter_mut().map(|future| poll(future.as_mut(), Waker::noop())).collect();
        assert!(permits.iter().all(Poll::is_ready));
        assert_eq!(semaphore.in_use(), 20);
    }
}

/// A waker is the user's code: had the semaphore locked anything meanwhile, this would never end.
#[test]
fn a_waker_may_use_the_semaphore_as_it_is_cloned_woken_and_dropped() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    static COUNTS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            count(0);
            RawWaker::new(ptr::null(), &VTABLE)
        },
        |_| count(1),
        |_| count(1),
        |_| count(2),
    );
    fn count(what: usize) {
        assert!(SEMAPHORE.waiting() <= 1);
        drop(SEMAPHORE.try_acquire());
        COUNTS[what].fetch_add(1, SeqCst);
    }
    // SAFETY: the functions keep the contract, as they have no data.
    let waker = || unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &VTABLE)) };
    let held = SEMAPHORE.acquire().unwrap();
    let mut future = pin!(SEMAPHORE.acquire_async());
    assert!(poll(future.as_mut(), &waker()).is_pending());
    // Another in its place.
    assert!(poll(future.as_mut(), Waker::noop()).is_pending());
    assert!(poll(future.as_mut(), &waker()).is_pending());
    drop(held);
    assert!(poll(future, Waker::noop()).is_ready());
    // Two of ours, each cloned once; the first of the clones was dropped, the other woken.
    assert_eq!(COUNTS.each_ref().map(|n| n.load(SeqCst)), [2, 1, 3]);
}

#[test]
fn statistics_count_who_waited() {
    let semaphore: Semaphore<Observed> = Semaphore::with_policy(1, 1, Fairness::Bounded);
    let held = semaphore.acquire().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| drop(semaphore.acquire()));
        while semaphore.stats().parks == 0 {
            thread::yield_now();
        }
        drop(held);
    });
    assert_eq!(semaphore.stats().contended, 1);
    assert_eq!(Semaphore::<Observed>::with_policy(1, 1, Fairness::Strict).stats().contended, 0);
}

#[test]
fn it_shows_its_state() {
    static ONE: Semaphore<Plain> = Semaphore::fair(1);
    let permit = ONE.acquire().unwrap();
    assert!(format!("{ONE:?} {permit:?}").contains("available: 0"));
}
