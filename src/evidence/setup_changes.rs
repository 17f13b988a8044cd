//! Compares how two runs were measured: their scorers and their datasets.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Reference, Role, Setup};

/// Fields of a scorer that do not change its scores. `summarize` is the SDK's, and the gate does not use it.
const UNUSED: [&str; 4] = ["_bases", "_type", "name", "summarize"];
/// Fields of an evaluation that are compared in another way, or that do not change scores.
const NOT_COMPARED: [&str; 8] = [
    "dataset",
    "description",
    "display_name",
    "evaluation_name",
    "eval_attributes",
    "metadata",
    "scorers",
    "trials",
];
/// Maximum length of a value that is shown, in characters.
const LONGEST: usize = 60;

/// A difference between how the candidate and the baseline were measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupChange {
    /// A scorer of both runs that is not the same.
    ScorerChanged {
        /// Its name.
        name: String,
        /// What differs; never empty.
        fields: Vec<FieldChange>,
        /// How it scored equal outputs; `None` if that was not read.
        same: Option<SameScores>,
    },
    /// A scorer of the candidate only.
    ScorerAdded {
        /// Its name.
        name: String,
    },
    /// A scorer of the baseline only.
    ScorerRemoved {
        /// Its name.
        name: String,
    },
    /// The datasets have different rows, or the same rows in another order.
    DatasetChanged {
        /// The name of the candidate's dataset.
        name: String,
        /// The name of the baseline's dataset.
        before: String,
    },
    /// Another part of the evaluation that is not the same, such as how it prepares the inputs of the model.
    EvaluationChanged {
        /// Its name.
        name: String,
        /// What differs; never empty.
        fields: Vec<FieldChange>,
    },
}

/// How a scorer scored the rows for which both runs have the same output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameScores {
    /// The number of these rows.
    pub outputs: u64,
    /// The number of these rows with the same score in both runs.
    pub same: u64,
}

/// A field of a scorer that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldChange {
    /// A short value: the field, and its values in the baseline and in the candidate.
    Value {
        /// The field.
        field: String,
        /// The value in the baseline.
        before: String,
        /// The value in the candidate.
        after: String,
    },
    /// A longer text: the field, and the number of its lines that differ.
    Lines {
        /// The field.
        field: String,
        /// The number of lines.
        lines: u64,
    },
    /// Another version of an object that the field refers to.
    Version {
        /// The field.
        field: String,
    },
    /// The code of the scorer.
    Code,
    /// The code of the op in this field.
    CodeOf {
        /// The field.
        field: String,
    },
    /// A version of the scorer cannot be read, because it was deleted or is too large.
    Unread,
}

/// Compares the candidate's setup with the baseline's.
///
/// # Errors
///
/// The evaluation of this run is not in its setup.
pub fn setup_changes(ours: &Setup, theirs: &Setup) -> Result<Vec<SetupChange>, Role> {
    let reference = |setup: &Setup| {
        setup
            .evaluation
            .as_deref()
            .map(of_any_project)
            .map(str::to_owned)
    };
    if reference(ours).is_some() && reference(ours) == reference(theirs) {
        return Ok(Vec::new());
    }
    let candidate = evaluation(ours).ok_or(Role::Candidate)?;
    let baseline = evaluation(theirs).ok_or(Role::Baseline)?;
    let sides = ((ours, candidate), (theirs, baseline));
    let (new, old) = (scorers(sides.0, sides.1), scorers(sides.1, sides.0));
    let names: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let mut changes = Vec::new();
    for name in names {
        let name = name.clone();
        let after = new.get(&name).cloned().unwrap_or_default();
        let before = old.get(&name).cloned().unwrap_or_default();
        match after.len().cmp(&before.len()) {
            Ordering::Greater => changes.push(SetupChange::ScorerAdded { name: name.clone() }),
            Ordering::Less => changes.push(SetupChange::ScorerRemoved { name: name.clone() }),
            Ordering::Equal => {}
        }
        // The scores of a scorer that cannot be read may have another name.
        let is_unread = has_unread(ours, &after) || has_unread(theirs, &before);
        if is_unread && after.len() != before.len() {
            changes.push(SetupChange::ScorerChanged {
                name: name.clone(),
                fields: vec![FieldChange::Unread],
                same: None,
            });
        }
        let pairs = after.into_iter().zip(before);
        for (after, before) in
            pairs.filter(|(after, before)| of_any_project(after) != of_any_project(before))
        {
            let fields = scorer(ours, theirs, [after, before]);
            if !fields.is_empty() {
                changes.push(SetupChange::ScorerChanged {
                    name: name.clone(),
                    fields,
                    same: None,
                });
            }
        }
    }
    if listed_inline(candidate) != listed_inline(baseline) {
        changes.push(SetupChange::ScorerChanged {
            name: "without a reference".to_owned(),
            fields: vec![FieldChange::Unread],
            same: None,
        });
    }
    changes.extend(dataset(ours, candidate, theirs, baseline));
    changes.extend(other_parts(ours, candidate, baseline));
    Ok(changes)
}

