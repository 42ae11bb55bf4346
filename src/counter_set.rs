//! Many counters for the padding of one.

use crate::{raw::rows::Rows, sync::const_new};
use core::fmt;

/// `N` counters, addressed by index, that share one padded row of cells for each thread.
///
/// A row belongs to one thread, so counters in it can stand side by side without false sharing: only
/// rows are padded, not counters. Everything else is as with [`Counter`](crate::Counter).
///
/// # Examples
///
/// ```
/// use lockline::CounterSet;
///
/// const HITS: usize = 0;
/// const MISSES: usize = 1;
/// static CACHE: CounterSet<2> = CounterSet::new();
///
/// CACHE.increment(HITS);
/// CACHE.add(MISSES, 3);
/// assert_eq!(CACHE.sums(), [1, 3]);
/// assert_eq!(CACHE.take(MISSES), 3);
/// ```
///
/// # Size
///
/// 73 rows of `8 * N` bytes, each rounded up to the padding (128 bytes on x86-64 and 64-bit Arm). 16
/// counters cost what one [`Counter`](crate::Counter) costs, 9,344 bytes; 1,000 counters cost 588,672 bytes,
/// against 9,344,000 for 1,000 single ones.
///
/// # Panics
///
/// Methods that take an index panic, naming the caller, if it is not below `N`; nothing is counted.
pub struct CounterSet<const N: usize> {
    rows: Rows<N>,
}

impl<const N: usize> CounterSet<N> {
    const_new! {
        /// Counters at zero.
        pub const fn new() -> Self {
            Self { rows: Rows::new() }
        }
    }

    /// Adds `n` to the counter at `index`. Its total wraps modulo 2<sup>64</sup>.
    ///
    /// # Panics
    ///
    /// If `index` is not below `N`.
    #[inline]
    #[track_caller]
    pub fn add(&self, index: usize, n: u64) {
        if index >= N {
            out_of_range(index, N);
        }
        self.rows.add(index, n);
    }

    /// Adds one to the counter at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below `N`.
    #[inline]
    #[track_caller]
    pub fn increment(&self, index: usize) {
        self.add(index, 1);
    }

    /// Everything ever added to the counter at `index`, as [`Counter::sum`](crate::Counter::sum).
    ///
    /// # Panics
    ///
    /// If `index` is not below `N`.
    #[track_caller]
    pub fn sum(&self, index: usize) -> u64 {
        if index >= N {
            out_of_range(index, N);
        }
        self.rows.total(index)
    }

    /// What was added to the counter at `index` since it was last taken, as
    /// [`Counter::take`](crate::Counter::take).
    ///
    /// # Panics
    ///
    /// If `index` is not below `N`.
    #[track_caller]
    pub fn take(&self, index: usize) -> u64 {
        if index >= N {
            out_of_range(index, N);
        }
        self.rows.take_total(index)
    }

    /// The sum of each counter, in order of index. Each is read by itself: additions to two counters
    /// that happen meanwhile may be seen in one and not yet in the other.
    pub fn sums(&self) -> [u64; N] {
        core::array::from_fn(|index| self.sum(index))
    }

    /// Takes each counter, in order of index, each by itself as in [`sums`](Self::sums).
    pub fn take_all(&self) -> [u64; N] {
        core::array::from_fn(|index| self.take(index))
    }
}

#[cold]
#[track_caller]
fn out_of_range(index: usize, counters: usize) -> ! {
    panic!("there is no counter {index} in a set of {counters}");
}

impl<const N: usize> Default for CounterSet<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for CounterSet<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sums()).finish()
    }
}
