//! Tests of `init`: which run it takes, what it warns of, and the policy that it writes.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::gate::{Gate, KEY, Outcome};
use crate::rows::{asked, page};
use crate::weave::{Reply, Request, Weave, call, ids_of, is_count, is_list, is_root_read};

/// A run on the server.
#[derive(Clone)]
pub struct Logged {
    call: Value,
    /// The scores of each row.
    pub rows: Vec<Value>,
    /// The number of the run's calls that the server stores.
    stored: u64,
}

/// A completed run of the evaluation `answers` that began this many hours ago. `wrong` of its 40 rows are not correct.
pub fn logged(id: &str, hours: i64, wrong: u64) -> Logged {
    let mut call = call(id, 1);
    let started = Timestamp::now() - SignedDuration::from_hours(hours);
    call["started_at"] = json!(started.to_string());
    call["ended_at"] = json!((started + SignedDuration::from_mins(5)).to_string());
    call["attributes"] = json!({});
    let rows = (0..40).map(|row| json!({"correctness": row >= wrong}));
    Logged {
        call,
        rows: rows.collect(),
        stored: crate::weave::CALLS,
    }
}

impl Logged {
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.call.pointer_mut(parent).unwrap()[key] = value;
        self
    }

    /// The run with this number of stored calls.
    pub fn stored(self, stored: u64) -> Self {
        Self { stored, ..self }
    }

    /// The run with a commit and this branch.
    pub fn on(self, branch: &str) -> Self {
        let commit = format!("{:0>40}", self.id());
        self.with("/attributes/git_sha", json!(commit))
            .with("/attributes/git_branch", json!(branch))
    }

    /// The run of this evaluation.
    pub fn of(self, evaluation: &str) -> Self {
        let reference = format!("weave:///my-team/bot/object/{evaluation}:v1");
        self.with("/inputs/self", json!(reference))
    }

    /// The run as `EvaluationLogger` logs it, with this display name.
    pub fn by_logger(self, name: &str) -> Self {
        self.of("Evaluation")
            .with("/display_name", json!(name))
            .with("/attributes/_weave_eval_meta", json!({"imperative": true}))
    }

    /// The run with one more score in each row, by the number of the row.
    pub fn scored(mut self, scorer: &str, score: impl Fn(u32) -> Value) -> Self {
        for (place, row) in (0..).zip(&mut self.rows) {
            match score(place) {
                Value::Null => {}
                score => row[scorer] = score,
            }
        }
        self
    }

    fn id(&self) -> &str {
        self.call["id"].as_str().unwrap()
    }

    fn trial(&self, row: &Value) -> Value {
        let trial =
            json!({"predict_and_score_call_id": "x", "scores": row, "model_output": "an answer"});
        json!({"evaluation_call_id": self.id(), "trials": [trial]})
    }

    fn summary(&self) -> Value {
        let mut names: Vec<&String> = self
            .rows
            .iter()
            .flat_map(|row| row.as_object().unwrap().keys())
            .collect();
        names.sort();
        names.dedup();
        let stats = names.into_iter().map(|name| {
            let scores: Vec<&Value> = self.rows.iter().filter_map(|row| row.get(name)).collect();
            let numbers: Vec<f64> = scores.iter().filter_map(|score| score.as_f64()).collect();
            let truths: Vec<bool> = scores.iter().filter_map(|score| score.as_bool()).collect();
            #[expect(clippy::cast_precision_loss, reason = "few numbers")]
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            json!({
                "scorer_key": name, "path": null, "trial_count": scores.len(),
                "numeric_count": numbers.len(), "numeric_mean": mean,
                "pass_true_count": truths.iter().filter(|truth| **truth).count(), "pass_known_count": truths.len(),
            })
        });
        let stats: Vec<Value> = stats.collect();
        json!({"evaluation_call_id": self.id(), "trial_count": self.rows.len(), "scorer_stats": stats})
    }
}