/// The scorers of an evaluation that are no references. What they are is unknown.
fn listed_inline(evaluation: &Value) -> Vec<Value> {
    let listed = evaluation.get("scorers").and_then(Value::as_array);
    let inline = listed.into_iter().flatten().filter(|it| !it.is_string());
    inline.map(without_projects).collect()
}

/// What differs in the evaluations besides their scorers and datasets. The SDK's own ops are left out.
fn other_parts(ours: &Setup, after: &Value, before: &Value) -> Option<SetupChange> {
    let (Value::Object(after), Value::Object(before)) = (after, before) else {
        return None;
    };
    let is_of_sdk = |value: &Value| {
        let name = value.as_str().filter(|text| is_op(text));
        let name = name.and_then(Reference::parse);
        name.is_some_and(|op| op.name.starts_with("Evaluation."))
    };
    let mut fields = Vec::new();
    for (field, [new, old]) in fields_that_differ(after, before) {
        let is_compared = !NOT_COMPARED.contains(&field.as_str());
        if is_compared && !(is_of_sdk(new) && is_of_sdk(old)) {
            let change = if is_op_value(new) || is_op_value(old) {
                FieldChange::CodeOf {
                    field: field.clone(),
                }
            } else {
                difference(field, old, new)
            };
            add(&mut fields, change);
        }
    }
    let name = ours.evaluation.as_deref().and_then(Reference::parse);
    let name = name.map_or_else(String::new, |reference| reference.name);
    (!fields.is_empty()).then_some(SetupChange::EvaluationChanged { name, fields })
}

