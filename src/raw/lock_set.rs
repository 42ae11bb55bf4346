//! Takes several locks at once, so that two sets which share some never wait for each other in a circle.
//!
//! A few rounds that wait politely, then the order of addresses. A round waits for one lock while it holds none of the
//! set, and tries the rest; where one of these is busy, it lets go of all and the next round waits for that one. Measured by
//! [Hinnant](https://howardhinnant.github.io/dining_philosophers.html) and in folly, this is up to 1.7 times as fast as the order of addresses
//! while there is contention, as nobody waits while holding; alone it could go on for ever, and the order of addresses
//! cannot. The two mix: who waits in a round holds nothing of the set that anybody could wait for.
//!
//! # State
//!
//! None of its own. The locks are borrowed, so that no address changes while it matters.
//!
//! # Transitions
//!
//! | by       | from → to              | when                                                        |
//! |----------|------------------------|-------------------------------------------------------------|
//! | a round  | none → one → all       | the one was waited for, the others were free                |
//! | a round  | all before a busy one → none | that one was not free                                 |
//! | the end  | the lowest → … → all   | after the last round, each waited for in the order of addresses |
//! | a refusal | what it has → none    | a watched lock refuses the wait                             |
//!
//! # Edges
//!
//! None of its own: each lock's **hand-off**.
//!
//! # Progress
//!
//! At most [`ROUNDS`] rounds, then one wait for each lock. Whoever waits in the order of addresses holds locks of lower
//! addresses only, so the one that holds the highest of them all waits for nobody; each single wait is bounded as the
//! [mutex](super::mutex) has it.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/ordered.rs`: two threads, both orders of two locks, and three threads on a ring of three; a section
//! that panics. `tests/ordered_sets.rs` on real threads.

use crate::sync::sizes::ROUNDS;

/// A lock of a set.
pub(crate) trait Member {
    /// Why a lock would rather not be waited for.
    type Refusal;
    fn address(&self) -> usize;
    fn try_lock(&self) -> bool;
    fn lock(&self) -> Result<(), Self::Refusal>;
    /// # Safety
    ///
    /// The caller holds the lock.
    unsafe fn unlock(&self);
}

/// Sets of at most so many are sorted in line.
const FEW: usize = 8;

/// Sorts `order`, which has the index of each member in turn, by address; or says which two are the same.
#[inline]
pub(crate) fn sort(
    address: impl Fn(usize) -> usize,
    order: &mut [usize],
) -> Result<(), (usize, usize)> {
    if order.len() > FEW {
        order.sort_unstable_by_key(|&member| (address(member), member));
    } else {
        for sorted in 1..order.len() {
            let mut place = sorted;
            while place > 0 && address(order[place - 1]) > address(order[place]) {
                order.swap(place - 1, place);
                place -= 1;
            }
        }
    }
    if order.windows(2).any(|pair| address(pair[0]) == address(pair[1])) {
        return Err(duplicate(&address, order));
    }
    Ok(())
}

/// Of a sorted order with duplicates, the one that is first there again.
#[cold]
fn duplicate(address: &dyn Fn(usize) -> usize, order: &[usize]) -> (usize, usize) {
    let same = |pair: &&[usize]| address(pair[0]) == address(pair[1]);
    let pairs = order.windows(2).filter(same).map(|pair| (pair[0], pair[1]));
    pairs.min_by_key(|pair| pair.1).expect("the caller saw one")
}

/// Takes all, given their [sorted](sort) order; none is left taken by a refusal.
#[inline]
pub(crate) fn lock_all<M: Member>(members: &[M], order: &[usize]) -> Result<(), M::Refusal> {
    if order.is_empty() {
        return Ok(());
    }
    let mut first = 0;
    for _ in 0..ROUNDS {
        match round(members, order, first)? {
            None => return Ok(()),
            Some(busy) => first = busy,
        }
    }
    lock_by_address(members, order)
}

/// Waits for the `first` in `order` and tries the others; says which was busy.
#[inline]
fn round<M: Member>(
    members: &[M],
    order: &[usize],
    first: usize,
) -> Result<Option<usize>, M::Refusal> {
    members[order[first]].lock()?;
    for (nth, &member) in order.iter().enumerate() {
        if nth != first && !members[member].try_lock() {
            if first > nth {
                unlock(members, &order[first..=first]);
            }
            unlock(members, &order[..nth]);
            return Ok(Some(nth));
        }
    }
    Ok(None)
}

#[cold]
fn lock_by_address<M: Member>(members: &[M], order: &[usize]) -> Result<(), M::Refusal> {
    for (nth, &member) in order.iter().enumerate() {
        if let Err(refusal) = members[member].lock() {
            unlock(members, &order[..nth]);
            return Err(refusal);
        }
    }
    Ok(())
}

/// Lets go of those that the two functions above took.
fn unlock<M: Member>(members: &[M], taken: &[usize]) {
    for &member in taken.iter().rev() {
        // SAFETY: the callers took these and no guard was made of any.
        unsafe { members[member].unlock() };
    }
}
