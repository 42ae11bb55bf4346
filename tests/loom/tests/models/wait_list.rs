//! The wait list, by goods that are put and taken: every waiter gets one, or says that it did not.
//!
//! The list's lock is loom's own here. Each model is run with granting, and with nudging where that differs.

use crate::{
    executor::{Task, block_on, poll, run},
    harness::{Model, spawn},
};
use lockline_loom::__private::{Goods, fault};
use loom::cell::UnsafeCell;
use std::{
    cell::RefCell,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Instant,
};

/// Goods, and something that is made before they are put.
struct Store {
    goods: Goods,
    made: UnsafeCell<u32>,
}

// SAFETY: loom checks each access of the cell.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

fn store(nudges: bool) -> Arc<Store> {
    Arc::new(Store { goods: Goods::new(nudges), made: UnsafeCell::new(0) })
}

impl Store {
    fn make_and_put(&self) {
        // SAFETY: nobody reads before something was put.
        self.made.with_mut(|made| unsafe { *made = 7 });
        self.goods.put(1);
    }

    fn look(&self) {
        // SAFETY: made before it was put.
        assert_eq!(self.made.with(|made| unsafe { *made }), 7);
    }

    fn take(&self) {
        assert!(self.goods.take(None));
    }

    fn take_in_time(&self) -> bool {
        // A deadline passes where a fault says so.
        self.goods.take(Some(Instant::now()))
    }
}

/// Two models of one body.
macro_rules! both {
    ($($name:ident, $promise:literal, $bound:expr, |$nudges:ident| $body:block)*) => {
        $(fn $name($nudges: bool) $body)*

        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!("wait_list::", stringify!($name), "_granting"),
                promise: $promise,
                bound: $bound,
                body: || $name(false),
            },
            Model {
                name: concat!("wait_list::", stringify!($name), "_nudging"),
                promise: $promise,
                bound: $bound,
                body: || $name(true),
            },
        )*];
    };
}

both! {
    thread, "a thread that waits gets what is put, and sees what was done before", None, |nudges| {
        let s = store(nudges);
        let other = spawn(&s, Store::make_and_put);
        s.take();
        s.look();
        other.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    task, "a task that waits gets what is put, and sees what was done before", None, |nudges| {
        let s = store(nudges);
        let other = spawn(&s, Store::make_and_put);
        block_on(s.goods.take_async());
        s.look();
        other.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    again, "a thread that waits twice at one place is not misled by a wake-up for the first wait", None, |nudges| {
        let s = store(nudges);
        let other = spawn(&s, |s| {
            s.goods.put(1);
            s.goods.put(1);
        });
        s.take();
        s.take();
        other.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    two_and_two, "two that are put wake a thread and a task", Some(3), |nudges| {
        let s = store(nudges);
        let thread = spawn(&s, Store::take);
        let task = spawn(&s, |s| block_on(s.goods.take_async()));
        s.goods.put(1);
        s.goods.put(1);
        thread.join().unwrap();
        task.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    timeout, "a timed waiter has one or leaves it", None, |nudges| {
        let s = store(nudges);
        let timed = spawn(&s, Store::take_in_time);
        s.goods.put(1);
        let got = timed.join().unwrap();
        assert_eq!(s.goods.left(), u32::from(!got));
    }

    timeout_in_front, "a head that gives up does not stand in the way of who waits behind it", Some(3), |nudges| {
        let s = store(nudges);
        let timed = spawn(&s, Store::take_in_time);
        let behind = spawn(&s, Store::take);
        s.goods.put(1);
        s.goods.put(1);
        behind.join().unwrap();
        let got = timed.join().unwrap();
        assert_eq!(s.goods.left(), u32::from(!got));
    }

    cancelled, "a future that is dropped while it is granted passes that on", None, |nudges| {
        let s = store(nudges);
        let other = spawn(&s, |s| s.goods.put(1));
        {
            let mut head = pin!(s.goods.take_async());
            let got = poll(head.as_mut(), &Task::new(|| {})).is_ready();
            s.goods.put(u32::from(got));
        }
        s.take();
        other.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    cancelled_in_the_middle, "one that leaves the middle leaves the line whole", None, |nudges| {
        let s = store(nudges);
        let task = Task::new(|| {});
        let mut first = pin!(s.goods.take_async());
        let mut last = pin!(s.goods.take_async());
        assert!(poll(first.as_mut(), &task).is_pending());
        {
            let mut middle = pin!(s.goods.take_async());
            assert!(poll(middle.as_mut(), &task).is_pending());
            assert!(poll(last.as_mut(), &task).is_pending());
        }
        let other = spawn(&s, |s| s.goods.put(2));
        run(first, &task);
        run(last, &task);
        other.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    changed_waker, "the waker of the last poll is the one that is woken", None, |nudges| {
        let s = store(nudges);
        let (old, new) = (Task::new(|| {}), Task::new(|| {}));
        let mut future = pin!(s.goods.take_async());
        assert!(poll(future.as_mut(), &old).is_pending());
        let other = spawn(&s, |s| s.goods.put(1));
        run(future, &new);
        other.join().unwrap();
        assert_eq!(s.goods.left(), 0);
    }

    many, "more than are woken at a time are all woken", None, |nudges| {
        let s = store(nudges);
        let tasks = [(); 3].map(|()| Task::new(|| {}));
        let mut futures = [(); 3].map(|()| Box::pin(s.goods.take_async()));
        for (future, task) in futures.iter_mut().zip(&tasks) {
            assert!(poll(future.as_mut(), task).is_pending());
        }
        s.goods.put(3);
        for (future, task) in futures.iter_mut().zip(&tasks) {
            assert!(task.was_woken());
            assert!(poll(future.as_mut(), task).is_ready());
        }
    }

    panicking_waker, "a waker that panics harms neither who puts nor who waits behind it", None, |nudges| {
        let s = store(nudges);
        let mut first = pin!(s.goods.take_async());
        assert!(poll(first.as_mut(), &Task::new(fault::user_code)).is_pending());
        let behind = spawn(&s, Store::take);
        s.goods.put(2);
        behind.join().unwrap();
        assert!(poll(first.as_mut(), &Task::new(|| {})).is_ready());
        assert_eq!(s.goods.left(), 0);
    }

    waker_comes_back, "a waker may use the list that wakes it", None, |nudges| {
        let s = store(nudges);
        let waker = Waker::from(Arc::new(Returning(RefCell::new(Some(Arc::clone(&s))))));
        let mut first = pin!(s.goods.take_async());
        let mut second = pin!(s.goods.take_async());
        assert!(matches!(first.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        assert!(poll(second.as_mut(), &Task::new(|| {})).is_pending());
        s.goods.put(1);
        let task = Task::new(|| {});
        assert!(poll(first, &task).is_ready());
        assert!(poll(second, &task).is_ready(), "put by the waker");
    }
}

/// Puts one when it is woken.
struct Returning(RefCell<Option<Arc<Store>>>);

// SAFETY: the model that uses it has one thread.
unsafe impl Send for Returning {}
// SAFETY: as above.
unsafe impl Sync for Returning {}

impl Wake for Returning {
    fn wake(self: Arc<Self>) {
        if let Some(store) = self.0.take() {
            store.goods.put(1);
        }
    }
}
