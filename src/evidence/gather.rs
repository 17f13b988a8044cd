//! Reads rows as they are sent and keeps only the numbers that a policy's gates need. Outputs, inputs and other scores
//! are skipped while reading.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::{Column, Columns, Kind};
use super::is_of_sdk;
use super::rows::{Role, Rows, WithoutCall};
use super::score::Score;
use super::trial::Trial;
use crate::input::Unresolved;
use crate::json::{distinct, repeated};
use crate::number::count;

/// Collects rows one after the other.
pub struct Gatherer {
    names: Names,
    /// The scores of the current trial, one per column.
    values: Vec<Score>,
    /// The name of the dimension that is being read.
    name: String,
    rows: Rows,
}

impl Gatherer {
    /// A gatherer without rows.
    #[must_use]
    pub fn new(columns: Columns) -> Self {
        Self {
            names: Names::new(&columns.scores, &columns.patterns),
            values: vec![Score::MISSING; columns.scores.len()],
            name: String::new(),
            rows: Rows::new(columns),
        }
    }

    /// Adds a trial to the current row.
    ///
    /// # Errors
    ///
    /// The trial's scores are not a JSON object, or a key is repeated.
    pub fn trial(&mut self, role: Role, trial: &Trial<'_>) -> Result<(), serde_json::Error> {
        self.values.fill(Score::MISSING);
        let mut returned = Scored::Nothing;
        let scores = Scores {
            names: &self.names,
            name: &mut self.name,
            is_inner: false,
            values: &mut self.values,
            scored: &mut returned,
        };
        if !trial.scores.get().starts_with('{') {
            return Err(serde::de::Error::custom("scores are no map"));
        }
        scores.deserialize(&mut serde_json::Deserializer::from_str(trial.scores.get()))?;
        // If the model crashed, its full latency is unknown: the server sends the time until the crash.
        let crashed = returned == Scored::Nothing && trial.has_no_output();
        let (latency, elapsed) = if crashed {
            (None, trial.model_latency_seconds)
        } else {
            (trial.model_latency_seconds, None)
        };
        let anything = match returned {
            Scored::Nothing => None,
            Scored::Other => Some(0.0),
            Scored::Dimension => Some(1.0),
        };
        for (place, value) in [
            (self.names.anything, anything),
            (self.names.latency, latency),
            (self.names.elapsed, elapsed),
            (self.names.tokens, trial.total_tokens.map(count)),
            (self.names.cost, trial.total_cost),
        ] {
            // A negative number is not a valid measurement, so it stays missing.
            if let (Some(slot), Some(value)) = (
                place.and_then(|place| self.values.get_mut(place)),
                value.filter(|value| *value >= 0.0),
            ) {
                *slot = Score::of(value);
            }
        }
        self.rows.push(role, &self.values);
        let asks_for_call = [self.names.latency, self.names.tokens, self.names.cost];
        if !trial.has_predict_call() && asks_for_call.iter().any(Option::is_some) {
            let without_call = WithoutCall {
                trials: 1,
                tokens: trial.whole_trial_tokens,
            };
            self.rows.add_without_call(role, without_call);
        }
        Ok(())
    }

    /// Ends the current row. Takes the row's digest, its inputs, and the number of trials that were added for each
    /// run.
    ///
    /// # Errors
    ///
    /// The inputs are needed and are missing or unresolved.
    pub fn end_row(
        &mut self,
        digest: &str,
        inputs: Option<&RawValue>,
        (candidate, baseline): (u32, u32),
    ) -> Result<(), Unresolved> {
        if self.rows.wants_inputs() {
            let inputs = inputs.ok_or(Unresolved)?;
            // Inputs are a JSON object. A server that could not resolve them sends a reference instead, in one of
            // several forms. If a name is repeated, its value is unknown.
            let row = distinct(&mut serde_json::Deserializer::from_str(inputs.get()));
            let row = row.map_err(|_| Unresolved)?;
            self.rows.push_inputs(&row.into())?;
        }
        self.rows.end_row(digest, candidate, baseline);
        Ok(())
    }

    /// The collected rows.
    #[must_use]
    pub fn finish(self) -> Rows {
        self.rows
    }
}

/// Maps the names in a trial's scores to columns.
struct Names {
    /// The dimensions, sorted by name, with the indexes of their columns.
    sorted: Vec<(String, Places)>,
    /// The column that holds whether anything was scored.
    anything: Option<usize>,
    /// Patterns whose matching dimensions are all listed in `sorted`.
    patterns: Vec<glob::Pattern>,
    /// The columns of values that a trial has in addition to its scores.
    latency: Option<usize>,
    elapsed: Option<usize>,
    tokens: Option<usize>,
    cost: Option<usize>,
}

