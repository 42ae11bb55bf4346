//! Keeps the compiler's version for reports: the one that built the program, not the one on the path when
//! it runs.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env::var_os("RUSTC")
        .and_then(|rustc| Command::new(rustc).arg("--version").output().ok())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    // "rustc 1.95.0 (59807616e 2026-04-14)": the first two words say it.
    let version = version.as_deref().unwrap_or("rustc, version unknown");
    let short = version.split(" (").next().unwrap_or(version).trim();
    println!("cargo::rustc-env=LOCKLINE_RUSTC={short}");
}
