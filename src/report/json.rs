//! The JSON report, documented in `docs/reports.md`. All numbers have full precision.

use crate::evidence::RunStatus;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::escape::visible_json;
use super::finding::finding_text;
use super::reason::reason_text;
use super::rows::{self, Row};
use super::{Compared, Judged, Report, Section, links, view};
use crate::evidence::{Baseline, Evidence, LeftOut, Reference, Role, Run, Sort};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::input;
use crate::judge::{Check, Effect, Finding, Line, Measure, Name, RunValue, Slice, TestResult};
use crate::policy::{Evidence as Rule, LimitKey, Metric, Severity};
use crate::stats::mid_p;

/// The version changes only if an old reader would misread a new report.
const SCHEMA_VERSION: u32 = 1;
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

/// The JSON Schema of the JSON report of `compare`.
#[must_use]
pub fn comparison_schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<JsonComparison<'_>>()
        .to_value()
}

/// The report of a check.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "report")]
struct JsonReport<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// The version of weave-gate.
    tool_version: &'static str,
    /// Of all policies together; null if there is no verdict.
    #[schemars(extend("enum" = VERDICTS))]
    verdict: Option<&'static str>,
    /// What the process exits with.
    #[schemars(range(max = 3))]
    exit_code: u8,
    /// Whether there is no verdict for reasons that may pass without any change: the network or the server failed, or a
    /// run is not there, not finished or not complete yet.
    retryable: bool,
    /// Why nothing, or not everything, could be judged.
    error: Option<JsonError<'a>>,
    /// Why nothing was to be judged.
    skipped: Option<&'a str>,
    /// One for each policy, in the order given.
    policies: Vec<JsonPolicy<'a>>,
}

/// Why something could not be judged.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "error")]
struct JsonError<'a> {
    /// What was not done, and why.
    message: &'a str,
    /// What to do about it.
    help: Option<&'a str>,
}

/// One policy, and what came of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "policy")]
struct JsonPolicy<'a> {
    /// The file.
    path: &'a str,
    /// SHA-256 of the file, in hexadecimal.
    sha256: &'a str,
    /// null if the evidence is unavailable.
    #[schemars(extend("enum" = VERDICTS))]
    verdict: Option<&'static str>,
    /// Why the evidence is unavailable.
    error: Option<JsonError<'a>>,
    /// The run on trial.
    candidate: Option<JsonRun<'a>>,
    /// The run it was compared with; null where there was none.
    baseline: Option<JsonRun<'a>>,
    /// Every run that is judged, and every one that was left out; those of the candidate first, the newest first.
    runs: Vec<JsonListedRun<'a>>,
    /// Both runs side by side in Weave.
    comparison_url: Option<String>,
    /// What is to be known about the comparison.
    findings: Vec<JsonFinding>,
    /// One for each limit of each gate on each slice of each of its dimensions.
    checks: Vec<JsonCheck<'a>>,
    /// Why the rows of failed checks could not be read.
    unexplained: Option<&'a str>,
}

/// A run that is judged or left out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "listed_run")]
struct JsonListedRun<'a> {
    /// Whose run it is.
    #[schemars(extend("enum" = ["candidate", "baseline"]))]
    role: &'static str,
    /// The name under `baselines` of the baseline that it belongs to; null for the candidate and for `baseline`.
    against: Option<&'a str>,
    /// Whether it is judged; if not, why it is left out.
    #[schemars(extend("enum" = ["judged", "failed", "incomplete", "abandoned", "older", "excluded"]))]
    r#use: &'static str,
    /// Its id.
    id: &'a str,
    /// Its name in Weave.
    display_name: Option<&'a str>,
    /// Its commit, where it was logged with one.
    commit: Option<&'a str>,
    /// Its branch, where it was logged with one.
    branch: Option<&'a str>,
    /// running, completed, failed, or what else Weave says.
    status: Option<&'a str>,
    /// When it began.
    started_at: Option<String>,
    /// When it ended.
    finished_at: Option<String>,
    /// How many rows it has; null where they were not counted.
    rows: Option<u64>,
    /// How many trials, of all rows; null where they were not counted.
    trials: Option<u64>,
    /// Its page in Weave.
    url: Option<String>,
}

/// What one run of the candidate's commit measures alone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "run_value")]
struct JsonRunValue<'a> {
    /// The run's id.
    id: &'a str,
    /// The value on the scores there are; null where it cannot be measured.
    value: Option<f64>,
}

