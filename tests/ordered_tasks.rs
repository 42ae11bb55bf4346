//! What the tokens of tasks allow, and what they refuse when polled. What does not compile is in `tests/ui`.

use lockline::{
    AsyncMutexGuard, lock_levels,
    ordered::{
        After, CheckedMutex, DuplicateLock, Level, LevelAsyncMutex, LevelMutex, Root, TaskToken,
        Unlocked, ordered, with_root,
    },
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    any::Any,
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

lock_levels! {
    pub levels {
        Registry;
        Account after Registry;
        Audit after Registry;
        Journal after Account, Audit;
    }
}

#[derive(Default)]
struct Bank {
    registry: LevelAsyncMutex<Registry, u32>,
    accounts: [LevelAsyncMutex<Account, i64>; 2],
    audit: LevelAsyncMutex<Audit, u32>,
    journal: LevelAsyncMutex<Journal, Vec<String>>,
    /// Only ever held for a moment.
    lines: LevelMutex<Journal, usize>,
}

async fn write(bank: &Bank, mut token: TaskToken<'_, Account>, line: &str) {
    token.lock(&bank.journal).await.push(line.to_owned());
}

async fn count<Held: Level>(bank: &Bank, token: &mut TaskToken<'_, Held>)
where
    Audit: After<Held>,
{
    *token.lock(&bank.audit).await += 1;
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::new(Unpark(thread::current())))))
}

/// Lets other tasks run, and with luck goes on on another thread.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn message(panic: Box<dyn Any + Send>) -> &'static str {
    *panic.downcast::<&str>().unwrap()
}

#[test]
fn what_the_order_allows() {
    let bank = Bank::default();
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (registry, mut at_registry) = token.lock_and(&bank.registry).await;
        count(&bank, &mut at_registry).await;
        let (mut account, mut at_account) = at_registry.lock_and(&bank.accounts[0]).await;
        *account += 7;
        // Not the newest first.
        drop(registry);
        yield_now().await;
        write(&bank, at_account.reborrow(), "with a token lent").await;
        write(&bank, at_account, "with a token given").await;
        drop(account);

        // The other side of the diamond.
        let (audit, mut at_audit) = token.lock_and(&bank.audit).await;
        assert_eq!(at_audit.lock(&bank.journal).await.len(), 2);
        drop(audit);
        // A level that skips others.
        write(&bank, token.restrict(), "from the start").await;
        let text = format!("{:?} ", token.restrict::<Audit>()) + &format!("{token:?}");
        assert_eq!(text, "TaskToken<Audit> TaskToken<Unlocked>");
    }));
    assert_eq!((bank.journal.into_inner().len(), bank.audit.into_inner()), (3, 1));
}

/// On threads that tasks change between, with guards held meanwhile.
#[test]
fn tasks_of_a_runtime_get_along() {
    const TASKS: i64 = 8;
    const ROUNDS: i64 = 100;
    let bank = Arc::new(Bank::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let bank = Arc::clone(&bank);
            runtime.spawn(ordered(async move |mut token: TaskToken<'_, Unlocked>| {
                let [a, b] = &bank.accounts;
                for _ in 0..ROUNDS {
                    drop(token.lock_all(&[b, a]).await.unwrap());
                    let (from, to) = if task % 2 == 0 { (0, 1) } else { (1, 0) };
                    let (from, to) = (&bank.accounts[from], &bank.accounts[to]);
                    let (mut from, mut to, mut token) = token.lock_both(from, to).await.unwrap();
                    *from -= task;
                    yield_now().await;
                    *to += task;
                    drop(from);
                    write(&bank, token.reborrow(), "moved").await;
                    token.blocking(|mut token| *token.lock(&bank.lines) += 1);
                }
            }))
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    drop(runtime);
    let bank = Arc::into_inner(bank).unwrap();
    let lines = usize::try_from(TASKS * ROUNDS).unwrap();
    assert_eq!((bank.journal.into_inner().len(), bank.lines.into_inner()), (lines, lines));
    // Odd tasks move to the first account what even ones move from it.
    assert_eq!(bank.accounts.map(LevelAsyncMutex::into_inner), [4 * ROUNDS, -4 * ROUNDS]);
}

