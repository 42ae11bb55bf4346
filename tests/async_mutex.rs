//! The async mutex's promises, on real threads.

use lockline::{
    AsyncMutex, AsyncMutexGuard, LockStats, Locking, LockingOwned, Observed, OwnedAsyncMutexGuard,
    Plain, SendGuards,
};
use static_assertions::{assert_eq_size, assert_impl_all, assert_not_impl_any};
use std::{
    cell::{Cell, UnsafeCell},
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(2);

assert_impl_all!(AsyncMutex<Cell<u8>>: Send, Sync);
assert_impl_all!(AsyncMutex<Cell<u8>, Observed>: Send, Sync);
assert_not_impl_any!(AsyncMutex<Rc<u8>, Observed>: Send, Sync);
assert_impl_all!(AsyncMutexGuard<'static, u8, Observed>: Send, Sync);
assert_not_impl_any!(AsyncMutexGuard<'static, Cell<u8>, Observed>: Sync);
assert_impl_all!(OwnedAsyncMutexGuard<u8, Observed>: Send, Sync);
assert_impl_all!(Locking<'static, u8, Observed>: Send);
assert_impl_all!(LockingOwned<u8, Observed>: Send);
assert_not_impl_any!(Locking<'static, u8, Observed>: Unpin);

// As `Mutex` and its guards: what a panic left half done is seen through a guard, and by who locks.
assert_impl_all!(AsyncMutex<UnsafeCell<u8>>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(AsyncMutex<&mut u8, Observed>: UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(AsyncMutexGuard<'static, u8, Observed>: UnwindSafe);
assert_impl_all!(AsyncMutexGuard<'static, u8, Observed>: RefUnwindSafe, Unpin);
assert_not_impl_any!(AsyncMutexGuard<'static, UnsafeCell<u8>>: UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(OwnedAsyncMutexGuard<u8, Observed>: UnwindSafe);
assert_impl_all!(OwnedAsyncMutexGuard<u8, Observed>: RefUnwindSafe, Unpin);
assert_not_impl_any!(OwnedAsyncMutexGuard<UnsafeCell<u8>>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(Locking<'static, u8, Observed>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(LockingOwned<u8, Observed>: UnwindSafe, RefUnwindSafe);

// The plain one pays for no counts: they are what the observed one has more, five numbers.
assert_eq_size!((AsyncMutex<u64>, [u64; 5]), AsyncMutex<u64, Observed>);
assert_eq_size!(AsyncMutex<u64>, AsyncMutex<u64, SendGuards>);
assert_eq_size!(AsyncMutexGuard<'static, u64>, AsyncMutexGuard<'static, u64, Observed>);
assert_eq_size!(Locking<'static, u64>, Locking<'static, u64, Observed>);

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn nobody_waited_so_there_is_nothing_to_tell() {
    static PLAIN: AsyncMutex<u32, Plain> = AsyncMutex::new(0);
    static OBSERVED: AsyncMutex<u32, Observed> = AsyncMutex::with_policy(0);
    *PLAIN.lock_blocking() += 1;
    *OBSERVED.lock_blocking() += 1;
    assert!(poll(pin!(OBSERVED.lock())).is_ready());
    let held = OBSERVED.try_lock().expect("free");
    assert!(OBSERVED.try_lock().is_none());
    assert!(format!("{OBSERVED:?}").contains("<locked>"));
    drop(held);
    assert_eq!(OBSERVED.stats(), LockStats::default());
}

#[test]
fn the_wait_of_a_task_is_told_with_its_length() {
    let mutex: AsyncMutex<u32, Observed<SendGuards>> = AsyncMutex::from(7);
    let held = mutex.lock_blocking();
    let mut waits = pin!(mutex.lock());
    assert!(poll(waits.as_mut()).is_pending());
    let waiting = Instant::now();
    thread::sleep(SHORT);
    assert_eq!(mutex.stats().contended, 0, "not before it has the lock");
    let waited = waiting.elapsed();
    drop(held);
    let Poll::Ready(guard) = poll(waits) else { panic!("it is free") };
    assert_eq!(*guard, 7);
    let stats = mutex.stats();
    assert_eq!((stats.contended, stats.total_wait), (1, stats.longest_wait));
    assert!(stats.longest_wait >= waited, "{stats:?}, waited {waited:?}");
    assert_eq!((stats.parks, stats.hand_offs), (0, 0), "a task does not park");
}

#[test]
fn each_wait_is_told_once() {
    let mutex: Arc<AsyncMutex<u32, Observed>> = Arc::default();
    for round in 1..=3 {
        let held = Arc::clone(&mutex).try_lock_owned().expect("free");
        let mut waits = pin!(Arc::clone(&mutex).lock_owned());
        assert!(poll(waits.as_mut()).is_pending());
        drop(held);
        let Poll::Ready(mut guard) = poll(waits) else { panic!("it is free") };
        *guard += 1;
        assert_eq!((*guard, mutex.stats().contended), (round, u64::from(round)));
    }
}

#[test]
fn who_gives_up_is_not_told() {
    let mutex: AsyncMutex<(), Observed> = AsyncMutex::default();
    let held = mutex.lock_blocking();
    let mut gives_up = Box::pin(mutex.lock());
    assert!(poll(gives_up.as_mut()).is_pending());
    drop(gives_up);
    let mut woken = Box::pin(mutex.lock());
    assert!(poll(woken.as_mut()).is_pending());
    drop(held);
    drop(woken);
    assert!(mutex.try_lock().is_some());
    assert_eq!(mutex.stats(), LockStats::default());
}

#[test]
fn a_thread_that_waits_parks() {
    let mutex: AsyncMutex<u32, Observed> = AsyncMutex::with_policy(0);
    thread::scope(|scope| {
        let held = mutex.lock_blocking();
        scope.spawn(|| *mutex.lock_blocking() += 1);
        while mutex.stats().parks == 0 {
            thread::yield_now();
        }
        drop(held);
    });
    assert_eq!((*mutex.lock_blocking(), mutex.stats().contended), (1, 1));
    assert_eq!(mutex.into_inner(), 1);
}
