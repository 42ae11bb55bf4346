//! Random programs of one thread, beside a semaphore of a few numbers.

use lockline::{AcquireError, Fairness, OwnedPermit, Semaphore, TryAcquireError};
use proptest::prelude::*;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

/// The bound of the bounded policy.
const LONG: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
enum Op {
    Try(usize),
    Timeout(usize),
    Wait(usize),
    Poll(usize),
    /// With another waker, so that it looks although nobody woke it.
    Move(usize),
    Cancel(usize),
    Release(usize),
    Split(usize, usize),
    Merge(usize, usize),
    Forget(usize),
    Add(usize),
    Remove(usize),
    Close,
    /// Whoever stands in line has waited for long then, for certain.
    Later,
}

fn op() -> impl Strategy<Value = Op> {
    let few = 0..4_usize;
    let any = 0..8_usize;
    prop_oneof![
        4 => few.clone().prop_map(Op::Try),
        1 => few.clone().prop_map(Op::Timeout),
        6 => few.clone().prop_map(Op::Wait),
        4 => any.clone().prop_map(Op::Poll),
        1 => any.clone().prop_map(Op::Move),
        3 => any.clone().prop_map(Op::Cancel),
        6 => any.clone().prop_map(Op::Release),
        1 => (any.clone(), few.clone()).prop_map(|(a, n)| Op::Split(a, n)),
        1 => (any.clone(), any.clone()).prop_map(|(a, b)| Op::Merge(a, b)),
        1 => any.clone().prop_map(Op::Forget),
        1 => few.clone().prop_map(Op::Add),
        1 => few.clone().prop_map(Op::Remove),
        1 => (0..20_u8).prop_map(|n| if n == 0 { Op::Close } else { Op::Add(1) }),
        1 => Just(Op::Later),
    ]
}

/// Notes that it was woken.
struct Note(Arc<AtomicBool>);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A task that waits, or was told already.
struct Task {
    number: usize,
    woken: Arc<AtomicBool>,
    waker: Waker,
    future: Pin<Box<dyn Future<Output = Result<OwnedPermit, AcquireError>>>>,
}

/// One of the line.
struct Waiter {
    number: usize,
    wanted: usize,
    /// It came at some moment between these.
    came: [Instant; 2],
    woken: Arc<AtomicBool>,
    was_woken: bool,
}

impl Waiter {
    fn is_woken(&self) -> bool {
        self.woken.load(SeqCst)
    }
}

/// What a semaphore may do.
///
/// * It is *shut* to newcomers while permits are owed. Strict: also while somebody is in line. Bounded: not before the
///   first in line has waited for long, and then no later than when that one looks, or somebody who sees to the line finds
///   permits that are too few for it; until the first in line is one that has not waited for long.
/// * While it is shut, the first in line is granted as soon as it can be, and so are those behind it, in order.
/// * While it is not, newcomers take what is free. Those in line are woken in order, as many as the permits suffice for,
///   keep their places, and take as newcomers do when they look. The first in line may, shut or not.
///
/// How long somebody has waited, the implementation reads off its clock between two looks at ours. Where the limit is
/// between them, either answer will do.
struct Simple {
    strict: bool,
    free: usize,
    owed: usize,
    limit: usize,
    closed: bool,
    /// It is shut for certain.
    shut: bool,
    line: Vec<Waiter>,
    /// Told, by number.
    ended: Vec<(usize, Arc<AtomicBool>, Result<usize, AcquireError>)>,
}

impl Simple {
    /// Whether it can be shut, at the latest of the moments in question.
    fn may_be_shut(&self) -> bool {
        let long = |first: &Waiter| self.strict || first.came[0].elapsed() >= LONG;
        self.owed > 0 || self.line.first().is_some_and(long)
    }

    /// Checks what a newcomer was told; `waits` if it would have stood in line.
    fn came(
        &mut self,
        wanted: usize,
        waits: bool,
        told: Result<(), TryAcquireError>,
    ) -> Result<(), TestCaseError> {
        if self.closed {
            prop_assert_eq!(told, Err(TryAcquireError::Closed));
            return Ok(());
        }
        let enough = wanted <= self.free;
        // The first in line, if there were one: only those who do not wait mind what is owed.
        let at_once = waits && self.line.is_empty();
        if told.is_ok() {
            prop_assert!(enough && (at_once || !self.shut), "passes the line");
            self.free -= wanted;
            return Ok(());
        }
        prop_assert!(!enough || (!at_once && self.may_be_shut()), "refused what is free");
        let why =
            if wanted > self.limit { TryAcquireError::TooMany } else { TryAcquireError::NoPermits };
        prop_assert_eq!(told, Err(why));
        Ok(())
    }

