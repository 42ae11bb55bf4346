//! Weakens each ordering, fence and wake-up of the sources, alone, and demands that a model fails.
//!
//! The sites are those that the models reached (the facade reports them); a site counts as checked if
//! some model that reaches it fails with a race, a deadlock, a leak or a broken promise once it is
//! weakened. A survivor means that the ordering is stronger than need be, or that a model is missing.
//! It fails the run unless it stands in [`SURVIVORS`], with a litmus test that shows loom's blindness;
//! one that stands there and is caught fails the run too. So does an ordering, fence or wake-up in the
//! sources that no model reaches.
//!
//! `tests/loom/audit.md` keeps the result. A plain run audits the sites whose file, or whose catching
//! model's file, is not the one that the table was made from, all of them if the facade or the harness
//! changed, and a tenth of the rest, by the day. Sites are named by function, not by line, so that
//! edits elsewhere leave the table true.

use crate::{
    Reports, code, coverage,
    harness::{self, Failure, Model},
    models,
};
use libtest_mimic::{Arguments, Trial};
use lockline_loom::__private::audit::{Mutation, Site};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

/// What no model can catch, each with the litmus test (in `tests/litmus`) that shows why.
/// `(site, weakened to, litmus test, reason)`.
const SURVIVORS: &[(&str, &str, &str, &str)] = &[];

/// The most survivors of a hundred mutants.
const MOST_SURVIVORS: usize = 10;

const TABLE: &str = "audit.md";
const AUDIT: &str = "LOCKLINE_AUDIT";

/// One mutant and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    site: String,
    was: String,
    to: String,
    /// The model, or none for a survivor.
    caught_by: Option<String>,
    /// The kind of failure.
    by: String,
}

/// One mutant to be tried, against the models that reach its site.
#[derive(Clone)]
struct Mutant {
    name: String,
    mutation: Mutation,
    models: Vec<&'static Model>,
}

/// Audits what the reports' models reached.
pub(crate) fn run(arguments: &Arguments, reports: &Reports) -> ExitCode {
    let mode = env::var(AUDIT).unwrap_or_default();
    let mut mutants = mutants(reports, models(), |site| !site.file.contains("tests/models"));
    let before = Table::read();
    if mode != "write" {
        before.put_first(&mut mutants);
    }
    let chosen: Vec<Mutant> =
        if mode.is_empty() { sample(&mutants, &before) } else { mutants.clone() };
    println!(
        "audit: {} of {} mutants of {} orderings, fences and wake-ups ({})",
        chosen.len(),
        mutants.len(),
        mutants.iter().map(|mutant| &mutant.name).collect::<BTreeSet<_>>().len(),
        if mode.is_empty() {
            "what changed and a tenth; LOCKLINE_AUDIT=all for all"
        } else {
            "all"
        },
    );

    let rows = Arc::new(Mutex::new(BTreeSet::new()));
    let trials = chosen.iter().cloned().map(|mutant| {
        let rows = Arc::clone(&rows);
        let name =
            format!("{}: {} -> {}", mutant.name, mutant.mutation.site.was, mutant.mutation.to);
        Trial::test(name, move || {
            let row = try_out(&mutant);
            let expected = expected_survivor(&row);
            rows.lock().unwrap().insert(row.clone());
            match (&row.caught_by, expected) {
                (Some(_), None) | (None, Some(_)) => Ok(()),
                (None, None) => Err(format!("survived: {} has nothing against it", row.by).into()),
                (Some(model), Some(_)) => {
                    Err(format!("listed as a survivor, yet {model} caught it").into())
                }
            }
        })
        .with_kind("audit")
    });
    let conclusion = libtest_mimic::run(arguments, trials.collect());
    let rows = std::mem::take(&mut *rows.lock().unwrap());

    let survivors = rows.iter().filter(|row| row.caught_by.is_none()).count();
    println!("audit: {} caught, {survivors} survived", rows.len() - survivors);
    let mut wrong = conclusion.has_failed();
    if survivors * 100 > mutants.len() * MOST_SURVIVORS {
        println!("audit: more than {MOST_SURVIVORS} % survived");
        wrong = true;
    }
    wrong |= survivors_without_litmus();
    let reached: BTreeSet<&Site> = reports.values().flat_map(|report| &report.sites).collect();
    for place in coverage::unreached(&reached) {
        println!("audit: no model reaches {place}");
        wrong = true;
    }
    if !mode.is_empty() && !wrong {
        let now = Table { rows, fingerprints: fingerprints() };
        if mode == "write" {
            fs::write(root().join(TABLE), now.to_string()).expect("to write the table");
            println!("audit: wrote tests/loom/{TABLE}");
        } else if now != before {
            println!(
                "audit: tests/loom/{TABLE} is out of date; LOCKLINE_AUDIT=write makes it anew"
            );
            wrong = true;
        }
    }
    if wrong { ExitCode::from(101) } else { code(&conclusion) }
}

