//! Ordered locks: one, one more while one is held, sets of two and of five, and two threads that lock nothing in common; a permit,
//! and an item through a queue.
//!
//! Uncontended throughout: what is asked is what the order costs. Each lock has its lines of memory to itself.

use crate::case::{Case, Kind, Label, repeat, same};
use crossbeam_utils::CachePadded;
use happylock::ThreadKey;
use lockline::{
    WorkQueue, lock_levels,
    ordered::{
        self, Always, CheckedMutex, CheckedQueue, CheckedSemaphore, LevelMutex, LevelQueue,
        LevelSemaphore, Never, with_root,
    },
};
use std::{array, cell::Cell, sync::PoisonError};

lock_levels! {
    levels { Outer; Inner after Outer; }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = one();
    cases.extend(one_more(1));
    cases.extend(one_more(2));
    cases.extend(set_of_two());
    cases.extend(set_of_five());
    cases.extend(permit());
    cases.extend(item());
    cases
}

fn label(row: &str, name: &str, kind: Kind, threads: usize) -> Label {
    Label {
        group: "ordered",
        row: row.to_owned(),
        name: name.to_owned(),
        kind,
        threads,
        blocks: false,
    }
}

type Padded<T> = CachePadded<T>;

/// A lock that needs nothing but itself.
trait Lock: Sync + 'static {
    /// Of class `of`, 0 or 1, where there are classes.
    fn new(of: usize) -> Self;
    /// Calls `f` on the value while locked.
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R;
}

impl Lock for lockline::Mutex<u64> {
    fn new(_of: usize) -> Self {
        Self::new(0)
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.lock())
    }
}

impl Lock for CheckedMutex<u64, Always> {
    fn new(of: usize) -> Self {
        // Two places, and so two classes.
        [|| Self::always(0), || Self::always(0)][of]()
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.lock())
    }
}

