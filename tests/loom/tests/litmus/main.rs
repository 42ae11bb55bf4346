//! What loom explores and what it does not: the ground that every model of this crate stands on.
//!
//! Each test pins one fact by its behaviour, so that a release of loom that changes the ground is noticed
//! here and not in a model that proves less than it did. Its comment says what C11 allows, what loom
//! does, and what follows for a model:
//!
//! * *faithful*: loom explores exactly what C11 allows;
//! * *blind*: loom leaves out something that can happen, so a passing model proves nothing about it;
//! * *false alarm*: loom explores something that cannot happen, so a correct program can fail.
//!
//! A test that fails after an upgrade is no bug in this crate: look at what follows from the new fact, in
//! the rules for models and in the list of orderings that the audit cannot judge, then pin it.

use loom::{
    cell::UnsafeCell,
    model::Builder,
    sync::{
        Condvar, Mutex,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
            fence,
        },
    },
    thread,
};
use std::{
    any::Any,
    collections::BTreeSet,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool as StdAtomicBool, AtomicUsize as StdAtomicUsize},
    },
    time::Duration,
};

/// Without a bound, whatever the environment says: loom takes its defaults from there.
fn unbounded() -> Builder {
    let mut builder = Builder::new();
    builder.max_branches = 1_000;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = None;
    builder.checkpoint_file = None;
    builder
}

/// Everything that `model` can end with, over all executions.
fn outcomes<T: Ord + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> BTreeSet<T> {
    // std's mutex, which loom does not see: it adds no executions.
    let seen = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let seen_inside = seen.clone();
    unbounded().check(move || {
        let outcome = model();
        seen_inside.lock().unwrap().insert(outcome);
    });
    std::mem::take(&mut *seen.lock().unwrap())
}

/// What loom says against `model`. std's `Arc`s only: one of loom's that is dropped while the failure
/// unwinds panics a second time, which aborts.
fn failure<T: Ord + Debug + Send + 'static>(
    model: impl Fn() -> T + Send + Sync + 'static,
) -> String {
    match catch_unwind(AssertUnwindSafe(|| outcomes(model))) {
        Ok(outcomes) => panic!("loom has nothing against it: {outcomes:?}"),
        Err(payload) => message(&*payload),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_owned(),
        _ => panic!("a panic without words"),
    }
}

#[track_caller]
fn assert_race(message: &str) {
    assert!(message.contains("Causality violation"), "another failure than a race: {message}");
}

fn set<T: Ord + Clone>(outcomes: &[T]) -> BTreeSet<T> {
    outcomes.iter().cloned().collect()
}

/// Runs two threads to their end: the first as a new one, the second here.
fn two<S, A, B>(
    shared: S,
    a: impl FnOnce(&S) -> A + 'static,
    b: impl FnOnce(&S) -> B + 'static,
) -> (A, B)
where
    S: 'static,
    A: 'static,
{
    let shared = Arc::new(shared);
    let theirs = shared.clone();
    let a = thread::spawn(move || a(&theirs));
    let b = b(&shared);
    (a.join().unwrap(), b)
}

fn xy() -> (AtomicUsize, AtomicUsize) {
    (AtomicUsize::new(0), AtomicUsize::new(0))
}

/// A value that only its orderings protect.
#[derive(Debug)]
struct Plain(UnsafeCell<usize>);

// SAFETY: not true by itself. loom watches each access, and reports two that nothing orders.
unsafe impl Sync for Plain {}

impl Plain {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn write(&self, value: usize) {
        self.0.with_mut(|cell| {
            // SAFETY: loom runs one thread at a time and checked the access before it handed out `cell`.
            unsafe { *cell = value }
        });
    }

    fn read(&self) -> usize {
        self.0.with(|cell| {
            // SAFETY: as in `write`.
            unsafe { *cell }
        })
    }
}

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

// ------------------------------------------------------------- release sequences, and coherence

