//! Locks in an order: the wrong one does not compile, and where types cannot reach, it is refused before it blocks.
//!
//! A deadlock takes four things at once (Coffman, 1971). Each can be taken away:
//!
//! | it takes          | taken away by                                              | here                            |
//! |-------------------|------------------------------------------------------------|---------------------------------|
//! | circular wait     | an order, checked by the compiler                          | [`LevelMutex`], [`Token`]       |
//! |                   | the same for tasks                                         | [`LevelAsyncMutex`], [`TaskToken`] |
//! |                   | the same for permits                                       | [`LevelSemaphore`], [`LevelAsyncSemaphore`] |
//! |                   | the same for room in queues                                | [`LevelQueue`], [`Consumer`]    |
//! |                   | an order, checked at run time                              | [`CheckedMutex`], [`CheckedSemaphore`], [`CheckedQueue`] |
//! | hold and wait     | taking all at once                                         | [`Token::lock_all`], [`lock_all`], [`Token::acquire_many`] |
//! |                   | letting go and walking anew, where all are not known before | [`Token::ascending`]           |
//! | no preemption     | refusing the wait that closes the circle, and starting again | [`CheckedMutex::lock_or_deadlock`] |
//! |                   | giving up in time                                          | [`Token::try_lock_for`], [`CheckedMutex::try_lock_for`], [`Token::push_for`] |
//! | mutual exclusion  | not locking                                                | [`Counter`](crate::Counter), atomics |
//!
//! Declare the order once, with [`lock_levels!`](crate::lock_levels). Locks that code with tokens takes are `LevelMutex`es: they cost what
//! the plain mutex costs. Where a token cannot go, through a trait of somebody else's, a `Drop`, a C callback, a
//! `CheckedMutex` of the same level is checked at run time. In builds with debug assertions both are, and see each
//! other. [`observed`] writes the declaration for a program that has none yet.
//!
//! Tasks have tokens of their own, from [`ordered`](ordered()), which they keep over an `.await` and take along from thread to thread.
//!
//! Permits of a semaphore are held like locks, though by several: whoever waits for one waits for those who have them. So
//! a [`LevelSemaphore`] has a level, and a thread takes all the permits of a pool that it needs at once; a [`CheckedSemaphore`] is in the learnt
//! order and in the waits, where permits are counted.
//!
//! Who pushes to a full queue waits for those who empty it, and these hold nothing that would show it. So a [`LevelQueue`] has a level too, at
//! which its consumers stand for as long as they are that: they take later locks only, and nobody has one of these while it pushes. The
//! consumers of a [`CheckedQueue`] are known as such as well, and its room is in the learnt order.
//!
//! Threads are waited for too: [`Token::scope`] puts joining them into the declared order, [`spawn`] into the one that is learnt.
//!
//! # Examples
//!
//! ```
//! use lockline::ordered::{LevelMutex, Token, Unlocked, with_root};
//!
//! lockline::lock_levels! {
//!     levels {
//!         Account;
//!         Journal after Account;
//!     }
//! }
//!
//! struct Bank {
//!     accounts: Vec<LevelMutex<Account, i64>>,
//!     journal: LevelMutex<Journal, Vec<String>>,
//! }
//!
//! fn transfer(bank: &Bank, token: &mut Token<'_, Unlocked>, from: usize, to: usize, amount: i64) {
//!     let ((mut from, mut to), mut token) =
//!         token.lock_all((&bank.accounts[from], &bank.accounts[to])).expect("two accounts");
//!     *from -= amount;
//!     *to += amount;
//!     token.lock(&bank.journal).push(format!("{amount} moved"));
//! }
//!
//! let bank = Bank {
//!     accounts: vec![LevelMutex::new(100), LevelMutex::new(0)],
//!     journal: LevelMutex::new(Vec::new()),
//! };
//! with_root(|mut token| transfer(&bank, &mut token, 0, 1, 30));
//! assert_eq!(with_root(|mut token| *token.lock(&bank.accounts[1])), 30);
//! ```
//!
//! # What is proven
//!
//! A program in which every thread waits for locks with its one chain of tokens, and each wait is for a later level, or for
//! the set of one level, or in a walk over it, has no circle of waits. Permits taken at once are one lock in this. Tokens make sure of both: there is one [`Root`] for each thread; a guard keeps the
//! token it came from borrowed; a level that does not come after is a compile error; and behind that error, which a
//! hand-written implementation could silence, the rank of the level has to rise, which none can. It needs no `unsafe` in the
//! user's code and none can be avoided without it.
//!
//! The same goes for room in the queue of a level, if somebody goes on consuming it: a consumer waits for later levels
//! only, or for items, and then it holds nothing.
//!
//! The same goes for tasks that wait with their tokens, if all of them are polled whenever they are woken. A thread that polls one
//! has its root taken meanwhile, a task's token waits in its task only, and its [`blocking`](TaskToken::blocking) sections
//! end before the task is suspended: so threads never wait for tasks, and tasks for threads only while these hold a `LevelMutex`,
//! permits, or the part of a [`Consumer`].
//!
//! # What is not
//!
//! Each of these holes has a test that shows it, or a reason why there can be none.
//!
//! 1. **A guard that is forgotten** (`mem::forget`, a cycle of `Rc`s) leaves its lock locked and frees the token: others wait for
//!    ever, though in no circle. To the run-time checks it is held for ever.
//!    `tests/ordered_levels.rs`: `a_forgotten_guard_stays_locked`, `a_forgotten_guard_is_held_for_the_checks`.
//! 2. **Locks that are not of this module** are not seen, nor are channels, condition variables, files. No test can show that
//!    nothing is seen; that a guard of ours is none for a [`Condvar`](crate::Condvar), which would keep the other locks while it
//!    waits, is in `tests/ui/condvar.rs`.
//! 3. **Code without a token in its signature**: `Drop`, `Display`, `Ord`. [`Root::take`] says whether a token can be had; [`with_root`]
//!    panics, which in a `Drop` while unwinding ends the process. `a_destructor_can_ask_for_the_root`.
//! 4. **Two copies of this crate** in one program (two versions, a dynamic library) give a thread two roots. A test would
//!    have to depend on a version that does not exist yet.
//! 5. **Stacks that change threads** (coroutines) take a token along to a thread with a root of its own, and signal handlers
//!    run beside one. There is no such stack in safe Rust to test with.
//! 6. **The rank** that stops hand-written orders is looked at when code is generated: `cargo check` does not show it, `cargo build` does.
//!    `tests/ui/hand_written_relation.rs`, and `task_hand_written_relation.rs`: of a task that is never polled, there is no code.
//! 7. **Threads joined otherwise** than by [`Token::scope`], or started by other means than [`spawn`], are not part of the order:
//!    std's `JoinHandle::join` with a lock in hand that the thread needs. No test: it would hang, as it does with any lock.
//! 8. **Refused though harmless**: two levels without an order between them are never held together; the run-time order does not know
//!    that a lock around both orders, or a phase of the program, makes them safe (`a_gate_lock_does_not_excuse`); and two locks of
//!    one class are refused where an order among them would do (`two_of_one_class`). A thread consumes one queue at a time, and one that
//!    a [`Token::scope`] waits for consumes none (`tests/ui/queue_two_parts.rs`, `queue_consume_in_scope.rs`). To the run-time order, one
//!    consumer that waits is as bad as all of them ([`CheckedQueue`] has the list).
//! 9. **Not refused though harmful**: an order that was never run is not learnt; a wait with a deadline is not checked and can
//!    fail again and again (`trying_is_not_checked_and_comes_after_nothing`); beyond 1,023 classes locks are not checked
//!    ([`ObservedOrder::is_incomplete`]; the model `ordered::classes_run_out`); in destructors of thread-locals
//!    they are not either (`locks_in_destructors_of_thread_locals`).
//! 10. **A circle of waits that includes others than watched locks and permits**, or such with [`Never`], is not seen by
//!     `lock_or_deadlock` (`switched_off_nothing_is_seen`). Nor is one whose lock belongs to a thread that ended with the guard forgotten
//!     (`a_lock_of_a_thread_that_ended`).
//! 11. **A task that is not polled** keeps its locks: one of two [`ordered`](ordered()) futures that the same code polls, and stops
//!     polling (`tests/ordered_tasks.rs`: `a_task_that_is_not_polled_keeps_its_locks`). Within one, the token stays borrowed, and
//!     it does not compile (`tests/ui/task_not_polled.rs`). Nor are other things seen that a task waits for, as 2 and 7 say of threads:
//!     a task that is joined with a lock in hand that it needs.
//! 12. **A token in another task's hands**, or a scoped thread's, compiles; there it panics before it waits (`a_token_works_in_its_task_only`).
//! 13. **Async mutexes and semaphores are not checked at run time**: a [`CheckedMutex`] in a task knows nothing of the `LevelAsyncMutex`es that
//!     the task has, and [`observed`] does not list them (`tests/ordered_tasks.rs`: `what_a_task_has_is_not_known_to_the_checks`). Their guards are held by tasks, and the checks count by thread.
//! 14. Starvation, priorities, and recoveries that keep undoing each other's work are other problems. A walk that
//!     comes to a lock it has already backs off from it each time (`tests/ordered_walks.rs`: `a_lock_of_the_walk_is_busy`).
//! 15. **Who stands before whom** in the line of a semaphore is not known to the checks: a small request may wait behind a large one that
//!     waits for what the small one's thread has (`tests/ordered_permits.rs`: `waiters_ahead_are_not_seen`). With tokens
//!     this cannot be, as nobody in the line has permits of that pool.
//! 16. **A permit is a lock to the learnt order**, however many there are: two pools, or a pool and a lock, in both orders are refused though
//!     the pools may never be empty (`both_call_sites_are_named`). And a wait counts as one that never ends although a
//!     [`close`](CheckedSemaphore::close) would end it; how many permits there are cannot change (there is no `add_permits` here to test).
//! 17. **Permits of a plain [`Semaphore`](crate::Semaphore)**, and of a [`LevelAsyncSemaphore`] for the checks at run time, are not seen, as 2 and
//!     13 say of locks. A forgotten permit is as a forgotten guard (`a_forgotten_permit_is_held`).
//! 18. **Plain queues, and those of a level, are not checked at run time**: to push to a [`WorkQueue`](crate::WorkQueue) with a lock in hand that its
//!     consumers take, or to a [`LevelQueue`] with such a [`CheckedMutex`], is not refused (`tests/ordered_queue.rs`:
//!     `queues_are_not_known_to_the_checks`). A [`CheckedQueue`] is, as far as its threads say what they are: producers need not, and a
//!     consumer that dropped its part and then takes the lock is none (`tests/ordered_checked_parts.rs`: `a_consumer_that_gives_up`). Its waits are in the
//!     learnt order, and not among the waits that `lock_or_deadlock` looks at, as 10 says. It is for threads: tasks consume it in what blocks only.
//! 19. **A queue that nobody consumes** stays full: nobody began to, or the last [`Consumer`] ended, by a panic too, or gave its part up
//!     and now wants what somebody has who pushes (`a_consumer_that_gives_up`). Whoever goes last closes the queue, which ends these waits.
//!     And where nobody pushes, items are waited for without an end, though in nobody's way (`nobody_has_an_item`).
//! 20. **Tasks have no queue of a level**: a task's token does not push (`tests/ui/queue_push_with_tasks_token.rs`). Its
//!     [`blocking`](TaskToken::blocking) sections do, and consume until they end (`a_task_pushes_in_a_blocking_section`): then the thread
//!     that polls it waits, and all tasks with it that only this thread would poll. There is no test of that: it would hang.
//!
//! # What defeats others
//!
//! The programs that get past `surelock`, `lock_tree`, `lock_ordering`, `sortlock` and `tracing-mutex` are among the tests: those in
//! `tests/ui` that name them, and the section of `tests/ordered_checked.rs` that does.

