//! `Counter`, `Gauge` and `CounterSet` in statics, in `Debug`'s words, and at their end.

use lockline::{Counter, CounterSet, Gauge};
use std::thread;

/// Built by the compiler, alone, in an array, and inside a user's own type.
#[test]
fn they_are_built_in_statics() {
    struct Metrics {
        requests: Counter,
        open: Gauge,
        replies: CounterSet<3>,
    }
    impl Metrics {
        const fn new() -> Self {
            Self { requests: Counter::new(), open: Gauge::new(), replies: CounterSet::new() }
        }
    }
    static METRICS: Metrics = Metrics::new();
    static EACH: [Counter; 4] = [const { Counter::new() }; 4];

    let count = || {
        METRICS.requests.increment();
        METRICS.open.decrement();
        METRICS.replies.add(1, 2);
        EACH[3].increment();
    };
    (0..2).for_each(|_| thread::spawn(count).join().unwrap());
    assert_eq!((METRICS.requests.sum(), METRICS.open.sum()), (2, -2));
    assert_eq!(METRICS.replies.sums(), [0, 4, 0]);
    assert_eq!(EACH.each_ref().map(Counter::sum), [0, 0, 0, 2]);
}

/// The macro is the plain static that stands in it, with its attributes and its visibility.
#[test]
fn the_macro_makes_plain_statics() {
    mod inner {
        lockline::statics! {
            /// With a comment.
            pub(super) static COUNTER: lockline::Counter = lockline::Counter::new();
            #[allow(dead_code)]
            static UNUSED: lockline::Gauge = lockline::Gauge::new();
            pub static SET: lockline::CounterSet<2> = lockline::CounterSet::new();
        }
    }
    lockline::statics! {}
    let plain: &'static Counter = &inner::COUNTER;
    plain.increment();
    inner::SET.add(1, 2);
    assert_eq!((inner::COUNTER.sum(), inner::SET.sums()), (1, [0, 2]));
}

#[test]
fn debug_shows_the_sums() {
    let (counter, gauge, set) = (Counter::default(), Gauge::default(), CounterSet::<2>::default());
    counter.add(3);
    gauge.sub(1);
    set.increment(1);
    assert_eq!(
        format!("{counter:?} {gauge:?} {set:?}"),
        "Counter { sum: 3 } Gauge { sum: -1 } [0, 1]"
    );
    // A look does not take.
    assert_eq!((counter.take(), gauge.take(), set.take(1)), (3, -1, 1));
}

/// Counters come and go: a thread's place is not tied to any of them.
#[test]
fn counters_may_end_before_the_threads_that_count() {
    for round in 1..=100 {
        let counter = Box::new(Counter::new());
        counter.add(round);
        thread::scope(|scope| drop(scope.spawn(|| counter.add(round))));
        assert_eq!(counter.sum(), 2 * round);
    }
}
