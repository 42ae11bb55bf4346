//! Runs one model in a process of its own and reports what it explored.
//!
//! A process each, because loom aborts when a panic meets a panic, because the facade's audit and
//! fault switches are global, and because two cores can then work at once. The child is this same
//! executable, called with [`CHILD`].

use lockline_loom::__private::{
    audit::{self, Mutation, Site},
    fault,
};
use std::{
    env, fs,
    path::PathBuf,
    process::{self, Command, Stdio},
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// A small program and what it shows.
pub(crate) struct Model {
    /// `file::what`.
    pub name: &'static str,
    /// One sentence: what holds in every execution.
    pub promise: &'static str,
    /// The most preemptions an execution may have, or `None` for every execution there is.
    pub bound: Option<usize>,
    /// Run once for each execution.
    pub body: fn(),
}

/// Faults are tried one at a time, each in executions of at most so many preemptions. In a model with a bound the fault
/// takes the place of one of its preemptions, unless that is its only one. Of many small programs, each tries it with one.
const FAULT_PREEMPTIONS: usize = 2;

/// Likewise in a model of many programs, where it takes the place of two.
const OF_MANY: usize = 1;

/// The longest path through a model. A mutant that runs longer has hit a limit, not a failure.
const MAX_BRANCHES: usize = 5_000;

/// A child that takes longer than this hangs. Models take seconds.
const HUNG: Duration = Duration::from_secs(300);

/// First argument of a child process; then the model's name, the report's path, a mutation or `-`.
pub(crate) const CHILD: &str = "--one-model";

/// Replaces each model's own bound, and the one for faults: a number, or `all`.
const PREEMPTIONS: &str = "LOCKLINE_PREEMPTIONS";

/// Spawns a thread of the model on a shared object. A std `Arc`, which loom does not see: a loom `Arc` would
/// multiply the executions by seven without asking anything new.
pub(crate) fn spawn<T: 'static, R: 'static>(
    shared: &Arc<T>,
    f: impl FnOnce(&T) -> R + 'static,
) -> loom::thread::JoinHandle<R> {
    let shared = Arc::clone(shared);
    loom::thread::spawn(move || f(&shared))
}

/// Why a model failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Two accesses to a cell that nothing orders.
    Race,
    /// Every thread waits.
    Deadlock,
    /// A promise of the model, or of the sources.
    Assertion,
    /// Something that loom follows was never dropped.
    Leak,
    /// The model ran into a limit of the harness or of loom; it shows nothing.
    Limit,
}

impl Failure {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::Deadlock => "deadlock",
            Self::Assertion => "assertion",
            Self::Leak => "leak",
            Self::Limit => "limit",
        }
    }

    fn parse(name: &str) -> Self {
        [Self::Race, Self::Deadlock, Self::Assertion, Self::Leak]
            .into_iter()
            .find(|failure| failure.name() == name)
            .unwrap_or(Self::Limit)
    }

    /// By what was said in the panic, and where.
    fn of(message: &str, file: &str) -> Self {
        if message.contains("Causality violation") || message.starts_with("currently ") {
            Self::Race
        } else if message.starts_with("deadlock; threads") {
            Self::Deadlock
        } else if message.contains("leaked.") {
            Self::Leak
        } else if file.contains("models/")
            || file.contains("src/raw")
            || file.starts_with("tests/loom/src")
        {
            Self::Assertion
        } else {
            // "exceeded maximum number of branches", and whatever else loom asserts about itself.
            Self::Limit
        }
    }
}

/// What a child reports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Without a fault.
    pub executions: usize,
    /// Runs with one fault each, and the executions these took together.
    pub faults: usize,
    pub fault_executions: usize,
    pub sites: Vec<Site>,
    /// Of the first panic that was not caught, with its message; and whether a fault was on.
    pub failure: Option<(Failure, String)>,
    pub in_fault_run: bool,
    pub took: Duration,
}

impl Report {
    pub(crate) fn verdict(&self) -> Result<(), String> {
        match &self.failure {
            None => Ok(()),
            Some((failure, message)) => Err(format!("{}: {message}", failure.name())),
        }
    }
}

/// Runs `model` in a child, with one site weakened if so asked.
pub(crate) fn run(model: &Model, mutation: Option<&Mutation>) -> Report {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let path =
        env::temp_dir().join(format!("lockline-{}-{}", process::id(), NEXT.fetch_add(1, Relaxed)));
    let mutation = mutation.map_or("-".to_owned(), encode);
    let start = Instant::now();
    let mut child = Command::new(env::current_exe().expect("the path of this executable"))
        .args([CHILD, model.name])
        .arg(&path)
        .arg(mutation)
        // loom's own switches could end a model early as passed.
        .env_remove("LOOM_MAX_PERMUTATIONS")
        .env_remove("LOOM_MAX_DURATION")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child process");
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child's status") {
            break Some(status);
        }
        if start.elapsed() > HUNG {
            child.kill().expect("to end the child");
            child.wait().expect("the child's end");
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let text = fs::read_to_string(&path).unwrap_or_default();
    // It is in the temporary directory either way.
    let _ = fs::remove_file(&path);
    let mut report = parse(&text);
    report.took = start.elapsed();
    let ended_well = status.is_some_and(|status| status.success()) && text.ends_with("done\n");
    if !ended_well && report.failure.is_none() {
        let why =
            status.map_or("hung".to_owned(), |status| format!("ended with {status}, unexplained"));
        report.failure = Some((Failure::Limit, why));
    }
    report
}

