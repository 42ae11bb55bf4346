//! A counting semaphore in one word: permits, and what a release must know of those who wait.
//!
//! Acquiring is one compare-and-exchange, releasing one addition. The word tells the addition whether somebody waits,
//! so a release needs no fence, and takes the list's lock only if there is something to do for waiters.
//! (tokio's takes a mutex for each release; a counter that goes below zero, as in Kotlin's, is one addition on either
//! side, but cannot say no exactly, nor take several permits at once.)
//!
//! Waiters stand in a [wait list](super::wait_list). In the *fair* mode permits go to them in order, and newcomers
//! wait behind. Otherwise a release leaves the permits to whoever takes them first and *nudges* the first waiters, as many as the
//! permits suffice for: handing permits to sleepers leaves these permits idle for the microseconds that
//! waking takes. A waiter that was nudged and lost keeps its place; when the first has waited a
//! millisecond, the semaphore is fair until it has its permits. So the fair mode is one bit that stays.
//!
//! # State
//!
//! | bits of `word` | meaning                                          | set by                    | cleared by          |
//! |----------------|--------------------------------------------------|---------------------------|---------------------|
//! | `LOOK`         | a release must think of the list: somebody waits, or permits are owed | a waiter that joins | whoever serves an empty line |
//! | `SHUT`         | newcomers may not take: permits are granted in order, or owed | with `LOOK` if fair; on the long wait of the first | with `LOOK`; on a first that has not waited long |
//! | `CLOSED`       | nobody gets any more                             | `close`                   | nobody              |
//! | `AWAKE`        | a number: how many in the list are nudged        | whoever nudges            | the nudged one, or who grants to it |
//! | permits        | a number: how many are free                      | `release`, `add`          | whoever takes       |
//!
//! All but the permits change under the list's lock only.
//!
//! # Transitions
//!
//! | by        | what it does to the word         | when                                                    |
//! |-----------|----------------------------------|---------------------------------------------------------|
//! | `try_take` | − n permits                     | there are n, neither `SHUT` nor `CLOSED`                 |
//! | `release` | + n permits                      | always; then, with `LOOK`, serves if `SHUT` or more are free than waiters awake |
//! | `join`    | − n permits, or + `LOOK`         | in one step: a release either left the permits before, or sees `LOOK` |
//! | nudge     | + 1 `AWAKE`                      | permits suffice for the waiter and those before it      |
//! | `settle`  | − n permits − 1 `AWAKE`, or − 1 `AWAKE` | in one step: as in `join`                        |
//! | grant     | − n permits                      | `SHUT`, for the first in line                           |
//!
//! # Edges
//!
//! * **hand-off**: the `Release` of each `release` pairs with the `Acquire` of whoever takes permits; all changes of the word
//!   between them are read-modify-writes, so it holds across them. Who takes on behalf of a waiter passes it on
//!   by the **grant** of the wait list.
//!
//! Other changes are relaxed: flags and `AWAKE` are ordered by the list's lock, and their meaning for a release by the
//! word's own order. A relaxed load that misses a release under way does no harm: that release saw `LOOK`, and serves
//! after us, or saw enough waiters awake, who look again by a read-modify-write.
//!
//! # Progress
//!
//! Fair: first come, first served, whatever they ask for. Otherwise a waiter is passed by newcomers for at most a millisecond
//! after it has become the first. Those who are nudged are woken in order; one that does not run keeps nobody
//! else from the permits beyond those it was nudged for.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/semaphore.rs` and `small_programs.rs`.

mod resize;
mod serve;
mod wanting;

pub(crate) use wanting::Wanting;

use super::{
    mutex::Observer,
    wait_list::{Line, Told, WaitList, Waiter},
};
use crate::sync::{
    atomic::{
        AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    const_new,
    spin::{Spin, Wait},
    time::Instant,
};
use core::{
    pin::{Pin, pin},
    task::Waker,
};

const LOOK: usize = 1;
const SHUT: usize = 2;
const CLOSED: usize = 4;
const AWAKE: usize = 8;
/// Nobody is nudged beyond so many.
const MOST_AWAKE: usize = 63;
const PERMIT: usize = 512;

/// The most permits there can be: `AWAKE` and the flags need the rest of the word.
pub(crate) const MAX_PERMITS: usize = usize::MAX / PERMIT / 2;

const fn permits(word: usize) -> usize {
    word / PERMIT
}

const fn awake(word: usize) -> usize {
    (word / AWAKE) & MOST_AWAKE
}

/// Why there are no permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    TooMany,
    /// Not now; or not before the deadline.
    NotYet,
}

