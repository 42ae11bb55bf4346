//! What tokens allow, and what they cost. What they forbid is in `tests/ui`.

use lockline::{
    Mutex, lock_levels,
    ordered::{
        After, Always, DuplicateLock, Level, LevelMutex, Never, OrderedGuard, Root, Token,
        Unlocked, with_root,
    },
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    cell::Cell,
    mem,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    rc::Rc,
    thread,
    time::Duration,
};

lock_levels! {
    pub levels {
        Registry;
        Account after Registry;
        Audit after Registry;
        Journal after Account, Audit;
        Stats;
    }
}

lock_levels! {
    levels after Journal { Cache; Row after Cache; }
}

static REGISTRY: LevelMutex<Registry, u32> = LevelMutex::new(0);

#[derive(Default)]
struct Bank {
    accounts: [LevelMutex<Account, i64>; 3],
    audit: LevelMutex<Audit, u32>,
    journal: LevelMutex<Journal, Vec<String>>,
}

fn write(bank: &Bank, mut token: Token<'_, Account>, line: &str) {
    token.lock(&bank.journal).push(line.to_owned());
}

fn count<Held: Level>(bank: &Bank, token: &mut Token<'_, Held>)
where
    Audit: After<Held>,
{
    *token.lock(&bank.audit) += 1;
}

fn call_back<Held: Level>(token: Token<'_, Held>, f: impl FnOnce(Token<'_, Held>)) {
    f(token);
}

/// As a plug-in would be called: the signature says what it may lock.
trait Plugin {
    fn run(&self, bank: &Bank, token: Token<'_, Account>);
}

struct Writes;

impl Plugin for Writes {
    fn run(&self, bank: &Bank, token: Token<'_, Account>) {
        write(bank, token, "by a plug-in");
    }
}

/// Ignores its token, and asks for one of its own.
struct TakesRoot;

impl Plugin for TakesRoot {
    fn run(&self, bank: &Bank, _token: Token<'_, Account>) {
        with_root(|mut token| *token.lock(&bank.accounts[0]) += 1);
    }
}

#[test]
fn what_the_order_allows() {
    let bank = Bank::default();
    with_root(|mut token| {
        let (registry, mut at_registry) = token.lock_and(&REGISTRY);
        count(&bank, &mut at_registry);
        let (mut account, mut at_account) = at_registry.lock_and(&bank.accounts[0]);
        *account += 7;
        // Not the newest first.
        drop(registry);
        write(&bank, at_account.reborrow(), "concrete level");
        call_back(at_account.reborrow(), |token| write(&bank, token, "in a callback"));
        Writes.run(&bank, at_account);
        drop(account);

        // The other side of the diamond.
        let (audit, mut at_audit) = token.lock_and(&bank.audit);
        assert_eq!(at_audit.lock(&bank.journal).len(), 3);
        drop(audit);
        // A level that skips others.
        write(&bank, token.restrict(), "from the start");
    });
    let (journal, audit) = (bank.journal.into_inner(), bank.audit.into_inner());
    assert_eq!((journal.len(), audit), (4, 1));
}

#[test]
fn ranks_and_names() {
    assert_eq!(
        [Unlocked::RANK, Registry::RANK, Account::RANK, Audit::RANK, Journal::RANK, Stats::RANK],
        [0, 1, 2, 2, 3, 1]
    );
    // Another declaration goes on counting.
    assert_eq!([Cache::RANK, Row::RANK], [4, 5]);
    assert_eq!((Journal::NAME, Row::NAME), ("Journal", "Row"));
    let text =
        with_root(|mut token| format!("{:?} ", token.restrict::<Row>()) + &format!("{token:?}"));
    assert_eq!(text, "Token<Row> Token<Unlocked>");
}

#[test]
fn trying_is_allowed_at_any_level() {
    let bank = Bank::default();
    with_root(|mut token| {
        let (_journal, mut token) = token.lock_and(&bank.journal);
        *token.try_lock(&bank.accounts[0]).unwrap() += 1;
        *token.try_lock_for(&bank.accounts[0], Duration::from_secs(9)).unwrap() += 1;
        let held = token.try_lock(&bank.accounts[1]).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                with_root(|mut token| {
                    assert!(token.try_lock(&bank.accounts[1]).is_none());
                    let soon = Duration::from_millis(1);
                    assert!(token.try_lock_for(&bank.accounts[1], soon).is_none());
                });
            });
        });
        drop(held);
    });
    assert_eq!(bank.accounts[0].lock_value(), 2);
}

trait LockValue {
    fn lock_value(&self) -> i64;
}

impl LockValue for LevelMutex<Account, i64> {
    fn lock_value(&self) -> i64 {
        with_root(|mut token| *token.lock(self))
    }
}

#[test]
fn one_root_for_each_thread() {
    let root = Root::take();
    assert!(root.is_some());
    // Asking in vain, or panicking for it, does not free it.
    assert!(Root::take().is_none());
    assert!(catch_unwind(|| with_root(|_token| ())).is_err());
    assert!(Root::take().is_none());
    // Another thread has its own.
    assert!(thread::spawn(|| Root::take().is_some()).join().unwrap());
    drop(root);
    assert!(Root::take().is_some());
}

