//! The queue as a stream and a sink.

use core::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use futures_core::Stream;
use futures_sink::Sink;
use lockline::{WorkQueue, queue::PushError};
use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Wake,
    thread,
};

/// Counts how often it was woken, and wakes a thread.
struct Woken(AtomicUsize, thread::Thread);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
        self.1.unpark();
    }
}

fn woken() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken(AtomicUsize::new(0), thread::current()));
    (woken.clone(), Waker::from(woken))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let (_, waker) = woken();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

async fn send<S: Sink<T>, T>(mut sink: Pin<&mut S>, item: T) -> Result<(), S::Error> {
    poll_fn(|context| sink.as_mut().poll_ready(context)).await?;
    sink.start_send(item)
}

#[test]
fn what_is_sent_comes_out_of_the_stream_until_the_queue_is_closed() {
    const ITEMS: u64 = 10_000;
    let queue = WorkQueue::new(3);
    let sum = thread::scope(|scope| {
        let sums: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    block_on(async {
                        let mut stream = pin!(queue.stream());
                        let mut sum = 0;
                        while let Some(item) = poll_fn(|c| stream.as_mut().poll_next(c)).await {
                            sum += item;
                        }
                        sum
                    })
                })
            })
            .collect();
        block_on(async {
            let mut sink = pin!(queue.sink());
            for n in 1..=ITEMS {
                send(sink.as_mut(), n).await.unwrap();
            }
            poll_fn(|c| sink.as_mut().poll_flush(c)).await.unwrap();
            poll_fn(|c| sink.as_mut().poll_close(c)).await.unwrap();
        });
        assert!(!queue.is_closed(), "others may send");
        queue.close();
        sums.into_iter().map(|sum| sum.join().unwrap()).sum::<u64>()
    });
    assert_eq!(sum, ITEMS * (ITEMS + 1) / 2);
}

#[test]
fn a_sink_that_is_ready_has_a_place_until_it_is_closed_or_dropped() {
    let queue = WorkQueue::new(1);
    let (_, waker) = woken();
    let mut context = Context::from_waker(&waker);
    {
        let mut sink = pin!(queue.sink());
        assert!(sink.as_mut().poll_ready(&mut context).is_ready());
        // Ready once more takes no second place.
        assert!(sink.as_mut().poll_ready(&mut context).is_ready());
        assert!(queue.is_full());
        assert!(sink.as_mut().poll_close(&mut context).is_ready());
        assert!(!queue.is_full());
        assert!(sink.as_mut().poll_ready(&mut context).is_ready());
        assert!(queue.is_full());
    }
    assert!(!queue.is_full());
    queue.push(1).unwrap();
}

#[test]
fn a_full_sink_is_pending_and_told_of_room() {
    let queue = WorkQueue::new(1);
    queue.push(1).unwrap();
    let (count, waker) = woken();
    let mut context = Context::from_waker(&waker);
    let mut sink = pin!(queue.sink());
    assert!(sink.as_mut().poll_ready(&mut context).is_pending());
    assert_eq!(count.0.load(Relaxed), 0);
    assert_eq!(queue.pop(), Some(1));
    assert_eq!(count.0.load(Relaxed), 1);
    assert!(sink.as_mut().poll_ready(&mut context).is_ready());
    sink.as_mut().start_send(2).unwrap();
    assert_eq!(queue.try_pop(), Ok(2));
}

#[test]
fn a_stream_that_is_dropped_passes_on_what_it_was_told() {
    let queue = WorkQueue::new(2);
    let (first, waker) = woken();
    let (second, other) = woken();
    let mut behind = Box::pin(queue.stream());
    {
        let mut stream = pin!(queue.stream());
        assert!(stream.as_mut().poll_next(&mut Context::from_waker(&waker)).is_pending());
        assert!(behind.as_mut().poll_next(&mut Context::from_waker(&other)).is_pending());
        queue.push(1).unwrap();
        assert_eq!((first.0.load(Relaxed), second.0.load(Relaxed)), (1, 0));
    }
    assert_eq!(second.0.load(Relaxed), 1);
    let item = behind.as_mut().poll_next(&mut Context::from_waker(&other));
    assert_eq!(item, Poll::Ready(Some(1)));
}

#[test]
fn a_closed_queue_gives_the_item_back_and_ends_the_stream() {
    let queue = WorkQueue::new(1);
    let (_, waker) = woken();
    let mut context = Context::from_waker(&waker);
    let mut sink = pin!(queue.sink());
    assert!(sink.as_mut().poll_ready(&mut context).is_ready());
    queue.close();
    assert_eq!(sink.as_mut().start_send(1), Err(PushError(Some(1))));
    assert_eq!(sink.as_mut().poll_ready(&mut context), Poll::Ready(Err(PushError(None))));
    let mut stream = pin!(queue.stream());
    assert_eq!(stream.as_mut().poll_next(&mut context), Poll::Ready(None));
}

#[test]
#[should_panic(expected = "`poll_ready` said that it was ready")]
fn a_sink_that_was_not_asked_panics() {
    let queue = WorkQueue::new(1);
    let sink = pin!(queue.sink());
    let _ = sink.start_send(1);
}
