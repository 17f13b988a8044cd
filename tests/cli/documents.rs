//! Tests that the documents agree with the code. To rewrite the generated parts of the documents, run
//! `UPDATE_DOCUMENTS=1 cargo test documents -- --test-threads=1`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use serde_json::Value;
use weave_gate::cli::Cli;
use weave_gate::exit::Exit;
use weave_gate::judge::Name;
use weave_gate::policy::{LimitKey, Metric};

use crate::gate::{Gate, Outcome};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn document(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// Compares a generated part of a document with the file, or rewrites it.
#[track_caller]
fn generated(name: &str, start: &str, end: &str, expected: &str) {
    let text = document(name);
    let from = text
        .find(start)
        .unwrap_or_else(|| panic!("{name} lacks {start}"))
        + start.len();
    let to = from + text[from..].find(end).unwrap();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(
            path(name),
            format!("{}{expected}{}", &text[..from], &text[to..]),
        )
        .unwrap();
    } else {
        assert_eq!(
            &text[from..to],
            expected,
            "{name} is out of step; see tests/cli/documents.rs"
        );
    }
}

/// Runs the README's first command in the root of the repository.
fn first_command(more: &[&str]) -> Outcome {
    let readme = document("README.md");
    let line = readme
        .lines()
        .find(|line| line.starts_with("cargo run -- check"))
        .unwrap();
    let arguments: Vec<&str> = line
        .trim_start_matches("cargo run -- ")
        .split(' ')
        .collect();
    Gate::new(&arguments)
        .args(more)
        .file("gates.example.yaml", &document("gates.example.yaml"))
        .file(
            "examples/candidate.json",
            &document("examples/candidate.json"),
        )
        .file(
            "examples/baseline.json",
            &document("examples/baseline.json"),
        )
        .run()
        .code(1)
}

#[test]
fn the_readme_shows_what_its_first_command_says() {
    let brief = first_command(&["-q"]).stdout;
    generated("README.md", "<!-- example -->\n```text\n", "```\n", &brief);
    let report = first_command(&["--format", "markdown"]).stdout;
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(path("examples/report.md"), &report).unwrap();
    }
    assert_eq!(document("examples/report.md"), report);
}

#[test]
fn the_readme_shows_the_help() {
    let help = Gate::new(&["check", "-h"]).run().code(0).stdout;
    generated("README.md", "<!-- help -->\n```text\n", "```\n", &help);
}

#[test]
fn the_readme_shows_the_exit_codes() {
    let rows = Exit::ALL.map(|(exit, meaning)| format!("| {} | {meaning} |\n", exit.code()));
    let rows = rows.concat();
    let start = "<!-- exit-codes -->\n| Code | Meaning |\n| --- | --- |\n";
    generated("README.md", start, "\n`failed`", &rows);
}

/// The texts in backticks in the first column of the table after a marker.
fn first_column(marker: &str) -> BTreeSet<String> {
    let readme = document("README.md");
    let table = readme.split(marker).nth(1).unwrap().trim_start();
    table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| {
            line.split('|')
                .nth(1)
                .unwrap()
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_readme_names_every_finding_and_metric() {
    let findings: BTreeSet<String> = Name::ALL
        .iter()
        .map(|name| name.word().to_owned())
        .collect();
    assert_eq!(first_column("<!-- findings -->"), findings);
    let metrics: BTreeSet<String> = Metric::ALL
        .iter()
        .map(|metric| metric.word().to_owned())
        .collect();
    assert_eq!(first_column("<!-- metrics -->"), metrics);
}

#[test]
fn the_example_policy_teaches_every_key() {
    let example = document("gates.example.yaml");
    let limits = LimitKey::ALL.map(LimitKey::word);
    let metrics = Metric::words();
    let others = [
        "version:",
        "project:",
        "candidate:",
        "baseline:",
        "evaluation:",
        "attributes:",
        "model:",
        "max_age:",
        "`run: `",
        "`file: `",
        "required:",
        "removed_rows:",
        "accept_status:",
        "defaults:",
        "severity:",
        "evidence:",
        "confidence:",
        "correction:",
        "observed:",
        "significant:",
        "proven:",
        "missing:",
        "max_missing:",
        "gates:",
        "name:",
        "scorer:",
        "metric:",
        "range:",
        "where:",
        "by:",
        "waive:",
        "until:",
        "reason:",
    ];
    for word in limits.iter().chain(&metrics).chain(&others) {
        assert!(
            example.contains(word),
            "gates.example.yaml does not teach {word}"
        );
    }
}

#[test]
fn the_readme_names_every_field_of_the_json_report() {
    fn fields(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    found.insert(key.clone());
                    // The user chooses the keys inside these fields.
                    if !["inputs", "output", "scores", "where"].contains(&key.as_str()) {
                        fields(value, found);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
            _ => {}
        }
    }
    let report: Value = serde_json::from_str(&first_command(&["--format", "json"]).stdout).unwrap();
    let mut found = BTreeSet::new();
    fields(&report, &mut found);
    let readme = document("README.md");
    let section = readme
        .split("<!-- json -->")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    for field in found {
        assert!(
            section.contains(&format!("`{field}")) || section.contains(&format!("`.{field}")),
            "the README does not name {field}"
        );
    }
}

/// The fenced blocks in the README. Each has its language and its text.
fn blocks() -> Vec<(String, String)> {
    let readme = document("README.md");
    let fenced = readme.split("```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (word, text) = block.split_once('\n').unwrap();
            (word.to_owned(), text.to_owned())
        })
        .collect()
}

/// Splits a command into words as a shell does. Quotes keep words together, and `&&` begins another command.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    let ends = |word: &String| word != "&&" && word != ">";
    words.retain(|word| !word.is_empty());
    words.into_iter().take_while(ends).collect()
}