/// The answer of a server that has these runs and ignores the filters of lists.
pub fn answer(runs: &[Logged], request: &Request) -> Option<Reply> {
    let find = |id: &str| runs.iter().find(|run| run.id() == id);
    let lines = |found: Vec<&Logged>| {
        let calls: Vec<Value> = found.iter().map(|run| run.call.clone()).collect();
        Reply::lines(&calls)
    };
    if is_root_read(request) {
        return Some(lines(
            ids_of(request).into_iter().filter_map(find).collect(),
        ));
    }
    if is_list(request) {
        let mut all: Vec<&Logged> = runs.iter().collect();
        all.sort_by_key(|run| std::cmp::Reverse(run.call["started_at"].to_string()));
        if request.body["sort_by"][0]["direction"] == "asc" {
            all.reverse();
        }
        let all: Vec<Value> = all.iter().map(|run| run.call.clone()).collect();
        return Some(Reply::lines(asked(request, &all)));
    }
    if is_count(request) {
        let trace = request.body["filter"]["trace_ids"][0].as_str().unwrap();
        let run = find(trace.strip_prefix("trace-of-").unwrap()).unwrap();
        return Some(Reply::json(&json!({"count": run.stored})));
    }
    let ids = request.body["evaluation_run_ids"].as_array()?;
    let mut judged: Vec<&Logged> = ids
        .iter()
        .filter_map(|id| find(id.as_str().unwrap()))
        .collect();
    judged.dedup_by_key(|run| run.id());
    let rows = judged.iter().map(|run| run.rows.len()).max().unwrap_or(0);
    if request.body["include_rows"] == true {
        let row = |number: usize| {
            let of_row = |run: &&Logged| Some(run.trial(run.rows.get(number)?));
            let evaluations: Vec<Value> = judged.iter().filter_map(of_row).collect();
            let topic = if number.is_multiple_of(2) {
                "billing"
            } else {
                "refunds"
            };
            json!({
                "row_digest": format!("digest-{number:06}"), "evaluations": evaluations,
                "raw_data_row": {"question": format!("question {number}"), "topic": topic},
            })
        };
        let all: Vec<Value> = (0..rows).map(row).collect();
        return Some(page(asked(request, &all), all.len()));
    }
    let summaries: Vec<Value> = judged.iter().map(|run| run.summary()).collect();
    let summary = json!({"row_count": rows, "evaluations": summaries});
    Some(Reply::json(
        &json!({"rows": [], "total_rows": 0, "summary": summary, "warnings": []}),
    ))
}

pub fn server(runs: Vec<Logged>) -> Weave {
    Weave::with(move |request, _| answer(&runs, request))
}

