//! Tests of `snapshot`: what it saves of the rows, what it says about that, and what `check` says if it is too little.

use crate::gate::{Gate, KEY, Outcome};
use crate::init::{Logged, logged, server};
use crate::weave::{CANDIDATE, Reply, Run, Weave, is_list, rows_of, summary_of};
use serde_json::json;

const PLAIN: &str = "version: 1
project: my-team/bot
gates: [{name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05, evidence: significant}]
";
const SLICED: &str = "version: 1
project: my-team/bot
gates: [{name: each, scorer: correctness, metric: pass_rate, min: 0.5, by: topic}]
";

fn runs() -> Vec<Logged> {
    vec![logged("cand", 1, 1), logged("base", 2, 2)]
}

fn snapshot(weave: &Weave, run: &str, more: &[&str]) -> Gate {
    Gate::new(&["snapshot", run, "--project=my-team/bot", "-o", "s.json"])
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .args(more)
}

/// The parts of the rows that a snapshot holds.
fn parts(outcome: &Outcome) -> (bool, bool) {
    let saved = outcome.json("s.json");
    let has = |key: &str| !saved[key].is_null();
    (has("results"), has("texts"))
}

#[test]
fn what_is_saved_of_the_rows_is_what_is_asked_for_and_needed() {
    let weave = server(runs());
    let scores = "wrote s.json: 40 rows of run cand with scores, without inputs and outputs (--rows keeps them)\n";
    let texts = "wrote s.json: 40 rows of run cand with scores, inputs and outputs\n";
    let because = |policy: &str| {
        format!(
            "wrote s.json: 40 rows of run cand with scores, inputs and outputs, because {policy} selects rows by their inputs (--no-rows leaves them out)\n"
        )
    };
    let summary =
        "wrote s.json: counts and means of 40 rows of run cand, without the scores of each row\n";
    for (policy, more, said, saved) in [
        (None, &[][..], scores.to_owned(), (true, false)),
        (Some(PLAIN), &[], scores.to_owned(), (true, false)),
        (Some(SLICED), &[], because("gates.yaml"), (true, true)),
        (None, &["--rows"], texts.to_owned(), (true, true)),
        (Some(SLICED), &["--rows"], texts.to_owned(), (true, true)),
        (None, &["--no-rows"], scores.to_owned(), (true, false)),
        (
            None,
            &["--summary-only"],
            summary.to_owned(),
            (false, false),
        ),
        // The command line names another policy than gates.yaml.
        (
            Some(SLICED),
            &["--policy=other.yaml"],
            scores.to_owned(),
            (true, false),
        ),
        (
            Some(PLAIN),
            &["--policy=sliced/*.yaml"],
            because("sliced/a.yaml"),
            (true, true),
        ),
    ] {
        let mut gate = snapshot(&weave, "cand", more)
            .file("other.yaml", PLAIN)
            .file("sliced/a.yaml", SLICED);
        if let Some(policy) = policy {
            gate = gate.file("gates.yaml", policy);
        }
        let outcome = gate.run().code(0);
        assert_eq!(outcome.stderr, said, "{more:?}");
        assert_eq!(parts(&outcome), saved, "{more:?}");
        outcome.done();
    }
}

#[test]
fn what_a_policy_needs_and_the_command_line_leaves_out_is_warned_of() {
    let weave = server(runs());
    let outcome = snapshot(&weave, "cand", &["--no-rows"])
        .file("gates.yaml", SLICED)
        .run()
        .code(0)
        .says("warning: gates.yaml selects rows by inputs: there will be no verdict\n  help: take the snapshot without --no-rows\n");
    assert_eq!(parts(&outcome), (true, false));
    outcome.done();
    let outcome = snapshot(&weave, "cand", &["--summary-only"])
        .file("gates.yaml", PLAIN)
        .run()
        .code(0)
        .says("warning: gates.yaml needs the scores of rows: gates will be undecided\n  help: take the snapshot without --summary-only\n");
    assert_eq!(parts(&outcome), (false, false));
    outcome.done();
    let outcome = snapshot(&weave, "cand", &[])
        .file("gates.yaml", "version: 2\n")
        .run()
        .code(0)
        .says("warning: gates.yaml is invalid, so it is unknown what it needs of the rows\n  help: `weave-gate validate` says why; or give --rows or --no-rows\n");
    assert_eq!(parts(&outcome), (true, false));
    outcome.done();
    for (more, words) in [
        (&["--policy=none.yaml"][..], "there is no file `none.yaml`"),
        (
            &["--policy=gates.yaml", "-o=gates.yaml"],
            "the snapshot would overwrite `gates.yaml`, which is read",
        ),
    ] {
        let asked = weave.requests().len();
        Gate::new(&["snapshot", "cand", "--project=my-team/bot"])
            .env("WANDB_API_KEY", KEY)
            .args(&["--base-url", &weave.url])
            .args(if more.len() == 1 {
                &["-o", "s.json"]
            } else {
                &[]
            })
            .args(more)
            .file("gates.yaml", PLAIN)
            .run()
            .code(2)
            .says(words)
            .done();
        assert_eq!(weave.requests().len(), asked);
    }
}

/// The text of a snapshot of a run, taken with these options.
fn taken(weave: &Weave, run: &str, more: &[&str]) -> String {
    let outcome = snapshot(weave, run, more).run().code(0);
    let text = outcome.read("s.json");
    outcome.done();
    text
}

fn check(weave: &Weave, policy: &str, ours: &str, theirs: &str) -> Gate {
    Gate::new(&[
        "check",
        "--format=json",
        "--candidate=file:cand.json",
        "--baseline=file:my base.json",
    ])
    .file("gates.yaml", policy)
    .file("cand.json", &taken(weave, "cand", &[ours]))
    .file("my base.json", &taken(weave, "base", &[theirs]))
}

