//! The same with permits that share in the semaphore.

use super::{AcquireError, AcquireOwned, OwnedPermit, Semaphore, TryAcquireError};
use crate::mutex::Policy;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

impl<P: Policy> Semaphore<P> {
    /// As [`acquire`](Self::acquire), with a permit that shares in owning the semaphore.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_owned(self: Arc<Self>) -> Result<OwnedPermit<P>, AcquireError> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_many_owned(self: Arc<Self>, n: usize) -> Result<OwnedPermit<P>, AcquireError> {
        self.raw.acquire(n, &self.observer, None)?;
        Ok(OwnedPermit::new(self, n))
    }

    /// As [`try_acquire`](Self::try_acquire), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedPermit<P>, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: usize,
    ) -> Result<OwnedPermit<P>, TryAcquireError> {
        self.raw.try_acquire(n)?;
        Ok(OwnedPermit::new(self, n))
    }

    /// As [`acquire_for`](Self::acquire_for), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_owned_for(
        self: Arc<Self>,
        timeout: Duration,
    ) -> Result<OwnedPermit<P>, TryAcquireError> {
        self.acquire_many_owned_for(1, timeout)
    }

    /// As [`acquire_many_for`](Self::acquire_many_for), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_many_owned_for(
        self: Arc<Self>,
        n: usize,
        timeout: Duration,
    ) -> Result<OwnedPermit<P>, TryAcquireError> {
        self.wait_for(n, timeout)?;
        Ok(OwnedPermit::new(self, n))
    }

    /// As [`acquire_until`](Self::acquire_until), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_owned_until(
        self: Arc<Self>,
        deadline: Instant,
    ) -> Result<OwnedPermit<P>, TryAcquireError> {
        self.acquire_many_owned_until(1, deadline)
    }

    /// As [`acquire_many_until`](Self::acquire_many_until), owned.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn acquire_many_owned_until(
        self: Arc<Self>,
        n: usize,
        deadline: Instant,
    ) -> Result<OwnedPermit<P>, TryAcquireError> {
        self.raw.acquire(n, &self.observer, Some(deadline))?;
        Ok(OwnedPermit::new(self, n))
    }

    /// As [`acquire_async`](Self::acquire_async), owned.
    pub fn acquire_owned_async(self: Arc<Self>) -> AcquireOwned<P> {
        self.acquire_many_owned_async(1)
    }

    /// As [`acquire_many_async`](Self::acquire_many_async), owned.
    pub fn acquire_many_owned_async(self: Arc<Self>, n: usize) -> AcquireOwned<P> {
        AcquireOwned::new(self, n)
    }
}
