//! Tests of `test`: which gates can fail and pass, which cases they notice, and the controls that it writes.

use serde_json::{Value, json};

use crate::documents::document;
use crate::gate::{Gate, KEY};
use crate::rows::{asked, page, rows};
use crate::screen;
use crate::weave::Weave;

fn gate(gates: &str, more: &[&str]) -> Gate {
    Gate::new(&["test", "--candidate=file:c.json"])
        .args(more)
        .file("gates.yaml", &format!("version: 1\ngates:\n{gates}\n"))
        .file("c.json", &document("examples/candidate.json"))
        .file("b.json", &document("examples/baseline.json"))
}

const BASELINE: &str = "--baseline=file:b.json";

/// The JSON report of a test, and the exit code.
fn tested(gates: &str, code: i32) -> Vec<Value> {
    let outcome = gate(gates, &[BASELINE, "--format=json"]).run().code(code);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["proven"], code == 0);
    assert_eq!(report["exit_code"], code);
    report["policies"][0]["gates"].as_array().unwrap().clone()
}

/// The cases of a gate with this outcome.
fn cases(gate: &Value, outcome: &str) -> Vec<String> {
    let cases = gate["cases"].as_object().unwrap().iter();
    let found = cases.filter(|(_, of)| *of == outcome);
    found.map(|(case, _)| case.clone()).collect()
}

/// Gates, the cases that they miss and those that do not apply, and the number of rows at which they first fail.
const METRICS: [(&str, &str, &str, Option<u64>); 15] = [
    (
        "scorer: correctness, metric: pass_rate, min: 0.85",
        "rows-dropped",
        "baseline-gone other-scale same-run",
        // Four scores are missing, so that one bad row leaves the gate undecided and six make it fail.
        Some(6),
    ),
    (
        "scorer: correctness, metric: pass_rate, max_drop: 0.2",
        "",
        "other-scale",
        Some(19),
    ),
    (
        "scorer: correctness, metric: regressed_rows, max: 0",
        "",
        "other-scale",
        Some(1),
    ),
    (
        "scorer: correctness, metric: fixed_rows, min: 1",
        "",
        "half-unscored other-scale rows-dropped",
        Some(120),
    ),
    (
        "scorer: correctness, metric: coverage, min: 0.9",
        "rows-dropped",
        "baseline-gone other-scale same-run",
        Some(9),
    ),
    (
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.6",
        "rows-dropped",
        "baseline-gone same-run",
        Some(11),
    ),
    (
        "scorer: tone.score, metric: numeric_mean, min: 0.5",
        "other-scale rows-dropped",
        "baseline-gone same-run",
        Some(60),
    ),
    (
        "scorer: correctness, metric: pass_rate, min: 0.4, max: 0.6",
        "rows-dropped",
        "baseline-gone other-scale same-run",
        Some(13),
    ),
    (
        "metric: error_rate, max: 0.05",
        "rows-dropped",
        "baseline-gone other-scale same-run scorer-gone",
        Some(3),
    ),
    (
        "metric: trials, min: 100, max: 130",
        "",
        "baseline-gone half-unscored other-scale rows-dropped same-run scorer-gone",
        None,
    ),
    (
        "metric: rows, min: 200",
        "",
        "baseline-gone half-unscored other-scale rows-dropped same-run scorer-gone",
        None,
    ),
    (
        "metric: latency_p95, max: 5",
        "rows-dropped",
        "baseline-gone other-scale same-run scorer-gone",
        Some(7),
    ),
    (
        "metric: tokens_total, max_relative_rise: 0.5",
        "",
        "other-scale scorer-gone",
        Some(18),
    ),
    (
        "metric: cost_mean, max: 0.1",
        "rows-dropped",
        "baseline-gone other-scale same-run scorer-gone",
        Some(7),
    ),
    (
        "scorer: \"safety.*\", metric: pass_rate, min: 0.9",
        "rows-dropped",
        "baseline-gone other-scale same-run",
        Some(13),
    ),
];

