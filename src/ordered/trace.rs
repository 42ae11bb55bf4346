//! An order and waits of its own, for the property tests: those of the program are shared by all of its tests.

use crate::raw::{
    order::{ClassCell, Held, Order, UNCHECKED},
    waits::{Listed, On, Waits},
};
use core::{fmt, panic::Location};

/// The graph behind [`CheckedMutex`](super::CheckedMutex), of classes that are numbers.
#[derive(Default)]
pub struct Trace(Order<usize>);

impl Default for Order<usize> {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// As a thread that asks for `wanted` while it holds `held`. `Err` names the one that it does not fit, and the classes on the way to it.
    ///
    /// # Errors
    ///
    /// If it is refused.
    ///
    /// # Panics
    ///
    /// If there are more classes than the graph has room for.
    pub fn ask(&self, held: &[usize], wanted: usize) -> Result<(), (usize, Vec<usize>)> {
        use crate::raw::order::Misfit::{Declared, Inverted, Same};
        let class = |origin| self.0.class(&ClassCell::new(), origin);
        let at = Location::caller();
        let held: Vec<Held> = held
            .iter()
            .map(|&held| Held { class: class(held), address: 0, count: 1, at })
            .collect();
        let wanted = class(wanted);
        if self.0.knows(&held, wanted) {
            return Ok(());
        }
        let origin = |class| self.0.origin(class).expect("few classes");
        self.0.admit(&held, wanted, at, |_, _| true).map_err(|misfit| match misfit {
            Same(held) | Declared(held) => (origin(held.class), Vec::new()),
            Inverted(held, way) => {
                (origin(held.class), way.iter().map(|edge| origin(edge.after)).collect())
            }
        })
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

/// The waits behind [`CheckedMutex`](super::CheckedMutex) and [`CheckedSemaphore`](super::CheckedSemaphore), of threads that are
/// numbers from 1.
#[derive(Debug)]
pub struct WaitTrace(Waits);

/// A thread waits until this is dropped.
#[derive(Debug)]
pub struct Waiting<'a>(#[allow(dead_code, reason = "dropped")] Listed<'a>);

impl Default for WaitTrace {
    fn default() -> Self {
        Self(Waits::new())
    }
}

impl WaitTrace {
    /// As a thread that is about to wait for permits of a pool, which are enough if no more than `spare` never come back, while
    /// it holds some of these pools. None if it is refused.
    pub fn wait(
        &self,
        thread: usize,
        held: &[(usize, usize)],
        pool: usize,
        spare: usize,
    ) -> Option<Waiting<'_>> {
        let at = Location::caller();
        let class = UNCHECKED;
        let held = held.iter().map(|&(address, count)| Held { class, address, count, at });
        let on = On::Permits { address: pool, spare };
        self.0.enter(thread, on, at, held.collect()).ok().map(Waiting)
    }
}
