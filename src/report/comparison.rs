//! The JSON report of a comparison of two runs. All numbers have full precision.

use std::borrow::Cow;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use super::flipped::{answers, inputs};
use super::json::{
    JsonError, JsonFinding, JsonRun, SCHEMA_VERSION, common_rows, error, finding, found_baseline,
    run, text,
};
use super::rows::Answered;
use super::{Compared, links};
use crate::exit::Exit;
use crate::judge::{FlippedRow, Line, Measure, RunMetric};
use crate::policy::Metric;

/// The JSON Schema of the JSON report of `compare`.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().for_serialize();
    settings
        .into_generator()
        .into_root_schema_for::<JsonComparison<'_>>()
        .to_value()
}

/// Two runs side by side.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "comparison")]
struct JsonComparison<'a> {
    /// Changes only if an old field changes its meaning.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// The version of weave-gate.
    tool_version: Cow<'a, str>,
    /// Whether the runs can be compared; if not, a finding or the error says why.
    comparable: bool,
    /// The exit code of the process.
    #[schemars(range(max = 3))]
    exit_code: u8,
    /// The error because of which the runs could not be compared; null without an error.
    error: Option<JsonError<'a>>,
    /// The candidate.
    candidate: Option<JsonRun<'a>>,
    /// The baseline, which the candidate is compared with.
    baseline: Option<JsonRun<'a>>,
    /// The address of the page in Weave that compares both runs.
    comparison_url: Option<String>,
    /// The findings about the comparison.
    findings: Vec<JsonFinding<'a>>,
    /// The metrics of the dimensions of both runs.
    dimensions: Vec<JsonLine<'a>>,
    /// Latencies, tokens, cost and errors of the runs, if known.
    run_metrics: Vec<JsonRunMetric>,
    /// The number of rows that both runs have.
    common_rows: Option<u64>,
    /// The number of common rows with the same scores in both runs; null if the scores of rows are unknown.
    same_scores: Option<u64>,
    /// The number of common rows with the same outputs in both runs; null if outputs were not compared. They are only
    /// compared if all scores are the same.
    same_outputs: Option<u64>,
    /// The number of common rows whose truth value differs, or whose score differs if no dimension has truth values;
    /// null if the scores of rows are unknown.
    flipped: Option<u64>,
    /// The worst of these rows, at most ten, the worst first.
    flipped_rows: Vec<JsonFlippedRow<'a>>,
    /// Why the inputs and outputs of these could not be read.
    unexplained: Option<&'a str>,
}

/// A row that changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "flipped_row")]
struct JsonFlippedRow<'a> {
    /// The digest of the row's content.
    digest: &'a str,
    /// Its inputs; null if they are unknown. A text longer than 16,384 characters is cut, and ends with `…`.
    inputs: Value,
    /// The dimensions that changed.
    changes: Vec<JsonRowChange<'a>>,
    /// The trials of the baseline, if known.
    baseline: Vec<Answered>,
    /// The trials of the candidate, if known.
    candidate: Vec<Answered>,
}

/// One dimension of a row that changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "row_change")]
struct JsonRowChange<'a> {
    /// The dimension.
    dimension: &'a str,
    /// `pass_rate` of a truth value, `numeric_mean` of a number.
    #[schemars(extend("enum" = Metric::words()))]
    metric: &'static str,
    /// The mean over the baseline's trials that have a score; null if none has.
    baseline: Option<f64>,
    /// The mean over the candidate's trials that have a score; null if none has.
    candidate: Option<f64>,
}

/// One metric of the runs themselves.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "run_metric")]
struct JsonRunMetric {
    /// The metric.
    #[schemars(extend("enum" = Metric::words()))]
    metric: &'static str,
    /// The baseline's value, over all its rows; null if unknown.
    baseline: Option<f64>,
    /// The candidate's value, over all its rows; null if unknown.
    candidate: Option<f64>,
    /// Candidate minus baseline, on the rows that both have.
    change: Option<f64>,
    /// The number of trials of the baseline with a known value.
    baseline_known: Option<u64>,
    /// The number of trials of the baseline.
    baseline_trials: Option<u64>,
    /// The number of trials of the candidate with a known value.
    candidate_known: Option<u64>,
    /// The number of trials of the candidate.
    candidate_trials: Option<u64>,
}

