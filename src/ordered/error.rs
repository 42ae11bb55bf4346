//! Why a lock was refused.

use super::origin::Origin;
use crate::raw::order::Site;
use core::fmt;
use std::error::Error;

/// Why a [`CheckedMutex`](super::CheckedMutex), permits of a [`CheckedSemaphore`](super::CheckedSemaphore), or room or items of a
/// [`CheckedQueue`](super::CheckedQueue) were not waited for, with the places that matter. As a text it has a line for each.
#[derive(Clone, Debug)]
pub struct OrderError(Box<Facts>);

#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) kind: OrderErrorKind,
    pub(super) wanted: Origin,
    pub(super) wanted_at: Site,
    /// Of those held, the one that does not fit.
    pub(super) held: Option<(Origin, Site)>,
    pub(super) chain: Vec<Step>,
}

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderErrorKind {
    /// The thread has this very lock, or too many of these very permits; or consumes the very queue that it pushes to, or produces what it pops.
    SelfDeadlock,
    /// The thread has another lock of the same class: made at the same place, or of the same level. Several of a class are
    /// taken together, by [`lock_all`](super::lock_all); permits, by
    /// [`acquire_many`](super::CheckedSemaphore::acquire_many). Or it consumes, or produces for, another queue of the class.
    SameClass,
    /// The declaration does not have the wanted level after the one that is held.
    DeclaredOrder,
    /// Somebody asked for these locks in the opposite order before, perhaps over locks in between.
    Inversion,
    /// Every thread that could end this wait waits, over others or not, for something that this thread has.
    Deadlock,
    /// The locks of one set are not of one class.
    MixedSet,
}

/// One step of the [chain](OrderError::chain) that makes the circle.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// At some time a thread that had one lock asked for another.
    Asked {
        /// What was held.
        held: String,
        /// Where it was taken.
        held_at: &'static core::panic::Location<'static>,
        /// What was asked for.
        asked: String,
        /// Where.
        asked_at: &'static core::panic::Location<'static>,
    },
    /// At this moment a thread waits for what the next one has. The first is the thread that was refused.
    Waits {
        /// Where it waits.
        waits_at: &'static core::panic::Location<'static>,
        /// Where the next thread took what it waits for, if that is known.
        held_at: Option<&'static core::panic::Location<'static>>,
    },
}

impl OrderError {
    #[cold]
    pub(super) fn new(facts: Facts) -> Self {
        Self(Box::new(facts))
    }

    /// What kind of mistake it is.
    pub fn kind(&self) -> OrderErrorKind {
        self.0.kind
    }

    /// What was to be locked, or waited for: the name of its level, or the place where it was made.
    pub fn wanted(&self) -> String {
        self.0.wanted.to_string()
    }

    /// The call that was refused.
    pub fn wanted_at(&self) -> &'static core::panic::Location<'static> {
        self.0.wanted_at
    }

    /// What is held that does not fit; none where the thread holds nothing that is known to be in the way.
    pub fn held(&self) -> Option<String> {
        self.0.held.map(|(held, _)| held.to_string())
    }

    /// The call that took what is held.
    pub fn held_at(&self) -> Option<&'static core::panic::Location<'static>> {
        self.0.held.map(|(_, at)| at)
    }

    /// How the circle closes: of an [`Inversion`](OrderErrorKind::Inversion), the known order from the wanted to the
    /// held; of a [`Deadlock`](OrderErrorKind::Deadlock), the waits that depend on each other.
    pub fn chain(&self) -> &[Step] {
        &self.0.chain
    }
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { kind, wanted, wanted_at, held, chain } = &*self.0;
        let what = match kind {
            OrderErrorKind::SelfDeadlock => "this thread would wait for itself",
            OrderErrorKind::SameClass if matches!(wanted, Origin::Room(_) | Origin::Items(_)) => {
                "this thread has a part in another queue of the same class"
            }
            OrderErrorKind::SameClass => {
                "this thread has one of the same class; several locks are taken together, by `lock_all`, permits by `acquire_many`, queues never"
            }
            OrderErrorKind::DeclaredOrder => "against the declared order",
            OrderErrorKind::Inversion => {
                "against the order in which these locks were locked before"
            }
            OrderErrorKind::Deadlock => "this wait would never end",
            OrderErrorKind::MixedSet => "the locks of one set are not of one class",
        };
        write!(f, "lock refused: {what}\n  wanted: {wanted}, at {wanted_at}")?;
        if let Some((held, at)) = held {
            write!(f, "\n  held:   {held}, since {at}")?;
        }
        for step in chain {
            match step {
                Step::Asked { held, held_at, asked, asked_at } => {
                    write!(
                        f,
                        "\n  before: {asked}, at {asked_at}, while {held} was held since {held_at}"
                    )?;
                }
                Step::Waits { waits_at, held_at: Some(at) } => {
                    write!(f, "\n  waits:  at {waits_at}, for what the next has since {at}")?;
                }
                Step::Waits { waits_at, held_at: None } => {
                    write!(f, "\n  waits:  at {waits_at}, for what the next has")?;
                }
            }
        }
        Ok(())
    }
}

impl Error for OrderError {}
