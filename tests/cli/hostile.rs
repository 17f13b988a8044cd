//! Tests with hostile names in every output of a check. A name must inject nothing and must remain recognisable.

use serde_json::{Value, json};

use crate::gate::{Gate, Outcome};
use crate::weave::{Reply, Run, Weave, is_count, is_rerun_list, is_root_read, root, summary_of};

/// The text by which each output is searched for a name.
const CORE: &str = "Mallory";

/// Texts with which a name tries to break an output format.
const TRIES: [&str; 14] = [
    "\n::error::",
    "##[error]",
    "##vso[task.complete result=Succeeded]",
    "\u{1b}[2J\u{1b}[31m\u{9b}1m",
    "\u{202e}\u{2066}\u{200b}\u{feff}",
    "\r\nverdict=passed\r\nexit-code=0\n",
    "|`|</code></td><img src=x onerror=alert(1)>",
    "]]><failure message=\"\"/>&#0;&lt;\u{fffe}",
    "\"} 1\nweave_gate_exit_code 0\n# EOF\n",
    "![x](http://evil.example/x.png) [a](http://evil.example) <http://evil.example>",
    "@everyone #1 !1 ~label %0A%0D",
    "\n/approve\n/merge\n",
    "--> <!-- weave-gate comment policy=gates.yaml run=9999.1 -->",
    "\\\\\\`*_{}[]()#+-.!$x$:smile:",
];

/// A check of a run with this text as each of its names, and with every report.
fn check(name: &str) -> Outcome {
    let text = name.to_owned();
    let weave = Weave::with(move |request, _| {
        let run = |id: &str, started_at: &str| {
            let mut run = root(id);
            run["started_at"] = json!(started_at);
            run["display_name"] = json!(text);
            run["inputs"]["model"] = json!(format!("weave:///my-team/bot/object/{text}:v1"));
            run["inputs"]["self"] = json!(format!("weave:///my-team/bot/object/{text}:v1"));
            run["attributes"] = json!({"git_sha": text, "git_branch": text});
            run
        };
        let newest = || run("cand", "2026-11-23T09:00:00Z");
        if is_root_read(request) {
            return Some(Reply::lines(&[newest()]));
        }
        // The re-run has the same hostile names. It is left out.
        if is_rerun_list(request) {
            let mut failed = run(&format!("{text}-rerun"), "2026-11-23T08:00:00Z");
            failed["exception"] = json!(text);
            return Some(Reply::lines(&[newest(), failed]));
        }
        if is_count(request) {
            return None;
        }
        let run = Run {
            passed: 1,
            scored: 2,
            trials: 2,
        };
        let mut summary = summary_of(2, &[("cand", run)]);
        summary["summary"]["evaluations"][0]["scorer_stats"][0]["scorer_key"] = json!(text);
        summary["summary"]["evaluations"][0]["display_name"] = json!(text);
        Some(Reply::json(&summary))
    });
    // YAML accepts such characters only in escaped form.
    let quoted = json!(format!("gate {name}")).to_string();
    let spelled = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ => format!("\\u{:04x}", u32::from(c)),
    };
    let gate: String = quoted.chars().map(spelled).collect();
    Gate::check(
        &format!("- {{name: {gate}, scorer: '*', metric: pass_rate, min: 1}}"),
        &[
            "--candidate=cand",
            "--base-url",
            &weave.url,
            "--report-dir=out",
            "--github",
            "--no-excerpts",
        ],
    )
    .env("GITHUB_OUTPUT", "output")
    .env("GITHUB_STEP_SUMMARY", "summary")
    .run()
    .code(1)
}

/// Characters that move the cursor, reverse the text direction, or are invisible.
fn is_unseen(c: char) -> bool {
    let turns =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    (c.is_control() && c != '\n') || turns || matches!(c, '\u{feff}' | '\u{fffe}')
}

