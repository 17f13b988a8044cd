//! The JSON report, documented in `docs/reports.md`. All numbers have full precision.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::escape::visible_json;
use super::finding::{cause_help, finding_text};
use super::reason::{conclusion, reason_help, reason_text};
use super::rows::{self, Row};
use super::units::{Ends, Values};
use super::{Judged, Report, Section, links, view};
use crate::evidence::{Baseline, Evidence, LeftOut, Reference, Role, Run, RunStatus, Sort};
use crate::fault::Fault;
use crate::input;
use crate::judge::{
    Check, Effect, Finding, Measure, Name, RunValue, Slice, Status, TestResult, Verdict,
};
use crate::policy::{Evidence as Rule, Limit, LimitKey, Metric, Severity};
use crate::problem::Problem;
use crate::stats::mid_p;

/// The version changes only if an old reader would misread a new report.
pub(super) const SCHEMA_VERSION: u32 = 1;
const VERDICTS: [Option<&str>; 4] = [Some("passed"), Some("failed"), Some("undecided"), None];

fn finding_names() -> Vec<&'static str> {
    Name::ALL.iter().map(|name| name.word()).collect()
}

/// The JSON Schema of the JSON report of `check`.
#[must_use]
pub fn report_schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<JsonReport<'_>>()
        .to_value()
}

/// The report of a check: rendered from a judgement, or read from a file.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "report")]
pub struct JsonReport<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    pub(super) schema_version: u32,
    /// The version of weave-gate.
    pub(super) tool_version: Cow<'a, str>,
    /// Of all policies together; null if there is no verdict.
    #[schemars(extend("enum" = VERDICTS))]
    pub(super) verdict: Option<Cow<'a, str>>,
    /// What the process exits with.
    #[schemars(range(max = 3))]
    pub(super) exit_code: u8,
    /// Whether a later run of the same command may reach a verdict without any change: the network or the server
    /// failed, or a run does not exist yet, is still running, or is incomplete.
    #[serde(default)]
    pub(super) retryable: bool,
    /// The error because of which nothing, or only a part, could be judged; null without an error.
    pub(super) error: Option<JsonError<'a>>,
    /// The problems of policies that the error names, in the order of their lines; empty for any other error.
    #[serde(default)]
    pub(super) problems: Vec<JsonProblem<'a>>,
    /// Why nothing had to be judged; null if something had to be.
    pub(super) skipped: Option<Cow<'a, str>>,
    /// The policies, in the order of the command line.
    pub(super) policies: Vec<JsonPolicy<'a>>,
}

impl JsonReport<'_> {
    /// The ids of the checks of all policies.
    pub fn check_ids(&self) -> impl Iterator<Item = &str> {
        let checks = self.policies.iter().flat_map(|policy| &policy.checks);
        checks.map(|check| &*check.id)
    }
}

/// An error because of which something could not be judged.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "error")]
pub(super) struct JsonError<'a> {
    /// What was not done, and why.
    pub(super) message: Cow<'a, str>,
    /// The next command or edit.
    pub(super) help: Option<Cow<'a, str>>,
}

/// A problem of a policy.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "problem")]
pub(super) struct JsonProblem<'a> {
    /// The file.
    path: Cow<'a, str>,
    /// The line, from 1; null for the whole file.
    line: Option<usize>,
    /// The column in characters, from 1; null for the whole file.
    column: Option<usize>,
    /// The place in words, such as `gates[2] "tone": min`; empty for the whole file.
    place: Cow<'a, str>,
    /// What is wrong, and what was expected.
    message: Cow<'a, str>,
    /// The next command or edit.
    help: Option<Cow<'a, str>>,
}

