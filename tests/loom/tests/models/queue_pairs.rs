//! Two of push, pop, close, abort, batch, reserve, cancel and timeout against one another, where `queue.rs` does not have
//! them; threads and tasks mixed. Nothing is lost, and nobody sleeps for ever.

use crate::{
    executor::{Task, block_on, poll, run},
    harness::{Model, spawn},
    queue::{A_WHILE, both, queue},
};
use lockline_loom::{
    WorkQueue,
    queue::{ForcePushError, PopTimeoutError, PushTimeoutError},
};
use std::pin::pin;

both! { "queue_pairs"
    batch_closed, "a close gives a batch that waits the rest of its items back", Some(2), |by_store| {
        let q = queue(by_store, 1);
        let producer = spawn(&q, |q| {
            let mut items = vec![1, 2];
            let all = q.push_batch(&mut items).is_ok();
            assert_eq!(all, items.is_empty());
            items.into_iter().sum::<u32>()
        });
        let taken = q.try_pop().unwrap_or(0);
        q.close();
        let kept = producer.join().unwrap();
        assert_eq!(taken + kept + q.iter().sum::<u32>(), 3);
    }

    batch_waits_for_close, "a close ends the wait for a batch, which takes what is left before", Some(2), |by_store| {
        let q = queue(by_store, 2);
        let consumer = spawn(&q, |q| {
            let mut items = Vec::new();
            while block_on(q.pop_batch_async(&mut items, 2)) > 0 {}
            items
        });
        q.try_push(1).unwrap();
        q.close();
        assert_eq!(consumer.join().unwrap(), [1]);
    }

    batch_aborted, "an abort has what a batch put in and no consumer took, and the batch the rest", Some(2), |by_store| {
        let q = queue(by_store, 1);
        let producer = spawn(&q, |q| {
            let mut items = vec![1, 2];
            let _ = q.push_batch(&mut items);
            items.into_iter().sum::<u32>()
        });
        let aborted: u32 = q.abort().into_iter().sum();
        assert_eq!(aborted + producer.join().unwrap(), 3);
        assert!(q.is_empty());
    }

    batch_in_time, "a batch comes in time or stays there", Some(2), |by_store| {
        let q = queue(by_store, 2);
        let consumer = spawn(&q, |q| {
            let mut items = Vec::new();
            let got = q.pop_batch_for(&mut items, 2, A_WHILE);
            assert!(got == Ok(items.len()) || got == Err(PopTimeoutError::Timeout) && items.is_empty());
            items.len()
        });
        q.push_batch(&mut vec![1, 2]).unwrap();
        assert_eq!(consumer.join().unwrap() + q.len(), 2);
    }

    batch_cancelled, "a wait for a batch that is dropped after it was woken passes the wake-up on", Some(1), |by_store| {
        let q = queue(by_store, 2);
        let other = spawn(&q, WorkQueue::pop);
        let producer = spawn(&q, |q| q.push_batch(&mut vec![1, 2]).unwrap());
        let mut items = Vec::new();
        let got = poll(pin!(q.pop_batch_async(&mut items, 2)), &Task::new(|| {}));
        producer.join().unwrap();
        if got.is_ready() {
            q.push(4).unwrap();
        }
        assert!(other.join().unwrap().is_some());
    }

    batch_beside_a_permit, "a batch leaves reserved room alone, and has it when it is given up", Some(2), |by_store| {
        let q = queue(by_store, 2);
        let permit = q.try_reserve().unwrap();
        let producer = spawn(&q, |q| q.push_batch(&mut vec![1, 2]).unwrap());
        drop(permit);
        producer.join().unwrap();
        assert_eq!(q.try_iter().collect::<Vec<_>>(), [1, 2]);
    }

    reserved_or_too_late, "a producer finds room that is given up in time or has its item back", None, |by_store| {
        let q = queue(by_store, 1);
        let permit = q.try_reserve().unwrap();
        let producer = spawn(&q, |q| q.push_for(2, A_WHILE).map_err(PushTimeoutError::into_inner));
        drop(permit);
        match producer.join().unwrap() {
            Ok(()) => assert_eq!(q.try_pop(), Ok(2)),
            Err(item) => assert!(item == 2 && q.is_empty()),
        }
    }

    given_up_to_one_too_late, "a producer that gives up as it is told of room that was reserved passes that on", Some(1), |by_store| {
        let q = queue(by_store, 1);
        let permit = q.try_reserve().unwrap();
        let timed = spawn(&q, |q| q.push_for(2, A_WHILE).is_ok());
        // So that it stands in line before the task, in the first execution already.
        loom::thread::yield_now();
        let task = Task::new(|| {});
        let mut push = pin!(q.push_async(4));
        assert!(poll(push.as_mut(), &task).is_pending());
        drop(permit);
        // One comes after the other, in any order.
        let first = task.was_woken() && poll(push.as_mut(), &task).is_ready();
        if first {
            assert_eq!(q.try_pop(), Ok(4));
        }
        if timed.join().unwrap() {
            assert_eq!(q.try_pop(), Ok(2));
        }
        if !first {
            task.sleep();
            assert!(run(push, &task).is_ok());
        }
    }

    reserve_cancelled, "a wait for room that is dropped after it was woken passes the wake-up on", Some(1), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let other = spawn(&q, |q| q.push(2).unwrap());
        let consumer = spawn(&q, |q| q.pop().unwrap());
        // The permit is given up at once.
        let _ = poll(pin!(q.reserve_async()), &Task::new(|| {}));
        assert_eq!(consumer.join().unwrap(), 1);
        other.join().unwrap();
        assert_eq!(q.try_pop(), Ok(2));
    }

    reserve_closed, "a close ends the wait for room", None, |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let producer = spawn(&q, |q| block_on(q.reserve_async()).is_ok());
        q.close();
        assert!(!producer.join().unwrap());
    }

    abort_with_a_permit, "an abort has the item that was put into reserved room, or its producer has", Some(2), |by_store| {
        let q = queue(by_store, 1);
        let producer = spawn(&q, |q| match q.try_reserve() {
            Ok(permit) => permit.push(1).map_or_else(|error| error.0, |()| 0),
            Err(_) => 1,
        });
        let aborted: u32 = q.abort().into_iter().sum();
        assert_eq!(aborted + producer.join().unwrap(), 1);
    }

    forced_closed, "a close gives a forced push its item back, or it went in; what it displaced comes back in any case", Some(2), |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let producer = spawn(&q, |q| match q.force_push(2) {
            Ok(displaced) => displaced.unwrap_or(0),
            Err(ForcePushError::Closed { item, displaced }) => item + displaced.unwrap_or(0),
            Err(error) => panic!("{error}"),
        });
        q.close();
        let back = producer.join().unwrap();
        assert_eq!(back + q.iter().sum::<u32>(), 3);
    }

    forced_past_a_batch, "a forced push and a batch lose nothing", Some(2), |by_store| {
        let q = queue(by_store, 2);
        let producer = spawn(&q, |q| q.push_batch(&mut vec![1, 2]).unwrap());
        let displaced = q.force_push(4).unwrap().unwrap_or(0);
        // Room for whichever the batch still has.
        let taken = q.pop().unwrap();
        producer.join().unwrap();
        assert_eq!(displaced + taken + q.try_iter().sum::<u32>(), 7);
    }

    too_late_or_closed, "a wait that a close and its deadline end at once has the item back", None, |by_store| {
        let q = queue(by_store, 1);
        q.push(1).unwrap();
        let producer = spawn(&q, |q| q.push_for(2, A_WHILE).map_err(PushTimeoutError::into_inner));
        q.close();
        assert_eq!(producer.join().unwrap(), Err(2));
        assert_eq!((q.pop(), q.pop()), (Some(1), None));
    }

    cancelled_or_closed, "a pop that is dropped beside a close loses nothing", Some(2), |by_store| {
        let q = queue(by_store, 1);
        let other = spawn(&q, WorkQueue::pop);
        let closer = spawn(&q, |q| {
            q.try_push(1).unwrap();
            q.close();
        });
        let mine = match poll(pin!(q.pop_async()), &Task::new(|| {})) {
            std::task::Poll::Ready(item) => item,
            std::task::Poll::Pending => None,
        };
        closer.join().unwrap();
        let other = other.join().unwrap();
        assert_eq!(mine.or(other), Some(1));
        assert!(mine.is_none() || other.is_none());
    }
}
