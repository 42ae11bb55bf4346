//! Orders nobody thought of, against slow answers that are plainly right.

use lockline::ordered::{
    __private::{Trace, WaitTrace, closure, ranks},
    Always, CheckedConsumer, CheckedMutex, CheckedProducer, CheckedPushError, CheckedQueue,
    OrderError, OrderErrorKind, OrderedGuard,
};
use proptest::{
    collection::vec,
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{TestCaseError, TestRunner},
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that can be reached, by the textbook.
#[allow(clippy::needless_range_loop, reason = "as the textbook has it")]
fn floyd_warshall<const N: usize>(direct: &[[bool; N]; N]) -> [[bool; N]; N] {
    let mut reach = *direct;
    for k in 0..N {
        for i in 0..N {
            for j in 0..N {
                reach[i][j] |= reach[i][k] && reach[k][j];
            }
        }
    }
    reach
}

const LEVELS: usize = 12;

proptest! {
    /// What the macro computes from a declaration: for each level all that it comes after, and a rank that rises.
    #[test]
    fn the_declared_order_is_the_transitive_closure(bits in vec(any::<u64>(), LEVELS), base in 0..5_u32) {
        let mut direct = [[false; LEVELS]; LEVELS];
        let mut masks = [0; LEVELS];
        for (level, bits) in bits.iter().enumerate() {
            // Sparse: dense orders are nearly total.
            masks[level] = bits & (bits >> 20) & ((1 << level) - 1);
            for (before, direct) in direct[level].iter_mut().enumerate() {
                *direct = masks[level] >> before & 1 == 1;
            }
        }
        let reach = floyd_warshall(&direct);
        let closed = closure(masks);
        let ranks = ranks(&closed, base);
        for level in 0..LEVELS {
            let longest = (0..LEVELS).filter(|&before| reach[level][before]).map(|before| ranks[before]).max();
            prop_assert_eq!(ranks[level], longest.unwrap_or(base) + 1);
            for (before, reached) in reach[level].iter().enumerate() {
                prop_assert_eq!(closed[level] >> before & 1 == 1, *reached);
            }
        }
    }
}

/// The documented definition, searched by brute force: when b is asked for with `held` in hand, each of these comes
/// before b, unless b comes before one of them or is of its class; then nothing is learnt.
#[derive(Default)]
struct Oracle {
    edges: BTreeSet<(usize, usize)>,
}

impl Oracle {
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut reached = BTreeSet::from([from]);
        loop {
            let next: BTreeSet<usize> = self
                .edges
                .iter()
                .filter(|(before, _)| reached.contains(before))
                .map(|&(_, after)| after)
                .collect();
            let before = reached.len();
            reached.extend(next);
            if reached.contains(&to) {
                return true;
            }
            if reached.len() == before {
                return false;
            }
        }
    }

    fn ask(&mut self, held: &[usize], wanted: usize) -> bool {
        if held.iter().any(|&held| held == wanted || self.reaches(wanted, held)) {
            return false;
        }
        self.edges.extend(held.iter().map(|&held| (held, wanted)));
        true
    }
}

const CLASSES: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    Lock(usize),
    Try(usize),
    /// The nth of those held, if there are so many.
    Drop(usize),
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..CLASSES).prop_map(Step::Lock),
        1 => (0..CLASSES).prop_map(Step::Try),
        3 => (0..4_usize).prop_map(Step::Drop),
    ];
    vec(step, 0..most)
}

proptest! {
    /// No false alarm and none missed, for the definition; and each alarm shows a way that was really learnt.
    #[test]
    fn the_learnt_order_is_the_oracles(threads in vec(steps(60), 1..4)) {
        let (trace, mut oracle) = (Trace::default(), Oracle::default());
        for steps in threads {
            let mut held: Vec<usize> = Vec::new();
            for step in steps {
                match step {
                    Step::Lock(class) => {
                        let answer = trace.ask(&held, class);
                        if let Err((culprit, way)) = &answer {
                            prop_assert!(held.contains(culprit));
                            let mut from = class;
                            for &to in way {
                                prop_assert!(oracle.edges.contains(&(from, to)));
                                from = to;
                            }
                            prop_assert_eq!(from, *culprit);
                        }
                        prop_assert_eq!(answer.is_ok(), oracle.ask(&held, class));
                        if answer.is_ok() {
                            held.push(class);
                        }
                    }
                    Step::Try(class) => held.push(class),
                    Step::Drop(nth) if nth < held.len() => _ = held.remove(nth),
                    Step::Drop(_) => {}
                }
            }
        }
    }
}

const THREADS: usize = 5;
/// How many permits each pool has. That of one is a mutex.
const PERMITS: [usize; 4] = [1, 2, 3, 5];

