//! Threads that are joined, as part of the order: waiting for a thread is waiting for all that it waits for.

use super::{
    levels::{After, Level, ranks_rise},
    token::{Root, Token},
};
use core::{fmt, marker::PhantomData};
use std::thread::{self, ScopedJoinHandle};

impl<Held: Level> Token<'_, Held> {
    /// [`std::thread::scope`], whose end, where this thread waits for the others, is at level `J` of the order: they can
    /// lock what comes after `J`, and so nothing that this thread holds.
    ///
    /// # Panics
    ///
    /// As [`std::thread::scope`], if a thread panicked that was not joined by hand.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{LevelMutex, with_root};
    ///
    /// lockline::lock_levels! { levels { Config; Workers after Config; Stats after Workers; } }
    /// static CONFIG: LevelMutex<Config, u32> = LevelMutex::new(3);
    /// static STATS: LevelMutex<Stats, u32> = LevelMutex::new(0);
    ///
    /// with_root(|mut token| {
    ///     let (config, mut token) = token.lock_and(&CONFIG);
    ///     token.scope::<Workers, _>(|scope| {
    ///         for _ in 0..*config {
    ///             // That they lock CONFIG does not compile: this thread waits for them with CONFIG in hand.
    ///             scope.spawn(|mut token| *token.lock(&STATS) += 1);
    ///         }
    ///     });
    ///     assert_eq!(*token.lock(&STATS), 3);
    /// });
    /// ```
    pub fn scope<'env, J: Level + After<Held>, R>(
        &mut self,
        f: impl for<'scope> FnOnce(&Scope<'scope, 'env, J>) -> R,
    ) -> R {
        const { ranks_rise::<Held, J>() }
        // This token is borrowed meanwhile, so that `f` itself locks nothing that it could hold while it joins.
        thread::scope(|scope| f(&Scope { scope, level: PhantomData }))
    }
}

/// Starts threads that [`Token::scope`] waits for.
pub struct Scope<'scope, 'env: 'scope, J> {
    scope: &'scope thread::Scope<'scope, 'env>,
    level: PhantomData<fn() -> J>,
}

impl<'scope, J: Level> Scope<'scope, '_, J> {
    /// Starts a thread with a token of its own, as if it held a `J`.
    pub fn spawn<R: Send + 'scope>(
        &self,
        f: impl for<'t> FnOnce(Token<'t, J>) -> R + Send + 'scope,
    ) -> ScopedJoinHandle<'scope, R> {
        self.scope.spawn(|| {
            // Nobody else can have it, as the thread has just begun; it is kept so that nobody gets it.
            let _root = Root::take();
            f(Token::new())
        })
    }
}

impl<J: Level> fmt::Debug for Scope<'_, '_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope<{}>", J::NAME)
    }
}