/// Bit 0 of a word is held. One thread writes a cell and gives bit 0 back with `release`; one changes the
/// word meanwhile, in its own way; one takes bit 0 with `acquire` if it is free, and reads the cell.
/// Result: the word it found and what it read, or `None` if the bit was not to be had.
fn bit_handed_over(
    release: loom::sync::atomic::Ordering,
    meanwhile: fn(&AtomicUsize),
    acquire: loom::sync::atomic::Ordering,
) -> Option<(usize, usize)> {
    let shared = Arc::new((Plain::new(), AtomicUsize::new(0b01)));
    let (old, other) = (shared.clone(), shared.clone());
    let old = thread::spawn(move || {
        old.0.write(1);
        old.1.fetch_and(!0b01, release);
    });
    let other = thread::spawn(move || meanwhile(&other.1));
    let (cell, word) = &*shared;
    let now = word.load(Relaxed);
    let taken = now & 0b01 == 0 && word.compare_exchange(now, now | 0b01, acquire, Relaxed).is_ok();
    let seen = taken.then(|| (now, cell.read()));
    old.join().unwrap();
    other.join().unwrap();
    seen
}

/// C11: a relaxed read-modify-write of another thread continues the release sequence, so who acquires its
/// result has synchronised with the release before it; so in loom. Faithful: a slot of the counters
/// passes from thread to thread over a word that others change in between.
#[test]
fn a_release_sequence_continues_through_another_threads_read_modify_write() {
    let set_bit = |word: &AtomicUsize| {
        word.fetch_or(0b10, Relaxed);
    };
    let seen = outcomes(move || bit_handed_over(Release, set_bit, Acquire));
    assert_eq!(seen, set(&[None, Some((0b00, 1)), Some((0b10, 1))]));
    assert_race(&failure(move || bit_handed_over(Relaxed, set_bit, Acquire)));
    assert_race(&failure(move || bit_handed_over(Release, set_bit, Relaxed)));
}

/// C11: a plain store of another thread ends the sequence, and acquiring it proves nothing about the release
/// before; so in loom. Faithful.
#[test]
fn a_release_sequence_ends_at_another_threads_store() {
    let store = |word: &AtomicUsize| word.store(0b10, Relaxed);
    assert_race(&failure(move || bit_handed_over(Release, store, Acquire)));
}

/// x = 1, x = 2 ‖ read x, write flag ‖ read flag, read x: both reads, if the flag was seen.
fn two_readers(
    write: loom::sync::atomic::Ordering,
    read: loom::sync::atomic::Ordering,
) -> BTreeSet<(usize, usize)> {
    let seen = outcomes(move || {
        let shared = Arc::new((AtomicUsize::new(0), AtomicBool::new(false)));
        let (writer, first) = (shared.clone(), shared.clone());
        let writer = thread::spawn(move || {
            writer.0.store(1, Relaxed);
            writer.0.store(2, Relaxed);
        });
        let first = thread::spawn(move || {
            let seen = first.0.load(Relaxed);
            first.1.store(true, write);
            seen
        });
        let second = shared.1.load(read).then(|| shared.0.load(Relaxed));
        writer.join().unwrap();
        let first = first.join().unwrap();
        second.map(|second| (first, second))
    });
    seen.into_iter().flatten().collect()
}

/// C11: of two relaxed reads, one of which happens before the other, the later one sees no older value; so
/// in loom. Faithful: this, and nothing more, keeps a `take` from being behind the one before it.
#[test]
fn a_read_is_no_older_than_one_that_happens_before_it() {
    let in_order = set(&[(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]);
    assert_eq!(two_readers(Release, Acquire), in_order);
    // Without the edge the later reader may be behind.
    let any: BTreeSet<_> = (0..3).flat_map(|a| (0..3).map(move |b| (a, b))).collect();
    assert_eq!(two_readers(Relaxed, Acquire), any);
    assert_eq!(two_readers(Release, Relaxed), any);
}

/// C11: a read-modify-write returns the store right before its own, and none comes between; loom sometimes
/// places a store of another thread on the wrong side (its issues 254, 282 and 389). False alarm: here the
/// swap returns `false` and the store of `true` seems to be lost as well.
#[test]
fn a_store_beside_a_relaxed_swap_can_get_lost() {
    let seen = outcomes(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let theirs = flag.clone();
        let other = thread::spawn(move || theirs.store(true, Relaxed));
        let swapped = flag.swap(false, Relaxed);
        other.join().unwrap();
        (swapped, flag.load(Relaxed))
    });
    assert_eq!(seen, set(&[(false, false), (false, true), (true, false)]));
}

