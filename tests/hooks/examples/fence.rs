//! Whether the rare side of the fence is needed, and whether it is enough, on the processor at hand.
//!
//! ```text
//! cargo run --release -p lockline-hooks --example fence -- pair              # the two sides: a minute, nothing is missed
//! cargo run --release -p lockline-hooks --example fence -- pair 60 without   # the kernel is not asked: one is missed
//! cargo run --release -p lockline-hooks --example fence                      # a lock: no waiter is missed
//! cargo run --release -p lockline-hooks --example fence -- 60 without        # one may be
//! ```
//!
//! A release by store writes to the lock, then looks whether a waiter has announced itself. The processor may
//! look before others see what it wrote: the store waits in its buffer, longest behind others whose lines are not in
//! the cache. A waiter that announces itself just then, and still finds the lock held, goes to sleep, and nobody wakes
//! it. A barrier on the releasing core between the waiter's announcement and its look makes that impossible; the
//! waiter has the kernel run one on all cores (`membarrier`).
//!
//! `pair` has two threads do just that in each round, at about the same time, with nothing around it: a round in which
//! neither saw the other is one too many.
//!
//! With the lock around it, one thread has the lock in each round, writes to memory that no cache has, and releases; the
//! other comes to wait
//! at about the same time, a little earlier or later by chance, and does not spin. Who is missed sleeps
//! although the lock is free. A third thread notices, as nothing moves for two seconds of its own running, which a stopped
//! process does not count; and it takes and releases the lock, which wakes the sleeper: missed it was, not lost.
//!
//! The exit status is zero if none is missed, and `without` if one is. Both cores must be free for it.
//!
//! On an idle guest with 2 cores (Xeon, 2.8 GHz), 2026-11-21: without the barrier a `pair` misses within 3,000 rounds, 1.5 ms
//! (14 s beside busy compilers); with it nothing in 11,999,000 rounds, 140 s. Of the lock, with it, nobody in 8,890,264
//! rounds, 10 minutes; without it one in round 26,393, after 1.4 s, but none in another run of a minute.

