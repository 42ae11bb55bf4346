//! Whether a lock is watched at run time, chosen by type.

use super::{
    error::{Facts, OrderError, OrderErrorKind, Step},
    origin::Origin,
    pool::{PermitWatch, WatchingPermits},
    room::{QueueWatch, WatchingQueue},
};
use crate::{
    raw::{
        mutex::{Observer, RawMutex},
        order::{Class, ClassCell, Edge, Held, Misfit, Order, Site},
        waits::{self, Link, Listed, On, Owner, Waits},
    },
    statics,
    sync::{const_new, local_const, spin::Spin},
};
use core::{cell::RefCell, ptr::NonNull, slice};

/// Whether a lock is checked at run time: [`ByBuild`], [`Always`] or [`Never`]. What is not checked costs neither space
/// nor time. Sealed.
///
/// A type, and not a feature of the crate, because a feature that one crate of a program asks for is paid for
/// by all; and not the build alone, because a service may want the checks where the traffic is. To switch them by a
/// feature of your own, alias it: `#[cfg(feature = "check-locks")] type Checks = Always;`.
pub trait Checks: sealed::Sealed {}

/// In builds with debug assertions as [`Always`], in others as [`Never`].
#[derive(Debug)]
pub struct ByBuild(());

/// Checked in every build.
#[derive(Debug)]
pub struct Always(());

/// Not checked, and not seen by the checks of other locks.
#[derive(Debug)]
pub struct Never(());

impl Checks for ByBuild {}
impl Checks for Always {}
impl Checks for Never {}

pub(super) mod sealed {
    #[allow(unnameable_types, reason = "seals `Checks`")]
    pub trait Sealed: 'static {
        /// Stands beside the lock.
        #[allow(private_bounds, reason = "sealed")]
        type Watch: super::Watch + core::fmt::Debug + Send + Sync + 'static;
        /// Stands beside the semaphore.
        #[allow(private_bounds, reason = "sealed")]
        type PermitWatch: super::PermitWatch + core::fmt::Debug + Send + Sync + 'static;
        /// Stands beside the queue.
        #[allow(private_bounds, reason = "sealed")]
        type QueueWatch: super::QueueWatch + core::fmt::Debug + Send + Sync + 'static;
    }
}

impl sealed::Sealed for ByBuild {
    #[cfg(debug_assertions)]
    type Watch = Watching;
    #[cfg(not(debug_assertions))]
    type Watch = Idle;
    #[cfg(debug_assertions)]
    type PermitWatch = WatchingPermits;
    #[cfg(not(debug_assertions))]
    type PermitWatch = Idle;
    #[cfg(debug_assertions)]
    type QueueWatch = WatchingQueue;
    #[cfg(not(debug_assertions))]
    type QueueWatch = Idle;
}

impl sealed::Sealed for Always {
    type Watch = Watching;
    type PermitWatch = WatchingPermits;
    type QueueWatch = WatchingQueue;
}

impl sealed::Sealed for Never {
    type Watch = Idle;
    type PermitWatch = Idle;
    type QueueWatch = Idle;
}

/// What there is to do beside locking.
pub(crate) trait Watch {
    /// Of a guard, to find the watch again: nothing where nothing is watched, so that a guard is no larger then.
    type Pointer;
    fn pointer(&self) -> Self::Pointer;
    /// # Safety
    ///
    /// The watch that the pointer was made of is still borrowed.
    unsafe fn follow(pointer: &Self::Pointer) -> &Self;
    /// Whether the calling thread may wait for this lock, by what it holds and by the order.
    fn admit(&self, at: Site) -> Result<(), OrderError>;
    /// The same where others of its class are held, and it is known that it may be one more.
    fn admit_another(&self, at: Site) -> Result<(), OrderError>;
    /// Takes the lock, unless waiting for it would close a circle of waits.
    fn wait(&self, raw: &RawMutex, at: Site) -> Result<(), OrderError>;
    /// The calling thread has just taken the lock.
    fn taken(&self, at: Site);
    /// The calling thread is about to release it.
    fn releasing(&self);
    /// Whether both are of one class, as far as anybody looks.
    fn is_like(&self, other: &Self) -> bool;
    /// What it is, if anybody asks.
    fn origin(&self) -> Option<Origin>;
}

