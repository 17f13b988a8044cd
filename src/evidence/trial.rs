//! A row and its trials as Weave sends them and as snapshots store them. Texts are borrowed, and JSON is decoded only
//! when it is needed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::objects;

/// One trial of a row.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Trial<'a> {
    /// The id of the `predict_and_score` call. Its page in Weave shows the trial.
    #[serde(borrow, default)]
    pub predict_and_score_call_id: Cow<'a, str>,
    /// The id of the model's own call; `None` if it was not requested.
    #[serde(borrow, default)]
    pub predict_call_id: Option<Cow<'a, str>>,
    /// The model's output, as JSON.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub model_output: Option<&'a RawValue>,
    /// Whether there was an output; set when the output is removed from the trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_output: Option<bool>,
    /// The scorers' output, as JSON.
    #[serde(borrow)]
    pub scores: &'a RawValue,
    /// Seconds of the predict call.
    #[serde(default)]
    pub model_latency_seconds: Option<f64>,
    /// Tokens of the predict call.
    #[serde(default)]
    pub total_tokens: Option<u64>,
    /// US dollars of the predict call.
    #[serde(default)]
    pub total_cost: Option<f64>,
    /// Tokens of the model and the scorers together, if no predict call separates them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_trial_tokens: Option<u64>,
}

impl Trial<'_> {
    /// Whether the model's output is null or missing. This includes a model that crashed.
    #[must_use]
    pub fn has_no_output(&self) -> bool {
        let is_null = |output: &RawValue| output.get().trim() == "null";
        self.has_output != Some(true) && self.model_output.is_none_or(is_null)
    }

    /// Whether the server found the model's own call. It finds none if the model is an op whose name contains neither
    /// `predict` nor `invoke`.
    #[must_use]
    pub fn has_predict_call(&self) -> bool {
        self.predict_call_id.is_some()
    }

    /// Clears the latency, tokens and cost if there is no predict call: the server then sends the tokens of the whole
    /// trial, including those of the scorers. Only for trials that were requested with their calls.
    pub fn keep_own_usage(&mut self) {
        if !self.has_predict_call() {
            self.model_latency_seconds = None;
            self.total_cost = None;
            self.whole_trial_tokens = self.total_tokens.take().or(self.whole_trial_tokens);
        }
    }

    /// Removes the output and records whether there was one. Without an output, a call without any score counts as
    /// crashed.
    pub fn take_output(&mut self) {
        if !self.has_no_output() {
            self.has_output = Some(true);
        }
        self.model_output = None;
    }
}

/// One row of one run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RunRow<'a> {
    /// The digest of the row's content. Rows of two runs are joined on it.
    #[serde(borrow)]
    pub row_digest: Cow<'a, str>,
    /// Its inputs, as JSON.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub raw_data_row: Option<&'a RawValue>,
    /// Its trials.
    #[serde(borrow, deserialize_with = "objects")]
    pub trials: Vec<Trial<'a>>,
}

/// The inputs of a row of one run and the outputs of its trials. A snapshot stores them separately from the scores.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RowTexts<'a> {
    /// The digest of the row.
    #[serde(borrow)]
    pub(super) row_digest: Cow<'a, str>,
    /// Its inputs, as JSON.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) raw_data_row: Option<&'a RawValue>,
    /// The outputs of its trials, as JSON, in their order.
    #[serde(borrow)]
    pub(super) outputs: Vec<Option<&'a RawValue>>,
}

impl<'a> RowTexts<'a> {
    /// The texts of a row.
    #[must_use]
    pub(super) fn of(row: &RunRow<'a>) -> Self {
        Self {
            row_digest: row.row_digest.clone(),
            raw_data_row: row.raw_data_row,
            outputs: row.trials.iter().map(|trial| trial.model_output).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_was_an_answer_is_known_without_it() {
        for (output, is_gone) in [("\"x\"", false), ("[]", false), ("null", true)] {
            let text = format!(r#"{{"model_output": {output}, "scores": {{}}}}"#);
            let mut trial: Trial<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(trial.has_no_output(), is_gone, "{output}");
            trial.take_output();
            let kept = serde_json::to_string(&trial).unwrap();
            let read: Trial<'_> = serde_json::from_str(&kept).unwrap();
            assert_eq!(read.has_no_output(), is_gone, "{kept}");
            assert!(read.model_output.is_none());
        }
        let without: Trial<'_> = serde_json::from_str(r#"{"scores": {}}"#).unwrap();
        assert!(without.has_no_output());
    }
}
