//! What the guards of `Mutex` promise: when they unlock, and what is left when code between panics.

use lockline::{
    MappedMutexGuard, Mutex, MutexGuard, Observed, OwnedMappedMutexGuard, OwnedMutexGuard, Policy,
    SendGuards,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    thread,
    time::Duration,
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
fn an_owned_guard_of_a_part_holds_the_lock() {
    let mutex = Arc::new(Mutex::new((1, vec![2, 3])));
    let weak = Arc::downgrade(&mutex);
    let part = OwnedMutexGuard::map(mutex.clone().lock_owned(), |value| &mut value.1);
    assert!(!is_free(&mutex));
    let part = OwnedMappedMutexGuard::try_map(part, |list| list.get_mut(7));
    let part = part.expect_err("there is no such part");
    assert!(!is_free(&mutex));
    let mut part = OwnedMappedMutexGuard::map(part, |list| &mut list[1]);
    *part += 10;
    assert_eq!(format!("{part:?} {part}"), "13 13");
    assert_eq!(weak.strong_count(), 2, "one share, whatever it was mapped to");
    drop(part);
    assert!(is_free(&mutex));
    assert_eq!(*mutex.lock(), (1, vec![2, 13]));

    let guard = OwnedMutexGuard::try_map(mutex.lock_owned(), |value| value.1.get_mut(7));
    let guard = guard.expect_err("there is no such part");
    let part = OwnedMutexGuard::map(guard, |value| &mut value.0);
    assert_eq!((*part, weak.strong_count()), (1, 1));
    drop(part);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_part_of_a_part_that_is_not_there_gives_the_guard_back_locked() {
    let mutex = Mutex::new((1, vec![2]));
    let part = MutexGuard::map(mutex.lock(), |value| &mut value.1);
    let part = MappedMutexGuard::try_map(part, |list| list.get_mut(7));
    let part = part.expect_err("there is no such part");
    assert!(!is_free(&mutex));
    let mut last = MappedMutexGuard::try_map(part, |list| list.last_mut()).expect("there is one");
    assert!(!is_free(&mutex));
    *last += 1;
    drop(last);
    assert!(is_free(&mutex));
    assert_eq!(mutex.into_inner(), (1, vec![3]));
}

/// Each kind of guard, released fairly while somebody sleeps: that one is next.
#[test]
fn a_fair_release_of_any_guard_is_for_who_waits() {
    type Shared = Arc<Mutex<Vec<&'static str>, Observed>>;
    fn check(hold_and_release: impl Fn(&Shared, &dyn Fn())) {
        // An unfair one would be so by chance, but not each time.
        for _ in 0..20 {
            let mutex = Shared::default();
            thread::scope(|scope| {
                let wait = || {
                    scope.spawn(|| mutex.lock().push("waiter"));
                    until_somebody_sleeps(&mutex);
                };
                hold_and_release(&mutex, &wait);
                mutex.lock().push("newcomer");
            });
            assert_eq!(*mutex.lock(), ["waiter", "newcomer"]);
            assert_eq!(Arc::strong_count(&mutex), 1);
        }
    }
    check(|mutex, wait| {
        let guard = mutex.lock();
        wait();
        MutexGuard::unlock_fair(guard);
    });
    check(|mutex, wait| {
        let guard = MutexGuard::map(mutex.lock(), |list| list);
        wait();
        MappedMutexGuard::unlock_fair(guard);
    });
    check(|mutex, wait| {
        let guard = mutex.clone().lock_owned();
        wait();
        OwnedMutexGuard::unlock_fair(guard);
    });
    check(|mutex, wait| {
        let guard = OwnedMutexGuard::map(mutex.clone().lock_owned(), |list| list);
        wait();
        OwnedMappedMutexGuard::unlock_fair(guard);
    });
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
    let mutex = Arc::new(mutex);
    let guard = mutex.clone().lock_owned();
    panics(|| drop(OwnedMutexGuard::map(guard, |_| -> &mut i32 { panic_quietly() })));
    assert!(is_free(&mutex));
    let part = OwnedMutexGuard::map(mutex.clone().lock_owned(), |value| value);
    panics(|| drop(OwnedMappedMutexGuard::map(part, |_| -> &mut i32 { panic_quietly() })));
    assert!(is_free(&mutex));
    assert_eq!(Arc::strong_count(&mutex), 1);
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
    let mutex = Arc::new(mutex);
    let mut guard = mutex.clone().lock_owned();
    panics(|| {
        OwnedMutexGuard::unlocked(&mut guard, || {
            *mutex.lock() += 1;
            panic_quietly()
        });
    });
    assert!(!is_free(&mutex));
    *guard += 1;
    drop(guard);
    assert!(is_free(&mutex));
    assert_eq!(*mutex.lock(), 5);
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
