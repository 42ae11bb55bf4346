//! The command: what it prints, writes and refuses.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockline-peers")).args(arguments).output().expect("it starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn every_case_counts_right_and_stands_on_the_page() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (csv, svg) = (folder.join("peers.csv"), folder.join("peers.svg"));
    let names = text(&run(&["--list"]).stdout).lines().count();
    let (csv_path, svg_path) = (csv.to_str().expect("UTF-8"), svg.to_str().expect("UTF-8"));
    let output = run(&["--millis", "1", "--rounds=2", " / ", "--csv", csv_path, "--svg", svg_path]);
    let page = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(page.starts_with("# lockline beside its peers\n"), "{page}");
    assert!(page.contains("--millis 1 --rounds=2 "), "{page}");
    assert!(page.contains("\n## counter\n") && page.contains("\n## ordered\n"), "{page}");
    assert!(page.contains("**lockline::Counter**"), "{page}");
    assert!(page.contains(csv_path) && page.contains(svg_path), "{page}");
    let written = fs::read_to_string(&csv).expect("a CSV file");
    assert_eq!(written.lines().count(), 1 + names);
    // These were seen to stand still once in a while, which is no fault of ours. That is all that may be wrong.
    let known = |line: &str| ["flume", "crossfire"].iter().any(|peer| line.contains(peer));
    let wrong = written.lines().filter(|line| line.contains("broken"));
    let wrong = wrong.filter(|line| !line.contains("stood still") || !known(line));
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
    assert!(fs::read_to_string(&svg).expect("a picture").starts_with("<svg"));
}

#[test]
fn filters_are_all_applied() {
    let output = run(&["--list", "add, 2", "fast"]);
    assert_eq!(text(&output.stdout), "counter / add, 2 threads / fast-counter\n");
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let peers = || Command::new(env!("CARGO_BIN_EXE_lockline-peers"));
    // What goes to one that has ended goes to nobody.
    let mut ended = peers()
        .arg("no such case")
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let closed = ended.stdin.take().expect("a pipe");
    ended.wait().expect("it ends");
    let output =
        peers().arg("--list").stdout(closed).stderr(Stdio::piped()).spawn().expect("it starts");
    let output = output.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn nonsense_is_refused_in_one_line() {
    for arguments in [&["--fast"][..], &["--rounds", "0"], &["--rounds"], &["no such case"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
