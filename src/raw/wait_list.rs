//! A line of waiters, threads and tasks alike, first come first served: what everything that waits is built on.
//!
//! A waiter is a node on the blocked thread's stack or in the pinned future, so a wait allocates nothing, and the list is
//! doubly linked, so one that gives up leaves in one step wherever it stands. The list knows nothing of permits or
//! items: whoever uses it looks at the data of the waiters, in order and under the list's lock, and says who is
//! granted, who is nudged and where to stop. Those are woken when the lock is free again: a waker is
//! code of the user's. It may come back to this very list, or panic. (A queue of keys with a table of
//! parked threads, as under the mutex, has no place for tasks; boxed listeners allocate for each wait.)
//!
//! ```text
//!   first ──▶ waiter ◀──▶ waiter ◀──▶ waiter ◀── last       under the list's lock
//!             data        data        data                  what it wants; then, what it got
//!             waker       (thread)    waker                 moved out by who wakes it
//!             state       state       state                 the only thing read without the lock
//! ```
//!
//! # State
//!
//! | `state`  | meaning                                          | who may change it                              |
//! |----------|--------------------------------------------------|------------------------------------------------|
//! | `AWAKE`  | not told anything; a task, or a thread that spins | itself, → `ASLEEP`; with the lock, → `NUDGED`, `DONE` |
//! | `ASLEEP` | a thread that parks, or parked in vain           | with the lock, → `NUDGED`, `DONE`              |
//! | `NUDGED` | told to look again, and keeps its place          | with the lock: itself, → `AWAKE`, or → `DONE`  |
//! | `DONE`   | granted, and out of the list: the node is its own again | nobody                                  |
//!
//! # Transitions
//!
//! | by          | from → to              | when                                                             |
//! |-------------|------------------------|------------------------------------------------------------------|
//! | `sleep`     | `AWAKE → ASLEEP`       | it spun in vain                                                  |
//! | `serve`     | any → `DONE`           | the caller's closure says `Grant`; unlinked before that          |
//! | `serve`     | `AWAKE`, `ASLEEP → NUDGED` | the closure says `Nudge`                                     |
//! | `rearm`     | any → `AWAKE`          | it looked, and waits on                                          |
//! | `remove`    | none                   | it gives up or takes what it wants: unlinked                     |
//!
//! # Edges
//!
//! * **grant**: the `Release` of `serve` pairs with the `Acquire` by which the waiter sees `DONE` or `NUDGED`. The
//!   granter's last touch of the node comes before it, and what it wrote to the data. From then on it has the
//!   waker, moved out, or the address that the thread parks on, and needs no node: the waiter may free it at once.
//! * A thread that parks does so only if it is `ASLEEP` under the bucket's lock. Whoever changed that wakes it after
//!   the change, by the same bucket: the wake-up finds it there, or it does not park.
//!
//! Everything else passes through the list's lock.
//!
//! # Progress
//!
//! First come, first served, as far as the user of the list goes by its order. At most
//! [`WAKES`] are told in one section; then the lock is given up, and they are woken. A waker that panics is
//! contained: the panic hook has told of it, the others are woken, and nothing unwinds out of here.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/wait_list.rs`, with loom's mutex in place of ours ([`Section`]).

use super::mutex::{Observer, RawMutex};
use crate::sync::{
    Exclude,
    atomic::{
        AtomicU8,
        Ordering::{Acquire, Relaxed, Release},
    },
    cell::UnsafeCell,
    const_new,
    park::{self, Address, Parked},
    section::Section,
    sizes::WAKES,
    spin::Spin,
    time::{self, Instant},
};
use core::{marker::PhantomPinned, pin::Pin, ptr, task::Waker};

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const NUDGED: u8 = 2;
const DONE: u8 = 3;

/// What a waiter was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing yet; from [`Waiter::sleep`], that the deadline passed.
    Nothing,
    /// To look again: it still stands in the list.
    Look,
    /// That it is granted what it waited for, or that there is none: its data says which.
    Done,
}