/// The indexes of the columns of one dimension.
#[derive(Clone, Copy, Default)]
struct Places {
    truth: Option<usize>,
    number: Option<usize>,
    scored: Option<usize>,
}

impl Names {
    fn new(columns: &[Column], patterns: &[String]) -> Self {
        let mut sorted: Vec<(String, Places)> = Vec::new();
        let (mut anything, mut latency, mut elapsed) = (None, None, None);
        let (mut tokens, mut cost) = (None, None);
        for (place, column) in columns.iter().enumerate() {
            let of_trial = match column.kind() {
                Kind::Anything => Some(&mut anything),
                Kind::Latency => Some(&mut latency),
                Kind::Elapsed => Some(&mut elapsed),
                Kind::Tokens => Some(&mut tokens),
                Kind::Cost => Some(&mut cost),
                Kind::Truth | Kind::Number | Kind::Scored => None,
            };
            if let Some(slot) = of_trial {
                *slot = Some(place);
                continue;
            }
            let Some(dimension) = column.dimension() else {
                continue;
            };
            let found = sorted.iter().position(|(name, _)| name == dimension);
            let at = found.unwrap_or_else(|| {
                sorted.push((dimension.to_owned(), Places::default()));
                sorted.len() - 1
            });
            if let Some((_, places)) = sorted.get_mut(at) {
                match column.kind() {
                    Kind::Truth => places.truth = Some(place),
                    Kind::Number => places.number = Some(place),
                    Kind::Scored => places.scored = Some(place),
                    Kind::Anything | Kind::Latency | Kind::Elapsed | Kind::Tokens | Kind::Cost => {}
                }
            }
        }
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        Self {
            sorted,
            anything,
            patterns: patterns
                .iter()
                .filter_map(|pattern| glob::Pattern::new(pattern).ok())
                .collect(),
            latency,
            elapsed,
            tokens,
            cost,
        }
    }

    /// Whether all scores of a trial must be read, because a column or pattern depends on which scores exist.
    fn ask_for_any(&self) -> bool {
        self.anything.is_some()
            || self.latency.is_some()
            || self.elapsed.is_some()
            || !self.patterns.is_empty()
    }

    fn get(&self, name: &str) -> Option<Places> {
        let found = self
            .sorted
            .binary_search_by(|(known, _)| known.as_str().cmp(name));
        found
            .ok()
            .and_then(|at| self.sorted.get(at))
            .map(|(_, places)| *places)
    }

    /// Whether a dimension has this name or lies below it.
    fn leads(&self, name: &str) -> bool {
        let from = self
            .sorted
            .partition_point(|(known, _)| known.as_str() < name);
        self.sorted
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|(known, _)| known.starts_with(name))
            .any(|(known, _)| {
                known.len() == name.len() || known.as_bytes().get(name.len()) == Some(&b'.')
            })
    }
}

/// What a trial's scorers returned, as far as it was read. A later variant takes precedence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scored {
    /// Nothing, or only null.
    Nothing,
    /// Only values that a summary does not count: lists and fields that the SDK added.
    Other,
    /// A boolean, a number or text in some dimension.
    Dimension,
}

/// Reads the scores of a trial, or the value of one of its keys, and puts each number into its column.
struct Scores<'a> {
    names: &'a Names,
    name: &'a mut String,
    /// Whether `name` is the name of a key. The name of a key can be empty.
    is_inner: bool,
    values: &'a mut [Score],
    scored: &'a mut Scored,
}

