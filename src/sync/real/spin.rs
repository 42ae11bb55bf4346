//! How long a thread spins before it parks.

use core::{
    hint,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};
use std::{
    thread::available_parallelism,
    time::{Duration, Instant},
};

/// The longest single pause is `1 << LONGEST` spin hints.
const LONGEST: u32 = 5;
/// A brief spin: 95 hints in all, one to two and a half microseconds, as hints take 10 to 26 ns.
const BRIEF: u32 = 7;
/// A patient one: 479, five to twelve microseconds, what it costs to sleep and be woken.
const PATIENT: u32 = 19;

/// 0 before it is known, then 1 for one core and 2 for more.
static CORES: AtomicU8 = AtomicU8::new(0);

/// A bounded spin with growing pauses: short at first, when the lock may be free in a moment, longer later,
/// so as not to pull the line from the thread that holds it.
#[derive(Debug)]
pub(crate) struct Spin {
    round: u32,
    rounds: u32,
    /// How often it gives its core away after that.
    yields: u32,
}

impl Spin {
    /// While others may take what we are waiting for, and we keep them from more.
    pub(crate) const fn brief() -> Self {
        Self { round: 0, rounds: BRIEF, yields: 0 }
    }

    /// While what we are waiting for is kept for us, or we keep nobody from anything.
    pub(crate) const fn patient() -> Self {
        Self { round: 0, rounds: PATIENT, yields: 0 }
    }

    /// While the other side may want this very core: gives it away so many times in the end.
    pub(super) const fn yielding(yields: u32) -> Self {
        Self { round: 0, rounds: BRIEF, yields }
    }

    /// Does nothing else.
    pub(super) const fn only_yielding(yields: u32) -> Self {
        Self { round: 0, rounds: 0, yields }
    }

    /// Whether it came to its end, or to where it gives its core away; if it spun at all.
    pub(super) fn was_in_vain(&self) -> Option<bool> {
        (self.rounds > 0).then_some(self.round == self.rounds)
    }

    /// Not any more.
    pub(crate) const fn spent() -> Self {
        Self { round: 0, rounds: 0, yields: 0 }
    }

    /// How often it has paused.
    pub(crate) fn pauses(&self) -> u32 {
        self.round
    }

    /// Pauses and says `true`, or says `false` at once when it is time to park.
    pub(crate) fn once(&mut self) -> bool {
        if self.round == self.rounds || !several_cores() {
            return self.give_way();
        }
        pause(1 << self.round.min(LONGEST));
        self.round += 1;
        true
    }

    fn give_way(&mut self) -> bool {
        let left = self.yields > 0;
        if left {
            self.yields -= 1;
            std::thread::yield_now();
        }
        left
    }
}

/// So many spin hints, and nothing ahead of its time of what comes after. A processor that guesses wrongly when the loop
/// ends would look at what we wait for all the while, and with each look take the line from whoever has it: beside such
/// a spin, sections of 60 ns took 110.
pub(super) fn pause(hints: u32) {
    for _ in 0..hints {
        hint::spin_loop();
    }
    // Not measured elsewhere. On ARM a spin hint is such a fence itself.
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every such processor has it.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
}

/// With one core nobody can release the lock while we spin.
#[inline]
pub(super) fn several_cores() -> bool {
    match CORES.load(Relaxed) {
        0 => count_cores(),
        cores => cores > 1,
    }
}

#[cold]
fn count_cores() -> bool {
    let several = available_parallelism().is_ok_and(|cores| cores.get() > 1) || pinned_apart();
    CORES.store(1 + u8::from(several), Relaxed);
    several
}

/// What std counts are the cores of the calling thread. One that is pinned has one, which says nothing of the
/// others: the main thread's are those of threads that nobody pinned.
#[cfg(target_os = "linux")]
fn pinned_apart() -> bool {
    let allowed = |thread| {
        // SAFETY: `cpu_set_t` is an array of integers, for which all zeroes is a value.
        let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
        let size = size_of_val(&set);
        // SAFETY: `set` is ours and as large as we say.
        let result = unsafe { libc::sched_getaffinity(thread, size, &raw mut set) };
        (result == 0).then_some(set)
    };
    // SAFETY: it only returns a number.
    let main = unsafe { libc::getpid() };
    match (allowed(0), allowed(main)) {
        // SAFETY: both are sets.
        (Some(own), Some(main)) => unsafe { !libc::CPU_EQUAL(&own, &main) },
        _ => false,
    }
}

#[cfg(not(target_os = "linux"))]
fn pinned_apart() -> bool {
    false
}

/// For `tests/hooks`: from now on nobody spins, as on one core, or everybody as usual.
#[cfg(lockline_hooks)]
pub fn spins(usual: bool) {
    CORES.store(u8::from(!usual), Relaxed);
}

/// How long somebody has been waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    since: Instant,
}

/// A wait longer than this is long.
const LONG: Duration = Duration::from_millis(1);

impl Wait {
    pub(crate) fn start() -> Self {
        Self { since: Instant::now() }
    }

    pub(crate) fn is_long(self) -> bool {
        self.since.elapsed() >= LONG
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.since.elapsed()
    }
}
