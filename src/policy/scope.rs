//! Reads the parts of a policy with their place in the file, and collects every problem.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_yaml::Value;

use super::model::Problem;
use super::raw::Field;
use super::source::Template;

/// Keys of the policy language that this version does not implement.
const LATER: [&str; 8] = [
    "cluster_by",
    "comparability",
    "k",
    "last",
    "noise",
    "recorded_by",
    "report",
    "verdict",
];

/// A place in the file, with the list that its problems are added to.
pub(super) struct Scope<'a> {
    pub(super) place: String,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Scope<'_> {
    pub(super) fn inside(&mut self, key: &str) -> Scope<'_> {
        Scope {
            place: self.at(key),
            problems: self.problems,
        }
    }

    fn at(&self, key: &str) -> String {
        match (self.place.as_str(), key) {
            (place, "") => place.to_owned(),
            ("", key) => key.to_owned(),
            (place, key) if place.ends_with('"') => format!("{place}: {key}"),
            (place, key) => format!("{place}.{key}"),
        }
    }

    pub(super) fn problem(&mut self, key: &str, message: impl Into<String>) {
        let problem = Problem {
            place: self.at(key),
            message: message.into(),
        };
        self.problems.push(problem);
    }

    pub(super) fn unknown(&mut self, known: &[&str], unknown: &BTreeMap<String, Value>) {
        for key in unknown.keys() {
            let message = match nearest(key, known) {
                _ if LATER.contains(&key.as_str()) => {
                    "this version of weave-gate does not know this key; a later one will".to_owned()
                }
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => format!("unknown key; expected one of {}", known.join(", ")),
            };
            self.problem(key, message);
        }
    }

    pub(super) fn optional<T>(&mut self, key: &str, expected: &str, field: Field<T>) -> Option<T> {
        match field {
            Field::Absent => None,
            Field::Given(value) => Some(value),
            Field::Wrong(found) => {
                self.problem(key, format!("expected {expected}, found {found}"));
                None
            }
        }
    }

    pub(super) fn required<T>(&mut self, key: &str, expected: &str, field: Field<T>) -> Option<T> {
        if matches!(field, Field::Absent) {
            self.problem(key, format!("missing; expected {expected}"));
        }
        self.optional(key, expected, field)
    }

    /// A value that must be one of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &str,
        field: Field<String>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let word = self.optional(key, &expected, field)?;
        let found = words.iter().find(|(name, _)| *name == word);
        if found.is_none() {
            let message = match nearest(&word, &names) {
                Some(near) => format!("unknown word `{word}`; did you mean `{near}`?"),
                None => format!("unknown word `{word}`; expected {expected}"),
            };
            self.problem(key, message);
        }
        found.map(|(_, value)| *value)
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: &str, field: Field<f64>) -> Option<f64> {
        let number = self.optional(key, "a number", field)?;
        if number.is_finite() {
            // Adding zero turns negative zero into zero, which reports show without a sign.
            return Some(number + 0.0);
        }
        self.problem(key, format!("`{number}` is not a finite number"));
        None
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&mut self, key: &str, field: Field<f64>) -> Option<f64> {
        let number = self.number(key, field)?;
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        self.problem(key, out_of_fraction(number));
        None
    }

    /// A maximum age: whole units up to weeks; a day has 24 hours.
    pub(super) fn age(&mut self, key: &str, field: Field<String>) -> Option<SignedDuration> {
        let expected = "a time such as 30d, 2w or 36h";
        let text = self.optional(key, expected, field)?;
        let span: Option<Span> = text.parse().ok();
        let age = span
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
            .filter(SignedDuration::is_positive);
        if age.is_none() {
            self.problem(key, format!("`{text}` is no age; expected {expected}"));
        }
        age
    }

    pub(super) fn template(&mut self, key: &str, field: Field<String>) -> Option<Template> {
        let text = self.optional(key, "text", field)?;
        if text.is_empty() {
            self.problem(key, "is empty");
            return None;
        }
        Template::parse(&text)
            .map_err(|message| self.problem(key, message))
            .ok()
    }
}

pub(super) fn out_of_fraction(value: f64) -> String {
    let percent = value / 100.0;
    if (1.0..=100.0).contains(&value) {
        format!("{value} is not a fraction from 0 to 1; for {value} % write {percent}")
    } else {
        format!("{value} is not a fraction from 0 to 1")
    }
}

/// The known word that was probably intended: similar, or one typing error away.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), *candidate))
        .filter(|(likeness, candidate)| {
            *likeness > 0.8 || (word.len() > 1 && strsim::osa_distance(word, candidate) == 1)
        })
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
