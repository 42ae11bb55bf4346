//! A task that wants permits.

use super::{AWAKE, RawSemaphore, Refused, Request};
use crate::{
    raw::{
        mutex::Observer,
        wait_list::{Told, Waiter},
    },
    sync::{atomic::Ordering::Relaxed, park::drop_waker},
};
use core::{
    pin::Pin,
    task::{Context, Poll},
};

/// A task's wait. Whoever has it [cancels](Self::cancel) it before it is dropped.
///
/// It has a waiter while it stands in line: one that need not wait is made and moved at no cost.
#[derive(Debug)]
pub(crate) struct Wanting {
    wanted: usize,
    over: bool,
    queued: Option<Queued>,
}

// What could panic, a waker that is cloned, does so with nothing half done; and `cancel` sees to the rest.
impl core::panic::UnwindSafe for Wanting {}
impl core::panic::RefUnwindSafe for Wanting {}

#[derive(Debug)]
struct Queued {
    waiter: Waiter<Request>,
    request: Request,
}

impl Queued {
    fn parts(self: Pin<&Self>) -> (Pin<&Waiter<Request>>, Request) {
        let this = self.get_ref();
        // SAFETY: the waiter is pinned with `this`.
        (unsafe { Pin::new_unchecked(&this.waiter) }, this.request)
    }
}

impl Wanting {
    #[inline]
    pub(crate) const fn new(wanted: usize) -> Self {
        Self { wanted, over: false, queued: None }
    }

    #[inline]
    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    #[inline]
    fn parts(self: Pin<&mut Self>) -> (usize, &mut bool, Pin<&mut Option<Queued>>) {
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the waiter is pinned with `this`.
        (this.wanted, &mut this.over, unsafe { Pin::new_unchecked(&mut this.queued) })
    }

    /// Always with the same semaphore.
    #[inline]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        semaphore: &RawSemaphore,
        observer: &impl Observer,
        context: &Context<'_>,
    ) -> Poll<Result<(), Refused>> {
        let (wanted, over, queued) = self.parts();
        assert!(!*over, "polled after it was ready");
        let outcome = if queued.is_none() && semaphore.try_take(wanted) {
            Some(Ok(()))
        } else {
            Self::poll_slow(wanted, queued, semaphore, observer, context)
        };
        *over = outcome.is_some();
        outcome.map_or(Poll::Pending, Poll::Ready)
    }

    #[cold]
    fn poll_slow(
        wanted: usize,
        mut queued: Pin<&mut Option<Queued>>,
        semaphore: &RawSemaphore,
        observer: &impl Observer,
        context: &Context<'_>,
    ) -> Option<Result<(), Refused>> {
        let outcome = if let Some(queued) = queued.as_ref().as_pin_ref() {
            let (waiter, request) = queued.parts();
            let told = waiter.told();
            // SAFETY: in the list, whose lock we have then.
            let same = told == Told::Nothing
                && semaphore
                    .list
                    .with(|line, _| unsafe { line.will_wake(&waiter, context.waker()) });
            if same {
                return None;
            }
            let mut waker = (told != Told::Done).then(|| context.waker().clone());
            let outcome = semaphore.look(&waiter, request, told, &mut waker);
            drop_waker(waker);
            if outcome == Some(Ok(())) {
                request.tell(observer);
            }
            outcome
        } else {
            let mut waker = Some(context.waker().clone());
            let request = Request::now(wanted);
            queued.set(Some(Queued { waiter: Waiter::new(request), request }));
            let Some(queued) = queued.as_ref().as_pin_ref() else { unreachable!("just set") };
            let (waiter, _) = queued.parts();
            // SAFETY: ready to be pushed; it stays pinned, and is told or cancelled before it is dropped.
            let outcome = semaphore
                .list
                .with(|line, _| unsafe { semaphore.join(line, waiter, wanted, &mut waker) });
            drop_waker(waker);
            outcome
        };
        if outcome.is_some() {
            queued.set(None);
        }
        outcome
    }

    /// Ends the wait, if there is one, and makes it new: permits that were granted go to the next in line.
    #[inline]
    pub(crate) fn cancel(self: Pin<&mut Self>, semaphore: &RawSemaphore) {
        let (_, over, queued) = self.parts();
        *over = false;
        if queued.is_some() {
            Self::cancel_slow(queued, semaphore);
        }
    }

    #[cold]
    fn cancel_slow(mut place: Pin<&mut Option<Queued>>, semaphore: &RawSemaphore) {
        let Some(queued) = place.as_ref().as_pin_ref() else { return };
        let (waiter, request) = queued.parts();
        let mut removed = (false, None);
        let more = semaphore.list.with(|line, wakes| {
            let nudged = waiter.told() == Told::Look;
            // SAFETY: it was pushed to this list.
            removed = unsafe { line.remove(&waiter) };
            if removed.0 && nudged {
                // Relaxed: under the lock.
                semaphore.word.fetch_sub(AWAKE, Relaxed);
            }
            semaphore.serve(line, wakes)
        });
        let (was_queued, waker) = removed;
        drop_waker(waker);
        if more {
            semaphore.serve_all();
        }
        // SAFETY: it is out of the list, and ours.
        let granted = !was_queued && unsafe { waiter.data() }.outcome.is_ok();
        place.set(None);
        if granted {
            semaphore.release(request.wanted);
        }
    }
}
