//! Tests of `explain`: what it shows of a report, and that its numbers are those of `check`.

use std::fs;

use serde_json::{Value, json};

use crate::gate::{Gate, KEY, Outcome};
use crate::rows::{asked, page, rows};
use crate::screen;
use crate::weave::Weave;

fn example(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// A command on the example policy and its two recorded runs.
fn on_example(words: &[&str]) -> Gate {
    Gate::new(words)
        .file("gates.yaml", &example("gates.example.yaml"))
        .file("c.json", &example("examples/candidate.json"))
        .file("b.json", &example("examples/baseline.json"))
        .args(&["--candidate=file:c.json", "--baseline=file:b.json"])
        .env("GATE_SHA", "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23")
}

/// The JSON report of the example.
fn report() -> String {
    let outcome = on_example(&["check", "--json=r.json"]).run().code(1);
    outcome.read("r.json")
}

/// Explains checks of a report.
fn from(report: &str, more: &[&str]) -> Gate {
    Gate::new(&["explain", "--from=r.json"])
        .args(more)
        .file("r.json", report)
}

fn checks(report: &str) -> Vec<Value> {
    let report: Value = serde_json::from_str(report).unwrap();
    report["policies"][0]["checks"].as_array().unwrap().clone()
}

/// The words of a text, so that line breaks and columns make no difference. The word after a sign is after the name or
/// at the end of a line.
fn words(text: &str) -> String {
    let text = text.replace("(waived)", "").replace("(warning)", "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_checks_that_block_are_explained() {
    let report = report();
    let pages = [60, 80, 120].map(|width| {
        let outcome = screen::shown(from(&report, &[]).env("NO_COLOR", "1"), width).code(0);
        for line in outcome.stdout.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= usize::from(width), "{width}: {line}");
        }
        format!("{width} columns\n{}\n", outcome.stdout)
    });
    insta::assert_snapshot!(pages.concat());
}

