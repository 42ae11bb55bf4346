//! A ring with somewhere to wait at either end.
//!
//! A waiter that is told to look keeps its place in line until it has what it came for: nothing is ever granted to a
//! sleeper, so no item and no room stands idle while a thread wakes up. And while one is awake and looking, nobody else is
//! woken; it wakes the next itself as it leaves, if there is more. So a burst of items costs one wake-up for
//! each worker that it needs, and one at the ends of a full queue costs none while others run. Handing items to
//! sleepers would order them strictly, at a park and a wake for each.
//!
//! # State
//!
//! Of each end:
//!
//! | word or line | value                                     | who may change it                                 |
//! |--------------|-------------------------------------------|---------------------------------------------------|
//! | `waiting`    | how many stand in line                    | under the list's lock, with the line              |
//! | a `Waits`    | wants an item, or room; nudged or not     | nudged by who publishes or leaves; not, by itself |
//! | a `Watches`  | wants an answer: told as soon as anything is published | granted by who publishes             |
//!
//! # Transitions
//!
//! | by         | what                                     | when                                              |
//! |------------|------------------------------------------|---------------------------------------------------|
//! | `notify`   | nudges the first, unless one is nudged; grants all who watch | after each publication, if `waiting` |
//! | `enter`    | a place in line; then the last look      | it spun in vain                                   |
//! | `again`    | nudged → not, at its place; then a look  | nudged, and there was nothing for it              |
//! | `leave`    | out of the line; nudges the first if there is more | it has what it wanted, or gives up      |
//! | `close`    | nudges all, at both ends                 | once                                              |
//!
//! # Edges
//!
//! * **announcement**, of the [ring](super::ring): who enters raises `waiting`, then looks at the stamp; who publishes
//!   changes the stamp, then looks at `waiting`.
//! * The list's lock: who publishes while another is nudged leaves it at that. The one that is nudged takes the lock
//!   before it sleeps or leaves, and looks again then; it sees what was published before the other had the lock.
//!
//! `waiting` is changed under the lock only, and relaxed.
//!
//! # Progress
//!
//! Newcomers may take what waiters were woken for. Waiters are nudged in the order they came, one at a time, and each
//! keeps its place until it is served. A waiter that is cancelled while nudged looks on its way out, as any does.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/queue.rs`, with both ways of publishing.

use super::{
    ring::{End, Refusal, Ring},
    wait_list::{Line, Told, Turn, WaitList, Waiter, Wakes},
};
use crate::sync::{
    asymmetric::{self, Sleep},
    atomic::{AtomicUsize, Ordering::Relaxed},
    park::drop_waker,
    spin::Spin,
    time::{self, Instant},
};
use core::{
    pin::{Pin, pin},
    task::{Poll, Waker},
};
use crossbeam_utils::CachePadded;

/// What somebody in line wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// An item, or room for one.
    Waits,
    /// To know what a peer's operation comes to.
    Watches,
}

/// Why a wait was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InVain {
    Closed,
    TooLate,
}

/// Those who wait at one end.
#[derive(Debug)]
struct Side {
    /// Read by each operation at the other end, and written only when somebody comes to wait: a line of its own.
    waiting: CachePadded<AtomicUsize>,
    list: CachePadded<WaitList<Watchers, Role>>,
}

/// How many in the line watch.
#[derive(Debug)]
struct Watchers(usize);

type Queued = Line<Watchers, Role>;

impl Side {
    #[track_caller]
    fn new() -> Self {
        Self {
            waiting: CachePadded::new(AtomicUsize::new(0)),
            list: CachePadded::new(WaitList::new(Watchers(0))),
        }
    }

    /// Tells all who watch, and the first of those who wait, unless one of them has been told and has not looked
    /// yet. Whether there was no room for all wake-ups.
    fn tell(&self, line: &mut Queued, wakes: &mut Wakes) -> bool {
        let mut found = false;
        line.serve(wakes, |watchers, role, nudged| {
            if *role == Role::Watches {
                watchers.0 -= 1;
                // Relaxed: under the lock.
                self.waiting.fetch_sub(1, Relaxed);
                Turn::Grant
            } else if !found {
                found = true;
                if nudged { Turn::Skip } else { Turn::Nudge }
            } else if watchers.0 == 0 {
                Turn::Stop
            } else {
                Turn::Skip
            }
        })
    }
}

