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
//! | `call`       | 1: who publishes has somebody to tell; 0: nobody waits, or one is awake and will look | under the list's lock |
//! | a `Waits`    | wants an item, or room; nudged or not     | nudged by who publishes or leaves; not, by itself |
//! | a `Watches`  | wants an answer: told as soon as anything is published | granted by who publishes             |
//! | `nudged`     | one of those who wait has been told, and has not looked since | with the above, under the list's lock |
//!
//! # Transitions
//!
//! | by         | what                                     | when                                              |
//! |------------|------------------------------------------|---------------------------------------------------|
//! | `notify`   | nudges the first, unless one is nudged; grants all who watch | after each publication, if `call` |
//! | `enter`    | a place in line; then the last look      | it spun in vain                                   |
//! | `again`    | nudged → not, at its place; then the last look | nudged, and there was nothing for it        |
//! | `leave`    | out of the line; if it was nudged since its last look was in vain, a look for the others | it has what it wanted, or gives up |
//! | `close`    | nudges all, at both ends                 | once                                              |
//!
//! # Edges
//!
//! * **queue up** and **announcement**, of the [ring](super::ring): who enters, or is not nudged any more, raises `call`,
//!   then takes its last look; who publishes, looks at `call` after that.
//!
//! `call` is changed under the lock only, and relaxed.
//!
//! # Progress
//!
//! Newcomers may take what waiters were woken for. Waiters are nudged in the order they came, one at a time, and each
//! keeps its place until it is served. A waiter that is cancelled while nudged looks on its way out, as any does.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/queue.rs` and `queue_pairs.rs` beside it, with both ways of publishing.

use super::{
    ring::{Care, End, Look, Refusal, Ring},
    wait_list::{Line, Told, Turn, WaitList, Waiter, Wakes},
};
use crate::sync::{
    atomic::{AtomicUsize, Ordering::Relaxed},
    habit::Habit,
    park::drop_waker,
    spin::{Spin, Wait},
    time::{self, Instant},
};
use core::{
    pin::{Pin, pin},
    task::{Poll, Waker},
};
use crossbeam_utils::CachePadded;

/// As many make it worth to have waited for them: more than share a line.
const AHEAD: usize = 5;

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
    call: CachePadded<AtomicUsize>,
    list: CachePadded<WaitList<Those, Role>>,
    /// Of those who spin before they enter the list.
    habit: CachePadded<Habit>,
}

/// Of those in the line.
#[derive(Debug)]
struct Those {
    /// How many watch.
    watching: usize,
    /// How many wait and have been told.
    nudged: usize,
}

type Queued = Line<Those, Role>;

impl Side {
    #[track_caller]
    fn new() -> Self {
        Self {
            call: CachePadded::new(AtomicUsize::new(0)),
            list: CachePadded::new(WaitList::new(Those { watching: 0, nudged: 0 })),
            habit: CachePadded::new(Habit::new()),
        }
    }

    /// Tells all who watch, and the first of those who wait, unless one of them has been told and has not looked
    /// yet. Whether there was no room for all wake-ups.
    fn tell(&self, line: &mut Queued, wakes: &mut Wakes) -> bool {
        let more = line.serve(wakes, |those, role, _| {
            if *role == Role::Watches {
                those.watching -= 1;
                Turn::Grant
            } else if those.nudged == 0 {
                those.nudged = 1;
                Turn::Nudge
            } else if those.watching == 0 {
                Turn::Stop
            } else {
                Turn::Skip
            }
        });
        self.set_call(line);
        more
    }

