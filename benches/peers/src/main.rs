//! `cargo run --release -p lockline-peers -- [OPTIONS] [FILTER]...`: lockline beside its peers.

use lockline_harness::machine;
use lockline_peers::{case::Case, groups, page, rounds};
use std::{
    fmt::Display,
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

const USAGE: &str = "\
lockline's primitives beside their peers, measured on this machine.

cargo run --release -p lockline-peers -- [OPTIONS] [FILTER]...

FILTER         measure cases whose \"group / row / case\" contains all of these
--quick        3 rounds of 20 ms: shows that it works, not what it costs
--rounds N     rounds (7)
--millis N     about what a case takes in a round (200)
--patient      takes a sample again, 20 times at most, if the host kept more than 5 % of a core meanwhile
--csv PATH     also write plain numbers
--svg PATH     also draw a picture
--list         name the cases and stop
--help         this text

The page goes to stdout, progress to stderr. A case that works at one sample for a minute longer than a
hundred should take stands still, and is left out from there on. Exit status: 1 if a case's result was wrong,
one of lockline's stood still or a file could not be written, 2 if the command was wrong.";

/// For `--patient`.
const TRIES: usize = 20;

struct Arguments {
    filters: Vec<String>,
    plan: rounds::Plan,
    csv: Option<PathBuf>,
    svg: Option<PathBuf>,
    list: bool,
    help: bool,
}

fn arguments() -> Result<Arguments, lexopt::Error> {
    use lexopt::prelude::*;
    let (mut quick, mut patient, mut rounds, mut millis) = (false, false, None, None);
    let mut parsed = Arguments {
        filters: Vec::new(),
        plan: rounds::Plan {
            rounds: 0,
            budget: Duration::ZERO,
            tries: 1,
            patience: Duration::ZERO,
        },
        csv: None,
        svg: None,
        list: false,
        help: false,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("quick") => quick = true,
            Long("patient") => patient = true,
            Long("rounds") => rounds = Some(arguments.value()?.parse()?),
            Long("millis") => millis = Some(arguments.value()?.parse()?),
            Long("csv") => parsed.csv = Some(arguments.value()?.into()),
            Long("svg") => parsed.svg = Some(arguments.value()?.into()),
            Long("list") => parsed.list = true,
            Long("help") | Short('h') => parsed.help = true,
            Value(filter) => parsed.filters.push(filter.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let (usual_rounds, usual_millis) = if quick { (3, 20) } else { (7, 200) };
    let budget = Duration::from_millis(millis.unwrap_or(usual_millis));
    parsed.plan = rounds::Plan {
        rounds: rounds.unwrap_or(usual_rounds),
        budget,
        tries: if patient { TRIES } else { 1 },
        patience: Duration::from_mins(1) + 100 * budget,
    };
    if parsed.plan.rounds == 0 || parsed.plan.budget.is_zero() {
        return Err("nothing is measured in 0 rounds or 0 ms".into());
    }
    Ok(parsed)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(wrong) => return refuse(wrong),
    };
    if arguments.help {
        say(format_args!("{USAGE}\n"));
        return ExitCode::SUCCESS;
    }
    let wanted = |case: &Case| {
        let label = case.label.to_string();
        arguments.filters.iter().all(|filter| label.contains(filter))
    };
    let cases: Vec<_> = groups::all().into_iter().filter(wanted).collect();
    if cases.is_empty() {
        return refuse("no case matches; --list names them");
    }
    if arguments.list {
        for case in &cases {
            say(format_args!("{}\n", case.label));
        }
        return ExitCode::SUCCESS;
    }
    measure(cases, &arguments)
}

/// To stdout, where `print!` would panic when whoever reads it has seen enough. Files are written all the same.
fn say(text: impl Display) {
    if let Err(wrong) = write!(io::stdout(), "{text}") {
        assert!(wrong.kind() == io::ErrorKind::BrokenPipe, "stdout: {wrong}");
    }
}

fn refuse(wrong: impl Display) -> ExitCode {
    eprintln!("lockline-peers: {wrong}; see --help");
    ExitCode::from(2)
}

fn measure(cases: Vec<Case>, arguments: &Arguments) -> ExitCode {
    let machine = machine::describe();
    let watch = machine::Watch::start();
    let measured = rounds::measure(cases, arguments.plan, |line| eprintln!("{line}"));
    let mut load = watch.so_far();
    let patience = (arguments.plan.tries > 1).then(|| {
        // Said more exactly:
        load.stolen = None;
        let sum = |of: fn(&rounds::Measured) -> usize| measured.iter().map(of).sum::<usize>();
        format!(
            "While {} of {} samples were taken, the host kept more than 5 % of a core; {} of them are used.\n\n",
            sum(|case| case.in_vain + case.disturbed),
            sum(|case| case.in_vain + case.samples.len()),
            sum(|case| case.disturbed),
        )
    });
    let lines = page::lines(&measured);

    let given = std::env::args().skip(1).fold(String::new(), |given, argument| {
        let quoted = argument.contains(char::is_whitespace);
        given + &if quoted { format!(" \"{argument}\"") } else { format!(" {argument}") }
    });
    let rounds::Plan { rounds, budget, .. } = arguments.plan;
    say(format_args!("# lockline beside its peers\n\n{machine}\n\n"));
    say(format_args!(
        "`cargo run --release -p lockline-peers --{given}` · {rounds} rounds of {} ms\n\n",
        budget.as_millis()
    ));
    patience.iter().for_each(say);
    let unoptimised = cfg!(debug_assertions)
        .then(|| String::from("warning: built without --release: these figures mean nothing"));
    for warning in load.warning().into_iter().chain(unoptimised) {
        eprintln!("{warning}");
        say(format_args!("**{warning}**\n\n"));
    }
    say(page::markdown(&lines));

    let subtitle = format!("{}, {} cores, {}", machine.cpu, machine.cores.len(), machine.date);
    let mut status = ExitCode::SUCCESS;
    let files = [
        arguments.csv.as_ref().map(|path| (path, page::csv(&lines))),
        arguments.svg.as_ref().map(|path| (path, page::picture(&lines, &subtitle))),
    ];
    for (path, text) in files.into_iter().flatten() {
        match fs::write(path, text) {
            Ok(()) => say(format_args!("\n{}\n", path.display())),
            Err(wrong) => {
                eprintln!("lockline-peers: {}: {wrong}", path.display());
                status = ExitCode::FAILURE;
            }
        }
    }
    if measured.iter().any(rounds::Measured::is_wrong) {
        status = ExitCode::FAILURE;
    }
    status
}
