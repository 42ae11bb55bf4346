//! What `poison::Mutex` promises, on real threads.

use lockline::{
    Condvar, Observed, SendGuards,
    poison::{MappedMutexGuard, Mutex, MutexGuard, PoisonError, TryLockError},
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    thread,
    time::{Duration, Instant},
};

assert_impl_all!(Mutex<u32>: Send, Sync, Unpin, Default, From<u32>, std::fmt::Debug);
assert_impl_all!(Mutex<Cell<u32>>: Send, Sync, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(Mutex<*const u32>: Send, Sync);
assert_impl_all!(MutexGuard<'static, u32>: Sync, UnwindSafe, RefUnwindSafe);
assert_impl_all!(MutexGuard<'static, Cell<u32>, Observed>: UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(MutexGuard<'static, u32>: Send);
assert_not_impl_any!(MutexGuard<'static, Cell<u32>>: Sync);
assert_impl_all!(MutexGuard<'static, u32, SendGuards>: Send, Sync);
assert_impl_all!(MappedMutexGuard<'static, u32>: Sync, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(MappedMutexGuard<'static, u32>: Send);
assert_impl_all!(MappedMutexGuard<'static, u32, SendGuards>: Send, Sync);
const_assert_eq!(size_of::<Mutex<()>>(), 5);

static STATIC: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn poison<T: ?Sized + Send>(mutex: &Mutex<T>) {
    let section = thread::scope(|scope| {
        let section = scope.spawn(|| {
            let _guard = mutex.lock();
            panic!("with the lock held");
        });
        section.join()
    });
    assert!(section.is_err());
}

#[test]
fn in_a_static() {
    STATIC.lock().unwrap().push(1);
    assert_eq!(STATIC.lock().unwrap().len(), 1);
}

#[test]
fn a_panic_poisons_and_the_value_is_still_there() {
    let mutex = Mutex::new(5);
    assert!(!mutex.is_poisoned());
    poison(&mutex);
    assert!(mutex.is_poisoned());
    assert!(!mutex.is_locked());
    assert_eq!(*mutex.lock().unwrap_err().into_inner(), 5);
    let Err(TryLockError::Poisoned(poisoned)) = mutex.try_lock() else { panic!("not poisoned") };
    assert_eq!(**poisoned.get_ref(), 5);
    drop(poisoned);
    let timed = mutex.try_lock_for(Duration::from_millis(1));
    assert!(matches!(timed, Err(TryLockError::Poisoned(_))));
    drop(timed);

    mutex.clear_poison();
    assert!(!mutex.is_poisoned());
    assert_eq!(*mutex.lock().unwrap(), 5);
}

#[test]
fn a_panic_with_the_lock_free_does_not_poison() {
    let mutex = Mutex::new(5);
    let section = || {
        drop(mutex.lock());
        panic!("after the release");
    };
    assert!(catch_unwind(AssertUnwindSafe(section)).is_err());
    assert!(!mutex.is_poisoned());
}

#[test]
fn a_section_within_a_panic_does_not_poison() {
    struct CountsWhenDropped<'a>(&'a Mutex<u32>);
    impl Drop for CountsWhenDropped<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let mutex = Mutex::new(0);
    let unwinding = || {
        let _counts = CountsWhenDropped(&mutex);
        panic!("outside the lock");
    };
    assert!(catch_unwind(AssertUnwindSafe(unwinding)).is_err());
    assert_eq!(*mutex.lock().unwrap(), 1);
}

#[test]
fn without_the_lock() {
    let mut mutex = Mutex::new(1);
    *mutex.get_mut().unwrap() = 2;
    poison(&mutex);
    assert_eq!(*mutex.get_mut().unwrap_err().into_inner(), 2);
    assert_eq!(mutex.into_inner().unwrap_err().into_inner(), 2);
    assert_eq!(Mutex::<u32>::from(3).into_inner().unwrap(), 3);
    assert_eq!(Mutex::<u32>::default().into_inner().unwrap(), 0);
}

#[test]
fn held_by_somebody() {
    let mutex = Mutex::new(1);
    let guard = mutex.lock().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
            let timed = mutex.try_lock_for(Duration::from_millis(1));
            assert!(matches!(timed, Err(TryLockError::WouldBlock)));
            let timed = mutex.try_lock_until(Instant::now());
            assert!(matches!(timed, Err(TryLockError::WouldBlock)));
            assert_eq!(format!("{mutex:?}"), "Mutex { value: <locked>, poisoned: false }");
        });
    });
    drop(guard);
    assert_eq!(*mutex.try_lock_for(Duration::MAX).unwrap(), 1);
}

