//! Tests of `diff`: what it calls tighter, looser and incomparable, and where policies are read from.

use std::process::Command;

use serde_json::Value;

use crate::documents::document;
use crate::gate::{Gate, Outcome};
use crate::screen;

const POLICY: &str = "version: 1
baseline: {branch: main, required: after-first, max_age: 30d}
gates:
  - {name: one, scorer: correctness, metric: pass_rate, min: 0.8, max_drop: 0.02}
  - {name: two, scorer: [tone.score, other], metric: numeric_mean, range: [0, 1], min: 0.5, waive: {until: 2026-12-31, reason: rubric}}
  - {name: three, metric: rows, min: 100, severity: warn}
";

fn diff(old: &str, new: &str, more: &[&str]) -> Outcome {
    Gate::new(&["diff", "old.yaml", "new.yaml"])
        .args(more)
        .file("old.yaml", old)
        .file("new.yaml", new)
        .run()
}

/// The changes as `direction gate key`.
fn changes(old: &str, new: &str) -> Vec<String> {
    let outcome = diff(old, new, &["--format=json"]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let all = report["changes"].as_array().unwrap().iter();
    let found: Vec<String> = all
        .map(|change| {
            let gate = change["gate"].as_str().unwrap_or("-");
            let word = |key: &str| change[key].as_str().unwrap_or_default();
            format!("{} {gate} {}", word("direction"), word("key"))
        })
        .collect();
    let is_clean = found.iter().all(|change| change.starts_with("tighter"));
    outcome.code(i32::from(!is_clean));
    found
}

/// Texts of the policy, what replaces them, and the first change that this is.
const CHANGES: [(&str, &str, &str); 42] = [
    ("min: 0.8", "min: 0.9", "tighter one min"),
    ("min: 0.8", "min: 0.7", "looser one min"),
    (
        "min: 0.8, max_drop: 0.02",
        "min: 0.8",
        "looser one max_drop",
    ),
    ("max_drop: 0.02", "max_drop: 0.01", "tighter one max_drop"),
    (
        "max_drop: 0.02",
        "max_drop: 0.02, max_rise: 0.1",
        "tighter one max_rise",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, evidence: significant}",
        "looser one evidence of min",
    ),
    (
        "metric: pass_rate",
        "metric: coverage",
        "incomparable one metric",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, missing: ignore}",
        "looser one missing",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, missing: fail}",
        "incomparable one missing",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, max_missing: 0.1}",
        "looser one max_missing",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, where: {topic: [a, b]}}",
        "incomparable one where",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, by: topic}",
        "incomparable one by",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, severity: warn}",
        "looser one severity",
    ),
    (
        "max_drop: 0.02}",
        "max_drop: 0.02, waive: {until: 2026-12-31, reason: r}}",
        "looser one waive.until",
    ),
    ("2026-12-31", "2027-12-31", "looser two waive.until"),
    ("2026-12-31", "2026-12-30", "tighter two waive.until"),
    (
        ", waive: {until: 2026-12-31, reason: rubric}",
        "",
        "tighter two waive.until",
    ),
    ("[tone.score, other]", "[tone.score]", "looser two scorer"),
    (
        "[tone.score, other]",
        "[tone.score, other, more]",
        "tighter two scorer",
    ),
    ("[tone.score, other]", "tone.*", "incomparable two scorer"),
    ("range: [0, 1]", "range: [0, 2]", "incomparable two range"),
    (", severity: warn", "", "tighter three severity"),
    ("name: three", "name: four", "looser three gate"),
    (
        "branch: main, ",
        "branch: other, ",
        "incomparable - baseline",
    ),
    (
        "required: after-first",
        "required: true",
        "tighter - baseline.required",
    ),
    (
        "required: after-first",
        "required: false",
        "looser - baseline.required",
    ),
    ("30d", "20d", "tighter - baseline.max_age"),
    ("30d", "40d", "looser - baseline.max_age"),
    (", max_age: 30d", "", "looser - baseline.max_age"),
    (
        "30d}",
        "30d, removed_rows: ignore}",
        "looser - baseline.removed_rows",
    ),
    ("30d}", "30d, last: 5}", "incomparable - baseline.last"),
    ("gates:", "project: a/b\ngates:", "incomparable - project"),
    (
        "gates:",
        "identity: {commit: sha}\ngates:",
        "incomparable - identity",
    ),
    (
        "gates:",
        "candidate: {branch: x}\ngates:",
        "incomparable - candidate",
    ),
    (
        "gates:",
        "candidate: {reruns: refuse}\ngates:",
        "tighter - candidate.reruns",
    ),
    (
        "gates:",
        "candidate: {reruns: newest}\ngates:",
        "incomparable - candidate.reruns",
    ),
    (
        "gates:",
        "candidate: {max_age: 1d}\ngates:",
        "tighter - candidate.max_age",
    ),
    (
        "gates:",
        "completeness: warn\ngates:",
        "looser - completeness",
    ),
    (
        "gates:",
        "comparability: {scorer: warn}\ngates:",
        "looser - comparability.scorer",
    ),
    (
        "gates:",
        "comparability: {dataset: undecided}\ngates:",
        "tighter - comparability.dataset",
    ),
    (
        "gates:",
        "accept_status: [completed, failed]\ngates:",
        "looser - accept_status",
    ),
    ("gates:", "correction: none\ngates:", "tighter - correction"),
];

