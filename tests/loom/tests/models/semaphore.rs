//! The semaphore, each model in both orders: bounded barging, and strictly first come first served.
//!
//! Those that carry the number of somebody's bug are made after it.

use crate::{
    executor::{Task, block_on, poll, run},
    harness::{Model, spawn},
};
use lockline_loom::{
    __private::fault, AcquireError, Fairness, Plain, PollSemaphore, Semaphore, TryAcquireError,
};
use loom::cell::UnsafeCell;
use std::{
    cell::RefCell,
    mem,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

const A_WHILE: Duration = Duration::from_secs(1);

/// A semaphore, and something that only one with all its permits may touch.
struct Pool {
    permits: Semaphore,
    touched: UnsafeCell<u32>,
}

// SAFETY: loom checks each access of the cell.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

fn pool(permits: usize, fairness: Fairness) -> Arc<Pool> {
    let permits = Semaphore::with_policy(permits, permits, fairness);
    Arc::new(Pool { permits, touched: UnsafeCell::new(0) })
}

impl Pool {
    fn touch(&self) {
        // SAFETY: loom checks that nobody else has access.
        self.touched.with_mut(|touched| unsafe { *touched += 1 });
    }

    fn touched(&self) -> u32 {
        // SAFETY: as above.
        self.touched.with(|touched| unsafe { *touched })
    }

    /// With `n` permits, a touch.
    fn thread(&self, n: usize) {
        let _permit = self.permits.acquire_many(n).expect("open");
        self.touch();
    }

    fn task(&self, n: usize) {
        block_on(async {
            let _permit = self.permits.acquire_many_async(n).await.expect("open");
            self.touch();
        });
    }

    fn nobody_has_any(&self, permits: usize) {
        assert_eq!(self.permits.available(), permits);
        assert_eq!((self.permits.in_use(), self.permits.waiting()), (0, 0));
    }
}

/// Two models of one body.
macro_rules! both {
    ($($name:ident, $promise:literal, $bound:expr, |$fairness:ident| $body:block)*) => {
        $(fn $name($fairness: Fairness) $body)*

        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!("semaphore::", stringify!($name), "_bounded"),
                promise: $promise,
                bound: $bound,
                body: || $name(Fairness::Bounded),
            },
            Model {
                name: concat!("semaphore::", stringify!($name), "_strict"),
                promise: $promise,
                bound: $bound,
                body: || $name(Fairness::Strict),
            },
        )*];
    };
}

