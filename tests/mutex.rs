//! What `Mutex` and its guards promise, on real threads.
//!
//! Nothing here depends on who is faster. Where a test needs somebody asleep, it looks at the statistics until
//! they say so.

use lockline::{
    MappedMutexGuard, Mutex, MutexGuard, Observed, OwnedMappedMutexGuard, OwnedMutexGuard, Policy,
    SendGuards,
};
use std::{
    any::Any,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(2);

/// Whether another thread finds the lock free.
fn is_free<T: ?Sized + Send, P: Policy>(mutex: &Mutex<T, P>) -> bool {
    thread::scope(|scope| scope.spawn(|| mutex.try_lock().is_some()).join().unwrap())
}

/// Returns when somebody has gone to sleep for the lock, which the caller has.
fn until_somebody_sleeps<T: ?Sized>(mutex: &Mutex<T, Observed>) {
    while mutex.stats().parks == 0 {
        thread::yield_now();
    }
}

// --------------------------------------------------------------------------------- exclusion

/// Notices somebody else inside at the same time, and updates that get lost.
#[derive(Default)]
struct Section {
    inside: AtomicBool,
    visits: u64,
    seconds: u64,
}

impl Section {
    fn visit(&mut self, round: u64) {
        assert!(!self.inside.swap(true, Relaxed), "two at once");
        let visits = self.visits;
        assert_eq!(visits, self.seconds, "half an update");
        self.visits = visits + 1;
        if round % 7 == 0 {
            // Others run, even on one core, and must not get in.
            thread::yield_now();
        }
        self.seconds = visits + 1;
        assert!(self.inside.swap(false, Relaxed), "two at once");
    }
}

fn exclude<P: Policy>() {
    const THREADS: u64 = 8;
    const ROUNDS: u64 = 2_000;
    let mutex = Arc::new(Mutex::<Section, P>::default());
    let visits: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let mutex = &mutex;
                scope.spawn(move || {
                    let mut visits = 0;
                    for round in thread..thread + ROUNDS {
                        visits += u64::from(visit_somehow(mutex, round));
                    }
                    visits
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(visits >= THREADS * ROUNDS / 2, "half of the ways in always get in");
    let section = Arc::into_inner(mutex).expect("no guard is left").into_inner();
    assert_eq!((section.visits, section.seconds), (visits, visits));
}

/// Gets in by one of all the ways there are. Whether it did.
fn visit_somehow<P: Policy>(mutex: &Arc<Mutex<Section, P>>, round: u64) -> bool {
    let in_a_moment = Duration::from_micros(round % 64);
    let guard = match round % 16 {
        0 | 1 => Some(mutex.lock()),
        2 => mutex.try_lock(),
        3 => mutex.try_lock_for(in_a_moment),
        4 => mutex.try_lock_for(Duration::MAX),
        5 => mutex.try_lock_until(Instant::now() + in_a_moment),
        6 => {
            mutex.clone().lock_owned().visit(round);
            return true;
        }
        7 => {
            let guard = mutex.clone().try_lock_owned();
            return guard.map(|mut guard| guard.visit(round)).is_some();
        }
        8 => {
            let guard = mutex.clone().try_lock_owned_for(in_a_moment);
            return guard.map(|mut guard| guard.visit(round)).is_some();
        }
        9 => {
            let mut guard = mutex.lock();
            guard.visit(round);
            MutexGuard::unlock_fair(guard);
            return true;
        }
        10 => {
            MutexGuard::map(mutex.lock(), |section| section).visit(round);
            return true;
        }
        11 => {
            let mut guard = MutexGuard::map(mutex.lock(), |section| section);
            guard.visit(round);
            MappedMutexGuard::unlock_fair(guard);
            return true;
        }
        12 => {
            let guard = mutex.clone().try_lock_owned_until(Instant::now() + in_a_moment);
            return guard.map(|mut guard| guard.visit(round)).is_some();
        }
        13 => {
            let mut guard = mutex.clone().lock_owned();
            OwnedMutexGuard::unlocked(&mut guard, thread::yield_now);
            guard.visit(round);
            OwnedMutexGuard::unlock_fair(guard);
            return true;
        }
        14 => {
            let mut guard = OwnedMutexGuard::map(mutex.clone().lock_owned(), |section| section);
            guard.visit(round);
            OwnedMappedMutexGuard::unlock_fair(guard);
            return true;
        }
        _ => {
            let mut guard = mutex.lock();
            MutexGuard::unlocked(&mut guard, thread::yield_now);
            Some(guard)
        }
    };
    guard.map(|mut guard| guard.visit(round)).is_some()
}

#[test]
fn one_at_a_time_by_any_way_in() {
    exclude::<lockline::Plain>();
    exclude::<Observed>();
    exclude::<SendGuards>();
    exclude::<Observed<SendGuards>>();
}

#[test]
fn everybody_gets_in_behind_a_sleeper() {
    let mutex = Mutex::<u32, Observed>::default();
    thread::scope(|scope| {
        let guard = mutex.lock();
        for _ in 0..32 {
            scope.spawn(|| *mutex.lock() += 1);
        }
        until_somebody_sleeps(&mutex);
        drop(guard);
    });
    assert_eq!(mutex.into_inner(), 32);
}

// --------------------------------------------------------------------------------- timeouts

#[test]
fn a_free_lock_is_had_whatever_the_timeout() {
    let mutex = Arc::new(Mutex::new(0));
    for timeout in [Duration::ZERO, Duration::from_nanos(1), SHORT, Duration::MAX] {
        *mutex.try_lock_for(timeout).unwrap() += 1;
        *mutex.clone().try_lock_owned_for(timeout).unwrap() += 1;
    }
    for deadline in deadlines() {
        *mutex.try_lock_until(deadline).unwrap() += 1;
        *mutex.clone().try_lock_owned_until(deadline).unwrap() += 1;
    }
    assert_eq!(*mutex.lock(), 14);
}

/// Past, now, and soon.
fn deadlines() -> [Instant; 3] {
    let now = Instant::now();
    [now.checked_sub(SHORT).unwrap_or(now), now, now + SHORT]
}

#[test]
fn a_held_lock_is_not_had_in_time() {
    let mutex = Arc::new(Mutex::new(()));
    let guard = mutex.lock();
    for timeout in [Duration::ZERO, Duration::from_nanos(1), SHORT] {
        let before = Instant::now();
        assert!(mutex.try_lock_for(timeout).is_none());
        assert!(before.elapsed() >= timeout);
        assert!(mutex.clone().try_lock_owned_for(timeout).is_none());
    }
    for deadline in deadlines() {
        assert!(mutex.try_lock_until(deadline).is_none());
        assert!(Instant::now() >= deadline);
        assert!(mutex.clone().try_lock_owned_until(deadline).is_none());
    }
    assert!(mutex.try_lock().is_none() && mutex.clone().try_lock_owned().is_none());
    drop(guard);
    // Those who gave up left nothing behind.
    assert!(mutex.try_lock().is_some());
    assert!(is_free(&mutex));
}

/// No sleep, and no place in line either: who does not want to wait changes nothing for those who do.
#[test]
fn without_time_nobody_waits() {
    let mutex = Arc::new(Mutex::<_, Observed>::with_policy(()));
    let guard = mutex.lock();
    let now = Instant::now();
    assert!(mutex.try_lock_for(Duration::ZERO).is_none());
    assert!(mutex.clone().try_lock_owned_for(Duration::ZERO).is_none());
    for past in [now, now.checked_sub(SHORT).unwrap_or(now)] {
        assert!(mutex.try_lock_until(past).is_none());
        assert!(mutex.clone().try_lock_owned_until(past).is_none());
    }
    assert_eq!(mutex.stats().parks, 0);
    thread::scope(|scope| {
        scope.spawn(|| drop(mutex.lock()));
        until_somebody_sleeps(&mutex);
        let parks = mutex.stats().parks;
        assert!(mutex.try_lock_for(Duration::ZERO).is_none());
        assert!(mutex.try_lock_until(now).is_none());
        assert_eq!(mutex.stats().parks, parks, "the other one sleeps on, and nobody else does");
        drop(guard);
    });
}

/// A wait is a sleep: of a second on a held lock, the thread runs for less than a twentieth, by its own clock, which
/// stands still while others run.
#[cfg(target_os = "linux")]
#[test]
fn a_timed_wait_takes_no_processor_time() {
    const WAIT: Duration = Duration::from_secs(1);
    let mutex = Mutex::new(());
    let guard = mutex.lock();
    let used = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let before = cpu_time();
            assert!(mutex.try_lock_for(WAIT).is_none());
            cpu_time().saturating_sub(before)
        });
        waiter.join().unwrap()
    });
    drop(guard);
    assert!(used < WAIT / 20, "{used:?} of processor time");
}