#[test]
fn waiting_ends_with_the_release() {
    let lock = LevelAsyncMutex::<Account, u32>::new(0);
    let work = || {
        ordered(async |mut token: TaskToken<'_, Unlocked>| {
            let mut guard = token.lock(&lock).await;
            *guard += 1;
            yield_now().await;
        })
    };
    let (mut first, mut second) = (pin!(work()), pin!(work()));
    assert!(poll_once(first.as_mut()).is_pending());
    // It waits, with the thread's root given back.
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(Root::take().is_some());
    assert!(poll_once(first).is_ready());
    block_on(second);
    let read = ordered(async |mut token: TaskToken<'_, Unlocked>| *token.lock(&lock).await);
    assert_eq!(block_on(read), 2);
}

#[test]
fn trying_is_allowed_at_any_level() {
    let bank = Bank::default();
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (_journal, mut token) = token.lock_and(&bank.journal).await;
        assert!(token.try_lock(&bank.journal).is_none());
        *token.try_lock(&bank.accounts[0]).unwrap() += 1;
    }));
    let [first, _] = bank.accounts;
    assert_eq!(first.into_inner(), 1);
}

#[test]
fn a_duplicate_is_found_before_anything_is_locked() {
    let bank = Bank::default();
    let [first, second] = &bank.accounts;
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let twice = token.lock_both(first, first).await.map(drop);
        assert_eq!(twice, Err(DuplicateLock { first: 0, second: 1 }));
        assert!(token.try_lock(first).is_some());
        // The guards come as the locks do.
        for (one, other) in [(first, second), (second, first)] {
            let (mut guard, _, _) = token.lock_both(one, other).await.unwrap();
            *guard += 5;
            drop(guard);
            assert_eq!(*token.lock(one).await, 5);
        }
    }));
}

#[test]
fn sets_of_any_size() {
    const N: usize = 10;
    let locks: [LevelAsyncMutex<Account, usize>; N] =
        std::array::from_fn(LevelAsyncMutex::<Account, usize>::new);
    let other = LevelAsyncMutex::<Account, &str>::new("of another type");
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (a, b, at_account) = token.lock_both(&locks[2], &other).await.unwrap();
        assert_eq!((*a, *b), (2, "of another type"));
        assert_eq!(format!("{at_account:?}"), "TaskToken<Account>");
        drop((a, b));
        let backwards: [_; N] = std::array::from_fn(|n| &locks[N - 1 - n]);
        let (guards, _) = token.lock_all(&backwards).await.unwrap();
        assert!(guards.iter().rev().map(|guard| **guard).eq(0..N));
        drop(guards);
        let (guards, _) = token.lock_all(&backwards[2..7]).await.unwrap();
        assert!(guards.iter().rev().map(|guard| **guard).eq(3..8));
        drop(guards);
        let twice = [&locks[4], &locks[0], &locks[7], &locks[0], &locks[4]];
        let twice = token.lock_all(&twice).await.map(drop);
        assert_eq!(twice, Err(DuplicateLock { first: 1, second: 3 }));
        assert!(token.lock_all(&[] as &[&LevelAsyncMutex<Account, u32>]).await.is_ok());
    }));
    assert!(poll_free(&locks));
}

/// Whether all are free.
fn poll_free<T>(locks: &[LevelAsyncMutex<Account, T>]) -> bool {
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        locks.iter().all(|lock| token.try_lock(lock).is_some())
    }))
}

