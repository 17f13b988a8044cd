//! Tests of arguments that clap rejects. The requested reports must show the error, and no report of an earlier run may
//! remain.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;

use serde_json::json;

use crate::ci::{example, root};
use crate::gate::{Gate, KEY, Outcome};
use crate::interrupted::FILES;

const OLD: &str = "passed yesterday\n";

/// A check with a policy that passes, in a folder with reports of an earlier run.
fn stale(arguments: &[&str]) -> Gate {
    let mut gate = Gate::new(&["check"])
        .args(arguments)
        .file(
            "gates.yaml",
            "version: 1\ncandidate: {file: c.json}\ngates: [{name: g, metric: rows, min: 1}]\n",
        )
        .file("c.json", &root("examples/candidate.json"));
    for name in FILES {
        gate = gate.file(&format!("out/{name}"), OLD);
    }
    gate
}

/// Asserts that every report says that nothing was judged, and why.
#[track_caller]
fn says_why(outcome: &Outcome, why: &str) {
    for name in FILES {
        assert_ne!(outcome.read(&format!("out/{name}")), OLD, "{name}");
    }
    let report = outcome.json("out/report.json");
    assert_eq!(
        (&report["verdict"], &report["exit_code"]),
        (&json!(null), &json!(2))
    );
    let error = report["error"]["message"].as_str().unwrap();
    assert!(error.contains(why), "{error}");
    let markdown = outcome.read("out/report.md");
    assert!(markdown.starts_with("## ❔ weave-gate: no verdict\n"));
    assert!(outcome.read("out/junit.xml").contains("<error "));
    assert_eq!(
        outcome.read("out/metrics.txt"),
        "weave_gate_exit_code 2\n# EOF\n"
    );
    assert!(outcome.stderr.contains(why), "{}", outcome.stderr);
    assert!(outcome.stdout.ends_with("NO VERDICT (exit code 2)\n"));
}

#[test]
fn every_report_is_written_wherever_the_mistake_is() {
    for (arguments, why) in [
        (
            &["--wait", "soon", "--report-dir", "out"][..],
            "invalid value 'soon' for '--wait <DURATION>'",
        ),
        (&["--report-dir", "out", "--wait"], "'--wait <DURATION>'"),
        (&["--report-dir=out", "--timeout=0s"], "from 1s to 24h"),
        (
            &["--wait", "--report-dir", "out"],
            "a value is required for '--wait <DURATION>'",
        ),
        (
            &["--frmat", "json", "--report-dir", "out"],
            "unexpected argument '--frmat'",
        ),
        (&["-x", "--report-dir", "out"], "unexpected argument '-x'"),
        (
            &["--format", "yaml", "--report-dir", "out"],
            "invalid value 'yaml' for '--format <FORMAT>'",
        ),
        (
            &["--report-dir", "out", "--skip-forks=yes"],
            "unexpected value 'yes'",
        ),
        (
            &["--report-dir", "out", "--report-dir", "out"],
            "cannot be used multiple times",
        ),
    ] {
        let outcome = stale(arguments).run().code(2);
        says_why(&outcome, why);
        outcome.done();
    }
    // These are the same arguments without the error.
    let outcome = stale(&["--report-dir", "out"]).run().code(0);
    assert_eq!(outcome.json("out/report.json")["verdict"], "passed");
}

#[test]
fn a_command_that_is_misspelt_or_left_out_is_taken_for_check() {
    for (words, why) in [
        (&["chek"][..], "unrecognized subcommand 'chek'"),
        (&[], "'gates.yaml'"),
    ] {
        let outcome = stale(&[])
            .starting(words)
            .args(&["gates.yaml", "--report-dir", "out"])
            .run()
            .code(2);
        says_why(&outcome, why);
    }
}

#[test]
fn an_option_that_is_given_twice_is_written_twice() {
    let outcome = stale(&["--json=out/report.json", "--json", "b.json", "--json=c.txt"])
        .file("b.json", OLD)
        .run()
        .code(2);
    for name in ["out/report.json", "b.json", "c.txt"] {
        assert_eq!(outcome.json(name)["exit_code"], 2, "{name}");
    }
    assert_eq!(outcome.read("out/report.md"), OLD);
}

#[test]
fn stdout_has_the_format_that_was_asked_for() {
    let outcome = stale(&["--wait=soon", "--format=json"]).run().code(2);
    let shown: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(shown["exit_code"], 2);
}

