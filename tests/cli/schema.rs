//! Tests that the JSON Schemas agree with the code. They must accept what the code accepts, and reject the errors that
//! a schema can detect.

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::gate::{Gate, Outcome};
use crate::weave::Weave;

fn schema(of: &str) -> Value {
    let text = Gate::new(&["schema", of]).run().code(0).stdout;
    serde_json::from_str(&text).unwrap()
}

fn validator(of: &str) -> Validator {
    jsonschema::draft7::new(&schema(of)).unwrap()
}

fn problems(validator: &Validator, instance: &Value) -> Vec<String> {
    validator
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

fn validate(text: &str) -> Outcome {
    Gate::new(&["validate"]).file("gates.yaml", text).run()
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gates.example.yaml");
    fs::read_to_string(path).unwrap()
}

#[test]
fn the_example_and_its_editor_agree() {
    let text = example();
    assert_eq!(
        problems(&validator("policy"), &yaml(&text)),
        Vec::<String>::new()
    );
    // The first line leads editors to the schema in the same folder. That file must equal the printed schema.
    let line = text.lines().next().unwrap();
    let file = line
        .strip_prefix("# yaml-language-server: $schema=")
        .unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let printed = Gate::new(&["schema"]).run().code(0).stdout;
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap() == printed,
        "{file} is out of step; see tests/cli/documents.rs"
    );
}

#[test]
fn good_policies_are_good_to_both() {
    let validator = validator("policy");
    for text in [
        "version: 1\ngates: [{name: g, metric: rows, min: 1}]",
        "version: 1\nproject: a/b\ncandidate: {evaluation: a, attributes: {x: 1, y: true, z: q}}
baseline: {run: a, max_age: 30d, removed_rows: ignore, required: false}
accept_status: [failed, completed]
gates: [{name: g, metric: numeric_mean, scorer: s, range: [-1, 5], min: -0.5, max_relative_drop: 2}]",
        "version: 1\ndefaults: {severity: warn, missing: fail, max_missing: 0.5, evidence: observed}
gates: [{name: g, metric: cost_total, max: 3.5, missing: ignore, waive: {until: 2026-12-31, reason: r}}]",
        "version: 1\ngates: [{name: g, metric: coverage, scorer: 's.*', min: 1, max_drop: 0}]",
        "version: 1\nproject: '${A}/${B:-c d}'\ncandidate: {run: 'x-${SHA}'}
baseline: {max_age: 1w 2d, evaluation: 'costs $$5'}\ngates: [{name: g, metric: rows, min: 1}]",
        "version: 1\nproject: a b/c\nbaseline: {max_age: 36h}\ngates: [{name: g, metric: rows, min: 1}]",
    ] {
        assert_eq!(problems(&validator, &yaml(text)), Vec::<String>::new(), "{text}");
        validate(text).code(0);
    }
}

