//! What a thread guesses wrong of a queue is not seen in any answer: here, and in `tests/hooks` with each way of publishing.

use lockline::{
    WorkQueue,
    queue::{PushError, TryPopError, TryPushError},
};
use std::thread;

pub(crate) fn another_queue_in_its_place() {
    let capacities = [1, 2, 3, 5, 8];
    for (before, after) in capacities.into_iter().flat_map(|n| capacities.map(|m| (n, m))) {
        for moved in 0..20 {
            // Its place is the box.
            let mut queue = Box::new(WorkQueue::new(before));
            for n in 0..moved {
                queue.push(n).unwrap();
                assert_eq!(queue.pop(), Some(n));
            }
            *queue = WorkQueue::new(after);
            for lap in 0..3 {
                for n in 0..after {
                    queue.try_push(lap + n).unwrap();
                }
                assert_eq!(queue.try_push(0), Err(TryPushError::Full(0)));
                assert!(queue.try_iter().eq(lap..lap + after));
            }
        }
    }
}

pub(crate) fn an_end_that_was_moved_since() {
    // A thread starts with no guess; long enough for one on real threads, and across the end of a lap.
    for alone in 0..20 {
        let queue = WorkQueue::new(3);
        let one = |n| {
            queue.push(n).unwrap();
            assert_eq!(queue.pop(), Some(n));
        };
        (0..alone).for_each(one);
        thread::scope(|scope| scope.spawn(|| (0..4).for_each(one)).join().unwrap());
        (0..alone).for_each(one);
        queue.push_batch(&mut vec![1, 2]).unwrap();
        queue.push(3).unwrap();
        assert!(queue.try_iter().eq(1..4));
        (0..alone).for_each(one);
        let permit = queue.try_reserve().unwrap();
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert_eq!(queue.try_push(3), Err(TryPushError::Full(3)));
        permit.push(3).unwrap();
        assert_eq!(queue.force_push(4), Ok(Some(1)));
        assert!(queue.try_iter().eq(2..5));
        (0..alone).for_each(one);
        queue.close();
        assert_eq!(queue.push(1), Err(PushError(1)));
        assert_eq!((queue.try_pop(), queue.pop()), (Err(TryPopError::Closed), None));
    }
}
