//! The order that is learnt and kept at run time, by what a user sees of it.

use lockline::{
    lock_levels,
    ordered::{
        Always, CheckedMutex, Level, LevelMutex, Never, OrderError, OrderErrorKind, OrderedGuard,
        Step, observed, with_root,
    },
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert, const_assert_eq};
use std::{
    cell::Cell,
    error::Error,
    mem,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    rc::Rc,
    sync::Barrier,
    thread,
    time::Duration,
};

type Lock = CheckedMutex<u32, Always>;

lock_levels! { levels { Registry; Account after Registry; Audit after Registry; Journal after Account, Audit; } }

fn kind<T>(result: Result<T, OrderError>) -> Option<OrderErrorKind> {
    result.err().map(|error| error.kind())
}

use OrderErrorKind::{DeclaredOrder, Inversion, SameClass, SelfDeadlock};

#[test]
fn both_call_sites_and_the_chain_are_named() {
    let (a, a_made) = (Lock::always(0), line!());
    let (b, b_made) = (Lock::always(0), line!());
    let (c, _) = (Lock::always(0), line!());
    let (a_held, b_asked, c_asked);
    {
        a_held = line!() + 1;
        let a_guard = a.lock();
        b_asked = line!() + 1;
        let b = b.lock();
        drop(a_guard);
        c_asked = line!() + 1;
        drop((c.lock(), b));
    }
    let c_held = line!() + 1;
    let _c = c.lock();
    let refused = line!() + 1;
    let error = a.checked_lock().unwrap_err();

    assert_eq!(error.kind(), Inversion);
    let line = |at: &Location<'_>| {
        assert_eq!(at.file(), file!());
        at.line()
    };
    assert_eq!(line(error.wanted_at()), refused);
    assert_eq!(error.held_at().map(line), Some(c_held));
    assert!(error.wanted().ends_with(&format!("{}:{a_made}:24", file!())), "{}", error.wanted());
    // From the wanted to the held, over a lock that is not held now.
    let steps: Vec<(u32, u32)> = error
        .chain()
        .iter()
        .map(|step| match step {
            Step::Asked { held_at, asked_at, .. } => (line(held_at), line(asked_at)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(steps, [(a_held, b_asked), (b_asked, c_asked)]);
    let text = error.to_string();
    for part in [refused, c_held, a_held, b_asked, c_asked, b_made] {
        assert!(text.contains(&format!("{}:{part}:", file!())), "{part} in {text}");
    }
    assert!(error.source().is_none());
}

/// The other thread keeps the lock until this one has panicked: waiting for it would be waiting for ever.
#[test]
fn lock_panics_before_it_blocks() {
    let (a, b) = (Lock::always(0), Lock::always(0));
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let (locked, panicked) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let _a = a.lock();
            locked.wait();
            panicked.wait();
        });
        let _b = b.lock();
        locked.wait();
        let message = catch_unwind(AssertUnwindSafe(|| drop(a.lock()))).unwrap_err();
        let message = message.downcast::<String>().unwrap();
        assert!(message.starts_with("lock refused: against the order"), "{message}");
        panicked.wait();
    });
}

#[test]
fn a_lock_that_the_thread_has() {
    let a = Lock::always(0);
    let _a = a.lock();
    assert_eq!(kind(a.checked_lock()), Some(SelfDeadlock));
    assert_eq!(kind(a.lock_or_deadlock()), Some(SelfDeadlock));
    assert!(a.try_lock().is_none());
    // Also when another lock was taken since.
    let b = Lock::always(0);
    let _b = b.lock();
    assert_eq!(kind(a.checked_lock()), Some(SelfDeadlock));
}

#[test]
fn two_of_one_class() {
    let accounts: Vec<Lock> = (0..3).map(Lock::always).collect();
    let first = accounts[0].lock();
    assert_eq!(kind(accounts[1].checked_lock()), Some(SameClass));
    // In neither order: what is refused leaves no trace.
    drop(first);
    let _second = accounts[1].lock();
    assert_eq!(kind(accounts[0].checked_lock()), Some(SameClass));
    assert_eq!(*accounts[2].try_lock().unwrap(), 2);
}