fn encode(mutation: &Mutation) -> String {
    let Site { file, line, column, operation, was } = &mutation.site;
    format!("{file}\t{line}\t{column}\t{operation}\t{was}\t{}", mutation.to)
}

fn decode_site(fields: &[&str]) -> Site {
    let number = |field: &str| field.parse().expect("a number");
    Site {
        file: fields[0].to_owned(),
        line: number(fields[1]),
        column: number(fields[2]),
        operation: fields[3].to_owned(),
        was: fields[4].to_owned(),
    }
}

fn parse(text: &str) -> Report {
    let mut report = Report::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |nth: usize| fields[nth].parse().expect("a number");
        match fields[0] {
            "executions" => report.executions = number(1),
            "faults" => (report.faults, report.fault_executions) = (number(1), number(2)),
            "site" => report.sites.push(decode_site(&fields[1..])),
            "failure" if report.failure.is_none() => {
                report.failure = Some((Failure::parse(fields[1]), fields[3].to_owned()));
                report.in_fault_run = fields[2] == "fault";
            }
            _ => {}
        }
    }
    report
}

/// The child's side. Never returns.
pub(crate) fn child(models: &[&Model], args: &[String]) -> ! {
    let [name, path, mutation] = args else { panic!("{CHILD} MODEL REPORT MUTATION") };
    let path = PathBuf::from(path);
    let model = models.iter().find(|model| model.name == *name).expect("a model of that name");
    if mutation != "-" {
        let fields: Vec<&str> = mutation.split('\t').collect();
        audit::mutate(Mutation { site: decode_site(&fields), to: fields[5].to_owned() });
    }
    audit::record();
    report_panics(path.clone());

    let (mut executions, mut faults, mut fault_executions) = (0, 0, 0);
    while VARIANT.load(Relaxed) < VARIANTS.load(Relaxed) {
        fault::forget();
        executions += check(model, bound(model.bound));
        IN_FAULT_RUN.store(1, Relaxed);
        let of_faults = match (model.bound, VARIANTS.load(Relaxed) > 1) {
            (None, false) => FAULT_PREEMPTIONS,
            (Some(own), false) => own.saturating_sub(1).max(own.min(1)).min(FAULT_PREEMPTIONS),
            (None, true) => OF_MANY,
            (Some(own), true) => own.saturating_sub(2).min(OF_MANY),
        };
        let of_faults = Some(of_faults);
        for point in fault::points() {
            fault::choose(Some(point));
            fault_executions += check(model, bound(of_faults));
            faults += 1;
        }
        fault::choose(None);
        IN_FAULT_RUN.store(0, Relaxed);
        VARIANT.fetch_add(1, Relaxed);
    }
    append(&path, &format!("executions\t{executions}"));
    append(&path, &format!("faults\t{faults}\t{fault_executions}"));
    for Site { file, line, column, operation, was } in audit::recorded() {
        append(&path, &format!("site\t{file}\t{line}\t{column}\t{operation}\t{was}"));
    }
    append(&path, "done");
    process::exit(0)
}

/// The bound in force: the model's, unless the environment says otherwise.
pub(crate) fn bound(own: Option<usize>) -> Option<usize> {
    match env::var(PREEMPTIONS).ok().as_deref() {
        None => own,
        Some("all") => None,
        Some(n) => Some(
            n.parse().unwrap_or_else(|_| panic!("{PREEMPTIONS} is a number or `all`, not {n}")),
        ),
    }
}

static IN_FAULT_RUN: AtomicUsize = AtomicUsize::new(0);

/// Writes down what the first panic says: a second one may abort the process. A panic that the model
/// itself injects and catches is none.
fn report_panics(path: PathBuf) {
    static FIRST: Once = Once::new();
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("a panic without a message");
        if message.starts_with("injected:") {
            return;
        }
        let file = info.location().map_or("", |location| location.file());
        let failure = Failure::of(message, file).name();
        let run = if IN_FAULT_RUN.load(Relaxed) == 1 { "fault" } else { "plain" };
        let message: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
        FIRST.call_once(|| append(&path, &format!("failure\t{failure}\t{run}\t{message}")));
    }));
}

fn append(path: &PathBuf, line: &str) {
    use std::io::Write;
    let mut file = fs::File::options().create(true).append(true).open(path).expect("the report");
    writeln!(file, "{line}").expect("to write the report");
}

/// Which of the model's programs is explored, and how many it has.
static VARIANT: AtomicUsize = AtomicUsize::new(0);
static VARIANTS: AtomicUsize = AtomicUsize::new(1);

/// For a model of several programs, each explored on its own: which of the `count` this is.
pub(crate) fn variant(count: usize) -> usize {
    VARIANTS.store(count, Relaxed);
    VARIANT.load(Relaxed)
}

/// Explores `model`, or the program of it whose turn it is, and counts the executions.
fn check(model: &Model, bound: Option<usize>) -> usize {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = MAX_BRANCHES;
    // These two make loom return as if the model had passed.
    builder.max_duration = None;
    builder.max_permutations = None;
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let body = model.body;
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        body();
    });
    executions.load(Relaxed)
}
