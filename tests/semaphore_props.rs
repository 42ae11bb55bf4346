//! Random programs of one thread, beside a semaphore of three numbers.

use lockline::{AcquireError, Fairness, OwnedPermit, Semaphore, TryAcquireError};
use proptest::prelude::*;
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

#[derive(Clone, Debug)]
enum Op {
    Try(usize),
    Timeout(usize),
    Wait(usize),
    Poll(usize),
    Cancel(usize),
    Release(usize),
    Split(usize, usize),
    Merge(usize, usize),
    Forget(usize),
    Add(usize),
    Remove(usize),
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    let few = 0..4_usize;
    let any = 0..8_usize;
    prop_oneof![
        4 => few.clone().prop_map(Op::Try),
        1 => few.clone().prop_map(Op::Timeout),
        6 => few.clone().prop_map(Op::Wait),
        4 => any.clone().prop_map(Op::Poll),
        3 => any.clone().prop_map(Op::Cancel),
        6 => any.clone().prop_map(Op::Release),
        1 => (any.clone(), few.clone()).prop_map(|(a, n)| Op::Split(a, n)),
        1 => (any.clone(), any.clone()).prop_map(|(a, b)| Op::Merge(a, b)),
        1 => any.clone().prop_map(Op::Forget),
        1 => few.clone().prop_map(Op::Add),
        1 => few.clone().prop_map(Op::Remove),
        1 => (0..20_u8).prop_map(|n| if n == 0 { Op::Close } else { Op::Add(1) }),
    ]
}

type Waiting = Pin<Box<dyn Future<Output = Result<OwnedPermit, AcquireError>>>>;

/// What a strict semaphore is. Whoever waits is granted at once, in order, as soon as it can be.
#[derive(Default)]
struct Simple {
    free: usize,
    owed: usize,
    limit: usize,
    closed: bool,
    /// By number.
    line: VecDeque<(usize, usize)>,
    ended: Vec<(usize, Result<usize, AcquireError>)>,
}

impl Simple {
    fn settle(&mut self) {
        let paid = self.owed.min(self.free);
        (self.owed, self.free) = (self.owed - paid, self.free - paid);
        let (limit, closed) = (self.limit, self.closed);
        let ended = &mut self.ended;
        self.line.retain(|&(number, wanted)| {
            let stays = !closed && wanted <= limit;
            let why = if closed { AcquireError::Closed } else { AcquireError::TooMany };
            if !stays {
                ended.push((number, Err(why)));
            }
            stays
        });
        while let Some(&(number, wanted)) = self.line.front() {
            if wanted > self.free {
                break;
            }
            self.free -= wanted;
            self.line.pop_front();
            self.ended.push((number, Ok(wanted)));
        }
    }

    /// What a request ends with at once.
    fn wait(&mut self, wanted: usize) -> Result<(), TryAcquireError> {
        if !self.closed && self.line.is_empty() && wanted <= self.free.min(self.limit) {
            self.free -= wanted;
            return Ok(());
        }
        self.try_take(wanted)
    }

    fn try_take(&mut self, wanted: usize) -> Result<(), TryAcquireError> {
        if self.closed {
            return Err(TryAcquireError::Closed);
        }
        if self.line.is_empty() && self.owed == 0 && wanted <= self.free {
            self.free -= wanted;
            return Ok(());
        }
        Err(if wanted > self.limit { TryAcquireError::TooMany } else { TryAcquireError::NoPermits })
    }
}

fn nth<T>(all: &[T], nth: usize) -> Option<usize> {
    (!all.is_empty()).then(|| nth % all.len())
}

