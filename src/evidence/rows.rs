//! The scores of single rows, of one run or of two.
//!
//! A column holds one score for each trial. A row is identified by its index; rows are sorted by digest.

use std::collections::HashMap;

use super::columns::{Column, Columns, Input, Kind};
use super::score::Score;
use crate::input::{self, Unresolved, Value};

/// The maximum number of values of one input that are judged one by one.
pub const MOST_VALUES: usize = 50;

/// The maximum number of values of one input that are distinguished from each other.
const MOST_TOLD: usize = 50_000;
/// The code of a row that lacks the input.
const ABSENT: u32 = u32::MAX;
/// The code of a value that is not distinguished from other values.
const OTHER: u32 = u32::MAX - 1;

/// The values of one input, row by row.
#[derive(Clone, Debug, PartialEq)]
struct Sorts {
    path: String,
    /// The distinguished values: first the values that the policy names, then the others in order of appearance.
    values: Vec<Value>,
    /// The index of each value in `values`.
    places: HashMap<Value, u32>,
    /// The number of values that the policy names.
    named: usize,
    /// Whether all values are distinguished.
    is_cluster: bool,
    /// For each row an index into `values`, or `ABSENT`, or `OTHER`.
    codes: Vec<u32>,
}

impl Sorts {
    fn new(input: Input) -> Self {
        let mut sorts = Self {
            path: input.path,
            values: Vec::new(),
            places: HashMap::new(),
            named: 0,
            is_cluster: input.is_cluster,
            codes: Vec::new(),
        };
        for value in input.named {
            sorts.learn(value);
        }
        sorts.named = sorts.values.len();
        sorts
    }

    fn push(&mut self, value: Option<Value>) {
        let code = value.map_or(ABSENT, |value| {
            let known = self.places.get(&value).copied();
            known.unwrap_or_else(|| {
                let has_space = !value.is_long() && self.values.len() - self.named < MOST_TOLD;
                if self.is_cluster || has_space {
                    self.learn(value)
                } else {
                    OTHER
                }
            })
        });
        self.codes.push(code);
    }

    /// Assigns an index to a value, or `OTHER` if no index is left.
    fn learn(&mut self, value: Value) -> u32 {
        match u32::try_from(self.values.len()) {
            Ok(place) if place < OTHER => {
                self.values.push(value.clone());
                self.places.insert(value, place);
                place
            }
            _ => OTHER,
        }
    }

    fn value(&self, code: u32) -> Option<&Value> {
        self.values.get(code as usize)
    }

    fn input(&self) -> Input {
        Input {
            path: self.path.clone(),
            named: self.values.iter().take(self.named).cloned().collect(),
            is_cluster: self.is_cluster,
        }
    }
}

/// What a row has for one of its inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// The row has the input, with this value.
    Value(Value),
    /// The row lacks the input.
    Absent,
    /// The row has a value that is not distinguished from other values.
    Other,
}

/// The trials of one run, ordered by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trials {
    /// The index of each row's first trial, followed by the total number of trials.
    starts: Vec<u32>,
    /// For each column one score per trial.
    pub(super) columns: Vec<Vec<Score>>,
    /// The trials without a predict call.
    pub(super) without_call: WithoutCall,
}

/// Trials that have no predict call, so that the model's own usage is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WithoutCall {
    /// The number of these trials.
    pub trials: u64,
    /// Tokens of the model and the scorers together; `None` if no trial reports any.
    pub tokens: Option<u64>,
}

impl WithoutCall {
    /// Adds the trials of another count.
    pub fn add(&mut self, other: Self) {
        self.trials = self.trials.saturating_add(other.trials);
        self.tokens = match (self.tokens, other.tokens) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
    }
}

/// Rows of one run or of two, with the columns that a policy needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    columns: Vec<Column>,
    inputs: Vec<Sorts>,
    /// The input names of the first row.
    input_names: Vec<String>,
    digests: Vec<Box<str>>,
    candidate: Trials,
    baseline: Trials,
}

/// Which of the two compared runs is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The run that is judged.
    Candidate,
    /// The run that the candidate is compared with.
    Baseline,
}

impl Role {
    /// The role's name in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Baseline => "baseline",
        }
    }
}

