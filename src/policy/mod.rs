//! The policy: what must hold before a deployment.
//!
//! A file is read in three steps, each in a separate file: `yaml` parses text into a tree and finds repeated keys,
//! `raw` defines the keys, and `reify` and `gate` check the values. One pass finds every problem of a file, and `place`
//! finds its position. The result, [`Policy`], contains no invalid state: its numbers are finite, its limits are valid
//! for their metrics, and its names are unique.

mod diff;
#[cfg(test)]
mod edge_tests;
mod edit;
mod files;
mod gate;
mod issue;
mod levels;
mod lines;
mod metric;
mod model;
mod noise;
mod parse;
mod place;
#[cfg(test)]
mod place_tests;
#[cfg(test)]
mod problem_tests;
mod raw;
mod reify;
mod schema;
mod scope;
mod source;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod yaml;

pub use diff::{Difference, Direction, diff};
pub use edit::with_key;
pub use files::{PolicyFile, expand};
pub use metric::{
    Aggregate, Attempts, Change, Counted, Definition, IntervalKind, Kind, LimitKey, Metric,
    MissingValue, Subject, Unit,
};
pub use model::{
    BaselineRule, CandidateRule, Comparability, Completeness, Condition, Consequence, Correction,
    Evidence, FurtherBaseline, Gate, Limit, Missing, MissingRule, Noise, Policy, RemovedRows,
    Required, Reruns, Severity, Waiver, is_of_scorer, matching,
};
pub use parse::{MOST_PROBLEMS, line_of, parse};
pub use raw::policy_schema as schema;
pub use source::{
    RunAddress, SelectorTemplate, Source, SourceTemplate, Template, Unresolved, Unset,
};
pub use yaml::MAX_BYTES;
