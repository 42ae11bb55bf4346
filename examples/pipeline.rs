//! Turns a directory of text into upper case: one reads while another transforms and a third writes, and memory is
//! bounded whatever the size of a file.
//!
//! ```text
//! cargo run --release --example pipeline                     # the sources of lockline
//! cargo run --release --example pipeline -- /var/log
//! cargo run --release --example pipeline -- --generate 200   # files made for it and removed
//! ```
//!
//! ```text
//! main ──paths──▶ 2 reading threads ──chunks──▶ 3 transforming threads ──chunks──▶ 2 writing tasks
//! ```
//!
//! Each arrow is a [`WorkQueue`]: whoever is ahead waits for whoever is behind, thread or task. No stage tells the next
//! that it is done: its handles go, and the queue they lead to closes when the last one has. A consumer then
//! finds what is left, and the end.
//!
//! What is written goes to the temporary directory, is compared with what was read, and removed. A file that cannot be read
//! is told, and the others go on.

use lockline::{Counter, CounterSet, Mutex, WorkQueue, queue::Producer};
use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{self, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

const USAGE: &str = "\
usage: pipeline [DIRECTORY]
       pipeline --generate FILES

Turns all files below DIRECTORY (the sources of lockline if none is given), or so many that are written to
the temporary directory for it, into upper case. Links are not followed.";

const READERS: usize = 2;
const TRANSFORMERS: usize = 3;
const WRITERS: usize = 2;
/// Chunks that a queue holds.
const PLACES: usize = 16;
/// Bytes of a chunk, at most.
const CHUNK: usize = 64 << 10;
/// Chunks that there can be at once: in the two queues, and one in the hands of each thread and task.
const BOUND: usize = 2 * PLACES + READERS + TRANSFORMERS + WRITERS;

/// What each stage counts.
const BYTES: usize = 0;
const LINES: usize = 1;
static READ: CounterSet<2> = CounterSet::new();
static TRANSFORMED: CounterSet<2> = CounterSet::new();
static WRITTEN: CounterSet<2> = CounterSet::new();

static FILES: Counter = Counter::new();
static ERRORS: Counter = Counter::new();

/// A number now, and the most that it ever was.
struct Level {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Level {
    const fn new() -> Self {
        Self { now: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    fn saw(&self, level: usize) {
        self.most.fetch_max(level, Relaxed);
    }
}

static CHUNKS: Level = Level::new();
static TO_READ: Level = Level::new();
static TO_TRANSFORM: Level = Level::new();
static TO_WRITE: Level = Level::new();

/// Counts a chunk among those that exist, until it is dropped.
struct Exists;

impl Exists {
    fn new() -> Self {
        CHUNKS.saw(CHUNKS.now.fetch_add(1, Relaxed) + 1);
        Self
    }
}

impl Drop for Exists {
    fn drop(&mut self) {
        CHUNKS.now.fetch_sub(1, Relaxed);
    }
}

/// A part of a file, of whole lines if they are not longer than a chunk.
struct Chunk {
    of: Arc<Output>,
    at: u64,
    text: Vec<u8>,
    _exists: Exists,
}

/// Where a file goes. Its chunks come in any order, by any task.
struct Output {
    path: PathBuf,
    file: Mutex<Option<File>>,
    /// A part of it is missing.
    broken: AtomicBool,
}

impl Output {
    fn write(&self, at: u64, text: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock();
        let file = match &mut *file {
            Some(file) => file,
            none => {
                if let Some(directory) = self.path.parent() {
                    fs::create_dir_all(directory)?;
                }
                none.insert(File::create(&self.path)?)
            }
        };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(text)
    }

    /// Tells why, once.
    fn fail(&self, path: &Path, error: &io::Error) {
        if !self.broken.swap(true, Relaxed) {
            tell(path, error);
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if *self.broken.get_mut() {
            *self.file.get_mut() = None;
            // It may not be there at all.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn tell(path: &Path, error: &io::Error) {
    eprintln!("pipeline: {}: {error}", path.display());
    ERRORS.increment();
}

fn tally(stage: &CounterSet<2>, text: &[u8]) {
    stage.add(BYTES, text.len() as u64);
    stage.add(LINES, text.iter().map(|byte| u64::from(*byte == b'\n')).sum());
}

/// Puts an item in, and notes how full the queue was.
fn put<T>(queue: &Producer<T>, level: &Level, item: T) {
    // Nobody closes it but the last handle, and this is one.
    let Ok(()) = queue.push(item) else { unreachable!("closed before its producers are gone") };
    level.saw(queue.len());
}

/// Calls `found` with each file below `directory`, except what is below `not`, and `failed` with what it cannot look at.
fn walk(
    directory: &Path,
    not: &Path,
    mut found: impl FnMut(PathBuf),
    failed: impl Fn(&Path, &io::Error),
) {
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                failed(&directory, &error);
                continue;
            }
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.file_type()?, entry.path()))) {
                Ok((kind, path)) if kind.is_dir() && path != not => directories.push(path),
                Ok((kind, path)) if kind.is_file() => found(path),
                // A link could lead in a circle, a device may have no end.
                Ok(_) => {}
                Err(error) => failed(&directory, &error),
            }
        }
    }
}

/// Reads a file chunk by chunk. A chunk ends where a line does; one that has no line's end is cut anywhere.
fn read(path: &Path, output: &Arc<Output>, mut put: impl FnMut(Chunk)) -> io::Result<()> {
    let file = File::open(path)?;
    // The beginning of a line whose end was not read yet.
    let mut rest = Vec::new();
    let mut at = 0;
    loop {
        let exists = Exists::new();
        let mut text = Vec::with_capacity(CHUNK);
        text.append(&mut rest);
        (&file).take((CHUNK - text.len()) as u64).read_to_end(&mut text)?;
        let end = text.len() < CHUNK;
        if !end {
            let line = text.iter().rposition(|byte| *byte == b'\n');
            rest = text.split_off(line.map_or(CHUNK, |newline| newline + 1));
        }
        tally(&READ, &text);
        let length = text.len() as u64;
        // An empty file has an empty chunk, so that it is written too.
        put(Chunk { of: Arc::clone(output), at, text, _exists: exists });
        at += length;
        if end {
            return Ok(());
        }
    }
}

/// Reads all files that come, for `next`.
fn reader(from: &Path, to: &Path, paths: &WorkQueue<PathBuf>, next: &Producer<Chunk>) {
    for path in paths {
        let output = Arc::new(Output {
            path: to.join(path.strip_prefix(from).expect("it was found there")),
            file: Mutex::new(None),
            broken: AtomicBool::new(false),
        });
        match read(&path, &output, |chunk| put(next, &TO_TRANSFORM, chunk)) {
            Ok(()) => FILES.increment(),
            Err(error) => output.fail(&path, &error),
        }
    }
}

/// Transforms all chunks that come, for `next`.
fn transformer(chunks: &WorkQueue<Chunk>, next: &Producer<Chunk>) {
    for mut chunk in chunks {
        chunk.text.make_ascii_uppercase();
        tally(&TRANSFORMED, &chunk.text);
        put(next, &TO_WRITE, chunk);
    }
}

/// Writes all chunks that come.
async fn writer(chunks: Arc<WorkQueue<Chunk>>) {
    while let Some(chunk) = chunks.pop_async().await {
        // This may take the disk's time: other tasks of this thread go to another meanwhile.
        match tokio::task::block_in_place(|| chunk.of.write(chunk.at, &chunk.text)) {
            Ok(()) => tally(&WRITTEN, &chunk.text),
            Err(error) => chunk.of.fail(&chunk.of.path, &error),
        }
    }
}

/// All three stages, from `from` to `to`.
fn run(from: &Path, to: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WRITERS).build()?;
    let paths = Arc::new(WorkQueue::new(PLACES));
    let raw = Arc::new(WorkQueue::new(PLACES));
    let ready = Arc::new(WorkQueue::new(PLACES));
    let writers: Vec<_> = (0..WRITERS).map(|_| runtime.spawn(writer(Arc::clone(&ready)))).collect();
    thread::scope(|scope| {
        for _ in 0..TRANSFORMERS {
            let (raw, next) = (&raw, ready.producer());
            scope.spawn(move || transformer(raw, &next));
        }
        for _ in 0..READERS {
            let (paths, next) = (&paths, raw.producer());
            scope.spawn(move || reader(from, to, paths, &next));
        }
        let next = paths.producer();
        walk(from, to, |path| put(&next, &TO_READ, path), tell);
    });
    runtime.block_on(async {
        for writer in writers {
            writer.await.expect("no writer panics");
        }
    });
    Ok(())
}

