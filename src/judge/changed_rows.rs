//! How single rows differ between two runs, without a policy.

use std::cmp::Ordering;

use crate::evidence::{Role, Rows, Score};
use crate::judge::measure::columns::column;
use crate::number::{count, sum};
use crate::policy::{Kind, Metric};

/// The maximum number of rows that a comparison names.
const MOST_NAMED: usize = 10;

/// How many common rows changed in one dimension, by the mean of a row's trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Rows whose value is lower in the candidate.
    pub lower: u64,
    /// Rows whose value is higher in the candidate.
    pub higher: u64,
    /// Rows that have a score in the baseline and none in the candidate.
    pub lost: u64,
    /// Rows that have a score in the candidate and none in the baseline.
    pub gained: u64,
    /// Whether each row has one trial, so that a row with a truth value is regressed or fixed.
    pub has_one_trial: bool,
}

/// How the rows that both runs have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChanges {
    /// The number of rows that both runs have.
    pub common: u64,
    /// The number of these rows that have the same scores in both runs.
    pub same: u64,
    /// The number of rows of which a truth value changed; of any score if no dimension has truth values.
    pub flipped: u64,
    /// The worst of these rows, the worst first.
    pub worst: Vec<FlippedRow>,
}

/// A row that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct FlippedRow {
    /// Its digest.
    pub digest: String,
    /// The dimensions that changed.
    pub changes: Vec<RowChange>,
}

/// One dimension of a row that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// The dimension.
    pub subject: String,
    /// `pass_rate` of a truth value, `numeric_mean` of a number.
    pub metric: Metric,
    /// The mean of the baseline's trials that have a score; `None` if none has.
    pub baseline: Option<f64>,
    /// The mean of the candidate's trials that have a score; `None` if none has.
    pub candidate: Option<f64>,
}

impl RowChange {
    /// The order of the candidate's value to the baseline's. A missing score is the least.
    fn order(&self) -> Ordering {
        match (self.candidate, self.baseline) {
            (Some(ours), Some(theirs)) => ours.total_cmp(&theirs),
            (ours, theirs) => ours.is_some().cmp(&theirs.is_some()),
        }
    }

    fn is_truth(&self) -> bool {
        self.metric.column() == Some(Kind::Truth)
    }

    /// How far the value fell, compared with the largest score of its dimension.
    fn fall(&self, size: f64) -> f64 {
        match (self.candidate, self.baseline) {
            (Some(ours), Some(theirs)) if size > 0.0 => (theirs - ours) / size,
            (Some(_), _) => 0.0,
            (None, _) => 1.0,
        }
    }
}

impl Moved {
    /// Counts the rows that changed. `None` if the rows have no such scores.
    pub(super) fn of(rows: &Rows, name: &str, metric: Metric) -> Option<Self> {
        let column = scores(rows, name, metric)?;
        let mut moved = Self {
            has_one_trial: true,
            ..Self::default()
        };
        for row in common(rows) {
            let trials = [Role::Candidate, Role::Baseline].map(|role| rows.trials(role, row));
            moved.has_one_trial &= trials == [1, 1];
            let change = change(rows, column, row, name, metric);
            let place = match (change.baseline, change.candidate, change.order()) {
                (_, _, Ordering::Equal) => continue,
                (Some(_), Some(_), Ordering::Less) => &mut moved.lower,
                (Some(_), Some(_), Ordering::Greater) => &mut moved.higher,
                (_, None, _) => &mut moved.lost,
                (None, Some(_), _) => &mut moved.gained,
            };
            *place += 1;
        }
        Some(moved)
    }
}

impl RowChanges {
    /// Compares every row that both runs have, in these dimensions.
    pub(super) fn of<'a>(rows: &Rows, dimensions: impl Iterator<Item = (&'a str, Metric)>) -> Self {
        let columns: Vec<(usize, &str, Metric, f64)> = dimensions
            .filter_map(|(name, metric)| {
                let column = scores(rows, name, metric)?;
                let ends = [Role::Candidate, Role::Baseline]
                    .map(|role| rows.extremes(role, column, |_| true));
                let size = |(low, high): (f64, f64)| low.abs().max(high.abs());
                let size = ends.into_iter().flatten().map(size).fold(0.0, f64::max);
                Some((column, name, metric, size))
            })
            .collect();
        let has_truth = columns
            .iter()
            .any(|(_, _, metric, _)| metric.column() == Some(Kind::Truth));
        let mut found: Vec<(u64, f64, FlippedRow)> = Vec::new();
        let (mut shared, mut same) = (0, 0);
        for row in common(rows) {
            shared += 1;
            same += u64::from(is_same(rows, row));
            let (mut fallen, mut fall) = (0, 0.0);
            let mut changes = Vec::new();
            for (column, name, metric, size) in &columns {
                let change = change(rows, *column, row, name, *metric);
                if change.order() != Ordering::Equal {
                    fallen += u64::from(
                        change.order() == Ordering::Less && (change.is_truth() || !has_truth),
                    );
                    fall += change.fall(*size);
                    changes.push(change);
                }
            }
            if changes.iter().any(|change| change.is_truth() || !has_truth) {
                let digest = rows.digest(row).to_owned();
                found.push((fallen, fall, FlippedRow { digest, changes }));
            }
        }
        let flipped = found.len() as u64;
        // Rows are ordered by digest, and the stable sort keeps that order among equally bad rows.
        found.sort_by(|one, other| {
            let by_fall = other.1.total_cmp(&one.1);
            other.0.cmp(&one.0).then(by_fall)
        });
        Self {
            common: shared,
            same,
            flipped,
            worst: found
                .into_iter()
                .take(MOST_NAMED)
                .map(|(.., row)| row)
                .collect(),
        }
    }
}

/// The rows that both runs have.
fn common(rows: &Rows) -> impl Iterator<Item = usize> {
    let has = |role, row| rows.trials(role, row) > 0;
    (0..rows.len()).filter(move |row| has(Role::Candidate, *row) && has(Role::Baseline, *row))
}

/// The column of a dimension's truth values or numbers; `None` for another metric.
fn scores(rows: &Rows, name: &str, metric: Metric) -> Option<usize> {
    matches!(metric.column(), Some(Kind::Truth | Kind::Number))
        .then(|| column(rows, metric, Some(name)).ok())
        .flatten()
}

fn change(rows: &Rows, column: usize, row: usize, name: &str, metric: Metric) -> RowChange {
    let mean = |role| {
        let scores = rows.scores(role, column, row).iter();
        let known: Vec<f64> = scores.filter_map(|score| score.value()).collect();
        let trials = known.len() as u64;
        (trials > 0).then(|| sum(known) / count(trials))
    };
    RowChange {
        subject: name.to_owned(),
        metric,
        baseline: mean(Role::Baseline),
        candidate: mean(Role::Candidate),
    }
}

/// Whether both runs have the same scores of a row, in any order of its trials.
fn is_same(rows: &Rows, row: usize) -> bool {
    let columns = rows.columns().iter().enumerate();
    let mut of_scorers = columns.filter(|(_, column)| column.dimension().is_some());
    of_scorers.all(|(column, _)| {
        let sorted = |role| {
            let scores = rows.scores(role, column, row).iter().copied();
            let mut values: Vec<Option<f64>> = scores.map(Score::value).collect();
            values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
            values
        };
        sorted(Role::Candidate) == sorted(Role::Baseline)
    })
}
