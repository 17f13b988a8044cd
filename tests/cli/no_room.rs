//! Tests of closed pipes and full disks. They must not change a verdict or leave an incomplete file.

use std::fs::File;
use std::process::Output;

use serde_json::json;

use crate::gate::{Gate, KEY, Outcome};
use crate::interrupted::{FILES, example, is_aside, names, none_is_half, start, whole};
use crate::rows::{page, rows};
use crate::weave::{Reply, Weave, call, is_list};

/// A check for each exit code.
fn verdicts(weave: &Weave) -> [(Gate, i32); 4] {
    let gate = |min: &str, more: &[&str]| {
        let gates =
            format!("- {{name: floor, scorer: correctness, metric: pass_rate, min: {min}}}");
        Gate::check(&gates, &["--json=r.json", "-v", "--base-url", &weave.url]).args(more)
    };
    [
        (gate("0.5", &["--candidate=cand"]), 0),
        (gate("0.95", &["--candidate=cand"]), 1),
        (gate("much", &["--candidate=cand"]), 2),
        (gate("0.5", &["--candidate=nobody"]), 3),
    ]
}

/// Runs each of the checks with `run`. The exit code and the report must be the usual ones.
fn each_verdict(more: &[&str], run: impl Fn(&Gate) -> Output) -> Vec<Outcome> {
    let weave = Weave::start();
    let outcomes = verdicts(&weave).map(|(gate, code)| {
        let gate = gate.args(more);
        let output = run(&gate);
        let outcome = gate.ended(output).code(code);
        assert_eq!(outcome.json("r.json")["exit_code"], code);
        outcome
    });
    Vec::from(outcomes)
}

#[test]
fn a_closed_pipe_changes_no_verdict() {
    for format in ["terminal", "markdown", "json"] {
        let more = [&*format!("--format={format}"), "--color=always", "--github"];
        for closed in [">&-", "2>&-", ">&- 2>&-"] {
            each_verdict(&more, |gate| {
                let shell = format!("exec \"$@\" {closed}");
                gate.through(&["sh", "-c", &shell, "sh"]).output().unwrap()
            });
        }
        // The readers close the pipes.
        each_verdict(&more, |gate| {
            let mut child = start(gate.command());
            drop((child.stdout.take(), child.stderr.take()));
            child.wait_with_output().unwrap()
        });
        // One reader reads a little and then closes the pipe.
        each_verdict(&more, |gate| {
            let mut child = start(gate.command());
            let mut little = [0];
            let mut stdout = child.stdout.take().unwrap();
            let _ = std::io::Read::read(&mut stdout, &mut little);
            drop(stdout);
            child.wait_with_output().unwrap()
        });
    }
}

#[test]
fn a_full_disk_under_stdout_changes_no_verdict() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for format in ["terminal", "markdown", "json"] {
        let more = [&*format!("--format={format}")];
        let outcomes = each_verdict(&more, |gate| {
            gate.command().stdout(full()).output().unwrap()
        });
        for outcome in outcomes {
            outcome.says("warning: cannot write to stdout: No space left on device");
        }
        each_verdict(&more, |gate| {
            gate.command().stderr(full()).output().unwrap()
        });
        each_verdict(&more, |gate| {
            gate.command()
                .stdout(full())
                .stderr(full())
                .output()
                .unwrap()
        });
    }
}

#[test]
fn a_full_disk_under_a_report_changes_no_verdict() {
    let weave = Weave::start();
    for name in ["report", "junit", "metrics", "gitlab-annotations"] {
        for (gate, code) in verdicts(&weave) {
            gate.args(&[&format!("--{name}=/dev/full")])
                .run()
                .code(code)
                .says("warning: cannot write `/dev/full`: No space left on device");
        }
    }
    for (gate, code) in verdicts(&weave) {
        gate.env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", "/dev/full")
            .env("GITHUB_OUTPUT", "/dev/full")
            .run()
            .code(code)
            .says("No space left on device");
    }
}

