//! Who counts where: a thread that can have a slot has one, and it comes back when the thread ends.
//!
//! Counts are exact wherever they are made, so only the speed would tell if slots got lost. This test looks
//! into the rows instead, which makes it the one that knows how they lie in memory. It is alone in its
//! process, as a process has one set of slots.

use lockline::{Counter, CounterSet};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

/// As many as the documentation promises.
const SLOTS: usize = 64;
const ROWS: usize = 73;
/// How often the threads of one shared place count.
const EACH: u64 = 100_000;
/// A count that is not to be found.
const NOWHERE: usize = usize::MAX;
/// Enough for every slot and every shared place.
const CROWD: usize = 2 * ROWS;

/// The rows of a counter, in the order in which they lie in memory.
fn rows(counter: &Counter) -> [u64; ROWS] {
    const WORDS: usize = size_of::<Counter>() / ROWS / size_of::<AtomicU64>();
    let first = std::ptr::from_ref(counter).cast::<AtomicU64>();
    std::array::from_fn(|row| {
        // SAFETY: 73 rows of equal size make up the counter, so each starts inside it.
        let word = unsafe { first.add(row * WORDS) };
        // SAFETY: each row begins with its only word, an `AtomicU64`, and the counter is borrowed.
        let word = unsafe { &*word };
        word.load(Relaxed)
    })
}

/// Where the calling thread counts: a slot if below [`SLOTS`], otherwise a shared place. [`NOWHERE`] rather
/// than a panic, as others may be waiting for this thread.
fn my_place() -> usize {
    let probe = Counter::new();
    probe.increment();
    let counted = rows(&probe);
    probe.take();
    let taken = rows(&probe);
    // The row of `take`'s baseline may lie before or behind the others.
    let baseline = (0..ROWS).find(|&row| counted[row] != taken[row]);
    let row = (0..ROWS).find(|&row| counted[row] == 1);
    row.zip(baseline).map_or(NOWHERE, |(row, baseline)| row - usize::from(baseline < row))
}

/// The place of a thread that starts now and ends at once. Joined, and so really ended.
fn next_place() -> usize {
    thread::spawn(my_place).join().unwrap()
}

/// Notes where it counts when the thread ends.
struct AtExit;

static NOTED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

impl Drop for AtExit {
    fn drop(&mut self) {
        NOTED.lock().unwrap().push(my_place());
    }
}

fn noted() -> Vec<usize> {
    std::mem::take(&mut NOTED.lock().unwrap())
}

thread_local! {
    static FIRST: RefCell<Option<AtExit>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

#[test]
fn slots_are_owned_one_by_one_and_come_back() {
    assert_eq!(next_place(), 0, "the lowest");
    assert_eq!(next_place(), 0, "which came back");

    // All slots, each with one owner, and then the shared places, in turn.
    let places = Mutex::new(Vec::new());
    let all = Barrier::new(CROWD);
    let counter = Counter::new();
    thread::scope(|scope| {
        let count = || {
            let mine = my_place();
            places.lock().unwrap().push(mine);
            all.wait();
            // Those who share the first shared place count there all at once.
            if mine == SLOTS {
                (0..EACH).for_each(|_| counter.increment());
            }
            my_place() == mine
        };
        let crowd: Vec<_> = (0..CROWD).map(|_| scope.spawn(count)).collect();
        for thread in crowd {
            assert!(thread.join().unwrap(), "for as long as the thread lives");
        }
    });
    let places = places.into_inner().unwrap();
    let together = places.iter().filter(|&&place| place == SLOTS).count();
    assert!(together > 1, "{together} in the first shared place");
    assert_eq!(counter.sum(), together as u64 * EACH);
    let (owned, shared): (Vec<_>, Vec<_>) = places.into_iter().partition(|&place| place < SLOTS);
    assert_eq!(owned.len(), SLOTS, "no slot has two owners");
    assert_eq!(owned.into_iter().collect::<BTreeSet<_>>(), (0..SLOTS).collect());
    assert_eq!(shared.into_iter().collect::<BTreeSet<_>>(), (SLOTS..ROWS - 1).collect());

    // They all came back, and do so time after time.
    for _ in 0..1_000 {
        assert_eq!(next_place(), 0);
    }

    // A slot that is given back takes no other along.
    let hold = Barrier::new(2);
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let mine = my_place();
            hold.wait();
            hold.wait();
            mine
        });
        hold.wait();
        let others = [next_place(), next_place()];
        hold.wait();
        assert_eq!((holder.join().unwrap(), others), (0, [1, 1]));
    });

    // Of two destructors, registered before and after the first count, one has the slot still and one has
    // not, in whatever order the platform runs them. Neither keeps it.
    let live = || {
        FIRST.set(Some(AtExit));
        assert_eq!(my_place(), 0);
        SECOND.set(Some(AtExit));
    };
    thread::spawn(live).join().unwrap();
    let mut places = noted();
    places.sort_unstable();
    assert_eq!(places.len(), 2);
    assert!(places[0] == 0 && places[1] >= SLOTS, "{places:?}");
    assert_eq!(next_place(), 0);

    // A thread whose first count is in a destructor leaves no slot behind either.
    thread::spawn(|| FIRST.set(Some(AtExit))).join().unwrap();
    assert_eq!(noted().len(), 1);
    assert_eq!(next_place(), 0);

    // A thread has one place for all counters of the program.
    let (one, other, set) = (Counter::new(), Counter::new(), CounterSet::<2>::new());
    let count = || {
        one.increment();
        other.increment();
        set.increment(1);
        my_place()
    };
    let place = thread::scope(|scope| scope.spawn(count).join().unwrap());
    assert_eq!(place, 0);
    assert_eq!(rows(&one), rows(&other));
    assert_eq!(set.sums(), [0, 1]);
}
