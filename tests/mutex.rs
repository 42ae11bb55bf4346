//! What `Mutex` and its guards promise, on real threads.
//!
//! Nothing here depends on who is faster. Where a test needs somebody asleep, it looks at the statistics until
//! they say so.

use lockline::{
    MappedMutexGuard, Mutex, MutexGuard, Observed, OwnedMutexGuard, Policy, SendGuards,
};
use std::{
    any::Any,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
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

/// Runs `f`, which panics, without the message on the screen.
fn panics(f: impl FnOnce()) {
    let said = catch_unwind(AssertUnwindSafe(f)).expect_err("it should have panicked");
    assert_eq!(said.downcast_ref::<&str>(), Some(&"on purpose"));
}

fn panic_quietly() -> ! {
    resume_unwind(Box::new("on purpose"))
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
    let guard = match round % 12 {
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
    }
    assert_eq!(*mutex.lock(), 11);
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
    }
    assert!(mutex.try_lock().is_none() && mutex.clone().try_lock_owned().is_none());
    drop(guard);
    // Those who gave up left nothing behind.
    assert!(mutex.try_lock().is_some());
    assert!(is_free(&mutex));
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

// --------------------------------------------------------------------------------- guards

#[test]
fn a_guard_unlocks_once_it_is_dropped() {
    let mutex = Arc::new(Mutex::new(1));
    let guard = mutex.lock();
    assert!(mutex.is_locked() && !is_free(&mutex));
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &raw const *mutex));
    drop(guard);
    assert!(!mutex.is_locked() && is_free(&mutex));

    let guard = mutex.clone().lock_owned();
    assert!(mutex.is_locked() && !is_free(&mutex));
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    drop(guard);
    assert!(!mutex.is_locked() && is_free(&mutex));
}

#[test]
fn a_guard_of_a_part_holds_the_lock() {
    let mutex = Mutex::new((1, vec![2, 3]));
    let part = MutexGuard::map(mutex.lock(), |value| &mut value.1);
    assert!(mutex.is_locked());
    let mut part = MappedMutexGuard::map(part, |list| &mut list[1]);
    assert!(mutex.is_locked());
    *part += 10;
    drop(part);
    assert!(is_free(&mutex));
    assert_eq!(mutex.into_inner(), (1, vec![2, 13]));
}

#[test]
fn a_part_that_is_not_there_gives_the_guard_back_locked() {
    let mutex = Mutex::new(vec![1]);
    let guard = MutexGuard::try_map(mutex.lock(), |list| list.get_mut(7));
    let mut guard = guard.expect_err("there is no such part");
    assert!(!is_free(&mutex));
    guard.push(2);
    let mut last = MutexGuard::try_map(guard, |list| list.last_mut()).expect("there is one");
    assert!(!is_free(&mutex));
    *last += 1;
    drop(last);
    assert!(is_free(&mutex));
    assert_eq!(mutex.into_inner(), [1, 3]);
}

#[test]
fn a_panic_while_mapping_unlocks() {
    let mutex = Mutex::new(1);
    panics(|| drop(MutexGuard::map(mutex.lock(), |_| -> &mut i32 { panic_quietly() })));
    assert!(is_free(&mutex));
    panics(|| {
        drop(MutexGuard::try_map(mutex.lock(), |_| -> Option<&mut i32> { panic_quietly() }));
    });
    assert!(is_free(&mutex));
    let part = MutexGuard::map(mutex.lock(), |value| value);
    panics(|| drop(MappedMutexGuard::map(part, |_| -> &mut i32 { panic_quietly() })));
    assert!(is_free(&mutex));
}

#[test]
fn a_panic_while_locked_leaves_it_free_with_the_value_as_it_is() {
    let mutex = Arc::new(Mutex::new(0));
    panics(|| {
        let mut guard = mutex.lock();
        *guard += 1;
        panic_quietly()
    });
    panics(|| {
        let mut guard = mutex.clone().lock_owned();
        *guard += 1;
        panic_quietly()
    });
    assert!(is_free(&mutex));
    assert_eq!(*mutex.lock(), 2);
}

#[test]
fn unlocked_lets_others_in_meanwhile() {
    let mutex = Mutex::new(1);
    let mut guard = mutex.lock();
    let said = MutexGuard::unlocked(&mut guard, || {
        thread::scope(|scope| scope.spawn(|| *mutex.lock() += 1).join().unwrap());
        "back"
    });
    assert_eq!((said, *guard), ("back", 2));
    assert!(!is_free(&mutex));
    drop(guard);
    assert!(is_free(&mutex));
}

#[test]
fn a_panic_while_unlocked_locks_again() {
    let mutex = Mutex::new(1);
    let mut guard = mutex.lock();
    panics(|| {
        MutexGuard::unlocked(&mut guard, || {
            *mutex.lock() += 1;
            panic_quietly()
        });
    });
    assert!(!is_free(&mutex));
    *guard += 1;
    drop(guard);
    assert!(is_free(&mutex));
    assert_eq!(mutex.into_inner(), 3);
}

