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
use weave_gate::policy::{LimitKey, Metric, Unit};

use crate::example_policies::keys_of_blocks;
use crate::gate::{Gate, Outcome};

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub fn document(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// Compares a generated part of a document with the file, or rewrites it.
#[track_caller]
pub fn generated(name: &str, start: &str, end: &str, expected: &str) {
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

/// The README's first command, with more arguments, in a folder with the files that it names.
pub fn first_gate(more: &[&str]) -> Gate {
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
}

/// Runs the README's first command, which fails.
pub fn first_command(more: &[&str]) -> Outcome {
    first_gate(more).run().code(1)
}

/// The pages for users: README and every page in `docs/`.
pub fn pages() -> Vec<String> {
    let files = fs::read_dir(path("docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    pages.sort();
    pages.insert(0, "README.md".to_owned());
    pages
}

#[test]
fn the_readme_shows_what_its_first_command_says() {
    let terminal = first_command(&[]).stdout;
    let start = "<!-- example -->\n```text\n";
    generated("README.md", start, "```\n", &terminal);
    let report = first_command(&["--format", "markdown"]).stdout;
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(path("examples/report.md"), &report).unwrap();
    }
    assert_eq!(document("examples/report.md"), report);
}

#[test]
fn the_readme_is_short_and_names_the_test_command() {
    let readme = document("README.md");
    assert!(readme.lines().count() <= 200);
    assert!(readme.lines().any(|line| line == "cargo test"));
}

#[test]
fn the_page_of_commands_has_the_help_of_each() {
    let all = crate::help::commands().into_iter().map(|name| {
        let help = crate::help::help(&name);
        format!("## {name}\n\n```text\n{help}```\n\n")
    });
    let root = crate::help::help("");
    let text = format!("\n```text\n{root}```\n\n{}", all.collect::<String>());
    let marks = ("<!-- help -->\n", "<!-- end of help -->\n");
    generated("docs/commands.md", marks.0, marks.1, &text);
}

#[test]
fn the_readme_shows_the_exit_codes() {
    let rows = Exit::ALL.map(|(exit, meaning)| format!("| {} | {meaning} |\n", exit.code()));
    let rows = rows.concat();
    let start = "<!-- exit-codes -->\n| Code | Meaning |\n| --- | --- |\n";
    generated("README.md", start, "\n1 outranks", &rows);
}

/// The rows of the tables that follow a marker, without their headings. Each row is a list of cells.
fn rows(page: &str, marker: &str) -> Vec<Vec<String>> {
    let text = document(page);
    let tables: Vec<&str> = text.split(marker).skip(1).collect();
    assert!(!tables.is_empty(), "{page} lacks {marker}");
    let lines = tables.iter().flat_map(|table| {
        let lines = table.trim_start().lines();
        lines.take_while(|line| line.starts_with('|')).skip(2)
    });
    lines
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// The texts in backticks in a cell.
fn names(cell: &str) -> Vec<String> {
    let words = cell.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The texts in backticks in the first column of these rows. None may occur twice.
fn first_column(rows: &[Vec<String>]) -> BTreeSet<String> {
    let all: Vec<String> = rows.iter().flat_map(|row| names(&row[0])).collect();
    let set: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "{all:?}");
    set
}

#[test]
fn every_finding_has_a_meaning_an_effect_and_an_advice() {
    let rows = rows("docs/findings.md", "<!-- findings -->");
    let all = Name::ALL.iter().map(|name| name.word().to_owned());
    assert_eq!(first_column(&rows), all.collect());
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        let effects = ["undecided", "warning", "note", "hint"];
        assert!(
            effects.iter().any(|effect| row[2].starts_with(effect)),
            "{row:?}"
        );
    }
}

#[test]
fn every_metric_has_its_unit_and_limits() {
    let rows = rows("docs/policy.md", "<!-- metrics -->");
    let all = Metric::ALL.iter().map(|metric| metric.word().to_owned());
    assert_eq!(first_column(&rows), all.collect());
    for metric in Metric::ALL {
        let definition = metric.definition();
        let row = rows.iter().find(|row| names(&row[0])[0] == metric.word());
        let [_, _, unit, limits] = &row.unwrap()[..] else {
            panic!("{}", metric.word());
        };
        let expected = match definition.unit {
            Unit::Fraction => "fraction",
            Unit::Score => "score",
            Unit::Count => "count",
            Unit::Seconds => "seconds",
            Unit::Tokens => "tokens",
            Unit::Dollars => "US dollars",
        };
        assert_eq!(unit, expected, "{}", metric.word());
        let words: Vec<&str> = definition.limits.iter().map(|key| key.word()).collect();
        if words.len() == LimitKey::ALL.len() {
            assert_eq!(limits, "all", "{}", metric.word());
        } else {
            assert_eq!(names(limits), words, "{}", metric.word());
        }
    }
}

#[test]
fn the_page_of_the_policy_has_every_key() {
    let blocks = keys_of_blocks();
    for (marker, of) in [
        ("policy", &[""][..]),
        ("identity", &["identity"]),
        ("report", &["report"]),
        ("comparability", &["comparability"]),
        (
            "candidate baseline further_baseline",
            &["candidate", "baseline", "further_baseline"],
        ),
        ("defaults", &["defaults"]),
        ("gate", &["gate"]),
        ("waive", &["waive"]),
        ("noise", &["noise"]),
    ] {
        let rows = rows("docs/policy.md", &format!("<!-- keys: {marker} -->"));
        let keys = of.iter().flat_map(|block| blocks[*block].clone());
        assert_eq!(first_column(&rows), keys.collect(), "{marker}");
    }
    assert_eq!(blocks.len(), 11, "a block has no table: {blocks:?}");
}

#[test]
fn the_page_of_reports_names_every_field_of_the_json_report() {
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
    let page = document("docs/reports.md");
    let section = page.split("<!-- json -->").nth(1).unwrap();
    for field in found {
        assert!(
            section.contains(&format!("`{field}")) || section.contains(&format!("`.{field}")),
            "docs/reports.md does not name {field}"
        );
    }
}

/// The fenced blocks of all pages. Each has its page, its language and its text.
fn blocks() -> Vec<(String, String, String)> {
    let mut blocks = Vec::new();
    for page in pages() {
        let text = document(&page);
        for block in text.split("```").skip(1).step_by(2) {
            let (word, text) = block.split_once('\n').unwrap();
            blocks.push((page.clone(), word.to_owned(), unindented(text)));
        }
    }
    blocks
}

/// A block without the indent of a list that it is in.
fn unindented(text: &str) -> String {
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    let indent = filled
        .clone()
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = filled.map(|line| &line[indent..]).collect();
    lines.join("\n") + "\n"
}

/// Splits a command into words as a shell does. Quotes keep words together, and `&&` begins another command.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    let ends = |word: &String| word != "&&" && word != ">";
    words.retain(|word| !word.is_empty());
    words.into_iter().take_while(ends).collect()
}

#[test]
fn every_command_in_the_pages_is_one() {
    let mut found = 0;
    for (page, word, text) in blocks() {
        if word == "text" {
            continue;
        }
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
                    .unwrap_or_else(|error| panic!("{page}: {line}\n{error}"));
            }
        }
    }
    assert!(found > 10, "{found}");
}