/// One policy and its result.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "policy")]
pub(super) struct JsonPolicy<'a> {
    /// The file.
    pub(super) path: Cow<'a, str>,
    /// SHA-256 of the file, in hexadecimal.
    pub(super) sha256: Cow<'a, str>,
    /// The verdict; null if the evidence is unavailable.
    #[schemars(extend("enum" = VERDICTS))]
    pub(super) verdict: Option<Cow<'a, str>>,
    /// Why the evidence is unavailable.
    pub(super) error: Option<JsonError<'a>>,
    /// The candidate, which is the run that is judged.
    pub(super) candidate: Option<JsonRun<'a>>,
    /// The baseline, which the candidate is compared with; null if there is none.
    pub(super) baseline: Option<JsonRun<'a>>,
    /// All runs that were judged or left out: first those of the candidate, then those of the baseline, each newest
    /// first.
    pub(super) runs: Vec<JsonListedRun<'a>>,
    /// The number of rows that candidate and baseline have in common; null without a baseline.
    #[serde(default)]
    pub(super) common_rows: Option<u64>,
    /// The address of the page in Weave that compares both runs.
    pub(super) comparison_url: Option<String>,
    /// The findings about the runs and the policy.
    pub(super) findings: Vec<JsonFinding<'a>>,
    /// The checks: one for each limit of each gate, on each slice of each of its dimensions.
    pub(super) checks: Vec<JsonCheck<'a>>,
    /// Why the rows of failed checks could not be read.
    pub(super) unexplained: Option<Cow<'a, str>>,
}

/// A run that is judged or left out.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "listed_run")]
pub(super) struct JsonListedRun<'a> {
    /// The side that the run belongs to: candidate or baseline.
    #[schemars(extend("enum" = ["candidate", "baseline"]))]
    pub(super) role: Cow<'a, str>,
    /// The name under `baselines` of the baseline that it belongs to; null for the candidate and for `baseline`.
    pub(super) against: Option<Cow<'a, str>>,
    /// Whether it is judged, or why it is left out.
    #[schemars(extend("enum" = ["judged", "failed", "incomplete", "abandoned", "older", "excluded"]))]
    pub(super) r#use: Cow<'a, str>,
    /// Its id.
    pub(super) id: Cow<'a, str>,
    /// Its name in Weave.
    pub(super) display_name: Option<Cow<'a, str>>,
    /// Its commit; null if it was logged without one.
    pub(super) commit: Option<Cow<'a, str>>,
    /// Its branch; null if it was logged without one.
    pub(super) branch: Option<Cow<'a, str>>,
    /// running, completed, failed, or another status that Weave sends.
    pub(super) status: Option<Cow<'a, str>>,
    /// Its start time.
    pub(super) started_at: Option<String>,
    /// Its end time.
    pub(super) finished_at: Option<String>,
    /// The number of its rows; null if they were not counted.
    pub(super) rows: Option<u64>,
    /// The number of its trials; null if they were not counted.
    pub(super) trials: Option<u64>,
    /// Its page in Weave.
    pub(super) url: Option<String>,
}

/// What one run of the candidate's commit measures alone.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "run_value")]
pub(super) struct JsonRunValue<'a> {
    /// The run's id.
    pub(super) id: Cow<'a, str>,
    /// The value without missing scores; null if it cannot be measured.
    pub(super) value: Option<f64>,
}

/// A run.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "run")]
pub(super) struct JsonRun<'a> {
    /// Its id.
    pub(super) id: Cow<'a, str>,
    /// entity/project.
    pub(super) project: String,
    /// Its name in Weave.
    pub(super) display_name: Option<Cow<'a, str>>,
    /// The name of its evaluation.
    pub(super) evaluation: Option<Cow<'a, str>>,
    /// The digest of the version of its evaluation.
    pub(super) evaluation_version: Option<Cow<'a, str>>,
    /// The name of its model.
    pub(super) model: Option<Cow<'a, str>>,
    /// The digest of the version of its model.
    pub(super) model_version: Option<Cow<'a, str>>,
    /// running, completed, failed, or another status that Weave sends.
    pub(super) status: Option<Cow<'a, str>>,
    /// Its start time.
    pub(super) started_at: Option<String>,
    /// Its end time.
    pub(super) finished_at: Option<String>,
    /// The number of its rows.
    pub(super) rows: u64,
    /// The number of its trials.
    pub(super) trials: u64,
    /// The version of the Weave SDK that made it; null if it does not say.
    #[serde(default)]
    pub(super) sdk_version: Option<Cow<'a, str>>,
    /// The selector with which it was found; null if it was named by its id.
    pub(super) selector: Option<String>,
    /// The minimum number of runs that match the selector.
    pub(super) matches: Option<u64>,
    /// Its page in Weave.
    pub(super) url: Option<String>,
}

