//! Compares the sums of rows with the summary.

use super::columns::{Column, Kind};
use super::rows::{Role, Rows, WithoutCall};
use super::{Dimension, Totals};
use crate::number::{TOLERANCE, count, nearest_count};

impl Rows {
    /// The first difference between a run's rows and its summary: a dimension, or the number of rows or trials.
    /// `count` is the number of rows in the summary. `None` if they agree.
    #[must_use]
    pub fn disagree(&self, role: Role, count: u64, summary: &Totals) -> Option<String> {
        let (rows, counted) = self.totals_of(role, |_| true);
        if counted != count {
            return Some(format!("{counted} rows, {count} in the summary"));
        }
        if rows.trials != summary.trials {
            return Some(format!(
                "{} trials, {} in the summary",
                rows.trials, summary.trials
            ));
        }
        let none = Dimension::default();
        for column in self.columns() {
            let name = column.dimension().unwrap_or_default();
            let ours = rows.dimensions.get(name).unwrap_or(&none);
            let theirs = summary.dimensions.get(name).unwrap_or(&none);
            let agrees = match column.kind() {
                Kind::Truth => (ours.passed, ours.judged) == (theirs.passed, theirs.judged),
                Kind::Number => {
                    let means = ours.mean.zip(theirs.mean);
                    ours.measured == theirs.measured
                        && means.is_none_or(|(ours, theirs)| {
                            (ours - theirs).abs() <= TOLERANCE * theirs.abs().max(1.0)
                        })
                }
                Kind::Scored => ours.scored == theirs.scored,
                Kind::Tokens | Kind::Cost => {
                    let (ours, theirs) = (rows.usage, summary.usage);
                    let (Some(ours), Some(theirs)) = (ours, theirs) else {
                        continue;
                    };
                    match column.kind() {
                        // The server's sum includes the scorers' tokens if a trial has no predict call.
                        Kind::Tokens => {
                            let mut sum = self.without_call(role);
                            sum.add(WithoutCall {
                                trials: 0,
                                tokens: ours.tokens,
                            });
                            sum.tokens == theirs.tokens
                        }
                        _ => match (ours.cost, theirs.cost) {
                            (Some(ours), Some(theirs)) => {
                                (ours - theirs).abs() <= TOLERANCE * theirs.abs().max(1.0)
                            }
                            (ours, theirs) => ours.is_none() && theirs.is_none(),
                        },
                    }
                }
                Kind::Anything => {
                    let (least, most) = summary.fewest_and_most_scored();
                    let scored = rows.scored_trials;
                    scored.is_none_or(|scored| (least..=most).contains(&scored))
                }
                Kind::Latency | Kind::Elapsed => true,
            };
            if !agrees && theirs.flaw.is_none() {
                return Some(match column.kind() {
                    Kind::Anything => "trials without any score".to_owned(),
                    Kind::Tokens => "tokens".to_owned(),
                    Kind::Cost => "cost".to_owned(),
                    _ => name.to_owned(),
                });
            }
        }
        None
    }

    /// The lowest and the highest known value of the selected rows in a column.
    #[must_use]
    pub fn extremes(
        &self,
        role: Role,
        column: usize,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Option<(f64, f64)> {
        let scores = (0..self.len())
            .filter(|row| is_wanted(*row))
            .flat_map(|row| self.scores(role, column, row));
        scores
            .filter_map(|score| score.value())
            .fold(None, |ends, value| {
                let (low, high) = ends.unwrap_or((value, value));
                Some((low.min(value), high.max(value)))
            })
    }

    /// The totals of a run's rows: counts and means of the columns, for the comparison with its summary.
    #[must_use]
    pub fn totals(&self, role: Role) -> Totals {
        self.totals_of(role, |_| true).0
    }

    /// The totals of the selected rows of a run, and the number of selected rows that the run has.
    #[must_use]
    pub fn totals_of(&self, role: Role, is_wanted: impl Fn(usize) -> bool) -> (Totals, u64) {
        let side = self.side(role);
        let mut totals = Totals::default();
        let mut rows = 0;
        let mut sums = vec![ColumnSums::default(); self.columns().len()];
        for row in (0..self.len()).filter(|row| is_wanted(*row)) {
            let range = side.range(row);
            rows += u64::from(!range.is_empty());
            totals.trials += range.len() as u64;
            for (sum, column) in sums.iter_mut().zip(&side.columns) {
                let values = column.get(range.clone()).unwrap_or_default();
                for value in values.iter().filter_map(|score| score.value()) {
                    sum.add(value);
                }
            }
        }
        totals.rows = rows;
        for (column, sum) in self.columns().iter().zip(sums) {
            totals.take(column, sum);
        }
        (totals, rows)
    }
}

/// The sums of a column's known values.
#[derive(Clone, Copy, Default)]
struct ColumnSums {
    known: u64,
    /// The number of values that are 1, which means true.
    ones: u64,
    total: f64,
}

impl ColumnSums {
    fn add(&mut self, value: f64) {
        self.known += 1;
        self.ones += u64::from(value == 1.0);
        self.total += value;
    }
}

impl Totals {
    /// Adds the sums of a column to these totals.
    fn take(&mut self, column: &Column, sum: ColumnSums) {
        match column.kind() {
            Kind::Anything => {
                self.exact_unscored = Some(self.trials - sum.known);
                self.scored_trials = Some(sum.ones);
            }
            Kind::Latency | Kind::Elapsed => {}
            Kind::Tokens => {
                let usage = self.usage.get_or_insert_default();
                usage.tokens = (sum.known > 0).then(|| nearest_count(sum.total));
                usage.reported = Some(sum.known);
            }
            Kind::Cost => {
                let usage = self.usage.get_or_insert_default();
                usage.cost = (sum.known > 0).then_some(sum.total);
                usage.priced = Some(sum.known);
            }
            Kind::Truth | Kind::Number | Kind::Scored if sum.known == 0 => {}
            Kind::Truth | Kind::Number | Kind::Scored => {
                let name = column.dimension().unwrap_or_default().to_owned();
                let dimension = self.dimensions.entry(name).or_default();
                match column.kind() {
                    Kind::Truth => (dimension.judged, dimension.passed) = (sum.known, sum.ones),
                    Kind::Number => {
                        dimension.measured = sum.known;
                        dimension.mean = Some(sum.total / count(sum.known));
                    }
                    _ => dimension.scored = sum.known,
                }
            }
        }
    }
}
