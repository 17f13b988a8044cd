//! Tests of the requests that a check makes, and of their content.

use serde_json::{Value, json};

use crate::gate::{Gate, KEY, KEY_IN_BASE64};
use crate::weave::{
    Reply, Request, Run, Weave, is_rerun_list, is_root_read, root, summary_of, uncounted,
};

const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}";
const BOTH: &str =
    "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}";

/// The columns that are read for a run.
pub const COLUMNS: [&str; 12] = [
    "id",
    "trace_id",
    "parent_id",
    "op_name",
    "started_at",
    "ended_at",
    "exception",
    "display_name",
    "inputs",
    "attributes",
    "output",
    "summary",
];

#[test]
fn a_comparison_takes_five_requests_and_never_asks_for_rows() {
    let weave = Weave::start();
    Gate::check(
        BOTH,
        &[
            "--candidate",
            "cand",
            "--baseline",
            "base",
            "--base-url",
            &weave.url,
        ],
    )
    .run()
    .code(0);
    let mut requests = weave.requests();
    requests.sort_by_key(|request| {
        (
            request.path.clone(),
            request.body["summary_require_intersection"].to_string(),
            request.body["filter"].to_string(),
        )
    });
    let paths: Vec<String> = requests
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    assert_eq!(
        paths,
        [
            "POST /calls/query_stats",
            "POST /calls/query_stats",
            "POST /calls/stream_query",
            "POST /v2/my-team/bot/eval_results/query",
            "POST /v2/my-team/bot/eval_results/query",
        ]
    );
    for (request, id) in requests.iter().zip(["base", "cand"]) {
        let trace = format!("trace-of-{id}");
        assert_eq!(
            request.body,
            json!({"project_id": "my-team/bot", "filter": {"trace_ids": [trace]}})
        );
    }
    assert_eq!(
        requests[2].body,
        json!({
            "project_id": "my-team/bot",
            "filter": {"call_ids": ["cand", "base"]},
            "limit": 3,
            "columns": COLUMNS,
        })
    );
    for (request, intersect) in requests[3..].iter().zip([false, true]) {
        assert_eq!(
            request.body,
            json!({
                "evaluation_run_ids": ["cand", "base"],
                "include_rows": false,
                "include_summary": true,
                "summary_require_intersection": intersect,
                "include_predict_and_score_children": false,
            })
        );
    }
    for request in &requests {
        let head = request.head.to_ascii_lowercase();
        assert!(
            head.contains(&format!(
                "authorization: basic {}",
                KEY_IN_BASE64.to_ascii_lowercase()
            )),
            "{head}"
        );
        assert!(head.contains("user-agent: weave-gate/"));
    }
}

#[test]
fn without_a_comparison_three_requests_are_enough() {
    let weave = Weave::start();
    Gate::check(FLOOR, &["--candidate", "cand", "--base-url", &weave.url])
        .run()
        .code(0);
    assert_eq!(weave.requests().len(), 3);
}