/// C11 allows any of the values that a relaxed load has not been overtaken by; loom remembers seven. Blind:
/// an atomic is stored to fewer than seven times in an execution.
#[test]
fn only_the_last_seven_values_can_be_read() {
    let readable = |stores: usize| {
        let seen = outcomes(move || {
            let writer = move |(x, y): &(AtomicUsize, AtomicUsize)| {
                (1..=stores).for_each(|value| x.store(value, Relaxed));
                y.store(1, Relaxed);
            };
            let reader = |(x, y): &(AtomicUsize, AtomicUsize)| {
                (y.load(Relaxed) == 1).then(|| x.load(Relaxed))
            };
            two(xy(), writer, reader).1
        });
        seen.into_iter().flatten().collect::<Vec<_>>()
    };
    assert_eq!(readable(6), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(readable(7), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(readable(10), [4, 5, 6, 7, 8, 9, 10]);
}

/// k = 1, v = 1, v = 0, perhaps read k, k = 0 ‖ read v, read k. A thread's read of its own store changes
/// nothing for others in C11; in loom (1, 0) disappears with it (its issue 166), but only where all accesses
/// are `SeqCst`. Blind there, and one more reason to refuse `SeqCst` on an access; faithful otherwise.
#[test]
fn a_seqcst_read_of_ones_own_store_hides_outcomes() {
    let seen = |write, read, read_own: bool| {
        outcomes(move || {
            let writer = move |(k, v): &(AtomicUsize, AtomicUsize)| {
                k.store(1, write);
                v.store(1, write);
                v.store(0, write);
                if read_own {
                    k.load(read);
                }
                k.store(0, write);
            };
            let reader = move |(k, v): &(AtomicUsize, AtomicUsize)| {
                let v = v.load(read);
                (v, k.load(read))
            };
            two(xy(), writer, reader).1
        })
    };
    let all = set(&[(0, 0), (0, 1), (1, 0), (1, 1)]);
    assert_eq!(seen(SeqCst, SeqCst, false), all);
    assert_eq!(seen(SeqCst, SeqCst, true), set(&[(0, 0), (0, 1), (1, 1)]));
    assert_eq!(seen(Release, Acquire, true), all);
    assert_eq!(seen(Relaxed, Relaxed, true), all);
}

/// Write a cell, fence ‖ fence, read the cell, where the second fence comes after the first. C11: fences order
/// nothing by themselves, one thread must also read what the other wrote around them, so this is a race; to
/// loom a `SeqCst` fence has seen all that those before it had. Blind: a model does not notice that the
/// atomic beside a `SeqCst` fence is missing.
#[test]
fn a_seqcst_fence_alone_orders_a_cell() {
    let pass = |order| {
        move || {
            // std's, which loom does not see, says who came first; loom's, which nobody reads, makes loom try
            // both, as a fence does not.
            let came_first = StdAtomicBool::new(false);
            let shared = (Plain::new(), came_first, AtomicBool::new(false));
            let writer = move |(cell, came_first, switch): &(Plain, StdAtomicBool, AtomicBool)| {
                switch.store(true, Relaxed);
                cell.write(1);
                fence(order);
                came_first.store(true, Relaxed);
            };
            let reader = move |(cell, came_first, switch): &(Plain, StdAtomicBool, AtomicBool)| {
                switch.store(true, Relaxed);
                fence(order);
                came_first.load(Relaxed).then(|| cell.read())
            };
            two(shared, writer, reader).1
        }
    };
    assert_eq!(outcomes(pass(SeqCst)), set(&[None, Some(1)]));
    assert_race(&failure(pass(AcqRel)));
}

/// w = 1, x = 1, fence, read z ‖ z = 1, read x, fence, read w: (1, 1, 0)? C11 allows it, with the second fence
/// first: x may be seen before w. In loom no thread comes between a store and the fence behind it, so
/// who sees x has the first fence before his own. Blind, slightly: for what a store beside a fence shows
/// earlier than the fence takes effect.
#[test]
fn no_thread_comes_between_a_store_and_its_fence() {
    type Three = (AtomicUsize, AtomicUsize, AtomicUsize);
    let seen = |order| {
        outcomes(move || {
            let first = move |(w, x, z): &Three| {
                w.store(1, Relaxed);
                x.store(1, Relaxed);
                fence(order);
                z.load(Relaxed)
            };
            let second = move |(w, x, z): &Three| {
                z.store(1, Relaxed);
                let x = x.load(Relaxed);
                fence(order);
                (x, w.load(Relaxed))
            };
            let (z, (x, w)) = two(Three::default(), first, second);
            (z, x, w)
        })
    };
    // Not there: (0, 0, 0) and (0, 1, 0), which C11 forbids, and (1, 1, 0), which it allows.
    let with_fences = set(&[(0, 0, 1), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 1)]);
    assert_eq!(seen(SeqCst), with_fences);
    // Weaker fences order nothing here, and all eight are seen.
    assert_eq!(seen(AcqRel).len(), 8);
}

// ------------------------------------------------------------------- parking, waiting, and time

/// A cell handed over by a relaxed flag, after or without an `unpark` of a thread that never parks.
fn cell_beside_an_unpark(unpark: bool) -> Option<usize> {
    let reader = thread::current();
    let writer = move |(cell, flag): &(Plain, AtomicBool)| {
        cell.write(1);
        if unpark {
            reader.unpark();
        }
        flag.store(true, Relaxed);
    };
    let reader = |(cell, flag): &(Plain, AtomicBool)| flag.load(Relaxed).then(|| cell.read());
    // Not joined: loom takes an unpark of a thread that joins amiss.
    let shared = Arc::new((Plain::new(), AtomicBool::new(false)));
    let theirs = shared.clone();
    thread::spawn(move || writer(&theirs));
    reader(&shared)
}

/// std: an `unpark` synchronises with the `park` that it ends. To loom the target has seen at once all
/// that the caller has, parked or not. Blind: an `unpark` before the flag hides that the flag's ordering is
/// missing, so the flag comes first.
#[test]
fn an_unpark_hands_over_what_it_has_seen_to_a_running_thread() {
    assert_eq!(outcomes(|| cell_beside_an_unpark(true)), set(&[None, Some(1)]));
    assert_race(&failure(|| cell_beside_an_unpark(false)));
}

/// std: joining and parking have nothing to do with one another. loom's `join` is a kind of park and is
/// upset (its issue 249). False alarm: a waker wakes only threads that are in its queue.
#[test]
fn an_unpark_of_a_thread_that_joins_is_a_false_alarm() {
    let message = failure(|| {
        let main = thread::current();
        thread::spawn(move || main.unpark()).join().unwrap();
    });
    assert!(message.contains("state.notified"), "{message}");
}

/// std: `park` may return for nothing; loom's does not, and so finds each wake-up that is missing. Blind to
/// a missing loop: the facade makes each park return early once.
#[test]
fn a_park_never_returns_for_nothing() {
    assert!(failure(thread::park).contains("deadlock"));
}

/// std: a condition variable may wake for nothing, so that this `if` must be a `while`; loom's does not.
/// Blind: the same.
#[test]
fn a_condvar_never_wakes_for_nothing() {
    let seen = outcomes(|| {
        let notifier = |(mutex, condvar): &(Mutex<bool>, Condvar)| {
            *mutex.lock().unwrap() = true;
            condvar.notify_one();
        };
        let waiter = |(mutex, condvar): &(Mutex<bool>, Condvar)| {
            let mut ready = mutex.lock().unwrap();
            if !*ready {
                ready = condvar.wait(ready).unwrap();
            }
            *ready
        };
        two((Mutex::new(false), Condvar::new()), notifier, waiter).1
    });
    assert_eq!(seen, set(&[true]));
}

/// std: a wait with a timeout ends; loom's never does, and it calls that a deadlock. Blind to what happens
/// after a timeout, which the facade injects.
#[test]
fn a_wait_never_times_out() {
    let message = failure(|| {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        let guard = mutex.lock().unwrap();
        drop(condvar.wait_timeout(guard, Duration::from_millis(1)));
    });
    assert!(message.contains("deadlock"), "{message}");
}

// ---------------------------------------------------------------- panics, leaks, and loom's limits

/// A panic in a model can be caught, and atomics work while it unwinds. Faithful: what a guard does when
/// user code panics can be modelled.
#[test]
fn a_panic_can_be_caught_and_atomics_work_in_drop() {
    struct OnDrop<'a>(&'a AtomicUsize);
    impl Drop for OnDrop<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let seen = outcomes(|| {
        let drops = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = OnDrop(&drops);
            panic!("in the model");
        }));
        (caught.is_err(), drops.load(Relaxed))
    });
    assert_eq!(seen, set(&[(true, 1)]));
}