/// A constructor of one's own makes one class, unless it passes its caller on.
#[test]
fn classes_are_places() {
    fn one_class() -> Lock {
        Lock::always(0)
    }
    #[track_caller]
    fn of_the_caller() -> Lock {
        Lock::always(0)
    }
    let (a, b) = (one_class(), one_class());
    let _a = a.lock();
    assert_eq!(kind(b.checked_lock()), Some(SameClass));
    let (c, d) = (of_the_caller(), of_the_caller());
    let _c = c.lock();
    assert_eq!(kind(d.checked_lock()), None);
}

#[test]
fn declared_levels_decide_among_themselves() {
    let registry = CheckedMutex::<_, Always>::always_leveled::<Registry>(0);
    let account = CheckedMutex::<_, Always>::always_leveled::<Account>(0);
    let audit = CheckedMutex::<_, Always>::always_leveled::<Audit>(0);
    let journal = CheckedMutex::<_, Always>::always_leveled::<Journal>(0);
    {
        let _registry = registry.lock();
        let _account = account.lock();
        let _journal = journal.lock();
    }
    {
        // Never seen in any order, and refused.
        let _journal = journal.lock();
        let refused = audit.checked_lock().unwrap_err();
        assert_eq!(refused.kind(), DeclaredOrder);
        assert_eq!(
            (refused.wanted(), refused.held()),
            ("a lock of level `Audit`".into(), Some("a lock of level `Journal`".into()))
        );
    }
    // Without an order between them: neither way, though their ranks are equal and another rank is not.
    {
        let _account = account.lock();
        assert_eq!(kind(audit.checked_lock()), Some(DeclaredOrder));
    }
    {
        let _audit = audit.lock();
        assert_eq!(kind(account.checked_lock()), Some(DeclaredOrder));
    }
    let another = CheckedMutex::<_, Always>::always_leveled::<Account>(0);
    let _account = account.lock();
    assert_eq!(kind(another.checked_lock()), Some(SameClass));
}

lock_levels! { levels { Early; Late after Early; } }
lock_levels! { levels after Late { Latest; } }
lock_levels! { levels { Elsewhere; } }

/// A declared order and an observed one are one order.
#[test]
fn a_circle_over_declared_and_other_locks() {
    let early = CheckedMutex::<_, Always>::always_leveled::<Early>(0);
    let latest = CheckedMutex::<_, Always>::always_leveled::<Latest>(0);
    let elsewhere = CheckedMutex::<_, Always>::always_leveled::<Elsewhere>(0);
    let plain = Lock::always(0);
    {
        let _latest = latest.lock();
        let _plain = plain.lock();
    }
    {
        let _plain = plain.lock();
        let _early = early.lock();
    }
    // Declared, over another block; but by now it would close a circle.
    let early_guard = early.lock();
    assert_eq!(kind(latest.checked_lock()), Some(Inversion));
    drop(early_guard);
    // Levels that know nothing of each other.
    let _latest = latest.lock();
    assert_eq!(kind(elsewhere.checked_lock()), Some(DeclaredOrder));
}

lock_levels! { levels { Token1; } }

/// Locks with tokens and locks without see each other.
#[test]
fn tokens_and_checks_see_each_other() {
    let with_token = LevelMutex::<Token1, _, Always>::always(0);
    let without = Lock::always(0);
    with_root(|mut token| {
        let _guard = token.lock(&with_token);
        let _without = without.lock();
    });
    let _without = without.lock();
    let message =
        catch_unwind(AssertUnwindSafe(|| with_root(|mut token| *token.lock(&with_token))))
            .unwrap_err();
    assert!(message.downcast::<String>().unwrap().starts_with("lock refused: against the order"));
}

// ----------------------------------------------------------------------------- trying

/// Whoever tries does not wait. Holding one and trying the other against the order is no circle.
#[test]
fn trying_is_not_checked_and_comes_after_nothing() {
    let (a, b) = (Lock::always(0), Lock::always(0));
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    {
        let _b = b.lock();
        drop(a.try_lock().unwrap());
        drop(a.try_lock_for(Duration::from_secs(60)).unwrap());
    }
    // Had these made an edge, this would be refused.
    let _a = a.lock();
    let _b = b.lock();
}