use lockline_hooks::{
    __private::{
        hooks::{self, Kernel},
        spins,
    },
    Mutex,
};
use std::{
    env,
    hint::{black_box, spin_loop},
    process::ExitCode,
    sync::atomic::{
        AtomicBool, AtomicU8, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "usage: fence [pair] [SECONDS [without]]";
/// Larger than any cache of one core.
const MEMORY: usize = 64 << 20;
const LINE: usize = 64;
/// Stores into other lines before that of the release; a store buffer has about as many places.
const STORES: u64 = 40;
/// The longest pause of either side, in steps of about a nanosecond.
const PAUSE: u64 = 2_000;
/// The longest pause of either side of a `pair`: about what a line takes from core to core.
const SKEW: u64 = 200;
/// So many looks of this length without a change are a standstill.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(100);

static LOCK: Mutex<()> = Mutex::new(());
/// The round in which the holder has the lock.
static HELD: AtomicU64 = AtomicU64::new(0);
/// The last round in which the waiter had it.
static HAD: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let mut args: Vec<_> = args.iter().map(String::as_str).collect();
    let alone = args.first() == Some(&"pair");
    if alone {
        args.remove(0);
    }
    let (seconds, with) = match args.as_slice() {
        [] => (Some(60), true),
        [seconds] => (seconds.parse().ok(), true),
        [seconds, "without"] => (seconds.parse().ok(), false),
        _ => (None, true),
    };
    let Some(seconds) = seconds else {
        eprintln!("fence: not {args:?}\n{USAGE}");
        return ExitCode::from(2);
    };

    hooks::by_swap();
    if !hooks::by_store() {
        println!("no membarrier here: releases are by swap, and there is nothing to see");
        return ExitCode::SUCCESS;
    }
    if thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
        println!("one core: nothing happens at the same time, and there is nothing to see");
        return ExitCode::SUCCESS;
    }
    spins(false);
    if !with {
        hooks::kernel(Kernel::Pretends);
    }
    if alone {
        return pair(Duration::from_secs(seconds), with);
    }
    let start = Instant::now();
    let missed = thread::scope(|scope| {
        scope.spawn(hold);
        scope.spawn(wait);
        let missed = watch(start + Duration::from_secs(seconds));
        STOP.store(true, Relaxed);
        missed
    });
    let rounds = HAD.load(Relaxed);
    match missed {
        Some(round) => println!(
            "missed in round {round}, after {:.2?} less the two seconds: asleep with the lock free",
            start.elapsed()
        ),
        None => println!("nobody was missed in {rounds} rounds, {:.2?}", start.elapsed()),
    }
    if missed.is_some() == with { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A byte or a number on lines of its own.
#[repr(align(128))]
struct Padded<T>(T);

static HELD_BYTE: Padded<AtomicU8> = Padded(AtomicU8::new(1));
static ANNOUNCED: Padded<AtomicU8> = Padded(AtomicU8::new(0));
/// The round that either side may begin, and those it has ended.
static ROUND: Padded<AtomicU64> = Padded(AtomicU64::new(0));
static ENDED: Padded<AtomicU64> = Padded(AtomicU64::new(0));
/// Whether the side that announces found the lock held, in the round that has ended.
static FOUND_HELD: Padded<AtomicBool> = Padded(AtomicBool::new(false));

/// Release and announcement against each other, until neither sees the other or time is up.
fn pair(time: Duration, with: bool) -> ExitCode {
    let start = Instant::now();
    let mut missed = false;
    thread::scope(|scope| {
        scope.spawn(announce);
        let mut random = Random(1);
        let mut round = 0;
        while !missed && start.elapsed() < time {
            // The clock is not read in each round.
            for _ in 0..1_000 {
                round += 1;
                HELD_BYTE.0.store(1, Relaxed);
                ANNOUNCED.0.store(0, Relaxed);
                ROUND.0.store(round, Release);
                pause(random.below(SKEW));
                HELD_BYTE.0.store(0, Release);
                hooks::light();
                let seen = ANNOUNCED.0.load(Relaxed) != 0;
                until(|| ENDED.0.load(Acquire) == round);
                missed |= !seen && FOUND_HELD.0.load(Relaxed);
            }
        }
        STOP.store(true, Relaxed);
        let (rounds, time) = (round, start.elapsed());
        println!(
            "{} in {rounds} rounds, {time:.2?}",
            if missed { "missed" } else { "nothing missed" }
        );
    });
    if missed == with { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Announces itself in each round, and looks.
fn announce() {
    let mut random = Random(2);
    let mut round = 0;
    while !STOP.load(Relaxed) {
        round += 1;
        until(|| ROUND.0.load(Acquire) == round);
        pause(random.below(SKEW));
        ANNOUNCED.0.fetch_or(1, Relaxed);
        hooks::heavy();
        FOUND_HELD.0.store(HELD_BYTE.0.load(Relaxed) != 0, Relaxed);
        ENDED.0.store(round, Release);
    }
}

/// Has the lock at the beginning of each round, and releases it with as much as possible written before.
fn hold() {
    let mut memory = vec![0_u64; MEMORY / size_of::<u64>()];
    let mut random = Random(1);
    let mut round = 0;
    while !STOP.load(Relaxed) {
        round += 1;
        let guard = LOCK.lock();
        HELD.store(round, Release);
        pause(random.below(PAUSE));
        for _ in 0..STORES {
            let line = random.below((MEMORY / LINE) as u64);
            memory[usize::try_from(line).expect("below the length") * (LINE / size_of::<u64>())] =
                round;
        }
        drop(guard);
        until(|| HAD.load(Acquire) == round);
    }
    black_box(memory);
}

/// Comes to wait while the other one has the lock, or as it releases it.
fn wait() {
    let mut random = Random(2);
    let mut round = 0;
    while !STOP.load(Relaxed) {
        round += 1;
        until(|| HELD.load(Acquire) >= round);
        pause(random.below(PAUSE));
        drop(LOCK.lock());
        HAD.store(round, Release);
    }
}

/// Returns the round in which the waiter was missed, or none by the deadline.
fn watch(deadline: Instant) -> Option<u64> {
    let (mut last, mut looks) = (0, 0);
    while Instant::now() < deadline {
        thread::sleep(LOOK);
        let now = HAD.load(Relaxed);
        // Held, it is only slow.
        looks = if now == last && !LOCK.is_locked() { looks + 1 } else { 0 };
        last = now;
        if looks == LOOKS {
            // Takes it, and at the release finds what the other release missed.
            drop(LOCK.lock());
            until(|| HAD.load(Relaxed) > now || STOP.load(Relaxed));
            return Some(now + 1);
        }
    }
    None
}

fn until(condition: impl Fn() -> bool) {
    let mut tries = 0;
    while !condition() && !STOP.load(Relaxed) {
        tries += 1;
        if tries % 1_000 == 0 {
            thread::yield_now();
        }
        spin_loop();
    }
}

fn pause(steps: u64) {
    for step in 0..steps {
        black_box(step);
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
