//! The cases, a file for each primitive.

mod counter;
mod ordered;

use crate::case::Case;

/// All cases, group by group, in the order of the page.
pub fn all() -> Vec<Case> {
    let mut cases = counter::cases();
    cases.extend(ordered::cases());
    cases
}