/// Who has how many of which pool, and who waits for how many of which.
#[derive(Default)]
struct Pools {
    held: BTreeMap<usize, BTreeMap<usize, usize>>,
    waiting: BTreeMap<usize, (usize, usize)>,
}

impl Pools {
    fn has(&self, thread: usize, pool: usize) -> usize {
        self.held.get(&thread).and_then(|held| held.get(&pool)).copied().unwrap_or(0)
    }

    fn free(&self, pool: usize) -> usize {
        PERMITS[pool] - self.held.keys().map(|&thread| self.has(thread, pool)).sum::<usize>()
    }

    /// Whether `thread` would ever go on: everybody who does not wait gives back what it has, which ends the waits that
    /// there is enough for then, and so on until nothing changes.
    fn goes_on(&self, thread: usize) -> bool {
        let mut left = Self { held: self.held.clone(), waiting: self.waiting.clone() };
        left.held.retain(|thread, _| self.waiting.contains_key(thread));
        loop {
            let ends = left.waiting.iter().find(|(_, (pool, count))| left.free(*pool) >= *count);
            let Some(ends) = ends.map(|(thread, _)| *thread) else {
                return !left.waiting.contains_key(&thread);
            };
            left.waiting.remove(&ends);
            left.held.remove(&ends);
        }
    }
}

#[derive(Clone, Debug)]
enum PoolStep {
    Take(usize),
    GiveBack,
    Wait(usize),
}

fn pool_step() -> impl Strategy<Value = PoolStep> {
    prop_oneof![
        4 => (1..4_usize).prop_map(PoolStep::Take),
        1 => Just(PoolStep::GiveBack),
        4 => (0..6_usize).prop_map(PoolStep::Wait),
    ]
}

/// Steps of threads, each with a pool. Says how many waits were allowed, and how many refused.
fn waits(steps: Vec<(usize, usize, PoolStep)>) -> Result<[usize; 2], TestCaseError> {
    let trace = WaitTrace::default();
    let (mut pools, mut tickets, mut count) = (Pools::default(), BTreeMap::new(), [0; 2]);
    for (thread, pool, step) in steps {
        if pools.waiting.remove(&thread).is_some() {
            // Its wait ends, for whatever reason.
            tickets.remove(&thread);
            continue;
        }
        match step {
            PoolStep::Take(n) if n <= pools.free(pool) => {
                *pools.held.entry(thread).or_default().entry(pool).or_default() += n;
            }
            PoolStep::Take(_) => {}
            PoolStep::GiveBack => {
                pools.held.entry(thread).or_default().remove(&pool);
            }
            PoolStep::Wait(n) => {
                let n = n.min(PERMITS[pool]);
                pools.waiting.insert(thread, (pool, n));
                let held: Vec<(usize, usize)> =
                    pools.held.get(&thread).into_iter().flatten().map(|(&p, &n)| (p, n)).collect();
                let ticket = trace.wait(thread, &held, pool, PERMITS[pool] - n);
                prop_assert_eq!(ticket.is_some(), pools.goes_on(thread));
                count[usize::from(ticket.is_none())] += 1;
                match ticket {
                    Some(ticket) => _ = tickets.insert(thread, ticket),
                    None => _ = pools.waiting.remove(&thread),
                }
            }
        }
    }
    Ok(count)
}

proptest! {
    /// Waits for permits: refused are exactly those that would never end.
    #[test]
    fn waits_are_refused_exactly_when_hopeless(
        steps in vec((1..=THREADS, 0..PERMITS.len(), pool_step()), 0..80),
    ) {
        waits(steps)?;
    }
}

/// So that the test above is about something.
#[test]
fn many_waits_are_hopeless() {
    let mut runner = TestRunner::deterministic();
    let strategy = vec((1..=THREADS, 0..PERMITS.len(), pool_step()), 80);
    let mut count = [0; 2];
    for _ in 0..200 {
        let [allowed, refused] = waits(strategy.new_tree(&mut runner).unwrap().current()).unwrap();
        count = [count[0] + allowed, count[1] + refused];
    }
    assert!(count[0] > 500 && count[1] > 500, "{count:?}");
}

