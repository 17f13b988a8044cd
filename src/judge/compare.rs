//! Compares two runs without a policy, on every dimension, and checks whether they can be compared.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::evidence::{Baseline, Column, Columns, Evidence, Kind, Pair, Role, Run, Totals};
use crate::judge::advice::logger_latency::is_of_logger;
use crate::judge::cause::Cause;
use crate::judge::changed_rows::{Moved, RowChanges};
use crate::judge::finding::Finding;
use crate::judge::measure::columns::{column, contradicted, is_told, text_counts};
use crate::judge::measure::rows::ByRow;
use crate::judge::measure::summary::{Sample, Unmeasurable};
use crate::judge::measure::unmeasurable;
use crate::judge::measure::value::Measure;
use crate::judge::name::Effect;
use crate::judge::preconditions;
use crate::judge::slice::Selection;
use crate::judge::terms::Terms;
use crate::policy::{self, Gate, Metric, Missing, MissingRule, RemovedRows, Severity};

/// The comparison of two runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Whether the runs can be compared. If not, a finding says why.
    pub is_comparable: bool,
    /// A line for each metric of each dimension of either run, sorted by name.
    pub lines: Vec<Line>,
    /// What the runs themselves took and used, and their errors; only what is known of a run.
    pub run_metrics: Vec<RunMetric>,
    /// How single rows changed; `None` if the rows of a run are unknown.
    pub rows: Option<RowChanges>,
    /// The findings about the comparison.
    pub findings: Vec<Finding>,
}

/// One metric of one dimension, in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The dimension.
    pub subject: String,
    /// `pass_rate`, `numeric_mean`, or `coverage` if the dimension has neither of the other two.
    pub metric: Metric,
    /// The baseline's value on the existing scores, over all its rows.
    pub baseline: Option<Measure>,
    /// The candidate's value, measured in the same way.
    pub candidate: Option<Measure>,
    /// Candidate − baseline on the rows that both have, in the metric's unit.
    pub change: Option<f64>,
    /// How many common rows changed in which direction; `None` if the rows are unknown, or the metric is not of scores.
    pub moved: Option<Moved>,
}

/// One metric of the runs themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct RunMetric {
    /// A latency, tokens, cost or the error rate.
    pub metric: Metric,
    /// The baseline's value, over all its rows.
    pub baseline: Option<Measure>,
    /// The candidate's value, measured in the same way.
    pub candidate: Option<Measure>,
    /// Candidate − baseline on the rows that both have, in the metric's unit.
    pub change: Option<f64>,
}

/// The metrics of the runs themselves, in the order of reports.
const RUN_METRICS: [Metric; 6] = [
    Metric::LatencyMean,
    Metric::LatencyP50,
    Metric::LatencyP95,
    Metric::TokensMean,
    Metric::CostMean,
    Metric::ErrorRate,
];

/// Compares the candidate with the baseline. `None` if there is no baseline.
#[must_use]
pub fn compare(evidence: &Evidence, now: Timestamp) -> Option<Comparison> {
    let Baseline::Found(baseline, pair) = &evidence.baseline else {
        return None;
    };
    let terms = Terms {
        compares: true,
        // A failed run is reported, but its scores can still be compared.
        accept_failed: true,
        required: policy::Required::Always,
        is_further: false,
        // Without gates, nothing is undecided.
        comparability: policy::Comparability {
            scorer: policy::Consequence::Warn,
            ..policy::Comparability::default()
        },
        completeness: policy::Completeness::Warn,
        reruns: policy::Reruns::Pool,
        candidate_max_age: None,
        removed_rows: RemovedRows::Ignore,
        max_age: None,
    };
    let mut findings = Vec::new();
    let mut preconditions = preconditions::preconditions(&terms, evidence, now, &mut findings);
    if let Some((role, blocker)) = contradicted(evidence) {
        preconditions.contradict(role, &blocker, &mut findings);
    }
    let candidate = &evidence.candidate;
    let names: BTreeSet<&String> = [candidate, baseline]
        .into_iter()
        .flat_map(|run| run.totals.dimensions.keys())
        .collect();
    // Rows that contradict their summary tell nothing.
    let rows = evidence.rows.as_ref();
    let rows = rows.filter(|_| preconditions.change.is_none());
    let mut lines = Vec::new();
    for name in names {
        for metric in metrics(name, candidate, baseline) {
            lines.push(Line {
                moved: rows.and_then(|rows| Moved::of(rows, name, metric)),
                ..line(evidence, (baseline, pair), name, metric, &mut findings)
            });
        }
    }
    let has_change = lines.iter().any(|line| line.change.is_some());
    if !has_change && preconditions.change.is_none() {
        findings.push(Finding::new(Effect::Undecided, Cause::NoCommonScores));
    }
    Some(Comparison {
        is_comparable: preconditions.change.is_none() && has_change,
        run_metrics: run_metrics(evidence, baseline),
        rows: rows.map(|rows| {
            let dimensions = lines.iter();
            let dimensions = dimensions.map(|line| (line.subject.as_str(), line.metric));
            RowChanges::of(rows, dimensions)
        }),
        lines,
        findings,
    })
}

