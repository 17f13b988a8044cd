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
    /// What the process exits with.
    #[schemars(range(max = 3))]
    exit_code: u8,
    /// Why the runs could not be had.
    error: Option<JsonError<'a>>,
    /// The run that is compared.
    candidate: Option<JsonRun<'a>>,
    /// The run it is compared with.
    baseline: Option<JsonRun<'a>>,
    /// Both runs side by side in Weave.
    comparison_url: Option<String>,
    /// What is to be known about the comparison.
    findings: Vec<JsonFinding<'a>>,
    /// One for each metric of each dimension of either run.
    dimensions: Vec<JsonLine<'a>>,
    /// Latencies, tokens, cost and errors of the runs themselves, as far as they are known.
    run_metrics: Vec<JsonRunMetric>,
    /// How many rows both runs have.
    common_rows: Option<u64>,
    /// How many of these have the same scores in both runs; null where the scores of single rows are not known.
    same_scores: Option<u64>,
    /// How many of these have the same outputs in both runs; null where outputs were not compared, which they are only if
    /// all scores are the same.
    same_outputs: Option<u64>,
    /// How many of these have another truth value in the candidate, or another score where no dimension has truth values;
    /// null where the scores of single rows are not known.
    flipped: Option<u64>,
    /// The worst of them, at most ten, the worst first.
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
    /// Its inputs; null where they are not known. A text longer than 16,384 characters is cut, and ends in `…`.
    inputs: Value,
    /// The dimensions that changed.
    changes: Vec<JsonRowChange<'a>>,
    /// What came of each trial of the baseline, where it is known.
    baseline: Vec<Answered>,
    /// What came of each trial of the candidate, where it is known.
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
    /// The mean of the baseline's trials that have a score; null where none has.
    baseline: Option<f64>,
    /// The mean of the candidate's trials that have a score; null where none has.
    candidate: Option<f64>,
}

/// One metric of the runs themselves.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "run_metric")]
struct JsonRunMetric {
    /// What was measured.
    #[schemars(extend("enum" = Metric::words()))]
    metric: &'static str,
    /// The baseline's value, where it is known.
    baseline: Option<f64>,
    /// The candidate's value, where it is known.
    candidate: Option<f64>,
    /// candidate - baseline, on the rows that both have.
    change: Option<f64>,
    /// Trials of the baseline of which it is known.
    baseline_known: Option<u64>,
    /// All trials of the baseline.
    baseline_trials: Option<u64>,
    /// Trials of the candidate of which it is known.
    candidate_known: Option<u64>,
    /// All trials of the candidate.
    candidate_trials: Option<u64>,
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
    /// Common rows whose value is lower in the candidate: of truth values with one trial a row, those that regressed. Null
    /// where the scores of single rows are not known.
    lower: Option<u64>,
    /// Common rows whose value is higher in the candidate: of truth values with one trial a row, those that are fixed.
    higher: Option<u64>,
    /// Common rows that have a score in the baseline and none in the candidate.
    lost: Option<u64>,
    /// Common rows that have a score in the candidate and none in the baseline.
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
