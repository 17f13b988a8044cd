//! A table of every call to the server that a check makes. For each call it holds a check that makes it, a function
//! that recognises it, and what depends on its answer.

use std::sync::{LazyLock, OnceLock};

use serde_json::{Value, json};

use crate::gate::{Gate, KEY};
use crate::weave::{
    self, CALLS as MADE, CANDIDATE, Reply, Request, Run, Weave, call, ids_of, is_count,
    is_count_of, is_list, is_rerun_list, is_root_read, root, roots, rows_of, summary_of, uncounted,
};

/// What depends on the answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The verdict.
    Verdict,
    /// A number in the report. The verdict does not depend on it.
    Aside,
    /// Details that are shown after the verdict is known.
    Explanation,
    /// The next poll of a wait. A wait retries by itself.
    Wait,
}

/// The meaning of an answer that is valid for other calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// An error with this message.
    Fault(&'static str),
    /// Evidence: the exit code, and a text in the report.
    Evidence(i32, &'static str),
}

/// A call that a check makes.
#[derive(Clone, Copy)]
pub struct Call {
    pub name: &'static str,
    /// What the call reads, as named in messages.
    pub reads: &'static str,
    pub check: Check,
    /// The number of other calls that are answered before this call is made.
    pub after: usize,
    pub is: fn(&Request) -> bool,
    pub used_for: Use,
    /// The meaning of a 404 with a reason: the server does not know the requested object.
    pub unknown: Means,
    /// The meaning of a 200 with an empty body.
    pub empty: Means,
    /// How often the call is repeated with a smaller request when an answer is too large.
    pub smaller: usize,
    /// The number of other requests that follow an empty answer. Each run is then requested alone.
    pub again: usize,
}

/// A check, and a server on which the check meets no fault.
#[derive(Clone, Copy)]
pub struct Check {
    pub gates: &'static str,
    pub arguments: &'static [&'static str],
    /// Whether the check's baseline is the snapshot `base.json`.
    pub reads_snapshot: bool,
    pub server: fn(&Request) -> Option<Reply>,
    /// The exit code and the number of requests when the server has no fault.
    pub code: i32,
    pub requests: usize,
}