/// Measures one metric of one dimension in both runs, and adds findings about values that cannot be measured.
fn line(
    evidence: &Evidence,
    (baseline, pair): (&Run, &Pair),
    name: &str,
    metric: Metric,
    findings: &mut Vec<Finding>,
) -> Line {
    let gate = gate(name, metric);
    let mut note = |cause: Cause| {
        let finding = Finding::new(Effect::Warning, cause);
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    };
    let mut of = |run: &Run, role: Role| {
        let measured = measure(evidence, run, role, &gate, name);
        match &measured {
            Err(Unmeasured::Unmeasurable(cause @ Unmeasurable::Flawed(_))) => {
                note(unmeasurable(cause, &gate, Some(name), None, role, run));
            }
            Err(Unmeasured::NoRows) => note(Cause::rows_unknown(evidence, false)),
            Ok(_) | Err(Unmeasured::Unmeasurable(_)) => {}
        }
        measured.ok()
    };
    let theirs = of(baseline, Role::Baseline);
    let ours = of(&evidence.candidate, Role::Candidate);
    let change = change(evidence, baseline, pair, &gate, name);
    if matches!(change, Err(Unmeasured::NoRows)) {
        note(Cause::rows_unknown(evidence, false));
    }
    Line {
        subject: name.to_owned(),
        metric,
        baseline: theirs,
        candidate: ours,
        change: change.ok(),
        moved: None,
    }
}

/// What the runs took and used, as far as it is known.
fn run_metrics(evidence: &Evidence, baseline: &Run) -> Vec<RunMetric> {
    let candidate = &evidence.candidate;
    let metrics = RUN_METRICS.into_iter().map(|metric| {
        let gate = Gate {
            scorers: Vec::new(),
            ..gate(metric.word(), metric)
        };
        let of = |run: &Run, role: Role| {
            // The time of a call that the logger made is not that of the model.
            let is_of_logger = metric.is_latency() && is_of_logger(evidence, role, run);
            let by_row = || {
                by_row(evidence, &gate, "", &Selection::default())?
                    .value(role)
                    .map_err(Unmeasured::Unmeasurable)
            };
            let measured = by_row()
                .or_else(|_| on_summary(evidence, run, &run.totals, &gate, ""))
                .ok();
            measured.filter(|measured| measured.observed.is_some() && !is_of_logger)
        };
        let (theirs, ours) = (of(baseline, Role::Baseline), of(candidate, Role::Candidate));
        let both = || {
            let selection = Selection::default();
            let by_row = by_row(evidence, &gate, "", &selection).ok()?;
            let [ours, theirs] = by_row.change(RemovedRows::Ignore).ok()?;
            Some(ours.observed? - theirs.observed?)
        };
        RunMetric {
            metric,
            baseline: theirs,
            candidate: ours,
            change: theirs.and(ours).and_then(|_| both()),
        }
    });
    let is_known = |found: &RunMetric| found.baseline.is_some() || found.candidate.is_some();
    metrics.filter(is_known).collect()
}

/// Why a metric has no value.
enum Unmeasured {
    Unmeasurable(Unmeasurable),
    /// The value needs single rows, which are unknown.
    NoRows,
}

/// A candidate's value: a mean over its rows. `None` if it has no value, or if it needs rows that are unknown. Missing
/// scores are treated by `rule`; an error rate ignores `dimension`.
#[must_use]
pub fn value(
    evidence: &Evidence,
    dimension: &str,
    metric: Metric,
    rule: MissingRule,
) -> Option<Measure> {
    let mut gate = gate(dimension, metric);
    gate.missing.rule = rule;
    let run = &evidence.candidate;
    measure(evidence, run, Role::Candidate, &gate, dimension).ok()
}

/// The columns of rows that a comparison needs: every score, and what the model's calls took and used.
#[must_use]
pub fn columns_to_compare(runs: &[&Totals]) -> Columns {
    let mut columns = Columns::default();
    for totals in runs {
        for (name, known) in &totals.dimensions {
            let kinds = [
                (known.judged, Kind::Truth),
                (known.measured, Kind::Number),
                (known.texts(), Kind::Scored),
            ];
            let kinds = kinds.into_iter().filter(|(scores, _)| *scores > 0);
            columns.add(Columns {
                scores: kinds
                    .map(|(_, kind)| Column::Dimension(name.clone(), kind))
                    .collect(),
                inputs: Vec::new(),
                patterns: Vec::new(),
            });
        }
    }
    let of_run = [
        Kind::Anything,
        Kind::Latency,
        Kind::Elapsed,
        Kind::Tokens,
        Kind::Cost,
    ];
    columns.scores.extend(of_run.map(Column::Run));
    columns
}

