//! Why there are no permits.

use crate::raw::semaphore::Refused;
use core::{error::Error, fmt};

/// There will be no permits, however long one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AcquireError {
    /// The semaphore is [closed](crate::Semaphore::close).
    Closed,
    /// More were asked for than the [limit](crate::Semaphore::limit), or than it became while waiting.
    TooMany,
}

/// There are no permits now, or were none in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// The semaphore is [closed](crate::Semaphore::close).
    Closed,
    /// More were asked for than the [limit](crate::Semaphore::limit).
    TooMany,
    /// Too few are free, or others wait for them in order.
    NoPermits,
}

impl From<AcquireError> for TryAcquireError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Closed => Self::Closed,
            AcquireError::TooMany => Self::TooMany,
        }
    }
}

impl From<Refused> for AcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Closed,
            Refused::TooMany => Self::TooMany,
            Refused::NotYet => unreachable!("without a deadline nothing ends for the time"),
        }
    }
}

impl From<Refused> for TryAcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::Closed,
            Refused::TooMany => Self::TooMany,
            Refused::NotYet => Self::NoPermits,
        }
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TryAcquireError::from(*self).fmt(f)
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore is closed",
            Self::TooMany => "more permits than the semaphore's limit",
            Self::NoPermits => "too few permits are free",
        })
    }
}

impl Error for AcquireError {}
impl Error for TryAcquireError {}
