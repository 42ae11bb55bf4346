//! What loom explores and what it does not: the ground that every model of this crate stands on.
//!
//! Each test pins one fact by its behaviour, so that a release of loom that changes the ground is noticed
//! here and not in a model that proves less than it did. Its comment says what C11 allows, what loom
//! does, and what follows for a model:
//!
//! * *faithful*: loom explores exactly what C11 allows;
//! * *blind*: loom leaves out something that can happen, so a passing model proves nothing about it;
//! * *false alarm*: loom explores something that cannot happen, so a correct program can fail.
//!
//! A test that fails after an upgrade is no bug in this crate: look at what follows from the new fact, in
//! the rules for models and in the list of orderings that the audit cannot judge, then pin it.

mod limits;
mod sequences;
mod two_places;

use loom::{cell::UnsafeCell, model::Builder, sync::atomic::AtomicUsize, thread};
use std::{
    any::Any,
    collections::BTreeSet,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Without a bound, whatever the environment says: loom takes its defaults from there.
fn unbounded() -> Builder {
    let mut builder = Builder::new();
    builder.max_branches = 1_000;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = None;
    builder.checkpoint_file = None;
    builder
}

/// Everything that `model` can end with, over all executions.
fn outcomes<T: Ord + Send + 'static>(model: impl Fn() -> T + Send + Sync + 'static) -> BTreeSet<T> {
    // std's mutex, which loom does not see: it adds no executions.
    let seen = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let seen_inside = seen.clone();
    unbounded().check(move || {
        let outcome = model();
        seen_inside.lock().unwrap().insert(outcome);
    });
    std::mem::take(&mut *seen.lock().unwrap())
}

/// What loom says against `model`. std's `Arc`s only: one of loom's that is dropped while the failure
/// unwinds panics a second time, which aborts.
fn failure<T: Ord + Debug + Send + 'static>(
    model: impl Fn() -> T + Send + Sync + 'static,
) -> String {
    match catch_unwind(AssertUnwindSafe(|| outcomes(model))) {
        Ok(outcomes) => panic!("loom has nothing against it: {outcomes:?}"),
        Err(payload) => message(&*payload),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_owned(),
        _ => panic!("a panic without words"),
    }
}

#[track_caller]
fn assert_race(message: &str) {
    assert!(message.contains("Causality violation"), "another failure than a race: {message}");
}

fn set<T: Ord + Clone>(outcomes: &[T]) -> BTreeSet<T> {
    outcomes.iter().cloned().collect()
}

/// Runs two threads to their end: the first as a new one, the second here.
fn two<S, A, B>(
    shared: S,
    a: impl FnOnce(&S) -> A + 'static,
    b: impl FnOnce(&S) -> B + 'static,
) -> (A, B)
where
    S: 'static,
    A: 'static,
{
    let shared = Arc::new(shared);
    let theirs = shared.clone();
    let a = thread::spawn(move || a(&theirs));
    let b = b(&shared);
    (a.join().unwrap(), b)
}

fn xy() -> (AtomicUsize, AtomicUsize) {
    (AtomicUsize::new(0), AtomicUsize::new(0))
}

/// A value that only its orderings protect.
#[derive(Debug)]
struct Plain(UnsafeCell<usize>);

// SAFETY: not true by itself. loom watches each access, and reports two that nothing orders.
unsafe impl Sync for Plain {}

impl Plain {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn write(&self, value: usize) {
        self.0.with_mut(|cell| {
            // SAFETY: loom runs one thread at a time and checked the access before it handed out `cell`.
            unsafe { *cell = value }
        });
    }

    fn read(&self) -> usize {
        self.0.with(|cell| {
            // SAFETY: as in `write`.
            unsafe { *cell }
        })
    }
}
