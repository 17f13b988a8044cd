//! Inputs and outputs of a few rows. Reports show them; they are not judged.

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
    /// Its inputs; null if they are unavailable.
    pub inputs: Value,
    /// The candidate's trials.
    pub candidate: Vec<Answer>,
    /// The baseline's trials.
    pub baseline: Vec<Answer>,
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The id of the call whose page in Weave shows the trial.
    pub call: String,
    /// The model's output.
    pub output: Value,
    /// The scorers' output.
    pub scores: Value,
    /// The calls within the trial that raised an exception, if they were read.
    pub raised: Vec<Raised>,
}

/// A call that raised an exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raised {
    /// The name of its op, such as `support_bot.predict`.
    pub op: String,
    /// The exception's type and message.
    pub exception: String,
}

impl Detail {
    /// Adds a run's part of the row.
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
        raised: Vec::new(),
    }
}

/// Parses a value. If it is too long, returns the beginning of it as text.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_shown_as_both_runs_have_it() {
        let take = |detail: &mut Detail, role, text: &str| {
            detail.take(role, &serde_json::from_str(text).unwrap());
        };
        let mut detail = Detail::default();
        let ours = r#"{"row_digest": "a", "raw_data_row": {"q": 1}, "trials": [
            {"predict_and_score_call_id": "one", "model_output": "yes", "scores": {"s": true}},
            {"predict_and_score_call_id": "two", "scores": {}}]}"#;
        take(&mut detail, Role::Candidate, ours);
        let theirs = r#"{"row_digest": "a", "raw_data_row": {"q": 2}, "trials": [
            {"predict_and_score_call_id": "old", "model_output": [1], "scores": {"s": false}}]}"#;
        take(&mut detail, Role::Baseline, theirs);
        let answer = |call: &str, output, scores| Answer {
            call: call.to_owned(),
            output,
            scores,
            raised: Vec::new(),
        };
        let expected = Detail {
            inputs: json!({"q": 1}),
            candidate: vec![
                answer("one", json!("yes"), json!({"s": true})),
                answer("two", Value::Null, json!({})),
            ],
            baseline: vec![answer("old", json!([1]), json!({"s": false}))],
        };
        assert_eq!(detail, expected);
    }

    #[test]
    fn inputs_that_one_run_lacks_are_those_of_the_other() {
        let mut detail = Detail::default();
        for text in [
            r#"{"row_digest": "a", "trials": []}"#,
            r#"{"row_digest": "a", "raw_data_row": {"q": 2}, "trials": []}"#,
        ] {
            detail.take(Role::Baseline, &serde_json::from_str(text).unwrap());
        }
        assert_eq!(detail.inputs, json!({"q": 2}));
    }

    #[test]
    fn of_a_long_value_the_beginning_is_kept() {
        let kept = |value: &Value| read(&RawValue::from_string(value.to_string()).unwrap());
        // With its quotes, this text has exactly the maximum length.
        let fits = json!("x".repeat(LONGEST - 2));
        assert_eq!(kept(&fits), fits);
        let long = "é".repeat(LONGEST + 1);
        assert_eq!(kept(&json!(long)), json!("é".repeat(LONGEST) + "…"));
        let list = json!(vec!["x"; LONGEST]);
        let text = kept(&list);
        let text = text.as_str().unwrap();
        assert!(text.starts_with(r#"["x","x""#) && text.ends_with('…'));
        assert_eq!(text.chars().count(), LONGEST + 1);
        // The length is counted in characters, not in bytes.
        let bytes = json!("é".repeat(LONGEST / 2 + 1));
        assert_eq!(kept(&bytes), bytes);
    }
}