/// What becomes of a waiter that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It leaves the list and is told: [`Told::Done`].
    Grant,
    /// It is told to look for itself, and keeps its place: [`Told::Look`].
    Nudge,
    /// The next is looked at.
    Skip,
    /// No more are looked at.
    Stop,
}

/// One that waits, or might. Stays where it is while it stands in a list.
#[derive(Debug)]
pub(crate) struct Waiter<D> {
    state: AtomicU8,
    /// Of whoever has the list's lock while it stands in the list, of its owner before and after.
    entry: UnsafeCell<Entry<D>>,
    _pinned: PhantomPinned,
}

#[derive(Debug)]
struct Entry<D> {
    before: *const Waiter<D>,
    behind: *const Waiter<D>,
    linked: bool,
    /// None for a thread.
    waker: Option<Waker>,
    data: D,
}

// SAFETY: the links are followed under the list's lock only; data and waker go from thread to thread by it.
unsafe impl<D: Send> Send for Waiter<D> {}
// SAFETY: as above.
unsafe impl<D: Send> Sync for Waiter<D> {}

impl<D: Copy> Waiter<D> {
    const_new! {
        pub(crate) const fn new(data: D) -> Self {
            let entry =
                Entry { before: ptr::null(), behind: ptr::null(), linked: false, waker: None, data };
            Self { state: AtomicU8::new(AWAKE), entry: UnsafeCell::new(entry), _pinned: PhantomPinned }
        }
    }

    fn entry<R>(&self, f: impl FnOnce(*mut Entry<D>) -> R) -> R {
        self.entry.get_mut().with(f)
    }

    /// What it was told.
    #[inline]
    pub(crate) fn told(&self) -> Told {
        // Acquire: grant, from `serve`.
        match self.state.load(Acquire) {
            DONE => Told::Done,
            NUDGED => Told::Look,
            _ => Told::Nothing,
        }
    }

    /// The data, as the granter left it.
    ///
    /// # Safety
    ///
    /// The caller owns the waiter, which was told [`Told::Done`] or removed, or never stood in a list.
    pub(crate) unsafe fn data(&self) -> D {
        // SAFETY: out of the list, so nobody else has access, by the caller's promise.
        self.entry(|entry| unsafe { (*entry).data })
    }

    /// Blocks the thread until it is told something, or the deadline passes. Spins first, and calls `parks` if that
    /// was in vain.
    ///
    /// For a waiter that was pushed without a waker.
    pub(crate) fn sleep(
        &self,
        mut spin: Spin,
        deadline: Option<Instant>,
        parks: impl FnOnce(),
    ) -> Told {
        loop {
            let told = self.told();
            if told != Told::Nothing {
                return told;
            }
            if !spin.once() {
                break;
            }
        }
        parks();
        // Relaxed: nothing is read or handed on by it; told meanwhile, `told` acquires. Asleep already, it was
        // woken for nothing or timed out.
        let _ = self.state.compare_exchange(AWAKE, ASLEEP, Relaxed, Relaxed);
        loop {
            let parked =
                park::park_for_good(&self.state, || self.state.load(Relaxed) == ASLEEP, deadline);
            let told = self.told();
            let too_late = parked == Parked::TimedOut && time::passed(deadline);
            if told != Told::Nothing || too_late {
                return told;
            }
        }
    }
}

/// Who is to be woken once the lock is free.
#[derive(Debug)]
pub(crate) struct Wakes {
    due: [Due; WAKES],
    count: usize,
}

#[derive(Debug)]
enum Due {
    Nobody,
    Thread(Address),
    Task(Waker),
}

impl Wakes {
    const fn new() -> Self {
        Self { due: [const { Due::Nobody }; WAKES], count: 0 }
    }

    fn is_full(&self) -> bool {
        self.count == WAKES
    }

    fn add(&mut self, due: Due) {
        self.due[self.count] = due;
        self.count += 1;
    }

    fn wake(self) {
        for due in self.due.into_iter().take(self.count) {
            match due {
                Due::Nobody => {}
                Due::Thread(address) => park::unpark_at(address),
                Due::Task(waker) => park::wake_task(waker),
            }
        }
    }
}

