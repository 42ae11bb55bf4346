//! Permits, borrowing the semaphore or sharing in it.

use super::Semaphore;
use crate::mutex::{Plain, Policy};
use core::{fmt, mem};
use std::sync::Arc;

/// The right to be one of so many; gives the permits back when dropped, on whatever thread.
///
/// Made by [`Semaphore::acquire`] and its kin.
#[must_use = "the permits are given back at once if the permit is not kept"]
#[clippy::has_significant_drop]
pub struct Permit<'a, P: Policy = Plain> {
    semaphore: &'a Semaphore<P>,
    count: usize,
}

/// As [`Permit`], with a share in the semaphore: for a task or thread that outlives the borrow.
///
/// Made by [`Semaphore::acquire_owned`] and its kin.
#[must_use = "the permits are given back at once if the permit is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedPermit<P: Policy = Plain> {
    /// Dropped after the release, which is its last touch of the semaphore.
    semaphore: Arc<Semaphore<P>>,
    count: usize,
}

macro_rules! permit {
    ($permit:ty, $($lifetime:lifetime)?, $semaphore:ty, $same:expr, $share:expr) => {
        impl<$($lifetime,)? P: Policy> $permit {
            /// The permits were acquired just now, or split off.
            #[inline]
            pub(super) fn new(semaphore: $semaphore, count: usize) -> Self {
                Self { semaphore, count }
            }

            /// How many permits it holds.
            pub fn count(&self) -> usize {
                self.count
            }

            /// The semaphore they are of.
            pub fn semaphore(&self) -> &$semaphore {
                &self.semaphore
            }

            /// Never gives the permits back: they are gone, and the [limit](Semaphore::limit) is lower by so many.
            /// Permits that are [owed](Semaphore::remove_permits) are paid with them first.
            pub fn forget(mut self) {
                let count = mem::take(&mut self.count);
                self.semaphore.raw.forget(count);
            }

            /// Splits off a permit for `count`, if it holds that many. It may be left with none.
            pub fn split(&mut self, count: usize) -> Option<Self> {
                self.count = self.count.checked_sub(count)?;
                Some(Self::new($share(&self.semaphore), count))
            }

            /// Adds what `other` holds to this one.
            ///
            /// # Panics
            ///
            /// If `other` is of another semaphore.
            #[track_caller]
            pub fn merge(&mut self, mut other: Self) {
                assert!(
                    $same(&self.semaphore, &other.semaphore),
                    "permits of different semaphores cannot be merged"
                );
                self.count += mem::take(&mut other.count);
            }
        }

        impl<$($lifetime,)? P: Policy> Drop for $permit {
            #[inline]
            fn drop(&mut self) {
                if self.count != 0 {
                    self.semaphore.raw.release(self.count);
                }
            }
        }

        impl<$($lifetime,)? P: Policy> fmt::Debug for $permit {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($permit)).field("count", &self.count).finish()
            }
        }
    };
}

permit!(Permit<'a, P>, 'a, &'a Semaphore<P>, |a: &&_, b: &&_| core::ptr::eq(*a, *b), |s: &&'a _| *s);
permit!(OwnedPermit<P>, , Arc<Semaphore<P>>, Arc::ptr_eq, Arc::clone);
