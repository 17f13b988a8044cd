//! Tests of faults of the network and the server, and of their messages.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::gate::{Gate, Outcome};
use crate::weave::{
    BASELINE, CANDIDATE, Reply, Request, Run, Weave, is_count, is_root_read, root, roots, rows_of,
    summary_of,
};

const BOTH: &str =
    "- {name: both, scorer: correctness, metric: pass_rate, min: 0.9, max_drop: 0.02}";

fn check(weave: &Weave, more: &[&str]) -> Outcome {
    Gate::check(
        BOTH,
        &[
            "--candidate",
            "cand",
            "--baseline",
            "base",
            "--base-url",
            &weave.url,
            "--json",
            "r.json",
        ],
    )
    .args(more)
    .run()
}

fn is_query(request: &Request) -> bool {
    request.path.ends_with("/eval_results/query")
}

#[track_caller]
fn no_verdict(outcome: Outcome, words: &str) {
    let report = outcome.json("r.json");
    assert_eq!(report["verdict"], json!(null));
    assert_eq!(report["exit_code"], 3);
    assert!(
        report["error"]["message"].as_str().unwrap().contains(words),
        "{report}"
    );
    outcome.code(3).says(words);
}

#[test]
fn statuses_that_are_final() {
    for (reply, words) in [
        (
            Reply::status(401, "api key is not valid"),
            "Weave refused the API key (401): api key is not valid",
        ),
        (
            Reply::status(403, "permission denied"),
            "may not read this project (403)",
        ),
        (
            Reply::status(404, "Evaluation run not found"),
            "cannot read the root call of `cand` and `base`: Weave does not know it: Evaluation run not found",
        ),
        (
            Reply::status(400, "Out of range float values"),
            "Weave answered 400: Out of range float values",
        ),
        (Reply::status(501, ""), "Weave answered 501"),
        (
            Reply::Whole(
                422,
                String::new(),
                br#"{"detail":[{"msg":"extra"}]}"#.to_vec(),
            ),
            "Weave answered 422: [{\"msg\":\"extra\"}]",
        ),
        (
            Reply::Whole(404, String::new(), br#"{"detail":"Not Found"}"#.to_vec()),
            "does not know /calls/stream_query (404)",
        ),
        (
            Reply::Whole(404, String::new(), b"<html>".to_vec()),
            "does not know /calls/",
        ),
        (
            Reply::Whole(
                302,
                "Location: http://127.0.0.1:9/\r\n".to_owned(),
                Vec::new(),
            ),
            "redirects elsewhere (302)",
        ),
        (
            Reply::Whole(200, String::new(), b" <!doctype html><html>".to_vec()),
            "answered with a web page, not with JSON",
        ),
        (
            Reply::Whole(200, String::new(), b"{}".to_vec()),
            "is not what the v2 Evaluation API sends: missing field",
        ),
        (
            Reply::Whole(200, String::new(), Vec::new()),
            "there is no run `cand` in `my-team/bot`",
        ),
        (
            Reply::Whole(204, String::new(), Vec::new()),
            "Weave answered 204",
        ),
    ] {
        let weave = Weave::with(move |request, _| is_root_read(request).then(|| reply.clone()));
        no_verdict(check(&weave, &[]), words);
        let asked = weave
            .requests()
            .iter()
            .filter(|request| is_root_read(request))
            .count();
        // A run that is missing from the answer for two runs is requested again alone.
        let is_missing = words.starts_with("there is no run");
        assert_eq!(asked, if is_missing { 2 } else { 1 }, "{words}");
    }
}

#[test]
fn an_old_server_is_named_as_such() {
    let weave = Weave::with(|_, _| {
        Some(Reply::Whole(
            404,
            String::new(),
            br#"{"detail":"Not Found"}"#.to_vec(),
        ))
    });
    let outcome = check(&weave, &[]);
    assert!(
        outcome.stderr.contains("older than the v2 Evaluation API"),
        "{}",
        outcome.stderr
    );
    no_verdict(outcome, "(404)");
}

#[test]
fn the_reason_of_a_second_attempt_is_told_once() {
    let weave = Weave::with(|request, before| {
        (is_query(request) && before < 2).then(|| Reply::status(503, "busy"))
    });
    let outcome = check(&weave, &[]).code(0);
    // Two requests are refused twice each.
    let count = |words: &str| outcome.stderr.matches(words).count();
    assert_eq!(count("trying again in"), 4, "{}", outcome.stderr);
    assert_eq!(count("busy"), 1, "{}", outcome.stderr);
}

#[test]
fn what_may_pass_is_tried_again() {
    for reply in [
        Reply::status(429, "slow down").header("Retry-After: 0"),
        Reply::status(503, "busy"),
        Reply::status(500, "oops"),
        Reply::status(502, "gateway").header("Retry-After: nonsense"),
        Reply::status(408, "late").header("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"),
        Reply::Raw(Vec::new()),
        Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half".to_vec()),
    ] {
        let shown = format!("{reply:?}");
        let weave = Weave::with(move |request, before| {
            (is_query(request) && before < 1).then(|| reply.clone())
        });
        let outcome = check(&weave, &[]);
        assert!(
            outcome.stderr.contains("trying again in"),
            "{shown}: {}",
            outcome.stderr
        );
        outcome.code(0);
        assert_eq!(weave.requests().len(), 7, "{shown}");
    }
}

#[test]
fn patience_has_an_end() {
    let weave = Weave::with(|request, _| {
        is_query(request).then(|| Reply::status(503, "busy").header("Retry-After: 0"))
    });
    no_verdict(check(&weave, &[]), "Weave answered 503: busy, 5 times");
    let own = weave
        .requests()
        .iter()
        .filter(|request| {
            is_query(request) && request.body["summary_require_intersection"] == false
        })
        .count();
    assert_eq!(own, 5);
}

#[test]
fn retry_after_is_honoured() {
    let weave = Weave::with(|request, before| {
        (is_root_read(request) && before == 0)
            .then(|| Reply::status(429, "slow").header("Retry-After: 1"))
    });
    let started = Instant::now();
    check(&weave, &[]).code(0);
    assert!(started.elapsed() >= Duration::from_secs(1));
    // W&B also says when a rate limit ends.
    let limited = Weave::with(|request, before| {
        (is_root_read(request) && before == 0)
            .then(|| Reply::status(429, "slow").header("RateLimit-Reset: 1.5"))
    });
    let started = Instant::now();
    check(&limited, &[]).code(0);
    assert!(started.elapsed() >= Duration::from_secs(2));
    let long = Weave::with(|request, _| {
        is_root_read(request).then(|| Reply::status(429, "slow").header("Retry-After: 7200"))
    });
    let started = Instant::now();
    no_verdict(
        check(&long, &["--timeout", "5s"]),
        "asks to wait 7200 s; the time limit of 5 s is over",
    );
    assert!(started.elapsed() < Duration::from_secs(4));
    // A number that is too large to represent does not cause an immediate retry.
    for ages in ["99999999999999999999999999", "1e999"] {
        let weave = Weave::with(move |request, _| {
            let reply = Reply::status(429, "slow").header(&format!("Retry-After: {ages}"));
            is_root_read(request).then_some(reply)
        });
        no_verdict(check(&weave, &[]), "asks to wait 18446744073709551615 s");
        let asked = weave.requests().into_iter();
        assert_eq!(asked.filter(is_root_read).count(), 1);
    }
}

#[test]
fn everything_ends_by_the_deadline() {
    for reply in [
        Reply::Silence(Duration::from_secs(30)),
        Reply::status(503, "busy").header("Retry-After: 1"),
    ] {
        let weave = Weave::with(move |request, _| is_query(request).then(|| reply.clone()));
        let started = Instant::now();
        let outcome = check(&weave, &["--timeout", "2s"]);
        assert!(
            started.elapsed() < Duration::from_millis(3500),
            "{:?}",
            started.elapsed()
        );
        no_verdict(outcome, "2 s");
    }
}

#[test]
fn nobody_listens() {
    let url = Weave::start().url.clone();
    let outcome = Gate::check(
        BOTH,
        &[
            "--candidate",
            "cand",
            "--baseline",
            "base",
            "--base-url",
            &url,
            "--json",
            "r.json",
        ],
    )
    .run();
    no_verdict(outcome, "the connection to http://127.0.0.1:");
}

#[test]
fn a_host_that_has_no_address_is_named() {
    // A label of 64 letters is invalid. The resolver rejects it without a query.
    let url = format!("https://{}.test", "a".repeat(64));
    let check = || {
        Gate::check(
            BOTH,
            &["--candidate=cand", "--baseline=base", "--json=r.json"],
        )
        .args(&["--base-url", &url])
    };
    let outcome = check().run().says("help: check --base-url");
    assert!(!outcome.stderr.contains("trying again"));
    no_verdict(outcome, &format!("cannot resolve the host of {url}"));
    // With a proxy, the proxy resolves the host name.
    let outcome = check().env("HTTPS_PROXY", &url).run();
    no_verdict(outcome, "through the proxy of the environment");
}

#[test]
fn an_endless_answer_is_cut_off() {
    let weave = Weave::with(|request, _| {
        is_query(request).then(|| {
            let mut bytes = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
            bytes.resize(66 * 1024 * 1024, b' ');
            Reply::Raw(bytes)
        })
    });
    no_verdict(check(&weave, &[]), "is larger than 64 MiB");
}

#[test]
fn a_compressed_answer_is_read_and_a_broken_one_is_not() {
    // This is gzip of `{"half`, made with Python's gzip module. The compression is valid and the JSON is broken.
    let half: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 202, 72, 204, 73, 3, 0, 72, 236, 186, 196, 6,
        0, 0, 0,
    ];
    let weave = Weave::with(move |request, _| {
        is_query(request)
            .then(|| Reply::Whole(200, "Content-Encoding: gzip\r\n".to_owned(), half.to_vec()))
    });
    let outcome = check(&weave, &[]).code(3);
    assert!(!outcome.stderr.is_empty());
    let weave = Weave::with(move |request, _| {
        is_query(request).then(|| {
            Reply::Whole(
                200,
                "Content-Encoding: gzip\r\n".to_owned(),
                b"not gzip".to_vec(),
            )
        })
    });
    check(&weave, &[]).code(3);
}