/// A run.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "run")]
struct JsonRun<'a> {
    /// Its id.
    id: &'a str,
    /// entity/project.
    project: String,
    /// Its name in Weave.
    display_name: Option<&'a str>,
    /// The name of its evaluation.
    evaluation: Option<&'a str>,
    /// The digest of the version of its evaluation.
    evaluation_version: Option<&'a str>,
    /// The name of its model.
    model: Option<&'a str>,
    /// The digest of the version of its model.
    model_version: Option<&'a str>,
    /// running, completed, failed, or what else Weave says.
    status: Option<&'a str>,
    /// When it began.
    started_at: Option<String>,
    /// When it ended.
    finished_at: Option<String>,
    /// How many rows it has.
    rows: u64,
    /// How many trials, of all rows.
    trials: u64,
    /// What was asked for, where it was looked for.
    selector: Option<String>,
    /// How many runs match that; at least so many.
    matches: Option<u64>,
    /// Its page in Weave.
    url: Option<String>,
}

/// Something to be known about a comparison.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "finding")]
struct JsonFinding {
    /// Its stable name.
    #[schemars(extend("enum" = finding_names()))]
    name: &'static str,
    /// What it does to the verdict.
    #[schemars(extend("enum" = ["undecided", "warning", "note", "hint"]))]
    effect: &'static str,
    /// What was found, in words.
    message: String,
}

/// One limit of one gate on one subject, judged.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "check")]
struct JsonCheck<'a> {
    /// What tells it from every other check of its policy: gate, subject, slice and limit.
    id: String,
    /// The name of its gate.
    gate: &'a str,
    /// The dimension; null where the metric is of the run itself.
    subject: Option<&'a str>,
    /// The rows that it is about; null for all.
    slice: Option<JsonSlice<'a>>,
    /// What was measured.
    #[schemars(extend("enum" = Metric::words()))]
    metric: &'static str,
    /// The name under `baselines` of what the gate compares with; null for `baseline`.
    against: Option<&'a str>,
    /// Which limit.
    #[schemars(extend("enum" = LimitKey::ALL.map(LimitKey::word)))]
    limit_key: &'static str,
    /// Its value, in the metric's unit or as a fraction of the baseline.
    limit: f64,
    /// The baseline's value on the scores there are.
    baseline: Option<f64>,
    /// The candidate's value on the scores there are; for a change, on the rows of the comparison.
    candidate: Option<f64>,
    /// candidate - baseline, in the metric's unit.
    change: Option<f64>,
    /// The baseline's value with missing scores at their lowest and highest; null for an end without bound.
    baseline_range: Option<[Option<f64>; 2]>,
    /// The candidate's value with missing scores at their lowest and highest; null for an end without bound.
    candidate_range: Option<[Option<f64>; 2]>,
    /// Trials of the candidate that have the score.
    scored: Option<u64>,
    /// All trials of the candidate; a removed row counts as one.
    trials: Option<u64>,
    /// The rows that these trials are of, removed rows included.
    row_count: Option<u64>,
    /// The distance to the limit: the number of rows or trials that could turn before it is crossed.
    margin: Option<u64>,
    /// What the margin counts.
    #[schemars(extend("enum" = ["row", "trial", null]))]
    margin_unit: Option<&'static str>,
    /// How much evidence the check needs: the one-sided confidence level.
    #[schemars(extend("enum" = Rule::ALL.map(Rule::word)))]
    evidence: &'static str,
    /// What chance has to say of it; null where the measured value decides, or where it was not looked at.
    chance: Option<JsonChance>,
    /// Whether the gate can block.
    #[schemars(extend("enum" = ["block", "warn"]))]
    severity: &'static str,
    /// Whether the check keeps the verdict from being passed.
    blocks: bool,
    /// What came of it.
    #[schemars(extend("enum" = ["pass", "fail", "undecided", "waived", "skipped"]))]
    status: &'static str,
    /// The finding that left it undecided.
    finding: Option<&'static str>,
    /// Why, as a stable word: the name of a finding, or `meets-limit`, `beyond-limit`, `missing-scores-decide`,
    /// `missing-scores-without-bounds`, `zero-baseline`, `interval-meets-limit`, `interval-beyond-limit`,
    /// `interval-spans-limit`, `beyond-limit-within-noise` or `too-few-rows`.
    reason_kind: &'static str,
    /// Why it came out so, in words.
    reason: String,
    /// What each run of the candidate's commit measures alone, the newest first; empty where it is a single one.
    runs: Vec<JsonRunValue<'a>>,
    /// How many rows speak against it; null where they were not looked at.
    rows_behind: Option<u64>,
    /// The worst of them, at most ten, the worst first.
    rows: Vec<Row>,
}

/// The rows that a check is about.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "slice")]
struct JsonSlice<'a> {
    /// In words.
    text: String,
    /// The inputs under `where`, each with the values of which a row has one.
    r#where: BTreeMap<&'a str, Vec<Value>>,
    /// The input under `by`.
    by: Option<&'a str>,
    /// Its value; null where the rows lack it, or where there is no `by`.
    value: Option<Value>,
}

