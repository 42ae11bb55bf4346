//! What `Counter`, `Gauge` and `CounterSet` promise, on real threads.
//!
//! Threads are joined one by one where their thread-local destructors count: the end of a scope waits for
//! what a thread runs, not for its destructors.

use lockline::{Counter, CounterSet, Gauge};
use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier, Once,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

/// Sets the flag when dropped: a failed assertion must not leave the other threads waiting for it.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

// --------------------------------------------------------------------------------- many threads

#[test]
fn ten_thousand_short_lived_threads_count_exactly() {
    const BATCH: u64 = 50;
    let counter = Counter::new();
    let gauge = Gauge::new();
    let set = CounterSet::<3>::new();
    for _ in 0..10_000 / BATCH {
        thread::scope(|scope| {
            for thread in 0..BATCH {
                let (counter, gauge, set) = (&counter, &gauge, &set);
                scope.spawn(move || {
                    counter.add(thread);
                    counter.increment();
                    gauge.sub(2);
                    set.increment(2);
                });
            }
        });
    }
    assert_eq!(counter.sum(), 10_000 / BATCH * (0..BATCH).map(|thread| thread + 1).sum::<u64>());
    assert_eq!(gauge.sum(), -20_000);
    assert_eq!(set.sums(), [0, 0, 10_000]);
}

#[test]
fn three_hundred_threads_at_once_count_exactly() {
    const THREADS: u64 = 300;
    const EACH: u64 = 1_000;
    let counter = Counter::new();
    let set = CounterSet::<2>::new();
    let all = Barrier::new(300);
    let count = || {
        // Each has its place, its own or a shared one, while all others are alive.
        counter.increment();
        all.wait();
        for _ in 1..EACH {
            counter.increment();
            set.add(1, 2);
        }
        all.wait();
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(count))));
    assert_eq!(counter.sum(), THREADS * EACH);
    assert_eq!(set.sums(), [0, 2 * THREADS * (EACH - 1)]);

    // Nothing is left of the crowd: threads that come later count as exactly.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..EACH).for_each(|_| counter.increment()));
        }
    });
    assert_eq!(counter.take(), (THREADS + 4) * EACH);
}

// -------------------------------------------------------------------- thread-local destructors

/// Runs `f` when the thread ends.
struct AtExit(Box<dyn Fn()>);

