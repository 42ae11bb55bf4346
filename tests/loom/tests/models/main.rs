//! Runs the models, then the audit of their orderings; `cargo test` calls it like any test.
//!
//! Each model runs in a child process (see `harness`), plainly and then once for each fault. What it
//! explored is in the table that ends the run. The audit (see `audit`) then weakens orderings, fences
//! and wake-ups one at a time and demands that a model fails.
//!
//! * `LOCKLINE_AUDIT=all`: weaken every site, and compare the checked-in table `tests/loom/audit.md`.
//! * `LOCKLINE_AUDIT=write`: weaken every site and write the table.
//! * `LOCKLINE_PREEMPTIONS=all` or a number: replaces every bound, also that of the fault runs.

mod async_mutex;
mod audit;
mod condvar;
mod counter;
mod coverage;
mod executor;
mod fixture;
mod harness;
mod linear;
mod mutex;
mod mutex_timed;
mod ordered;
mod permits;
mod queue;
mod queue_orders;
mod queue_pairs;
mod semaphore;
mod small_programs;
mod task_sets;
mod wait_list;

use harness::{Failure, Model, Report};
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use std::{
    collections::BTreeMap,
    env,
    process::ExitCode,
    sync::{Arc, Mutex},
};

/// The models of each primitive.
const PRIMITIVES: &[&[Model]] = &[
    counter::MODELS,
    mutex::MODELS,
    mutex_timed::MODELS,
    condvar::MODELS,
    ordered::MODELS,
    permits::MODELS,
    wait_list::MODELS,
    semaphore::MODELS,
    async_mutex::MODELS,
    task_sets::MODELS,
    small_programs::MODELS,
    linear::MODELS,
    queue::MODELS,
    queue_orders::MODELS,
    queue_pairs::MODELS,
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.first().is_some_and(|first| first == harness::CHILD) {
        let fixtures = fixture::AUDITED.iter().chain(fixture::FRAIL);
        let fixtures = fixtures.chain([&fixture::ENDLESS, &fixture::BOTH_ENDS, &linear::PLAIN]);
        harness::child(&models().chain(fixtures).collect::<Vec<_>>(), &args[1..]);
    }

    let arguments = Arguments::from_args();
    let reports = Arc::new(Mutex::new(BTreeMap::new()));
    let mut trials: Vec<Trial> = models().map(|model| trial(model, &reports)).collect();
    trials.extend(harness_trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    let reports = std::mem::take(&mut *reports.lock().unwrap());
    let everything = arguments.filter.is_none() && reports.len() == models().count();
    if !reports.is_empty() {
        print_table(&reports);
    }
    if conclusion.has_failed() || !everything {
        return code(&conclusion);
    }
    audit::run(&arguments, &reports)
}

fn models() -> impl Iterator<Item = &'static Model> {
    PRIMITIVES.iter().copied().flatten()
}

fn code(conclusion: &Conclusion) -> ExitCode {
    ExitCode::from(u8::from(conclusion.has_failed()) * 101)
}

type Reports = BTreeMap<&'static str, Report>;

fn trial(model: &'static Model, reports: &Arc<Mutex<Reports>>) -> Trial {
    let reports = Arc::clone(reports);
    Trial::test(model.name, move || {
        let report = harness::run(model, None);
        let verdict = report.verdict();
        reports.lock().unwrap().insert(model.name, report);
        verdict.map_err(|failure| format!("{}\nnot so: {failure}", model.promise).into())
    })
    .with_kind("model")
}

/// Stdout: a test that passes is silent otherwise, and what was explored is the point.
fn print_table(reports: &Reports) {
    println!("\n| model | executions | which | single faults | executions with them | s |");
    println!("|---|---:|---|---:|---:|---:|");
    for model in models() {
        let Some(report) = reports.get(model.name) else { continue };
        let which = match harness::bound(model.bound) {
            None => "all".to_owned(),
            Some(bound) => format!("up to {bound} preemptions"),
        };
        let Report { executions, faults, fault_executions, took, .. } = report;
        let took = took.as_secs_f64();
        println!(
            "| {} | {executions} | {which} | {faults} | {fault_executions} | {took:.1} |",
            model.name
        );
    }
    println!();
}

/// The harness and the audit, on programs whose faults are known.
fn harness_trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = fixture::FRAIL.iter().map(frail).collect();
    trials.push(Trial::test("harness::a_limit_is_no_failure", || {
        let report = harness::run(&fixture::ENDLESS, None);
        match report.failure {
            Some((Failure::Limit, _)) => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }));
    trials.push(Trial::test("harness::timeout_meets_wake", || {
        let report = harness::run(&fixture::BOTH_ENDS, None);
        report.verdict().map_err(Failed::from)
    }));
    trials.push(Trial::test("harness::finds_the_plain_queue", || {
        match harness::run(&linear::PLAIN, None).failure {
            Some((Failure::Assertion, why)) if why.starts_with("no sequential queue") => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }));
    trials.push(Trial::test("audit::finds_what_is_too_strong", || {
        audit::of_fixture(fixture::AUDITED).map_err(Failed::from)
    }));
    trials.push(Trial::test("audit::finds_what_no_model_reaches", || {
        coverage::of_known_text().map_err(Failed::from)
    }));
    trials
}

fn frail(model: &'static Model) -> Trial {
    Trial::test(model.name, move || {
        let report = harness::run(model, None);
        match report.failure {
            Some((Failure::Assertion, _)) if report.in_fault_run => Ok(()),
            other => Err(format!("should fail in a fault run only: {other:?}").into()),
        }
    })
    .with_kind("harness")
}