/// Whether what was written of a file is what was read.
fn same(read: &Path, written: &Path) -> io::Result<bool> {
    let open = |path| File::open(path).map(|file| BufReader::with_capacity(CHUNK, file).bytes());
    let (mut read, mut written) = (open(read)?, open(written)?);
    loop {
        match (read.next().transpose()?, written.next().transpose()?) {
            (None, None) => return Ok(true),
            (Some(read), Some(written)) if read.to_ascii_uppercase() == written => {}
            _ => return Ok(false),
        }
    }
}

/// A directory that is removed when it is no longer needed.
struct Temporary(PathBuf);

impl Temporary {
    fn new(what: &str) -> Result<Self, String> {
        let path = env::temp_dir().join(format!("pipeline-{what}-{}", process::id()));
        let because = |error| format!("cannot make {}: {error}", path.display());
        fs::create_dir(&path).map_err(because)?;
        // As `walk` finds it.
        fs::canonicalize(&path).map(Self).map_err(because)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nobody is left who could do better.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// So many files of text: one that is larger than all queues, one of a single line, one that is empty.
fn generate(files: usize) -> Result<Temporary, String> {
    const TEXT: [&str; 8] =
        ["GET ", "/index.html ", "200 ", "lock ", "a ", "coherence ", "12 ", "miss\t"];
    let directory = Temporary::new("in")?;
    let mut seed = 1_u64;
    for number in 0..files {
        let path = directory.0.join(format!("{number}.txt"));
        let size = [8 << 20, 300_000, 0].get(number).copied();
        let mut left = size.unwrap_or(number * 7_919 % 200_000);
        let mut write = || {
            let mut to = BufWriter::new(File::create_new(&path)?);
            while left > 0 {
                // Knuth's linear congruential generator: the same text each time.
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let choice = (seed >> 58) as usize;
                let word = if choice < 56 || number == 1 { TEXT[choice % 8] } else { "\n" };
                let word = &word.as_bytes()[..word.len().min(left)];
                to.write_all(word)?;
                left -= word.len();
            }
            to.flush()
        };
        write().map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(directory)
}

fn report(from: &Path) -> Result<bool, String> {
    let unreadable = |error| format!("cannot read {}: {error}", from.display());
    let from = &fs::canonicalize(from).map_err(unreadable)?;
    // Errors further down do not stop the others; without this one there is nothing to do.
    fs::read_dir(from).map_err(unreadable)?;
    let to = Temporary::new("out")?;

    let start = Instant::now();
    run(from, &to.0).map_err(|error| format!("cannot start a runtime: {error}"))?;
    let took = start.elapsed();

    let [bytes, lines] = READ.sums();
    println!("{} files, {bytes} bytes, {lines} lines from {}", FILES.sum(), from.display());
    println!("{:.0} MB/s", float(bytes) / 1e6 / took.as_secs_f64());
    let most = |level: &Level| level.most.load(Relaxed);
    println!(
        "most that lay in a queue of {PLACES}: {} paths to read, {} chunks to transform, {} to write",
        most(&TO_READ),
        most(&TO_TRANSFORM),
        most(&TO_WRITE)
    );
    println!("most chunks at once: {} of {BOUND} that could be", most(&CHUNKS));

    let (mut equal, mut compared) = (true, 0);
    let compare = |path: PathBuf| {
        let written = to.0.join(path.strip_prefix(from).expect("it was found there"));
        // Else it was told that it could not be read or written.
        if written.exists() {
            compared += 1;
            match same(&path, &written) {
                Ok(true) => {}
                Ok(false) => {
                    eprintln!("pipeline: {}: what was written is something else", path.display());
                    equal = false;
                }
                Err(error) => tell(&path, &error),
            }
        }
    };
    // What cannot be looked at was told the first time.
    walk(from, &to.0, compare, |_, _| {});
    let stages = [&TRANSFORMED, &WRITTEN].map(CounterSet::sums);
    let through = stages.iter().all(|stage| *stage == [bytes, lines]);
    let bounded = most(&CHUNKS) <= BOUND && CHUNKS.now.load(Relaxed) == 0;
    let complete = compared == FILES.sum();
    println!(
        "{}, {} errors",
        if through && equal && bounded && complete {
            "each stage had all of it, and each file is right"
        } else {
            "SOMETHING IS MISSING OR WRONG"
        },
        ERRORS.sum()
    );
    Ok(through && equal && bounded && complete && ERRORS.sum() == 0)
}

#[allow(clippy::cast_precision_loss, reason = "for a speed in a few digits")]
fn float(n: u64) -> f64 {
    n as f64
}

fn command_line(args: &[OsString]) -> Result<bool, String> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    match words[..] {
        [] => report(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")),
        ["-h" | "--help"] => {
            println!("{USAGE}");
            Ok(true)
        }
        ["--generate", files] => {
            let files = files.parse().ok().filter(|files| *files <= 100_000);
            let files = files.ok_or_else(|| format!("not a number up to 100,000\n{USAGE}"))?;
            generate(files).and_then(|directory| report(&directory.0))
        }
        [option] if option.starts_with('-') => Err(format!("unknown option {option}\n{USAGE}")),
        [_] => report(Path::new(&args[0])),
        _ => Err(format!("one directory at a time\n{USAGE}")),
    }
}

fn main() -> ExitCode {
    match command_line(&env::args_os().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("pipeline: {message}");
            ExitCode::from(2)
        }
    }
}