/// Of a lock that is not watched.
#[derive(Debug)]
#[allow(unnameable_types, reason = "part of a sealed trait")]
pub struct Idle(());

impl Idle {
    const_new! {
        pub(crate) const fn new(_origin: Origin) -> Self {
            Self(())
        }
    }
}

/// Observes nothing, as the checks have no use for it.
struct Nobody;

impl Observer for Nobody {}

impl Watch for Idle {
    type Pointer = ();

    #[inline]
    fn pointer(&self) {}

    #[inline]
    unsafe fn follow((): &()) -> &Self {
        const { &Self(()) }
    }

    #[inline]
    fn admit(&self, _at: Site) -> Result<(), OrderError> {
        Ok(())
    }

    #[inline]
    fn admit_another(&self, _at: Site) -> Result<(), OrderError> {
        Ok(())
    }

    #[inline]
    fn wait(&self, raw: &RawMutex, _at: Site) -> Result<(), OrderError> {
        raw.lock(&Nobody, None);
        Ok(())
    }

    #[inline]
    fn taken(&self, _at: Site) {}

    #[inline]
    fn releasing(&self) {}

    fn is_like(&self, _other: &Self) -> bool {
        true
    }

    fn origin(&self) -> Option<Origin> {
        None
    }
}

statics! {
    static ORDER: Order<Origin> = Order::new();
    static WAITS: Waits = Waits::new();
}

