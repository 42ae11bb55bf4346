//! Waiting for permits in async code.

use super::{AcquireError, OwnedPermit, Permit, Semaphore};
use crate::{
    mutex::{Plain, Policy},
    raw::semaphore::Wanting,
};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::sync::Arc;

/// Waits for permits. Made by [`Semaphore::acquire_async`].
///
/// # Cancellation
///
/// Dropped at any moment it loses nothing: a permit that was granted already goes to the next in line.
#[must_use = "a future does nothing unless it is polled"]
pub struct Acquire<'a, P: Policy = Plain> {
    semaphore: &'a Semaphore<P>,
    wanting: Wanting,
}

/// As [`Acquire`], with a share in the semaphore. Made by [`Semaphore::acquire_owned_async`].
#[must_use = "a future does nothing unless it is polled"]
pub struct AcquireOwned<P: Policy = Plain> {
    semaphore: Arc<Semaphore<P>>,
    wanting: Wanting,
}

macro_rules! acquire {
    ($future:ty, $($lifetime:lifetime)?, $semaphore:ty, $permit:ty, $share:expr) => {
        impl<$($lifetime,)? P: Policy> $future {
            #[inline]
            pub(super) fn new(semaphore: $semaphore, wanted: usize) -> Self {
                Self { semaphore, wanting: Wanting::new(wanted) }
            }

            #[inline]
            fn parts(self: Pin<&mut Self>) -> (&$semaphore, Pin<&mut Wanting>) {
                // SAFETY: nothing is moved out.
                let this = unsafe { self.get_unchecked_mut() };
                // SAFETY: it is pinned with the future, and only here and in `drop` touched.
                (&this.semaphore, unsafe { Pin::new_unchecked(&mut this.wanting) })
            }
        }

        impl<$($lifetime,)? P: Policy> Future for $future {
            type Output = Result<$permit, AcquireError>;

            #[inline]
            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
                let (semaphore, wanting) = self.parts();
                let count = wanting.wanted();
                ready!(wanting.poll(&semaphore.raw, &semaphore.observer, context))?;
                Poll::Ready(Ok(<$permit>::new($share(semaphore), count)))
            }
        }

        impl<$($lifetime,)? P: Policy> Drop for $future {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: it is not moved again.
                let (semaphore, wanting) = unsafe { Pin::new_unchecked(self) }.parts();
                wanting.cancel(&semaphore.raw);
            }
        }

        impl<$($lifetime,)? P: Policy> fmt::Debug for $future {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).field("count", &self.wanting.wanted()).finish()
            }
        }
    };
}

acquire!(Acquire<'a, P>, 'a, &'a Semaphore<P>, Permit<'a, P>, |s: &&'a _| *s);
acquire!(AcquireOwned<P>, , Arc<Semaphore<P>>, OwnedPermit<P>, Arc::clone);
