//! Each request is in exactly one report, also with one that comes while a report is being made. The same
//! models for both ways of building them.

use downstream::{HastyReporter, METRICS, Metrics, Outcome, Reporter};
use loom::thread;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// One thread handles two requests; another makes a report meanwhile, and one when they are done.
fn check<R: Default + 'static>(export: fn(&mut R, &Metrics) -> u64) {
    loom::model(move || {
        let metrics = Arc::new(Metrics::default());
        let theirs = metrics.clone();
        let service = thread::spawn(move || {
            theirs.handle(Outcome::Served);
            theirs.handle(Outcome::Rejected);
        });
        let mut reporter = R::default();
        let meanwhile = export(&mut reporter, &metrics);
        service.join().unwrap();
        let afterwards = export(&mut reporter, &metrics);
        assert_eq!(meanwhile + afterwards, 2, "each request is in one report");
    });
}

/// The bug is there to be found, and the model finds it.
#[test]
fn the_hasty_reporter_loses_requests() {
    let found = catch_unwind(AssertUnwindSafe(|| check(HastyReporter::export))).unwrap_err();
    let found = found.downcast_ref::<String>().expect("an assertion with values");
    assert!(found.contains("each request is in one report"), "another failure: {found}");
}

/// Mended, it passes.
#[test]
fn the_reporter_loses_nothing() {
    check(Reporter::export);
}

/// The counts in a `static`, which each execution of the model finds at zero.
#[test]
fn a_static_is_new_for_each_execution() {
    loom::model(|| {
        assert_eq!(METRICS.requests.sum(), 0);
        let service = thread::spawn(|| METRICS.handle(Outcome::Rejected));
        let meanwhile = Reporter.export(&METRICS);
        METRICS.handle(Outcome::Served);
        service.join().unwrap();
        assert_eq!(meanwhile + Reporter.export(&METRICS), 2);
        assert_eq!(METRICS.outcomes.sums(), [1, 1]);
        assert_eq!(METRICS.open.sum(), 0);
    });
}
