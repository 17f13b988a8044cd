//! A run before its results are read: what it is, and whether it has finished.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::wire::{CallRead, RunRead};
use crate::evidence::{Choice, Reference, Run};
use crate::selector::Selector;

/// What `EvaluationLogger` calls every evaluation.
const LOGGED: &str = "Evaluation";

/// A run before its results are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its id.
    pub id: String,
    /// The name that it has in the web pages.
    pub display_name: Option<String>,
    /// What was evaluated on.
    pub evaluation: Option<Reference>,
    /// What was evaluated.
    pub model: Option<Reference>,
    /// `running`, `completed`, `failed`, or whatever else a server says.
    pub status: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The run whose outputs it scores once more.
    pub rescored_from: Option<String>,
    /// What it was logged with; empty where the run was read by its id.
    pub attributes: Map<String, Value>,
    /// Whether it was logged by `EvaluationLogger`, which names the run and not the evaluation.
    pub is_logged: bool,
    /// How it was chosen, where it was not named by its id.
    pub choice: Option<Choice>,
}

impl Head {
    /// The evaluation's name: that of its reference, or the one that `EvaluationLogger` was given.
    #[must_use]
    pub fn evaluation_name(&self) -> Option<&str> {
        match (&self.display_name, &self.evaluation) {
            (Some(name), _) if self.is_logged => Some(name),
            (_, reference) => reference.as_ref().map(|reference| reference.name.as_str()),
        }
    }

    /// The evaluation as reports name it. `EvaluationLogger` makes a version of its own for each run, which
    /// says nothing.
    pub(super) fn evaluation(&self) -> Option<Reference> {
        match (&self.display_name, &self.evaluation) {
            (Some(name), _) if self.is_logged => Some(Reference {
                name: name.clone(),
                version: None,
            }),
            (_, reference) => reference.clone(),
        }
    }

    /// Whether the run may be one of `EvaluationLogger`, which only its root call tells.
    pub(super) fn may_be_logged(&self) -> bool {
        let name = self
            .evaluation
            .as_ref()
            .map(|reference| reference.name.as_str());
        self.attributes.is_empty() && name == Some(LOGGED)
    }

    /// Whether the run still goes on, or does not say.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.status.as_deref(), None | Some("running"))
    }

    /// Whether the run has finished with a status that is accepted.
    pub(super) fn has_finished(&self, accept_failed: bool) -> bool {
        match self.status.as_deref() {
            Some("completed") => true,
            Some("failed") => accept_failed,
            _ => false,
        }
    }

    /// Whether the run is what was asked for.
    #[must_use]
    pub fn matches(&self, selector: &Selector) -> bool {
        let is = |reference: &Option<Reference>, name: &str| {
            reference
                .as_ref()
                .is_some_and(|reference| reference.name == name)
        };
        let evaluation = selector
            .evaluation
            .as_ref()
            .is_none_or(|name| is(&self.evaluation, name) || self.evaluation_name() == Some(name));
        let model = selector
            .model
            .as_ref()
            .is_none_or(|name| is(&self.model, name));
        let attribute = |(path, text): (&String, &String)| {
            values(&self.attributes, path).any(|value| is_text(value, text))
        };
        evaluation && model && selector.attributes.iter().all(attribute)
    }

    /// What the run was logged with, without what Weave itself adds: paths and values as text.
    #[must_use]
    pub fn own_attributes(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let own = self
            .attributes
            .iter()
            .filter(|(key, _)| *key != "weave" && !key.starts_with('_') && *key != "otel_span");
        for (key, value) in own {
            flatten(key, value, &mut found);
        }
        found
    }
}

/// What stands at a path: dots lead into maps, or are part of a key.
fn values<'a>(
    map: &'a Map<String, Value>,
    path: &'a str,
) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
    let deeper = path.match_indices('.').filter_map(|(dot, _)| {
        let (key, rest) = (path.get(..dot)?, path.get(dot + 1..)?);
        match map.get(key)? {
            Value::Object(inner) => Some(values(inner, rest)),
            _ => None,
        }
    });
    Box::new(map.get(path).into_iter().chain(deeper.flatten()))
}

