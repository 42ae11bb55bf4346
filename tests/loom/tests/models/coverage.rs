//! Finds the orderings, fences and wake-ups in the sources that no model reaches, by reading the sources.

use crate::audit::{collect, root, short};
use lockline_loom::__private::audit::Site;
use std::{collections::BTreeSet, fs};

/// Every place in the algorithms that asks for an ordering above relaxed, a fence or a wake-up, and that
/// no model got to.
pub(crate) fn unreached(reached: &BTreeSet<&Site>) -> Vec<String> {
    let mut files = Vec::new();
    collect(&root().join("src/raw"), &mut files);
    files.retain(|file| !file.ends_with("model.rs"));
    let mut places = Vec::new();
    for file in files {
        let source = fs::read_to_string(&file).expect("a source file");
        let name = short(
            &file.strip_prefix(root()).expect("a path in this package").display().to_string(),
        );
        let here: Vec<&Site> =
            reached.iter().filter(|site| short(&site.file) == name).copied().collect();
        places.extend(not_covered(&source, &here).iter().map(|place| format!("{name}:{place}")));
    }
    places
}

/// The lines of `source`, each with the word, whose orderings, fences and wake-ups are not among `reached`.
fn not_covered(source: &str, reached: &[&Site]) -> Vec<String> {
    let code = blank_comments_and_uses(source);
    let ranges: Vec<(usize, usize, &str)> =
        reached.iter().filter_map(|site| call(&code, site)).collect();
    let mut places = Vec::new();
    for word in [
        "Acquire",
        "Release",
        "AcqRel",
        "SeqCst",
        "unpark_one",
        "unpark_all",
        "unpark_at",
        "wake_task",
        "light_fence",
        "heavy_fence",
    ] {
        let of_call = word.contains('_');
        for (at, _) in code.match_indices(word) {
            let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let inside = letter(code[..at].chars().next_back());
            if inside || letter(code[at + word.len()..].chars().next()) {
                continue;
            }
            let covered = ranges.iter().any(|&(start, end, was)| {
                (start..end).contains(&at)
                    && (was == word || (of_call && ["wake", "SeqCst"].contains(&was)))
            });
            if !covered {
                places.push(format!("{} {word}", code[..at].matches('\n').count() + 1));
            }
        }
    }
    places
}

/// From the start of a site's call to its closing parenthesis.
fn call<'a>(code: &str, site: &'a Site) -> Option<(usize, usize, &'a str)> {
    let line: usize = code.split_inclusive('\n').take(site.line as usize - 1).map(str::len).sum();
    let start = line + site.column as usize - 1;
    let mut depth = 0;
    for (at, c) in code.get(start..)?.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some((start, start + at + 1, &site.was));
        }
    }
    None
}

/// Same length, same lines.
fn blank_comments_and_uses(source: &str) -> String {
    let mut in_use = false;
    let mut blanked = String::new();
    for line in source.split_inclusive('\n') {
        let code = line.split("//").next().unwrap_or_default();
        in_use |= code.starts_with("use ");
        let keep = if in_use { 0 } else { code.len() };
        in_use &= !code.contains(';');
        blanked += &line[..keep];
        blanked.extend(line[keep..].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    }
    blanked
}

/// On a text with one ordering and one wake-up that were reached and two that were not.
pub(crate) fn of_known_text() -> Result<(), String> {
    let source = "use x::{Acquire,\n    Release};\nfn f() {\n    // Release: a comment\n    a.store(1, Release);\n    \
                  b.compare_exchange(\n        0, 1, Acquire,\n        Relaxed);\n    park::unpark_one(&a, |_| {});\n    \
                  park::unpark_one(&b, |_| {});\n}\n";
    let site = |line, column, operation: &str, was: &str| Site {
        file: String::new(),
        line,
        column,
        operation: operation.to_owned(),
        was: was.to_owned(),
    };
    let reached = [site(6, 7, "compare_exchange", "Acquire"), site(9, 5, "wake", "wake")];
    let found = not_covered(source, &reached.iter().collect::<Vec<_>>());
    let expected = ["5 Release", "10 unpark_one"];
    if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
}
