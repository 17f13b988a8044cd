//! Tests of the search for runs: the requests to Weave, and server faults that must not change the result.

use serde_json::{Value, json};

use crate::gate::{Gate, KEY, Outcome};
use crate::requests::COLUMNS;
use crate::weave::{Reply, Request, Weave, call, is_count, is_list, is_rerun_list, roots};

const BOTH: &str =
    "- {name: both, scorer: correctness, metric: pass_rate, min: 0.8, max_drop: 0.05}";

const CANDIDATE: &str = "evaluation=answers,attributes.git_sha=cand";
const BASELINE: &str = "evaluation=answers,attributes.git_branch=main";

/// Whether the request searches for a baseline. Such a request has more conditions.
fn is_for_baseline(request: &Request) -> bool {
    request.body["query"].to_string().contains("ended_at")
}

/// Whether the request searches for a run. A search for re-runs is excluded.
fn is_look(request: &Request) -> bool {
    is_list(request) && !is_rerun_list(request)
}

/// Finds both runs on a server that answers searches with `search`, and judges them.
fn both(
    search: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    more: &[&str],
) -> (Outcome, Vec<Request>) {
    let weave = Weave::with(move |request, _| is_list(request).then(|| search(request)));
    let outcome = Gate::check(BOTH, &["--candidate", CANDIDATE, "--baseline", BASELINE])
        .args(&["--json=r.json", "--base-url", &weave.url])
        .args(more)
        .run();
    (outcome, weave.requests())
}

/// A server that knows these runs, newest first, and ignores all filters.
fn knows(calls: Vec<Value>) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| {
        let number = |key: &str| usize::try_from(request.body[key].as_u64().unwrap()).unwrap();
        let (offset, limit) = (number("offset"), number("limit"));
        let page: Vec<Value> = calls.iter().skip(offset).take(limit).cloned().collect();
        Reply::lines(&page)
    }
}

fn chosen(outcome: &Outcome) -> (Value, Value) {
    let policy = &outcome.json("r.json")["policies"][0];
    (
        policy["candidate"]["id"].clone(),
        policy["baseline"]["id"].clone(),
    )
}

