//! Contention statistics of one lock.

use crate::{
    raw::mutex::Observer,
    sync::{spin::Wait, stats::Tally},
};
use core::time::Duration;

/// What happened to those who waited for a lock, so far. Read at one moment while others lock, the numbers may be
/// of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockStats {
    /// Acquisitions that had to wait, beyond a brief spin.
    pub contended: u64,
    /// The waits of these together.
    pub total_wait: Duration,
    /// The longest of them.
    pub longest_wait: Duration,
    /// How often a waiter went to sleep.
    pub parks: u64,
    /// How often a waiter that had slept got the lock because it was kept for it: newcomers found it closed.
    pub hand_offs: u64,
}

/// The tallies. Only waiters write to them, and they wait anyway.
#[derive(Debug)]
pub struct Stats {
    contended: Tally,
    total_nanos: Tally,
    longest_nanos: Tally,
    parks: Tally,
    hand_offs: Tally,
}

impl Stats {
    pub(crate) const fn new() -> Self {
        Self {
            contended: Tally::new(),
            total_nanos: Tally::new(),
            longest_nanos: Tally::new(),
            parks: Tally::new(),
            hand_offs: Tally::new(),
        }
    }

    pub(crate) fn read(&self) -> LockStats {
        LockStats {
            contended: self.contended.get(),
            total_wait: Duration::from_nanos(self.total_nanos.get()),
            longest_wait: Duration::from_nanos(self.longest_nanos.get()),
            parks: self.parks.get(),
            hand_offs: self.hand_offs.get(),
        }
    }
}

impl Observer for Stats {
    fn waited(&self, wait: Wait) {
        // 584 years fit.
        let nanos = u64::try_from(wait.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.contended.add(1);
        self.total_nanos.add(nanos);
        self.longest_nanos.raise(nanos);
    }

    fn parks(&self) {
        self.parks.add(1);
    }

    fn handed_over(&self) {
        self.hand_offs.add(1);
    }
}
