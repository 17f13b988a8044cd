//! The policy: what must hold before a deployment.
//!
//! A file is read in three steps, each in a separate file: `yaml` parses text into a tree and finds repeated keys,
//! `raw` defines the keys, and `reify` and `gate` check the values. One pass finds every problem of a file. The
//! result, [`Policy`], contains no invalid state: its numbers are finite, its limits are valid for their metrics, and
//! its names are unique.

#[cfg(test)]
mod edge_tests;
mod files;
mod gate;
mod metric;
mod model;
mod raw;
mod reify;
mod schema;
mod scope;
mod source;
#[cfg(test)]
mod tests;
mod yaml;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

pub use files::{PolicyFile, expand};
pub use metric::{
    Aggregate, Change, Counted, Definition, IntervalKind, Kind, LimitKey, Metric, MissingValue,
    Subject, Unit,
};
pub use model::{
    BaselineRule, CandidateRule, Completeness, Condition, Correction, Evidence, FurtherBaseline,
    Gate, Limit, Missing, MissingRule, Policy, Problem, RemovedRows, Required, Reruns, Severity,
    Waiver,
};
pub use raw::policy_schema as schema;
pub use source::{RunAddress, SelectorTemplate, Source, SourceTemplate, Template};
pub use yaml::MAX_BYTES;

/// Parses and checks the text of a policy.
///
/// # Errors
///
/// Every problem of the file, in the order of its keys. The list is never empty.
pub fn parse(path: &str, text: &str) -> Result<Policy, Vec<Problem>> {
    let tree = yaml::parse(text).map_err(|problem| vec![problem])?;
    let (value, repeated) = yaml::into_value(tree);
    let mut problems = repeated;
    let gates = reify::policy(value, &mut problems);
    match gates {
        Some(parts) if problems.is_empty() => Ok(Policy {
            path: path.to_owned(),
            sha256: sha256(text.as_bytes()),
            project: parts.project,
            identity: parts.identity,
            candidate: parts.candidate,
            baseline: parts.baseline,
            baselines: parts.baselines,
            completeness: parts.completeness,
            accept_failed: parts.accept_failed,
            correction: parts.correction,
            gates: parts.gates,
        }),
        _ => Err(problems),
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