#[test]
fn two_searches_ask_for_no_more_than_is_used() {
    let (outcome, requests) = both(
        |request| {
            let id = if is_for_baseline(request) {
                "base"
            } else {
                "cand"
            };
            Reply::lines(&[call(id, if id == "cand" { 9 } else { 8 })])
        },
        &[],
    );
    assert_eq!(chosen(&outcome.code(0)), (json!("cand"), json!("base")));
    // Two searches, one list of re-runs of the candidate's commit, the statistics, and the counts of calls.
    assert_eq!(requests.len(), 7);
    assert!(is_rerun_list(&requests[1]));
    let filter = json!({
        "op_names": ["weave:///my-team/bot/op/Evaluation.evaluate:*", "Evaluation.evaluate"],
    });
    for request in [&requests[0], &requests[2]] {
        let body = &request.body;
        assert_eq!(body["project_id"], "my-team/bot");
        assert_eq!(body["filter"], filter);
        assert_eq!(body["limit"], 10);
        assert_eq!(
            body["sort_by"],
            json!([{"field": "started_at", "direction": "desc"}])
        );
        assert_eq!(body["columns"], json!(COLUMNS));
        // The server rejects a body with an unknown key.
        assert_eq!(body.as_object().unwrap().len(), 7);
    }
    let asked = requests[2].body["query"].to_string();
    for part in [
        r#"{"$contains":{"input":{"$getField":"inputs.self"},"substr":{"$literal":"/answers:"}}}"#,
        r#"{"$eq":[{"$getField":"attributes.git_branch"},{"$literal":"main"}]}"#,
        r#"{"$not":[{"$eq":[{"$getField":"ended_at"},{"$literal":null}]}]}"#,
        r#"{"$not":[{"$eq":[{"$getField":"id"},{"$literal":"cand"}]}]}"#,
        r#"{"$lte":[{"$getField":"started_at"},{"$literal":"2026-11-22T09:00:00Z"}]}"#,
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
}

/// A repeated line or a failed count neither adds a run nor loses one.
#[test]
fn a_repeated_line_or_a_failing_count_loses_no_run() {
    let weave = Weave::with(|request, _| match &*request.path {
        "/calls/stream_query" => {
            let hour = if is_for_baseline(request) { 8 } else { 9 };
            let id = if hour == 8 { "base" } else { "cand" };
            let stranger = |number: u32| {
                let mut stranger = call(&format!("stranger-{number}"), hour);
                stranger["attributes"] = json!({});
                stranger
            };
            // The first page repeats one line and contains no match.
            let first: Vec<Value> = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(stranger).to_vec();
            Some(Reply::lines(&if is_rerun_list(request) {
                vec![call("cand", 9)]
            } else if request.body["offset"] == 0 {
                first
            } else {
                vec![call(id, hour)]
            }))
        }
        _ => None,
    });
    let optional = "version: 1\nproject: my-team/bot\nbaseline: {required: false}\ngates:\n";
    Gate::new(&["check", "--candidate", CANDIDATE, "--baseline", BASELINE])
        .file(
            "gates.yaml",
            &format!("{optional}{}", BOTH.replace("0.05", "0.01")),
        )
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
        .code(1)
        .shows("92 % → 90 %  -2 pts  max drop 1 pt");
    for status in [404, 500] {
        let weave = Weave::with(move |request, _| {
            if is_count(request) {
                return None;
            }
            match &*request.path {
                "/calls/stream_query" => Some(Reply::lines(&many(request))),
                "/calls/query_stats" => {
                    Some(Reply::status(status, "no").header("Retry-After: 100"))
                }
                _ => None,
            }
        });
        Gate::check(BOTH, &["--candidate", BASELINE, "--baseline", BASELINE])
            .args(&["--all", "--base-url", &weave.url])
            .run()
            .code(0)
            .shows("at least 10 runs match");
    }
}

/// Ten runs of the branch, each of a different commit. A list for one commit holds one run.
fn many(request: &Request) -> Vec<Value> {
    let is_newest = !is_for_baseline(request);
    let asked = request.body["query"].to_string();
    if is_rerun_list(request) {
        let is_of_base = asked.contains(r#"{"$literal":"base"}"#);
        return vec![if is_of_base {
            call("base", 8)
        } else {
            call("cand", 9)
        }];
    }
    let newest = if is_newest {
        call("cand", 9)
    } else {
        call("base", 8)
    };
    let others = (0..9).map(|number| call(&format!("more-{number}"), 7));
    std::iter::once(newest).chain(others).collect()
}

/// One commit may have several evaluations. A policy gates one of them.
#[test]
fn an_argument_without_an_evaluation_means_the_policys() {
    let weave = Weave::with(|request, _| {
        let mut smoke = call("smoke", 10);
        smoke["inputs"]["self"] = json!("weave:///my-team/bot/object/smoke:v1");
        smoke["attributes"]["git_sha"] = json!("cand");
        is_list(request).then(|| Reply::lines(&[smoke, call("cand", 9)]))
    });
    for run in ["attributes.git_sha=cand", "model=bot", "latest"] {
        let policy = format!(
            "version: 1\nproject: my-team/bot\ncandidate: {{evaluation: answers}}\ngates:\n{BOTH}\n"
        );
        let outcome = Gate::new(&[
            "check",
            "--json=r.json",
            "--baseline=base",
            "--candidate",
            run,
        ])
        .file("gates.yaml", &policy)
        .env("WANDB_API_KEY", KEY)
        .args(&["--base-url", &weave.url])
        .run()
        .code(0);
        let candidate = &outcome.json("r.json")["policies"][0]["candidate"];
        assert_eq!(candidate["id"], "cand");
        assert!(
            candidate["selector"]
                .as_str()
                .unwrap()
                .starts_with("evaluation=answers")
        );
    }
}

/// The gate checks names, times and states itself. The unclear run may be the newest match, so the gate does not use an
/// older run.
#[test]
fn a_run_that_does_not_say_what_it_is_is_not_passed_over() {
    let searched = |selector: &str, untold: &'static [&'static str], at: usize| {
        let mut calls = vec![call("new", 12), call("old", 11)];
        for name in untold {
            calls[at]["inputs"].as_object_mut().unwrap().remove(*name);
        }
        let weave = Weave::with(move |request, _| is_list(request).then(|| Reply::lines(&calls)));
        Gate::check(
            "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.8}",
            &["--candidate", selector, "--base-url", &weave.url],
        )
        .run()
    };
    for (selector, untold) in [
        ("evaluation=answers", "self"),
        ("evaluation=answers,model=bot", "model"),
    ] {
        let untold = Vec::leak(vec![untold]);
        searched(selector, untold, 0).code(3).says(&format!(
            "Weave lists run `new` among those of `{selector}`, and does not say of which evaluation or model it is"
        ));
        // This run is older than the chosen run.
        let weave = searched(selector, untold, 1);
        assert!(!weave.stderr.contains("does not say"), "{}", weave.stderr);
        weave.done();
    }
    // The selector does not name the model, so the run need not have one.
    let outcome = searched("evaluation=answers", &["model"], 0);
    assert!(
        !outcome.stderr.contains("does not say"),
        "{}",
        outcome.stderr
    );
    outcome.done();
}

#[test]
fn a_server_that_does_not_filter_changes_nothing() {
    let mut long = call("long", 22);
    long["inputs"]["self"] = json!("weave:///my-team/bot/object/answers-long:v1");
    let mut running = call("running", 7);
    running["ended_at"] = Value::Null;
    let mut failed = call("failed", 6);
    failed["exception"] = json!("ValueError");
    let mut rescored = call("rescored", 5);
    rescored["attributes"]["weave"]["source_evaluation_run_id"] = json!("cand");
    let mut child = call("child", 9);
    child["op_name"] = json!("weave:///my-team/bot/op/Evaluation.predict_and_score:v1");
    let mut topic = call("topic", 4);
    topic["attributes"]["git_branch"] = json!("topic");
    let calls = vec![
        long,
        call("newer", 20),
        child,
        call("cand", 9),
        running,
        failed,
        rescored,
        topic,
        call("base", 3),
        call("older", 2),
    ];
    let (outcome, requests) = both(knows(calls), &[]);
    assert_eq!(chosen(&outcome), (json!("cand"), json!("base")));
    // The page is full, so there may be more runs of the baseline's commit.
    assert_eq!(requests.len(), 8);
}

#[test]
fn the_search_goes_on_over_pages_and_ends() {
    // Nine pages contain no match. The tenth page contains the matches.
    let strangers = |count: u32| {
        (0..count).map(|number| {
            let mut stranger = call(&format!("stranger-{number}"), 23);
            stranger["attributes"] = json!({});
            stranger
        })
    };
    let calls: Vec<Value> = strangers(95)
        .chain([call("cand", 9), call("base", 8)])
        .collect();
    let (outcome, requests) = both(knows(calls), &[]);
    assert_eq!(chosen(&outcome), (json!("cand"), json!("base")));
    let searches = requests
        .iter()
        .filter(|request| is_list(request) && !is_rerun_list(request));
    assert_eq!(searches.count(), 20);
    let calls: Vec<Value> = strangers(120)
        .chain([call("cand", 9), call("base", 8)])
        .collect();
    let (outcome, _) = both(knows(calls), &[]);
    outcome
        .code(3)
        .says("gave up the search for `evaluation=answers,attributes.git_sha=cand` after 100 runs that do not match")
        .says("name the run by its id");
}

#[test]
fn many_matches_are_counted_by_the_server() {
    let weave = Weave::with(move |request, _| match &*request.path {
        "/calls/stream_query" => Some(Reply::lines(&many(request))),
        "/calls/query_stats" if is_count(request) => None,
        "/calls/query_stats" => {
            assert_eq!(request.body.as_object().unwrap().len(), 3);
            Some(Reply::json(&json!({"count": 412, "has_more": false})))
        }
        _ => None,
    });
    let outcome = Gate::check(BOTH, &["--candidate", BASELINE, "--baseline", BASELINE])
        .args(&["--json=r.json", "--all", "--base-url", &weave.url])
        .run()
        .code(0)
        .shows("412 runs match");
    let run = &outcome.json("r.json")["policies"][0]["baseline"];
    assert_eq!(
        (&run["matches"], &run["selector"]),
        (&json!(412), &json!(BASELINE))
    );
    // Each side needs the search, its count, the runs of the commit, and the count of the run's calls. Both need the
    // statistics.
    assert_eq!(weave.requests().len(), 10);
}

#[test]
fn lists_that_cannot_be_trusted_are_no_evidence() {
    let lines = |text: &str| Reply::Whole(200, String::new(), text.as_bytes().to_vec());
    let good = call("cand", 9).to_string();
    let mut timeless = call("cand", 9);
    timeless["started_at"] = Value::Null;
    let mut changed = call("cand", 9);
    changed["ended_at"] = Value::Null;
    for (reply, words) in [
        (
            Reply::lines(&[call("a", 8), call("cand", 9)]),
            "in another order than asked for",
        ),
        (
            Reply::lines(&(0..11).map(|_| call("cand", 9)).collect::<Vec<_>>()),
            "more runs than asked for",
        ),
        (
            lines(&good[..good.len() / 2]),
            "is not what the v2 Evaluation API sends",
        ),
        (
            lines(&format!("{good}\n{{\"reason\": \"too late\"}}\n")),
            "is not what the v2 Evaluation API sends: missing field `id`",
        ),
        (lines("<html></html>"), "answered with a web page"),
        (lines("[]\n"), "is not what the v2 Evaluation API sends"),
        (Reply::lines(&[timeless]), "a call without a time"),
        (
            Reply::lines(&[call("cand", 9), changed]),
            "one run is listed twice, and differs",
        ),
        (
            lines(&good.replacen("\"git_sha\":", "\"git_sha\":\"other\",\"git_sha\":", 1)),
            "duplicate key `git_sha`",
        ),
        (
            lines(&format!("{{\"id\": \"{KEY}\"}}")),
            "holds the API key",
        ),
        (
            Reply::status(403, "no access"),
            "may not read this project (403): no access",
        ),
        (Reply::status(401, "no"), "refused the API key (401)"),
        (
            Reply::Whole(404, String::new(), b"{\"detail\":\"Not Found\"}".to_vec()),
            "does not know /calls/stream_query (404)",
        ),
        (
            Reply::status(422, "no such key"),
            "Weave answered 422: no such key",
        ),
    ] {
        let (outcome, requests) = both(move |_| reply.clone(), &[]);
        outcome.code(3).says(words);
        assert_eq!(requests.len(), 1, "{words}");
    }
    // A run that is listed twice counts once.
    let (outcome, _) = both(
        |request| {
            let hour = if is_for_baseline(request) { 8 } else { 9 };
            let id = if hour == 8 { "base" } else { "cand" };
            Reply::lines(&[call(id, hour), call(id, hour)])
        },
        &[],
    );
    assert_eq!(
        outcome.code(0).json("r.json")["policies"][0]["candidate"]["matches"],
        1
    );
    let (outcome, requests) = both(|_| lines_of_nothing(), &[]);
    outcome
        .code(3)
        .says("the project has no evaluation runs at all");
    assert_eq!(requests.len(), 2);
}

fn lines_of_nothing() -> Reply {
    Reply::Whole(200, String::new(), Vec::new())
}

#[test]
fn a_candidate_without_a_start_has_no_older_run() {
    let weave = Weave::with(|request, _| roots(request, |run| run["started_at"] = Value::Null));
    let of = |candidate: &str, url: &str| {
        Gate::check(BOTH, &["--candidate", candidate, "--baseline", BASELINE])
            .args(&["--base-url", url])
    };
    of("cand", &weave.url)
        .run()
        .code(3)
        .says("a call without a time");
    // A run in a snapshot may lack a start time.
    let weave = Weave::start();
    let taken = Gate::new(&["snapshot", "cand", "--summary-only", "-o", "s.json"])
        .args(&["--project=my-team/bot", "--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0)
        .read("s.json");
    let mut saved: Value = serde_json::from_str(&taken).unwrap();
    saved["runs"][0]["started_at"] = Value::Null;
    of("file:s.json", &weave.url)
        .file("s.json", &saved.to_string())
        .run()
        .code(3)
        .says("the candidate has no start time, so it is unknown which runs are older");
}

#[test]
fn policies_share_what_was_found() {
    let weave = Weave::with(|request, before| {
        // A newer run appears after the first search. All policies must judge the same run.
        let newer = (before > 0).then(|| {
            let mut newer = call("newer", 10);
            newer["attributes"]["git_sha"] = json!("cand");
            newer
        });
        is_list(request).then(|| {
            if is_for_baseline(request) {
                Reply::lines(&[call("base", 8)])
            } else {
                Reply::lines(
                    &newer
                        .into_iter()
                        .chain([call("cand", 9)])
                        .collect::<Vec<_>>(),
                )
            }
        })
    });
    let floor = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.8}";
    let of =
        |baseline: &str| format!("version: 1\nproject: my-team/bot\n{baseline}\ngates:\n{BOTH}\n");
    let outcome = Gate::check(
        floor,
        &["a.yaml", "b.yaml", "gates.yaml", "--candidate", CANDIDATE],
    )
    .file("a.yaml", &of("baseline: {attributes: {git_branch: main}}"))
    .file("b.yaml", &of("baseline: {run: base}"))
    .args(&["--json=r.json", "--base-url", &weave.url])
    .run()
    .code(0);
    for policy in outcome.json("r.json")["policies"].as_array().unwrap() {
        assert_eq!(policy["candidate"]["id"], "cand");
    }
}

#[test]
fn waiting_goes_on_while_the_server_is_busy_and_stops_where_it_cannot_help() {
    let waits = |script: fn(&Request, usize) -> Option<Reply>, wait: &str| {
        let weave = Weave::with(script);
        let outcome = Gate::check(BOTH, &["--candidate", CANDIDATE, "--baseline=base"])
            .args(&["--wait", wait, "--timeout=1s", "--base-url", &weave.url])
            .run();
        (outcome, weave.requests())
    };
    let (outcome, _) = waits(
        |request, before| {
            is_look(request)
                .then(|| match before {
                    0..=2 => Reply::status(503, "asleep").header("Retry-After: 1"),
                    _ => Reply::lines(&[call("cand", 9)]),
                })
                .or_else(|| is_rerun_list(request).then(|| Reply::lines(&[call("cand", 9)])))
        },
        "20s",
    );
    outcome.code(0).says("503: asleep");
    let (outcome, _) = waits(
        |request, _| {
            is_list(request).then(|| Reply::status(503, "asleep").header("Retry-After: 30"))
        },
        "2s",
    );
    outcome
        .code(3)
        .says("waited 2s for evaluation=answers,attributes.git_sha=cand in my-team/bot; last seen: cannot read the list of evaluation runs: Weave answered 503: asleep");
    // A cut line may be complete in the next answer. The 429 answer says when to retry.
    let (outcome, requests) = waits(
        |request, before| {
            is_look(request)
                .then(|| match before {
                    0 => Reply::Whole(200, String::new(), b"{\"id\": \"ca".to_vec()),
                    1 => Reply::status(429, "slowly").header("Retry-After: 3"),
                    _ => Reply::lines(&[call("cand", 9)]),
                })
                .or_else(|| is_rerun_list(request).then(|| Reply::lines(&[call("cand", 9)])))
        },
        "20s",
    );
    outcome.code(0).says("429: slowly");
    assert_eq!(
        requests.iter().filter(|request| is_look(request)).count(),
        3
    );
    // A server that does not answer does not make the wait longer than its limit.
    let started = std::time::Instant::now();
    let (outcome, _) = waits(
        |request, _| is_list(request).then(|| Reply::Silence(std::time::Duration::from_secs(30))),
        "2s",
    );
    outcome
        .code(3)
        .says("waited 2s for")
        .says("sent no complete answer within 1 s");
    assert!(started.elapsed().as_secs() < 6);
    let (outcome, requests) = waits(|_, _| Some(Reply::status(403, "no access")), "60s");
    outcome.code(3).says("may not read this project");
    assert_eq!(requests.len(), 1);
}