#[test]
fn debug_shows_the_state() {
    let mutex = Mutex::new(1);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 1, poisoned: false }");
    poison(&mutex);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 1, poisoned: true }");
    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(format!("{guard:?} {guard}"), "1 1");
}

#[test]
fn of_something_unsized() {
    let slice: &Mutex<[u32]> = &Mutex::new([1, 2, 3]);
    slice.lock().unwrap()[1] = 5;
    poison(slice);
    assert_eq!(&*slice.lock().unwrap_err().into_inner(), [1, 5, 3]);
}

#[test]
fn with_statistics() {
    let mutex: Mutex<u32, Observed> = Mutex::with_policy(0);
    *mutex.lock().unwrap() += 1;
    assert_eq!(mutex.stats().contended, 0);
}

#[test]
fn a_wait_tells_of_a_panic_meanwhile() {
    let mutex = Mutex::new(0);
    let condvar = Condvar::new();
    thread::scope(|scope| {
        let mut guard = mutex.lock().unwrap();
        scope.spawn(|| {
            poison(&mutex);
            condvar.notify_all();
        });
        let mut looked = 0;
        let waited = condvar.wait_while(&mut guard, |value| {
            looked += 1;
            *value == 0
        });
        assert!(waited.is_err());
        assert!(looked >= 1);
        assert!(mutex.is_locked(), "the guard has the lock all the same");
    });
    let mut guard = mutex.lock().unwrap_err().into_inner();
    let waited = condvar.wait_for(&mut guard, Duration::ZERO);
    assert!(waited.unwrap_err().into_inner().timed_out());
    mutex.clear_poison();
    assert!(condvar.wait_for(&mut guard, Duration::ZERO).unwrap().timed_out());
}

#[test]
fn parts() {
    let mutex = Mutex::new(vec![(1, 2), (3, 4)]);
    let guard = MutexGuard::try_map(mutex.lock().unwrap(), |list| list.get_mut(7));
    let guard = guard.expect_err("there are two");
    let pair = MutexGuard::map(guard, |list| &mut list[1]);
    let pair = MappedMutexGuard::try_map(pair, |_| None::<&mut u32>).expect_err("none is none");
    let mut part = MappedMutexGuard::map(pair, |pair| &mut pair.0);
    *part += 10;
    assert_eq!(format!("{part:?} {part}"), "13 13");
    assert!(mutex.is_locked());
    drop(part);
    assert!(!mutex.is_locked() && !mutex.is_poisoned());
    assert_eq!(mutex.into_inner().unwrap(), [(1, 2), (13, 4)]);
}

#[test]
fn a_panic_with_a_part_poisons() {
    type Section = fn(MutexGuard<'_, (u32, u32)>);
    let sections: [Section; 6] = [
        |guard| {
            let _part = MutexGuard::map(guard, |pair| &mut pair.0);
            panic_quietly();
        },
        |guard| drop(MutexGuard::map(guard, |_| -> &mut u32 { panic_quietly() })),
        |guard| {
            let whole = MutexGuard::map(guard, |pair| pair);
            drop(MappedMutexGuard::map(whole, |_| -> &mut u32 { panic_quietly() }));
        },
        |guard| {
            let whole = MutexGuard::map(guard, |pair| pair);
            let _part = MappedMutexGuard::map(whole, |pair| &mut pair.1);
            panic_quietly();
        },
        |guard| {
            let _fair = OnDrop(Some(|| MutexGuard::unlock_fair(guard)));
            panic_quietly();
        },
        |guard| {
            let part = MutexGuard::map(guard, |pair| &mut pair.0);
            let _fair = OnDrop(Some(|| MappedMutexGuard::unlock_fair(part)));
            panic_quietly();
        },
    ];
    for (nth, section) in sections.into_iter().enumerate() {
        let mutex = Mutex::new((0, 0));
        let guard = mutex.lock().unwrap();
        catch_unwind(|| section(guard)).unwrap_err();
        assert!(mutex.is_poisoned(), "section {nth}");
        assert!(!mutex.is_locked(), "section {nth}");
    }
}

fn panic_quietly() -> ! {
    resume_unwind(Box::new(()))
}

struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        self.0.take().unwrap()();
    }
}

#[test]
fn a_fair_release_does_not_poison() {
    let mutex = Mutex::new((0, 0));
    MutexGuard::unlock_fair(mutex.lock().unwrap());
    assert!(!mutex.is_locked());
    let part = MutexGuard::map(mutex.lock().unwrap(), |pair| &mut pair.0);
    MappedMutexGuard::unlock_fair(part);
    assert!(!mutex.is_locked() && !mutex.is_poisoned());
}