/// The audit of the fixture: every mutant caught but the one that is deliberately too strong.
pub(crate) fn of_fixture(fixtures: &'static [Model]) -> Result<(), String> {
    let reports = fixtures.iter().map(|model| (model.name, harness::run(model, None))).collect();
    let mutants = mutants(&reports, fixtures.iter(), |site| site.file.contains("fixture.rs"));
    let rows: Vec<Row> = mutants.iter().map(try_out).collect();
    let name = |row: &Row| format!("{} {} -> {}", row.site, row.was, row.to);
    let survived: Vec<String> =
        rows.iter().filter(|row| row.caught_by.is_none()).map(name).collect();
    let caught: BTreeMap<String, &str> = rows
        .iter()
        .filter(|row| row.caught_by.is_some())
        .map(|row| (name(row), row.by.as_str()))
        .collect();
    let file = "tests/models/fixture.rs";
    let expected_caught: BTreeMap<String, &str> = [
        ("put swap AcqRel -> Acquire", "race"),
        ("get load Acquire -> Relaxed", "race"),
        ("release fence SeqCst -> AcqRel", "deadlock"),
        ("release fence SeqCst -> none", "deadlock"),
        ("wake wake wake -> none", "deadlock"),
        ("acquire fence SeqCst -> AcqRel", "deadlock"),
        ("acquire fence SeqCst -> none", "deadlock"),
    ]
    .into_iter()
    .map(|(name, by)| (format!("{file} {name}"), by))
    .collect();
    if survived != [format!("{file} put swap AcqRel -> Release")] {
        return Err(format!("survivors: {survived:?}"));
    }
    if caught != expected_caught {
        return Err(format!("caught: {caught:#?}"));
    }
    Ok(())
}

/// Every mutant of every site that the models reached.
fn mutants(
    reports: &Reports,
    models: impl Iterator<Item = &'static Model>,
    wanted: impl Fn(&Site) -> bool,
) -> Vec<Mutant> {
    let mut reached: BTreeMap<Site, Vec<&'static Model>> = BTreeMap::new();
    for model in models {
        for site in reports[model.name].sites.iter().filter(|site| wanted(site)) {
            reached.entry(site.clone()).or_default().push(model);
        }
    }
    let mut nth: BTreeMap<String, usize> = BTreeMap::new();
    let mut mutants = Vec::new();
    for (site, mut models) in reached {
        // The cheapest first: most are caught by any model that reaches the site.
        models.sort_by_key(|model| reports[model.name].executions);
        let plain = name(&site);
        let count = nth.entry(format!("{plain}{}", site.was)).or_default();
        *count += 1;
        let name = if *count == 1 { plain } else { format!("{plain} #{count}") };
        mutants.extend(site.weaker().iter().map(|&to| Mutant {
            name: name.clone(),
            mutation: Mutation { site: site.clone(), to: to.to_owned() },
            models: models.clone(),
        }));
    }
    mutants
}

fn try_out(mutant: &Mutant) -> Row {
    let mut row = Row {
        site: mutant.name.clone(),
        was: mutant.mutation.site.was.clone(),
        to: mutant.mutation.to.clone(),
        caught_by: None,
        by: mutant.models.iter().map(|model| model.name).collect::<Vec<_>>().join(", "),
    };
    for model in &mutant.models {
        match harness::run(model, Some(&mutant.mutation)).failure {
            // Neither did it pass: but a limit shows nothing about the program.
            None | Some((Failure::Limit, _)) => {}
            Some((failure, _)) => {
                row.caught_by = Some(model.name.to_owned());
                failure.name().clone_into(&mut row.by);
                break;
            }
        }
    }
    row
}

fn expected_survivor(row: &Row) -> Option<&'static str> {
    let listed = SURVIVORS.iter().find(|(site, to, ..)| *site == row.site && *to == row.to);
    listed.map(|(.., reason)| *reason)
}

fn survivors_without_litmus() -> bool {
    let files = fs::read_dir(root().join("tests/litmus")).expect("the litmus tests");
    let read = |file: io::Result<DirEntry>| fs::read_to_string(file?.path());
    let litmus: String = files.map(read).collect::<io::Result<_>>().expect("the litmus tests");
    let without =
        SURVIVORS.iter().filter(|(.., test, _)| !litmus.contains(&format!("fn {test}()")));
    without
        .inspect(|(site, ..)| println!("audit: no litmus test shows why {site} survives"))
        .count()
        > 0
}

/// What a plain run audits.
fn sample(mutants: &[Mutant], table: &Table) -> Vec<Mutant> {
    let now = fingerprints();
    let changed = |file: &str| now.get(file) != table.fingerprints.get(file);
    let day =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400);
    let turn = |mutant: &Mutant| {
        fingerprint(&format!("{}{}", mutant.name, mutant.mutation.to)) % 10 == day % 10
    };
    let wanted = |mutant: &&Mutant| {
        let Some(row) = table.row(mutant) else { return true };
        changed(MACHINERY)
            || changed(&short(&mutant.mutation.site.file))
            || row.caught_by.as_deref().is_none_or(|model| changed(&file_of(model)))
            || turn(mutant)
    };
    mutants.iter().filter(wanted).cloned().collect()
}

