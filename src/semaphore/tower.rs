//! A limit on the requests a `tower` service answers at a time, by a semaphore that others may share.
//!
//! With the feature `tower`. Other code, threads among it, may take permits of the same semaphore, and whoever has it
//! may add permits, remove some, and close it while requests run.
//!
//! # Examples
//!
//! ```
//! use lockline::{Semaphore, tower::SemaphoreLayer};
//! use std::{convert::Infallible, future, sync::Arc, task::{Context, Poll, Waker}};
//! use tower_layer::Layer;
//! use tower_service::Service;
//!
//! #[derive(Clone)]
//! struct Double;
//!
//! impl Service<u32> for Double {
//!     type Response = u32;
//!     type Error = Infallible;
//!     type Future = future::Ready<Result<u32, Infallible>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn call(&mut self, n: u32) -> Self::Future {
//!         future::ready(Ok(2 * n))
//!     }
//! }
//!
//! let semaphore = Arc::new(Semaphore::new(1));
//! let mut one = SemaphoreLayer::new(semaphore.clone()).layer(Double);
//! let mut other = one.clone();
//!
//! let mut context = Context::from_waker(Waker::noop());
//! assert!(one.poll_ready(&mut context).is_ready());
//! assert!(other.poll_ready(&mut context).is_pending(), "the permit is out");
//! let response = one.call(21);
//! assert_eq!(semaphore.in_use(), 1, "the response has the permit");
//! drop(response);
//! assert!(other.poll_ready(&mut context).is_ready());
//! ```

use super::{AcquireError, OwnedPermit, PollSemaphore, Semaphore};
use crate::mutex::{Plain, Policy};
use core::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::sync::Arc;
use tower_layer::Layer;
use tower_service::Service;

/// Makes [`SemaphoreService`]s, which all take their permits from one semaphore.
///
/// See the [module](self) for an example.
pub struct SemaphoreLayer<P: Policy = Plain> {
    semaphore: Arc<Semaphore<P>>,
}

impl<P: Policy> SemaphoreLayer<P> {
    /// One permit of `semaphore` for each request.
    pub fn new(semaphore: Arc<Semaphore<P>>) -> Self {
        Self { semaphore }
    }
}

impl<S, P: Policy> Layer<S> for SemaphoreLayer<P> {
    type Service = SemaphoreService<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        SemaphoreService::new(inner, Arc::clone(&self.semaphore))
    }
}

impl<P: Policy> Clone for SemaphoreLayer<P> {
    /// The same semaphore.
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.semaphore))
    }
}

impl<P: Policy> fmt::Debug for SemaphoreLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreLayer").field("semaphore", &self.semaphore).finish()
    }
}

/// A service that is ready when it has a permit and the service inside is ready.
///
/// The permit that `poll_ready` took is kept until `call`, which moves it into the [response](ResponseFuture).
/// See the [module](self) for an example.
///
/// # Cancellation
///
/// A service that is not called keeps its permit, or its place in line, until it is dropped: poll it on, or drop
/// it. One that waits in line without being polled holds up those behind it.
///
/// # Errors
///
/// [`ServiceError::Refused`] from `poll_ready` if the semaphore is closed, or has no permits left but removed or
/// forgotten ones. A permit that the service has already stays valid.
///
/// # Panics
///
/// `call` does, unless `poll_ready` said that the service is ready.
pub struct SemaphoreService<S, P: Policy = Plain> {
    inner: S,
    door: PollSemaphore<P>,
    /// For the next call.
    permit: Option<OwnedPermit<P>>,
}

impl<S, P: Policy> SemaphoreService<S, P> {
    /// One permit of `semaphore` for each request to `inner`.
    pub fn new(inner: S, semaphore: Arc<Semaphore<P>>) -> Self {
        Self { inner, door: PollSemaphore::new(semaphore), permit: None }
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Arc<Semaphore<P>> {
        self.door.semaphore()
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside; gives up the permit, or the place in line.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<R, S: Service<R>, P: Policy> Service<R> for SemaphoreService<S, P> {
    type Response = S::Response;
    type Error = ServiceError<S::Error>;
    type Future = ResponseFuture<S::Future, P>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.permit.is_none() {
            let got = ready!(self.door.poll_acquire(context));
            self.permit = Some(got.map_err(ServiceError::Refused)?);
        }
        let inner = ready!(self.inner.poll_ready(context));
        if inner.is_err() {
            // It is not to be called any more, so others can have the permit.
            self.permit = None;
        }
        Poll::Ready(inner.map_err(ServiceError::Inner))
    }

    #[track_caller]
    fn call(&mut self, request: R) -> Self::Future {
        let permit = self.permit.take().expect("called before `poll_ready` said that it is ready");
        ResponseFuture { inner: self.inner.call(request), permit: Some(permit) }
    }
}

impl<S: Clone, P: Policy> Clone for SemaphoreService<S, P> {
    /// The same semaphore, with another place to wait and no permit.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), door: self.door.clone(), permit: None }
    }
}

impl<S: fmt::Debug, P: Policy> fmt::Debug for SemaphoreService<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphoreService")
            .field("inner", &self.inner)
            .field("semaphore", self.semaphore())
            .field("has_permit", &self.permit.is_some())
            .finish_non_exhaustive()
    }
}

/// The response to come, with the permit, which it gives back when the response is there or it is dropped.
#[must_use = "a future does nothing unless it is polled"]
pub struct ResponseFuture<F, P: Policy = Plain> {
    /// Dropped before the permit: what it does then is within the limit.
    inner: F,
    permit: Option<OwnedPermit<P>>,
}

impl<F, T, E, P: Policy> Future for ResponseFuture<F, P>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, ServiceError<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out but the permit, which is never pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: it is pinned with the future, and touched nowhere else; there is no `Drop` that could move it.
        let inner = unsafe { Pin::new_unchecked(&mut this.inner) };
        let response = ready!(inner.poll(context));
        this.permit = None;
        Poll::Ready(response.map_err(ServiceError::Inner))
    }
}

impl<F, P: Policy> fmt::Debug for ResponseFuture<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_permit = self.permit.is_some();
        f.debug_struct("ResponseFuture").field("has_permit", &has_permit).finish_non_exhaustive()
    }
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceError<E> {
    /// There will be no permit.
    Refused(AcquireError),
    /// The service inside failed.
    Inner(E),
}

impl<E> fmt::Display for ServiceError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(_) => "no permit for the request",
            Self::Inner(_) => "the service failed",
        })
    }
}

impl<E: Error + 'static> Error for ServiceError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Inner(error) => Some(error),
        }
    }
}