/// A finding about the runs or the policy.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "finding")]
pub(super) struct JsonFinding<'a> {
    /// Its stable name.
    #[schemars(extend("enum" = finding_names()))]
    pub(super) name: Cow<'a, str>,
    /// Its effect on the verdict.
    #[schemars(extend("enum" = ["undecided", "warning", "note", "hint"]))]
    pub(super) effect: Cow<'a, str>,
    /// What was found.
    pub(super) message: Cow<'a, str>,
    /// The next command or edit; null if nothing has to be done.
    #[serde(default)]
    pub(super) help: Option<Cow<'a, str>>,
}

/// One limit of one gate on one subject, judged.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "check")]
pub(super) struct JsonCheck<'a> {
    /// Its id, which is unique in its policy: gate, subject, slice and limit.
    pub(super) id: Cow<'a, str>,
    /// The name of its gate.
    pub(super) gate: Cow<'a, str>,
    /// Whether it is a check of the policy that `--policy-base` names.
    #[serde(default)]
    pub(super) of_base: bool,
    /// The dimension; null if the metric is of the run itself.
    pub(super) subject: Option<Cow<'a, str>>,
    /// The rows that it is measured on; null for all rows.
    pub(super) slice: Option<JsonSlice<'a>>,
    /// The metric.
    #[serde(with = "word")]
    #[schemars(with = "String", extend("enum" = Metric::words()))]
    pub(super) metric: Metric,
    /// The number of attempts that `pass_hat_k` and `pass_at_k` are about; null for other metrics.
    #[serde(default)]
    pub(super) k: Option<u64>,
    /// The name under `baselines` of the baseline that the gate compares with; null for `baseline`.
    pub(super) against: Option<Cow<'a, str>>,
    /// The key of the limit.
    #[serde(with = "word")]
    #[schemars(with = "String", extend("enum" = LimitKey::ALL.map(LimitKey::word)))]
    pub(super) limit_key: LimitKey,
    /// The value of the limit, in the metric's unit or as a fraction of the baseline.
    pub(super) limit: f64,
    /// The baseline's value without missing scores.
    pub(super) baseline: Option<f64>,
    /// The candidate's value without missing scores; for a limit on a change, on the compared rows.
    pub(super) candidate: Option<f64>,
    /// candidate - baseline, in the metric's unit.
    pub(super) change: Option<f64>,
    /// The baseline's value if all missing scores are as low, and as high, as possible; null for an end without a
    /// bound.
    pub(super) baseline_range: Option<[Option<f64>; 2]>,
    /// The candidate's value if all missing scores are as low, and as high, as possible; null for an end without a
    /// bound.
    pub(super) candidate_range: Option<[Option<f64>; 2]>,
    /// The number of trials of the candidate that have the score.
    pub(super) scored: Option<u64>,
    /// The number of trials of the candidate; a removed row counts as one.
    pub(super) trials: Option<u64>,
    /// The number of rows of these trials, including removed rows.
    pub(super) row_count: Option<u64>,
    /// The distance to the limit: the number of rows or trials that may fail before it is crossed.
    pub(super) margin: Option<u64>,
    /// The unit of the margin: rows or trials.
    #[schemars(extend("enum" = ["row", "trial", null]))]
    pub(super) margin_unit: Option<Cow<'a, str>>,
    /// The one-sided confidence level that the check needs; null with `evidence: observed`.
    #[serde(with = "word")]
    #[schemars(with = "String", extend("enum" = Rule::ALL.map(Rule::word)))]
    pub(super) evidence: Rule,
    /// The interval and the significance test; null if the measured value decides alone, or if nothing was tested.
    pub(super) chance: Option<JsonChance>,
    /// Whether the gate blocks: block or warn.
    #[schemars(extend("enum" = ["block", "warn"]))]
    pub(super) severity: Cow<'a, str>,
    /// Whether the check prevents the verdict `passed`.
    pub(super) blocks: bool,
    /// The status of the check.
    #[serde(with = "word")]
    #[schemars(with = "String", extend("enum" = ["pass", "fail", "undecided", "waived", "skipped"]))]
    pub(super) status: Status,
    /// The name of the finding that made it undecided; null otherwise.
    pub(super) finding: Option<Cow<'a, str>>,
    /// The reason, as a stable word: the name of a finding, or `meets-limit`, `beyond-limit`, `missing-scores-decide`,
    /// `missing-scores-without-bounds`, `zero-baseline`, `interval-meets-limit`, `interval-beyond-limit`,
    /// `interval-spans-limit`, `beyond-limit-within-noise` or `too-few-rows`.
    pub(super) reason_kind: Cow<'a, str>,
    /// The reason, as a sentence.
    pub(super) reason: Cow<'a, str>,
    /// The next command or edit; null if the reason needs none.
    #[serde(default)]
    pub(super) help: Option<Cow<'a, str>>,
    /// The reason without the values and the limit; empty if there is no more to say.
    #[serde(default)]
    pub(super) conclusion: Cow<'a, str>,
    /// The value of each run of the candidate's commit alone, the newest first; empty if there is only one run.
    pub(super) runs: Vec<JsonRunValue<'a>>,
    /// The number of rows because of which the check did not pass; null if the rows were not read.
    pub(super) rows_behind: Option<u64>,
    /// The worst of these rows, at most ten, the worst first.
    pub(super) rows: Vec<Row>,
}

