//! Who may lock what next: a token for each thread, whose type says what the thread holds.

use super::{
    DuplicateLock, LevelMutex, LockSet, OrderedGuard,
    levels::{After, Level, Unlocked, ranks_rise},
    watch::Checks,
};
use crate::sync::local_const;
use core::{cell::Cell, fmt, marker::PhantomData};
use std::time::Duration;

local_const! {
    static TAKEN: Cell<bool> = const { Cell::new(false) };
}

/// The one right of a thread to start a chain of locks; given back when dropped.
///
/// [`with_root`] is this and a closure. Where there may be one above already, as in a `Drop` or a callback,
/// [`take`](Self::take) says `None` then, instead of panicking.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelMutex, Root};
///
/// lockline::lock_levels! { levels { Log; } }
/// static LOG: LevelMutex<Log, Vec<String>> = LevelMutex::new(Vec::new());
///
/// /// For code that gets no token: says what it has to say, unless somebody up the stack may have the lock.
/// fn log_if_possible(line: &str) -> bool {
///     let Some(mut root) = Root::take() else { return false };
///     root.token().lock(&LOG).push(line.to_owned());
///     true
/// }
///
/// assert!(log_if_possible("nothing is held"));
/// let root = Root::take();
/// assert!(!log_if_possible("something may be held"));
/// ```
#[must_use = "the root is given back at once if it is not kept"]
pub struct Root {
    /// It stays on its thread.
    marker: PhantomData<*mut ()>,
}

impl Root {
    /// The calling thread's root, if it is not out already.
    pub fn take() -> Option<Self> {
        // Made only where it is free: one that is made and dropped would give back somebody else's.
        TAKEN.with(|taken| !taken.replace(true)).then(|| Self { marker: PhantomData })
    }

    /// The token of a thread that holds nothing.
    pub fn token(&mut self) -> Token<'_, Unlocked> {
        Token::new()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        TAKEN.with(|taken| taken.set(false));
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root")
    }
}

/// Runs `f` with the calling thread's token.
///
/// # Panics
///
/// If the thread's token is out already: then pass it down to here. So a callback that takes no token, and is called
/// while a lock is held, panics instead of deadlocking.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelMutex, with_root};
///
/// lockline::lock_levels! { levels { Account; } }
/// static BALANCE: LevelMutex<Account, i64> = LevelMutex::new(100);
///
/// with_root(|mut token| *token.lock(&BALANCE) -= 30);
/// assert_eq!(with_root(|mut token| *token.lock(&BALANCE)), 70);
/// ```
#[track_caller]
pub fn with_root<R>(f: impl FnOnce(Token<'_, Unlocked>) -> R) -> R {
    let Some(mut root) = Root::take() else {
        panic!("this thread's lock token is in use further up the stack: pass it down to here")
    };
    f(root.token())
}

/// Says that its thread holds no [`LevelMutex`] of a level newer than `Held`, and lets it acquire those that come
/// [`After`] it.
///
/// It has no size and costs nothing: the check is that the program compiles. There is one chain of tokens for each
/// thread, which starts at a [`Root`]. A guard borrows the token that it was acquired by, so that a level
/// cannot be left while one of its guards lives.
///
/// # Examples
///
/// A function that is called at a known level says so in its signature. One that is called at many is generic.
///
/// ```
/// use lockline::ordered::{After, Level, LevelMutex, Token, with_root};
///
/// lockline::lock_levels! { levels { Account; Audit; Journal after Account, Audit; } }
/// static ACCOUNT: LevelMutex<Account, i64> = LevelMutex::new(0);
/// static JOURNAL: LevelMutex<Journal, Vec<String>> = LevelMutex::new(Vec::new());
///
/// fn record(mut token: Token<'_, Account>, what: &str) {
///     token.lock(&JOURNAL).push(what.to_owned());
/// }
///
/// fn lines<Held: Level>(token: &mut Token<'_, Held>) -> usize
/// where
///     Journal: After<Held>,
/// {
///     token.lock(&JOURNAL).len()
/// }
///
/// with_root(|mut token| {
///     let (mut account, mut inner) = token.lock_and(&ACCOUNT);
///     *account += 5;
///     record(inner.reborrow(), "5 more");
///     assert_eq!(lines(&mut inner), 1);
///     drop(account);
///     record(token.restrict(), "called at a lower level");
///     assert_eq!(lines(&mut token), 2);
/// });
/// ```
///
/// The other order does not compile. The error begins with
/// ``lock order violation: `Account` may not be locked while `Journal` is held``:
///
/// ```compile_fail,E0277
/// use lockline::ordered::{LevelMutex, with_root};
///
/// lockline::lock_levels! { levels { Account; Journal after Account; } }
/// static ACCOUNT: LevelMutex<Account, i64> = LevelMutex::new(0);
/// static JOURNAL: LevelMutex<Journal, Vec<String>> = LevelMutex::new(Vec::new());
///
/// with_root(|mut token| {
///     let (journal, mut token) = token.lock_and(&JOURNAL);
///     *token.lock(&ACCOUNT) += journal.len() as i64;
/// });
/// ```
pub struct Token<'t, Held> {
    /// Not copied, and not outliving what it was made of.
    borrow: PhantomData<&'t mut ()>,
    /// It stays on its thread.
    marker: PhantomData<*mut ()>,
    held: PhantomData<fn() -> Held>,
}

