//! Why an operation of a queue did not take effect. The item comes back in each.

use core::{error::Error, fmt};

/// Gives an error its text, and its `Debug` without asking the item for one.
macro_rules! errors {
    ($($name:ident $(<$t:ident>)? { $($variant:ident $(($item:tt))? => $text:literal,)* })*) => {$(
        impl$(<$t>)? fmt::Display for $name$(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant $(($item))? => $text,)* })
            }
        }

        impl$(<$t>)? fmt::Debug for $name$(<$t>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant $(($item))? => concat!(stringify!($variant) $(, "(", stringify!($item), ")")?),)*
                })
            }
        }

        impl$(<$t>)? Error for $name$(<$t>)? {}
    )*};
}

/// [`WorkQueue::try_push`](super::WorkQueue::try_push) could not put the item in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPushError<T> {
    /// All places are taken or reserved.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

/// The queue is closed; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PushError<T>(pub T);

/// A push with a deadline was in vain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushTimeoutError<T> {
    /// The deadline passed.
    Timeout(T),
    /// The queue is closed.
    Closed(T),
}

/// [`WorkQueue::force_push`](super::WorkQueue::force_push) could not put the item in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ForcePushError<T> {
    /// All places are reserved, or being given to other forced pushes: there is nothing left to displace.
    Full(T),
    /// The queue is closed.
    Closed {
        /// What was to be put in.
        item: T,
        /// What had been taken out for it, if the queue was closed in the middle.
        displaced: Option<T>,
    },
}

/// [`WorkQueue::try_pop`](super::WorkQueue::try_pop) found nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPopError {
    /// There is nothing now.
    Empty,
    /// There is nothing, and never will be.
    Closed,
}

/// A pop with a deadline was in vain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PopTimeoutError {
    /// The deadline passed.
    Timeout,
    /// There is nothing, and never will be.
    Closed,
}

/// The queue is closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// As the name says.
    Closed,
}

/// A queue cannot have this capacity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CapacityError {
    /// It must have room for one item at least.
    Zero,
    /// There is not that much memory.
    TooLarge,
}

errors! {
    TryPushError<T> {
        Full(_) => "the queue is full",
        Closed(_) => "the queue is closed",
    }
    PushTimeoutError<T> {
        Timeout(_) => "the queue was full until the deadline",
        Closed(_) => "the queue is closed",
    }
    TryPopError {
        Empty => "the queue is empty",
        Closed => "the queue is closed and empty",
    }
    PopTimeoutError {
        Timeout => "the queue was empty until the deadline",
        Closed => "the queue is closed and empty",
    }
    Closed { Closed => "the queue is closed", }
    CapacityError {
        Zero => "a queue needs a capacity of one at least",
        TooLarge => "there is not enough memory for a queue of that capacity",
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is closed")
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushError(_)")
    }
}

impl<T> Error for PushError<T> {}

impl<T> fmt::Display for ForcePushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "all places of the queue are reserved",
            Self::Closed { .. } => "the queue is closed",
        })
    }
}

impl<T> fmt::Debug for ForcePushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(_)",
            Self::Closed { displaced: None, .. } => "Closed { item }",
            Self::Closed { displaced: Some(_), .. } => "Closed { item, displaced }",
        })
    }
}

impl<T> Error for ForcePushError<T> {}

impl<T> TryPushError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> PushTimeoutError<T> {
    /// The item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(item) | Self::Closed(item) => item,
        }
    }
}
