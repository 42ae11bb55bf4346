//! Positions in a ring of any capacity: a lap above, an index below, and a few bits beneath for other things.
//!
//! The index takes a power of two of values, of which as many as the capacity are used; the end of a lap skips the
//! rest. So an index is had by a mask, and a division is never needed on the way of an item. Positions repeat after
//! 2^47 items at the earliest, which at ten nanoseconds each is sixteen days: what is compared across a wrap is never so old,
//! but for guesses, of which only equality is asked.

/// In a stamp: there is an item.
pub(crate) const FILLED: u64 = 1;
/// In `tail`: closed.
pub(crate) const CLOSED: u64 = 1;
/// In `tail`: one reserved position, and all that can be counted.
pub(crate) const ONE_RESERVED: u64 = 2;
pub(crate) const RESERVED: u64 = ONE - ONE_RESERVED;
/// The part of a word that is a position.
pub(crate) const POSITION: u64 = !(ONE - 1);
/// One position, within a lap.
pub(crate) const ONE: u64 = 1 << 16;
/// The largest capacity: 256 laps at least remain before positions repeat.
const MOST: u64 = 1 << 40;

/// The capacity, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Laps {
    capacity: u64,
    /// What a lap adds to a position; a power of two.
    one: u64,
    /// The index, in a position: kept, as every item asks for it, and `one - ONE` is an instruction more.
    index: u64,
    /// The index beyond a lap's end, as it is in a position, …
    beyond: u64,
    /// … and what from there leads to the next lap.
    rest: u64,
}

impl Laps {
    /// None for no capacity, and for one beyond any memory.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        let capacity = u64::try_from(capacity).ok()?;
        (1..=MOST).contains(&capacity).then(|| {
            let (one, beyond) = (capacity.next_power_of_two() * ONE, capacity * ONE);
            Self { capacity, one, index: one - ONE, beyond, rest: one - beyond }
        })
    }

    /// What a lap adds to a position.
    #[inline]
    pub(crate) const fn one(self) -> u64 {
        self.one
    }

    /// Below the capacity, for every position that the functions here make of 0.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "below the capacity, which was a usize")]
    pub(crate) const fn index(self, position: u64) -> usize {
        ((position & self.index) / ONE) as usize
    }

    /// The next position; what else is in the word stays.
    #[inline]
    pub(crate) const fn next(self, position: u64) -> u64 {
        let next = position.wrapping_add(ONE);
        // A power of two overflows into the lap by itself.
        if next & self.index == self.beyond { next.wrapping_add(self.rest) } else { next }
    }

    /// The position that is `n` after this one, likewise.
    pub(crate) const fn after(self, position: u64, n: u64) -> u64 {
        let index = self.index(position) as u64;
        let start = position.wrapping_sub(index * ONE);
        let index = index + n;
        let (laps, index) = if index < self.capacity {
            (0, index)
        } else {
            (index / self.capacity, index % self.capacity)
        };
        start.wrapping_add(laps * self.one).wrapping_add(index * ONE)
    }

    /// The first position that is not reserved, of a `tail`.
    #[inline]
    pub(crate) const fn end(self, tail: u64) -> u64 {
        match tail & RESERVED {
            0 => tail & POSITION,
            reserved => self.after(tail & POSITION, reserved / ONE_RESERVED),
        }
    }

    /// How many positions there are from one to another; none if that is before it.
    pub(crate) const fn distance(self, from: u64, to: u64) -> u64 {
        if before(to, from) {
            return 0;
        }
        let (of_from, of_to) = (self.index(from) as u64, self.index(to) as u64);
        let laps = (to.wrapping_sub(of_to * ONE)).wrapping_sub(from.wrapping_sub(of_from * ONE));
        (laps / self.one) * self.capacity + of_to - of_from
    }
}

/// Whether `a` is an earlier position or stamp than `b`.
#[inline]
pub(crate) const fn before(a: u64, b: u64) -> bool {
    a.wrapping_sub(b) > u64::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_any_size_agree() {
        for capacity in [1, 2, 3, 5, 8] {
            let laps = Laps::new(capacity).unwrap();
            // Across the wrap of the word as well.
            for start in [0, 0_u64.wrapping_sub(laps.one() * 3)] {
                let mut position = start;
                for n in 0..40 {
                    assert_eq!(laps.after(start, n), position);
                    assert_eq!(laps.distance(start, position), n);
                    assert_eq!(laps.end(start + n * ONE_RESERVED), position);
                    assert_eq!(laps.index(position) as u64, n % capacity as u64);
                    assert!(n == 0 || before(start, position) && !before(position, start));
                    position = laps.next(position);
                }
            }
        }
    }

    #[test]
    fn flags_stay() {
        let laps = Laps::new(3).unwrap();
        let tail = laps.after(0, 2) | CLOSED | (5 * ONE_RESERVED);
        assert_eq!(laps.next(tail), laps.after(0, 3) | CLOSED | (5 * ONE_RESERVED));
    }

    #[test]
    fn impossible_capacities() {
        assert!(Laps::new(0).is_none());
        assert!(Laps::new(usize::MAX).is_none());
    }
}