/// What a waiter asks for, and what became of that.
#[derive(Clone, Copy, Debug)]
struct Request {
    wanted: usize,
    /// None before it stands in line.
    since: Option<Wait>,
    /// It has waited for long: kept, as the clock need be asked only until then.
    long: bool,
    outcome: Result<(), Refused>,
}

impl Request {
    const fn idle(wanted: usize) -> Self {
        Self { wanted, since: None, long: false, outcome: Ok(()) }
    }

    fn now(wanted: usize) -> Self {
        Self { since: Some(Wait::start()), ..Self::idle(wanted) }
    }

    fn is_long(&mut self) -> bool {
        self.long = self.long || self.since.is_some_and(Wait::is_long);
        self.long
    }

    fn tell(&self, observer: &impl Observer) {
        if let Some(since) = self.since {
            observer.waited(since);
        }
    }
}

/// How many permits there are, free and taken; under the list's lock.
#[derive(Debug)]
struct Books {
    /// How many of the limit never were permits.
    spare: usize,
    /// Taken permits that are gone once they come back.
    owed: usize,
}

type Queue = Line<Books, Request>;

#[derive(Debug)]
pub(crate) struct RawSemaphore {
    word: AtomicUsize,
    fair: bool,
    /// Written under the list's lock.
    limit: AtomicUsize,
    list: WaitList<Books, Request>,
}

impl RawSemaphore {
    const_new! {
        /// `free` and `limit` are checked by the caller.
        pub(crate) const fn new(free: usize, limit: usize, fair: bool) -> Self {
            Self {
                word: AtomicUsize::new(free * PERMIT),
                fair,
                limit: AtomicUsize::new(limit),
                list: WaitList::new(Books { spare: limit - free, owed: 0 }),
            }
        }
    }

