//! Counts bytes, lines and words of a text file, as `wc` does, on several threads at once.
//!
//! ```text
//! cargo run --release --example wordcount                    # README.md
//! cargo run --release --example wordcount -- access.log
//! cargo run --release --example wordcount -- --generate 200  # 200 MB, made for it and removed
//! ```
//!
//! All threads count into one [`CounterSet`], with an addition for each word and two for each line, and
//! the counts come out exact. Beside it, the same with three shared words and no synchronisation: each
//! addition loads, adds and stores. Two threads that load the same number store the same number, and one
//! addition is lost; the line moves from core to core, and time is lost as well.

mod counting;

use counting::{BYTES, COUNTS, LINES, WORDS, count, count_plainly, part};
use lockline::CounterSet;
use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const USAGE: &str = "\
usage: wordcount [FILE]
       wordcount --generate MEGABYTES

Counts bytes, lines and words of FILE (README.md of lockline if none is given), or of a text of
that many million bytes, which is written to the temporary directory and removed again.
The file is read into memory before the clock starts.";

/// A run reads at least so many bytes, over and over if the file is shorter: something to time.
const ENOUGH: usize = 16 << 20;

/// Speeds are the best of so many runs, losses those of the last.
const ROUNDS: usize = 3;

static COUNTED: CounterSet<COUNTS> = CounterSet::new();

fn main() -> ExitCode {
    let report = match command_line(env::args_os().skip(1)) {
        Ok(Input::Usage) => Ok(format!("{USAGE}\n")),
        Ok(Input::File(path)) => read(&path).map(|text| report(&path, &text)),
        Ok(Input::Generate(megabytes)) => generate(megabytes)
            .and_then(|file| read(&file.path).map(|text| report(&file.path, &text))),
        Err(mistake) => Err(format!("{mistake}\n{USAGE}")),
    };
    match report {
        Ok(report) => {
            // Whoever closed our output has read enough.
            let _ = io::stdout().write_all(report.as_bytes());
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("wordcount: {message}");
            ExitCode::from(2)
        }
    }
}

/// What to count.
enum Input {
    File(PathBuf),
    Generate(u64),
    Usage,
}

fn command_line(args: impl Iterator<Item = std::ffi::OsString>) -> Result<Input, String> {
    let args: Vec<_> = args.collect();
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    match words[..] {
        [] => Ok(Input::File(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))),
        ["-h" | "--help"] => Ok(Input::Usage),
        ["--generate", megabytes] => megabytes
            .parse()
            .ok()
            // Memory holds the whole text.
            .filter(|megabytes| *megabytes <= 10_000)
            .map(Input::Generate)
            .ok_or_else(|| format!("{megabytes:?} is not a number of megabytes up to 10,000")),
        ["--generate"] => Err("--generate needs a number of megabytes".to_owned()),
        [option] if option.starts_with('-') => Err(format!("unknown option {option}")),
        [_] => Ok(Input::File(PathBuf::from(&args[0]))),
        _ => Err("one file at a time".to_owned()),
    }
}

/// The text of the file at `path`, or one line that says why not.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let because = |error: io::Error| format!("cannot read {}: {error}", path.display());
    // A directory or a device would be an error of another kind on each system, or never end.
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(format!("cannot read {}: it is not a file", path.display()));
        }
        found => found.map_err(because)?,
    };
    fs::read(path).map_err(because)
}