/// The rows that a check is about.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "slice")]
pub(super) struct JsonSlice<'a> {
    /// The rows as a text, such as `topic: refunds`.
    pub(super) text: Cow<'a, str>,
    /// The inputs under `where`, each with its allowed values.
    pub(super) r#where: BTreeMap<Cow<'a, str>, Vec<Value>>,
    /// The input under `by`.
    pub(super) by: Option<Cow<'a, str>>,
    /// The value of that input; null if the rows lack it, or without `by`.
    pub(super) value: Option<Value>,
}

/// The confidence interval and the significance test of a check, with missing scores at their worst.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "chance")]
pub(super) struct JsonChance {
    /// The one-sided confidence level: each end of the interval is a bound with this confidence.
    pub(super) confidence: f64,
    /// The number of rows that are tested.
    pub(super) rows: u64,
    /// The number of clusters that these rows are in; null without `cluster_by`.
    #[serde(default)]
    pub(super) clusters: Option<u64>,
    /// Half of the width that the noise between runs alone gives the interval; null if it is not known.
    #[serde(default)]
    pub(super) run_reach: Option<f64>,
    /// The number of rows that are true in the baseline and not in the candidate; null if rows have several trials.
    pub(super) regressed: Option<u64>,
    /// The number of rows that are true in the candidate and not in the baseline; null if rows have several trials.
    pub(super) fixed: Option<u64>,
    /// The mean over rows of the value, or of the change.
    pub(super) point: Option<f64>,
    /// The confidence interval of the mean; null for an end that is unknown.
    pub(super) interval: [Option<f64>; 2],
    /// Whether scores are missing. These numbers are then those with each missing score at its worst.
    #[serde(default)]
    pub(super) missing_at_worst: bool,
    /// The one-sided p-value: the probability of at least such a change if nothing changed; null for a limit on the
    /// value.
    pub(super) p: Option<f64>,
    /// The p-value corrected for the other tests of its family; null if the test is not counted.
    pub(super) adjusted_p: Option<f64>,
    /// The number of tests in its family: those of the checks that can block today, or those of all other checks. Null
    /// without a correction.
    pub(super) family: Option<u64>,
    /// Whether this test is counted. A test that could not reject with any scores of its rows is not counted, and
    /// cannot fail.
    pub(super) counted: Option<bool>,
    /// The two-sided p-value of `McNemar`'s test with the mid-p correction, for reference; null if rows have several
    /// trials.
    pub(super) mcnemar_mid_p: Option<f64>,
    /// The smallest change that this number of rows can detect in a single test.
    pub(super) resolution: Option<f64>,
    /// The change that the check finds with a probability of 80 %, if rows vary as they do here; null for a limit on the
    /// value.
    #[serde(default)]
    pub(super) found: Option<f64>,
    /// The approximate number of rows, or clusters of rows, that would decide the check; null if these rows decide it.
    pub(super) rows_needed: Option<u64>,
}