impl Drop for AtExit {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static FIRST: RefCell<Option<AtExit>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

fn at_exit(key: &'static thread::LocalKey<RefCell<Option<AtExit>>>, f: impl Fn() + 'static) {
    key.set(Some(AtExit(Box::new(f))));
}

/// One destructor is registered before the thread counts for the first time, one after. In whatever order
/// the platform runs them, one of the two comes after the one that gives the slot back.
#[test]
fn destructors_on_both_sides_of_the_slot_count_exactly() {
    static COUNTER: Counter = Counter::new();
    static GAUGE: Gauge = Gauge::new();
    static SET: CounterSet<2> = CounterSet::new();
    let live = || {
        at_exit(&FIRST, || {
            COUNTER.add(10);
            GAUGE.add(-1);
            SET.increment(0);
        });
        COUNTER.add(1);
        at_exit(&SECOND, || {
            COUNTER.add(100);
            GAUGE.add(-10);
            SET.increment(1);
        });
    };
    for _ in 0..50 {
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(live)).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
    assert_eq!(COUNTER.sum(), 200 * 111);
    assert_eq!(GAUGE.sum(), 200 * -11);
    assert_eq!(SET.sums(), [200, 200]);
}

/// The first count of a thread may be made by a destructor.
#[test]
fn a_destructor_may_be_the_first_to_count() {
    static COUNTER: Counter = Counter::new();
    for thread in 1..=200 {
        let live = || {
            at_exit(&FIRST, || COUNTER.increment());
            // Counts twice: at first without a place, then with whatever the first time left it.
            at_exit(&SECOND, || (0..2).for_each(|_| COUNTER.increment()));
        };
        thread::spawn(live).join().unwrap();
        assert_eq!(COUNTER.sum(), 3 * thread);
    }
}

/// A destructor that still counts when its slot has a new owner does so beside that owner.
#[test]
fn a_late_destructor_does_not_touch_the_slots_next_owner() {
    const EACH: u64 = 50_000;
    static COUNTER: Counter = Counter::new();
    // Both orders of destruction: in one of them the slot is gone. Time and again: tests that run beside
    // this one take slots as well.
    for register_first in [true, false].repeat(10) {
        let meet = Arc::new(Barrier::new(2));
        let before = COUNTER.sum();
        let late = {
            let meet = meet.clone();
            move || {
                // Between the two the other thread gets its place.
                meet.wait();
                meet.wait();
                (0..EACH).for_each(|_| COUNTER.increment());
            }
        };
        let old = thread::spawn(move || {
            if register_first {
                at_exit(&FIRST, late);
                COUNTER.increment();
            } else {
                COUNTER.increment();
                at_exit(&FIRST, late);
            }
        });
        let new = thread::spawn(move || {
            meet.wait();
            COUNTER.increment();
            meet.wait();
            (0..EACH).for_each(|_| COUNTER.increment());
        });
        old.join().unwrap();
        new.join().unwrap();
        assert_eq!(COUNTER.sum() - before, 2 * EACH + 2);
    }
}

// --------------------------------------------------------------------------- adds, sums, takes

/// Runs `adders` threads that add, and `takers` that take, all the time until each of these has taken
/// [`TAKES`] times. Returns what each adder and each taker has to show for it.
fn add_while_taking<A: Send, T: Send>(
    adders: usize,
    add: impl Fn(&dyn Fn() -> bool) -> A + Sync,
    takers: usize,
    take: impl Fn() -> T + Sync,
) -> (Vec<A>, Vec<T>) {
    let done = AtomicBool::new(false);
    let running = || !done.load(Relaxed);
    thread::scope(|scope| {
        let adders: Vec<_> = (0..adders).map(|_| scope.spawn(|| add(&running))).collect();
        let taken = {
            let _done = Done(&done);
            let takers: Vec<_> = (0..takers).map(|_| scope.spawn(&take)).collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).collect()
        };
        (adders.into_iter().map(|adder| adder.join().unwrap()).collect(), taken)
    })
}

const TAKES: usize = 100_000;

#[test]
fn takes_and_a_last_take_equal_the_sum() {
    let counter = Counter::new();
    let add = |running: &dyn Fn() -> bool| {
        let mut added = 0;
        while running() {
            counter.add(2);
            added += 2;
        }
        added
    };
    let take = || (0..TAKES).map(|_| counter.take()).reduce(checked_add).unwrap();
    let (added, taken) = add_while_taking(2, add, 2, take);
    let (added, taken): (u64, u64) = (added.iter().sum(), taken.iter().sum());
    assert_eq!(taken + counter.take(), added);
    assert_eq!(counter.sum(), added, "a take does not touch the sum");
    assert_eq!(counter.take(), 0);
}

/// A take that got less than nothing would make the total overflow.
fn checked_add(a: u64, b: u64) -> u64 {
    a.checked_add(b).expect("more was taken than was ever added")
}

#[test]
fn takes_of_a_set_balance_by_column() {
    let set = CounterSet::<3>::new();
    let add = |running: &dyn Fn() -> bool| {
        let mut added = [0; 3];
        while running() {
            for (column, added) in added.iter_mut().enumerate() {
                set.add(column, column as u64 + 1);
                *added += column as u64 + 1;
            }
        }
        added
    };
    let columns = |a: [u64; 3], b: [u64; 3]| std::array::from_fn(|i| checked_add(a[i], b[i]));
    let take = || (0..TAKES / 5).map(|_| set.take_all()).reduce(columns).unwrap();
    let (added, taken) = add_while_taking(2, add, 2, take);
    let added = added.into_iter().reduce(columns).unwrap();
    let taken = taken.into_iter().chain([set.take_all()]).reduce(columns).unwrap();
    assert_eq!(taken, added);
    assert_eq!(set.sums(), added);
    assert_eq!(set.take_all(), [0; 3]);
}