/// A file that is removed when it is no longer needed.
struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nobody is left who could do better.
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes `megabytes` million bytes of text to a new file in the temporary directory.
fn generate(megabytes: u64) -> Result<Temporary, String> {
    const TEXT: [&str; 8] =
        ["GET ", "/index.html ", "200 ", "lock ", "a ", "coherence ", "12 ", "miss\t"];
    let path = env::temp_dir().join(format!("wordcount-{}.txt", std::process::id()));
    let because = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let file = fs::File::create_new(&path).map_err(because)?;
    let temporary = Temporary { path: path.clone() };
    let mut to = BufWriter::with_capacity(1 << 20, file);
    let (mut left, mut seed) = (megabytes * 1_000_000, 1_u64);
    while left > 0 {
        // Knuth's linear congruential generator: the same text each time.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let choice = (seed >> 58) as usize;
        let word = if choice < 56 { TEXT[choice % 8] } else { "\n" };
        let word = &word.as_bytes()[..word.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        to.write_all(word).map_err(because)?;
        left -= word.len() as u64;
    }
    to.flush().map_err(because)?;
    drop(to);
    Ok(temporary)
}

/// Counts `text`, `passes` times over, each thread its part of it. `add` is what counting means.
fn run(
    text: &[u8],
    threads: usize,
    passes: usize,
    add: impl Fn(usize, u64) + Copy + Send,
) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        for index in 0..threads {
            scope.spawn(move || {
                for _ in 0..passes {
                    count(text, part(text.len(), threads, index), add);
                }
            });
        }
    });
    start.elapsed()
}

/// Counts on 1, 2, 4 … threads, both ways, and tells what came of it.
fn report(path: &Path, text: &[u8]) -> String {
    let expected = count_plainly(text);
    let mut out = format!("{}\n", path.display());
    for (which, name) in NAMES {
        let _ = writeln!(out, "{:>15} {name}", grouped(expected[which]));
    }
    if text.is_empty() {
        return out;
    }
    let passes = ENOUGH.div_ceil(text.len());
    let total = |which: usize| expected[which] * passes as u64;
    let speed = |took: Duration| float(total(BYTES)) / 1e6 / took.as_secs_f64();
    if passes > 1 {
        let _ = writeln!(out, "read {} times over in each run", grouped(passes as u64));
    }

    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|threads| *threads <= cores.max(2));
    let _ = write!(
        out,
        "\n          CounterSet        3 shared words, load + add + store\n\
         threads         MB/s         MB/s   words counted      words lost\n"
    );
    let (mut most, mut kept) = (1, [0; COUNTS]);
    let mut speeds = Vec::new();
    for threads in threads {
        let (mut exact, mut careless) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            exact = exact.min(run(text, threads, passes, |which, n| COUNTED.add(which, n)));
            // All threads have been joined: nothing is under way, and nothing may be missing.
            assert_eq!(COUNTED.take_all(), [BYTES, LINES, WORDS].map(total), "a count is lost");

            let shared: [AtomicU64; COUNTS] = Default::default();
            careless = careless.min(run(text, threads, passes, |which, n| {
                shared[which].store(shared[which].load(Relaxed).wrapping_add(n), Relaxed);
            }));
            kept = shared.map(AtomicU64::into_inner);
        }
        most = threads;
        speeds.push(speed(exact));
        let _ = writeln!(
            out,
            "{threads:>7} {:>12.0} {:>12.0} {:>15} {:>15}",
            speed(exact),
            speed(careless),
            grouped(kept[WORDS]),
            grouped(total(WORDS) - kept[WORDS]),
        );
    }

    let _ = write!(
        out,
        "\nof what {most} threads added   CounterSet has       shared words have    lost\n"
    );
    for (which, name) in NAMES {
        let (all, kept) = (total(which), kept[which]);
        let lost = if all == 0 { 0.0 } else { float(all - kept) / float(all) * 100.0 };
        let _ =
            writeln!(out, "{name:>24} {:>16} {:>23} {lost:>5.1} %", grouped(all), grouped(kept));
    }
    if kept == [BYTES, LINES, WORDS].map(total) {
        let _ =
            writeln!(out, "\nnothing was lost: the threads never ran at the same time; once more?");
    }
    if let [one, two, ..] = speeds[..] {
        let _ =
            writeln!(out, "\n2 threads are {:.1} times as fast as one with CounterSet", two / one);
    }
    out
}

const NAMES: [(usize, &str); COUNTS] = [(BYTES, "bytes"), (LINES, "lines"), (WORDS, "words")];

#[allow(clippy::cast_precision_loss, reason = "for a speed or a share in a few digits")]
fn float(n: u64) -> f64 {
    n as f64
}

/// `n` with commas: 1,234,567.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
