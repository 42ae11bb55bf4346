//! Tokens for tasks: one chain for each, whatever threads poll it.

use super::{
    LevelAsyncMutex,
    levels::{After, Level, Unlocked, ranks_rise},
    token::{Root, Token},
};
use crate::{AsyncMutexGuard, sync::local_const};
use core::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::{Pin, pin},
    ptr,
    task::{Context, Poll},
};

// The task that this thread polls.
local_const! {
    static POLLED: Cell<*const Task> = const { Cell::new(ptr::null()) };
}

/// Tells tasks apart, by its address; so it has a size.
pub(super) struct Task(#[allow(dead_code, reason = "a place of its own is all it is for")] u8);

impl Task {
    /// Polls `wait`, and sees to it that only this task does: elsewhere, another chain of locks may be in hand.
    pub(super) async fn wait<F: Future>(&self, wait: F) -> F::Output {
        let mut wait = pin!(wait);
        poll_fn(|context| {
            self.check();
            wait.as_mut().poll(context)
        })
        .await
    }

    #[track_caller]
    fn check(&self) {
        assert!(
            POLLED.with(|polled| ptr::eq(polled.get(), self)),
            "a task's lock token is used outside of its task"
        );
    }
}

/// Runs `f` as a task with a token of its own, as [`with_root`](super::with_root) does for a thread: a task holds no
/// [`LevelAsyncMutex`] out of order.
///
/// While a thread polls it, that thread's [`Root`] is taken, and when it is dropped unfinished too. So code inside that
/// asks for another chain of locks gets none: another `ordered` or `with_root` there panics instead of deadlocking.
/// Between the polls the thread is free for other tasks. The future can be sent to other threads if what
/// it keeps can, and so with any runtime.
///
/// # Panics
///
/// Polled, if the thread's token is out already: inside another `ordered`, or where a thread that may hold locks blocks on it.
///
/// # Cancellation
///
/// The future may be dropped at any moment; the locks that the task has are released then.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{LevelAsyncMutex, TaskToken, Unlocked, ordered};
///
/// lockline::lock_levels! { levels { Account; Journal after Account; } }
/// static ACCOUNT: LevelAsyncMutex<Account, i64> = LevelAsyncMutex::new(100);
/// static JOURNAL: LevelAsyncMutex<Journal, Vec<String>> = LevelAsyncMutex::new(Vec::new());
///
/// async fn record(mut token: TaskToken<'_, Account>, what: &str) {
///     token.lock(&JOURNAL).await.push(what.to_owned());
/// }
///
/// let task = ordered(async |mut token: TaskToken<'_, Unlocked>| {
///     let (mut account, token) = token.lock_and(&ACCOUNT).await;
///     *account -= 30;
///     record(token, "30 less").await;
///     *account
/// });
/// # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
/// assert_eq!(runtime.block_on(task), 70);
/// ```
pub async fn ordered<R>(f: impl AsyncFnOnce(TaskToken<'_, Unlocked>) -> R) -> R {
    // It is part of this future, and so stays where it is from the first poll on.
    let task = Task(0);
    let future = f(TaskToken::new(&task));
    Polled { task: &task, future: Some(future) }.await
}

/// Runs the future as the task.
struct Polled<'t, F> {
    task: &'t Task,
    /// Until it is dropped.
    future: Option<F>,
}

impl<F> Polled<'_, F> {
    fn future(self: Pin<&mut Self>) -> Pin<&mut Option<F>> {
        // SAFETY: the future is pinned with this, and moved by nobody.
        unsafe { self.map_unchecked_mut(|this| &mut this.future) }
    }
}

impl<F: Future> Future for Polled<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(_root) = Root::take() else {
            panic!("this thread's lock token is in use further up the stack: pass it down to here")
        };
        POLLED.with(|polled| polled.set(self.task));
        let _reset = Reset;
        self.future().as_pin_mut().expect("there until it is dropped").poll(context)
    }
}

/// Ends a poll, also by a panic.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        POLLED.with(|polled| polled.set(ptr::null()));
    }
}

impl<F> Drop for Polled<'_, F> {
    fn drop(&mut self) {
        // Destructors inside run while guards live, so they get no root either. If it is out already, so much the better.
        let _root = Root::take();
        // SAFETY: it is not moved again.
        unsafe { Pin::new_unchecked(self) }.future().set(None);
    }
}

