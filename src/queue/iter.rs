//! Taking items out in a `for` loop.

use super::WorkQueue;
use std::sync::Arc;

/// Items as they come, waiting for each, until the queue is closed and empty. Made by [`WorkQueue::iter`].
#[derive(Debug)]
#[must_use = "iterators do nothing unless they are used"]
pub struct Iter<'a, T>(&'a WorkQueue<T>);

/// The items that are there, without waiting for more. Made by [`WorkQueue::try_iter`].
#[derive(Debug)]
#[must_use = "iterators do nothing unless they are used"]
pub struct TryIter<'a, T>(&'a WorkQueue<T>);

/// As [`Iter`], sharing in owning the queue. Made by [`WorkQueue::into_iter_owned`].
#[derive(Debug)]
#[must_use = "iterators do nothing unless they are used"]
pub struct IntoIter<T>(Arc<WorkQueue<T>>);

impl<T> WorkQueue<T> {
    /// Items as they come, waiting for each, until the queue is closed and empty.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// The items that are there, without waiting for more.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }

    /// As [`iter`](Self::iter), for a worker that outlives this reference.
    pub fn into_iter_owned(self: Arc<Self>) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_pop().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.pop()
    }
}

impl<'a, T> IntoIterator for &'a WorkQueue<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