fn measure(
    evidence: &Evidence,
    run: &Run,
    role: Role,
    gate: &Gate,
    name: &str,
) -> Result<Measure, Unmeasured> {
    let measured = on_summary(evidence, run, &run.totals, gate, name)?;
    if is_told(gate.metric, &[&run.totals]) && !measured.is_open() {
        return Ok(measured);
    }
    let selection = Selection::default();
    match by_row(evidence, gate, name, &selection) {
        Ok(by_row) => by_row.value(role).map_err(Unmeasured::Unmeasurable),
        // Without the rows, the value may lie anywhere between two ends.
        Err(_) if is_told(gate.metric, &[&run.totals]) => Ok(measured),
        Err(unmeasured) => Err(unmeasured),
    }
}

/// The change, candidate − baseline, on the rows that have a score in both runs.
fn change(
    evidence: &Evidence,
    baseline: &Run,
    pair: &Pair,
    gate: &Gate,
    name: &str,
) -> Result<f64, Unmeasured> {
    let no_scores = || Unmeasured::Unmeasurable(Unmeasurable::NoScores);
    let (ours, theirs) = (pair.candidate.as_ref(), pair.baseline.as_ref());
    let (ours, theirs) = ours.zip(theirs).ok_or_else(no_scores)?;
    let of = |run, totals| on_summary(evidence, run, totals, gate, name);
    let both = [of(&evidence.candidate, ours)?, of(baseline, theirs)?];
    let is_told = is_told(gate.metric, &[ours, theirs]) && both.iter().all(|one| !one.ignores);
    let [ours, theirs] = if is_told {
        both
    } else {
        let selection = Selection::default();
        let by_row = by_row(evidence, gate, name, &selection)?;
        let both = by_row.change(RemovedRows::Ignore);
        both.map_err(|(_, cause)| Unmeasured::Unmeasurable(cause))?
    };
    let both = ours.observed.zip(theirs.observed);
    both.map(|(ours, theirs)| ours - theirs)
        .ok_or_else(no_scores)
}

fn on_summary(
    evidence: &Evidence,
    run: &Run,
    totals: &Totals,
    gate: &Gate,
    name: &str,
) -> Result<Measure, Unmeasured> {
    let sample = Sample {
        run,
        totals,
        removed: 0,
        text_counts: text_counts(evidence, Some(name)),
    };
    sample
        .measure(gate, Some(name))
        .map_err(Unmeasured::Unmeasurable)
}

fn by_row<'a>(
    evidence: &'a Evidence,
    gate: &'a Gate,
    name: &str,
    selection: &'a Selection,
) -> Result<ByRow<'a>, Unmeasured> {
    let rows = evidence.rows.as_ref().ok_or(Unmeasured::NoRows)?;
    let subject = gate.metric.has_scorer().then_some(name);
    let column = column(rows, gate.metric, subject).map_err(|_| Unmeasured::NoRows)?;
    Ok(ByRow {
        gate,
        rows,
        column,
        selection,
        text_counts: text_counts(evidence, Some(name)),
    })
}

/// The metrics of a dimension that is known in either run.
fn metrics(name: &str, candidate: &Run, baseline: &Run) -> Vec<Metric> {
    let known = [candidate, baseline].map(|run| run.totals.dimensions.get(name));
    let has = |of: fn(&crate::evidence::Dimension) -> u64| {
        known.iter().flatten().any(|dimension| of(dimension) > 0)
    };
    let mut metrics = Vec::new();
    if has(|dimension| dimension.judged) {
        metrics.push(Metric::PassRate);
    }
    if has(|dimension| dimension.measured) {
        metrics.push(Metric::NumericMean);
    }
    if metrics.is_empty() {
        metrics.push(Metric::Coverage);
    }
    metrics
}

/// A gate without limits. It measures a value on the existing scores.
fn gate(name: &str, metric: Metric) -> Gate {
    Gate {
        name: name.to_owned(),
        metric,
        scorers: vec![name.to_owned()],
        conditions: Vec::new(),
        by: None,
        cluster_by: None,
        attempts: 1,
        against: None,
        limits: Vec::new(),
        missing: Missing {
            rule: MissingRule::Ignore,
            tolerated: 0.0,
        },
        evidence: policy::Evidence::Observed,
        inherits_evidence: false,
        confidence: 0.95,
        range: None,
        severity: Severity::Block,
        waive: None,
    }
}