    /// Checks what somebody in line found; `looks` if it was woken, or had another waker.
    fn looked(&mut self, at: usize, looks: bool, got: bool) -> Result<(), TestCaseError> {
        let enough = self.line[at].wanted <= self.free;
        if got {
            prop_assert!(looks && enough && (at == 0 || !self.shut), "not its turn");
            self.free -= self.line.remove(at).wanted;
        } else {
            prop_assert!(!(looks && enough && (at == 0 || !self.may_be_shut())), "lost its turn");
        }
        Ok(())
    }

    fn awake(&self) -> usize {
        self.line.iter().filter(|waiter| waiter.is_woken()).count()
    }

    /// Pays what is owed, and ends the waits that are vain.
    fn dismiss(&mut self) {
        let paid = self.owed.min(self.free);
        (self.owed, self.free) = (self.owed - paid, self.free - paid);
        let (limit, closed) = (self.limit, self.closed);
        let why = if closed { AcquireError::Closed } else { AcquireError::TooMany };
        let ended = &mut self.ended;
        self.line.retain(|waiter| {
            let stays = !closed && waiter.wanted <= limit;
            if !stays {
                ended.push((waiter.number, Arc::clone(&waiter.woken), Err(why)));
            }
            stays
        });
    }

    /// Checks who was granted and who was woken since `start`, given how many still wait, and whether somebody saw to
    /// the line.
    fn settle(
        &mut self,
        could_grant: bool,
        waiting: usize,
        served: bool,
        start: Instant,
    ) -> Result<(), TestCaseError> {
        prop_assert!(waiting <= self.line.len());
        let granted = self.line.len() - waiting;
        prop_assert!(granted == 0 || could_grant || self.may_be_shut(), "granted, though not shut");
        for waiter in self.line.drain(..granted) {
            prop_assert!(waiter.wanted <= self.free, "granted too many");
            self.free -= waiter.wanted;
            self.ended.push((waiter.number, waiter.woken, Ok(waiter.wanted)));
        }
        for (_, woken, _) in &self.ended {
            prop_assert!(woken.load(SeqCst), "granted, and not told");
        }
        let mut wanted = 0;
        let mut all_woken = true;
        for waiter in &mut self.line {
            wanted += waiter.wanted;
            let woken = waiter.is_woken();
            if woken && !waiter.was_woken {
                prop_assert!(!self.strict && all_woken && wanted <= self.free, "woken in vain");
            }
            all_woken &= woken;
            waiter.was_woken = woken;
        }
        let Some(first) = self.line.first() else {
            self.shut = self.owed > 0;
            return Ok(());
        };
        let long = start.saturating_duration_since(first.came[1]) >= LONG;
        let short = !first.is_woken() && (1..first.wanted).contains(&self.free);
        let noticed = self.shut || (served && short);
        self.shut = self.strict || self.owed > 0 || (long && noticed);
        if first.wanted <= self.free {
            prop_assert!(!self.shut, "shut, and the first is not granted");
            // Each of the others will look, and then see to it.
            prop_assert!(first.is_woken() || self.awake() >= self.free.max(1), "nobody will look");
        }
        Ok(())
    }
}

fn nth<T>(all: &[T], nth: usize) -> Option<usize> {
    (!all.is_empty()).then(|| nth % all.len())
}

struct Program {
    semaphore: Arc<Semaphore>,
    simple: Simple,
    permits: Vec<OwnedPermit>,
    tasks: Vec<Task>,
    steps: usize,
}

impl Program {
    fn new(fairness: Fairness) -> Self {
        let strict = fairness == Fairness::Strict;
        let simple = Simple {
            strict,
            free: 3,
            owed: 0,
            limit: 4,
            closed: false,
            shut: false,
            line: Vec::new(),
            ended: Vec::new(),
        };
        let semaphore = Arc::new(Semaphore::with_policy(3, 4, fairness));
        Self { semaphore, simple, permits: Vec::new(), tasks: Vec::new(), steps: 0 }
    }

