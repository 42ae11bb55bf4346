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
#[derive(Debug)]
pub(crate) struct Wanting {
    waiter: Waiter<Request>,
    request: Request,
    stage: Stage,
}

// What could panic, a waker that is cloned, does so with nothing half done; and `cancel` sees to the rest.
impl core::panic::UnwindSafe for Wanting {}
impl core::panic::RefUnwindSafe for Wanting {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Queued,
    Over,
}

impl Wanting {
    pub(crate) fn new(wanted: usize) -> Self {
        let request = Request::idle(wanted);
        Self { waiter: Waiter::new(request), request, stage: Stage::New }
    }

    pub(crate) fn wanted(&self) -> usize {
        self.request.wanted
    }

    fn parts(self: Pin<&mut Self>) -> (Pin<&Waiter<Request>>, &mut Request, &mut Stage) {
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the waiter is pinned with `this`.
        (unsafe { Pin::new_unchecked(&this.waiter) }, &mut this.request, &mut this.stage)
    }

    /// Always with the same semaphore.
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        semaphore: &RawSemaphore,
        observer: &impl Observer,
        context: &Context<'_>,
    ) -> Poll<Result<(), Refused>> {
        let (waiter, request, stage) = self.parts();
        let told = waiter.told();
        let over = match *stage {
            Stage::Over => panic!("polled after it was ready"),
            Stage::New if semaphore.try_take(request.wanted) => Some(Ok(())),
            Stage::New => {
                let mut waker = Some(context.waker().clone());
                *request = Request::now(request.wanted);
                // SAFETY: out of the list, and ours.
                unsafe { waiter.reset(*request) };
                // SAFETY: ready to be pushed; it stays pinned, and is told or cancelled before it is dropped.
                let over = semaphore.list.with(|line, _| unsafe {
                    semaphore.join(line, waiter, request.wanted, &mut waker)
                });
                drop_waker(waker);
                over
            }
            Stage::Queued => {
                // SAFETY: in the list, whose lock we have then.
                let same = told == Told::Nothing
                    && semaphore
                        .list
                        .with(|line, _| unsafe { line.will_wake(&waiter, context.waker()) });
                if same {
                    return Poll::Pending;
                }
                let mut waker = (told != Told::Done).then(|| context.waker().clone());
                let over = semaphore.look(&waiter, *request, told, &mut waker);
                drop_waker(waker);
                if over == Some(Ok(())) {
                    request.tell(observer);
                }
                over
            }
        };
        *stage = if over.is_some() { Stage::Over } else { Stage::Queued };
        over.map_or(Poll::Pending, Poll::Ready)
    }

    /// Ends the wait, if there is one, and makes it new: permits that were granted go to the next in line.
    pub(crate) fn cancel(self: Pin<&mut Self>, semaphore: &RawSemaphore) {
        let (waiter, request, stage) = self.parts();
        if core::mem::replace(stage, Stage::New) != Stage::Queued {
            return;
        }
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
        if !was_queued && unsafe { waiter.data() }.outcome.is_ok() {
            semaphore.release(request.wanted);
        }
    }
}
