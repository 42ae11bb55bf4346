//! An order and waits of its own, for the property tests: those of the program are shared by all of its tests.

use crate::raw::{
    order::{ClassCell, Held, Order},
    waits::{Listed, Resource, Thread, Waits},
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
        let held: Vec<Held> =
            held.iter().map(|&held| Held { class: class(held), address: 0, at }).collect();
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

/// The waits behind [`CheckedMutex`](super::CheckedMutex), of threads that are numbers from 1.
#[derive(Debug)]
pub struct WaitTrace(Waits);

/// Something that those threads hold, as the permits of a semaphore: each of them could end a wait for it.
#[derive(Clone, Debug)]
pub struct Shared(pub Vec<usize>);

impl Resource for Shared {
    fn holders(&self, name: &mut dyn FnMut(Thread)) {
        self.0.iter().copied().for_each(name);
    }
}

/// A thread waits until this is dropped.
#[derive(Debug)]
pub struct Waiting<'a>(#[allow(dead_code, reason = "dropped")] Listed<'a>);

impl Default for WaitTrace {
    fn default() -> Self {
        Self(Waits::new())
    }
}

impl WaitTrace {
    /// As a thread that is about to wait `on` something; none if it is refused.
    pub fn wait<'a>(&'a self, thread: usize, on: &'a Shared) -> Option<Waiting<'a>> {
        self.0.enter(thread, on, Location::caller(), Vec::new()).ok().map(Waiting)
    }
}
