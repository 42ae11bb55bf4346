//! What the ordered semaphores are made of: the plain one, watched or not, and its permit.

use super::{
    error::OrderError,
    lock::refused,
    origin::Origin,
    watch::{ByBuild, Checks, Idle, Node, hold, let_go, may_wait_for_permits},
};
use crate::{
    AcquireError, Permit, Semaphore, TryAcquireError,
    raw::{
        order::{Held, Site},
        waits::{self, On},
    },
    sync::{const_new, spin::Spin},
};
use core::{fmt, marker::PhantomData};
use std::{error::Error, time::Duration};

/// Why a [`CheckedSemaphore`](super::CheckedSemaphore) gave no permits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CheckedAcquireError {
    /// The semaphore says that there will be none, however long one waits.
    Semaphore(AcquireError),
    /// The order, or a wait that would never end, is against it.
    Order(OrderError),
}

impl fmt::Display for CheckedAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Semaphore(error) => error.fmt(f),
            Self::Order(error) => error.fmt(f),
        }
    }
}

impl Error for CheckedAcquireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Semaphore(error) => Some(error),
            Self::Order(error) => Some(error),
        }
    }
}

impl From<AcquireError> for CheckedAcquireError {
    fn from(error: AcquireError) -> Self {
        Self::Semaphore(error)
    }
}

impl From<OrderError> for CheckedAcquireError {
    fn from(error: OrderError) -> Self {
        Self::Order(error)
    }
}

/// What there is to do beside acquiring.
pub(super) trait PermitWatch {
    /// Whether the calling thread may wait for permits, by what it holds and by the order.
    fn admit(&self, at: Site) -> Result<(), OrderError>;
    /// Takes permits, unless waiting for them would close a circle of waits.
    fn wait<'a>(
        &self,
        semaphore: &'a Semaphore,
        count: usize,
        at: Site,
    ) -> Result<Permit<'a>, CheckedAcquireError>;
    /// The calling thread has just taken so many.
    fn taken(&self, count: usize, at: Site);
    /// The calling thread is about to give them back.
    fn releasing(&self, count: usize);
}

impl PermitWatch for Idle {
    #[inline]
    fn admit(&self, _at: Site) -> Result<(), OrderError> {
        Ok(())
    }

    #[inline]
    fn wait<'a>(
        &self,
        semaphore: &'a Semaphore,
        count: usize,
        _at: Site,
    ) -> Result<Permit<'a>, CheckedAcquireError> {
        Ok(semaphore.acquire_many(count)?)
    }

    #[inline]
    fn taken(&self, _count: usize, _at: Site) {}

    #[inline]
    fn releasing(&self, _count: usize) {}
}

/// Of a semaphore that is watched. Who has its permits is known to the threads that have them.
#[derive(Debug)]
#[allow(unnameable_types, reason = "part of a sealed trait")]
pub struct WatchingPermits(Node);

impl WatchingPermits {
    const_new! {
        pub(super) const fn new(origin: Origin) -> Self {
            Self(Node::new(origin))
        }
    }

    #[cold]
    fn wait_slow<'a>(
        &self,
        semaphore: &'a Semaphore,
        count: usize,
        at: Site,
    ) -> Result<Permit<'a>, CheckedAcquireError> {
        let mut spin = Spin::brief();
        while spin.once() {
            if let Ok(permit) = semaphore.try_acquire_many(count) {
                return Ok(permit);
            }
        }
        // There is no `add_permits` here, so the limit is how many there are.
        let Some(spare) = semaphore.limit().checked_sub(count) else {
            return Err(AcquireError::TooMany.into());
        };
        let wanted = On::Permits { address: waits::address(self), spare };
        let _listed = may_wait_for_permits(&self.0, wanted, at)?;
        Ok(semaphore.acquire_many(count)?)
    }
}

impl PermitWatch for WatchingPermits {
    #[inline]
    fn admit(&self, at: Site) -> Result<(), OrderError> {
        self.0.admit(at)
    }

