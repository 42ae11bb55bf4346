//! Every small program over the queue's answers that do not wait, in every interleaving, against a sequential queue.
//!
//! For each execution an order of its operations is sought in which a sequential queue gives the same answers. The
//! order must keep each thread's own for all operations, and the order in time for those that took effect: a refusal
//! may have looked at an index that was a moment old.
//!
//! One model is many programs, each explored on its own.

use crate::harness::{self, Model};
use lockline_loom::{
    __private::{
        release_by_store,
        sync::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    WorkQueue,
    queue::{TryPopError, TryPushError},
};
use loom::cell::UnsafeCell;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Op {
    Push,
    Pop,
    /// Two at most.
    Batch,
    Close,
}

const OPS: [Op; 4] = [Op::Push, Op::Pop, Op::Batch, Op::Close];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Pushed,
    Full,
    Popped(Vec<u32>),
    Empty,
    Closed,
    /// Of a close: whether it was the first.
    Did(bool),
}

/// What was done and answered, and when.
#[derive(Clone, Debug)]
struct Event {
    thread: usize,
    start: usize,
    end: usize,
    op: Op,
    item: u32,
    answer: Answer,
}

impl Event {
    fn took_effect(&self) -> bool {
        matches!(self.answer, Answer::Pushed | Answer::Popped(_) | Answer::Did(true))
    }
}

/// The sequential queue.
#[derive(Clone)]
struct Sequential {
    capacity: usize,
    items: VecDeque<u32>,
    closed: bool,
}

impl Sequential {
    /// Whether it may answer so; and does.
    fn answers(&mut self, event: &Event) -> bool {
        let Event { op, item, answer, .. } = event;
        match (op, answer) {
            (Op::Push, Answer::Pushed) => {
                self.items.push_back(*item);
                !self.closed && self.items.len() <= self.capacity
            }
            (Op::Push, Answer::Full) => !self.closed && self.items.len() == self.capacity,
            (Op::Push, Answer::Closed) => self.closed,
            // A batch takes one at least; the next may still be on its way in.
            (Op::Pop | Op::Batch, Answer::Popped(taken)) => {
                let at_most = if *op == Op::Pop { 1 } else { 2 };
                (1..=at_most).contains(&taken.len())
                    && taken.iter().all(|item| self.items.pop_front() == Some(*item))
            }
            (Op::Pop | Op::Batch, Answer::Empty) => !self.closed && self.items.is_empty(),
            (Op::Pop | Op::Batch, Answer::Closed) => self.closed && self.items.is_empty(),
            (Op::Close, Answer::Did(first)) => core::mem::replace(&mut self.closed, true) != *first,
            _ => false,
        }
    }
}

/// Whether there is an order.
fn explained(history: &[Event], done: u32, state: &Sequential) -> bool {
    if done.count_ones() as usize == history.len() {
        return true;
    }
    (0..history.len()).any(|next| {
        let event = &history[next];
        let must_wait = |(nth, other): (usize, &Event)| {
            let own = other.thread == event.thread;
            let in_time = own || (other.took_effect() && event.took_effect());
            nth != next && done & 1 << nth == 0 && in_time && other.end < event.start
        };
        let mut state = state.clone();
        done & 1 << next == 0
            && !history.iter().enumerate().any(must_wait)
            && state.answers(event)
            && explained(history, done | 1 << next, &state)
    })
}

/// What the programs run on.
trait Queue: 'static {
    fn new(capacity: usize) -> Self;
    fn answer(&self, op: Op, item: u32) -> Answer;
}

impl Queue for WorkQueue<u32> {
    fn new(capacity: usize) -> Self {
        Self::new(capacity)
    }

    fn answer(&self, op: Op, item: u32) -> Answer {
        let refused = |why| match why {
            TryPopError::Empty => Answer::Empty,
            TryPopError::Closed => Answer::Closed,
        };
        match op {
            Op::Push => match self.try_push(item) {
                Ok(()) => Answer::Pushed,
                Err(TryPushError::Full(back)) => {
                    assert_eq!(back, item);
                    Answer::Full
                }
                Err(TryPushError::Closed(_)) => Answer::Closed,
            },
            Op::Pop => self.try_pop().map_or_else(refused, |item| Answer::Popped(vec![item])),
            Op::Batch => {
                let mut items = Vec::new();
                self.try_pop_batch(&mut items, 2).map_or_else(refused, |_| Answer::Popped(items))
            }
            Op::Close => Answer::Did(self.close()),
        }
    }
}

/// Who did what, by a clock that loom does not see.
#[derive(Default)]
struct Log {
    now: Cell<usize>,
    events: RefCell<Vec<Event>>,
}

impl Log {
    fn tick(&self) -> usize {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }

    fn record<Q: Queue>(&self, thread: usize, queue: &Q, op: Op, item: u32) {
        let start = self.tick();
        let answer = queue.answer(op, item);
        let end = self.tick();
        self.events.borrow_mut().push(Event { thread, start, end, op, item, answer });
    }
}

