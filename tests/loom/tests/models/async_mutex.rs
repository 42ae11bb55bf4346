//! The async mutex: the semaphore's models hold for it, and here is what the value adds.

use crate::{
    executor::{Task, block_on, poll},
    harness::{Model, spawn},
};
use lockline_loom::AsyncMutex;
use std::{pin::pin, sync::Arc};

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "async_mutex::thread_and_task",
        promise: "a thread and a task exclude each other, and each sees what the other did",
        bound: None,
        body: || {
            let m = Arc::new(AsyncMutex::new(0));
            let other = spawn(&m, |m| *block_on(m.lock()) += 1);
            *m.lock_blocking() += 1;
            other.join().unwrap();
            assert_eq!(*m.try_lock().expect("nobody has it"), 2);
        },
    },
    Model {
        name: "async_mutex::cancelled",
        promise: "a lock that is granted to a future that is dropped goes to the next",
        bound: None,
        body: || {
            let m = Arc::new(AsyncMutex::new(0));
            let mut held = Arc::clone(&m).try_lock_owned().expect("free");
            *held += 1;
            let mut cancelled = Box::pin(Arc::clone(&m).lock_owned());
            assert!(poll(cancelled.as_mut(), &Task::new(|| {})).is_pending());
            let other = spawn(&m, |m| *block_on(pin!(m.lock())) += 1);
            drop(held);
            drop(cancelled);
            other.join().unwrap();
            assert_eq!(*m.try_lock().expect("nobody has it"), 2);
        },
    },
];
