//! The columns of rows that a policy needs: scores, predict calls, and inputs.

use super::Totals;
use crate::input::Value;
pub use crate::policy::Kind;

/// A column of scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The dimension.
    pub dimension: String,
    /// What is held of it.
    pub kind: Kind,
}

/// An input of the dataset's rows, by which they are sliced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name, or a dotted path.
    pub path: String,
    /// Values that are told from others however many there are.
    pub named: Vec<Value>,
}

/// What is kept of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Of the trials.
    pub scores: Vec<Column>,
    /// Of the inputs.
    pub inputs: Vec<Input>,
    /// Patterns of dimensions: one that is in the rows and in no summary contradicts the summaries.
    pub patterns: Vec<String>,
}

/// Which columns are wanted, of runs of which the totals are known.
pub type Wanted<'a> = dyn Fn(&[&Totals]) -> Columns + Sync + 'a;

impl Columns {
    /// Columns that need all that rows can come with.
    #[must_use]
    pub fn everything() -> Self {
        let of_trial = |kind| Column {
            dimension: String::new(),
            kind,
        };
        Self {
            scores: vec![of_trial(Kind::Latency), of_trial(Kind::Cost)],
            inputs: vec![Input {
                path: String::new(),
                named: Vec::new(),
            }],
            patterns: Vec::new(),
        }
    }

    /// Columns that need all of rows but their inputs.
    #[must_use]
    pub fn numbers() -> Self {
        Self {
            inputs: Vec::new(),
            ..Self::everything()
        }
    }

    /// Whether no row is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty() && self.inputs.is_empty()
    }

    /// Adds what is not there yet.
    pub fn add(&mut self, other: Self) {
        for column in other.scores {
            if !self.scores.contains(&column) {
                self.scores.push(column);
            }
        }
        for pattern in other.patterns {
            if !self.patterns.contains(&pattern) {
                self.patterns.push(pattern);
            }
        }
        for input in other.inputs {
            let known = self
                .inputs
                .iter_mut()
                .find(|known| known.path == input.path);
            match known {
                Some(known) => {
                    for value in input.named {
                        if !known.named.contains(&value) {
                            known.named.push(value);
                        }
                    }
                }
                None => self.inputs.push(input),
            }
        }
    }

    /// Whether a trial's predict call has to be known.
    #[must_use]
    pub fn need_calls(&self) -> bool {
        let of_call = |column: &Column| {
            matches!(
                column.kind,
                Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost
            )
        };
        self.scores.iter().any(of_call)
    }

    /// Whether its price has to be known.
    #[must_use]
    pub fn need_costs(&self) -> bool {
        self.scores.iter().any(|column| column.kind == Kind::Cost)
    }
}
