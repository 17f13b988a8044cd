//! Measures a metric from rows: the trials of a row are averaged first, and then the rows.
//!
//! A baseline row that the candidate lacks has the weight of one row, and all its trials are missing.

use std::collections::BTreeMap;

use crate::evidence::{Role, Rows};
use crate::judge::measure::attempts::Attempted;
use crate::judge::measure::columns::fixed_value;
use crate::judge::measure::latency;
use crate::judge::measure::summary::{Unmeasurable, leaves_out};
use crate::judge::measure::value::Measure;
use crate::judge::slice::Selection;
use crate::number::{count, nearest_count, sum};
use crate::policy::{Aggregate, Gate, Kind, MissingValue, RemovedRows};

/// Measures one gate on one subject and slice.
#[derive(Clone, Copy)]
pub(in crate::judge) struct ByRow<'a> {
    pub(in crate::judge) gate: &'a Gate,
    pub(in crate::judge) rows: &'a Rows,
    /// The column that the metric is measured on.
    pub(in crate::judge) column: usize,
    pub(in crate::judge) selection: &'a Selection,
    /// Whether text is a score of the dimension.
    pub(in crate::judge) text_counts: bool,
}

/// A run's trials of one row, as a metric sees them.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// The index of the row; `None` if the run lacks the row.
    row: Option<usize>,
    trials: u64,
    /// The number of trials that have a value.
    known: u64,
    /// The sum of these values.
    sum: f64,
    /// The smallest and the largest possible sum of the values of the other trials.
    low: f64,
    high: f64,
}

/// Which value is used for missing scores.
#[derive(Clone, Copy)]
enum End {
    /// Only the existing scores are used.
    Observed,
    Low,
    High,
}