#[test]
fn a_guard_that_moved_unlocks_where_it_is() {
    let mutex = Arc::new(Mutex::<_, SendGuards>::with_policy(0));
    thread::scope(|scope| {
        let mut guard = mutex.lock();
        scope.spawn(move || {
            *guard += 1;
            drop(guard);
        });
        let mut part = MutexGuard::map(mutex.lock(), |value| value);
        scope.spawn(move || {
            *part += 1;
            drop(part);
        });
        let mut owned = mutex.clone().lock_owned();
        scope.spawn(move || {
            *owned += 1;
            drop(owned);
        });
        // None of them was unlocked here: this waits for the last.
        *mutex.lock() += 1;
    });
    assert!(is_free(&mutex));
    assert_eq!(*mutex.lock(), 4);
}

#[test]
fn an_owned_guard_keeps_the_mutex() {
    let mutex = Arc::new(Mutex::new(vec![1]));
    let weak = Arc::downgrade(&mutex);
    let mut guard = mutex.lock_owned();
    assert_eq!(weak.strong_count(), 1);
    guard.push(2);
    assert_eq!(*guard, [1, 2]);
    drop(guard);
    assert!(weak.upgrade().is_none());
}

#[test]
fn the_last_owned_guard_of_many_threads_drops_the_value() {
    for _ in 0..200 {
        let mutex = Arc::new(Mutex::new(Vec::new()));
        let weak = Arc::downgrade(&mutex);
        let mut threads = Vec::new();
        for thread in 0..4 {
            let mutex = mutex.clone();
            threads.push(thread::spawn(move || mutex.lock_owned().push(thread)));
        }
        drop(mutex);
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(weak.upgrade().is_none());
    }
}

#[test]
fn no_share_is_kept_by_who_does_not_get_the_lock() {
    let mutex = Arc::new(Mutex::new(()));
    let guard = mutex.lock();
    assert!(mutex.clone().try_lock_owned().is_none());
    assert!(mutex.clone().try_lock_owned_for(SHORT).is_none());
    drop(guard);
    assert_eq!(Arc::strong_count(&mutex), 1);
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

// --------------------------------------------------------------------------------- statistics

#[test]
fn nobody_waited_so_there_is_nothing_to_tell() {
    let mutex = Arc::new(Mutex::<_, Observed>::with_policy(0));
    for _ in 0..1_000 {
        *mutex.lock() += 1;
        *mutex.try_lock().unwrap() += 1;
        *mutex.try_lock_for(SHORT).unwrap() += 1;
        *mutex.clone().lock_owned() += 1;
        MutexGuard::unlock_fair(mutex.lock());
    }
    let guard = mutex.lock();
    assert!(mutex.try_lock().is_none());
    drop(guard);
    assert_eq!(mutex.stats(), lockline::LockStats::default());
}

#[test]
fn a_wait_is_told_with_its_length() {
    let mutex = Mutex::<_, Observed<SendGuards>>::with_policy(());
    let slept = thread::scope(|scope| {
        let guard = mutex.lock();
        let waiter = scope.spawn(|| drop(mutex.lock()));
        while mutex.stats().parks == 0 {
            thread::yield_now();
        }
        let asleep = Instant::now();
        assert_eq!(mutex.stats().contended, 0, "not before it has the lock");
        thread::sleep(SHORT);
        let slept = asleep.elapsed();
        drop(guard);
        waiter.join().unwrap();
        slept
    });
    let stats = mutex.stats();
    assert_eq!((stats.contended, stats.total_wait), (1, stats.longest_wait));
    assert!(stats.longest_wait >= slept, "{stats:?}, slept {slept:?}");
}

#[test]
fn who_gives_up_has_slept_but_not_acquired() {
    let mutex = Mutex::<_, Observed>::with_policy(());
    let guard = mutex.lock();
    assert!(mutex.try_lock_for(SHORT).is_none());
    drop(guard);
    let stats = mutex.stats();
    assert_eq!((stats.contended, stats.total_wait), (0, Duration::ZERO));
    assert!(stats.parks > 0);
}

#[test]
fn the_statistics_of_many_agree() {
    const THREADS: u32 = 8;
    let mutex = Mutex::<_, Observed>::with_policy(0);
    thread::scope(|scope| {
        let guard = mutex.lock();
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..200 {
                    *mutex.lock() += 1;
                    // Readable at any time, and consistent enough to print.
                    assert!(mutex.stats().contended <= u64::from(THREADS * 200));
                }
            });
        }
        until_somebody_sleeps(&mutex);
        drop(guard);
    });
    let stats = mutex.stats();
    assert_eq!(*mutex.lock(), THREADS * 200);
    assert!((1..=u64::from(THREADS * 200)).contains(&stats.contended), "{stats:?}");
    assert!(stats.parks >= 1 && stats.longest_wait > Duration::ZERO, "{stats:?}");
    assert!(stats.longest_wait <= stats.total_wait, "{stats:?}");
    let contended = u32::try_from(stats.contended).unwrap();
    assert!(stats.total_wait <= stats.longest_wait * contended, "{stats:?}");
}
