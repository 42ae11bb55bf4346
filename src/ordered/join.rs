//! Threads that are joined, checked at run time.

use super::{error::OrderError, watch::ThreadEnd};
use crate::sync::thread;
use core::panic::Location;

/// [`std::thread::spawn`], for threads that take [`CheckedMutex`](super::CheckedMutex)es and are joined by a thread that does.
///
/// To the order, the thread runs with the place of this call in hand, and joining it is asking for that. So to wait for it with a lock in hand
/// that it takes is refused, as is to wait for it while it waits for the joiner; both before anybody blocks.
/// Threads that carry tokens have [`Token::scope`](super::Token::scope), where this does not compile.
///
/// # Examples
///
/// ```
/// use lockline::ordered::{self, Always, CheckedMutex, OrderErrorKind};
///
/// static TOTAL: CheckedMutex<u32, Always> = CheckedMutex::always(0);
///
/// let child = ordered::spawn(|| *TOTAL.lock() += 1);
/// child.join().unwrap().unwrap();
///
/// fn start() -> ordered::JoinHandle<()> {
///     ordered::spawn(|| drop(TOTAL.lock()))
/// }
/// start().join().unwrap().unwrap();
/// let child = start();
/// let total = TOTAL.lock();
/// let (refused, child) = child.join().unwrap_err();
/// assert_eq!(refused.kind(), OrderErrorKind::Inversion);
/// drop(total);
/// child.join().unwrap().unwrap();
/// ```
#[track_caller]
pub fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let end = ThreadEnd::new(Location::caller());
    let begin = end.begin();
    let handle = thread::spawn(move || {
        begin();
        f()
    });
    JoinHandle { end, handle }
}

/// To wait for the end of a thread started by [`spawn`].
#[derive(Debug)]
pub struct JoinHandle<R> {
    end: ThreadEnd,
    handle: thread::JoinHandle<R>,
}

impl<R> JoinHandle<R> {
    /// Waits for the thread, as [`std::thread::JoinHandle::join`].
    ///
    /// # Errors
    ///
    /// The handle, and why it would not do to wait: the thread, or another of its [`spawn`], takes what this one holds (an
    /// [`Inversion`](super::OrderErrorKind::Inversion)), or waits for it at this moment (a
    /// [`Deadlock`](super::OrderErrorKind::Deadlock)). Threads that start each other at one place may join each other's.
    #[track_caller]
    pub fn join(self) -> Result<std::thread::Result<R>, (OrderError, Self)> {
        let Self { end, handle } = self;
        let refusal = match end.may_wait(Location::caller()) {
            Ok(listed) => {
                let result = handle.join();
                drop(listed);
                return Ok(result);
            }
            Err(refusal) => refusal,
        };
        Err((refusal, Self { end, handle }))
    }
}
