//! Queues in the order that is learnt: who consumes and who produces, and what these and others may wait for.

use lockline::{
    WorkQueue,
    ordered::{
        self, Always, CheckedConsumer, CheckedMutex, CheckedProducer, CheckedPushError,
        CheckedQueue, CheckedSemaphore, Never, OrderError, OrderErrorKind, Step,
    },
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    error::Error,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use OrderErrorKind::{Inversion, SameClass, SelfDeadlock};

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