impl<Held: Level> Token<'_, Held> {
    /// For whoever has the right to one: by a root, by another token, or by a lock just acquired with one.
    pub(super) fn new() -> Self {
        Self { borrow: PhantomData, marker: PhantomData, held: PhantomData }
    }

    /// A token to pass on by value. This one is back when that is gone.
    #[inline]
    pub fn reborrow(&mut self) -> Token<'_, Held> {
        Token::new()
    }

    /// A token as if an `M` were held, for a callee that names that level.
    #[inline]
    pub fn restrict<M: Level + After<Held>>(&mut self) -> Token<'_, M> {
        const { ranks_rise::<Held, M>() }
        Token::new()
    }

    /// Waits until it has the lock. Nothing else can be acquired while the guard lives; where something must be,
    /// there is [`lock_and`](Self::lock_and).
    ///
    /// # Panics
    ///
    /// Only where the lock's [checks](super::Checks) are on: if this wait could close a cycle with locks that
    /// carry no levels.
    #[inline]
    #[track_caller]
    pub fn lock<'g, M: Level + After<Held>, T: ?Sized, S: Checks>(
        &'g mut self,
        lock: &'g LevelMutex<M, T, S>,
    ) -> OrderedGuard<'g, T, S> {
        const { ranks_rise::<Held, M>() }
        lock.acquire()
    }

    /// As [`lock`](Self::lock), with a token for what comes after. Guards can be dropped in any order; this token is
    /// back when the guard and the new token are both gone.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    #[inline]
    #[track_caller]
    pub fn lock_and<'g, M: Level + After<Held>, T: ?Sized, S: Checks>(
        &'g mut self,
        lock: &'g LevelMutex<M, T, S>,
    ) -> (OrderedGuard<'g, T, S>, Token<'g, M>) {
        const { ranks_rise::<Held, M>() }
        (lock.acquire(), Token::new())
    }

    /// Several locks of one level at once: a pair of references, a longer tuple, an array or a slice of them. The guards come
    /// in the order of the locks.
    ///
    /// It waits for one of them while it holds none of the others, and tries these; after a few rounds it takes them in
    /// the order of their addresses. So calls with the same locks in any order get along with each other.
    ///
    /// # Errors
    ///
    /// If a lock is there twice; then none is acquired.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{DuplicateLock, LevelMutex, Token, Unlocked, with_root};
    ///
    /// lockline::lock_levels! { levels { Account; } }
    /// type Balance = LevelMutex<Account, i64>;
    ///
    /// fn transfer(token: &mut Token<'_, Unlocked>, from: &Balance, to: &Balance) -> Result<(), DuplicateLock> {
    ///     let ((mut from, mut to), _) = token.lock_all((from, to))?;
    ///     *from -= 10;
    ///     *to += 10;
    ///     Ok(())
    /// }
    ///
    /// let accounts = [Balance::new(50), Balance::new(0)];
    /// with_root(|mut token| {
    ///     transfer(&mut token, &accounts[0], &accounts[1]).unwrap();
    ///     let to_itself = transfer(&mut token, &accounts[0], &accounts[0]);
    ///     assert_eq!(to_itself, Err(DuplicateLock { first: 0, second: 1 }));
    ///     let (both, _) = token.lock_all([&accounts[1], &accounts[0]]).unwrap();
    ///     assert_eq!((*both[0], *both[1]), (10, 40));
    /// });
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock_all<'g, M: Level + After<Held>, S: LockSet<'g, Level = M>>(
        &'g mut self,
        locks: S,
    ) -> Result<(S::Guards, Token<'g, M>), DuplicateLock> {
        const { ranks_rise::<Held, M>() }
        Ok((locks.acquire_all()?, Token::new()))
    }

    /// Takes the lock if it is free. Of any level, as it does not wait; and nothing else can be acquired while the
    /// guard lives.
    #[inline]
    #[track_caller]
    pub fn try_lock<'g, M: Level, T: ?Sized, S: Checks>(
        &'g mut self,
        lock: &'g LevelMutex<M, T, S>,
    ) -> Option<OrderedGuard<'g, T, S>> {
        lock.try_acquire()
    }

    /// Waits for at most `timeout`. Of any level, as a wait that ends closes no cycle for ever; nothing else can be
    /// acquired while the guard lives.
    #[track_caller]
    pub fn try_lock_for<'g, M: Level, T: ?Sized, S: Checks>(
        &'g mut self,
        lock: &'g LevelMutex<M, T, S>,
        timeout: Duration,
    ) -> Option<OrderedGuard<'g, T, S>> {
        lock.try_acquire_for(timeout)
    }
}

impl<Held: Level> fmt::Debug for Token<'_, Held> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token<{}>", Held::NAME)
    }
}