impl Lock for std::sync::Mutex<u64> {
    fn new(_of: usize) -> Self {
        Self::new(0)
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lock for parking_lot::Mutex<u64> {
    fn new(_of: usize) -> Self {
        Self::new(0)
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.lock())
    }
}

impl Lock for tracing_mutex::stdsync::tracing::Mutex<u64> {
    fn new(_of: usize) -> Self {
        Self::new(0)
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key() -> ThreadKey {
    ThreadKey::get().expect("nobody on this thread has it")
}

/// A lock and its release, with nothing else held.
fn one() -> Vec<Case> {
    const ROW: &str = "one lock";
    fn case<L: Lock>(name: &str, kind: Kind) -> Case {
        Case::race(
            label(ROW, name, kind, 1),
            || Padded::new(L::new(0)),
            |lock, _, ops| repeat(ops, |_| lock.with(|value| *value += 1)),
            |lock, ops| same(lock.with(|value| *value), ops),
        )
    }
    use Kind::*;
    vec![
        Case::race(
            label(ROW, "lockline, token", Ours, 1),
            || Padded::new(LevelMutex::<Outer, u64, Never>::never(0)),
            |lock, _, ops| with_root(|mut token| repeat(ops, |_| *token.lock(lock) += 1)),
            |lock, ops| same(with_root(|mut token| *token.lock(lock)), ops),
        ),
        case::<CheckedMutex<u64, Always>>("lockline, checked at run time", Ours),
        case::<lockline::Mutex<u64>>("lockline::Mutex", Limit),
        case::<std::sync::Mutex<u64>>("std", Peer),
        case::<parking_lot::Mutex<u64>>("parking_lot", Peer),
        case::<tracing_mutex::stdsync::tracing::Mutex<u64>>("tracing-mutex", Peer),
        Case::race(
            label(ROW, "happylock", Peer, 1),
            || Padded::new(happylock::Mutex::new(0_u64)),
            |lock, _, ops| {
                let key = Cell::new(Some(key()));
                repeat(ops, |_| {
                    let mut guard = lock.lock(key.take().expect("put back"));
                    *guard += 1;
                    key.set(Some(happylock::Mutex::unlock(guard)));
                });
            },
            |lock, ops| same(*lock.lock(key()), ops),
        ),
    ]
}

/// A lock and its release, while one is held; each thread has two locks of its own.
fn one_more(threads: usize) -> Vec<Case> {
    fn case<L: Lock>(row: &'static str, name: &str, kind: Kind, threads: usize) -> Case {
        Case::race(
            label(row, name, kind, threads),
            move || -> Vec<[Padded<L>; 2]> {
                (0..threads).map(|_| array::from_fn(|of| Padded::new(L::new(of)))).collect()
            },
            |pairs, thread, ops| {
                let [outer, inner] = &pairs[thread];
                outer.with(|_| repeat(ops, |_| inner.with(|value| *value += 1)));
            },
            |pairs, ops| {
                pairs.iter().try_for_each(|[_, inner]| same(inner.with(|value| *value), ops))
            },
        )
    }
    use Kind::*;
    type Pair = (Padded<LevelMutex<Outer, u64, Never>>, Padded<LevelMutex<Inner, u64, Never>>);
    let row = match threads {
        1 => "one more, with one held",
        _ => "one more, with one held, 2 threads on different locks",
    };
    vec![
        Case::race(
            label(row, "lockline, token", Ours, threads),
            move || -> Vec<Pair> {
                let pair = |_| (LevelMutex::never(0).into(), LevelMutex::never(0).into());
                (0..threads).map(pair).collect()
            },
            |pairs, thread, ops| {
                let (outer, inner) = &pairs[thread];
                with_root(|mut token| {
                    let (_outer, mut token) = token.lock_and(outer);
                    repeat(ops, |_| *token.lock(inner) += 1);
                });
            },
            |pairs, ops| {
                pairs
                    .iter()
                    .try_for_each(|(_, inner)| same(with_root(|mut token| *token.lock(inner)), ops))
            },
        ),
        case::<CheckedMutex<u64, Always>>(row, "lockline, checked at run time", Ours, threads),
        case::<lockline::Mutex<u64>>(row, "lockline::Mutex", Limit, threads),
        case::<std::sync::Mutex<u64>>(row, "std", Peer, threads),
        case::<parking_lot::Mutex<u64>>(row, "parking_lot", Peer, threads),
        case::<tracing_mutex::stdsync::tracing::Mutex<u64>>(row, "tracing-mutex", Peer, threads),
    ]
}

/// Two locks by hand, in the order of their addresses.
fn by_hand<L: Lock>(row: &str, name: &str, kind: Kind) -> Case {
    Case::race(
        label(row, name, kind, 1),
        || -> [Padded<L>; 2] { array::from_fn(|_| Padded::new(L::new(0))) },
        |[a, b], _, ops| {
            repeat(ops, |i| {
                let (from, to) = if i % 2 == 0 { (a, b) } else { (b, a) };
                let (low, high) = if core::ptr::from_ref(from) < core::ptr::from_ref(to) {
                    (from, to)
                } else {
                    (to, from)
                };
                low.with(|low| high.with(|high| (*low += 1, *high += 1)));
            });
        },
        |[a, b], ops| same(a.with(|a| *a).min(b.with(|b| *b)), ops),
    )
}

fn set_of_two() -> Vec<Case> {
    const ROW: &str = "a set of 2";
    use Kind::*;
    vec![
        Case::race(
            label(ROW, "lockline, token, lock_all", Ours, 1),
            || -> [Padded<LevelMutex<Outer, u64, Never>>; 2] {
                array::from_fn(|_| Padded::new(LevelMutex::never(0)))
            },
            |[a, b], _, ops| {
                with_root(|mut token| {
                    repeat(ops, |i| {
                        let set: (&LevelMutex<_, _, _>, &LevelMutex<_, _, _>) =
                            if i % 2 == 0 { (a, b) } else { (b, a) };
                        let ((mut from, mut to), _) = token.lock_all(set).expect("two locks");
                        *from += 1;
                        *to += 1;
                    });
                });
            },
            |[a, _], ops| same(with_root(|mut token| *token.lock(a)), ops),
        ),
        Case::race(
            label(ROW, "lockline, checked, lock_all", Ours, 1),
            || -> [Padded<CheckedMutex<u64, Always>>; 2] {
                array::from_fn(|_| Padded::new(Lock::new(0)))
            },
            |[a, b], _, ops| {
                repeat(ops, |i| {
                    let set: (&CheckedMutex<_, _>, &CheckedMutex<_, _>) =
                        if i % 2 == 0 { (a, b) } else { (b, a) };
                    let (mut from, mut to) = ordered::lock_all(set).expect("two locks");
                    *from += 1;
                    *to += 1;
                });
            },
            |[a, _], ops| same(a.with(|a| *a), ops),
        ),
        by_hand::<lockline::Mutex<u64>>(ROW, "lockline::Mutex, by hand", Limit),
        by_hand::<std::sync::Mutex<u64>>(ROW, "std, by hand", Peer),
        by_hand::<parking_lot::Mutex<u64>>(ROW, "parking_lot, by hand", Peer),
        Case::race(
            label(ROW, "happylock, set made each time", Peer, 1),
            || [happylock::Mutex::new(0_u64), happylock::Mutex::new(0)],
            |[a, b], _, ops| {
                let key = Cell::new(Some(key()));
                repeat(ops, |i| {
                    let pair = if i % 2 == 0 { [a, b] } else { [b, a] };
                    let set = happylock::LockCollection::try_new(pair).expect("two locks");
                    let mut guard = set.lock(key.take().expect("put back"));
                    *guard[0] += 1;
                    *guard[1] += 1;
                    key.set(Some(
                        happylock::LockCollection::<[&happylock::Mutex<u64>; 2]>::unlock(guard),
                    ));
                });
            },
            |[a, _], ops| same(*a.lock(key()), ops),
        ),
    ]
}

fn add(values: [&mut u64; 5]) -> usize {
    values.map(|value| *value += 1).len()
}

fn set_of_five() -> Vec<Case> {
    const ROW: &str = "a set of 5";
    use Kind::*;
    fn by_hand<L: Lock>(name: &str, kind: Kind) -> Case {
        Case::race(
            label(ROW, name, kind, 1),
            || -> [Padded<L>; 5] { array::from_fn(|_| Padded::new(L::new(0))) },
            // In an array, they lie in the order of their addresses.
            |[a, b, c, d, e], _, ops| {
                repeat(ops, |_| {
                    a.with(|a| {
                        b.with(|b| c.with(|c| d.with(|d| e.with(|e| add([a, b, c, d, e])))))
                    });
                });
            },
            |locks, ops| same(locks[4].with(|value| *value), ops),
        )
    }
    vec![
        Case::race(
            label(ROW, "lockline, token, lock_all", Ours, 1),
            || -> [Padded<LevelMutex<Outer, u64, Never>>; 5] {
                array::from_fn(|_| Padded::new(LevelMutex::never(0)))
            },
            |locks, _, ops| {
                with_root(|mut token| {
                    repeat(ops, |_| {
                        let set = locks.each_ref().map(|lock| &**lock);
                        let (guards, _) = token.lock_all(set).expect("five locks");
                        for mut value in guards {
                            *value += 1;
                        }
                    });
                });
            },
            |locks, ops| same(with_root(|mut token| *token.lock(&locks[4])), ops),
        ),
        by_hand::<lockline::Mutex<u64>>("lockline::Mutex, by hand", Limit),
        by_hand::<std::sync::Mutex<u64>>("std, by hand", Peer),
        by_hand::<parking_lot::Mutex<u64>>("parking_lot, by hand", Peer),
        Case::race(
            label(ROW, "happylock, set made each time", Peer, 1),
            || -> [happylock::Mutex<u64>; 5] { array::from_fn(|_| happylock::Mutex::new(0)) },
            |locks, _, ops| {
                let key = Cell::new(Some(key()));
                repeat(ops, |_| {
                    let set =
                        happylock::LockCollection::try_new(locks.each_ref()).expect("five locks");
                    let mut guard = set.lock(key.take().expect("put back"));
                    for value in guard.iter_mut() {
                        **value += 1;
                    }
                    key.set(Some(
                        happylock::LockCollection::<[&happylock::Mutex<u64>; 5]>::unlock(guard),
                    ));
                });
            },
            |locks, ops| same(*locks[4].lock(key()), ops),
        ),
    ]
}

/// A permit of a semaphore and its return, with nothing held. No peer has an order for these.
fn permit() -> Vec<Case> {
    const ROW: &str = "one permit";
    /// As many as there were at first.
    const ALL: usize = 4;
    use Kind::*;
    fn back(available: usize, _ops: u64) -> Result<(), String> {
        same(available as u64, ALL as u64)
    }
    vec![
        Case::race(
            label(ROW, "lockline, token", Ours, 1),
            || Padded::new(LevelSemaphore::<Outer, Never>::never(ALL)),
            |semaphore, _, ops| {
                with_root(|mut token| {
                    repeat(ops, |_| drop(token.acquire(semaphore).expect("nobody closes it")));
                });
            },
            |semaphore, ops| back(semaphore.available(), ops),
        ),
        Case::race(
            label(ROW, "lockline, checked at run time", Ours, 1),
            || Padded::new(CheckedSemaphore::always(ALL)),
            |semaphore, _, ops| {
                repeat(ops, |_| drop(semaphore.acquire().expect("nobody closes it")));
            },
            |semaphore, ops| back(semaphore.available(), ops),
        ),
        Case::race(
            label(ROW, "lockline::Semaphore", Limit, 1),
            || Padded::new(lockline::Semaphore::new(ALL)),
            |semaphore, _, ops| {
                repeat(ops, |_| drop(semaphore.acquire().expect("nobody closes it")));
            },
            |semaphore, ops| back(semaphore.available(), ops),
        ),
    ]
}

/// An item into a queue, and out of it, by one thread.
fn item() -> Vec<Case> {
    const ROW: &str = "an item in and out";
    const ROOM: usize = 64;
    use Kind::*;
    vec![
        Case::race(
            label(ROW, "lockline, token", Ours, 1),
            || LevelQueue::<Outer, u64>::new(ROOM),
            |queue, _, ops| {
                with_root(|mut token| {
                    repeat(ops, |i| {
                        token.push(queue, i).expect("nobody closes it");
                        // Only now: a consumer does not wait for its own room.
                        let (mut consumer, mut token) = token.consume(queue);
                        consumer.pop(&mut token).expect("nobody closes it");
                    });
                });
            },
            |queue, _| same(queue.len() as u64, 0),
        ),
        Case::race(
            label(ROW, "lockline, checked at run time", Ours, 1),
            || CheckedQueue::<u64, Always>::always(ROOM),
            |queue, _, ops| {
                repeat(ops, |i| {
                    queue.push(i).expect("nobody closes it");
                    queue.consume().pop().expect("nobody closes it");
                });
            },
            |queue, _| same(queue.len() as u64, 0),
        ),
        Case::race(
            label(ROW, "lockline::WorkQueue", Limit, 1),
            || WorkQueue::<u64>::new(ROOM),
            |queue, _, ops| {
                repeat(ops, |i| {
                    queue.push(i).expect("nobody closes it");
                    queue.pop().expect("nobody closes it");
                });
            },
            |queue, _| same(queue.len() as u64, 0),
        ),
    ]
}
