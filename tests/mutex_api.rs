//! Sizes and auto traits of `Mutex` and its guards: most of this is checked by compiling.

use lockline::{
    LockStats, MappedMutexGuard, Mutex, MutexGuard, Observed, OwnedMappedMutexGuard,
    OwnedMutexGuard, Plain, SendGuards,
};
use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert, const_assert_eq};
use std::{
    cell::{Cell, UnsafeCell},
    fmt::{Debug, Display},
    marker::PhantomPinned,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
    sync::Arc,
};

type Both = Observed<SendGuards>;
/// May be shared, and not sent.
type OnlySync = std::sync::MutexGuard<'static, u8>;

// --------------------------------------------------------------------------------- the mutex

macro_rules! mutex_of {
    ($($policy:ty),*) => { $(
        assert_impl_all!(Mutex<u64, $policy>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Default, From<u64>);
        assert_impl_all!(Mutex<[u8], $policy>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug);
        assert_impl_all!(Mutex<dyn Debug + Send, $policy>: Send, Sync, UnwindSafe, RefUnwindSafe, Debug);
        // It makes what may be sent fit to be shared, and nothing fit to be sent.
        assert_impl_all!(Mutex<Cell<u8>, $policy>: Send, Sync);
        assert_not_impl_any!(Mutex<Rc<u8>, $policy>: Send, Sync);
        assert_not_impl_any!(Mutex<OnlySync, $policy>: Send, Sync);
        assert_not_impl_any!(Mutex<*const u8, $policy>: Send, Sync);
        // A panic while locked is seen by nobody who does not lock.
        assert_impl_all!(Mutex<UnsafeCell<u8>, $policy>: UnwindSafe, RefUnwindSafe);
        assert_impl_all!(Mutex<&mut u8, $policy>: UnwindSafe, RefUnwindSafe);
        // The value is in it.
        assert_not_impl_any!(Mutex<PhantomPinned, $policy>: Unpin);
        assert_not_impl_any!(Mutex<u8, $policy>: Clone, Copy);
    )* };
}
mutex_of!(Plain, Observed, SendGuards, Both, SendGuards<Observed>);

// --------------------------------------------------------------------------------- guards