impl ByRow<'_> {
    /// A run's value over all its rows.
    pub(in crate::judge) fn value(&self, role: Role) -> Result<Measure, Unmeasurable> {
        let cells = self.cells(role, |row| self.rows.trials(role, row) > 0);
        let side = Side::new(self.gate, cells)?;
        let all = vec![true; side.cells.len()];
        self.measure(role, &side, &all)
    }

    /// The values of both runs on the baseline's rows or on the common rows. If a run's missing scores are ignored, a
    /// row without any score is left out on both sides.
    pub(in crate::judge) fn change(
        &self,
        removed_rows: RemovedRows,
    ) -> Result<[Measure; 2], (Role, Unmeasurable)> {
        let is_compared = |row: usize| {
            let has = |role| self.rows.trials(role, row) > 0;
            has(Role::Baseline) && (removed_rows == RemovedRows::Missing || has(Role::Candidate))
        };
        let [ours, theirs] = [Role::Candidate, Role::Baseline].map(|role| {
            Side::new(self.gate, self.cells(role, is_compared)).map_err(|cause| (role, cause))
        });
        let (ours, theirs) = (ours?, theirs?);
        let both = ours.cells.iter().zip(&theirs.cells);
        let is_in = both.map(|(one, other)| ours.has(one) && theirs.has(other));
        let is_in: Vec<bool> = is_in.collect();
        let of = |role, side| {
            self.measure(role, side, &is_in)
                .map_err(|cause| (role, cause))
        };
        Ok([of(Role::Candidate, &ours)?, of(Role::Baseline, &theirs)?])
    }

    fn cells(&self, role: Role, is_wanted: impl Fn(usize) -> bool) -> Vec<Cell> {
        let rows = 0..self.rows.len();
        rows.filter(|row| is_wanted(*row) && self.selection.has(self.rows, *row))
            .map(|row| self.cell(role, row))
            .collect()
    }

    fn cell(&self, role: Role, row: usize) -> Cell {
        let scores = self.rows.scores(role, self.column, row);
        let (low, high) = ends(self.gate);
        let counts_missing = match self.gate.metric.definition().missing {
            MissingValue::Counts(value) => Some(value),
            MissingValue::Never | MissingValue::Between(..) | MissingValue::InRange => None,
        };
        let fixed = fixed_value(self.gate.metric, self.text_counts);
        if scores.is_empty() {
            return Cell {
                row: None,
                trials: 1,
                known: u64::from(counts_missing.is_some()),
                sum: counts_missing.unwrap_or(0.0),
                low,
                high,
            };
        }
        let wanted = Attempted::of(self.gate).map_or(0, |attempts| attempts.k);
        let mut cell = Cell {
            row: Some(row),
            trials: scores.len() as u64,
            known: 0,
            sum: 0.0,
            low: 0.0,
            high: 0.0,
        };
        if let [score] = scores
            && wanted <= 1
        {
            // Most rows have one trial, which needs no list.
            let known = match score.value() {
                None => counts_missing,
                Some(value) => Some(fixed.unwrap_or(value)),
            };
            if let Some(known) = known {
                (cell.known, cell.sum) = (1, known);
            } else {
                let elapsed = self.elapsed(role, row, 0);
                (cell.low, cell.high) = (elapsed.unwrap_or(low), high);
            }
            return cell;
        }
        // Sorted values make the result independent of the order of trials.
        let (mut values, mut elapsed_all) = (Vec::new(), Vec::new());
        for (trial, score) in scores.iter().enumerate() {
            let known = match score.value() {
                None => counts_missing,
                Some(value) => Some(fixed.unwrap_or(value)),
            };
            if let Some(known) = known {
                cell.known += 1;
                values.push(known);
            } else {
                let elapsed = self.elapsed(role, row, trial);
                elapsed_all.push(elapsed.unwrap_or(low));
                cell.high += high;
            }
        }
        // Trials that lack for the attempts that the metric is about are missing.
        while cell.trials < wanted {
            cell.trials += 1;
            elapsed_all.push(low);
            cell.high += high;
        }
        (cell.sum, cell.low) = (sum(values), sum(elapsed_all));
        cell
    }

    /// The minimum time in seconds that a trial's call took, if it crashed and the metric is a latency.
    fn elapsed(&self, role: Role, row: usize, trial: usize) -> Option<f64> {
        if !self.gate.metric.is_latency() {
            return None;
        }
        let column = self.rows.column(None, Kind::Elapsed)?;
        self.rows.scores(role, column, row).get(trial)?.value()
    }

    fn measure(&self, role: Role, side: &Side, is_in: &[bool]) -> Result<Measure, Unmeasurable> {
        let zipped = side.cells.iter().zip(is_in);
        let cells: Vec<&Cell> = zipped
            .filter(|(_, is_in)| **is_in)
            .map(|(c, _)| c)
            .collect();
        let attempts = Attempted::of(self.gate);
        let is_known = |cell: &&Cell| cell.known >= attempts.map_or(1, |attempts| attempts.k);
        let is_any_known = cells.iter().any(is_known);
        if side.ignores && attempts.is_some() && !is_any_known {
            return Err(Unmeasurable::TooFewTrials);
        }
        if cells.iter().all(|cell| cell.known == 0) {
            return Err(Unmeasurable::NoScores);
        }
        let aggregate = self.gate.metric.aggregate();
        let at = |end| match aggregate {
            // For changed rows this is the pass rate of the run.
            Aggregate::RowMean
            | Aggregate::Attempts(_)
            | Aggregate::ChangedRows(_)
            | Aggregate::Count(_) => mean(&cells, end, attempts).value(),
            Aggregate::Total => total(&cells, end),
            Aggregate::Percentile(share) => self.percentile(role, &cells, end, share),
        };
        let observed = at(End::Observed);
        let is_open = side.missing > 0 && !side.ignores;
        let (low, high) = if is_open {
            (at(End::Low), at(End::High))
        } else {
            (observed, observed)
        };
        let end = if is_open { End::Low } else { End::Observed };
        let column = self.gate.metric.column();
        let is_counted = matches!(
            column,
            Some(Kind::Truth | Kind::Scored | Kind::Anything | Kind::Tokens)
        );
        let steps = match aggregate {
            Aggregate::Total | Aggregate::Percentile(_) | Aggregate::Attempts(_) => None,
            Aggregate::RowMean | Aggregate::ChangedRows(_) | Aggregate::Count(_) => is_counted
                .then(|| mean(&cells, end, attempts).steps())
                .flatten(),
        };
        let is_sum = aggregate == Aggregate::Total;
        let is_tokens = column == Some(Kind::Tokens);
        Ok(Measure {
            observed: is_any_known.then_some(observed),
            low,
            high,
            scored: side.cells.iter().map(|cell| cell.scored(self.gate)).sum(),
            trials: side.cells.iter().map(|cell| cell.trials).sum(),
            rows: side.cells.len() as u64,
            ignores: side.ignores,
            exact: is_counted && (is_sum || steps.is_some() && !is_tokens),
            size: self.size(role),
            steps,
        })
    }

    /// The size of the largest score. It bounds the rounding error of a computed value.
    fn size(&self, role: Role) -> f64 {
        match self.gate.metric.column() {
            Some(Kind::Number | Kind::Cost | Kind::Latency | Kind::Tokens) => {}
            None => return 0.0,
            Some(_) => return 1.0,
        }
        let ends = self.rows.extremes(role, self.column, |_| true);
        ends.map_or(0.0, |(low, high)| low.abs().max(high.abs()))
    }

    /// A percentile of all trials of these rows. A removed row counts with as many trials as the baseline has of it.
    fn percentile(&self, role: Role, cells: &[&Cell], end: End, share: f64) -> f64 {
        let mut seconds = Vec::new();
        for cell in cells {
            let Some(row) = cell.row else {
                continue;
            };
            let scores = self.rows.scores(role, self.column, row).iter();
            seconds.extend(scores.enumerate().filter_map(|(trial, score)| {
                score.value().or_else(|| match end {
                    End::Observed => None,
                    End::Low => Some(self.elapsed(role, row, trial).unwrap_or(0.0)),
                    End::High => Some(f64::INFINITY),
                })
            }));
        }
        let fill = match end {
            End::Observed => None,
            End::Low => Some(0.0),
            End::High => Some(f64::INFINITY),
        };
        if let Some(fill) = fill {
            seconds.extend(std::iter::repeat_n(fill, self.removed_trials(cells)));
        }
        latency::percentile(share, &mut seconds)
    }

    fn removed_trials(&self, cells: &[&Cell]) -> usize {
        if cells.iter().all(|cell| cell.row.is_some()) {
            return 0;
        }
        let is_removed = |row: &usize| {
            self.selection.has(self.rows, *row) && self.rows.trials(Role::Candidate, *row) == 0
        };
        let removed = (0..self.rows.len()).filter(is_removed);
        removed
            .map(|row| self.rows.trials(Role::Baseline, row))
            .sum()
    }
}

