//! What a comparison of two policies shows: words for each format, and the JSON report.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::json::SCHEMA_VERSION;
use crate::exit::Exit;
use crate::number::plural;
use crate::policy::{Difference, Direction};

/// The changes from one policy to another.
pub struct DiffReport {
    /// Where the old policy is.
    pub old: String,
    /// Where the new policy is.
    pub new: String,
    /// The changes.
    pub differences: Vec<Difference>,
}

impl DiffReport {
    /// The exit code: 1 if a change is looser or incomparable.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let mut all = self.differences.iter();
        if all.any(|difference| difference.direction.may_pass_more()) {
            Exit::Failed
        } else {
            Exit::Passed
        }
    }

    /// The changes with those first that may pass more runs.
    pub(super) fn ordered(&self) -> Vec<&Difference> {
        let mut all: Vec<&Difference> = self.differences.iter().collect();
        all.sort_by_key(|difference| match difference.direction {
            Direction::Looser => 0,
            Direction::Incomparable => 1,
            Direction::Tighter => 2,
        });
        all
    }

    /// `2 looser, 1 tighter`, or `no change`.
    pub(super) fn counts(&self) -> String {
        counts(&self.differences)
    }
}

/// `2 looser, 1 tighter`, or `no change`.
pub(super) fn counts(differences: &[Difference]) -> String {
    let counted = [
        Direction::Looser,
        Direction::Incomparable,
        Direction::Tighter,
    ]
    .map(|direction| {
        let found = differences.iter().filter(|it| it.direction == direction);
        (found.count(), direction.word())
    });
    let words: Vec<String> = counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if words.is_empty() {
        "no change".to_owned()
    } else {
        words.join(", ")
    }
}

/// `gates.yaml: 3 changes from git:origin/main:gates.yaml`.
pub(super) fn title(report: &DiffReport) -> (String, String) {
    let changes = plural(report.differences.len() as u64, "change");
    (report.new.clone(), format!("{changes} from {}", report.old))
}

/// What the words mean.
pub(super) const LEGEND: [&str; 3] = [
    "looser: the new policy passes runs that the old one stops",
    "incomparable: it may",
    "tighter: what passes now passed before",
];

/// The JSON Schema of the JSON report of `diff`.
#[must_use]
pub fn diff_schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<JsonDiff<'_>>()
        .to_value()
}

/// The changes from one policy to another.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "policy_diff")]
struct JsonDiff<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// The version of weave-gate.
    tool_version: &'a str,
    /// Where the old policy is.
    old: &'a str,
    /// Where the new policy is.
    new: &'a str,
    /// The exit code of the process: 1 if a change is looser or incomparable.
    #[schemars(range(max = 3))]
    exit_code: u8,
    /// The changes.
    changes: Vec<JsonDifference<'a>>,
}

/// One change.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "policy_change")]
pub(super) struct JsonDifference<'a> {
    /// The name of the gate; null for the policy itself.
    gate: Option<&'a str>,
    /// The key that changed.
    key: &'a str,
    /// What it was; null if it was not there, or cannot be shown in one line.
    old: Option<&'a str>,
    /// What it is; null if it is not there any more, or cannot be shown in one line.
    new: Option<&'a str>,
    /// Whether the new policy is tighter, looser, or neither is shown.
    #[schemars(extend("enum" = ["tighter", "looser", "incomparable"]))]
    direction: &'static str,
}

pub(super) fn json_difference(difference: &Difference) -> JsonDifference<'_> {
    JsonDifference {
        gate: difference.gate.as_deref(),
        key: &difference.key,
        old: difference.old.as_deref(),
        new: difference.new.as_deref(),
        direction: difference.direction.word(),
    }
}

/// Renders the JSON report of a comparison of policies.
///
/// # Errors
///
/// The report cannot be written as JSON.
pub fn json_diff(report: &DiffReport) -> Result<String, serde_json::Error> {
    let json = JsonDiff {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        old: &report.old,
        new: &report.new,
        exit_code: report.exit().code(),
        changes: report.differences.iter().map(json_difference).collect(),
    };
    let mut text = serde_json::to_string_pretty(&json)?;
    text.push('\n');
    Ok(text)
}
