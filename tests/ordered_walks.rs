//! Walks: locks of one level one at a time.

use lockline::{
    lock_levels,
    ordered::{
        Always, Ascending, Backoff, CheckedMutex, LevelMutex, Never, OrderErrorKind, with_root,
    },
};
use static_assertions::assert_not_impl_any;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

lock_levels! {
    levels {
        Registry;
        Node after Registry;
        Log after Node;
    }
}

assert_not_impl_any!(Ascending<'static, Node>: Send, Sync, Clone);

fn nodes<const N: usize>() -> [LevelMutex<Node, usize>; N] {
    std::array::from_fn(LevelMutex::new)
}

#[test]
fn upwards_it_waits_and_downwards_it_tries() {
    let [low, middle, high] = &nodes::<3>();
    let waits = AtomicUsize::new(0);
    with_root(|mut token| {
        let walk = token.ascending();
        let middle_guard = walk.lock(middle).unwrap();
        // Free, and so not waited for.
        let low_guard = walk.lock(low).unwrap();
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                with_root(|mut token| {
                    let high_guard = token.lock(high);
                    waits.store(1, Relaxed);
                    while waits.load(Relaxed) == 1 {
                        thread::yield_now();
                    }
                    drop(high_guard);
                });
            });
            while waits.load(Relaxed) == 0 {
                thread::yield_now();
            }
            waits.store(2, Relaxed);
            let high_guard = walk.lock(high).unwrap();
            other.join().unwrap();
            assert_eq!((*low_guard, *middle_guard, *high_guard), (0, 1, 2));
        });
        drop(low_guard);
        // Busy, and below.
        thread::scope(|scope| {
            waits.store(0, Relaxed);
            scope.spawn(|| {
                with_root(|mut token| {
                    let _low = token.lock(low);
                    waits.store(1, Relaxed);
                    while waits.load(Relaxed) == 1 {
                        thread::yield_now();
                    }
                });
            });
            while waits.load(Relaxed) == 0 {
                thread::yield_now();
            }
            assert_eq!(walk.lock(low).map(drop), Err(Backoff));
            waits.store(2, Relaxed);
        });
    });
}

#[test]
fn what_comes_after_can_be_locked_meanwhile() {
    static LOG: LevelMutex<Log, u32> = LevelMutex::new(0);
    static REGISTRY: LevelMutex<Registry, u32> = LevelMutex::new(0);
    let [low, high] = &nodes::<2>();
    with_root(|mut token| {
        let (_registry, mut token) = token.lock_and(&REGISTRY);
        let mut walk = token.ascending();
        assert_eq!(format!("{walk:?}"), "Ascending<Node>");
        let _low = walk.lock(low).unwrap();
        *walk.token().lock(&LOG) += 1;
        let _high = walk.lock(high).unwrap();
        *walk.token().lock(&LOG) += 1;
    });
    assert_eq!(with_root(|mut token| *token.lock(&LOG)), 2);
}

/// It would never be free: the caller has to know that it has been there.
#[test]
fn a_lock_of_the_walk_is_busy() {
    let [node] = &nodes::<1>();
    with_root(|mut token| {
        let walk = token.ascending();
        let guard = walk.lock(node).unwrap();
        assert_eq!(walk.lock(node).map(drop), Err(Backoff));
        drop(guard);
        assert!(walk.lock(node).is_ok());
    });
    assert_eq!(
        Backoff.to_string(),
        "the next lock is busy, and stands before others that are held"
    );
}

/// Four threads on a ring, each of which takes three in a row; beside them, one that takes sets of the same.
#[test]
fn walks_and_sets_on_a_ring() {
    const NODES: usize = 8;
    const ROUNDS: u32 = 300;
    static LOG: LevelMutex<Log, u32, Never> = LevelMutex::never(0);
    let next = [3, 4, 5, 6, 7, 0, 1, 2];
    let nodes: [LevelMutex<Node, u32, Never>; NODES] =
        std::array::from_fn(|_| LevelMutex::never(0));
    thread::scope(|scope| {
        for start in 0..4 {
            let (nodes, next) = (&nodes, &next);
            scope.spawn(move || {
                with_root(|mut token| {
                    let mut done = 0;
                    while done < ROUNDS {
                        let mut walk = token.ascending();
                        let (mut node, mut guards) = (start, Vec::new());
                        while guards.len() < 3 {
                            let Ok(guard) = walk.lock(&nodes[node]) else { break };
                            guards.push(guard);
                            node = next[node];
                        }
                        if guards.len() < 3 {
                            drop(guards);
                            thread::yield_now();
                            continue;
                        }
                        for guard in &mut guards {
                            **guard += 1;
                        }
                        *walk.token().lock(&LOG) += 1;
                        done += 1;
                    }
                });
            });
        }
        scope.spawn(|| {
            with_root(|mut token| {
                for _ in 0..ROUNDS {
                    let (guards, _) = token.lock_all([&nodes[6], &nodes[3], &nodes[0]]).unwrap();
                    for mut guard in guards {
                        *guard += 1;
                    }
                }
            });
        });
    });
    let total: u32 = nodes.into_iter().map(LevelMutex::into_inner).sum();
    assert_eq!(total, 5 * ROUNDS * 3);
    assert_eq!(with_root(|mut token| *token.lock(&LOG)), 4 * ROUNDS);
}

#[test]
fn walks_are_checked_against_what_is_held_otherwise() {
    let nodes: [LevelMutex<Node, u32, Always>; 3] = std::array::from_fn(|_| LevelMutex::always(0));
    let lock = CheckedMutex::always(0);
    {
        let _lock = lock.lock();
        with_root(|mut token| {
            let walk = token.ascending();
            // That others of their level are held is no reason.
            let _guards = nodes.each_ref().map(|node| walk.lock(node).unwrap());
        });
    }
    with_root(|mut token| {
        let walk = token.ascending();
        let _node = walk.lock(&nodes[0]).unwrap();
        assert_eq!(lock.checked_lock().unwrap_err().kind(), OrderErrorKind::Inversion);
    });
    // One that another order has, at the start and further on.
    let later = CheckedMutex::always(0);
    with_root(|mut token| {
        let _node = token.lock(&nodes[0]);
        drop(later.lock());
    });
    let row = Row { unchecked: LevelMutex::never(0), node: LevelMutex::always(0) };
    let _later = later.lock();
    with_root(|mut token| {
        let walk = token.ascending();
        let refused = catch_unwind(AssertUnwindSafe(|| drop(walk.lock(&row.node))));
        assert!(refused.is_err());
    });
    with_root(|mut token| {
        let walk = token.ascending();
        let _unchecked = walk.lock(&row.unchecked).unwrap();
        let refused = catch_unwind(AssertUnwindSafe(|| drop(walk.lock(&row.node))));
        assert!(refused.is_err());
    });
}

/// The second at the higher address.
#[repr(C)]
struct Row {
    unchecked: LevelMutex<Node, u32, Never>,
    node: LevelMutex<Node, u32, Always>,
}

/// One of the level that was not had by the walk is in its way.
#[test]
fn a_walk_beside_another_of_its_level() {
    let node = LevelMutex::<Node, u32, Always>::always(0);
    let other = CheckedMutex::always_leveled::<Node>(0);
    let _other = other.lock();
    with_root(|mut token| {
        let walk = token.ascending();
        let refused = catch_unwind(AssertUnwindSafe(|| drop(walk.lock(&node))));
        let refused = refused.unwrap_err();
        assert!(refused.downcast_ref::<String>().unwrap().contains("of the same class"));
    });
}
