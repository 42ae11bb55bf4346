//! What the order knows things by.

use super::levels::Place;
use crate::raw::order::Site;
use core::fmt;

/// Which lock this is to the order: all locks of one origin are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Origin {
    /// Made at this place.
    Site(Site),
    /// Of this level.
    Level(&'static Place),
    /// A semaphore made at this place.
    Permits(Site),
    /// No lock, but room in a queue made at this place: its consumers hold it, and who pushes waits for it.
    Room(Site),
    /// No lock, but items of a queue made at this place: its producers hold them, and who pops waits for them.
    Items(Site),
    /// No lock, but the end of the threads started at this place.
    Thread(Site),
}

impl Origin {
    /// Whether the declaration allows `other` to be locked after this. It has nothing to say about what has no level.
    pub(super) fn may_precede(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Level(held), Self::Level(wanted)) => wanted.is_after(held),
            _ => true,
        }
    }

    /// Where it was made; none of a level.
    pub(super) fn site(&self) -> Option<Site> {
        match self {
            Self::Level(_) => None,
            Self::Site(at)
            | Self::Permits(at)
            | Self::Room(at)
            | Self::Items(at)
            | Self::Thread(at) => Some(at),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site(at) => write!(f, "the lock made at {at}"),
            Self::Level(place) => write!(f, "a lock of level `{}`", place.name),
            Self::Permits(at) => write!(f, "the semaphore made at {at}"),
            Self::Room(at) => write!(f, "room in the queue made at {at}"),
            Self::Items(at) => write!(f, "items of the queue made at {at}"),
            Self::Thread(at) => write!(f, "the thread started at {at}"),
        }
    }
}
