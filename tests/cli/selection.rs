//! Tests of the selection of runs: named by an address, checked against the policy, pooled with re-runs, and complete.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::gate::{Gate, KEY, Outcome};
use crate::rows::{asked, page};
use crate::weave::{
    CALLS, Reply, Request, Run, Weave, call, ids_of, is_count, is_list, is_root_read, summary_of,
};

const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}";
const DROP: &str = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}";

/// A run on the server, with 100 rows.
#[derive(Clone)]
struct Logged {
    call: Value,
    /// The number of rows that passed.
    passed: u64,
    /// The number of the run's calls that the server stores.
    stored: u64,
}

/// A run with all its calls stored.
fn logged(id: &str, hour: u32, passed: u64) -> Logged {
    let mut call = call(id, hour);
    call["attributes"] = json!({"git_branch": "main"});
    Logged {
        call,
        passed,
        stored: CALLS,
    }
}

impl Logged {
    /// The run with one more attribute.
    fn with(mut self, path: &str, value: &Value) -> Self {
        self.call["attributes"][path] = value.clone();
        self
    }

    /// The run with this commit.
    fn of(self, commit: &str) -> Self {
        self.with("git_sha", &json!(commit))
    }

    /// The run of another model.
    fn with_model(mut self, name: &str) -> Self {
        let model = format!("weave:///my-team/bot/object/{name}:v1");
        self.call["inputs"]["model"] = json!(model);
        self
    }

    /// The run with this number of stored calls.
    fn stored(self, stored: u64) -> Self {
        Self { stored, ..self }
    }

    fn id(&self) -> &str {
        self.call["id"].as_str().unwrap()
    }
}

/// The answer of a server that has these runs and ignores the filters of lists.
fn answer(runs: &[Logged], request: &Request) -> Option<Reply> {
    let find = |id: &str| runs.iter().find(|run| run.id() == id);
    if is_root_read(request) {
        let found = ids_of(request).into_iter().filter_map(find);
        let found: Vec<Value> = found.map(|run| run.call.clone()).collect();
        return Some(Reply::lines(&found));
    }
    if is_list(request) {
        let only_roots = request.body["filter"]["trace_roots_only"] == true;
        let known = runs
            .iter()
            .filter(|run| !only_roots || run.call["parent_id"].is_null());
        let mut all: Vec<Value> = known.map(|run| run.call.clone()).collect();
        all.sort_by_key(|call| std::cmp::Reverse(call["started_at"].to_string()));
        return Some(Reply::lines(asked(request, &all)));
    }
    if is_count(request) {
        let trace = request.body["filter"]["trace_ids"][0].as_str().unwrap();
        let run = find(trace.strip_prefix("trace-of-").unwrap()).unwrap();
        return Some(Reply::json(&json!({"count": run.stored})));
    }
    let ids = request.body["evaluation_run_ids"].as_array()?;
    let judged = ids.iter().filter_map(|id| find(id.as_str().unwrap()));
    let judged: Vec<&Logged> = judged.collect();
    if request.body["include_rows"] == true {
        let row = |number: u64| {
            let of = |run: &&Logged| {
                let is_right = number >= 100 - run.passed;
                json!({"evaluation_call_id": run.id(), "trials": [{
                    "predict_and_score_call_id": "x", "scores": {"correctness": is_right},
                }]})
            };
            let evaluations: Vec<Value> = judged.iter().map(of).collect();
            json!({"row_digest": format!("digest-{number:06}"), "evaluations": evaluations})
        };
        let all: Vec<Value> = (0..100).map(row).collect();
        return Some(page(asked(request, &all), all.len()));
    }
    let summaries: Vec<(&str, Run)> = judged
        .iter()
        .map(|run| {
            let counts = Run {
                passed: run.passed,
                scored: 100,
                trials: 100,
            };
            (run.id(), counts)
        })
        .collect();
    Some(Reply::json(&summary_of(100, &summaries)))
}

fn server(runs: Vec<Logged>) -> Weave {
    Weave::with(move |request, _| answer(&runs, request))
}

/// A check with a policy of these keys and these gates.
fn by(weave: &Weave, keys: &str, gates: &str, more: &[&str]) -> Gate {
    Gate::new(&["check", "--json=r.json", "--report=r.md"])
        .file(
            "gates.yaml",
            &format!("version: 1\nproject: my-team/bot\n{keys}\ngates:\n{gates}\n"),
        )
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .args(more)
}

fn policy(outcome: &Outcome) -> Value {
    outcome.json("r.json")["policies"][0].clone()
}

/// The findings of the first policy, as names and effects.
fn findings(outcome: &Outcome) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let policy = policy(outcome);
    let found = policy["findings"].as_array().unwrap().iter();
    found
        .map(|finding| (text(&finding["name"]), text(&finding["effect"])))
        .collect()
}

#[track_caller]
fn finds(outcome: &Outcome, name: &str, effect: &str) {
    let found = findings(outcome);
    assert_eq!(
        found.get(name).map(String::as_str),
        Some(effect),
        "{found:?}"
    );
}

/// Asserts that a finding of the first policy contains this text.
#[track_caller]
fn tells(outcome: &Outcome, words: &str) {
    let found = policy(outcome)["findings"].to_string();
    assert!(found.contains(words), "{words:?} is not in {found}");
}

