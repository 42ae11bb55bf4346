//! Threads that start together, and what their race took.
//!
//! Threads are created and pinned outside the clock. The last to arrive at a padded word lets all go: no
//! thread of ours is left over to be scheduled in between. From there on the harness touches nothing that
//! is shared until a thread is done.

use crate::pin::{cores, pin};
use crossbeam_utils::CachePadded;
use std::{
    hint, panic,
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::{Duration, Instant},
};

/// What a [`race`] took.
#[derive(Clone, Debug)]
pub struct Race {
    /// Start and finish of each thread.
    pub spans: Vec<(Instant, Instant)>,
    /// First start to last finish.
    pub wall: Duration,
    /// CPU time of all threads together. Zero where the system does not tell it.
    pub cpu: Duration,
    /// Latest start to earliest finish, as a share of `wall`: 1 when all threads ran all the time.
    pub overlap: f64,
    /// Whether each thread could be pinned to its core.
    pub pinned: bool,
    /// Start to finish of each thread.
    pub per_thread: Vec<Duration>,
}

/// Races one thread for each entry of `cores`, pinned to it: thread `t` calls `work(t, ops)`, which
/// executes `ops` operations.
///
/// Entries may repeat: threads that share a core take turns, as the system sees fit. Give such a race
/// some hundred milliseconds, or the overlap shows little but time slices.
///
/// # Panics
///
/// If `cores` is empty, or `work` panics.
pub fn race(cores: &[usize], ops: u64, work: &(dyn Fn(usize, u64) + Sync)) -> Race {
    let line = StartLine::new(cores.len());
    let laps = run(cores, &line, &|thread| work(thread, ops), || ());
    let (spans, pinned, cpu) = summary(&laps);
    let (wall, overlap) = together(&spans);
    let per_thread = spans.iter().map(|(start, finish)| *finish - *start).collect();
    Race { spans, wall, cpu, overlap, pinned, per_thread }
}

impl Race {
    /// The CPU time as a share of what the cores had to give, from 0 to 1: for threads that never block,
    /// what others left them. `None` where the system does not tell.
    ///
    /// Threads may overlap and still not have raced: each may have taken turns with another process.
    pub fn on_core(&self) -> Option<f64> {
        on_core(self.cpu, self.wall, self.spans.len())
    }
}

/// [`Race::on_core`], of figures taken apart.
#[expect(clippy::cast_precision_loss, reason = "a number of cores")]
pub fn on_core(cpu: Duration, wall: Duration, threads: usize) -> Option<f64> {
    let used = threads.min(cores().len()) as f64;
    let share = cpu.as_secs_f64() / (wall.as_secs_f64() * used);
    // The two clocks are read one after the other.
    (!cpu.is_zero() && !wall.is_zero()).then(|| share.min(1.0))
}

/// What a [`sprint`] brought.
#[derive(Clone, Debug)]
pub struct Sprint {
    /// Operations of each thread.
    pub ops: Vec<u64>,
    /// First start to last finish.
    pub wall: Duration,
    /// CPU time of all threads together. Zero where the system does not tell it.
    pub cpu: Duration,
    /// As in [`Race`].
    pub overlap: f64,
    /// Whether each thread could be pinned to its core.
    pub pinned: bool,
}

impl Sprint {
    /// Operations of all threads.
    pub fn total(&self) -> u64 {
        self.ops.iter().sum()
    }

    /// The fewest operations of a thread over the most: 1 is fair, 0 is a thread that starved.
    #[expect(clippy::cast_precision_loss, reason = "a share to two digits")]
    pub fn fairness(&self) -> f64 {
        let fewest = self.ops.iter().min().copied().unwrap_or(0);
        let most = self.ops.iter().max().copied().unwrap_or(0);
        if most == 0 { 0.0 } else { fewest as f64 / most as f64 }
    }
}

/// Tells the threads of a [`sprint`] that time is up.
#[derive(Debug, Default)]
pub struct Stop(CachePadded<AtomicBool>);

impl Stop {
    /// Whether to stop now. A read of a line that nobody writes meanwhile.
    #[inline]
    pub fn now(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Lets one thread for each entry of `cores` run for about `time`: thread `t` calls `work(t, stop)`,
/// which executes operations until `stop.now()` and returns how many they were.
///
/// # Panics
///
/// If `cores` is empty, or `work` panics.
pub fn sprint(
    cores: &[usize],
    time: Duration,
    work: &(dyn Fn(usize, &Stop) -> u64 + Sync),
) -> Sprint {
    let line = StartLine::new(cores.len());
    let stop = Stop::default();
    let laps = run(cores, &line, &|thread| work(thread, &stop), || {
        while !line.all_here() {
            thread::sleep(Duration::from_micros(50));
        }
        thread::sleep(time);
        stop.0.store(true, Relaxed);
    });
    let (spans, pinned, cpu) = summary(&laps);
    let (wall, overlap) = together(&spans);
    Sprint { ops: laps.iter().map(|lap| lap.result).collect(), wall, cpu, overlap, pinned }
}

/// One thread's part.
struct Lap<R> {
    span: (Instant, Instant),
    cpu: Duration,
    pinned: bool,
    result: R,
}

fn run<R: Send>(
    cores: &[usize],
    line: &StartLine,
    work: &(dyn Fn(usize) -> R + Sync),
    meanwhile: impl FnOnce(),
) -> Vec<Lap<R>> {
    assert!(!cores.is_empty(), "a race of no threads");
    thread::scope(|scope| {
        let threads: Vec<_> = cores
            .iter()
            .enumerate()
            .map(|(thread, &core)| {
                scope.spawn(move || {
                    let pinned = pin(core).is_ok();
                    line.wait();
                    let cpu = cpu_time();
                    let start = Instant::now();
                    let result = work(thread);
                    let finish = Instant::now();
                    let cpu = cpu_time().saturating_sub(cpu);
                    Lap { span: (start, finish), cpu, pinned, result }
                })
            })
            .collect();
        meanwhile();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))
        };
        threads.into_iter().map(join).collect()
    })
}

