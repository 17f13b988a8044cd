//! The columns of rows that a gate needs, and whether the summary is sufficient.

use std::collections::BTreeSet;

use crate::evidence::{Baseline, Column, Columns, Evidence, Input, Role, Rows, Totals, Usage};
use crate::judge::cause::Cause;
use crate::judge::limit::{Precision, holds};
use crate::policy::{Aggregate, Gate, Kind, Limit, Metric, MissingRule, Policy};

/// The columns of rows that a policy's gates need for these runs. The candidate is the first run.
#[must_use]
pub fn columns(policy: &Policy, runs: &[&Totals]) -> Columns {
    let known = names(runs);
    let reads_rows = |gate: &Gate| reads_rows(gate, runs, &known);
    let mut columns = Columns::default();
    // If rows are read for any gate, they must agree with the summary on every judged dimension.
    if policy.gates.iter().any(reads_rows) {
        for gate in &policy.gates {
            columns.add(of_gate(gate, &known));
        }
    }
    columns
}

fn names<'a>(runs: &[&'a Totals]) -> BTreeSet<&'a str> {
    let names = runs.iter().flat_map(|totals| totals.dimensions.keys());
    names.map(String::as_str).collect()
}

/// Whether a gate needs the rows of these runs.
fn reads_rows(gate: &Gate, runs: &[&Totals], known: &BTreeSet<&str>) -> bool {
    let compares = gate.limits.iter().any(|limit| gate.compares(*limit));
    let looked_at = runs.get(..if compares { 2 } else { 1 }).unwrap_or(runs);
    let of = |name: &&str| {
        let runs = looked_at.iter();
        runs.filter_map(|totals| Some((*totals, totals.dimensions.get(*name)?)))
            .collect::<Vec<_>>()
    };
    // If missing scores are ignored, a change is measured on the rows that have a score in both runs.
    let may_leave_out = gate.missing.rule == MissingRule::Ignore || gate.missing.tolerated > 0.0;
    let leaves_out = || {
        let mut subjects = gate.subjects(known).into_iter();
        subjects.any(|name| {
            let mut runs = of(&name).into_iter();
            runs.any(|(totals, known)| {
                let scored = match gate.metric.column() {
                    Some(Kind::Number) => known.measured,
                    _ => known.judged,
                };
                scored < totals.trials
            })
        })
    };
    // Whether the limit is broken only by a rounding error depends on the size of the scores, which only rows show.
    let is_broken = || {
        let mut subjects = gate.subjects(known).into_iter();
        subjects.any(|name| {
            let means: Vec<f64> = of(&name)
                .iter()
                .filter_map(|(_, known)| known.mean)
                .collect();
            let limits = gate.limits.iter();
            limits.copied().any(|limit| is_broken(limit, &means))
        })
    };
    gate.needs_rows()
        || gate.metric.is_usage()
        || gate.range.is_some()
        || !is_told(gate.metric, looked_at)
        || (gate.metric.column() == Some(Kind::Anything)
            && looked_at.iter().any(|totals| totals.unscored().1 > 0))
        || (compares && may_leave_out && leaves_out())
        || (gate.metric.column() == Some(Kind::Number) && is_broken())
}

/// Whether summaries are sufficient for a metric on all rows. A mean over rows needs one trial per row.
pub(in crate::judge) fn is_told(metric: Metric, runs: &[&Totals]) -> bool {
    let every = |is_told: fn(&Totals) -> bool| {
        let mut runs = runs.iter();
        runs.all(|totals| totals.has_one_trial_a_row() || is_told(totals))
    };
    let Some(kind) = metric.column() else {
        return true;
    };
    if metric.takes_attempts() {
        return false;
    }
    let is_total = metric.aggregate() == Aggregate::Total;
    match kind {
        Kind::Truth | Kind::Number | Kind::Scored => every(|_| false),
        // If every trial has a score, every row has one. For several pooled runs the number of rows is not known yet.
        Kind::Anything => every(|totals| totals.rows > 0 && totals.unscored().1 == 0),
        // Only rows show which part of a sum is missing.
        Kind::Tokens if is_total => every(|totals| is_whole(totals, |usage| usage.reported)),
        Kind::Cost if is_total => every(|totals| is_whole(totals, |usage| usage.priced)),
        Kind::Tokens | Kind::Cost => every(|_| false),
        Kind::Latency | Kind::Elapsed => false,
    }
}

