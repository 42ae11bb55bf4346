//! The queue's ring, cut down to the words that all threads use, and these as close together as one likes.

use std::{
    hint,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    thread,
};

/// Where the words are, in bytes: the index where items are put in, the index where they are taken out, and the flags
/// that say whether somebody sleeps at the one and at the other.
pub(crate) type Places = [usize; 4];

/// Both indices in one line, and each flag in its own.
pub(crate) const INDICES_TOGETHER: Places = [0, 8, 256, 384];
/// The index and the flag of an end in one line.
pub(crate) const ENDS_TOGETHER: Places = [0, 128, 8, 136];
/// As in the queue.
pub(crate) const APART: Places = [0, 128, 256, 384];

const CAPACITY: u64 = 1024;
/// Looks before a thread gives its core away: to the other, if it has no other core.
const LOOKS: u32 = 1_000;

#[repr(C, align(128))]
struct Words([AtomicU64; 64]);

struct Slot {
    /// The position that may be filled here, or one more: filled.
    stamp: AtomicU64,
    item: AtomicU64,
}

/// A ring that one thread or more put in and others take out, and nobody sleeps at.
pub(crate) struct Ring {
    words: Box<Words>,
    places: Places,
    slots: Vec<Slot>,
}

impl Ring {
    pub(crate) fn new(places: Places) -> Self {
        let slot = |stamp| Slot { stamp: AtomicU64::new(stamp), item: AtomicU64::new(0) };
        Self {
            words: Box::new(Words([const { AtomicU64::new(0) }; 64])),
            places,
            slots: (0..CAPACITY).map(slot).collect(),
        }
    }

    /// Thread 0 puts `n` items in, the other takes as many out.
    pub(crate) fn pass(&self, thread: usize, n: u64) {
        let [tail, head, to_push, to_pop] =
            self.places.map(|place| &self.words.0[place / size_of::<AtomicU64>()]);
        if thread == 0 {
            for item in 0..n {
                self.claim(tail, 0, |slot, position| {
                    slot.item.store(item, Relaxed);
                    // Release: filled, to whoever takes it.
                    slot.stamp.store(position + 1, Release);
                });
                wake(to_pop);
            }
        } else {
            for _ in 0..n {
                self.claim(head, 1, |slot, position| {
                    hint::black_box(slot.item.load(Relaxed));
                    // Release: vacated, to whoever fills it next.
                    slot.stamp.store(position + CAPACITY, Release);
                });
                wake(to_push);
            }
        }
    }

    /// Claims the position at `end` as soon as its slot is `ahead` of it.
    fn claim(&self, end: &AtomicU64, ahead: u64, then: impl FnOnce(&Slot, u64)) {
        let mut looks = 0;
        loop {
            let position = end.load(Relaxed);
            let slot = &self.slots[(position % CAPACITY) as usize];
            // Acquire: filled, or vacated. AcqRel: as the queue's claims.
            if slot.stamp.load(Acquire) == position + ahead
                && end.compare_exchange(position, position + 1, AcqRel, Relaxed).is_ok()
            {
                return then(slot, position);
            }
            looks += 1;
            if looks % LOOKS == 0 {
                thread::yield_now();
            }
            hint::spin_loop();
        }
    }
}

/// Looks whether somebody is to be woken, as each operation of the queue does.
fn wake(flag: &AtomicU64) {
    assert_eq!(flag.load(Relaxed), 0, "nobody sleeps here");
}
