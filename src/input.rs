//! Inputs of dataset rows: how an input is found in a row, and how values are compared.

use std::fmt;

use serde_json::Value as Json;

/// Maximum length of a value that rows can be grouped by, in bytes. A longer value is a text that differs in each row.
const LONGEST: usize = 1_000;

/// An input value in its canonical form. Equal numbers are the same value, and a text is never equal to a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(String);

impl Value {
    /// Reads a value; `None` if it is missing.
    #[must_use]
    pub fn of(json: &Json) -> Option<Self> {
        match json {
            Json::Null => None,
            Json::Number(number) => Some(Self(spell(number))),
            other => Some(Self(other.to_string())),
        }
    }

    /// Whether the value is too long to group rows by.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.0.len() > LONGEST
    }

    /// The value as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        // The function `of` wrote this text, so it is valid JSON.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Formats a number so that `2` and `2.0` are the same text.
fn spell(number: &serde_json::Number) -> String {
    match number.as_f64() {
        // Up to this size a double holds each whole number exactly.
        Some(value) if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => {
            format!("{}", value + 0.0)
        }
        _ => number.to_string(),
    }
}

impl fmt::Display for Value {
    /// Text has no quotes, unless it could be read as another value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Json::String(text) = self.json()
            && !text.trim().is_empty()
            && text.trim() == text
            && serde_json::from_str::<Json>(&text).is_err()
        {
            return f.write_str(&text);
        }
        f.write_str(&self.0)
    }
}

/// The error if a row holds a reference to an object of Weave instead of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unresolved;

/// Finds an input by its name, or by a dotted path to a nested input. A name may itself contain dots. Longer names are
/// tried first.
///
/// # Errors
///
/// A reference is at the path or on the way to it, so the value is unknown.
pub fn find<'a>(row: &'a Json, path: &str) -> Result<Option<&'a Json>, Unresolved> {
    if is_reference(row) {
        return Err(Unresolved);
    }
    let Some(map) = row.as_object() else {
        return Ok(None);
    };
    match map.get(path) {
        Some(found) if is_reference(found) => return Err(Unresolved),
        Some(found) if !found.is_null() => return Ok(Some(found)),
        _ => {}
    }
    for (dot, _) in path.rmatch_indices('.') {
        let parts = path.split_at_checked(dot);
        let parts =
            parts.and_then(|(outer, rest)| Some((map.get(outer)?, rest.strip_prefix('.')?)));
        if let Some((outer, inner)) = parts
            && let Some(found) = find(outer, inner)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a value is a reference to an object of Weave, as its SDK or its server writes it.
fn is_reference(value: &Json) -> bool {
    let schemes = ["weave:///", "weave-trace-internal:///"];
    value
        .as_str()
        .is_some_and(|text| schemes.iter().any(|scheme| text.starts_with(scheme)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_told_apart_by_kind_and_size() {
        let of = |json: Json| Value::of(&json).map(|value| value.to_string());
        assert_eq!(of(json!(2)), of(json!(2.0)));
        assert_eq!(of(json!(-0.0)), of(json!(0)));
        assert_ne!(of(json!(2)), of(json!("2")));
        assert_ne!(of(json!(true)), of(json!("true")));
        assert_eq!(of(json!("2")).as_deref(), Some("\"2\""));
        assert_eq!(of(json!("de")).as_deref(), Some("de"));
        assert_eq!(of(json!(" de")).as_deref(), Some("\" de\""));
        assert_eq!(of(json!("")).as_deref(), Some("\"\""));
        assert_eq!(of(json!(["a", 1])).as_deref(), Some("[\"a\",1]"));
        assert_eq!(of(json!(u64::MAX)).as_deref(), Some("18446744073709551615"));
        assert_eq!(of(json!(0.1)).as_deref(), Some("0.1"));
        assert_eq!(of(Json::Null), None);
    }

    #[test]
    fn inputs_are_found_by_name_and_by_path() {
        let row = json!({"a": {"b": 1, "c.d": 2}, "a.b": 3, "x": {"y": {"z": 4}}, "n": null});
        let at = |path| find(&row, path).unwrap().and_then(Json::as_u64);
        assert_eq!(at("a.b"), Some(3));
        assert_eq!(at("a.c.d"), Some(2));
        assert_eq!(at("x.y.z"), Some(4));
        assert_eq!(at("n"), None);
        assert_eq!(at("a."), None);
        assert_eq!(at("x.y.w"), None);
        assert_eq!(find(&json!("text"), "a"), Ok(None));
        let row = json!({"meta": "weave:///a/b/object/c:d", "x": {"y": "weave-trace-internal:///1/object/c:d"}, "z": 1});
        for path in ["meta", "meta.golden", "x.y", "x.y.z"] {
            assert_eq!(find(&row, path), Err(Unresolved), "{path}");
        }
        assert_eq!(find(&row, "x.z"), Ok(None));
        assert_eq!(find(&row, "z"), Ok(Some(&json!(1))));
    }
}
