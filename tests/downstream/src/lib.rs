//! A service that counts what it does, and exports the counts now and then.

use lockline::{Counter, CounterSet, Gauge};

/// What became of a request: an index into [`Metrics::outcomes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Served,
    /// Refused.
    Rejected,
}

/// The counts of one service.
#[derive(Debug, Default)]
pub struct Metrics {
    /// All that came.
    pub requests: Counter,
    /// What became of them, by [`Outcome`].
    pub outcomes: CounterSet<2>,
    /// Those that are being worked on.
    pub open: Gauge,
}

lockline::statics! {
    /// The counts of this process. A literal, not a `const fn` of our own: under loom lockline's
    /// constructors are not `const`, and a function that calls them could not be either.
    pub static METRICS: Metrics = Metrics {
        requests: Counter::new(),
        outcomes: CounterSet::new(),
        open: Gauge::new(),
    };
}

impl Metrics {
    /// Works on one request.
    pub fn handle(&self, outcome: Outcome) {
        self.requests.increment();
        self.open.increment();
        self.outcomes.increment(outcome as usize);
        self.open.decrement();
    }
}

/// Exports each request in exactly one report, however many reporters there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reporter;

impl Reporter {
    /// The requests since the last report.
    pub fn export(&mut self, metrics: &Metrics) -> u64 {
        metrics.requests.take()
    }
}

/// Looks first and takes afterwards, as if nobody counted in between. Here to be found by a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct HastyReporter {
    taken: u64,
}

impl HastyReporter {
    /// The requests since the last report, less those that come while it is being made.
    pub fn export(&mut self, metrics: &Metrics) -> u64 {
        let new = metrics.requests.sum() - self.taken;
        // What was added since the line above is taken here, and is in no report.
        self.taken += metrics.requests.take();
        new
    }
}