/// Each gate on its own, the outcomes that are neither `caught` nor `passes`, and the rows at which it first fails.
#[test]
fn each_metric_can_be_tested() {
    for (of, missed, inapplicable, first_fails) in METRICS {
        let gates = tested(&format!("- {{name: one, {of}}}"), 0);
        let [one] = gates.as_slice() else {
            panic!("{gates:?}")
        };
        assert_eq!(cases(one, "missed").join(" "), missed, "{of}");
        assert_eq!(cases(one, "not-applicable").join(" "), inapplicable, "{of}");
        assert_eq!(one["first_fails_at"], json!(first_fails), "{of}");
        assert_eq!(
            (&one["can_pass"], &one["can_fail"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(one["reason"], json!(null));
    }
}

#[test]
fn a_gate_that_cannot_fail_or_pass_is_named() {
    for (of, can_pass, can_fail, reason) in [
        (
            "scorer: correctness, metric: pass_rate, min: 0",
            true,
            json!(false),
            "pass rate min 0 % with the worst scores: 0 %, exactly at the limit",
        ),
        (
            "scorer: correctness, metric: pass_rate, max_drop: 1",
            true,
            json!(false),
            "pass rate max drop 100 pts with the worst scores: fell 94.2 pts",
        ),
        (
            "scorer: corectness, metric: pass_rate, min: 0.5",
            false,
            json!(null),
            "pass rate min 50 % with the best scores: there is no dimension `corectness`",
        ),
        (
            "scorer: correctness, metric: pass_rate, where: {golden: true}, min: 0.95, evidence: proven",
            false,
            json!(null),
            "pass rate min 95 % with the best scores: 100 %; the interval",
        ),
    ] {
        let gates = tested(&format!("- {{name: one, {of}}}"), 1);
        assert_eq!(gates[0]["can_pass"], can_pass, "{of}");
        assert_eq!(gates[0]["can_fail"], can_fail, "{of}");
        let told = gates[0]["reason"].as_str().unwrap();
        assert!(told.starts_with(reason), "{told}");
        let outcome = gate(&format!("- {{name: one, {of}}}"), &[BASELINE])
            .run()
            .code(1);
        let word = if can_pass {
            "CANNOT FAIL:"
        } else {
            "CANNOT PASS:"
        };
        assert!(outcome.stdout.contains(word), "{}", outcome.stdout);
        let warns =
            format!("- {{name: one, {of}, severity: warn}}\n- {{name: ok, metric: rows, min: 2}}");
        tested(&warns, 0);
    }
}

/// What a policy does not notice is a choice of the policy, and told.
#[test]
fn choices_of_the_policy_are_told() {
    let gates = tested(
        "- {name: one, scorer: correctness, metric: pass_rate, min: 0.5, missing: ignore}",
        0,
    );
    assert_eq!(
        cases(&gates[0], "missed"),
        ["half-unscored", "rows-dropped"]
    );
    let outcome = gate("", &[BASELINE])
        .file(
            "gates.yaml",
            "version: 1\nbaseline: {required: false}\ngates:\n  - {name: one, scorer: correctness, metric: pass_rate, max_drop: 0.1}\n",
        )
        .run()
        .code(0);
    let shown = outcome.stdout;
    assert!(shown.contains("base is not noticed by 1 gate"), "{shown}");
    assert!(
        shown.contains("set `required: true` under `baseline:`"),
        "{shown}"
    );
}

/// Waivers and ages are not tested, nor is the state of the runs.
#[test]
fn only_the_gates_are_tested() {
    let mut saved: Value = serde_json::from_str(&document("examples/candidate.json")).unwrap();
    saved["runs"][0]["status"] = json!("failed");
    let gates = "version: 1\ncandidate: {evaluation: other, max_age: 1h}\ngates:\n  - {name: one, scorer: correctness, metric: pass_rate, min: 0.5, waive: {until: 2999-01-01, reason: later}}\n  - {name: rows, metric: rows, min: 2}\n";
    let outcome = gate("", &["--format=json"])
        .file("gates.yaml", gates)
        .file("c.json", &saved.to_string())
        .run()
        .code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let gates = &report["policies"][0]["gates"];
    assert_eq!(
        (&gates[0]["blocks"], &gates[0]["can_fail"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(gates[1]["blocks"], true);
}

/// Without a baseline a copy of the candidate takes its place, and no server is asked.
#[test]
fn a_copy_of_the_candidate_is_the_baseline() {
    let policy = "version: 1\nproject: my-team/support-bot\nbaseline: {branch: main}\ngates:\n  - {name: one, scorer: correctness, metric: pass_rate, max_drop: 0.05}\n";
    let outcome = gate("", &[]).file("gates.yaml", policy).run().code(0);
    let shown = outcome.stdout.split_whitespace().collect::<Vec<_>>();
    let shown = shown.join(" ");
    assert!(shown.contains("compared with a copy of it"), "{shown}");
}

#[test]
fn a_snapshot_without_rows_cannot_be_tested() {
    let mut saved: Value = serde_json::from_str(&document("examples/candidate.json")).unwrap();
    for part in ["results", "texts", "exceptions"] {
        saved.as_object_mut().unwrap().remove(part);
    }
    let outcome = gate("- {name: one, metric: rows, min: 2}", &[])
        .file("c.json", &saved.to_string())
        .run()
        .code(3);
    assert!(
        outcome.stderr.contains("a test edits them"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("--rows"), "{}", outcome.stderr);
}

/// Each control fails `check` by the gate that it is named after.
#[test]
fn controls_fail_the_check() {
    let gates = "  - {name: correct, scorer: correctness, metric: pass_rate, min: 0.5}
  - {name: same, scorer: groundedness, metric: pass_rate, max_drop: 0.3}
  - {name: Same?, metric: latency_p95, max: 60}
  - {name: warns, metric: rows, min: 1, severity: warn}";
    let outcome = gate(gates, &[BASELINE, "--write=controls"]).run().code(0);
    let files: Vec<&str> = outcome
        .stderr
        .lines()
        .filter_map(|line| line.split_once("--candidate=file:controls/"))
        .filter_map(|(_, rest)| rest.split_once(' '))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(files, ["correct.json", "same.json", "same-2.json"]);
    for (file, name) in files.iter().zip(["correct", "same", "Same?"]) {
        let candidate = outcome.read(&format!("controls/{file}"));
        let stem = file.trim_end_matches(".json");
        let baseline = outcome.read(&format!("controls/{stem}.baseline.json"));
        let words = [
            "check",
            "--candidate=file:c.json",
            BASELINE,
            "--json=r.json",
        ];
        let checked = Gate::new(&words)
            .file("gates.yaml", &format!("version: 1\ngates:\n{gates}\n"))
            .file("c.json", &candidate)
            .file("b.json", &baseline)
            .run()
            .code(1);
        let report = checked.json("r.json");
        let checks = report["policies"][0]["checks"].as_array().unwrap();
        let failed = checks.iter().filter(|check| check["status"] == "fail");
        let failed: Vec<&str> = failed
            .map(|check| check["gate"].as_str().unwrap())
            .collect();
        assert_eq!(failed, [name]);
    }
}

/// A run in Weave is read with all of its rows.
#[test]
fn a_run_in_weave_is_tested() {
    let all = rows();
    let weave = Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| page(asked(request, &all), all.len()))
    });
    let gates = "version: 1\nproject: my-team/bot\ngates:\n  - {name: one, scorer: correctness, metric: pass_rate, min: 0.5}\n";
    let outcome = Gate::new(&["test", "--candidate=cand", "--format=json"])
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .file("gates.yaml", gates)
        .run()
        .code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["policies"][0]["gates"][0]["can_fail"], true);
}

#[test]
fn screens() {
    let gates = "  - {name: answers stay correct, scorer: correctness, metric: pass_rate, min: 0.5, max_drop: 0.2}
  - {name: <img src=x>|`\u{202e}*_, scorer: correctness, metric: pass_rate, min: 0}
  - {name: tone, scorer: tone.score, metric: numeric_mean, min: 0.5}";
    let mut pages = Vec::new();
    for more in [&[][..], &["--quiet"], &["--format=markdown"]] {
        let outcome = gate(gates, &[BASELINE]).args(more).run().code(1);
        assert!(!outcome.stdout.contains('\u{202e}'));
        pages.push(outcome.stdout);
    }
    for columns in [60, 80, 120] {
        let shown = screen::shown(gate(gates, &[BASELINE]), columns).code(1);
        pages.push(shown.stdout);
    }
    insta::assert_snapshot!(pages.join("\n=====\n"));
}
