//! The columns of rows that a policy needs: scores, predict calls, and inputs.

use super::Totals;
use crate::input::Value;
pub use crate::policy::Kind;

/// A column of what trials have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Of the trials themselves: whether anything was scored, what the call of the model took and used.
    Run(Kind),
    /// Of their scores in a dimension.
    Dimension(String, Kind),
}

impl Column {
    /// The column of a dimension's scores, or of the trials themselves where there is no dimension.
    #[must_use]
    pub fn of(dimension: Option<&str>, kind: Kind) -> Self {
        match dimension {
            Some(name) => Self::Dimension(name.to_owned(), kind),
            None => Self::Run(kind),
        }
    }

    /// What is held.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Run(kind) | Self::Dimension(_, kind) => *kind,
        }
    }

    /// The dimension, if it is of one.
    #[must_use]
    pub fn dimension(&self) -> Option<&str> {
        match self {
            Self::Run(_) => None,
            Self::Dimension(name, _) => Some(name),
        }
    }
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
        Self {
            scores: vec![Column::Run(Kind::Latency), Column::Run(Kind::Cost)],
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
                column.kind(),
                Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost
            )
        };
        self.scores.iter().any(of_call)
    }

    /// Whether its price has to be known.
    #[must_use]
    pub fn need_costs(&self) -> bool {
        self.scores.iter().any(|column| column.kind() == Kind::Cost)
    }
}
