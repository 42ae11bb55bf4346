//! The service on real threads, as it runs in production.
#![cfg(not(all(loom, feature = "loom")))]

use downstream::{METRICS, Outcome, Reporter};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

#[test]
fn each_request_is_in_one_report() {
    const THREADS: u64 = 4;
    const EACH: u64 = 5_000;
    let done = AtomicBool::new(false);
    let mut reported = thread::scope(|scope| {
        let reporter = scope.spawn(|| {
            let mut reported = 0;
            while !done.load(Relaxed) {
                reported += Reporter.export(&METRICS);
            }
            reported
        });
        let service = |_| {
            scope.spawn(|| {
                for _ in 0..EACH {
                    METRICS.handle(Outcome::Served);
                }
            })
        };
        let services: Vec<_> = (0..THREADS).map(service).collect();
        for service in services {
            service.join().unwrap();
        }
        done.store(true, Relaxed);
        reporter.join().unwrap()
    });
    reported += Reporter.export(&METRICS);
    assert_eq!(reported, THREADS * EACH);
    assert_eq!(METRICS.outcomes.sums(), [THREADS * EACH, 0]);
    assert_eq!(METRICS.open.sum(), 0);
}
