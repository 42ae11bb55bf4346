//! At most five downloads at a time, by threads and by tokio's tasks, on one semaphore.
//!
//! ```text
//! cargo run --release --example download_limiter             # 40 downloads
//! cargo run --release --example download_limiter -- 1000
//! ```
//!
//! Prints the most that ever ran at once, which the exit status is about.

use lockline::{Gauge, Semaphore};
use std::{
    env,
    process::ExitCode,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    thread,
    time::Duration,
};

const AT_ONCE: usize = 5;
const USAGE: &str = "usage: download_limiter [DOWNLOADS]";

static SLOTS: Semaphore = Semaphore::new(AT_ONCE);
static DONE: Gauge = Gauge::new();
static RUNNING: AtomicI64 = AtomicI64::new(0);
static MOST: AtomicI64 = AtomicI64::new(0);

/// Counts itself among those that run, until it is dropped.
struct Running;

impl Running {
    fn start() -> Self {
        MOST.fetch_max(RUNNING.fetch_add(1, Relaxed) + 1, Relaxed);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Relaxed);
        DONE.increment();
    }
}

/// How long a download takes, in place of one.
fn duration(number: u64) -> Duration {
    Duration::from_millis(1 + number % 3)
}

fn by_thread(number: u64) {
    let _slot = SLOTS.acquire().expect("nobody closes it");
    let _running = Running::start();
    thread::sleep(duration(number));
}

async fn by_task(number: u64) {
    // The future may be dropped at any moment, as a timeout would: no slot is lost.
    let _slot = SLOTS.acquire_async().await.expect("nobody closes it");
    let _running = Running::start();
    tokio::time::sleep(duration(number)).await;
}

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let downloads = match args.as_slice() {
        [] => Some(40),
        [downloads] => downloads.parse().ok().filter(|downloads| *downloads > 0),
        _ => None,
    };
    let Some(downloads) = downloads else {
        eprintln!("download_limiter: one number of downloads, not {args:?}\n{USAGE}");
        return ExitCode::from(2);
    };

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime");
    let tasks: Vec<_> =
        (0..downloads).step_by(2).map(|number| runtime.spawn(by_task(number))).collect();
    let threads: Vec<_> =
        (1..downloads).step_by(2).map(|number| thread::spawn(move || by_thread(number))).collect();
    for thread in threads {
        thread.join().expect("no download panics");
    }
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no download panics");
        }
    });

    let most = MOST.load(Relaxed);
    println!("{} downloads, at most {most} at once, {AT_ONCE} allowed", DONE.sum());
    let kept = usize::try_from(most).is_ok_and(|most| most <= AT_ONCE);
    if kept && SLOTS.available() == AT_ONCE { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
