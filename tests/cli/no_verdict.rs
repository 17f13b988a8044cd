//! Tests of every end without a verdict. With exit codes 2 and 3, all reports of an earlier run are replaced.

use std::fs;

use serde_json::json;

use crate::ci::root;
use crate::gate::{Gate, KEY, Outcome};
use crate::interrupted::FILES;

const OLD: &str = "passed yesterday\n";
const NOWHERE: &str = "http://127.0.0.1:9";
const LIVE: &str =
    "version: 1\nproject: a/b\ncandidate: {run: cand}\ngates: [{name: g, metric: rows, min: 1}]\n";

/// A check with all that it needs. Its server does not exist.
fn check(arguments: &[&str]) -> Gate {
    let mut gate = Gate::new(&["check", "--report-dir=out"])
        .args(arguments)
        .file("gates.yaml", LIVE)
        .file("c.json", &root("examples/candidate.json"))
        .file("folder/x", "")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", "output")
        .env("GITHUB_STEP_SUMMARY", "summary")
        .env("WF_TRACE_SERVER_URL", NOWHERE);
    for name in FILES {
        gate = gate.file(&format!("out/{name}"), OLD);
    }
    gate
}

/// The same check with a key.
fn keyed(arguments: &[&str]) -> Gate {
    check(arguments).env("WANDB_API_KEY", KEY)
}

#[track_caller]
fn replaced(gate: Gate, code: i32, why: &str) {
    let outcome = gate.run().code(code);
    for name in FILES {
        assert_ne!(outcome.read(&format!("out/{name}")), OLD, "{name}");
    }
    let report = outcome.json("out/report.json");
    assert_eq!(report["verdict"], json!(null));
    assert_eq!(report["exit_code"], code);
    let says = |outcome: &Outcome, name: &str| outcome.read(name).contains(why);
    for name in [
        "out/report.md",
        "out/report.json",
        "out/junit.xml",
        "summary",
    ] {
        assert!(says(&outcome, name), "{name}:\n{}", outcome.read(name));
    }
    assert_eq!(
        outcome.read("out/metrics.txt"),
        format!("weave_gate_exit_code {code}\n# EOF\n")
    );
    let outputs = format!("verdict=none\nexit-code={code}\nretryable=");
    assert!(outcome.read("output").starts_with(&outputs));
    assert!(outcome.read("output").contains("\nreport=out/report.md\n"));
    let may_pass = outcome.read("output").contains("\nretryable=true\n");
    assert_eq!(report["retryable"], may_pass);
    assert!(!may_pass || code == 3);
    outcome.done();
}

#[test]
fn a_policy_that_cannot_be_used() {
    for (policies, why) in [
        (&["none.yaml"][..], "there is no file"),
        (&["folder"], "is a directory"),
        (&["folder/*.yaml"], "matches no file"),
        (&["[a"], "is not a pattern"),
        (&["gates.yaml", "none.yaml"], "there is no file"),
    ] {
        replaced(keyed(policies), 2, why);
    }
    let odd = |text: &str| keyed(&[]).file("gates.yaml", text);
    replaced(odd("gates: ["), 2, "invalid YAML");
    replaced(odd(&"#".repeat(70_000)), 2, "is larger than 64 KiB");
    replaced(odd("version: 9\n"), 2, "does not know version 9");
    replaced(odd(&LIVE.replace("cand}", "'${NONE}'}")), 2, "`NONE`");
    replaced(odd(&LIVE.replace("project: a/b\n", "")), 2, "no project");
    let unnamed = LIVE.replace("candidate: {run: cand}\n", "");
    replaced(odd(&unnamed), 2, "no candidate is named");
    let compares = LIVE.replace("metric: rows, min: 1", "metric: rows, max_drop: 1");
    assert_ne!(compares, LIVE);
    replaced(odd(&compares), 2, "gates");
    let binary = keyed(&["binary.yaml"]);
    fs::write(binary.folder().join("binary.yaml"), [0xff, 0xfe]).unwrap();
    replaced(binary, 2, "is UTF-16, not UTF-8");
}

