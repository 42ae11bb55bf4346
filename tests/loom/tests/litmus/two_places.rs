//! Two threads at two places: store buffering, other shapes, and what compare and exchange do.

use crate::{Plain, assert_race, failure, outcomes, set, two, xy};
use loom::{
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
    },
    thread,
};
use std::{collections::BTreeSet, sync::Arc};

// ------------------------------------------------------------------------------- store buffering

/// x = 1, read y ‖ y = 1, read x: may both read 0?
fn store_buffering(
    write: fn(&AtomicUsize),
    between: fn(),
    read: fn(&AtomicUsize) -> usize,
) -> BTreeSet<(usize, usize)> {
    outcomes(move || {
        let first = move |(x, y): &(_, _)| {
            write(x);
            between();
            read(y)
        };
        let second = move |(x, y): &(_, _)| {
            write(y);
            between();
            read(x)
        };
        two(xy(), first, second)
    })
}

/// C11 allows all four; loom shows all four. Faithful: a model sees a store that is still on its way.
#[test]
fn store_buffering_with_relaxed_accesses_is_seen() {
    let seen = store_buffering(|x| x.store(1, Relaxed), || {}, |y| y.load(Relaxed));
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 0), (1, 1)]));
}

/// C11 forbids (0, 0) with `SeqCst` accesses; loom takes them as `AcqRel` and shows it. False alarm: the
/// facade refuses `SeqCst` on an access, and who needs a store before a load says it with a fence.
#[test]
fn store_buffering_with_seqcst_accesses_is_a_false_alarm() {
    let seen = store_buffering(|x| x.store(1, SeqCst), || {}, |y| y.load(SeqCst));
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 0), (1, 1)]));
}

/// The same with read-modify-writes in place of the stores: C11 forbids (0, 0), loom shows it. False
/// alarm: `SeqCst` is refused on these too.
#[test]
fn store_buffering_with_seqcst_swaps_is_a_false_alarm() {
    let write = |x: &AtomicUsize| {
        x.swap(1, SeqCst);
    };
    let seen = store_buffering(write, || {}, |y| y.load(SeqCst));
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 0), (1, 1)]));
}

/// C11 forbids (0, 0) with `fence(SeqCst)` between store and load; loom leaves it out. Faithful: fences are
/// what this crate uses.
#[test]
fn store_buffering_with_seqcst_fences_is_forbidden() {
    let seen = store_buffering(|x| x.store(1, Relaxed), || fence(SeqCst), |y| y.load(Relaxed));
    assert_eq!(seen, set(&[(0, 1), (1, 0), (1, 1)]));
}

/// Weaker fences allow (0, 0) again, in C11 and in loom. Faithful: a model notices a fence that is too
/// weak, which is what the audit asks of it.
#[test]
fn store_buffering_with_acqrel_fences_is_seen() {
    let seen = store_buffering(|x| x.store(1, Relaxed), || fence(AcqRel), |y| y.load(Relaxed));
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 0), (1, 1)]));
}

/// C11 allows (0, 0) when a relaxed read-modify-write does the reading; to loom a read-modify-write reads
/// the newest store there is. Blind: no read-modify-write may be the reading half of such a pair without
/// a fence, which a model cannot check.
#[test]
fn a_read_modify_write_never_reads_past_a_store() {
    let read = |y: &AtomicUsize| y.fetch_add(0, Relaxed);
    let seen = store_buffering(|x| x.store(1, Relaxed), || {}, read);
    assert_eq!(seen, set(&[(0, 1), (1, 0), (1, 1)]));
}

// --------------------------------------------------------------------------- other shapes of two

/// Read y, x = 1 ‖ read x, y = 1. C11 allows (1, 1), each thread reading what the other writes later; loom
/// carries out a store where it stands. Blind: a control dependency without an ordering looks safe.
#[test]
fn load_buffering_is_not_seen() {
    let seen = outcomes(|| {
        let first = |(x, y): &(AtomicUsize, AtomicUsize)| {
            let read = y.load(Relaxed);
            x.store(1, Relaxed);
            read
        };
        let second = |(x, y): &(AtomicUsize, AtomicUsize)| {
            let read = x.load(Relaxed);
            y.store(1, Relaxed);
            read
        };
        two(xy(), first, second)
    });
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 0)]));
}

