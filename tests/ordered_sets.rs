//! Several locks of one level at once.

use lockline::{
    lock_levels,
    ordered::{
        Always, CheckedMutex, DuplicateLock, LevelMutex, LockAllError, Never, OrderErrorKind,
        lock_all, with_root,
    },
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

lock_levels! { levels { Account; Journal after Account; } }

type Balance = LevelMutex<Account, i64>;

/// Every order of `0..n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let into = |shorter: Vec<usize>| {
        (0..n).map(move |at| {
            let mut longer = shorter.clone();
            longer.insert(at, n - 1);
            longer
        })
    };
    permutations(n - 1).into_iter().flat_map(into).collect()
}

#[test]
fn guards_come_in_the_order_of_the_arguments() {
    let locks: Vec<LevelMutex<Account, usize>> = (0..5).map(LevelMutex::new).collect();
    with_root(|mut token| {
        for order in permutations(5) {
            let refs: Vec<&LevelMutex<Account, usize>> = order.iter().map(|&n| &locks[n]).collect();
            let (slice, _) = token.lock_all(&refs[..]).unwrap();
            assert_eq!(slice.iter().map(|guard| **guard).collect::<Vec<_>>(), order);
            drop(slice);
            let array: [&LevelMutex<Account, usize>; 5] = refs.clone().try_into().unwrap();
            let (array, _) = token.lock_all(array).unwrap();
            assert_eq!(array.map(|guard| *guard)[..], order);
            let (five, _) = token.lock_all((refs[0], refs[1], refs[2], refs[3], refs[4])).unwrap();
            assert_eq!([*five.0, *five.1, *five.2, *five.3, *five.4][..], order);
        }
    });
    assert!(locks.iter().all(|lock| !lock.is_locked()));
}

#[test]
fn values_may_be_of_different_types() {
    let name = LevelMutex::<Account, _>::new("alice".to_owned());
    let balance = Balance::new(5);
    with_root(|mut token| {
        let ((mut name, mut balance), mut token) = token.lock_all((&name, &balance)).unwrap();
        name.push('!');
        *balance += 1;
        // And what comes after the level.
        let journal = LevelMutex::<Journal, _>::new(Vec::new());
        token.lock(&journal).push(1);
    });
    assert_eq!((name.into_inner(), balance.into_inner()), ("alice!".to_owned(), 6));
}

#[test]
fn duplicates_are_told_by_their_places() {
    let [a, b, c] = [0, 1, 2].map(Balance::new);
    let twice = |set: [&Balance; 4]| with_root(|mut token| token.lock_all(set).map(drop));
    let at = |first, second| Err(DuplicateLock { first, second });
    assert_eq!(twice([&a, &b, &c, &a]), at(0, 3));
    assert_eq!(twice([&c, &b, &a, &b]), at(1, 3));
    // The first that is there again, wherever the locks lie.
    assert_eq!(twice([&a, &c, &c, &a]), at(1, 2));
    assert_eq!(twice([&c, &a, &a, &c]), at(1, 2));
    assert_eq!(twice([&b, &b, &b, &b]), at(0, 1));
    assert!(![&a, &b, &c].iter().any(|lock| lock.is_locked()));
}

#[test]
fn small_sets() {
    let lock = Balance::new(1);
    with_root(|mut token| {
        let (none, mut token) = token.lock_all([&lock; 0]).unwrap();
        assert!(none.is_empty());
        drop(none);
        // Nothing is held, but the token has risen.
        let journal = LevelMutex::<Journal, _>::new(1);
        assert_eq!(*token.lock(&journal), 1);
    });
    with_root(|mut token| assert_eq!(*token.lock_all([&lock]).unwrap().0[0], 1));
}

/// Whoever waits for a lock that stays busy keeps none of the others from anybody, wherever they lie in memory.
#[test]
fn a_set_that_waits_holds_nothing() {
    let locks = [0, 0, 0].map(Balance::new);
    let [left, busy, right] = &locks;
    let add = |order: [&Balance; 3]| {
        with_root(|mut token| {
            for mut balance in token.lock_all(order).unwrap().0 {
                *balance += 1;
            }
        });
    };
    with_root(|mut token| {
        let mut held = token.lock(busy);
        thread::scope(|scope| {
            scope.spawn(|| add([left, busy, right]));
            scope.spawn(|| add([right, busy, left]));
            for _ in 0..1_000 {
                for free in [left, right] {
                    let look = || {
                        with_root(|mut token| {
                            // Were it kept, this would be until `busy` is released, which is later.
                            token
                                .try_lock_for(free, Duration::from_secs(60))
                                .map(|mut free| *free += 1)
                        })
                    };
                    assert!(thread::scope(|scope| scope.spawn(look).join().unwrap()).is_some());
                }
                *held += 1;
            }
            drop(held);
        });
    });
    assert_eq!(locks.map(LevelMutex::into_inner), [1_002; 3]);
}

