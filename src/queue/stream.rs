//! The queue in the traits of `futures`.

use super::{Permit, PushError, WorkQueue, future::Waiting};
use crate::raw::ring::{End, Ring};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::Stream;
use futures_sink::Sink;

impl<T> WorkQueue<T> {
    /// Items as they come, until the queue is closed and empty. As [`pop_async`](Self::pop_async), again and again.
    pub fn stream(&self) -> PopStream<'_, T> {
        PopStream { waiting: Waiting::new(self, End::Head) }
    }

    /// Somewhere to send items. Ready, it has a [permit](Self::reserve). Closing it does not close the queue.
    pub fn sink(&self) -> PushSink<'_, T> {
        PushSink { waiting: Waiting::new(self, End::Tail), permit: None }
    }
}

/// See [`WorkQueue::stream`].
#[must_use = "streams do nothing unless they are polled"]
pub struct PopStream<'a, T> {
    waiting: Waiting<'a, T>,
}

impl<T> Stream for PopStream<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: only `waiting` is there, and stays where it is.
        let mut waiting = unsafe { self.map_unchecked_mut(|this| &mut this.waiting) };
        let queue = waiting.queue;
        let claimed = waiting.as_mut().poll(context.waker(), Ring::claim_pop);
        claimed.map(|claimed| Some(queue.vacate(claimed.ok()?)))
    }
}

/// See [`WorkQueue::sink`].
#[must_use = "sinks do nothing unless they are polled"]
pub struct PushSink<'a, T> {
    waiting: Waiting<'a, T>,
    permit: Option<Permit<'a, T>>,
}

impl<'a, T> PushSink<'a, T> {
    fn parts(self: Pin<&mut Self>) -> (Pin<&mut Waiting<'a, T>>, &mut Option<Permit<'a, T>>) {
        // SAFETY: only `waiting` is pinned, and stays where it is.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        (unsafe { Pin::new_unchecked(&mut this.waiting) }, &mut this.permit)
    }
}

impl<T> Sink<T> for PushSink<'_, T> {
    type Error = PushError<Option<T>>;

    fn poll_ready(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        let (waiting, permit) = self.parts();
        if permit.is_some() {
            return Poll::Ready(Ok(()));
        }
        let queue = waiting.queue;
        waiting.poll(context.waker(), Ring::reserve).map(|reserved| match reserved {
            Ok(()) => {
                *permit = Some(Permit::new(queue));
                Ok(())
            }
            Err(_) => Err(PushError(None)),
        })
    }

    /// # Panics
    ///
    /// If it was not ready.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Self::Error> {
        let permit = self.parts().1.take().expect("`poll_ready` said that it was ready");
        permit.push(item).map_err(|PushError(item)| PushError(Some(item)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        *self.parts().1 = None;
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for PopStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PopStream").field("queue", self.waiting.queue).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for PushSink<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushSink").field("queue", self.waiting.queue).finish_non_exhaustive()
    }
}
