//! The keys of a policy file, exactly as they are written.
//!
//! Reading never fails here: a key that is absent, or holds something of another kind, is kept as
//! such, and a key that nobody knows is kept by name. [`super::reify`] turns all of it into problems.

use std::collections::BTreeMap;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_yaml::Value;

/// What stands at a key.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// It holds what it should.
    Given(T),
    /// It holds something else, described for a message.
    Wrong(String),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let found = describe(&value);
        // The parser would read nothing as an empty list or map.
        if value.is_null() {
            return Ok(Self::Wrong(found));
        }
        Ok(serde_yaml::from_value(value).map_or(Self::Wrong(found), Self::Given))
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("`{value}`"),
        Value::String(value) => match value.char_indices().nth(60) {
            Some((end, _)) => format!("the text `{}…`", value.get(..end).unwrap_or_default()),
            None => format!("the text `{value}`"),
        },
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a map".to_owned(),
        Value::Tagged(_) => "a tagged value".to_owned(),
    }
}

/// Declares a block of the policy: its fields, the list of its keys, and a place for unknown ones.
macro_rules! block {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, serde::Deserialize)]
        #[serde(default)]
        pub(super) struct $name {
            $(pub(super) $field: Field<$type>,)+
            #[serde(flatten)]
            pub(super) unknown: BTreeMap<String, Value>,
        }

        impl $name {
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}

block! {
    /// The whole file.
    RawPolicy {
        version: u64,
        project: String,
        candidate: RawCandidate,
        baseline: RawBaseline,
        accept_status: Vec<Field<String>>,
        defaults: RawDefaults,
        gates: Vec<Field<RawGate>>,
    }
}

/// The attributes of a selector.
pub(super) type RawAttributes = BTreeMap<String, Field<RawScalar>>;

/// Text, a number or a truth value, as text.
#[derive(Debug)]
pub(super) struct RawScalar(pub(super) String);

impl<'de> Deserialize<'de> for RawScalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(value) => Ok(Self(value.to_string())),
            Value::Number(number) if number.is_finite() => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("no text, number or truth value")),
        }
    }
}

block! {
    /// The run on trial.
    RawCandidate {
        evaluation: String,
        model: String,
        attributes: RawAttributes,
        run: String,
        file: String,
    }
}

block! {
    /// The run to compare with.
    RawBaseline {
        evaluation: String,
        model: String,
        attributes: RawAttributes,
        run: String,
        file: String,
        max_age: String,
        required: bool,
        removed_rows: String,
    }
}

block! {
    /// What holds for every gate that does not say otherwise.
    RawDefaults { severity: String, evidence: String, missing: String, max_missing: f64 }
}

block! {
    /// One gate.
    RawGate {
        name: String,
        scorer: String,
        metric: String,
        min: f64,
        max: f64,
        max_drop: f64,
        max_rise: f64,
        max_relative_drop: f64,
        max_relative_rise: f64,
        evidence: String,
        missing: String,
        max_missing: f64,
        range: Vec<Field<f64>>,
        severity: String,
        waive: RawWaiver,
    }
}

block! {
    /// An excuse.
    RawWaiver { until: String, reason: String }
}