/// A [`Token`] for a task: says that the task holds no [`LevelAsyncMutex`] of a level newer than `Held`, and lets it acquire
/// those that come [`After`] it.
///
/// It comes from [`ordered`]. As a task may go on on another thread after each `.await`, it is `Send`, where a thread's
/// token is not; a waiting that is polled by others than its task panics.
///
/// What waits borrows the token until it is through or dropped. So the arms of a `select!` or `join!` cannot both wait for locks; and
/// a future that is no longer polled, but may have a lock, keeps its task from asking for more:
///
/// ```compile_fail,E0499
/// use lockline::ordered::{LevelAsyncMutex, TaskToken, Unlocked};
/// use std::pin::pin;
///
/// lockline::lock_levels! { levels { Account; } }
/// static ACCOUNT: LevelAsyncMutex<Account, i64> = LevelAsyncMutex::new(0);
///
/// async fn work(token: &mut TaskToken<'_, Unlocked>) {
///     let account = token.lock(&ACCOUNT).await;
///     // Waits for something else.
/// }
///
/// async fn task(token: &mut TaskToken<'_, Unlocked>) {
///     let work = pin!(work(token));
///     // It is polled for a while, then given up, but not dropped.
///     let account = token.lock(&ACCOUNT).await;
///     drop(work);
/// }
/// ```
pub struct TaskToken<'t, Held> {
    task: &'t Task,
    held: PhantomData<fn() -> Held>,
}

impl<'t, Held: Level> TaskToken<'t, Held> {
    /// For whoever has the right to one.
    pub(super) fn new(task: &'t Task) -> Self {
        Self { task, held: PhantomData }
    }

    pub(super) fn task(&self) -> &'t Task {
        self.task
    }

    /// A token to pass on by value. This one is back when that is gone.
    pub fn reborrow(&mut self) -> TaskToken<'_, Held> {
        TaskToken::new(self.task)
    }

    /// A token as if an `M` were held, for a callee that names that level.
    pub fn restrict<M: Level + After<Held>>(&mut self) -> TaskToken<'_, M> {
        const { ranks_rise::<Held, M>() }
        TaskToken::new(self.task)
    }

    /// Waits until it has the lock. Nothing else can be acquired while the guard lives; where something must be,
    /// there is [`lock_and`](Self::lock_and).
    ///
    /// # Panics
    ///
    /// Polled outside of the token's task.
    pub async fn lock<'g, M: Level + After<Held>, T: ?Sized>(
        &'g mut self,
        lock: &'g LevelAsyncMutex<M, T>,
    ) -> AsyncMutexGuard<'g, T> {
        const { ranks_rise::<Held, M>() }
        self.task.wait(lock.acquire()).await
    }

    /// As [`lock`](Self::lock), with a token for what comes after. Guards can be dropped in any order; this token is
    /// back when the guard and the new token are both gone.
    ///
    /// # Panics
    ///
    /// As [`lock`](Self::lock).
    pub async fn lock_and<'g, M: Level + After<Held>, T: ?Sized>(
        &'g mut self,
        lock: &'g LevelAsyncMutex<M, T>,
    ) -> (AsyncMutexGuard<'g, T>, TaskToken<'g, M>) {
        const { ranks_rise::<Held, M>() }
        (self.task.wait(lock.acquire()).await, TaskToken::new(self.task))
    }

    /// Takes the lock if it is free. Of any level, as it does not wait; and nothing else can be acquired while the
    /// guard lives.
    pub fn try_lock<'g, M: Level, T: ?Sized>(
        &'g mut self,
        lock: &'g LevelAsyncMutex<M, T>,
    ) -> Option<AsyncMutexGuard<'g, T>> {
        lock.try_acquire()
    }

    /// Runs `f` with a thread's token of the same level, for a short section with [`LevelMutex`](super::LevelMutex)es. Nothing in it can
    /// `.await`, so that what it locks is released again before the task is suspended.
    ///
    /// # Blocking
    ///
    /// The thread, and with it the other tasks that it would poll.
    ///
    /// # Panics
    ///
    /// Outside of the token's task.
    ///
    /// # Examples
    ///
    /// ```
    /// use lockline::ordered::{LevelAsyncMutex, LevelMutex, TaskToken, Unlocked};
    ///
    /// lockline::lock_levels! { levels { Connection; Stats after Connection; } }
    /// static CONNECTION: LevelAsyncMutex<Connection, Vec<u8>> = LevelAsyncMutex::new(Vec::new());
    /// static SENT: LevelMutex<Stats, usize> = LevelMutex::new(0);
    ///
    /// async fn send(token: &mut TaskToken<'_, Unlocked>, bytes: &[u8]) {
    ///     let (mut connection, mut token) = token.lock_and(&CONNECTION).await;
    ///     connection.extend(bytes);
    ///     token.blocking(|mut token| *token.lock(&SENT) += bytes.len());
    /// }
    /// ```
    #[track_caller]
    pub fn blocking<R>(&mut self, f: impl FnOnce(Token<'_, Held>) -> R) -> R {
        self.task.check();
        f(Token::new())
    }
}

impl<Held: Level> fmt::Debug for TaskToken<'_, Held> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskToken<{}>", Held::NAME)
    }
}