impl From<&JsonCheck<'_>> for Values {
    fn from(check: &JsonCheck<'_>) -> Self {
        // JSON has no infinity: an end without bound is null.
        let ends = |[low, high]: [Option<f64>; 2]| Ends {
            low: low.unwrap_or(f64::NEG_INFINITY),
            high: high.unwrap_or(f64::INFINITY),
        };
        Self {
            metric: check.metric,
            attempts: check.k.unwrap_or(1),
            limit: Limit {
                key: check.limit_key,
                value: check.limit,
            },
            baseline: check.baseline_range.map(ends),
            candidate: check.candidate_range.map(ends),
        }
    }
}

/// A value that JSON writes as one of a few words.
trait Word: Copy + 'static {
    const ALL: &'static [Self];

    fn word(self) -> &'static str;
}

impl Word for Metric {
    const ALL: &'static [Self] = Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

impl Word for LimitKey {
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

impl Word for Rule {
    const ALL: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

impl Word for Status {
    const ALL: &'static [Self] = &[
        Self::Pass,
        Self::Fail,
        Self::Undecided,
        Self::Waived,
        Self::Skipped,
    ];

    fn word(self) -> &'static str {
        view::status_word(self)
    }
}

/// Writes and reads such a value.
mod word {
    use std::borrow::Cow;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Word;

    pub(super) fn serialize<T: Word, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.word())
    }

    pub(super) fn deserialize<'de, T: Word, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        let found = T::ALL.iter().find(|value| value.word() == text);
        found
            .copied()
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not known")))
    }
}

/// Renders the report as JSON, with a line break at its end.
///
/// # Errors
///
/// No known errors: every part of the report can be written as JSON.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    text(&document(report))
}

/// Reads a report that [`render`] has written.
///
/// # Errors
///
/// The text is not JSON, or not a report of this version of the format.
pub fn read(text: &str) -> Result<JsonReport<'static>, serde_json::Error> {
    // Some editors write a byte order mark at the start, which is not part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let report: JsonReport<'static> = serde_json::from_str(text)?;
    if report.schema_version != SCHEMA_VERSION {
        return Err(serde::de::Error::custom(format!(
            "its schema_version is {}, expected {SCHEMA_VERSION}",
            report.schema_version
        )));
    }
    Ok(report)
}

/// The report as JSON writes it.
#[must_use]
pub fn document(report: &Report) -> JsonReport<'_> {
    let exit = report.exit();
    JsonReport {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        verdict: report.verdict().map(verdict),
        exit_code: exit.code(),
        retryable: report.is_retryable(),
        error: report.faults().next().map(error),
        problems: report
            .faults()
            .flat_map(|fault| &fault.problems)
            .map(problem)
            .collect(),
        skipped: report.skipped.as_deref().map(Cow::Borrowed),
        policies: report.sections.iter().map(policy).collect(),
    }
}

fn verdict(verdict: Verdict) -> Cow<'static, str> {
    view::verdict_word(Some(verdict)).into()
}

/// An optional text of the report.
pub(super) fn borrowed(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(Cow::Borrowed)
}

/// A value as JSON that is safe in the log of a CI job. Two hashes in a row could be read as a command, so the second
/// one is written as a JSON escape.
pub(super) fn text(wire: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(wire)?.replace("##", "#\\u0023");
    Ok(visible_json(&text) + "\n")
}

/// Any value as JSON that is safe to show.
///
/// # Errors
///
/// No known errors.
pub fn value(value: &Value) -> Result<String, serde_json::Error> {
    text(value)
}

pub(super) fn found_baseline(evidence: &Evidence) -> Option<&Run> {
    match &evidence.baseline {
        Baseline::Found(run, _) => Some(run),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    }
}

pub(super) fn common_rows(evidence: &Evidence) -> Option<u64> {
    match &evidence.baseline {
        Baseline::Found(_, pair) => Some(pair.common),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    }
}

fn problem(problem: &Problem) -> JsonProblem<'_> {
    let at = problem.at.as_ref();
    JsonProblem {
        path: problem.path.as_str().into(),
        line: at.map(|at| at.line),
        column: at.map(|at| at.column),
        place: problem.place.as_str().into(),
        message: problem.message.as_str().into(),
        help: borrowed(problem.help.as_deref()),
    }
}