/// A value whose references name no project, so that equal objects of two projects are equal.
fn without_projects(value: &Value) -> Value {
    match value {
        Value::String(text) => of_any_project(text).into(),
        Value::Array(items) => items.iter().map(without_projects).collect(),
        Value::Object(map) => {
            let fields = map.iter();
            Value::Object(
                fields
                    .map(|(key, value)| (key.clone(), without_projects(value)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// The names of the scorers of a run's evaluation, as far as they were read.
pub fn scorer_names(setup: &Setup) -> BTreeSet<String> {
    let listed = evaluation(setup).into_iter().flat_map(references);
    listed
        .filter_map(|reference| name_of_scores(setup, reference))
        .collect()
}

fn evaluation(setup: &Setup) -> Option<&Value> {
    setup.objects.get(setup.evaluation.as_ref()?)
}

/// The references of an evaluation's scorers, by the name that their scores have. If a scorer cannot be read, its name is
/// that of the other run's scorer that is stored under the same name.
fn scorers<'s>(
    (setup, evaluation): (&Setup, &'s Value),
    (other, of_other): (&Setup, &Value),
) -> BTreeMap<String, Vec<&'s str>> {
    let mut scorers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for reference in references(evaluation) {
        let stored = Reference::parse(reference).map(|reference| reference.name);
        let of_other = || {
            let mut others = references(of_other);
            let is_it = |other: &&str| Reference::parse(other).map(|it| it.name) == stored;
            name_of_scores(other, others.find(is_it)?)
        };
        let name = name_of_scores(setup, reference).or_else(of_other);
        if let Some(name) = name.or_else(|| stored.clone()) {
            scorers.entry(name).or_default().push(reference);
        }
    }
    scorers
}

fn references(evaluation: &Value) -> impl Iterator<Item = &str> {
    let listed = evaluation.get("scorers").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str)
}

/// The name that a scorer's scores have: the name of an op; of an object, its field `name`, or else the name of its class.
/// `None` if the object was not read, because it is stored under a name of its own.
fn name_of_scores(setup: &Setup, reference: &str) -> Option<String> {
    if is_op(reference) {
        return Some(Reference::parse(reference)?.name);
    }
    let object = setup.objects.get(reference)?;
    let field = |field: &str| {
        let text = object.get(field)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let named = field("name").or_else(|| field("_class_name"));
    named.or_else(|| Some(Reference::parse(reference)?.name))
}

/// Whether one of these scorers cannot be read.
fn has_unread(setup: &Setup, scorers: &[&str]) -> bool {
    let mut scorers = scorers.iter();
    scorers.any(|reference| !is_op(reference) && !setup.objects.contains_key(*reference))
}

/// What differs between two versions of a scorer.
fn scorer(ours: &Setup, theirs: &Setup, [after, before]: [&str; 2]) -> Vec<FieldChange> {
    // A function is an op, and an op is its code. If only one of the two is a function, the code differs, too.
    if is_op(after) || is_op(before) {
        return vec![FieldChange::Code];
    }
    let (Some(Value::Object(after)), Some(Value::Object(before))) =
        (ours.objects.get(after), theirs.objects.get(before))
    else {
        return vec![FieldChange::Unread];
    };
    let mut changes = Vec::new();
    for (field, [new, old]) in fields_that_differ(after, before) {
        let referred = |setup: &'_ Setup, value: &Value| -> Option<Map<String, Value>> {
            setup.objects.get(value.as_str()?)?.as_object().cloned()
        };
        match (referred(ours, new), referred(theirs, old)) {
            // Both refer to an object, such as a prompt.
            (Some(after), Some(before)) => {
                for (inner, [new, old]) in fields_that_differ(&after, &before) {
                    let is_used = inner != "description";
                    if is_used && !(is_of_sdk(&after) && is_of_sdk(&before) && is_op_value(new)) {
                        add(
                            &mut changes,
                            difference(&format!("{field}.{inner}"), old, new),
                        );
                    }
                }
            }
            // Both refer to an object, and one of these cannot be read.
            (None, _) | (_, None) if is_reference(new) && is_reference(old) => {
                add(&mut changes, difference(field, old, new));
            }
            // A text became an object with this text, or the other way round.
            (after, before) => {
                let text = |object: Option<Map<String, Value>>, value: &Value| {
                    object
                        .and_then(|object| object.get("content").cloned())
                        .unwrap_or_else(|| value.clone())
                };
                let (new, old) = (text(after, new), text(before, old));
                if new != old {
                    add(&mut changes, difference(field, &old, &new));
                }
            }
        }
    }
    changes
}

fn add(changes: &mut Vec<FieldChange>, change: FieldChange) {
    if !changes.contains(&change) {
        changes.push(change);
    }
}

/// The fields of two objects that may change scores and differ, with the values of the first and the second object.
fn fields_that_differ<'v>(
    after: &'v Map<String, Value>,
    before: &'v Map<String, Value>,
) -> Vec<(&'v String, [&'v Value; 2])> {
    let fields: BTreeSet<&String> = after.keys().chain(before.keys()).collect();
    let used = fields
        .into_iter()
        .filter(|field| !UNUSED.contains(&field.as_str()));
    let values = used.map(|field| {
        let value = |of: &'v Map<String, Value>| of.get(field).unwrap_or(&Value::Null);
        (field, [value(after), value(before)])
    });
    let is_other =
        |(_, [new, old]): &(&String, [&Value; 2])| without_projects(new) != without_projects(old);
    values.filter(is_other).collect()
}

/// Whether an object is of a class of the SDK, whose code changes with the SDK alone.
fn is_of_sdk(object: &Map<String, Value>) -> bool {
    let class = object.get("_class_name").and_then(Value::as_str);
    class.is_some_and(|class| {
        ["EasyPrompt", "MessagesPrompt", "Prompt", "StringPrompt"].contains(&class)
    })
}

fn is_op_value(value: &Value) -> bool {
    value.as_str().is_some_and(is_op)
}

fn difference(field: &str, before: &Value, after: &Value) -> FieldChange {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => format!("{value:#}").replace("\\n", "\n"),
        other => other.to_string(),
    };
    let field = field.to_owned();
    let is_list = |value: &Value| matches!(value, Value::Array(_) | Value::Object(_));
    let refers = |value: &Value| value.to_string().contains("\"weave:///");
    if is_op_value(before) || is_op_value(after) {
        return FieldChange::Code;
    }
    if is_reference(before) && is_reference(after)
        || (is_list(before) || is_list(after)) && (refers(before) || refers(after))
    {
        return FieldChange::Version { field };
    }
    let (before, after) = (text(before), text(after));
    let is_short = |text: &str| !text.contains('\n') && text.chars().count() <= LONGEST;
    if is_short(&before) && is_short(&after) {
        return FieldChange::Value {
            field,
            before,
            after,
        };
    }
    FieldChange::Lines {
        field,
        lines: lines_that_differ(&before, &after),
    }
}

fn is_reference(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.starts_with("weave:///"))
}

