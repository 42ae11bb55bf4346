//! The `tower` layer on loom's types, as in a model of somebody's service.

use lockline_loom::{Semaphore, tower::SemaphoreLayer};
use loom::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};
use std::{
    convert::Infallible,
    future::{self, Future},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use tower_layer::Layer;
use tower_service::Service;

/// Answers how many requests are inside, and does not wait.
#[derive(Clone)]
struct Inside(Arc<AtomicUsize>);

impl Service<()> for Inside {
    type Response = usize;
    type Error = Infallible;
    type Future = future::Ready<Result<usize, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        future::ready(Ok(self.0.fetch_add(1, Relaxed) + 1))
    }
}

#[test]
fn one_request_at_a_time() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let inside = Arc::new(AtomicUsize::new(0));
        let service = SemaphoreLayer::new(Arc::clone(&semaphore)).layer(Inside(inside.clone()));
        let answer = {
            let inside = Arc::clone(&inside);
            // Says whether it was served: who would have to wait goes away.
            move || {
                let mut context = Context::from_waker(Waker::noop());
                let mut service = service.clone();
                let ready = service.poll_ready(&mut context).is_ready();
                if ready {
                    let mut response = pin!(service.call(()));
                    assert_eq!(inside.fetch_sub(1, Relaxed), 1, "the other is inside too");
                    assert_eq!(response.as_mut().poll(&mut context), Poll::Ready(Ok(1)));
                }
                ready
            }
        };
        let other = thread::spawn(answer.clone());
        let served = answer();
        assert!(other.join().unwrap() || served);
        assert_eq!((semaphore.available(), semaphore.waiting()), (1, 0));
    });
}
