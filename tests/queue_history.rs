//! Random histories of the queue on real threads, against a sequential one.
//!
//! `tests/loom/tests/models/linear.rs` has every small program in every interleaving; here are larger ones, as the machine
//! interleaves them.

mod sequential;

use lockline::{
    WorkQueue,
    queue::{TryPopError, TryPushError},
};
use proptest::{collection::vec, prelude::*};
use sequential::{Answer, Event, Op, Queue, explained};
use std::{
    sync::atomic::{
        AtomicBool, AtomicU32, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::Instant,
};

const THREADS: usize = 3;
/// Each program meets so many fresh queues.
const QUEUES: usize = 100;

type Program = Vec<Vec<Op>>;

fn program() -> impl Strategy<Value = Program> {
    let op = prop_oneof![8 => Just(Op::Push), 6 => Just(Op::Pop), 3 => Just(Op::Batch), 1 => Just(Op::Close)];
    vec(vec(op, 1..=4), THREADS)
}

/// Those who have come to each queue wait for the others, so that they work on it at once.
fn histories<Q: Queue + Sync>(
    capacity: usize,
    before: usize,
    program: &Program,
) -> Vec<Vec<Event>> {
    let queues: Vec<_> = (0..QUEUES).map(|_| (Q::new(capacity), AtomicUsize::new(0))).collect();
    let clock = Instant::now();
    let now = || usize::try_from(clock.elapsed().as_nanos()).unwrap();
    let record = |thread: usize, nth: usize, queue: &Q, op: Op| {
        let item = u32::try_from(10 * thread + nth).unwrap();
        let start = now();
        let answer = queue.answer(op, item);
        Event { thread, start, end: now(), op, item, answer }
    };
    let work = |thread: usize| -> Vec<Vec<Event>> {
        let of_one = |(queue, here): &(Q, AtomicUsize)| {
            here.fetch_add(1, Relaxed);
            while here.load(Relaxed) < THREADS {
                thread::yield_now();
            }
            let ops = program[thread].iter().enumerate();
            ops.map(|(nth, &op)| record(thread, nth, queue, op)).collect()
        };
        queues.iter().map(of_one).collect()
    };
    let mut histories: Vec<Vec<Event>> = queues
        .iter()
        .map(|(queue, _)| (0..before).map(|nth| record(THREADS, nth, queue, Op::Push)).collect())
        .collect();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|n| scope.spawn(move || work(n))).collect();
        for thread in threads {
            for (all, own) in histories.iter_mut().zip(thread.join().unwrap()) {
                all.extend(own);
            }
        }
    });
    // Whatever is left must be what the history left.
    for (history, (queue, _)) in histories.iter_mut().zip(&queues) {
        while history
            .last()
            .is_none_or(|last| matches!(last.answer, Answer::Popped(_)) || last.thread != THREADS)
        {
            history.push(record(THREADS, 0, queue, Op::Pop));
        }
    }
    histories
}

proptest! {
    #[test]
    fn a_sequential_queue_answers_so(capacity in 1_usize..4, full in any::<bool>(), program in program()) {
        for history in histories::<WorkQueue<u32>>(capacity, if full { capacity } else { 0 }, &program) {
            prop_assert!(explained(capacity, &history), "no sequential queue answers so: {history:?}");
        }
    }
}

/// The first to put something in, the one who does so next and then takes, and one who only takes.
const STOPPED: u32 = 0;
const SECOND: u32 = 10;
const SECOND_TAKES: u32 = 11;

/// A queue that judges by the stamp alone, and so says "empty" to a thread that has just put something in.
struct Plain {
    tail: AtomicUsize,
    head: AtomicUsize,
    slots: [(AtomicUsize, AtomicU32); 2],
    answered: AtomicBool,
}

impl Queue for Plain {
    fn new(capacity: usize) -> Self {
        assert_eq!(capacity, 2);
        Self {
            tail: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            slots: [0, 1].map(|n| (AtomicUsize::new(2 * n), AtomicU32::new(0))),
            answered: AtomicBool::new(false),
        }
    }

    fn answer(&self, op: Op, item: u32) -> Answer {
        let (index, ready, done) = match op {
            Op::Push => (&self.tail, 0, 1),
            Op::Pop | Op::Batch => (&self.head, 1, 4),
            Op::Close => return Answer::Did(true),
        };
        while item == SECOND && self.tail.load(Relaxed) == 0 {
            thread::yield_now();
        }
        let position = index.load(Relaxed);
        let (stamp, cell) = &self.slots[position % 2];
        let answer = if stamp.load(Acquire) != 2 * position + ready
            || index.compare_exchange(position, position + 1, Relaxed, Relaxed).is_err()
        {
            if op == Op::Push { Answer::Full } else { Answer::Empty }
        } else {
            // As if it lost its core here.
            while item == STOPPED && !self.answered.load(Relaxed) {
                thread::yield_now();
            }
            let was = cell.swap(item, Relaxed);
            stamp.store(2 * position + done, Release);
            if op == Op::Push { Answer::Pushed } else { Answer::Popped(vec![was]) }
        };
        self.answered.fetch_or(item == SECOND_TAKES, Relaxed);
        answer
    }
}

#[test]
fn finds_the_plain_queue() {
    let program = vec![vec![Op::Push], vec![Op::Push, Op::Pop], vec![Op::Pop]];
    let histories = histories::<Plain>(2, 0, &program);
    assert!(histories.iter().all(|history| !explained(2, history)));
}
