//! The columns of rows that a policy needs: scores, predict calls, and inputs.

use super::Totals;
use crate::input::Value;
pub use crate::policy::Kind;

/// A column of rows: one value for each trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// A value of the trial itself: whether anything was scored, or what the model's call took and used.
    Run(Kind),
    /// A score of a dimension.
    Dimension(String, Kind),
}

impl Column {
    /// The column of a dimension's scores, or of the trials themselves if there is no dimension.
    #[must_use]
    pub fn of(dimension: Option<&str>, kind: Kind) -> Self {
        match dimension {
            Some(name) => Self::Dimension(name.to_owned(), kind),
            None => Self::Run(kind),
        }
    }

    /// The kind of value in the column.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Run(kind) | Self::Dimension(_, kind) => *kind,
        }
    }

    /// The dimension; `None` for a column of the trials themselves.
    #[must_use]
    pub fn dimension(&self) -> Option<&str> {
        match self {
            Self::Run(_) => None,
            Self::Dimension(name, _) => Some(name),
        }
    }
}

/// An input of the dataset's rows that defines slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name, or a dotted path.
    pub path: String,
    /// Values that are always distinguished from other values, however many values there are.
    pub named: Vec<Value>,
    /// Whether its value tells the cluster of a row, so that all values are distinguished, however many there are.
    pub is_cluster: bool,
}

/// The parts of rows that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The columns of the trials.
    pub scores: Vec<Column>,
    /// The inputs of the rows.
    pub inputs: Vec<Input>,
    /// Patterns of dimensions. If a dimension in the rows matches a pattern and is in no summary, the rows contradict
    /// the summaries.
    pub patterns: Vec<String>,
}

/// Chooses the columns to read for runs whose totals are known.
pub type Wanted<'a> = dyn Fn(&[&Totals]) -> Columns + Sync + 'a;

impl Columns {
    /// Columns that need everything that rows can contain.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            scores: vec![Column::Run(Kind::Latency), Column::Run(Kind::Cost)],
            inputs: vec![Input {
                path: String::new(),
                named: Vec::new(),
                is_cluster: false,
            }],
            patterns: Vec::new(),
        }
    }

    /// Columns that need everything in the rows except their inputs.
    #[must_use]
    pub fn numbers() -> Self {
        Self {
            inputs: Vec::new(),
            ..Self::everything()
        }
    }

    /// Whether no row must be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty() && self.inputs.is_empty()
    }

    /// Adds the columns that are missing here.
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
                    known.is_cluster |= input.is_cluster;
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

    /// Whether the predict call of each trial must be known.
    #[must_use]
    pub fn need_calls(&self) -> bool {
        self.scores.iter().any(is_of_call)
    }

    /// The same columns without those for which the predict call of each trial must be known.
    #[must_use]
    pub fn without_calls(&self) -> Self {
        let mut without = self.clone();
        without.scores.retain(|column| !is_of_call(column));
        without
    }

    /// Whether the cost of each trial must be known.
    #[must_use]
    pub fn need_costs(&self) -> bool {
        self.scores.iter().any(|column| column.kind() == Kind::Cost)
    }
}

/// Whether a column is of a trial's predict call.
fn is_of_call(column: &Column) -> bool {
    matches!(
        column.kind(),
        Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost
    )
}
