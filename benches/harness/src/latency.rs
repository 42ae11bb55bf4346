//! Percentiles and the longest wait, of any number of samples, in constant space.

use hdrhistogram::Histogram;
use std::time::Duration;

/// How long single operations took: a histogram over nanoseconds, exact to three digits, up to an hour.
///
/// A sample costs two looks at the clock, some 35 ns each: time batches of what is faster than that.
/// Each thread keeps its own, and they are [merged](Self::merge) after the race.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

const HOUR: u64 = 3_600_000_000_000;

impl Latencies {
    /// No samples yet. Allocates all it will ever use.
    ///
    /// # Panics
    ///
    /// Never: the bounds are in order.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, HOUR, 3).expect("the bounds are in order"))
    }

    /// Adds a sample. One of more than an hour counts as an hour.
    #[inline]
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(HOUR));
    }

    /// Adds what another thread has collected.
    ///
    /// # Panics
    ///
    /// Never: all of these have the same bounds.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the same bounds");
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What the share `quantile` of the samples, from 0 to 1, took at most. Zero without samples.
    pub fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }

    /// What half of the samples took at most.
    pub fn p50(&self) -> Duration {
        self.at(0.5)
    }

    /// What all but one in a hundred took at most.
    pub fn p99(&self) -> Duration {
        self.at(0.99)
    }

    /// The longest.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_known_samples() {
        let (mut low, mut high) = (Latencies::new(), Latencies::new());
        (1..=500).for_each(|ns| low.record(Duration::from_nanos(ns)));
        (501..=1_000).for_each(|ns| high.record(Duration::from_nanos(ns)));
        low.merge(&high);
        assert_eq!(low.count(), 1_000);
        assert_eq!(low.p50().as_nanos(), 500);
        assert_eq!(low.p99().as_nanos(), 990);
        assert_eq!(low.longest().as_nanos(), 1_000);
    }

    #[test]
    fn no_samples_and_absurd_ones() {
        let mut none = Latencies::new();
        assert_eq!(none.p99(), Duration::ZERO);
        none.record(Duration::MAX);
        assert!(none.longest() >= Duration::from_hours(1));
    }
}