// What this thread holds, oldest first. Gone when its destructors have run: what these lock after is not checked.
local_const! {
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// The order that all watched locks were asked for in, so far.
pub(super) fn order() -> (Vec<Origin>, Vec<Edge>, bool) {
    ORDER.snapshot()
}

/// What the order knows a lock by.
#[derive(Debug)]
pub(super) struct Node {
    class: ClassCell,
    origin: Origin,
}

impl Node {
    const_new! {
        pub(super) const fn new(origin: Origin) -> Self {
            Self { class: ClassCell::new(), origin }
        }
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    #[inline]
    pub(super) fn class(&self) -> Class {
        ORDER.class(&self.class, self.origin)
    }

    /// Whether the calling thread may ask for it, by what it holds.
    #[inline]
    pub(super) fn admit(&self, at: Site) -> Result<(), OrderError> {
        let class = self.class();
        if HELD.try_with(|held| ORDER.knows(&held.borrow(), class)).unwrap_or(true) {
            return Ok(());
        }
        self.admit_slow(at)
    }

    #[cold]
    fn admit_slow(&self, at: Site) -> Result<(), OrderError> {
        self.admit_after(&held(), at)
    }

    /// By what it holds that does not have this address.
    #[inline]
    pub(super) fn admit_but(&self, address: usize, at: Site) -> Result<(), OrderError> {
        let class = self.class();
        let known =
            |held: &Held| held.address == address || ORDER.knows(slice::from_ref(held), class);
        if HELD.try_with(|held| held.borrow().iter().all(known)).unwrap_or(true) {
            return Ok(());
        }
        self.admit_but_slow(address, at)
    }

    #[cold]
    fn admit_but_slow(&self, address: usize, at: Site) -> Result<(), OrderError> {
        let mut others = held();
        others.retain(|held| held.address != address);
        self.admit_after(&others, at)
    }

    /// By what it holds that is not of this class.
    fn admit_beside(&self, at: Site) -> Result<(), OrderError> {
        let mut others = held();
        others.retain(|held| held.class != self.class());
        self.admit_after(&others, at)
    }

    fn admit_after(&self, held: &[Held], at: Site) -> Result<(), OrderError> {
        ORDER
            .admit(held, self.class(), at, Origin::may_precede)
            .map_err(|misfit| refusal_of(misfit, self.origin, at))
    }
}

/// Of a lock that is watched.
#[derive(Debug)]
#[allow(unnameable_types, reason = "part of a sealed trait")]
pub struct Watching {
    node: Node,
    owner: Owner,
}

impl Watching {
    const_new! {
        pub(crate) const fn new(origin: Origin) -> Self {
            Self { node: Node::new(origin), owner: Owner::new() }
        }
    }

    /// In better words, if it is this very lock that does not fit.
    #[cold]
    fn explain(&self, refusal: OrderError, at: Site) -> OrderError {
        if !self.owner.is_this_thread() {
            return refusal;
        }
        let this = held().into_iter().find(|held| held.address == waits::address(&self.owner));
        refused(OrderErrorKind::SelfDeadlock, self.node.origin, at, this, Vec::new())
    }

    #[cold]
    fn wait_slow(&self, raw: &RawMutex, at: Site) -> Result<(), OrderError> {
        let mut spin = Spin::brief();
        while spin.once() {
            if !raw.is_locked() && raw.try_lock() {
                return Ok(());
            }
        }
        match WAITS.enter(waits::this_thread(), On::One(&self.owner), at, held()) {
            Ok(_listed) => {
                raw.lock(&Nobody, None);
                Ok(())
            }
            Err(circle) => Err(self.deadlock(at, &circle)),
        }
    }

    fn deadlock(&self, at: Site, circle: &[Link]) -> OrderError {
        let kind = if self.owner.is_this_thread() {
            OrderErrorKind::SelfDeadlock
        } else {
            OrderErrorKind::Deadlock
        };
        refusal_in(circle, kind, self.node.origin, at)
    }
}

/// Because of the order.
fn refusal_of(misfit: Misfit, wanted: Origin, at: Site) -> OrderError {
    let (kind, held, chain) = match misfit {
        Misfit::Same(held) => (OrderErrorKind::SameClass, held, Vec::new()),
        Misfit::Declared(held) => (OrderErrorKind::DeclaredOrder, held, Vec::new()),
        Misfit::Inverted(held, chain) => (OrderErrorKind::Inversion, held, chain),
    };
    let chain = chain.iter().map(|edge| Step::Asked {
        held: name(edge.before),
        held_at: edge.held_at,
        asked: name(edge.after),
        asked_at: edge.asked_at,
    });
    refused(kind, wanted, at, Some(held), chain.collect())
}

/// Because of the waits that depend on each other.
fn refusal_in(circle: &[Link], kind: OrderErrorKind, wanted: Origin, at: Site) -> OrderError {
    // What the last of the circle waits for.
    let since = circle.last().and_then(|link| link.held_at);
    let held = held().into_iter().find(|held| Some(held.at) == since);
    let step = |&Link { waits_at, held_at }: &Link| Step::Waits { waits_at, held_at };
    refused(kind, wanted, at, held, circle.iter().map(step).collect())
}

pub(super) fn refused(
    kind: OrderErrorKind,
    wanted: Origin,
    wanted_at: Site,
    held: Option<Held>,
    chain: Vec<Step>,
) -> OrderError {
    let held = held.and_then(|held| Some((ORDER.origin(held.class)?, held.at)));
    OrderError::new(Facts { kind, wanted, wanted_at, held, chain })
}

/// The end of a thread that was started for it, as something to wait for: to the order, a lock that the thread holds from
/// start to end.
#[derive(Debug)]
pub(super) struct ThreadEnd {
    node: Node,
    thread: Ends,
    start: Site,
}

#[derive(Debug)]
struct Ends(waits::Thread);

impl waits::Resource for Ends {
    fn holder(&self) -> waits::Thread {
        // Ended or not: it is not listed then, and gives hope.
        self.0
    }
}

impl ThreadEnd {
    pub(super) fn new(start: Site) -> Self {
        let node = Node::new(Origin::Thread(start));
        Self { node, thread: Ends(waits::next_thread()), start }
    }

    /// What the thread does first.
    pub(super) fn begin(&self) -> impl FnOnce() + Send + 'static {
        let (class, thread, at) = (self.node.class(), self.thread.0, self.start);
        move || {
            waits::adopt(thread);
            hold(Held { class, address: 0, count: 1, at });
        }
    }

    /// The calling thread waits for it until the result is dropped.
    pub(super) fn may_wait(&self, at: Site) -> Result<Listed<'_>, OrderError> {
        // Threads that start each other at one place are a tree, and join along it.
        self.node.admit_beside(at)?;
        WAITS
            .enter(waits::this_thread(), On::One(&self.thread), at, held())
            .map_err(|circle| refusal_in(&circle, OrderErrorKind::Deadlock, self.node.origin, at))
    }
}