/// What chance has to say of a check. Missing scores are at their worst.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "chance")]
struct JsonChance {
    /// One-sided: each end of the interval is a bound that holds with this.
    confidence: f64,
    /// Rows that it is measured on.
    rows: u64,
    /// Rows that were true in the baseline and are not in the candidate, where each has one trial.
    regressed: Option<u64>,
    /// Rows that were not true in the baseline and are in the candidate, where each has one trial.
    fixed: Option<u64>,
    /// The value, or the change, averaged over rows.
    point: Option<f64>,
    /// The plausible values of it; null for an end that is not known.
    interval: [Option<f64>; 2],
    /// How likely such a change is where nothing changed, one-sided; of changes only.
    p: Option<f64>,
    /// The same, corrected for the other tests of its family; null where the test is not counted.
    adjusted_p: Option<f64>,
    /// How many tests are counted in its family: those of the checks that can block today, or those of all others. Null
    /// where nothing is corrected.
    family: Option<u64>,
    /// Whether this test is one of them. One that is not counted could not reject, whatever its rows had said, and cannot
    /// fail.
    counted: Option<bool>,
    /// `McNemar`'s test with the mid-p correction, two-sided, where each row has one trial: another word on it.
    mcnemar_mid_p: Option<f64>,
    /// The smallest change that so many rows could have shown, if it were the only test.
    resolution: Option<f64>,
    /// About how many rows of this kind would decide, where these do not.
    rows_needed: Option<u64>,
}

/// Renders the report as JSON, with a line break at its end.
///
/// # Errors
///
/// No known errors: every part of the report can be written as JSON.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let exit = report.exit();
    let wire = JsonReport {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        verdict: report
            .verdict()
            .map(|verdict| view::verdict_word(Some(verdict))),
        exit_code: exit.code(),
        retryable: report.is_retryable(),
        error: report.faults().next().map(error),
        skipped: report.skipped.as_deref(),
        policies: report.sections.iter().map(policy).collect(),
    };
    text(&wire)
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

/// Two runs side by side.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "comparison")]
struct JsonComparison<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// The version of weave-gate.
    tool_version: &'static str,
    /// Whether the runs can be compared; if not, a finding or the error says why.
    comparable: bool,
    /// What the process exits with.
    #[schemars(range(max = 3))]
    exit_code: u8,
    /// Why the runs are unavailable.
    error: Option<JsonError<'a>>,
    /// The run that is compared.
    candidate: Option<JsonRun<'a>>,
    /// The run it is compared with.
    baseline: Option<JsonRun<'a>>,
    /// Both runs side by side in Weave.
    comparison_url: Option<String>,
    /// What is to be known about the comparison.
    findings: Vec<JsonFinding>,
    /// One for each metric of each dimension of either run.
    dimensions: Vec<JsonLine<'a>>,
}

/// One metric of one dimension, in both runs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "line")]
struct JsonLine<'a> {
    /// The dimension.
    dimension: &'a str,
    /// What was measured.
    #[schemars(extend("enum" = Metric::words()))]
    metric: &'static str,
    /// The baseline's value on the scores there are.
    baseline: Option<f64>,
    /// The candidate's value on the scores there are.
    candidate: Option<f64>,
    /// candidate - baseline, on the rows that both have.
    change: Option<f64>,
    /// Trials of the baseline that have the score.
    baseline_scored: Option<u64>,
    /// All trials of the baseline.
    baseline_trials: Option<u64>,
    /// Trials of the candidate that have the score.
    candidate_scored: Option<u64>,
    /// All trials of the candidate.
    candidate_trials: Option<u64>,
}

/// Renders a comparison of two runs as JSON, with a line break at its end.
///
/// # Errors
///
/// No known errors.
pub fn render_comparison(compared: &Compared) -> Result<String, serde_json::Error> {
    let found = compared.outcome.as_ref().ok();
    let candidate = found.map(|(_, evidence)| &evidence.candidate);
    let baseline = found.and_then(|(_, evidence)| found_baseline(evidence));
    text(&JsonComparison {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        comparable: compared.exit() == Exit::Passed,
        exit_code: compared.exit().code(),
        error: compared.outcome.as_ref().err().map(error),
        candidate: candidate.map(run),
        baseline: baseline.map(run),
        comparison_url: candidate
            .zip(baseline)
            .and_then(|(candidate, baseline)| links::comparison(candidate, baseline)),
        findings: found.map_or_else(Vec::new, |(comparison, _)| {
            comparison.findings.iter().map(finding).collect()
        }),
        dimensions: found.map_or_else(Vec::new, |(comparison, _)| {
            comparison.lines.iter().map(line).collect()
        }),
    })
}