    #[inline]
    fn wait<'a>(
        &self,
        semaphore: &'a Semaphore,
        count: usize,
        at: Site,
    ) -> Result<Permit<'a>, CheckedAcquireError> {
        match semaphore.try_acquire_many(count) {
            Ok(permit) => Ok(permit),
            Err(TryAcquireError::Closed) => Err(AcquireError::Closed.into()),
            Err(TryAcquireError::TooMany) => Err(AcquireError::TooMany.into()),
            Err(TryAcquireError::NoPermits) => self.wait_slow(semaphore, count, at),
        }
    }

    #[inline]
    fn taken(&self, count: usize, at: Site) {
        hold(Held { class: self.0.class(), address: waits::address(self), count, at });
    }

    #[inline]
    fn releasing(&self, count: usize) {
        let_go(waits::address(self), count);
    }
}

/// A semaphore, watched or not.
pub(super) struct Pool<S: Checks> {
    pub(super) watch: S::PermitWatch,
    pub(super) semaphore: Semaphore,
}

impl<S: Checks> Pool<S> {
    /// Panics instead of waiting for what must not be waited for.
    #[inline]
    #[track_caller]
    pub(super) fn acquire(
        &self,
        count: usize,
        at: Site,
    ) -> Result<OrderedPermit<'_, S>, AcquireError> {
        if let Err(refusal) = self.watch.admit(at) {
            refused(&refusal);
        }
        match self.acquire_or_deadlock(count, at) {
            Ok(permit) => Ok(permit),
            Err(CheckedAcquireError::Semaphore(error)) => Err(error),
            Err(CheckedAcquireError::Order(refusal)) => panic!("{refusal}"),
        }
    }

    #[inline]
    pub(super) fn checked_acquire(
        &self,
        count: usize,
        at: Site,
    ) -> Result<OrderedPermit<'_, S>, CheckedAcquireError> {
        self.watch.admit(at)?;
        self.acquire_or_deadlock(count, at)
    }

    #[inline]
    pub(super) fn acquire_or_deadlock(
        &self,
        count: usize,
        at: Site,
    ) -> Result<OrderedPermit<'_, S>, CheckedAcquireError> {
        Ok(self.taken(self.watch.wait(&self.semaphore, count, at)?, at))
    }

    #[inline]
    pub(super) fn try_acquire(
        &self,
        count: usize,
        at: Site,
    ) -> Result<OrderedPermit<'_, S>, TryAcquireError> {
        Ok(self.taken(self.semaphore.try_acquire_many(count)?, at))
    }

    pub(super) fn acquire_for(
        &self,
        count: usize,
        timeout: Duration,
        at: Site,
    ) -> Result<OrderedPermit<'_, S>, TryAcquireError> {
        Ok(self.taken(self.semaphore.acquire_many_for(count, timeout)?, at))
    }

    #[inline]
    fn taken<'a>(&'a self, permit: Permit<'a>, at: Site) -> OrderedPermit<'a, S> {
        self.watch.taken(permit.count(), at);
        OrderedPermit { watch: &self.watch, permit, stays: PhantomData }
    }

    pub(super) fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_semaphore(&self.semaphore, name, f)
    }
}

pub(super) fn fmt_semaphore(
    semaphore: &Semaphore,
    name: &str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.debug_struct(name)
        .field("available", &semaphore.available())
        .field("limit", &semaphore.limit())
        .field("closed", &semaphore.is_closed())
        .finish()
}

/// Permits of a [`LevelSemaphore`](super::LevelSemaphore) or [`CheckedSemaphore`](super::CheckedSemaphore); gives them
/// back when dropped. In any order, and on the thread that acquired them.
#[must_use = "the permits are given back at once if the permit is not kept"]
#[clippy::has_significant_drop]
pub struct OrderedPermit<'a, S: Checks = ByBuild> {
    watch: &'a S::PermitWatch,
    /// Gives back, after the watch was told.
    permit: Permit<'a>,
    /// What a thread holds is known by thread.
    stays: PhantomData<*mut ()>,
}

impl<S: Checks> OrderedPermit<'_, S> {
    /// How many permits it holds.
    pub fn count(&self) -> usize {
        self.permit.count()
    }
}

impl<S: Checks> Drop for OrderedPermit<'_, S> {
    #[inline]
    fn drop(&mut self) {
        self.watch.releasing(self.permit.count());
    }
}

impl<S: Checks> fmt::Debug for OrderedPermit<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedPermit").field("count", &self.count()).finish()
    }
}