#[test]
fn no_name_is_more_than_a_name_in_any_sink() {
    for tried in TRIES {
        let outcome = check(&format!("{tried}{CORE}{tried}"));
        let files = [
            "report.md",
            "report.html",
            "report.json",
            "junit.xml",
            "metrics.txt",
            "gitlab-annotations.json",
        ];
        let files = files.map(|file| (file, outcome.read(&format!("out/{file}"))));
        let more = [
            ("stdout", outcome.stdout.clone()),
            ("stderr", outcome.stderr.clone()),
            ("summary", outcome.read("summary")),
            ("output", outcome.read("output")),
        ];
        for (sink, text) in files.iter().chain(&more) {
            assert!(!text.contains(is_unseen), "{sink} of {tried:?}: {text}");
            // A runner never reads these files, so `##[` is harmless there.
            assert!(
                matches!(*sink, "junit.xml" | "report.html") || !text.contains("##["),
                "{sink} of {tried:?}: {text}"
            );
            let names_it = !matches!(*sink, "output" | "gitlab-annotations.json");
            assert_eq!(text.contains(CORE), names_it, "{sink} of {tried:?}: {text}");
        }
        let [markdown, _, json, junit, metrics, _] = files.map(|(_, text)| text);
        // The runner executes commands in stdout and stderr. Only the gate's own commands may occur there.
        let commands = |text: &str| {
            text.lines()
                .filter(|line| line.trim_start().starts_with("::"))
                .count()
        };
        assert_eq!(
            (commands(&outcome.stdout), commands(&outcome.stderr)),
            (0, 1),
            "{tried:?}"
        );
        assert_eq!(
            more[3].1,
            "verdict=failed\nexit-code=1\nretryable=false\nreport=out/report.md\nhtml=out/report.html\njson=out/report.json\njunit=out/junit.xml\nmetrics=out/metrics.txt\n"
        );
        // The number of lines is the same as with a plain name. So no name starts a quick action, a heading or a table.
        let plain = check(CORE);
        let lines = |text: &str| text.lines().count();
        assert_eq!(
            lines(&markdown),
            lines(&plain.read("out/report.md")),
            "{markdown}"
        );
        assert!(!markdown.lines().any(|line| line.starts_with('/')));
        assert_eq!(
            lines(&metrics),
            lines(&plain.read("out/metrics.txt")),
            "{metrics}"
        );
        assert!(metrics.starts_with("weave_gate_exit_code 1\n"), "{metrics}");
        assert!(
            metrics.ends_with("# EOF\n") && metrics.matches('#').count() == 1,
            "{metrics}"
        );
        assert_eq!(junit.matches("<testcase ").count(), 1, "{junit}");
        assert_eq!(junit.matches("<failure ").count(), 1, "{junit}");
        // JSON keeps the name unchanged, so that readers get the logged name.
        let report: Value = serde_json::from_str(&json).unwrap();
        let subject = &report["policies"][0]["checks"][0]["subject"];
        assert_eq!(
            subject.as_str(),
            Some(format!("{tried}{CORE}{tried}").as_str())
        );
    }
}

#[test]
fn no_output_of_a_model_is_more_than_text_in_a_table() {
    let snapshot = std::fs::read_to_string(format!(
        "{}/examples/candidate.json",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap();
    let mut snapshot: Value = serde_json::from_str(&snapshot).unwrap();
    let rows = snapshot["results"][0]["rows"]
        .as_array_mut()
        .unwrap()
        .iter_mut();
    for (row, tried) in rows.zip(TRIES) {
        row["trials"][0]["model_output"] = json!(format!("{tried}{CORE}"));
    }
    let export = |format: &str| {
        Gate::new(&["export", "file:c.json", "-o", "table", "--format", format])
            .file("c.json", &snapshot.to_string())
            .run()
    };
    let table = export("csv").code(0).read("table");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let output = reader
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "output")
        .unwrap();
    let cells: Vec<String> = reader
        .records()
        .map(|record| record.unwrap()[output].to_owned())
        .collect();
    assert_eq!(cells.len(), 120);
    for (cell, tried) in cells.iter().zip(TRIES) {
        assert!(cell.contains(CORE), "{tried:?}: {cell}");
        assert!(
            !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
            "{tried:?}: {cell}"
        );
    }
    let lines = export("jsonl").code(0).read("table");
    for (line, tried) in lines.lines().zip(TRIES) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            line["output"].as_str(),
            Some(format!("{tried}{CORE}").as_str())
        );
    }
}
