//! Tests of rows that are read for statistical evidence: their pages, and the consistency of their content.

use serde_json::{Value, json};

use crate::gate::{Gate, Outcome};
use crate::weave::{BASELINE, CANDIDATE, Reply, Request, Weave, summary_of};

const GATE: &str =
    "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.02, evidence: significant}";

/// A row with one trial in each run.
pub fn row(number: u64, candidate: bool, baseline: bool) -> Value {
    let of = |id: &str, score: bool| {
        json!({"evaluation_call_id": id, "trials": [{
            "predict_and_score_call_id": "x", "predict_call_id": "y", "model_output": {"text": "an output that is not needed"},
            "scores": {"correctness": score, "other": {"deep": [1, 2]}}, "model_latency_seconds": 0.5,
        }]})
    };
    json!({
        "row_digest": format!("digest-{number:06}"),
        "raw_data_row": null,
        "evaluations": [of("base", baseline), of("cand", candidate)],
    })
}

/// The 100 rows of both runs. The candidate passes 90 and the baseline 92.
pub fn rows() -> Vec<Value> {
    (0..100)
        .map(|number| row(number, number >= 10, !(4..12).contains(&number)))
        .collect()
}

/// Runs a check on a server with these pages of rows.
fn judged(
    page: impl Fn(&Request, &[Value]) -> Reply + Send + Sync + 'static,
) -> (Outcome, Vec<Request>) {
    let all = rows();
    let weave = Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| page(request, &all))
    });
    let outcome = Gate::check(
        GATE,
        &["--candidate=cand", "--baseline=base", "--json=r.json"],
    )
    .args(&["--base-url", &weave.url])
    .run();
    (outcome, weave.requests())
}

/// The part of the rows that a request asks for.
pub fn asked<'a>(request: &Request, all: &'a [Value]) -> &'a [Value] {
    let number = |key: &str| usize::try_from(request.body[key].as_u64().unwrap()).unwrap();
    let from = number("offset").min(all.len());
    &all[from..(from + number("limit")).min(all.len())]
}

pub fn page(rows: &[Value], total: usize) -> Reply {
    Reply::json(&json!({"rows": rows, "total_rows": total, "summary": null, "warnings": ["x"]}))
}

#[test]
fn rows_are_read_once_for_both_runs() {
    let (outcome, requests) = judged(|request, all| page(asked(request, all), all.len()));
    let report = outcome.code(0).json("r.json");
    let chance = &report["policies"][0]["checks"][0]["chance"];
    assert_eq!(
        (&chance["rows"], &chance["regressed"], &chance["fixed"]),
        (&json!(100), &json!(4), &json!(2))
    );
    let read: Vec<&Request> = requests
        .iter()
        .filter(|request| request.body["include_rows"] == true)
        .collect();
    assert_eq!(read.len(), 1);
    assert_eq!(
        read[0].body,
        json!({
            "evaluation_run_ids": ["cand", "base"],
            "include_rows": true,
            "include_summary": false,
            "include_predict_and_score_children": false,
            "limit": 100,
            "offset": 0,
        })
    );
    assert_eq!((CANDIDATE.passed, BASELINE.passed), (90, 92));
}

#[test]
fn an_observed_policy_reads_no_rows() {
    let weave = Weave::start();
    Gate::check(
        &GATE.replace("significant", "observed"),
        &["--candidate=cand", "--baseline=base"],
    )
    .args(&["--base-url", &weave.url])
    .run()
    .code(0);
    assert!(
        weave
            .requests()
            .iter()
            .all(|request| request.body["include_rows"] != true)
    );
}

/// When a run is compared with itself, its changes are undecided, and its `min` and `max` limits are judged.
#[test]
fn the_rows_of_a_run_beside_itself_are_read() {
    let weave = Weave::with(|request, _| {
        if request.body["include_rows"] == true {
            let mut all = rows();
            for row in &mut all {
                let both = row["evaluations"].as_array_mut().unwrap();
                both.retain(|run| run["evaluation_call_id"] == "cand");
            }
            return Some(page(asked(request, &all), all.len()));
        }
        let is_summary = request.path.ends_with("/eval_results/query");
        is_summary.then(|| Reply::json(&summary_of(100, &[("cand", CANDIDATE)])))
    });
    let floor =
        "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.99, evidence: significant}";
    Gate::check(
        &format!("{GATE}\n{floor}"),
        &[
            "--candidate=cand",
            "--baseline=cand",
            "--base-url",
            &weave.url,
        ],
    )
    .run()
    .code(1)
    .shows("same-run")
    .shows("pass rate  90 %  min 99 %")
    .shows("not chance");
}

