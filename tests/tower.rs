//! The semaphore around a `tower` service.

use lockline::{
    AcquireError, Observed, Semaphore,
    tower::{ResponseFuture, SemaphoreLayer, SemaphoreService, ServiceError},
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    error::Error,
    fmt,
    future::{self, Future},
    marker::PhantomPinned,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};
use tower_layer::Layer;
use tower_service::Service;

assert_impl_all!(SemaphoreLayer: Send, Sync, Clone);
assert_impl_all!(SemaphoreService<()>: Send, Sync, Unpin, Clone);
assert_impl_all!(SemaphoreService<(), Observed>: Send, Sync);
assert_impl_all!(ResponseFuture<()>: Send, Sync, Unpin);
assert_not_impl_any!(ResponseFuture<PhantomPinned>: Unpin);
assert_impl_all!(ServiceError<Failed>: Error, Send, Sync);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl Error for Failed {}

/// Ready, busy or broken as `ready` says; answers when `done`.
#[derive(Clone, Debug)]
struct Inner {
    ready: Poll<Result<(), Failed>>,
    done: Arc<AtomicBool>,
}

impl Inner {
    fn new() -> Self {
        Self { ready: Poll::Ready(Ok(())), done: Arc::default() }
    }
}

/// The request is the response.
type Response = Result<u32, Failed>;

impl Service<Response> for Inner {
    type Response = u32;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.ready
    }

    fn call(&mut self, request: Response) -> Self::Future {
        let done = self.done.clone();
        Box::pin(future::poll_fn(move |_| {
            if done.load(SeqCst) { Poll::Ready(request) } else { Poll::Pending }
        }))
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn poll_ready<S: Service<Response>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn service(permits: usize) -> (Arc<Semaphore>, SemaphoreService<Inner>) {
    let semaphore = Arc::new(Semaphore::new(permits));
    let service = SemaphoreLayer::new(semaphore.clone()).layer(Inner::new());
    (semaphore, service)
}

const READY: Poll<Result<(), ServiceError<Failed>>> = Poll::Ready(Ok(()));

#[test]
fn the_permit_goes_from_ready_to_the_response_and_back() {
    for response in [Ok(1), Err(Failed)] {
        let (semaphore, mut service) = service(2);
        assert_eq!(poll_ready(&mut service), READY);
        assert_eq!(poll_ready(&mut service), READY);
        assert_eq!(semaphore.in_use(), 1, "asked twice, taken once");
        let mut answer = pin!(service.call(response));
        assert!(poll(answer.as_mut()).is_pending());
        assert_eq!(semaphore.in_use(), 1);
        service.get_ref().done.store(true, SeqCst);
        assert_eq!(poll(answer.as_mut()), Poll::Ready(response.map_err(ServiceError::Inner)));
        assert_eq!(semaphore.in_use(), 0, "given back with the response, not with the future");
    }
}

#[test]
fn a_clone_has_no_permit_and_waits_for_itself() {
    let (semaphore, mut service) = service(1);
    assert_eq!(poll_ready(&mut service), READY);
    let mut clones = [service.clone(), service.clone()];
    for clone in &mut clones {
        assert!(poll_ready(clone).is_pending());
    }
    assert_eq!(semaphore.waiting(), 2);
    let [first, second] = clones;
    let mut waiting = first.clone();
    drop(first);
    assert_eq!(semaphore.waiting(), 1, "a dropped service leaves the line");
    drop(second);
    assert!(poll_ready(&mut waiting).is_pending());
    drop(service);
    assert_eq!(poll_ready(&mut waiting), READY);
}

#[test]
fn who_waits_is_woken() {
    let (_, mut service) = service(1);
    assert_eq!(poll_ready(&mut service), READY);
    let answer = service.call(Ok(1));
    let told = Arc::new(Wakes::default());
    let waker = told.clone().into();
    assert!(service.poll_ready(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(told.0.load(SeqCst), 0);
    drop(answer);
    assert_eq!(told.0.load(SeqCst), 1, "by a response that nobody waited for");
    assert_eq!(poll_ready(&mut service), READY);
}

#[test]
fn a_busy_service_keeps_the_permit_and_a_broken_one_does_not() {
    let (semaphore, mut service) = service(1);
    service.get_mut().ready = Poll::Pending;
    assert!(poll_ready(&mut service).is_pending());
    assert_eq!(semaphore.in_use(), 1);
    service.get_mut().ready = Poll::Ready(Err(Failed));
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err(ServiceError::Inner(Failed))));
    assert_eq!(semaphore.in_use(), 0);
}

#[test]
fn a_closed_semaphore_refuses_but_honours_what_is_out() {
    let (semaphore, mut service) = service(1);
    assert_eq!(poll_ready(&mut service), READY);
    let mut waiting = service.clone();
    assert!(poll_ready(&mut waiting).is_pending());
    semaphore.close();
    let refused = ServiceError::Refused(AcquireError::Closed);
    assert_eq!(poll_ready(&mut waiting), Poll::Ready(Err(refused)));
    assert_eq!(poll_ready(&mut waiting), Poll::Ready(Err(refused)), "and again");
    assert_eq!(refused.source().map(ToString::to_string), Some(AcquireError::Closed.to_string()));
    assert_eq!(poll_ready(&mut service), READY);
    service.get_ref().done.store(true, SeqCst);
    assert_eq!(poll(pin!(service.call(Ok(3)))), Poll::Ready(Ok(3)));
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err(refused)));
}

#[test]
fn a_call_without_a_permit_panics() {
    let (semaphore, mut service) = service(1);
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(Ok(1)))).is_err());
    assert_eq!(poll_ready(&mut service), READY);
    let _answer = service.call(Ok(1));
    assert!(
        catch_unwind(AssertUnwindSafe(|| service.call(Ok(1)))).is_err(),
        "one call, one permit"
    );
    assert_eq!(semaphore.in_use(), 1);
}

/// Says how many permits were out when it was dropped.
struct AtTheEnd(Arc<Semaphore>, Arc<AtomicUsize>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.1.store(self.0.in_use(), SeqCst);
    }
}

impl Future for AtTheEnd {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Response> {
        Poll::Pending
    }
}

impl Service<()> for AtTheEnd {
    type Response = u32;
    type Error = Failed;
    type Future = Self;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self {
        Self(self.0.clone(), self.1.clone())
    }
}

#[test]
fn a_dropped_response_ends_within_the_limit() {
    let semaphore = Arc::new(Semaphore::new(1));
    let out = Arc::new(AtomicUsize::new(0));
    let inner = AtTheEnd(semaphore.clone(), out.clone());
    let mut service = SemaphoreService::new(inner, semaphore.clone());
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(service.call(()));
    assert_eq!((out.load(SeqCst), semaphore.in_use()), (1, 0));
}
