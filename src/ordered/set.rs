//! Several locks of one level, or class, at once.

use super::{
    CheckedMutex, LevelMutex, OrderedGuard,
    error::{Facts, OrderError, OrderErrorKind},
    levels::Level,
    lock::{Lock, refused},
    watch::{Checks, Watch},
};
use crate::raw::{
    lock_set::{self, Member},
    mutex::RawMutex,
    order::Site,
};
use core::{array, fmt, panic::Location};
use std::error::Error;

/// The same lock stands twice in a set: at these places, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DuplicateLock {
    /// Where it is first.
    pub first: usize,
    /// Where it is again.
    pub second: usize,
}

impl fmt::Display for DuplicateLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "locks {} and {} of the set are the same", self.first, self.second)
    }
}

impl Error for DuplicateLock {}

/// Why a set of [`CheckedMutex`]es was not locked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LockAllError {
    /// A lock is there twice.
    Duplicate(DuplicateLock),
    /// The order, or a wait that would never end, is against it.
    Order(OrderError),
}

impl fmt::Display for LockAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(duplicate) => duplicate.fmt(f),
            Self::Order(order) => order.fmt(f),
        }
    }
}

impl Error for LockAllError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Duplicate(duplicate) => Some(duplicate),
            Self::Order(order) => Some(order),
        }
    }
}

impl From<OrderError> for LockAllError {
    fn from(error: OrderError) -> Self {
        Self::Order(error)
    }
}

impl From<DuplicateLock> for LockAllError {
    fn from(error: DuplicateLock) -> Self {
        Self::Duplicate(error)
    }
}

mod sealed {
    #[allow(unnameable_types, reason = "seals the sets")]
    pub trait Sealed {}
}

/// [`LevelMutex`]es of one level, for [`Token::lock_all`](super::Token::lock_all): a tuple of two to eight references, an array or
/// a slice of them. Sealed.
#[diagnostic::on_unimplemented(
    message = "not a set of locks: all must be of one level, and checked alike",
    label = "a set is a tuple of two to eight references to locks, an array or a slice of them",
    note = "locks of different levels are locked one after the other, by `lock_and`"
)]
pub trait LockSet<'g>: sealed::Sealed {
    /// The level of all.
    type Level: Level;
    /// Their guards, in the same order.
    type Guards;
    #[doc(hidden)]
    #[track_caller]
    fn acquire_all(self) -> Result<Self::Guards, DuplicateLock>;
}

/// [`CheckedMutex`]es of one class, for [`lock_all`]: a tuple of two to eight references, an array or a slice of them. Sealed.
#[diagnostic::on_unimplemented(
    message = "not a set of locks: all must be checked alike",
    label = "a set is a tuple of two to eight references to locks, an array or a slice of them"
)]
pub trait CheckedSet<'g>: sealed::Sealed {
    /// Their guards, in the same order.
    type Guards;
    #[doc(hidden)]
    #[track_caller]
    fn acquire_all(self) -> Result<Self::Guards, LockAllError>;
}

/// Several [`CheckedMutex`]es of one class at once: a pair of references, a longer tuple, an array or a slice of them. The guards
/// come in the order of the locks. As [`Token::lock_all`](super::Token::lock_all), for locks without tokens.
///
/// # Errors
///
/// If a lock is there twice; if the locks are not all of one class (nothing would be known about their order then); or
/// where [`checked_lock`](CheckedMutex::checked_lock) refuses. None is held then.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{CheckedMutex, lock_all};
///
/// let accounts: Vec<_> = (0..3).map(CheckedMutex::new).collect();
/// let (mut from, mut to) = lock_all((&accounts[2], &accounts[0])).unwrap();
/// *from -= 1;
/// *to += 1;
/// drop((from, to));
/// assert!(lock_all((&accounts[1], &accounts[1])).is_err());
/// ```
#[inline]
#[track_caller]
pub fn lock_all<'g, S: CheckedSet<'g>>(locks: S) -> Result<S::Guards, LockAllError> {
    locks.acquire_all()
}