#[test]
fn all_of_a_check_is_shown_on_request() {
    let gate = from(&report(), &["answers stay grounded", "--limit=2", "--all"]);
    let outcome = screen::shown(gate.env("NO_COLOR", "1"), 110).code(0);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn its_lines_are_those_of_the_check() {
    let report = report();
    let shown = words(&on_example(&["check", "--all"]).run().code(1).stdout);
    for check in checks(&report) {
        let id = check["id"].as_str().unwrap();
        let explained = from(&report, &[id]).run().code(0).stdout;
        let (lines, _) = explained.split_once("    check ").unwrap();
        let (_, line) = lines.split_once("\n\n").unwrap();
        let line = words(line);
        assert!(!line.is_empty() && shown.contains(&line), "{id}: {line}");
    }
}

/// The numbers of a text, in their order.
fn numbers(text: &str) -> Vec<f64> {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
    text.split(|c| !is_part(c))
        .filter_map(|word| word.trim_end_matches('.').parse().ok())
        .collect()
}

#[test]
fn its_statistics_are_those_of_the_report() {
    let report = report();
    let mut compared = 0;
    for check in checks(&report) {
        let chance = &check["chance"];
        let id = check["id"].as_str().unwrap();
        let explained = from(&report, &[id, "--limit=1"]).run().code(0).stdout;
        if chance.is_null() {
            assert!(!explained.contains("confidence interval"), "{id}");
            continue;
        }
        // Each fact begins at the same indent, and its further lines are indented deeper.
        let facts = explained.replace("\n      ", " ");
        let fact = |label: &str| {
            let line = facts
                .lines()
                .find(|line| line.trim_start().starts_with(label));
            numbers(
                &line
                    .unwrap_or_else(|| panic!("{id}: no {label}:\n{facts}"))
                    .replace(label, ""),
            )
        };
        let is_rate = check["metric"] == "pass_rate";
        assert!(is_rate, "{id}");
        let near = |shown: f64, exact: &Value| {
            let exact = exact.as_f64().unwrap() * 100.0;
            assert!((shown - exact).abs() <= 0.051, "{id}: {shown} for {exact}");
        };
        let interval = fact("confidence interval");
        near(interval[0], &chance["interval"][0]);
        near(interval[1], &chance["interval"][1]);
        assert_eq!(interval[2], chance["confidence"].as_f64().unwrap() * 100.0);
        near(interval[3], &chance["point"]);
        assert_eq!(interval[4], chance["rows"].as_f64().unwrap());
        if let Some(p) = chance["p"].as_f64() {
            let shown = fact("p-value");
            assert!((shown[0] - p).abs() <= p * 0.05, "{id}: {shown:?} for {p}");
            let adjusted = chance["adjusted_p"].as_f64().unwrap();
            assert!((shown[1] - adjusted).abs() <= adjusted * 0.05);
            assert_eq!(shown[2], chance["family"].as_f64().unwrap());
            let mid_p = chance["mcnemar_mid_p"].as_f64().unwrap();
            let shown = fact("McNemar's mid-p");
            assert!((shown[0] - mid_p).abs() <= mid_p * 0.05);
            near(fact("smallest detectable change")[0], &chance["resolution"]);
            let rows = fact("changed rows");
            assert_eq!(
                json!([rows[0], rows[1]]),
                json!([chance["regressed"].as_f64(), chance["fixed"].as_f64(),])
            );
        }
        // Where scores are missing, the values above and the statistics differ, and a line says why.
        assert_eq!(
            chance["missing_at_worst"],
            explained.contains("missing scores  "),
            "{id}"
        );
        compared += 1;
    }
    assert_eq!(compared, 2);
}

#[test]
fn a_report_and_judging_again_give_the_same_text() {
    let explained = on_example(&["explain", "answers stay correct"])
        .run()
        .code(0);
    let read = from(&report(), &["answers stay correct"]).run().code(0);
    assert_eq!(explained.stdout, read.stdout);
    // A file in place of a check is a policy.
    let blocking = on_example(&["explain", "gates.yaml"]).run().code(0).stdout;
    assert_eq!(blocking, from(&report(), &[]).run().code(0).stdout);
    on_example(&["explain"])
        .run()
        .code(0)
        .shows("✗ answers stay correct");
}

#[test]
fn checks_are_named_by_gate_dimension_or_id() {
    let report = report();
    let shown = |name: &str| from(&report, &[name]).run().code(0).stdout;
    // Of a gate's checks those are explained that do not pass.
    let gate = shown("answers stay correct");
    assert!(gate.contains("max drop 2 pts") && !gate.contains("min 80 %"));
    let id = shown("answers stay correct / correctness / min");
    assert!(id.contains("min 80 %") && !id.contains("against the limit"));
    let dimension = shown("groundedness");
    assert!(dimension.contains("? answers stay grounded"), "{dimension}");
    let several = shown("every topic holds");
    assert!(
        several.contains("1 more check (show with --all)"),
        "{several}"
    );
    from(&report, &["answers stay corect"])
        .run()
        .code(2)
        .says("there is no check `answers stay corect`")
        .says("name a gate: `answers stay correct`");
}

/// The command that is printed after `next:`, as a shell reads it, without the name of the program.
fn next(stdout: &str) -> Vec<String> {
    let (_, next) = stdout.split_once("  next: weave-gate ").unwrap();
    let command = next.replace("\\\n", "");
    let command = command.lines().next().unwrap();
    let shell = std::process::Command::new("sh")
        .args(["-c", &format!("printf '%s\\n' {command}")])
        .output()
        .unwrap();
    let words = String::from_utf8(shell.stdout).unwrap();
    words.lines().map(str::to_owned).collect()
}

#[test]
fn the_next_command_explains_the_check_of_the_report() {
    let place = |words: &[&str]| {
        Gate::new(words)
            .file("policies/the gates.yaml", &example("gates.example.yaml"))
            .file("gates.yaml", "version: 1\ngates: []\n")
            .file("c.json", &example("examples/candidate.json"))
            .file("b $1.json", &example("examples/baseline.json"))
            .env("GATE_SHA", "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23")
    };
    let runs = ["--candidate=file:c.json", "--baseline=file:b $1.json"];
    let words = [&["check", "policies/the gates.yaml"][..], &runs].concat();
    let checked = place(&words).run().code(1).stdout;
    let command = next(&checked);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let expected = [
        &["explain", "answers stay correct", "policies/the gates.yaml"][..],
        &runs,
    ]
    .concat();
    assert_eq!(command, expected);
    let explained = place(&command).run().code(0);
    explained.shows("✗ answers stay correct");
    // Explaining every check that blocks leaves some out, and names the next one.
    let every = place(
        &[
            &["explain", "every topic holds", "policies/the gates.yaml"][..],
            &runs,
        ]
        .concat(),
    );
    let every = every.run().code(0).stdout;
    let command = next(&every);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_eq!(command[2..], expected[2..]);
    place(&command).run().code(0);
    // The usual policy and the policy's own runs need no argument; a report is named by its path.
    let stdout = on_example(&["check"]).run().code(1).stdout;
    let expected = [
        "explain",
        "answers stay correct",
        "--candidate=file:c.json",
        "--baseline=file:b.json",
    ];
    assert_eq!(next(&stdout), expected);
    let several = from(&report(), &["every topic holds"]).run().code(0).stdout;
    assert_eq!(next(&several)[2..], ["--from=r.json"]);
}

#[test]
fn passed_checks_block_nothing() {
    let policy = "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n";
    let gate = |words: &[&str]| {
        Gate::new(words)
            .file("gates.yaml", policy)
            .file("c.json", &example("examples/candidate.json"))
            .args(&["--candidate=file:c.json"])
    };
    gate(&["explain"])
        .run()
        .code(0)
        .shows("none of 1 check blocks; name a check to explain it");
    gate(&["explain", "g"])
        .run()
        .code(0)
        .shows("✓ g  rows  120  min 1");
}

#[test]
fn a_limit_reads_more_rows_than_a_report_holds() {
    let all = rows();
    let weave = Weave::with(move |request, _| {
        if request.body["include_rows"] != true {
            return None;
        }
        let wanted = &request.body["filters"][0]["query"]["$expr"]["$in"][1];
        Some(match wanted.as_array() {
            None => page(asked(request, &all), all.len()),
            Some(wanted) => {
                let is_wanted = |row: &&Value| {
                    wanted
                        .iter()
                        .any(|one| one["$literal"] == row["row_digest"])
                };
                let some: Vec<Value> = all.iter().filter(is_wanted).cloned().collect();
                page(&some, some.len())
            }
        })
    });
    let policy = "version: 1\nproject: my-team/bot\ncandidate: {run: cand}\ngates:\n- {name: all, scorer: correctness, metric: pass_rate, min: 1}\n- {name: worst, scorer: correctness, metric: pass_rate, min: 0.95}\n";
    let run = |words: &[&str]| -> Outcome {
        Gate::new(words)
            .file("gates.yaml", policy)
            .args(&["--base-url", &weave.url])
            .env("WANDB_API_KEY", KEY)
            .run()
    };
    let count = |outcome: &Outcome| outcome.stdout.matches("output  correctness ✗").count();
    let ten = run(&["explain", "all"]).code(0);
    assert_eq!(count(&ten), 10);
    ten.shows("10 rows against the limit, the worst first:");
    let four = run(&["explain", "all", "--limit=4"]).code(0);
    assert_eq!(count(&four), 4);
    four.shows("10 rows against the limit, the worst 4:")
        .shows("… and 6 more rows (show them with --limit)");
    let each = run(&["explain"]).code(0);
    assert_eq!(count(&each), 6);
}

#[test]
fn long_outputs_are_cut_and_both_sides_have_their_trials() {
    let long: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    let mut report: Value = serde_json::from_str(&report()).unwrap();
    let checks = report["policies"][0]["checks"].as_array_mut().unwrap();
    let check = checks
        .iter_mut()
        .find(|check| check["status"] == "fail")
        .unwrap();
    let row = &mut check["rows"][0];
    let answer = |output: &str| {
        json!({"output": output, "url": null, "scores": {
            "correctness": {"correctness": false, "why": "names no parcel\nand no date"},
            "other": "not shown",
        }})
    };
    row["candidate"] = json!({"score": 0.25, "scored": 4, "trials": 5,
        "answers": (1..=5).map(|n| answer(&if n == 1 { long.join("\n") } else { format!("answer {n}") })).collect::<Vec<_>>()});
    row["baseline"]["answers"][0]["output"] = json!({"text": "短い", "list": [1, 2]});
    let id = check["id"].as_str().unwrap().to_owned();
    let report = report.to_string();
    let shown = |more: &[&str], width| {
        let gate = from(&report, &[&[&*id, "--limit=1"], more].concat());
        screen::shown(gate.env("NO_COLOR", "1"), width)
            .code(0)
            .stdout
    };
    let usual = shown(&[], 100);
    insta::assert_snapshot!(usual);
    let whole = shown(&["--all"], 100);
    assert!(
        whole.contains("line 30")
            && whole.contains("answer 5")
            && whole.contains("other: not shown")
    );
}

#[test]
fn only_reports_of_this_format_are_read() {
    let refused = |text: &str| from(text, &["floor"]).run().code(2);
    refused("{").says("cannot read the report `r.json`: it is not a report of `check`");
    refused("[]").says("it is not a report of `check`");
    refused(r#"{"policies": []}"#).says("missing field");
    let report = report();
    refused(&report.replace("\"schema_version\": 1", "\"schema_version\": 2"))
        .says("its schema_version is 2, expected 1");
    refused(&report.replace("\"pass_rate\"", "\"speed\"")).says("`speed` is not known");
    Gate::new(&["explain", "floor", "--from", "none.json"])
        .run()
        .code(2)
        .says("cannot read the report `none.json`");
    // A report without a verdict says why.
    let none = Gate::new(&["check", "--json=r.json", "none.yaml"])
        .run()
        .code(2);
    from(&none.read("r.json"), &[])
        .run()
        .code(3)
        .says("nothing was judged: no policy: there is no file `none.yaml`");
}

#[test]
fn a_report_from_elsewhere_controls_no_terminal() {
    let escape = "\u{1b}]0;title\u{7}\u{1b}[31m::error::x\u{202e}";
    let mut report: Value = serde_json::from_str(&report()).unwrap();
    let policy = &mut report["policies"][0];
    policy["candidate"]["display_name"] = json!(escape);
    for check in policy["checks"].as_array_mut().unwrap() {
        for key in ["id", "gate", "subject", "conclusion", "reason"] {
            check[key] = json!(format!("{}' $(x) {escape}", check[key]));
        }
        for row in check["rows"].as_array_mut().unwrap() {
            row["digest"] = json!(escape);
            row["inputs"] = json!({escape: escape, "question": [escape, {escape: escape}]});
            let answer = json!({"output": escape, "scores": {escape: {escape: escape}}, "url": format!("https://{escape}")});
            row["candidate"]["answers"] = json!([answer, answer]);
        }
    }
    for more in [&[][..], &["--all"]] {
        let gate = from(&report.to_string(), more).env("TERM", "xterm-256color");
        let shown = screen::shown(gate, 100).code(0).stdout;
        // Only colours and links are left, and no link leads to an address of the report.
        let readable = screen::readable(&shown);
        assert!(
            !readable.chars().any(|c| c.is_control() && c != '\n'),
            "{readable}"
        );
        assert!(!readable.contains('\u{202e}') && !readable.contains("::error"));
        assert!(!readable.contains("](https://\u{1b}") && !readable.contains("](https://]0"));
        assert!(!readable.contains("weave-gate explain"), "{readable}");
    }
}
