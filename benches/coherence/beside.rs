//! Each primitive packed and padded: what its own padding saves.
//!
//! A new primitive adds its rows to [`pairs`], and they appear on the page, in the picture and in the
//! samples. Packed is the same algorithm with its words in one line; padded is the primitive as it is.

use crate::{
    cases::{Case, Measured},
    cores,
    ring::{APART, ENDS_TOGETHER, INDICES_TOGETHER, Ring},
};
use crossbeam_utils::CachePadded;
use lockline::{Counter, CounterSet, Mutex, Semaphore};
use lockline_harness::race;
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Packed and padded, with two threads.
pub(crate) struct Beside {
    pub(crate) primitive: &'static str,
    /// What shares a line in the packed case.
    pub(crate) packed: &'static str,
    /// What the padded case is.
    pub(crate) padded: &'static str,
    /// `work(thread, n)` executes n operations.
    work: [Work; 2],
}

type Work = Arc<dyn Fn(usize, u64) + Send + Sync>;

impl Beside {
    fn new(
        primitive: &'static str,
        (packed, packed_work): (&'static str, impl Fn(usize, u64) + Send + Sync + 'static),
        (padded, padded_work): (&'static str, impl Fn(usize, u64) + Send + Sync + 'static),
    ) -> Self {
        Self { primitive, packed, padded, work: [Arc::new(packed_work), Arc::new(padded_work)] }
    }

    /// The names of the packed and of the padded case.
    pub(crate) fn ids(&self) -> [String; 2] {
        ["packed", "padded"].map(|which| format!("beside/{}/{which}", plain(self.primitive)))
    }

    pub(crate) fn cases(&self) -> [Case; 2] {
        let [packed, padded] = self.ids();
        [(packed, &self.work[0]), (padded, &self.work[1])].map(|(id, work)| {
            let work = Arc::clone(work);
            Case::new(id, move |ops| Measured::of(&race(&cores::spread(2), ops, &*work), ops))
        })
    }
}

/// A name without Markdown, and without what would end a cell of the samples.
pub(crate) fn plain(name: &str) -> String {
    name.replace(['`', ','], "")
}

/// Counters of the set. A power of two, so that taking turns costs next to nothing.
const SET: usize = 4;

