//! Tests of runs that were not measured in the same way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{against, judged, names, passes, statuses, totals};
use crate::evidence::{Baseline, Evidence, Reference, Setup};
use crate::judge::{Effect, Judgement, Status};
use crate::report::finding_and_help;

const GATES: &str = "
- {name: judge, scorer: judge, metric: pass_rate, min: 0.5, max_drop: 0.2}
- {name: nested, scorer: judge.strict, metric: pass_rate, max_drop: 0.2}
- {name: other, scorer: judges, metric: pass_rate, max_drop: 0.2}
";

fn reference(kind: &str, name: &str, version: &str) -> String {
    format!("weave:///a/b/{kind}/{name}:{version}")
}

/// A setup of this version of the evaluation, with scorers as name, kind, version and object.
fn setup(version: &str, scorers: &[(&str, &str, &str, Value)], rows: &str) -> Setup {
    let evaluation = reference("object", "answers", version);
    let dataset = reference("object", "rows", rows);
    let mut objects = BTreeMap::from([(dataset.clone(), json!({"rows": rows}))]);
    let mut refs = Vec::new();
    for (name, kind, version, object) in scorers {
        let reference = reference(kind, name, version);
        objects.insert(reference.clone(), object.clone());
        refs.push(reference);
    }
    objects.insert(
        evaluation.clone(),
        json!({"scorers": refs, "dataset": dataset}),
    );
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

fn judge_of(model: &str) -> (&'static str, &'static str, &str, Value) {
    ("judge", "object", model, json!({"model_id": model}))
}

fn judges() -> (&'static str, &'static str, &'static str, Value) {
    ("judges", "op", "1", json!({}))
}

/// Evidence of two runs that were measured like this, on the same ten rows.
fn measured(ours: Setup, theirs: Setup) -> Evidence {
    let of = || {
        let dimensions = ["judge", "judge.strict", "judges"];
        totals(10, &dimensions.map(|name| (name, passes(9, 10))))
    };
    let mut evidence = against(of(), of());
    let version = |setup: &Setup| Reference::parse(setup.evaluation.as_ref().unwrap());
    evidence.candidate.evaluation = version(&ours);
    evidence.candidate.setup = Some(ours);
    if let Baseline::Found(run, _) = &mut evidence.baseline {
        run.evaluation = version(&theirs);
        run.setup = Some(theirs);
    }
    evidence
}

fn effects(judgement: &Judgement) -> Vec<(&'static str, Effect)> {
    let findings = judgement.findings.iter();
    findings
        .filter(|finding| finding.effect != Effect::Hint)
        .map(|finding| (finding.name().word(), finding.effect))
        .collect()
}

const PASS: Status = Status::Pass;
const UNDECIDED: Status = Status::Undecided;

#[test]
fn a_changed_scorer_leaves_the_changes_of_its_own_dimensions_undecided() {
    let evidence = measured(
        setup("2", &[judge_of("new"), judges()], "r"),
        setup("1", &[judge_of("old"), judges()], "r"),
    );
    let judgement = judged("", GATES, &evidence);
    assert_eq!(statuses(&judgement), [PASS, UNDECIDED, UNDECIDED, PASS]);
    assert_eq!(effects(&judgement), [("scorer-changed", Effect::Undecided)]);
    assert_eq!(
        finding_and_help(&judgement.findings[0]),
        "the scorer `judge` is not the same in both runs: `model_id` `old` → `new`\nhelp: evaluate the baseline's branch \
         with the new scorer, logged as that branch; or accept the change with `comparability: {scorer: warn}` in a \
         policy that the change cannot edit"
    );
    for (word, effect) in [
        ("warn", Some(Effect::Warning)),
        ("note", Some(Effect::Note)),
        ("ignore", None),
    ] {
        let head = format!("comparability: {{scorer: {word}}}");
        let judgement = judged(&head, GATES, &evidence);
        assert_eq!(statuses(&judgement), [PASS; 4], "{word}");
        let expected = effect.map(|effect| ("scorer-changed", effect));
        assert_eq!(effects(&judgement), Vec::from_iter(expected));
    }
    // Without a limit on a change, nothing is compared.
    let floor = "- {name: floor, scorer: judge, metric: pass_rate, min: 0.5}";
    assert_eq!(effects(&judged("", floor, &evidence)), []);
}

#[test]
fn a_removed_scorer_leaves_every_gate_that_covers_it_undecided() {
    let evidence = measured(
        setup("2", &[judge_of("m")], "r"),
        setup("1", &[judge_of("m"), ("safety", "op", "1", json!({}))], "r"),
    );
    let gate = |scorer: &str| {
        format!("- {{name: g, scorer: '{scorer}', metric: pass_rate, min: 0.5, max_drop: 0.2}}")
    };
    for covering in ["*", "safety", "safety.toxic", "s*", "safety.*", "*.toxic"] {
        let judgement = judged("", &gate(covering), &evidence);
        assert_eq!(statuses(&judgement), [UNDECIDED; 2], "{covering}");
        assert_eq!(names(&judgement)[0], "scorer-removed", "{covering}");
    }
    for other in ["judge", "judge*", "j?dges"] {
        let judgement = judged("", &gate(other), &evidence);
        assert!(statuses(&judgement).iter().all(|status| *status == PASS));
        assert_eq!(effects(&judgement), [("scorer-removed", Effect::Warning)]);
    }
    let judgement = judged("comparability: {scorer: warn}", &gate("*"), &evidence);
    assert!(statuses(&judgement).iter().all(|status| *status == PASS));
}

#[test]
fn what_is_only_to_be_known() {
    let mut ours = setup("2", &[judge_of("m"), judges()], "s");
    let mut theirs = setup("1", &[judge_of("m")], "r");
    ours.served_models = vec!["b".to_owned()];
    theirs.served_models = vec!["a".to_owned()];
    let mut evidence = measured(ours, theirs);
    if let Baseline::Found(_, pair) = &mut evidence.baseline {
        pair.added = 5;
        pair.removed = 3;
    }
    let judgement = judged("baseline: {removed_rows: ignore}", GATES, &evidence);
    assert_eq!(statuses(&judgement), [PASS; 4]);
    let expected = [
        ("scorer-added", Effect::Note),
        ("dataset-changed", Effect::Note),
        ("served-models-changed", Effect::Warning),
        ("rows-removed", Effect::Warning),
        ("rows-added", Effect::Note),
    ];
    assert_eq!(effects(&judgement), expected);
    let told = |place: usize| finding_and_help(&judgement.findings[place]);
    assert!(
        told(1).ends_with("3 of 10 rows were edited or replaced, 2 of 10 rows were added"),
        "{}",
        told(1)
    );
    assert!(told(2).contains("`a` → `b`"), "{}", told(2));
    let head = "baseline: {removed_rows: ignore}\ncomparability: {dataset: undecided}";
    let undecided = judged(head, GATES, &evidence);
    assert_eq!(
        statuses(&undecided),
        [PASS, UNDECIDED, UNDECIDED, UNDECIDED]
    );
    // Another evaluated model may explain other served models, but a strict policy asks for proof.
    evidence.candidate.model = Reference::parse("weave:///a/b/object/bot:v2");
    for (served, effect) in [("warn", Effect::Note), ("undecided", Effect::Undecided)] {
        let head = format!("comparability: {{served_model: {served}, dataset: ignore}}");
        let judgement = judged(&head, GATES, &evidence);
        assert!(effects(&judgement).contains(&("served-models-changed", effect)));
        assert!(!names(&judgement).contains(&"dataset-changed"));
    }
}

#[test]
fn the_models_that_scorers_called_count_alone_if_the_evaluated_model_changes() {
    let run = |served: &[&str], by_scorers: Option<&[&str]>| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Setup {
            served_models: names(served),
            scorer_models: by_scorers.map(names),
            ..setup("1", &[judges()], "r")
        }
    };
    let old = || run(&["gpt", "judge"], Some(&["judge"]));
    for (ours, theirs, same_model, other_model) in [
        // The order of the names does not count.
        (run(&["judge", "gpt"], None), old(), None, None),
        (
            run(&["claude", "judge"], Some(&["judge"])),
            old(),
            Some(
                "other models were served, and not to scorers: `gpt`, `judge` → `claude`, `judge`",
            ),
            None,
        ),
        (
            run(&["gpt", "judge-2"], Some(&["judge-2"])),
            old(),
            Some("scorers called other models: `judge` → `judge-2`"),
            Some("scorers called other models: `judge` → `judge-2`"),
        ),
        (
            run(&["claude"], None),
            old(),
            Some("other models were served: `gpt`, `judge` → `claude`; whether"),
            Some(
                "other models were served: `gpt`, `judge` → `claude`; the evaluated model is another one",
            ),
        ),
        (
            run(&[], None),
            old(),
            Some("other models were served: `gpt`, `judge` → none recorded; whether"),
            Some(
                "other models were served: `gpt`, `judge` → none recorded; the evaluated model is another one",
            ),
        ),
        (run(&[], None), run(&[], None), None, None),
    ] {
        let mut evidence = measured(ours, theirs);
        for (model, expected) in [("v1", same_model), ("v2", other_model)] {
            let of = |version: &str| Reference::parse(&reference("object", "bot", version));
            evidence.candidate.model = of(model);
            if let Baseline::Found(run, _) = &mut evidence.baseline {
                run.model = of("v1");
            }
            let judgement = judged("", GATES, &evidence);
            let mut findings = judgement.findings.iter();
            match (
                expected,
                findings.find(|finding| finding.effect != Effect::Hint),
            ) {
                (Some(expected), Some(finding)) => {
                    let told = finding_and_help(finding);
                    assert!(told.starts_with(expected), "{told}");
                }
                (expected, found) => assert!(expected.is_none() && found.is_none(), "{found:?}"),
            }
        }
    }
}

