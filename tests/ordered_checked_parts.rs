//! What a thread has to do with a queue, to the checks, and for how long; levels, the switch, and the dump.

use lockline::{
    lock_levels,
    ordered::{
        Always, CheckedMutex, CheckedPushError, CheckedQueue, LevelMutex, OrderError,
        OrderErrorKind, observed, with_root,
    },
    queue::{PopTimeoutError, PushError, PushTimeoutError, TryPopError, TryPushError},
};
use std::{
    mem,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use OrderErrorKind::{DeclaredOrder, Inversion, SelfDeadlock};

type Lock = CheckedMutex<u32, Always>;
type Queue<T = u32> = CheckedQueue<T, Always>;

const SOON: Duration = Duration::from_millis(1);

#[track_caller]
fn refused<T>(result: Result<(), CheckedPushError<T>>) -> OrderError {
    match result {
        Err(CheckedPushError::Order(_, refused)) => refused,
        other => panic!("{other:?}"),
    }
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
    let name = |line: u32| format!("OrderedCheckedPartsL{line}");
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
    let name = format!("OrderedCheckedPartsL{made}");
    assert!(observed.dot().contains(&format!("{name}Items")));
    let levels = observed.levels();
    assert!(levels.contains(&format!("{name};")) && !levels.contains(&format!("{name}Items")));
}