/// The answers contradict each other as they would while the run is being written.
#[test]
fn contradictions_are_no_verdict() {
    type Wrong = fn(&Request) -> Option<Reply>;
    fn own(request: &Request) -> bool {
        is_query(request) && request.body["summary_require_intersection"] == false
    }
    fn common(request: &Request) -> bool {
        is_query(request) && request.body["summary_require_intersection"] == true
    }
    let cases: [(Wrong, &str); 7] = [
        (
            |r| {
                common(r).then(|| {
                    Reply::json(&summary_of(101, &[("cand", CANDIDATE), ("base", BASELINE)]))
                })
            },
            "contradict",
        ),
        (
            |r| {
                common(r).then(|| {
                    Reply::json(&summary_of(90, &[("cand", CANDIDATE), ("base", BASELINE)]))
                })
            },
            "do not add up",
        ),
        (
            |r| {
                common(r).then(|| {
                    Reply::json(&summary_of(
                        100,
                        &[
                            (
                                "cand",
                                Run {
                                    trials: 120,
                                    ..CANDIDATE
                                },
                            ),
                            ("base", BASELINE),
                        ],
                    ))
                })
            },
            "does not fit into",
        ),
        (
            |r| {
                own(r).then(|| {
                    Reply::json(&summary_of(
                        100,
                        &[("cand", CANDIDATE), ("cand", CANDIDATE), ("base", BASELINE)],
                    ))
                })
            },
            "one run twice",
        ),
        (
            |r| {
                own(r).then(|| {
                    let mut summary = summary_of(100, &[("cand", CANDIDATE), ("base", BASELINE)]);
                    let baseline = &mut summary["summary"]["evaluations"][1];
                    baseline
                        .as_object_mut()
                        .unwrap()
                        .remove("predict_total_tokens");
                    Reply::json(&summary)
                })
            },
            "tells the tokens of one run and not of another",
        ),
        (
            |r| common(r).then(|| Reply::json(&summary_of(100, &[("cand", CANDIDATE)]))),
            "contradict",
        ),
        (
            |r| is_root_read(r).then(|| Reply::lines(&[root("other")])),
            "it sent another",
        ),
    ];
    for (wrong, words) in cases {
        let weave = Weave::with(move |request, _| wrong(request));
        no_verdict(check(&weave, &[]), words);
    }
}