#[test]
fn a_second_root_panics_instead_of_deadlocking() {
    let bank = Bank::default();
    let nested = catch_unwind(AssertUnwindSafe(|| {
        with_root(|mut token| {
            let (_account, token) = token.lock_and(&bank.accounts[0]);
            TakesRoot.run(&bank, token);
        });
    }));
    let message = *nested.unwrap_err().downcast::<&str>().unwrap();
    assert!(message.contains("further up the stack"), "{message}");
    // Unwinding gave the root and the lock back.
    assert_eq!(bank.accounts[0].lock_value(), 0);
}

#[test]
fn a_forgotten_root_stays_taken() {
    thread::spawn(|| {
        mem::forget(Root::take());
        assert!(Root::take().is_none());
    })
    .join()
    .unwrap();
}

/// A hole that no type can close: the token is free, the lock is not. Nobody is in a circle with it.
#[test]
fn a_forgotten_guard_stays_locked() {
    let [forgotten, other] = [const { LevelMutex::<Account, i64, Never>::never(0) }; 2];
    with_root(|mut token| {
        mem::forget(token.lock(&forgotten));
        assert!(token.try_lock(&forgotten).is_none());
        assert_eq!(*token.lock(&other), 0);
    });
}

/// Where the checks are on, they see it.
#[test]
fn a_forgotten_guard_is_held_for_the_checks() {
    let [forgotten, other] = [const { LevelMutex::<Account, i64, Always>::always(0) }; 2];
    with_root(|mut token| {
        mem::forget(token.lock(&forgotten));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(token.lock(&other)))).is_err());
    });
}

#[test]
fn a_duplicate_is_found_before_anything_is_locked() {
    let bank = Bank::default();
    with_root(|mut token| {
        let twice = token.lock_all((&bank.accounts[1], &bank.accounts[1])).map(drop);
        assert_eq!(twice, Err(DuplicateLock { first: 0, second: 1 }));
        assert!(!bank.accounts[1].is_locked());
    });
}

/// Code without a token in its signature: a destructor, a formatter, an ordering.
#[test]
fn a_destructor_can_ask_for_the_root() {
    struct Logs<'a>(&'a LevelMutex<Journal, u32>);
    impl Drop for Logs<'_> {
        fn drop(&mut self) {
            if let Some(mut root) = Root::take() {
                *root.token().lock(self.0) += 1;
            }
        }
    }
    let journal = LevelMutex::new(0);
    drop(Logs(&journal));
    with_root(|mut token| {
        let (_journal, _token) = token.lock_and(&journal);
        // Would deadlock if it locked.
        drop(Logs(&journal));
    });
    assert_eq!(journal.into_inner(), 1);
}

// ----------------------------------------------------------------------------- sizes and auto traits

const_assert_eq!(size_of::<Token<'static, Journal>>(), 0);
const_assert_eq!(size_of::<Root>(), 0);
const_assert_eq!(size_of::<LevelMutex<Journal, u64, Never>>(), size_of::<Mutex<u64>>());

assert_impl_all!(LevelMutex<Journal, Cell<u8>>: Send, Sync, UnwindSafe, RefUnwindSafe);
assert_impl_all!(LevelMutex<Journal, [u8], Always>: Send, Sync);
assert_not_impl_any!(LevelMutex<Journal, Rc<u8>>: Send, Sync);
assert_not_impl_any!(Token<'static, Journal>: Send, Sync, Clone);
assert_not_impl_any!(Root: Send, Sync, Clone);
assert_not_impl_any!(OrderedGuard<'static, u8>: Send, Clone);
assert_impl_all!(OrderedGuard<'static, u8>: Sync);
assert_not_impl_any!(OrderedGuard<'static, Cell<u8>>: Sync);

#[test]
fn debug_shows_the_value_and_never_waits() {
    let mutex = LevelMutex::<Journal, _>::new(7);
    assert_eq!(format!("{mutex:?}"), "LevelMutex { value: 7 }");
    with_root(|mut token| {
        let guard = token.lock(&mutex);
        assert_eq!(format!("{mutex:?}"), "LevelMutex { value: <locked> }");
        assert_eq!(format!("{guard:?} {guard}"), "7 7");
    });
}

/// A mutex of something unsized behaves like any other.
#[test]
fn unsized_values() {
    let values: Box<LevelMutex<Journal, [u8]>> = Box::new(LevelMutex::new([1, 2, 3]));
    assert_eq!(with_root(|mut token| token.lock(&values).len()), 3);
}

/// As with a reference, a guard can be lent for shorter than it lives.
#[test]
fn guards_are_covariant() {
    fn shorter<'a>(guard: OrderedGuard<'a, u32>, _until: &'a u32) -> OrderedGuard<'a, u32> {
        guard
    }
    fn shorter_watched<'a>(
        guard: OrderedGuard<'a, u32, Always>,
        _until: &'a u32,
    ) -> OrderedGuard<'a, u32, Always> {
        guard
    }
    static LONG: LevelMutex<Journal, u32> = LevelMutex::new(1);
    static WATCHED: LevelMutex<Journal, u32, Always> = LevelMutex::always(1);
    with_root(|mut token| {
        let guard: OrderedGuard<'_, u32> = token.lock(&LONG);
        let local = 2;
        assert_eq!(*shorter(guard, &local), 1);
        assert_eq!(*shorter_watched(token.lock(&WATCHED), &local), 1);
    });
}