/// For one reader, who adds as well: each sum has the additions of the one before and its own.
#[test]
fn a_sum_never_goes_back_and_has_the_readers_own_additions() {
    const READS: u64 = 20_000;
    let counter = Counter::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = || {
            while !done.load(Relaxed) {
                counter.increment();
            }
        };
        (0..2).for_each(|_| drop(scope.spawn(others)));
        let short_lived = || {
            while !done.load(Relaxed) {
                thread::scope(|scope| drop(scope.spawn(|| counter.increment())));
            }
        };
        scope.spawn(short_lived);
        let _done = Done(&done);
        let mut last = counter.sum();
        for read in 1..=READS {
            counter.increment();
            if read % 16 == 0 {
                counter.take();
            }
            let now = counter.sum();
            assert!(now > last, "{now} after {last} and one of our own");
            last = now;
        }
        assert!(last >= READS);
    });
}

/// Whoever has synchronised with a thread has its additions: here by a join, in the thread of another.
#[test]
fn a_sum_is_exact_once_the_adders_are_joined() {
    let counter = Counter::new();
    for round in 1..=200 {
        thread::scope(|scope| {
            let adder = scope.spawn(|| counter.add(3));
            let reader = scope.spawn(|| {
                adder.join().unwrap();
                counter.sum()
            });
            assert_eq!(reader.join().unwrap(), 3 * round);
        });
    }
}

#[test]
fn sums_and_takes_wrap() {
    let counter = Counter::new();
    counter.add(u64::MAX);
    assert_eq!(counter.sum(), u64::MAX);
    assert_eq!(counter.take(), u64::MAX);
    counter.add(2);
    assert_eq!(counter.sum(), 1);
    assert_eq!(counter.take(), 2, "from the greatest to beyond it");
    assert_eq!(counter.take(), 0);

    // No single cell wraps, their sum does.
    let set = CounterSet::<1>::new();
    thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(|| set.add(0, 1 << 63)))));
    assert_eq!(set.sum(0), 1 << 63);
    assert_eq!(set.take(0), 1 << 63);
    set.add(0, u64::MAX);
    assert_eq!(set.take(0), u64::MAX);
    assert_eq!(set.sum(0), (1 << 63) - 1);
}

#[test]
fn a_gauge_goes_up_and_down_in_different_threads() {
    const EACH: i64 = 10_000;
    let gauge = Gauge::new();
    let (up, down) = (|| gauge.add(3), || gauge.sub(5));
    thread::scope(|scope| {
        scope.spawn(|| (0..EACH).for_each(|_| up()));
        scope.spawn(|| (0..EACH).for_each(|_| down()));
        scope.spawn(|| (0..EACH).for_each(|_| gauge.increment()));
    });
    assert_eq!(gauge.sum(), -EACH);
    assert_eq!(gauge.take(), -EACH);
    thread::scope(|scope| drop(scope.spawn(|| (0..=EACH).for_each(|_| gauge.increment()))));
    assert_eq!((gauge.sum(), gauge.take()), (1, EACH + 1));
    gauge.decrement();
    gauge.sub(-4);
    assert_eq!((gauge.sum(), gauge.take(), gauge.take()), (4, 3, 0));
}

#[test]
fn a_gauge_holds_every_integer_and_wraps() {
    let gauge = Gauge::new();
    gauge.add(i64::MIN);
    assert_eq!((gauge.sum(), gauge.take()), (i64::MIN, i64::MIN));
    gauge.decrement();
    assert_eq!((gauge.sum(), gauge.take()), (i64::MAX, -1));
    gauge.increment();
    // The negative of the least integer is itself.
    gauge.sub(i64::MIN);
    assert_eq!((gauge.sum(), gauge.take()), (0, i64::MIN + 1));
    gauge.add(i64::MAX);
    assert_eq!((gauge.sum(), gauge.take()), (i64::MAX, i64::MAX));
}

