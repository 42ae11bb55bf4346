//! The counter a service counts with.

use crate::{raw::rows::Rows, sync::const_new};
use core::fmt;

/// Counts events from any number of threads, without a shared cache line to fight over.
///
/// Each thread adds to a cell of its own with an ordinary load and store. Use it for what is added to
/// often and read seldom: requests, bytes, errors. When each addition must see the total (a ticket, a
/// limit), use an atomic integer: a sum over cells is not a value that any one thread ever held.
///
/// # Examples
///
/// ```
/// use lockline::Counter;
///
/// static REQUESTS: Counter = Counter::new();
///
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1_000).for_each(|_| REQUESTS.increment()));
///     }
/// });
/// assert_eq!(REQUESTS.sum(), 4_000);
///
/// // A report each minute: every request is in exactly one.
/// assert_eq!(REQUESTS.take(), 4_000);
/// REQUESTS.add(2);
/// assert_eq!(REQUESTS.take(), 2);
/// assert_eq!(REQUESTS.sum(), 4_002);
/// ```
///
/// # Size
///
/// 73 times the padding of [`CachePadded`](crossbeam_utils::CachePadded): 9,344 bytes on x86-64 and
/// 64-bit Arm, where it is 128. That is 64 cells for threads that own one, 8 that further threads share,
/// and one for `take`. Only cells that were used are ever touched, lowest first: a program with 8 threads
/// keeps 1 KiB of each counter in its caches. For many counters take a [`CounterSet`](crate::CounterSet),
/// whose counters share the padding.
///
/// # Threads
///
/// A thread gets its cell, one for all counters of the program, the first time it counts, and gives it
/// back when it ends. Threads beyond 64 at a time, and thread-local destructors that run after the
/// cell was given back, add to the shared cells, by `fetch_add`: slower, and as exact. Do not count from
/// a signal handler: it may run between the load and the store of the thread it interrupts.
///
/// # Memory ordering
///
/// None: counting synchronises nothing. [`sum`](Self::sum) and [`take`](Self::take) include every
/// addition that happens before them, by whatever means the program orders the two (a join, a lock, a
/// channel), and the caller's own additions always.
pub struct Counter {
    rows: Rows<1>,
}

impl Counter {
    const_new! {
        /// A counter at zero.
        pub const fn new() -> Self {
            Self { rows: Rows::new() }
        }
    }

    /// Adds `n`. The total wraps modulo 2<sup>64</sup>.
    ///
    /// Never blocks. With a cell of its own, the thread executes no locked instruction.
    #[inline]
    pub fn add(&self, n: u64) {
        self.rows.add(0, n);
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Everything ever added, modulo 2<sup>64</sup>. Not touched by [`take`](Self::take).
    ///
    /// Exact once every thread that added has synchronised with this one. With additions under way, it
    /// includes each of them or not; it never goes back as seen by one thread. Reads one cache line for
    /// each cell in use.
    pub fn sum(&self) -> u64 {
        self.rows.total(0)
    }

    /// What was added since the last `take`, modulo 2<sup>64</sup>.
    ///
    /// Each addition is in exactly one result: all of them, with a last `take` when everybody is done,
    /// add up to [`sum`](Self::sum), however many threads add and take meanwhile. Costs a `sum` and a
    /// compare-and-swap, and never blocks.
    pub fn take(&self) -> u64 {
        self.rows.take_total(0)
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("sum", &self.sum()).finish()
    }
}
