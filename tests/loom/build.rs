//! Sets `cfg(loom)` for this package alone: no RUSTFLAGS, and no dependency sees it.

fn main() {
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rerun-if-changed=build.rs");
}