impl Scores<'_> {
    fn set<E: Error>(&mut self, kind: Kind, value: f64) -> Result<(), E> {
        let known = self.names.get(self.name);
        let is_meant = |pattern: &glob::Pattern| pattern.matches(self.name);
        if known.is_none()
            && self.names.patterns.iter().any(is_meant)
            && !is_of_sdk(self.name, None)
        {
            return Err(E::custom(format!(
                "the rows have scores of `{}`, and the summary has none",
                self.name
            )));
        }
        // The name is checked only if a column asks whether anything was scored.
        let is_dimension = self.names.anything.is_none() || !is_of_sdk(self.name, None);
        let scored = if is_dimension {
            Scored::Dimension
        } else {
            Scored::Other
        };
        *self.scored = scored.max(*self.scored);
        let places = known.unwrap_or_default();
        // Text is not a score of a boolean or numeric dimension.
        let (place, scored) = match kind {
            Kind::Truth => (places.truth, 1.0),
            Kind::Number => (places.number, 1.0),
            _ => (None, 0.0),
        };
        for (place, value) in [(place, value), (places.scored, scored)] {
            if let Some(slot) = place.and_then(|place| self.values.get_mut(place)) {
                *slot = Score::of(value);
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Scores<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scores<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scores")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let outer = self.name.len();
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if self.is_inner {
                self.name.push('.');
            }
            self.name.push_str(&key);
            if self.names.ask_for_any() || self.names.leads(self.name) {
                // If a key is repeated, neither value is the score.
                if seen.contains(&key) {
                    return Err(repeated(&key));
                }
                seen.insert(key);
                map.next_value_seed(Scores {
                    names: self.names,
                    name: self.name,
                    is_inner: true,
                    values: self.values,
                    scored: self.scored,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            self.name.truncate(outer);
        }
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.set(Kind::Truth, f64::from(u8::from(value)))
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.set(Kind::Number, value)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the server's means are floating point, too"
    )]
    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.set(Kind::Number, value as f64)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "the server's means are floating point, too"
    )]
    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.set(Kind::Number, value as f64)
    }

    fn visit_str<E: Error>(mut self, _: &str) -> Result<(), E> {
        self.set(Kind::Scored, 0.0)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // A list is not a dimension, but it counts as something that was scored.
        *self.scored = Scored::Other.max(*self.scored);
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(dimension: &str, kind: Kind) -> Column {
        Column::Dimension(dimension.to_owned(), kind)
    }

    #[test]
    fn a_trial_whose_scores_contradict_each_other_is_not_taken_in() {
        let columns = |kind| Columns {
            scores: vec![column("tone.score", kind)],
            inputs: Vec::new(),
            patterns: Vec::new(),
        };
        let take = |scores: &str, kind| {
            let text = format!(r#"{{"scores": {scores}}}"#);
            let trial: Trial<'_> = serde_json::from_str(&text).unwrap();
            Gatherer::new(columns(kind)).trial(Role::Candidate, &trial)
        };
        for scores in [
            r#"{"tone": {"score": 1}, "tone": null}"#,
            r#"{"tone": {"score": 1, "score": 1}}"#,
            "[true]",
            "null",
            "true",
        ] {
            assert!(take(scores, Kind::Number).is_err(), "{scores}");
            assert!(take(scores, Kind::Anything).is_err(), "{scores}");
        }
        let other = r#"{"other": 1, "other": 2}"#;
        assert!(take(other, Kind::Number).is_ok() && take(other, Kind::Anything).is_err());
    }

    #[test]
    fn a_dimension_that_a_pattern_covers_and_no_summary_has_is_a_contradiction() {
        let take = |scores: &str| {
            let columns = Columns {
                scores: vec![column("safety.leaks", Kind::Truth)],
                inputs: Vec::new(),
                patterns: vec!["safety.*".to_owned()],
            };
            let text = format!(r#"{{"scores": {scores}}}"#);
            let trial: Trial<'_> = serde_json::from_str(&text).unwrap();
            let taken = Gatherer::new(columns).trial(Role::Candidate, &trial);
            taken.map_err(|error| error.to_string())
        };
        assert_eq!(
            take(r#"{"safety": {"leaks": true, "_type": "S", "none": null}, "other": 1}"#),
            Ok(())
        );
        let error = take(r#"{"safety": {"leaks": true, "toxic": false}}"#).unwrap_err();
        assert!(error.contains("scores of `safety.toxic`"), "{error}");
    }

    #[test]
    fn scores_go_where_their_columns_are() {
        let columns = [
            column("a.b", Kind::Truth),
            column("a.c", Kind::Number),
            column("plain", Kind::Truth),
            column("plain", Kind::Number),
            column("text", Kind::Scored),
            column("list", Kind::Scored),
            column("a-b", Kind::Number),
            column(".plain", Kind::Truth),
        ];
        let names = Names::new(&columns, &[]);
        let read = |text: &str| {
            let mut values = vec![Score::MISSING; columns.len()];
            let scores = Scores {
                names: &names,
                name: &mut String::new(),
                is_inner: false,
                values: &mut values,
                scored: &mut Scored::Nothing,
            };
            scores
                .deserialize(&mut serde_json::Deserializer::from_str(text))
                .unwrap();
            let shown = values.iter().map(|score| {
                score
                    .value()
                    .map_or("-".to_owned(), |value| value.to_string())
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            read(
                r#"{"a": {"b": true, "c": -3, "d": {"e": 1}}, "plain": 2, "text": "x", "other": {"a": 1}}"#
            ),
            "1 -3 - 2 0 - - -"
        );
        assert_eq!(
            read(
                r#"{"a.b": false, "a-b": 1.5, "plain": true, "text": null, "list": [1, 2], "ab": 1}"#
            ),
            "0 - 1 - - - 1.5 -"
        );
        assert_eq!(read("{}"), "- - - - - - - -");
        // A scorer with an empty name has its own dimension.
        assert_eq!(
            read(r#"{"plain": true, "": {"plain": false}}"#),
            "- - 1 - - - - 0"
        );
        // Fields that no check needs are not parsed.
        assert_eq!(
            read(r#"{"other": 1, "other": 2, "text": "x"}"#),
            "- - - - 0 - - -"
        );
    }
}
