//! Tests of the files and the output of a check that CI systems read.

use crate::gate::{Gate, Outcome};

pub fn root(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A check of the example policy with its recorded runs.
pub fn example(more: &[&str]) -> Gate {
    Gate::new(&[
        "check",
        "gates.example.yaml",
        "--candidate=file:examples/candidate.json",
        "--baseline=file:examples/baseline.json",
    ])
    .args(more)
    .file("gates.example.yaml", &root("gates.example.yaml"))
    .file("examples/candidate.json", &root("examples/candidate.json"))
    .file("examples/baseline.json", &root("examples/baseline.json"))
}

#[test]
fn one_folder_has_all_reports() {
    let outcome = example(&["--report-dir=out/gate", "--junit=j.xml"])
        .run()
        .code(1);
    for name in [
        "report.md",
        "report.html",
        "report.json",
        "metrics.txt",
        "gitlab-annotations.json",
    ] {
        assert!(!outcome.read(&format!("out/gate/{name}")).is_empty());
    }
    // A report with its own option is written to that path and not to the folder.
    assert_eq!(
        outcome.names(),
        ["examples", "gates.example.yaml", "j.xml", "out"]
    );
    insta::assert_snapshot!("junit", outcome.read("j.xml"));
    insta::assert_snapshot!("metrics", outcome.read("out/gate/metrics.txt"));
    insta::assert_snapshot!(
        "gitlab_annotations",
        outcome.read("out/gate/gitlab-annotations.json")
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_said_before_anything_is_asked() {
    example(&["--report-dir=gates.example.yaml/x"])
        .run()
        .code(2)
        .says("cannot make the folder `gates.example.yaml/x`");
    example(&["--junit=same", "--metrics=same"])
        .run()
        .code(2)
        .says("two reports would be written to `same`");
    example(&["--metrics=examples/baseline.json"])
        .run()
        .code(2)
        .says("would overwrite `examples/baseline.json`");
}

/// A check in the environment of a GitHub runner.
fn on_github(more: &[&str]) -> Outcome {
    example(more)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary")
        .env("GITHUB_OUTPUT", "output")
        .file("summary", "before\n")
        .file("output", "other=1\n")
        .run()
}

/// The line of a limit in the example policy, from 1.
fn line(gate: &str, limit: &str) -> usize {
    let text = root("gates.example.yaml");
    let mut lines = text.lines().enumerate();
    let is_gate = |line: &str| line.trim_start() == format!("- name: {gate}");
    lines.find(|(_, line)| is_gate(line)).unwrap();
    let is_limit = |line: &str| line.trim_start().starts_with(&format!("{limit}:"));
    lines.find(|(_, line)| is_limit(line)).unwrap().0 + 1
}

#[test]
fn github_gets_summary_annotations_and_outputs() {
    let outcome = on_github(&["--report=r.md", "--json=r.json"]).code(1);
    let summary = outcome.read("summary");
    assert!(summary.starts_with("before\n"));
    assert_eq!(
        summary["before\n".len()..].trim_end(),
        outcome.read("r.md").trim_end()
    );
    assert_eq!(
        outcome.read("output"),
        "other=1\nverdict=failed\nexit-code=1\nretryable=false\nreport=r.md\njson=r.json\n"
    );
    let commands: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert_eq!(commands.len(), 3 + 2, "{}", outcome.stderr);
    let start = format!(
        "::error file=gates.example.yaml,line={},title=fail%3A answers stay correct / correctness / max_drop::fell ",
        line("answers stay correct", "max_drop")
    );
    assert!(commands[0].starts_with(&start), "{}", commands[0]);
    let start = format!(
        "::warning file=gates.example.yaml,line={},title=warning%3A hardly any crash",
        line("hardly any crash", "max")
    );
    assert!(commands[3].starts_with(&start), "{}", commands[3]);
    // The report itself does not change.
    assert!(!outcome.stdout.contains("::"));
    assert!(outcome.stdout.ends_with("(exit code 1)\n"));
}

#[test]
fn github_can_be_left_out_and_asked_for() {
    let without = on_github(&["--no-github"]).code(1);
    assert_eq!(without.read("summary"), "before\n");
    assert!(!without.stderr.contains("::error"));
    let asked = example(&["--github"]).run().code(1);
    assert!(asked.stderr.contains("::error"));
    assert!(!example(&[]).run().code(1).stderr.contains("::error"));
}

#[test]
fn a_summary_without_room_is_short_or_left_out() {
    let with_summary = |size: usize| {
        example(&[])
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", "summary")
            .file("summary", &"x".repeat(size))
            .run()
            .code(1)
    };
    let short = with_summary(1024 * 1024 - 8_000);
    let text = short.read("summary");
    let text = text.trim_start_matches('x');
    assert!(text.starts_with("## ❌ weave-gate: "), "{text}");
    assert!(text.contains("[compare in Weave](https://wandb.ai/"));
    assert!(!text.contains("| --- |"));
    insta::assert_snapshot!("short", text);
    let full = with_summary(1024 * 1024 - 10);
    assert_eq!(full.read("summary").len(), 1024 * 1024 - 10);
    assert!(
        full.stderr
            .contains("warning: cannot write the step summary")
    );
}

#[test]
fn what_the_runner_cannot_take_changes_no_verdict() {
    example(&["--github"])
        .env("GITHUB_STEP_SUMMARY", "none/summary")
        .env("GITHUB_OUTPUT", "none/output")
        .run()
        .code(1)
        .says("cannot write the step summary of GitHub Actions")
        .says("cannot write the outputs of GitHub Actions");
}

#[test]
fn many_checks_make_ten_annotations_and_hostile_names_make_none() {
    let hostile = "a\\n::error::b, c: %0A ##[group]";
    let gates: Vec<String> = (0..14)
        .map(|number| {
            format!(
                "- {{name: \"{number} {hostile}\", scorer: correctness, metric: pass_rate, min: 1}}"
            )
        })
        .collect();
    let outcome = Gate::new(&[
        "check",
        "--candidate=file:c.json",
        "--github",
        "--junit=j.xml",
        "--metrics=m.txt",
    ])
    .file(
        "gates.yaml",
        &format!("version: 1\ngates:\n{}\n", gates.join("\n")),
    )
    .file("c.json", &root("examples/candidate.json"))
    .run()
    .code(1);
    let commands: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("::"))
        .collect();
    assert_eq!(commands.len(), 10, "{}", outcome.stderr);
    assert_eq!(commands[9], "::error title=weave-gate::and 5 more");
    assert!(
        commands
            .iter()
            .take(9)
            .all(|line| line.contains("%0A%3A%3Aerror%3A%3Ab%2C c%3A %250A"))
    );
    for line in outcome
        .read("m.txt")
        .lines()
        .filter(|line| line.contains('{'))
    {
        let labels = line.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:/-=\",".contains(c);
        assert!(labels.chars().all(plain), "{line}");
    }
    assert_eq!(outcome.read("j.xml").matches("<testcase ").count(), 14);
    assert!(!outcome.read("j.xml").contains('\u{1b}'));
}

#[test]
fn without_a_verdict_there_are_reports_all_the_same() {
    let outcome = Gate::new(&[
        "check",
        "--candidate=file:none.json",
        "--report-dir=out",
        "--github",
    ])
    .file(
        "gates.yaml",
        "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n",
    )
    .env("GITHUB_OUTPUT", "output")
    .run()
    .code(3);
    let junit = outcome.read("out/junit.xml");
    assert!(
        junit.contains("errors=\"1\"") && junit.contains("there is no snapshot `none.json`"),
        "{junit}"
    );
    assert_eq!(
        outcome.read("out/metrics.txt"),
        "weave_gate_exit_code 3\n# EOF\n"
    );
    assert!(
        outcome
            .read("output")
            .contains("verdict=none\nexit-code=3\n")
    );
    assert!(
        outcome
            .stderr
            .contains("::error file=gates.yaml,title=weave-gate%3A no verdict::")
    );
    // An error in the policy is also reported there.
    let outcome = Gate::new(&["check", "--candidate=file:none.json", "--junit=j.xml"])
        .file("gates.yaml", "version: 2\n")
        .run()
        .code(2);
    assert!(
        outcome.read("j.xml").contains("<error "),
        "{}",
        outcome.read("j.xml")
    );
}