/// Waiting for one of a set, it has those before it; given up, it has none.
#[test]
fn a_set_given_up_is_released() {
    let locks: [LevelAsyncMutex<Account, u32>; 3] = Default::default();
    let [a, b, c] = &locks;
    let mut holder = pin!(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _b = token.lock(b).await;
        yield_now().await;
    }));
    assert!(poll_once(holder.as_mut()).is_pending());
    {
        let mut set = pin!(ordered(async |mut token: TaskToken<'_, Unlocked>| {
            token.lock_all(&[c, b, a]).await.map(drop)
        }));
        assert!(poll_once(set.as_mut()).is_pending());
        // By address, whatever the order of the arguments.
        block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
            assert!(token.try_lock(a).is_none());
            assert!(token.try_lock(c).is_some());
        }));
    }
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        assert!(token.try_lock(a).is_some());
    }));
    assert!(poll_once(holder).is_ready());
    assert!(poll_free(&locks));
}

/// A hole: the checks at run time count by thread, and a task has none of its own.
#[test]
fn what_a_task_has_is_not_known_to_the_checks() {
    let account = LevelAsyncMutex::<Account, u32>::new(0);
    let checked = CheckedMutex::always_leveled::<Account>(0);
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _account = token.lock(&account).await;
        // Two of one level, one by one, of which one is not seen.
        assert!(checked.checked_lock().is_ok());
    }));
}

// ----------------------------------------------------------------------------- one chain for each task

#[test]
fn a_thread_that_polls_a_task_has_no_token() {
    let task = ordered(async |_: TaskToken<'_, Unlocked>| {
        assert!(Root::take().is_none());
        yield_now().await;
        assert!(Root::take().is_none());
    });
    let mut task = pin!(task);
    assert!(poll_once(task.as_mut()).is_pending());
    assert!(Root::take().is_some());
    assert!(poll_once(task).is_ready());
    assert!(Root::take().is_some());
}

#[test]
fn a_second_chain_panics_instead_of_deadlocking() {
    let nested = || {
        block_on(ordered(async |_: TaskToken<'_, Unlocked>| {
            ordered(async |_: TaskToken<'_, Unlocked>| ()).await;
        }));
    };
    let blocking = || block_on(ordered(async |_: TaskToken<'_, Unlocked>| with_root(|_| ())));
    let under_a_thread =
        || with_root(|_token| block_on(ordered(async |_: TaskToken<'_, Unlocked>| ())));
    for chain in [&nested as &dyn Fn(), &blocking, &under_a_thread] {
        let panic = catch_unwind(AssertUnwindSafe(chain)).unwrap_err();
        assert!(message(panic).contains("further up the stack"));
        // Unwinding gave it back.
        assert!(Root::take().is_some());
    }
}

/// Types let a token go to a thread that the poll waits for. There it is of no use, whether that polls a task or not.
#[test]
fn a_token_works_in_its_task_only() {
    let account = LevelAsyncMutex::<Account, u32>::new(0);
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let plainly = thread::scope(|scope| {
            scope.spawn(|| drop(block_on(token.lock(&account)))).join().unwrap_err()
        });
        assert!(message(plainly).contains("outside of its task"));
        let in_another = thread::scope(|scope| {
            let smuggled = &mut token;
            scope
                .spawn(|| {
                    block_on(ordered(async |_: TaskToken<'_, Unlocked>| {
                        drop(smuggled.lock(&account).await);
                    }));
                })
                .join()
                .unwrap_err()
        });
        assert!(message(in_another).contains("outside of its task"));
        let blocking =
            thread::scope(|scope| scope.spawn(|| token.blocking(|_| ())).join().unwrap_err());
        assert!(message(blocking).contains("outside of its task"));
        *token.lock(&account).await += 1;
    }));
    assert_eq!(account.into_inner(), 1);
}

/// Asks for a root where it is dropped.
struct Asks<'a>(&'a Cell<Option<bool>>);

impl Drop for Asks<'_> {
    fn drop(&mut self) {
        self.0.set(Some(Root::take().is_some()));
    }
}

