//! Converts the root call of a run to a `RunInfo`: what is known of the run before its results are read.

use serde_json::Value;

use super::wire::{CallRead, CallSummary, RunOutput};
use crate::evidence::{Completeness, Reference, RunInfo, RunStatus, exception};

impl From<CallRead> for RunInfo {
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
        // If the API created the run, its attributes also name the evaluation. In TypeScript the evaluation is `this`.
        let evaluation = of_weave("evaluation")
            .or_else(|| input("self"))
            .or_else(|| input("this"));
        let model = of_weave("model").or_else(|| input("model"));
        let logged = call.exception.as_ref();
        let status = match (&call.ended_at, logged) {
            (None, _) => RunStatus::Running,
            (Some(_), None) => RunStatus::Completed,
            (Some(_), Some(_)) => RunStatus::Failed,
        };
        let imperative = call
            .attributes
            .get("_weave_eval_meta")
            .and_then(|meta| meta.get("imperative"));
        let summary = call.summary.as_ref();
        Self {
            rescored_from: of_weave("source_evaluation_run_id"),
            evaluation: evaluation.as_deref().and_then(Reference::parse),
            evaluation_ref: evaluation,
            model: model.as_deref().and_then(Reference::parse),
            status: Some(status),
            started_at: Some(call.started_at),
            finished_at: call.ended_at,
            is_logged: imperative == Some(&Value::Bool(true)),
            exception: logged.and_then(Value::as_str).and_then(exception),
            has_output: call.output.is_some(),
            unscored: call
                .output
                .map(RunOutput::into_unscored)
                .unwrap_or_default(),
            sdk: of_weave("client_version"),
            calls_made: summary.and_then(CallSummary::calls),
            served_models: summary.map(CallSummary::served_models).unwrap_or_default(),
            trace_id: call.trace_id,
            has_parent: call.parent_id.is_some(),
            completeness: Completeness::NotAsked,
            id: call.id,
            display_name: call.display_name,
            attributes: call.attributes,
            choice: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::evidence::{BaselineRules, EvaluationKey, Match};
    use crate::selector::{Identity, Selector};

    fn usual() -> Identity {
        Identity::default()
    }

    fn info(mut value: Value) -> RunInfo {
        value["op_name"] = json!("Evaluation.evaluate");
        value["trace_id"] = json!("t");
        let call: CallRead = serde_json::from_value(value).unwrap();
        call.into()
    }

    fn logged_with(attributes: &Value) -> RunInfo {
        info(json!({"id": "a", "started_at": "2026-11-23T09:00:00Z", "attributes": attributes}))
    }

    #[test]
    fn attributes_are_found_by_path_and_compared_as_text() {
        let info = logged_with(&json!({
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
            assert_eq!(info.matches(&selector, &usual()), matches, "{path}={text}");
        }
    }

    #[test]
    fn names_are_whole_and_a_logger_names_the_run() {
        let of = |name: &str| Selector::parse(&format!("evaluation={name}")).unwrap();
        let plain = info(json!({
            "id": "a", "started_at": "2026-11-23T09:00:00Z", "display_name": "eval-2026",
            "inputs": {"this": "weave:///a/b/object/answers-long:v1", "model": "weave:///a/b/op/f:v1"},
        }));
        assert!(plain.matches(&of("answers-long"), &usual()));
        assert!(
            !plain.matches(&of("answers"), &usual()) && !plain.matches(&of("eval-2026"), &usual())
        );
        assert!(plain.matches(&Selector::parse("model=f").unwrap(), &usual()));
        assert!(!plain.matches(&Selector::parse("model=g").unwrap(), &usual()));
        let logged = info(json!({
            "id": "a", "started_at": "2026-11-23T09:00:00Z", "display_name": "nightly",
            "inputs": {"self": "weave:///a/b/object/Evaluation:v1"},
            "attributes": {"_weave_eval_meta": {"imperative": true}},
        }));
        assert!(
            logged.matches(&of("nightly"), &usual()) && logged.matches(&of("Evaluation"), &usual())
        );
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
            info(call)
        };
        let source = |id: &str| json!({"attributes": {"weave": {"source_evaluation_run_id": id}}});
        let rules = |of: &str, rescored_from: &[&str]| BaselineRules {
            ids: vec![of.to_owned()],
            rescored_from: rescored_from.iter().map(|id| (*id).to_owned()).collect(),
            started_at: "2026-11-23T09:00:00Z".parse().ok(),
            evaluation: None,
            model: None,
            commit: Some("0123456789".to_owned()),
            identity: usual(),
            skipped: vec!["p".to_owned()],
            accept_failed: false,
            is_live: true,
        };
        let (of_candidate, of_rescored) = (rules("c", &[]), rules("r", &["c"]));
        let sha = |sha: &str| json!({"attributes": {"git_sha": sha}});
        for (info, candidate, rescored) in [
            (run("b", 8, json!({})), true, true),
            (run("b", 9, json!({})), true, true),
            (run("b", 10, json!({})), false, false),
            (run("b", 8, json!({"ended_at": null})), false, false),
            (run("b", 8, json!({"exception": "x"})), false, false),
            (run("c", 8, json!({})), false, false),
            (run("s", 8, source("c")), false, false),
            (run("s", 8, source("x")), true, true),
            (run("p", 8, json!({})), false, false),
            (run("b", 8, sha("0123456789")), false, false),
            (run("b", 8, sha("0123456")), false, false),
            (run("b", 8, sha("012345")), true, true),
            (run("b", 8, sha("abcdef0123")), true, true),
        ] {
            assert_eq!(of_candidate.allows(&info), candidate, "{info:?}");
            assert_eq!(of_rescored.allows(&info), rescored, "{info:?}");
        }
        let accepting = BaselineRules {
            accept_failed: true,
            ..of_candidate
        };
        assert!(accepting.allows(&run("b", 8, json!({"exception": "x"}))));
    }

    #[test]
    fn text_comes_before_value() {
        let info = logged_with(
            &json!({"digits": "0005747", "number": 5747, "version": "1.10", "off": false}),
        );
        let fit = |path: &str, text: &str| {
            let selector = Selector {
                attributes: [(path.to_owned(), text.to_owned())].into(),
                ..Selector::default()
            };
            info.fit(&selector, &usual())
        };
        assert_eq!(fit("digits", "0005747"), Some(Match::ByText));
        assert_eq!(fit("number", "5747"), Some(Match::ByText));
        assert_eq!(fit("number", "0005747"), Some(Match::ByValue));
        assert_eq!(fit("digits", "5747"), None);
        assert_eq!(fit("version", "1.1"), None);
        assert_eq!(fit("off", "false"), Some(Match::ByText));
    }

    #[test]
    fn a_name_that_the_logger_made_up_is_that_of_no_evaluation() {
        let logged = |display: &str, object: &str| {
            let info = info(json!({
                "id": "a", "started_at": "2026-11-23T09:00:00Z", "display_name": display,
                "inputs": {"self": format!("weave:///a/b/object/{object}:v1")},
                "attributes": {"_weave_eval_meta": {"imperative": true}},
            }));
            (
                info.evaluation_name().map(str::to_owned),
                info.evaluation_key(),
            )
        };
        let named = |name: &str| {
            let name = name.to_owned();
            (Some(name.clone()), Some(EvaluationKey::Named(name)))
        };
        let random = "eval-2026-11-29-happy-dolphin";
        assert_eq!(logged("nightly", "Evaluation"), named("nightly"));
        assert_eq!(
            logged(random, "golden-evaluation"),
            named("golden-evaluation")
        );
        assert_eq!(
            logged(random, "Evaluation"),
            (None, Some(EvaluationKey::Unnamed))
        );
    }

    #[test]
    fn what_weave_adds_is_not_shown() {
        let info = logged_with(&json!({
            "weave": {"client_version": "1"}, "_weave_eval_meta": {}, "git": {"sha": "a", "n": 1},
        }));
        let shown = info.own_attributes();
        let pair = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        assert_eq!(shown, [pair("git.n", "1"), pair("git.sha", "a")]);
    }
}