mod ascending;
mod checked;
mod checked_queue;
mod checked_semaphore;
mod dump;
mod error;
mod join;
mod level_async_mutex;
mod level_async_semaphore;
mod level_mutex;
mod level_queue;
mod level_semaphore;
mod levels;
mod lock;
mod origin;
mod pool;
mod room;
#[cfg(not(all(loom, feature = "loom")))]
mod scope;
mod set;
mod task;
mod task_set;
mod token;
mod trace;
mod watch;

pub use ascending::{Ascending, Backoff};
pub use checked::CheckedMutex;
pub use checked_queue::{CheckedConsumer, CheckedProducer, CheckedPushError, CheckedQueue};
pub use checked_semaphore::CheckedSemaphore;
pub use dump::{ObservedOrder, observed};
pub use error::{OrderError, OrderErrorKind, Step};
pub use join::{JoinHandle, spawn};
pub use level_async_mutex::LevelAsyncMutex;
pub use level_async_semaphore::{LevelAsyncSemaphore, TaskPermit};
pub use level_mutex::LevelMutex;
pub use level_queue::{Consumer, HoldsOnly, LevelQueue};
pub use level_semaphore::LevelSemaphore;
pub use levels::{After, Level, Unlocked};
pub use lock::OrderedGuard;
pub use pool::{CheckedAcquireError, OrderedPermit};
#[cfg(not(all(loom, feature = "loom")))]
pub use scope::Scope;
pub use set::{CheckedSet, DuplicateLock, LockAllError, LockSet, lock_all};
pub use task::{TaskToken, ordered};
pub use token::{Root, Token, with_root};
pub use watch::{Always, ByBuild, Checks, Never};

/// For `lock_levels!`, and for the property tests.
#[doc(hidden)]
pub mod __private {
    pub use super::{
        levels::{Bool, Place, Reach, closure, ranks},
        trace::{Trace, WaitTrace},
    };
}
