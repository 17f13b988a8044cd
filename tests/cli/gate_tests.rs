//! Tests of `test`: which gates can fail and pass, which cases they notice, and the controls that it writes.

use serde_json::{Value, json};

use crate::documents::document;
use crate::gate::{Gate, KEY};
use crate::rows::{asked, page, rows};
use crate::screen;
use crate::weave::Weave;

pub fn gate(gates: &str, more: &[&str]) -> Gate {
    Gate::new(&["test", "--candidate=file:c.json"])
        .args(more)
        .file("gates.yaml", &format!("version: 1\ngates:\n{gates}\n"))
        .file("c.json", &document("examples/candidate.json"))
        .file("b.json", &document("examples/baseline.json"))
}

pub const BASELINE: &str = "--baseline=file:b.json";

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
        Some(15),
    ),
    (
        "metric: cost_mean, max: 0.1",
        "rows-dropped",
        "baseline-gone other-scale same-run scorer-gone",
        Some(6),
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

/// Cases in which a poor edit would name the wrong verdict.
#[test]
fn the_best_and_the_worst_scores_are_found() {
    for (of, with_baseline, can_pass, can_fail) in [
        // A metric that the dimension does not have.
        (
            "scorer: tone.score, metric: pass_rate, min: 0.5",
            false,
            false,
            None,
        ),
        (
            "scorer: correctness, metric: numeric_mean, min: 0.5",
            false,
            false,
            None,
        ),
        (
            "scorer: tone.score, metric: pass_rate, max_drop: 0.1",
            true,
            false,
            None,
        ),
        (
            "scorer: \"*\", metric: pass_rate, min: 0.5",
            false,
            false,
            None,
        ),
        // Changes that are larger than any score so far.
        ("metric: latency_p95, max_rise: 30", true, true, Some(true)),
        (
            "metric: tokens_mean, max_rise: 5000",
            true,
            true,
            Some(true),
        ),
        ("metric: cost_mean, max_rise: 2", true, true, Some(true)),
        (
            "scorer: tone.score, metric: numeric_mean, max_drop: 5",
            true,
            true,
            Some(true),
        ),
        (
            "scorer: tone.score, metric: numeric_mean, max_relative_drop: 3",
            true,
            true,
            Some(true),
        ),
        // Crashed calls, whose latency is unknown.
        ("metric: error_rate, max: 0.01", false, true, Some(true)),
        ("metric: latency_p99, max: 5", false, true, Some(true)),
        ("metric: latency_mean, max: 5", false, true, Some(true)),
        // Rows that are all alike prove no mean.
        (
            "scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.7, evidence: proven",
            false,
            true,
            Some(true),
        ),
        (
            "scorer: correctness, metric: pass_rate, max_drop: 0.1, evidence: proven",
            true,
            true,
            Some(true),
        ),
        (
            "scorer: correctness, metric: pass_rate, by: topic, min: 0.4, max: 0.6",
            false,
            true,
            Some(true),
        ),
        // Rows of slices, and more rows than there are.
        (
            "metric: rows, where: {golden: true}, min: 50",
            false,
            true,
            Some(true),
        ),
        ("metric: rows, by: topic, min: 50", false, true, Some(true)),
        ("metric: rows, by: topic, max: 100", false, true, Some(true)),
        ("metric: rows, min: 3000", false, true, Some(true)),
        ("metric: rows, max: 5000", false, true, Some(true)),
        ("metric: trials, max: 650", false, true, Some(true)),
        ("metric: trials, min: 700", false, true, Some(true)),
    ] {
        let more = if with_baseline {
            &[BASELINE, "--format=json"][..]
        } else {
            &["--format=json"]
        };
        let outcome = gate(&format!("- {{name: one, {of}}}"), more).run();
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let found = &report["policies"][0]["gates"][0];
        assert_eq!(found["can_pass"], can_pass, "{of}: {}", found["reason"]);
        assert_eq!(
            found["can_fail"],
            json!(can_fail),
            "{of}: {}",
            found["reason"]
        );
        outcome.code(i32::from(!can_pass));
    }
}

#[test]
fn a_limit_on_very_many_rows_is_told_as_not_tried() {
    let gates = "- {name: one, metric: rows, max: 2000000}";
    let outcome = gate(gates, &[]).run().code(0);
    let text = "a failure was not tried: it takes more than 100,000 rows";
    assert!(outcome.stdout.contains(text), "{}", outcome.stdout);
    let outcome = gate(gates, &["--format=markdown"]).run().code(0);
    assert!(
        outcome.stdout.contains("| not tried |"),
        "{}",
        outcome.stdout
    );
    let outcome = gate(gates, &["--format=json"]).run().code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["policies"][0]["gates"][0]["can_fail"], Value::Null);
}

#[test]
fn the_coverage_of_texts_can_be_tested() {
    let mut saved: Value = serde_json::from_str(&document("examples/candidate.json")).unwrap();
    let rows = saved["results"][0]["rows"].as_array_mut().unwrap();
    let all = rows.len();
    for row in rows {
        row["trials"][0]["scores"]["note"] = json!("good");
    }
    let dimensions = saved["runs"][0]["dimensions"].as_array_mut().unwrap();
    dimensions.push(json!({
        "name": "note", "trial_count": all, "pass_true_count": 0, "pass_known_count": 0, "numeric_count": 0,
        "numeric_mean": null, "ambiguous": false,
    }));
    let outcome = gate(
        "- {name: one, scorer: note, metric: coverage, min: 0.5}",
        &["--format=json"],
    )
    .file("c.json", &saved.to_string())
    .run()
    .code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let found = &report["policies"][0]["gates"][0];
    assert_eq!(found["first_fails_at"], 61, "{found}");
    assert_eq!(cases(found, "missed"), ["rows-dropped"]);
}

/// The number of rows does not depend on other gates, and is that of the best slice.
#[test]
fn the_fewest_rows_are_found() {
    let mean = "{name: one, scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.4}";
    let drop = "{name: two, scorer: correctness, metric: pass_rate, max_drop: 0.5}";
    let alone = tested(&format!("- {mean}"), 0);
    let together = tested(&format!("- {mean}\n- {drop}"), 0);
    assert_eq!(alone[0]["first_fails_at"], together[0]["first_fails_at"]);
    let by = tested(
        "- {name: one, scorer: safety.toxic.passed, metric: pass_rate, by: golden, min: 0.7}",
        0,
    );
    let [rows, fails] = ["rows", "first_fails_at"].map(|key| by[0][key].as_u64().unwrap());
    // Of a small group of n rows that all pass, the first k with (n - k) / n < 0.7 fail.
    let fewest = (1..=rows).find(|fails| (rows - fails) * 10 < rows * 7);
    assert!(rows < 60 && Some(fails) == fewest, "{fails} of {rows}");
}

/// A control that `check` does not fail by its gate is told.
#[test]
fn a_control_that_does_not_fail_is_told() {
    let policy = "version: 1
candidate: {evaluation: support-answers, commit: \"${GATE_SHA}\"}
gates:
  - {name: correct, scorer: correctness, metric: pass_rate, min: 0.5}
";
    let outcome = gate("", &["--write=controls"])
        .file("gates.yaml", policy)
        .env("GATE_SHA", "1234567890")
        .run()
        .code(0);
    assert!(
        !outcome.stderr.contains("exits with 1"),
        "{}",
        outcome.stderr
    );
    let told = "`check` does not fail by these gates on their controls: correct";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
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
