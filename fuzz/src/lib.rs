//! Properties that must hold for any input. Each fuzz target has one module with a function `check`, which panics if a
//! property does not hold. The fuzz targets run these checks, and so does `tests/corpus.rs`, which replays the kept
//! inputs.

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

/// A check of one input. It panics if a property does not hold.
pub type Check = fn(&[u8]);

/// Every target: its name, which is also the name of its corpus, and its check.
pub const TARGETS: [(&str, Check); 7] = [
    ("calls", calls::check),
    ("explain", explain::check),
    ("names", names::check),
    ("netrc", netrc::check),
    ("policy", policy::check),
    ("results", results::check),
    ("snapshot", snapshot::check),
];
