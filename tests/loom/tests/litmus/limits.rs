//! Parking, waiting and time; panics and leaks; and how much loom explores.

use crate::{Plain, assert_race, failure, outcomes, set, two, unbounded, xy};
use loom::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicUsize as StdAtomicUsize},
    time::Duration,
};

// ------------------------------------------------------------------- parking, waiting, and time

/// A cell handed over by a relaxed flag, after or without an `unpark` of a thread that never parks.
fn cell_beside_an_unpark(unpark: bool) -> Option<usize> {
    let reader = thread::current();
    let writer = move |(cell, flag): &(Plain, AtomicBool)| {
        cell.write(1);
        if unpark {
            reader.unpark();
        }
        flag.store(true, Relaxed);
    };
    let reader = |(cell, flag): &(Plain, AtomicBool)| flag.load(Relaxed).then(|| cell.read());
    // Not joined: loom takes an unpark of a thread that joins amiss.
    let shared = Arc::new((Plain::new(), AtomicBool::new(false)));
    let theirs = shared.clone();
    thread::spawn(move || writer(&theirs));
    reader(&shared)
}

/// std: an `unpark` synchronises with the `park` that it ends. To loom the target has seen at once all
/// that the caller has, parked or not. Blind: an `unpark` before the flag hides that the flag's ordering is
/// missing, so the flag comes first.
#[test]
fn an_unpark_hands_over_what_it_has_seen_to_a_running_thread() {
    assert_eq!(outcomes(|| cell_beside_an_unpark(true)), set(&[None, Some(1)]));
    assert_race(&failure(|| cell_beside_an_unpark(false)));
}

/// std: joining and parking have nothing to do with one another. loom's `join` is a kind of park and is
/// upset (its issue 249). False alarm: a waker wakes only threads that are in its queue.
#[test]
fn an_unpark_of_a_thread_that_joins_is_a_false_alarm() {
    let message = failure(|| {
        let main = thread::current();
        thread::spawn(move || main.unpark()).join().unwrap();
    });
    assert!(message.contains("state.notified"), "{message}");
}

/// std: `park` may return for nothing; loom's does not, and so finds each wake-up that is missing. Blind to
/// a missing loop: the facade makes each park return early once.
#[test]
fn a_park_never_returns_for_nothing() {
    assert!(failure(thread::park).contains("deadlock"));
}

/// std: a condition variable may wake for nothing, so that this `if` must be a `while`; loom's does not.
/// Blind: the same.
#[test]
fn a_condvar_never_wakes_for_nothing() {
    let seen = outcomes(|| {
        let notifier = |(mutex, condvar): &(Mutex<bool>, Condvar)| {
            *mutex.lock().unwrap() = true;
            condvar.notify_one();
        };
        let waiter = |(mutex, condvar): &(Mutex<bool>, Condvar)| {
            let mut ready = mutex.lock().unwrap();
            if !*ready {
                ready = condvar.wait(ready).unwrap();
            }
            *ready
        };
        two((Mutex::new(false), Condvar::new()), notifier, waiter).1
    });
    assert_eq!(seen, set(&[true]));
}

/// std: a wait with a timeout ends; loom's never does, and it calls that a deadlock. Blind to what happens
/// after a timeout, which the facade injects.
#[test]
fn a_wait_never_times_out() {
    let message = failure(|| {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        let guard = mutex.lock().unwrap();
        drop(condvar.wait_timeout(guard, Duration::from_millis(1)));
    });
    assert!(message.contains("deadlock"), "{message}");
}

// ---------------------------------------------------------------- panics, leaks, and loom's limits

/// A panic in a model can be caught, and atomics work while it unwinds. Faithful: what a guard does when
/// user code panics can be modelled.
#[test]
fn a_panic_can_be_caught_and_atomics_work_in_drop() {
    struct OnDrop<'a>(&'a AtomicUsize);
    impl Drop for OnDrop<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let seen = outcomes(|| {
        let drops = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = OnDrop(&drops);
            panic!("in the model");
        }));
        (caught.is_err(), drops.load(Relaxed))
    });
    assert_eq!(seen, set(&[(true, 1)]));
}

/// A failure of loom's own (here a deadlock) leaves no thread running; whatever touches loom while that
/// unwinds panics again, which aborts the process, and no harness inside it learns why. So each mutant
/// runs in a process of its own.
#[test]
fn touching_loom_while_its_failure_unwinds_aborts() {
    const CHILD: &str = "LOCKLINE_LITMUS_ABORT";
    if std::env::var_os(CHILD).is_some() {
        outcomes(|| {
            let _dropped_while_unwinding = loom::sync::Arc::new(());
            thread::park();
        });
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits::touching_loom_while_its_failure_unwinds_aborts", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    // A test that merely fails exits with 101.
    assert!(!child.status.success() && child.status.code() != Some(101), "{said}");
    assert!(said.contains("deadlock") && said.contains("aborting"), "{said}");
}

/// loom counts its own `Arc`s at the end of each execution; a `Box` or an `Arc` of std may leak unseen. Blind:
/// a model that asks about a leak uses loom's.
#[test]
fn only_a_leak_of_looms_own_arc_is_reported() {
    let message = failure(|| std::mem::forget(loom::sync::Arc::new(1)));
    assert!(message.contains("leaked"), "{message}");
    outcomes(|| {
        std::mem::forget(Arc::new(1));
        std::mem::forget(Box::new(1));
    });
}

/// A model that is cut short by `max_permutations` or `max_duration` ends as if it had passed. Blind: the
/// harness sets neither, counts for itself, and says what the bound was.
#[test]
fn a_model_that_is_cut_short_passes() {
    let count = |max_permutations| {
        let runs = Arc::new(StdAtomicUsize::new(0));
        let counted = runs.clone();
        let mut builder = unbounded();
        builder.max_permutations = max_permutations;
        builder.checkpoint_interval = 1;
        builder.check(move || {
            let run = counted.fetch_add(1, Relaxed);
            let read = |(x, _): &(AtomicUsize, _)| x.store(1, Relaxed);
            two(xy(), read, |(x, _)| x.load(Relaxed));
            assert!(run < 2 || max_permutations.is_none(), "reached only without the limit");
        });
        runs.load(Relaxed)
    };
    let all = count(None);
    assert!(all > 2, "{all} executions");
    assert!(count(Some(3)) < 3);
}

/// Four threads beside the main one, and no more. Models have two or three.
#[test]
fn a_sixth_thread_is_refused() {
    let spawn = |threads: usize| {
        move || (0..threads).map(|_| thread::spawn(|| ())).for_each(|t| t.join().unwrap())
    };
    outcomes(spawn(4));
    let message = failure(spawn(5));
    assert!(message.contains("max"), "{message}");
}
