//! Every call that a check makes: a check that makes it, how the call is known, and what depends on its answer.

use std::sync::{LazyLock, OnceLock};

use serde_json::{Value, json};

use crate::gate::{Gate, KEY};
use crate::weave::{self, Reply, Request, Run, Weave, call, rows_of, status_of, summary_of};

/// What depends on the answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The verdict.
    Verdict,
    /// A number in the report; the verdict stands without it.
    Aside,
    /// What is shown once the verdict stands.
    Explanation,
    /// The next look of a wait, which tries again itself.
    Wait,
}

/// What an answer means that is sound elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// A fault as any other, which says this.
    Fault(&'static str),
    /// Evidence: the exit code, and what stands in the report.
    Evidence(i32, &'static str),
}

/// A call that a check makes.
#[derive(Clone, Copy)]
pub struct Call {
    pub name: &'static str,
    /// What it reads, as messages name it.
    pub reads: &'static str,
    pub check: Check,
    /// How many others are answered before it is made.
    pub after: usize,
    pub is: fn(&Request) -> bool,
    pub used_for: Use,
    /// What it means that the server does not know what is asked for: a 404 with a reason.
    pub unknown: Means,
    /// What it means that nothing stands in a 200.
    pub empty: Means,
    /// How often it is made again in other words where an answer is too large.
    pub smaller: usize,
}

/// A check, and a server on which it is sound.
#[derive(Clone, Copy)]
pub struct Check {
    pub gates: &'static str,
    pub arguments: &'static [&'static str],
    /// Whether its baseline is the snapshot `base.json`.
    pub reads_snapshot: bool,
    pub server: fn(&Request) -> Option<Reply>,
    /// The exit code where nothing is wrong, and how many requests there are.
    pub code: i32,
    pub requests: usize,
}

/// All that a check asks.
pub const CALLS: [Call; 17] = [
    Call {
        is: |request| request.path.ends_with("/evaluation_runs/cand"),
        unknown: Means::Fault("Weave has no such run: `not here`"),
        reads: "the status of run `cand`",
        ..Call::of("status of the candidate", NAMED)
    },
    Call {
        is: |request| request.path.ends_with("/evaluation_runs/base"),
        unknown: Means::Evidence(3, "Weave has no such run: `not here`"),
        reads: "the status of run `base`",
        ..Call::of("status of the baseline", NAMED)
    },
    Call {
        is: |request| is_summary(request, false),
        reads: "the statistics of `cand` and `base`",
        after: 2,
        ..Call::of("summary of each run", NAMED)
    },
    Call {
        is: |request| is_summary(request, true),
        reads: "the statistics of the rows that `cand` and `base` have in common",
        after: 2,
        ..Call::of("summary of the common rows", NAMED)
    },
    Call {
        is: |request| {
            is_summary(request, false) && request.body["evaluation_run_ids"] == json!(["cand"])
        },
        reads: "the statistics of `cand`",
        after: 4,
        ..Call::of("summary of the candidate's own rows", APART)
    },
    Call {
        is: is_search,
        unknown: Means::Fault("Weave has no such run: `not here`"),
        empty: Means::Evidence(0, "\"verdict\": \"passed\""),
        reads: "the root call of run `cand`",
        after: 1,
        ..Call::of("root call of a run of `EvaluationLogger`", LOGGED)
    },
    Call {
        is: |request| {
            is_search(request) && !is_for_baseline(request) && request.body["limit"] == 10
        },
        unknown: Means::Fault("no run of `my-team/bot` matches `evaluation=answers`"),
        empty: Means::Fault("no run of `my-team/bot` matches `evaluation=answers`"),
        reads: "the list of evaluation runs",
        ..Call::of("search of the candidate", FOUND)
    },
    Call {
        is: |request| is_search(request) && is_for_baseline(request),
        // What there is in its place tells that it is there.
        unknown: Means::Fault("the answers of Weave contradict each other"),
        empty: Means::Fault("the answers of Weave contradict each other"),
        reads: "the list of evaluation runs",
        after: 2,
        ..Call::of("search of the baseline", FOUND)
    },
    Call {
        is: |request| request.path == "/calls/query_stats",
        used_for: Use::Aside,
        reads: "the number of evaluation runs",
        after: 1,
        ..Call::of("count of what matches", FOUND)
    },
    Call {
        is: |request| request.path.ends_with("/evaluation_runs/source"),
        unknown: Means::Evidence(0, "\"verdict\": \"passed\""),
        reads: "the status of run `source`",
        after: 1,
        ..Call::of("what the candidate scores once more", RESCORED)
    },
    Call {
        is: |request| is_search(request) && request.body["limit"] == 200,
        empty: Means::Fault("the project has no evaluation runs at all"),
        reads: "the list of evaluation runs",
        after: 1,
        ..Call::of("what there is in the candidate's place", NO_CANDIDATE)
    },
    Call {
        is: |request| is_search(request) && request.body["limit"] == 200,
        empty: Means::Fault("the answers of Weave contradict each other"),
        reads: "the list of evaluation runs",
        after: 2,
        ..Call::of("what there is in the baseline's place", NO_BASELINE)
    },
    Call {
        is: |request| is_page(request) && request.body["offset"] == 0,
        smaller: 3,
        reads: "the rows of `cand` and `base`",
        after: 4,
        ..Call::of("first page of rows", ROWS)
    },
    Call {
        is: |request| is_page(request) && request.body["offset"] != 0,
        smaller: 4,
        reads: "the rows of `cand` and `base`",
        after: 5,
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
        after: 2,
        ..Call::of("rows behind a failing check", FAILING)
    },
    Call {
        is: is_details,
        used_for: Use::Explanation,
        reads: "what stands in the rows of `cand`",
        after: 3,
        ..Call::of("what stands in the rows behind a failing check", FAILING)
    },
];

