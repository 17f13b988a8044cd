//! The rows that made a check fail, the worst first.

use std::cmp::Ordering;

use crate::evidence::{Columns, Role, Rows, Score, Totals};
use crate::judge::check::{Check, Status};
use crate::judge::measure::columns::{column, of_gate};
use crate::judge::slice::Selection;
use crate::judge::verdict::Judgement;
use crate::policy::{Aggregate, Change, Gate, Kind, LimitKey, Metric, Policy, RemovedRows};

/// As many rows of a check are shown.
const MOST_SHOWN: usize = 10;

/// The rows that one check fails on.
#[derive(Clone, Debug, PartialEq)]
pub struct OffendingRows {
    /// The place of the check among those of its judgement.
    pub check: usize,
    /// The worst of them, the worst first.
    pub rows: Vec<OffendingRow>,
    /// How many there are in all.
    pub total: u64,
}

/// One of these rows.
#[derive(Clone, Debug, PartialEq)]
pub struct OffendingRow {
    /// Its digest.
    pub digest: String,
    /// What it has in the candidate.
    pub candidate: Scored,
    /// What it has in the baseline, where there is one.
    pub baseline: Option<Scored>,
}

/// What a run has of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The mean of the trials that have a score.
    pub mean: Option<f64>,
    /// How many of its trials have one.
    pub scored: u64,
    /// How many trials it has; 0 where the run lacks the row.
    pub trials: u64,
}

/// Whether rows can say why a check came out as it did.
fn is_explained(check: &Check) -> bool {
    let of_rows = check.metric.column().is_some();
    // What was undecided for another reason than its scores has numbers of no run.
    let is_measured = check.candidate.is_some() && check.finding().is_none();
    let is_wrong = matches!(
        check.status,
        Status::Fail | Status::Undecided | Status::Waived
    );
    of_rows && is_measured && is_wrong
}

/// What has to be seen of the rows to name those of a judgement's failed checks that compare with one baseline; empty where
/// there are none.
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

/// Names the rows of every check that does not pass, of those that compare with one baseline.
#[must_use]
pub fn offending(
    policy: &Policy,
    rows: &Rows,
    judgement: &Judgement,
    against: Option<&str>,
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
                rows: worst
                    .into_iter()
                    .take(MOST_SHOWN)
                    .map(|(_, row)| row)
                    .collect(),
            })
        })
        .collect()
}

/// The rows that speak against a check, with how bad they are; the worst first, else by digest.
fn worst(
    policy: &Policy,
    gate: &Gate,
    check: &Check,
    rows: &Rows,
) -> Option<Vec<(f64, OffendingRow)>> {
    // Scores that were left out of the check do not count.
    let ignores = check.candidate.is_some_and(|measure| measure.ignores);
    let leaves_rows = ignores || policy.baseline.removed_rows == RemovedRows::Ignore;
    let column = column(rows, gate.metric, check.subject.as_deref()).ok()?;
    let selection = Selection::of(check.slice.as_ref(), rows);
    // As in the judgement: where neither run has a truth value or a number there.
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
    // Rows are in the order of their digests, and stay so where they are equally bad.
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
        // A text is 0 there.
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
    // Whether there is a score at all is what these are about.
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

/// How much a row speaks against a check; `None` where it does not.
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
    // A score that is not there is the worst; so is a row that is gone.
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
        (Aggregate::RowMean, _) if gate.metric.is_rate() => {
            by(if high_is_good { 1.0 - ours } else { ours })
        }
        // Each row is a part of the sum.
        (Aggregate::Total, _) => by(if high_is_good { 1.0 / ours } else { ours }),
        (Aggregate::RowMean | Aggregate::Percentile(_) | Aggregate::Count(_), _) => {
            by(if high_is_good {
                limit.value - ours
            } else {
                ours - limit.value
            })
        }
    }
}
