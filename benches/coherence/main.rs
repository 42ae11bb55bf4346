//! What cache coherence costs on this machine, on one page.
//!
//! `cargo bench --bench coherence` prints the page, in Markdown, on stdout; progress goes to stderr.
//!
//! * `LOCKLINE_BENCH=quick` takes seconds instead of a minute, for a look and for CI. Without cargo's
//!   `--bench`, as `cargo test --benches` runs us, it is quick as well.
//! * `LOCKLINE_BENCH_CSV=path` saves every sample.
//! * Arguments are criterion's: a filter, `--save-baseline`, `--baseline` and so on.
//!
//! Criterion prints to stdout, which belongs to the page. So it runs in a child process, this same
//! program, which hands back what it measured in a file of samples: nothing of criterion's is parsed.
//!
//! | file          | holds                                                                        |
//! |---------------|------------------------------------------------------------------------------|
//! | `cases.rs`    | every row that is measured, in its order, and the time that each may take    |
//! | `layouts.rs`  | two words at four distances; a line passed to and fro                        |
//! | `counters.rs` | our counter and what one would write instead                                 |
//! | `beside.rs`   | each primitive packed and padded: **a new primitive adds a row here**        |
//! | `ring.rs`     | the queue's ring, for its rows in `beside.rs`                                |
//! | `cores.rs`    | which cores, and which pairs of them                                         |
//! | `samples.rs`  | what one sample tells, and the file of them                                  |
//! | `page.rs`     | the page                                                                     |
//! | `picture.rs`  | the pictures                                                                 |

mod beside;
mod cases;
mod cores;
mod counters;
mod layouts;
mod page;
mod picture;
mod ring;
mod samples;

use lockline_harness::machine::Watch;
use samples::Samples;
use std::{
    env, fs,
    io::{self, BufRead as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// Tells the child where its samples go, and that it is the child.
const SAMPLES: &str = "LOCKLINE_BENCH_SAMPLES";
/// `quick`, or not set.
const MODE: &str = "LOCKLINE_BENCH";
/// Where the user wants the samples.
const CSV: &str = "LOCKLINE_BENCH_CSV";

fn main() -> ExitCode {
    let result = match env::var_os(SAMPLES) {
        Some(path) => cases::measure(quick()).write(Path::new(&path)).map(|()| ExitCode::SUCCESS),
        None => report(),
    };
    result.unwrap_or_else(|error| {
        eprintln!("coherence: {error}");
        ExitCode::FAILURE
    })
}

fn quick() -> bool {
    env::var_os(MODE).is_some_and(|mode| mode == "quick")
}

/// Has the child measure, and makes the page of it.
fn report() -> io::Result<ExitCode> {
    let args: Vec<_> = env::args_os().skip(1).collect();
    let given = |names: &[&str]| args.iter().any(|arg| names.iter().any(|name| arg == name));
    let samples = target().join(format!("coherence-{}.csv", std::process::id()));
    let mut child = Command::new(env::current_exe()?);
    child.args(&args).env(SAMPLES, &samples).env("CRITERION_HOME", target().join("criterion"));
    if given(&["--list", "--help", "-h", "--version", "-V"]) {
        let status = child.stdout(Stdio::inherit()).status()?;
        let _ = fs::remove_file(&samples);
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }

    let smoke = quick() || !given(&["--bench"]);
    if smoke {
        child.env(MODE, "quick");
    }
    if !given(&["--bench"]) {
        // Criterion would run each case once, which shows nothing.
        child.arg("--bench");
    }
    // Who asks criterion for something wants to see its answer; else our own progress will do.
    let asked = args.iter().any(|arg| arg != "--bench" && arg != "--test");
    child.stdout(if asked { Stdio::from(io::stderr()) } else { Stdio::null() });

    let watch = Watch::start();
    let mut child = child.stderr(Stdio::piped()).spawn()?;
    for line in child.stderr.take().into_iter().flat_map(|err| io::BufReader::new(err).lines()) {
        let line = line?;
        if asked || !line.starts_with("Benchmarking ") {
            eprintln!("{line}");
        }
    }
    let status = child.wait()?;
    let load = watch.so_far();
    if !status.success() {
        eprintln!("coherence: measuring failed, {status}");
        return Ok(ExitCode::FAILURE);
    }
    let measured = Samples::read(&samples)?;
    fs::remove_file(&samples)?;
    if let Some(path) = env::var_os(CSV).map(PathBuf::from) {
        measured
            .write(&path)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    }

    let page = page::Page::new(&measured, load, smoke);
    let pictures: Vec<_> = page
        .pictures()
        .into_iter()
        .map(|(name, svg)| {
            let path = target().join(name);
            fs::write(&path, svg)?;
            // As short as it can be from where we are.
            let here = env::current_dir()?;
            Ok(path.strip_prefix(here).map(Path::to_path_buf).unwrap_or(path))
        })
        .collect::<io::Result<_>>()?;
    page.print(&pictures, io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

/// Cargo's target directory, wherever it was moved to.
fn target() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap_or(tmp).to_path_buf()
}