/// A gateway may send any part of the request back. The key is removed from it. The test harness searches the output
/// for the key.
#[test]
fn a_key_that_comes_back_is_not_shown() {
    for status in [400, 401, 403, 404, 503] {
        let weave = Weave::with(move |request, _| {
            let said = format!("bad header {} or {}", request.head, crate::gate::KEY);
            Some(Reply::status(status, &said).header("Retry-After: 0"))
        });
        let outcome = check(&weave, &["-v", "--report", "r.md"])
            .code(3)
            .says("***");
        for file in ["r.json", "r.md"] {
            let text = outcome.read(file);
            assert!(!text.contains(crate::gate::KEY) && !text.contains(crate::gate::KEY_IN_BASE64));
        }
    }
}

#[test]
fn a_key_in_a_sound_answer_is_not_shown_either() {
    let weave = Weave::with(|request, _| {
        roots(request, |run| {
            run["inputs"]["model"] = json!(crate::gate::KEY);
        })
    });
    no_verdict(check(&weave, &[]), "holds the API key");
}

/// If the counts over all rows contradict each other, the counts over the common rows are not used either.
#[test]
fn a_flaw_in_one_answer_is_a_flaw_in_the_other() {
    let weave = Weave::with(|request, _| {
        let own = is_query(request) && request.body["summary_require_intersection"] == false;
        let wrong = Run {
            passed: 120,
            ..CANDIDATE
        };
        own.then(|| Reply::json(&summary_of(100, &[("cand", wrong), ("base", BASELINE)])))
    });
    let drop = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.1}";
    let outcome = Gate::check(
        drop,
        &[
            "--candidate",
            "cand",
            "--baseline",
            "base",
            "--base-url",
            &weave.url,
            "--json",
            "r.json",
        ],
    )
    .run()
    .code(3);
    assert_eq!(
        outcome.json("r.json")["policies"][0]["checks"][0]["finding"],
        "inconsistent-counts"
    );
}

