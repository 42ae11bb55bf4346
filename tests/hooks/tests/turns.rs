//! A sleeper has its turn before long, also if the clock shows the same whenever a turn might be due: its face is
//! small, and sections can be as long as it takes to go round.

use lockline_hooks::{
    __private::{clock_stands, spins},
    Mutex, MutexGuard, Observed,
};
use std::thread;

/// As in `raw/mutex/wait.rs`: a head that tried so often in vain has its turn.
const OFTEN: u64 = 8;
/// One that happens to be as quick as those who are awake has the lock sooner, and shows nothing.
const SLEEPERS: u64 = 200;
/// Enough to tell.
const ENDLESS: u64 = 100 * OFTEN;

/// What the mutex is around.
#[derive(Default)]
struct Turns {
    /// Sections of those who are awake.
    passes: u64,
    /// How often the sleeper was about to sleep when the last of them ended.
    parks: u64,
    /// The sleeper has had the lock, or it is enough.
    over: bool,
}

/// Threads that are awake pass the lock to each other, each time when the sleeper is about to sleep. Says how many of
/// their sections passed it.
fn passes() -> u64 {
    let mutex = Mutex::<Turns, Observed>::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            // They only try, so as never to sleep themselves.
            scope.spawn(|| while !mutex.try_lock().is_some_and(|turns| pass(turns, &mutex)) {});
        }
        // They have begun, and one is to be waited for.
        while !mutex.is_locked() {
            thread::yield_now();
        }
        let mut turns = mutex.lock();
        turns.over = true;
        turns.passes
    })
}

/// Whether it is over.
fn pass(mut turns: MutexGuard<'_, Turns, Observed>, mutex: &Mutex<Turns, Observed>) -> bool {
    while !turns.over && mutex.stats().parks == turns.parks {
        thread::yield_now();
    }
    turns.parks = mutex.stats().parks;
    turns.passes += 1;
    turns.over |= turns.passes == ENDLESS;
    turns.over
}

#[test]
fn no_sleeper_is_passed_for_ever() {
    clock_stands(true);
    for usual in [true, false] {
        spins(usual);
        let most = (0..SLEEPERS).map(|_| passes()).max().unwrap_or_default();
        println!("spinning: {usual}; passed by at most {most} sections");
        // The last of these ends when the turn has been given.
        assert!(most <= OFTEN + 1, "passed by {most} sections");
    }
}
