//! Sets `cfg(loom)` for this package alone: no RUSTFLAGS, and no dependency sees it.

fn main() {
    println!("cargo::rustc-cfg=loom");
    // The sources ask for it; here there is no `tower`.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"tower\"))");
    println!("cargo::rerun-if-changed=build.rs");
}