/// Many threads, each pair in each order, and some with three.
#[test]
fn sets_in_every_order_at_once() {
    fn hammer<const N: usize>(locks: &[Balance; 3], set: [usize; N]) {
        for _ in 0..2_000 {
            with_root(|mut token| {
                let (mut balances, _) = token.lock_all(set.map(|n| &locks[n])).unwrap();
                *balances[0] -= 1;
                *balances[N - 1] += 1;
            });
        }
    }
    let locks = [0, 0, 0].map(Balance::new);
    thread::scope(|scope| {
        for set in [[0, 1], [1, 2], [2, 0], [1, 0], [2, 1], [0, 2]] {
            let locks = &locks;
            scope.spawn(move || hammer(locks, set));
        }
        scope.spawn(|| hammer(&locks, [2, 0, 1]));
        scope.spawn(|| hammer(&locks, [1, 0, 2]));
    });
    // -1 and +1 cancel out for the six pairs; the threes move 2,000 each from 2 to 1 and from 1 to 2.
    assert_eq!(locks.map(LevelMutex::into_inner), [0, 0, 0]);
}

#[test]
fn a_section_that_panics_releases_the_set() {
    let [a, b] = [0, 0].map(LevelMutex::<Account, i64, Never>::never);
    let section = || {
        with_root(|mut token| {
            let ((mut a, _b), _) = token.lock_all((&a, &b)).unwrap();
            *a += 1;
            panic!("half way");
        });
    };
    assert!(catch_unwind(AssertUnwindSafe(section)).is_err());
    with_root(|mut token| {
        let ((a, b), _) = token.lock_all((&b, &a)).unwrap();
        // Not poisoned, and as the section left it.
        assert_eq!((*b, *a), (1, 0));
    });
}

// ----------------------------------------------------------------------------- checked at run time

fn account(balance: i64) -> CheckedMutex<i64, Always> {
    CheckedMutex::always(balance)
}

#[test]
fn checked_sets() {
    let [a, b, c] = [0, 1, 2].map(account);
    let guards = lock_all([&c, &a, &b]).unwrap();
    assert_eq!(guards.map(|guard| *guard), [2, 0, 1]);
    let refs = [&b, &c];
    assert_eq!(*lock_all(&refs[..]).unwrap()[1], 2);
    let pair = lock_all((&b, &a)).unwrap();
    assert_eq!((*pair.0, *pair.1), (1, 0));
    // One by one they are refused.
    assert_eq!(c.checked_lock().unwrap_err().kind(), OrderErrorKind::SameClass);
    drop(pair);
    let twice = lock_all((&a, &a)).unwrap_err();
    assert!(matches!(twice, LockAllError::Duplicate(DuplicateLock { first: 0, second: 1 })));
}

/// By address, a set of several classes could be taken against the order that one by one they are taken in.
#[test]
fn a_set_is_of_one_class() {
    let (account, other) = (account(0), CheckedMutex::always(0));
    let LockAllError::Order(mixed) = lock_all((&account, &other)).unwrap_err() else {
        panic!("no duplicate")
    };
    assert_eq!(mixed.kind(), OrderErrorKind::MixedSet);
    assert!(!account.is_locked() && !other.is_locked());
}

#[test]
fn a_set_is_checked_against_what_is_held() {
    let accounts = [0, 1].map(account);
    let log = CheckedMutex::always(());
    {
        let _all = lock_all([&accounts[0], &accounts[1]]).unwrap();
        let _log = log.lock();
    }
    let _log = log.lock();
    let LockAllError::Order(inverted) = lock_all([&accounts[0], &accounts[1]]).unwrap_err() else {
        panic!("no duplicate")
    };
    assert_eq!(inverted.kind(), OrderErrorKind::Inversion);
}
