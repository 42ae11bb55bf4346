//! The queue's waits, each model with both ways of publishing.

use crate::{
    executor::{Task, block_on, poll, run},
    harness::{Model, spawn},
};
use lockline_loom::{
    __private::release_by_store,
    WorkQueue,
    queue::{ForcePushError, PopTimeoutError, PushTimeoutError, TryPopError, TryPushError},
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

pub(crate) const A_WHILE: Duration = Duration::from_secs(1);

pub(crate) fn queue(by_store: bool, capacity: usize) -> Arc<WorkQueue<u32>> {
    release_by_store(by_store);
    Arc::new(WorkQueue::new(capacity))
}

/// Goes round once, so that what follows is in the second lap.
fn lap(queue: &WorkQueue<u32>) {
    for n in 0..queue.capacity() {
        queue.try_push(u32::try_from(n).unwrap()).unwrap();
    }
    for _ in 0..queue.capacity() {
        queue.try_pop().unwrap();
    }
}

/// Two models of each body, in the file of that name.
macro_rules! both {
    ($file:literal $($name:ident, $promise:literal, $bound:expr, |$by_store:ident| $body:block)*) => {
        $(fn $name($by_store: bool) $body)*

        pub(crate) const MODELS: &[Model] = &[$(
            Model {
                name: concat!($file, "::", stringify!($name), "_by_store"),
                promise: $promise,
                bound: $bound,
                body: || $name(true),
            },
            Model {
                name: concat!($file, "::", stringify!($name), "_by_swap"),
                promise: $promise,
                bound: $bound,
                body: || $name(false),
            },
        )*];
    };
}
pub(crate) use both;

both! { "queue"
    hand_over, "a consumer that waits is woken by the item, and sees what its producer did", None, |by_store| {
        let q = queue(by_store, 1);
        let consumer = spawn(&q, WorkQueue::pop);
        q.push(1).unwrap();
        assert_eq!(consumer.join().unwrap(), Some(1));
    }

    room, "a producer that waits is woken by the room, lap after lap", Some(1), |by_store| {
        let q = queue(by_store, 1);
        lap(&q);
        let producer = spawn(&q, |q| {
            q.push(1).unwrap();
            q.push(2).unwrap();
        });
        assert_eq!(q.pop(), Some(1));
        assert_eq!(q.pop(), Some(2));
        producer.join().unwrap();
    }

    two_consumers, "two items wake two consumers", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let consumers = [spawn(&q, WorkQueue::pop), spawn(&q, WorkQueue::pop)];
        q.push(1).unwrap();
        q.push(2).unwrap();
        let sum: u32 = consumers.into_iter().map(|c| c.join().unwrap().unwrap()).sum();
        assert_eq!(sum, 3);
    }

    batch_wakes_two, "two items put in at once wake two consumers: the first hands the wake-up on", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let consumers = [spawn(&q, WorkQueue::pop), spawn(&q, WorkQueue::pop)];
        q.push_batch(&mut vec![1, 2]).unwrap();
        let sum: u32 = consumers.into_iter().map(|c| c.join().unwrap().unwrap()).sum();
        assert_eq!(sum, 3);
    }

    batch_makes_room, "two items taken out at once wake two producers", Some(1), |by_store| {
        let q = queue(by_store, 2);
        q.push_batch(&mut vec![1, 2]).unwrap();
        let producers = [3, 4].map(|n| spawn(&q, move |q| q.push(n).unwrap()));
        let mut out = Vec::new();
        assert_eq!(q.pop_batch(&mut out, 2), 2);
        for producer in producers {
            producer.join().unwrap();
        }
        assert_eq!(out, [1, 2]);
        assert_eq!(q.len(), 2);
    }

    overtaken, "who waits for what a peer's operation comes to is told, although another has had the item since", Some(2), |by_store| {
        let q = queue(by_store, 1);
        let consumers = [(); 2].map(|()| spawn(&q, |q| q.try_pop().is_ok()));
        q.try_push(1).unwrap();
        let got = consumers.map(|consumer| consumer.join().unwrap());
        assert_ne!(got, [true, true]);
        assert_eq!(q.len(), usize::from(got == [false, false]));
    }

    close_wakes, "a close wakes a consumer, which takes what is left and then sees the end", Some(2), |by_store| {
        let q = queue(by_store, 1);
        let consumer = spawn(&q, |q| (q.pop(), q.pop()));
        let pushed = q.try_push(1).is_ok();
        q.close();
        assert!(pushed);
        assert_eq!(consumer.join().unwrap(), (Some(1), None));
    }

    close_returns, "a close gives a waiting producer its item back, or it went in before", None, |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let producer = spawn(&q, |q| q.push(2).is_ok());
        q.close();
        assert!(!producer.join().unwrap());
        assert_eq!((q.pop(), q.pop()), (Some(1), None));
    }

    abort, "an abort hands back what no consumer has taken", Some(2), |by_store| {
        let q = queue(by_store, 2);
        q.push(1).unwrap();
        let consumer = spawn(&q, |q| q.iter().sum::<u32>());
        let pushed = spawn(&q, |q| q.try_push(2).is_ok());
        let rest: u32 = q.abort().into_iter().sum();
        let sum = 1 + if pushed.join().unwrap() { 2 } else { 0 };
        assert_eq!(rest + consumer.join().unwrap(), sum);
    }

    last_producer, "an item that went in before the last handle was dropped is seen before the end", Some(2), |by_store| {
        let q = queue(by_store, 2);
        let (first, second) = (q.producer(), q.producer());
        let other = spawn(&q, move |_| {
            first.push(1).unwrap();
            drop(first);
        });
        drop(second);
        assert_eq!(q.iter().sum::<u32>(), 1);
        assert_eq!(q.try_pop(), Err(TryPopError::Closed));
        other.join().unwrap();
    }

    pop_in_time, "a consumer gets the item in time or leaves it there", None, |by_store| {
        let q = queue(by_store, 1);
        let consumer = spawn(&q, |q| q.pop_for(A_WHILE));
        q.push(1).unwrap();
        match consumer.join().unwrap() {
            Ok(item) => assert_eq!(item, 1),
            Err(why) => {
                assert_eq!(why, PopTimeoutError::Timeout);
                assert_eq!(q.try_pop(), Ok(1));
            }
        }
    }

    push_in_time, "a producer finds room in time or has its item back", None, |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let producer = spawn(&q, |q| q.push_for(2, A_WHILE).map_err(PushTimeoutError::into_inner));
        assert_eq!(q.pop(), Some(1));
        match producer.join().unwrap() {
            Ok(()) => assert_eq!(q.try_pop(), Ok(2)),
            Err(item) => assert_eq!((item, q.try_pop()), (2, Err(TryPopError::Empty))),
        }
    }

    timeout_passes_on, "a consumer that gives up as it is woken passes the wake-up on", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let timed = spawn(&q, |q| q.pop_for(A_WHILE).is_ok());
        let other = spawn(&q, |q| q.pop().is_some());
        // One wake-up for both.
        q.push_batch(&mut vec![1, 2]).unwrap();
        let got = timed.join().unwrap();
        assert!(other.join().unwrap());
        assert_eq!(q.len(), usize::from(!got));
    }

    task, "a task that waits is woken by the item", None, |by_store| {
        let q = queue(by_store, 1);
        let consumer = spawn(&q, |q| block_on(q.pop_async()));
        q.push(1).unwrap();
        assert_eq!(consumer.join().unwrap(), Some(1));
    }

    task_room, "a task with an item is woken by the room", Some(2), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let producer = spawn(&q, |q| block_on(q.push_async(2)).is_ok());
        assert_eq!((q.pop(), q.pop()), (Some(1), Some(2)));
        assert!(producer.join().unwrap());
    }

    told_for_nothing, "a task that was woken in vain, then has what came meanwhile or is dropped, wakes the next for the rest", Some(2), |by_store| {
        let q = queue(by_store, 3);
        let tasks = [(); 2].map(|()| Task::new(|| {}));
        let mut a = Box::pin(q.pop_async());
        let mut b = pin!(q.pop_async());
        assert!(poll(a.as_mut(), &tasks[0]).is_pending());
        assert!(poll(b.as_mut(), &tasks[1]).is_pending());
        // The first is told, and comes too late.
        q.try_push(1).unwrap();
        q.try_pop().unwrap();
        let producer = spawn(&q, |q| (2..4).for_each(|n| q.try_push(n).unwrap()));
        assert!(tasks[0].was_woken());
        let _ = poll(a.as_mut(), &tasks[0]);
        drop(a);
        producer.join().unwrap();
        assert!(q.is_empty() || tasks[1].was_woken());
    }

    dropped_dozing, "a task that was woken in vain, and might now be missed, has the next look if it is dropped", Some(2), |by_store| {
        let q = queue(by_store, 3);
        let tasks = [(); 2].map(|()| Task::new(|| {}));
        let mut a = Box::pin(q.pop_async());
        let mut b = pin!(q.pop_async());
        assert!(poll(a.as_mut(), &tasks[0]).is_pending());
        assert!(poll(b.as_mut(), &tasks[1]).is_pending());
        q.try_push(1).unwrap();
        q.try_pop().unwrap();
        let producer = spawn(&q, |q| q.try_push(2).unwrap());
        let _ = poll(a.as_mut(), &tasks[0]);
        drop(a);
        producer.join().unwrap();
        assert!(q.is_empty() || tasks[1].was_woken());
    }

    too_late_dozing, "a thread that was woken in vain, and might now be missed, looks for the next if it gives up", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let other = spawn(&q, |q| {
            let task = Task::new(|| {});
            let mut pop = pin!(q.pop_async());
            assert!(poll(pop.as_mut(), &task).is_pending());
            q.try_push(1).unwrap();
            let _ = q.try_pop();
            loom::thread::yield_now();
            q.try_push(2).unwrap();
            task.sleep();
            let got = run(pop, &task);
            // So that nobody waits for what is not coming.
            let _ = q.try_push(4);
            got
        });
        if q.pop_for(A_WHILE).is_ok() {
            q.push(3).unwrap();
        }
        assert!(other.join().unwrap().is_some());
    }

    told_of_no_room, "a task that was told of room in vain, and then has what came meanwhile, wakes the next for the rest", Some(2), |by_store| {
        let q = queue(by_store, 2);
        q.push_batch(&mut vec![1, 2]).unwrap();
        let tasks = [(); 2].map(|()| Task::new(|| {}));
        let (mut a, mut b) = (pin!(q.push_async(4)), pin!(q.push_async(5)));
        assert!(poll(a.as_mut(), &tasks[0]).is_pending());
        assert!(poll(b.as_mut(), &tasks[1]).is_pending());
        q.try_pop().unwrap();
        q.try_push(3).unwrap();
        let consumer = spawn(&q, |q| (2..4).for_each(|n| assert_eq!(q.try_pop(), Ok(n))));
        assert!(tasks[0].was_woken());
        let _ = poll(a.as_mut(), &tasks[0]);
        consumer.join().unwrap();
        assert!(q.is_full() || tasks.iter().any(|task| task.was_woken()));
    }

    thread_told_for_nothing, "a thread that was woken in vain, and then has what came meanwhile, wakes the next for the rest", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let other = spawn(&q, |q| {
            let task = Task::new(|| {});
            let mut pop = pin!(q.pop_async());
            assert!(poll(pop.as_mut(), &task).is_pending());
            q.try_push(1).unwrap();
            let stolen = q.try_pop().is_ok();
            // A good moment to come and find nothing.
            loom::thread::yield_now();
            q.try_push(2).unwrap();
            if stolen {
                q.try_push(3).unwrap();
            }
            task.sleep();
            run(pop, &task)
        });
        let mine = q.pop().unwrap();
        assert!(mine + other.join().unwrap().unwrap() >= 3);
    }

    cancelled, "a pop that is dropped after it was woken passes the wake-up on and loses nothing", Some(1), |by_store| {
        let q = queue(by_store, 1);
        let other = spawn(&q, WorkQueue::pop);
        let producer = spawn(&q, |q| q.push(1).unwrap());
        let got = {
            let task = Task::new(|| {});
            let mut pop = pin!(q.pop_async());
            poll(pop.as_mut(), &task)
        };
        producer.join().unwrap();
        if got.is_ready() {
            q.push(2).unwrap();
        }
        assert!(other.join().unwrap().is_some());
    }

    cancelled_push, "a push that is dropped after it was woken passes the wake-up on", Some(1), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let other = spawn(&q, |q| q.push(2).unwrap());
        let consumer = spawn(&q, |q| q.pop().unwrap());
        let went_in = {
            let task = Task::new(|| {});
            let mut push = pin!(q.push_async(4));
            poll(push.as_mut(), &task).is_ready()
        };
        let first = consumer.join().unwrap();
        let second = if went_in { q.pop().unwrap() } else { 0 };
        other.join().unwrap();
        assert_eq!(first + second + q.pop().unwrap(), if went_in { 7 } else { 3 });
    }

    task_and_thread, "a task and a thread that wait for items are both woken", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let task = spawn(&q, |q| block_on(q.pop_async()));
        let thread = spawn(&q, WorkQueue::pop);
        q.push(1).unwrap();
        q.push(2).unwrap();
        assert_eq!(task.join().unwrap().unwrap() + thread.join().unwrap().unwrap(), 3);
    }

    reserved, "room that is reserved is not given to another, and is there when it is used", Some(2), |by_store| {
        let q = queue(by_store, 1);
        lap(&q);
        let other = spawn(&q, |q| q.try_push(2));
        if let Ok(permit) = q.try_reserve() {
            assert!(permit.push(1).is_ok());
            assert_eq!(other.join().unwrap(), Err(TryPushError::Full(2)));
            assert_eq!(q.try_pop(), Ok(1));
            assert_eq!(q.try_push(3), Ok(()), "the room is no longer reserved");
        } else {
            assert_eq!(other.join().unwrap(), Ok(()));
            assert_eq!(q.try_pop(), Ok(2));
        }
    }

    reserved_given_up, "a producer that waits is woken when reserved room is given up", None, |by_store| {
        let q = queue(by_store, 1);
        let permit = q.try_reserve().unwrap();
        let producer = spawn(&q, |q| q.push(1).unwrap());
        drop(permit);
        producer.join().unwrap();
        assert_eq!(q.try_pop(), Ok(1));
    }

    reserved_in_the_lap, "who uses reserved room sees what the consumer of the lap before did, although another looked for it", Some(1), |by_store| {
        let q = queue(by_store, 2);
        q.push(1).unwrap();
        let permit = q.try_reserve().unwrap();
        let consumer = spawn(&q, WorkQueue::pop);
        let other = spawn(&q, |q| q.try_push(3).is_ok());
        permit.push(2).unwrap();
        assert_eq!(consumer.join().unwrap(), Some(1));
        let other = if other.join().unwrap() { 3 } else { 0 };
        assert_eq!(q.try_iter().sum::<u32>(), 2 + other);
    }

    close_with_a_permit, "a permit gives the item back after a close, and holds no consumer up", None, |by_store| {
        let q = queue(by_store, 1);
        let permit = q.try_reserve().unwrap();
        let consumer = spawn(&q, WorkQueue::pop);
        q.close();
        assert_eq!(permit.push(1).map_err(|error| error.0), Err(1));
        assert_eq!(consumer.join().unwrap(), None);
    }

    forced, "a forced push displaces the oldest item or none, and nothing is lost", Some(2), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let consumer = spawn(&q, |q| q.try_pop().unwrap_or(0));
        let displaced = q.force_push(2).unwrap().unwrap_or(0);
        let taken = consumer.join().unwrap();
        let rest: u32 = q.try_iter().sum();
        assert_eq!(displaced + taken + rest, 3);
        assert!(displaced != 2);
    }

    forced_past_a_waiter, "a forced push leaves a producer that waits for room its turn", Some(1), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let other = spawn(&q, |q| {
            assert_eq!(q.force_push(4), Ok(Some(1)));
            assert_eq!(q.try_pop(), Ok(4));
        });
        // A task, as what a thread does when it sleeps is in `room`.
        let task = Task::new(|| {});
        let push = pin!(q.push_async(2));
        assert!(run(push, &task).is_ok());
        other.join().unwrap();
        assert_eq!(q.try_pop(), Ok(2));
    }

    forced_twice, "two forced pushes displace two items", Some(1), |by_store| {
        let q = queue(by_store, 2);
        q.push_batch(&mut vec![1, 2]).unwrap();
        let other = spawn(&q, |q| q.force_push(4).unwrap().unwrap());
        let displaced = q.force_push(8).unwrap().unwrap();
        assert_eq!(displaced + other.join().unwrap(), 3);
        assert_eq!(q.try_iter().sum::<u32>(), 12);
    }

    // One is enough for each to count on the place that the other makes, which is what must not happen.
    forced_at_one_place, "two forced pushes at one place lose nothing, and neither waits for ever", Some(1), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let force = |q: &WorkQueue<u32>, item| match q.force_push(item) {
            Ok(displaced) => displaced.unwrap_or(0),
            Err(ForcePushError::Full(item)) => item,
            Err(error) => panic!("{error}"),
        };
        let other = spawn(&q, move |q| force(q, 2));
        let back = force(&q, 4);
        assert_eq!(back + other.join().unwrap() + q.try_iter().sum::<u32>(), 7);
    }

    forced_against_a_permit, "a forced push leaves reserved room alone", Some(1), |by_store| {
        let q = queue(by_store, 2);
        lap(&q);
        q.push(1).unwrap();
        let other = spawn(&q, |q| q.try_reserve().is_ok_and(|permit| permit.push(2).is_ok()));
        let displaced = q.force_push(4).unwrap().unwrap_or(0);
        let reserved = if other.join().unwrap() { 2 } else { 0 };
        assert_eq!(displaced + q.try_iter().sum::<u32>(), 5 + reserved);
    }

    dropped_once, "items that are in the queue when it is dropped are dropped once", Some(2), |by_store| {
        struct Item(Arc<AtomicUsize>);
        impl Drop for Item {
            fn drop(&mut self) {
                self.0.fetch_add(1, Relaxed);
            }
        }

        release_by_store(by_store);
        let dropped = Arc::new(AtomicUsize::new(0));
        let q = Arc::new(WorkQueue::new(2));
        q.try_push(Item(Arc::clone(&dropped))).ok().unwrap();
        let item = Item(Arc::clone(&dropped));
        let producer = spawn(&q, |q| drop(q.try_push(item)));
        let item = Item(Arc::clone(&dropped));
        drop(q.try_push(item));
        producer.join().unwrap();
        drop(q);
        assert_eq!(dropped.load(Relaxed), 3);
    }
}