/// A failure of loom's own (here a deadlock) leaves no thread running; whatever touches loom while that
/// unwinds panics again, which aborts the process, and no harness inside it learns why. So each mutant
/// runs in a process of its own.
#[test]
fn touching_loom_while_its_failure_unwinds_aborts() {
    const CHILD: &str = "LOCKLINE_LITMUS_ABORT";
    if std::env::var_os(CHILD).is_some() {
        outcomes(|| {
            let _dropped_while_unwinding = loom::sync::Arc::new(());
            thread::park();
        });
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "touching_loom_while_its_failure_unwinds_aborts", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    // A test that merely fails exits with 101.
    assert!(!child.status.success() && child.status.code() != Some(101), "{said}");
    assert!(said.contains("deadlock") && said.contains("aborting"), "{said}");
}

/// loom counts its own `Arc`s at the end of each execution; a `Box` or an `Arc` of std may leak unseen. Blind:
/// a model that asks about a leak uses loom's.
#[test]
fn only_a_leak_of_looms_own_arc_is_reported() {
    let message = failure(|| std::mem::forget(loom::sync::Arc::new(1)));
    assert!(message.contains("leaked"), "{message}");
    outcomes(|| {
        std::mem::forget(Arc::new(1));
        std::mem::forget(Box::new(1));
    });
}

/// A model that is cut short by `max_permutations` or `max_duration` ends as if it had passed. Blind: the
/// harness sets neither, counts for itself, and says what the bound was.
#[test]
fn a_model_that_is_cut_short_passes() {
    let count = |max_permutations| {
        let runs = Arc::new(StdAtomicUsize::new(0));
        let counted = runs.clone();
        let mut builder = unbounded();
        builder.max_permutations = max_permutations;
        builder.checkpoint_interval = 1;
        builder.check(move || {
            let run = counted.fetch_add(1, Relaxed);
            let read = |(x, _): &(AtomicUsize, _)| x.store(1, Relaxed);
            two(xy(), read, |(x, _)| x.load(Relaxed));
            assert!(run < 2 || max_permutations.is_none(), "reached only without the limit");
        });
        runs.load(Relaxed)
    };
    let all = count(None);
    assert!(all > 2, "{all} executions");
    assert!(count(Some(3)) < 3);
}

/// Four threads beside the main one, and no more. Models have two or three.
#[test]
fn a_sixth_thread_is_refused() {
    let spawn = |threads: usize| {
        move || (0..threads).map(|_| thread::spawn(|| ())).for_each(|t| t.join().unwrap())
    };
    outcomes(spawn(4));
    let message = failure(spawn(5));
    assert!(message.contains("max"), "{message}");
}