    /// Sets `call` to what the line says.
    fn set_call(&self, line: &Queued) {
        let waiting = line.len() - line.state.watching;
        let call = line.state.watching > 0 || (waiting > 0 && line.state.nudged == 0);
        // Relaxed: under the lock; those who miss it are seen by the last look.
        self.call.swap(usize::from(call), Relaxed);
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
        if self.side(end).call.load(Relaxed) != 0 {
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
                    line.serve(wakes, |those, role, nudged| {
                        if nudged {
                            return Turn::Skip;
                        }
                        those.nudged += usize::from(*role == Role::Waits);
                        Turn::Nudge
                    })
                }) {}
            }
        }
        first
    }

    /// How many wait for an item.
    pub(crate) fn idle(&self) -> usize {
        self.to_pop.list.with(|line, _| line.len() - line.state.watching)
    }

    /// Tries until the answer is exact: waits only for a peer that is in the middle of its own operation.
    #[inline]
    pub(crate) fn at_once<R>(
        &self,
        end: End,
        attempt: impl Fn(&Ring<T>, Care) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        loop {
            match attempt(&self.ring, Care::Exact) {
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
                self.enter(end, waiter, Role::Watches, None);
                loop {
                    let look = self.ring.look_again(end, true);
                    if look == Look::Ready
                        || waiter.sleep(Spin::spent(), until(look, None), || {}) != Told::Nothing
                    {
                        break;
                    }
                }
                self.leave(end, waiter.get_ref(), Role::Watches, false);
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
        attempt: impl Fn(&Ring<T>, Care) -> Result<R, Refusal>,
    ) -> Result<R, InVain> {
        match attempt(&self.ring, Care::Glance) {
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
        attempt: impl Fn(&Ring<T>, Care) -> Result<R, Refusal>,
    ) -> Result<R, InVain> {
        let habit = &self.side(end).habit;
        let mut spin = habit.spin();
        while spin.once() && !time::is_past(deadline) {
            if self.ring.looks_ready(end) {
                self.gather(end);
                match attempt(&self.ring, Care::Glance) {
                    Ok(got) => {
                        habit.spun(&spin);
                        return Ok(got);
                    }
                    Err(Refusal::Closed) => return Err(InVain::Closed),
                    Err(_) => {}
                }
            }
        }
        habit.spun(&spin);
        let waiter = pin!(Waiter::new(Role::Waits));
        let waiter = waiter.as_ref();
        self.enter(end, waiter, Role::Waits, None);
        let mut owes = false;
        let result = loop {
            let look = self.ring.look_again(end, false);
            if look != Look::Ready {
                // Who dozes may have missed what it owes the others a look for.
                owes &= look == Look::Doze;
                let wait = Wait::start();
                let told = waiter.sleep(Spin::spent(), until(look, deadline), || {});
                habit.slept(wait);
                if told == Told::Nothing && time::passed(deadline) {
                    break Err(InVain::TooLate);
                }
            }
            match attempt(&self.ring, Care::Exact) {
                Ok(got) => break Ok(got),
                Err(Refusal::Closed) => break Err(InVain::Closed),
                Err(_) => owes |= self.again(end, waiter.get_ref()),
            }
        };
        self.leave(end, waiter.get_ref(), Role::Waits, owes);
        result
    }

    /// Lets more come before the first is taken, where that pays.
    fn gather(&self, end: End) {
        if self.ring.capacity() > 2 * AHEAD {
            let more = || self.ring.looks_ready_ahead(end, AHEAD);
            self.side(end).habit.gather(self.ring.capacity(), more);
        }
    }

    /// The same for a task: one poll of a future that has this place.
    #[inline]
    pub(crate) fn poll<R>(
        &self,
        end: End,
        place: Pin<&mut Place>,
        waker: &Waker,
        attempt: impl Fn(&Ring<T>, Care) -> Result<R, Refusal>,
    ) -> Poll<Result<R, InVain>> {
        if place.is_none() {
            if let Ok(got) = attempt(&self.ring, Care::Glance) {
                return Poll::Ready(Ok(got));
            }
        }
        self.poll_slow(end, place, waker, attempt)
    }

    #[cold]
    fn poll_slow<R>(
        &self,
        end: End,
        mut place: Pin<&mut Place>,
        waker: &Waker,
        attempt: impl Fn(&Ring<T>, Care) -> Result<R, Refusal>,
    ) -> Poll<Result<R, InVain>> {
        let mut look = Look::Ready;
        if place.is_none() {
            let mut spin = Spin::brief();
            while spin.once() {
                if self.ring.looks_ready(end) {
                    self.gather(end);
                    if let Ok(got) = attempt(&self.ring, Care::Glance) {
                        return Poll::Ready(Ok(got));
                    }
                }
            }
            place.set(Some(Waiter::new(Role::Waits)));
            if let Some(waiter) = place.as_ref().as_pin_ref() {
                self.enter(end, waiter, Role::Waits, Some(waker.clone()));
            }
            look = self.ring.look_again(end, false);
        }
        let mut owes = false;
        while look == Look::Ready {
            let result = match attempt(&self.ring, Care::Exact) {
                Ok(got) => Ok(got),
                Err(Refusal::Closed) => Err(InVain::Closed),
                Err(_) => {
                    if let Some(waiter) = place.as_ref().as_pin_ref() {
                        owes |= self.rearm(end, waiter.get_ref(), waker);
                    }
                    look = self.ring.look_again(end, false);
                    continue;
                }
            };
            self.withdraw_slow(end, place, owes);
            return Poll::Ready(result);
        }
        if look == Look::Doze {
            // It, or what it owes the others a look for, may have been missed: it asks to be polled again, and has the
            // first in line look, as it may be dropped before that.
            if owes {
                self.notify_slow(end);
            }
            waker.wake_by_ref();
        }
        Poll::Pending
    }

    /// A future that is done, or dropped, leaves its line.
    #[inline]
    pub(crate) fn withdraw(&self, end: End, place: Pin<&mut Place>) {
        if place.is_some() {
            self.withdraw_slow(end, place, false);
        }
    }

    #[cold]
    fn withdraw_slow(&self, end: End, mut place: Pin<&mut Place>, owes: bool) {
        if let Some(waiter) = place.as_ref().as_pin_ref() {
            self.leave(end, waiter.get_ref(), Role::Waits, owes);
        }
        place.set(None);
    }

    /// Stands in line. Whoever does takes a last look before it sleeps.
    fn enter(&self, end: End, waiter: Pin<&Waiter<Role>>, role: Role, waker: Option<Waker>) {
        let side = self.side(end);
        side.list.with(|line, _| {
            // SAFETY: it is new, and whoever enters leaves before the waiter is gone.
            unsafe { line.push(waiter, waker) };
            line.state.watching += usize::from(role == Role::Watches);
            side.set_call(line);
        });
    }

    /// Waits on, at the same place: it can be told again. Whether it was told, and so owes the others a look:
    /// what was published since was not told to anybody.
    fn again(&self, end: End, waiter: &Waiter<Role>) -> bool {
        self.not_nudged(end, waiter, None)
    }

    fn rearm(&self, end: End, waiter: &Waiter<Role>, waker: &Waker) -> bool {
        let list = &self.side(end).list;
        // SAFETY: the caller stands in this list.
        let same = list.with(|line, _| unsafe { line.will_wake(waiter, waker) });
        (!same || waiter.told() != Told::Nothing)
            && self.not_nudged(end, waiter, Some(waker.clone()))
    }

    fn not_nudged(&self, end: End, waiter: &Waiter<Role>, waker: Option<Waker>) -> bool {
        let side = self.side(end);
        let (nudged, waker) = side.list.with(|line, _| {
            let nudged = waiter.told() == Told::Look;
            line.state.nudged -= usize::from(nudged);
            // SAFETY: the caller stands in this list.
            let (_, old) = unsafe { line.rearm(waiter, waker) };
            side.set_call(line);
            (nudged, old)
        });
        drop_waker(waker);
        nudged
    }

    /// Out of the line. One that was told looks for the others, who were not; and one that `owes` them that.
    fn leave(&self, end: End, waiter: &Waiter<Role>, role: Role, owes: bool) {
        let side = self.side(end);
        let (looks, waker) = side.list.with(|line, _| {
            let nudged = role == Role::Waits && waiter.told() == Told::Look;
            // SAFETY: the caller stands in this list, or in none.
            let (was, waker) = unsafe { line.remove(waiter) };
            if was {
                line.state.watching -= usize::from(role == Role::Watches);
                line.state.nudged -= usize::from(nudged);
                side.set_call(line);
            }
            ((nudged || owes) && !line.is_empty(), waker)
        });
        drop_waker(waker);
        if looks && self.ring.look_again(end, false) != Look::Sleep {
            self.notify_slow(end);
        }
    }
}

/// How long to sleep.
fn until(look: Look, deadline: Option<Instant>) -> Option<Instant> {
    time::earlier(deadline, look == Look::Doze)
}

/// A future's place in a line: it has a waiter while it stands there. So one that need not wait is made and moved at no
/// cost.
pub(crate) type Place = Option<Waiter<Role>>;
