//! The consumer's models with the cfg, and with or without the feature.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p downstream --features loom` runs the models of `models/`. Without the
//! feature lockline's types stay ordinary: a model may use them, and proves nothing about them.
#![cfg(loom)]

#[cfg(feature = "loom")]
#[path = "../models/tests/models/mod.rs"]
mod models;

/// What happens with the cfg alone.
#[cfg(not(feature = "loom"))]
mod ordinary {
    use downstream::{HastyReporter, METRICS, Outcome};
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// loom sees no operation to interleave: it makes one execution, and the planted bug passes. The static
    /// is an ordinary one.
    #[test]
    fn loom_does_not_see_ordinary_types() {
        static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
        loom::model(|| {
            EXECUTIONS.fetch_add(1, Relaxed);
            let service = loom::thread::spawn(|| METRICS.handle(Outcome::Served));
            let mut reporter = HastyReporter::default();
            let meanwhile = reporter.export(&METRICS);
            service.join().unwrap();
            assert_eq!(meanwhile + reporter.export(&METRICS), 1);
        });
        assert_eq!(EXECUTIONS.load(Relaxed), 1);
        assert_eq!(METRICS.requests.sum(), 1, "kept after the model");
    }
}