#[test]
fn an_evaluation_that_cannot_be_read_leaves_changes_undecided() {
    let mut ours = setup("2", &[judge_of("m")], "r");
    ours.objects.clear();
    let evidence = measured(ours, setup("1", &[judge_of("m")], "r"));
    let judgement = judged("", GATES, &evidence);
    assert_eq!(
        statuses(&judgement),
        [PASS, UNDECIDED, UNDECIDED, UNDECIDED]
    );
    assert_eq!(
        effects(&judgement),
        [("evaluation-changed", Effect::Undecided)]
    );
    let accepted = judged("comparability: {scorer: warn}", GATES, &evidence);
    assert_eq!(statuses(&accepted), [PASS; 4]);
}

/// The scores of a scorer that cannot be read may have another name than the scorer's object.
#[test]
fn a_scorer_that_cannot_be_read_leaves_all_changes_undecided() {
    let mut ours = setup("2", &[judge_of("new"), judges()], "r");
    ours.objects.remove(&reference("object", "judge", "new"));
    let evidence = measured(ours, setup("1", &[judge_of("old"), judges()], "r"));
    let judgement = judged("", GATES, &evidence);
    assert_eq!(
        statuses(&judgement),
        [PASS, UNDECIDED, UNDECIDED, UNDECIDED]
    );
    assert_eq!(effects(&judgement), [("scorer-changed", Effect::Undecided)]);
    let accepted = judged("comparability: {scorer: warn}", GATES, &evidence);
    assert_eq!(statuses(&accepted), [PASS; 4]);
}

