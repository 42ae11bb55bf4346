//! Waiting for permits where there is a `poll` function and no future to keep.

use super::{AcquireError, OwnedPermit, Semaphore};
use crate::{
    mutex::{Plain, Policy},
    raw::semaphore::Wanting,
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::sync::Arc;

/// A semaphore with a place to wait of its own, for `poll_ready` and its like. Allocates that place once, when made.
///
/// # Examples
///
/// ```
/// use lockline::{PollSemaphore, Semaphore};
/// use std::{sync::Arc, task::{Context, Poll, Waker}};
///
/// let mut door = PollSemaphore::new(Arc::new(Semaphore::new(1)));
/// let mut context = Context::from_waker(Waker::noop());
/// let Poll::Ready(Ok(permit)) = door.poll_acquire(&mut context) else { panic!("one is free") };
/// assert!(door.poll_acquire(&mut context).is_pending());
/// drop(permit);
/// assert!(door.poll_acquire(&mut context).is_ready());
/// ```
pub struct PollSemaphore<P: Policy = Plain> {
    semaphore: Arc<Semaphore<P>>,
    wanting: Pin<Box<Wanting>>,
}

impl<P: Policy> PollSemaphore<P> {
    /// For one permit at a time.
    pub fn new(semaphore: Arc<Semaphore<P>>) -> Self {
        Self { semaphore, wanting: Box::pin(Wanting::new(1)) }
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Arc<Semaphore<P>> {
        &self.semaphore
    }

    /// A permit if there is one; if not, the task is woken to ask again. Whoever asks keeps the place in line until it
    /// [cancels](Self::cancel), or drops this.
    ///
    /// # Errors
    ///
    /// As for [`Semaphore::acquire`].
    pub fn poll_acquire(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<OwnedPermit<P>, AcquireError>> {
        let semaphore = &self.semaphore;
        let result =
            ready!(self.wanting.as_mut().poll(&semaphore.raw, &semaphore.observer, context));
        self.cancel();
        result?;
        Poll::Ready(Ok(OwnedPermit::new(Arc::clone(&self.semaphore), 1)))
    }

    /// Leaves the line.
    pub fn cancel(&mut self) {
        self.wanting.as_mut().cancel(&self.semaphore.raw);
    }
}

impl<P: Policy> Clone for PollSemaphore<P> {
    /// The same semaphore, and another place to wait.
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.semaphore))
    }
}

impl<P: Policy> Drop for PollSemaphore<P> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<P: Policy> fmt::Debug for PollSemaphore<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSemaphore").field("semaphore", &self.semaphore).finish_non_exhaustive()
    }
}