/// Whether a value is what a text says: numbers are compared as numbers.
fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Bool(value) => (if *value { "true" } else { "false" }) == text,
        Value::Number(number) => match (number.to_string().parse::<i128>(), text.parse::<i128>()) {
            // In floating point large neighbours would be the same.
            (Ok(number), Ok(text)) => number == text,
            _ => number
                .as_f64()
                .is_some_and(|number| text.parse() == Ok(number)),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&format!("{path}.{key}"), value, found);
            }
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Null => {}
        value => found.push((path.to_owned(), value.to_string())),
    }
}

impl From<RunRead> for Head {
    fn from(run: RunRead) -> Self {
        Self {
            id: run.evaluation_run_id,
            display_name: None,
            evaluation: run.evaluation.as_deref().and_then(Reference::parse),
            model: run.model.as_deref().and_then(Reference::parse),
            status: run.status,
            started_at: run.started_at,
            finished_at: run.finished_at,
            rescored_from: run.source_evaluation_run_id,
            attributes: Map::new(),
            is_logged: false,
            choice: None,
        }
    }
}

impl From<CallRead> for Head {
    fn from(call: CallRead) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let of_weave = |key| {
            text(
                call.attributes
                    .get("weave")
                    .and_then(|weave| weave.get(key)),
            )
        };
        let input = |key| text(call.inputs.get(key));
        // Where the API made the run, its attributes say it, too; in TypeScript the evaluation is `this`.
        let evaluation = of_weave("evaluation")
            .or_else(|| input("self"))
            .or_else(|| input("this"));
        let model = of_weave("model").or_else(|| input("model"));
        let status = match (&call.ended_at, &call.exception) {
            (None, _) => "running",
            (Some(_), None) => "completed",
            (Some(_), Some(_)) => "failed",
        };
        let imperative = call
            .attributes
            .get("_weave_eval_meta")
            .and_then(|meta| meta.get("imperative"));
        Self {
            rescored_from: of_weave("source_evaluation_run_id"),
            evaluation: evaluation.as_deref().and_then(Reference::parse),
            model: model.as_deref().and_then(Reference::parse),
            status: Some(status.to_owned()),
            started_at: Some(call.started_at),
            finished_at: call.ended_at,
            is_logged: imperative == Some(&Value::Bool(true)),
            id: call.id,
            display_name: call.display_name,
            attributes: call.attributes,
            choice: None,
        }
    }
}

/// What of a run decides which others can be its baseline.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The candidate's id.
    pub id: String,
    /// The run whose outputs it scores once more, the run whose that one scored, and so on.
    pub rescored_from: Vec<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// The name of its evaluation.
    pub evaluation: Option<String>,
    /// Whether it is a run in Weave, and not one in a snapshot.
    pub is_live: bool,
}

impl From<&Head> for Anchor {
    fn from(head: &Head) -> Self {
        Self {
            id: head.id.clone(),
            rescored_from: head.rescored_from.iter().cloned().collect(),
            started_at: head.started_at,
            evaluation: head.evaluation_name().map(str::to_owned),
            is_live: true,
        }
    }
}

impl From<&Run> for Anchor {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.clone(),
            rescored_from: run.rescored_from.iter().cloned().collect(),
            started_at: run.started_at,
            evaluation: run.evaluation.as_ref().map(|known| known.name.clone()),
            is_live: false,
        }
    }
}

impl Anchor {
    /// Whether a run has the candidate's own outputs: it is the candidate, or one is a scoring of the other,
    /// or both are of a third.
    pub(super) fn is_kin(&self, head: &Head) -> bool {
        let is_ours = |id: &String| *id == self.id || self.rescored_from.contains(id);
        is_ours(&head.id) || head.rescored_from.as_ref().is_some_and(is_ours)
    }

    /// Whether a run is no newer than the candidate.
    pub(super) fn is_after(&self, head: &Head) -> bool {
        head.started_at <= self.started_at
    }