#[test]
fn every_command_in_the_readme_is_one() {
    let mut found = 0;
    for (_, text) in blocks() {
        for line in text.lines() {
            let Some(start) = line.find("weave-gate ") else {
                continue;
            };
            let before = line[..start].trim_start();
            let is_command = before.is_empty()
                || ["- ", "run: ", "- run: "].contains(&before)
                || before.starts_with("GATE_SHA=");
            if is_command {
                found += 1;
                Cli::try_parse_from(words(&line[start..]))
                    .unwrap_or_else(|error| panic!("{line}\n{error}"));
            }
        }
    }
    assert!(found > 10, "{found}");
}

#[test]
fn every_piece_of_yaml_in_the_readme_is_valid() {
    let mut policies = 0;
    for (word, text) in blocks() {
        if word != "yaml" {
            continue;
        }
        let _: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        if text.starts_with("candidate:") {
            policies += 1;
            let rest = "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n";
            Gate::new(&["validate"])
                .file("gates.yaml", &format!("{rest}{text}"))
                .run()
                .code(0);
        }
    }
    assert_eq!(policies, 1);
}

#[test]
fn the_version_is_in_the_changelog() {
    let version = Gate::new(&["--version"]).run().code(0).stdout;
    let version = version.trim().trim_start_matches("weave-gate ");
    assert!(document("CHANGELOG.md").contains(&format!("## {version}")));
}

/// Every file that the architecture document names exists.
#[test]
fn questions_lead_to_files() {
    let text = document("ARCHITECTURE.md");
    let table = text.split("## Where things are decided").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let files: Vec<&str> = table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            Path::new(word)
                .extension()
                .is_some_and(|extension| extension == "rs")
        })
        .collect();
    assert!(files.len() >= 20, "{files:?}");
    for file in files {
        assert!(path("src").join(file).exists(), "src/{file} is not there");
    }
}

/// Every relative link in every document leads to a file.
#[test]
fn links_lead_somewhere() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ] {
        let text = document(name);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if let Some(anchor) = link.strip_prefix('#') {
                // GitHub makes anchors without punctuation.
                let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
                let title = |line: &str| -> String {
                    let title = line.trim_start_matches('#').trim();
                    title
                        .chars()
                        .filter(is_kept)
                        .collect::<String>()
                        .replace(' ', "-")
                };
                let mut titles = text.lines().filter(|line| line.starts_with('#'));
                let there = titles.any(|line| title(line).to_ascii_lowercase() == anchor);
                assert!(there, "{name} links to #{anchor}");
            } else if !link.starts_with("https://") {
                assert!(path(link).exists(), "{name} links to {link}");
            }
        }
    }
}

/// README shows the tables that the benchmarks wrote, and no other figures of theirs.
#[test]
fn figures_are_those_that_the_benchmarks_wrote() {
    let readme = document("README.md");
    for name in ["evidence_rules", "rows_check", "summary_check"] {
        let table = document(&format!("benches/results/{name}.md"));
        assert!(
            readme.contains(&table),
            "README.md does not have the table of benches/results/{name}.md; paste it"
        );
    }
}
