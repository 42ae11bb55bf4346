//! A counter that also goes down.

use crate::{raw::rows::Rows, sync::const_new};
use core::fmt;

/// Counts up and down from any number of threads, without a shared cache line: what is open, queued, or
/// in flight right now.
///
/// The same cells as a [`Counter`](crate::Counter), read as signed; its notes on size, threads and memory
/// ordering hold here. A thread may take down what another put up: single cells go below zero, the sum
/// is right.
///
/// # Examples
///
/// ```
/// use lockline::Gauge;
///
/// static OPEN: Gauge = Gauge::new();
///
/// OPEN.add(3);
/// std::thread::scope(|scope| {
///     scope.spawn(|| OPEN.decrement());
/// });
/// assert_eq!(OPEN.sum(), 2);
/// ```
pub struct Gauge {
    rows: Rows<1>,
}

impl Gauge {
    const_new! {
        /// A gauge at zero.
        pub const fn new() -> Self {
            Self { rows: Rows::new() }
        }
    }

    /// Adds `n`, which may be negative. The total wraps modulo 2<sup>64</sup>.
    #[inline]
    pub fn add(&self, n: i64) {
        self.rows.add(0, to_cell(n));
    }

    /// Subtracts `n`, which may be negative.
    #[inline]
    pub fn sub(&self, n: i64) {
        self.add(n.wrapping_neg());
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Subtracts one.
    #[inline]
    pub fn decrement(&self) {
        self.add(-1);
    }

    /// Everything ever added less everything ever subtracted. Not touched by [`take`](Self::take).
    ///
    /// Exact once every thread that added has synchronised with this one. Read while others count, it
    /// may show a subtraction without the addition it belongs to, and so be off by what is under way
    /// in either direction.
    pub fn sum(&self) -> i64 {
        from_cells(self.rows.total(0))
    }

    /// By how much the sum has changed since the last `take`.
    ///
    /// Each change is in exactly one result, as with [`Counter::take`](crate::Counter::take).
    pub fn take(&self) -> i64 {
        from_cells(self.rows.take_total(0))
    }
}

// Two's complement: adding modulo 2^64 is the same for signed and unsigned.
#[allow(clippy::cast_sign_loss, reason = "`cast_unsigned` is younger than our rust-version")]
const fn to_cell(n: i64) -> u64 {
    n as u64
}

#[allow(clippy::cast_possible_wrap, reason = "`cast_signed` is younger than our rust-version")]
const fn from_cells(sum: u64) -> i64 {
    sum as i64
}

impl Default for Gauge {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge").field("sum", &self.sum()).finish()
    }
}