#[test]
fn each_change_has_its_direction() {
    for (old, new, expected) in CHANGES {
        let changed = POLICY.replace(old, new);
        assert_ne!(changed, POLICY, "{old}");
        let found = changes(POLICY, &changed);
        assert_eq!(
            found.first().map(String::as_str),
            Some(expected),
            "{new}: {found:?}"
        );
    }
}

#[test]
fn a_test_that_is_added_under_holm_may_make_others_pass() {
    let gate =
        "  - {name: test, scorer: s, metric: pass_rate, max_drop: 0.1, evidence: significant}\n";
    let more = format!("{POLICY}{gate}");
    assert_eq!(changes(POLICY, &more), ["incomparable test gate"]);
    let alone = |policy: &str| policy.replace("gates:", "correction: none\ngates:");
    // One test less may let Tarone's method count another, which corrects a third one more.
    let proven = more.replace("significant}", "proven}");
    let found = changes(&more, &proven);
    assert_eq!(found, ["incomparable test evidence of max_drop"]);
    let found = changes(&alone(&more), &alone(&proven));
    assert_eq!(found, ["tighter test evidence of max_drop"]);
    assert_eq!(
        changes(&alone(POLICY), &alone(&more)),
        ["tighter test gate"]
    );
    let confidence = |value: &str| {
        more.replace(
            "significant}",
            &format!("significant, confidence: {value}}}"),
        )
    };
    assert_eq!(
        changes(&more, &confidence("0.99")),
        ["looser test confidence"]
    );
    assert_eq!(
        changes(&more, &confidence("0.9")),
        ["incomparable test confidence"]
    );
    assert_eq!(
        changes(&alone(&more), &alone(&confidence("0.9"))),
        ["tighter test confidence"]
    );
    let noise = |sd: &str| {
        let noise = format!(
            "noise: {{measured: 2026-11-01, expires: 2027-01-01, runs: 12, df: 11, run_sd: {{s: {sd}}}}}\ngates:"
        );
        more.replace("gates:", &noise)
    };
    assert_eq!(changes(&more, &noise("0.01")), ["looser - noise"]);
    assert_eq!(changes(&noise("0.01"), &noise("0.02")), ["looser - noise"]);
    assert_eq!(
        changes(&noise("0.02"), &noise("0.01")),
        ["incomparable - noise"]
    );
    // Without a test, noise has no effect.
    let observed = noise("0.01").replace(gate, "");
    assert!(changes(POLICY, &observed).is_empty());
}

#[test]
fn what_changes_no_verdict_is_no_change() {
    let same = POLICY.replace("reason: rubric", "reason: another").replace(
        "gates:",
        "# a comment\nreport: {show: [question]}\ncomparability: {scorer: undecided}\ngates:",
    );
    let outcome = diff(POLICY, &same, &[]).code(0);
    assert!(
        outcome
            .stdout
            .contains("NOT LOOSER: no change (exit code 0)")
    );
}

#[test]
fn policies_are_read_from_revisions() {
    let gate = Gate::new(&["diff", "git:HEAD:gates/a.yaml", "gates/a.yaml"]);
    let folder = gate.folder().to_owned();
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .current_dir(&folder)
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    std::fs::create_dir(folder.join("gates")).unwrap();
    std::fs::write(folder.join("gates/a.yaml"), POLICY).unwrap();
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    std::fs::write(
        folder.join("gates/a.yaml"),
        POLICY.replace("min: 0.8", "min: 0.7"),
    )
    .unwrap();
    let outcome = gate.run().code(1);
    assert!(
        outcome.stdout.contains("`min` 0.8 → 0.7"),
        "{}",
        outcome.stdout
    );
    let refused = |old: &str, words: &str| {
        let gate = Gate::new(&["diff", old, "new.yaml"]).file("new.yaml", POLICY);
        let repository = gate.folder().to_owned();
        let done = Command::new("git")
            .current_dir(&repository)
            .args(["init", "-q"])
            .output()
            .unwrap();
        assert!(done.status.success());
        let outcome = gate.run().code(2);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    };
    refused(
        "git:origin/main:gates.yaml",
        "git fetch --depth=1 origin main:refs/remotes/origin/main",
    );
    refused("git:HEAD", "names no file in a revision");
    refused("git:--output=x:gates.yaml", "names no file in a revision");
    refused("gone.yaml", "gone.yaml");
}

#[test]
fn screens() {
    let example = document("gates.example.yaml");
    let looser = example
        .replace("min: 0.80", "min: 0.70")
        .replace("max_drop: 0.02", "max_drop: 0.01")
        .replace("gates:", "completeness: warn\ngates:");
    for columns in [60, 80] {
        let gate = Gate::new(&["diff", "gates.example.yaml", "new.yaml"])
            .file("gates.example.yaml", &example)
            .file("new.yaml", &looser);
        let shown = screen::shown(gate, columns).code(1);
        insta::assert_snapshot!(format!("diff_{columns}"), screen::readable(&shown.stdout));
    }
    let outcome = diff(&example, &looser, &["--format=markdown"]).code(1);
    insta::assert_snapshot!("diff_markdown", outcome.stdout);
}