impl Check {
    /// Whether it is the same check.
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
        }
    }

    /// Whether it is answered with JSON Lines.
    pub fn in_lines(&self) -> bool {
        ["the list of evaluation runs", "the root call of run `cand`"].contains(&self.reads)
    }
}

/// A look while a run is waited for: with `--wait`.
pub const LOOK: Call = Call {
    is: is_search,
    used_for: Use::Wait,
    unknown: Means::Fault("last seen: "),
    empty: Means::Fault("last seen: no run of `my-team/bot` matches"),
    reads: "the list of evaluation runs",
    ..Call::of("look while waiting", WAITING)
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
    requests: 4,
};

/// Each run has ten rows that the other lacks.
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
            None
        }
    },
    gates: "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.2}",
    requests: 5,
    ..NAMED
};

const LOGGED: Check = Check {
    gates: "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}",
    arguments: &["--candidate=cand"],
    server: |request| {
        if request.path.ends_with("/evaluation_runs/cand") {
            let mut status = status_of("cand", "completed");
            status["evaluation"] = json!("weave:///my-team/bot/object/Evaluation:v1");
            return Some(Reply::json(&status));
        }
        is_search(request).then(|| Reply::lines(&[call("cand", 9)]))
    },
    requests: 3,
    ..NAMED
};

/// Ten runs match, so that there may be more.
const FOUND: Check = Check {
    arguments: &[
        "--candidate=evaluation=answers",
        "--baseline=attributes.git_branch=main",
    ],
    server: |request| {
        let page = if !is_search(request) {
            return (request.path == "/calls/query_stats")
                .then(|| Reply::json(&json!({"count": 12})));
        } else if is_for_baseline(request) {
            vec![call("base", 0)]
        } else {
            let others = (1..10).map(|age| call(&format!("older-{age}"), 10 - age));
            std::iter::once(call("cand", 10)).chain(others).collect()
        };
        Some(Reply::lines(&page))
    },
    requests: 5,
    ..NAMED
};

const RESCORED: Check = Check {
    arguments: &["--candidate=cand", "--baseline=attributes.git_branch=main"],
    server: |request| {
        let of = |id: &str, source: Value| {
            let mut status = status_of(id, "completed");
            status["source_evaluation_run_id"] = source;
            Some(Reply::json(&status))
        };
        match request.path.rsplit('/').next() {
            Some("cand") => of("cand", json!("source")),
            Some("source") => of("source", Value::Null),
            Some("stream_query") => Some(Reply::lines(&[call("base", 1)])),
            _ => None,
        }
    },
    requests: 5,
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
        is_search(request).then(|| Reply::lines(&known))
    },
    code: 3,
    requests: 2,
    ..LOGGED
};

/// Without a baseline its changes are skipped, and the rest is judged.
const NO_BASELINE: Check = Check {
    gates: "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}\nbaseline: {required: false}",
    arguments: &[
        "--candidate=cand",
        "--baseline=attributes.git_branch=nobody",
    ],
    server: NO_CANDIDATE.server,
    requests: 4,
    ..NAMED
};

/// One more than stand on the first page.
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
        is_page(request).then(|| {
            static ALL: LazyLock<Vec<Value>> = LazyLock::new(|| {
                let row = |number| crate::rows::row(number, number >= 10, number >= 10);
                (0..MANY).map(row).collect()
            });
            crate::rows::page(crate::rows::asked(request, &ALL), ALL.len())
        })
    },
    requests: 6,
    ..NAMED
};

/// A live candidate beside a snapshot is compared by the digests of its rows.
const MIXED: Check = Check {
    arguments: &["--candidate=cand", "--baseline=file:base.json"],
    reads_snapshot: true,
    server: |request| {
        let ids = &request.body["evaluation_run_ids"];
        is_page(request).then(|| Reply::json(&rows_of(ids[0].as_str().unwrap(), 100)))
    },
    requests: 3,
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
    requests: 4,
    ..NAMED
};

const WAITING: Check = Check {
    arguments: &["--candidate=evaluation=answers"],
    server: |request| is_search(request).then(|| Reply::lines(&[call("cand", 9)])),
    requests: 2,
    ..LOGGED
};

fn is_search(request: &Request) -> bool {
    request.path == "/calls/stream_query"
}

/// Only a search for a baseline asks for runs that have ended.
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

/// All calls of the table.
pub fn all() -> impl Iterator<Item = Call> {
    CALLS.into_iter().chain([LOOK])
}

/// The snapshot of the baseline that a check reads.
pub fn snapshot() -> &'static str {
    static TAKEN: OnceLock<String> = OnceLock::new();
    TAKEN.get_or_init(|| {
        let weave = Weave::with(|request, _| Some(sound(MIXED, request)));
        Gate::new(&[
            "snapshot",
            "base",
            "-o",
            "base.json",
            "--project=my-team/bot",
        ])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0)
        .read("base.json")
    })
}

/// What the server of a check answers.
pub fn sound(check: Check, request: &Request) -> Reply {
    (check.server)(request).unwrap_or_else(|| weave::answer(request))
}