fn summary<R>(laps: &[Lap<R>]) -> (Vec<(Instant, Instant)>, bool, Duration) {
    (
        laps.iter().map(|lap| lap.span).collect(),
        laps.iter().all(|lap| lap.pinned),
        laps.iter().map(|lap| lap.cpu).sum(),
    )
}

/// First start to last finish, and the share of it in which all threads ran.
fn together(spans: &[(Instant, Instant)]) -> (Duration, f64) {
    let starts = || spans.iter().map(|span| span.0);
    let finishes = || spans.iter().map(|span| span.1);
    let ends = || Some((starts().min()?, starts().max()?, finishes().min()?, finishes().max()?));
    let Some((first, latest, earliest, last)) = ends() else {
        return (Duration::ZERO, 0.0);
    };
    let wall = last - first;
    let overlap = earliest.saturating_duration_since(latest);
    // A race too short for the clock has shown nothing.
    let share = if wall.is_zero() { 0.0 } else { overlap.as_secs_f64() / wall.as_secs_f64() };
    (wall, share)
}

/// Holds threads until all are there.
struct StartLine {
    missing: CachePadded<AtomicUsize>,
}

impl StartLine {
    fn new(threads: usize) -> Self {
        Self { missing: CachePadded::new(AtomicUsize::new(threads)) }
    }

    fn all_here(&self) -> bool {
        // Acquire: the start, from each thread's arrival.
        self.missing.load(Acquire) == 0
    }

    fn wait(&self) {
        // Release: the start, to all who see that nobody is missing.
        self.missing.fetch_sub(1, Release);
        let mut looks = 0_u32;
        while !self.all_here() {
            looks = looks.saturating_add(1);
            // Whoever is missing may need this core to arrive.
            if looks < 100 { hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

/// CPU time of the calling thread so far.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is ours to be written.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    match (result, u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
        (0, Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    }
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::spread;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn each_thread_does_its_operations_once() {
        for threads in [1, 2, 9] {
            let done: Vec<_> = (0..threads).map(|_| AtomicU64::new(0)).collect();
            let race = race(&spread(threads), 1_000, &|thread, ops| {
                done[thread].fetch_add(ops, Relaxed);
            });
            assert!(done.iter().all(|done| done.load(Relaxed) == 1_000));
            assert_eq!(race.spans.len(), threads);
            assert_eq!(race.per_thread.len(), threads);
            assert!(race.per_thread.iter().all(|&time| time <= race.wall));
        }
    }

    #[test]
    fn one_after_the_other_is_no_overlap() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let overlap = |spans: &[_]| together(spans).1;
        assert!(overlap(&[(at(0), at(10)), (at(10), at(20))]).abs() < 1e-9);
        assert!((overlap(&[(at(0), at(10)), (at(0), at(20))]) - 0.5).abs() < 1e-9);
        assert!((overlap(&[(at(5), at(20))]) - 1.0).abs() < 1e-9);
        assert_eq!(together(&[(at(3), at(9)), (at(5), at(20))]).0, Duration::from_millis(17));
    }

    #[test]
    fn threads_that_take_turns_overlap_by_half_at_most() {
        let turn = AtomicUsize::new(0);
        let race = race(&spread(2), 20, &|thread, ops| {
            while turn.load(Acquire) != thread {
                thread::yield_now();
            }
            thread::sleep(Duration::from_millis(ops));
            turn.store(thread + 1, Release);
        });
        assert!(race.overlap < 0.9, "{race:?}");
    }

    #[test]
    fn cpu_time_is_a_share_of_the_cores() {
        let second = Duration::from_secs(1);
        let near = |share: Option<f64>, expected: f64| (share.unwrap() - expected).abs() < 1e-9;
        assert!(near(on_core(second / 2, second, 1), 0.5));
        assert!(near(on_core(2 * second, second, 1), 1.0));
        let cores = cores().len();
        let all = second * u32::try_from(cores).unwrap();
        assert!(near(on_core(all, 2 * second, 4 * cores), 0.5));
        assert_eq!(on_core(Duration::ZERO, second, 1), None);
    }

    #[test]
    fn a_sprint_stops_every_thread() {
        let sprint = sprint(&spread(3), Duration::from_millis(20), &|_, stop| {
            let mut ops = 0;
            while !stop.now() {
                ops += 1;
                thread::yield_now();
            }
            ops
        });
        assert_eq!(sprint.ops.len(), 3);
        assert_eq!(sprint.total(), sprint.ops.iter().sum());
    }

    #[test]
    fn fairness_is_the_fewest_over_the_most() {
        let sprint = |ops: &[u64]| Sprint {
            ops: ops.to_vec(),
            wall: Duration::ZERO,
            cpu: Duration::ZERO,
            overlap: 1.0,
            pinned: true,
        };
        assert!((sprint(&[50, 100, 80]).fairness() - 0.5).abs() < 1e-9);
        assert!(sprint(&[0, 9]).fairness().abs() < 1e-9);
        assert!(sprint(&[0, 0]).fairness().abs() < 1e-9);
    }

    #[test]
    #[should_panic(expected = "broken case")]
    fn a_panic_in_the_work_comes_through() {
        race(&spread(2), 1, &|thread, _| assert!(thread == 0, "broken case"));
    }
}
