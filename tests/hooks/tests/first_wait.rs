//! A wait of a condition variable is the first release of a process: in a file of its own, so that it is.

use lockline_hooks::{
    __private::hooks::{self, Mode},
    Condvar, Mutex,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

static MUTEX: Mutex<()> = Mutex::new(());
static CONDVAR: Condvar = Condvar::new();

/// Counts what a thread allocates while it waits: by whether the mutex is still held.
struct Watching;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static HELD: Cell<usize> = const { Cell::new(0) };
    static RELEASED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it is the system's allocator.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if WATCHED.get() {
            let counter = if MUTEX.is_locked() { &HELD } else { &RELEASED };
            counter.set(counter.get() + 1);
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static WATCHING: Watching = Watching;

/// From the release on the thread stands in the queue of a park. An allocator that parks would do so in the middle of
/// that.
#[test]
fn the_first_release_allocates_nothing_in_a_park() {
    assert_eq!(hooks::mode(), Mode::Undecided, "nothing has been released yet");
    let mut guard = MUTEX.lock();
    WATCHED.set(true);
    let result = CONDVAR.wait_for(&mut guard, Duration::from_millis(1));
    WATCHED.set(false);
    assert!(result.timed_out());
    assert_ne!(hooks::mode(), Mode::Undecided);
    assert_eq!(RELEASED.get(), 0, "allocated in the park");
    // The thread's place in the table at least: the allocator is asked.
    assert_ne!(HELD.get(), 0);
}
