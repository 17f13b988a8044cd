//! Tests of the message if there is no baseline: what was searched for, what exists instead, and how to get one.

use serde_json::json;

use crate::gate::{Gate, KEY, Outcome};
use crate::init::{Logged, logged, server};

const GATES: &str = "gates:
- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5}
- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}
";

/// Judges the run `cand` of these runs by a policy with this baseline.
fn check(runs: &[Logged], baseline: &str) -> Outcome {
    let weave = server(runs.to_vec());
    let policy = format!(
        "version: 1\nproject: my-team/bot\ncandidate: {{evaluation: answers}}\n{baseline}\n{GATES}"
    );
    Gate::new(&["check", "--candidate=cand", "--json=r.json"])
        .file("gates.yaml", &policy)
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
}

/// The message and the help of the only finding `no-baseline`.
fn message(outcome: &Outcome) -> String {
    let report = outcome.json("r.json");
    let findings = report["policies"][0]["findings"].as_array().unwrap();
    let mut found = findings
        .iter()
        .filter(|finding| finding["name"] == "no-baseline");
    let finding = found.next().unwrap();
    assert_eq!(found.next(), None);
    let text = |key: &str| finding[key].as_str().unwrap();
    format!("{} | {}", text("message"), text("help"))
}

const EVALUATE: &str = "evaluate `main` on each push as well (in GitHub Actions `on: push: branches: [main]`), and \
    log `git_branch: main` with it";

#[test]
fn a_branch_that_no_run_is_of() {
    let runs = [
        logged("cand", 1, 0).on("pull/8"),
        logged("other", 2, 0).on("pull/7"),
    ];
    let outcome = check(&runs, "baseline: {branch: main}").code(3);
    let found = "there is no baseline: no run of `my-team/bot` matches `evaluation=answers,branch=main`; values of \
        `attributes.git_branch` in the newest 2 runs: `pull/8`, `pull/7`";
    assert_eq!(
        message(&outcome),
        format!(
            "{found} | {EVALUATE}; for a new evaluation, `baseline: {{required: after-first}}` skips change limits until then"
        )
    );
    // The cause is told once.
    assert_eq!(outcome.stdout.matches("there is no baseline").count(), 1);
    outcome.done();
    for (required, skipped) in [
        (
            "after-first",
            "the change limits are skipped, for at most 14 days after the first run of the evaluation",
        ),
        ("false", "the change limits are skipped"),
    ] {
        let baseline = format!("baseline: {{branch: main, required: {required}}}");
        let outcome = check(&runs, &baseline).code(0);
        assert_eq!(
            message(&outcome),
            format!("{found}; {skipped} | {EVALUATE}")
        );
        outcome.done();
    }
    // The evaluation is too old for `after-first`.
    let old = [runs[0].clone(), logged("other", 24 * 15, 0).on("pull/7")];
    let outcome = check(&old, "baseline: {branch: main, required: after-first}").code(3);
    assert_eq!(
        message(&outcome),
        format!(
            "{found} | {EVALUATE}; `required: after-first` does not apply here, so only `required: false` skips change limits until then"
        )
    );
    outcome.done();
}

#[test]
fn the_first_run_of_the_branch_is_of_the_candidates_own_commit() {
    let runs = [logged("cand", 1, 0).on("main")];
    let outcome = check(&runs, "baseline: {branch: main}").code(3);
    assert_eq!(
        message(&outcome),
        format!(
            "there is no baseline: no run of `my-team/bot` matches `evaluation=answers,branch=main` and can be a baseline; \
             what matches, of the newest run: the candidate itself | {EVALUATE}; \
             for a new evaluation, `baseline: {{required: after-first}}` skips change limits until then"
        )
    );
    outcome.done();
}

#[test]
fn runs_that_match_and_cannot_be_the_baseline() {
    let failed = logged("main", 2, 0)
        .on("main")
        .with("/exception", json!("ValueError"));
    let runs = [logged("cand", 1, 0).on("pull/8"), failed];
    let outcome = check(&runs, "baseline: {branch: main, required: after-first}").code(3);
    assert_eq!(
        message(&outcome),
        "there is no baseline: no run of `my-team/bot` matches `evaluation=answers,branch=main` and can be a baseline; \
         what matches, of the newest 2 runs: 1 failed | \
         list the runs that match with `weave-gate runs evaluation=answers,branch=main`"
    );
    outcome.done();
}

#[test]
fn a_baseline_that_is_named_in_other_ways() {
    let runs = [logged("cand", 1, 0)];
    for (baseline, words) in [
        (
            "baseline: {evaluation: answers}",
            " | evaluate the main branch: a baseline is a finished run that began before the candidate; \
             for a new evaluation, `baseline: {required: after-first}` skips change limits until then",
        ),
        (
            "baseline: {run: gone}",
            "there is no run `gone` in `my-team/bot` | list the ids of the runs with `weave-gate runs`",
        ),
        (
            "baseline: {file: my base.json}",
            "no file `my base.json` | take the snapshot of a run with `weave-gate snapshot RUN -o 'my base.json'`",
        ),
        (
            "baseline: {required: false}",
            "no baseline is named; the change limits are skipped | \
             name one in the policy, as in `baseline: {branch: main}`, or with --baseline",
        ),
    ] {
        let outcome = check(&runs, baseline);
        let message = message(&outcome);
        assert!(message.ends_with(words), "{message}");
        outcome.done();
    }
}

/// A further baseline is always required, so no other key of the policy helps.
#[test]
fn a_further_baseline() {
    let weave = server(vec![logged("cand", 1, 0)]);
    let policy = "version: 1
project: my-team/bot
baselines: {release: {branch: release}}
gates: [{name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05, against: release}]
";
    let outcome = Gate::new(&["check", "--candidate=cand", "--json=r.json"])
        .file("gates.yaml", policy)
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
        .code(3);
    let message = message(&outcome);
    let end = "and log `git_branch: release` with it";
    assert!(
        message.starts_with("against `release`: there is no baseline: "),
        "{message}"
    );
    assert!(message.ends_with(end), "{message}");
    outcome.done();
}
