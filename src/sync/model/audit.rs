//! Lists the places whose ordering, fence or wake-up might be weaker, and weakens one of them.
//!
//! loom takes an ordering at run time, so a mutant needs no build of its own: the facade asks here what
//! ordering to use, and here one place of the program can be told apart by its source location.
//! The harness that decides what to weaken, and what that must lead to, is in `tests/loom`.

use core::panic::Location;
use core::sync::atomic::Ordering::{self, *};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// One operation in the sources, with one ordering above `Relaxed` (or a wake-up).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// As the compiler names it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The method, `fence`, or `wake`; a compare-and-exchange has two sites, the second is called
    /// `compare_exchange failure`.
    pub operation: String,
    /// The ordering that the sources ask for; `wake` for a wake-up.
    pub was: String,
}

impl Site {
    /// What it can be weakened to, one step at a time: still weaker allows still more, so it fails too.
    pub fn weaker(&self) -> &'static [&'static str] {
        match (self.operation.as_str(), self.was.as_str()) {
            ("fence", "SeqCst") => &["AcqRel", "none"],
            ("fence", "AcqRel") => &["Acquire", "Release"],
            ("fence" | "wake", _) => &["none"],
            (_, "AcqRel") => &["Acquire", "Release"],
            _ => &["Relaxed"],
        }
    }
}

/// A site and what to make of it.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// Which.
    pub site: Site,
    /// One of its [`weaker`](Site::weaker) forms.
    pub to: String,
}

struct State {
    recording: bool,
    seen: BTreeSet<(&'static str, u32, u32, &'static str, &'static str)>,
    mutation: Option<Mutation>,
}

static STATE: Mutex<State> =
    Mutex::new(State { recording: false, seen: BTreeSet::new(), mutation: None });

/// From now on, remembers each site that is reached.
pub fn record() {
    lock().recording = true;
}

/// The sites that were reached.
pub fn recorded() -> Vec<Site> {
    let state = lock();
    let site = |&(file, line, column, operation, was): &(&str, u32, u32, &str, &str)| Site {
        file: file.to_owned(),
        line,
        column,
        operation: operation.to_owned(),
        was: was.to_owned(),
    };
    state.seen.iter().map(site).collect()
}

/// Weakens one site in every model that this process runs from now on.
pub fn mutate(mutation: Mutation) {
    lock().mutation = Some(mutation);
}

fn lock() -> std::sync::MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The name of what this site is to be weakened to, if it is the one.
fn visit(
    operation: &'static str,
    was: &'static str,
    location: &'static Location<'static>,
) -> Option<String> {
    let mut state = lock();
    if state.recording {
        let site = (location.file(), location.line(), location.column(), operation, was);
        state.seen.insert(site);
    }
    let mutation = state.mutation.as_ref()?;
    let site = &mutation.site;
    let here = site.line == location.line()
        && site.column == location.column()
        && site.operation == operation
        && site.was == was
        && site.file == location.file();
    here.then(|| mutation.to.clone())
}

fn name(order: Ordering) -> &'static str {
    match order {
        Acquire => "Acquire",
        Release => "Release",
        AcqRel => "AcqRel",
        SeqCst => "SeqCst",
        _ => "Relaxed",
    }
}

fn parse(name: &str) -> Ordering {
    match name {
        "Relaxed" => Relaxed,
        "Acquire" => Acquire,
        "Release" => Release,
        "AcqRel" => AcqRel,
        other => panic!("no ordering to weaken to: {other}"),
    }
}

/// The ordering that a load, store or read-modify-write is to be carried out with.
pub(super) fn access(
    operation: &'static str,
    order: Ordering,
    location: &'static Location<'static>,
) -> Ordering {
    match order {
        Relaxed => Relaxed,
        SeqCst => {
            panic!("SeqCst on a {operation} at {location}: loom takes it as AcqRel; use a fence")
        }
        _ => visit(operation, name(order), location).map_or(order, |to| parse(&to)),
    }
}

/// The ordering of a fence, or `None` if it is to be left out.
pub(super) fn fence(order: Ordering, location: &'static Location<'static>) -> Option<Ordering> {
    match visit("fence", name(order), location).as_deref() {
        None => Some(order),
        Some("none") => None,
        Some(to) => Some(parse(to)),
    }
}

/// Whether a wake-up is to be carried out.
pub(super) fn wake(location: &'static Location<'static>) -> bool {
    visit("wake", "wake", location).is_none()
}