    fn wait(&mut self, wanted: usize) -> Result<(), TestCaseError> {
        let woken = Arc::new(AtomicBool::new(false));
        let waker = Waker::from(Arc::new(Note(Arc::clone(&woken))));
        let mut future = Box::pin(Arc::clone(&self.semaphore).acquire_many_owned_async(wanted));
        let before = Instant::now();
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let number = self.steps;
        match polled {
            Poll::Pending => {
                self.simple.came(wanted, true, Err(TryAcquireError::NoPermits))?;
                let came = [before, Instant::now()];
                let was_woken = false;
                let waiter = Waiter { number, wanted, came, woken: woken.clone(), was_woken };
                self.simple.line.push(waiter);
                self.tasks.push(Task { number, woken, waker, future });
            }
            Poll::Ready(result) => {
                let said = result.as_ref().map(|_| ()).map_err(|&e| e.into());
                prop_assert_ne!(said, Err(TryAcquireError::NoPermits));
                self.simple.came(wanted, true, said)?;
                self.permits.extend(result);
            }
        }
        Ok(())
    }

    /// Says whether somebody saw to the line.
    fn poll(&mut self, at: usize, moves: bool) -> Result<bool, TestCaseError> {
        let task = &mut self.tasks[at];
        if moves {
            task.waker = Waker::from(Arc::new(Note(Arc::clone(&task.woken))));
        }
        let place = self.simple.line.iter().position(|waiter| waiter.number == task.number);
        let looks = moves || task.woken.load(SeqCst);
        if let Some(place) = place {
            task.woken.store(false, SeqCst);
            self.simple.line[place].was_woken = false;
        }
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&task.waker));
        let ended = self.simple.ended.iter().position(|&(n, ..)| n == task.number);
        match (place, ended, polled) {
            (Some(place), _, Poll::Pending) => {
                self.simple.looked(place, looks, false)?;
                // If it has waited for long.
                self.simple.shut |= place == 0 && looks;
            }
            (Some(place), _, Poll::Ready(Ok(permit))) => {
                prop_assert_eq!(permit.count(), self.simple.line[place].wanted);
                self.simple.looked(place, looks, true)?;
                self.permits.push(permit);
                drop(self.tasks.remove(at));
            }
            (None, Some(ended), Poll::Ready(result)) => {
                let said = result.as_ref().map(OwnedPermit::count).map_err(|&e| e);
                prop_assert_eq!(said, self.simple.ended.remove(ended).2);
                self.permits.extend(result);
                drop(self.tasks.remove(at));
                return Ok(false);
            }
            (_, _, polled) => return Err(TestCaseError::fail(format!("not told: {polled:?}"))),
        }
        Ok(looks)
    }

    /// Says whether somebody saw to the line.
    #[allow(clippy::too_many_lines, reason = "one arm for each operation")]
    fn act(&mut self, op: &Op) -> Result<bool, TestCaseError> {
        let Self { semaphore, simple, permits, tasks, .. } = self;
        // A release looks if there are more permits than waiters who will look.
        let awake = simple.awake();
        match *op {
            Op::Try(n) => {
                let result = Arc::clone(semaphore).try_acquire_many_owned(n);
                simple.came(n, false, result.as_ref().map(|_| ()).map_err(|&e| e))?;
                permits.extend(result);
            }
            Op::Timeout(n) => {
                let result = Arc::clone(semaphore).acquire_many_owned_for(n, Duration::ZERO);
                let said = result.as_ref().map(|_| ()).map_err(|&e| e);
                simple.came(n, true, said)?;
                permits.extend(result);
                return Ok(said == Err(TryAcquireError::NoPermits));
            }
            Op::Wait(n) => self.wait(n)?,
            Op::Poll(at) | Op::Move(at) => {
                let Some(at) = nth(tasks, at) else { return Ok(false) };
                return self.poll(at, matches!(op, Op::Move(_)));
            }
            Op::Cancel(at) => {
                let Some(at) = nth(tasks, at) else { return Ok(false) };
                let Task { number, future, .. } = tasks.remove(at);
                drop(future);
                simple.line.retain(|waiter| waiter.number != number);
                if let Some(ended) = simple.ended.iter().position(|&(n, ..)| n == number) {
                    simple.free += simple.ended.remove(ended).2.unwrap_or(0);
                    return Ok(simple.free > awake);
                }
                return Ok(true);
            }
            Op::Release(at) => {
                let Some(at) = nth(permits, at) else { return Ok(false) };
                let count = permits[at].count();
                simple.free += count;
                drop(permits.remove(at));
                return Ok(count > 0 && simple.free > awake);
            }
            Op::Split(at, n) => {
                let Some(at) = nth(permits, at) else { return Ok(false) };
                let count = permits[at].count();
                let split = permits[at].split(n);
                prop_assert_eq!(split.is_some(), n <= count);
                permits.extend(split);
            }
            Op::Merge(a, b) => {
                let Some(a) = nth(permits, a) else { return Ok(false) };
                let other = permits.remove(a);
                match nth(permits, b) {
                    Some(b) => permits[b].merge(other),
                    None => permits.push(other),
                }
            }
            Op::Forget(at) => {
                let Some(at) = nth(permits, at) else { return Ok(false) };
                let permit = permits.remove(at);
                let paid = simple.owed.min(permit.count());
                simple.owed -= paid;
                simple.limit -= permit.count() - paid;
                permit.forget();
                return Ok(true);
            }
            Op::Add(n) => {
                semaphore.add_permits(n);
                simple.limit += n;
                simple.free += n;
                return Ok(true);
            }
            Op::Remove(n) => {
                // One of the limit never was a permit.
                let removed = n.min(simple.limit - 1);
                prop_assert_eq!(semaphore.remove_permits(n), removed);
                simple.limit -= removed;
                simple.owed += removed;
                return Ok(true);
            }
            Op::Close => {
                prop_assert_eq!(semaphore.close(), !simple.closed);
                simple.closed = true;
            }
            Op::Later if !simple.strict => thread::sleep(LONG),
            Op::Later => {}
        }
        Ok(false)
    }

    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let start = Instant::now();
        self.steps += 1;
        let could_grant = self.simple.may_be_shut();
        let served = self.act(op)?;
        let simple = &mut self.simple;
        simple.dismiss();
        simple.settle(could_grant, self.semaphore.waiting(), served, start)?;
        let granted = simple.ended.iter().map(|(.., ended)| ended.unwrap_or(0)).sum::<usize>();
        let out = self.permits.iter().map(OwnedPermit::count).sum::<usize>() + granted;
        prop_assert_eq!(self.semaphore.available(), simple.free);
        prop_assert_eq!(self.semaphore.limit(), simple.limit);
        prop_assert_eq!(self.semaphore.in_use(), out);
        Ok(())
    }

    /// Whoever was woken looks, and gives back what it gets.
    fn drain(&mut self) -> Result<(), TestCaseError> {
        loop {
            if !self.permits.is_empty() {
                self.step(&Op::Release(0))?;
            } else if let Some(at) = self.tasks.iter().position(|task| task.woken.load(SeqCst)) {
                self.step(&Op::Poll(at))?;
            } else {
                return Ok(());
            }
        }
    }

    /// With nobody about, one permit that comes back is enough to wake one: nobody who is gone is taken for one who
    /// will look.
    fn wakes_for_one(&mut self) -> Result<(), TestCaseError> {
        if self.simple.closed {
            return Ok(());
        }
        self.step(&Op::Try(self.simple.free))?;
        self.step(&Op::Split(0, 1))?;
        self.step(&Op::Wait(1))?;
        self.step(&Op::Release(1))?;
        self.drain()
    }
}

fn run(fairness: Fairness, ops: &[Op]) -> Result<(), TestCaseError> {
    let mut program = Program::new(fairness);
    for op in ops {
        program.step(op)?;
    }
    program.drain()?;
    // Enough for whoever still waits for more than there were.
    program.step(&Op::Add(4))?;
    program.drain()?;
    prop_assert!(program.tasks.is_empty(), "somebody waits for ever");
    program.wakes_for_one()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn strict_does_what_a_simple_one_does(ops in prop::collection::vec(op(), 1..60)) {
        run(Fairness::Strict, &ops)?;
    }

    #[test]
    fn bounded_does_what_a_simple_one_may_do(ops in prop::collection::vec(op(), 1..60)) {
        run(Fairness::Bounded, &ops)?;
    }
}