    /// Whether a run can be the candidate's baseline: finished, no newer, and not of the same outputs.
    #[must_use]
    pub(super) fn allows(&self, head: &Head, accept_failed: bool) -> bool {
        head.has_finished(accept_failed) && self.is_after(head) && !self.is_kin(head)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn head(mut value: Value) -> Head {
        value["op_name"] = json!("Evaluation.evaluate");
        let call: CallRead = serde_json::from_value(value).unwrap();
        call.into()
    }

    fn logged_with(attributes: &Value) -> Head {
        head(json!({"id": "a", "started_at": "2026-11-23T09:00:00Z", "attributes": attributes}))
    }

    #[test]
    fn attributes_are_found_by_path_and_compared_as_text() {
        let head = logged_with(&json!({
            "text": "abc", "number": 5, "large": 1_234_567_890_123_456_789_u64, "fraction": 5.5, "yes": true, "digits": "0123",
            "git": {"sha": "abc", "a.b": {"c": 1}}, "a.b": "dot", "list": [1], "nothing": null,
        }));
        for (path, text, matches) in [
            ("text", "abc", true),
            ("text", "ab", false),
            ("number", "5", true),
            ("number", "5.0", true),
            ("number", "05", true),
            ("large", "1234567890123456789", true),
            ("large", "1234567890123456788", false),
            ("number", "6", false),
            ("fraction", "5.5", true),
            ("yes", "true", true),
            ("yes", "True", false),
            ("digits", "0123", true),
            ("digits", "123", false),
            ("git.sha", "abc", true),
            ("git.a.b.c", "1", true),
            ("a.b", "dot", true),
            ("git", "abc", false),
            ("list", "[1]", false),
            ("nothing", "null", false),
            ("none", "", false),
        ] {
            let selector = Selector {
                attributes: [(path.to_owned(), text.to_owned())].into(),
                ..Selector::default()
            };
            assert_eq!(head.matches(&selector), matches, "{path}={text}");
        }
    }

    #[test]
    fn names_are_whole_and_a_logger_names_the_run() {
        let of = |name: &str| Selector::parse(&format!("evaluation={name}")).unwrap();
        let plain = head(json!({
            "id": "a", "started_at": "2026-11-23T09:00:00Z", "display_name": "eval-2026",
            "inputs": {"this": "weave:///a/b/object/answers-long:v1", "model": "weave:///a/b/op/f:v1"},
        }));
        assert!(plain.matches(&of("answers-long")));
        assert!(!plain.matches(&of("answers")) && !plain.matches(&of("eval-2026")));
        assert!(plain.matches(&Selector::parse("model=f").unwrap()));
        assert!(!plain.matches(&Selector::parse("model=g").unwrap()));
        let logged = head(json!({
            "id": "a", "started_at": "2026-11-23T09:00:00Z", "display_name": "nightly",
            "inputs": {"self": "weave:///a/b/object/Evaluation:v1"},
            "attributes": {"_weave_eval_meta": {"imperative": true}},
        }));
        assert!(logged.matches(&of("nightly")) && logged.matches(&of("Evaluation")));
    }

    #[test]
    fn a_baseline_is_finished_older_and_another_run() {
        let run = |id: &str, hour: u8, more: Value| {
            let mut call = json!({
                "id": id, "started_at": format!("2026-11-23T{hour:02}:00:00Z"),
                "ended_at": "2026-11-23T20:00:00Z",
            });
            for (key, value) in more.as_object().unwrap() {
                call[key] = value.clone();
            }
            head(call)
        };
        let source = |id: &str| json!({"attributes": {"weave": {"source_evaluation_run_id": id}}});
        let anchor = Anchor::from(&run("c", 9, json!({})));
        let rescored = Anchor::from(&run("r", 9, source("c")));
        for (head, of_candidate, of_rescored) in [
            (run("b", 8, json!({})), true, true),
            (run("b", 9, json!({})), true, true),
            (run("b", 10, json!({})), false, false),
            (run("b", 8, json!({"ended_at": null})), false, false),
            (run("b", 8, json!({"exception": "x"})), false, false),
            (run("c", 8, json!({})), false, false),
            (run("s", 8, source("c")), false, false),
            (run("s", 8, source("x")), true, true),
        ] {
            assert_eq!(anchor.allows(&head, false), of_candidate, "{head:?}");
            assert_eq!(rescored.allows(&head, false), of_rescored, "{head:?}");
        }
        assert!(anchor.allows(&run("b", 8, json!({"exception": "x"})), true));
    }

    #[test]
    fn what_weave_adds_is_not_shown() {
        let head = logged_with(&json!({
            "weave": {"client_version": "1"}, "_weave_eval_meta": {}, "git": {"sha": "a", "n": 1},
        }));
        let shown = head.own_attributes();
        let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert_eq!(shown, [pair("git.n", "1"), pair("git.sha", "a")]);
    }
}