macro_rules! guards_of {
    ($($policy:ty),*) => { $(
        // No guard can be had twice.
        assert_not_impl_any!(MutexGuard<'static, u8, $policy>: Clone);
        assert_not_impl_any!(MappedMutexGuard<'static, u8, $policy>: Clone);
        assert_not_impl_any!(OwnedMutexGuard<u8, $policy>: Clone);
        assert_not_impl_any!(OwnedMappedMutexGuard<u8, u8, $policy>: Clone);
        // Whoever has one has the mutex too, and with it may move the value here. A part does not tell.
        assert_not_impl_any!(MutexGuard<'static, OnlySync, $policy>: Sync);
        assert_not_impl_any!(OwnedMutexGuard<OnlySync, $policy>: Sync);
        assert_impl_all!(MappedMutexGuard<'static, OnlySync, $policy>: Sync);
        assert_impl_all!(OwnedMappedMutexGuard<u8, OnlySync, $policy>: Sync);
        // The whole value is dropped with the last share.
        assert_not_impl_any!(OwnedMappedMutexGuard<Rc<u8>, u8, $policy>: Send, Sync);
        each_guard_of!($policy: MutexGuard<'static, Of, $policy>);
        each_guard_of!($policy: MappedMutexGuard<'static, Of, $policy>);
        each_guard_of!($policy: OwnedMutexGuard<Of, $policy>);
        each_guard_of!($policy: OwnedMappedMutexGuard<u8, Of, $policy>);
    )* };
}

/// What all guards have in common.
macro_rules! each_guard_of {
    ($policy:ty: $($guard:tt)*) => { const _: () = {
        type Guard<Of> = $($guard)*;
        assert_impl_all!(Guard<u8>: Sync, Unpin, Debug, Display);
        assert_impl_all!(Guard<Rc<u8>>: Unpin, Debug, Display);
        // They point at the value, wherever it is.
        assert_impl_all!(Guard<PhantomPinned>: Unpin);
        // Shared, they give what may be shared.
        assert_not_impl_any!(Guard<Cell<u8>>: Sync);
        // As `&mut`: what a panic left half done is seen through them; and as what they give, by reference.
        assert_not_impl_any!(Guard<u8>: UnwindSafe);
        assert_impl_all!(Guard<u8>: RefUnwindSafe);
        assert_not_impl_any!(Guard<UnsafeCell<u8>>: UnwindSafe, RefUnwindSafe);
    }; };
}
guards_of!(Plain, Observed, SendGuards, Both, SendGuards<Observed>);

macro_rules! guards_that_stay {
    ($($policy:ty),*) => { $(
        assert_not_impl_any!(MutexGuard<'static, u8, $policy>: Send);
        assert_not_impl_any!(MappedMutexGuard<'static, u8, $policy>: Send);
        assert_not_impl_any!(OwnedMutexGuard<u8, $policy>: Send);
        assert_not_impl_any!(OwnedMappedMutexGuard<u8, u8, $policy>: Send);
    )* };
}
guards_that_stay!(Plain, Observed, Observed<Plain>);

macro_rules! guards_that_move {
    ($($policy:ty),*) => { $(
        assert_impl_all!(MutexGuard<'static, Cell<u8>, $policy>: Send);
        assert_impl_all!(MappedMutexGuard<'static, Cell<u8>, $policy>: Send);
        assert_impl_all!(OwnedMutexGuard<Cell<u8>, $policy>: Send);
        assert_impl_all!(OwnedMappedMutexGuard<Cell<u8>, Cell<u8>, $policy>: Send);
        // With the guard goes the value.
        assert_not_impl_any!(MutexGuard<'static, Rc<u8>, $policy>: Send);
        assert_not_impl_any!(MappedMutexGuard<'static, Rc<u8>, $policy>: Send);
        assert_not_impl_any!(OwnedMutexGuard<Rc<u8>, $policy>: Send);
        assert_not_impl_any!(OwnedMappedMutexGuard<u8, Rc<u8>, $policy>: Send);
        assert_not_impl_any!(MutexGuard<'static, OnlySync, $policy>: Send);
    )* };
}
guards_that_move!(SendGuards, Both, SendGuards<Observed>);

assert_impl_all!(LockStats: Send, Sync, Unpin, UnwindSafe, Copy, Default, Debug, Eq);

// --------------------------------------------------------------------------------- sizes

const_assert_eq!(size_of::<Mutex<()>>(), 4);
const_assert_eq!(align_of::<Mutex<()>>(), 1);
const_assert_eq!(size_of::<Mutex<u8>>(), 5);
const_assert_eq!(size_of::<Mutex<u16>>(), 6);
const_assert_eq!(size_of::<Mutex<u32>>(), 8);
const_assert_eq!(size_of::<Mutex<u64>>(), 8 + align_of::<u64>());

// What is not chosen takes no space.
const_assert_eq!(size_of::<Mutex<(), SendGuards>>(), size_of::<Mutex<()>>());
const_assert_eq!(size_of::<Mutex<u64, SendGuards>>(), size_of::<Mutex<u64>>());
const_assert_eq!(size_of::<Mutex<u64, Both>>(), size_of::<Mutex<u64, Observed>>());
const_assert_eq!(size_of::<Mutex<u64, SendGuards<Observed>>>(), size_of::<Mutex<u64, Observed>>());
const_assert!(size_of::<Mutex<(), Observed>>() <= 6 * size_of::<u64>());

/// A guard is two pointers, whatever the policy, and wide ones where the value's is.
const POINTER: usize = size_of::<usize>();
const_assert_eq!(size_of::<MutexGuard<'static, u64>>(), 2 * POINTER);
const_assert_eq!(size_of::<MutexGuard<'static, u64, Both>>(), 2 * POINTER);
const_assert_eq!(size_of::<MappedMutexGuard<'static, u64>>(), 2 * POINTER);
const_assert_eq!(size_of::<OwnedMutexGuard<u64>>(), 2 * POINTER);
const_assert_eq!(size_of::<OwnedMutexGuard<u64, Both>>(), 2 * POINTER);
const_assert_eq!(size_of::<OwnedMappedMutexGuard<[u8; 9], u64>>(), 2 * POINTER);
const_assert_eq!(size_of::<MutexGuard<'static, [u64]>>(), 4 * POINTER);

// Not to have the lock needs no further word.
const_assert_eq!(size_of::<Option<MutexGuard<'static, u64>>>(), 2 * POINTER);
const_assert_eq!(size_of::<Option<MappedMutexGuard<'static, u64>>>(), 2 * POINTER);
const_assert_eq!(size_of::<Option<OwnedMutexGuard<u64>>>(), 2 * POINTER);
const_assert_eq!(size_of::<Option<OwnedMappedMutexGuard<u8, u64>>>(), 2 * POINTER);

// --------------------------------------------------------------------------------- constructors

/// They run in a `const`.
const _: () = {
    let _plain = Mutex::new(0);
    let _observed = Mutex::<u8, Observed>::with_policy(0);
};

/// The auto traits, put to use.
#[test]
fn it_can_be_handed_to_any_thread() {
    fn spawn<R: Send + 'static>(f: impl FnOnce() -> R + Send + UnwindSafe + 'static) -> R {
        std::thread::spawn(f).join().unwrap()
    }
    let mutex = Arc::new(Mutex::<_, SendGuards>::with_policy(1));
    let other = mutex.clone();
    assert_eq!(spawn(move || *other.lock() + 1), 2);
    let moved = Mutex::new(vec![1]);
    assert_eq!(spawn(move || moved.into_inner()), [1]);
}
