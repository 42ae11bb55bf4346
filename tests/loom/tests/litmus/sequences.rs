//! Release sequences, coherence, and what fences and stores by one thread let others see.

use crate::{Plain, assert_race, failure, outcomes, set, two, xy};
use loom::{
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
    },
    thread,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicBool as StdAtomicBool},
};

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