/// x = 1, y = 2 ‖ y = 1, x = 2. C11 allows both to end at 1, as the order of stores to one atomic need not be
/// that of their execution; loom shows that. Faithful: who comes last among plain stores is open, until
/// somebody looks, and then it stays.
#[test]
fn plain_stores_can_end_in_either_order() {
    let seen = outcomes(|| {
        let first = |(x, y): &(AtomicUsize, AtomicUsize)| {
            x.store(1, Relaxed);
            y.store(2, Relaxed);
        };
        let second = |(x, y): &(AtomicUsize, AtomicUsize)| {
            y.store(1, Relaxed);
            x.store(2, Relaxed);
        };
        let shared = Arc::new(xy());
        two(shared.clone(), move |s| first(s), move |s| second(s));
        let (x, y) = &*shared;
        let end = (x.load(Relaxed), y.load(Relaxed));
        assert_eq!(end, (x.load(Relaxed), y.load(Relaxed)), "it stays");
        end
    });
    assert_eq!(seen, set(&[(1, 1), (1, 2), (2, 1), (2, 2)]));
}

/// x = 1, write flag y ‖ read flag y, read x, as (y, x).
fn message_passing(
    write_flag: fn(&AtomicUsize),
    read_flag: fn(&AtomicUsize) -> usize,
    read: fn(&AtomicUsize) -> usize,
) -> BTreeSet<(usize, usize)> {
    outcomes(move || {
        let writer = move |(x, y): &(AtomicUsize, AtomicUsize)| {
            x.store(1, Relaxed);
            write_flag(y);
        };
        let reader = move |(x, y): &(AtomicUsize, AtomicUsize)| (read_flag(y), read(x));
        two(xy(), writer, reader).1
    })
}

/// C11 forbids (1, 0) between `Release` and `Acquire`, and allows it when either is relaxed; so does loom.
/// Faithful: a message passed with too weak an ordering shows, on either side.
#[test]
fn message_passing_needs_release_and_acquire() {
    let passed = set(&[(0, 0), (0, 1), (1, 1)]);
    let torn = set(&[(0, 0), (0, 1), (1, 0), (1, 1)]);
    let read = |x: &AtomicUsize| x.load(Relaxed);
    assert_eq!(message_passing(|y| y.store(1, Release), |y| y.load(Acquire), read), passed);
    assert_eq!(message_passing(|y| y.store(1, Relaxed), |y| y.load(Acquire), read), torn);
    assert_eq!(message_passing(|y| y.store(1, Release), |y| y.load(Relaxed), read), torn);
}

/// The same with fences between relaxed accesses. Faithful, on either side.
#[test]
fn message_passing_needs_release_and_acquire_fences() {
    let passed = set(&[(0, 0), (0, 1), (1, 1)]);
    let torn = set(&[(0, 0), (0, 1), (1, 0), (1, 1)]);
    let released = |y: &AtomicUsize| {
        fence(Release);
        y.store(1, Relaxed);
    };
    let acquired = |x: &AtomicUsize| {
        fence(Acquire);
        x.load(Relaxed)
    };
    let flag = |y: &AtomicUsize| y.load(Relaxed);
    assert_eq!(message_passing(released, flag, acquired), passed);
    assert_eq!(message_passing(|y| y.store(1, Relaxed), flag, acquired), torn);
    assert_eq!(message_passing(released, flag, |x| x.load(Relaxed)), torn);
}

