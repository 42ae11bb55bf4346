//! The counters, two or three threads at a time.

use crate::harness::{Model, spawn};
use lockline_loom::{
    __private::{Counters, sync::Ordering},
    Counter, CounterSet, Gauge, statics,
};
use loom::sync::atomic::AtomicBool;
use std::sync::Arc;

statics! {
    static REQUESTS: Counter = Counter::new();
}

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "counter::recycled_slot",
        promise: "a thread that gets the slot of one that ended goes on from its last count",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let kept = c.settle();
            let ending = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.release(place);
            });
            let mine = c.settle();
            c.add(mine, 0, 2);
            c.release(mine);
            ending.join().unwrap();
            assert!(c.settle() < Counters::<1>::SLOTS, "both gave theirs back");
            c.release(kept);
            assert_eq!(c.sum(0), 3);
        },
    },
    Model {
        name: "counter::recycled_past_other_slots",
        promise: "a slot passes on its count although other slots were claimed and released in between",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let other = c.settle();
            let ending = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.release(place);
            });
            let between = spawn(&c, move |c| c.release(other));
            let mine = c.settle();
            c.add(mine, 0, 2);
            ending.join().unwrap();
            between.join().unwrap();
            assert_eq!(c.sum(0), 3);
        },
    },
    Model {
        name: "counter::two_starting_threads",
        promise: "two threads that start together get slots of their own",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let starting = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                place
            });
            let mine = c.settle();
            c.add(mine, 0, 2);
            let other = starting.join().unwrap();
            assert_ne!(mine, other);
            assert!(mine < Counters::<1>::SLOTS && other < Counters::<1>::SLOTS);
            assert_eq!(c.sum(0), 3);
        },
    },
    Model {
        name: "counter::add_against_sum",
        promise: "a sum has the reader's own counts, never goes back, and holds nothing that was not added",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let adding = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.add(place, 0, 2);
            });
            let mine = c.settle();
            c.add(mine, 0, 10);
            let (first, second) = (c.sum(0), c.sum(0));
            assert!(first <= second);
            assert!([10, 11, 13].contains(&first) && [10, 11, 13].contains(&second));
            adding.join().unwrap();
            assert_eq!(c.sum(0), 13);
        },
    },
    Model {
        name: "counter::sum_after_a_flag",
        promise: "a sum is exact once the adder has synchronised with the reader, by any means",
        bound: None,
        body: || {
            let c = Arc::new((Counters::<1>::new(), AtomicBool::new(false)));
            let adding = spawn(&c, |c| {
                let place = c.0.settle();
                c.0.add(place, 0, 1);
                c.1.store(true, Ordering::Release);
            });
            if c.1.load(Ordering::Acquire) {
                assert_eq!(c.0.sum(0), 1);
            }
            adding.join().unwrap();
        },
    },
    Model {
        name: "counter::add_against_take",
        promise: "each count is in exactly one take, with an adder running throughout",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let adding = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.add(place, 0, 2);
            });
            let takes = [c.take(0), c.take(0)];
            adding.join().unwrap();
            assert!(takes.iter().all(|&taken| taken <= 3), "{takes:?}");
            assert_eq!(takes[0] + takes[1] + c.take(0), 3);
            assert_eq!(c.sum(0), 3);
        },
    },
    Model {
        name: "counter::take_against_take",
        promise: "two takers share out what was added, and neither goes below zero",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let other = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.take(0)
            });
            let mine = c.take(0);
            let other = other.join().unwrap();
            assert!(mine <= 1 && other <= 1, "{mine} {other}");
            assert_eq!(mine + other + c.take(0), 1);
        },
    },
    Model {
        name: "counter::take_in_three_hands",
        promise: "a take that follows one that followed another is not behind the first",
        bound: Some(3),
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let adder = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.take(0)
            });
            let second = spawn(&c, |c| c.take(0));
            let third = c.take(0);
            let takes = [adder.join().unwrap(), second.join().unwrap(), third];
            assert!(takes.iter().all(|&taken| taken <= 1), "{takes:?}");
            assert_eq!(takes.iter().sum::<u64>() + c.take(0), 1);
        },
    },
    Model {
        name: "counter::shared_place",
        promise: "threads without a slot count exactly in the same cell",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let slots = [c.settle(), c.settle()];
            let sharing = spawn(&c, |c| {
                let place = c.settle();
                assert!(place >= Counters::<1>::SLOTS);
                c.add(place, 0, 1);
            });
            let mine = c.settle();
            c.add(mine, 0, 2);
            c.add(slots[0], 0, 4);
            sharing.join().unwrap();
            assert_eq!(c.sum(0), 7);
        },
    },
    Model {
        name: "counter::add_after_the_slot_is_gone",
        promise: "a count made after its thread's slot was given back meets no new owner of the slot",
        bound: None,
        body: || {
            let c = Arc::new(Counters::<1>::new());
            let kept = c.settle();
            let ending = spawn(&c, |c| {
                let place = c.settle();
                c.add(place, 0, 1);
                c.release(place);
                let shared = c.share();
                c.add(shared, 0, 2);
            });
            let mine = c.settle();
            c.add(mine, 0, 4);
            ending.join().unwrap();
            c.add(kept, 0, 8);
            assert_eq!(c.sum(0), 15);
        },
    },
    Model {
        name: "counter::columns",
        promise: "the counters of a set share rows and nothing else",
        bound: None,
        body: || {
            let c = Arc::new(CounterSet::<2>::new());
            let adding = spawn(&c, |c| {
                c.increment(0);
                c.add(1, 2);
            });
            c.add(1, 4);
            let taken = c.take(1);
            adding.join().unwrap();
            assert_eq!(c.sums(), [1, 6]);
            assert_eq!(taken + c.take(1), 6);
            assert_eq!(c.take(0), 1);
        },
    },
    Model {
        name: "counter::gauge",
        promise: "what goes up in one thread and down in another is back at nothing",
        bound: None,
        body: || {
            let g = Arc::new(Gauge::new());
            let down = spawn(&g, Gauge::decrement);
            g.increment();
            let between = g.sum();
            assert!((0..=1).contains(&between), "{between}");
            down.join().unwrap();
            assert_eq!(g.sum(), 0);
            assert_eq!(g.take(), 0);
        },
    },
    Model {
        name: "counter::static_with_three_threads",
        promise: "a static counter is exact with more threads than slots, each settled by its first count",
        bound: None,
        body: || {
            let threads = [1, 2].map(|n| loom::thread::spawn(move || REQUESTS.add(n)));
            REQUESTS.add(4);
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(REQUESTS.sum(), 7);
            assert_eq!(REQUESTS.take(), 7);
        },
    },
];
