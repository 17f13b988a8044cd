//! What must hold for any input at all: one module a fuzz target, each with a `check` that panics where it does
//! not. The fuzz targets and `tests/corpus.rs`, which replays the kept inputs, run the same checks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a property that does not hold has to say so"
)]

pub mod calls;
pub mod explain;
mod made;
pub mod names;
pub mod netrc;
pub mod policy;
pub mod results;
mod sinks;
pub mod snapshot;
mod text;

/// Panics where something does not hold of an input.
pub type Check = fn(&[u8]);

/// Every target: its name, which is that of its corpus, too, and its check.
pub const TARGETS: [(&str, Check); 7] = [
    ("calls", calls::check),
    ("explain", explain::check),
    ("names", names::check),
    ("netrc", netrc::check),
    ("policy", policy::check),
    ("results", results::check),
    ("snapshot", snapshot::check),
];
