//! What is known of single rows: of two runs on the same rows, or of one.
//!
//! Columns hold numbers only, one for each trial: true is 1, false is 0, and a score that is missing is not a
//! number. A row is known by its place; rows are sorted by their digests.

use std::collections::BTreeSet;

use super::{Dimension, Totals};
use crate::number::{TOLERANCE, count};

/// What a column holds of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its truth values.
    Truth,
    /// Its numbers.
    Number,
    /// Whether it has any score: 1, and missing where it has none.
    Scored,
    /// Whether any dimension at all has a score; of no dimension of its own.
    Anything,
    /// Seconds of the trial's predict call; of no dimension.
    Latency,
}

/// Which columns are wanted, of the dimensions that there are.
pub type Wanted<'a> = dyn Fn(&BTreeSet<&str>) -> Vec<Column> + Sync + 'a;

/// A column of scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The dimension.
    pub dimension: String,
    /// What is held of it.
    pub kind: Kind,
}

/// The trials of one run, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
struct Trials {
    /// Where the trials of each row begin; one more than there are rows.
    starts: Vec<u32>,
    /// The columns' values, trial by trial.
    columns: Vec<Vec<f64>>,
}

/// Rows of one run or of two, with the columns that a policy needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    columns: Vec<Column>,
    digests: Vec<Box<str>>,
    candidate: Trials,
    baseline: Trials,
}

/// Whose trials are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The run on trial.
    Candidate,
    /// The run that it is compared with.
    Baseline,
}

impl Trials {
    fn new(columns: usize) -> Self {
        Self {
            starts: vec![0],
            columns: vec![Vec::new(); columns],
        }
    }

    /// Adds a trial to the row that is being read: its values, in the order of the columns.
    fn push(&mut self, values: &[f64]) {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value);
        }
    }

    /// Ends the row that is being read.
    fn end_row(&mut self, trials: u32) {
        let last = self.starts.last().copied().unwrap_or(0);
        self.starts.push(last.saturating_add(trials));
    }

    /// The values of a row's trials in a column.
    fn row(&self, column: usize, row: usize) -> &[f64] {
        let range = self.range(row);
        self.columns
            .get(column)
            .and_then(|values| values.get(range))
            .unwrap_or_default()
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let at = |place: usize| self.starts.get(place).map_or(0, |start| *start as usize);
        at(row)..at(row + 1)
    }
}

impl Rows {
    /// No rows yet.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        let trials = Trials::new(columns.len());
        Self {
            columns,
            digests: Vec::new(),
            candidate: trials.clone(),
            baseline: trials,
        }
    }

    /// The columns, in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows there are, those of both runs together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// The digest of the last row.
    #[must_use]
    pub fn last_digest(&self) -> Option<&str> {
        self.digests.last().map(AsRef::as_ref)
    }

    /// Adds a trial to the row that is being read.
    pub fn push(&mut self, role: Role, values: &[f64]) {
        self.trials_mut(role).push(values);
    }

    /// Ends the row that is being read: its digest, and how many trials of each run were added.
    pub fn end_row(&mut self, digest: &str, candidate: u32, baseline: u32) {
        self.digests.push(digest.into());
        self.candidate.end_row(candidate);
        self.baseline.end_row(baseline);
    }

    fn trials_mut(&mut self, role: Role) -> &mut Trials {
        match role {
            Role::Candidate => &mut self.candidate,
            Role::Baseline => &mut self.baseline,
        }
    }

    fn side(&self, role: Role) -> &Trials {
        match role {
            Role::Candidate => &self.candidate,
            Role::Baseline => &self.baseline,
        }
    }

    /// The place of a column.
    #[must_use]
    pub fn column(&self, dimension: &str, kind: Kind) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.kind == kind && column.dimension == dimension)
    }

    /// The values of a row's trials in a column; empty where the run lacks the row.
    #[must_use]
    pub fn values(&self, role: Role, column: usize, row: usize) -> &[f64] {
        self.side(role).row(column, row)
    }

    /// How many trials a run has of a row.
    #[must_use]
    pub fn trials(&self, role: Role, row: usize) -> usize {
        self.side(role).range(row).len()
    }

    /// Where a run's rows differ from its summary: the dimension, or the trials themselves. `None` where they
    /// agree.
    #[must_use]
    pub fn disagree(&self, role: Role, summary: &Totals) -> Option<String> {
        let rows = self.totals(role);
        if rows.trials != summary.trials {
            return Some(format!(
                "{} trials, {} in the summary",
                rows.trials, summary.trials
            ));
        }
        let none = Dimension::default();
        for column in &self.columns {
            let name = &column.dimension;
            let ours = rows.dimensions.get(name).unwrap_or(&none);
            let theirs = summary.dimensions.get(name).unwrap_or(&none);
            let agrees = match column.kind {
                Kind::Truth => (ours.passed, ours.judged) == (theirs.passed, theirs.judged),
                Kind::Number => {
                    let means = ours.mean.zip(theirs.mean);
                    ours.measured == theirs.measured
                        && means.is_none_or(|(ours, theirs)| {
                            (ours - theirs).abs() <= TOLERANCE * theirs.abs().max(1.0)
                        })
                }
                Kind::Scored => ours.scored == theirs.scored,
                Kind::Anything | Kind::Latency => true,
            };
            if !agrees && theirs.flaw.is_none() {
                return Some(name.clone());
            }
        }
        None
    }

    /// What a run's rows come to: counts and means of the columns, to be held against its summary.
    #[must_use]
    pub fn totals(&self, role: Role) -> Totals {
        let side = self.side(role);
        let mut totals = Totals {
            trials: u64::from(side.starts.last().copied().unwrap_or(0)),
            ..Totals::default()
        };
        for (column, values) in self.columns.iter().zip(&side.columns) {
            if matches!(column.kind, Kind::Anything | Kind::Latency) {
                continue;
            }
            let known: Vec<f64> = values
                .iter()
                .copied()
                .filter(|value| !value.is_nan())
                .collect();
            if known.is_empty() {
                continue;
            }
            let dimension = totals
                .dimensions
                .entry(column.dimension.clone())
                .or_default();
            let scored = known.len() as u64;
            match column.kind {
                Kind::Truth => {
                    dimension.judged = scored;
                    dimension.passed = known.iter().filter(|value| **value == 1.0).count() as u64;
                }
                Kind::Number => {
                    dimension.measured = scored;
                    dimension.mean = Some(known.iter().sum::<f64>() / count(scored));
                }
                Kind::Scored => dimension.scored = scored,
                Kind::Anything | Kind::Latency => {}
            }
        }
        totals
    }
}
