//! How long a thread spins before it parks, and when it stands back before that.

use core::{
    cell::Cell,
    hint,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};
use std::{
    thread::available_parallelism,
    thread_local,
    time::{Duration, Instant},
};

/// The longest single pause is `1 << LONGEST` spin hints.
const LONGEST: u32 = 5;
/// A brief spin: 95 hints in all, one to two and a half microseconds, as hints take 10 to 26 ns.
const BRIEF: u32 = 7;
/// A patient one: 479, five to twelve microseconds, what it costs to sleep and be woken.
const PATIENT: u32 = 19;

/// Whoever meets others again after less than this …
const SOON: Duration = Duration::from_nanos(400);
/// … so often in a row …
const OFTEN: u8 = 3;
/// … stands back so many times, …
const TIMES: u8 = 32;
/// … if it meets them after less than this, …
const AGAIN: Duration = Duration::from_micros(2);
/// … for so long, …
const BACK: Duration = Duration::from_micros(1);
/// … or so many hints, as the clock may stand.
const HINTS: u32 = 128;

thread_local! {
    static MET: Cell<Met> = const { Cell::new(Met::NEVER) };
}

/// How a thread has met others.
#[derive(Clone, Copy, Debug)]
struct Met {
    /// When it did so, or had stood back.
    last: Option<Instant>,
    /// How often in a row that was soon.
    soon: u8,
    /// How often it is to stand back.
    left: u8,
}

impl Met {
    const NEVER: Self = Self { last: None, soon: 0, left: 0 };

    /// It does again. Stands back if it is to, and says so, unless it lost its core meanwhile.
    fn again(&mut self, clock: impl Fn() -> Instant) -> bool {
        let start = clock();
        let apart = self.last.replace(start).map(|last| start.saturating_duration_since(last));
        let within = |limit| apart.is_some_and(|apart| apart < limit);
        if self.left == 0 || !within(AGAIN) {
            // Not this time, which shows how things are: with work of its own outside, it would not come so soon.
            self.soon = if within(SOON) { self.soon + 1 } else { 0 };
            self.left = 0;
            if self.soon == OFTEN {
                (self.soon, self.left) = (0, TIMES);
            }
            return false;
        }
        self.left -= 1;
        for _ in 0..HINTS / 2 {
            pause(2);
            let now = clock();
            self.last = Some(now);
            let took = now.saturating_duration_since(start);
            if took >= BACK {
                return took < 2 * BACK;
            }
        }
        true
    }
}

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

/// The calling thread meets others where one at a time may go. If it does again and again, it stands back for a
/// microsecond, and says so: then the others go on without it, and later it without them. When each goes as soon as it can,
/// what they take in turn moves from core to core every few times, for which each waits several times as long as
/// it takes to go. Who meets others now and then does not stand back, nor who has other work for as long as that takes.
pub(crate) fn stands_back() -> bool {
    // Where thread-locals are keys of the system, an ending thread has none.
    several_cores()
        && MET
            .try_with(|met| {
                let mut now = met.get();
                let stands = now.again(Instant::now);
                met.set(now);
                stands
            })
            .unwrap_or(false)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that goes on by so much with each look.
    fn ticking(step: Duration) -> impl Fn() -> Instant {
        let now = Cell::new(Instant::now());
        move || now.replace(now.get() + step)
    }

    #[test]
    fn who_meets_others_soon_stands_back_some_times_and_then_looks_how_things_are() {
        let (mut met, clock) = (Met::NEVER, ticking(Duration::from_nanos(100)));
        assert!(!met.again(&clock));
        for _ in 0..3 {
            assert!((0..OFTEN).all(|_| !met.again(&clock)));
            for _ in 0..TIMES {
                let before = clock();
                assert!(met.again(&clock));
                let took = clock() - before;
                assert!(took >= BACK && took < 2 * BACK, "{took:?}");
            }
        }
    }

    #[test]
    fn who_has_other_work_does_not_stand_back() {
        let (mut met, clock) = (Met::NEVER, ticking(SOON));
        assert!((0..100).all(|_| !met.again(&clock)));
        // Nor any more, if that comes up meanwhile.
        let last = clock();
        let mut met = Met { last: Some(last), soon: 0, left: TIMES };
        assert!(!met.again(|| last + AGAIN));
    }

    #[test]
    fn who_lost_its_core_has_not_stood_back() {
        let clock = ticking(Duration::from_millis(1));
        let mut met = Met { last: Some(clock() + Duration::from_millis(1)), soon: 0, left: TIMES };
        assert!(!met.again(clock));
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_keeps_nobody() {
        let start = Instant::now();
        let mut met = Met { last: Some(start), soon: 0, left: TIMES };
        assert!(met.again(|| start));
        let later = Cell::new(start + Duration::from_micros(1));
        assert!(met.again(|| later.replace(start)));
    }
}