pub(super) fn error(fault: &Fault) -> JsonError<'_> {
    JsonError {
        message: fault.message.as_str().into(),
        help: borrowed(fault.help.as_deref()),
    }
}

/// All runs of the evidence, both judged and left out.
fn listed(evidence: &Evidence) -> Vec<JsonListedRun<'_>> {
    let runs = evidence.selection.runs.iter().map(|run| (None, run));
    let named = evidence.named.iter().flat_map(|(name, compared)| {
        let runs = compared.selection.runs.iter();
        let baselines = runs.filter(|run| run.role == Role::Baseline);
        baselines.map(|run| (Some(name.as_str()), run))
    });
    let runs = runs.chain(named);
    let Run { web, project, .. } = &evidence.candidate;
    runs.map(|(against, run)| JsonListedRun {
        role: run.role.word().into(),
        against: borrowed(against),
        r#use: run.left_out.map_or("judged", LeftOut::word).into(),
        id: run.id.as_str().into(),
        display_name: borrowed(run.display_name.as_deref()),
        commit: borrowed(run.commit.as_deref()),
        branch: borrowed(run.branch.as_deref()),
        status: borrowed(run.status.as_ref().map(RunStatus::word)),
        started_at: run.started_at.map(|time| time.to_string()),
        finished_at: run.finished_at.map(|time| time.to_string()),
        rows: run.rows,
        trials: run.trials,
        url: links::call(web, project, &run.id),
    })
    .collect()
}

fn run_value(value: &RunValue) -> JsonRunValue<'_> {
    JsonRunValue {
        id: value.id.as_str().into(),
        value: value.value.filter(|value| value.is_finite()),
    }
}

fn policy(section: &Section) -> JsonPolicy<'_> {
    let judged = section.outcome.as_ref().ok();
    let candidate = judged.map(|judged| &judged.evidence.candidate);
    let baseline = judged.and_then(|judged| found_baseline(&judged.evidence));
    JsonPolicy {
        path: section.path.as_str().into(),
        sha256: section.sha256.as_str().into(),
        verdict: section.verdict().map(verdict),
        error: section.outcome.as_ref().err().map(error),
        candidate: candidate.map(run),
        baseline: baseline.map(run),
        runs: judged.map_or_else(Vec::new, |judged| listed(&judged.evidence)),
        common_rows: judged.and_then(|judged| common_rows(&judged.evidence)),
        comparison_url: candidate
            .zip(baseline)
            .and_then(|(candidate, baseline)| links::comparison(candidate, baseline)),
        findings: judged.map_or_else(Vec::new, |judged| {
            judged.judgement.findings.iter().map(finding).collect()
        }),
        checks: judged.map_or_else(Vec::new, |judged| {
            judged
                .judgement
                .checks
                .iter()
                .map(|one| check(judged, one))
                .collect()
        }),
        unexplained: borrowed(judged.and_then(|judged| judged.unexplained.as_deref())),
    }
}

pub(super) fn run(run: &Run) -> JsonRun<'_> {
    fn name(reference: Option<&Reference>) -> Option<&str> {
        reference.map(|reference| reference.name.as_str())
    }
    JsonRun {
        id: run.id.as_str().into(),
        project: run.project.to_string(),
        display_name: borrowed(run.display_name.as_deref()),
        evaluation: borrowed(name(run.evaluation.as_ref())),
        evaluation_version: borrowed(version(run.evaluation.as_ref())),
        model: borrowed(name(run.model.as_ref())),
        model_version: borrowed(version(run.model.as_ref())),
        status: borrowed(run.status.as_ref().map(RunStatus::word)),
        started_at: run.started_at.map(|time| time.to_string()),
        finished_at: run.finished_at.map(|time| time.to_string()),
        rows: run.rows,
        trials: run.totals.trials,
        sdk_version: borrowed(run.setup.as_ref().and_then(|setup| setup.sdk.as_deref())),
        selector: run
            .choice
            .as_ref()
            .map(|choice| choice.selector.to_string()),
        matches: run.choice.as_ref().map(|choice| choice.matches),
        url: links::run(run),
    }
}