#[test]
fn what_is_read_is_not_overwritten_either() {
    for arguments in [
        &["--json", "gates.yaml", "--wait=soon"][..],
        &["--json=gates.yaml", "--bogus", "gates.yaml"],
        &["--wait=soon", "--json=c.json"],
        &["--wait=soon", "--json=c.json", "--candidate=file:c.json"],
        &["--candidate=a", "--candidate=file:c.json", "--json=c.json"],
    ] {
        let outcome = stale(arguments)
            .args(&["--report-dir=out"])
            .run()
            .code(2)
            .says("which is read");
        assert!(outcome.read("gates.yaml").starts_with("version: 1"));
        assert_eq!(outcome.read("c.json"), root("examples/candidate.json"));
        // The other reports are still written.
        assert!(outcome.read("out/report.md").contains("which is read"));
    }
}

#[test]
fn github_gets_outputs_summary_and_an_annotation() {
    let outcome = example(&["--wait", "soon", "--report=r.md"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary")
        .env("GITHUB_OUTPUT", "output")
        .run()
        .code(2);
    assert_eq!(
        outcome.read("output"),
        "verdict=none\nexit-code=2\nretryable=false\nreport=r.md\n"
    );
    assert!(outcome.read("summary").contains("invalid value 'soon'"));
    assert!(outcome.stderr.contains("::error "), "{}", outcome.stderr);
    let without = example(&["--wait", "soon", "--no-github"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_OUTPUT", "output")
        .file("output", "")
        .run()
        .code(2);
    assert_eq!(without.read("output"), "");
}

/// Text in an argument must not become a command to a runner.
#[test]
fn hostile_arguments_are_only_text() {
    let outcome = stale(&["--report-dir=out", "--wait", "x\n::error::y\n##[group]z"])
        .env("GITHUB_ACTIONS", "true")
        .run()
        .code(2);
    for line in outcome.stderr.lines().chain(outcome.stdout.lines()) {
        let is_ours = line.starts_with("::error title=") || !line.starts_with("::");
        assert!(is_ours && !line.contains("##["), "{line}");
    }
}

/// The harness searches every output for the key.
#[test]
fn a_key_in_an_argument_is_shown_nowhere() {
    let outcome = stale(&["--report-dir=out", "--wait", KEY])
        .env("WANDB_API_KEY", KEY)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary")
        .run()
        .code(2);
    says_why(&outcome, "invalid value '");
}

#[test]
fn an_argument_that_is_not_utf_8_hides_no_report() {
    let gate = stale(&["--report-dir=out"]);
    let odd = OsString::from_vec(vec![b'a', 0xff]);
    let output = gate.command().arg(odd).output().unwrap();
    let outcome = gate.ended(output).code(2);
    says_why(&outcome, "invalid UTF-8");
}

#[test]
fn compare_writes_its_reports_too() {
    for (arguments, why) in [
        (
            &["one", "--json", "r.json", "--report=r.md"][..],
            "<CANDIDATE>",
        ),
        (
            &[
                "--wait=soon",
                "one",
                "two",
                "--json=r.json",
                "--report=r.md",
            ],
            "invalid value 'soon'",
        ),
        (
            &["one", "two", "three", "--json=r.json", "--report=r.md"],
            "unexpected argument 'three'",
        ),
    ] {
        let outcome = Gate::new(&["compare"])
            .args(arguments)
            .file("r.json", OLD)
            .file("r.md", OLD)
            .run()
            .code(2)
            .says(why);
        let report = outcome.json("r.json");
        assert_eq!(report["exit_code"], 2);
        assert!(report["error"]["message"].as_str().unwrap().contains(why));
        assert_ne!(outcome.read("r.md"), OLD);
    }
}

#[test]
fn help_and_version_write_nothing_and_other_commands_as_before() {
    for arguments in [&["--help"][..], &["-h"], &["--json", "r.json", "--help"]] {
        let outcome = stale(arguments)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", "output")
            .args(&["--report-dir=out"])
            .run()
            .code(0);
        assert_eq!(outcome.stderr, "");
        assert_eq!(outcome.names(), ["c.json", "gates.yaml", "out"]);
        assert_eq!(outcome.read("out/report.json"), OLD);
    }
    for (words, code) in [
        (&["--version"][..], 0),
        (&["runs", "--bogus"], 2),
        (&["validate", "--json=r.json"], 2),
        (&[], 2),
    ] {
        let outcome = Gate::new(words)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", "output")
            .run()
            .code(code);
        assert!(outcome.names().is_empty());
    }
    // A file has the name of the folder.
    let outcome = Gate::new(&["check", "--wait=soon", "--report-dir=out"]);
    fs::write(outcome.folder().join("out"), OLD).unwrap();
    outcome.run().code(2).says("cannot make the folder `out`");
}
