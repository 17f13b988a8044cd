//! Tests of `check --policy-base`: a policy that is looser than its base is judged by both.

use std::process::Command;

use serde_json::Value;
use weave_gate::policy;

use crate::documents::document;
use crate::gate::{Gate, Outcome};

const BASE: &str = "version: 1
baseline: {file: b.json}
candidate: {file: c.json}
gates:
  - {name: correct, scorer: correctness, metric: pass_rate, min: 0.9, missing: ignore}
  - {name: enough, metric: rows, min: 100}
";

/// A repository in which `gates.yaml` is committed as `base`, and then changed to `now`.
fn repository(base: Option<&str>, now: &str, arguments: &[&str]) -> Gate {
    let gate = Gate::new(&["check", "gates.yaml"])
        .args(arguments)
        .file("c.json", &document("examples/candidate.json"))
        .file("b.json", &document("examples/baseline.json"))
        .file("gates.yaml", base.unwrap_or_default());
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .current_dir(gate.folder())
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    let committed = if base.is_some() {
        "gates.yaml"
    } else {
        "c.json"
    };
    git(&["add", committed]);
    git(&["commit", "-qm", "one"]);
    gate.file("gates.yaml", now)
}

const HEAD: &[&str] = &["--policy-base=git:HEAD", "--json=report.json"];

fn findings(outcome: &Outcome) -> Vec<String> {
    let report = outcome.json("report.json");
    let all = report["policies"][0]["findings"]
        .as_array()
        .unwrap()
        .clone();
    all.iter()
        .map(|finding| finding["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The gates of the checks that block.
fn blocking(outcome: &Outcome) -> Vec<String> {
    let report: Value = outcome.json("report.json");
    let checks = report["policies"][0]["checks"].as_array().unwrap().clone();
    checks
        .iter()
        .filter(|check| check["blocks"] == true)
        .map(|check| check["gate"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_looser_policy_is_judged_by_its_base_too() {
    for looser in [
        BASE.replace("min: 0.9", "min: 0.5"),
        BASE.replace("missing: ignore}", "missing: ignore, severity: warn}"),
        BASE.replace(
            "missing: ignore}",
            "missing: ignore, waive: {until: 9999-12-31, reason: later}}",
        ),
        BASE.replace("gates:", "defaults: {severity: warn}\ngates:"),
        // Without the gate there is nothing to fail.
        BASE.lines()
            .filter(|line| !line.contains("correct"))
            .collect::<Vec<_>>()
            .join("\n"),
    ] {
        let outcome = repository(Some(BASE), &looser, HEAD).run().code(1);
        assert_eq!(
            blocking(&outcome),
            ["correct (as in git:HEAD:gates.yaml)"],
            "{looser}"
        );
        assert!(findings(&outcome).contains(&"policy-loosened".to_owned()));
        // The rows of the base's check are shown, and no command that does not know the base.
        assert!(outcome.stdout.contains("worst rows"), "{}", outcome.stdout);
        assert!(!outcome.stdout.contains("next:"), "{}", outcome.stdout);
        let alone = repository(Some(BASE), &looser, &["--json=report.json"]);
        alone.run().code(0);
    }
}

#[test]
fn the_runs_are_those_of_the_base() {
    // The candidate that the change names would pass.
    let other = BASE.replace("candidate: {file: c.json}", "candidate: {file: b.json}");
    repository(Some(BASE), &other, &[]).run().code(0);
    let outcome = repository(Some(BASE), &other, HEAD).run().code(1);
    let report = outcome.json("report.json");
    let id = report["policies"][0]["candidate"]["id"].clone();
    let plain = repository(Some(BASE), BASE, HEAD).run().code(1);
    let report = plain.json("report.json");
    assert_eq!(report["policies"][0]["candidate"]["id"], id);
}

#[test]
fn a_tighter_policy_is_judged_alone() {
    let tighter = BASE.replace("min: 0.9", "min: 0.95");
    let outcome = repository(Some(BASE), &tighter, HEAD).run().code(1);
    assert_eq!(blocking(&outcome), ["correct"]);
    assert!(!findings(&outcome).contains(&"policy-loosened".to_owned()));
}

#[test]
fn a_looser_policy_that_passes_its_base_too_is_a_warning() {
    let base = BASE.replace("min: 0.9", "min: 0.5");
    let looser = BASE.replace("min: 0.9", "min: 0.4");
    let outcome = repository(Some(&base), &looser, HEAD).run().code(0);
    assert!(findings(&outcome).contains(&"policy-loosened".to_owned()));
    let words = "looser: gate `correct`: `min` 0.5 → 0.4";
    assert!(
        outcome.stdout.contains("policy-loosened"),
        "{}",
        outcome.stdout
    );
    let report = outcome.json("report.json").to_string();
    assert!(report.contains(words), "{report}");
}

#[test]
fn an_owner_can_accept_a_looser_policy_by_its_digest() {
    let looser = BASE.replace("min: 0.9", "min: 0.5");
    let sha256 = policy::parse("gates.yaml", &looser).unwrap().sha256;
    let accept = format!("--accept-policy={}", sha256.to_uppercase());
    let arguments = [HEAD, &[accept.as_str()]].concat();
    let outcome = repository(Some(BASE), &looser, &arguments).run().code(0);
    assert!(findings(&outcome).contains(&"policy-loosened".to_owned()));
    assert!(outcome.stdout.contains("accepted on the command line"));
    // The digest of another text accepts nothing.
    let other = looser.replace("min: 0.5", "min: 0.4");
    let outcome = repository(Some(BASE), &other, &arguments).run().code(1);
    let sha256 = policy::parse("gates.yaml", &other).unwrap().sha256;
    let help = format!("--accept-policy {sha256}");
    let report = outcome.json("report.json").to_string();
    assert!(report.contains(&help), "{report}");
}

#[test]
fn a_new_policy_has_no_base() {
    let passing = BASE.replace("min: 0.9", "min: 0.5");
    let outcome = repository(None, &passing, HEAD).run().code(0);
    assert!(findings(&outcome).contains(&"policy-new".to_owned()));
}

#[test]
fn a_base_that_cannot_be_read_is_an_error() {
    let refused = |base: &str, words: &str| {
        let gate = repository(Some(BASE), BASE, &[&format!("--policy-base={base}")]);
        let outcome = gate.run().code(2);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    };
    refused("git:origin/main", "git fetch --depth=1 origin main");
    refused("gone.yaml", "gone.yaml");
    refused("git:", "names no file in a revision");
    let broken = repository(Some("version: 2\n"), BASE, HEAD).run().code(2);
    assert!(
        broken.stderr.contains("git:HEAD:gates.yaml"),
        "{}",
        broken.stderr
    );
    let two = repository(
        Some(BASE),
        BASE,
        &["other.yaml", "--policy-base=gates.yaml"],
    )
    .file("other.yaml", BASE)
    .run()
    .code(2);
    assert!(
        two.stderr.contains("names one policy, and 2 are judged"),
        "{}",
        two.stderr
    );
}
