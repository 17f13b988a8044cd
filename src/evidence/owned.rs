//! A run with all of its rows in memory, which can be edited and judged again.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::columns::Columns;
use super::source::{RowSource, Take, unreadable};
use super::summary_builder::SummaryBuilder;
use super::trial::{RunRow, Trial};
use super::{Known, Run, Usage};
use crate::fault::Fault;

/// A run, and its rows in the order of their digests.
#[derive(Clone, Debug)]
pub struct OwnedRun {
    /// The run. Its counts follow the rows after [`OwnedRun::counted`].
    pub run: Run,
    /// Its rows.
    pub rows: Vec<OwnedRow>,
}

/// A row.
#[derive(Clone, Debug)]
pub struct OwnedRow {
    /// The digest of its content.
    pub digest: String,
    /// Its inputs, as JSON; `None` if they were not read.
    pub inputs: Option<Box<RawValue>>,
    /// Its trials.
    pub trials: Vec<OwnedTrial>,
}

/// A trial.
#[derive(Clone, Debug)]
pub struct OwnedTrial {
    /// The scorers' output, as a JSON object.
    pub scores: Box<RawValue>,
    /// Seconds of the predict call.
    pub latency: Option<f64>,
    /// Tokens of the predict call.
    pub tokens: Option<u64>,
    /// US dollars of the predict call.
    pub cost: Option<f64>,
    /// Whether the model returned something.
    pub has_output: bool,
    call: String,
    predict_call: Option<String>,
    output: Option<Box<RawValue>>,
    whole_trial_tokens: Option<u64>,
}

impl OwnedTrial {
    /// The scorers' output.
    #[must_use]
    pub fn score_map(&self) -> Map<String, Value> {
        serde_json::from_str(self.scores.get()).unwrap_or_default()
    }

    /// Replaces the scorers' output.
    pub fn set_scores(&mut self, scores: &Map<String, Value>) {
        // A map of JSON values is always valid JSON.
        if let Ok(scores) = to_raw_value(scores) {
            self.scores = scores;
        }
    }

    /// Removes the output, as if the model had crashed.
    pub fn crash(&mut self) {
        self.has_output = false;
        self.output = None;
        self.set_scores(&Map::new());
    }

    fn borrowed(&self) -> Trial<'_> {
        Trial {
            predict_and_score_call_id: self.call.as_str().into(),
            predict_call_id: self.predict_call.as_deref().map(Into::into),
            model_output: self.output.as_deref(),
            has_output: self.has_output.then_some(true),
            scores: &self.scores,
            model_latency_seconds: self.latency,
            total_tokens: self.tokens,
            total_cost: self.cost,
            whole_trial_tokens: self.whole_trial_tokens,
        }
    }
}

impl OwnedRun {
    /// Reads all rows of a run: with inputs and outputs, or only with its numbers.
    ///
    /// # Errors
    ///
    /// The rows cannot be read.
    pub fn read(run: Run, source: &dyn RowSource, with_texts: bool) -> Result<Self, Fault> {
        let columns = if with_texts {
            Columns::everything()
        } else {
            Columns::numbers()
        };
        let mut rows = Vec::new();
        source.each(&columns, &mut |row| {
            rows.push(owned(row));
            Ok(())
        })?;
        Self { run, rows }.counted()
    }

    /// The same run with the counts of its rows.
    ///
    /// # Errors
    ///
    /// The scores of a trial are not a JSON object without duplicate keys.
    pub fn counted(mut self) -> Result<Self, Fault> {
        let mut builder = SummaryBuilder::default();
        let mut usage = Usage::default();
        let (mut reported, mut priced) = (0, 0);
        for row in &self.rows {
            for trial in &row.trials {
                let added = builder.trial(&trial.borrowed());
                added.map_err(|error| unreadable(&error))?;
                reported += u64::from(trial.tokens.is_some());
                priced += u64::from(trial.cost.is_some());
            }
            builder.end_row();
        }
        let mut tokens = builder.without_call();
        let mut totals = builder.totals();
        let counted = totals.usage.unwrap_or_default();
        tokens.tokens = match (tokens.tokens, counted.tokens) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        usage.tokens = tokens.tokens;
        usage.cost = counted.cost;
        (usage.reported, usage.priced) = (Some(reported), Some(priced));
        totals.usage = Some(usage);
        totals.adopt_flaws(&self.run.totals);
        self.run.rows = self.rows.len() as u64;
        let digests = self.rows.iter();
        let digests = digests.map(|row| (row.digest.clone(), row.trials.len() as u64));
        self.run.digests = Some(digests.collect());
        self.run.totals = totals;
        Ok(self)
    }

    /// The run and the source of its rows, as evidence is made of them.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known {
            run: self.run.clone(),
            rows: Some(self),
        }
    }
}

impl RowSource for OwnedRun {
    fn each(&self, _: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        self.rows.iter().try_for_each(|row| {
            take(&RunRow {
                row_digest: row.digest.as_str().into(),
                raw_data_row: row.inputs.as_deref(),
                trials: row.trials.iter().map(OwnedTrial::borrowed).collect(),
            })
        })
    }
}

fn owned(row: &RunRow<'_>) -> OwnedRow {
    OwnedRow {
        digest: row.row_digest.clone().into_owned(),
        inputs: row.raw_data_row.map(ToOwned::to_owned),
        trials: row.trials.iter().map(owned_trial).collect(),
    }
}

fn owned_trial(trial: &Trial<'_>) -> OwnedTrial {
    OwnedTrial {
        scores: trial.scores.to_owned(),
        latency: trial.model_latency_seconds,
        tokens: trial.total_tokens,
        cost: trial.total_cost,
        has_output: !trial.has_no_output(),
        call: trial.predict_and_score_call_id.clone().into_owned(),
        predict_call: trial
            .predict_call_id
            .as_ref()
            .map(|id| id.clone().into_owned()),
        output: trial.model_output.map(ToOwned::to_owned),
        whole_trial_tokens: trial.whole_trial_tokens,
    }
}
