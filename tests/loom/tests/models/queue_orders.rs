//! What the queue says comes before what, beside the items themselves: each model with both ways of publishing.

use crate::{
    harness::{Model, spawn},
    queue::{both, queue},
};
use lockline_loom::{
    __private::release_by_store,
    WorkQueue,
    queue::{TryPopError, TryPushError},
};
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

/// A queue, and something that a thread says beside it, which nothing but the queue orders.
type Beside = (WorkQueue<u32>, AtomicBool);

fn beside(by_store: bool, items: u32) -> Arc<Beside> {
    release_by_store(by_store);
    let q = WorkQueue::new(2);
    (0..items).for_each(|item| q.try_push(item).unwrap());
    Arc::new((q, AtomicBool::new(false)))
}

both! { "queue_orders"
    pushes, "a push sees what was done before the one ahead of it", None, |by_store| {
        let both = beside(by_store, 0);
        let other = spawn(&both, |(q, said)| {
            said.store(true, Relaxed);
            q.try_push(1).unwrap();
        });
        let (q, said) = &*both;
        q.try_push(2).unwrap();
        let saw = said.load(Relaxed);
        other.join().unwrap();
        assert!(saw || q.try_pop() == Ok(2));
    }

    pops, "a pop sees what was done before the one ahead of it", None, |by_store| {
        let both = beside(by_store, 2);
        let other = spawn(&both, |(q, said)| {
            said.store(true, Relaxed);
            q.try_pop().unwrap();
        });
        let (q, said) = &*both;
        let item = q.try_pop().unwrap();
        let saw = said.load(Relaxed);
        other.join().unwrap();
        assert!(saw || item == 0);
    }

    told_empty, "who puts something in sees what was done before another was told that there is nothing", None, |by_store| {
        let both = beside(by_store, 0);
        let other = spawn(&both, |(q, said)| {
            said.store(true, Relaxed);
            q.try_pop()
        });
        let (q, said) = &*both;
        q.try_push(1).unwrap();
        let saw = said.load(Relaxed);
        let told = other.join().unwrap();
        assert!(saw || told != Err(TryPopError::Empty));
    }

    told_full, "who takes something out sees what was done before another was told that there is no room", None, |by_store| {
        let both = beside(by_store, 2);
        let other = spawn(&both, |(q, said)| {
            said.store(true, Relaxed);
            q.try_push(2)
        });
        let (q, said) = &*both;
        q.try_pop().unwrap();
        let saw = said.load(Relaxed);
        let told = other.join().unwrap();
        assert!(saw || told != Err(TryPushError::Full(2)));
    }

    batch_taken, "who takes out several at once sees all of them", Some(2), |by_store| {
        let q = queue(by_store, 2);
        let producer = spawn(&q, |q| (1..3).for_each(|item| q.try_push(item).unwrap()));
        let mut items = Vec::new();
        let taken = q.try_pop_batch(&mut items, 2).unwrap_or(0);
        assert_eq!(items, [1, 2][..taken]);
        producer.join().unwrap();
    }

    batch_at_a_gap, "who takes out several at once stops where one is on its way in, although the one behind it is there", Some(1), |by_store| {
        let q = queue(by_store, 3);
        // The gap is the last of its lap.
        q.try_push(0).unwrap();
        q.try_pop().unwrap();
        q.try_push(1).unwrap();
        let producer = spawn(&q, |q| q.try_push(2).unwrap());
        let consumer = spawn(&q, |q| {
            let mut items = Vec::new();
            q.try_pop_batch(&mut items, 3).unwrap();
            items
        });
        q.try_push(2).unwrap();
        let mut items = consumer.join().unwrap();
        producer.join().unwrap();
        items.extend(q.try_iter());
        assert_eq!(items, [1, 2, 2]);
    }

    batch_given, "who puts in several at once sees that their places have been left", Some(1), |by_store| {
        let q = queue(by_store, 2);
        q.push_batch(&mut vec![1, 2]).unwrap();
        let consumer = spawn(&q, |q| (1..3).for_each(|item| assert_eq!(q.try_pop(), Ok(item))));
        let given = q.try_push_batch(&mut vec![3, 4]).unwrap();
        consumer.join().unwrap();
        assert_eq!(q.try_iter().collect::<Vec<_>>(), [3, 4][..given]);
    }

    room_and_a_permit, "who puts something in beside reserved room, and then there, sees that both places have been left", Some(2), |by_store| {
        let q = queue(by_store, 2);
        q.push_batch(&mut vec![1, 2]).unwrap();
        let consumer = spawn(&q, |q| (1..3).for_each(|item| assert_eq!(q.try_pop(), Ok(item))));
        let permit = q.try_reserve();
        let mut pushed = if q.try_push(3).is_ok() { 3 } else { 0 };
        if let Ok(permit) = permit {
            permit.push(4).unwrap();
            pushed += 4;
        }
        consumer.join().unwrap();
        assert_eq!(q.try_iter().sum::<u32>(), pushed);
    }
}
