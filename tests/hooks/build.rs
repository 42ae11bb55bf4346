//! Sets `cfg(lockline_hooks)` for this package alone: no RUSTFLAGS, no feature, and no user sees it.

fn main() {
    println!("cargo::rustc-cfg=lockline_hooks");
    // The sources ask for them; here there are none.
    println!(
        "cargo::rustc-check-cfg=cfg(feature, values(\"loom\", \"lock_api_0_4\", \"tower\", \"futures_0_3\"))"
    );
    println!("cargo::rerun-if-changed=build.rs");
}