#[test]
fn latencies_are_asked_for_with_their_calls_and_may_be_missing() {
    let gate = "- {name: slow, metric: latency_p95, max: 1}";
    let check = |latency: Value| {
        let weave = Weave::with(move |request, _| {
            (request.body["include_rows"] == true).then(|| {
                // The server includes the child calls by default, so the request lacks this key.
                assert_eq!(request.body.get("include_predict_and_score_children"), None);
                let mut all = rows();
                for row in &mut all {
                    for run in row["evaluations"].as_array_mut().unwrap() {
                        run["trials"][0]["model_latency_seconds"] = latency.clone();
                    }
                }
                page(asked(request, &all), all.len())
            })
        });
        Gate::check(gate, &["--candidate=cand", "--base-url", &weave.url]).run()
    };
    check(json!(0.5)).code(0).shows("PASSED: 1 passed");
    // A negative latency also counts as unknown.
    check(json!(-0.5)).code(3).shows("metric-not-available");
    check(Value::Null)
        .code(3)
        .shows("metric-not-available")
        .shows("so there is no latency_p95");
}

/// A page with any error must not be judged.
#[test]
fn pages_that_repeat_or_lose_rows_are_no_evidence() {
    type Wrong = fn(&Request, &[Value]) -> Reply;
    let cases: [(Wrong, &str); 8] = [
        (
            |_, all| page(&all[..99], 100),
            "a page repeats or loses rows",
        ),
        (
            |_, all| page(&[&all[..99], &all[98..99]].concat(), 100),
            "a page repeats or loses rows",
        ),
        (
            |_, all| page(&[&all[1..], &all[..1]].concat(), 100),
            "a page repeats or loses rows",
        ),
        (
            |request, all| {
                let grown = if request.body["offset"] == 0 {
                    101
                } else {
                    102
                };
                page(asked(request, all), grown)
            },
            "a run grew while it was read",
        ),
        (|_, _| page(&[], 100), "a page repeats or loses rows"),
        (
            |_, all| Reply::json(&json!({"rows": all})),
            "missing field `total_rows`",
        ),
        (
            |_, _| {
                Reply::json(
                    &json!({"rows": [{"row_digest": "a", "evaluations": []}], "total_rows": 1}),
                )
            },
            "a row has no trials",
        ),
        (
            |_, _| Reply::json(&json!({"rows": [{"evaluations": []}], "total_rows": 1})),
            "missing field `row_digest`",
        ),
    ];
    for (wrong, words) in cases {
        let (outcome, _) = judged(wrong);
        outcome.code(3).says(words);
    }
}

#[test]
fn what_contradicts_itself_in_one_row_is_no_evidence() {
    let twice = |_: &Request, all: &[Value]| {
        // The number of trials is correct, but the rows do not match the summary.
        let mut all = all.to_vec();
        all[50]["evaluations"][0]["evaluation_call_id"] = json!("cand");
        all[51]["evaluations"][1]["evaluation_call_id"] = json!("base");
        page(&all, 100)
    };
    let outcome = judged(twice).0.code(3);
    outcome.says("a row has one run twice");
    let listed = |_: &Request, all: &[Value]| {
        let mut all = all.to_vec();
        all[50]["evaluations"][0] = json!(["base", all[50]["evaluations"][0]["trials"]]);
        page(&all, 100)
    };
    judged(listed).0.code(3).says("expected an object");
}

#[test]
fn errors_are_those_of_the_rows_where_rows_are_read() {
    let gate = "- {name: fast, metric: latency_p95, max: 1}\n- {name: sound, metric: error_rate, max: 0.05}";
    for (scores, code) in [(json!({"correctness": true}), 0), (json!({}), 3)] {
        let mut all = rows();
        all[50]["evaluations"][1]["trials"][0]["scores"] = scores;
        let weave = Weave::with(move |request, _| {
            (request.body["include_rows"] == true).then(|| page(&all, 100))
        });
        Gate::check(gate, &["--candidate=cand", "--baseline=base"])
            .args(&["--base-url", &weave.url])
            .run()
            .code(code);
    }
}