/// Every piece of YAML is valid, and every part of a policy is part of a valid policy.
#[test]
fn every_piece_of_yaml_in_the_pages_is_valid() {
    let keys = keys_of_blocks().remove("").unwrap();
    let mut policies = 0;
    for (page, word, text) in blocks() {
        if word != "yaml" {
            continue;
        }
        let value: Option<Value> =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{page}: {error}\n{text}"));
        let policy = match value {
            Some(Value::Object(map)) if map.keys().all(|key| keys.contains(key)) => {
                format!("version: 1\ngates: [{{name: g, metric: rows, min: 1}}]\n{text}")
            }
            Some(Value::Array(items)) if items.iter().all(|item| item.get("metric").is_some()) => {
                format!("version: 1\ngates:\n{text}")
            }
            _ => continue,
        };
        policies += 1;
        Gate::new(&["validate"])
            .file("gates.yaml", &policy)
            .run()
            .code(0);
    }
    assert!(policies >= 2, "{policies}");
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

/// The page of benchmarks shows the tables that the benchmarks wrote.
#[test]
fn figures_are_those_that_the_benchmarks_wrote() {
    let page = document("docs/benchmarks.md");
    for name in [
        "evidence_rules",
        "rows_check",
        "summary_check",
        "run_noise",
        "pooled_baselines",
        "clusters",
        "slow_declines",
    ] {
        let table = document(&format!("benches/results/{name}.md"));
        assert!(
            page.contains(&table),
            "docs/benchmarks.md does not have the table of benches/results/{name}.md; paste it"
        );
    }
}