#[test]
fn a_new_sdk_alone_is_not_reported() {
    let evidence = measured(
        setup("2", &[judge_of("m")], "r"),
        setup("1", &[judge_of("m")], "r"),
    );
    assert_eq!(effects(&judged("", GATES, &evidence)), []);
}

#[test]
fn the_versions_of_a_logger_say_nothing() {
    let mut evidence = measured(
        setup("2", &[judge_of("new")], "s"),
        setup("1", &[judge_of("old")], "r"),
    );
    evidence.candidate.is_logged = true;
    let expected = [("scorers-unknown", Effect::Note)];
    assert_eq!(effects(&judged("", GATES, &evidence)), expected);
    let ignored = judged("comparability: {scorer: ignore}", GATES, &evidence);
    assert_eq!(effects(&ignored), []);
}

/// A candidate that was measured like this and has only these dimensions, without a baseline.
fn alone(ours: Setup, dimensions: &[&str]) -> Evidence {
    let mut evidence = measured(ours, setup("1", &[judges()], "r"));
    let dimensions: Vec<_> = dimensions
        .iter()
        .map(|name| (*name, passes(9, 10)))
        .collect();
    evidence.candidate.totals = totals(10, &dimensions);
    evidence.baseline = Baseline::Unnamed;
    evidence
}

#[test]
fn a_scorer_that_scored_no_row_leaves_every_gate_that_covers_it_undecided() {
    let mut ours = setup("1", &[judges()], "r");
    // `judge` returns only texts, which the run's own summary does not count.
    ours.unscored = vec!["safety".to_owned(), "judge".to_owned()];
    let evidence = alone(ours, &["judge", "judges"]);
    let gate =
        |scorer: &str| format!("- {{name: g, scorer: {scorer}, metric: pass_rate, min: 0.5}}");
    for covering in [
        "'*'",
        "safety",
        "safety.toxic",
        "'safety.*'",
        "[judge, safety]",
    ] {
        let judgement = judged("", &gate(covering), &evidence);
        assert!(
            statuses(&judgement)
                .iter()
                .all(|status| *status == UNDECIDED),
            "{covering}"
        );
        let expected = [("scorer-never-scored", Effect::Undecided)];
        assert_eq!(effects(&judgement), expected, "{covering}");
    }
    for other in ["judge", "'judge*'", "[judge, judges]"] {
        let judgement = judged("", &gate(other), &evidence);
        assert!(
            statuses(&judgement).iter().all(|status| *status == PASS),
            "{other}"
        );
        assert_eq!(effects(&judgement), [], "{other}");
    }
}

