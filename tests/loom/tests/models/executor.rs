//! Runs a future on a thread of a model. Loom has nothing of the kind here.

use lockline_loom::__private::sync::{
    AtomicU8,
    Ordering::{AcqRel, Acquire, Relaxed},
    park::{park, unpark_one},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const WOKEN: u8 = 2;

/// A task that has a thread to itself.
pub(crate) struct Task {
    state: AtomicU8,
    /// Runs at each wake, as the user's code does.
    on_wake: fn(),
}

impl Task {
    pub(crate) fn new(on_wake: fn()) -> Arc<Self> {
        Arc::new(Self { state: AtomicU8::new(AWAKE), on_wake })
    }

    /// Whether it was woken since it was last asked.
    pub(crate) fn was_woken(&self) -> bool {
        self.state.swap(AWAKE, Acquire) == WOKEN
    }

    /// Until it is woken.
    pub(crate) fn sleep(&self) {
        while !self.was_woken() {
            // Relaxed: a wake that came before it stands, and the park sees it.
            let _ = self.state.compare_exchange(AWAKE, ASLEEP, Relaxed, Relaxed);
            park(&self.state, || self.state.load(Relaxed) == ASLEEP, |_| {}, None);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        (self.on_wake)();
        // AcqRel: the poll that follows sees what was done before the wake-up.
        if self.state.swap(WOKEN, AcqRel) == ASLEEP {
            unpark_one(&self.state, |_| {});
        }
    }
}

/// Polls once.
pub(crate) fn poll<F: Future>(future: Pin<&mut F>, task: &Arc<Task>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(task))))
}

/// Polls whenever woken, until it is ready.
pub(crate) fn run<F: Future>(mut future: Pin<&mut F>, task: &Arc<Task>) -> F::Output {
    loop {
        if let Poll::Ready(output) = poll(future.as_mut(), task) {
            return output;
        }
        task.sleep();
    }
}

/// Runs it on a task of its own.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    run(pin!(future), &Task::new(|| {}))
}