impl Trials {
    fn new(columns: usize) -> Self {
        Self {
            starts: vec![0],
            columns: vec![Vec::new(); columns],
            without_call: WithoutCall::default(),
        }
    }

    /// Adds a trial to the current row. `values` are in the order of the columns.
    fn push(&mut self, values: &[Score]) {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(*value);
        }
    }

    /// Ends the current row.
    fn end_row(&mut self, trials: u32) {
        let last = self.starts.last().copied().unwrap_or(0);
        self.starts.push(last.saturating_add(trials));
    }

    /// The scores of a row's trials in a column.
    fn row(&self, column: usize, row: usize) -> &[Score] {
        let range = self.range(row);
        self.columns
            .get(column)
            .and_then(|values| values.get(range))
            .unwrap_or_default()
    }

    pub(super) fn range(&self, row: usize) -> std::ops::Range<usize> {
        let at = |place: usize| self.starts.get(place).map_or(0, |start| *start as usize);
        at(row)..at(row + 1)
    }
}

impl Rows {
    /// An empty set of rows with these columns.
    #[must_use]
    pub fn new(columns: Columns) -> Self {
        let trials = Trials::new(columns.scores.len());
        Self {
            columns: columns.scores,
            inputs: columns.inputs.into_iter().map(Sorts::new).collect(),
            input_names: Vec::new(),
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

    /// Whether the rows have all of these columns and inputs.
    #[must_use]
    pub fn has(&self, columns: &Columns) -> bool {
        let inputs = &columns.inputs;
        columns
            .scores
            .iter()
            .all(|column| self.columns.contains(column))
            && inputs.iter().all(|input| self.input(&input.path).is_some())
    }

    /// The number of rows that at least one of the two runs has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Adds a trial to the current row.
    pub fn push(&mut self, role: Role, values: &[Score]) {
        self.trials_mut(role).push(values);
    }

    /// Adds a count of trials without a predict call.
    pub fn add_without_call(&mut self, role: Role, trials: WithoutCall) {
        self.trials_mut(role).without_call.add(trials);
    }

    /// The trials of a run that have no predict call. Empty if the predict calls were not requested.
    #[must_use]
    pub fn without_call(&self, role: Role) -> WithoutCall {
        self.side(role).without_call
    }

    /// Ends the current row. Takes the row's digest and the number of trials that were added for each run.
    pub fn end_row(&mut self, digest: &str, candidate: u32, baseline: u32) {
        self.digests.push(digest.into());
        self.candidate.end_row(candidate);
        self.baseline.end_row(baseline);
    }

    /// Whether the rows must be read with their inputs.
    #[must_use]
    pub fn wants_inputs(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Adds the inputs of the current row.
    ///
    /// # Errors
    ///
    /// A needed input is an unresolved reference.
    pub fn push_inputs(&mut self, row: &serde_json::Value) -> Result<(), Unresolved> {
        if self.digests.is_empty() {
            let names = row.as_object().into_iter().flatten();
            self.input_names = names.map(|(name, _)| name.clone()).collect();
        }
        for sorts in &mut self.inputs {
            sorts.push(input::find(row, &sorts.path)?.and_then(Value::of));
        }
        Ok(())
    }

    /// The available input names, taken from the first row.
    #[must_use]
    pub fn input_names(&self) -> &[String] {
        &self.input_names
    }

    /// The index of an input.
    #[must_use]
    pub fn input(&self, path: &str) -> Option<usize> {
        self.inputs.iter().position(|sorts| sorts.path == path)
    }

    /// What a row has for an input.
    #[must_use]
    pub fn sort(&self, input: usize, row: usize) -> Sort {
        let sorts = self.inputs.get(input);
        let code = sorts.and_then(|sorts| sorts.codes.get(row)).copied();
        match (code, sorts) {
            (Some(ABSENT) | None, _) | (_, None) => Sort::Absent,
            (Some(code), Some(sorts)) => match sorts.value(code) {
                Some(value) => Sort::Value(value.clone()),
                None => Sort::Other,
            },
        }
    }

    /// The code of a row's value for an input; `None` if the row lacks the input or its value is not distinguished.
    #[must_use]
    pub fn value_code(&self, input: usize, row: usize) -> Option<u32> {
        let sorts = self.inputs.get(input)?;
        let code = sorts.codes.get(row).copied()?;
        (code < OTHER).then_some(code)
    }

    /// Whether a row's code for an input is one of these codes. The code of `Absent` matches rows that lack the input.
    #[must_use]
    pub fn is_any_of(&self, input: usize, row: usize, codes: &[u32]) -> bool {
        let code = self
            .inputs
            .get(input)
            .and_then(|sorts| sorts.codes.get(row));
        code.is_some_and(|code| codes.contains(code))
    }

    /// The code of a value of an input; `None` if no row can have this value.
    #[must_use]
    pub fn code(&self, input: usize, sort: &Sort) -> Option<u32> {
        match sort {
            Sort::Absent => Some(ABSENT),
            Sort::Other => Some(OTHER),
            Sort::Value(value) => {
                let sorts = self.inputs.get(input)?;
                sorts.places.get(value).copied()
            }
        }
    }

    /// Joins the rows of two runs on their digests. Each run was read as a candidate, with the same columns.
    ///
    /// # Errors
    ///
    /// A row has different inputs in the two runs. The error is the row's digest.
    pub fn joined(candidate: &Self, baseline: &Self) -> Result<Self, String> {
        let columns = Columns {
            scores: candidate.columns.clone(),
            inputs: candidate.inputs.iter().map(Sorts::input).collect(),
            patterns: Vec::new(),
        };
        let mut joined = Self::new(columns);
        joined.candidate.without_call = candidate.candidate.without_call;
        joined.baseline.without_call = baseline.candidate.without_call;
        // The names are those of the first row, as if both runs had been read together.
        let first = match (candidate.digests.first(), baseline.digests.first()) {
            (Some(ours), Some(theirs)) if theirs < ours => baseline,
            (None, Some(_)) => baseline,
            _ => candidate,
        };
        joined.input_names.clone_from(&first.input_names);
        let (mut ours, mut theirs) = (0, 0);
        let digest = |rows: &Self, row: usize| rows.digests.get(row).cloned();
        loop {
            let (one, other) = (digest(candidate, ours), digest(baseline, theirs));
            let order = match (&one, &other) {
                (None, None) => return Ok(joined),
                (Some(one), Some(other)) => one.cmp(other),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
            };
            let of_ours = order.is_le().then_some(ours);
            let of_theirs = order.is_ge().then_some(theirs);
            let took = joined.take(Role::Candidate, candidate, of_ours);
            let took_other = joined.take(Role::Baseline, baseline, of_theirs);
            let source = of_ours.map_or((baseline, theirs), |row| (candidate, row));
            for (place, sorts) in joined.inputs.iter_mut().enumerate() {
                // The digest is computed from the row's content, so equal digests must have equal inputs.
                if order.is_eq() && candidate.sort(place, ours) != baseline.sort(place, theirs) {
                    return Err(one.unwrap_or_default().into_string());
                }
                match source.0.sort(place, source.1) {
                    Sort::Value(value) => sorts.push(Some(value)),
                    Sort::Absent => sorts.push(None),
                    Sort::Other => sorts.codes.push(OTHER),
                }
            }
            let name = if order.is_le() { one } else { other };
            joined.end_row(&name.unwrap_or_default(), took, took_other);
            ours += usize::from(order.is_le());
            theirs += usize::from(order.is_ge());
        }
    }

    /// Pools the rows of several runs, the oldest first. Each run was read as a candidate, with the same columns. A
    /// row gets the trials of all runs. A run that lacks the row adds one trial without any score.
    ///
    /// # Errors
    ///
    /// A row has different inputs in two runs. The error is the row's digest.
    pub fn pooled(runs: &[Self]) -> Result<Self, String> {
        let Some(first) = runs.first() else {
            return Ok(Self::new(Columns::default()));
        };
        let mut pooled = Self::new(Columns {
            scores: first.columns.clone(),
            inputs: first.inputs.iter().map(Sorts::input).collect(),
            patterns: Vec::new(),
        });
        pooled.input_names.clone_from(&first.input_names);
        for run in runs {
            pooled.add_without_call(Role::Candidate, run.candidate.without_call);
        }
        let missing = vec![Score::MISSING; first.columns.len()];
        let mut places = vec![0; runs.len()];
        loop {
            let digests = runs.iter().zip(&places);
            let next = digests
                .filter_map(|(run, place)| run.digests.get(*place))
                .min();
            let Some(digest) = next.cloned() else {
                return Ok(pooled);
            };
            let mut trials = 0_u32;
            let mut source: Option<(&Self, usize)> = None;
            for (run, place) in runs.iter().zip(&mut places) {
                if run.digests.get(*place) != Some(&digest) {
                    pooled.push(Role::Candidate, &missing);
                    trials = trials.saturating_add(1);
                    continue;
                }
                let (known, at) = *source.get_or_insert((run, *place));
                let differs = |input| known.sort(input, at) != run.sort(input, *place);
                if (0..run.inputs.len()).any(differs) {
                    return Err(digest.into_string());
                }
                trials = trials.saturating_add(pooled.take(Role::Candidate, run, Some(*place)));
                *place += 1;
            }
            let (source, at) = source.unwrap_or((first, 0));
            for (input, sorts) in pooled.inputs.iter_mut().enumerate() {
                match source.sort(input, at) {
                    Sort::Value(value) => sorts.push(Some(value)),
                    Sort::Absent => sorts.push(None),
                    Sort::Other => sorts.codes.push(OTHER),
                }
            }
            pooled.end_row(&digest, trials, 0);
        }
    }

    /// Whether two runs have a row in common. Each run was read as a candidate.
    #[must_use]
    pub fn share_a_row(&self, other: &Self) -> bool {
        // Both lists of digests are sorted.
        let (mut ours, mut theirs) = (
            self.digests.iter().peekable(),
            other.digests.iter().peekable(),
        );
        while let (Some(one), Some(two)) = (ours.peek(), theirs.peek()) {
            match one.cmp(two) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => drop(ours.next()),
                std::cmp::Ordering::Greater => drop(theirs.next()),
            }
        }
        false
    }

    /// The digests of the rows, each with the candidate's number of trials.
    #[must_use]
    pub fn digests(&self) -> std::collections::BTreeMap<String, u64> {
        let rows = self.digests.iter().enumerate();
        rows.map(|(row, digest)| (digest.to_string(), self.trials(Role::Candidate, row) as u64))
            .collect()
    }

    /// Copies the trials of a row from another run, if that run has the row. Returns the number of trials.
    fn take(&mut self, role: Role, from: &Self, row: Option<usize>) -> u32 {
        let Some(row) = row else {
            return 0;
        };
        let range = from.candidate.range(row);
        for trial in range.clone() {
            let values: Vec<Score> = from
                .candidate
                .columns
                .iter()
                .map(|column| column.get(trial).copied().unwrap_or(Score::MISSING))
                .collect();
            self.push(role, &values);
        }
        u32::try_from(range.len()).unwrap_or(u32::MAX)
    }

    /// The digest of a row.
    #[must_use]
    pub fn digest(&self, row: usize) -> &str {
        self.digests.get(row).map_or("", AsRef::as_ref)
    }

    fn trials_mut(&mut self, role: Role) -> &mut Trials {
        match role {
            Role::Candidate => &mut self.candidate,
            Role::Baseline => &mut self.baseline,
        }
    }

    pub(super) fn side(&self, role: Role) -> &Trials {
        match role {
            Role::Candidate => &self.candidate,
            Role::Baseline => &self.baseline,
        }
    }

    /// The index of a dimension's column, or of a column of the trials themselves if there is no dimension.
    #[must_use]
    pub fn column(&self, dimension: Option<&str>, kind: Kind) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.kind() == kind && column.dimension() == dimension)
    }

    /// The scores of a row's trials in a column; empty if the run lacks the row.
    #[must_use]
    pub fn scores(&self, role: Role, column: usize, row: usize) -> &[Score] {
        self.side(role).row(column, row)
    }

    /// The number of trials that a run has of a row.
    #[must_use]
    pub fn trials(&self, role: Role, row: usize) -> usize {
        self.side(role).range(row).len()
    }
}
