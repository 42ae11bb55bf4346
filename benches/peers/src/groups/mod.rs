//! The cases, a file for each primitive.

mod counter;
mod mutex;
mod ordered;
mod queue;
mod semaphore;

use crate::case::Case;

/// All cases, group by group, in the order of the page.
pub fn all() -> Vec<Case> {
    [counter::cases(), mutex::cases(), ordered::cases(), semaphore::cases(), queue::cases()]
        .into_iter()
        .flatten()
        .collect()
}