fn line(line: &Line) -> JsonLine<'_> {
    let observed = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
    JsonLine {
        dimension: &line.subject,
        metric: line.metric.word(),
        baseline: observed(line.baseline),
        candidate: observed(line.candidate),
        change: line.change,
        baseline_scored: line.baseline.map(|measure| measure.scored),
        baseline_trials: line.baseline.map(|measure| measure.trials),
        candidate_scored: line.candidate.map(|measure| measure.scored),
        candidate_trials: line.candidate.map(|measure| measure.trials),
    }
}

fn found_baseline(evidence: &Evidence) -> Option<&Run> {
    match &evidence.baseline {
        Baseline::Found(run, _) => Some(run),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    }
}

fn error(fault: &Fault) -> JsonError<'_> {
    JsonError {
        message: &fault.message,
        help: fault.help.as_deref(),
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
        role: run.role.word(),
        against,
        r#use: run.left_out.map_or("judged", LeftOut::word),
        id: &run.id,
        display_name: run.display_name.as_deref(),
        commit: run.commit.as_deref(),
        branch: run.branch.as_deref(),
        status: run.status.as_ref().map(RunStatus::word),
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
        id: &value.id,
        value: value.value.filter(|value| value.is_finite()),
    }
}

fn policy(section: &Section) -> JsonPolicy<'_> {
    let judged = section.outcome.as_ref().ok();
    let candidate = judged.map(|judged| &judged.evidence.candidate);
    let baseline = judged.and_then(|judged| found_baseline(&judged.evidence));
    JsonPolicy {
        path: &section.path,
        sha256: &section.sha256,
        verdict: section
            .verdict()
            .map(|verdict| view::verdict_word(Some(verdict))),
        error: section.outcome.as_ref().err().map(error),
        candidate: candidate.map(run),
        baseline: baseline.map(run),
        runs: judged.map_or_else(Vec::new, |judged| listed(&judged.evidence)),
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
        unexplained: judged.and_then(|judged| judged.unexplained.as_deref()),
    }
}

fn run(run: &Run) -> JsonRun<'_> {
    fn name(reference: Option<&Reference>) -> Option<&str> {
        reference.map(|reference| reference.name.as_str())
    }
    JsonRun {
        id: &run.id,
        project: run.project.to_string(),
        display_name: run.display_name.as_deref(),
        evaluation: name(run.evaluation.as_ref()),
        evaluation_version: version(run.evaluation.as_ref()),
        model: name(run.model.as_ref()),
        model_version: version(run.model.as_ref()),
        status: run.status.as_ref().map(RunStatus::word),
        started_at: run.started_at.map(|time| time.to_string()),
        finished_at: run.finished_at.map(|time| time.to_string()),
        rows: run.rows,
        trials: run.totals.trials,
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
        regressed: chance.discordant.map(|(regressed, _)| regressed),
        fixed: chance.discordant.map(|(_, fixed)| fixed),
        point: finite(chance.point),
        interval: [finite(chance.interval.low), finite(chance.interval.high)],
        p: chance.p,
        adjusted_p: chance.adjusted_p,
        family: chance.family,
        counted: chance.counted,
        mcnemar_mid_p: chance
            .discordant
            .map(|(regressed, fixed)| mid_p(regressed, fixed)),
        resolution: chance.resolution,
        rows_needed: chance.rows_needed,
    }
}

pub(super) fn version(reference: Option<&Reference>) -> Option<&str> {
    reference.and_then(|reference| reference.version.as_deref())
}

fn finding(finding: &Finding) -> JsonFinding {
    JsonFinding {
        name: finding.name().word(),
        effect: effect_word(finding.effect),
        message: finding_text(finding).to_string(),
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
        (condition.input.as_str(), values.collect())
    });
    let value = match &slice.by {
        Some((_, Sort::Value(value))) => Some(value.json()),
        _ => None,
    };
    JsonSlice {
        text: slice.to_string(),
        r#where: conditions.collect(),
        by: slice.by.as_ref().map(|(path, _)| path.as_str()),
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
        id: check.id(),
        gate: &check.gate,
        subject: check.subject.as_deref(),
        slice: check.slice.as_ref().map(slice),
        metric: check.metric.word(),
        against: check.against.as_deref(),
        limit_key: check.limit.key.word(),
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
        margin_unit: check.margin.map(|margin| margin.thing),
        evidence: check.evidence.word(),
        chance: check.chance.as_ref().map(chance),
        severity: match check.severity {
            Severity::Block => "block",
            Severity::Warn => "warn",
        },
        blocks: check.blocks(),
        status: view::status_word(check.status),
        finding: check.finding().map(Name::word),
        reason_kind: check.reason.kind(),
        reason: reason_text(check).to_string(),
        runs: check.runs.iter().map(run_value).collect(),
        rows_behind: offending.map(|offending| offending.total),
        rows: offending.map_or_else(Vec::new, |offending| rows::rows(judged, offending)),
    }
}
