//! What a platform may do and loom never does, one at a time.
//!
//! A weak compare-and-exchange may fail for nothing, a park may return early, a timeout may fire at
//! once or just as the wake-up comes, and user code may panic. Each is a numbered point in the run of a
//! thread; a model is run once more for each of them.

use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What may happen at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A weak compare-and-exchange fails although the value is right.
    WeakCas,
    /// A park returns without a wake-up.
    EarlyReturn,
    /// A deadline has passed before the wait, or passes in a park, perhaps together with a wake-up.
    Timeout,
    /// The turn of somebody who sleeps is due.
    LongWait,
    /// A release that passes somebody does not look at the clock.
    NoLook,
    /// Who was woken takes long to come.
    SlowWaking,
    /// The lock is passed on quickly by those who are awake.
    Quick,
    /// Who finds the lock held finds its core wanted, and is to rest, known to wait.
    Rest,
    /// The kernel makes no fence after all.
    Refusal,
    /// Code handed in by the user panics.
    Panic,
}

const NONE: usize = usize::MAX;
/// Points of one thread are numbered from `thread << SHIFT`.
const SHIFT: u32 = 16;

static CHOSEN: AtomicUsize = AtomicUsize::new(NONE);
/// How many points each thread passed, at most, in any execution.
static SEEN: [AtomicUsize; loom::MAX_THREADS] = [const { AtomicUsize::new(0) }; loom::MAX_THREADS];

loom::thread_local! {
    static STEP: Cell<usize> = Cell::new(NONE);
}

/// Whether the fault happens here. Numbered by thread: a count that threads share would make steps
/// depend on each other behind loom's back.
pub(super) fn here(_kind: Kind) -> bool {
    STEP.with(|step| {
        let mut n = step.get();
        if n == NONE {
            n = thread() << SHIFT;
        }
        step.set(n + 1);
        SEEN[n >> SHIFT].fetch_max((n & ((1 << SHIFT) - 1)) + 1, Relaxed);
        CHOSEN.load(Relaxed) == n
    })
}

/// Called by a model inside a closure, predicate or waker that stands for the user's: panics if that
/// is the fault to be.
///
/// # Panics
///
/// When chosen.
pub fn user_code() {
    assert!(!here(Kind::Panic), "injected: user code panics");
}

/// The running thread's number; loom shows it only as `ThreadId(3)`.
fn thread() -> usize {
    let id = format!("{:?}", loom::thread::current().id());
    let digits = id.trim_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or_else(|_| panic!("loom names its threads otherwise now: {id}"))
}

/// Forgets the points that were passed.
pub fn forget() {
    for seen in &SEEN {
        seen.store(0, Relaxed);
    }
}

/// Every point that was passed since [`forget`], for [`choose`].
pub fn points() -> Vec<usize> {
    let points = |(thread, seen): (usize, &AtomicUsize)| {
        (0..seen.load(Relaxed)).map(move |nth| (thread << SHIFT) + nth).collect::<Vec<_>>()
    };
    SEEN.iter().enumerate().flat_map(points).collect()
}

/// From now on the fault happens at this point of each execution, or nowhere.
pub fn choose(point: Option<usize>) {
    CHOSEN.store(point.unwrap_or(NONE), Relaxed);
}
