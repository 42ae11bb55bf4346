//! Who waits for whom, and which wait would never end.
//!
//! A thread that is about to wait says so in one list, unless everybody who could end its wait is, over others in the list
//! or not, waiting for it: then it is told so and does not wait. Who could end a wait is asked of what is waited for: a mutex
//! keeps its owner in a word of its own, so that whoever gets it without waiting has nothing to do with the list. A semaphore
//! keeps nothing: permits that do not come back are those of threads that wait themselves, and these listed what they have.
//! The alternative, a watchdog that looks at all threads now and then, finds a cycle when it can only be
//! mourned.
//!
//! # State
//!
//! | word        | value                                              | who may change it                          |
//! |-------------|----------------------------------------------------|--------------------------------------------|
//! | an [`Owner`] | the number of the thread that holds the lock, or 0 | that thread: after it locked and left the list, and before it unlocks |
//! | the list    | threads that wait, for what, and what they hold    | each thread its own entry, under the list's lock |
//!
//! # Transitions
//!
//! | by       | from → to              | when                                                         |
//! |----------|------------------------|--------------------------------------------------------------|
//! | `enter`  | not listed → listed    | somebody could still end the wait                            |
//! | `enter`  | not listed → refused   | nobody could                                                 |
//! | [`Listed`] | listed → not listed  | the wait is over, and before what came of it is told to anybody |
//!
//! # Edges
//!
//! * **list**: the list's lock. What a thread did before it listed itself, whoever looks at its entry sees.
//!
//! Owners are relaxed. The answer is exact among listed waits on owned locks:
//!
//! * *No cycle is missed.* Of a cycle of waits that would never end, one thread came to the list last. All others stored
//!   their ownership before they listed themselves and still have it, so by **list** the last one reads exactly who owns what.
//! * *Nothing else is found.* A listed thread cannot release anything. If it is read as an owner, it either owns the lock
//!   or released it before it listed itself; but then, by **list**, the reader sees that release or something later. So each
//!   owner in the set that is found owns what it is said to, waits, and so does the next.
//!
//! Permits are counted, not their holders: a wait for `n` of them is hopeless if those that are not held by stuck threads are
//! fewer than `n`, whoever has these. It is as exact, among listed waits for semaphores whose number of permits does not
//! change and whose permits stay on their threads:
//!
//! * *No cycle is missed.* The last one that comes finds all others listed, each with what it holds.
//! * *Nothing else is found.* What an entry lists is held as long as the entry is there. A thread that was given its `n`
//!   permits and is still listed is not found to be stuck: others hold no more than all but `n`. A permit that was taken and
//!   not yet noted down is one of a thread that is not listed, and counts as one that comes back.
//!
//! What the line of a semaphore makes its waiters wait for, besides permits, is not known here: those who stand before them.
//!
//! # Progress
//!
//! Only threads that have to wait come to the list. What is done under its lock takes steps in the number of listed
//! threads that the new one would wait for, directly or not; for semaphores, in that of all that are listed and what they hold.
//!
//! # Checked by
//!
//! `tests/loom/tests/models/ordered.rs`: cycles of two and of three, where exactly one is refused; waits without a cycle,
//! where none is, with locks and with permits. `tests/ordered_waits.rs` and `tests/ordered_permits.rs` on real threads;
//! `tests/ordered_props.rs` compares waits for permits with a simulation.

use super::order::{Held, Site};
use crate::{
    statics,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        const_new, local_const,
        lock::Lock,
    },
};
use core::{cell::Cell, fmt};

/// A thread; never used again after it ended. 0 is nobody.
pub(crate) type Thread = usize;

statics! {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
}

local_const! {
    static NUMBER: Cell<Thread> = const { Cell::new(0) };
}

/// The calling thread.
#[inline]
pub(crate) fn this_thread() -> Thread {
    match NUMBER.with(Cell::get) {
        0 => number_slow(),
        number => number,
    }
}

#[cold]
fn number_slow() -> Thread {
    let number = next_thread();
    adopt(number);
    number
}

/// A number for a thread that is about to be started.
pub(crate) fn next_thread() -> Thread {
    // Relaxed: a number that nobody else gets.
    NEXT.fetch_add(1, Relaxed)
}

/// The calling thread, which has just begun, is the one that this number is for.
pub(crate) fn adopt(number: Thread) {
    NUMBER.with(|mine| mine.set(number));
}

/// What one thread at a time has, and others wait for.
pub(crate) trait Resource: Sync + fmt::Debug {
    /// The thread that could end a wait for this; 0 if nobody has to, as the wait ends by itself.
    fn holder(&self) -> Thread;
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On<'a> {
    /// What one thread has.
    One(&'a dyn Resource),
    /// Permits of the semaphore that has this address: enough of them if no more than `spare` never come back.
    Permits { address: usize, spare: usize },
}

impl On<'_> {
    fn address(&self) -> usize {
        match self {
            Self::One(resource) => address(*resource),
            Self::Permits { address, .. } => *address,
        }
    }
}

/// Who holds a lock that one thread at a time holds.
#[derive(Debug)]
pub(crate) struct Owner(AtomicUsize);

impl Owner {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self(AtomicUsize::new(0))
        }
    }

    /// The calling thread has it, and is not listed any more.
    #[inline]
    pub(crate) fn set(&self) {
        self.0.store(this_thread(), Relaxed);
    }

    /// The calling thread has it for a moment more.
    #[inline]
    pub(crate) fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// Exact: nobody else writes the calling thread's number or removes it.
    pub(crate) fn is_this_thread(&self) -> bool {
        self.0.load(Relaxed) == this_thread()
    }
}