/// A reference without its project, so that equal objects of two projects are equal; any other text as it is.
fn of_any_project(text: &str) -> &str {
    let parts = text
        .strip_prefix("weave:///")
        .map(|rest| rest.splitn(3, '/'));
    parts.and_then(|mut parts| parts.nth(2)).unwrap_or(text)
}

fn is_op(text: &str) -> bool {
    text.starts_with("weave:///") && text.contains("/op/")
}

/// The number of lines of the longer side that the other side does not have; at least 1.
fn lines_that_differ(before: &str, after: &str) -> u64 {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for line in after.lines() {
        *counts.entry(line).or_default() += 1;
    }
    for line in before.lines() {
        *counts.entry(line).or_default() -= 1;
    }
    let added: i64 = counts.values().filter(|count| **count > 0).sum();
    let removed: i64 = counts.values().filter(|count| **count < 0).sum();
    added.max(-removed).max(1).unsigned_abs()
}

/// The difference between the datasets. Datasets that differ only in their description have the same table of rows.
fn dataset(
    ours: &Setup,
    candidate: &Value,
    theirs: &Setup,
    baseline: &Value,
) -> Option<SetupChange> {
    let reference = |evaluation: &Value| evaluation.get("dataset").cloned();
    let (after, before) = (reference(candidate)?, reference(baseline)?);
    let text = |value: &Value| value.as_str().map(|text| of_any_project(text).to_owned());
    if text(&after).is_some() && text(&after) == text(&before) {
        return None;
    }
    let rows = |setup: &Setup, reference: &Value| {
        let object = setup.objects.get(reference.as_str()?)?;
        object.get("rows").cloned()
    };
    let same_rows = match (rows(ours, &after), rows(theirs, &before)) {
        (Some(after), Some(before)) => text(&after).is_some() && text(&after) == text(&before),
        _ => false,
    };
    let name = |reference: &Value| {
        let parsed = reference.as_str().and_then(Reference::parse);
        parsed.map_or_else(String::new, |reference| reference.name)
    };
    (!same_rows).then(|| SetupChange::DatasetChanged {
        name: name(&after),
        before: name(&before),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(kind: &str, name: &str, version: &str) -> String {
        format!("weave:///t/p/{kind}/{name}:{version}")
    }

    /// A setup whose evaluation has this version, these scorers with their objects, and this dataset with its rows.
    fn setup(version: &str, scorers: &[(String, Value)], dataset: (&str, &str)) -> Setup {
        let evaluation = reference("object", "answers", version);
        let (name, rows) = dataset;
        let dataset = reference("object", "rows", name);
        let refs: Vec<&String> = scorers.iter().map(|(reference, _)| reference).collect();
        let mut objects: BTreeMap<String, Value> = scorers.iter().cloned().collect();
        let evaluate = reference("op", "Evaluation.evaluate", version);
        let whole = json!({"scorers": refs, "dataset": dataset, "evaluate": evaluate});
        objects.insert(evaluation.clone(), whole);
        objects.insert(dataset, json!({"rows": rows}));
        Setup {
            evaluation: Some(evaluation),
            objects,
            served_models: Vec::new(),
            unscored: Vec::new(),
            sdk: None,
            scorer_models: None,
            pooled: BTreeMap::new(),
        }
    }

    fn judge(version: &str, object: Value) -> (String, Value) {
        (reference("object", "judge", version), object)
    }

    fn object(model: &str, prompt: &str, score: &str, summarize: &str) -> Value {
        json!({
            "_class_name": "judge", "_bases": [summarize], "model_id": model, "prompt": prompt, "strict": true,
            "score": reference("op", "Judge.score", score), "summarize": reference("op", "Scorer.summarize", summarize),
        })
    }

    fn changed(ours: &Setup, theirs: &Setup) -> Vec<SetupChange> {
        setup_changes(ours, theirs).unwrap()
    }

    fn fields(before: Value, after: Value) -> Vec<FieldChange> {
        let theirs = setup("1", &[judge("1", before)], ("d", "r"));
        let ours = setup("2", &[judge("2", after)], ("d", "r"));
        match changed(&ours, &theirs).as_slice() {
            [] => Vec::new(),
            [SetupChange::ScorerChanged { name, fields, .. }] if name == "judge" => fields.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_differs_in_a_scorer_is_named() {
        let base = || object("gpt-4o-2024-05-13", "Rate.\nBe fair.\nEnd.", "1", "1");
        let name = |field: &str| field.to_owned();
        assert_eq!(
            fields(
                base(),
                object("gpt-4o-2024-08-06", "Rate.\nBe strict.\nNow.", "1", "1")
            ),
            [
                FieldChange::Value {
                    field: name("model_id"),
                    before: name("gpt-4o-2024-05-13"),
                    after: name("gpt-4o-2024-08-06"),
                },
                FieldChange::Lines {
                    field: name("prompt"),
                    lines: 2
                },
            ]
        );
        let other_code = object("gpt-4o-2024-05-13", "Rate.\nBe fair.\nEnd.", "2", "1");
        assert_eq!(fields(base(), other_code), [FieldChange::Code]);
        let mut more = base();
        more["temperature"] = json!(0.5);
        more["strict"] = json!(false);
        let value = |field: &str, before: &str, after: &str| FieldChange::Value {
            field: name(field),
            before: name(before),
            after: name(after),
        };
        assert_eq!(
            fields(base(), more),
            [
                value("strict", "true", "false"),
                value("temperature", "null", "0.5")
            ]
        );
        let mut referred = [base(), base()];
        for (place, object) in referred.iter_mut().enumerate() {
            object["prompt"] = json!(reference("object", "prompt", &place.to_string()));
        }
        let [before, after] = referred;
        let field = name("prompt");
        assert_eq!(fields(before, after), [FieldChange::Version { field }]);
    }

    #[test]
    fn a_prompt_that_is_an_object_is_compared_by_its_fields() {
        let prompt = |version: &str| reference("object", "prompt", version);
        let of = |version: &str, class: &str, content: &str, format: &str| {
            let object = json!({
                "_class_name": class, "content": content, "format": reference("op", "Prompt.format", format),
            });
            (prompt(version), object)
        };
        let with = |version: &str, field: Value, objects: &[(String, Value)]| {
            let mut made = setup(
                version,
                &[judge(version, json!({"prompt": field}))],
                ("d", "r"),
            );
            made.objects.extend(objects.iter().cloned());
            made
        };
        let of_versions = |before: (String, Value), after: (String, Value)| {
            let theirs = with("1", json!(before.0), std::slice::from_ref(&before));
            changed(
                &with("2", json!(after.0), std::slice::from_ref(&after)),
                &theirs,
            )
        };
        let expected = |fields: Vec<FieldChange>| {
            vec![SetupChange::ScorerChanged {
                name: "judge".to_owned(),
                fields,
                same: None,
            }]
        };
        let sdk = "StringPrompt";
        let lines = FieldChange::Lines {
            field: "prompt.content".to_owned(),
            lines: 1,
        };
        let old = || of("1", sdk, "Rate.\nBe fair.", "1");
        let strict = of("2", sdk, "Rate.\nBe strict.", "2");
        assert_eq!(of_versions(old(), strict), expected(vec![lines]));
        // The code of the SDK's own class moves with the SDK.
        assert_eq!(of_versions(old(), of("2", sdk, "Rate.\nBe fair.", "2")), []);
        let own = |version: &str, format: &str| of(version, "Mine", "Rate.", format);
        assert_eq!(
            of_versions(own("1", "1"), own("2", "2")),
            expected(vec![FieldChange::Code])
        );
        // A text that became an object is the same prompt.
        let text = with("1", json!("Rate.\nBe fair."), &[]);
        let object = with("2", json!(prompt("1")), &[old()]);
        assert_eq!(changed(&object, &text), []);
        assert_eq!(changed(&text, &object), []);
        // Without the objects it is unknown what differs.
        let version = FieldChange::Version {
            field: "prompt".to_owned(),
        };
        let [theirs, ours] = ["1", "2"].map(|it| with(it, json!(prompt(it)), &[]));
        assert_eq!(changed(&ours, &theirs), expected(vec![version]));
    }

    #[test]
    fn a_new_sdk_changes_nothing() {
        let base = || object("m", "p", "1", "1");
        assert_eq!(fields(base(), object("m", "p", "1", "2")), []);
    }

    #[test]
    fn lists_and_descriptions_are_compared_as_a_reader_sees_them() {
        let with = |field: &str, value: Value| {
            let mut made = object("m", "p", "1", "1");
            made[field] = value;
            made
        };
        let lines = |field: &str, lines: u64| FieldChange::Lines {
            field: field.to_owned(),
            lines,
        };
        let version = |field: &str| FieldChange::Version {
            field: field.to_owned(),
        };
        // A rubric may be in the description.
        let described = with("description", json!("Be strict."));
        assert_eq!(fields(object("m", "p", "1", "1"), described).len(), 1);
        let messages = |words: [&str; 2]| {
            let content =
                words.map(|word| format!("Rate.\n{word}\nAnswer with a number from 1 to 5."));
            let [one, two] = content.map(|content| json!({"role": "user", "content": content}));
            with("messages", json!([one, two]))
        };
        let changed_lines = fields(messages(["fair", "kind"]), messages(["strict", "short"]));
        assert_eq!(changed_lines, [lines("messages", 2)]);
        let examples =
            |version: &str| with("examples", json!([reference("object", "example", version)]));
        assert_eq!(fields(examples("1"), examples("2")), [version("examples")]);
        let elsewhere = json!(["weave:///other/project/object/example:1"]);
        assert_eq!(fields(examples("1"), with("examples", elsewhere)), []);
    }

    #[test]
    fn a_function_in_place_of_a_class_is_other_code() {
        let op = || (reference("op", "judge", "1"), json!({}));
        let of_class = || judge("1", json!({"name": "judge", "model_id": "m"}));
        for (before, after) in [(op(), of_class()), (of_class(), op())] {
            let theirs = setup("1", &[before], ("d", "r"));
            let ours = setup("2", &[after], ("d", "r"));
            let expected = [SetupChange::ScorerChanged {
                name: "judge".to_owned(),
                fields: vec![FieldChange::Code],
                same: None,
            }];
            assert_eq!(changed(&ours, &theirs), expected);
        }
    }

    /// A scorer that is no reference cannot be followed, so a difference may be any.
    #[test]
    fn a_scorer_without_a_reference_is_unknown() {
        let with = |version: &str, model: &str| {
            let mut made = setup(version, &[], ("d", "r"));
            let evaluation = made.evaluation.clone().unwrap();
            made.objects.get_mut(&evaluation).unwrap()["scorers"] = json!([{"model_id": model}]);
            made
        };
        assert_eq!(changed(&with("2", "a"), &with("1", "a")), []);
        let found = changed(&with("2", "b"), &with("1", "a"));
        assert!(
            matches!(found.as_slice(), [SetupChange::ScorerChanged { fields, .. }] if *fields == [FieldChange::Unread]),
            "{found:?}"
        );
    }

    #[test]
    fn equal_objects_of_two_projects_are_equal() {
        let theirs = setup("1", &[judge("1", object("m", "p", "1", "1"))], ("d", "r"));
        let text = serde_json::to_string(&theirs).unwrap();
        let ours: Setup =
            serde_json::from_str(&text.replace("weave:///t/p/", "weave:///u/q/")).unwrap();
        assert_eq!(changed(&ours, &theirs), []);
        let other = text
            .replace("weave:///t/p/", "weave:///u/q/")
            .replace("answers:1", "answers:2");
        let ours: Setup = serde_json::from_str(&other).unwrap();
        assert_eq!(changed(&ours, &theirs), []);
    }

    #[test]
    fn a_scorer_that_cannot_be_read_is_told_as_such() {
        let judge = |version: &str| judge(version, json!({"_class_name": "Judge"}));
        let whole = |version: &str| setup(version, &[judge(version)], ("d", "r"));
        let unread = |version: &str| {
            let mut made = whole(version);
            made.objects.remove(&reference("object", "judge", version));
            made
        };
        let is_unread = |change: &SetupChange| matches!(change, SetupChange::ScorerChanged { fields, .. } if *fields == [FieldChange::Unread]);
        // The scorer that is stored under the same name has the name of the scores.
        for (ours, theirs) in [(unread("2"), whole("1")), (whole("2"), unread("1"))] {
            let changes = changed(&ours, &theirs);
            assert!(changes.len() == 1 && is_unread(&changes[0]), "{changes:?}");
        }
        // If only one run has it, its scores may have any name.
        for (ours, theirs) in [
            (unread("2"), setup("1", &[], ("d", "r"))),
            (setup("2", &[], ("d", "r")), unread("1")),
        ] {
            let changes = changed(&ours, &theirs);
            assert!(changes.iter().any(is_unread), "{changes:?}");
        }
        assert_eq!(
            changed(&unread("1"), &setup("2", &[judge("1")], ("d", "r"))),
            []
        );
    }

    #[test]
    fn a_scorer_is_named_as_its_scores_are() {
        let of = |field: &str, model: &str| {
            let object = json!({field: "The judge", "model_id": model});
            (
                reference("object", "stored-under-another-name", model),
                object,
            )
        };
        for field in ["name", "_class_name"] {
            let theirs = setup("1", &[of(field, "1")], ("d", "r"));
            let ours = setup("2", &[of(field, "2")], ("d", "r"));
            match changed(&ours, &theirs).as_slice() {
                [SetupChange::ScorerChanged { name, .. }] => assert_eq!(name, "The judge"),
                other => panic!("{other:?}"),
            }
        }
        // Two scorers of one name are both compared.
        let theirs = setup("1", &[of("name", "1"), of("name", "2")], ("d", "r"));
        let ours = setup("2", &[of("name", "1"), of("name", "3")], ("d", "r"));
        assert_eq!(changed(&ours, &theirs).len(), 1);
        let fewer = setup("2", &[of("name", "1")], ("d", "r"));
        let removed = SetupChange::ScorerRemoved {
            name: "The judge".to_owned(),
        };
        assert_eq!(changed(&fewer, &theirs), [removed]);
    }

    #[test]
    fn scorers_come_and_go() {
        let op = |version: &str| (reference("op", "is_short", version), json!({}));
        let base = || judge("1", object("m", "p", "1", "1"));
        let theirs = setup("1", &[base(), op("1")], ("d", "r"));
        let name = |name: &str| name.to_owned();
        let other = (reference("op", "is_long", "1"), json!({}));
        assert_eq!(
            changed(&setup("2", &[base(), other], ("d", "r")), &theirs),
            [
                SetupChange::ScorerAdded {
                    name: name("is_long")
                },
                SetupChange::ScorerRemoved {
                    name: name("is_short")
                },
            ]
        );
        let code = SetupChange::ScorerChanged {
            name: name("is_short"),
            fields: vec![FieldChange::Code],
            same: None,
        };
        let ours = setup("2", &[base(), op("2")], ("d", "r"));
        assert_eq!(changed(&ours, &theirs), [code]);
        // A version that was deleted is not the same.
        let mut ours = setup("2", &[judge("2", json!({}))], ("d", "r"));
        ours.objects.remove(&reference("object", "judge", "2"));
        let theirs = setup("1", &[base()], ("d", "r"));
        let unread = SetupChange::ScorerChanged {
            name: name("judge"),
            fields: vec![FieldChange::Unread],
            same: None,
        };
        assert_eq!(changed(&ours, &theirs), [unread]);
    }

    #[test]
    fn datasets_differ_by_their_rows() {
        let of = |version, dataset| setup(version, &[], dataset);
        let name = "rows".to_owned();
        let before = name.clone();
        let other = [SetupChange::DatasetChanged { name, before }];
        assert_eq!(changed(&of("2", ("e", "s")), &of("1", ("d", "r"))), other);
        assert_eq!(changed(&of("2", ("e", "r")), &of("1", ("d", "r"))), []);
        let mut unread = of("2", ("e", "r"));
        unread.objects.remove(&reference("object", "rows", "e"));
        assert_eq!(changed(&unread, &of("1", ("d", "r"))), other);
    }

    #[test]
    fn an_evaluation_that_is_unknown_is_named() {
        let theirs = setup("1", &[], ("d", "r"));
        let mut ours = setup("2", &[], ("d", "r"));
        ours.objects.clear();
        assert_eq!(setup_changes(&ours, &theirs), Err(Role::Candidate));
        assert_eq!(setup_changes(&theirs, &ours), Err(Role::Baseline));
        // Equal references need no objects.
        assert_eq!(setup_changes(&ours, &ours), Ok(Vec::new()));
        let none = Setup::default();
        assert_eq!(setup_changes(&none, &none), Err(Role::Candidate));
    }
}