/// A file that cannot be written remains unchanged, and no temporary file remains.
#[test]
fn a_report_that_finds_no_room_leaves_the_old_one() {
    let whole = whole();
    // With the signal ignored, the file size limit makes each write fail, as a full disk does.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"];
    for has_old in [true, false] {
        let gate = example(has_old);
        let output = gate.through(&limited).output().unwrap();
        let out = gate.folder().join("out");
        let new = none_is_half(&out, has_old, &whole);
        let small = whole.iter().filter(|text| text.len() <= 512).count();
        assert!(new == small && new < FILES.len(), "{new} of {small}");
        assert!(!names(&out).iter().any(|name| is_aside(name)));
        gate.ended(output)
            .code(1)
            .says("warning: cannot write `out/report.md`: File too large")
            .shows("(exit code 1)");
    }
}

/// A command whose output file cannot be written fails, and leaves no file.
#[test]
fn a_file_that_finds_no_room_is_no_success() {
    let all = rows();
    let weave = Weave::with(move |request, _| {
        if is_list(request) {
            return Some(Reply::lines(&[call("cand", 9)]));
        }
        let rows = crate::rows::asked;
        (request.body["include_rows"] == true).then(|| page(rows(request, &all), all.len()))
    });
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"];
    for (words, file) in [
        (&["export", "cand", "-o", "x/rows.csv"][..], "x/rows.csv"),
        (
            &["export", "cand", "--format=jsonl", "-o", "x/rows.jsonl"],
            "x/rows.jsonl",
        ),
        (&["snapshot", "cand", "-o", "x/s.json"], "x/s.json"),
        (&["init", "-o", "x/gates.yaml"], "x/gates.yaml"),
    ] {
        let gate = Gate::new(words)
            .args(&["--project=my-team/bot", "--base-url", &weave.url])
            .env("WANDB_API_KEY", KEY);
        let gate = gate.file("x/other", "");
        let output = gate.through(&limited).output().unwrap();
        let left = names(&gate.folder().join("x"));
        let outcome = gate
            .ended(output)
            .code(3)
            .says(&format!("cannot write `{file}`: File too large"));
        assert_eq!(left, ["other"]);
        outcome.done();
    }
}

/// A command whose only result is its output fails if it cannot print it.
#[test]
fn what_cannot_be_printed_is_no_success() {
    let all = rows();
    let weave = Weave::with(move |request, _| {
        if request.path.ends_with("/predictions/p") {
            return Some(Reply::json(&json!({"prediction_id": "p"})));
        }
        if is_list(request) {
            return Some(Reply::lines(&[call("cand", 9)]));
        }
        let rows = crate::rows::asked;
        (request.body["include_rows"] == true).then(|| page(rows(request, &all), all.len()))
    });
    let made = Gate::check(
        "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5}",
        &[
            "--candidate=cand",
            "--json=r.json",
            "--base-url",
            &weave.url,
        ],
    )
    .run()
    .code(0)
    .read("r.json");
    for words in [
        &["runs"][..],
        &["runs", "--json"],
        &["compare", "base", "cand"],
        &["compare", "base", "cand", "--format=json"],
        &["export", "cand"],
        &["prediction", "p"],
        &["explain", "floor", "--from=r.json"],
        &["schema", "policy"],
        &["completions", "bash"],
        &["man"],
    ] {
        let asks = ["runs", "compare", "export", "prediction"].contains(&words[0]);
        let mut gate = Gate::new(words).file("r.json", &made);
        if asks {
            gate = gate
                .args(&["--project=my-team/bot", "--base-url", &weave.url])
                .env("WANDB_API_KEY", KEY);
        }
        let sound = gate.command().output().unwrap();
        assert_eq!(sound.status.code(), Some(0), "{words:?}: {sound:?}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = gate.command().stdout(full).output().unwrap();
        gate.ended(output)
            .code(3)
            .says("cannot write to stdout: No space left on device");
    }
}
