//! Everything that locks, on eight threads at once: for a sanitizer to watch.
//!
//! ```text
//! cargo run --release --example stress              # 2,000 rounds of each part
//! cargo run --release --example stress -- 100000
//!
//! TSAN_OPTIONS=halt_on_error=1 \
//! RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
//!     cargo +nightly run --target x86_64-unknown-linux-gnu --example stress
//!
//! RUSTFLAGS="-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer" \
//!     cargo +nightly run --target x86_64-unknown-linux-gnu --example stress
//! ```
//!
//! Give them ten thousand rounds, and a minute. `AddressSanitizer` looks for leaks at the end as well.
//!
//! The sanitizers see this crate, those it depends on, and of std what is generic or inlined. What std was
//! compiled from before is not instrumented, and what happens there looks like a race. So this is a plain
//! `main` without a test harness, channels, scopes or `OnceLock`, and threads are joined, which
//! `ThreadSanitizer` knows from the system's library. It does not know fences either: see
//! [`__tsan_default_suppressions`].
//!
//! Each part checks its sums. The exit status is not zero if one of them is wrong.

mod work_queue;

use lockline::{
    AsyncMutex, Condvar, Fairness, MappedMutexGuard, Mutex, MutexGuard, Observed, OwnedMutexGuard,
    Plain, Policy, Semaphore, SendGuards, poison,
};
use std::{
    collections::VecDeque,
    env,
    ffi::c_char,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const THREADS: u64 = 8;
const USAGE: &str = "usage: stress [ROUNDS]";

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let rounds = match args.as_slice() {
        [] => Some(2_000),
        [rounds] => rounds.parse().ok().filter(|rounds| *rounds > 0),
        _ => None,
    };
    let Some(rounds) = rounds else {
        eprintln!("stress: one number of rounds, not {args:?}\n{USAGE}");
        return ExitCode::from(2);
    };
    let mut ok = true;
    for (name, part) in [
        ("every way in", every_way_in::<Plain> as fn(u64) -> (u64, u64)),
        ("every way in, observed", every_way_in::<Observed>),
        ("timeouts", timeouts),
        ("guards that move", guards_that_move),
        ("owned guards", owned_guards),
        ("condition variable", queue),
        ("condition variable, for a while", turns),
        ("poison", poisoned),
        ("semaphore", permits),
        ("semaphore, in order", permits_in_order),
        ("work queue", work_queue::every_way),
        ("work queue, closed", work_queue::closed),
    ] {
        let start = Instant::now();
        let (is, should_be) = part(rounds);
        let verdict = if is == should_be { "ok" } else { "WRONG" };
        ok &= is == should_be;
        println!("{name:>32} {verdict} {is} of {should_be} ({:.2?})", start.elapsed());
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `f` on all threads, with what they share and each one's number, and adds up what they return.
fn on_threads<S: Send + Sync + 'static>(
    shared: &Arc<S>,
    f: impl Fn(&Arc<S>, u64) -> u64 + Copy + Send + 'static,
) -> u64 {
    let thread = |thread| {
        let shared = shared.clone();
        thread::spawn(move || f(&shared, thread))
    };
    let threads: Vec<_> = (0..THREADS).map(thread).collect();
    threads.into_iter().map(|thread| thread.join().expect("a thread failed")).sum()
}

/// What `ThreadSanitizer` is not to tell, asked for by its runtime.
///
/// The last owner of an `Arc` frees it after a fence, which orders that after what the other owners did. `ThreadSanitizer`
/// takes no notice of fences and calls it a race, for any `Arc`: std's for a thread that nobody joins too. This
/// hides races with the end of an `Arc` and no other. A guard that used its mutex after it gave up its share
/// would be hidden, and `AddressSanitizer` would find it.
// SAFETY: nothing else has this name but a weak symbol in the runtime, of this type.
#[unsafe(no_mangle)]
extern "C" fn __tsan_default_suppressions() -> *const c_char {
    // A constant: it is asked for before there is anything that a call or a load could be reported to.
    const { c"race:<alloc::sync::Arc<*>*::drop".as_ptr() }
}

/// A value of several words, none of them atomic: half an update is noticed, and so is a race.
#[derive(Debug, Default)]
struct Count {
    visits: u64,
    list: Vec<u64>,
}

impl Count {
    fn visit(&mut self, n: u64) {
        if self.list.len() == 16 {
            self.list = Vec::new();
        }
        self.list.push(n);
        self.visits += 1;
    }
}

fn every_way_in<P: Policy + 'static>(rounds: u64) -> (u64, u64) {
    let mutex = Arc::<Mutex<Count, P>>::default();
    let visits = on_threads(&mutex, move |mutex, thread| {
        (thread..thread + rounds).map(|round| u64::from(visit(mutex, round))).sum()
    });
    let is = mutex.lock().visits;
    (is, visits)
}

