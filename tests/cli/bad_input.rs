//! Tests of bad input. Each input must give one clear message and the right exit code, and no file may be lost.

use std::fs;

use serde_json::{Value, json};

use crate::gate::{Gate, KEY};
use crate::weave::Weave;

const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}";
const NOWHERE: &str = "http://127.0.0.1:9";

fn policy(gates: &str) -> String {
    format!("version: 1\ngates:\n{gates}\n")
}

fn check(more: &[&str]) -> Gate {
    Gate::new(&["check"]).args(more).env("WANDB_API_KEY", KEY)
}

fn example(name: &str) -> String {
    fs::read_to_string(format!(
        "{}/examples/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

#[test]
fn no_policy() {
    check(&["--candidate", "cand"])
        .run()
        .code(2)
        .says("no policy: there is no file `gates.yaml`")
        .says("help: `weave-gate init --project ENTITY/PROJECT` drafts gates.yaml from a run; or name the policy file");
    check(&["*.yaml", "--candidate", "cand"])
        .run()
        .code(2)
        .says("no policy: the pattern `*.yaml` matches no file");
    check(&["[a", "--candidate", "cand"])
        .run()
        .code(2)
        .says("`[a` is not a pattern");
    check(&["sub", "--candidate", "cand"])
        .file("sub/gates.yaml", "version: 1")
        .run()
        .code(2)
        .says("error: sub: is a directory, not a policy")
        .says("'sub/*.yaml'");
}

#[test]
fn policies_that_cannot_be_read() {
    let with = |text: &str| {
        check(&["--candidate", "cand"])
            .file("gates.yaml", text)
            .run()
            .code(2)
    };
    with("gates: [").says("error: gates.yaml:1:9: invalid YAML: the file ends inside brackets");
    with(&format!("# {}\n", "x".repeat(1024 * 1024))).says("is larger than 64 KiB");
    let binary = check(&["--candidate", "cand"]);
    fs::write(binary.folder().join("gates.yaml"), [0xff, 0xfe, 0]).unwrap();
    binary
        .run()
        .code(2)
        .says("error: gates.yaml: is UTF-16, not UTF-8")
        .says("help: save it as UTF-8");
}

#[test]
fn every_problem_of_every_policy_at_once() {
    let outcome = Gate::new(&["validate", "a.yaml", "b.yaml", "c.yaml"])
        .file(
            "a.yaml",
            "version: 1\ngates: [{name: g, metric: rows, mn: 1}]\n",
        )
        .file("b.yaml", &policy(FLOOR))
        .file("c.yaml", "version: 2\ngates: []\n")
        .run()
        .code(2)
        .says("error: a.yaml:2:33: unknown key `mn`")
        .says("help: did you mean `min`?")
        .says("error: c.yaml:1:10: this weave-gate does not know version 2; expected 1")
        .says("error: c.yaml:2:8: `gates` is empty; expected a list of at least one gate");
    assert!(outcome.stderr.ends_with("\n3 problems in 2 files\n"));
    assert_eq!(outcome.stdout, "");
}

#[test]
fn validate_is_offline_and_asks_for_no_variable() {
    let text = "version: 1\nproject: '${TEAM}/bot'\ncandidate: {run: '${RUN}'}\ngates: [{name: g, metric: rows, min: 1}]\n";
    Gate::new(&["validate"])
        .file("gates.yaml", text)
        .env("WF_TRACE_SERVER_URL", NOWHERE)
        .run()
        .code(0)
        .says("gates.yaml: valid, 1 gate");
    Gate::new(&["validate", "-q"])
        .file("gates.yaml", text)
        .run()
        .code(0);
}

#[test]
fn what_the_command_line_lacks() {
    let with = |more: &[&str]| check(more).file("gates.yaml", &policy(FLOOR)).run();
    with(&[]).code(2).says("gates.yaml: no candidate is named");
    with(&["--candidate", "cand"])
        .code(2)
        .says("no project is named");
    with(&["--candidate", "cand", "--project", "bot"])
        .code(2)
        .says("`bot` is not a project")
        .says("entity/project");
    with(&["--candidate", "evaluation=a,b"])
        .code(2)
        .says("--candidate: `b` has no value, as in KEY=VALUE");
    with(&["--candidate", "attributes.git_sha="])
        .code(2)
        .says("--candidate: `attributes.git_sha=` has no value");
    with(&["--candidate", "cand", "--wait", "soon"])
        .code(2)
        .says("expected a duration such as 45s");
    with(&["--candidate", "a b"])
        .code(2)
        .says("`a b` is not a run id");
    with(&["--candidate", "cand", "--timeout", "soon"])
        .code(2)
        .says("expected a duration such as 45s");
    with(&["--candidate", "cand", "--timeout", "0s"])
        .code(2)
        .says("from 1s to 24h");
    with(&["--candidate", "cand", "--frmat", "json"])
        .code(2)
        .says("--format");
    let drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}";
    check(&["--candidate", "cand", "--project", "a/b"])
        .file("gates.yaml", &policy(drop))
        .run()
        .code(2)
        .says("a gate limits the change from a baseline, and no baseline is named");
    Gate::new(&["check", "--candidate", "cand", "--project", "a/b"])
        .file("gates.yaml", &policy(FLOOR))
        .run()
        .code(3)
        .says("no API key: WANDB_API_KEY is not set")
        .says("forks and Dependabot");
    with(&[
        "--candidate",
        "cand",
        "--project",
        "a/b",
        "--base-url",
        "http://example.com",
    ])
    .code(2)
    .says("refused to send the API key over plain http to `example.com`");
    with(&[
        "--candidate",
        "cand",
        "--project",
        "a/b",
        "--base-url",
        "example.com",
    ])
    .code(2)
    .says("is not a URL");
    check(&["--candidate", "cand", "--project", "a/b"])
        .file("gates.yaml", &policy(FLOOR))
        .env("WANDB_API_KEY", "with space")
        .run()
        .code(3)
        .says("the API key holds characters that no key has");
    check(&["--candidate", "cand", "--project", "a/b"])
        .file("gates.yaml", &policy(FLOOR))
        .file("ca.pem", "nothing")
        .env("SSL_CERT_FILE", "ca.pem")
        .run()
        .code(3)
        .says("cannot read SSL_CERT_FILE `ca.pem`: it holds no certificate");
}

#[test]
fn reports_that_cannot_be_written_are_noticed_before_the_first_request() {
    let weave = Weave::start();
    for (option, path, words) in [
        (
            "--report",
            "no/such/folder/r.md",
            "cannot write `no/such/folder/r.md`",
        ),
        ("--json", "folder", "it is a directory"),
    ] {
        check(&[
            "--candidate",
            "cand",
            "--project",
            "my-team/bot",
            "--base-url",
            &weave.url,
            option,
            path,
        ])
        .file("gates.yaml", &policy(FLOOR))
        .file("folder/x", "")
        .run()
        .code(2)
        .says(words);
    }
    assert!(weave.requests().is_empty());
    check(&[
        "--candidate",
        "cand",
        "--report",
        "same",
        "--json",
        "./same",
    ])
    .file("gates.yaml", &policy(FLOOR))
    .run()
    .code(2)
    .says("two reports would be written to `./same`");
    // The report that can be written names the report that cannot.
    let outcome = check(&[
        "--candidate",
        "cand",
        "--report",
        "no/r.md",
        "--json",
        "r.json",
    ])
    .file("gates.yaml", &policy(FLOOR))
    .run()
    .code(2);
    let report = outcome.json("r.json");
    assert!(
        report["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cannot write `no/r.md`")
    );
}

#[test]
fn a_file_that_is_read_is_never_overwritten() {
    let drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.5}";
    for (option, file) in [
        ("--report", "gates.yaml"),
        ("--json", "./gates.yaml"),
        ("--json", "c.json"),
        ("--report", "sub/../b.json"),
    ] {
        let outcome = check(&["--candidate", "file:c.json", option, file])
            .file(
                "gates.yaml",
                &format!("baseline: {{file: b.json}}\n{}", policy(drop)),
            )
            .file("c.json", &example("candidate"))
            .file("b.json", &example("baseline"))
            .file("sub/x", "")
            .run()
            .code(2)
            .says("which is read");
        assert_eq!(outcome.read("c.json"), example("candidate"));
        assert_eq!(outcome.read("b.json"), example("baseline"));
        assert!(outcome.read("gates.yaml").starts_with("baseline:"));
    }
    // The same holds for an invalid policy, where the report would hold only an error.
    let outcome = check(&["--report", "gates.yaml"])
        .file("gates.yaml", "version: 9")
        .run()
        .code(2);
    assert_eq!(outcome.read("gates.yaml"), "version: 9");
}

#[test]
fn nor_is_it_where_something_else_is_wrong() {
    let keep = |arguments: &[&str], policy_text: &str, file: &str| {
        let outcome = check(arguments)
            .file("gates.yaml", policy_text)
            .file("c.json", &example("candidate"))
            .run()
            .code(2);
        let expected = if file == "c.json" {
            example("candidate")
        } else {
            policy_text.to_owned()
        };
        assert_eq!(outcome.read(file), expected, "{arguments:?}");
    };
    keep(
        &["--candidate", "file:c.json", "--json", "c.json"],
        "version: 9",
        "c.json",
    );
    keep(
        &[
            "--candidate",
            "b=",
            "--baseline",
            "file:c.json",
            "--json",
            "c.json",
        ],
        &policy(FLOOR),
        "c.json",
    );
    keep(
        &["none.yaml", "gates.yaml", "--report", "gates.yaml"],
        &policy(FLOOR),
        "gates.yaml",
    );
    let unread = format!("baseline: {{file: c.json}}\n{}", policy(FLOOR));
    keep(&["--candidate", "x", "--json", "c.json"], &unread, "c.json");
    // A baseline file that does not exist yet must not be overwritten by a report.
    let absent = format!(
        "baseline: {{file: b.json, required: false}}\n{}",
        policy(FLOOR)
    );
    let outcome = check(&["--candidate", "file:c.json", "--json", "b.json"])
        .file("gates.yaml", &absent)
        .file("c.json", &example("candidate"))
        .run()
        .code(2)
        .says("which is read");
    assert_eq!(outcome.names(), ["c.json", "gates.yaml"]);
}

#[test]
fn a_policy_named_twice_is_judged_once() {
    let outcome = check(&[
        "gates.yaml",
        "./gates.yaml",
        "--candidate",
        "file:c.json",
        "--json",
        "r.json",
    ])
    .file("gates.yaml", &policy(FLOOR).replace("0.9", "0.5"))
    .file("c.json", &example("candidate"))
    .run()
    .code(0);
    assert_eq!(
        outcome.json("r.json")["policies"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_baseline_that_no_gate_needs_is_not_read() {
    check(&[
        "--candidate",
        "file:c.json",
        "--baseline",
        "file:broken.json",
    ])
    .file("gates.yaml", &policy(FLOOR).replace("0.9", "0.5"))
    .file("c.json", &example("candidate"))
    .file("broken.json", "{")
    .run()
    .code(0);
}

#[test]
fn the_problems_of_all_policies_come_at_once() {
    check(&["a.yaml", "b.yaml"])
        .file("a.yaml", &policy(FLOOR))
        .file("b.yaml", &policy(FLOOR))
        .run()
        .code(2)
        .says("a.yaml: no candidate is named")
        .says("b.yaml: no candidate is named");
}

#[test]
fn snapshots_that_cannot_be_judged() {
    let whole = example("candidate");
    let parsed: Value = serde_json::from_str(&whole).unwrap();
    let edited = |edit: fn(&mut Value)| {
        let mut value = parsed.clone();
        edit(&mut value);
        value.to_string()
    };
    for (text, words) in [
        (whole[..whole.len() / 2].to_owned(), "it is cut short"),
        (String::new(), "it is cut short"),
        ("{}".to_owned(), "not a snapshot of weave-gate"),
        ("<html>".to_owned(), "it is an HTML page"),
        (
            edited(|value| value["version"] = json!(3)),
            "it has version 3, and this weave-gate reads versions 1 to 2",
        ),
        (
            edited(|value| value["project"] = json!("../x")),
            "it names no project",
        ),
        (
            edited(|value| {
                let run = &mut value["runs"][0];
                run["rows"] = json!({"a": u64::MAX});
                run["row_count"] = json!(1);
                run["trial_count"] = json!(u64::MAX);
            }),
            "contradict each other",
        ),
        (
            edited(|value| value["format"] = json!("other")),
            "its format is not `weave-gate-snapshot`",
        ),
        (
            edited(|value| {
                let run = &mut value["runs"][0];
                let dimension = &run["dimensions"][0];
                run["dimensions"][0] = dimension.as_object().unwrap().values().cloned().collect();
            }),
            "expected an object",
        ),
        (
            edited(|_| ()).replacen("\"rows\":{", "\"rows\":{\"a\":1,\"a\":1,", 1),
            "duplicate key `a`",
        ),
        (
            edited(|value| value["extra"] = json!(1)),
            "unknown field `extra`",
        ),
        (
            edited(|value| value["runs"][0]["extra"] = json!(1)),
            "unknown field `extra`",
        ),
        (edited(|value| value["runs"] = json!([])), "it holds no run"),
        (
            edited(|value| {
                let run = value["runs"][0].clone();
                value["runs"].as_array_mut().unwrap().push(run);
            }),
            "it holds the run `01a207cb-f50c-7295-9417-38bc428d3969` twice",
        ),
        (
            edited(|value| value["runs"][0]["completeness"]["state"] = json!("calls-missing")),
            "it does not say whether a run is complete: `calls-missing`",
        ),
        (
            edited(|value| value["runs"][0]["trial_count"] = json!(-1)),
            "invalid value",
        ),
        (
            edited(|value| value["runs"][0]["trial_count"] = json!(1)),
            "its rows and its counts contradict each other",
        ),
        (
            edited(|value| value["project"] = json!("other/bot")),
            "is of project `other/bot`, and `my-team/support-bot` is judged",
        ),
    ] {
        check(&[
            "--candidate",
            "file:s.json",
            "--project",
            "my-team/support-bot",
            "--json",
            "r.json",
        ])
        .file("gates.yaml", &policy(FLOOR))
        .file("s.json", &text)
        .run()
        .code(3)
        .says(words);
    }
    check(&["--candidate", "file:none.json"])
        .file("gates.yaml", &policy(FLOOR))
        .run()
        .code(3)
        .says("there is no snapshot `none.json`");
}

#[test]
fn snapshots_of_two_projects_are_not_compared() {
    let drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}";
    check(&["--candidate", "file:c.json", "--baseline", "file:b.json"])
        .file("gates.yaml", &policy(drop))
        .file("c.json", &example("candidate"))
        .file(
            "b.json",
            &example("baseline").replace("my-team/support-bot", "other/bot"),
        )
        .run()
        .code(3)
        .says("the candidate is of project `my-team/support-bot`, the baseline of `other/bot`");
}

#[test]
fn a_baseline_file_that_is_not_there_is_no_baseline() {
    let gates =
        format!("{FLOOR}\n- {{name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}}");
    let with = |head: &str| {
        check(&[
            "--candidate",
            "file:c.json",
            "--baseline",
            "file:none.json",
            "--json",
            "r.json",
            "-q",
        ])
        .file(
            "gates.yaml",
            &format!("version: 1\n{head}\ngates:\n{gates}\n").replace("min: 0.9", "min: 0.8"),
        )
        .file("c.json", &example("candidate"))
        .run()
    };
    let required = with("").code(3);
    assert_eq!(
        required.json("r.json")["policies"][0]["findings"][0]["name"],
        "no-baseline"
    );
    // A brief report also says that the change limits were skipped.
    let optional = with("baseline: {required: false}")
        .code(0)
        .shows("warning[no-baseline]");
    assert_eq!(
        optional.json("r.json")["policies"][0]["checks"][1]["status"],
        "skipped"
    );
}

#[test]
fn where_no_verdict_is_reached_json_still_says_why() {
    for (gate, code) in [
        (
            check(&["--candidate", "cand"]).file("gates.yaml", "version: 9"),
            2,
        ),
        (
            check(&["--candidate", "file:none"]).file("gates.yaml", &policy(FLOOR)),
            3,
        ),
    ] {
        let outcome = gate
            .args(&["--json", "r.json", "--report", "r.md", "--format", "json"])
            .run()
            .code(code);
        let report = outcome.json("r.json");
        assert_eq!(report["schema_version"], 1);
        assert_eq!(report["verdict"], json!(null));
        assert_eq!(report["exit_code"], code);
        assert!(report["error"]["message"].is_string());
        assert_eq!(
            serde_json::from_str::<Value>(&outcome.stdout).unwrap(),
            report
        );
        assert!(
            outcome
                .read("r.md")
                .starts_with("## ❔ weave-gate: no verdict\n")
        );
    }
}

#[test]
fn one_policy_without_evidence_does_not_hide_that_another_fails() {
    let failing = policy(FLOOR).replace("0.9", "0.99");
    let with = |first: &str| {
        check(&["a.yaml", "b.yaml", "--json", "r.json"])
            .file("a.yaml", &format!("candidate: {{file: c.json}}\n{first}"))
            .file(
                "b.yaml",
                &format!("candidate: {{file: none.json}}\n{}", policy(FLOOR)),
            )
            .file("c.json", &example("candidate"))
            .run()
    };
    let failed = with(&failing.replace("min", "missing: ignore, min")).code(1);
    let report = failed.json("r.json");
    assert_eq!(
        (&report["verdict"], &report["policies"][1]["verdict"]),
        (&json!("failed"), &json!(null))
    );
    assert!(
        report["policies"][1]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("none.json")
    );
    with(&policy(FLOOR).replace("0.9", "0.5")).code(3);
}