/// Every change is in one take, also while the gauge is on both sides of zero.
#[test]
fn takes_of_a_gauge_balance() {
    let gauge = Gauge::new();
    let add = |running: &dyn Fn() -> bool| {
        let mut added = 0;
        while running() {
            gauge.add(2);
            gauge.sub(3);
            gauge.decrement();
            added -= 2;
        }
        added
    };
    let take = || (0..TAKES).map(|_| gauge.take()).sum();
    let (added, taken) = add_while_taking(2, add, 2, take);
    let (added, taken): (i64, i64) = (added.iter().sum(), taken.iter().sum());
    assert_eq!(taken + gauge.take(), added);
    assert_eq!(gauge.sum(), added);
    assert_eq!(gauge.take(), 0);
}

// ------------------------------------------------------------------------------------------ sets

#[test]
fn the_columns_of_a_set_are_independent() {
    const COLUMNS: usize = 20;
    let set = CounterSet::<COLUMNS>::new();
    let expected: [u64; COLUMNS] = std::array::from_fn(|column| 1_000 * (column as u64 + 1));
    thread::scope(|scope| {
        for column in 0..COLUMNS {
            let set = &set;
            scope.spawn(move || (0..1_000).for_each(|_| set.add(column, column as u64 + 1)));
        }
    });
    assert_eq!(set.sums(), expected);
    assert_eq!(set.take(7), 8_000);
    assert_eq!(set.take(7), 0);
    let mut rest = expected;
    rest[7] = 0;
    assert_eq!(set.take_all(), rest);
    assert_eq!(set.sums(), expected);
    assert_eq!(CounterSet::<0>::new().sums(), []);
}

/// Where and with what words `f` panics.
fn panic_of(f: impl FnOnce()) -> (String, &'static str, u32) {
    thread_local! {
        static WATCHED: Cell<bool> = const { Cell::new(false) };
        static PLACE: RefCell<(String, u32)> = const { RefCell::new((String::new(), 0)) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if WATCHED.get() {
                let place = info.location().expect("std always has one");
                PLACE.set((place.file().to_owned(), place.line()));
            } else {
                before(info);
            }
        }));
    });
    WATCHED.set(true);
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    WATCHED.set(false);
    let message = payload.downcast_ref::<String>().expect("a message with numbers").clone();
    let (file, line) = PLACE.take();
    (message, if file == file!() { file!() } else { "another file" }, line)
}

#[test]
fn an_index_out_of_range_names_itself_and_the_caller() {
    let set = CounterSet::<3>::new();
    let check = |f: &dyn Fn(), index: usize, line: u32| {
        let (message, file, at) = panic_of(f);
        assert!(message.contains(&format!("no counter {index} ")), "{message}");
        assert!(message.contains("set of 3"), "{message}");
        assert_eq!((file, at), (file!(), line));
    };
    for index in [3, 4, usize::MAX] {
        check(&|| set.add(index, 9), index, line!());
        check(&|| set.increment(index), index, line!());
        check(&|| _ = set.sum(index), index, line!());
        check(&|| _ = set.take(index), index, line!());
    }
    assert_eq!(set.sums(), [0; 3], "nothing was counted");

    // The same for a thread that has its place already.
    set.increment(2);
    check(&|| set.add(3, 9), 3, line!());
    assert_eq!(set.sums(), [0, 0, 1]);
    assert_eq!(set.take_all(), [0, 0, 1]);
    let (message, file, _) = panic_of(|| CounterSet::<0>::new().increment(0));
    assert_eq!((message.contains("no counter 0 "), file), (true, file!()), "{message}");
}
