//! Locks of one level one at a time, where the one says which is the next.

use super::{
    LevelMutex, OrderedGuard,
    levels::{After, Level, ranks_rise},
    lock::refused,
    token::Token,
    watch::{Checks, Watch},
};
use core::{cell::Cell, fmt, marker::PhantomData, panic::Location, ptr};
use std::error::Error;

/// A lock of a [walk](Token::ascending) is not to be had without a wait that could deadlock: drop the guards of the walk, and
/// begin a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff;

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the next lock is busy, and stands before others that are held")
    }
}

impl Error for Backoff {}

/// A walk over locks of level `M`. Made by [`Token::ascending`].
pub struct Ascending<'g, M> {
    /// The highest address that was waited for.
    highest: Cell<usize>,
    /// As a token.
    borrow: PhantomData<&'g mut ()>,
    marker: PhantomData<*mut ()>,
    level: PhantomData<fn() -> M>,
}

impl<Held: Level> Token<'_, Held> {
    /// A walk over locks of level `M`: for where the locks are not known before, as one says which is the next. Where they
    /// are, [`lock_all`](Self::lock_all) is the way.
    ///
    /// It waits for a lock only if that stands at a higher address than those it waited for before. Otherwise it takes
    /// the lock if it is free, and if not, says [`Backoff`].
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{Backoff, LevelMutex, Token, Unlocked, with_root};
    ///
    /// lockline::lock_levels! { levels { Node; } }
    ///
    /// struct List {
    ///     /// A value, and which is the next.
    ///     nodes: Vec<LevelMutex<Node, (u32, usize)>>,
    /// }
    ///
    /// /// Locks three nodes from the first on, and adds up what they have at one moment.
    /// fn three(list: &List, token: &mut Token<'_, Unlocked>, first: usize) -> u32 {
    ///     loop {
    ///         let walk = token.ascending();
    ///         let mut sum = || -> Result<u32, Backoff> {
    ///             let one = walk.lock(&list.nodes[first])?;
    ///             let two = walk.lock(&list.nodes[one.1])?;
    ///             let three = walk.lock(&list.nodes[two.1])?;
    ///             Ok(one.0 + two.0 + three.0)
    ///         };
    ///         match sum() {
    ///             Ok(sum) => return sum,
    ///             // All its guards are dropped.
    ///             Err(Backoff) => std::thread::yield_now(),
    ///         }
    ///     }
    /// }
    ///
    /// let node = |n: usize| LevelMutex::new((1_u32 << n, (n + 3) % 8));
    /// let list = List { nodes: (0..8).map(node).collect() };
    /// assert_eq!(with_root(|mut token| three(&list, &mut token, 6)), (1 << 6) + (1 << 1) + (1 << 4));
    /// ```
    pub fn ascending<M: Level + After<Held>>(&mut self) -> Ascending<'_, M> {
        const { ranks_rise::<Held, M>() }
        Ascending {
            highest: Cell::new(0),
            borrow: PhantomData,
            marker: PhantomData,
            level: PhantomData,
        }
    }
}

impl<'g, M: Level> Ascending<'g, M> {
    /// The next lock of the walk.
    ///
    /// # Errors
    ///
    /// If it is not free, and stands lower than one that was waited for; also if the walk has it already, when the next walk will
    /// end there too.
    ///
    /// # Panics
    ///
    /// As [`Token::lock`].
    #[inline]
    #[track_caller]
    pub fn lock<T: ?Sized, S: Checks>(
        &self,
        lock: &'g LevelMutex<M, T, S>,
    ) -> Result<OrderedGuard<'g, T, S>, Backoff> {
        let at = Location::caller();
        let lock = lock.parts();
        let address = ptr::from_ref(&lock.mutex.raw).addr();
        let highest = self.highest.get();
        if address <= highest {
            return lock.try_lock(at).ok_or(Backoff);
        }
        let admitted =
            if highest == 0 { lock.watch.admit(at) } else { lock.watch.admit_another(at) };
        if let Err(refusal) = admitted {
            refused(&refusal);
        }
        match lock.lock_or_deadlock(at) {
            Ok(guard) => {
                self.highest.set(address);
                Ok(guard)
            }
            Err(refusal) => panic!("{refusal}"),
        }
    }

    /// A token for what comes after the level. The walk goes on when that is gone.
    pub fn token(&mut self) -> Token<'_, M> {
        Token::new()
    }
}

impl<M: Level> fmt::Debug for Ascending<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ascending<{}>", M::NAME)
    }
}