/// The line, as whoever has its lock sees it, and what its user keeps beside it.
#[derive(Debug)]
pub(crate) struct Line<S, D> {
    first: *const Waiter<D>,
    last: *const Waiter<D>,
    length: usize,
    /// The user's own, under the same lock.
    pub(crate) state: S,
}

// SAFETY: the pointers are to waiters, which may be shared; they stay as long as they are linked.
unsafe impl<S: Send, D: Send> Send for Line<S, D> {}

impl<S, D: Copy> Line<S, D> {
    /// How many wait.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Looks at the data of the first.
    pub(crate) fn first<R>(&mut self, look: impl FnOnce(&mut D) -> R) -> Option<R> {
        // SAFETY: it stands in this list, so it is alive, or it is null.
        let first = unsafe { self.first.as_ref() }?;
        // SAFETY: in this list, whose lock the caller has.
        Some(first.entry(|entry| look(unsafe { &mut (*entry).data })))
    }

    /// Whether this waiter is the first.
    pub(crate) fn is_first(&self, waiter: &Waiter<D>) -> bool {
        ptr::eq(self.first, waiter)
    }

    /// Puts the waiter at the end: a task with its waker, a thread without.
    ///
    /// # Safety
    ///
    /// It stands in no list and is new or [`reset`](Waiter::reset). Before it is moved or dropped it is told
    /// [`Told::Done`] or [removed](Self::remove) from this list.
    pub(crate) unsafe fn push(&mut self, waiter: Pin<&Waiter<D>>, waker: Option<Waker>) {
        let waiter = waiter.get_ref();
        waiter.entry(|entry| {
            // SAFETY: not in a list, so it is the caller's.
            let entry = unsafe { &mut *entry };
            entry.linked = true;
            entry.waker = waker;
        });
        self.link(self.last, waiter);
        self.link(waiter, ptr::null());
        self.length += 1;
    }

    /// Takes the waiter out, if it is in, and says whether it was. Its waker is the caller's to drop, once the lock
    /// is free.
    ///
    /// # Safety
    ///
    /// It stands in this list, or in none.
    pub(crate) unsafe fn remove(&mut self, waiter: &Waiter<D>) -> (bool, Option<Waker>) {
        let found = waiter.entry(|entry| {
            // SAFETY: in this list, whose lock the caller has; or in none, and the caller's.
            let entry = unsafe { &mut *entry };
            let linked = core::mem::replace(&mut entry.linked, false);
            linked.then(|| (entry.before, entry.behind, entry.waker.take()))
        });
        let Some((before, behind, waker)) = found else { return (false, None) };
        self.link(before, behind);
        self.length -= 1;
        (true, waker)
    }

    /// Makes `behind` follow `before`; null is the end of the line on either side.
    fn link(&mut self, before: *const Waiter<D>, behind: *const Waiter<D>) {
        // SAFETY: it stands in this list, so it is alive, or it is null.
        match unsafe { before.as_ref() } {
            None => self.first = behind,
            // SAFETY: in this list, whose lock the caller has.
            Some(before) => before.entry(|entry| unsafe { (*entry).behind = behind }),
        }
        // SAFETY: as for `before`.
        match unsafe { behind.as_ref() } {
            None => self.last = before,
            // SAFETY: as for `before`.
            Some(behind) => behind.entry(|entry| unsafe { (*entry).before = before }),
        }
    }