/// A run may finish between two answers. The check must not judge only the first part of its rows.
#[test]
fn statistics_are_asked_for_after_the_run_was_seen_to_have_finished() {
    let weave = Weave::with(|request, _| {
        if is_root_read(request) {
            std::thread::sleep(Duration::from_millis(200));
        }
        None
    });
    check(&weave, &[]).code(0);
    let mut requests = weave.requests().into_iter();
    assert!(requests.next().is_some_and(|first| is_root_read(&first)));
    // The check reads the statistics and the number of calls in parallel. It also counts the calls of a run that has
    // finished.
    let (counts, others): (Vec<Request>, Vec<Request>) = requests.partition(is_count);
    assert_eq!((counts.len(), others.len()), (2, 2));
    assert!(others.iter().all(is_query));
}

#[test]
fn a_proxy_that_cannot_be_used_is_no_reason_to_go_around_it() {
    for proxy in ["ftp://127.0.0.1:9", "user:proxy-secret@bad:port:x"] {
        let outcome = Gate::check(
            BOTH,
            &[
                "--candidate",
                "cand",
                "--baseline",
                "base",
                "--base-url",
                "https://weave.invalid",
            ],
        )
        .env("HTTPS_PROXY", proxy)
        .run()
        .code(3)
        .says("cannot use the proxy in HTTPS_PROXY");
        assert!(!outcome.stderr.contains("proxy-secret"));
    }
    let outcome = Gate::check(
        BOTH,
        &[
            "--candidate",
            "cand",
            "--baseline",
            "base",
            "--base-url",
            "https://weave.invalid",
        ],
    )
    .args(&["--timeout", "3s"])
    .env("HTTPS_PROXY", "http://user:proxy-secret@127.0.0.1:9")
    .run()
    .code(3)
    .says("through the proxy of the environment");
    assert!(!outcome.stderr.contains("proxy-secret"));
}

