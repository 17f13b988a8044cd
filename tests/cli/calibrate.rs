//! Tests of `calibrate`: groups of runs, their noise, and the false alarms of limits.

use serde_json::{Value, json};

use crate::documents::document;
use crate::gate::{Gate, Outcome};
use crate::screen;

const POLICY: &str = "version: 1
gates:
  - {name: correct, scorer: correctness, metric: pass_rate, min: 0.8, max_drop: 0.02}
  - {name: certain, scorer: correctness, metric: pass_rate, max_drop: 0.02, evidence: significant}
  - {name: fast, metric: latency_p95, max: 1000}
";

/// The example's baseline as the run of this number. The rows from `from` on fail `correctness`, all others pass.
fn run(number: u64, from: usize) -> Value {
    let mut saved: Value = serde_json::from_str(&document("examples/baseline.json")).unwrap();
    let id = format!("run-{number}");
    for part in ["texts", "exceptions", "setup"] {
        saved.as_object_mut().unwrap().remove(part);
    }
    let run = &mut saved["runs"][0];
    run["run"] = json!(id);
    run["display_name"] = json!(format!("run {number}"));
    run["started_at"] = json!(format!("2026-11-{:02}T10:00:00Z", 10 + number));
    run["finished_at"] = json!(format!("2026-11-{:02}T10:05:00Z", 10 + number));
    let rows = run["rows"].as_object().unwrap().len();
    let dimensions = run["dimensions"].as_array_mut().unwrap().iter_mut();
    for dimension in dimensions.filter(|it| it["name"] == "correctness") {
        dimension["trial_count"] = json!(rows);
        dimension["pass_known_count"] = json!(rows);
        dimension["pass_true_count"] = json!(from);
    }
    saved["usage"][0]["run"] = json!(id);
    saved["results"][0]["run"] = json!(id);
    let all = saved["results"][0]["rows"].as_array_mut().unwrap();
    for (place, row) in all.iter_mut().enumerate() {
        row["trials"][0]["scores"]["correctness"] = json!(place < from);
    }
    saved
}

fn calibrate(runs: &[Value], more: &[&str]) -> Gate {
    let mut gate = Gate::new(&["calibrate", "gates.yaml"]).file("gates.yaml", POLICY);
    for (number, run) in runs.iter().enumerate() {
        let name = format!("r{number}.json");
        gate = gate
            .args(&[&format!("--runs=file:{name}")])
            .file(&name, &run.to_string());
    }
    gate.args(more)
}