    /// What a waiter that was nudged, or polled again, is to know next: it waits on, at its place. Returns the waker
    /// it had, to be dropped once the lock is free, and whether it had been nudged. With [`Told::Done`] nothing
    /// changes but that the new waker comes back.
    ///
    /// # Safety
    ///
    /// It stands in this list, or was told [`Told::Done`] by it; and it is the caller's own.
    #[allow(clippy::unused_self, reason = "who has the line has its lock")]
    pub(crate) unsafe fn rearm(
        &mut self,
        waiter: &Waiter<D>,
        waker: Option<Waker>,
    ) -> (Told, Option<Waker>) {
        let told = waiter.told();
        if told == Told::Done {
            return (told, waker);
        }
        // Relaxed: under the lock, like all other changes once a thread is asleep.
        waiter.state.swap(AWAKE, Relaxed);
        // SAFETY: in this list, whose lock the caller has.
        let old = waiter.entry(|entry| unsafe { core::mem::replace(&mut (*entry).waker, waker) });
        (told, old)
    }

    /// Whether the task will be woken by this waker, with nothing to be told yet.
    ///
    /// # Safety
    ///
    /// It stands in this list.
    #[allow(clippy::unused_self, reason = "who has the line has its lock")]
    pub(crate) unsafe fn will_wake(&self, waiter: &Waiter<D>, waker: &Waker) -> bool {
        waiter.entry(|entry| {
            // SAFETY: in this list, whose lock the caller has.
            let own = unsafe { (*entry).waker.as_ref() };
            // Only pointers are compared.
            own.is_some_and(|own| own.will_wake(waker))
        })
    }

    /// Looks at the waiters in order and does with each what `look` says, which is given the user's state, the waiter's
    /// data, and whether it has been nudged. Stops when `wakes` is full, and says so: more is then to be done
    /// in a section to come.
    pub(crate) fn serve(
        &mut self,
        wakes: &mut Wakes,
        mut look: impl FnMut(&mut S, &mut D, bool) -> Turn,
    ) -> bool {
        let mut next = self.first;
        // SAFETY: it stands in this list, so it is alive, or it is null.
        while let Some(waiter) = unsafe { next.as_ref() } {
            if wakes.is_full() {
                return true;
            }
            // Relaxed: under the lock, which those who write NUDGED have.
            let nudged = waiter.state.load(Relaxed) == NUDGED;
            let state = &mut self.state;
            let (turn, before, behind) = waiter.entry(|entry| {
                // SAFETY: in this list, whose lock the caller has.
                let entry = unsafe { &mut *entry };
                (look(state, &mut entry.data, nudged), entry.before, entry.behind)
            });
            next = behind;
            match turn {
                Turn::Stop => return false,
                Turn::Skip => continue,
                Turn::Grant => {
                    self.link(before, behind);
                    self.length -= 1;
                }
                Turn::Nudge => {}
            }
            let task = waiter.entry(|entry| {
                // SAFETY: as above; unlinked, it is ours until its state says so.
                let entry = unsafe { &mut *entry };
                entry.linked &= turn == Turn::Nudge;
                entry.waker.take()
            });
            let address = Address::of(&waiter.state);
            let now = if turn == Turn::Grant { DONE } else { NUDGED };
            // Release: grant, to the waiter, which may then be gone.
            let was = waiter.state.swap(now, Release);
            match task {
                Some(task) => wakes.add(Due::Task(task)),
                None if was == ASLEEP => wakes.add(Due::Thread(address)),
                None => {}
            }
        }
        false
    }
}

/// The line and its lock.
#[derive(Debug)]
pub(crate) struct WaitList<S, D> {
    line: Section<RawMutex, Line<S, D>>,
}

/// Observes nothing.
struct Nobody;

impl Observer for Nobody {}

impl Exclude for RawMutex {
    fn enter(&self) {
        self.lock(&Nobody, None);
    }

    unsafe fn leave(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.unlock() };
    }
}

impl<S, D: Copy> WaitList<S, D> {
    const_new! {
        pub(crate) const fn new(state: S) -> Self {
            let line = Line { first: ptr::null(), last: ptr::null(), length: 0, state };
            Self { line: Section::new(RawMutex::new(), line) }
        }
    }

    /// Runs `f` under the list's lock, and makes the wake-ups it asked for when the lock is free. `f` is short, does
    /// not panic, and neither clones, wakes nor drops a waker.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Line<S, D>, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let result = self.line.with(|line| f(line, &mut wakes));
        wakes.wake();
        result
    }
}
