//! A sequential queue, and whether it could have given the answers of a history: for the models of the queue and for its
//! histories on real threads.
//!
//! The order of the operations that explains the answers must keep each thread's own for all of them, and for those that
//! took effect the order in time as well: a refusal may have looked at an index that was a moment old, though at none that
//! was still to come.

// Of the library that the including file is about: lockline itself, or what is built on loom.
use super::{TryPopError, TryPushError, WorkQueue};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Push,
    Pop,
    /// Two at most.
    Batch,
    Close,
}

#[allow(dead_code, reason = "histories on real threads choose by themselves")]
pub(crate) const OPS: [Op; 4] = [Op::Push, Op::Pop, Op::Batch, Op::Close];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
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
pub(crate) struct Event {
    pub(crate) thread: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) op: Op,
    pub(crate) item: u32,
    pub(crate) answer: Answer,
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

/// Whether there is an order in which a sequential queue, at first empty, answers so.
pub(crate) fn explained(capacity: usize, history: &[Event]) -> bool {
    assert!(history.len() <= 32);
    goes_on(history, 0, &Sequential { capacity, items: VecDeque::new(), closed: false })
}

/// Likewise for those that are not `done`, one bit each, from this state on.
fn goes_on(history: &[Event], done: u32, state: &Sequential) -> bool {
    if done.count_ones() as usize == history.len() {
        return true;
    }
    (0..history.len()).any(|next| {
        let event = &history[next];
        let must_wait = |(nth, other): (usize, &Event)| {
            let own = other.thread == event.thread;
            let in_time = own || event.took_effect();
            nth != next && done & 1 << nth == 0 && in_time && other.end < event.start
        };
        let mut state = state.clone();
        done & 1 << next == 0
            && !history.iter().enumerate().any(must_wait)
            && state.answers(event)
            && goes_on(history, done | 1 << next, &state)
    })
}

/// What a history is of.
pub(crate) trait Queue: 'static {
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