/// The same through the locks themselves. They share one order with the whole test, and so does the oracle.
#[test]
fn locks_agree_with_the_oracle() {
    let locks: [CheckedMutex<u32, Always>; CLASSES] = [
        CheckedMutex::always(0),
        CheckedMutex::always(1),
        CheckedMutex::always(2),
        CheckedMutex::always(3),
        CheckedMutex::always(4),
        CheckedMutex::always(5),
        CheckedMutex::always(6),
        CheckedMutex::always(7),
    ];
    let mut oracle = Oracle::default();
    let (mut refused, mut allowed) = (0, 0);
    let mut random = 1_u64;
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % n
    };
    let mut held: Vec<(usize, OrderedGuard<'_, u32, Always>)> = Vec::new();
    for _ in 0..5_000 {
        let class = below(CLASSES);
        let classes: Vec<usize> = held.iter().map(|(class, _)| *class).collect();
        match below(8) {
            0..4 => match locks[class].checked_lock() {
                Ok(guard) => {
                    assert!(oracle.ask(&classes, class));
                    held.push((class, guard));
                    allowed += 1;
                }
                Err(error) => {
                    let expected = if classes.contains(&class) {
                        OrderErrorKind::SelfDeadlock
                    } else {
                        OrderErrorKind::Inversion
                    };
                    assert_eq!(error.kind(), expected);
                    assert!(!oracle.ask(&classes, class));
                    refused += 1;
                }
            },
            4 => held.extend(locks[class].try_lock().map(|guard| (class, guard))),
            _ if held.is_empty() => {}
            _ => drop(held.remove(below(held.len()))),
        }
    }
    assert!(refused > 500 && allowed > 500, "{refused} refused, {allowed} allowed");
}

const QUEUES: usize = 3;

/// What a thread has, by class: first of the locks, then the room of each queue, then its items.
enum Part<'a> {
    Lock(#[allow(dead_code, reason = "held")] OrderedGuard<'a, u32, Always>),
    Consumer(CheckedConsumer<'a, u32, Always>),
    Producer(#[allow(dead_code, reason = "held")] CheckedProducer<'a, u32, Always>),
}

/// And of queues, in one order with locks: to push is to ask for room, to pop for items, each with all in hand but the other of the
/// same queue.
#[test]
fn queues_agree_with_the_oracle() {
    let locks: [CheckedMutex<u32, Always>; QUEUES] =
        [CheckedMutex::always(0), CheckedMutex::always(1), CheckedMutex::always(2)];
    let queues: [CheckedQueue<u32, Always>; QUEUES] =
        [CheckedQueue::always(10_000), CheckedQueue::always(10_000), CheckedQueue::always(10_000)];
    let (mut oracle, mut count) = (Oracle::default(), BTreeMap::<_, u32>::new());
    let mut random = 1_u64;
    let mut below = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % n
    };
    for queue in &queues {
        (0..5_000).for_each(|n| queue.try_push(n).unwrap());
    }
    let mut held: Vec<(usize, Part<'_>)> = Vec::new();
    for _ in 0..5_000 {
        let n = below(QUEUES);
        let (room, items) = (QUEUES + n, 2 * QUEUES + n);
        let but = |other: usize| -> Vec<usize> {
            held.iter().map(|(class, _)| *class).filter(|class| *class != other).collect()
        };
        let (what, refusal, expected) = match below(8) {
            0 => {
                held.push((room, Part::Consumer(queues[n].consume())));
                continue;
            }
            1 => {
                held.push((items, Part::Producer(queues[n].produce())));
                continue;
            }
            2 => {
                let expected = oracle.ask(&but(usize::MAX), n);
                let locked = locks[n].checked_lock();
                let refusal = locked.as_ref().err().map(OrderError::kind);
                held.extend(locked.ok().map(|guard| (n, Part::Lock(guard))));
                ("lock", refusal, expected)
            }
            3 => {
                let expected = oracle.ask(&but(items), room);
                let refusal = match queues[n].checked_push(0) {
                    Err(CheckedPushError::Order(_, refusal)) => Some(refusal.kind()),
                    other => other.map(|()| None).unwrap(),
                };
                ("push", refusal, expected)
            }
            4 => {
                let mine = held.iter().find_map(|(class, part)| match part {
                    Part::Consumer(consumer) if *class == room => Some(consumer),
                    _ => None,
                });
                let Some(consumer) = mine else { continue };
                let refusal = consumer.checked_pop().err().map(|refusal| refusal.kind());
                ("pop", refusal, oracle.ask(&but(room), items))
            }
            _ if held.is_empty() => continue,
            _ => {
                drop(held.remove(below(held.len())));
                continue;
            }
        };
        assert_eq!(refusal.is_none(), expected);
        *count.entry((what, refusal.map(|kind| format!("{kind:?}")))).or_default() += 1;
    }
    // Each can be had, and be refused for either reason.
    for what in ["lock", "push", "pop"] {
        for why in [None, Some("SelfDeadlock"), Some("Inversion")] {
            let seen = count.get(&(what, why.map(str::to_owned)));
            assert!(seen.is_some_and(|seen| *seen > 20), "{what}: {why:?} in {count:?}");
        }
    }
}