/// The file of a model, by its name.
fn file_of(model: &str) -> String {
    format!("tests/models/{}.rs", model.split("::").next().unwrap_or(model))
}

/// `file function operation`.
fn name(site: &Site) -> String {
    let source = fs::read_to_string(workspace().join(&site.file)).expect("the source of a site");
    let lines: Vec<&str> = source.lines().take(site.line as usize).collect();
    let function = lines.iter().rev().find_map(|line| {
        let (before, after) = line.trim_start().split_once("fn ")?;
        let plain = before.chars().all(|c| c.is_ascii_lowercase() || " ()_".contains(c));
        let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        plain.then(|| after[..end].to_owned())
    });
    format!("{} {} {}", short(&site.file), function.unwrap_or_default(), site.operation)
}

/// A path as the table has it: `src/raw/rows.rs`.
pub(crate) fn short(file: &str) -> String {
    let file = file.replace('\\', "/");
    file.strip_prefix("tests/loom/").map_or(file.clone(), str::to_owned)
}

/// This package.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The directory that the compiler's paths start from.
fn workspace() -> PathBuf {
    root().join("../..")
}

/// Under this name stands what every mutant depends on.
const MACHINERY: &str = "the facade and the harness";

/// Of each file: of its code, without comments and spaces.
fn fingerprints() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    for folder in ["src/raw", "src/sync/model", "tests/models"] {
        collect(&root().join(folder), &mut files);
    }
    let mut machinery = String::new();
    let mut fingerprints = BTreeMap::new();
    files.sort();
    for file in files {
        let code = code_of(&fs::read_to_string(&file).expect("a source file"));
        let name = file.strip_prefix(root()).expect("a path in this package").display().to_string();
        let name = name.replace('\\', "/");
        let helper =
            ["main.rs", "harness.rs", "audit.rs", "coverage.rs", "fixture.rs", "executor.rs"]
                .iter();
        if name.starts_with("src/sync")
            || helper.map(|h| format!("tests/models/{h}")).any(|h| h == name)
        {
            machinery += &code;
        } else {
            fingerprints.insert(name, format!("{:016x}", fingerprint(&code)));
        }
    }
    fingerprints.insert(MACHINERY.to_owned(), format!("{:016x}", fingerprint(&machinery)));
    fingerprints
}

pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn code_of(source: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    source
        .lines()
        .map(code)
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// FNV-1a: any hash that stays the same from one toolchain to the next.
fn fingerprint(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The checked-in file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    rows: BTreeSet<Row>,
    fingerprints: BTreeMap<String, String>,
}

impl Table {
    fn read() -> Self {
        let text = fs::read_to_string(root().join(TABLE)).unwrap_or_default();
        let mut table = Self::default();
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<String> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            match &cells[..] {
                [file, print] if print.len() == 16 => {
                    table.fingerprints.insert(file.clone(), print.clone());
                }
                [site, was, to, by, model] if site.contains(".rs ") => {
                    let caught_by = (model != "nothing").then(|| model.clone());
                    table.rows.insert(Row {
                        site: site.clone(),
                        was: was.clone(),
                        to: to.clone(),
                        caught_by,
                        by: by.clone(),
                    });
                }
                _ => {}
            }
        }
        table
    }

    /// What became of a mutant.
    fn row(&self, mutant: &Mutant) -> Option<&Row> {
        self.rows.iter().find(|row| {
            row.site == mutant.name
                && row.was == mutant.mutation.site.was
                && row.to == mutant.mutation.to
        })
    }

    /// The model that caught a mutant is asked first: it catches it again, unless something changed, and those that
    /// let it pass need not run to their ends. A table that is written anew names the cheapest.
    fn put_first(&self, mutants: &mut [Mutant]) {
        for mutant in mutants {
            let caught_by = self.row(mutant).and_then(|row| row.caught_by.as_deref());
            mutant.models.sort_by_key(|model| Some(model.name) != caught_by);
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::from(INTRODUCTION);
        for Row { site, was, to, caught_by, by } in &self.rows {
            let caught_by = caught_by.as_deref().unwrap_or("nothing");
            writeln!(text, "| {site} | {was} | {to} | {by} | {caught_by} |")?;
        }
        text += "\n## Made from\n\nFingerprints of the code, without comments and spaces.\n\n| file | code |\n|---|---|\n";
        for (file, print) in &self.fingerprints {
            writeln!(text, "| {file} | {print} |")?;
        }
        f.write_str(&text)
    }
}

const INTRODUCTION: &str = "\
# Every ordering is needed

Each line is one change to the sources that makes one memory ordering weaker, drops one fence or one
wake-up, and the model that fails because of it. Written by
`LOCKLINE_AUDIT=write cargo test -p lockline-loom --test models`; compared by the same with `all`.

| site | was | weakened to | caught as | by model |
|---|---|---|---|---|
";