/// A cell in place of the second atomic: C11 calls the relaxed version a data race, and loom reports one.
/// Faithful: this is how most models fail.
#[test]
fn a_cell_passed_by_a_relaxed_flag_is_a_race() {
    let pass = |write, read| {
        move || {
            let writer = move |(cell, flag): &(Plain, AtomicBool)| {
                cell.write(1);
                flag.store(true, write);
            };
            let reader = move |(cell, flag): &(Plain, AtomicBool)| {
                if flag.load(read) { Some(cell.read()) } else { None }
            };
            two((Plain::new(), AtomicBool::new(false)), writer, reader).1
        }
    };
    assert_eq!(outcomes(pass(Release, Acquire)), set(&[None, Some(1)]));
    assert_race(&failure(pass(Relaxed, Acquire)));
    assert_race(&failure(pass(Release, Relaxed)));
}

/// x = 1 ‖ y = 1 ‖ read x, read y ‖ read y, read x. C11 lets the readers disagree about which came first,
/// even with `Acquire`; loom shows that. Faithful: nothing short of fences orders independent writes.
#[test]
fn independent_writes_are_seen_in_either_order() {
    let seen = outcomes(|| {
        let shared = Arc::new(xy());
        let spawn = |run: fn(&(AtomicUsize, AtomicUsize)) -> (usize, usize)| {
            let shared = shared.clone();
            thread::spawn(move || run(&shared))
        };
        let write_x = spawn(|(x, _)| {
            x.store(1, Release);
            (0, 0)
        });
        let write_y = spawn(|(_, y)| {
            y.store(1, Release);
            (0, 0)
        });
        let x_first = spawn(|(x, y)| (x.load(Acquire), y.load(Acquire)));
        let y_first = (shared.1.load(Acquire), shared.0.load(Acquire));
        write_x.join().unwrap();
        write_y.join().unwrap();
        (x_first.join().unwrap(), y_first)
    });
    assert!(seen.contains(&((1, 0), (1, 0))), "{seen:?}");
    assert_eq!(seen.len(), 16, "{seen:?}");
}

// -------------------------------------------------------------------------- compare and exchange

/// After a relaxed read of the flag, C11 lets a failed compare-and-exchange return the old value, as it
/// lets a load; loom gives it the newest. Blind: where an old value would matter, load first.
#[test]
fn a_failed_compare_exchange_never_reads_an_old_value() {
    let failing = |x: &AtomicUsize| x.compare_exchange(9, 9, Relaxed, Relaxed).unwrap_err();
    let flag = |y: &AtomicUsize| y.load(Relaxed);
    let seen = message_passing(|y| y.store(1, Relaxed), flag, failing);
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 1)]));
    let seen = message_passing(|y| y.store(1, Relaxed), flag, |x| x.load(Relaxed));
    assert_eq!(seen, set(&[(0, 0), (0, 1), (1, 0), (1, 1)]));
}

/// C11 lets a weak one fail although the value is right; loom's is the strong one. Blind: the facade makes
/// it fail once at each place in turn.
#[test]
fn a_weak_compare_exchange_never_fails_for_nothing() {
    let seen = outcomes(|| AtomicUsize::new(0).compare_exchange_weak(0, 1, Relaxed, Relaxed));
    assert_eq!(seen, set(&[Ok(0)]));
}

/// The ordering for failure is carried out when it fails, in C11 and in loom. Faithful: `take` depends on
/// it when it comes second.
#[test]
fn a_failed_compare_exchange_synchronises_by_its_failure_ordering() {
    let pass = |failure| {
        move || {
            let writer = |(cell, flag): &(Plain, AtomicUsize)| {
                cell.write(1);
                flag.store(1, Release);
            };
            let reader = move |(cell, flag): &(Plain, AtomicUsize)| {
                let flag = flag.compare_exchange(9, 9, Relaxed, failure);
                (flag == Err(1)).then(|| cell.read())
            };
            two((Plain::new(), AtomicUsize::new(0)), writer, reader).1
        }
    };
    assert_eq!(outcomes(pass(Acquire)), set(&[None, Some(1)]));
    assert_race(&failure(pass(Relaxed)));
}
