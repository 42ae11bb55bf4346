//! Queues in the order that is learnt: who consumes and who produces, and what these and others may wait for.

use lockline::{
    WorkQueue, lock_levels,
    ordered::{
        self, Always, CheckedConsumer, CheckedMutex, CheckedProducer, CheckedPushError,
        CheckedQueue, CheckedSemaphore, LevelMutex, Never, OrderError, OrderErrorKind, Step,
        observed, with_root,
    },
    queue::{PopTimeoutError, PushError, PushTimeoutError, TryPopError, TryPushError},
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    error::Error,
    mem,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use OrderErrorKind::{DeclaredOrder, Inversion, SameClass, SelfDeadlock};

type Lock = CheckedMutex<u32, Always>;
type Queue<T = u32> = CheckedQueue<T, Always>;

assert_impl_all!(Queue: Send, Sync, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(Queue<Rc<()>>: Send, Sync);
assert_not_impl_any!(CheckedConsumer<'static, u32, Never>: Send, Sync, Clone);
assert_not_impl_any!(CheckedProducer<'static, u32, Never>: Send, Sync, Clone);
assert_impl_all!(CheckedPushError<u32>: Send, Sync, Error, Clone);
const_assert_eq!(size_of::<CheckedQueue<u32, Never>>(), size_of::<WorkQueue<u32>>());
const_assert_eq!(size_of::<CheckedConsumer<'static, u32, Always>>(), size_of::<&Queue>());

const SOON: Duration = Duration::from_millis(1);

#[track_caller]
fn refused<T>(result: Result<(), CheckedPushError<T>>) -> OrderError {
    match result {
        Err(CheckedPushError::Order(_, refused)) => refused,
        other => panic!("{other:?}"),
    }
}

fn kind<T>(result: Result<T, OrderError>) -> Option<OrderErrorKind> {
    result.err().map(|error| error.kind())
}

/// So that a test that fails ends: whoever else is part of it is not waited for.
struct ClosedAtEnd<'a, T>(&'a Queue<T>);

impl<T> Drop for ClosedAtEnd<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

// ----------------------------------------------------------------------------- what is allowed

/// From two producers, who push with a lock in hand, over two workers, who push to the second queue and take another lock, to who adds up.
/// Everybody says what it is, and the queues have room for one and two, so that all of them wait. Nobody is refused.
#[test]
fn a_pipeline() {
    const JOBS: u32 = 2_000;
    let (offset, done) = (Lock::always(0), Lock::always(0));
    let jobs = Arc::new(Queue::always(1));
    let results: Queue<u64> = Queue::always(2);

    let sum = thread::scope(|scope| {
        let _end = (ClosedAtEnd(&jobs), ClosedAtEnd(&results));
        let sum = scope.spawn(|| {
            let _end = ClosedAtEnd(&results);
            let consumer = results.consume();
            std::iter::from_fn(|| consumer.checked_pop().unwrap()).sum::<u64>()
        });
        let workers = [(); 2].map(|()| {
            scope.spawn(|| {
                let _end = ClosedAtEnd(&jobs);
                let (consumer, _producer) = (jobs.consume(), results.produce());
                while let Some(job) = consumer.pop() {
                    results.checked_push(u64::from(job) * 2).unwrap();
                    *done.checked_lock().unwrap() += 1;
                }
            })
        });
        let producers = [0, 1].map(|first| {
            let (jobs, offset) = (Arc::clone(&jobs), &offset);
            scope.spawn(move || {
                let _producer = jobs.produce();
                for n in (first..JOBS).step_by(2) {
                    let offset = offset.checked_lock().unwrap();
                    jobs.push(n + *offset).unwrap();
                }
            })
        });
        for producer in producers {
            producer.join().unwrap();
        }
        assert!(jobs.close());
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(results.close());
        sum.join().unwrap()
    });
    assert_eq!(sum, u64::from(JOBS) * u64::from(JOBS - 1));
    assert_eq!(done.into_inner(), JOBS);
}

/// Of one queue, room and items come before nothing of each other, whoever has both parts.
#[test]
fn one_queue_at_both_ends() {
    let queue = Queue::always(2);
    {
        let consumer = queue.consume();
        queue.try_push(1).unwrap();
        assert_eq!(consumer.checked_pop().unwrap(), Some(1));
    }
    {
        let _producer = queue.produce();
        queue.checked_push(2).unwrap();
    }
    // In the other order, to see that none was learnt.
    let producer = queue.produce();
    queue.checked_push(3).unwrap();
    drop(producer);
    let consumer = queue.consume();
    assert_eq!(consumer.checked_pop().unwrap(), Some(2));
    assert_eq!(consumer.pop(), Some(3));
}

/// Two threads that ask and answer: whoever waits for an answer consumes only then.
#[test]
fn questions_and_answers() {
    let (questions, answers) = (Queue::always(1), Queue::always(1));
    thread::scope(|scope| {
        let _end = (ClosedAtEnd(&questions), ClosedAtEnd(&answers));
        scope.spawn(|| {
            let _end = ClosedAtEnd(&answers);
            let consumer = questions.consume();
            while let Some(question) = consumer.pop() {
                answers.checked_push(question + 1).unwrap();
            }
        });
        for n in 0..100 {
            questions.checked_push(n).unwrap();
            assert_eq!(answers.consume().checked_pop().unwrap(), Some(n + 1));
        }
    });
}

// ----------------------------------------------------------------------------- what is refused

/// The queue is full, so a push that was not refused would wait for ever. The item comes back.
#[test]
fn pushing_with_a_lock_that_the_consumer_takes() {
    let (lock, (queue, made)) = (Lock::always(0), (Queue::always(1), line!()));
    let (begun, asks) = (line!() + 1, line!() + 2);
    let consumer = queue.consume();
    drop(lock.lock());
    drop(consumer);
    queue.push(1).unwrap();

    let (_lock, held_at) = (lock.lock(), line!());
    let (refused, pushes) = (queue.checked_push(2), line!());
    let Err(CheckedPushError::Order(2, error)) = refused.clone() else { panic!("{refused:?}") };
    assert_eq!(error.kind(), Inversion);
    assert_eq!(error.wanted_at().line(), pushes);
    assert!(error.wanted().starts_with("room in the queue made at "), "{error}");
    assert!(error.wanted().contains(&format!("{}:{made}:", file!())), "{error}");
    assert_eq!(error.held_at().unwrap().line(), held_at);
    let [Step::Asked { held_at, asked_at, .. }] = error.chain() else { panic!("{error}") };
    assert_eq!((held_at.line(), asked_at.line()), (begun, asks));
    let refused = refused.unwrap_err();
    assert_eq!(refused.to_string(), error.to_string());
    assert!(refused.source().is_some());
    assert_eq!(refused.into_inner(), 2);

    let panics = catch_unwind(AssertUnwindSafe(|| queue.push(2))).unwrap_err();
    let message = panics.downcast::<String>().unwrap();
    assert!(message.starts_with("lock refused: against the order"), "{message}");
    assert_eq!(queue.len(), 1);
}

/// The same when the producer came first: then it is the consumer that does not get the lock.
#[test]
fn taking_a_lock_that_is_held_while_pushing() {
    let (lock, queue) = (Lock::always(0), Queue::always(1));
    {
        let _lock = lock.lock();
        // It need not be full.
        queue.push(1).unwrap();
    }
    let consumer = queue.consume();
    assert_eq!(consumer.pop(), Some(1));
    assert_eq!(kind(lock.checked_lock()), Some(Inversion));
    drop(consumer);
    assert!(lock.checked_lock().is_ok());
}

#[test]
fn pushing_with_a_permit_that_the_consumer_takes() {
    let (pool, queue) = (CheckedSemaphore::always(3), Queue::always(1));
    {
        let _consumer = queue.consume();
        drop(pool.acquire().unwrap());
    }
    let _permit = pool.acquire().unwrap();
    assert_eq!(refused(queue.checked_push(1)).kind(), Inversion);
}

/// Two threads, each of which consumes one queue and pushes to the other: with both full, each would wait for the other. One
/// is refused, whoever comes last, and gives up its part; the other gets through.
#[test]
fn a_ring_of_queues() {
    for _ in 0..20 {
        // Of their own classes only in the first round; then the order is known, and it is always the same that is refused.
        let queues = (Queue::always(1), Queue::always(1));
        let both_consume = Barrier::new(2);
        let run = |from: &Queue, to: &Queue| {
            let consumer = from.consume();
            both_consume.wait();
            let mut pushed = 0;
            for n in 0..3 {
                match to.checked_push(n) {
                    Ok(()) => pushed += 1,
                    Err(CheckedPushError::Order(_, error)) => {
                        assert_eq!(error.kind(), Inversion);
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            if pushed == 0 {
                while consumer.pop().is_some() {}
            }
            to.close();
            pushed
        };
        let pushed = thread::scope(|scope| {
            let other = scope.spawn(|| run(&queues.1, &queues.0));
            (run(&queues.0, &queues.1), other.join().unwrap())
        });
        assert!([(0, 3), (3, 0)].contains(&pushed), "{pushed:?}");
    }
}

#[test]
fn a_ring_of_three() {
    let (a, b, c) = (Queue::always(1), Queue::always(1), Queue::always(1));
    for (from, to) in [(&a, &b), (&b, &c)] {
        let _consumer = from.consume();
        to.checked_push(1).unwrap();
    }
    let _consumer = c.consume();
    let error = refused(a.checked_push(1));
    assert_eq!((error.kind(), error.chain().len()), (Inversion, 2));
}

#[test]
fn a_queue_that_feeds_itself() {
    let queue = Queue::always(2);
    let (consumer, begun) = (queue.consume(), line!());
    let error = refused(queue.checked_push(1));
    assert_eq!(error.kind(), SelfDeadlock);
    assert_eq!(error.held_at().unwrap().line(), begun);
    assert!(error.to_string().contains("this thread would wait for itself"), "{error}");
    // Where there is room, that is no wait.
    queue.try_push(1).unwrap();
    drop(consumer);
    queue.checked_push(2).unwrap();
    // Nor does it wait for items of its own.
    let (_producer, consumer) = (queue.produce(), queue.consume());
    assert_eq!(kind(consumer.checked_pop()), Some(SelfDeadlock));
    assert_eq!((consumer.try_pop(), consumer.pop_for(SOON)), (Ok(1), Ok(2)));
}

/// Nothing is known of an order among them, as of locks.
#[test]
fn two_queues_of_one_class() {
    let queues: Vec<Queue> = (0..2).map(|_| Queue::always(2)).collect();
    {
        let consumer = queues[0].consume();
        let error = refused(queues[1].checked_push(1));
        assert_eq!(error.kind(), SameClass);
        assert!(error.to_string().contains("another queue of the same class"), "{error}");
        // Its room is that of another queue, for whose consumers these items are no excuse.
        queues[1].try_push(1).unwrap();
        queues[0].try_push(1).unwrap();
        let other = queues[1].consume();
        assert_eq!(other.checked_pop().unwrap(), Some(1));
        assert_eq!(consumer.checked_pop().unwrap(), Some(1));
    }
    let _producer = queues[0].produce();
    assert_eq!(refused(queues[1].checked_push(1)).kind(), Inversion);
    queues[0].checked_push(1).unwrap();
}

/// The mirror image: the queue is empty, so a pop that was not refused would wait for ever.
#[test]
fn popping_with_a_lock_that_the_producer_takes() {
    let (lock, (queue, made)) = (Lock::always(0), (Queue::<u32>::always(1), line!()));
    let (begun, asks) = (line!() + 1, line!() + 2);
    let producer = queue.produce();
    drop(lock.lock());
    drop(producer);

    let (_lock, held_at) = (lock.lock(), line!());
    let consumer = queue.consume();
    let (error, pops) = (consumer.checked_pop().unwrap_err(), line!());
    assert_eq!((error.kind(), error.wanted_at().line()), (Inversion, pops));
    assert!(error.wanted().starts_with("items of the queue made at "), "{error}");
    assert!(error.wanted().contains(&format!("{}:{made}:", file!())), "{error}");
    assert_eq!(error.held_at().unwrap().line(), held_at);
    let [Step::Asked { held_at, asked_at, .. }] = error.chain() else { panic!("{error}") };
    assert_eq!((held_at.line(), asked_at.line()), (begun, asks));
    let panics = catch_unwind(AssertUnwindSafe(|| consumer.pop())).unwrap_err();
    assert!(panics.downcast::<String>().unwrap().starts_with("lock refused: against the order"));
}

#[test]
fn producing_what_waits_for_a_lock_that_is_held_while_popping() {
    let (lock, queue) = (Lock::always(0), Queue::always(1));
    queue.push(1).unwrap();
    {
        let _lock = lock.lock();
        assert_eq!(queue.consume().pop(), Some(1));
    }
    let _producer = queue.produce();
    assert_eq!(kind(lock.checked_lock()), Some(Inversion));
}

/// Two threads that make items of each other's: nobody has the first.
#[test]
fn a_ring_of_items() {
    let (a, b) = (Queue::always(1), Queue::always(1));
    let step = |from: &Queue, to: &Queue| {
        let _producer = to.produce();
        from.try_push(1).unwrap();
        from.consume().checked_pop()
    };
    assert_eq!(step(&a, &b).unwrap(), Some(1));
    assert_eq!(kind(step(&b, &a)), Some(Inversion));
}

/// A thread that ends only after it has pushed, joined by the queue's consumer.
#[test]
fn joining_who_pushes() {
    let queue = Arc::new(Queue::always(1));
    let child = {
        let queue = Arc::clone(&queue);
        ordered::spawn(move || queue.push(1).unwrap())
    };
    let consumer = queue.consume();
    assert_eq!(consumer.pop(), Some(1));
    let (error, child) = child.join().unwrap_err();
    assert_eq!(error.kind(), Inversion);
    drop(consumer);
    child.join().unwrap().unwrap();
}

/// A panic on top of a panic ends the process, so a push against the order is let pass while a thread unwinds.
#[test]
fn unwinding_is_not_made_worse() {
    struct PushesInDrop<'a>(&'a Queue);
    impl Drop for PushesInDrop<'_> {
        fn drop(&mut self) {
            self.0.push(1).unwrap();
        }
    }
    let queue = Queue::always(1);
    let section = || {
        let _consumer = queue.consume();
        let _pushes = PushesInDrop(&queue);
        panic!("half way");
    };
    assert!(catch_unwind(AssertUnwindSafe(section)).is_err());
    // The consumer is gone as well.
    assert_eq!(queue.abort(), [1]);
    let queue = Queue::always(1);
    assert!(
        catch_unwind(AssertUnwindSafe(|| -> () {
            let _parts = (queue.consume(), queue.produce());
            panic!("half way");
        }))
        .is_err()
    );
    queue.checked_push(1).unwrap();
    assert_eq!(queue.consume().checked_pop().unwrap(), Some(1));
}

// ----------------------------------------------------------------------------- what is held, and what is not

#[test]
fn a_part_that_was_given_up_is_not_held() {
    let (lock, queue) = (Lock::always(0), Queue::always(2));
    // Two consumers on one thread; the one is enough.
    let (one, two) = (queue.consume(), queue.consume());
    drop(one);
    assert_eq!(refused(queue.checked_push(1)).kind(), SelfDeadlock);
    drop(two);
    let (producer, consumer) = (queue.produce(), queue.consume());
    drop(consumer);
    queue.checked_push(1).unwrap();
    drop(producer);
    drop(lock.lock());
    let _lock = lock.lock();
    queue.checked_push(2).unwrap();
    assert_eq!(queue.consume().checked_pop().unwrap(), Some(1));
}

#[test]
fn threads_have_each_their_part() {
    let queue = Queue::always(1);
    let _consumer = queue.consume();
    thread::scope(|scope| {
        scope.spawn(|| queue.checked_push(1).unwrap());
    });
    assert_eq!(queue.len(), 1);
}

/// To the checks, the thread consumes for ever.
#[test]
fn a_forgotten_consumer_is_one() {
    let queue = Queue::always(1);
    mem::forget(queue.consume());
    assert_eq!(refused(queue.checked_push(1)).kind(), SelfDeadlock);
}

/// Neither is checked, and what is in hand comes before nothing.
#[test]
fn what_ends_is_not_checked() {
    let (lock, queue) = (Lock::always(0), Queue::always(1));
    {
        let _consumer = queue.consume();
        drop(lock.lock());
    }
    {
        let _producer = queue.produce();
        drop(lock.lock());
    }
    let _lock = lock.lock();
    queue.try_push(1).unwrap();
    let Err(TryPushError::Full(2)) = queue.try_push(2) else { panic!("it is full") };
    let begin = Instant::now();
    let Err(PushTimeoutError::Timeout(3)) = queue.push_for(3, SOON) else { panic!("it is full") };
    assert!(begin.elapsed() >= SOON);
    let consumer = queue.consume();
    assert_eq!((consumer.try_pop(), consumer.try_pop()), (Ok(1), Err(TryPopError::Empty)));
    let begin = Instant::now();
    assert_eq!(consumer.pop_for(SOON), Err(PopTimeoutError::Timeout));
    assert!(begin.elapsed() >= SOON);
}

#[test]
fn trying_teaches_nothing() {
    let (lock, queue) = (Lock::always(0), Queue::always(3));
    {
        let _lock = lock.lock();
        queue.try_push(1).unwrap();
        queue.push_for(2, SOON).unwrap();
        let consumer = queue.consume();
        assert_eq!((consumer.try_pop(), consumer.pop_for(SOON)), (Ok(1), Ok(2)));
    }
    let (_consumer, _producer) = (queue.consume(), queue.produce());
    assert!(lock.checked_lock().is_ok());
}

#[test]
fn a_refused_call_leaves_no_trace() {
    let (a, b, queue) = (Lock::always(0), Lock::always(0), Queue::always(1));
    {
        let _consumer = queue.consume();
        drop(a.lock());
    }
    {
        let (_b, _a) = (b.lock(), a.lock());
        assert_eq!(refused(queue.checked_push(1)).kind(), Inversion);
    }
    // It did not learn that `b` comes before room.
    let _consumer = queue.consume();
    assert!(b.checked_lock().is_ok());
}

#[test]
fn closed_is_an_error() {
    let queue = Queue::always(1);
    queue.push(1).unwrap();
    assert!(queue.close() && !queue.close() && queue.is_closed());
    assert_eq!(queue.push(2), Err(PushError(2)));
    let Err(CheckedPushError::Closed(3)) = queue.checked_push(3) else { panic!("it is closed") };
    let Err(TryPushError::Closed(4)) = queue.try_push(4) else { panic!("it is closed") };
    let Err(PushTimeoutError::Closed(5)) = queue.push_for(5, SOON) else { panic!("closed") };
    let closed = queue.checked_push(6).unwrap_err();
    assert_eq!(format!("{closed} {closed:?}"), "the queue is closed Closed(_)");
    let consumer = queue.consume();
    assert_eq!(
        (consumer.pop(), consumer.pop(), consumer.checked_pop().unwrap()),
        (Some(1), None, None)
    );
    assert_eq!(consumer.try_pop(), Err(TryPopError::Closed));
}

#[test]
fn a_wait_for_items_ends() {
    let queue: Queue = Queue::always(1);
    thread::scope(|scope| {
        let waits = scope.spawn(|| queue.consume().pop());
        while queue.idle_workers() == 0 {
            thread::yield_now();
        }
        queue.close();
        assert_eq!(waits.join().unwrap(), None);
    });
}

/// A hole: the only consumer gives its part up, and then takes the lock that is held while pushing. With a time limit, as without one it
/// would be for ever.
#[test]
fn a_consumer_that_gives_up() {
    let (lock, queue) = (Lock::always(0), Queue::always(1));
    let gave_up = Barrier::new(2);
    thread::scope(|scope| {
        let _lock = lock.lock();
        queue.checked_push(1).unwrap();
        scope.spawn(|| {
            assert_eq!(queue.consume().pop(), Some(1));
            gave_up.wait();
            assert!(lock.checked_lock().is_ok());
        });
        gave_up.wait();
        queue.checked_push(2).unwrap();
        assert!(matches!(queue.push_for(3, SOON), Err(PushTimeoutError::Timeout(3))));
    });
}

// ----------------------------------------------------------------------------- levels, and the switch

lock_levels! { levels { Config; Jobs after Config; Results after Jobs; Stats after Results; } }

#[test]
fn declared_levels_decide() {
    let jobs = CheckedQueue::always_leveled::<Jobs>(2);
    let results = CheckedQueue::always_leveled::<Results>(2);
    let config = CheckedMutex::<u32, Always>::always_leveled::<Config>(0);
    {
        let (consumer, _producer) = (jobs.consume(), results.produce());
        jobs.try_push(1).unwrap();
        results.checked_push(consumer.checked_pop().unwrap()).unwrap();
        // Backwards, although nobody has pushed with it in hand.
        let error = config.checked_lock().unwrap_err();
        assert_eq!(error.kind(), DeclaredOrder);
        assert_eq!(error.held().unwrap(), "a lock of level `Jobs`");
    }
    let _consumer = results.consume();
    assert_eq!(refused(jobs.checked_push(1)).kind(), DeclaredOrder);
    assert_eq!(refused(results.checked_push(None)).kind(), SelfDeadlock);
}

#[test]
fn tokens_and_checks_see_each_other() {
    let stats = LevelMutex::<Stats, u32, Always>::always(0);
    let jobs = CheckedQueue::always_leveled::<Jobs>(2);
    with_root(|mut token| {
        let consumer = jobs.consume();
        drop(token.lock(&stats));
        drop(consumer);
        let _stats = token.lock(&stats);
        assert_eq!(refused(jobs.checked_push(1)).kind(), DeclaredOrder);
    });
}

#[test]
fn switched_off_nothing_is_seen() {
    let (lock, queue) = (Lock::always(0), CheckedQueue::never(2));
    {
        let (consumer, _producer) = (queue.consume(), queue.produce());
        drop(lock.lock());
        queue.checked_push(1).unwrap();
        assert_eq!(consumer.checked_pop().unwrap(), Some(1));
    }
    let _lock = lock.lock();
    queue.checked_push(1).unwrap();
    assert_eq!(queue.consume().checked_pop().unwrap(), Some(1));
}

#[test]
fn by_default_the_build_decides() {
    let queue = CheckedQueue::new(1);
    let leveled = CheckedQueue::leveled::<Jobs>(1);
    let _consumers = (queue.consume(), leveled.consume());
    assert_eq!(queue.checked_push(1).is_err(), cfg!(debug_assertions));
    assert_eq!(leveled.checked_push(1).is_err(), cfg!(debug_assertions));
}

#[test]
fn what_it_shows() {
    let queue = Queue::always(3);
    queue.push(1).unwrap();
    assert_eq!((queue.len(), queue.capacity(), queue.idle_workers()), (1, 3, 0));
    assert!(!queue.is_empty() && !queue.is_full() && !queue.is_closed());
    let shown = "CheckedQueue { len: 1, capacity: 3, closed: false }";
    assert_eq!(format!("{queue:?}"), shown);
    assert_eq!(format!("{:?}", queue.consume()), format!("CheckedConsumer {{ queue: {shown} }}"));
    assert_eq!(format!("{:?}", queue.produce()), format!("CheckedProducer {{ queue: {shown} }}"));
    assert_eq!(queue.abort(), [1]);
}

#[test]
fn the_observed_order() {
    let (lock, lock_made) = (Lock::always(0), line!());
    let (jobs, jobs_made) = (Queue::always(1), line!());
    let (results, results_made) = (Queue::always(1), line!());
    {
        let _lock = lock.lock();
        jobs.push(1).unwrap();
    }
    let (consumer, _producer) = (jobs.consume(), results.produce());
    results.push(consumer.pop().unwrap()).unwrap();
    let name = |line: u32| format!("OrderedCheckedQueueL{line}");
    let (lock, jobs, results) = (name(lock_made), name(jobs_made), name(results_made));

    let observed = observed();
    let dot = observed.dot();
    for edge in
        [(&lock, &jobs), (&jobs, &results), (&format!("{results}Items"), &format!("{jobs}Items"))]
    {
        assert!(
            dot.contains(&format!("    {} -> {} [label=", edge.0, edge.1)),
            "{edge:?} in {dot}"
        );
    }
    assert!(dot.contains(&format!("{jobs} [label=\"{jobs}\\n{}:{jobs_made}:", file!())), "{dot}");
    let levels = observed.levels();
    let lines: Vec<&str> = levels.lines().map(str::trim).collect();
    for line in [
        &format!("{lock};"),
        &format!("{jobs} after {lock};"),
        &format!("{results} after {jobs};"),
        &format!("{jobs}Items after {results}Items;"),
    ] {
        assert!(lines.contains(&line.as_str()), "{line} in {levels}");
    }
    assert!(levels.contains(&format!("/// Room in the queue made at {}:{jobs_made}:", file!())));
    assert!(levels.contains(&format!("/// Items of the queue made at {}:{jobs_made}:", file!())));
}

/// Items that come before and after nothing are nothing to declare.
#[test]
fn items_alone_are_not_declared() {
    let (queue, made) = (Queue::always(1), line!());
    queue.push(1).unwrap();
    assert_eq!(queue.consume().pop(), Some(1));
    let observed = observed();
    let name = format!("OrderedCheckedQueueL{made}");
    assert!(observed.dot().contains(&format!("{name}Items")));
    let levels = observed.levels();
    assert!(levels.contains(&format!("{name};")) && !levels.contains(&format!("{name}Items")));
}
