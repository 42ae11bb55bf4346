//! Loom's mutex in the place of ours, which has models of its own: one step where ours takes many.

use core::marker::PhantomData;

/// What a lock protects, any lock that keeps its promise.
#[derive(Debug)]
pub(crate) struct Section<L, T> {
    content: loom::sync::Mutex<T>,
    lock: PhantomData<fn() -> L>,
}

impl<L, T> Section<L, T> {
    #[track_caller]
    pub(crate) fn new(_lock: L, content: T) -> Self {
        Self { content: loom::sync::Mutex::new(content), lock: PhantomData }
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.content.lock().expect("no closure panics"))
    }
}