/// Gets in by one of the ways there are. Whether it did.
fn visit<P: Policy>(mutex: &Arc<Mutex<Count, P>>, round: u64) -> bool {
    let in_a_moment = Duration::from_micros(round % 64);
    let guard = match round % 9 {
        0 => mutex.try_lock(),
        1 => mutex.try_lock_for(in_a_moment),
        2 => mutex.try_lock_until(Instant::now() + in_a_moment),
        3 => mutex.try_lock_for(Duration::MAX),
        4 => {
            mutex.clone().lock_owned().visit(round);
            return true;
        }
        5 => {
            let mut guard = mutex.lock();
            guard.visit(round);
            MutexGuard::unlock_fair(guard);
            return true;
        }
        6 => {
            let list = MutexGuard::map(mutex.lock(), |count| {
                count.visits += 1;
                &mut count.list
            });
            MappedMutexGuard::map(list, |list| list.as_mut_slice()).fill(round);
            return true;
        }
        7 => {
            let mut guard = mutex.lock();
            MutexGuard::unlocked(&mut guard, thread::yield_now);
            Some(guard)
        }
        _ => Some(mutex.lock()),
    };
    let Some(mut guard) = guard else { return false };
    guard.visit(round);
    if round % 5 == 0 {
        // Others run, and wait.
        thread::yield_now();
    }
    true
}

/// Most waits end by a timeout, at any point of somebody else's.
fn timeouts(rounds: u64) -> (u64, u64) {
    let mutex = Arc::<Mutex<Count, Observed>>::default();
    let visits = on_threads(&mutex, move |mutex, thread| {
        let mut visits = 0;
        for round in 0..rounds {
            let timeout = Duration::from_micros((31 * thread + 17 * round) % 120);
            if let Some(mut guard) = mutex.try_lock_for(timeout) {
                guard.visit(round);
                visits += 1;
                if round % 16 == 0 {
                    thread::sleep(Duration::from_micros(60));
                }
            }
        }
        visits
    });
    let is = mutex.try_lock().expect("nobody has it").visits;
    (is, visits)
}

/// One thread locks, and another unlocks.
fn guards_that_move(rounds: u64) -> (u64, u64) {
    static COUNT: Mutex<u64, SendGuards> = Mutex::with_policy(0);
    static HANDED_OVER: Mutex<Option<MutexGuard<'static, u64, SendGuards>>> = Mutex::new(None);
    let visits = on_threads(&Arc::new(()), move |_, _| {
        let mut visits = 0;
        for _ in 0..rounds {
            let mut handed_over = HANDED_OVER.lock();
            if let Some(mut guard) = handed_over.take() {
                drop(handed_over);
                *guard += 1;
                visits += 1;
            } else if let Some(mut guard) = COUNT.try_lock() {
                *guard += 1;
                visits += 1;
                *handed_over = Some(guard);
            }
        }
        visits
    });
    drop(HANDED_OVER.lock().take());
    let is = *COUNT.try_lock().expect("nobody has it");
    (is, visits)
}

/// The mutex lives for a few rounds, and its last owner may be a guard.
fn owned_guards(rounds: u64) -> (u64, u64) {
    static DROPPED: AtomicU64 = AtomicU64::new(0);
    struct Counted(u64);
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(self.0, Relaxed);
        }
    }
    type Shared = Arc<Mutex<Counted>>;
    fn new() -> Shared {
        Arc::new(Mutex::new(Counted(0)))
    }
    let slot = Arc::new(Mutex::new(new()));
    let visits = on_threads(&slot, move |slot, thread| {
        for round in 0..rounds {
            let mutex = slot.lock().clone();
            let guard = if round % 2 == 0 {
                Some(mutex.lock_owned())
            } else {
                mutex.try_lock_owned_for(Duration::from_millis(100))
            };
            let mut guard: OwnedMutexGuard<Counted> = guard.expect("others are quick");
            guard.0 += 1;
            if (thread + round) % 4 == 0 {
                let old = std::mem::replace(&mut *slot.lock(), new());
                drop(old);
            }
        }
        rounds
    });
    drop(slot);
    (DROPPED.load(Relaxed), visits)
}

