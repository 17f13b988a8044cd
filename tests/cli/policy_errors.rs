//! Tests of what is shown for a wrong policy: on a terminal, in annotations, and in the reports.

use std::fs;

use serde_json::json;

use crate::ci::root;
use crate::gate::{Gate, Outcome};

/// A policy with problems of each kind.
const WRONG: &str = r#"# gates of the support bot
version: "1"
project: support-bot
candidate: {evaluation: answers, commit: 6063e25, comit: "a long text so that this line is cut around the marker"}
gates:
  - name: answers stay correct
    scorer: correctness
    metric: pass_rat
    min: 0.9
  - name: tone 日本語
    scorer: tone
    metric: numeric_mean
    range: [0, 1]	# tab
    min: 70%
    min: 70
    severity: "error"
  - name: answers stay correct
    metric: rows
    max_drop: 1
    sсorer: x
"#;

fn validate(text: &str, more: &[&str]) -> Outcome {
    Gate::new(&["validate"])
        .args(more)
        .file("gates.yaml", text)
        .run()
        .code(2)
}

#[test]
fn problems_are_shown_with_their_lines() {
    insta::assert_snapshot!("screen", validate(WRONG, &[]).stderr);
    let coloured = validate("version: 1\nversion: 1\n", &["--color=always"]);
    insta::assert_snapshot!("screen_in_colour", coloured.stderr.replace('\u{1b}', "\\e"));
    // A single problem needs no count.
    assert_eq!(
        validate(
            "version: 1\ngates: [{name: g, metric: rows, min: 90%}]\n",
            &[]
        )
        .stderr,
        "\
error: gates.yaml:2:38: expected a number, found the text `90%`
  2 | gates: [{name: g, metric: rows, min: 90%}]
    |                                      ^^^
  in gates[0] \"g\": min
  help: write a number, as in `min: 100`
"
    );
}

#[test]
fn files_that_are_not_policies_are_named_for_what_they_are() {
    for (bytes, message, help) in [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n".as_slice(),
            "error: gates.yaml: is a Git LFS pointer, not the file itself\n",
            "help: run `git lfs pull`; with actions/checkout, write `with: {lfs: true}`\n",
        ),
        (
            b"<!DOCTYPE html>\n<title>Sign in</title>\n",
            "error: gates.yaml: is an HTML page\n",
            "help: get the file itself, not a web page that shows it\n",
        ),
        (
            b"\xff\xfev\0e\0r\0",
            "error: gates.yaml: is UTF-16, not UTF-8\n",
            "help: save it as UTF-8\n",
        ),
        (
            b"# gates\nversion: 1\nname: gr\xf6\xdfe # x\n",
            "error: gates.yaml:3:9: the byte 0xF6 is not UTF-8\n  3 | name: gr\u{fffd}\u{fffd}e # x\n    |         ^\n",
            "help: save the file as UTF-8\n",
        ),
    ] {
        let gate = Gate::new(&["validate"]);
        fs::write(gate.folder().join("gates.yaml"), bytes).unwrap();
        let outcome = gate.run().code(2);
        assert_eq!(outcome.stderr, format!("{message}  {help}"));
    }
    let outcome = Gate::new(&["check", "--candidate=file:s.json"])
        .file(
            "gates.yaml",
            "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n",
        )
        .file(
            "s.json",
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        )
        .run()
        .code(3);
    outcome
        .says("cannot read the snapshot `s.json`: it is a Git LFS pointer, not the file itself")
        .says("help: run `git lfs pull`");
}

