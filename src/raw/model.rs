//! What the models see of the algorithms: counters owned by the model, not by the program, and what
//! the bytes of a mutex say.

use super::{
    mutex::{
        ASLEEP, AWAKE, CLOSED, COMING, DOZING, FREE, FRONT, HEAD, HELD, ONE_COMING, RESERVED,
        RawMutex, wait::Place,
    },
    registry::{PLACES, Registry},
    rows::Rows,
    wait_list::{Line, Told, Turn, WaitList, Waiter},
};
use crate::sync::{park::drop_waker, sizes::SLOTS, spin::Spin, time::Instant};
use crate::{
    Mutex, Policy,
    sync::{atomic::Ordering::Relaxed, park},
};
use core::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

/// A registry and counters of its own, whose slots are claimed and released by hand.
#[derive(Debug)]
pub struct Counters<const N: usize> {
    registry: Registry,
    rows: Rows<N>,
}

impl<const N: usize> Counters<N> {
    /// How many slots there are.
    pub const SLOTS: usize = SLOTS;
    /// The first shared place.
    pub const SHARED: usize = PLACES - 1;

    #[track_caller]
    #[allow(clippy::new_without_default, missing_docs, reason = "for models only")]
    pub fn new() -> Self {
        Self { registry: Registry::new(), rows: Rows::new() }
    }

    /// As a thread that counts for the first time: a slot, or a shared place.
    pub fn settle(&self) -> usize {
        self.registry.claim().unwrap_or_else(|| self.registry.share())
    }

    /// As a thread that ends.
    pub fn release(&self, place: usize) {
        if place < SLOTS {
            self.registry.release(place);
        }
    }

    /// A shared place, as for a destructor that runs after the slot was released.
    pub fn share(&self) -> usize {
        self.registry.share()
    }

    /// Adds in `place`, which must be the caller's or shared.
    pub fn add(&self, place: usize, column: usize, n: u64) {
        if !self.rows.add_own(place, column, n) {
            self.rows.add_shared(place, column, n);
        }
    }

    #[allow(missing_docs, reason = "see `Counter::sum`")]
    pub fn sum(&self, column: usize) -> u64 {
        self.rows.sum(column, self.registry.visited())
    }

    #[allow(missing_docs, reason = "see `Counter::take`")]
    pub fn take(&self, column: usize) -> u64 {
        self.rows.take(column, || self.registry.visited())
    }
}

/// A look at a mutex from outside, which locks nothing. What it finds may be old, like all that is read relaxed.
#[derive(Debug)]
pub struct Inside<'a>(&'a RawMutex);

/// A look at `mutex`.
pub fn inside<T: ?Sized, P: Policy>(mutex: &Mutex<T, P>) -> Inside<'_> {
    Inside(&mutex.raw)
}

impl Inside<'_> {
    /// Whether somebody is next, awake or asleep, or queues to be.
    pub fn is_awaited(&self) -> bool {
        // A modification, of nothing: of several loads by one thread loom tries too few orders.
        self.0.waiters.fetch_or(0, Relaxed) & (AWAKE | DOZING | ASLEEP) != 0
    }

    /// How many sleep behind who is next.
    pub fn queued(&self) -> usize {
        park::sleepers(&self.0.waiters)
    }

    /// Whether the lock is closed for one that sleeps: only the next release changes that.
    pub fn is_due(&self) -> bool {
        // As in `is_awaited`.
        let waiters = self.0.waiters.fetch_or(0, Relaxed);
        waiters & (CLOSED | FRONT | HEAD) == CLOSED | FRONT
    }

    /// Whether the lock is kept for a waiter.
    pub fn is_reserved(&self) -> bool {
        self.0.lock.load(Relaxed) == RESERVED
    }

    /// Leaves a free lock as a fair release does whose waiter gives up: reserved, for nobody.
    ///
    /// # Panics
    ///
    /// If it is not free.
    #[track_caller]
    pub fn reserve(&self) {
        let was = self.0.lock.compare_exchange(FREE, RESERVED, Relaxed, Relaxed);
        assert_eq!(was, Ok(FREE), "free to begin with");
    }

    /// Waits as the head does, if nobody sees to those who wait.
    pub fn enter(&self) {
        self.0.enter();
    }

    /// Is the head no longer, with the lock.
    pub fn leave(&self) {
        self.0.leave();
    }

    /// Is the head no longer, without the lock.
    pub fn give_up(&self) {
        self.0.give_up();
    }

    /// Begins a fair release, which is in good time for one that dozes, or just too late.
    pub fn rouse(&self) {
        self.0.rouse();
    }

    /// Wakes one more, as a release does that finds who was woken slow to come.
    pub fn wake_one_more(&self) {
        // Relaxed: as there.
        self.0.waiters.fetch_add(ONE_COMING, Relaxed);
        self.0.pop();
    }

    /// As many are coming as can be counted.
    pub fn expect_many(&self) {
        // Relaxed: as above.
        self.0.waiters.fetch_add(COMING, Relaxed);
    }

    /// These come, each in turn, and give up.
    pub fn many_come(&self) {
        for _ in 0..COMING / ONE_COMING {
            if self.0.arrive(ONE_COMING) == Place::Head {
                self.0.give_up();
            }
        }
    }

    /// Panics unless the mutex is as if nobody had ever waited. `RESERVED` may be left by a release whose waiter gave
    /// up. No bit may: one that says who sleeps stands beside one that says who sees to them, and that ends with a
    /// release that looks for sleepers, or with a head that leaves when there are none. So as soon as all who locked and
    /// released are done, the byte is zero.
    ///
    /// # Panics
    ///
    /// If somebody has the lock, or is noted as waiting.
    #[track_caller]
    pub fn assert_settled(&self) {
        assert_ne!(self.0.lock.load(Relaxed), HELD, "still held");
        assert_eq!(self.0.waiters.load(Relaxed), 0, "a bit is left");
    }
}

