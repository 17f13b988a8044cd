//! Two runs side by side, with no policy: every dimension, and what the comparison is worth.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::comparability::{self, Effect, Finding, Name, Terms};
use super::measure::{Lack, Measure, Sample};
use super::words;
use crate::evidence::{Baseline, Evidence, Run, Totals};
use crate::policy::{self, Gate, Metric, Missing, MissingRule, RemovedRows, Severity};
use crate::prose::Prose;

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Whether the runs can be compared. Where not, a finding says why.
    pub is_comparable: bool,
    /// A line for each metric of each dimension of either run, by name.
    pub lines: Vec<Line>,
    /// What is to be known about the comparison.
    pub findings: Vec<Finding>,
}

/// One metric of one dimension, in both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The dimension.
    pub subject: String,
    /// `pass_rate`, `numeric_mean`, or `coverage` where it has neither.
    pub metric: Metric,
    /// The baseline's value on the scores there are, over all its rows.
    pub baseline: Option<Measure>,
    /// The candidate's, in the same way.
    pub candidate: Option<Measure>,
    /// Candidate − baseline on the rows that both have, in the metric's unit.
    pub change: Option<f64>,
}

/// Puts two runs side by side. `None` where there is no baseline.
#[must_use]
pub fn compare(evidence: &Evidence, now: Timestamp) -> Option<Comparison> {
    let Baseline::Found(baseline, pair) = &evidence.baseline else {
        return None;
    };
    let terms = Terms {
        compares: true,
        // That it failed is said; what was scored can be compared all the same.
        accept_failed: true,
        required: true,
        removed_rows: RemovedRows::Ignore,
        max_age: None,
    };
    let mut findings = Vec::new();
    let ground = comparability::ground(&terms, evidence, now, &mut findings);
    let candidate = &evidence.candidate;
    let names: BTreeSet<&String> = [candidate, baseline]
        .into_iter()
        .flat_map(|run| run.totals.dimensions.keys())
        .collect();
    let mut lines = Vec::new();
    for name in names {
        for metric in metrics(name, candidate, baseline) {
            let gate = gate(name, metric);
            let mut of = |run: &Run, role: &str| {
                let measured = measure(run, &run.totals, &gate, name);
                if let Err(lack @ Lack::Flawed(_)) = &measured {
                    let obstacle = words::lack(lack, &gate, Some(name), role, run);
                    findings.push(Finding {
                        name: obstacle.name,
                        effect: Effect::Warning,
                        message: obstacle.message,
                    });
                }
                measured.ok()
            };
            let (theirs, ours) = (of(baseline, "baseline"), of(candidate, "candidate"));
            let common = |run, totals: &Option<Totals>| {
                measure(run, totals.as_ref()?, &gate, name).ok()?.observed
            };
            let change = common(candidate, &pair.candidate).zip(common(baseline, &pair.baseline));
            lines.push(Line {
                subject: name.clone(),
                metric,
                baseline: theirs,
                candidate: ours,
                change: change.map(|(ours, theirs)| ours - theirs),
            });
        }
    }
    for (run, role) in [(candidate, "candidate"), (baseline.as_ref(), "baseline")] {
        if run.status.as_deref() == Some("failed") {
            findings.push(Finding {
                name: Name::RunFailed,
                effect: Effect::Warning,
                message: Prose::from(format!("the {role} "))
                    .name(&run.id)
                    .text(" failed"),
            });
        }
    }
    let has_change = lines.iter().any(|line| line.change.is_some());
    if !has_change && ground.change.is_none() {
        findings.push(Finding {
            name: Name::NoScores,
            effect: Effect::Undecided,
            message: Prose::from(
                "no dimension has scores in both runs, on the rows that both have",
            ),
        });
    }
    Some(Comparison {
        is_comparable: ground.change.is_none() && has_change,
        lines,
        findings,
    })
}

fn measure(run: &Run, totals: &Totals, gate: &Gate, name: &str) -> Result<Measure, Lack> {
    let sample = Sample {
        run,
        totals,
        rows: run.rows,
        absent: 0.0,
    };
    sample.measure(gate, Some(name))
}

/// What is known of a dimension in either run.
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

/// A gate without a limit: what a value is, on the scores there are.
fn gate(name: &str, metric: Metric) -> Gate {
    Gate {
        name: name.to_owned(),
        metric,
        scorer: Some(name.to_owned()),
        conditions: Vec::new(),
        by: None,
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