/// The check searches for re-runs when the candidate names its commit.
#[test]
fn a_candidate_that_names_its_commit_takes_one_request_more() {
    let weave = Weave::with(|request, _| {
        let named = || {
            let mut named = root("cand");
            named["attributes"]["git_sha"] = json!("0123456789abcdef");
            Reply::lines(&[named])
        };
        (is_root_read(request) || is_rerun_list(request)).then(named)
    });
    Gate::check(FLOOR, &["--candidate", "cand", "--base-url", &weave.url])
        .run()
        .code(0);
    let requests = weave.requests();
    assert_eq!(requests.len(), 4);
    let list = &requests[1];
    assert!(is_rerun_list(list));
    assert_eq!(list.body["columns"], json!(COLUMNS));
    let asked = list.body["query"].to_string();
    for part in [
        r#"{"$contains":{"input":{"$getField":"attributes.git_sha"},"substr":{"$literal":"0123456"}}}"#,
        r#"{"$contains":{"input":{"$getField":"inputs.self"},"substr":{"$literal":"/answers:"}}}"#,
        r#"{"$contains":{"input":{"$getField":"inputs.model"},"substr":{"$literal":"/bot:"}}}"#,
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
}

/// The calls of a run are not counted if the run does not record how many calls it made.
#[test]
fn a_run_that_counted_no_calls_takes_no_request_for_them() {
    let weave = Weave::with(|request, _| uncounted(request));
    Gate::check(FLOOR, &["--candidate", "cand", "--base-url", &weave.url])
        .run()
        .code(0)
        .shows("completeness-unknown");
    assert_eq!(weave.requests().len(), 2);
}

#[test]
fn policies_on_the_same_runs_share_their_evidence() {
    let weave = Weave::start();
    Gate::check(
        BOTH,
        &[
            "gates.yaml",
            "more/*.yaml",
            "--candidate",
            "cand",
            "--baseline",
            "base",
            "--base-url",
            &weave.url,
        ],
    )
    .file(
        "more/b.yaml",
        &format!("version: 1\nproject: my-team/bot\ngates:\n{FLOOR}\n"),
    )
    .file(
        "more/a.yaml",
        &format!("version: 1\nproject: my-team/bot\ngates:\n{BOTH}\n"),
    )
    .run()
    .code(0);
    assert_eq!(weave.requests().len(), 5);
}

#[test]
fn tokens_are_asked_for_only_where_a_gate_needs_them() {
    let weave = Weave::start();
    let gates = "- {name: cost, metric: cost_total, max: 1}";
    Gate::check(gates, &["--candidate", "cand", "--base-url", &weave.url])
        .run()
        .code(3)
        .shows("no trial in the candidate is priced");
    let query = weave
        .requests()
        .into_iter()
        .find(|request| request.path.ends_with("/eval_results/query"))
        .unwrap();
    assert_eq!(query.body["include_costs"], true);
    // The server includes the child calls by default, so the request lacks this key.
    let children = query.body.get("include_predict_and_score_children");
    assert_eq!(children, None);
}

/// An older trace server that does not know these keys of a query for results. It rejects them as `FastAPI` does.
fn too_old_for(keys: &'static [&'static str]) -> Weave {
    Weave::with(move |request, _| {
        let body = request.body.as_object()?;
        let unknown = keys.iter().filter(|key| body.contains_key(**key));
        let detail: Vec<Value> = unknown
            .map(|key| {
                json!({"type": "extra_forbidden", "loc": ["body", key], "msg": "Extra inputs are not permitted", "input": body[*key]})
            })
            .collect();
        let answer = json!({ "detail": detail }).to_string().into_bytes();
        (!detail.is_empty()).then(|| Reply::Whole(422, String::new(), answer))
    })
}

#[test]
fn an_older_server_is_asked_without_the_keys_that_it_does_not_know() {
    let both = ["include_predict_and_score_children", "include_costs"];
    // No trial on this server has tokens, and its rows do not match its summary.
    let gates = [
        (
            "- {name: g, scorer: correctness, metric: pass_rate, max_drop: 0.05}",
            0,
        ),
        (
            "- {name: g, scorer: correctness, metric: pass_rate, max_drop: 0.05, evidence: significant}",
            3,
        ),
        ("- {name: g, metric: tokens_mean, max: 100}", 3),
    ];
    for (gates, code) in gates {
        let weave = too_old_for(&["include_predict_and_score_children", "include_costs"]);
        let outcome = Gate::check(
            gates,
            &["--candidate=cand", "--baseline=base", "--json=r.json"],
        )
        .args(&["--base-url", &weave.url])
        .run()
        .code(code);
        assert_ne!(outcome.json("r.json")["verdict"], json!(null), "{gates}");
        let asked: Vec<Request> = weave.requests();
        let refused = asked
            .iter()
            .filter(|request| both.iter().any(|key| request.body.get(key).is_some()));
        // Two parallel requests may both be sent before the first is rejected.
        assert!(refused.count() <= 2, "{gates}");
        outcome.done();
    }
    let weave = too_old_for(&["include_costs"]);
    let outcome = Gate::check(
        "- {name: g, metric: cost_total, max: 1}",
        &["--candidate=cand"],
    )
    .args(&["--base-url", &weave.url])
    .run()
    .code(3)
    .says("the trace server does not know `include_costs` in a request (422)")
    .says("limits on cost need a trace server of Weave 0.53.2 or later");
    outcome.done();
    // A snapshot is made without costs.
    Gate::new(&[
        "snapshot",
        "cand",
        "--project=my-team/bot",
        "--summary-only",
        "-o=s.json",
    ])
    .env("WANDB_API_KEY", KEY)
    .args(&["--base-url", &weave.url])
    .run()
    .code(0)
    .done();
    // A missing required key is an error.
    let weave = too_old_for(&["include_summary"]);
    Gate::check(FLOOR, &["--candidate=cand"])
        .args(&["--base-url", &weave.url])
        .run()
        .code(3)
        .says("the trace server does not know `include_summary` in a request (422)")
        .says("it is too old for what is asked; upgrade it")
        .done();
}