/// The least that can be built on a wait list: goods, for who comes first.
#[derive(Debug)]
pub struct Goods {
    list: WaitList<u32, ()>,
    /// Whether waiters are nudged, to help themselves, instead of being granted.
    nudges: bool,
}

type GoodsLine = Line<u32, ()>;

impl Goods {
    #[track_caller]
    #[allow(missing_docs, reason = "for models only")]
    pub fn new(nudges: bool) -> Self {
        Self { list: WaitList::new(0), nudges }
    }

    /// Adds some, for those who wait.
    pub fn put(&self, some: u32) {
        let mut some = some;
        while self.list.with(|line, wakes| {
            line.state += core::mem::take(&mut some);
            let mut left = line.state;
            line.serve(wakes, |goods, (), nudged| {
                if left == 0 {
                    return Turn::Stop;
                }
                left -= 1;
                if self.nudges {
                    return if nudged { Turn::Skip } else { Turn::Nudge };
                }
                *goods -= 1;
                Turn::Grant
            })
        }) {}
    }

    /// Takes one, blocking the thread until there is one or the deadline has passed.
    pub fn take(&self, deadline: Option<Instant>) -> bool {
        let waiter = pin!(Waiter::new(()));
        let waiter = waiter.as_ref();
        let mut got = self.list.with(|line, _| {
            let got = help_oneself(line);
            if !got {
                // SAFETY: it is new, and told `Done` or removed before this returns.
                unsafe { line.push(waiter, None) };
            }
            got.then_some(true)
        });
        while got.is_none() {
            let told = waiter.sleep(Spin::brief(), deadline, || {});
            let settle = |line: &mut GoodsLine| settle(line, &waiter, told == Told::Nothing);
            got = if told == Told::Done {
                Some(true)
            } else {
                self.list.with(|line, _| settle(line))
            };
        }
        got == Some(true)
    }

    /// As [`take`](Self::take), for a task.
    pub fn take_async(&self) -> TakeGoods<'_> {
        TakeGoods { from: self, waiter: Waiter::new(()), stage: Stage::New }
    }

    /// What is left.
    pub fn left(&self) -> u32 {
        self.list.with(|line, _| line.state)
    }
}

fn help_oneself(line: &mut GoodsLine) -> bool {
    let got = line.state > 0;
    line.state -= u32::from(got);
    got
}

/// What a thread does that has been nudged or that is too late. None: it waits on.
fn settle(line: &mut GoodsLine, waiter: &Waiter<()>, too_late: bool) -> Option<bool> {
    if waiter.told() == Told::Done {
        return Some(true);
    }
    let got = help_oneself(line);
    if got || too_late {
        // SAFETY: it stands in this list.
        unsafe { line.remove(waiter) };
        return Some(got);
    }
    // SAFETY: it stands in this list.
    unsafe { line.rearm(waiter, None) };
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Queued,
    Over,
}

/// See [`Goods::take_async`].
#[derive(Debug)]
pub struct TakeGoods<'a> {
    from: &'a Goods,
    waiter: Waiter<()>,
    stage: Stage,
}

impl Future for TakeGoods<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out, and the waiter is pinned with the future.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        let mut waker = Some(context.waker().clone());
        let stage = this.stage;
        let got = this.from.list.with(|line, _| {
            if stage == Stage::Queued {
                // SAFETY: it was pushed to this list.
                let (told, old) = unsafe { line.rearm(&waiter, waker.take()) };
                waker = old;
                if told == Told::Done {
                    return true;
                }
            }
            let got = help_oneself(line);
            if got && stage == Stage::Queued {
                // SAFETY: it stands in this list.
                waker = unsafe { line.remove(&waiter) }.1;
            }
            if !got && stage == Stage::New {
                // SAFETY: it is new, and told `Done` or removed before the future is gone.
                unsafe { line.push(waiter, waker.take()) };
            }
            got
        });
        drop_waker(waker);
        this.stage = if got { Stage::Over } else { Stage::Queued };
        if got { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for TakeGoods<'_> {
    fn drop(&mut self) {
        if self.stage != Stage::Queued {
            return;
        }
        // SAFETY: it was pushed to this list.
        let (queued, waker) = self.from.list.with(|line, _| unsafe { line.remove(&self.waiter) });
        drop_waker(waker);
        // Not in the list, it had been granted one; and one that was nudged passes that on.
        self.from.put(u32::from(!queued));
    }
}