/// Every primitive.
pub(crate) fn pairs() -> Vec<Beside> {
    let counter = Arc::new(Counter::new());
    let set = CounterSet::<SET>::new();
    let cells = Arc::new(Cells::<1>::default());
    let rows = Cells::<SET>::default();
    let words = [const { CachePadded::new(AtomicU64::new(0)) }; 2];
    let lock = Arc::new(move |thread: usize| {
        words[thread].fetch_add(1, Relaxed);
    });
    let packed = Arc::new(Neighbours { semaphore: Semaphore::new(1), word: AtomicU64::new(0) });
    let padded =
        Arc::new((CachePadded::new(Semaphore::new(1)), CachePadded::new(AtomicU64::new(0))));
    let ring = |places| {
        let ring = Ring::new(places);
        move |thread, n| ring.pass(thread, n)
    };
    vec![
        Beside::new(
            "`Semaphore`, one thread at it, and a word that another adds to",
            ("in one line", move |thread, n| beside(&packed.semaphore, &packed.word, thread, n)),
            ("`CachePadded`", move |thread, n| beside(&padded.0, &padded.1, thread, n)),
        ),
        Beside::new(
            "`Counter`",
            ("two threads' cells in one line", {
                let cells = Arc::clone(&cells);
                move |thread, n| {
                    SLOT.set(thread);
                    (0..n).for_each(|_| cells.add(0, 1));
                }
            }),
            ("`Counter`", {
                let counter = Arc::clone(&counter);
                move |_, n| (0..n).for_each(|_| counter.increment())
            }),
        ),
        Beside::new(
            "`Counter`, and a locked instruction",
            ("two threads' cells in one line", {
                let lock = Arc::clone(&lock);
                move |thread, n| {
                    SLOT.set(thread);
                    for _ in 0..n {
                        cells.add(0, 1);
                        lock(thread);
                    }
                }
            }),
            ("`Counter`", move |thread, n| {
                for _ in 0..n {
                    counter.increment();
                    lock(thread);
                }
            }),
        ),
        Beside::new(
            "`CounterSet`",
            ("two threads' rows of 4 in one line", move |thread, n| {
                SLOT.set(thread);
                each_in_turn(n, |index| rows.add(index, 1));
            }),
            ("`CounterSet<4>`", move |_, n| each_in_turn(n, |index| set.increment(index))),
        ),
        Beside::new(
            "`Mutex`, one for each thread",
            ("both in one line", {
                let both = Packed::<[Mutex<u64>; 2]>::default();
                move |thread, n| (0..n).for_each(|_| *both.0[thread % 2].lock() += 1)
            }),
            ("each padded", {
                let both = <[CachePadded<Mutex<u64>>; 2]>::default();
                move |thread, n| (0..n).for_each(|_| *both[thread % 2].lock() += 1)
            }),
        ),
        Beside::new(
            "`Mutex` of one thread, a word that another adds to",
            ("in one line", {
                let both = Packed::<(Mutex<u64>, AtomicU64)>::default();
                move |thread, n| lock_or_add(thread, n, &both.0.0, &both.0.1)
            }),
            ("both padded", {
                let both = <(CachePadded<Mutex<u64>>, CachePadded<AtomicU64>)>::default();
                move |thread, n| lock_or_add(thread, n, &both.0, &both.1)
            }),
        ),
        Beside::new(
            "`WorkQueue`'s ring, the indices of its ends",
            ("both in one line", ring(INDICES_TOGETHER)),
            ("each padded", ring(APART)),
        ),
        Beside::new(
            "`WorkQueue`'s ring, its flags that somebody waits",
            ("each in the line of its end's index", ring(ENDS_TOGETHER)),
            ("each padded", ring(APART)),
        ),
    ]
}

/// In one line.
#[derive(Default)]
#[repr(align(64))]
struct Packed<T>(T);

fn lock_or_add(thread: usize, n: u64, lock: &Mutex<u64>, word: &AtomicU64) {
    if thread == 0 {
        (0..n).for_each(|_| *lock.lock() += 1);
    } else {
        (0..n).for_each(|_| {
            word.fetch_add(1, Relaxed);
        });
    }
}

/// What the rows cannot say themselves.
pub(crate) const NOTE: &str = "Additions on their own hide in the store buffer, as stores do. They cannot where \
    a locked instruction comes between them, as each lock and each queue executes one: it waits until the \
    buffer is empty. Its own time, on a line of its thread's own, is in both columns. \
    The queue's rows are of its ring without the waits, in both columns; one thread puts in and the other takes out.";

fn each_in_turn(n: u64, add: impl Fn(usize)) {
    let mut index = 0;
    for _ in 0..n {
        add(index);
        index = (index + 1) % SET;
    }
}

/// A semaphore's word, and what is next to it.
#[repr(C, align(128))]
struct Neighbours {
    word: AtomicU64,
    semaphore: Semaphore,
}

fn beside(semaphore: &Semaphore, word: &AtomicU64, thread: usize, n: u64) {
    if thread == 0 {
        (0..n).for_each(|_| drop(semaphore.acquire()));
    } else {
        (0..n).for_each(|_| {
            word.fetch_add(1, Relaxed);
        });
    }
}

/// The counter's cells without their padding: a row for each of two threads, in one line.
#[derive(Default)]
#[repr(C, align(128))]
struct Cells<const N: usize>([Row<N>; 2]);

struct Row<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Row<N> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }
}

const _: () = assert!(size_of::<[Row<SET>; 2]>() <= 64, "rows of two threads fit in a line");

thread_local! {
    /// The thread's row, looked up as the counter looks up its slot.
    static SLOT: Cell<usize> = const { Cell::new(0) };
}

impl<const N: usize> Cells<N> {
    fn add(&self, index: usize, n: u64) {
        let cell = &self.0[SLOT.get() % 2].0[index];
        // The only writer of its cell, as in the counter.
        cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
    }
}