/// Wrong counts in one answer make the check undecided. The check never passes.
#[test]
fn impossible_counts_pass_nothing() {
    for run in [
        Run {
            passed: 101,
            ..CANDIDATE
        },
        Run {
            scored: 101,
            passed: 101,
            ..CANDIDATE
        },
        Run {
            scored: 0,
            passed: 0,
            ..CANDIDATE
        },
    ] {
        let weave = Weave::with(move |request, _| {
            is_query(request)
                .then(|| Reply::json(&summary_of(100, &[("cand", run), ("base", BASELINE)])))
        });
        let outcome = check(&weave, &[]).code(3);
        assert_eq!(outcome.json("r.json")["verdict"], "undecided");
    }
}

#[test]
fn a_snapshot_notices_pages_that_do_not_fit() {
    type Wrong = fn(u64) -> serde_json::Value;
    let cases: [(Wrong, &str); 5] = [
        (|_| rows_of("cand", 99), "not those of its summary"),
        (|_| rows_of("other", 100), "repeats or loses rows"),
        (
            |_| {
                let mut rows = rows_of("cand", 100);
                rows["total_rows"] = json!(150);
                rows
            },
            "repeats or loses rows",
        ),
        (
            |offset| {
                let mut rows = rows_of("cand", 100);
                rows["total_rows"] = json!(200 + offset);
                if offset > 0 {
                    rows["rows"] = json!([]);
                }
                rows
            },
            "grew while it was read",
        ),
        (
            |_| {
                let mut rows = rows_of("cand", 100);
                rows["rows"].as_array_mut().unwrap().reverse();
                rows
            },
            "repeats or loses rows",
        ),
    ];
    for (wrong, words) in cases {
        let weave = Weave::with(move |request, _| {
            let offset = request.body["offset"].as_u64();
            (request.body["include_rows"] == true).then(|| Reply::json(&wrong(offset.unwrap())))
        });
        let outcome = Gate::new(&[
            "snapshot",
            "cand",
            "-o",
            "s.json",
            "--summary-only",
            "--project",
            "my-team/bot",
            "--base-url",
            &weave.url,
        ])
        .env("WANDB_API_KEY", crate::gate::KEY)
        .run()
        .code(3)
        .says(words);
        assert!(outcome.names().is_empty());
    }
}

/// The log shows that the check waits for a slow server, and what it asks the server for.
#[test]
fn a_log_says_that_a_slow_server_is_waited_for() {
    let slow = || {
        Weave::with(|request, _| {
            if is_query(request) {
                std::thread::sleep(Duration::from_millis(2500));
            }
            None
        })
    };
    let weave = slow();
    let outcome = check(&weave, &[]).code(0);
    assert_eq!(outcome.stderr.matches("asking Weave, 2 s\n").count(), 1);
    let weave = slow();
    let outcome = check(&weave, &["-q"]).code(0);
    assert!(!outcome.stderr.contains("asking"), "{}", outcome.stderr);
    outcome.done();
}