both! {
    threads, "with one permit threads exclude each other, each sees what the other did, and both get it", None, |fairness| {
        let p = pool(1, fairness);
        let other = spawn(&p, |p| p.thread(1));
        p.thread(1);
        other.join().unwrap();
        assert_eq!(p.touched(), 2);
        p.nobody_has_any(1);
    }

    task_and_thread, "so do a thread and a task", None, |fairness| {
        let p = pool(1, fairness);
        let other = spawn(&p, |p| p.task(1));
        p.thread(1);
        other.join().unwrap();
        assert_eq!(p.touched(), 2);
        p.nobody_has_any(1);
    }

    three, "two threads and a task all have their turns", Some(2), |fairness| {
        let p = pool(1, fairness);
        let others = [spawn(&p, |p| p.thread(1)), spawn(&p, |p| p.task(1))];
        p.thread(1);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(p.touched(), 3);
        p.nobody_has_any(1);
    }

    again, "one that comes back at once does not keep out who waits", Some(3), |fairness| {
        let p = pool(1, fairness);
        let other = spawn(&p, |p| {
            p.thread(1);
            p.thread(1);
        });
        p.task(1);
        other.join().unwrap();
        assert_eq!(p.touched(), 3);
        p.nobody_has_any(1);
    }

    // async-lock #18, libc++ #46357.
    two_releases_wake_two_async_lock_18_libcxx_46357, "two releases wake two waiters, who keep what they get", Some(2), |fairness| {
        let p = pool(2, fairness);
        let held = [p.permits.try_acquire().unwrap(), p.permits.try_acquire().unwrap()];
        let thread = spawn(&p, |p| mem::forget(p.permits.acquire()));
        let task = spawn(&p, |p| mem::forget(block_on(p.permits.acquire_async())));
        for permit in held {
            drop(permit);
        }
        thread.join().unwrap();
        task.join().unwrap();
        assert_eq!((p.permits.available(), p.permits.waiting()), (0, 0));
    }

    two_releases_for_one, "one that waits for two sees what both releasers did", Some(2), |fairness| {
        let p = pool(2, fairness);
        let both = spawn(&p, |p| {
            let _permits = p.permits.acquire_many(2).expect("open");
            assert!(p.touched() <= 1);
        });
        let single = spawn(&p, |p| drop(p.permits.acquire()));
        {
            let _permit = p.permits.acquire();
            // Excludes whoever has both, and the other single does not look.
            p.touch();
        }
        both.join().unwrap();
        single.join().unwrap();
        p.nobody_has_any(2);
    }

    many_and_single, "two at once and one at a time exclude each other, and all get theirs", Some(2), |fairness| {
        let p = pool(2, fairness);
        let many = spawn(&p, |p| p.thread(2));
        let single = spawn(&p, |p| drop(p.permits.acquire()));
        drop(block_on(p.permits.acquire_async()));
        many.join().unwrap();
        single.join().unwrap();
        p.nobody_has_any(2);
    }

    close, "close ends the wait of a thread and of a task", Some(2), |fairness| {
        let p = pool(1, fairness);
        let held = p.permits.try_acquire().unwrap();
        let thread = spawn(&p, |p| p.permits.acquire().map(drop));
        let task = spawn(&p, |p| block_on(p.permits.acquire_async()).map(drop));
        assert!(p.permits.close());
        assert_eq!(thread.join().unwrap(), Err(AcquireError::Closed));
        assert_eq!(task.join().unwrap(), Err(AcquireError::Closed));
        drop(held);
        assert!(!p.permits.close());
        p.nobody_has_any(1);
    }

    close_and_release, "a waiter gets the permit or is told of the end, and no permit is lost", Some(3), |fairness| {
        let p = pool(1, fairness);
        let held = p.permits.try_acquire().unwrap();
        let other = spawn(&p, |p| p.permits.acquire().map(drop));
        let closer = spawn(&p, |p| p.permits.close());
        drop(held);
        assert!(matches!(other.join().unwrap(), Ok(()) | Err(AcquireError::Closed)));
        assert!(closer.join().unwrap());
        p.nobody_has_any(1);
    }

    timeout, "a timed waiter has the permit or leaves it", None, |fairness| {
        let p = pool(1, fairness);
        let held = p.permits.try_acquire().unwrap();
        let other = spawn(&p, |p| p.permits.acquire_for(A_WHILE).map(drop));
        drop(held);
        assert!(matches!(other.join().unwrap(), Ok(()) | Err(TryAcquireError::NoPermits)));
        p.nobody_has_any(1);
    }

    timeout_in_front, "a head that gives up lets in who waits behind it", Some(2), |fairness| {
        let p = pool(2, fairness);
        let held = p.permits.try_acquire().unwrap();
        let timed = spawn(&p, |p| p.permits.acquire_many_for(2, A_WHILE).map(drop).is_ok());
        let behind = spawn(&p, |p| drop(p.permits.acquire()));
        drop(held);
        timed.join().unwrap();
        behind.join().unwrap();
        p.nobody_has_any(2);
    }

    // Go #37852.
    cancelled_head_go_37852, "a large request at the head that is cancelled lets in who waits behind it", None, |fairness| {
        let p = pool(2, fairness);
        let held = p.permits.try_acquire().unwrap();
        let behind = {
            let mut large = pin!(p.permits.acquire_many_async(2));
            assert!(poll(large.as_mut(), &Task::new(|| {})).is_pending());
            spawn(&p, |p| drop(p.permits.acquire()))
        };
        // Nothing is released before it has one.
        behind.join().unwrap();
        drop(held);
        p.nobody_has_any(2);
    }

    granted_and_dropped, "a future that is dropped unpolled passes on what it was granted", Some(3), |fairness| {
        let p = pool(1, fairness);
        let held = p.permits.try_acquire().unwrap();
        let behind = {
            let mut granted = pin!(p.permits.acquire_async());
            assert!(poll(granted.as_mut(), &Task::new(|| {})).is_pending());
            let behind = spawn(&p, |p| p.thread(1));
            drop(held);
            behind
        };
        behind.join().unwrap();
        p.nobody_has_any(1);
    }

    woken_and_not_polled, "one that is woken and does not run keeps back no more than it was woken for", Some(3), |fairness| {
        let p = pool(2, fairness);
        let held = [p.permits.try_acquire().unwrap(), p.permits.try_acquire().unwrap()];
        let mut idle = pin!(p.permits.acquire_async());
        assert!(poll(idle.as_mut(), &Task::new(|| {})).is_pending());
        let other = spawn(&p, |p| p.thread(1));
        for permit in held {
            drop(permit);
        }
        other.join().unwrap();
        assert!(poll(idle, &Task::new(|| {})).is_ready());
        p.nobody_has_any(2);
    }

    changed_waker, "the waker of the last poll is the one that is woken", None, |fairness| {
        let p = pool(1, fairness);
        let held = p.permits.try_acquire().unwrap();
        let mut future = pin!(p.permits.acquire_async());
        assert!(poll(future.as_mut(), &Task::new(|| {})).is_pending());
        let other = spawn(&p, Pool::touch);
        let task = Task::new(|| {});
        assert!(poll(future.as_mut(), &task).is_pending());
        drop(held);
        assert!(run(future, &task).is_ok());
        other.join().unwrap();
        p.nobody_has_any(1);
    }

    panicking_waker, "a waker that panics harms neither who releases nor who waits behind it", None, |fairness| {
        let p = pool(2, fairness);
        let held = p.permits.try_acquire_many(2).unwrap();
        let mut first = pin!(p.permits.acquire_async());
        assert!(poll(first.as_mut(), &Task::new(fault::user_code)).is_pending());
        let behind = spawn(&p, |p| p.thread(1));
        drop(held);
        behind.join().unwrap();
        assert!(poll(first, &Task::new(|| {})).is_ready());
        p.nobody_has_any(2);
    }

    // tokio #5429.
    waker_comes_back_tokio_5429, "a waker may use the semaphore when it is woken and when it is dropped", None, |fairness| {
        let p = pool(1, fairness);
        let held = p.permits.try_acquire().unwrap();
        let waker = Waker::from(Arc::new(Returning(RefCell::new(Some(Arc::clone(&p))))));
        let mut future = pin!(p.permits.acquire_async());
        assert!(matches!(future.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        drop(waker);
        // Drops the waker of the poll before.
        assert!(poll(future.as_mut(), &Task::new(|| {})).is_pending());
        let waker = Waker::from(Arc::new(Returning(RefCell::new(Some(Arc::clone(&p))))));
        assert!(matches!(future.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        drop(held);
        assert!(poll(future, &Task::new(|| {})).is_ready());
        p.nobody_has_any(1);
    }

    remove, "permits that are removed while in use are gone when they come back", None, |fairness| {
        let p = pool(2, fairness);
        let other = spawn(&p, |p| drop(p.permits.acquire()));
        assert_eq!(p.permits.remove_permits(1), 1);
        drop(p.permits.acquire());
        other.join().unwrap();
        assert_eq!(p.permits.limit(), 1);
        p.nobody_has_any(1);
    }

    remove_all, "removed while in use, and none is left for who waits", None, |fairness| {
        let p = pool(1, fairness);
        let other = spawn(&p, |p| p.permits.acquire().map(drop));
        assert_eq!(p.permits.remove_permits(1), 1);
        assert!(matches!(other.join().unwrap(), Ok(()) | Err(AcquireError::TooMany)));
        assert_eq!(p.permits.limit(), 0);
        p.nobody_has_any(0);
    }

    made_impossible, "a request that becomes impossible while it waits ends", Some(3), |fairness| {
        let p = pool(2, fairness);
        let held = p.permits.try_acquire().unwrap();
        let other = spawn(&p, |p| p.permits.acquire_many(2).map(drop));
        let behind = spawn(&p, |p| block_on(p.permits.acquire_async()).map(drop));
        held.forget();
        assert_eq!(other.join().unwrap(), Err(AcquireError::TooMany));
        assert_eq!(behind.join().unwrap(), Ok(()));
        p.nobody_has_any(1);
    }

    add, "permits that are added reach who waits, with what was done before", None, |fairness| {
        let p = pool(0, fairness);
        let p = Arc::new(Pool {
            permits: Semaphore::with_policy(0, 1, fairness),
            touched: UnsafeCell::new(p.touched()),
        });
        let other = spawn(&p, |p| p.thread(1));
        p.touch();
        p.permits.add_permits(1);
        other.join().unwrap();
        assert_eq!(p.permits.limit(), 2);
        p.nobody_has_any(1);
    }

    // tokio #8020.
    forget_after_close_tokio_8020, "what is forgotten or removed does not open a closed semaphore", None, |fairness| {
        let p = pool(2, fairness);
        let held = p.permits.try_acquire().unwrap();
        let other = spawn(&p, |p| p.permits.close());
        held.forget();
        p.permits.remove_permits(1);
        other.join().unwrap();
        p.permits.add_permits(1);
        assert_eq!(p.permits.acquire().map(drop), Err(AcquireError::Closed));
    }

    // glibc #12674. What loom sees of it are the waiter's own fields.
    last_owned_permit_glibc_12674, "whoever gets the last permit may drop the semaphore while the release is under way", None, |fairness| {
        let s = Arc::new(Semaphore::<Plain>::with_policy(1, 1, fairness));
        let held = Arc::clone(&s).try_acquire_owned().unwrap();
        let other = loom::thread::spawn(move || drop(s.acquire_owned()));
        drop(held);
        other.join().unwrap();
    }

    poll_semaphore, "asked by poll, it keeps its place and is woken", Some(2), |fairness| {
        let s = Arc::new(Semaphore::<Plain>::with_policy(1, 1, fairness));
        let held = Arc::clone(&s).try_acquire_owned().unwrap();
        let other = spawn(&s, |s| drop(s.acquire()));
        let mut door = PollSemaphore::new(Arc::clone(&s));
        drop(held);
        for _ in 0..2 {
            let task = Task::new(|| {});
            let permit = run(pin!(std::future::poll_fn(|c| door.poll_acquire(c))), &task);
            drop(permit);
        }
        other.join().unwrap();
        drop(door);
        assert_eq!((s.available(), s.waiting()), (1, 0));
    }
}

/// Tries the semaphore when it is woken, and when it is dropped.
struct Returning(RefCell<Option<Arc<Pool>>>);

// SAFETY: the model that uses it has one thread.
unsafe impl Send for Returning {}
// SAFETY: as above.
unsafe impl Sync for Returning {}

impl Wake for Returning {
    fn wake(self: Arc<Self>) {
        if let Some(pool) = self.0.take() {
            assert!(pool.permits.waiting() <= 1);
            drop(pool.permits.try_acquire());
        }
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            assert!(pool.permits.waiting() <= 1);
        }
    }
}