/// All calls of the checks.
pub const CALLS: [Call; 29] = [
    Call {
        is: |request| ids_of(request) == ["cand", "base"],
        empty: Means::Evidence(0, "\"verdict\": \"passed\""),
        again: 2,
        reads: "the root call of `cand` and `base`",
        ..Call::of("root calls of both runs", NAMED)
    },
    Call {
        is: |request| ids_of(request) == ["cand"],
        unknown: Means::Fault("there is no run `cand` in `my-team/bot`: `not here`"),
        empty: Means::Fault("there is no run `cand` in `my-team/bot`"),
        reads: "the root call of `cand`",
        ..Call::of("root call of the candidate", RERUN)
    },
    Call {
        is: |request| ids_of(request) == ["base"],
        unknown: Means::Evidence(3, "there is no run `base` in `my-team/bot`: `not here`"),
        empty: Means::Evidence(3, "there is no run `base` in `my-team/bot`"),
        reads: "the root call of `base`",
        after: 1,
        ..Call::of("root call of the baseline", NAMED_BASELINE)
    },
    Call {
        is: |request| is_count_of(request, "cand"),
        reads: "the number of calls of run `cand`",
        after: 1,
        ..Call::of("count of the candidate's calls", NAMED)
    },
    Call {
        is: |request| is_count_of(request, "base"),
        reads: "the number of calls of run `base`",
        after: 1,
        ..Call::of("count of the baseline's calls", NAMED)
    },
    Call {
        is: |request| reads_evaluation_of(request, "cand"),
        unknown: Means::Evidence(3, "evaluation-changed"),
        reads: "how the run was measured",
        after: 5,
        ..Call::of("the candidate's evaluation", OTHER_VERSION)
    },
    Call {
        is: |request| reads_evaluation_of(request, "base"),
        unknown: Means::Evidence(3, "evaluation-changed"),
        reads: "how the run was measured",
        after: 5,
        ..Call::of("the baseline's evaluation", OTHER_VERSION)
    },
    Call {
        is: is_rerun_list,
        empty: Means::Fault("run `cand` is not among the runs of its own commit"),
        reads: "the list of evaluation runs",
        after: 1,
        ..Call::of("runs of the candidate's commit", RERUN)
    },
    Call {
        is: |request| is_count_of(request, "cand"),
        reads: "the number of calls of run `cand`",
        after: 2,
        ..Call::of("count of the calls of a run that has re-runs", RERUN)
    },
    Call {
        is: is_call_list,
        empty: Means::Evidence(3, "run-incomplete"),
        reads: "the ids of the calls of run `cand`",
        after: 3,
        ..Call::of("ids of calls that may be stored twice", RERUN)
    },
    Call {
        is: |request| is_count_of(request, "older"),
        reads: "the number of calls of run `older`",
        after: 2,
        ..Call::of("count of the calls of a re-run", POOL)
    },
    Call {
        is: |request| {
            is_summary(request, false) && request.body["evaluation_run_ids"] == json!(["older"])
        },
        reads: "the statistics of `older`",
        after: 4,
        ..Call::of("summary of a re-run", POOL)
    },
    Call {
        is: |request| is_page(request) && request.body["evaluation_run_ids"] == json!(["older"]),
        smaller: 3,
        reads: "the rows of `older`",
        after: 7,
        ..Call::of("rows of a re-run", POOL)
    },
    Call {
        is: |request| is_summary(request, false),
        reads: "the statistics of `cand` and `base`",
        after: 1,
        ..Call::of("summary of each run", NAMED)
    },
    Call {
        is: |request| is_summary(request, true),
        reads: "the statistics of the rows that `cand` and `base` have in common",
        after: 1,
        ..Call::of("summary of the common rows", NAMED)
    },
    Call {
        is: |request| {
            is_summary(request, false) && request.body["evaluation_run_ids"] == json!(["cand"])
        },
        reads: "the statistics of `cand`",
        after: 3,
        ..Call::of("summary of the candidate's own rows", APART)
    },
    Call {
        is: |request| is_list(request) && !is_for_baseline(request) && request.body["limit"] == 10,
        // The check then finds the candidate among the recent runs.
        unknown: Means::Evidence(0, "\"verdict\": \"passed\""),
        empty: Means::Evidence(0, "\"verdict\": \"passed\""),
        reads: "the list of evaluation runs",
        ..Call::of("search of the candidate", FOUND)
    },
    Call {
        is: |request| is_list(request) && is_for_baseline(request),
        // The check then finds the baseline among the recent runs. This server has no counts for that run.
        unknown: Means::Fault("the answers of Weave contradict each other"),
        empty: Means::Fault("the answers of Weave contradict each other"),
        again: 2,
        reads: "the list of evaluation runs",
        after: 3,
        ..Call::of("search of the baseline", FOUND)
    },
    Call {
        is: |request| request.path == "/calls/query_stats" && !is_count(request),
        used_for: Use::Aside,
        reads: "the number of evaluation runs",
        after: 1,
        ..Call::of("count of what matches", FOUND)
    },
    Call {
        is: |request| ids_of(request) == ["source"],
        empty: Means::Evidence(0, "\"verdict\": \"passed\""),
        reads: "the root call of `source`",
        after: 1,
        ..Call::of("what the candidate scores once more", RESCORED)
    },
    Call {
        is: |request| is_list(request) && request.body["limit"] == 200,
        empty: Means::Fault("the project has no evaluation runs at all"),
        reads: "the list of evaluation runs",
        after: 1,
        ..Call::of("what there is in the candidate's place", NO_CANDIDATE)
    },
    Call {
        is: |request| {
            is_list(request) && request.body["limit"] == 200 && request.body["query"].is_null()
        },
        empty: Means::Fault("the answers of Weave contradict each other"),
        reads: "the list of evaluation runs",
        after: 2,
        ..Call::of("what there is in the baseline's place", NO_BASELINE)
    },
    Call {
        is: is_first_run,
        // A missing first run is no evidence that the evaluation is new.
        empty: Means::Evidence(3, "no-baseline"),
        reads: "the first run of the evaluation",
        after: 3,
        ..Call::of("first run of the evaluation", FIRST)
    },
    Call {
        is: |request| {
            is_list(request)
                && request.body["limit"] == 200
                && request.body["query"].to_string().contains("nobody")
        },
        empty: Means::Evidence(0, "\"verdict\": \"passed\""),
        reads: "the list of evaluation runs",
        after: 4,
        ..Call::of("runs that could have been the baseline", FIRST)
    },
    Call {
        is: |request| is_page(request) && request.body["offset"] == 0,
        smaller: 3,
        reads: "the rows of `cand` and `base`",
        after: 3,
        ..Call::of("first page of rows", ROWS)
    },
    Call {
        is: |request| is_page(request) && request.body["offset"] != 0,
        smaller: 4,
        reads: "the rows of `cand` and `base`",
        after: 4,
        ..Call::of("second page of rows", ROWS)
    },
    Call {
        is: is_page,
        reads: "the row digests of `cand`",
        after: 1,
        ..Call::of("digests of the candidate's rows", MIXED)
    },
    Call {
        is: is_page,
        used_for: Use::Explanation,
        smaller: 3,
        reads: "the rows of `cand`",
        after: 3,
        ..Call::of("rows behind a failing check", FAILING)
    },
    Call {
        is: is_details,
        used_for: Use::Explanation,
        reads: "the contents of the rows of `cand`",
        after: 4,
        ..Call::of("the contents of the rows behind a failing check", FAILING)
    },
];

