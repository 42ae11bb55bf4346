//! What a mutex does besides excluding, chosen by its second type parameter.

use super::stats::{LockStats, Stats};
use crate::raw::mutex::Observer;
use core::{fmt, marker::PhantomData};

/// How a [`Mutex`](super::Mutex) behaves besides excluding: [`Plain`], [`Observed`], [`SendGuards`], or both as
/// `Observed<SendGuards>`. What is not chosen costs neither space nor time. Sealed.
pub trait Policy: sealed::Sealed {}

pub(crate) mod sealed {
    use crate::raw::mutex::Observer;

    #[allow(unnameable_types, reason = "seals `Policy`")]
    pub trait Sealed {
        /// Stands beside the lock.
        #[allow(private_bounds, reason = "sealed")]
        type Observer: Observer + core::fmt::Debug + Send + Sync;
        /// Part of the guard.
        type Marker;
        /// Nothing observed yet.
        const OBSERVER: Self::Observer;
    }
}

/// No statistics; guards stay on the thread that locked.
#[derive(Debug)]
pub struct Plain(());

/// Counts who waits and for how long: see [`Mutex::stats`](super::Mutex::stats),
/// [`AsyncMutex::stats`](crate::AsyncMutex::stats) and [`Semaphore::stats`](crate::Semaphore::stats). Uncontended
/// locking does not touch the counts.
#[derive(Debug)]
pub struct Observed<P = Plain>(PhantomData<P>);

/// Guards may be sent to another thread, and unlock there.
#[derive(Debug)]
pub struct SendGuards<P = Plain>(PhantomData<P>);

impl Policy for Plain {}
impl<P: Policy> Policy for Observed<P> {}
impl<P: Policy> Policy for SendGuards<P> {}

/// Keeps a guard on its thread.
#[allow(missing_debug_implementations, reason = "never a value")]
#[allow(unnameable_types, reason = "only a marker")]
pub struct NotSend(PhantomData<*const ()>);

// SAFETY: it holds nothing; the pointer is there to take `Send` away, not `Sync`.
unsafe impl Sync for NotSend {}

impl sealed::Sealed for Plain {
    type Observer = Nobody;
    type Marker = NotSend;
    const OBSERVER: Nobody = Nobody;
}

impl<P: Policy> sealed::Sealed for Observed<P> {
    type Observer = Stats;
    type Marker = P::Marker;
    const OBSERVER: Stats = Stats::new();
}

impl<P: Policy> sealed::Sealed for SendGuards<P> {
    type Observer = P::Observer;
    type Marker = ();
    const OBSERVER: P::Observer = P::OBSERVER;
}

/// Observes nothing.
#[derive(Debug)]
pub struct Nobody;

impl Observer for Nobody {}

/// A policy with statistics.
pub trait Observes: Policy {
    #[doc(hidden)]
    fn read(observer: &Self::Observer) -> LockStats;
}

impl<P: Policy> Observes for Observed<P> {
    fn read(observer: &Stats) -> LockStats {
        observer.read()
    }
}

impl<P: Observes> Observes for SendGuards<P> {
    fn read(observer: &P::Observer) -> LockStats {
        P::read(observer)
    }
}

impl fmt::Debug for NotSend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotSend")
    }
}
