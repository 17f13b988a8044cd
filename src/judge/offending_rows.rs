//! The rows that caused a check to fail, the worst first.

use std::cmp::Ordering;

use crate::evidence::{Columns, Role, Rows, Score, Totals};
use crate::judge::check::{Check, Status};
use crate::judge::measure::columns::{column, of_gate};
use crate::judge::slice::Selection;
use crate::judge::verdict::Judgement;
use crate::policy::{Aggregate, Change, Gate, Kind, LimitKey, Metric, Policy, RemovedRows};

/// The maximum number of rows that reports show for a check.
pub const MOST_OFFENDING: usize = 10;

/// The rows that caused one check to fail.
#[derive(Clone, Debug, PartialEq)]
pub struct OffendingRows {
    /// The index of the check in its judgement.
    pub check: usize,
    /// The worst of these rows, the worst first.
    pub rows: Vec<OffendingRow>,
    /// The total number of these rows.
    pub total: u64,
}

/// A row that caused a check to fail.
#[derive(Clone, Debug, PartialEq)]
pub struct OffendingRow {
    /// Its digest.
    pub digest: String,
    /// The candidate's result on the row.
    pub candidate: Scored,
    /// The baseline's result on the row; `None` if there is no baseline.
    pub baseline: Option<Scored>,
}

/// A run's result on a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The mean of the trials that have a score.
    pub mean: Option<f64>,
    /// The number of its trials that have a score.
    pub scored: u64,
    /// The number of its trials; 0 if the run lacks the row.
    pub trials: u64,
}

/// Whether rows can explain the result of a check.
fn is_explained(check: &Check) -> bool {
    let of_rows = check.metric.column().is_some();
    // If a finding left the check undecided, its values do not explain the result.
    let is_measured = check.candidate.is_some() && check.finding().is_none();
    let is_wrong = matches!(
        check.status,
        Status::Fail | Status::Undecided | Status::Waived
    );
    of_rows && is_measured && is_wrong
}

/// The columns that are needed to name the rows of a judgement's failed checks that compare with one baseline; empty
/// if there are no such checks.
#[must_use]
pub fn offending_columns(
    policy: &Policy,
    judgement: &Judgement,
    against: Option<&str>,
    runs: &[&Totals],
) -> Columns {
    let known = runs
        .iter()
        .flat_map(|totals| totals.dimensions.keys().map(String::as_str))
        .collect();
    let mut columns = Columns::default();
    let compared = |check: &&Check| check.against.as_deref() == against;
    for check in judgement
        .checks
        .iter()
        .filter(compared)
        .filter(|check| is_explained(check))
    {
        let gate = policy.gates.iter().find(|gate| gate.name == check.gate);
        if let Some(gate) = gate {
            columns.add(of_gate(gate, &known));
        }
    }
    columns
}

/// The rows of every check that does not pass, at most `most` of each, among the checks that compare with one baseline.
#[must_use]
pub fn offending(
    policy: &Policy,
    rows: &Rows,
    judgement: &Judgement,
    against: Option<&str>,
    most: usize,
) -> Vec<OffendingRows> {
    let checks = judgement.checks.iter().enumerate();
    checks
        .filter(|(_, check)| check.against.as_deref() == against && is_explained(check))
        .filter_map(|(place, check)| {
            let gate = policy.gates.iter().find(|gate| gate.name == check.gate)?;
            let worst = worst(policy, gate, check, rows).filter(|worst| !worst.is_empty())?;
            Some(OffendingRows {
                check: place,
                total: worst.len() as u64,
                rows: worst.into_iter().take(most).map(|(_, row)| row).collect(),
            })
        })
        .collect()
}

/// The rows that count against a check, each with its badness; the worst first, equal ones by digest.
fn worst(
    policy: &Policy,
    gate: &Gate,
    check: &Check,
    rows: &Rows,
) -> Option<Vec<(f64, OffendingRow)>> {
    // Scores that the check ignored do not count.
    let ignores = check.candidate.is_some_and(|measure| measure.ignores);
    let leaves_rows = ignores || policy.baseline.removed_rows == RemovedRows::Ignore;
    let column = column(rows, gate.metric, check.subject.as_deref()).ok()?;
    let selection = Selection::of(check.slice.as_ref(), rows);
    // As in the judgement, text is a score if neither run has a boolean or a number there.
    let text_counts = [Role::Candidate, Role::Baseline].iter().all(|role| {
        let ends = rows.extremes(*role, column, |_| true);
        ends.is_none_or(|(_, most)| most < 1.0)
    });
    let has_baseline = (0..rows.len()).any(|row| rows.trials(Role::Baseline, row) > 0);
    let mut found: Vec<(f64, OffendingRow)> = (0..rows.len())
        .filter(|row| selection.has(rows, *row))
        .filter_map(|row| {
            let of = |role| scored(rows, gate.metric, text_counts, role, column, row);
            let (mut candidate, baseline) = (of(Role::Candidate), of(Role::Baseline));
            if (ignores && candidate.mean.is_none()) || (leaves_rows && candidate.trials == 0) {
                return None;
            }
            let shown = candidate;
            if ignores {
                candidate.scored = candidate.trials;
            }
            let badness = badness(gate, check, candidate, baseline)?;
            let shown = OffendingRow {
                digest: rows.digest(row).to_owned(),
                candidate: shown,
                baseline: has_baseline.then_some(baseline),
            };
            Some((badness, shown))
        })
        .collect();
    // The rows are ordered by digest, and the stable sort keeps that order among equally bad rows.
    found.sort_by(|one, other| other.0.partial_cmp(&one.0).unwrap_or(Ordering::Equal));
    Some(found)
}

