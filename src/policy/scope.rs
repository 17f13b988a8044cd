//! Reads the parts of a policy with their path in the file, and collects every problem.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_yaml::Value;

use super::issue::{Found, Help, Issue, Part, Spot, Target};
use super::levels::unknown_key;
use super::raw::Field;
use super::source::Template;
use super::suggest::{
    digits, fraction, named, nearest, not_one_of, number, out_of_fraction, percent, plain,
};

/// A place in the file, with the list that its problems are added to.
pub(super) struct Scope<'a> {
    pub(super) path: Vec<Part>,
    pub(super) issues: &'a mut Vec<Issue>,
}

/// What a value has to be, and an edit that shows it.
#[derive(Clone, Copy)]
pub(super) struct Expected<'t> {
    pub(super) what: &'t str,
    pub(super) edit: &'t str,
}

impl<'t> Expected<'t> {
    pub(super) const fn new(what: &'t str, edit: &'t str) -> Self {
        Self { what, edit }
    }
}

/// A place inside a map.
#[derive(Clone, Copy)]
pub(super) enum Place<'k> {
    /// The value of a key.
    Value(&'k str),
    /// A key.
    Key(&'k str),
    /// An item of the list that is the value of a key.
    Item(&'k str, usize),
    /// The map itself, which lacks something.
    Lack,
}

impl<'k> Place<'k> {
    const fn key(self) -> &'k str {
        match self {
            Self::Value(key) | Self::Key(key) | Self::Item(key, _) => key,
            Self::Lack => "",
        }
    }
}

impl Scope<'_> {
    pub(super) fn inside(&mut self, place: Place<'_>) -> Scope<'_> {
        Scope {
            path: self.path(place),
            issues: self.issues,
        }
    }

    fn path(&self, place: Place<'_>) -> Vec<Part> {
        let mut path = self.path.clone();
        if !matches!(place, Place::Lack) {
            path.push(Part::Key(place.key().to_owned()));
        }
        if let Place::Item(_, index) = place {
            path.push(Part::Item(index));
        }
        path
    }

    pub(super) fn spot(&self, place: Place<'_>) -> Spot {
        let target = match place {
            Place::Value(_) | Place::Item(..) => Target::Value,
            Place::Key(_) => Target::Key,
            Place::Lack => Target::First,
        };
        Spot::Path(self.path(place), target)
    }

    /// Reports a problem and the next edit.
    pub(super) fn report(&mut self, place: Place<'_>, message: &str, help: &str) {
        let spot = self.spot(place);
        self.issues.push(Issue::new(spot, message, help));
    }

    /// Reports a problem that has to do with an earlier place.
    pub(super) fn report_with(&mut self, place: Place<'_>, first: Spot, message: &str, help: &str) {
        let issue = Issue::new(self.spot(place), message, help);
        let first = Some(first);
        self.issues.push(Issue { first, ..issue });
    }

    pub(super) fn unknown(&mut self, known: &[&str], unknown: &BTreeMap<String, Value>) {
        for key in unknown.keys() {
            let (message, help) = unknown_key(key, known);
            self.report(Place::Key(key), &message, &help);
        }
    }

    /// Reports a value of the wrong type.
    fn wrong(&mut self, place: Place<'_>, expected: Expected<'_>, found: Found, help: Help) {
        let Expected { what, edit } = expected;
        let help = match (&found, place) {
            (Found::Nothing, Place::Item(..)) => {
                Help::Text(format!("write {what} after `-`, or remove the item"))
            }
            (Found::Nothing, _) => {
                Help::Text(format!("write a value, as in `{edit}`, or remove the key"))
            }
            _ => help,
        };
        let issue = Issue::new(self.spot(place), &format!("expected {what}"), "");
        self.issues.push(Issue {
            found: Some(found),
            help,
            ..issue
        });
    }

    /// The value of a key; `None` if it is absent or wrong.
    pub(super) fn optional<T>(
        &mut self,
        place: Place<'_>,
        expected: Expected<'_>,
        field: Field<T>,
    ) -> Option<T> {
        self.read(place, expected, field, &|_| None)
    }

    /// A map. `edit` shows one.
    pub(super) fn map<T>(&mut self, key: &str, edit: &str, field: Field<T>) -> Option<T> {
        self.optional(Place::Value(key), Expected::new("a map", edit), field)
    }

    /// The value of a key. `help` gives the next edit for a value of the wrong type, if the expected one is not enough.
    pub(super) fn read<T>(
        &mut self,
        place: Place<'_>,
        expected: Expected<'_>,
        field: Field<T>,
        help: &dyn Fn(&Found) -> Option<String>,
    ) -> Option<T> {
        match field {
            Field::Absent => None,
            Field::Given(value) => Some(value),
            Field::Wrong(found) => {
                let usual = || format!("write {}, as in `{}`", expected.what, expected.edit);
                let help = help(&found).unwrap_or_else(usual);
                let help = Help::Text(help);
                self.wrong(place, expected, found, help);
                None
            }
        }
    }

    /// Text. A number or a truth value is to be quoted.
    pub(super) fn text(
        &mut self,
        key: &str,
        expected: &str,
        field: Field<String>,
    ) -> Option<String> {
        let edit = format!("{key}: …");
        let expected = Expected::new(expected, &edit);
        match field {
            Field::Wrong(Found::List) => {
                let help = format!("write one text without brackets: `{edit}`");
                self.wrong(Place::Value(key), expected, Found::List, Help::Text(help));
                None
            }
            field => self.quoted(key, expected, field),
        }
    }

    /// Text, or something that contains text. A number or a truth value is to be quoted.
    pub(super) fn quoted<T>(
        &mut self,
        key: &str,
        expected: Expected<'_>,
        field: Field<T>,
    ) -> Option<T> {
        self.quoted_at(Place::Value(key), expected, field)
    }

    /// The same at any place.
    pub(super) fn quoted_at<T>(
        &mut self,
        place: Place<'_>,
        expected: Expected<'_>,
        field: Field<T>,
    ) -> Option<T> {
        match field {
            Field::Wrong(found @ (Found::Number(_) | Found::Bool(_))) => {
                self.wrong(place, expected, found, Help::Quote);
                None
            }
            field => self.read(place, expected, field, &|found| {
                let is_map = matches!(found, Found::Map);
                is_map.then(|| {
                    let edit = expected.edit;
                    format!("write `{edit}`; a text that starts with `{{` needs quotes")
                })
            }),
        }
    }

    /// Reports a key that is missing, unless one of the unknown keys is a misspelling of it. `help` is the next edit.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        field: &Field<T>,
        unknown: &BTreeMap<String, Value>,
        help: &str,
    ) {
        let mut unknown = unknown.keys();
        let is_misspelt = unknown.any(|found| nearest(&plain(found), &[key]).is_some());
        if field.is_absent() && !is_misspelt {
            self.report(Place::Lack, &format!("missing key `{key}`"), help);
        }
    }

    /// A value that must be one of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        place: Place<'_>,
        field: Field<String>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let index = self.word_of(place, field, &names)?;
        words.get(index).map(|(_, value)| *value)
    }

    /// The index of the value among these words.
    fn word_of(&mut self, place: Place<'_>, field: Field<String>, words: &[&str]) -> Option<usize> {
        let expected = format!("one of {}", words.join(", "));
        let first = words.first().copied().unwrap_or_default();
        let edit = format!("{}: {first}", place.key());
        let word = self.optional(place, Expected::new(&expected, &edit), field)?;
        let index = words.iter().position(|known| *known == word);
        if index.is_none() {
            let what = match place.key() {
                "metric" => "a metric".to_owned(),
                key => format!("a value of `{key}`"),
            };
            let (why, help) = not_one_of(&word, words);
            self.report(
                place,
                &format!("{} is not {what}{why}", named(&word)),
                &help,
            );
        }
        index
    }

    /// A finite number, such as the example.
    pub(super) fn number(&mut self, key: &str, example: f64, field: Field<f64>) -> Option<f64> {
        let help = |found: &Found| {
            let text = found.text()?;
            let number = number(text).or_else(|| percent(text).map(fraction))?;
            Some(format!("write `{key}: {}`", digits(number)))
        };
        let edit = format!("{key}: {example}");
        self.finite(Place::Value(key), &edit, field, &help)
    }

    /// A finite number. `help` gives the next edit for a value that is not a number.
    pub(super) fn finite(
        &mut self,
        place: Place<'_>,
        edit: &str,
        field: Field<f64>,
        help: &dyn Fn(&Found) -> Option<String>,
    ) -> Option<f64> {
        let number = self.read(place, Expected::new("a number", edit), field, help)?;
        if number.is_finite() {
            // Adding zero turns negative zero into zero, which reports show without a sign.
            return Some(number + 0.0);
        }
        let help = format!("write a finite number, as in `{edit}`, or remove the key");
        self.report(place, &format!("`{number}` is not a finite number"), &help);
        None
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&mut self, key: &str, field: Field<f64>) -> Option<f64> {
        let number = self.number(key, 0.05, field)?;
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        let (message, help) = out_of_fraction(key, number);
        self.report(Place::Value(key), &message, &help);
        None
    }

    /// A maximum age: whole units up to weeks; a day has 24 hours.
    pub(super) fn age(&mut self, key: &str, field: Field<String>) -> Option<SignedDuration> {
        let place = Place::Value(key);
        let (what, edit) = ("a time such as 30d, 2w or 36h", format!("{key}: 30d"));
        let text = self.read(
            place,
            Expected::new(what, &edit),
            field,
            &|found| match found {
                Found::Number(number) => Some(format!("add the unit: `{key}: {number}d` for days")),
                _ => None,
            },
        )?;
        let span: Option<Span> = text.parse().ok();
        let age = span
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
            .filter(SignedDuration::is_positive);
        if age.is_none() {
            let message = format!("{} is not a positive time; expected {what}", named(&text));
            self.report(place, &message, &format!("write `{edit}`"));
        }
        age
    }

    pub(super) fn template(&mut self, key: &str, field: Field<String>) -> Option<Template> {
        let text = self.text(key, "text", field)?;
        if text.is_empty() {
            let message = format!("`{key}` is empty");
            self.report(
                Place::Value(key),
                &message,
                "write a value, or remove the key",
            );
            return None;
        }
        let template = Template::parse(&text);
        template
            .map_err(|message| {
                let help = "write `${NAME}` for a variable, `$$` for a dollar sign";
                self.report(Place::Value(key), &message, help);
            })
            .ok()
    }
}