fn init(weave: &Weave, more: &[&str]) -> Gate {
    Gate::new(&["init", "--project=my-team/bot", "--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .args(more)
}

/// The drafted policy, without the version and the date. It must be valid, also if `GATE_SHA` is not set, and the run
/// that it was drafted from must pass.
fn drafted(weave: &Weave, outcome: &Outcome, run: &str) -> String {
    let text = outcome.read("gates.yaml");
    Gate::new(&["validate"])
        .file("gates.yaml", &text)
        .run()
        .code(0)
        .done();
    let check = |more: &[&str]| {
        Gate::new(&["check", "--base-url", &weave.url])
            .file("gates.yaml", &text)
            .env("WANDB_API_KEY", KEY)
            .args(more)
    };
    check(&["--candidate", run]).run().code(0).done();
    if text.contains("\n  commit:") {
        let commit = format!("{run:0>40}");
        check(&[]).env("GATE_SHA", &commit).run().code(0).done();
        check(&[])
            .run()
            .code(2)
            .says("the variable `GATE_SHA` is not set")
            .done();
    }
    let lines = text.lines().map(|line| match line.split_once(" UTC: ") {
        Some((_, rest)) => {
            format!("# Drafted by weave-gate VERSION from run {run} of DATE: {rest}")
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn the_first_run_of_a_project_that_logs_its_commit() {
    let weave = server(vec![
        logged("first", 2, 1)
            .on("main")
            .scored("helpfulness", |row| json!(1 + row % 5))
            .scored("length", |row| json!(70.5 + f64::from(row))),
    ]);
    let outcome = init(&weave, &[])
        .run()
        .code(0)
        .says("wrote gates.yaml, drafted from run first, the newest completed run of branch `main`")
        .says("next: weave-gate check --candidate first");
    insta::assert_snapshot!(drafted(&weave, &outcome, "first"));
    outcome.done();
}

#[test]
fn a_run_of_a_logger_without_commit_and_with_missing_scores() {
    let weave = server(vec![
        logged("cand", 2, 3)
            .by_logger("nightly")
            .scored("tone", |row| {
                if row < 4 {
                    Value::Null
                } else {
                    json!(0.25 * f64::from(row % 4))
                }
            })
            .scored("note", |_| json!("a text")),
        logged("base", 30, 1)
            .by_logger("nightly")
            .scored("tone", |_| json!(0.9)),
    ]);
    let outcome = init(&weave, &[]).run().code(0);
    insta::assert_snapshot!(drafted(&weave, &outcome, "cand"));
    outcome.done();
}

#[test]
fn a_large_run_of_another_branch() {
    let mut run = logged("cand", 1, 0).on("pull/7");
    run.rows = (0..250)
        .map(|row| json!({"correctness": row > 9}))
        .collect();
    let mut base = logged("base", 30, 0).on("master");
    base.rows = (0..250).map(|_| json!({"correctness": true})).collect();
    let weave = server(vec![run, base]);
    let outcome = init(&weave, &["cand"])
        .run()
        .code(0)
        .says("wrote gates.yaml, drafted from run cand\n");
    insta::assert_snapshot!(drafted(&weave, &outcome, "cand"));
    outcome.done();
}

/// `after-first` would leave the run undecided, so it is not written.
#[test]
fn the_first_run_of_main_of_an_old_evaluation() {
    let weave = server(vec![
        logged("cand", 1, 0).on("main"),
        logged("older", 24 * 15, 0).on("pull/7"),
    ]);
    let outcome = init(&weave, &[]).run().code(0);
    let text = drafted(&weave, &outcome, "cand");
    let line = "\n  branch: main # its newest finished run, of another commit than the candidate\n  required: false # skips change limits, because no run matches yet; write true once a run does\n";
    assert!(text.contains(line), "{text}");
    outcome.done();
}

#[test]
fn a_run_without_a_name_to_find_others_by() {
    let run = logged("cand", 1, 0).with("/inputs", json!({}));
    let weave = server(vec![run]);
    let outcome = init(&weave, &[]).run().code(0);
    let text = drafted(&weave, &outcome, "cand");
    let line = "\ncandidate:\n  run: cand\n\nbaseline:\n  required: false # skips change limits; name a run to compare with\n";
    assert!(text.contains(line), "{text}");
    outcome.done();
}

/// Which run is taken from these runs, and why.
#[track_caller]
fn takes(runs: &[Logged], more: &[&str], run: &str, why: &str) {
    let weave = server(runs.to_vec());
    let outcome = init(&weave, more).run().code(0);
    let said = format!("wrote gates.yaml, drafted from run {run}{why}\n");
    assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
    outcome.done();
}

#[test]
fn a_completed_run_of_main_is_preferred() {
    let mut runs = vec![
        logged("running", 1, 0)
            .on("main")
            .with("/ended_at", Value::Null),
        logged("failed", 2, 0)
            .on("main")
            .with("/exception", json!("ValueError")),
        logged("crashed", 3, 0)
            .by_logger("answers")
            .on("main")
            .with("/output", Value::Null),
        logged("topic", 4, 0).on("pull/7"),
        logged("plain", 5, 0),
        logged("main", 6, 0).on("main"),
        logged("older", 7, 0).on("main"),
        logged("master", 8, 0).on("master"),
    ];
    let main = ", the newest completed run of branch `main`";
    takes(&runs, &[], "main", main);
    takes(&runs, &["evaluation=answers"], "main", main);
    takes(&runs, &["model=bot"], "main", main);
    // What names more than an evaluation names the run.
    takes(&runs, &["topic"], "topic", "");
    takes(&runs, &["branch=master"], "master", "");
    runs.retain(|run| !["main", "older"].contains(&run.id()));
    takes(
        &runs,
        &[],
        "master",
        ", the newest completed run of branch `master`",
    );
    runs.retain(|run| run.id() != "master");
    takes(&runs, &[], "topic", ", the newest completed run");
    // A run that is known to be incomplete is the last choice.
    runs.retain(|run| !["topic", "plain"].contains(&run.id()));
    takes(&runs, &[], "crashed", ", the newest completed run");
}

#[test]
fn one_of_several_evaluations_is_asked_for() {
    let runs = vec![
        logged("a1", 3, 0).of("it's all").on("pull/7"),
        logged("b1", 4, 0).of("retrieval"),
        logged("a2", 50, 0).of("it's all").on("main"),
        logged("c1", 24 * 9, 0).by_logger("eval-2026-11-29-happy-dolphin"),
        logged("c2", 24 * 9 + 1, 0).by_logger("eval-2026-11-28-red-cat"),
        logged("d1", 24 * 10, 0).by_logger("nightly"),
    ];
    let weave = server(runs.clone());
    let outcome = init(&weave, &[]).run().code(2);
    assert_eq!(
        outcome.stderr,
        "\
error: the newest 6 runs of the project are of 4 evaluations; name one of them
  EVALUATION               RUNS  NEWEST    BRANCH
  it's all                 2     3 h ago   pull/7
  retrieval                1     4 h ago   -
  (unnamed, of model bot)  2     9 d ago   -
  nightly                  1     10 d ago  -
  help: `weave-gate init 'evaluation=it'\\''s all' --project my-team/bot` drafts a policy for the first
"
    );
    assert!(outcome.names().is_empty());
    assert_eq!(weave.requests().len(), 1);
    outcome.done();
    let main = ", the newest completed run of branch `main`";
    takes(&runs, &["evaluation=it's all"], "a2", main);
    takes(&runs, &["c1"], "c1", "");
    // An evaluation without a name is named by its newest run.
    init(&server(runs[3..].to_vec()), &[])
        .run()
        .code(2)
        .says("help: `weave-gate init c1 --project my-team/bot` drafts a policy for the first\n")
        .done();
}

#[test]
fn a_run_that_has_not_completed_is_refused() {
    let failed = logged("failed", 1, 0).with("/exception", json!("ValueError"));
    let running = logged("running", 2, 0).with("/ended_at", Value::Null);
    let runs = vec![failed.clone(), running.clone(), logged("sound", 3, 0)];
    let weave = server(runs);
    for run in ["failed", "running"] {
        init(&weave, &[run])
            .run()
            .code(3)
            .says(&format!(
                "the status of run {run} is {run}, and a policy is drafted from a completed run"
            ))
            .says("help: `weave-gate init sound --project my-team/bot` drafts it from the newest completed run")
            .done();
    }
    init(&server(vec![running]), &[])
        .run()
        .code(3)
        .says("help: `weave-gate init running --project my-team/bot --wait 15m` waits until it has finished")
        .done();
    init(&server(vec![failed]), &[])
        .run()
        .code(3)
        .says("help: evaluate again; no recent run of this evaluation has completed")
        .done();
    init(&server(Vec::new()), &[])
        .run()
        .code(3)
        .says("the project has no evaluation runs at all")
        .done();
}

#[test]
fn waiting_needs_a_run() {
    let weave = server(vec![logged("cand", 1, 0)]);
    init(&weave, &["--wait=5s"])
        .run()
        .code(2)
        .says("<RUN>")
        .done();
    takes(
        &[logged("cand", 1, 0)],
        &["latest", "--wait=5s"],
        "cand",
        "",
    );
}

#[test]
fn a_run_that_looks_bad_is_warned_of() {
    let mut runs = vec![
        logged("cand", 1, 10).scored("tone", |_| json!(0.5)),
        logged("failed", 2, 40).with("/exception", json!("ValueError")),
        logged("other", 3, 40).of("other"),
        logged("one", 4, 2).scored("tone", |_| json!(0.8)),
        logged("two", 5, 4).scored("tone", |_| json!(0.8)),
        logged("three", 6, 30).scored("tone", |_| json!(0.1)),
    ];
    runs[0].stored = 150;
    let weave = server(runs.clone());
    init(&weave, &["cand"])
        .run()
        .code(0)
        .says("warning: run cand is incomplete: Weave has 150 of its 201 calls\n  help: a check of this run is undecided; name another run to start from a complete one\n")
        .says("warning: run cand scored far lower than the 3 runs before it: `correctness` 75 %, median 90 %; `tone` 0.5, median 0.8\n  help: name another run to start from a better one\n")
        .done();
    let asked = weave.requests();
    let compared: Vec<&Value> = asked
        .iter()
        .map(|request| &request.body["evaluation_run_ids"])
        .filter(|ids| ids.as_array().is_some_and(|ids| ids.len() > 2))
        .collect();
    assert_eq!(compared, [&json!(["one", "two", "three"])]);
    // A run without earlier runs, and a run that is a little lower, are not warned of.
    for (id, wrong) in [("three", 30), ("two", 4)] {
        let outcome = init(
            &server(vec![logged(id, 1, wrong), logged("old", 5, wrong - 3)]),
            &[id],
        )
        .run()
        .code(0);
        assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
        outcome.done();
    }
    // If the scores of the earlier runs cannot be read, the policy is written all the same.
    let weave = Weave::with(move |request, _| {
        let ids = request.body["evaluation_run_ids"].as_array();
        if ids.is_some_and(|ids| ids.len() == 3) {
            return Some(Reply::status(400, "too much"));
        }
        answer(&runs, request)
    });
    let outcome = init(&weave, &["cand"])
        .run()
        .code(0)
        .says("warning: cannot compare run cand with the runs before it: ")
        .says("wrote gates.yaml");
    outcome.done();
}
