//! The offending rows of a check in reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Judged, links};
use crate::evidence::{Answer, Baseline, Detail, Details, Evidence, Raised, Run};
use crate::judge::{OffendingRow, OffendingRows, Scored};

/// A row that a check fails on, with its inputs, outputs and scores.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "row")]
pub(super) struct Row {
    /// The digest of the row's content.
    pub(super) digest: String,
    /// Its inputs; null where they are not known. A text longer than 16,384 characters is cut, and ends in `…`.
    pub(super) inputs: Value,
    /// What the candidate has of it.
    pub(super) candidate: Side,
    /// What the baseline has of it; null without a baseline.
    pub(super) baseline: Option<Side>,
}

/// What one run has of a row.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "side")]
pub(super) struct Side {
    /// The mean of the trials that have a score; null where none has.
    pub(super) score: Option<f64>,
    /// Trials that have the score.
    pub(super) scored: u64,
    /// All trials of the row; 0 where the run lacks it.
    pub(super) trials: u64,
    /// The trials, if known.
    pub(super) answers: Vec<Answered>,
}

/// One trial: output, scores and exceptions.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "answer")]
pub(super) struct Answered {
    /// What the model answered; null where it crashed. Cut as inputs are.
    pub(super) output: Value,
    /// What the scorers said. Cut as inputs are.
    pub(super) scores: Value,
    /// The exceptions that calls in the trial raised: the name of the op, and the exception's type and message.
    #[serde(default)]
    pub(super) exceptions: Vec<String>,
    /// The trial in Weave.
    pub(super) url: Option<String>,
}

/// The rows that caused a check to fail, the worst first.
pub(super) fn rows(judged: &Judged, offending: &OffendingRows) -> Vec<Row> {
    let check = judged.judgement.checks.get(offending.check);
    let against = check.and_then(|check| check.against.as_ref());
    let evidence = judged.evidence.with_baseline(against.map(String::as_str));
    let details = judged.details.get(&against.cloned());
    let of = |row| Some(of(evidence?, details, row));
    offending.rows.iter().filter_map(of).collect()
}

fn of(evidence: &Evidence, details: Option<&Details>, row: &OffendingRow) -> Row {
    let nothing = Detail::default();
    let detail = details.and_then(|details| details.get(&row.digest));
    let detail = detail.unwrap_or(&nothing);
    let baseline = match &evidence.baseline {
        Baseline::Found(run, _) => row
            .baseline
            .map(|scored| side(run, scored, &detail.baseline)),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    Row {
        digest: row.digest.clone(),
        inputs: detail.inputs.clone(),
        candidate: side(&evidence.candidate, row.candidate, &detail.candidate),
        baseline,
    }
}

fn side(run: &Run, scored: Scored, answers: &[Answer]) -> Side {
    Side {
        score: scored.mean,
        scored: scored.scored,
        trials: scored.trials,
        answers: answered(run, answers),
    }
}

/// The trials of a row.
pub(super) fn answered(run: &Run, answers: &[Answer]) -> Vec<Answered> {
    let answers = answers.iter().map(|answer| Answered {
        output: answer.output.clone(),
        scores: answer.scores.clone(),
        exceptions: answer.raised.iter().map(raised).collect(),
        url: (!answer.call.is_empty())
            .then(|| links::call(&run.web, &run.project, &answer.call))
            .flatten(),
    });
    answers.collect()
}

impl Side {
    /// The model's output on one line. If there are several trials, that of the first.
    pub(super) fn excerpt(&self) -> String {
        match self.answers.as_slice() {
            [] => "–".to_owned(),
            [only] => output(only),
            [first, rest @ ..] => format!("{} (and {} more)", output(first), rest.len()),
        }
    }
}

/// The model's output on one line, or the exception that explains why there is none. A missing output alone does not
/// mean that the model crashed, because some SDKs log no output.
fn output(answer: &Answered) -> String {
    match (&answer.output, answer.exceptions.first()) {
        (Value::Null, Some(exception)) => format!("crashed: {exception}"),
        (Value::Null, None) => NO_OUTPUT.to_owned(),
        (value, _) => excerpt(value),
    }
}

/// `judge.score: TimeoutError: timed out`.
fn raised(call: &Raised) -> String {
    match call.op.as_str() {
        "" => call.exception.clone(),
        op => format!("{op}: {}", call.exception),
    }
}

/// The text shown for an output that was not logged.
pub(super) const NO_OUTPUT: &str = "no output logged";

/// A value on one line: text unchanged, a map without its braces.
pub(super) fn excerpt(value: &Value) -> String {
    let text = match value {
        Value::Null => return "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(map) => match map.values().next() {
            Some(Value::String(text)) if map.len() == 1 => text.clone(),
            _ => {
                let parts = map
                    .iter()
                    .map(|(key, value)| format!("{key}: {}", excerpt(value)));
                parts.collect::<Vec<_>>().join(", ")
            }
        },
        other => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
