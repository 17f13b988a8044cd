//! What a test of policies shows: facts and words for each format, and the JSON report.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::finding::cause_help;
use super::json::SCHEMA_VERSION;
use super::reason::reason_text;
use super::view;
use crate::exit::Exit;
use crate::gate_test::{Case, GateTest, Outcome, PolicyTest};
use crate::judge::{Check, Reason};
use crate::number::plural;
use crate::policy::Policy;
use crate::prose::Prose;

/// The maximum number of gates that are named.
const MOST_NAMES: usize = 3;

/// The tests of one or several policies.
pub struct TestReport {
    /// One for each policy, in the given order.
    pub policies: Vec<TestedPolicy>,
}

/// A policy and its test.
pub struct TestedPolicy {
    /// The policy.
    pub policy: Policy,
    /// The candidate's name and number of rows.
    pub candidate: (String, u64),
    /// The baseline's name and number of rows; `None` if no gate compares.
    pub baseline: Option<(String, u64)>,
    /// Whether a copy of the candidate took the place of the baseline.
    pub is_copy: bool,
    /// The results.
    pub test: PolicyTest,
}

impl TestReport {
    /// The exit code: 1 if a gate that blocks cannot fail or cannot pass.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.policies.iter().all(|policy| policy.test.is_proven()) {
            Exit::Passed
        } else {
            Exit::Failed
        }
    }

    /// The numbers of gates that can fail and pass, and of all gates.
    pub(super) fn proven(&self) -> (usize, usize) {
        let gates = || self.policies.iter().flat_map(|policy| &policy.test.gates);
        let proven = gates().filter(|gate| gate.is_proven()).count();
        (proven, gates().count())
    }
}

/// The heading of a case in the table.
pub(super) const fn heading(case: Case) -> &'static str {
    match case {
        Case::Ideal => "ideal",
        Case::Beyond => "limit",
        Case::Worst => "worst",
        Case::NoScorer => "gone",
        Case::HalfUnscored => "half",
        Case::RowsDropped => "drop",
        Case::NoBaseline => "base",
        Case::OtherScale => "x100",
        Case::SameRun => "same",
    }
}

/// What a case is.
pub(super) const fn meaning(case: Case) -> &'static str {
    match case {
        Case::Ideal => "the best possible scores; they must pass",
        Case::Beyond => "the fewest bad rows that put the value beyond the limit",
        Case::Worst => "the worst possible scores",
        Case::NoScorer => "the scorer is missing in the candidate",
        Case::HalfUnscored => "every second row has no score",
        Case::RowsDropped => "the bad rows are left out of the candidate",
        Case::NoBaseline => "there is no baseline",
        Case::OtherScale => "the candidate's scores are 100 times as large",
        Case::SameRun => "the candidate is compared with itself",
    }
}

/// The stable word of a case in JSON.
const fn word(case: Case) -> &'static str {
    match case {
        Case::Ideal => "ideal",
        Case::Beyond => "beyond-limit",
        Case::Worst => "worst",
        Case::NoScorer => "scorer-gone",
        Case::HalfUnscored => "half-unscored",
        Case::RowsDropped => "rows-dropped",
        Case::NoBaseline => "baseline-gone",
        Case::OtherScale => "other-scale",
        Case::SameRun => "same-run",
    }
}

/// The sign of an outcome. A legend explains it.
pub(super) const fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passes | Outcome::Caught => "✓",
        Outcome::Missed => "✗",
        Outcome::NotApplicable => "–",
    }
}

/// `can fail` and `can pass`, or which of the two is not so.
pub(super) fn verdict(gate: &GateTest) -> Option<(&'static str, &Check)> {
    let cannot_pass = gate
        .cannot_pass
        .as_ref()
        .map(|check| ("CANNOT PASS", check));
    let cannot_fail = gate
        .cannot_fail
        .as_ref()
        .map(|check| ("CANNOT FAIL", check));
    let (word, check) = cannot_pass.or(cannot_fail)?;
    Some((word, check))
}

/// Why a gate cannot fail or cannot pass: the check with its limit, and its reason.
pub(super) fn why(word: &str, check: &Check) -> Prose {
    let scores = if word == "CANNOT PASS" {
        "best"
    } else {
        "worst"
    };
    Prose::from(format!(
        "{} {} with the {scores} scores: ",
        view::metric(check),
        view::limit(check)
    ))
    .then(reason_text(check))
}

/// What to do about a gate that cannot fail or cannot pass.
pub(super) fn verdict_help(word: &str, check: &Check) -> Prose {
    if let Reason::Blocked(cause) = &check.reason
        && let Some(help) = cause_help(cause)
    {
        return help;
    }
    Prose::from(match word {
        "CANNOT PASS" => "loosen the limit, or evaluate more rows",
        _ => "tighten the limit, or evaluate more rows; as it is, the gate checks nothing",
    })
}

/// `first fails at 7 of 100 rows`; also that the gate does not block.
pub(super) fn first_fails(gate: &GateTest) -> Option<String> {
    let first = if gate.is_untried {
        Some("a failure was not tried: it takes more than 100,000 rows".to_owned())
    } else {
        let first = gate.first_fails;
        first.map(|(worse, rows)| format!("first fails at {worse} of {}", plural(rows, "row")))
    };
    match (first, gate.blocks) {
        (first, true) => first,
        (Some(first), false) => Some(format!("{first}; {NOT_BLOCKING}")),
        (None, false) => Some(NOT_BLOCKING.to_owned()),
    }
}

/// What is said of a gate that cannot block.
pub(super) const NOT_BLOCKING: &str = "does not block: it only warns, or is waived";