/// The calling thread holds this from now on.
#[inline]
pub(super) fn hold(this: Held) {
    let _ = HELD.try_with(|held| held.borrow_mut().push(this));
}

/// The calling thread holds this no more.
#[inline]
pub(super) fn let_go(address: usize, count: usize) {
    let _ = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        // Mostly it is the last.
        if held.last().is_some_and(|last| last.address == address && last.count == count) {
            held.pop();
        } else {
            let_go_of_one(&mut held, address, count);
        }
    });
}

#[cold]
fn let_go_of_one(held: &mut Vec<Held>, address: usize, count: usize) {
    if let Some(nth) = held.iter().rposition(|held| held.address == address && held.count == count)
    {
        held.remove(nth);
    }
}

/// The calling thread waits for permits until the result is dropped.
#[cold]
pub(super) fn may_wait_for_permits(
    node: &Node,
    wanted: On<'static>,
    at: Site,
) -> Result<Listed<'static>, OrderError> {
    WAITS.enter(waits::this_thread(), wanted, at, held()).map_err(|circle| {
        let alone = circle.len() == 1;
        let kind = if alone { OrderErrorKind::SelfDeadlock } else { OrderErrorKind::Deadlock };
        refusal_in(&circle, kind, node.origin, at)
    })
}

/// What the calling thread holds.
pub(super) fn held() -> Vec<Held> {
    HELD.try_with(|held| held.borrow().clone()).unwrap_or_default()
}

fn name(class: Class) -> String {
    ORDER
        .origin(class)
        .map_or_else(|| "a lock without a class".to_owned(), |origin| origin.to_string())
}

/// To a lock that is watched. No reference, so that a guard's lifetime can be shortened as that of one.
#[derive(Debug)]
pub(crate) struct Pointer(NonNull<Watching>);

// SAFETY: as of a shared reference: what it points to can be shared.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}

impl Watch for Watching {
    type Pointer = Pointer;

    #[inline]
    fn pointer(&self) -> Pointer {
        Pointer(NonNull::from(self))
    }

    #[inline]
    unsafe fn follow(pointer: &Pointer) -> &Self {
        // SAFETY: the caller's promise.
        unsafe { pointer.0.as_ref() }
    }

    #[inline]
    fn admit(&self, at: Site) -> Result<(), OrderError> {
        self.node.admit(at).map_err(|refusal| self.explain(refusal, at))
    }

    fn admit_another(&self, at: Site) -> Result<(), OrderError> {
        self.node.admit_beside(at)
    }

    #[inline]
    fn wait(&self, raw: &RawMutex, at: Site) -> Result<(), OrderError> {
        if raw.try_lock() { Ok(()) } else { self.wait_slow(raw, at) }
    }

    #[inline]
    fn taken(&self, at: Site) {
        self.owner.set();
        let (class, address) = (self.node.class(), waits::address(&self.owner));
        hold(Held { class, address, count: 1, at });
    }

    #[inline]
    fn releasing(&self) {
        let_go(waits::address(&self.owner), 1);
        self.owner.clear();
    }

    fn is_like(&self, other: &Self) -> bool {
        self.node.origin == other.node.origin
    }

    fn origin(&self) -> Option<Origin> {
        Some(self.node.origin)
    }
}