impl Check {
    pub fn is(&self, other: &Self) -> bool {
        (self.gates, self.arguments) == (other.gates, other.arguments)
    }
}

impl Call {
    const fn of(name: &'static str, check: Check) -> Self {
        Self {
            name,
            reads: "",
            check,
            after: 0,
            is: |_| false,
            used_for: Use::Verdict,
            unknown: Means::Fault("Weave does not know it: not here"),
            empty: Means::Fault("is not what the v2 Evaluation API sends: EOF"),
            smaller: 0,
            again: 0,
        }
    }

    /// Whether the answer is in JSON Lines.
    pub fn in_lines(&self) -> bool {
        let starts = [
            "the list of",
            "the root call of",
            "the ids of",
            "the first run",
        ];
        starts.iter().any(|start| self.reads.starts_with(start))
    }
}

/// A poll of `--wait` for the run.
pub const LOOK: Call = Call {
    is: is_list,
    used_for: Use::Wait,
    unknown: Means::Fault("last seen: "),
    empty: Means::Fault("last seen: no run of `my-team/bot` matches"),
    reads: "the list of evaluation runs",
    ..Call::of("look while waiting", WAITING)
};

/// A poll of `--wait` for the number of the run's calls.
const LOOK_COUNT: Call = Call {
    is: |request| is_count_of(request, "cand"),
    used_for: Use::Wait,
    empty: Means::Fault("last seen: cannot read the number of calls of run `cand`"),
    reads: "the number of calls of run `cand`",
    after: 1,
    ..Call::of("count of calls while waiting", WAITING)
};

const DROP: &str =
    "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}";
const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.95}";
const TESTED: &str =
    "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.02, evidence: significant}";

const NAMED: Check = Check {
    gates: DROP,
    arguments: &["--candidate=cand", "--baseline=base"],
    reads_snapshot: false,
    server: |_| None,
    code: 0,
    requests: 5,
};

/// The runs are of different versions of the evaluation, so both are read.
const OTHER_VERSION: Check = Check {
    gates: "- {name: versions, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.05}",
    server: |request| {
        roots(request, |run| {
            let id = run["id"].as_str().unwrap();
            run["inputs"]["self"] = json!(format!("weave:///my-team/bot/object/answers:{id}"));
        })
    },
    requests: 7,
    ..NAMED
};

/// Whether the request reads the evaluation of this run of [`OTHER_VERSION`].
fn reads_evaluation_of(request: &Request, id: &str) -> bool {
    let reference = format!("weave:///my-team/bot/object/answers:{id}");
    request.path == "/refs/read_batch" && request.body["refs"] == json!([reference])
}

/// The two runs are named in different ways, so each run is read alone.
const NAMED_BASELINE: Check = Check {
    arguments: &["--candidate=evaluation=answers", "--baseline=base"],
    server: |request| is_list(request).then(|| Reply::lines(&[root("cand")])),
    requests: 6,
    ..NAMED
};

/// The candidate's run and another run of the same commit.
fn of_one_commit(request: &Request, other: fn() -> Value) -> Option<Reply> {
    let named = || {
        let mut named = root("cand");
        named["attributes"]["git_sha"] = json!("abc");
        named
    };
    if is_rerun_list(request) {
        return Some(Reply::lines(&[named(), other()]));
    }
    is_root_read(request).then(|| Reply::lines(&[named()]))
}

/// A re-run: an older run of the candidate's commit.
fn older() -> Value {
    let mut older = call("older", 9);
    older["attributes"]["git_sha"] = json!("abc");
    older
}

