//! How every figure of the project is measured.
//!
//! * [`pin`] knows which cores we may use, and puts a thread on one.
//! * [`mod@race`] starts threads together, and takes wall time, CPU time and the share of time in which all ran.
//! * [`load`] is work to be done inside or outside of what is measured.
//! * [`latency`] keeps percentiles and the longest wait.
//! * [`stats`] has median, minimum and maximum, and ratios of them.
//! * [`machine`] says what was measured on, and whether anything else was running there.
//! * [`report`] makes a table Markdown or CSV.
//! * [`mod@svg`] draws pictures.
//! * [`mod@verdict`] says whether samples allow a sentence, and which.
//!
//! The unit is nanoseconds of wall time per operation, over all threads, unless a table says otherwise.

pub mod latency;
pub mod load;
pub mod machine;
pub mod pin;
pub mod race;
pub mod report;
pub mod stats;
pub mod svg;
pub mod verdict;

pub use load::work;
pub use race::{Race, Sprint, Stop, race, sprint};