fn scored(
    rows: &Rows,
    metric: Metric,
    text_counts: bool,
    role: Role,
    column: usize,
    row: usize,
) -> Scored {
    let values = rows.scores(role, column, row);
    if metric.column() == Some(Kind::Scored) && !values.is_empty() {
        // Text has the value 0 in this column.
        let covered = |score: &&Score| {
            let value = score.value();
            value == Some(1.0) || (text_counts && value == Some(0.0))
        };
        let covered = values.iter().filter(covered).count() as u64;
        let trials = values.len() as u64;
        return Scored {
            mean: Some(crate::number::count(covered) / crate::number::count(trials)),
            scored: trials,
            trials,
        };
    }
    let known: Vec<f64> = values.iter().filter_map(|score| score.value()).collect();
    let scored = known.len() as u64;
    let sum = crate::number::sum(known);
    let trials = values.len() as u64;
    // These metrics ask only whether there is a score.
    let is_share = metric.column() == Some(Kind::Anything);
    let missing = trials - scored;
    let mean = if trials == 0 {
        None
    } else if is_share {
        Some(crate::number::count(missing) / crate::number::count(trials))
    } else {
        (scored > 0).then(|| sum / crate::number::count(scored))
    };
    Scored {
        mean,
        scored: if is_share { trials } else { scored },
        trials,
    }
}

/// How much a row counts against a check; `None` if it does not.
fn badness(gate: &Gate, check: &Check, candidate: Scored, baseline: Scored) -> Option<f64> {
    let limit = check.limit;
    let high_is_good = limit.key.wants_high();
    let lacks = candidate.scored < candidate.trials;
    let is_compared = gate.compares(limit);
    if is_compared && baseline.trials == 0 {
        return None;
    }
    if !is_compared && candidate.trials == 0 {
        return None;
    }
    // A missing score is the worst result, and so is a removed row.
    let gone = is_compared && candidate.trials == 0;
    let Some(ours) = candidate.mean.filter(|_| !gone) else {
        return Some(f64::INFINITY);
    };
    let by = |bad: f64| {
        if lacks {
            Some(f64::INFINITY)
        } else {
            (bad > 0.0).then_some(bad)
        }
    };
    match (gate.metric.aggregate(), limit.key) {
        (Aggregate::ChangedRows(Change::Regressed), LimitKey::Max) => {
            let passed = baseline.mean == Some(1.0) && baseline.scored == baseline.trials;
            (passed && (lacks || ours < 1.0)).then_some(if lacks {
                f64::INFINITY
            } else {
                1.0 - ours
            })
        }
        (Aggregate::ChangedRows(Change::Fixed), LimitKey::Min) => {
            (baseline.mean != Some(1.0) && ours < 1.0).then_some(1.0 - ours)
        }
        (Aggregate::ChangedRows(Change::Fixed), _) => {
            (baseline.mean != Some(1.0) && ours >= 1.0).then_some(ours)
        }
        (Aggregate::ChangedRows(Change::Regressed), _) => None,
        (_, key) if key.is_change() => {
            let theirs = baseline.mean?;
            by(if high_is_good {
                theirs - ours
            } else {
                ours - theirs
            })
        }
        (Aggregate::RowMean | Aggregate::Attempts(_), _) if gate.metric.is_rate() => {
            by(if high_is_good { 1.0 - ours } else { ours })
        }
        // Each row contributes to the sum.
        (Aggregate::Total, _) => by(if high_is_good { 1.0 / ours } else { ours }),
        (
            Aggregate::RowMean
            | Aggregate::Attempts(_)
            | Aggregate::Percentile(_)
            | Aggregate::Count(_),
            _,
        ) => by(if high_is_good {
            limit.value - ours
        } else {
            ours - limit.value
        }),
    }
}