/// The lowest and the highest possible value of a missing score.
pub(in crate::judge) fn ends(gate: &Gate) -> (f64, f64) {
    match gate.metric.definition().missing {
        MissingValue::Never => (0.0, 0.0),
        MissingValue::Counts(value) => (value, value),
        MissingValue::Between(low, high) => (low, high),
        MissingValue::InRange => gate.range.unwrap_or((f64::NEG_INFINITY, f64::INFINITY)),
    }
}

/// One run's rows of a check.
struct Side {
    cells: Vec<Cell>,
    /// The number of trials without a value. A removed row counts as one.
    missing: u64,
    /// Whether these trials are ignored.
    ignores: bool,
    /// The number of trials with a value that a row must have to count, if missing ones are ignored.
    fewest: u64,
}

impl Side {
    /// # Errors
    ///
    /// No row has a value.
    fn new(gate: &Gate, cells: Vec<Cell>) -> Result<Self, Unmeasurable> {
        let lacks = |cell: &Cell| cell.trials - cell.known;
        let mut fraction = Mean::default();
        for cell in &cells {
            fraction.add(cell, cell.trials, count(lacks(cell)));
        }
        let has_any = |cell: &Cell| {
            let is_covered = gate.metric.column() != Some(Kind::Scored) || cell.sum > 0.0;
            cell.row.is_some() && cell.known > 0 && is_covered
        };
        if !cells.iter().any(has_any) {
            return Err(Unmeasurable::NoScores);
        }
        let missing = cells.iter().map(lacks).sum();
        Ok(Self {
            ignores: missing > 0 && leaves_out(gate, fraction.value(), fraction.steps().is_some()),
            cells,
            missing,
            fewest: Attempted::of(gate).map_or(1, |attempts| attempts.k),
        })
    }