/// Whether every trial is known to report its tokens or its price. Also true if the number of reporting trials is
/// unknown.
fn is_whole(totals: &Totals, of: fn(&Usage) -> Option<u64>) -> bool {
    let known = totals.usage.as_ref().and_then(of);
    known.is_none_or(|known| known == totals.trials)
}

/// Whether these means, the candidate's first, are beyond a limit by any amount, as far as that can be computed from
/// them.
fn is_broken(limit: Limit, means: &[f64]) -> bool {
    let ours = means.first().copied();
    let theirs = if limit.key.is_change() {
        means.get(1).copied()
    } else {
        Some(0.0)
    };
    let exact = Precision {
        exact: true,
        size: 0.0,
    };
    let holds = ours
        .zip(theirs)
        .map(|(ours, theirs)| holds(limit, ours, theirs, exact));
    holds.is_some_and(|holds| holds != Some(true))
}

/// The columns that one gate needs.
pub(in crate::judge) fn of_gate(gate: &Gate, known: &BTreeSet<&str>) -> Columns {
    let scores = match gate.metric.column() {
        None => Vec::new(),
        // For a call that crashed, the elapsed time is the least that its latency can be.
        Some(Kind::Latency) => vec![Column::Run(Kind::Latency), Column::Run(Kind::Elapsed)],
        Some(kind @ (Kind::Anything | Kind::Tokens | Kind::Cost)) => vec![Column::Run(kind)],
        Some(kind) => {
            let names = gate.subjects(known).into_iter();
            names
                .map(|name| Column::Dimension(name.to_owned(), kind))
                .collect()
        }
    };
    let named = gate.conditions.iter().map(|condition| Input {
        path: condition.input.clone(),
        named: condition.any_of.clone(),
        is_cluster: false,
    });
    let of_rows = gate.by.iter().map(|path| (path, false));
    let clusters = gate.cluster_by.iter().map(|path| (path, true));
    let by = of_rows.chain(clusters).map(|(path, is_cluster)| Input {
        path: path.clone(),
        named: Vec::new(),
        is_cluster,
    });
    let is_pattern = |scorer: &&String| !known.contains(scorer.as_str());
    Columns {
        scores,
        inputs: named.chain(by).collect(),
        patterns: gate.scorers.iter().filter(is_pattern).cloned().collect(),
    }
}

/// The value of every existing score, for metrics that only ask whether there is one: no error, or covered. `None` for
/// other metrics.
pub(in crate::judge) fn fixed_value(metric: Metric, text_counts: bool) -> Option<f64> {
    match metric.column()? {
        Kind::Anything => Some(0.0),
        Kind::Scored => text_counts.then_some(1.0),
        Kind::Truth | Kind::Number | Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost => {
            None
        }
    }
}

/// Whether text is a score of a dimension: neither run has a boolean or a number there.
pub(in crate::judge) fn text_counts(evidence: &Evidence, subject: Option<&str>) -> bool {
    let baseline = match &evidence.baseline {
        Baseline::Found(run, _) => Some(&run.totals),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let runs = std::iter::once(&evidence.candidate.totals).chain(baseline);
    let mut known = runs.filter_map(|totals| totals.dimensions.get(subject?));
    known.all(|known| known.covered(false) == 0)
}

/// The column that a metric of a subject is measured on.
pub(in crate::judge) fn column(
    rows: &Rows,
    metric: Metric,
    subject: Option<&str>,
) -> Result<usize, Cause> {
    metric
        .column()
        .and_then(|kind| rows.column(subject, kind))
        .ok_or_else(|| Cause::RowsUnknown {
            needs_inputs: false,
            snapshots: Vec::new(),
        })
}

/// The run whose rows contradict its summary, if there is one.
pub(in crate::judge) fn contradicted(evidence: &Evidence) -> Option<(Role, Cause)> {
    let rows = evidence.rows.as_ref()?;
    let baseline = match &evidence.baseline {
        Baseline::Found(baseline, _) => Some((Role::Baseline, baseline.as_ref())),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let candidate = (Role::Candidate, &evidence.candidate);
    std::iter::once(candidate)
        .chain(baseline)
        .find_map(|(role, run)| {
            let what = rows.disagree(role, run.rows, &run.totals)?;
            Some((role, Cause::RowsDisagree { role, what }))
        })
}
