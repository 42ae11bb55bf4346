//! Programs that must not compile, each for the right reason: `tests/ui`.
//!
//! Built in one go by cargo, as the binaries of a package that depends on this one. Each begins with the errors that it must
//! get, as `cargo build --message-format short` prints them, or the beginnings of these: of an error in the compiler's words, its code,
//! as the words change; of one in ours, the whole first line. It must get each of them, and no other.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Before an error that is reported in our own sources.
const ELSEWHERE: &str = "elsewhere: ";

const MANIFEST: &str = r#"
[package]
name = "ui"
version = "0.0.0"
edition = "2024"

[lib]
path = "src/lib.rs"

[dependencies]
lockline = { path = "LOCKLINE" }

[workspace]
"#;

#[test]
fn wrong_programs_are_rejected_for_what_is_wrong() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ui");
    // What an older version had may be gone.
    let _ = fs::remove_dir_all(package.join("src"));
    fs::create_dir_all(package.join("src/bin")).unwrap();
    fs::write(package.join("Cargo.toml"), MANIFEST.replace("LOCKLINE", root.to_str().unwrap()))
        .unwrap();
    if root.join("Cargo.lock").exists() {
        fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    }

    let mut expected = BTreeMap::new();
    for file in fs::read_dir(root.join("tests/ui")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "lib.rs" {
            fs::copy(&file, package.join("src/lib.rs")).unwrap();
            continue;
        }
        fs::copy(&file, package.join("src/bin").join(&name)).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let errors: Vec<String> =
            text.lines().map_while(|line| line.strip_prefix("// ")).map(str::to_owned).collect();
        expected.insert(name, errors);
    }
    assert!(expected.len() > 30, "programs are missing");

    let output = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--keep-going", "--bins", "--message-format", "short"])
        .arg("--target-dir")
        .arg(package.join("target"))
        .current_dir(&package)
        .env_remove("RUSTFLAGS")
        .env("CARGO_TERM_COLOR", "never")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);

    let mut found: BTreeMap<String, Vec<String>> =
        expected.keys().map(|name| (name.clone(), Vec::new())).collect();
    for line in log.lines() {
        // src/bin/name.rs:8:5: error[E0277]: what it is
        let Some(line) = line.strip_prefix("src/bin/") else { continue };
        let (name, rest) = line.split_once(':').unwrap();
        let (_, message) = rest.split_once(": ").unwrap();
        if message.starts_with("error") || message.contains("the above error") {
            // Whether a type's name has its crate before it changes with what else is in scope.
            found.get_mut(name).unwrap().push(message.replace("ui::", ""));
        }
    }

    let mut wrong = Vec::new();
    for (name, errors) in &expected {
        let found = &found[name];
        let (elsewhere, errors): (Vec<_>, Vec<_>) =
            errors.iter().partition(|error| error.starts_with(ELSEWHERE));
        let all =
            errors.iter().all(|expected| found.iter().any(|found| found.starts_with(*expected)));
        let no_other =
            found.iter().all(|found| errors.iter().any(|expected| found.starts_with(*expected)));
        let elsewhere = elsewhere.iter().all(|expected| log.contains(&expected[ELSEWHERE.len()..]));
        if !(all && no_other && elsewhere) {
            wrong.push(format!("{name}: expected {errors:#?}, found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n\n{log}", wrong.join("\n"));
}
