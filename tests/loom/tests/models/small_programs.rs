//! Every program of two threads with two operations each, beside a semaphore that does one operation at a time.
//!
//! What a program may end with is found by trying all orders of its four operations on the simple one. A
//! program in which some order leaves an acquisition waiting for ever is left out.

use crate::harness::{self, Model, spawn};
use lockline_loom::{AcquireError, Fairness, OwnedPermit, Plain, Semaphore, TryAcquireError};
use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, OnceLock},
};

#[derive(Clone, Copy, Debug)]
enum Op {
    TryAcquire,
    Acquire,
    Release,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Done,
    Got,
    None,
    Closed,
}

/// The results of the first thread, then of the second; then how many are free, and whether it is closed.
type Ending = ([Outcome; 4], usize, bool);

#[derive(Debug)]
struct Program {
    free: usize,
    threads: [[Op; 2]; 2],
    may_end: BTreeSet<Ending>,
}

/// All that end, and how many were left out.
fn programs() -> &'static (Vec<Program>, usize) {
    static PROGRAMS: OnceLock<(Vec<Program>, usize)> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let ops = [Op::TryAcquire, Op::Acquire, Op::Release, Op::Close];
        let pairs: Vec<[Op; 2]> = ops.iter().flat_map(|&a| ops.map(|b| [a, b])).collect();
        let (mut programs, mut left_out) = (Vec::new(), 0);
        for free in 0..2 {
            for (nth, &first) in pairs.iter().enumerate() {
                // Which thread is which makes no difference.
                for &second in &pairs[nth..] {
                    let mut program =
                        Program { free, threads: [first, second], may_end: BTreeSet::new() };
                    let start =
                        Simple { free, closed: false, at: [0; 2], ended: [Outcome::Done; 4] };
                    if start.explore(program.threads, &mut program.may_end) {
                        programs.push(program);
                    } else {
                        left_out += 1;
                    }
                }
            }
        }
        (programs, left_out)
    })
}

/// A semaphore that does one thing at a time, and how far the threads are.
#[derive(Clone, Copy)]
struct Simple {
    free: usize,
    closed: bool,
    at: [usize; 2],
    ended: [Outcome; 4],
}

impl Simple {
    /// Notes all endings. False if it can get stuck.
    fn explore(self, threads: [[Op; 2]; 2], endings: &mut BTreeSet<Ending>) -> bool {
        if self.at == [2, 2] {
            endings.insert((self.ended, self.free, self.closed));
            return true;
        }
        let steps: Vec<Self> = (0..2).filter_map(|thread| self.step(threads, thread)).collect();
        !steps.is_empty() && steps.iter().all(|next| next.explore(threads, endings))
    }

    fn step(mut self, threads: [[Op; 2]; 2], thread: usize) -> Option<Self> {
        let at = self.at[thread];
        let outcome = match *threads[thread].get(at)? {
            Op::Release => {
                self.free += 1;
                Outcome::Done
            }
            Op::Close => {
                self.closed = true;
                Outcome::Done
            }
            Op::TryAcquire | Op::Acquire if self.closed => Outcome::Closed,
            Op::TryAcquire | Op::Acquire if self.free > 0 => {
                self.free -= 1;
                Outcome::Got
            }
            Op::TryAcquire => Outcome::None,
            Op::Acquire => return None,
        };
        self.ended[2 * thread + at] = outcome;
        self.at[thread] += 1;
        Some(self)
    }
}

/// `releases` has what the thread can release.
fn run(semaphore: &Semaphore, mut releases: OwnedPermit, ops: [Op; 2]) -> [Outcome; 2] {
    let ended = ops.map(|op| match op {
        Op::TryAcquire => match semaphore.try_acquire() {
            Ok(permit) => {
                mem::forget(permit);
                Outcome::Got
            }
            Err(TryAcquireError::Closed) => Outcome::Closed,
            Err(_) => Outcome::None,
        },
        Op::Acquire => match semaphore.acquire() {
            Ok(permit) => {
                mem::forget(permit);
                Outcome::Got
            }
            Err(AcquireError::Closed) => Outcome::Closed,
            Err(error) => panic!("{error}"),
        },
        Op::Release => {
            drop(releases.split(1));
            Outcome::Done
        }
        Op::Close => {
            semaphore.close();
            Outcome::Done
        }
    });
    mem::forget(releases);
    ended
}

fn all(fairness: Fairness) {
    let (programs, left_out) = programs();
    assert_eq!((programs.len(), *left_out), (214, 58), "as the promise says");
    let program = &programs[harness::variant(programs.len())];
    let semaphore =
        Arc::new(Semaphore::<Plain>::with_policy(4 + program.free, 4 + program.free, fairness));
    let releases = || Arc::clone(&semaphore).try_acquire_many_owned(2).expect("free");
    let (ours, theirs) = (releases(), releases());
    let [first, second] = program.threads;
    let other = spawn(&semaphore, move |s| run(s, theirs, second));
    let [a, b] = run(&semaphore, ours, first);
    let [c, d] = other.join().unwrap();
    let ending = ([a, b, c, d], semaphore.available(), semaphore.is_closed());
    assert!(program.may_end.contains(&ending), "{program:?} ended with {ending:?}");
    assert_eq!(semaphore.waiting(), 0);
}

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "small_programs::semaphore_bounded",
        promise: "214 programs end as a simple semaphore would have them; 58 more might wait for ever",
        bound: Some(3),
        body: || all(Fairness::Bounded),
    },
    Model {
        name: "small_programs::semaphore_strict",
        promise: "214 programs end as a simple semaphore would have them; 58 more might wait for ever",
        bound: Some(3),
        body: || all(Fairness::Strict),
    },
];