#[allow(clippy::too_many_lines, reason = "one arm for each operation")]
fn run(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let semaphore: Arc<Semaphore> = Arc::new(Semaphore::with_policy(3, 4, Fairness::Strict));
    let mut simple = Simple { free: 3, limit: 4, ..Simple::default() };
    let mut permits: Vec<OwnedPermit> = Vec::new();
    let mut waiting: Vec<(usize, Waiting)> = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    for (number, op) in ops.into_iter().enumerate() {
        match op {
            Op::Try(n) | Op::Timeout(n) => {
                let timed = matches!(op, Op::Timeout(_));
                let semaphore = Arc::clone(&semaphore);
                let result = if timed {
                    semaphore.acquire_many_owned_for(n, Duration::ZERO)
                } else {
                    semaphore.try_acquire_many_owned(n)
                };
                let expected = if timed { simple.wait(n) } else { simple.try_take(n) };
                prop_assert_eq!(result.as_ref().map(|_| ()).map_err(|&e| e), expected);
                permits.extend(result);
            }
            Op::Wait(n) => {
                let mut future: Waiting =
                    Box::pin(Arc::clone(&semaphore).acquire_many_owned_async(n));
                let result = future.as_mut().poll(&mut context);
                match simple.wait(n) {
                    Err(TryAcquireError::NoPermits) => {
                        prop_assert!(result.is_pending());
                        simple.line.push_back((number, n));
                        waiting.push((number, future));
                    }
                    expected => {
                        let Poll::Ready(result) = result else {
                            return Err(TestCaseError::fail("waits"));
                        };
                        let said = result.as_ref().map(|_| ()).map_err(|&e| e.into());
                        prop_assert_eq!(said, expected);
                        permits.extend(result);
                    }
                }
            }
            Op::Poll(at) => {
                let Some(at) = nth(&waiting, at) else { continue };
                let (number, future) = &mut waiting[at];
                let ended = simple.ended.iter().position(|(n, _)| n == number);
                match future.as_mut().poll(&mut context) {
                    Poll::Pending => prop_assert!(ended.is_none()),
                    Poll::Ready(result) => {
                        let Some(ended) = ended else {
                            return Err(TestCaseError::fail("not its turn"));
                        };
                        let said = result.as_ref().map(OwnedPermit::count).map_err(|&e| e);
                        prop_assert_eq!(said, simple.ended.remove(ended).1);
                        permits.extend(result);
                        drop(waiting.remove(at));
                    }
                }
            }
            Op::Cancel(at) => {
                let Some(at) = nth(&waiting, at) else { continue };
                let (number, future) = waiting.remove(at);
                drop(future);
                simple.line.retain(|&(n, _)| n != number);
                if let Some(ended) = simple.ended.iter().position(|&(n, _)| n == number) {
                    simple.free += simple.ended.remove(ended).1.unwrap_or(0);
                }
            }
            Op::Release(at) => {
                let Some(at) = nth(&permits, at) else { continue };
                simple.free += permits[at].count();
                drop(permits.remove(at));
            }
            Op::Split(at, n) => {
                let Some(at) = nth(&permits, at) else { continue };
                let count = permits[at].count();
                let split = permits[at].split(n);
                prop_assert_eq!(split.is_some(), n <= count);
                permits.extend(split);
            }
            Op::Merge(a, b) => {
                let Some(a) = nth(&permits, a) else { continue };
                let other = permits.remove(a);
                match nth(&permits, b) {
                    Some(b) => permits[b].merge(other),
                    None => permits.push(other),
                }
            }
            Op::Forget(at) => {
                let Some(at) = nth(&permits, at) else { continue };
                let permit = permits.remove(at);
                let paid = simple.owed.min(permit.count());
                simple.owed -= paid;
                simple.limit -= permit.count() - paid;
                permit.forget();
            }
            Op::Add(n) => {
                semaphore.add_permits(n);
                simple.limit += n;
                simple.free += n;
            }
            Op::Remove(n) => {
                // One of the limit never was a permit.
                let removed = n.min(simple.limit - 1);
                prop_assert_eq!(semaphore.remove_permits(n), removed);
                simple.limit -= removed;
                simple.owed += removed;
            }
            Op::Close => {
                prop_assert_eq!(semaphore.close(), !simple.closed);
                simple.closed = true;
            }
        }
        simple.settle();
        let granted = simple.ended.iter().map(|(_, ended)| ended.unwrap_or(0)).sum::<usize>();
        let out = permits.iter().map(OwnedPermit::count).sum::<usize>() + granted;
        prop_assert_eq!(semaphore.available(), simple.free);
        prop_assert_eq!(semaphore.limit(), simple.limit);
        prop_assert_eq!(semaphore.waiting(), simple.line.len());
        prop_assert_eq!(semaphore.in_use(), out);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn does_what_a_simple_one_does(ops in prop::collection::vec(op(), 1..60)) {
        run(ops)?;
    }
}