fn report(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

fn near(one: &Value, other: f64) -> bool {
    (one.as_f64().unwrap() - other).abs() < 1e-6
}

/// Five runs that differ by whole blocks of rows.
fn shifted() -> Vec<Value> {
    let passed = [108, 114, 102, 111, 105];
    passed
        .into_iter()
        .zip(0..)
        .map(|(from, number)| run(number, from))
        .collect()
}

#[test]
fn runs_that_move_have_a_component_of_their_own() {
    let outcome = calibrate(&shifted(), &["--format=json"]).run().code(0);
    let report = report(&outcome);
    let [group] = report["groups"].as_array().unwrap().as_slice() else {
        panic!("{report}")
    };
    assert_eq!(group["known"], true);
    let names: Vec<String> = (0..5).rev().map(|number| format!("run {number}")).collect();
    assert_eq!(group["runs"], json!(names));
    let mut dimensions = group["dimensions"].as_array().unwrap().iter();
    let noise = dimensions
        .find(|it| it["dimension"] == "correctness")
        .unwrap();
    assert_eq!((&noise["runs"], &noise["rows"]), (&json!(5), &json!(120)));
    assert!(near(&noise["mean"], 0.9), "{noise}");
    // Rows 102 to 113 are not the same in every run.
    assert!(near(&noise["flipped"], 0.1), "{noise}");
    // The passed rows are 102, 105, 108, 111 and 114 of 120: their standard deviation is 4.743416.
    assert!(
        near(&noise["observed_sd"], 4.743_416_490_252_569 / 120.0),
        "{noise}"
    );
    let run_sd = noise["run_sd"].as_f64().unwrap();
    let expected = noise["expected_sd"].as_f64().unwrap();
    let [low, high] = [0, 1].map(|end| noise["run_sd_interval"][end].as_f64().unwrap());
    assert!(low < run_sd && run_sd < high && low > 0.0, "{noise}");
    // Five rows each pass in one, two, three and four of five runs; variances of 0.2, 0.3, 0.3, 0.2, three rows each.
    assert!((expected - (3.0_f64 * (0.2 + 0.3 + 0.3 + 0.2)).sqrt() / 120.0).abs() < 1e-9);
    let check = |id: &str| {
        let mut checks = group["checks"].as_array().unwrap().iter();
        checks.find(|it| it["check"] == id).unwrap()
    };
    // Each pair of runs differs by at least 2.5 points, so that half of the ordered pairs drop beyond 2 points.
    let drop = check("correct / correctness / max_drop");
    assert_eq!((&drop["judged"], &drop["failed"]), (&json!(20), &json!(10)));
    let total = expected.hypot(run_sd);
    let at_five = 1.644_853_626_951_472_2 * 2.0_f64.sqrt() * total;
    assert!(near(&drop["limit_at_five"], at_five), "{drop}");
    let caught = 0.02 + 0.841_621_233_572_914_3 * 2.0_f64.sqrt() * total;
    assert!(near(&drop["caught"], caught), "{drop}");
    assert_eq!(
        (&drop["rows_help"], &drop["rows_needed"]),
        (&json!(false), &json!(null))
    );
    let min = check("correct / correctness / min");
    assert_eq!((&min["judged"], &min["failed"]), (&json!(5), &json!(0)));
    assert!(
        near(&min["limit_at_five"], 0.9 - 1.644_853_626_951_472_2 * total),
        "{min}"
    );
    // `significant` knows the rows, and not what moves all of them at once.
    let certain = check("certain / correctness / max_drop");
    let rate = |check: &Value| check["rate"].as_f64().unwrap();
    assert!(
        rate(certain) <= rate(drop) && rate(certain) > 0.05,
        "{certain}"
    );
    let fast = check("fast / max");
    assert_eq!((&fast["failed"], &fast["rate"]), (&json!(0), &json!(null)));
}

/// The text of the policy after `--write`, and the outcome.
fn written(policy: &str, more: &[&str]) -> (String, Outcome) {
    let outcome = calibrate(&shifted(), &["--write"])
        .file("gates.yaml", policy)
        .args(more)
        .run();
    let text = outcome.read("gates.yaml");
    (text, outcome)
}

#[test]
fn the_noise_is_written_into_the_policy_and_nothing_else_changes() {
    let policy = format!("# our policy\n{POLICY}\n# the end\n");
    let (text, outcome) = written(&policy, &[]);
    let outcome = outcome.code(0);
    assert!(
        outcome
            .stderr
            .contains("wrote `noise` into gates.yaml: 5 runs"),
        "{}",
        outcome.stderr
    );
    let noise = text.strip_prefix(&policy).unwrap();
    let lines: Vec<&str> = noise.lines().collect();
    let [key, measured, expires, runs, df, run_sd, correctness] = lines.as_slice() else {
        panic!("{noise}")
    };
    assert_eq!((*key, *run_sd), ("noise:", "  run_sd:"));
    assert!(measured.starts_with("  measured: 20") && expires.starts_with("  expires: 20"));
    assert_eq!((*runs, *df), ("  runs: 5", "  df: 4"));
    let sd: f64 = correctness
        .strip_prefix("    correctness: ")
        .unwrap()
        .parse()
        .unwrap();
    // The same number as in the report, with four digits.
    let report = report(&calibrate(&shifted(), &["--format=json"]).run().code(0));
    let dimensions = report["groups"][0]["dimensions"].as_array().unwrap();
    let found = dimensions
        .iter()
        .find(|it| it["dimension"] == "correctness")
        .unwrap();
    let exact = found["run_sd"].as_f64().unwrap();
    assert!(
        sd >= exact && sd - exact < 1e-4 * exact * 10.0,
        "{sd} {exact}"
    );
    // A second calibration replaces the key.
    let (again, outcome) = written(&text, &[]);
    outcome.code(0);
    assert_eq!(again, text);
}

#[test]
fn nothing_is_written_that_is_not_known() {
    let few = calibrate(&shifted()[..4], &["--write"]).run();
    assert_eq!(few.read("gates.yaml"), POLICY);
    let few = few.code(3);
    assert!(
        few.stderr
            .contains("the noise is unknown, and nothing was written"),
        "{}",
        few.stderr
    );
    let other = "version: 1\ngates:\n  - {name: fast, metric: latency_p95, max: 1000}\n";
    let (text, outcome) = written(other, &[]);
    assert_eq!(text, other);
    let outcome = outcome.code(3);
    assert!(
        outcome.stderr.contains("no gate of the policy measures"),
        "{}",
        outcome.stderr
    );
    let braces = "{version: 1, gates: [{name: correct, scorer: correctness, metric: pass_rate, min: 0.1}]}\n";
    let (text, outcome) = written(braces, &[]);
    assert_eq!(text, braces);
    let outcome = outcome.code(3);
    assert!(
        outcome.stderr.contains("add these lines yourself"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("    correctness: "),
        "{}",
        outcome.stderr
    );
}

#[test]
fn declared_noise_makes_false_alarms_rarer() {
    let gate = |policy: &str| calibrate(&shifted(), &["--format=json"]).file("gates.yaml", policy);
    let rates = |policy: &str| -> (u64, f64) {
        let report = report(&gate(policy).run().code(0));
        let checks = report["groups"][0]["checks"].as_array().unwrap();
        let found = checks.iter().find(|it| it["gate"] == "certain").unwrap();
        (
            found["failed"].as_u64().unwrap(),
            found["rate"].as_f64().unwrap(),
        )
    };
    let plain = rates(POLICY);
    let (text, outcome) = written(POLICY, &[]);
    outcome.code(0);
    let declared = rates(&text);
    assert!(declared.0 < plain.0, "{declared:?} {plain:?}");
    assert!(declared.1 < plain.1, "{declared:?} {plain:?}");
}

#[test]
fn equal_runs_have_no_noise() {
    let runs: Vec<Value> = (0..5).map(|number| run(number, 110)).collect();
    let report = report(&calibrate(&runs, &["--format=json"]).run().code(0));
    let group = &report["groups"][0];
    for dimension in group["dimensions"].as_array().unwrap() {
        for key in ["flipped", "expected_sd", "observed_sd", "run_sd"] {
            assert_eq!(dimension[key], 0.0, "{dimension}");
        }
        assert_eq!(dimension["cochran_q"], json!(null));
    }
    for check in group["checks"].as_array().unwrap() {
        assert_eq!(check["failed"], 0, "{check}");
    }
}

/// Only runs of one model version and one version of the evaluation are compared.
#[test]
fn runs_are_grouped_by_how_they_were_made() {
    let mut runs = shifted();
    runs.push(run(5, 108));
    runs[1]["runs"][0]["model"]["version"] = json!("other");
    runs[2]["runs"][0]["evaluation"]["version"] = json!("other");
    runs[3]["setup"] = json!([{"run": "run-3", "evaluation": null, "served_models": ["gpt-2"]}]);
    let report = report(&calibrate(&runs, &["--format=json"]).run().code(0));
    let groups = report["groups"].as_array().unwrap();
    let sizes: Vec<usize> = groups
        .iter()
        .map(|it| it["runs"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [3, 1, 1, 1]);
    assert!(
        groups
            .iter()
            .all(|it| it["known"] == false && it["checks"] == json!([]))
    );
}

#[test]
fn runs_that_prove_nothing_are_left_out() {
    let mut runs = shifted();
    runs.extend([run(5, 100), run(6, 100)]);
    runs[5]["runs"][0]["status"] = json!("failed");
    runs[6]["runs"][0]["completeness"] =
        json!({"state": "calls-missing", "calls_made": 9, "calls_stored": 8});
    let outcome = calibrate(&runs, &[]).run().code(0);
    let left = "left out: 1 run of which Weave lacks calls, 1 run that did not complete";
    assert!(outcome.stdout.contains(left), "{}", outcome.stdout);
    let none = calibrate(&runs[5..], &[]).run().code(3);
    assert!(
        none.stderr.contains("no run is finished, complete"),
        "{}",
        none.stderr
    );
    let single = Gate::new(&["calibrate", "--runs=0190ad3e-0000-7000-8000-000000000000"]);
    let single = single.run().code(2);
    assert!(
        single.stderr.contains("names the single run"),
        "{}",
        single.stderr
    );
    let absent = Gate::new(&["calibrate", "--runs=file:none.json"])
        .run()
        .code(3);
    assert!(
        absent.stderr.contains("there is no snapshot"),
        "{}",
        absent.stderr
    );
}

/// What would be counted twice, or compared although it may differ, is left out.
#[test]
fn a_run_counts_once_and_only_if_its_model_is_known() {
    let mut runs = vec![run(0, 110); 5];
    runs.extend([run(1, 108), run(2, 112)]);
    runs[5]["runs"][0]["model"]["version"] = json!(null);
    runs[6]["runs"][0]["evaluation"] = json!(null);
    let report = report(&calibrate(&runs, &["--format=json"]).run().code(0));
    let expected = json!({"named twice": 4, "of an unknown model version or evaluation": 2});
    assert_eq!(report["left_out"], expected);
    assert_eq!(report["groups"][0]["known"], false);
    let two = Gate::new(&["calibrate", "*.yaml", "--runs=file:r.json"])
        .file("a.yaml", POLICY)
        .file("b.yaml", POLICY)
        .run()
        .code(2);
    assert!(two.stderr.contains("2 policies match"), "{}", two.stderr);
}

/// Rows that always fail widen the interval of a value, and so make `significant` more lenient.
#[test]
fn the_interval_of_a_value_has_the_spread_of_its_rows() {
    let gates = "version: 1
gates:
  - {name: over, scorer: correctness, metric: pass_rate, min: 0.93, evidence: significant}
  - {name: beyond, scorer: correctness, metric: pass_rate, min: 0.99}
  - {name: tight, scorer: correctness, metric: pass_rate, max_drop: 0}
";
    let runs = shifted();
    let outcome = calibrate(&runs, &["--format=json"])
        .file("gates.yaml", gates)
        .run()
        .code(0);
    let report = report(&outcome);
    let [over, beyond, tight] = [0, 1, 2].map(|place| &report["groups"][0]["checks"][place]);
    // Wilson's upper bounds of 102, 105 and 108 of 120 are 89.6, 91.6 and 93.7 %: two runs are significantly below 93 %.
    assert_eq!((&over["judged"], &over["failed"]), (&json!(5), &json!(2)));
    let rate = over["rate"].as_f64().unwrap();
    assert!(rate > 0.1 && rate < 0.45, "{over}");
    // These limits are at the mean or beyond: no number of rows helps, and nothing is caught that does not fail anyway.
    for check in [beyond, tight] {
        assert_eq!(check["rows_help"], false, "{check}");
    }
    assert_eq!(beyond["caught"], json!(null));
    let shown = calibrate(&runs, &[])
        .file("gates.yaml", gates)
        .run()
        .code(0)
        .stdout;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        shown.contains("the limit is at the mean or beyond"),
        "{shown}"
    );
}

#[test]
fn screens() {
    let mut runs = shifted();
    for run in &mut runs {
        run["runs"][0]["model"]["name"] = json!("<img src=x>|`\u{202e}*_::error::x");
    }
    let mut pages = Vec::new();
    for more in [&["--format=markdown"][..], &["--quiet"]] {
        pages.push(calibrate(&runs, more).run().code(0).stdout);
    }
    for columns in [60, 80, 120] {
        pages.push(screen::shown(calibrate(&runs, &[]), columns).code(0).stdout);
    }
    pages.push(calibrate(&runs[..3], &[]).run().code(0).stdout);
    let page = calibrate(&runs, &["--html=noise.html"]).run().code(0);
    let html = page.read("noise.html");
    assert_eq!(
        html.matches("<svg class=\"plot\"").count(),
        5,
        "one for each dimension"
    );
    assert_eq!(html.matches("<circle").count(), 25);
    assert!(html.contains("the oldest first: 90.0 %, 95.0 %, 85.0 %, 92.5 %, 87.5 %"));
    assert!(!html.contains("<img") && html.contains("default-src 'none'"));
    pages.push(html.split_once("<main>").unwrap().1.to_owned());
    assert!(pages.iter().all(|page| !page.contains('\u{202e}')));
    pages.pop();
    insta::assert_snapshot!(pages.join("\n=====\n"));
}