    /// Whether a row takes part in a comparison as far as this run is concerned.
    fn has(&self, cell: &Cell) -> bool {
        !self.ignores || cell.known >= self.fewest
    }
}

impl Cell {
    /// The number of trials that have a score, as reports count them.
    fn scored(&self, gate: &Gate) -> u64 {
        // For these columns, `known` counts the trials for which it is known whether they have a score.
        match gate.metric.column() {
            Some(Kind::Scored) => nearest_count(self.sum),
            Some(Kind::Anything) => self.trials - nearest_count(self.sum),
            _ => self.known,
        }
    }

    /// The number of trials that count at an end, and the sum of their values.
    fn at(&self, end: End) -> (u64, f64) {
        let missing = self.known < self.trials;
        match end {
            End::Low if missing => (self.trials, self.sum + self.low),
            End::High if missing => (self.trials, self.sum + self.high),
            _ => (self.known, self.sum),
        }
    }
}

/// The mean over rows of the mean of a row's trials, or of the chance of the attempts that the metric is about.
fn mean(cells: &[&Cell], end: End, attempts: Option<Attempted>) -> Mean {
    let mut mean = Mean::default();
    for cell in cells {
        let (trials, sum) = cell.at(end);
        match attempts.filter(|_| cell.row.is_some()) {
            None => mean.add(cell, trials, sum),
            Some(attempts) => {
                if let Some(chance) = attempts.chance(nearest_count(sum), trials) {
                    mean.add(cell, 1, chance);
                }
            }
        }
    }
    mean
}

fn total(cells: &[&Cell], end: End) -> f64 {
    cells.iter().map(|cell| cell.at(end).1).sum()
}

/// A mean of rows, computed from sums of trials that are grouped by the row's number of trials. If all rows have the
/// same number of trials, it is a single division of two counts, which is exact.
#[derive(Default)]
struct Mean {
    /// The sums of rows by their number of trials.
    sums: BTreeMap<u64, f64>,
    rows: u64,
    /// The sum over removed rows, each of which has the weight of one row.
    removed: f64,
}

impl Mean {
    fn add(&mut self, cell: &Cell, trials: u64, sum: f64) {
        if trials == 0 {
            return;
        }
        self.rows += 1;
        if cell.row.is_none() {
            self.removed += sum;
        } else {
            *self.sums.entry(trials).or_default() += sum;
        }
    }

    fn value(&self) -> f64 {
        if let (Some(steps), Some((trials, sum))) = (self.steps(), self.sums.first_key_value()) {
            let removed = if self.removed == 0.0 {
                0.0
            } else {
                self.removed * count(*trials)
            };
            return (sum + removed) / count(steps);
        }
        let sums = self.sums.iter();
        let sum: f64 = sums.map(|(trials, sum)| sum / count(*trials)).sum();
        (sum + self.removed) / count(self.rows)
    }

    /// The divisor of the value; `None` unless all rows have the same number of trials.
    fn steps(&self) -> Option<u64> {
        let mut trials = self.sums.keys();
        let (first, second) = (trials.next()?, trials.next());
        second.is_none().then(|| first * self.rows)
    }
}
