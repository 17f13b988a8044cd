//! Tests of `compare`: what it shows of two runs, of the rows that changed, and of two projects.

use std::fs;

use serde_json::{Value, json};

use crate::gate::{Gate, KEY, Outcome};
use crate::rows::{asked, page, rows};
use crate::screen;
use crate::weave::{Reply, Request, Weave, answer, call, is_root_read};

fn example(name: &str) -> Value {
    let path = format!("{}/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Compares two snapshots.
fn compare(baseline: &Value, candidate: &Value, more: &[&str]) -> Gate {
    Gate::new(&["compare", "file:b.json", "file:c.json"])
        .file("b.json", &baseline.to_string())
        .file("c.json", &candidate.to_string())
        .args(more)
}

fn json_of(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn the_screen_shows_lines_changed_rows_and_what_is_the_same() {
    let (baseline, candidate) = (example("baseline"), example("candidate"));
    let pages = [60, 80, 120].map(|width| {
        let gate = compare(&baseline, &candidate, &[]).env("NO_COLOR", "1");
        let outcome = screen::shown(gate, width).code(0);
        for line in outcome.stdout.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= usize::from(width), "{width}: {line}");
        }
        format!("{width} columns\n{}\n", outcome.stdout)
    });
    insta::assert_snapshot!(pages.concat());
}

#[test]
fn the_json_report_has_the_same_facts() {
    let (baseline, candidate) = (example("baseline"), example("candidate"));
    let outcome = compare(&baseline, &candidate, &["--format=json"])
        .run()
        .code(0);
    let report = json_of(&outcome);
    let of = |name: &str| {
        let lines = report["dimensions"].as_array().unwrap();
        let line = lines.iter().find(|line| line["dimension"] == name).unwrap();
        ["lower", "higher", "lost", "gained"].map(|key| line[key].as_u64().unwrap())
    };
    assert_eq!(of("correctness"), [6, 0, 4, 0]);
    assert_eq!(of("tone.score"), [36, 1, 4, 0]);
    assert_eq!(report["common_rows"], 120);
    assert_eq!(report["same_scores"], 73);
    assert_eq!(report["same_outputs"], Value::Null);
    assert_eq!(report["flipped"], 10);
    let rows = report["flipped_rows"].as_array().unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!(
        rows[0]["inputs"]["question"],
        "How do I send back order 1070?"
    );
    let change = &rows[0]["changes"][0];
    assert_eq!(change["dimension"], "correctness");
    assert_eq!(
        (change["baseline"].as_f64(), &change["candidate"]),
        (Some(1.0), &Value::Null)
    );
    let output = &rows[0]["baseline"][0]["output"];
    assert_eq!(output, "Use the label that came with order 1070.");
    let metrics = report["run_metrics"].as_array().unwrap();
    let metrics: Vec<&str> = metrics
        .iter()
        .map(|metric| metric["metric"].as_str().unwrap())
        .collect();
    assert_eq!(
        metrics,
        [
            "latency_mean",
            "latency_p50",
            "latency_p95",
            "tokens_mean",
            "cost_mean",
            "error_rate"
        ]
    );
}

#[test]
fn excerpts_are_kept_out_on_request() {
    let (baseline, candidate) = (example("baseline"), example("candidate"));
    for format in ["terminal", "json"] {
        let format = format!("--format={format}");
        let more = ["--no-excerpts", &format];
        let outcome = compare(&baseline, &candidate, &more).run().code(0);
        assert!(!outcome.stdout.contains("1070"), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("lipped"), "{}", outcome.stdout);
    }
}

/// The example's baseline as another run.
fn again() -> Value {
    let mut again = example("baseline");
    let id = again["runs"][0]["run"].as_str().unwrap().to_owned();
    let text = again.to_string().replace(&id, "another-run");
    again = serde_json::from_str(&text).unwrap();
    again
}

#[test]
fn what_is_the_same_is_exactly_what_was_compared() {
    let baseline = example("baseline");
    let same = "120 of 120 common rows identical: same outputs, same scores";
    compare(&baseline, &again(), &[]).run().code(0).shows(same);
    // One output differs, in a row whose scores are the same.
    let mut other = again();
    other["results"][0]["rows"][7]["trials"][0]["model_output"] = json!("another answer");
    let outcome = compare(&baseline, &other, &[]).run().code(0);
    outcome.shows("same scores on 120 of 120 common rows, same outputs on 119");
    // Outputs that were not read are not claimed to be the same.
    compare(&baseline, &again(), &["--no-excerpts"])
        .run()
        .code(0)
        .shows("  same scores on 120 of 120 common rows\n");
    let mut bare = again();
    for row in bare["results"][0]["rows"].as_array_mut().unwrap() {
        for trial in row["trials"].as_array_mut().unwrap() {
            trial["has_output"] = json!(!trial["model_output"].is_null());
            trial["model_output"] = Value::Null;
        }
    }
    compare(&baseline, &bare, &[])
        .run()
        .code(0)
        .shows("  same scores on 120 of 120 common rows\n");
    // Without rows nothing is said of them.
    let mut counts = again();
    counts.as_object_mut().unwrap().remove("results");
    let outcome = compare(&baseline, &counts, &[]).run().code(0);
    assert!(
        !outcome.stdout.contains("same scores"),
        "{}",
        outcome.stdout
    );
    outcome.shows("the scores of single rows are unknown, so no changed rows are counted");
}

/// A server with the run `cand` of one project and the run `base` of another.
fn two_projects() -> Weave {
    Weave::with(|request, _| {
        let project =
            if request.path.contains("/other/bot/") || request.body["project_id"] == "other/bot" {
                "base"
            } else {
                "cand"
            };
        let in_project = |request: &Request| -> Request {
            let mut request = request.clone();
            request.path = request.path.replace("/other/bot/", "/my-team/bot/");
            request
        };
        if is_root_read(request) {
            let ids = crate::weave::ids_of(request);
            let known = ids.into_iter().filter(|id| *id == project);
            return Some(Reply::lines(
                &known
                    .map(|id| {
                        let mut run = call(id, if id == "cand" { 9 } else { 8 });
                        run["attributes"] = json!({});
                        run
                    })
                    .collect::<Vec<_>>(),
            ));
        }
        if request.path.ends_with("/eval_results/query") {
            assert_eq!(request.body["evaluation_run_ids"], json!([project]));
        }
        if request.body["include_rows"] == true {
            let mut all = rows();
            for row in &mut all {
                let runs = row["evaluations"].as_array_mut().unwrap();
                runs.retain(|run| run["evaluation_call_id"] == project);
            }
            let wanted = &request.body["filters"][0]["query"]["$expr"]["$in"][1];
            if let Some(wanted) = wanted.as_array() {
                let is_wanted = |row: &&Value| {
                    wanted
                        .iter()
                        .any(|one| one["$literal"] == row["row_digest"])
                };
                let some: Vec<Value> = all.iter().filter(is_wanted).cloned().collect();
                return Some(page(&some, some.len()));
            }
            return Some(page(asked(request, &all), all.len()));
        }
        Some(answer(&in_project(request)))
    })
}

#[test]
fn runs_of_two_projects_are_compared_by_their_rows() {
    let weave = two_projects();
    let compare = |words: &[&str]| {
        Gate::new(&["compare"])
            .args(words)
            .args(&["--base-url", &weave.url])
            .env("WANDB_API_KEY", KEY)
    };
    let base = "https://wandb.ai/other/bot/r/call/base";
    let cand = "weave:///my-team/bot/call/cand";
    let outcome = compare(&[base, cand, "--json=r.json"]).run().code(0);
    let report = outcome.json("r.json");
    assert_eq!(report["baseline"]["project"], "other/bot");
    assert_eq!(report["candidate"]["project"], "my-team/bot");
    assert_eq!(report["baseline"]["url"], base);
    assert_eq!(report["comparison_url"], Value::Null);
    let line = &report["dimensions"][0];
    let counts = ["lower", "higher"].map(|key| line[key].as_u64().unwrap());
    assert_eq!(counts, [4, 2]);
    assert!((line["change"].as_f64().unwrap() + 0.02).abs() < 1e-12);
    outcome
        .shows("candidate  my-team/bot  monday")
        .shows("baseline   other/bot  monday")
        .shows("4 regressed, 2 fixed")
        .shows("6 flipped rows, the worst 5");
    // An id is of the usual project.
    compare(&[base, "cand", "--project=my-team/bot"])
        .run()
        .code(0);
    compare(&["base", cand])
        .env("WANDB_ENTITY", "other")
        .env("WANDB_PROJECT", "bot")
        .run()
        .code(0);
    compare(&["base", cand, "--project=my-team/bot"])
        .run()
        .code(3)
        .says("there is no baseline: there is no run `base` in `my-team/bot`");
    compare(&["base", cand])
        .run()
        .code(2)
        .says("no project is named");
    // A run of one project and a snapshot of another.
    let saved = Gate::new(&["snapshot", "base", "-o", "b.json", "--project=other/bot"])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0)
        .read("b.json");
    compare(&["file:b.json", cand])
        .file("b.json", &saved)
        .run()
        .code(0)
        .shows("4 regressed, 2 fixed");
    compare(&[cand, "file:b.json"])
        .file("b.json", &saved)
        .run()
        .code(0)
        .shows("2 regressed, 4 fixed");
}

#[test]
fn a_check_still_refuses_runs_of_two_projects() {
    let weave = two_projects();
    let gate = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}";
    Gate::check(
        gate,
        &[
            "--candidate=cand",
            "--baseline=weave:///other/bot/call/base",
        ],
    )
    .args(&["--base-url", &weave.url])
    .run()
    .code(2)
    .says("the address of run `base` is in project `other/bot`");
}