#[test]
fn bad_policies_are_bad_to_both() {
    let validator = validator("policy");
    let of_file = [
        "gates: [{name: g, metric: rows, min: 1}]",
        "version: 2\ngates: [{name: g, metric: rows, min: 1}]",
        "version: 1",
        "version: 1\ngates: []",
        "version: 1\ngates: [1]",
        "version: 1\ngate: []\ngates: [{name: g, metric: rows, min: 1}]",
    ];
    let of_head = [
        "candidate: {run: a, file: b}",
        "candidate: {run: a, evaluation: b}",
        "candidate: {attributes: {}}",
        "candidate: {attributes: {a: [1]}}",
        "candidate: {max_age: 3}",
        "candidate: {evaluation: a, reruns: best}",
        "candidate: {commit: []}",
        "identity: {sha: git_sha}",
        "completeness: maybe",
        "baseline: {required: sometimes}",
        "candidate: {run: latest}",
        "candidate: {run: 'a=b'}",
        "candidate: {run: 'a b'}",
        "candidate: {evaluation: $X}",
        "candidate: {attributes: {'': x}}",
        "candidate: {attributes: {x: '${'}}",
        "baseline: {max_age: 0d}",
        "baseline: {max_age: -3d}",
        "baseline: {max_age: soon}",
        "project: a",
        "project: a/b/c",
        "baseline: {file: a, model: b}",
        "baseline: {required: 'no'}",
        "baseline: {removed_rows: keep}",
        "accept_status: [failed]",
        "accept_status: [completed, completed]",
        "accept_status: [completed, running]",
        "defaults: {max_missing: 2}",
        "defaults: {severity: loud}",
        "project: ''",
    ];
    let of_gate = [
        "name: ' ', metric: rows, min: 1",
        "metric: rows, min: 1",
        "name: g, min: 1",
        "name: g, metric: row, min: 1",
        "name: g, metric: rows",
        "name: g, metric: rows, min: 1.5",
        "name: g, metric: rows, min: 1, scorer: s",
        "name: g, metric: rows, min: 1, missing: fail",
        "name: g, metric: rows, min: 1, max_drop: 1",
        "name: g, metric: pass_rate, min: 0.5",
        "name: g, metric: pass_rate, scorer: s, min: 90",
        "name: g, metric: pass_rate, scorer: s, min: 0.9, range: [0, 1]",
        "name: g, metric: pass_rate, scorer: s, max_drop: -0.1",
        "name: g, metric: pass_rate, scorer: s, max_relative_drop: 1.5",
        "name: g, metric: pass_rate, scorer: s, minimum: 0.5",
        "name: g, metric: coverage, scorer: s, max: 0.5",
        "name: g, metric: numeric_mean, scorer: s, min: 1, range: [1]",
        "name: g, metric: cost_mean, max: -1",
        "name: g, metric: error_rate, max: 0.1, severity: error",
        "name: g, metric: error_rate, max: 0.1, waive: {until: soon, reason: r}",
        "name: g, metric: error_rate, max: 0.1, waive: {until: 2026-12-31}",
        "name: g, metric: error_rate, max: 0.1, waive: {until: 2026-13-31, reason: r}",
        "name: g, metric: error_rate, max: 0.1, evidence: sure",
        "name: g, metric: rows, min: 1, evidence: proven",
        "name: g, metric: error_rate, max: 0.1, evidence: proven, confidence: 95",
        "name: g, metric: error_rate, max: 0.1, evidence: proven, confidence: 0.5",
        "name: g, metric: rows, min: 1, where: {}",
        "name: g, metric: rows, min: 1, where: golden",
        "name: g, metric: rows, min: 1, where: {golden: }",
        "name: g, metric: rows, min: 1, where: {golden: []}",
        "name: g, metric: rows, min: 1, where: {golden: {a: 1}}",
        "name: g, metric: rows, min: 1, where: {'': 1}",
        "name: g, metric: rows, min: 1, by: ''",
        "name: g, metric: rows, min: 1, by: [a]",
    ];
    let head = |head| format!("version: 1\n{head}\ngates: [{{name: g, metric: rows, min: 1}}]");
    let gate = |gate| format!("version: 1\ngates: [{{{gate}}}]");
    let texts = of_file.map(str::to_owned).into_iter();
    let texts = texts.chain(of_head.map(head)).chain(of_gate.map(gate));
    for text in texts {
        assert_ne!(
            problems(&validator, &yaml(&text)),
            Vec::<String>::new(),
            "{text}"
        );
        validate(&text).code(2);
    }
}

/// A complete report of two runs, and a report of an error.
#[test]
fn reports_are_as_their_schema_says() {
    let weave = Weave::start();
    let gates = "- {name: both, scorer: correctness, metric: pass_rate, min: 0.95, max_drop: 0.02}
- {name: unknown, scorer: nothing, metric: pass_rate, min: 0.95}";
    let check = |baseline| {
        let more = [
            "--format=json",
            "--candidate=cand",
            "--baseline",
            baseline,
            "--base-url",
        ];
        let text = Gate::check(gates, &[&more[..], &[&weave.url]].concat())
            .run()
            .stdout;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let validator = validator("report");
    for report in [check("base"), check("none"), check("file:")] {
        assert_eq!(
            problems(&validator, &report),
            Vec::<String>::new(),
            "{report}"
        );
    }
    let whole = check("base");
    for (pointer, wrong) in [
        ("/schema_version", json!(2)),
        ("/verdict", json!("green")),
        ("/policies/0/checks/0/status", json!("ok")),
        ("/policies/0/checks/0/limit", json!("0.9")),
        ("/policies/0/findings/0/name", json!("no-such-finding")),
    ] {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert_ne!(
            problems(&validator, &broken),
            Vec::<String>::new(),
            "{pointer}"
        );
    }
    let mut less = whole;
    less.as_object_mut().unwrap().remove("policies");
    assert_ne!(problems(&validator, &less), Vec::<String>::new());
}

#[test]
fn comparisons_are_as_their_schema_says() {
    let all = crate::rows::rows();
    let weave = Weave::with(move |request, _| {
        let asked = crate::rows::asked;
        (request.body["include_rows"] == true && request.body["filters"].is_null())
            .then(|| crate::rows::page(asked(request, &all), all.len()))
    });
    let compare = |baseline| {
        let text = Gate::new(&[
            "compare",
            baseline,
            "cand",
            "--format=json",
            "--project=my-team/bot",
        ])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", crate::gate::KEY)
        .run()
        .stdout;
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let validator = validator("comparison");
    let whole = compare("base");
    assert_eq!(whole["comparable"], true);
    assert_eq!(whole["flipped_rows"].as_array().unwrap().len(), 6);
    for report in [whole, compare("cand"), compare("none"), compare("a b")] {
        assert_eq!(
            problems(&validator, &report),
            Vec::<String>::new(),
            "{report}"
        );
    }
}
