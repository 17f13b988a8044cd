//! `test` on many policies: it names each gate that checks nothing, and accuses no sound one.

use serde_json::Value;

use crate::gate_tests::{BASELINE, gate};

/// How `test` names a gate that checks nothing.
enum Named {
    /// No scores make it fail.
    CannotFail,
    /// No scores make it pass.
    CannotPass,
    /// It warns, or is waived.
    DoesNotBlock,
    /// It does not notice this case.
    NotNoticed(&'static str),
    /// It fails only on very bad runs.
    FirstFails(&'static str),
}

/// Gates that check nothing, and how they are named.
const TOOTHLESS: [(&str, Named); 37] = [
    (
        "scorer: correctness, metric: pass_rate, min: 0",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, max: 1",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, max_drop: 1",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, max_rise: 1",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, max_relative_drop: 1",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, max_relative_rise: 10",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: coverage, min: 0",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: coverage, max_drop: 1",
        Named::CannotFail,
    ),
    ("metric: error_rate, max: 1", Named::CannotFail),
    ("metric: error_rate, min: 0", Named::CannotFail),
    ("metric: rows, min: 0", Named::CannotFail),
    ("metric: trials, min: 0", Named::CannotFail),
    (
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0",
        Named::CannotFail,
    ),
    (
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], max: 1",
        Named::CannotFail,
    ),
    (
        "scorer: tone.score, metric: numeric_mean, range: [-1000, 1], min: -999",
        Named::FirstFails("first fails at 120 of 120 rows"),
    ),
    (
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], max_drop: 5",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, where: {golden: true}, min: 0",
        Named::CannotFail,
    ),
    ("metric: latency_mean, min: 0", Named::CannotFail),
    ("metric: tokens_total, min: 0", Named::CannotFail),
    ("metric: cost_mean, min: 0", Named::CannotFail),
    (
        "scorer: correctness, metric: regressed_rows, min: 0",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: fixed_rows, min: 0",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: regressed_rows, max: 500",
        Named::CannotFail,
    ),
    (
        "scorer: correctness, metric: pass_rate, where: {number: 1}, max_drop: 0.02, evidence: significant",
        Named::CannotPass,
    ),
    (
        "scorer: correctness, metric: pass_rate, where: {number: [1, 2]}, min: 0.5, evidence: proven",
        Named::CannotPass,
    ),
    (
        "scorer: correctness, metric: pass_rate, min: 0.0, max: 1.0",
        Named::CannotFail,
    ),
    (
        "scorer: \"nothing.*\", metric: pass_rate, min: 0.9",
        Named::CannotPass,
    ),
    (
        "scorer: corectness, metric: pass_rate, min: 0.9",
        Named::CannotPass,
    ),
    (
        "scorer: correctness, metric: pass_rate, where: {golden: maybe}, min: 0.5",
        Named::CannotPass,
    ),
    (
        "metric: rows, max: 1000000000",
        Named::FirstFails("a failure was not tried"),
    ),
    (
        "scorer: correctness, metric: pass_rate, min: 1, evidence: proven",
        Named::CannotPass,
    ),
    (
        "scorer: correctness, metric: pass_rate, min: 0.9, severity: warn",
        Named::DoesNotBlock,
    ),
    (
        "scorer: correctness, metric: pass_rate, min: 0.9, waive: {until: 2999-12-31, reason: later}",
        Named::DoesNotBlock,
    ),
    (
        "scorer: correctness, metric: pass_rate, min: 0.01, max_missing: 1",
        Named::NotNoticed("half"),
    ),
    (
        "scorer: correctness, metric: pass_rate, max_drop: 0.02, max_missing: 1",
        Named::NotNoticed("half"),
    ),
    (
        "scorer: correctness, metric: pass_hat_k, k: 3, min: 0.5, missing: ignore",
        Named::CannotPass,
    ),
    (
        "scorer: correctness, metric: pass_at_k, k: 1, min: 0",
        Named::CannotFail,
    ),
];