/// For how long this thread has run.
#[cfg(target_os = "linux")]
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the place it is given, which is one.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[test]
fn the_longest_timeout_there_is_waits_for_the_lock() {
    let mutex = Mutex::<_, Observed>::with_policy(false);
    thread::scope(|scope| {
        let mut guard = mutex.lock();
        let waiter = scope.spawn(|| *mutex.try_lock_for(Duration::MAX).unwrap());
        until_somebody_sleeps(&mutex);
        *guard = true;
        drop(guard);
        assert!(waiter.join().unwrap(), "it got the lock before its time");
    });
}

#[test]
fn waiters_that_give_up_leave_a_lock_that_works() {
    const THREADS: u64 = 8;
    let mutex = Mutex::new(0);
    let got = AtomicU32::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (mutex, got) = (&mutex, &got);
            scope.spawn(move || {
                for round in 0..500 {
                    // Some are over before they begin, some while the holder sleeps, and few last.
                    let timeout = Duration::from_micros((thread * 31 + round * 17) % 150);
                    if let Some(mut guard) = mutex.try_lock_for(timeout) {
                        *guard += 1;
                        got.fetch_add(1, Relaxed);
                        if round % 4 == 0 {
                            thread::sleep(Duration::from_micros(50));
                        }
                        if round % 3 == 0 {
                            MutexGuard::unlock_fair(guard);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(*mutex.try_lock().expect("nobody has it"), got.into_inner());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| *mutex.lock() += 1);
        }
    });
    assert!(is_free(&mutex));
}

// --------------------------------------------------------------------------------- fairness

#[test]
fn a_fair_release_is_for_who_waits() {
    // An unfair one would be so by chance, but not each time.
    for _ in 0..20 {
        let mutex = Mutex::<_, Observed>::with_policy(Vec::new());
        thread::scope(|scope| {
            let guard = mutex.lock();
            scope.spawn(|| mutex.lock().push("waiter"));
            until_somebody_sleeps(&mutex);
            MutexGuard::unlock_fair(guard);
            mutex.lock().push("newcomer");
        });
        assert_eq!(mutex.into_inner(), ["waiter", "newcomer"]);
    }
}

#[test]
fn a_fair_release_without_waiters_is_a_release() {
    let mutex = Mutex::new(1);
    MutexGuard::unlock_fair(mutex.lock());
    assert!(!mutex.is_locked());
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

// --------------------------------------------------------------------------------- values

#[test]
fn the_value_may_be_unsized() {
    let bytes: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    bytes.lock()[0] = 7;
    let mut owned = bytes.clone().lock_owned();
    owned[1..].fill(8);
    drop(owned);
    *MutexGuard::map(bytes.lock(), |bytes| &mut bytes[2]) += 1;
    assert_eq!(*bytes.lock(), [7, 8, 9]);

    let mut any: Box<Mutex<dyn Any + Send>> = Box::new(Mutex::new(5_u32));
    *any.lock().downcast_mut::<u32>().unwrap() += 1;
    assert!(MutexGuard::try_map(any.lock(), <dyn Any + Send>::downcast_mut::<u64>).is_err());
    assert_eq!(any.get_mut().downcast_ref(), Some(&6_u32));

    let observed: &Mutex<[u8], Observed> = &Mutex::with_policy([1, 2]);
    assert_eq!((observed.lock().len(), observed.stats().contended), (2, 0));
}

#[test]
fn it_is_made_in_a_static_by_default_and_from_a_value() {
    static PLAIN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    static OBSERVED: Mutex<u8, Observed<SendGuards>> = Mutex::with_policy(3);
    PLAIN.lock().push(1);
    assert_eq!((PLAIN.lock().len(), *OBSERVED.lock()), (1, 3));

    let mut default = Mutex::<String>::default();
    default.get_mut().push('a');
    assert_eq!(default.into_inner(), "a");
    assert_eq!(Mutex::<_, Observed>::from(7).into_inner(), 7);
    assert_eq!(*Mutex::<u8, SendGuards>::default().lock(), 0);
}

#[test]
fn debug_shows_the_value_and_does_not_block() {
    fn check<T: ?Sized + Debug, P: Policy>(mutex: &Mutex<T, P>, free: &str) {
        assert_eq!(format!("{mutex:?}"), free);
        let guard = mutex.lock();
        assert_eq!(format!("{mutex:?}"), "Mutex { value: <locked> }");
        drop(guard);
        assert_eq!(format!("{mutex:?}"), free, "showing it left it free");
    }
    check(&Mutex::new(1), "Mutex { value: 1 }");
    check::<[_], _>(&Mutex::<_, Observed>::with_policy([1, 2]), "Mutex { value: [1, 2] }");

    let mutex = Arc::new(Mutex::new("text"));
    assert_eq!(format!("{0:?} {0}", mutex.lock()), "\"text\" text");
    assert_eq!(format!("{:?}", MutexGuard::map(mutex.lock(), |text| text)), "\"text\"");
    assert_eq!(format!("{:?}", mutex.clone().lock_owned()), "\"text\"");
}