/// A case that some gates do not notice: the case, the names of the gates, and what to do.
pub(super) struct Unnoticed<'t> {
    pub(super) case: Case,
    pub(super) gates: Vec<&'t str>,
    pub(super) help: &'static str,
}

impl Unnoticed<'_> {
    /// `drop is not noticed by 2 gates (the bad rows are left out of the candidate): `, and the names of the gates.
    pub(super) fn text(&self) -> Prose {
        let gates = plural(self.gates.len() as u64, "gate");
        Prose::from(format!(
            "{} is not noticed by {gates} ({}): ",
            heading(self.case),
            meaning(self.case)
        ))
        .names(self.gates.iter().copied(), MOST_NAMES)
    }
}

/// The cases that gates do not notice. Gates that cannot fail or cannot pass are told on their own.
pub(super) fn unnoticed(test: &PolicyTest) -> Vec<Unnoticed<'_>> {
    let of = |case: Case| {
        let help = match case {
            Case::Ideal | Case::Beyond | Case::Worst => return None,
            Case::NoScorer => "name the scorer in `scorer:` of the gate",
            Case::HalfUnscored => {
                "use `missing: bound` with a small `max_missing`, or add a gate on `coverage`"
            }
            Case::RowsDropped => {
                "add a gate on `rows` with a `min`, or a limit on a change, which counts removed rows as missing scores"
            }
            Case::NoBaseline => "set `required: true` under `baseline:`",
            Case::OtherScale => "add `range: [LOW, HIGH]` to the gate",
            Case::SameRun => "name another baseline under `baseline:`",
        };
        let is_missed = |gate: &&GateTest| gate.cases.contains(&(case, Outcome::Missed));
        let gates = test.gates.iter().filter(is_missed);
        let gates: Vec<&str> = gates.map(|gate| gate.gate.as_str()).collect();
        (!gates.is_empty()).then_some(Unnoticed { case, gates, help })
    };
    Case::ALL.into_iter().filter_map(of).collect()
}

/// The JSON Schema of the JSON report of `test`.
#[must_use]
pub fn test_schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<JsonTest<'_>>()
        .to_value()
}

/// Whether each gate of policies can fail and pass.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "policy_test")]
struct JsonTest<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// The version of weave-gate.
    tool_version: Cow<'a, str>,
    /// Whether every gate that blocks can fail and pass.
    proven: bool,
    /// The exit code of the process.
    #[schemars(range(max = 3))]
    exit_code: u8,
    /// One for each policy.
    policies: Vec<JsonTestedPolicy<'a>>,
}

/// A policy and its test.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "tested_policy")]
struct JsonTestedPolicy<'a> {
    /// The path of the policy.
    path: &'a str,
    /// SHA-256 of the file's bytes, in hexadecimal.
    sha256: &'a str,
    /// The candidate's name.
    candidate: &'a str,
    /// The baseline's name; null if no gate compares.
    baseline: Option<&'a str>,
    /// Whether a copy of the candidate took the place of the baseline.
    baseline_is_copy: bool,
    /// The gates, in the order of the policy.
    gates: Vec<JsonGateTest<'a>>,
}

/// A gate and its test.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "gate_test")]
struct JsonGateTest<'a> {
    /// The name of the gate.
    gate: &'a str,
    /// Whether it can block today.
    blocks: bool,
    /// Whether it can pass.
    can_pass: bool,
    /// Whether it can fail; null if it cannot pass, or if a failure was not tried because it takes too many rows.
    can_fail: Option<bool>,
    /// Why it cannot pass or cannot fail; null if it can do both.
    reason: Option<String>,
    /// The smallest number of rows that had to get worse for it to fail; null if no number is enough, or if it counts rows.
    first_fails_at: Option<u64>,
    /// The number of rows that it is measured on; null like `first_fails_at`.
    rows: Option<u64>,
    /// The outcome of each case: passes, caught, missed or not-applicable.
    cases: BTreeMap<&'static str, &'static str>,
}

/// Renders the JSON report of a test.
///
/// # Errors
///
/// The report cannot be written as JSON.
pub fn json_test(report: &TestReport) -> Result<String, serde_json::Error> {
    let policies = report.policies.iter().map(|tested| JsonTestedPolicy {
        path: &tested.policy.path,
        sha256: &tested.policy.sha256,
        candidate: &tested.candidate.0,
        baseline: tested.baseline.as_ref().map(|(name, _)| name.as_str()),
        baseline_is_copy: tested.is_copy,
        gates: tested.test.gates.iter().map(gate_test).collect(),
    });
    let json = JsonTest {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        proven: report.exit() == Exit::Passed,
        exit_code: report.exit().code(),
        policies: policies.collect(),
    };
    Ok(serde_json::to_string_pretty(&json)? + "\n")
}

fn gate_test(gate: &GateTest) -> JsonGateTest<'_> {
    let outcome = |outcome| match outcome {
        Outcome::Passes => "passes",
        Outcome::Caught => "caught",
        Outcome::Missed => "missed",
        Outcome::NotApplicable => "not-applicable",
    };
    let cases = gate.cases.iter();
    JsonGateTest {
        gate: &gate.gate,
        blocks: gate.blocks,
        can_pass: gate.cannot_pass.is_none(),
        can_fail: gate
            .cannot_pass
            .is_none()
            .then_some(gate.cannot_fail.is_none())
            .filter(|_| !gate.is_untried),
        reason: verdict(gate).map(|(word, check)| why(word, check).to_string()),
        first_fails_at: gate.first_fails.map(|(worse, _)| worse),
        rows: gate.first_fails.map(|(_, rows)| rows),
        cases: cases
            .map(|(case, of)| (word(*case), outcome(*of)))
            .collect(),
    }
}