#[test]
fn a_score_that_stands_twice_is_none() {
    let twice = |_: &Request, all: &[Value]| {
        let text = json!({"rows": all, "total_rows": 100}).to_string();
        let score = r#""scores":{"correctness":true"#;
        let text = text.replacen(score, &format!(r#"{score},"correctness":null"#), 1);
        Reply::Whole(200, String::new(), text.into_bytes())
    };
    let outcome = judged(twice).0.code(3);
    outcome.says("duplicate key `correctness`");
}

/// This also holds for a gate that does not need the rows.
#[test]
fn a_summary_that_its_rows_contradict_decides_nothing() {
    let floors = "- {name: low, scorer: correctness, metric: pass_rate, min: 0.99}\n\
                  - {name: high, scorer: correctness, metric: pass_rate, min: 0.5}\n\
                  - {name: rows, scorer: correctness, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    // The place of the run that the rows contradict, 0 for the baseline and 1 for the candidate, and the exit code. The
    // `min` limits are decided unless the candidate's rows contradict its summary.
    for (run, code) in [(None, 1), (Some(0), 1), (Some(1), 3)] {
        let mut all = rows();
        if let Some(run) = run {
            all[50]["evaluations"][run]["trials"][0]["scores"]["correctness"] = json!(false);
        }
        let weave = Weave::with(move |request, _| {
            (request.body["include_rows"] == true).then(|| page(&all, 100))
        });
        let outcome = Gate::check(floors, &["--candidate=cand", "--baseline=base"])
            .args(&["--json=r.json", "--base-url", &weave.url])
            .run()
            .code(code);
        let report = outcome.json("r.json");
        let statuses = report["policies"][0]["checks"].as_array().unwrap();
        let statuses: Vec<&str> = statuses
            .iter()
            .map(|check| check["status"].as_str().unwrap())
            .collect();
        let expected = match run {
            None => ["fail", "pass", "pass"],
            Some(0) => ["fail", "pass", "undecided"],
            _ => ["undecided"; 3],
        };
        assert_eq!(statuses, expected);
        let shown = outcome.stdout.matches("rows-disagree").count();
        assert_eq!(shown > 0, run.is_some(), "{}", outcome.stdout);
    }
}

#[test]
fn rows_that_are_not_those_of_the_summary_decide_nothing() {
    let turned = |_: &Request, all: &[Value]| {
        let mut all = all.to_vec();
        all[50]["evaluations"][1]["trials"][0]["scores"]["correctness"] = json!(false);
        page(&all, 100)
    };
    let (outcome, _) = judged(turned);
    outcome
        .code(3)
        .shows("rows-disagree")
        .shows("the rows of the candidate contradict what its summary");
    let unscored = |_: &Request, all: &[Value]| {
        let mut all = all.to_vec();
        all[50]["evaluations"][0]["trials"][0]["scores"] = json!({});
        page(&all, 100)
    };
    judged(unscored).0.code(3).shows("rows-disagree");
    let doubled = |_: &Request, all: &[Value]| {
        let mut all = all.to_vec();
        let mut trial = all[50]["evaluations"][0]["trials"][0].clone();
        trial["predict_and_score_call_id"] = json!("another");
        all[50]["evaluations"][0]["trials"]
            .as_array_mut()
            .unwrap()
            .push(trial);
        page(&all, 100)
    };
    judged(doubled).0.code(3).shows("rows-disagree");
    // One row lacks a whole run.
    let lost = |_: &Request, all: &[Value]| {
        let mut all = all.to_vec();
        all[50]["evaluations"].as_array_mut().unwrap().remove(0);
        page(&all, 100)
    };
    judged(lost).0.code(3).shows("rows-disagree");
    // The numbers of trials and of passes are correct, but there are half as many rows: fifty with two trials each.
    let halved = |_: &Request, all: &[Value]| {
        let (first, second) = all.split_at(50);
        let both = first.iter().zip(second).map(|(row, other)| {
            let mut row = row.clone();
            for run in [0, 1] {
                let mut trial = other["evaluations"][run]["trials"][0].clone();
                trial["predict_and_score_call_id"] = json!("another");
                row["evaluations"][run]["trials"]
                    .as_array_mut()
                    .unwrap()
                    .push(trial);
            }
            row
        });
        page(&both.collect::<Vec<_>>(), 50)
    };
    judged(halved)
        .0
        .code(3)
        .shows("rows-disagree")
        .shows("50 rows, 100 in the summary");
}

/// Judges 250 rows in pages that `part` cuts. The server's counts include all rows.
fn judged_in_pages(
    part: impl Fn(&[Value], std::ops::Range<usize>) -> Vec<Value> + Send + Sync + 'static,
) -> (Outcome, usize) {
    let all: Vec<Value> = (0..250).map(|number| row(number, true, true)).collect();
    let weave = Weave::with(move |request, _| {
        if request.body["include_rows"] == true {
            let number = |key: &str| usize::try_from(request.body[key].as_u64().unwrap()).unwrap();
            let from = number("offset").min(250);
            let to = (from + number("limit")).min(250);
            return Some(page(&part(&all, from..to), 250));
        }
        (request.body["include_summary"] == true).then(|| {
            let of = |id: &str| {
                json!({"evaluation_call_id": id, "trial_count": 250, "scorer_stats": [{
                    "scorer_key": "correctness", "path": null, "trial_count": 250,
                    "numeric_count": 0, "numeric_mean": null,
                    "pass_true_count": 250, "pass_known_count": 250,
                }]})
            };
            let summary = json!({"row_count": 250, "evaluations": [of("base"), of("cand")]});
            Reply::json(&json!({"rows": [], "total_rows": 0, "summary": summary}))
        })
    });
    let outcome = Gate::check(GATE, &["--candidate=cand", "--baseline=base"])
        .args(&["--base-url", &weave.url])
        .run();
    let pages = weave.requests().into_iter();
    let pages = pages.filter(|request| request.body["include_rows"] == true);
    (outcome, pages.count())
}

#[test]
fn what_is_wrong_between_pages_is_seen_too() {
    let (outcome, pages) = judged_in_pages(|all, range| all[range].to_vec());
    outcome.code(0);
    assert_eq!(pages, 2);
    // The second page repeats the last row of the first page, and so loses its own last row.
    let (outcome, _) = judged_in_pages(|all, range| match range.start {
        0 => all[range].to_vec(),
        start => all[start - 1..range.end - 1].to_vec(),
    });
    outcome.code(3).says("a page repeats or loses rows");
    // One row is lost, and no other row replaces it.
    let (outcome, _) = judged_in_pages(|all, range| match range.start {
        0 => all[range].to_vec(),
        start => all[start + 1..range.end].to_vec(),
    });
    outcome.code(3).says("a page repeats or loses rows");
}

#[test]
fn rows_that_differ_by_the_order_of_their_keys_alone_are_told() {
    let judged = |theirs: &'static str| {
        let weave = Weave::with(move |request, _| {
            let ids = request.body["evaluation_run_ids"].as_array()?;
            if request.body["include_raw_data_rows"] == true {
                let inputs = if ids[0] == "cand" {
                    r#"{"b": 1, "a": {"d": 2, "c": 3}}"#
                } else {
                    theirs
                };
                let body = format!(
                    r#"{{"rows": [{{"row_digest": "x", "raw_data_row": {inputs}, "evaluations": []}}], "total_rows": 1}}"#
                );
                return Some(Reply::Whole(200, String::new(), body.into()));
            }
            if request.body["include_rows"] == true {
                return None;
            }
            let is_common = request.body["summary_require_intersection"] == true;
            let known = [("cand", CANDIDATE), ("base", BASELINE)];
            let answer = match (ids.as_slice(), is_common) {
                (_, true) => summary_of(0, &[]),
                ([one], false) => summary_of(100, &known[usize::from(one == "base")..][..1]),
                (_, false) => summary_of(200, &known),
            };
            Some(Reply::json(&answer))
        });
        let drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.02}";
        let arguments = [
            "--candidate=cand",
            "--baseline=base",
            "--json=r.json",
            "--base-url",
            &weave.url,
        ];
        let outcome = Gate::check(drop, &arguments).run().code(3);
        outcome.json("r.json")["policies"][0]["checks"][0]["reason"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let plain = "candidate and baseline have no row in common; an edited row is another row";
    let by_order = "candidate and baseline have no row in common: their inputs are equal but for the order of the keys";
    let said = judged(r#"{"a": {"c": 3, "d": 2}, "b": 1}"#);
    assert!(said.starts_with(by_order), "{said}");
    assert_eq!(judged(r#"{"a": {"c": 3, "d": 2}, "b": 2}"#), plain);
    assert_eq!(judged("null, \"other\": 1"), plain);
    assert_eq!(judged("no JSON"), plain);
}