#[test]
fn a_task_given_up_releases_its_locks() {
    let (account, had_root) = (LevelAsyncMutex::<Account, u32>::new(0), Cell::new(None));
    let work = || {
        Box::pin(ordered(async |mut token: TaskToken<'_, Unlocked>| {
            let _account = token.lock(&account).await;
            let _asks = Asks(&had_root);
            pending::<()>().await;
        }))
    };
    let mut task = work();
    assert!(poll_once(task.as_mut()).is_pending());
    drop(task);
    // A guard was still alive.
    assert_eq!(had_root.take(), Some(false));
    assert!(Root::take().is_some());

    // Nor does it give away the root of the thread it is dropped by.
    let mut task = work();
    assert!(poll_once(task.as_mut()).is_pending());
    with_root(|_token| {
        drop(task);
        assert!(Root::take().is_none());
    });
    assert_eq!(had_root.take(), Some(false));
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| drop(token.lock(&account).await)));
}

/// A hole: each of the two is a chain of its own, and who polls both can stop polling the one that has the lock.
#[test]
fn a_task_that_is_not_polled_keeps_its_locks() {
    let account = LevelAsyncMutex::<Account, u32>::new(0);
    let mut idle = Box::pin(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _account = token.lock(&account).await;
        yield_now().await;
    }));
    assert!(poll_once(idle.as_mut()).is_pending());
    let mut waits =
        pin!(ordered(async |mut token: TaskToken<'_, Unlocked>| *token.lock(&account).await));
    for _ in 0..10 {
        assert!(poll_once(waits.as_mut()).is_pending());
    }
    drop(idle);
    assert!(poll_once(waits).is_ready());
}

// ----------------------------------------------------------------------------- sizes and auto traits

const_assert_eq!(size_of::<TaskToken<'static, Journal>>(), size_of::<usize>());
const_assert_eq!(
    size_of::<LevelAsyncMutex<Journal, u64>>(),
    size_of::<lockline::AsyncMutex<u64>>()
);

assert_impl_all!(TaskToken<'static, Journal>: Send);
assert_not_impl_any!(TaskToken<'static, Journal>: Clone);
assert_impl_all!(LevelAsyncMutex<Journal, Cell<u8>>: Send, Sync);
assert_impl_all!(LevelAsyncMutex<Journal, [u8]>: Send, Sync);
assert_not_impl_any!(LevelAsyncMutex<Journal, Rc<u8>>: Send, Sync);
assert_impl_all!(AsyncMutexGuard<'static, u8>: Send);

/// With guards and tokens kept over an `.await`.
#[test]
fn a_task_can_be_sent() {
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    let bank = Bank::default();
    let task = sendable(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let (mut account, mut token) = token.lock_and(&bank.accounts[0]).await;
        count_lines(&bank, &mut token).await;
        yield_now().await;
        *account += 1;
        write(&bank, token, "sent").await;
        *account
    }));
    let mut task = Box::pin(task);
    assert!(poll_once(task.as_mut()).is_pending());
    assert_eq!(thread::scope(|scope| scope.spawn(|| block_on(task)).join().unwrap()), 1);
}

async fn count_lines(bank: &Bank, token: &mut TaskToken<'_, Account>) {
    let lines = token.lock(&bank.journal).await.len();
    token.blocking(|mut token| *token.lock(&bank.lines) = lines);
}

#[test]
fn debug_shows_the_value_and_never_waits() {
    let mutex = LevelAsyncMutex::<Journal, _>::from(7);
    assert_eq!(format!("{mutex:?}"), "LevelAsyncMutex { value: 7 }");
    block_on(ordered(async |mut token: TaskToken<'_, Unlocked>| {
        let _guard = token.lock(&mutex).await;
        assert_eq!(format!("{mutex:?}"), "LevelAsyncMutex { value: <locked> }");
    }));
    let mut mutex = mutex;
    *mutex.get_mut() += 1;
    assert_eq!(mutex.into_inner(), 8);
}
