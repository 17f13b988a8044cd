//! Reads the text of a policy, and finds every problem with its position.

use std::fmt::Write as _;

use serde_yaml::Value;
use sha2::{Digest, Sha256};

use super::issue::{Issue, Part, Spot, Target};
use super::metric::LimitKey;
use super::model::Policy;
use super::place::{Document, merges};
use super::reify::{self, Parts};
use super::syntax;
use super::yaml::{self, Node, Shape};
use crate::number::plural;
use crate::problem::Problem;

/// The maximum number of problems of a file that are reported. Each position takes the time to parse the file.
pub const MOST_PROBLEMS: usize = 100;

/// Parses and checks the text of a policy.
///
/// # Errors
///
/// Every problem of the file, in the order of its lines, at most [`MOST_PROBLEMS`] of them. The list is never empty.
pub fn parse(path: &str, text: &str) -> Result<Policy, Vec<Problem>> {
    let whole = text;
    // Some editors write a byte order mark at the start, which is not part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = yaml::parse(text);
    let document = Document {
        path,
        text,
        tree: tree.as_ref().ok(),
    };
    let mut issues = Vec::new();
    let parts = match tree.as_ref() {
        Ok(tree) => checked(tree, text, &mut issues),
        Err(error) => {
            issues.push(syntax::unread(error, text));
            None
        }
    };
    let problems = placed(&document, issues);
    match parts {
        Some(parts) if problems.is_empty() => Ok(Policy {
            path: path.to_owned(),
            sha256: sha256(whole.as_bytes()),
            text: whole.into(),
            project: parts.project,
            identity: parts.identity,
            candidate: parts.candidate,
            baseline: parts.baseline,
            baselines: parts.baselines,
            completeness: parts.completeness,
            comparability: parts.comparability,
            accept_failed: parts.accept_failed,
            correction: parts.correction,
            noise: parts.noise,
            show: parts.show,
            gates: parts.gates,
        }),
        _ => Err(problems),
    }
}

/// Checks a tree; `None` if problems leave nothing to return.
fn checked(tree: &Node, text: &str, issues: &mut Vec<Issue>) -> Option<Parts> {
    let other = match &tree.shape {
        Shape::Scalar(Value::Null) => Some(syntax::nothing(text)),
        Shape::Map(_) => syntax::other_file(tree),
        Shape::Scalar(_) | Shape::List(_) => Some(syntax::no_map()),
    };
    if let Some(other) = other {
        issues.push(other);
        return None;
    }
    let (value, repeated) = yaml::to_value(tree);
    issues.extend(repeated);
    let parts = reify::policy(value, issues);
    // What a map lacks may be in the map that it merges.
    issues.retain(|issue| !issue.lacking().is_some_and(|path| merges(tree, path)));
    parts
}

/// The problems with their positions, in the order of the lines.
fn placed(document: &Document<'_>, mut issues: Vec<Issue>) -> Vec<Problem> {
    let more = issues.len().saturating_sub(MOST_PROBLEMS);
    issues.truncate(MOST_PROBLEMS);
    let order = |problem: &Problem| problem.at.as_ref().map(|at| (at.line, at.column));
    let mut problems: Vec<Problem> = Vec::new();
    for problem in issues
        .into_iter()
        .filter_map(|issue| document.problem(issue))
    {
        let place = problems.partition_point(|earlier| order(earlier) <= order(&problem));
        problems.insert(place, problem);
    }
    if more > 0 {
        let message = format!("{} not shown", plural(more as u64, "more problem"));
        problems.push(Problem {
            more: more - 1,
            ..Problem::of_file(document.path, message).help("correct the problems above first")
        });
    }
    problems
}

impl Policy {
    /// A problem with the value at this path of keys. A message that starts with a key inside it, as in
    /// `commit: the variable …`, is a problem with that key.
    #[must_use]
    pub fn problem(&self, keys: &[&str], message: &str) -> Problem {
        let (inner, message) = match message.split_once(": ") {
            Some((key @ ("evaluation" | "model" | "commit" | "branch"), rest)) => (vec![key], rest),
            Some((key, rest)) if key.starts_with("attributes.") => {
                let (outer, inner) = key.split_at("attributes".len());
                (vec![outer, inner.trim_start_matches('.')], rest)
            }
            _ => (Vec::new(), message),
        };
        let keys = keys
            .iter()
            .chain(&inner)
            .map(|key| Part::Key((*key).to_owned()));
        let spot = Spot::Path(keys.collect(), Target::Value);
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let tree = yaml::parse(text);
        let document = Document {
            path: &self.path,
            text,
            tree: tree.as_ref().ok(),
        };
        let problem = document.problem(Issue::new(spot, message, ""));
        problem.unwrap_or_else(|| Problem::of_file(&self.path, message))
    }
}

/// The line of a limit of a gate in the text of a valid policy, from 1; `None` if there is no such limit.
#[must_use]
pub fn line_of(text: &str, gate: &str, limit: LimitKey) -> Option<usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = yaml::parse(text).ok()?;
    let document = Document {
        path: "",
        text,
        tree: Some(&tree),
    };
    let (_, gates) = tree.entry("gates")?;
    let is_it = |item: &Node| {
        let name = item.entry("name").and_then(|(_, name)| name.text());
        name == Some(gate)
    };
    let index = gates.items().iter().position(is_it)?;
    let limit = Part::Key(limit.word().to_owned());
    let path = vec![Part::Key("gates".to_owned()), Part::Item(index), limit];
    Some(document.position(&Spot::Path(path, Target::Key))?.line)
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
