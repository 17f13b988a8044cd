//! The answers of the v2 Evaluation API. Unused fields are ignored; missing optional fields are `None`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::json::{counts, distinct, object, objects};

/// A line of `POST /calls/stream_query`: the root call of an evaluation run.
#[derive(Debug, Deserialize)]
pub(super) struct CallRead {
    pub(super) id: String,
    pub(super) trace_id: String,
    #[serde(default)]
    pub(super) parent_id: Option<String>,
    pub(super) op_name: String,
    #[serde(deserialize_with = "required_time")]
    pub(super) started_at: Timestamp,
    #[serde(default, deserialize_with = "time")]
    pub(super) ended_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) exception: Option<Value>,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    #[serde(default, deserialize_with = "distinct")]
    pub(super) inputs: Map<String, Value>,
    #[serde(default, deserialize_with = "distinct")]
    pub(super) attributes: Map<String, Value>,
    /// The summary that the run logged.
    #[serde(default)]
    pub(super) output: Option<RunOutput>,
    #[serde(default, deserialize_with = "optional_object")]
    pub(super) summary: Option<CallSummary>,
}

/// The summary that a run logged, by scorer.
#[derive(Debug, Deserialize)]
#[serde(from = "Value")]
pub(super) struct RunOutput {
    /// The keys whose value is null.
    unscored: Vec<String>,
}

impl From<Value> for RunOutput {
    fn from(value: Value) -> Self {
        let entries = value.as_object().into_iter().flatten();
        let unscored = entries.filter(|(_, value)| value.is_null());
        Self {
            unscored: unscored.map(|(key, _)| key.clone()).collect(),
        }
    }
}

impl RunOutput {
    pub(super) fn into_unscored(self) -> Vec<String> {
        self.unscored
    }
}

/// What Weave adds to a call that has ended.
#[derive(Debug, Deserialize)]
pub(super) struct CallSummary {
    /// The number of calls of the trace by status, as counted by the client that made them.
    #[serde(default)]
    status_counts: Option<StatusCounts>,
    /// The usage, by the names of the served models.
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct StatusCounts(#[serde(deserialize_with = "counts")] BTreeMap<String, u64>);

impl CallSummary {
    /// The names of the served models.
    pub(super) fn served_models(&self) -> Vec<String> {
        let usage = self.usage.as_ref().and_then(Value::as_object);
        usage.into_iter().flat_map(Map::keys).cloned().collect()
    }

    /// The number of calls of the trace, as counted by the client that made them; `None` if it did not count them.
    pub(super) fn calls(&self) -> Option<u64> {
        let StatusCounts(counts) = self.status_counts.as_ref()?;
        let sum = |sum: u64, count: &u64| sum.saturating_add(*count);
        Some(counts.values().fold(0, sum))
    }
}

/// The answer of `POST /calls/query_stats`.
#[derive(Debug, Deserialize)]
pub(super) struct CallStats {
    pub(super) count: u64,
}

/// The answer of `POST eval_results/query` with `include_summary`.
#[derive(Debug, Deserialize)]
pub(super) struct SummaryAnswer {
    #[serde(deserialize_with = "object")]
    pub(super) summary: Summary,
}

#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    /// Whether the calls within trials were left out although they were requested.
    #[serde(skip)]
    pub(super) without_calls: bool,
    pub(super) row_count: u64,
    #[serde(deserialize_with = "objects")]
    pub(super) evaluations: Vec<EvaluationSummary>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EvaluationSummary {
    pub(super) evaluation_call_id: String,
    pub(super) trial_count: u64,
    #[serde(deserialize_with = "objects")]
    pub(super) scorer_stats: Vec<ScorerStats>,
    #[serde(default)]
    pub(super) predict_total_tokens: Tokens,
    #[serde(default)]
    pub(super) predict_total_cost: Option<f64>,
    #[serde(default)]
    pub(super) display_name: Option<String>,
}

/// The tokens of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Tokens {
    /// An older server does not return them.
    #[default]
    Untold,
    /// Their sum, if any trial reports tokens.
    Told(Option<u64>),
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Told)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ScorerStats {
    pub(super) scorer_key: String,
    #[serde(default)]
    pub(super) path: Option<String>,
    pub(super) trial_count: u64,
    pub(super) numeric_count: u64,
    #[serde(default)]
    pub(super) numeric_mean: Option<f64>,
    pub(super) pass_true_count: u64,
    pub(super) pass_known_count: u64,
}

/// The answer of `POST eval_results/query` with `include_rows`. Only the digest and the trials of each row are read.
#[derive(Debug, Deserialize)]
pub(super) struct RowsAnswer {
    #[serde(deserialize_with = "objects")]
    pub(super) rows: Vec<Row>,
    pub(super) total_rows: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub(super) row_digest: String,
    #[serde(deserialize_with = "objects")]
    pub(super) evaluations: Vec<RowEvaluation>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RowEvaluation {
    pub(super) evaluation_call_id: String,
    #[serde(deserialize_with = "objects")]
    pub(super) trials: Vec<Trial>,
}

/// A trial. Nothing of it is kept: its outputs and scores are skipped while they are read.
#[derive(Debug, Deserialize)]
pub(super) struct Trial {}

/// Reads a struct from a map; `None` for null.
fn optional_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let found: Option<OneObject<T>> = Option::deserialize(deserializer)?;
    Ok(found.map(|OneObject(value)| value))
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct OneObject<T>(#[serde(deserialize_with = "object")] T);

fn required_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    time(deserializer)?.ok_or_else(|| serde::de::Error::custom("a call without a time"))
}

/// Reads a time. A time without an offset is UTC.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().or_else(|_| format!("{text}Z").parse()))
        .transpose()
        .map_err(serde::de::Error::custom)
}
