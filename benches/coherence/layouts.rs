//! Two words at four distances, and a line passed to and fro.

use crate::{
    cases::{Case, Measured},
    cores,
    samples::{Sample, float},
};
use crossbeam_utils::CachePadded;
use lockline_harness::race;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// Where the second word is.
pub(crate) struct Layout {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Bytes from the first word to the second.
    apart: usize,
}

pub(crate) const LAYOUTS: [Layout; 4] = [
    Layout { id: "same word", name: "one and the same word", apart: 0 },
    Layout { id: "same line", name: "neighbours in one line", apart: 8 },
    Layout { id: "adjacent", name: "in adjacent lines (64 B apart)", apart: 64 },
    Layout { id: "padded", name: "padded (128 B apart)", apart: 128 },
];

/// Two blocks of 128 bytes, where the distance of two words says which lines they are in.
#[repr(C, align(128))]
struct Words([AtomicU64; 32]);

impl Words {
    fn new() -> Box<Self> {
        Box::new(Self([const { AtomicU64::new(0) }; 32]))
    }

    fn pair(&self, layout: &Layout) -> [&AtomicU64; 2] {
        let pair = [&self.0[0], &self.0[layout.apart / size_of::<AtomicU64>()]];
        let place = |word: &AtomicU64, block: usize| (&raw const *word).addr() / block;
        let shared = |block| place(pair[0], block) == place(pair[1], block);
        // What a row is called is what it measures.
        assert_eq!(shared(8), layout.apart == 0, "one word");
        assert_eq!(shared(64), layout.apart < 64, "one line of 64 bytes");
        assert_eq!(shared(128), layout.apart < 128, "one block of 128 bytes");
        pair
    }
}

/// What is done to a word.
#[derive(Clone, Copy)]
pub(crate) enum Op {
    Rmw,
    Store,
}

impl Op {
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Rmw => "fetch_add",
            Self::Store => "store",
        }
    }

    fn run(self, word: &AtomicU64, ops: u64) {
        match self {
            Self::Rmw => {
                for _ in 0..ops {
                    word.fetch_add(1, Relaxed);
                }
            }
            Self::Store => {
                for value in 0..ops {
                    word.store(value, Relaxed);
                }
            }
        }
    }
}

/// One thread alone: what an operation costs with nobody to share with.
pub(crate) fn alone(op: Op) -> Case {
    let words = Words::new();
    Case::new(format!("{}/alone", op.id()), move |ops| {
        Measured::of(&race(&cores::spread(1), ops, &|_, ops| op.run(&words.0[0], ops)), ops)
    })
}

/// Two threads, each with a word.
pub(crate) fn together(op: Op, layout: &'static Layout) -> Case {
    again(op, layout, format!("{}/{}", op.id(), layout.id))
}

/// The same, under another name.
pub(crate) fn again(op: Op, layout: &'static Layout, id: String) -> Case {
    let words = Words::new();
    Case::new(id, move |ops| {
        let pair = words.pair(layout);
        Measured::of(&race(&cores::spread(2), ops, &|thread, ops| op.run(pair[thread], ops)), ops)
    })
}

/// One thread adds, the other reads, until the writer is done. Each side's time is its own.
pub(crate) fn reader_beside_writer(layout: &'static Layout) -> Case {
    /// Reads between two looks at whether the writer is done.
    const BATCH: u64 = 64;
    let words = Words::new();
    let done = CachePadded::new(AtomicBool::new(false));
    let reads = CachePadded::new(AtomicU64::new(0));
    let id = format!("reader and writer/{}", layout.id);
    let [reader, writer] = [format!("{id}/reader"), format!("{id}/writer")];
    Case::new(id, move |ops| {
        let pair = words.pair(layout);
        done.store(false, Relaxed);
        let race = race(&cores::spread(2), ops, &|thread, ops| {
            if thread == 0 {
                Op::Rmw.run(pair[0], ops);
                done.store(true, Release);
                return;
            }
            let (mut count, mut sum) = (0, 0_u64);
            loop {
                for _ in 0..BATCH {
                    sum = sum.wrapping_add(pair[1].load(Relaxed));
                }
                count += BATCH;
                if done.load(Acquire) {
                    break;
                }
            }
            std::hint::black_box(sum);
            reads.store(count, Relaxed);
        });
        let nanos = |thread: usize| race.per_thread[thread].as_secs_f64() * 1e9;
        let sample = Sample::of(&race, ops);
        Measured {
            wall: race.wall,
            samples: vec![
                sample.clone().named(&writer).with_ops(ops, nanos(0)),
                sample.named(&reader).with_ops(reads.load(Relaxed), nanos(1)),
            ],
        }
    })
}

/// The name of [`transfer`] between two cores.
pub(crate) fn transfer_id(a: usize, b: usize) -> String {
    format!("transfer/{a} {b}")
}

/// One line passed between two cores: each waits for the other's store and answers it with its own.
/// The time is that of one way.
pub(crate) fn transfer(a: usize, b: usize) -> Case {
    let ball = CachePadded::new(AtomicU64::new(0));
    Case::new(transfer_id(a, b), move |ops| {
        ball.store(0, Relaxed);
        let race = race(&[a, b], ops, &|thread, ops| {
            for round in 0..ops {
                let mine = 2 * round + thread as u64;
                // No pause: one takes longer than the line does on some machines.
                while ball.load(Relaxed) != mine {}
                ball.store(mine + 1, Relaxed);
            }
        });
        let nanos = race.wall.as_secs_f64() * 1e9;
        let mut sample = Sample::of(&race, ops);
        sample.ns = nanos / (2.0 * float(ops));
        Measured { wall: race.wall, samples: vec![sample] }
    })
}