/// One metric of one dimension, in both runs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "line")]
struct JsonLine<'a> {
    /// The dimension.
    dimension: &'a str,
    /// The metric.
    #[schemars(extend("enum" = Metric::words()))]
    metric: &'static str,
    /// The baseline's value without missing scores, over all its rows.
    baseline: Option<f64>,
    /// The candidate's value without missing scores, over all its rows.
    candidate: Option<f64>,
    /// Candidate minus baseline, on the rows that both have.
    change: Option<f64>,
    /// The number of trials of the baseline that have the score.
    baseline_scored: Option<u64>,
    /// The number of trials of the baseline.
    baseline_trials: Option<u64>,
    /// The number of trials of the candidate that have the score.
    candidate_scored: Option<u64>,
    /// The number of trials of the candidate.
    candidate_trials: Option<u64>,
    /// The number of common rows whose value is lower in the candidate. For truth values with one trial per row these
    /// are the rows that regressed. Null if the scores of rows are unknown.
    lower: Option<u64>,
    /// The number of common rows whose value is higher in the candidate. For truth values with one trial per row these
    /// are the rows that were fixed.
    higher: Option<u64>,
    /// The number of common rows that have a score in the baseline and none in the candidate.
    lost: Option<u64>,
    /// The number of common rows that have a score in the candidate and none in the baseline.
    gained: Option<u64>,
}

/// Renders a comparison of two runs as JSON, with a line break at its end.
///
/// # Errors
///
/// No known errors.
pub fn render(compared: &Compared) -> Result<String, serde_json::Error> {
    let found = compared.outcome.as_ref().ok();
    let candidate = found.map(|(_, evidence)| &evidence.candidate);
    let baseline = found.and_then(|(_, evidence)| found_baseline(evidence));
    let rows = found.and_then(|(comparison, _)| comparison.rows.as_ref());
    text(&JsonComparison {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").into(),
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
        run_metrics: found.map_or_else(Vec::new, |(comparison, _)| {
            comparison.run_metrics.iter().map(run_metric).collect()
        }),
        common_rows: found.and_then(|(_, evidence)| common_rows(evidence)),
        same_scores: rows.map(|rows| rows.same),
        same_outputs: compared.same_outputs,
        flipped: rows.map(|rows| rows.flipped),
        flipped_rows: rows.map_or_else(Vec::new, |rows| {
            let rows = rows.worst.iter();
            rows.map(|row| flipped_row(compared, row)).collect()
        }),
        unexplained: compared.unexplained.as_deref(),
    })
}

fn flipped_row<'a>(compared: &Compared, row: &'a FlippedRow) -> JsonFlippedRow<'a> {
    let (baseline, candidate) = answers(compared, row);
    let changes = row.changes.iter().map(|change| JsonRowChange {
        dimension: &change.subject,
        metric: change.metric.word(),
        baseline: change.baseline,
        candidate: change.candidate,
    });
    JsonFlippedRow {
        digest: &row.digest,
        inputs: inputs(compared, row),
        changes: changes.collect(),
        baseline,
        candidate,
    }
}

fn run_metric(metric: &RunMetric) -> JsonRunMetric {
    let observed = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
    JsonRunMetric {
        metric: metric.metric.word(),
        baseline: observed(metric.baseline),
        candidate: observed(metric.candidate),
        change: metric.change.filter(|change| change.is_finite()),
        baseline_known: metric.baseline.map(|measure| measure.scored),
        baseline_trials: metric.baseline.map(|measure| measure.trials),
        candidate_known: metric.candidate.map(|measure| measure.scored),
        candidate_trials: metric.candidate.map(|measure| measure.trials),
    }
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
        lower: line.moved.map(|moved| moved.lower),
        higher: line.moved.map(|moved| moved.higher),
        lost: line.moved.map(|moved| moved.lost),
        gained: line.moved.map(|moved| moved.gained),
    }
}