/// The server stores two calls of the candidate twice. The script of the re-run crashed, so the re-run is not used.
const RERUN: Check = Check {
    gates: "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}",
    arguments: &["--candidate=cand"],
    server: |request| {
        if is_call_list(request) {
            let ids = (0..MADE).chain([0, 1]);
            let calls = ids.map(|number| json!({"id": format!("call-{number}")}));
            return Some(Reply::lines(&calls.collect::<Vec<_>>()));
        }
        if is_count(request) {
            return Some(Reply::json(&json!({"count": MADE + 2})));
        }
        of_one_commit(request, || {
            let mut crashed = older();
            crashed["output"] = Value::Null;
            crashed["display_name"] = Value::Null;
            crashed["attributes"]["_weave_eval_meta"] = json!({"imperative": true});
            crashed
        })
    },
    requests: 5,
    ..NAMED
};

/// Two runs that are judged as one.
const POOL: Check = Check {
    gates: "- {name: of all runs, scorer: correctness, metric: pass_rate, min: 0.9}",
    server: |request| {
        let ids = &request.body["evaluation_run_ids"];
        let id = ids[0].as_str().unwrap_or_default();
        if is_summary(request, false) {
            return Some(Reply::json(&summary_of(100, &[(id, CANDIDATE)])));
        }
        if is_page(request) {
            let row = |number: u64| {
                let mut row = crate::rows::row(number, number >= 10, true);
                let runs = row["evaluations"].as_array_mut().unwrap();
                runs.retain(|run| run["evaluation_call_id"] == "cand");
                runs[0]["evaluation_call_id"] = json!(id);
                row
            };
            let all: Vec<Value> = (0..100).map(row).collect();
            return Some(crate::rows::page(
                crate::rows::asked(request, &all),
                all.len(),
            ));
        }
        of_one_commit(request, older)
    },
    requests: 8,
    ..RERUN
};

/// Each run has ten rows that the other run lacks.
const APART: Check = Check {
    server: |request| {
        let part = Run {
            passed: 85,
            scored: 90,
            trials: 90,
        };
        let whole = Run {
            passed: 95,
            scored: 100,
            trials: 100,
        };
        let runs = |run| [("cand", run), ("base", run)];
        let is_own = request.body["evaluation_run_ids"] == json!(["cand"]);
        if is_summary(request, true) {
            Some(Reply::json(&summary_of(90, &runs(part))))
        } else if is_summary(request, false) {
            Some(Reply::json(&if is_own {
                summary_of(100, &[("cand", whole)])
            } else {
                summary_of(110, &runs(whole))
            }))
        } else {
            uncounted(request)
        }
    },
    gates: "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.2}",
    requests: 4,
    ..NAMED
};

/// The search returns ten runs, a full page. So there may be more runs.
const FOUND: Check = Check {
    arguments: &[
        "--candidate=evaluation=answers",
        "--baseline=attributes.git_branch=main",
    ],
    server: |request| {
        let page = if !is_list(request) {
            return (request.path == "/calls/query_stats" && !is_count(request))
                .then(|| Reply::json(&json!({"count": 12})));
        } else if is_rerun_list(request) {
            vec![call("cand", 10)]
        } else if is_for_baseline(request) {
            vec![call("base", 0)]
        } else {
            let others = (1..10).map(|age| call(&format!("older-{age}"), 10 - age));
            std::iter::once(call("cand", 10)).chain(others).collect()
        };
        Some(Reply::lines(&page))
    },
    requests: 8,
    ..NAMED
};

const RESCORED: Check = Check {
    arguments: &["--candidate=cand", "--baseline=attributes.git_branch=main"],
    server: |request| {
        if is_list(request) {
            return Some(Reply::lines(&[call("base", 1)]));
        }
        is_root_read(request).then(|| {
            let id = ids_of(request)[0];
            let mut run = root(id);
            if id == "cand" {
                run["attributes"]["weave"]["source_evaluation_run_id"] = json!("source");
            }
            Reply::lines(&[run])
        })
    },
    requests: 7,
    ..NAMED
};

const NO_CANDIDATE: Check = Check {
    arguments: &["--candidate=attributes.git_sha=nobody"],
    server: |request| {
        let known = if request.body["limit"] == 200 {
            vec![call("other", 1)]
        } else {
            Vec::new()
        };
        is_list(request).then(|| Reply::lines(&known))
    },
    code: 3,
    requests: 2,
    ..RERUN
};