/// A queue of four places between four threads and four others.
fn queue(rounds: u64) -> (u64, u64) {
    static QUEUE: Mutex<VecDeque<u64>> = Mutex::new(VecDeque::new());
    static ITEM: Condvar = Condvar::new();
    static PLACE: Condvar = Condvar::new();
    let sum = on_threads(&Arc::new(()), move |_, thread| {
        let mut sum = 0;
        for round in 0..rounds {
            let mut queue = QUEUE.lock();
            if thread % 2 == 0 {
                PLACE.wait_while(&mut queue, |queue| queue.len() == 4);
                queue.push_back(round);
                if round % 3 == 0 {
                    // While it is held.
                    ITEM.notify_one();
                } else {
                    drop(queue);
                    ITEM.notify_one();
                }
            } else {
                while queue.is_empty() {
                    ITEM.wait(&mut queue);
                }
                sum += queue.pop_front().expect("it is not empty");
                drop(queue);
                PLACE.notify_one();
            }
        }
        sum
    });
    (sum, THREADS / 2 * (0..rounds).sum::<u64>())
}

/// Each thread in its turn, and all are woken each time; a wait too short for that is begun again.
fn turns(rounds: u64) -> (u64, u64) {
    let rounds = rounds.div_ceil(20);
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let visits = on_threads(&shared, move |shared, thread| {
        let (mutex, changed) = &**shared;
        for round in 0..rounds {
            let mut turn = mutex.lock();
            if round % 2 == 0 {
                let timeout = Duration::from_micros(50 + thread);
                while *turn % THREADS != thread {
                    changed.wait_for(&mut turn, timeout);
                }
            } else {
                let mine = |turn: &mut u64| *turn % THREADS != thread;
                let waited = changed.wait_while_for(&mut turn, mine, Duration::MAX);
                assert!(!waited.timed_out());
            }
            *turn += 1;
            drop(turn);
            changed.notify_all();
        }
        rounds
    });
    let is = *shared.0.lock();
    (is, visits)
}

/// Some panic with the lock, between the two halves of an update, and whoever comes next makes it whole.
fn poisoned(rounds: u64) -> (u64, u64) {
    let mutex = Arc::new(poison::Mutex::new((0_u64, 0_u64)));
    let updates = on_threads(&mutex, move |mutex, thread| {
        for round in 0..rounds {
            let update = || {
                let mut pair = mutex.lock().unwrap_or_else(|poisoned| {
                    let mut pair = poisoned.into_inner();
                    assert_eq!(pair.0, pair.1 + 1, "that is where it panicked");
                    pair.1 += 1;
                    mutex.clear_poison();
                    pair
                });
                assert_eq!(pair.0, pair.1, "half an update without poison");
                pair.0 += 1;
                if (thread + round) % 10 == 0 {
                    // Without the message on the screen.
                    resume_unwind(Box::new(()));
                }
                pair.1 += 1;
            };
            let result = catch_unwind(AssertUnwindSafe(update));
            if let Err(panic) = result {
                assert!(panic.is::<()>(), "another panic than ours");
            }
        }
        rounds
    });
    let pair = mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    (pair.0, updates)
}

fn permits(rounds: u64) -> (u64, u64) {
    by_permit(rounds, Fairness::Bounded)
}

fn permits_in_order(rounds: u64) -> (u64, u64) {
    by_permit(rounds, Fairness::Strict)
}

/// Both permits of two are needed to visit; who has one of them only looks on. Half of the threads wait as tasks.
fn by_permit(rounds: u64, fairness: Fairness) -> (u64, u64) {
    let shared = Arc::new((
        Semaphore::<Plain>::with_policy(2, 2, fairness),
        Mutex::<Count, SendGuards>::with_policy(Count::default()),
        AsyncMutex::new(0),
    ));
    let visits = on_threads(&shared, move |shared, thread| {
        let (semaphore, count, asked) = &**shared;
        let mut visits = 0;
        for round in 0..rounds {
            let all = usize::from(round % 4 == thread % 4) + 1;
            let permit = match (thread + round) % 3 {
                0 => semaphore.acquire_many(all).ok(),
                1 => wait(semaphore.acquire_many_async(all)).ok(),
                _ => semaphore.acquire_many_for(all, Duration::from_micros(round % 64)).ok(),
            };
            if permit.is_some_and(|permit| permit.count() == 2) {
                // Nobody else is here, so this lock is free.
                *wait(asked.lock()) += 1;
            }
            if let Ok(_both) = semaphore.try_acquire_many(2) {
                let mut count = count.try_lock().expect("both permits exclude all others");
                count.visit(round);
                visits += 1;
            }
        }
        visits
    });
    let is = shared.1.lock().visits;
    (is, visits)
}

/// A runtime of one task, which parks.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