fn chance(chance: &TestResult) -> JsonChance {
    let finite = |number: f64| number.is_finite().then_some(number);
    JsonChance {
        confidence: chance.confidence,
        rows: chance.rows,
        clusters: chance.clusters,
        run_reach: chance.run_reach,
        regressed: chance.discordant.map(|(regressed, _)| regressed),
        fixed: chance.discordant.map(|(_, fixed)| fixed),
        point: finite(chance.point),
        interval: [finite(chance.interval.low), finite(chance.interval.high)],
        missing_at_worst: chance.is_open,
        p: chance.p,
        adjusted_p: chance.adjusted_p,
        family: chance.family,
        counted: chance.counted,
        mcnemar_mid_p: chance
            .discordant
            .map(|(regressed, fixed)| mid_p(regressed, fixed)),
        resolution: chance.resolution,
        found: chance.found,
        rows_needed: chance.rows_needed,
    }
}

pub(super) fn version(reference: Option<&Reference>) -> Option<&str> {
    reference.and_then(|reference| reference.version.as_deref())
}

pub(super) fn finding(finding: &Finding) -> JsonFinding<'static> {
    JsonFinding {
        name: finding.name().word().into(),
        effect: effect_word(finding.effect).into(),
        message: finding_text(finding).to_string().into(),
        help: cause_help(&finding.cause).map(|help| help.to_string().into()),
    }
}

pub(super) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Undecided => "undecided",
        Effect::Warning => "warning",
        Effect::Note => "note",
        Effect::Hint => "hint",
    }
}

fn slice(slice: &Slice) -> JsonSlice<'_> {
    let conditions = slice.conditions.iter().map(|condition| {
        let values = condition.any_of.iter().map(input::Value::json);
        (condition.input.as_str().into(), values.collect())
    });
    let value = match &slice.by {
        Some((_, Sort::Value(value))) => Some(value.json()),
        _ => None,
    };
    JsonSlice {
        text: slice.to_string().into(),
        r#where: conditions.collect(),
        by: borrowed(slice.by.as_ref().map(|(path, _)| path.as_str())),
        value,
    }
}

fn check<'r>(judged: &Judged, check: &'r Check) -> JsonCheck<'r> {
    let observed = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
    let offending = judged.offending(check);
    // JSON has no infinity: an unknown end is null.
    let finite = |end: f64| end.is_finite().then_some(end);
    let range = |measure: Option<Measure>| {
        measure.map(|measure| [finite(measure.low), finite(measure.high)])
    };
    JsonCheck {
        id: check.id().into(),
        gate: check.gate.as_str().into(),
        of_base: check.is_of_base,
        subject: borrowed(check.subject.as_deref()),
        slice: check.slice.as_ref().map(slice),
        metric: check.metric,
        k: check.metric.takes_attempts().then_some(check.attempts),
        against: borrowed(check.against.as_deref()),
        limit_key: check.limit.key,
        limit: check.limit.value,
        baseline: observed(check.baseline),
        candidate: observed(check.candidate),
        change: check.change(),
        baseline_range: range(check.baseline),
        candidate_range: range(check.candidate),
        scored: check.candidate.map(|measure| measure.scored),
        trials: check.candidate.map(|measure| measure.trials),
        row_count: check.candidate.map(|measure| measure.rows),
        margin: check.margin.map(|margin| margin.count),
        margin_unit: borrowed(check.margin.map(|margin| margin.thing)),
        evidence: check.evidence,
        chance: check.chance.as_ref().map(chance),
        severity: match check.severity {
            Severity::Block => "block".into(),
            Severity::Warn => "warn".into(),
        },
        blocks: check.blocks(),
        status: check.status,
        finding: borrowed(check.finding().map(Name::word)),
        reason_kind: check.reason.kind().into(),
        reason: reason_text(check).to_string().into(),
        help: reason_help(check).map(|help| help.to_string().into()),
        conclusion: conclusion(check).to_string().into(),
        runs: check.runs.iter().map(run_value).collect(),
        rows_behind: offending.map(|offending| offending.total),
        rows: offending.map_or_else(Vec::new, |offending| rows::rows(judged, offending)),
    }
}