/// A lock of a set, whatever its value.
struct One<'a, S: Checks> {
    watch: &'a S::Watch,
    raw: &'a RawMutex,
    at: Site,
}

impl<S: Checks> Member for One<'_, S> {
    type Refusal = OrderError;

    #[inline]
    fn address(&self) -> usize {
        core::ptr::from_ref(self.raw).addr()
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let got = self.raw.try_lock();
        if got {
            self.watch.taken(self.at);
        }
        got
    }

    #[inline]
    fn lock(&self) -> Result<(), OrderError> {
        self.watch.wait(self.raw, self.at)?;
        self.watch.taken(self.at);
        Ok(())
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.watch.releasing();
        // SAFETY: the caller's promise.
        unsafe { self.raw.unlock() };
    }
}

impl<T: ?Sized, S: Checks> Lock<T, S> {
    #[inline]
    fn member(&self, at: Site) -> One<'_, S> {
        One { watch: &self.watch, raw: &self.mutex.raw, at }
    }
}

/// Locks all, or none.
#[inline]
fn acquire<S: Checks>(
    members: &[One<'_, S>],
    order: &mut [usize],
) -> Result<Result<(), OrderError>, DuplicateLock> {
    lock_set::sort(|member| members[member].address(), order)
        .map_err(|(first, second)| DuplicateLock { first, second })?;
    Ok(lock_set::lock_all(members, order))
}

/// Of one level, so that one is asked about for all.
#[inline]
#[track_caller]
fn acquire_leveled<S: Checks>(
    members: &[One<'_, S>],
    order: &mut [usize],
) -> Result<(), DuplicateLock> {
    if let Some(Err(refusal)) = members.first().map(|one| one.watch.admit(one.at)) {
        refused(&refusal);
    }
    if let Err(refusal) = acquire(members, order)? {
        panic!("{refusal}");
    }
    Ok(())
}

#[inline]
fn acquire_checked<S: Checks>(
    members: &[One<'_, S>],
    order: &mut [usize],
) -> Result<(), LockAllError> {
    if let Some(first) = members.first() {
        if let Some(other) = members.iter().find(|other| !first.watch.is_like(other.watch)) {
            return Err(mixed(first, other).into());
        }
        first.watch.admit(first.at)?;
    }
    Ok(acquire(members, order)??)
}

#[cold]
fn mixed<S: Checks>(first: &One<'_, S>, other: &One<'_, S>) -> OrderError {
    let (Some(first_origin), Some(origin)) = (first.watch.origin(), other.watch.origin()) else {
        unreachable!("locks that are not watched are alike")
    };
    OrderError::new(Facts {
        kind: OrderErrorKind::MixedSet,
        wanted: origin,
        wanted_at: other.at,
        held: Some((first_origin, first.at)),
        chain: Vec::new(),
    })
}

/// Of both kinds of locks, whose values may be of different types.
macro_rules! tuples {
    ($($($T:ident $n:tt)+;)+) => { $(
        impl<L, S: Checks, $($T: ?Sized),+> sealed::Sealed for ($(&LevelMutex<L, $T, S>,)+) {}

        impl<'g, L: Level, S: Checks, $($T: ?Sized),+> LockSet<'g> for ($(&'g LevelMutex<L, $T, S>,)+) {
            type Level = L;
            type Guards = ($(OrderedGuard<'g, $T, S>,)+);

            #[inline]
            #[track_caller]
            fn acquire_all(self) -> Result<Self::Guards, DuplicateLock> {
                let at = Location::caller();
                acquire_leveled(&[$(self.$n.parts().member(at)),+], &mut [$($n),+])?;
                Ok(($(
                    // SAFETY: just locked, and each of them one lock.
                    unsafe { self.$n.parts().guard() },
                )+))
            }
        }

        impl<S: Checks, $($T: ?Sized),+> sealed::Sealed for ($(&CheckedMutex<$T, S>,)+) {}

        impl<'g, S: Checks, $($T: ?Sized),+> CheckedSet<'g> for ($(&'g CheckedMutex<$T, S>,)+) {
            type Guards = ($(OrderedGuard<'g, $T, S>,)+);

            #[inline]
            #[track_caller]
            fn acquire_all(self) -> Result<Self::Guards, LockAllError> {
                let at = Location::caller();
                acquire_checked(&[$(self.$n.parts().member(at)),+], &mut [$($n),+])?;
                Ok(($(
                    // SAFETY: just locked, and each of them one lock.
                    unsafe { self.$n.parts().guard() },
                )+))
            }
        }
    )+ };
}

tuples! {
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}

impl<L, T: ?Sized, S: Checks, const N: usize> sealed::Sealed for [&LevelMutex<L, T, S>; N] {}
impl<L, T: ?Sized, S: Checks> sealed::Sealed for &[&LevelMutex<L, T, S>] {}
impl<T: ?Sized, S: Checks, const N: usize> sealed::Sealed for [&CheckedMutex<T, S>; N] {}
impl<T: ?Sized, S: Checks> sealed::Sealed for &[&CheckedMutex<T, S>] {}

impl<'g, L: Level, T: ?Sized, S: Checks, const N: usize> LockSet<'g>
    for [&'g LevelMutex<L, T, S>; N]
{
    type Level = L;
    type Guards = [OrderedGuard<'g, T, S>; N];

    #[inline]
    #[track_caller]
    fn acquire_all(self) -> Result<Self::Guards, DuplicateLock> {
        let at = Location::caller();
        acquire_leveled(&self.map(|lock| lock.parts().member(at)), &mut indices::<N>())?;
        // SAFETY: just locked, and each of them one lock.
        Ok(self.map(|lock| unsafe { lock.parts().guard() }))
    }
}

impl<'g, T: ?Sized, S: Checks, const N: usize> CheckedSet<'g> for [&'g CheckedMutex<T, S>; N] {
    type Guards = [OrderedGuard<'g, T, S>; N];

    #[inline]
    #[track_caller]
    fn acquire_all(self) -> Result<Self::Guards, LockAllError> {
        let at = Location::caller();
        acquire_checked(&self.map(|lock| lock.parts().member(at)), &mut indices::<N>())?;
        // SAFETY: just locked, and each of them one lock.
        Ok(self.map(|lock| unsafe { lock.parts().guard() }))
    }
}

#[inline]
fn indices<const N: usize>() -> [usize; N] {
    array::from_fn(|n| n)
}

impl<'g, L: Level, T: ?Sized, S: Checks> LockSet<'g> for &[&'g LevelMutex<L, T, S>] {
    type Level = L;
    type Guards = Vec<OrderedGuard<'g, T, S>>;

    #[track_caller]
    fn acquire_all(self) -> Result<Self::Guards, DuplicateLock> {
        let at = Location::caller();
        let members: Vec<_> = self.iter().map(|lock| lock.parts().member(at)).collect();
        acquire_leveled(&members, &mut (0..self.len()).collect::<Vec<_>>())?;
        // SAFETY: just locked, and each of them one lock.
        Ok(self.iter().map(|lock| unsafe { lock.parts().guard() }).collect())
    }
}

impl<'g, T: ?Sized, S: Checks> CheckedSet<'g> for &[&'g CheckedMutex<T, S>] {
    type Guards = Vec<OrderedGuard<'g, T, S>>;

    #[track_caller]
    fn acquire_all(self) -> Result<Self::Guards, LockAllError> {
        let at = Location::caller();
        let members: Vec<_> = self.iter().map(|lock| lock.parts().member(at)).collect();
        acquire_checked(&members, &mut (0..self.len()).collect::<Vec<_>>())?;
        // SAFETY: just locked, and each of them one lock.
        Ok(self.iter().map(|lock| unsafe { lock.parts().guard() }).collect())
    }
}
