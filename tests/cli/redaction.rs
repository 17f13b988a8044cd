//! Tests that secrets are removed from foreign text, and never from weave-gate's own words or markup.

use std::fs;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::gate::{Gate, KEY, Outcome};
use crate::weave::Weave;

fn root(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The example's report in this format, with this key.
fn example(key: &str, format: &str) -> Outcome {
    let gate = Gate::new(&["check", "gates.yaml", "--candidate=file:candidate.json"])
        .args(&[
            "--baseline=file:baseline.json",
            "--report-dir=out",
            "--github",
        ])
        .args(&["--format", format])
        .file("gates.yaml", &root("gates.example.yaml"))
        .file("candidate.json", &root("examples/candidate.json"))
        .file("baseline.json", &root("examples/baseline.json"))
        .env("GITHUB_OUTPUT", "output")
        .env("GITHUB_STEP_SUMMARY", "summary");
    let gate = if key.is_empty() {
        gate
    } else {
        gate.short_key(key)
    };
    gate.run().code(1)
}

const FILES: [&str; 7] = [
    "out/report.md",
    "out/report.json",
    "out/junit.xml",
    "out/metrics.txt",
    "out/gitlab-annotations.json",
    "output",
    "summary",
];

/// Words and markup that weave-gate writes, and that no foreign text of the example contains.
#[test]
fn a_key_that_is_a_word_of_ours_changes_no_byte() {
    const KEYS: [&str; 18] = [
        "verdict",
        "failed",
        "exit code 1",
        "weave-gate",
        "testsuite",
        "pass_rate",
        "schema_version",
        "null",
        "{",
        "<",
        "</",
        "##",
        "::error",
        "\\n",
        "| --- |",
        "\": \"",
        "><",
        "=\"",
    ];
    // Only stdout is read in each format. The files have the same content.
    for (format, keys) in [
        ("terminal", &KEYS[..]),
        ("markdown", &KEYS[..3]),
        ("json", &KEYS[..3]),
    ] {
        let without = example("", format);
        for key in keys {
            let with = example(key, format);
            assert_eq!(with.stdout, without.stdout, "{key}");
            for file in FILES {
                assert_eq!(with.read(file), without.read(file), "{key}: {file}");
            }
            with.done();
        }
        without.done();
    }
}

/// The parts of a JSON report that weave-gate writes.
fn own(report: &Value) -> Value {
    const WORDS: [&str; 9] = [
        "verdict",
        "exit_code",
        "name",
        "effect",
        "metric",
        "limit_key",
        "status",
        "severity",
        "evidence",
    ];
    match report {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| {
                let foreign = ["inputs", "output", "scores", "exceptions", "slice"];
                let is_foreign = foreign.contains(&key.as_str());
                let is_list = value.is_array() || value.is_object();
                !is_foreign && (is_list || WORDS.contains(&key.as_str()))
            });
            kept.map(|(key, value)| (key.clone(), own(value))).collect()
        }
        Value::Array(values) => values.iter().map(own).collect(),
        other => other.clone(),
    }
}

/// The elements of the XML. It must be well-formed.
fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut names = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                for attribute in element.attributes() {
                    attribute.unwrap();
                }
                names.push(element.name().as_ref().to_owned());
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

#[test]
fn a_key_that_is_a_word_of_a_foreign_text_breaks_no_format() {
    let without = example("", "terminal");
    let last = |outcome: &Outcome| outcome.stdout.lines().last().unwrap().to_owned();
    for key in [
        "a",
        "is",
        "passed",
        "pass",
        "correctness",
        "name",
        "min",
        "0",
        "1",
        "true",
        "false",
        "question",
        "answers",
        "tone.score",
        "the",
        ".",
        ",",
        "-",
        "\"",
        "`",
        "|",
        "json",
        "xml",
    ] {
        let with = example(key, "terminal");
        assert_eq!(last(&with), last(&without), "{key}");
        assert_eq!(with.read("output"), without.read("output"), "{key}");
        let report = "out/report.json";
        assert_eq!(own(&with.json(report)), own(&without.json(report)), "{key}");
        assert!(with.json("out/gitlab-annotations.json").is_object());
        let [theirs, ours] =
            [&with, &without].map(|outcome| elements(&outcome.read("out/junit.xml")));
        assert_eq!(theirs, ours, "{key}");
        let lines = |outcome: &Outcome| outcome.read("out/report.md").lines().count();
        assert_eq!(lines(&with), lines(&without), "{key}");
        with.done();
    }
    let hidden = example("correctness", "terminal");
    assert!(!hidden.read("out/report.json").contains("\"correctness\""));
    assert!(
        hidden
            .read("out/report.json")
            .contains("\"subject\": \"***\"")
    );
}

/// Many answers contain a short key by chance. No answer is refused for it.
#[test]
fn an_answer_may_hold_a_word_that_is_the_key() {
    let weave = Weave::start();
    for key in ["correctness", "e", "cand"] {
        Gate::new(&["check", "--candidate=cand", "--project=my-team/bot", "-q"])
            .args(&["--base-url", &weave.url])
            .file(
                "gates.yaml",
                "version: 1\ngates: [{name: g, scorer: correctness, metric: pass_rate, min: 0.5}]\n",
            )
            .short_key(key)
            .run()
            .code(0);
    }
}

/// If a text were cut or escaped before the search for the key, a part of the key could remain.
#[test]
fn no_part_of_a_key_is_left_of_a_text_that_is_cut_or_escaped() {
    let escaped = "0123456789abcdef\"<&>'|`\\%:,";
    let padding = "x".repeat(150);
    for (key, name) in [
        (KEY, format!("{padding}{KEY}")),
        (KEY, format!("{padding} {KEY} y")),
        (escaped, format!("x {escaped} y")),
    ] {
        let quoted = name.replace('\'', "''");
        let gates =
            format!("version: 1\ngates:\n- {{name: '{quoted}', metric: rows, min: 9000}}\n");
        for format in ["terminal", "markdown", "json"] {
            let gate = Gate::new(&["check", "gates.yaml", "--candidate=file:candidate.json"])
                .args(&["--report-dir=out", "--github", "--format", format])
                .file("gates.yaml", &gates)
                .file("candidate.json", &root("examples/candidate.json"))
                .env("GITHUB_STEP_SUMMARY", "summary")
                .short_key(key)
                .secret(&key[..8]);
            gate.run().code(1).done();
        }
    }
}

#[test]
fn a_key_among_invalid_arguments_is_not_shown() {
    for arguments in [
        &["runs", "--timeout", KEY][..],
        &["runs", KEY, KEY],
        &[KEY],
        &["check", "--wait", KEY, "--report-dir=out"],
        &["compare", "--timeout", KEY, "a", "b", "--json=r.json"],
    ] {
        Gate::new(arguments)
            .env("WANDB_API_KEY", KEY)
            .run()
            .code(2)
            .says("***");
    }
}
