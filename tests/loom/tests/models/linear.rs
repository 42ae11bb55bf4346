//! Every small program over the queue's answers that do not wait, in every interleaving, against a sequential queue.
//!
//! What counts as explained is in `tests/sequential`. One model is many programs, each explored on its own.

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
use sequential::{Answer, Event, OPS, Op, Queue, explained};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::OnceLock,
};

#[path = "../../../sequential/mod.rs"]
mod sequential;

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
    assert!(explained(capacity, &history), "no sequential queue answers so: {history:?}");
}

/// What each thread does.
type Program = Vec<Vec<Op>>;

/// Every program of so many threads with so many operations each, but one of those that differ in the threads'
/// names only. Of one place a batch is what a pop is, and is left out.
fn programs(threads: usize, ops: usize, capacity: usize) -> Vec<Program> {
    let all = OPS.into_iter().filter(|op| capacity > 1 || *op != Op::Batch);
    let mut lists = vec![vec![]];
    for _ in 0..ops {
        lists = lists
            .into_iter()
            .flat_map(|list: Vec<Op>| all.clone().map(move |op| [list.clone(), vec![op]].concat()))
            .collect();
    }
    let mut programs: Vec<Program> = vec![vec![]];
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

/// Runs that of `all` whose turn it is. They are made once for all executions: that takes half as long as to run one.
fn run_one_of<Q: Queue>(capacity: usize, before: u32, all: impl FnOnce() -> Vec<Program>) {
    static ALL: OnceLock<Vec<Program>> = OnceLock::new();
    let programs = ALL.get_or_init(all);
    run::<Q>(capacity, before, &programs[harness::variant(programs.len())]);
}

fn two_by_two<Q: Queue>(capacity: usize, before: u32) {
    run_one_of::<Q>(capacity, before, || programs(2, 2, capacity));
}

/// The programs of two by two where one thread only puts in and the other only takes out, and the others. Each of those
/// waits for the other at every step: a refusal may read what is a step old, then watches a peer that is long done. With
/// two preemptions these few would have five times the executions of all others together. The same goes for one place where
/// the other takes out and then puts in: that alone would have twice the executions of the rest.
fn opposed(capacity: usize) -> (Vec<Program>, Vec<Program>) {
    programs(2, 2, capacity).into_iter().partition(|program| {
        let takes = |op: &Op| [Op::Pop, Op::Batch].contains(op);
        let back = capacity == 1 && program[1] == [Op::Pop, Op::Push];
        program[0] == [Op::Push; 2] && (back || program[1].iter().all(takes))
    })
}

fn two_opposed(capacity: usize, before: u32) {
    run_one_of::<WorkQueue<u32>>(capacity, before, || opposed(capacity).0);
}

fn not_opposed(capacity: usize, before: u32) {
    run_one_of::<WorkQueue<u32>>(capacity, before, || opposed(capacity).1);
}

/// Two against two, with one operation less, at either end.
fn nearly_opposed(capacity: usize, before: u32) {
    let (pushes, pops) = (vec![Op::Push; 2], vec![Op::Pop; 2]);
    run_one_of::<WorkQueue<u32>>(capacity, before, || {
        vec![vec![pushes.clone(), pops[1..].to_vec()], vec![pushes[1..].to_vec(), pops]]
    });
}

fn three_by_one(capacity: usize, before: u32) {
    run_one_of::<WorkQueue<u32>>(capacity, before, || programs(3, 1, capacity));
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
        not_opposed(1, 0)
    one_opposed, "a queue for one item hands two over as a sequential one does", Some(1),
        two_opposed(1, 0)
    one_nearly_opposed, "a queue for one item hands one of two over, or one to the first of two, as a sequential one does",
        Some(2), nearly_opposed(1, 0)
    one_full, "a queue for one item, at first full, answers as a sequential one does", Some(2),
        two_by_two::<WorkQueue<u32>>(1, 1)
    two_empty, "a queue for two items, at first empty, answers as a sequential one does", Some(2),
        two_by_two::<WorkQueue<u32>>(2, 0)
    two_half, "a queue for two items, at first half full, answers as a sequential one does", Some(2),
        not_opposed(2, 1)
    half_opposed, "a queue for two items, at first half full, hands two over as a sequential one does", Some(1),
        two_opposed(2, 1)
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