/// Runs a program, once. The queue has been through a lap by then.
fn run<Q: Queue>(capacity: usize, before: u32, program: &[Vec<Op>]) {
    let queue = Rc::new(Q::new(capacity));
    for item in 0..u32::try_from(capacity).unwrap() {
        queue.answer(Op::Push, item);
    }
    for _ in 0..capacity {
        queue.answer(Op::Pop, 0);
    }
    let log = Rc::new(Log::default());
    for item in 0..before {
        log.record(0, &*queue, Op::Push, 100 + item);
    }
    let work = |thread: usize| {
        let (queue, log, ops) = (Rc::clone(&queue), Rc::clone(&log), program[thread].clone());
        move || {
            for (nth, op) in ops.into_iter().enumerate() {
                let item = u32::try_from(10 * thread + nth).unwrap();
                log.record(thread, &*queue, op, item);
            }
        }
    };
    let others: Vec<_> = (1..program.len()).map(|n| loom::thread::spawn(work(n))).collect();
    work(0)();
    for other in others {
        other.join().unwrap();
    }
    // Whatever is left must be what the history left.
    while let Answer::Popped(_) = {
        log.record(0, &*queue, Op::Pop, 0);
        log.events.borrow().last().unwrap().answer.clone()
    } {}
    let history = log.events.borrow();
    let start = Sequential { capacity, items: VecDeque::new(), closed: false };
    assert!(explained(&history, 0, &start), "no sequential queue answers so: {history:?}");
}

/// Every program of so many threads with so many operations each, but one of those that differ in the threads'
/// names only.
fn programs(threads: usize, ops: usize) -> Vec<Vec<Vec<Op>>> {
    let mut lists = vec![vec![]];
    for _ in 0..ops {
        lists = lists
            .into_iter()
            .flat_map(|list: Vec<Op>| OPS.map(|op| [list.clone(), vec![op]].concat()))
            .collect();
    }
    let mut programs: Vec<Vec<Vec<Op>>> = vec![vec![]];
    for _ in 0..threads {
        programs = programs
            .iter()
            .flat_map(|program| {
                let fits = |list: &&Vec<Op>| program.last().is_none_or(|last| last <= *list);
                lists.iter().filter(fits).map(|list| [program.clone(), vec![list.clone()]].concat())
            })
            .collect();
    }
    programs
}

fn two_by_two<Q: Queue>(capacity: usize, before: u32) {
    let programs = programs(2, 2);
    run::<Q>(capacity, before, &programs[harness::variant(programs.len())]);
}

fn three_by_one(capacity: usize, before: u32) {
    let programs = programs(3, 1);
    run::<WorkQueue<u32>>(capacity, before, &programs[harness::variant(programs.len())]);
}

/// Two models of one body.
macro_rules! both {
    ($($name:ident, $promise:literal, $bound:expr, $body:expr)*) => {
        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!("linear::", stringify!($name), "_by_store"),
                promise: $promise,
                bound: $bound,
                body: || {
                    release_by_store(true);
                    $body
                },
            },
            Model {
                name: concat!("linear::", stringify!($name), "_by_swap"),
                promise: $promise,
                bound: $bound,
                body: || {
                    release_by_store(false);
                    $body
                },
            },
        )*];
    };
}

both! {
    one_empty, "a queue for one item, at first empty, answers as a sequential one does", Some(2),
        two_by_two::<WorkQueue<u32>>(1, 0)
    one_full, "a queue for one item, at first full, answers as a sequential one does", Some(2),
        two_by_two::<WorkQueue<u32>>(1, 1)
    two_empty, "a queue for two items, at first empty, answers as a sequential one does", Some(2),
        two_by_two::<WorkQueue<u32>>(2, 0)
    two_half, "a queue for two items, at first half full, answers as a sequential one does", Some(2),
        two_by_two::<WorkQueue<u32>>(2, 1)
    three_threads, "a queue for two items answers three threads as a sequential one does", Some(2),
        three_by_one(2, 1)
}

/// A queue that judges by the stamp alone, and so says "empty" to a thread that has just put something in.
pub(crate) const PLAIN: Model = Model {
    name: "linear::harness_plain",
    promise: "a planted bug",
    bound: Some(2),
    body: || two_by_two::<Plain>(2, 0),
};

struct Plain {
    tail: AtomicUsize,
    head: AtomicUsize,
    slots: [(AtomicUsize, UnsafeCell<u32>); 2],
}

impl Queue for Plain {
    fn new(capacity: usize) -> Self {
        assert_eq!(capacity, 2);
        Self {
            tail: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            slots: [0, 1].map(|n| (AtomicUsize::new(2 * n), UnsafeCell::new(0))),
        }
    }

    fn answer(&self, op: Op, item: u32) -> Answer {
        let (index, ready, done) = match op {
            Op::Push => (&self.tail, 0, 1),
            Op::Pop | Op::Batch => (&self.head, 1, 4),
            Op::Close => return Answer::Did(true),
        };
        let position = index.load(Relaxed);
        let (stamp, cell) = &self.slots[position % 2];
        if stamp.load(Acquire) != 2 * position + ready
            || index.compare_exchange(position, position + 1, Relaxed, Relaxed).is_err()
        {
            return if op == Op::Push { Answer::Full } else { Answer::Empty };
        }
        // SAFETY: the claim makes the slot ours.
        let was = cell.with_mut(|at| unsafe { core::mem::replace(&mut *at, item) });
        stamp.store(2 * position + done, Release);
        if op == Op::Push { Answer::Pushed } else { Answer::Popped(vec![was]) }
    }
}