#[test]
fn each_scorer_of_a_list_must_have_scores() {
    let evidence = measured(setup("1", &[], "r"), setup("1", &[], "r"));
    let gate =
        |scorers: &str| format!("- {{name: g, scorer: {scorers}, metric: pass_rate, min: 0.5}}");
    let subjects = |judgement: &Judgement| -> Vec<String> {
        let checks = judgement.checks.iter();
        checks.filter_map(|check| check.subject.clone()).collect()
    };
    let judgement = judged("", &gate("[judges, judge, 'judge.*']"), &evidence);
    assert_eq!(subjects(&judgement), ["judges", "judge", "judge.strict"]);
    assert_eq!(statuses(&judgement), [PASS; 3]);
    // A dimension that two items match is one subject.
    let judgement = judged("", &gate("['judge*', judges]"), &evidence);
    assert_eq!(subjects(&judgement), ["judge", "judge.strict", "judges"]);
    for absent in ["[judge, tone]", "[judge, 'tone.*']"] {
        let judgement = judged("", &gate(absent), &evidence);
        assert_eq!(statuses(&judgement), [UNDECIDED; 2], "{absent}");
        assert_eq!(
            effects(&judgement),
            [("unknown-dimension", Effect::Undecided)]
        );
    }
}

/// Every run of a pool is compared, not only the newest.
#[test]
fn a_run_of_a_pool_may_be_measured_in_another_way() {
    let same = || setup("1", &[judge_of("old"), judges()], "r");
    let other = || setup("2", &[judge_of("new"), judges()], "r");
    let pooled = |newest: Setup, older: Setup| Setup {
        pooled: BTreeMap::from([("older".to_owned(), older)]),
        ..newest
    };
    for (ours, theirs) in [
        (pooled(same(), other()), same()),
        (same(), pooled(same(), other())),
    ] {
        let judgement = judged("", GATES, &measured(ours, theirs));
        let effects = effects(&judgement);
        assert_eq!(effects, [("scorer-changed", Effect::Undecided)]);
    }
    let alike = measured(pooled(same(), same()), pooled(same(), same()));
    assert_eq!(effects(&judged("", GATES, &alike)), []);
}

/// How a run prepares its inputs is neither a scorer nor a dataset.
#[test]
fn other_parts_of_the_evaluation_are_compared() {
    let with = |version: &str, op: Option<&str>| {
        let mut setup = setup(version, &[judge_of("m"), judges()], "r");
        let evaluation = setup.evaluation.clone().unwrap();
        let op = op.map(|op| reference("op", "prepare", op));
        setup.objects.get_mut(&evaluation).unwrap()["preprocess_model_input"] = json!(op);
        setup
    };
    let judgement = judged(
        "",
        GATES,
        &measured(with("2", Some("2")), with("1", Some("1"))),
    );
    let found = [("evaluation-changed", Effect::Warning)];
    assert_eq!(effects(&judgement), found);
    let told = finding_and_help(&judgement.findings[0]);
    assert!(
        told.contains("the code of `preprocess_model_input` differs"),
        "{told}"
    );
    let judgement = judged("", GATES, &measured(with("2", Some("1")), with("1", None)));
    assert_eq!(effects(&judgement), found);
    let judgement = judged("", GATES, &measured(with("2", None), with("1", None)));
    assert_eq!(effects(&judgement), []);
}

/// The evaluation names a scorer of which neither run has a dimension.
#[test]
fn a_listed_scorer_without_any_dimension_never_scored() {
    let silent = || ("silent", "op", "1", json!({}));
    let ours = || setup("2", &[judge_of("m"), judges(), silent()], "r");
    let theirs = setup("1", &[judge_of("m"), judges(), silent()], "r");
    let gates = "
- {name: all, scorer: '*', metric: coverage, min: 0.1}
- {name: other, scorer: judges, metric: pass_rate, max_drop: 0.2}
";
    let judgement = judged("", gates, &measured(ours(), theirs));
    assert_eq!(statuses(&judgement), [UNDECIDED, PASS]);
    assert_eq!(
        effects(&judgement)[0],
        ("scorer-never-scored", Effect::Undecided)
    );
}