#[test]
fn a_snapshot_that_holds_too_little_is_named_with_the_command_that_takes_it_again() {
    let weave = server(runs());
    let base = "`weave-gate snapshot base -o 'my base.json'`";
    check(&weave, PLAIN, "--no-rows", "--summary-only")
        .run()
        .code(3)
        .tells(&format!("the scores of single rows are needed, and the snapshot `my base.json` has none | take it again without --summary-only: {base}"))
        .done();
    check(&weave, PLAIN, "--summary-only", "--summary-only")
        .run()
        .code(3)
        .tells(&format!("the scores of single rows are needed, and the snapshots `cand.json`, `my base.json` have none | \
             take them again without --summary-only: `weave-gate snapshot cand -o cand.json`, {base}"))
        .done();
    check(&weave, PLAIN, "--no-rows", "--no-rows")
        .run()
        .code(0)
        .done();
    // Slices need the inputs, too.
    check(&weave, SLICED, "--summary-only", "--rows")
        .run()
        .code(3)
        .tells("the inputs and scores of single rows are needed, and the snapshot `cand.json` has none | \
             take it again without --summary-only: `weave-gate snapshot cand -o cand.json --rows`")
        .done();
    check(&weave, SLICED, "--no-rows", "--no-rows")
        .run()
        .code(3)
        .says("the snapshot `cand.json` holds no inputs, which `where` and `by` need")
        .says("help: take it again with them: `weave-gate snapshot cand -o cand.json --rows`")
        .done();
    check(&weave, SLICED, "--rows", "--no-rows")
        .run()
        .code(0)
        .done();
}

#[test]
fn common_rows_that_are_unknown_are_told_with_the_command() {
    let mut runs = runs();
    runs[1].rows.truncate(38);
    let weave = server(runs);
    let policy = PLAIN.replace("significant", "observed");
    check(&weave, &policy, "--no-rows", "--no-rows")
        .run()
        .code(0)
        .done();
    check(&weave, &policy, "--summary-only", "--no-rows")
        .run()
        .code(3)
        .tells("2 rows of the candidate and 0 rows of the baseline are not in the other run, and the scores on the common rows are \
             unknown: the snapshot `cand.json` has none | take it again without --summary-only: `weave-gate snapshot cand -o cand.json`")
        .done();
}

#[test]
fn exceptions_of_trials_are_kept_with_their_outputs() {
    let weave = Weave::with(|request, _| {
        if request.body["filter"]["parent_ids"].is_array() {
            assert_eq!(request.body["filter"]["parent_ids"], json!(["p3"]));
            return Some(Reply::lines(&[json!({
                "id": "x", "parent_id": "p3", "op_name": "weave:///my-team/bot/op/Bot.predict:v1",
                "exception": "{\"type\": \"TimeoutError\", \"message\": \"30 s\"}",
            })]));
        }
        if !request.path.ends_with("/eval_results/query") {
            return None;
        }
        if request.body["include_rows"] != true {
            let run = Run {
                scored: 99,
                ..CANDIDATE
            };
            return Some(Reply::json(&summary_of(100, &[("cand", run)])));
        }
        let mut page = rows_of("cand", 100);
        for (number, row) in page["rows"].as_array_mut().unwrap().iter_mut().enumerate() {
            let trial = &mut row["evaluations"][0]["trials"][0];
            trial["predict_and_score_call_id"] = json!(format!("p{number}"));
            trial["scores"] = json!({"correctness": number >= 10});
            if number == 3 {
                trial["scores"] = json!({});
                trial["model_output"] = json!(null);
            }
        }
        Some(Reply::json(&page))
    });
    let with = |more: &[&str]| snapshot(&weave, "cand", more).run();
    let outcome = with(&["--rows"]).code(0);
    let saved = outcome.json("s.json");
    assert_eq!(
        saved["exceptions"],
        json!([{"trial": "p3", "op": "Bot.predict", "exception": "TimeoutError: 30 s"}])
    );
    let text = outcome.read("s.json");
    outcome.done();
    let policy = "version: 1\ngates: [{name: crashes, metric: error_rate, max: 0}]\n";
    let judged = Gate::new(&["check", "--candidate=file:s.json"])
        .file("gates.yaml", policy)
        .file("s.json", &text)
        .run()
        .code(1);
    judged
        .shows("1 call crashed: Bot.predict: TimeoutError: 30 s")
        .shows("now  crashed: Bot.predict: TimeoutError: 30 s");
    // They may quote inputs, so they are not kept without them.
    let without = with(&[]).code(0);
    assert!(without.json("s.json")["exceptions"].is_null());
    without.done();
}

#[test]
fn the_attributes_of_the_policy_select_the_run() {
    let weave = Weave::start();
    let policy = format!("{PLAIN}identity: {{commit: ci.sha}}\n");
    for (file, more) in [
        ("gates.yaml", &[][..]),
        ("other.yaml", &["--policy=other.yaml"]),
    ] {
        snapshot(&weave, "commit=abc1234", more)
            .file(file, &policy)
            .run()
            .code(3)
            .done();
        let requests = weave.requests();
        let list = requests
            .iter()
            .rev()
            .find(|request| is_list(request))
            .unwrap();
        assert!(
            list.body["query"].to_string().contains("attributes.ci.sha"),
            "{file}"
        );
    }
    Gate::new(&["export", "commit=abc1234", "--project=my-team/bot"])
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .file("gates.yaml", &policy)
        .run()
        .code(3)
        .done();
    let requests = weave.requests();
    let list = requests
        .iter()
        .rev()
        .find(|request| is_list(request))
        .unwrap();
    assert!(list.body["query"].to_string().contains("attributes.ci.sha"));
}