/// There is no baseline. The limits on changes are skipped, and the other limits are judged.
const NO_BASELINE: Check = Check {
    gates: "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}\nbaseline: {required: false}",
    arguments: &[
        "--candidate=cand",
        "--baseline=attributes.git_branch=nobody",
    ],
    server: NO_CANDIDATE.server,
    requests: 5,
    ..NAMED
};

/// There is no baseline. The limits on changes are skipped while the evaluation is new.
const FIRST: Check = Check {
    gates: "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}\nbaseline: {required: after-first}",
    server: |request| {
        if is_first_run(request) {
            let mut first = call("other", 1);
            first["started_at"] = json!(jiff::Timestamp::now().to_string());
            return Some(Reply::lines(&[first]));
        }
        (NO_CANDIDATE.server)(request)
    },
    requests: 7,
    ..NO_BASELINE
};

/// One row more than fits on the first page.
const MANY: u64 = 101;

const ROWS: Check = Check {
    gates: TESTED,
    server: |request| {
        let run = Run {
            passed: 91,
            scored: MANY,
            trials: MANY,
        };
        if request.body["include_summary"] == true {
            return Some(Reply::json(&summary_of(
                MANY,
                &[("cand", run), ("base", run)],
            )));
        }
        if !is_page(request) {
            return uncounted(request);
        }
        Some({
            static ALL: LazyLock<Vec<Value>> = LazyLock::new(|| {
                let row = |number| crate::rows::row(number, number >= 10, number >= 10);
                (0..MANY).map(row).collect()
            });
            crate::rows::page(crate::rows::asked(request, &ALL), ALL.len())
        })
    },
    requests: 5,
    ..NAMED
};

/// A live candidate and a snapshot as its baseline. The check compares them by the digests of their rows.
const MIXED: Check = Check {
    arguments: &["--candidate=cand", "--baseline=file:base.json"],
    reads_snapshot: true,
    server: |request| {
        let ids = &request.body["evaluation_run_ids"];
        is_page(request).then(|| Reply::json(&rows_of(ids[0].as_str().unwrap(), 100)))
    },
    requests: 4,
    ..NAMED
};

const FAILING: Check = Check {
    gates: FLOOR,
    arguments: &["--candidate=cand"],
    server: |request| {
        static ALL: LazyLock<Vec<Value>> = LazyLock::new(crate::rows::rows);
        if is_details(request) {
            return Some(crate::rows::page(&ALL[..10], 10));
        }
        is_page(request).then(|| crate::rows::page(crate::rows::asked(request, &ALL), ALL.len()))
    },
    code: 1,
    requests: 5,
    ..NAMED
};

const WAITING: Check = Check {
    arguments: &["--candidate=evaluation=answers"],
    server: |request| is_list(request).then(|| Reply::lines(&[root("cand")])),
    requests: 3,
    ..RERUN
};

/// Whether the request lists the calls of a run by id only.
fn is_call_list(request: &Request) -> bool {
    request.path == "/calls/stream_query" && request.body["filter"]["trace_ids"].is_array()
}

/// Whether the request asks for the first run of an evaluation. No other request uses this order.
fn is_first_run(request: &Request) -> bool {
    is_list(request) && request.body["sort_by"][0]["direction"] == "asc"
}

/// Whether the request searches for a baseline. Only such a request asks for finished runs.
fn is_for_baseline(request: &Request) -> bool {
    request.body["query"].to_string().contains("ended_at")
}

fn is_summary(request: &Request, intersect: bool) -> bool {
    request.body["include_summary"] == true
        && request.body["summary_require_intersection"] == intersect
}

fn is_page(request: &Request) -> bool {
    request.body["include_rows"] == true && !request.body["filters"].is_array()
}

fn is_details(request: &Request) -> bool {
    request.body["filters"].is_array()
}

pub fn all() -> impl Iterator<Item = Call> {
    CALLS.into_iter().chain([LOOK, LOOK_COUNT])
}

/// The text of the snapshot that a check reads as its baseline.
pub fn snapshot() -> &'static str {
    static TAKEN: OnceLock<String> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let weave = Weave::with(|request, _| Some(sound(MIXED, request)));
        Gate::new(&[
            "snapshot",
            "base",
            "-o",
            "base.json",
            "--summary-only",
            "--project=my-team/bot",
        ])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0)
        .read("base.json")
    })
}

/// The answer of a check's server when it has no fault.
pub fn sound(check: Check, request: &Request) -> Reply {
    (check.server)(request).unwrap_or_else(|| weave::answer(request))
}
