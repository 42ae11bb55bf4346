//! Ordered locks: sets, the order that is learnt, and the waits that are refused.

use crate::harness::{Model, spawn};
use lockline_loom::{
    __private::{fault, release_by_store},
    lock_levels,
    ordered::{self, Always, CheckedMutex, LevelMutex, Never, OrderErrorKind, lock_all, with_root},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

lock_levels! { levels { Account; } }

/// The compiler has checked these.
type Balance = LevelMutex<Account, u32, Never>;
type Checked = CheckedMutex<u32, Always>;

fn balances<const N: usize>() -> Arc<[Balance; N]> {
    release_by_store(true);
    Arc::new([(); N].map(|()| Balance::never(0)))
}

fn add<const N: usize>(set: [&Balance; N]) {
    with_root(|mut token| {
        let (balances, _) = token.lock_all(set).expect("no duplicate");
        for mut balance in balances {
            *balance += 1;
        }
    });
}

/// Adds to both, if it gets them one after the other.
fn walk([first, second]: [&Balance; 2]) -> bool {
    with_root(|mut token| {
        let walk = token.ascending();
        let mut first = walk.lock(first).expect("the first of a walk is waited for");
        // Given up, and not begun anew: to try until it is free is no wait that loom could tell from others.
        let Ok(mut second) = walk.lock(second) else { return false };
        *first += 1;
        *second += 1;
        true
    })
}

fn all_are<const N: usize>(balances: &[Balance; N], expected: u32) {
    for balance in balances {
        with_root(|mut token| {
            assert_eq!(*token.try_lock(balance).expect("nobody has it"), expected);
        });
    }
}

/// Of one class each: the place in here.
fn first() -> Checked {
    Checked::always(0)
}

fn second() -> Checked {
    Checked::always(0)
}

fn third() -> Checked {
    Checked::always(0)
}

/// Whether the second is refused while the first is held, for the order.
fn nested_is_refused(outer: &Checked, inner: &Checked) -> bool {
    let _outer = outer.checked_lock().expect("nothing is held");
    match inner.checked_lock() {
        Ok(_) => false,
        Err(refusal) => {
            assert_eq!(refusal.kind(), OrderErrorKind::Inversion);
            true
        }
    }
}

/// Locks on a ring: thread n takes lock n, then the next, in whatever order that is.
struct Ring<const N: usize> {
    locks: [Checked; N],
    /// What each thread has. Not seen by loom, which runs one thread at a time: so it is true at each moment.
    has: [AtomicUsize; N],
}

impl<const N: usize> Ring<N> {
    fn new() -> Arc<Self> {
        release_by_store(true);
        Arc::new(Self {
            locks: [(); N].map(|()| first()),
            has: [(); N].map(|()| AtomicUsize::new(0)),
        })
    }

    /// Whether the second wait was refused.
    fn run(&self, n: usize) -> bool {
        let one =
            self.locks[n].lock_or_deadlock().expect("nobody waits for a thread that has nothing");
        self.has[n].store(1, Relaxed);
        let refused = match self.locks[(n + 1) % N].lock_or_deadlock() {
            Ok(mut two) => {
                self.has[n].store(2, Relaxed);
                *two += 1;
                false
            }
            Err(refusal) => {
                assert_eq!(refusal.kind(), OrderErrorKind::Deadlock);
                // Not on suspicion: everybody has one lock and waits for the next.
                assert!(self.has.iter().all(|has| has.load(Relaxed) == 1));
                assert_eq!(refusal.chain().len(), N);
                true
            }
        };
        self.has[n].store(0, Relaxed);
        drop(one);
        refused
    }
}

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "ordered::sets_in_both_orders",
        promise: "two threads that take the same two locks in opposite orders both get them",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| add([y, x]));
            let [x, y] = &*b;
            add([x, y]);
            other.join().unwrap();
            all_are(&b, 2);
        },
    },
    Model {
        name: "ordered::sets_on_a_ring",
        promise: "three threads that share one lock with each neighbour all get their two",
        bound: Some(2),
        body: || {
            let b = balances::<3>();
            let others = [spawn(&b, |[_, y, z]| add([y, z])), spawn(&b, |[x, _, z]| add([z, x]))];
            let [x, y, _] = &*b;
            add([x, y]);
            for other in others {
                other.join().unwrap();
            }
            all_are(&b, 2);
        },
    },
    Model {
        name: "ordered::set_against_one",
        promise: "a set gets along with a thread that wants one of its locks again and again",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[_, y]| {
                add([y]);
                add([y]);
            });
            let [x, y] = &*b;
            add([x, y]);
            add([x]);
            add([x]);
            other.join().unwrap();
            all_are(&b, 3);
        },
    },
    Model {
        name: "ordered::set_unwinding",
        promise: "a section that panics releases all locks of its set",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| {
                let section = || {
                    with_root(|mut token| {
                        let ((mut y, mut x), _) = token.lock_all((y, x)).expect("no duplicate");
                        fault::user_code();
                        *x += 1;
                        *y += 1;
                    });
                };
                catch_unwind(AssertUnwindSafe(section)).is_ok()
            });
            let [x, y] = &*b;
            add([x, y]);
            let whole = other.join().unwrap();
            all_are(&b, 1 + u32::from(whole));
        },
    },
    Model {
        name: "ordered::walks_in_both_orders",
        promise: "of two walks over the same two locks, the one that rises gets both, and the other does or gives up",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| walk([y, x]));
            let [x, y] = &*b;
            assert!(walk([x, y]));
            let other = other.join().unwrap();
            all_are(&b, 1 + u32::from(other));
        },
    },
    Model {
        name: "ordered::walk_against_a_set",
        promise: "a walk that falls gets along with a set, and gives up rather than be waited for",
        bound: Some(3),
        body: || {
            let b = balances::<2>();
            let other = spawn(&b, |[x, y]| walk([y, x]));
            let [x, y] = &*b;
            add([x, y]);
            let other = other.join().unwrap();
            all_are(&b, 1 + u32::from(other));
        },
    },
    Model {
        name: "ordered::order_of_two",
        promise: "of two first acquisitions in opposite orders, exactly one is refused",
        bound: None,
        body: || {
            release_by_store(true);
            // Locks of their own: what they share is the order of the classes.
            let nothing = Arc::new(());
            let other = spawn(&nothing, |()| nested_is_refused(&second(), &first()));
            let mine = nested_is_refused(&first(), &second());
            assert!(mine != other.join().unwrap());
        },
    },
    Model {
        name: "ordered::order_of_three",
        promise: "of three first acquisitions that make a circle, exactly one is refused",
        bound: Some(2),
        body: || {
            release_by_store(true);
            let nothing = Arc::new(());
            let others = [
                spawn(&nothing, |()| nested_is_refused(&second(), &third())),
                spawn(&nothing, |()| nested_is_refused(&third(), &first())),
            ];
            let mine = nested_is_refused(&first(), &second());
            let refused = others.map(|other| usize::from(other.join().unwrap()));
            assert_eq!(usize::from(mine) + refused.iter().sum::<usize>(), 1);
        },
    },
    Model {
        name: "ordered::order_of_one_kind",
        promise: "two first acquisitions in one order are both allowed, and the order holds from then on",
        bound: None,
        body: || {
            release_by_store(true);
            let nothing = Arc::new(());
            let other = spawn(&nothing, |()| nested_is_refused(&first(), &second()));
            assert!(!nested_is_refused(&first(), &second()));
            assert!(!other.join().unwrap());
            assert!(nested_is_refused(&second(), &first()));
        },
    },
    Model {
        name: "ordered::classes_run_out",
        promise: "a lock whose class has no place is not checked, and the others still are",
        bound: None,
        body: || {
            release_by_store(true);
            // A model has places for three.
            let (a, b, c) = (first(), second(), third());
            let (none, nor_this) = (Checked::always(0), Checked::always(0));
            assert!(!nested_is_refused(&a, &b));
            assert!(!nested_is_refused(&c, &none));
            assert!(!nested_is_refused(&none, &c));
            assert!(!nested_is_refused(&none, &nor_this));
            assert!(!nested_is_refused(&nor_this, &none));
            assert!(nested_is_refused(&b, &a));
        },
    },
    Model {
        name: "ordered::circle_of_two",
        promise: "of two waits that close a circle one is refused, when it closes; without a circle none is",
        // One closes the circle; the second may come between any two steps of that.
        bound: Some(2),
        body: || {
            let ring = Ring::<2>::new();
            let other = spawn(&ring, |ring| ring.run(1));
            let mine = ring.run(0);
            let other = other.join().unwrap();
            assert!(!(mine && other));
            let passed = u32::from(!mine) + u32::from(!other);
            let total: u32 = ring.locks.iter().map(|lock| *lock.try_lock().expect("free")).sum();
            assert_eq!(total, passed);
        },
    },
    Model {
        name: "ordered::circle_of_three",
        promise: "of three waits that close a circle one is refused; without a circle none is",
        // With two, it had not come to an end after four minutes. Whatever two of the threads can do to each other is in
        // `circle_of_two`; here it is the way over the third.
        bound: Some(1),
        body: || {
            let ring = Ring::<3>::new();
            let others = [spawn(&ring, |ring| ring.run(1)), spawn(&ring, |ring| ring.run(2))];
            let mine = ring.run(0);
            let others = others.map(|other| usize::from(other.join().unwrap()));
            assert!(usize::from(mine) + others.iter().sum::<usize>() <= 1);
        },
    },
    Model {
        name: "ordered::no_circle",
        promise: "waits that make no circle are not refused, however they meet",
        bound: Some(3),
        body: || {
            let ring = Ring::<3>::new();
            // 0 then 1, 1 then 2: never a way back.
            let other = spawn(&ring, |ring| ring.run(1));
            assert!(!ring.run(0));
            assert!(!other.join().unwrap());
        },
    },
    Model {
        name: "ordered::no_circle_any_more",
        promise: "a thread that has got what it waited for gives hope to who waits for it, from that moment",
        bound: Some(2),
        body: || {
            let ring = Ring::<2>::new();
            let other = spawn(&ring, |ring| assert!(!ring.run(0)));
            let [x, y] = &ring.locks;
            // The other may wait for this one while it has the first, and get it when it is dropped here.
            *y.lock_or_deadlock().expect("nothing is held") += 1;
            *x.lock_or_deadlock().expect("nothing is held any more") += 1;
            other.join().unwrap();
        },
    },
    Model {
        name: "ordered::circle_with_a_set",
        promise: "a set that waits for one lock with another in hand is part of the waits: one is refused",
        bound: Some(2),
        body: || {
            let ring = Ring::<2>::new();
            let other = spawn(&ring, |ring| {
                let [x, y] = &ring.locks;
                lock_all((x, y)).is_err()
            });
            let [x, y] = &ring.locks;
            let mine = {
                let _y = y.lock_or_deadlock().expect("nothing is held");
                x.lock_or_deadlock().is_err()
            };
            let other = other.join().unwrap();
            assert!(!(mine && other));
            assert!(x.try_lock().is_some() && y.try_lock().is_some());
        },
    },
    Model {
        name: "ordered::set_lets_go",
        promise: "what a set took and let go of again is not held, neither by the lock nor for the checks",
        bound: Some(3),
        body: || {
            let ring = Ring::<2>::new();
            let other = spawn(&ring, |ring| {
                let [x, y] = &ring.locks;
                drop(lock_all((x, y)).expect("nobody waits for it with a lock in hand"));
                assert!(x.checked_lock().is_ok());
            });
            let [_, y] = &ring.locks;
            *y.lock_or_deadlock().expect("nothing is held") += 1;
            other.join().unwrap();
        },
    },
    Model {
        name: "ordered::circle_with_a_join",
        promise: "of a thread that joins and the joined that wants what the other has, one is refused",
        bound: Some(2),
        body: || {
            release_by_store(true);
            let lock = Arc::new(first());
            let held = lock.lock_or_deadlock().expect("nothing is held");
            let wants = Arc::clone(&lock);
            let child = ordered::spawn(move || wants.lock_or_deadlock().is_ok());
            match child.join() {
                Ok(child) => assert!(!child.unwrap()),
                Err((refusal, child)) => {
                    assert_eq!(refusal.kind(), OrderErrorKind::Deadlock);
                    drop(held);
                    assert!(child.join().expect("nothing is held any more").unwrap());
                }
            }
        },
    },
];