/// But what is waited for while it is held comes after it: (try A, B) against (B, A) deadlocks.
#[test]
fn what_was_got_by_trying_is_held() {
    let (a, b) = (Lock::always(0), Lock::always(0));
    {
        let _a = a.try_lock().unwrap();
        let _b = b.lock();
    }
    let _b = b.lock();
    assert_eq!(kind(a.checked_lock()), Some(Inversion));
}

// ----------------------------------------------------------------------------- what defeats tracing-mutex

/// It forgets an order when a lock in the middle is dropped: ours outlives its locks, by being one of classes.
#[test]
fn the_order_outlives_its_locks() {
    let (a, c) = (Lock::always(0), Lock::always(0));
    {
        let b = Lock::always(0);
        let a_guard = a.lock();
        let b_guard = b.lock();
        drop(a_guard);
        let _c = c.lock();
        drop(b_guard);
    }
    let _c = c.lock();
    assert_eq!(kind(a.checked_lock()), Some(Inversion));
}

/// It takes only the newest lock held as the one before, so the order of the others is lost.
#[test]
fn each_lock_held_comes_before() {
    let (a, b, c) = (Lock::always(0), Lock::always(0), Lock::always(0));
    {
        let _a = a.lock();
        // By trying, so that nothing leads from a to b, and over b to c.
        let _b = b.try_lock().unwrap();
        let _c = c.lock();
    }
    let _c = c.lock();
    assert_eq!(kind(a.checked_lock()), Some(Inversion));
    assert_eq!(kind(b.checked_lock()), Some(Inversion));
}

/// It knows instances, so the same mistake on other instances is news to it.
#[test]
fn one_pair_of_instances_is_enough() {
    fn pair() -> (Lock, Lock) {
        (Lock::always(0), Lock::always(0))
    }
    let (x, y) = pair();
    {
        let _x = x.lock();
        let _y = y.lock();
    }
    let (x, y) = pair();
    let _y = y.lock();
    assert_eq!(kind(x.checked_lock()), Some(Inversion));
}

/// A false alarm, as in every order graph, and documented: a lock around both orders makes them safe.
#[test]
fn a_gate_lock_does_not_excuse() {
    let (gate, a, b) = (Lock::always(0), Lock::always(0), Lock::always(0));
    let _gate = gate.lock();
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    assert_eq!(kind(a.checked_lock()), Some(Inversion));
}

#[test]
fn a_refused_lock_leaves_no_trace() {
    let (a, b, c) = (Lock::always(0), Lock::always(0), Lock::always(0));
    {
        let _c = c.lock();
        let _b = b.lock();
    }
    {
        let _a = a.lock();
        let _b = b.lock();
        // a before c would be new, b before c is against the order: neither is learnt.
        assert_eq!(kind(c.checked_lock()), Some(Inversion));
    }
    let _c = c.lock();
    let _a = a.lock();
}

#[test]
fn what_was_dropped_is_not_held() {
    let (a, b, c) = (Lock::always(0), Lock::always(0), Lock::always(0));
    let first = a.lock();
    let second = b.lock();
    drop(second);
    let third = c.lock();
    drop(first);
    drop(third);
    // b was gone when c was asked for, so there is no order between them; a was not.
    let _c = c.lock();
    assert_eq!(kind(b.checked_lock()), None);
    assert_eq!(kind(a.checked_lock()), Some(Inversion));
}

#[test]
fn threads_hold_each_their_own() {
    let (a, b) = (Lock::always(0), Lock::always(0));
    let a_guard = a.lock();
    thread::scope(|scope| {
        scope.spawn(|| drop(b.lock()));
    });
    // No edge from a to b.
    drop(a_guard);
    let _b = b.lock();
    assert_eq!(kind(a.checked_lock()), None);
}

// ----------------------------------------------------------------------------- while it all comes down

/// A panic on top of a panic ends the process, so a lock against the order is let pass while a thread unwinds.
#[test]
fn unwinding_is_not_made_worse() {
    struct LocksInDrop<'a>(&'a Lock);
    impl Drop for LocksInDrop<'_> {
        fn drop(&mut self) {
            *self.0.lock() += 1;
        }
    }
    let (a, b) = (Lock::always(0), Lock::always(0));
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let section = || {
        let _b = b.lock();
        let _locks = LocksInDrop(&a);
        panic!("half way");
    };
    assert!(catch_unwind(AssertUnwindSafe(section)).is_err());
    assert_eq!(a.into_inner(), 1);
}

