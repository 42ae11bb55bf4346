//! The mutex with each kind of release, and while that changes, on real threads.
//!
//! Where the kernel knows no `membarrier`, or may not be asked, releases stay by swap; the same programs run then,
//! and the promises are the same.

use lockline_hooks::{
    __private::{
        hooks::{self, Kernel, Mode},
        spare, spins,
    },
    Condvar, Mutex, MutexGuard, Observed, SendGuards,
};
use std::{
    sync::{
        Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

const THREADS: u64 = 4;

/// The mode is the process's: one test at a time, and each from the beginning.
fn alone() -> StdMutexGuard<'static, ()> {
    static ALONE: StdMutex<()> = StdMutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    hooks::kernel(Kernel::Itself);
    hooks::start_over();
    spins(true);
    alone
}

#[derive(Default)]
struct Contention {
    mutex: Mutex<(u64, u64), Observed<SendGuards>>,
    sections: AtomicU64,
    done: AtomicBool,
}

impl Contention {
    /// Threads hammer the lock by several ways in, and some sections last, so that others sleep. Meanwhile `conduct`
    /// runs; after it they go on for a while, and stop.
    fn run(conduct: impl FnOnce(&Self)) -> Self {
        let contention = Self::default();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let contention = &contention;
                scope.spawn(move || contention.hammer(thread));
            }
            conduct(&contention);
            contention.wait_for_sections(1_000);
            contention.done.store(true, Relaxed);
        });
        let sections = contention.sections.load(Relaxed);
        assert_eq!(*contention.mutex.try_lock().expect("nobody has it"), (sections, sections));
        contention
    }

    fn hammer(&self, thread: u64) {
        let mut round = thread;
        while !self.done.load(Relaxed) {
            round += 1;
            // Half of them are eager.
            if thread % 2 == 0 {
                spare();
            }
            let guard = if round % 3 == 0 {
                self.mutex.try_lock_for(Duration::from_micros(round % 200))
            } else {
                Some(self.mutex.lock())
            };
            let Some(mut guard) = guard else { continue };
            guard.0 += 1;
            if round % 8 == 0 {
                thread::yield_now();
            }
            guard.1 += 1;
            assert_eq!(guard.0, guard.1, "two at once");
            self.sections.fetch_add(1, Relaxed);
            if round % 5 == 0 {
                MutexGuard::unlock_fair(guard);
            }
        }
    }

    /// Returns after so many more. If somebody is missed for ever, and so all are, this never does.
    fn wait_for_sections(&self, more: u64) {
        let enough = self.sections.load(Relaxed) + more;
        until(|| self.sections.load(Relaxed) >= enough);
    }
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// The first sleeper sleeps on the lock byte, those behind it in the queue.
fn everybody_gets_in_behind_a_sleeper(meanwhile: impl FnOnce()) {
    let mutex = Mutex::<u64, Observed>::default();
    thread::scope(|scope| {
        let guard = mutex.lock();
        for sleepers in 1..=THREADS {
            scope.spawn(|| *mutex.lock() += 1);
            until(|| mutex.stats().parks >= sleepers);
        }
        meanwhile();
        scope.spawn(|| *mutex.lock() += 1);
        drop(guard);
    });
    assert_eq!(mutex.into_inner(), THREADS + 1);
}

/// A condition variable and its mutex: two threads in turn, each sleeping while it is the other's.
fn turns() {
    const ROUNDS: u64 = 500;
    let (turn, changed) = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        for mine in 0..2 {
            let (turn, changed) = (&turn, &changed);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let mut turn = turn.lock();
                    changed.wait_while(&mut turn, |turn| *turn % 2 != mine);
                    *turn += 1;
                    changed.notify_one();
                }
            });
        }
    });
    assert_eq!(turn.into_inner(), 2 * ROUNDS);
}

#[test]
fn by_swap() {
    let _alone = alone();
    hooks::kernel(Kernel::Refuses);
    for usual in [true, false] {
        spins(usual);
        Contention::run(|_| {});
        everybody_gets_in_behind_a_sleeper(|| {});
        turns();
        assert_eq!(hooks::mode(), Mode::Locked);
    }
}

#[test]
fn by_store() {
    let _alone = alone();
    hooks::by_swap();
    let mode = if hooks::by_store() { Mode::Plain } else { Mode::Locked };
    for usual in [true, false] {
        spins(usual);
        Contention::run(|_| {});
        everybody_gets_in_behind_a_sleeper(|| {});
        turns();
        assert_eq!(hooks::mode(), mode);
    }
}

#[test]
fn the_first_release_decides() {
    let _alone = alone();
    hooks::by_swap();
    let can = hooks::by_store();
    hooks::start_over();
    drop(Mutex::new(()).lock());
    assert_ne!(hooks::mode(), Mode::Undecided);
    until(|| !can || hooks::mode() == Mode::Plain);
}

/// The switch, at any moment of the others' locking and sleeping.
#[test]
fn from_swap_to_store_in_the_middle() {
    let _alone = alone();
    for round in 0..40 {
        hooks::by_swap();
        spins(round % 2 == 0);
        Contention::run(|contention| {
            contention.wait_for_sections(round);
            hooks::by_store();
        });
        hooks::by_swap();
        everybody_gets_in_behind_a_sleeper(|| {
            hooks::by_store();
        });
    }
}

/// The kernel refuses from some moment on. Who sleeps then is woken all the same, and who comes to sleep later too.
#[test]
fn a_refusal_in_the_middle() {
    let _alone = alone();
    for round in 0..40 {
        hooks::kernel(Kernel::Itself);
        hooks::by_swap();
        spins(round % 2 == 0);
        if !hooks::by_store() {
            println!("no membarrier here: there is nothing to refuse");
            return;
        }
        Contention::run(|contention| {
            contention.wait_for_sections(round);
            hooks::kernel(Kernel::Refuses);
            // By the next of them that goes to sleep.
            until(|| hooks::mode() == Mode::Revoked);
        });
        hooks::kernel(Kernel::Itself);
        hooks::by_swap();
        assert!(hooks::by_store());
        everybody_gets_in_behind_a_sleeper(|| hooks::kernel(Kernel::Refuses));
    }
}

/// A release from before the refusal may miss somebody, who therefore looks again and again, for as long as it has time.
#[test]
fn after_a_refusal_nobody_sleeps_for_long() {
    let _alone = alone();
    hooks::by_swap();
    if !hooks::by_store() {
        println!("no membarrier here: there is nothing to refuse");
        return;
    }
    hooks::kernel(Kernel::Refuses);
    let mutex = Mutex::<u64, Observed>::default();
    thread::scope(|scope| {
        let guard = mutex.lock();
        let waiter = scope.spawn(|| *mutex.lock() += 1);
        until(|| mutex.stats().parks >= 5);
        assert!(!waiter.is_finished());
        drop(guard);
    });
    assert_eq!(hooks::mode(), Mode::Revoked);

    let timeout = Duration::from_millis(10);
    let guard = mutex.lock();
    let before = Instant::now();
    assert!(mutex.try_lock_for(timeout).is_none());
    assert!(before.elapsed() >= timeout, "the end of a short sleep is not the end of the time");
    drop(guard);
    assert_eq!(*mutex.try_lock().expect("nobody has it"), 1);
    everybody_gets_in_behind_a_sleeper(|| {});
    turns();
}
