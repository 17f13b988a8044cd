//! What stands in a few rows: inputs and outputs, to be shown and not to be judged.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::rows::Role;
use super::trial::{RunRow, Trial};

/// Longer texts are cut, in characters.
const LONGEST: usize = 16_384;

/// Rows by their digests.
pub type Details = BTreeMap<String, Detail>;

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// Its inputs; null where they could not be had.
    pub inputs: Value,
    /// The candidate's trials.
    pub candidate: Vec<Answer>,
    /// The baseline's trials.
    pub baseline: Vec<Answer>,
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The call whose page in Weave shows it.
    pub call: String,
    /// What the model answered.
    pub output: Value,
    /// What the scorers said.
    pub scores: Value,
}

impl Detail {
    /// Takes in a run's part of the row.
    pub fn take(&mut self, role: Role, row: &RunRow<'_>) {
        if self.inputs.is_null() {
            self.inputs = row.raw_data_row.map(read).unwrap_or_default();
        }
        let answers = row.trials.iter().map(answer);
        match role {
            Role::Candidate => self.candidate.extend(answers),
            Role::Baseline => self.baseline.extend(answers),
        }
    }
}

fn answer(trial: &Trial<'_>) -> Answer {
    Answer {
        call: trial.predict_and_score_call_id.clone().into_owned(),
        output: trial.model_output.map(read).unwrap_or_default(),
        scores: read(trial.scores),
    }
}

/// A value of reasonable size; of a larger one the beginning, as text.
fn read(raw: &RawValue) -> Value {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    if raw.get().len() <= LONGEST {
        return value;
    }
    let text = match &value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Value::String(text.get(..end).unwrap_or_default().to_owned() + "…"),
        None => value,
    }
}