/// The ring and its waiters.
pub(crate) struct Work<T> {
    pub(crate) ring: Ring<T>,
    to_push: Side,
    to_pop: Side,
}

impl<T> Work<T> {
    /// None if there is not that much memory, or no capacity.
    #[track_caller]
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        Some(Self { ring: Ring::new(capacity)?, to_push: Side::new(), to_pop: Side::new() })
    }

    fn side(&self, end: End) -> &Side {
        match end {
            End::Tail | End::Reserved => &self.to_push,
            End::Head => &self.to_pop,
        }
    }

    /// Tells whoever waits at this end that something was published there.
    #[inline]
    pub(crate) fn notify(&self, end: End) {
        if self.side(end).waiting.load(Relaxed) != 0 {
            self.notify_slow(end);
        }
    }

    /// As [`notify`](Self::notify), also if nobody was seen to wait: for changes that no fence stands behind.
    #[cold]
    pub(crate) fn notify_slow(&self, end: End) {
        let side = self.side(end);
        while side.list.with(|line, wakes| side.tell(line, wakes)) {}
    }

    /// Closes, and wakes everybody. Whether this did it.
    pub(crate) fn close(&self) -> bool {
        let first = self.ring.close();
        if first {
            for end in [End::Tail, End::Head] {
                let side = self.side(end);
                while side.list.with(|line, wakes| {
                    line.serve(wakes, |_, _, nudged| if nudged { Turn::Skip } else { Turn::Nudge })
                }) {}
            }
        }
        first
    }

    /// How many wait for an item.
    pub(crate) fn idle(&self) -> usize {
        self.to_pop.list.with(|line, _| line.len() - line.state.0)
    }

    /// Tries until the answer is exact: waits only for a peer that is in the middle of its own operation.
    #[inline]
    pub(crate) fn at_once<R>(
        &self,
        end: End,
        attempt: impl Fn(&Ring<T>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        loop {
            match attempt(&self.ring) {
                Err(Refusal::Busy) => self.watch(end),
                answer => return answer,
            }
        }
    }

    /// Waits until something is published at this end.
    #[cold]
    fn watch(&self, end: End) {
        let mut spin = Spin::brief();
        while !self.ring.looks_ready(end) {
            if !spin.once() {
                let waiter = pin!(Waiter::new(Role::Watches));
                let waiter = waiter.as_ref();
                let sleep = self.enter(end, waiter, Role::Watches, None);
                let until = || time::earlier(None, sleep == Sleep::Short);
                while !self.ring.look_again(end, sleep)
                    && waiter.sleep(Spin::spent(), until()) == Told::Nothing
                {}
                self.leave(end, waiter.get_ref(), Role::Watches);
                return;
            }
        }
    }

    /// Tries, spins, and sleeps, until it has what it wants or never will.
    #[inline]
    pub(crate) fn block<R>(
        &self,
        end: End,
        deadline: Option<Instant>,
        attempt: impl Fn(&Ring<T>) -> Result<R, Refusal>,
    ) -> Result<R, InVain> {
        match attempt(&self.ring) {
            Ok(got) => Ok(got),
            Err(Refusal::Closed) => Err(InVain::Closed),
            Err(_) => self.block_slow(end, deadline, attempt),
        }
    }

    #[cold]
    fn block_slow<R>(
        &self,
        end: End,
        deadline: Option<Instant>,
        attempt: impl Fn(&Ring<T>) -> Result<R, Refusal>,
    ) -> Result<R, InVain> {
        let mut spin = Spin::yielding();
        while spin.once() {
            if self.ring.looks_ready(end) {
                match attempt(&self.ring) {
                    Ok(got) => return Ok(got),
                    Err(Refusal::Closed) => return Err(InVain::Closed),
                    Err(_) => {}
                }
            }
        }
        let waiter = pin!(Waiter::new(Role::Waits));
        let waiter = waiter.as_ref();
        let sleep = self.enter(end, waiter, Role::Waits, None);
        let result = loop {
            if self.ring.look_again(end, sleep) {
                match attempt(&self.ring) {
                    Ok(got) => break Ok(got),
                    Err(Refusal::Closed) => break Err(InVain::Closed),
                    Err(_) => continue,
                }
            }
            let until = time::earlier(deadline, sleep == Sleep::Short);
            if waiter.sleep(Spin::spent(), until) == Told::Nothing && time::passed(deadline) {
                break Err(InVain::TooLate);
            }
            // While it is nudged nobody else is: it tries before it changes that.
            match attempt(&self.ring) {
                Ok(got) => break Ok(got),
                Err(Refusal::Closed) => break Err(InVain::Closed),
                Err(_) => self.again(end, waiter.get_ref()),
            }
        };
        self.leave(end, waiter.get_ref(), Role::Waits);
        result
    }

    /// The same for a task: one poll of a future that has its waiter.
    pub(crate) fn poll<R>(
        &self,
        end: End,
        place: &mut Place<'_>,
        waker: &Waker,
        attempt: impl Fn(&Ring<T>) -> Result<R, Refusal>,
    ) -> Poll<Result<R, InVain>> {
        loop {
            match attempt(&self.ring) {
                Ok(got) => {
                    self.withdraw(end, place);
                    return Poll::Ready(Ok(got));
                }
                Err(Refusal::Closed) => {
                    self.withdraw(end, place);
                    return Poll::Ready(Err(InVain::Closed));
                }
                Err(_) => {}
            }
            let sleep = if *place.queued {
                self.rearm(end, place.waiter.get_ref(), waker);
                Sleep::Fenced
            } else {
                let waker = Some(waker.clone());
                *place.queued = true;
                self.enter(end, place.waiter, Role::Waits, waker)
            };
            if !self.ring.look_again(end, sleep) {
                return Poll::Pending;
            }
        }
    }

    /// A future that is done, or dropped, leaves its line.
    pub(crate) fn withdraw(&self, end: End, place: &mut Place<'_>) {
        if core::mem::take(place.queued) {
            self.leave(end, place.waiter.get_ref(), Role::Waits);
            // SAFETY: it has left, and is the caller's own.
            unsafe { place.waiter.reset(Role::Waits) };
        }
    }

    /// Stands in line. How to look again, and sleep, after this.
    fn enter(&self, end: End, waiter: Pin<&Waiter<Role>>, role: Role, waker: Option<Waker>) -> Sleep {
        let side = self.side(end);
        side.list.with(|line, _| {
            // SAFETY: it is new, and whoever enters leaves before the waiter is gone.
            unsafe { line.push(waiter, waker) };
            line.state.0 += usize::from(role == Role::Watches);
            // Relaxed: under the lock; announcement is by the fence and the look that follow.
            side.waiting.fetch_add(1, Relaxed);
        });
        // SeqCst: announcement, against the `light_fence` of who publishes by store.
        asymmetric::heavy_fence()
    }

    /// Waits on, at the same place. What was published while it was nudged is seen by the look that follows.
    fn again(&self, end: End, waiter: &Waiter<Role>) {
        // SAFETY: the caller stands in this list, or is done.
        let (_, none) = self.side(end).list.with(|line, _| unsafe { line.rearm(waiter, None) });
        drop_waker(none);
    }

    fn rearm(&self, end: End, waiter: &Waiter<Role>, waker: &Waker) {
        let list = &self.side(end).list;
        // SAFETY: the caller stands in this list.
        let same = list.with(|line, _| unsafe { line.will_wake(waiter, waker) })
            && waiter.told() == Told::Nothing;
        if !same {
            let new = Some(waker.clone());
            // SAFETY: as above.
            let (_, old) = list.with(|line, _| unsafe { line.rearm(waiter, new) });
            drop_waker(old);
        }
    }

    /// Out of the line. If there is more, the next is told.
    fn leave(&self, end: End, waiter: &Waiter<Role>, role: Role) {
        let side = self.side(end);
        let mut more = true;
        let mut waker = None;
        while more {
            more = side.list.with(|line, wakes| {
                // SAFETY: the caller stands in this list, or in none.
                let (was, own) = unsafe { line.remove(waiter) };
                if was {
                    waker = own;
                    line.state.0 -= usize::from(role == Role::Watches);
                    // Relaxed: under the lock.
                    side.waiting.fetch_sub(1, Relaxed);
                }
                !line.is_empty() && self.ring.looks_ready(end) && side.tell(line, wakes)
            });
        }
        drop_waker(waker);
    }
}

/// A future's place in a line.
pub(crate) struct Place<'a> {
    pub(crate) waiter: Pin<&'a Waiter<Role>>,
    pub(crate) queued: &'a mut bool,
}
