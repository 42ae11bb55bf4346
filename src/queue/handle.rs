//! Handles that own a share of the queue.

use super::WorkQueue;
use crate::sync::atomic::Ordering::Relaxed;
use core::{fmt, ops::Deref};
use std::sync::{Arc, Weak};

impl<T> WorkQueue<T> {
    /// A handle to put items in. The queue closes when the last handle is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::WorkQueue;
    /// use std::{sync::Arc, thread};
    ///
    /// let queue = Arc::new(WorkQueue::new(8));
    /// let producer = queue.producer();
    /// thread::spawn(move || (1..=3).for_each(|n| producer.push(n).unwrap())); // and is dropped
    /// assert_eq!(queue.iter().sum::<i32>(), 6);
    /// ```
    pub fn producer(self: &Arc<Self>) -> Producer<T> {
        // Relaxed: a number; the queue's own state says what a close comes after.
        self.producers.fetch_add(1, Relaxed);
        Producer { queue: Arc::clone(self) }
    }
}

/// A share in the queue's staying open. Made by [`WorkQueue::producer`], or cloned; used like the queue.
pub struct Producer<T> {
    queue: Arc<WorkQueue<T>>,
}

impl<T> Producer<T> {
    /// A handle that keeps the queue neither open nor alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakProducer<T> {
        WeakProducer { queue: Arc::downgrade(&self.queue) }
    }

    /// The queue, without a share in its staying open.
    #[must_use]
    pub fn queue(&self) -> &Arc<WorkQueue<T>> {
        &self.queue
    }
}

impl<T> Deref for Producer<T> {
    type Target = WorkQueue<T>;

    fn deref(&self) -> &WorkQueue<T> {
        &self.queue
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        self.queue.producer()
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // Relaxed: an item that was put in before is before the close in the one word that both change.
        if self.queue.producers.fetch_sub(1, Relaxed) == 1 {
            self.queue.close();
        }
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Producer").field(&self.queue).finish()
    }
}

/// See [`Producer::downgrade`].
pub struct WeakProducer<T> {
    queue: Weak<WorkQueue<T>>,
}

impl<T> WeakProducer<T> {
    /// A handle again, unless the last one has gone.
    #[must_use]
    pub fn upgrade(&self) -> Option<Producer<T>> {
        let queue = self.queue.upgrade()?;
        let mut count = queue.producers.load(Relaxed);
        while count != 0 {
            // Relaxed: as in `producer`. Never from zero: that handle has closed the queue.
            match queue.producers.compare_exchange_weak(count, count + 1, Relaxed, Relaxed) {
                Ok(_) => return Some(Producer { queue }),
                Err(now) => count = now,
            }
        }
        None
    }
}

impl<T> Clone for WeakProducer<T> {
    fn clone(&self) -> Self {
        Self { queue: Weak::clone(&self.queue) }
    }
}

impl<T> fmt::Debug for WeakProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakProducer(_)")
    }
}