#[test]
fn arguments_that_clap_accepts_and_nobody_can_use() {
    for (argument, why) in [
        ("--candidate=", "--candidate: the run id is empty"),
        ("--baseline=", "--baseline: the run id is empty"),
        ("--candidate=a b", "`a b` is not a run id"),
        ("--candidate=model=", "has no value"),
        ("--project=bot", "is not a project"),
        ("--base-url=nothing", "is not a URL"),
        ("--base-url=http://weave.invalid", "over plain http"),
    ] {
        replaced(keyed(&[argument]), 2, why);
    }
}

#[test]
fn reports_that_cannot_be_written_keep_no_other_one_old() {
    let others = |gate: Gate, why: &str, kept: &str| {
        let outcome = gate.run().code(2).says(why);
        for name in FILES.iter().filter(|name| **name != kept) {
            assert_ne!(outcome.read(&format!("out/{name}")), OLD, "{name}");
        }
        assert!(outcome.read("out/junit.xml").contains(why));
    };
    let gate = || keyed(&[]);
    let read_only = gate().args(&["--json=folder"]);
    others(read_only, "it is a directory", "report.json");
    let clash = gate()
        .args(&["--json=same", "--report=same"])
        .file("same", OLD);
    let outcome = clash.run().code(2).says("two reports would be written");
    assert_ne!(outcome.read("same"), OLD);
    assert_ne!(outcome.read("out/junit.xml"), OLD);
    others(
        gate().args(&["--json=gates.yaml"]),
        "which is read",
        "report.json",
    );
    // An invalid policy does not hide the snapshot of another policy.
    let outcome = keyed(&["wrong.yaml", "right.yaml", "--json=c.json"])
        .file("wrong.yaml", "version: 9\n")
        .file("right.yaml", &LIVE.replace("run: cand", "file: c.json"))
        .run()
        .code(2)
        .says("does not know version 9");
    assert_eq!(outcome.read("c.json"), root("examples/candidate.json"));
    assert_ne!(outcome.read("out/report.md"), OLD);
}

#[test]
fn evidence_that_is_unavailable() {
    replaced(check(&[]), 3, "no API key");
    let odd = check(&[]).env("WANDB_API_KEY", "with space");
    replaced(odd, 3, "the API key holds characters");
    replaced(keyed(&["--timeout=1s"]), 3, "127.0.0.1");
    let uncertain = keyed(&[]).env("SSL_CERT_FILE", "c.json");
    replaced(uncertain, 3, "it holds no certificate");
    replaced(
        keyed(&["--candidate=file:none.json"]),
        3,
        "there is no snapshot `none.json`",
    );
    let broken = keyed(&["--candidate=file:broken.json"]).file("broken.json", "{");
    replaced(broken, 3, "it is cut short");
}

#[test]
fn two_runs_that_cannot_be_compared() {
    for (arguments, code) in [
        (&["a", "b"][..], 2),
        (&["a", "b", "--project=bot"], 2),
        (&["a", ""], 2),
        (&["a", "b", "--project=a/b"], 3),
        (&["file:none.json", "file:c.json"], 3),
        (&["file:c.json", "file:broken.json"], 3),
        (&["a", "b", "--report=r.json"], 2),
    ] {
        let outcome = Gate::new(&["compare", "--json=r.json"])
            .args(arguments)
            .file("c.json", &root("examples/candidate.json"))
            .file("broken.json", "{")
            .file("r.json", OLD)
            .env("WF_TRACE_SERVER_URL", NOWHERE)
            .run()
            .code(code);
        assert_ne!(outcome.read("r.json"), OLD, "{arguments:?}");
        if !arguments.contains(&"--report=r.json") {
            assert_eq!(outcome.json("r.json")["exit_code"], code);
        }
        outcome.done();
    }
}
