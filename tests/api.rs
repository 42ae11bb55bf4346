//! Sizes, auto traits and constructors, which are promises too: most of this is checked by compiling.

use crossbeam_utils::CachePadded;
use lockline::{Counter, CounterSet, Gauge};
use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all, const_assert_eq};
use std::{
    fmt::Debug,
    panic::{RefUnwindSafe, UnwindSafe},
};

assert_impl_all!(Counter: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, Debug);
assert_impl_all!(Gauge: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, Debug);
assert_impl_all!(CounterSet<0>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, Debug);
assert_impl_all!(CounterSet<16>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, Debug);
assert_impl_all!(CounterSet<1000>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Default, Debug);

/// Slots, shared places, and one row for `take`.
const ROWS: usize = 64 + 8 + 1;

assert_eq_size!(Counter, [CachePadded<[u64; 1]>; ROWS]);
assert_eq_size!(Gauge, [CachePadded<[u64; 1]>; ROWS]);
assert_eq_size!(CounterSet<1>, [CachePadded<[u64; 1]>; ROWS]);
assert_eq_size!(CounterSet<16>, [CachePadded<[u64; 16]>; ROWS]);
assert_eq_size!(CounterSet<17>, [CachePadded<[u64; 17]>; ROWS]);
assert_eq_size!(CounterSet<1000>, [CachePadded<[u64; 1000]>; ROWS]);

assert_eq_align!(Counter, CachePadded<u64>);
assert_eq_align!(Gauge, CachePadded<u64>);
assert_eq_align!(CounterSet<1>, CachePadded<u64>);
assert_eq_align!(CounterSet<16>, CachePadded<u64>);
assert_eq_align!(CounterSet<1000>, CachePadded<u64>);

/// The numbers in the documentation.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod documented {
    use super::{Counter, CounterSet, Gauge, const_assert_eq};

    const_assert_eq!(align_of::<Counter>(), 128);
    const_assert_eq!(size_of::<Counter>(), 9_344);
    const_assert_eq!(size_of::<Gauge>(), 9_344);
    const_assert_eq!(size_of::<CounterSet<1>>(), 9_344);
    const_assert_eq!(size_of::<CounterSet<16>>(), 9_344);
    const_assert_eq!(size_of::<CounterSet<1000>>(), 588_672);
    const_assert_eq!(1_000 * size_of::<Counter>(), 9_344_000);
}

/// The constructors run in a `const`.
const _: () = {
    let _counter = Counter::new();
    let _gauge = Gauge::new();
    let _set = CounterSet::<3>::new();
};

/// The auto traits, put to use.
#[test]
fn they_can_be_handed_to_any_thread() {
    fn spawn(count: impl FnOnce() -> u64 + Send + UnwindSafe + 'static) -> u64 {
        std::thread::spawn(count).join().unwrap()
    }
    let (counter, set) = (Counter::new(), Box::new(CounterSet::<1000>::new()));
    let total = spawn(move || {
        counter.increment();
        set.add(999, 2);
        counter.sum() + set.sum(999)
    });
    assert_eq!(total, 3);
}

#[test]
fn defaults_are_zero() {
    assert_eq!((Counter::default().sum(), Counter::default().take()), (0, 0));
    assert_eq!((Gauge::default().sum(), Gauge::default().take()), (0, 0));
    assert_eq!(
        (CounterSet::<3>::default().sums(), CounterSet::<3>::default().take_all()),
        ([0; 3], [0; 3])
    );
}
