//! Adds up trials in the same way as Weave's summary: every leaf of a scorer's output is a dimension.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rows::WithoutCall;
use super::trial::Trial;
use super::{Dimension, Totals, Usage};
use crate::json::distinct;
use crate::number::count;

/// Counts and sums over the trials, in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct SummaryBuilder {
    trials: u64,
    rows: u64,
    usage: Usage,
    without_call: WithoutCall,
    /// Dimensions by scorer and path.
    dimensions: BTreeMap<(String, Option<String>), Dimension>,
}

impl SummaryBuilder {
    /// Adds a trial, and returns the number of its scores.
    ///
    /// # Errors
    ///
    /// The trial's scores are not a JSON object, or a key is repeated.
    pub fn trial(&mut self, trial: &Trial<'_>) -> Result<usize, serde_json::Error> {
        self.trials += 1;
        if let Some(tokens) = trial.total_tokens {
            let sum = self.usage.tokens.unwrap_or(0);
            self.usage.tokens = Some(sum.saturating_add(tokens));
        }
        if !trial.has_predict_call() {
            self.without_call.add(WithoutCall {
                trials: 1,
                tokens: trial.whole_trial_tokens,
            });
        }
        if let Some(cost) = trial.total_cost {
            self.usage.cost = Some(self.usage.cost.unwrap_or(0.0) + cost);
        }
        let scores = distinct(&mut serde_json::Deserializer::from_str(trial.scores.get()))?;
        let mut leaves = 0;
        for (scorer, value) in scores {
            leaves += self.leaf(&scorer, None, &value);
        }
        Ok(leaves)
    }

    /// Ends the current row.
    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    fn leaf(&mut self, scorer: &str, path: Option<&str>, value: &Value) -> usize {
        if let Value::Object(map) = value {
            let mut leaves = 0;
            for (key, value) in map {
                let path = path.map_or_else(|| key.clone(), |path| format!("{path}.{key}"));
                leaves += self.leaf(scorer, Some(&path), value);
            }
            return leaves;
        }
        if !matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_)) {
            return 0;
        }
        let key = (scorer.to_owned(), path.map(str::to_owned));
        let dimension = self.dimensions.entry(key).or_default();
        dimension.scored += 1;
        match value {
            Value::Bool(passed) => {
                dimension.judged += 1;
                dimension.passed += u64::from(*passed);
            }
            Value::Number(number) => {
                // The same steps as on the server, so that the last digit is the same.
                let sum = dimension.mean.unwrap_or(0.0) * count(dimension.measured);
                dimension.measured += 1;
                let number = number.as_f64().unwrap_or(f64::NAN);
                dimension.mean = Some((sum + number) / count(dimension.measured));
            }
            _ => {}
        }
        1
    }

    /// The trials without a predict call.
    #[must_use]
    pub fn without_call(&self) -> WithoutCall {
        self.without_call
    }

    /// The totals of the trials.
    #[must_use]
    pub fn totals(self) -> Totals {
        let mut totals = Totals {
            trials: self.trials,
            rows: self.rows,
            usage: Some(self.usage),
            ..Totals::default()
        };
        for ((scorer, path), dimension) in self.dimensions {
            totals.add(&scorer, path.as_deref(), dimension);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_counted() {
        let mut builder = SummaryBuilder::default();
        for scores in [
            r#"{"a": true, "b": {"x": 1, "y": {"z": "text"}}, "c": null, "d": [1]}"#,
            r#"{"a": false, "b": {"x": 2.5, "y": {"z": false}}}"#,
            "{}",
        ] {
            let text = format!(
                r#"{{"predict_and_score_call_id": "p", "predict_call_id": "m", "scores": {scores}, "total_tokens": 3, "total_cost": null}}"#
            );
            builder
                .trial(&serde_json::from_str(&text).unwrap())
                .unwrap();
        }
        let totals = builder.totals();
        let shown: Vec<String> = totals
            .dimensions
            .iter()
            .map(|(name, d)| {
                format!(
                    "{name} {} {}/{} {} {:?}",
                    d.scored, d.passed, d.judged, d.measured, d.mean
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "a 2 1/2 0 None",
                "b.x 2 0/0 2 Some(1.75)",
                "b.y.z 2 0/1 0 None"
            ]
        );
        assert_eq!(totals.trials, 3);
        assert_eq!(totals.usage.unwrap().tokens, Some(9));
        assert_eq!(totals.usage.unwrap().cost, None);
    }
}