/// The runs that the report lists, each as role, use and id.
fn listed(outcome: &Outcome) -> Vec<String> {
    let policy = policy(outcome);
    let runs = policy["runs"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    runs.map(|run| {
        let words = [&run["role"], &run["use"], &run["id"]];
        words.map(word).join(" ")
    })
    .collect()
}

#[test]
fn the_address_of_a_run_names_it() {
    let weave = Weave::start();
    for address in [
        "https://wandb.ai/my-team/bot/r/call/cand",
        "https://wandb.ai/my-team/bot/weave/calls/cand?view=evaluations#x",
        "weave:///my-team/bot/call/cand",
    ] {
        let outcome = by(&weave, "", FLOOR, &["--candidate", address])
            .run()
            .code(0);
        assert_eq!(policy(&outcome)["candidate"]["id"], "cand", "{address}");
    }
    // The address also names the project if nothing else does.
    Gate::new(&["check", "--candidate=weave:///my-team/bot/call/cand"])
        .file("gates.yaml", &format!("version: 1\ngates:\n{FLOOR}\n"))
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
        .code(0);
    let asked = weave.requests().len();
    let other = "https://wandb.ai/other/bot/r/call/cand";
    let words = "the address of run `cand` is in project `other/bot`, and `my-team/bot` is judged";
    by(&weave, "", FLOOR, &["--candidate", other])
        .run()
        .code(2)
        .says(words);
    let both = ["--candidate=cand", "--baseline", other];
    by(&weave, "", DROP, &both).run().code(2).says(words);
    by(
        &weave,
        "",
        FLOOR,
        &["--candidate=https://wandb.ai/my-team/bot"],
    )
    .run()
    .code(2)
    .says("is not the address of a run");
    assert_eq!(weave.requests().len(), asked, "something was asked");
}

/// Three runs of one commit, in which 86, 88 and 93 of 100 rows pass. The author repeats the run until one passes.
fn three() -> Vec<Logged> {
    vec![
        logged("third", 9, 93).of("0123456789ab"),
        logged("second", 8, 88).of("0123456789ab"),
        logged("first", 7, 86).of("0123456789ab"),
        logged("other", 6, 99).of("ba9876543210"),
    ]
}

#[test]
fn logging_a_run_again_does_not_turn_a_fail_into_a_pass() {
    let weave = server(three());
    for candidate in [
        "third",
        "first",
        "commit=0123456789ab",
        "commit=0123456",
        "attributes.git_sha=0123456789ab",
    ] {
        let outcome = by(&weave, "", FLOOR, &["--candidate", candidate])
            .run()
            .code(1);
        finds(&outcome, "reruns-pooled", "note");
        assert_eq!(
            listed(&outcome),
            [
                "candidate judged third",
                "candidate judged second",
                "candidate judged first"
            ],
            "{candidate}"
        );
        let check = &policy(&outcome)["checks"][0];
        let values: Vec<(&str, f64)> = check["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| (run["id"].as_str().unwrap(), run["value"].as_f64().unwrap()))
            .collect();
        assert_eq!(values, [("third", 0.93), ("second", 0.88), ("first", 0.86)]);
        let value = check["candidate"].as_f64().unwrap();
        assert!((value - 0.89).abs() < 1e-12, "{check}");
    }
    // The policy's own selector finds the same runs.
    let keys = "candidate: {evaluation: answers, commit: 0123456789ab}";
    by(&weave, keys, FLOOR, &[]).run().code(1);
}

#[test]
fn a_run_inside_a_traced_function_is_judged_with_the_others_of_its_commit() {
    let mut inside = logged("second", 8, 99).of("0123456789ab");
    inside.call["parent_id"] = json!("around");
    let weave = server(vec![inside, logged("first", 7, 95).of("0123456789ab")]);
    for named in [
        "--candidate=second",
        "--candidate=evaluation=answers,commit=0123456789ab",
    ] {
        let outcome = by(&weave, "", FLOOR, &[named]).run().code(0);
        assert_eq!(
            listed(&outcome),
            ["candidate judged second", "candidate judged first"]
        );
    }
}

#[test]
fn the_first_run_of_a_project_may_be_inside_a_traced_function() {
    let mut inside = logged("only", 8, 99).of("0123456789ab");
    inside.call["parent_id"] = json!("around");
    let weave = server(vec![inside]);
    let keys = |required: &str| format!("baseline: {{branch: main, required: {required}}}");
    let check = |required: &str| by(&weave, &keys(required), DROP, &["--candidate=only"]).run();
    finds(&check("true").code(3), "no-baseline", "undecided");
    let skipped = check("false");
    assert_eq!(policy(&skipped)["checks"][0]["status"], "skipped");
}

#[test]
fn the_policy_says_what_several_runs_of_a_commit_mean() {
    let weave = server(three());
    let of = |reruns: &str, more: &[&str]| {
        let keys =
            format!("candidate: {{evaluation: answers, commit: '0123456789ab', reruns: {reruns}}}");
        by(&weave, &keys, FLOOR, more).run()
    };
    of("pool", &[]).code(1);
    let outcome = of("newest", &[]).code(0);
    finds(&outcome, "reruns-left-out", "warning");
    let report = outcome.read("r.md");
    assert!(
        report.contains("floor 0.88") && report.contains("floor 0.86"),
        "{report}"
    );
    assert_eq!(listed(&outcome)[1], "candidate older second");
    let outcome = of("newest", &["--candidate=first"]).code(3);
    finds(&outcome, "wrong-candidate", "undecided");
    let outcome = of("refuse", &[]).code(3);
    finds(&outcome, "reruns-ambiguous", "undecided");
}

#[test]
fn older_runs_do_not_hide_that_the_newest_is_worse() {
    let weave = server(vec![
        logged("new", 9, 85).of("0123456789ab"),
        logged("old", 8, 97).of("0123456789ab"),
    ]);
    let outcome = by(&weave, "", FLOOR, &["--candidate=new"]).run().code(3);
    finds(&outcome, "newest-run-worse", "undecided");
    assert_eq!(policy(&outcome)["checks"][0]["finding"], "newest-run-worse");
}

#[test]
fn a_run_is_left_out_only_with_a_reason_and_every_report_says_so() {
    let weave = server(three());
    let of = |more: &[&str]| {
        by(&weave, "", FLOOR, &["--candidate=third"])
            .args(more)
            .run()
    };
    let excluded = ["--exclude-run=first", "--exclude-run=second"];
    let reason = "--reason=the search index was down";
    let outcome = of(&[excluded[0], excluded[1], reason]).code(0);
    finds(&outcome, "run-excluded", "warning");
    assert_eq!(
        listed(&outcome),
        [
            "candidate judged third",
            "candidate excluded second",
            "candidate excluded first"
        ]
    );
    for shown in [
        &outcome.stdout,
        &outcome.read("r.md"),
        &outcome.read("r.json"),
    ] {
        assert!(shown.contains("the search index was down"), "{shown}");
    }
    of(&[excluded[0]]).code(2).says("--reason");
    of(&[reason]).code(2).says("--exclude-run");
    of(&["--exclude-run=other", reason])
        .code(3)
        .says("run `other` is to be excluded, and is not among the runs of the candidate");
    of(&[excluded[0], excluded[1], "--exclude-run=third", reason])
        .code(3)
        .says("every run of the candidate is excluded");
}

#[test]
fn a_run_that_is_named_must_be_the_candidate_of_the_policy() {
    let weave = server(vec![
        logged("cand", 9, 95)
            .of("0123456789ab")
            .with("team", &json!("search")),
    ]);
    let of = |keys: &str, candidate: &str| {
        let keys = format!("candidate: {keys}");
        by(&weave, &keys, FLOOR, &["--candidate", candidate]).run()
    };
    of("{evaluation: answers, model: bot, commit: 0123456789abcdef, branch: main, attributes: {team: search}}", "cand").code(0);
    for (keys, key, has, asks) in [
        ("{evaluation: other}", "evaluation", "answers", "other"),
        ("{model: other}", "model", "bot", "other"),
        (
            "{commit: 0123456000}",
            "commit",
            "0123456789ab",
            "0123456000",
        ),
        ("{branch: topic}", "branch", "main", "topic"),
        (
            "{attributes: {team: ads}}",
            "attributes.team",
            "search",
            "ads",
        ),
    ] {
        let outcome = of(keys, "cand").code(3).shows("wrong-candidate");
        tells(
            &outcome,
            &format!(
                "the run `cand` is not the candidate of this policy: its `{key}` is `{has}`, and the policy asks for `{asks}`"
            ),
        );
        finds(&outcome, "wrong-candidate", "undecided");
    }
    let outcome = of("{attributes: {shard: 1}}", "cand").code(3);
    tells(
        &outcome,
        "its `attributes.shard` is missing, and the policy asks for `1`",
    );
    // A run in a snapshot must also match the policy.
    let saved = Gate::new(&["snapshot", "cand", "-o", "s.json", "--project=my-team/bot"])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0)
        .read("s.json");
    let of = |keys: &str| {
        let keys = format!("candidate: {keys}");
        by(&weave, &keys, FLOOR, &["--candidate=file:s.json"])
            .file("s.json", &saved)
            .run()
    };
    of("{evaluation: answers, commit: 0123456789ab}").code(0);
    let outcome = of("{evaluation: answers, commit: fedcba987654}").code(3);
    finds(&outcome, "wrong-candidate", "undecided");
}

#[test]
fn a_commit_that_cannot_be_compared_is_told_and_decides_nothing_in_ci() {
    let weave = server(vec![logged("cand", 9, 95).of("0123456789ab")]);
    let keys = "candidate: {evaluation: answers, commit: '${GATE_SHA}'}";
    let check = || by(&weave, keys, FLOOR, &["--candidate=cand"]);
    for unset in [check(), check().env("GATE_SHA", "")] {
        let outcome = unset.run().code(0).shows("commit-not-checked");
        finds(&outcome, "commit-not-checked", "warning");
    }
    let outcome = check().env("CI", "true").run().code(3);
    finds(&outcome, "commit-not-checked", "undecided");
    let outcome = check().env("CI", "true").env("GATE_SHA", "").run().code(3);
    finds(&outcome, "commit-not-checked", "undecided");
    let set = |commit: &str| check().env("CI", "true").env("GATE_SHA", commit).run();
    let outcome = set("0123456789ab").code(0);
    assert!(!findings(&outcome).contains_key("commit-not-checked"));
    finds(&set("fedcba987654").code(3), "wrong-candidate", "undecided");
    // A candidate that is not named is searched by its commit, so the variable is required.
    by(&weave, keys, FLOOR, &[])
        .run()
        .code(2)
        .says("the variable `GATE_SHA` is not set");
}

#[test]
fn policies_whose_attributes_print_alike_are_judged_on_their_own_runs() {
    let weave = server(vec![
        logged("one", 9, 95).with("a=b", &json!("c")),
        logged("two", 8, 50).with("a", &json!("b=c")),
    ]);
    let of = |attributes: &str| {
        format!(
            "version: 1\nproject: my-team/bot\ncandidate: {{attributes: {{{attributes}}}}}\ngates:\n{FLOOR}\n"
        )
    };
    let outcome = Gate::new(&["check", "a.yaml", "b.yaml", "--json=r.json"])
        .file("a.yaml", &of("'a=b': c"))
        .file("b.yaml", &of("a: 'b=c'"))
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
        .code(1);
    let report = outcome.json("r.json");
    let judged: Vec<(&Value, &Value)> = report["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| (&policy["candidate"]["id"], &policy["verdict"]))
        .collect();
    assert_eq!(
        judged,
        [
            (&json!("one"), &json!("passed")),
            (&json!("two"), &json!("failed"))
        ]
    );
}

#[test]
fn text_that_looks_like_a_number_finds_that_text_first() {
    for (text, same, other) in [
        ("1.10", json!("1.10"), json!(1.1)),
        ("0005747", json!("0005747"), json!(5747)),
        ("1234e8", json!("1234e8"), json!(123_400_000_000_u64)),
    ] {
        let selector = format!("attributes.build={text}");
        let found = |runs: Vec<Logged>| {
            let outcome = by(&server(runs), "", FLOOR, &["--candidate", &selector])
                .run()
                .code(0);
            policy(&outcome)["candidate"]["id"].clone()
        };
        let newer = || logged("value", 9, 95).with("build", &other);
        let older = logged("text", 8, 95).with("build", &same);
        assert_eq!(found(vec![newer(), older]), "text", "{text}");
        // If no run has the text value, a run with the number is found.
        assert_eq!(found(vec![newer()]), "value", "{text}");
    }
}

#[test]
fn a_run_of_which_calls_are_missing_decides_nothing() {
    let fewer = || logged("cand", 9, 95).stored(CALLS - 1);
    let weave = server(vec![fewer(), logged("base", 8, 95)]);
    let check = |keys: &str| by(&weave, keys, FLOOR, &["--candidate=cand"]).run();
    let outcome = check("").code(3);
    tells(
        &outcome,
        "the candidate `cand` is incomplete: it made 201 calls, and Weave has 200 of them",
    );
    finds(&outcome, "run-incomplete", "undecided");
    let outcome = check("completeness: warn").code(0);
    finds(&outcome, "run-incomplete", "warning");
    // If an incomplete run is the baseline, limits on changes are undecided, and other limits are judged.
    let named = ["--candidate=base", "--baseline=cand"];
    let outcome = by(&weave, "", &format!("{DROP}\n{FLOOR}"), &named)
        .run()
        .code(3);
    finds(&outcome, "run-incomplete", "undecided");
    let statuses = |outcome: &Outcome| -> Vec<String> {
        let policy = policy(outcome);
        let checks = policy["checks"].as_array().unwrap().iter();
        checks
            .map(|check| check["status"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(statuses(&outcome), ["undecided", "pass"]);
}

const FLOOR_AND_TRIALS: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}
- {name: trials, metric: trials, min: 100}";

#[test]
fn more_calls_than_a_run_made_have_to_be_the_same_once_more() {
    let check = |distinct: u64, parent: Value| {
        let mut run = logged("cand", 9, 95).stored(CALLS + 2);
        run.call["parent_id"] = parent;
        let weave = Weave::with(move |request, _| {
            if request.body["columns"] == json!(["id"]) {
                assert_eq!(
                    request.body["filter"],
                    json!({"trace_ids": ["trace-of-cand"]})
                );
                let ids = (0..CALLS + 2).map(|number| number % distinct);
                let ids = ids.map(|number| json!({"id": format!("call-{number}")}));
                return Some(Reply::lines(&ids.collect::<Vec<_>>()));
            }
            answer(std::slice::from_ref(&run), request)
        });
        by(&weave, "", FLOOR_AND_TRIALS, &["--candidate=cand"]).run()
    };
    // A call that is stored twice counts once among rows. The number of trials is the server's own count.
    let outcome = check(CALLS, Value::Null).code(3);
    let checks = &policy(&outcome)["checks"];
    assert_eq!(
        [&checks[0]["status"], &checks[1]["status"]],
        ["pass", "undecided"]
    );
    assert_eq!(checks[1]["finding"], "inconsistent-counts");
    for distinct in [CALLS - 1, CALLS + 1, CALLS + 2] {
        let outcome = check(distinct, Value::Null).code(3);
        finds(&outcome, "run-incomplete", "undecided");
    }
    // If the run is inside a traced function, its trace holds other calls.
    let outcome = check(CALLS + 2, json!("around")).code(0);
    finds(&outcome, "completeness-unknown", "warning");
}

#[test]
fn a_script_that_crashed_leaves_an_incomplete_run() {
    let mut crashed = logged("cand", 9, 95).with("_weave_eval_meta", &json!({"imperative": true}));
    crashed.call["output"] = Value::Null;
    let check = |run: Logged| by(&server(vec![run]), "", FLOOR, &["--candidate=cand"]).run();
    let outcome = check(crashed.clone()).code(3).shows("log_summary()");
    finds(&outcome, "run-incomplete", "undecided");
    crashed.call["output"] = json!({"mean": 0.95});
    check(crashed).code(0);
}

#[test]
fn a_wait_goes_on_until_the_run_is_complete() {
    let weave = Weave::with(|request, before| {
        let stored = if before < 2 { CALLS - 1 } else { CALLS };
        answer(&[logged("cand", 9, 95).stored(stored)], request)
    });
    by(&weave, "", FLOOR, &["--candidate=cand", "--wait=60s"])
        .run()
        .code(0)
        .says("run cand is incomplete: Weave has 200 of its 201 calls");
    let weave = server(vec![logged("cand", 9, 95).stored(CALLS - 1)]);
    by(&weave, "", FLOOR, &["--candidate=cand", "--wait=1s"])
        .run()
        .code(3)
        .says("last seen: run cand is incomplete: Weave has 200 of its 201 calls");
}

#[test]
fn a_wait_shows_how_far_the_run_is_where_the_server_says_so() {
    let waited = |status: Option<Value>, more: &[&str]| {
        let mut running = logged("cand", 9, 95);
        running.call["ended_at"] = Value::Null;
        let started = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(1);
        running.call["started_at"] = json!(started.to_string());
        let weave = Weave::with(move |request, _| match &status {
            Some(status) if request.path == "/evaluations/status" => {
                assert_eq!(request.body["call_id"], "cand");
                Some(Reply::json(&json!({"status": status})))
            }
            _ => answer(&[running.clone()], request),
        });
        let outcome = by(&weave, "", FLOOR, &["--candidate=cand", "--wait=1s"])
            .args(more)
            .run()
            .code(3);
        let asked = weave
            .requests()
            .iter()
            .any(|request| request.path == "/evaluations/status");
        (outcome, asked)
    };
    let of = |rows: Value| json!({"code": "running", "completed_rows": rows, "total_rows": 120});
    let (outcome, asked) = waited(Some(of(json!(12))), &[]);
    outcome.says("run cand is still running, 12 of 120 rows\n");
    assert!(asked);
    // The server also counts a call of the run that is no row.
    let (outcome, _) = waited(Some(of(json!(121))), &[]);
    outcome.says("run cand is still running, 120 of 120 rows\n");
    // With `-q` nothing is shown, so the check does not request the status.
    let (_, asked) = waited(Some(of(json!(12))), &["-q"]);
    assert!(!asked);
    for status in [
        Some(of(Value::Null)),
        Some(json!({"code": "not_found"})),
        Some(json!("running")),
        None,
    ] {
        waited(status, &[]).0.says("run cand is still running\n");
    }
}

#[test]
fn a_summary_with_a_run_that_was_not_asked_for_is_refused() {
    for gates in [FLOOR, "- {name: rows, metric: rows, min: 150}"] {
        let weave = Weave::with(|request, _| {
            request.path.ends_with("/eval_results/query").then(|| {
                let runs = ["cand", "other"].map(|id| (id, crate::weave::CANDIDATE));
                Reply::json(&summary_of(200, &runs))
            })
        });
        by(&weave, "", gates, &["--candidate=cand"])
            .run()
            .code(3)
            .says("asked for `cand`, it sent the statistics of `other`, too");
    }
}

#[test]
fn an_incomplete_baseline_is_passed_over_for_the_next() {
    let runs = |stored: u64| {
        vec![
            logged("cand", 9, 92).of("aaaaaaaaaaaa"),
            logged("broken", 8, 50).of("bbbbbbbbbbbb").stored(CALLS - 1),
            logged("good", 7, 95).of("cccccccccccc").stored(stored),
        ]
    };
    let check = |stored: u64| {
        let weave = server(runs(stored));
        by(
            &weave,
            "baseline: {branch: main}",
            DROP,
            &["--candidate=cand", "--all"],
        )
        .run()
    };
    let outcome = check(CALLS).code(0).shows("baseline-skipped");
    assert_eq!(policy(&outcome)["baseline"]["id"], "good");
    finds(&outcome, "baseline-skipped", "note");
    assert_eq!(
        listed(&outcome),
        [
            "candidate judged cand",
            "baseline incomplete broken",
            "baseline judged good"
        ]
    );
    let outcome = check(CALLS - 1).code(3);
    finds(&outcome, "no-baseline", "undecided");
}

#[test]
fn the_runs_of_the_newest_commits_are_pooled_as_the_baseline() {
    let runs = vec![
        logged("cand", 9, 92).of("aaaaaaaaaaaa"),
        logged("again", 8, 100).of("bbbbbbbbbbbb"),
        logged("broken", 7, 0).of("eeeeeeeeeeee").stored(CALLS - 1),
        logged("base", 6, 98).of("bbbbbbbbbbbb"),
        // A run of another model on a commit that is taken is no further commit.
        logged("other", 5, 0).of("bbbbbbbbbbbb").with_model("other"),
        logged("loose", 5, 96),
        logged("older", 4, 94).of("cccccccccccc"),
        logged("oldest", 3, 10).of("dddddddddddd"),
    ];
    let check = |last: u64, wanted: &[&str]| {
        let weave = server(runs.clone());
        let keys = format!("baseline: {{branch: main, last: {last}}}");
        let outcome = by(&weave, &keys, DROP, &["--candidate=cand", "--all"]).run();
        let judged = listed(&outcome);
        let judged: Vec<&str> = judged
            .iter()
            .filter_map(|line| line.strip_prefix("baseline judged "))
            .collect();
        assert_eq!(judged, wanted, "last: {last}");
        let value = policy(&outcome)["checks"][0]["baseline"].as_f64().unwrap();
        (value, outcome)
    };
    let near = |found: f64, expected: f64| {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    };
    let (value, outcome) = check(1, &["again", "base"]);
    near(value, 0.99);
    let outcome = outcome.code(1);
    finds(&outcome, "reruns-pooled", "note");
    // A run without a commit counts as one, and an incomplete run is passed over.
    let (value, outcome) = check(3, &["again", "base", "loose", "older"]);
    near(value, 0.97);
    let outcome = outcome
        .code(0)
        .shows("4 runs of 3 commits are judged as one baseline");
    finds(&outcome, "baseline-skipped", "note");
    // If there are fewer commits, those that exist are taken.
    let all = ["again", "base", "loose", "older", "oldest"];
    let (value, outcome) = check(50, &all);
    near(value, 0.796);
    outcome.code(0);
}

#[test]
fn no_run_of_the_candidates_commit_is_its_baseline() {
    let weave = server(vec![
        logged("again", 9, 70).of("aaaaaaaaaaaa"),
        logged("failed", 8, 70).of("aaaaaaaaaaaa"),
        logged("base", 7, 95).of("bbbbbbbbbbbb"),
    ]);
    let keys = "candidate: {evaluation: answers, commit: aaaaaaaaaaaa}\nbaseline: {branch: main}";
    for evidence in ["observed", "significant"] {
        let gate = DROP.replace("0.05", &format!("0.05, evidence: {evidence}"));
        let outcome = by(&weave, keys, &gate, &[]).run().code(1);
        assert_eq!(policy(&outcome)["baseline"]["id"], "base");
        let change = policy(&outcome)["checks"][0]["change"].as_f64().unwrap();
        assert!((change + 0.25).abs() < 1e-12, "{change}");
    }
}

#[test]
fn a_snapshot_holds_the_runs_of_a_commit_and_is_judged_as_they_are() {
    let weave = server(three());
    let take = |more: &[&str]| {
        Gate::new(&["snapshot", "third", "-o", "s.json", "--project=my-team/bot"])
            .args(&["--base-url", &weave.url])
            .args(more)
            .env("WANDB_API_KEY", KEY)
            .run()
            .code(0)
            .says("third, second, first")
            .read("s.json")
    };
    let live = by(&weave, "", FLOOR, &["--candidate=third"]).run().code(1);
    let saved = take(&[]);
    let asked = weave.requests().len();
    let judge = |saved: &str, more: &[&str]| {
        by(&weave, "", FLOOR, &["--candidate=file:s.json"])
            .args(more)
            .file("s.json", saved)
            .run()
    };
    let outcome = judge(&saved, &[]).code(1);
    assert_eq!(listed(&outcome), listed(&live));
    let (ours, theirs) = (policy(&outcome), policy(&live));
    for key in ["status", "reason", "candidate", "runs"] {
        assert_eq!(ours["checks"][0][key], theirs["checks"][0][key], "{key}");
    }
    let reason = [
        "--exclude-run=first",
        "--exclude-run=second",
        "--reason=an outage",
    ];
    finds(&judge(&saved, &reason).code(0), "run-excluded", "warning");
    judge(&saved, &["--exclude-run=other", reason[2]])
        .code(3)
        .says("--exclude-run names `other`, which is not in the snapshot");
    assert_eq!(weave.requests().len(), asked, "something was asked");
    // Without scores for each row the runs cannot be judged as one.
    judge(&take(&["--summary-only"]), &[])
        .code(3)
        .says("are not known, and several runs are judged by rows");
}

/// The time this many minutes ago.
fn ago(minutes: i64) -> Value {
    let time = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
    json!(time.to_string())
}

#[test]
fn runs_of_the_commit_that_cannot_count_are_left_out_or_waited_for() {
    let of = |change: fn(&mut Value), keys: &str| {
        let mut newest = logged("newest", 9, 95).of("0123456789ab");
        newest.call["started_at"] = ago(30);
        newest.call["ended_at"] = ago(20);
        let mut other = logged("other", 8, 95).of("0123456789ab");
        change(&mut other.call);
        let weave = server(vec![newest, other]);
        by(&weave, keys, FLOOR, &["--candidate=newest"]).run()
    };
    let failed = |call: &mut Value| call["exception"] = json!("ValueError");
    let outcome = of(failed, "").code(0);
    finds(&outcome, "reruns-left-out", "warning");
    assert_eq!(listed(&outcome)[1], "candidate failed other");
    let outcome = of(failed, "accept_status: [completed, failed]").code(0);
    finds(&outcome, "reruns-pooled", "note");
    let outcome = of(|call| call["ended_at"] = Value::Null, "").code(0);
    finds(&outcome, "reruns-left-out", "warning");
    assert_eq!(listed(&outcome)[1], "candidate abandoned other");
    let running = |call: &mut Value| {
        call["started_at"] = ago(60);
        call["ended_at"] = Value::Null;
    };
    let outcome = of(running, "").code(3);
    finds(&outcome, "run-not-finished", "undecided");
    tells(&outcome, "`other`, is still running");
    // The newest run of all counts, even if an older run is named.
    let newer = |call: &mut Value| {
        call["started_at"] = ago(10);
        call["ended_at"] = Value::Null;
    };
    finds(&of(newer, "").code(3), "run-not-finished", "undecided");
    let other_model = |call: &mut Value| {
        call["inputs"]["model"] = json!("weave:///my-team/bot/object/bot:v2");
    };
    let outcome = of(other_model, "").code(3);
    finds(&outcome, "reruns-ambiguous", "undecided");
    tells(&outcome, "are of 2 versions of the model `bot`");
    // A run of another model or evaluation is not a re-run.
    let of_other = |call: &mut Value| {
        call["inputs"]["model"] = json!("weave:///my-team/bot/object/other:v2");
    };
    assert_eq!(listed(&of(of_other, "").code(0)).len(), 1);
}

#[test]
fn a_snapshot_lacks_no_run_of_the_commit_that_still_runs() {
    let mut newest = logged("newest", 9, 95).of("0123456789ab");
    newest.call["started_at"] = ago(30);
    newest.call["ended_at"] = ago(20);
    let mut running = logged("other", 8, 95).of("0123456789ab");
    running.call["started_at"] = ago(60);
    running.call["ended_at"] = Value::Null;
    let weave = server(vec![newest, running]);
    let snapshot = |more: &[&str]| {
        Gate::new(&[
            "snapshot",
            "newest",
            "-o",
            "s.json",
            "--project=my-team/bot",
        ])
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .args(more)
        .run()
    };
    let refused = snapshot(&[]).code(3);
    let refused = refused.says("run other of the same commit is still running");
    assert!(!refused.names().iter().any(|name| name == "s.json"));
    snapshot(&["--completed"]).code(0).json("s.json");
}

#[test]
fn a_named_baseline_of_the_same_outputs_compares_nothing() {
    let mut rescored = logged("rescored", 9, 95);
    rescored.call["attributes"]["weave"] = json!({"source_evaluation_run_id": "source"});
    let weave = server(vec![
        rescored,
        logged("source", 8, 95),
        logged("newer", 10, 95),
    ]);
    let check = |candidate: &str, baseline: &str| {
        let runs = ["--candidate", candidate, "--baseline", baseline];
        by(&weave, "", DROP, &runs).run()
    };
    for (candidate, baseline) in [("rescored", "source"), ("source", "rescored")] {
        let outcome = check(candidate, baseline).code(3);
        finds(&outcome, "same-run", "undecided");
    }
    let outcome = check("source", "newer").code(0);
    finds(&outcome, "baseline-newer", "warning");
}

/// Runs of three releases, each 4 points below the one before. The newest is compared with the last and with the first.
fn declining() -> Weave {
    server(vec![
        logged("first", 1, 98)
            .of("1111111")
            .with("release", &json!("1.4")),
        logged("last", 2, 94).of("2222222"),
        logged("now", 3, 90).of("3333333"),
    ])
}

const DECLINING: &str = "candidate: {commit: '3333333'}
baseline: {branch: main}
baselines: {release: {attributes: {release: '1.4'}}}";

#[test]
fn a_slow_decline_is_found_against_a_fixed_release() {
    let weave = declining();
    let gates = "- {name: last, scorer: correctness, metric: pass_rate, max_drop: 0.05}
- {name: release, scorer: correctness, metric: pass_rate, max_drop: 0.05, against: release}";
    let outcome = by(&weave, DECLINING, gates, &[]).run().code(1);
    let checks = policy(&outcome)["checks"].clone();
    let told = |place: usize, key: &str| checks[place][key].clone();
    assert_eq!(
        (told(0, "status"), told(0, "against")),
        (json!("pass"), json!(null))
    );
    assert_eq!(
        (told(0, "baseline"), told(0, "candidate")),
        (json!(0.94), json!(0.9))
    );
    assert_eq!(
        (told(1, "status"), told(1, "against")),
        (json!("fail"), json!("release"))
    );
    assert_eq!(
        (told(1, "baseline"), told(1, "candidate")),
        (json!(0.98), json!(0.9))
    );
    // The rows behind the check are those that changed since that release. They show the scores of that release.
    assert_eq!(told(1, "rows_behind"), 8);
    assert!(told(1, "rows")[0]["baseline"]["score"] == 1.0);
    let runs: Vec<String> = policy(&outcome)["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| format!("{} {} {}", run["role"], run["against"], run["id"]))
        .collect();
    assert_eq!(
        runs,
        [
            r#""candidate" null "now""#,
            r#""baseline" null "last""#,
            r#""baseline" "release" "first""#
        ]
    );
    let page = outcome.read("r.md");
    assert!(
        page.contains("| max drop 5 pts against `release` |"),
        "{page}"
    );
    assert!(
        page.contains(
            "| baseline `release` | [`monday`](https://wandb.ai/my-team/bot/r/call/first)"
        ),
        "{page}"
    );
    outcome.done();
}

#[test]
fn a_further_baseline_that_is_not_there_decides_nothing() {
    let weave = declining();
    let keys = DECLINING.replace("'1.4'", "'1.5'");
    let gates = "- {name: last, scorer: correctness, metric: pass_rate, max_drop: 0.05}
- {name: release, scorer: correctness, metric: pass_rate, min: 0.8, max_drop: 0.5, against: release}";
    // The result is the same when the usual baseline is optional.
    for required in ["true", "false"] {
        let keys = keys.replace(
            "branch: main",
            &format!("branch: main, required: {required}"),
        );
        let outcome = by(&weave, &keys, gates, &[]).run().code(3);
        finds(&outcome, "no-baseline", "undecided");
        tells(&outcome, "against `release`: there is no baseline");
        let checks = policy(&outcome)["checks"].clone();
        let statuses: Vec<&str> = (0..3)
            .map(|place| checks[place]["status"].as_str().unwrap())
            .collect();
        assert_eq!(statuses, ["pass", "pass", "undecided"]);
        outcome.done();
    }
}

#[test]
fn a_policy_may_compare_with_further_baselines_alone() {
    let weave = declining();
    let keys = DECLINING.replace("baseline: {branch: main}\n", "");
    let gates = "- {name: release, scorer: correctness, metric: pass_rate, max_drop: 0.08, against: release}";
    let outcome = by(&weave, &keys, gates, &[]).run().code(0);
    assert_eq!(policy(&outcome)["baseline"], json!(null));
    // An unset variable in the selector of a further baseline is an error in the policy.
    let keys = keys.replace("'1.4'", "'${NOT_SET}'");
    by(&weave, &keys, gates, &[])
        .run()
        .code(2)
        .says(": the variable `NOT_SET` is not set")
        .says("in baselines.release.attributes.release");
    outcome.done();
}

#[test]
fn further_baselines_have_a_greatest_age_and_may_be_snapshots() {
    let weave = declining();
    let gates = "- {name: release, scorer: correctness, metric: pass_rate, max_drop: 0.08, against: release}";
    let keys = DECLINING.replace("}}}", "}, max_age: 1h}}");
    let outcome = by(&weave, &keys, gates, &[]).run().code(3);
    finds(&outcome, "baseline-stale", "undecided");
    tells(&outcome, "against `release`: the baseline `first` finished");
    outcome.done();
    let taken = |run: &str| {
        let outcome = Gate::new(&[
            "snapshot",
            run,
            "--project=my-team/bot",
            "--rows",
            "-o",
            "saved.json",
        ])
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
        .code(0);
        let text = outcome.read("saved.json");
        outcome.done();
        text
    };
    let (first, now) = (taken("first"), taken("now"));
    let keys = "candidate: {file: now.json}\nbaselines: {release: {file: first.json}}";
    for (most, code) in [("0.08", 0), ("0.07", 1)] {
        Gate::new(&["check", "--json=r.json"])
            .file(
                "gates.yaml",
                &format!("version: 1\n{keys}\ngates:\n{gates}\n").replace("0.08", most),
            )
            .file("first.json", &first)
            .file("now.json", &now)
            .run()
            .code(code)
            .done();
    }
}

#[test]
fn each_further_baseline_takes_as_many_requests_again() {
    let gates = "- {name: last, scorer: correctness, metric: pass_rate, max_drop: 0.5}";
    let release = "\n- {name: release, scorer: correctness, metric: pass_rate, max_drop: 0.5, against: release}";
    let requests = |gates: &str| {
        let weave = declining();
        by(&weave, DECLINING, gates, &[]).run().code(0).done();
        weave.requests().len()
    };
    // The further baseline adds five requests: the list of runs, two counts, and two results.
    assert_eq!(requests(&format!("{gates}{release}")) - requests(gates), 5);
}

#[test]
fn the_rows_of_each_run_of_a_commit_are_those_of_its_summary() {
    let runs = vec![
        logged("one", 1, 95).of("1111111"),
        logged("two", 2, 95).of("1111111"),
    ];
    let weave = Weave::with(move |request, _| {
        let alone = json!(["one"]);
        if request.body["include_summary"] == true && request.body["evaluation_run_ids"] == alone {
            let counts = Run {
                passed: 95,
                scored: 100,
                trials: 100,
            };
            return Some(Reply::json(&summary_of(99, &[("one", counts)])));
        }
        answer(&runs, request)
    });
    by(&weave, "candidate: {commit: '1111111'}", FLOOR, &[])
        .run()
        .code(3)
        .says("run `one` has 100 rows when they are read, and 99 in its summary")
        .done();
}

/// Weave compares an attribute by its JSON text. It misses values that the text escapes in another way.
#[test]
fn a_value_that_weave_does_not_find_is_looked_for_among_the_recent_runs() {
    for value in [
        "feature/größe",
        "日本",
        "a\"b",
        "a\\b",
        "a\tb",
        "null",
        "12345678901234567",
    ] {
        let runs = vec![
            logged("older", 1, 92).with("team", &json!(value)),
            logged("newer", 2, 91).with("team", &json!(value)),
            logged("other", 3, 10).with("team", &json!("other")),
        ];
        let weave = Weave::with(move |request, _| {
            if is_list(request) && !request.body["query"].is_null() {
                return Some(Reply::lines(&[]));
            }
            answer(&runs, request)
        });
        let keys = |value: &str| {
            let value = json!(value);
            format!(
                "candidate: {{attributes: {{team: {value}}}}}\nbaseline: {{attributes: {{team: {value}}}}}"
            )
        };
        let outcome = by(&weave, &keys(value), DROP, &[]).run().code(0);
        let report = policy(&outcome);
        let ids = [&report["candidate"]["id"], &report["baseline"]["id"]];
        assert_eq!(ids, ["newer", "older"], "{value}");
        outcome.done();
        by(&weave, &keys("nobody"), DROP, &[])
            .run()
            .code(3)
            .says("no run of `my-team/bot` matches `attributes.team=nobody`")
            .says("values of `attributes.team`")
            .done();
    }
}

/// With `ClickHouse`, the trials of a row have no fixed order, and a call may be stored twice.
#[test]
fn trials_are_read_in_the_order_of_their_calls_and_each_once() {
    let gates = "- {name: t, scorer: tone, metric: numeric_mean, min: 0, evidence: significant}";
    let reports: Vec<String> = [[0, 1, 2, 2], [2, 0, 1, 0], [1, 2, 1, 0]]
        .into_iter()
        .map(|order| {
            let trial = |place: usize| {
                let tone = [0.1, 0.2, 0.7][place];
                json!({"predict_and_score_call_id": format!("call-{place}"), "scores": {"tone": tone}})
            };
            let rows: Vec<Value> = (0..4)
                .map(|row| {
                    let trials: Vec<Value> = order.into_iter().map(trial).collect();
                    let of_run = json!({"evaluation_call_id": "cand", "trials": trials});
                    json!({"row_digest": format!("row-{row}"), "evaluations": [of_run]})
                })
                .collect();
            let weave = Weave::with(move |request, _| {
                if request.body["include_rows"] == true {
                    return Some(page(asked(request, &rows), rows.len()));
                }
                (request.body["include_summary"] == true).then(|| {
                    let stats = json!({"scorer_key": "tone", "path": null, "value_type": "continuous", "trial_count": 12,
                        "numeric_count": 12, "numeric_mean": 1.0 / 3.0, "pass_true_count": 0, "pass_known_count": 0, "pass_rate": null});
                    let run = json!({"evaluation_call_id": "cand", "trial_count": 12, "scorer_stats": [stats]});
                    Reply::json(&json!({"rows": [], "total_rows": 4, "summary": {"row_count": 4, "evaluations": [run]}, "warnings": []}))
                })
            });
            let outcome = by(&weave, "", gates, &["--candidate=cand"]).run().code(0);
            let report = outcome.read("r.json");
            outcome.done();
            report
        })
        .collect();
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
}
