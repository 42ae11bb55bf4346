//! The consumer's models in plain `cargo test`, on the types of `lockline-loom`.

extern crate downstream_under_loom as downstream;

mod models;