#[test]
fn a_line_of_a_policy_hides_nothing_and_commands_no_runner() {
    let text = "version: 1\ngates: [{name: g, metric: rows, min: 1, \"::error::\\e[31m\": 1, x: \"##[group]\u{85}\u{202e}\"}]\n";
    let outcome = validate(text, &[]);
    let hidden = |c: char| c.is_control() && c != '\n';
    assert!(!outcome.stderr.contains(hidden), "{:?}", outcome.stderr);
    assert!(!outcome.stderr.contains("##["), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("::error"), "{}", outcome.stderr);
    // The same holds for a name of a file.
    let outcome = Gate::new(&["validate", "a\u{202e}##[group].yaml"])
        .file("a\u{202e}##[group].yaml", "version: 2\n")
        .run()
        .code(2);
    assert!(
        outcome.stderr.contains("a\\u{202e}# #[group].yaml:1:1"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn reports_have_the_short_form() {
    let outcome = Gate::new(&["check", "--candidate=file:none.json", "--report-dir=out"])
        .file("gates.yaml", WRONG)
        .run()
        .code(2)
        .says("\n11 problems in gates.yaml\n")
        .says("error: gates.yaml:8:13: `pass_rat` is not a metric");
    let report = outcome.json("out/report.json");
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 11);
    assert_eq!(
        problems[4],
        json!({
            "path": "gates.yaml",
            "line": 8,
            "column": 13,
            "place": "gates[0] \"answers stay correct\": metric",
            "message": "`pass_rat` is not a metric",
            "help": "did you mean `pass_rate`?"
        })
    );
    let short = "gates.yaml:8:13: gates[0] \"answers stay correct\": metric: `pass_rat` is not a metric\n  help: did you mean `pass_rate`?";
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains(short), "{message}");
    assert!(!message.contains("| "), "{message}");
    assert_eq!(report["error"]["help"], json!(null));
    assert!(outcome.read("out/report.md").contains(short));
    assert!(
        outcome
            .read("out/junit.xml")
            .contains("gates.yaml:8:13: gates[0]")
    );
    // The help of a single problem is that of the error.
    let outcome = Gate::new(&["check", "--candidate=file:none.json", "--json=r.json"])
        .file(
            "gates.yaml",
            "version: 2\ngates: [{name: g, metric: rows, min: 1}]\n",
        )
        .run()
        .code(2);
    let report = outcome.json("r.json");
    assert_eq!(
        report["error"],
        json!({
            "message": "gates.yaml:1:10: version: this weave-gate does not know version 2; expected 1",
            "help": "write `version: 1`"
        })
    );
    // An error that is not about a policy has no problems.
    let outcome = Gate::new(&["check", "none.yaml", "--json=r.json"])
        .run()
        .code(2);
    assert_eq!(outcome.json("r.json")["problems"], json!([]));
}

/// Runs a check in a folder of a repository on GitHub's runner, and returns its annotations.
fn annotations(folder: &str, policy: &str, code: i32) -> Vec<String> {
    let gate = Gate::new(&["check", "--candidate=file:c.json"])
        .env("GITHUB_ACTIONS", "true")
        .file("services/bot/gates.yaml", policy)
        .file("services/bot/c.json", &root("examples/candidate.json"));
    let workspace = gate.folder().join(folder);
    let mut command = gate.command();
    command
        .current_dir(gate.folder().join("services/bot"))
        .env("GITHUB_WORKSPACE", workspace);
    let output = command.output().unwrap();
    let outcome = gate.ended(output).code(code);
    let lines = outcome.stderr.lines();
    lines
        .filter(|line| line.starts_with("::"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn annotations_are_at_the_lines_of_the_repository() {
    let policy = "version: 1\ngates:\n# largest first\n- name: floor\n  scorer: correctness\n  metric: pass_rate\n  max: 1\n  min: 0.99\n- {name: rows, metric: rows, min: 1000, severity: warn}\n";
    let found = annotations(".", policy, 1);
    assert_eq!(found.len(), 2, "{found:?}");
    let start = "::error file=services/bot/gates.yaml,line=8,title=fail%3A floor";
    assert!(found[0].starts_with(start), "{found:?}");
    let start = "::warning file=services/bot/gates.yaml,line=9,title=warning%3A rows";
    assert!(found[1].starts_with(start), "{found:?}");
    // A policy outside of the repository has the path that was given.
    let found = annotations("services/other", policy, 1);
    assert!(
        found[0].starts_with("::error file=gates.yaml,line=8,"),
        "{found:?}"
    );
    let found = annotations("none", policy, 1);
    assert!(
        found[0].starts_with("::error file=gates.yaml,line=8,"),
        "{found:?}"
    );
}

#[test]
fn each_problem_of_a_policy_is_an_annotation() {
    let found = annotations(
        ".",
        "version: 2\ngates: [{name: g, metric: row, min: 1}]\n",
        2,
    );
    assert_eq!(
        found,
        [
            "::error file=services/bot/gates.yaml,line=1,col=10,title=weave-gate%3A no verdict%2C the policy is invalid::\
             version: this weave-gate does not know version 2; expected 1%0Ahelp: write `version: 1`",
            "::error file=services/bot/gates.yaml,line=2,col=27,title=weave-gate%3A no verdict%2C the policy is invalid::\
             gates[0] \"g\": metric: `row` is not a metric%0Ahelp: did you mean `rows`?",
        ]
    );
    let many: Vec<String> = (0..12).map(|number| format!("key{number}: 1\n")).collect();
    let many = many.concat();
    let found = annotations(
        ".",
        &format!("version: 1\n{many}gates: [{{name: g, metric: rows, min: 1}}]\n"),
        2,
    );
    assert_eq!(found.len(), 10);
    assert_eq!(found[9], "::error title=weave-gate::and 3 more");
}