impl Resource for Owner {
    fn holder(&self) -> Thread {
        self.0.load(Relaxed)
    }
}

/// The address that tells a resource from others.
pub(crate) fn address<R: ?Sized>(resource: &R) -> usize {
    core::ptr::from_ref(resource).cast::<()>().addr()
}

/// The list.
#[derive(Debug)]
pub(crate) struct Waits(Lock<Vec<Waiting>>);

struct Waiting {
    thread: Thread,
    /// No longer than the borrow of what is waited for (see `enter`).
    on: On<'static>,
    at: Site,
    held: Vec<Held>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {} at {}", self.thread, self.at)
    }
}

/// One wait of those that go round in a circle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) waits_at: Site,
    /// Where the thread that holds what is waited for took it, if that is known.
    pub(crate) held_at: Option<Site>,
}

/// A thread is in the list until this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Listed<'a> {
    waits: &'a Waits,
    thread: Thread,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.waits.0.with(|list| list.retain(|waiting| waiting.thread != self.thread));
    }
}

impl Waits {
    const_new! {
        pub(crate) const fn new() -> Self {
            Self(Lock::new(Vec::new()))
        }
    }

    /// Lists that `thread`, which holds `held`, is about to wait `on` something; or says in which circle it would.
    pub(crate) fn enter<'a>(
        &'a self,
        thread: Thread,
        on: On<'a>,
        at: Site,
        held: Vec<Held>,
    ) -> Result<Listed<'a>, Vec<Link>> {
        // SAFETY: only the lifetime changes. The entry is gone before the borrow is: `Listed` has that lifetime, and is
        // dropped by those few who have one.
        let on = unsafe { core::mem::transmute::<On<'a>, On<'static>>(on) };
        self.0.with(|list| {
            list.push(Waiting { thread, on, at, held });
            let stuck = stuck_with(list, thread);
            if stuck.is_empty() {
                return Ok(Listed { waits: self, thread });
            }
            let circle = circle(list, thread, &stuck);
            list.retain(|waiting| waiting.thread != thread);
            Err(circle)
        })
    }
}

fn entry(list: &[Waiting], thread: Thread) -> Option<&Waiting> {
    list.iter().find(|waiting| waiting.thread == thread)
}

/// Those who hold what a thread waits for: how much each, and how much of this may be stuck while there is hope.
struct Holders {
    shares: Vec<(Thread, usize)>,
    spare: usize,
}

impl Holders {
    fn of(list: &[Waiting], waiting: &Waiting) -> Self {
        match waiting.on {
            On::One(resource) => {
                let holder = resource.holder();
                let shares = if holder == 0 { Vec::new() } else { vec![(holder, 1)] };
                Self { shares, spare: 0 }
            }
            On::Permits { address, spare } => {
                // Who is not listed goes on, and gives its permits back.
                let shares = list.iter().filter_map(|other| {
                    let permits = other.held.iter().filter(|held| held.address == address);
                    let count = permits.map(|held| held.count).sum();
                    (count > 0).then_some((other.thread, count))
                });
                Self { shares: shares.collect(), spare }
            }
        }
    }

    fn threads(&self) -> impl Iterator<Item = Thread> {
        self.shares.iter().map(|(thread, _)| *thread)
    }

    fn are_hopeless(&self, stuck: &[Thread]) -> bool {
        let lost = self.shares.iter().filter(|(thread, _)| stuck.contains(thread));
        lost.map(|(_, count)| count).sum::<usize>() > self.spare
    }
}

/// All listed threads that `me` waits for, directly or not, and that are stuck if it is, with itself; or none if it is not.
fn stuck_with(list: &[Waiting], me: Thread) -> Vec<(Thread, Holders)> {
    let mut found: Vec<(Thread, Holders)> = Vec::new();
    let mut next = vec![me];
    while let Some(thread) = next.pop() {
        if found.iter().any(|(known, _)| *known == thread) {
            continue;
        }
        // Who is not listed goes on, and gives hope.
        let Some(waiting) = entry(list, thread) else { continue };
        let holders = Holders::of(list, waiting);
        next.extend(holders.threads());
        found.push((thread, holders));
    }
    loop {
        let stuck: Vec<Thread> = found.iter().map(|(thread, _)| *thread).collect();
        found.retain(|(_, holders)| holders.are_hopeless(&stuck));
        if !found.iter().any(|(thread, _)| *thread == me) {
            return Vec::new();
        }
        if found.len() == stuck.len() {
            return found;
        }
    }
}

/// From `me` along the first stuck holder of each, until it comes back.
fn circle(list: &[Waiting], me: Thread, stuck: &[(Thread, Holders)]) -> Vec<Link> {
    let of = |thread| stuck.iter().find(|(stuck, _)| *stuck == thread).map(|(_, holders)| holders);
    let mut links = Vec::new();
    let mut seen = Vec::new();
    let mut thread = me;
    while !seen.contains(&thread) {
        seen.push(thread);
        let Some(waiting) = entry(list, thread) else { break };
        let Some(holder) =
            of(thread).and_then(|holders| holders.threads().find(|holder| of(*holder).is_some()))
        else {
            break;
        };
        let address = waiting.on.address();
        let held_at = entry(list, holder).and_then(|holder| {
            holder.held.iter().find(|held| held.address == address).map(|held| held.at)
        });
        links.push(Link { waits_at: waiting.at, held_at });
        thread = holder;
    }
    links
}