/// A guard in a thread-local may be dropped when the list of held locks is gone already.
#[test]
fn locks_in_destructors_of_thread_locals() {
    struct Last;
    static LOCK: Lock = Lock::always(0);
    impl Drop for Last {
        fn drop(&mut self) {
            *LOCK.lock() += 1;
        }
    }
    thread_local! { static LAST: Last = const { Last }; }
    thread::spawn(|| {
        LAST.with(|_| ());
        *LOCK.lock() += 1;
    })
    .join()
    .unwrap();
    assert_eq!(*LOCK.lock(), 2);
}

/// A hole: to the checks, the thread holds it for ever.
#[test]
fn a_forgotten_guard_is_held() {
    let (a, b) = (Lock::always(0), Lock::always(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let _b = b.lock();
            drop(a.lock());
        });
    });
    mem::forget(a.lock());
    assert_eq!(kind(b.checked_lock()), Some(Inversion));
}

// ----------------------------------------------------------------------------- what is not checked

const_assert_eq!(size_of::<CheckedMutex<u64, Never>>(), size_of::<lockline::Mutex<u64>>());
const_assert!(size_of::<CheckedMutex<u64, Always>>() <= 48);
assert_impl_all!(CheckedMutex<Cell<u8>, Always>: Send, Sync);
assert_not_impl_any!(CheckedMutex<Rc<u8>, Always>: Send, Sync);
assert_not_impl_any!(OrderedGuard<'static, u8, Always>: Send, Clone);
assert_impl_all!(OrderError: Send, Sync, Error, Clone);

#[test]
fn switched_off_nothing_is_seen() {
    static A: CheckedMutex<u32, Never> = CheckedMutex::never(0);
    let b = CheckedMutex::<u32, Never>::never(0);
    {
        let _a = A.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    assert!(A.checked_lock().is_ok());
}

#[test]
fn by_default_the_build_decides() {
    let (a, b) = (CheckedMutex::new(0), CheckedMutex::new(0));
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    assert_eq!(a.checked_lock().is_err(), cfg!(debug_assertions));
}

#[test]
fn debug_never_waits() {
    let lock = Lock::always(7);
    assert_eq!(format!("{lock:?}"), "CheckedMutex { value: 7 }");
    let _guard = lock.lock();
    assert_eq!(format!("{lock:?}"), "CheckedMutex { value: <locked> }");
}

// ----------------------------------------------------------------------------- the dump

lock_levels! { levels { DumpA; DumpB after DumpA; DumpC after DumpB; } }

#[test]
fn the_observed_order_as_a_graph_and_as_a_declaration() {
    let a = CheckedMutex::<_, Always>::always_leveled::<DumpA>(0);
    let b = CheckedMutex::<_, Always>::always_leveled::<DumpB>(0);
    let c = CheckedMutex::<_, Always>::always_leveled::<DumpC>(0);
    let (site, made) = (Lock::always(0), line!());
    let asked = line!() + 1;
    let _all = (a.lock(), b.lock(), c.lock(), site.lock());

    let observed = observed();
    assert!(!observed.is_incomplete());
    assert!(observed.classes() >= 4);
    let name = format!("OrderedCheckedL{made}");
    let dot = observed.dot();
    assert!(dot.contains("    DumpA -> DumpC [label="), "{dot}");
    assert!(dot.contains(&format!("DumpC -> {name} [label=\"held {}:{asked}:", file!())), "{dot}");
    let levels = observed.levels();
    let lines: Vec<&str> = levels.lines().map(str::trim).collect();
    // Without what follows from the rest.
    for line in
        ["DumpA;", "DumpB after DumpA;", "DumpC after DumpB;", &format!("{name} after DumpC;")]
    {
        assert!(lines.contains(&line), "{line} in {levels}");
    }
    // Each after those it names, so that the macro takes it.
    let at = |line: &str| lines.iter().position(|other| *other == line);
    assert!(at("DumpA;") < at("DumpB after DumpA;"));
    assert!(at("DumpB after DumpA;") < at("DumpC after DumpB;"));
    assert_eq!(DumpC::RANK, 3);
}