#[test]
fn the_project_comes_from_the_environment_where_nothing_else_names_it() {
    let weave = Weave::start();
    let check = || {
        Gate::new(&["check", "--candidate", "cand"])
            .file("gates.yaml", &format!("version: 1\ngates:\n{FLOOR}\n"))
            .env("WANDB_API_KEY", KEY)
            .env("WF_TRACE_SERVER_URL", &weave.url)
    };
    check()
        .env("WANDB_ENTITY", "my-team")
        .env("WANDB_PROJECT", "bot")
        .run()
        .code(0);
    check().run().code(2).says("no project is named");
    check()
        .args(&["--project", "my-team/bot"])
        .env("WANDB_ENTITY", "x")
        .run()
        .code(0);
}

#[test]
fn runs_can_be_named_in_the_policy_with_variables() {
    let weave = Weave::start();
    let policy = format!(
        "version: 1\nproject: '${{TEAM:-my-team}}/bot'\ncandidate: {{run: '${{RUN}}'}}\nbaseline: {{run: base}}\ngates:\n{BOTH}\n"
    );
    let check = || {
        Gate::new(&["check", "--base-url", &weave.url])
            .file("gates.yaml", &policy)
            .env("WANDB_API_KEY", KEY)
    };
    check().env("RUN", "cand").run().code(0);
    check()
        .run()
        .code(2)
        .says(": the variable `RUN` is not set");
    check().args(&["--candidate", "cand"]).run().code(0);
}

#[test]
fn verbose_names_each_request() {
    let weave = Weave::start();
    Gate::check(
        FLOOR,
        &["-v", "--candidate", "cand", "--base-url", &weave.url],
    )
    .run()
    .code(0)
    .says("POST /calls/stream_query: 200 after")
    .says("POST /calls/query_stats: 200 after")
    .says("POST /v2/my-team/bot/eval_results/query: 200 after");
}

#[test]
fn a_proxy_is_not_used_to_reach_this_machine() {
    let weave = Weave::start();
    Gate::check(FLOOR, &["--candidate", "cand", "--base-url", &weave.url])
        .env("ALL_PROXY", "http://user:proxy-secret@127.0.0.1:9")
        .run()
        .code(0);
}

/// If rows were both removed and added, the check also reads the candidate alone. The two answers must agree.
#[test]
fn what_a_run_is_alone_is_what_it_is_beside_another() {
    let gate = "- {name: both, scorer: correctness, metric: pass_rate, min: 0.8, max_drop: 0.2}";
    let run = |passed, trials| Run {
        passed,
        scored: trials,
        trials,
    };
    let check = |alone: &'static [(&'static str, u64)]| {
        let weave = Weave::with(move |request, _| {
            let ids = request.body["evaluation_run_ids"].as_array()?;
            let is_common = request.body["summary_require_intersection"] == true;
            Some(Reply::json(&if ids.len() == 1 {
                let alone: Vec<(&str, Run)> = alone
                    .iter()
                    .map(|(id, trials)| (*id, run(*trials, *trials)))
                    .collect();
                summary_of(100, &alone)
            } else if is_common {
                summary_of(95, &[("cand", run(95, 95)), ("base", run(95, 95))])
            } else {
                summary_of(105, &[("cand", run(100, 100)), ("base", run(100, 100))])
            }))
        });
        Gate::check(gate, &["--candidate=cand", "--baseline=base", "--all"])
            .args(&["--base-url", &weave.url])
            .run()
    };
    check(&[("cand", 100)]).code(0).shows("rows-added");
    let others: [&'static [(&'static str, u64)]; 4] = [
        &[],
        &[("other", 100)],
        &[("cand", 101)],
        &[("cand", 100), ("cand", 100)],
    ];
    for other in others {
        check(other).code(3).says("contradict each other");
    }
}
