//! The policy language as a JSON Schema for editors, generated from the types that parse it.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::metric::{LimitKey, Metric, Unit};

/// Text with `${NAME}`, `${NAME:-fallback}` and `$$`; not empty.
pub(super) const TEMPLATE: &str = r"^([^$]|\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}${]*)?\})+$";
/// The name of a further baseline.
pub(super) const NAME: &str = r"^[A-Za-z0-9_.-]{1,60}$";
/// A project, or a template of one.
pub(super) const PROJECT: &str = r"^([^/\s][^/]*/[^/]*[^/\s]|.*\$\{.*)$";
/// A run id, or a template of one.
pub(super) const RUN: &str =
    r"^((?!latest$)(?!file:)(?!\.{1,2}$)[^\s=$]+|(https?://|weave:///)[^\s$]+|.*\$\{.*)$";
/// A day.
pub(super) const DAY: &str = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$";
/// A maximum age: minutes to weeks, and not zero.
pub(super) const AGE: &str = r"^(?=.*[1-9])\s*(\d+(\.\d+)?\s*[A-Za-z]+[\s,]*)+$";

/// Makes `run`, `file` and the keys that select a run exclude each other.
pub(super) fn one_source(schema: &mut Schema) {
    let excludes = |key: &str, others: &[&str]| {
        let others: Vec<Value> = others
            .iter()
            .map(|other| json!({"required": [other]}))
            .collect();
        json!({"if": {"required": [key]}, "then": {"not": {"anyOf": others}}})
    };
    let selecting = ["evaluation", "model", "commit", "branch", "attributes"];
    let others = [["file"].as_slice(), &selecting].concat();
    schema.insert(
        "allOf".to_owned(),
        json!([excludes("run", &others), excludes("file", &selecting)]),
    );
}

/// Requires each status at most once, and `completed` among them.
pub(super) fn statuses(schema: &mut Schema) {
    schema.insert("items".to_owned(), json!({"enum": ["completed", "failed"]}));
    schema.insert("uniqueItems".to_owned(), json!(true));
    schema.insert("contains".to_owned(), json!({"const": "completed"}));
}

/// A list of at least one name, each once.
pub(super) fn names(schema: &mut Schema) {
    schema.insert(
        "items".to_owned(),
        json!({"type": "string", "minLength": 1}),
    );
    schema.insert("minItems".to_owned(), json!(1));
    schema.insert("uniqueItems".to_owned(), json!(true));
}

/// Requires the keys that each metric needs, and allows the limits that it can have.
pub(super) fn limits_of_metrics(schema: &mut Schema) {
    let rules: Vec<Value> = Metric::ALL
        .iter()
        .map(|metric| {
            json!({
                "if": {"properties": {"metric": {"const": metric.word()}}, "required": ["metric"]},
                "then": rule(*metric),
            })
        })
        .collect();
    schema.insert("allOf".to_owned(), Value::Array(rules));
    let limits = LimitKey::ALL.map(|key| json!({"required": [key.word()]}));
    schema.insert("anyOf".to_owned(), json!(limits));
}

fn rule(metric: Metric) -> Value {
    let mut properties = Map::new();
    for key in LimitKey::ALL {
        let rule = if !metric.limits().contains(&key) {
            json!(false)
        } else if key.is_relative() {
            match (key, metric.unit()) {
                (LimitKey::MaxRelativeDrop, unit) if unit != Unit::Score => json!({"maximum": 1}),
                _ => continue,
            }
        } else {
            match metric.unit() {
                Unit::Fraction => json!({"minimum": 0, "maximum": 1}),
                Unit::Count => json!({"type": "integer", "minimum": 0}),
                Unit::Tokens | Unit::Dollars | Unit::Seconds => json!({"minimum": 0}),
                Unit::Score => continue,
            }
        };
        properties.insert(key.word().to_owned(), rule);
    }
    if !metric.takes_range() {
        properties.insert("range".to_owned(), json!(false));
    }
    if !metric.can_miss() {
        properties.insert("missing".to_owned(), json!(false));
        properties.insert("max_missing".to_owned(), json!(false));
    }
    if !metric.has_interval() {
        properties.insert("evidence".to_owned(), json!({"const": "observed"}));
        properties.insert("cluster_by".to_owned(), json!(false));
    }
    if metric.takes_attempts() {
        return json!({"properties": properties, "required": ["scorer", "k"]});
    }
    properties.insert("k".to_owned(), json!(false));
    if metric.has_scorer() {
        return json!({"properties": properties, "required": ["scorer"]});
    }
    properties.insert("scorer".to_owned(), json!(false));
    json!({ "properties": properties })
}