    /// Takes permits if they are there and nobody has a right to them before.
    #[inline]
    fn try_take(&self, wanted: usize) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & (SHUT | CLOSED) == 0 && permits(word) >= wanted {
            let left = word - wanted * PERMIT;
            // Acquire: hand-off, from whoever released them. Relaxed on failure: tried again with what is there.
            match self.word.compare_exchange_weak(word, left, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn try_acquire(&self, wanted: usize) -> Result<(), Refused> {
        if self.try_take(wanted) { Ok(()) } else { Err(self.refusal(wanted)) }
    }

    #[cold]
    fn refusal(&self, wanted: usize) -> Refused {
        if self.is_closed() {
            Refused::Closed
        } else if wanted > self.limit() {
            Refused::TooMany
        } else {
            Refused::NotYet
        }
    }

    /// Takes permits, blocking the thread until the deadline.
    #[inline]
    pub(crate) fn acquire(
        &self,
        wanted: usize,
        observer: &impl Observer,
        deadline: Option<Instant>,
    ) -> Result<(), Refused> {
        if self.try_take(wanted) { Ok(()) } else { self.acquire_slow(wanted, observer, deadline) }
    }

    /// Gives permits back.
    #[inline]
    pub(crate) fn release(&self, given: usize) {
        // Release: hand-off, to whoever takes them.
        let before = self.word.fetch_add(given * PERMIT, Release);
        if before & LOOK != 0 {
            self.release_slow(before + given * PERMIT);
        }
    }

    #[cold]
    fn release_slow(&self, word: usize) {
        // As many awake as there are permits: each of them will look.
        if word & SHUT != 0 || permits(word) > awake(word) {
            self.serve_all();
        }
    }

    #[cold]
    fn acquire_slow(
        &self,
        wanted: usize,
        observer: &impl Observer,
        deadline: Option<Instant>,
    ) -> Result<(), Refused> {
        let mut spin = Spin::brief();
        while self.word.load(Relaxed) & (LOOK | CLOSED) == 0 && spin.once() {
            if self.try_take(wanted) {
                return Ok(());
            }
        }
        let request = Request::now(wanted);
        let waiter = pin!(Waiter::new(request));
        let waiter = waiter.as_ref();
        let mut no_waker = None;
        // SAFETY: the waiter is new. While it waits, this does not return.
        let mut over =
            self.list.with(|line, _| unsafe { self.join(line, waiter, wanted, &mut no_waker) });
        while over.is_none() {
            let told = waiter.sleep(Spin::brief(), deadline, || observer.parks());
            if told == Told::Look {
                let mut spin = Spin::brief();
                while permits(self.word.load(Relaxed)) < wanted && spin.once() {}
            }
            over = self.look(&waiter, request, told, &mut no_waker);
        }
        let got = over.unwrap_or(Err(Refused::NotYet));
        if got.is_ok() {
            request.tell(observer);
        }
        got
    }

    /// Takes permits, or stands in line.
    ///
    /// # Safety
    ///
    /// As for [`Line::push`].
    unsafe fn join(
        &self,
        line: &mut Queue,
        waiter: Pin<&Waiter<Request>>,
        wanted: usize,
        waker: &mut Option<Waker>,
    ) -> Option<Result<(), Refused>> {
        if self.is_closed() || wanted > self.limit() {
            return Some(Err(self.refusal(wanted)));
        }
        let shut = if self.fair { SHUT } else { 0 };
        self.collect(&mut line.state);
        // Shut for what is owed, and nobody is in front of us.
        let barred = if line.is_empty() { 0 } else { SHUT };
        if self.take_or(wanted, barred, |left| left, |word| word | LOOK | shut) {
            return Some(Ok(()));
        }
        // SAFETY: the caller's promise.
        unsafe { line.push(waiter, waker.take()) };
        None
    }

    /// What a waiter does that was told something, or that is polled, or whose time is up: `Told::Nothing` from a
    /// thread. None if it waits on.
    fn look(
        &self,
        waiter: &Waiter<Request>,
        request: Request,
        told: Told,
        waker: &mut Option<Waker>,
    ) -> Option<Result<(), Refused>> {
        let mut over = None;
        let mut done = told == Told::Done;
        if !done {
            let gives_up = told == Told::Nothing && waker.is_none();
            let more = self.list.with(|line, wakes| {
                // It may have been told since.
                let told = waiter.told();
                done = told == Told::Done;
                !done && {
                    over = self.settle(line, waiter, request, told, waker, gives_up);
                    self.serve(line, wakes)
                }
            });
            if more {
                self.serve_all();
            }
        }
        // SAFETY: it is out of the list, and the caller's.
        if done { Some(unsafe { waiter.data() }.outcome) } else { over }
    }

    /// Under the lock, for a waiter that stands in line: takes its permits and leaves, or waits on, or gives up.
    fn settle(
        &self,
        line: &mut Queue,
        waiter: &Waiter<Request>,
        request: Request,
        told: Told,
        waker: &mut Option<Waker>,
        gives_up: bool,
    ) -> Option<Result<(), Refused>> {
        let counted = if told == Told::Look { AWAKE } else { 0 };
        let first = line.is_first(waiter);
        let barred = if first { 0 } else { SHUT };
        let starves = first && !gives_up && line.first(Request::is_long) == Some(true);
        let shut = if starves { SHUT } else { 0 };
        let got = self.take_or(
            request.wanted,
            barred,
            |left| left - counted,
            |word| (word - counted) | shut,
        );
        if got || gives_up {
            // SAFETY: it stands in this list.
            *waker = unsafe { line.remove(waiter) }.1;
            return Some(if got { Ok(()) } else { Err(Refused::NotYet) });
        }
        // SAFETY: it stands in this list.
        *waker = unsafe { line.rearm(waiter, waker.take()) }.1;
        None
    }

    /// Takes permits unless one of the flags `barred` is up, or else changes the word, in one step.
    fn take_or(
        &self,
        wanted: usize,
        barred: usize,
        taken: impl Fn(usize) -> usize,
        otherwise: impl Fn(usize) -> usize,
    ) -> bool {
        let mut word = self.word.load(Relaxed);
        loop {
            let enough = word & barred == 0 && permits(word) >= wanted;
            let next = if enough { taken(word - wanted * PERMIT) } else { otherwise(word) };
            if !enough && next == word {
                return false;
            }
            // Acquire: hand-off, from whoever released them. Relaxed on failure: tried again.
            match self.word.compare_exchange_weak(word, next, Acquire, Relaxed) {
                Ok(_) => return enough,
                Err(now) => word = now,
            }
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Relaxed) & CLOSED != 0
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    pub(crate) fn is_fair(&self) -> bool {
        self.fair
    }

    pub(crate) fn available(&self) -> usize {
        permits(self.word.load(Relaxed))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.list.with(|line, _| line.len())
    }

    /// Permits that somebody has.
    pub(crate) fn in_use(&self) -> usize {
        self.list.with(|line, _| {
            let all = self.limit() - line.state.spare + line.state.owed;
            all.saturating_sub(self.available())
        })
    }
}
