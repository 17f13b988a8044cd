//! Tests of complete reports, and of hostile names in them.

use std::fs;

use serde_json::json;

use crate::documents::first_gate;
use crate::gate::{Gate, Outcome, binary};
use crate::weave::{Reply, Run, Weave, summary_of};

fn root(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Runs the README's first command in its own folder, without a key and without a network.
fn example(more: &[&str]) -> Outcome {
    Gate::new(&[
        "check",
        "gates.example.yaml",
        "--candidate",
        "file:examples/candidate.json",
    ])
    .args(&["--baseline", "file:examples/baseline.json"])
    .args(more)
    .file("gates.example.yaml", &root("gates.example.yaml"))
    .file("examples/candidate.json", &root("examples/candidate.json"))
    .file("examples/baseline.json", &root("examples/baseline.json"))
    .run()
    .code(1)
}

#[test]
fn the_example_on_a_terminal() {
    insta::assert_snapshot!(example(&[]).stdout);
}

#[test]
fn the_example_in_brief() {
    insta::assert_snapshot!(example(&["-q"]).stdout);
}

#[test]
fn the_example_in_markdown() {
    let outcome = example(&["--format", "markdown", "--report", "r.md"]);
    assert_eq!(outcome.read("r.md"), outcome.stdout);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn the_example_in_json() {
    let outcome = example(&["--format", "json", "--json", "r.json"]);
    assert_eq!(outcome.read("r.json"), outcome.stdout);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn the_policy_chooses_the_inputs_that_stand_for_a_row() {
    let check = |show: &str| {
        let policy = format!("report: {{show: [{show}]}}\n{}", root("gates.example.yaml"));
        first_gate(&["--report=r.md", "--html=r.html"])
            .file("gates.example.yaml", &policy)
            .run()
            .code(1)
    };
    let usual = check("missing").shows("    How do I send back order 1070?");
    let shown = check("topic, missing, number").shows("    returns · 70\n");
    assert!(
        shown.read("r.md").contains("1. `returns · 70`"),
        "{}",
        shown.read("r.md")
    );
    assert!(shown.read("r.html").contains(">returns · 70<"));
    // An input that no row has changes nothing.
    assert!(!usual.stdout.contains("returns · "));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for format in ["terminal", "markdown", "json"] {
        let shown = |_| example(&["--format", format]).stdout;
        assert_eq!(shown(1), shown(2));
    }
}

#[test]
fn colour_is_only_where_it_is_wanted() {
    let escape = '\x1b';
    assert!(!example(&[]).stdout.contains(escape));
    let painted = example(&["--color", "always"]).stdout;
    assert!(painted.contains(escape));
    // Colour does not change the text.
    let mut plain = String::new();
    let mut inside = false;
    for c in painted.chars() {
        match (inside, c) {
            (false, '\x1b') => inside = true,
            (true, 'm') => inside = false,
            (true, _) => {}
            (false, c) => plain.push(c),
        }
    }
    assert_eq!(plain, example(&[]).stdout);
}

#[test]
fn the_terminal_report_is_at_most_80_columns_but_for_addresses() {
    for line in example(&[]).stdout.lines() {
        assert!(
            line.chars().count() <= 80 || line.contains("https://"),
            "{line}"
        );
    }
    assert!(
        example(&[])
            .stdout
            .trim_end()
            .lines()
            .last()
            .unwrap()
            .starts_with("FAILED: 2 failed")
    );
}

#[test]
fn several_policies_are_one_report_in_the_order_given() {
    let weave = Weave::start();
    let policy = |min: f64| {
        format!(
            "version: 1\nproject: my-team/bot\ncandidate: {{run: cand}}\ngates: [{{name: g, scorer: correctness, metric: pass_rate, min: {min}}}]\n"
        )
    };
    let outcome = Gate::new(&[
        "check",
        "z.yaml",
        "a.yaml",
        "--base-url",
        &weave.url,
        "--json",
        "r.json",
        "--report",
        "r.md",
    ])
    .env("WANDB_API_KEY", crate::gate::KEY)
    .file("z.yaml", &policy(0.5))
    .file("a.yaml", &policy(0.95))
    .run()
    .code(1);
    let report = outcome.json("r.json");
    assert_eq!(report["policies"][0]["path"], "z.yaml");
    assert_eq!(report["policies"][0]["verdict"], "passed");
    assert_eq!(report["policies"][1]["verdict"], "failed");
    let markdown = outcome.read("r.md");
    assert!(
        markdown
            .find("| ✅ | `z.yaml` | 1 of 1 check passed |")
            .unwrap()
            < markdown
                .find("### ❌ `a.yaml`: 1 of 1 check failed")
                .unwrap()
    );
}

/// Hostile names in every place that another user can write to.
#[test]
fn hostile_names_are_only_names() {
    let name = "evil :::error :::x|`<img src=x>\n::error::x\n##[error]@everyone #1 [a](http://e) \u{1b}[31m\u{202e}";
    let weave = Weave::with(move |request, _| {
        if crate::weave::is_count(request) {
            return None;
        }
        if crate::weave::is_root_read(request) {
            return crate::weave::roots(request, |run| {
                run["inputs"]["model"] = json!(format!("weave:///my-team/bot/object/{name}:v1"));
                run["inputs"]["self"] = json!(name);
            });
        }
        let run = Run {
            passed: 1,
            scored: 2,
            trials: 2,
        };
        let mut answer = summary_of(2, &[("cand", run)]);
        answer["summary"]["evaluations"][0]["scorer_stats"][0]["scorer_key"] = json!(name);
        answer["summary"]["evaluations"][0]["display_name"] = json!(name);
        Some(Reply::json(&answer))
    });
    let outcome = Gate::check(
        "- {name: \"::set-output name=x::y\\n| a |\", scorer: '*', metric: pass_rate, min: 1}",
        &[
            "--candidate",
            "cand",
            "--base-url",
            &weave.url,
            "--report",
            "r.md",
        ],
    )
    .run()
    .code(1);
    let markdown = outcome.read("r.md");
    for shown in [&outcome.stdout, &outcome.stderr, &markdown] {
        assert!(
            !shown.contains('\x1b') && !shown.contains('\u{202e}'),
            "{shown}"
        );
        assert!(
            !shown
                .lines()
                .any(|line| line.trim_start().starts_with("::")),
            "{shown}"
        );
    }
    assert!(
        !outcome.stdout.contains("::") && !outcome.stdout.contains("##["),
        "{}",
        outcome.stdout
    );
    // Each row of a table has as many cells as the table's header, and no hostile text is outside a code span.
    for table in markdown
        .split("\n\n")
        .filter(|block| block.starts_with('|'))
    {
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines.iter().all(|line| cells(line) == cells(lines[0])),
            "{table}"
        );
    }
    assert!(markdown.contains("evil"));
    insta::assert_snapshot!(markdown);
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    use std::process::{Command, Stdio};
    let status = Command::new("sh")
        .args(["-c", "{ \"$0\" check -q gates.example.yaml --candidate file:examples/candidate.json --baseline file:examples/baseline.json; echo $? >&3; } 3>&2 | true"])
        .arg(binary())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(status.stderr).unwrap(), "1\n");
}

#[test]
fn a_report_replaces_an_older_one_and_leaves_no_other_file() {
    let outcome = example(&["--report", "r.md", "--json", "r.json"]);
    assert_eq!(
        outcome.names(),
        ["examples", "gates.example.yaml", "r.json", "r.md"]
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_a_device_is_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;

    let gate = Gate::new(&[
        "check",
        "gates.example.yaml",
        "--candidate",
        "file:examples/candidate.json",
    ])
    .args(&[
        "--baseline",
        "file:examples/baseline.json",
        "--report",
        "link.md",
        "--json",
        "/dev/null",
    ])
    .file("gates.example.yaml", &root("gates.example.yaml"))
    .file("examples/candidate.json", &root("examples/candidate.json"))
    .file("examples/baseline.json", &root("examples/baseline.json"))
    .file("real.md", "old");
    let folder = gate.folder().to_owned();
    std::os::unix::fs::symlink("real.md", folder.join("link.md")).unwrap();
    let outcome = gate.run().code(1);
    assert!(outcome.read("real.md").starts_with("## "));
    assert!(
        fs::symlink_metadata(folder.join("link.md"))
            .unwrap()
            .is_symlink()
    );
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}