#[test]
fn each_gate_that_checks_nothing_is_named() {
    for (keys, named) in TOOTHLESS {
        let gates = format!("- {{name: one, {keys}}}");
        let outcome = gate(&gates, &[BASELINE]).run();
        let shown = outcome.stdout.clone();
        let (words, code) = match named {
            Named::CannotFail => ("CANNOT FAIL".to_owned(), 1),
            Named::CannotPass => ("CANNOT PASS".to_owned(), 1),
            Named::DoesNotBlock => ("does not block".to_owned(), 0),
            Named::NotNoticed(case) => (format!("{case} is not noticed by 1 gate"), 0),
            Named::FirstFails(words) => (words.to_owned(), 0),
        };
        assert!(shown.contains(&words), "{keys}: {words}\n{shown}");
        outcome.code(code);
    }
}

#[test]
fn no_sound_gate_is_accused() {
    let sound = [
        "scorer: correctness, metric: pass_rate, min: 0.5",
        "scorer: correctness, metric: pass_rate, max: 0.99",
        "scorer: correctness, metric: pass_rate, max_drop: 0.2",
        "scorer: correctness, metric: pass_rate, max_rise: 0.02",
        "scorer: correctness, metric: pass_rate, max_relative_drop: 0.2",
        "scorer: correctness, metric: pass_rate, max_relative_rise: 0.01",
        "scorer: correctness, metric: pass_rate, min: 0.5, max: 0.99",
        "scorer: correctness, metric: pass_rate, min: 0.5, evidence: significant",
        "scorer: correctness, metric: pass_rate, max_drop: 0.02, evidence: significant",
        "scorer: correctness, metric: pass_rate, max_drop: 0.3, evidence: proven",
        "scorer: correctness, metric: pass_rate, min: 0.5, evidence: proven",
        "scorer: correctness, metric: pass_rate, min: 0.7, missing: fail",
        "scorer: correctness, metric: pass_rate, min: 0.7, missing: ignore",
        "scorer: correctness, metric: pass_rate, max_drop: 0.1, max_missing: 0.1",
        "scorer: correctness, metric: pass_rate, where: {golden: true}, min: 0.5",
        "scorer: correctness, metric: pass_rate, by: topic, min: 0.5",
        "scorer: correctness, metric: pass_rate, by: topic, max_drop: 0.2",
        "scorer: correctness, metric: coverage, min: 0.9",
        "scorer: correctness, metric: coverage, max_drop: 0.1",
        "scorer: correctness, metric: regressed_rows, max: 20",
        "scorer: correctness, metric: fixed_rows, min: 1",
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], min: 0.5",
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], max_drop: 0.1",
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], max_drop: 0.05, evidence: significant",
        "scorer: tone.score, metric: numeric_mean, range: [0, 1], max_relative_drop: 0.1",
        "scorer: \"safety.*\", metric: pass_rate, min: 0.5",
        "scorer: [correctness, groundedness], metric: pass_rate, min: 0.5",
        "metric: rows, min: 100",
        "metric: trials, min: 100, max: 200",
        "metric: error_rate, max: 0.1",
        "metric: latency_p95, max: 100",
        "metric: latency_mean, max: 100",
        "metric: tokens_mean, max: 100000",
        "metric: cost_total, max: 50",
        "scorer: correctness, metric: pass_rate, max_drop: 0.1, evidence: significant, cluster_by: number",
        "scorer: correctness, metric: pass_hat_k, k: 1, min: 0.5",
        "scorer: correctness, metric: pass_at_k, k: 1, max_drop: 0.3",
        "scorer: correctness, metric: pass_rate, max_drop: 0.05, evidence: significant, cluster_by: topic",
    ];
    assert!(sound.len() >= 30);
    for keys in sound {
        let gates = format!("- {{name: one, {keys}}}");
        let outcome = gate(&gates, &[BASELINE, "--format=json"]).run();
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let found = &report["policies"][0]["gates"][0];
        assert_eq!(found["can_pass"], true, "{keys}: {}", found["reason"]);
        assert_eq!(found["can_fail"], true, "{keys}: {}", found["reason"]);
        outcome.code(0);
    }
}
