//! Tests of the rows of failed checks, of `explain` and `export`, and of snapshots with rows, on a scripted server.

use serde_json::{Value, json};

use crate::gate::{Gate, KEY, Outcome};
use crate::rows::{asked, page, rows};
use crate::weave::{Reply, Request, Weave};

const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.95}";
const HOSTILE: &str = "a | b ` ``` </details> <img src=x> [x](http://evil) @you\n::error::x\n##[group]\u{1b}[31m\u{202e}";

/// Rows with inputs and with this output for each trial.
fn full(output: &Value) -> Vec<Value> {
    let mut all = rows();
    for (number, row) in all.iter_mut().enumerate() {
        row["raw_data_row"] =
            json!({"question": format!("question {number}"), "golden": number < 20});
        for run in row["evaluations"].as_array_mut().unwrap() {
            run["trials"][0]["model_output"] = output.clone();
            run["trials"][0]["predict_and_score_call_id"] = json!(format!("call-{number}"));
        }
    }
    all
}

/// The rows whose digests the request's filter lists.
fn filtered(request: &Request, all: &[Value]) -> Vec<Value> {
    let wanted = &request.body["filters"][0]["query"]["$expr"]["$in"][1];
    let wanted: Vec<&str> = wanted
        .as_array()
        .unwrap()
        .iter()
        .map(|literal| literal["$literal"].as_str().unwrap())
        .collect();
    let is_wanted = |row: &&Value| wanted.contains(&row["row_digest"].as_str().unwrap());
    all.iter().filter(is_wanted).cloned().collect()
}

fn answer(request: &Request, all: &[Value]) -> Reply {
    if request.body["filters"].is_array() {
        let some = filtered(request, all);
        return page(&some, some.len());
    }
    page(asked(request, all), all.len())
}

fn server(all: Vec<Value>) -> Weave {
    Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| answer(request, &all))
    })
}

fn check(weave: &Weave, more: &[&str]) -> Outcome {
    Gate::check(
        FLOOR,
        &[
            "--candidate=cand",
            "--baseline=base",
            "--json=r.json",
            "--report=r.md",
        ],
    )
    .args(&["--base-url", &weave.url])
    .args(more)
    .run()
}

#[test]
fn a_failing_check_shows_the_rows_behind_it() {
    let weave = server(full(&json!("an answer")));
    let outcome = check(&weave, &[])
        .code(1)
        .shows("question 0")
        .shows("correctness ✗");
    let report = outcome.json("r.json");
    let check = &report["policies"][0]["checks"][0];
    assert_eq!(check["rows_behind"], 10);
    assert_eq!(check["rows"].as_array().unwrap().len(), 10);
    assert_eq!(check["rows"][0]["inputs"]["question"], "question 0");
    let url = &check["rows"][0]["candidate"]["answers"][0]["url"];
    assert_eq!(url, "https://wandb.ai/my-team/bot/r/call/call-0");
    // The check reads one page of scores, and then the ten rows with inputs and outputs.
    let read: Vec<Request> = weave
        .requests()
        .into_iter()
        .filter(|request| request.body["include_rows"] == true)
        .collect();
    assert_eq!(read.len(), 2);
    assert!(read[0].body.get("include_raw_data_rows").is_none());
    assert_eq!(read[1].body["include_raw_data_rows"], true);
    assert_eq!(read[1].body["limit"], 10);
    // A check that passes makes no further requests.
    let weave = server(full(&json!("x")));
    Gate::check(&FLOOR.replace("0.95", "0.5"), &["--candidate=cand"])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0);
    assert_eq!(weave.requests().len(), 3);
}

#[test]
fn a_server_that_knows_no_filter_shows_no_other_rows() {
    let all = full(&json!("an answer"));
    // The request asks for ten rows. The server sends ten other rows, and two of these are among the failing rows.
    let weave = Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| {
            if request.body["filters"].is_array() {
                return page(&all[8..18], all.len());
            }
            page(asked(request, &all), all.len())
        })
    });
    let outcome = check(&weave, &[]).code(1);
    let report = outcome.json("r.json");
    let rows = report["policies"][0]["checks"][0]["rows"]
        .as_array()
        .unwrap();
    assert_eq!(rows.len(), 10);
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["digest"], format!("digest-{number:06}"));
        let shown = if number < 8 {
            Value::Null
        } else {
            json!(format!("question {number}"))
        };
        assert_eq!(row["inputs"]["question"], shown);
    }
    assert!(!outcome.read("r.md").contains("question 12"));
}

#[test]
fn that_rows_cannot_be_shown_changes_no_verdict() {
    for status in [500, 403, 404] {
        let weave = Weave::with(move |request, _| {
            (request.body["include_rows"] == true).then(|| Reply::status(status, "no rows today"))
        });
        let outcome = check(&weave, &["--timeout=3s"])
            .code(1)
            .shows("the rows of these checks are not shown");
        assert!(
            outcome
                .read("r.md")
                .contains("The rows of these checks are not shown")
        );
        assert!(outcome.json("r.json")["policies"][0]["unexplained"].is_string());
    }
}

#[test]
fn hostile_inputs_and_outputs_are_only_text() {
    let mut all = full(&json!(HOSTILE));
    for row in &mut all {
        row["raw_data_row"] = json!({HOSTILE: HOSTILE});
        row["evaluations"][1]["trials"][0]["predict_and_score_call_id"] = json!("../x)[y](z \n|");
    }
    let weave = server(all);
    let outcome = check(&weave, &[]).code(1);
    let markdown = outcome.read("r.md");
    for block in markdown
        .split("\n\n")
        .filter(|block| block.starts_with('|'))
    {
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let lines: Vec<&str> = block.lines().collect();
        assert!(
            lines.iter().all(|line| cells(line) == cells(lines[0])),
            "{block}"
        );
    }
    assert_eq!(markdown.matches("<details>").count(), 2);
    assert_eq!(markdown.matches("</details>\n").count(), 2);
    assert!(
        !markdown.contains("](http://evil)")
            || markdown.contains("``[x](http://evil)")
            || markdown.contains("` ``` ")
    );
    for text in [&markdown, &outcome.stdout] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert!(
            !text.contains("##[") && !text.lines().any(|line| line.trim_start().starts_with("::"))
        );
    }
    let explained = Gate::new(&["explain", "floor", "--from", "r.json"])
        .file("r.json", &outcome.read("r.json"))
        .run()
        .code(0);
    assert!(!explained.stdout.contains('\u{1b}') && !explained.stdout.contains('\u{202e}'));
    assert!(!explained.stdout.contains("##[") && !explained.stdout.contains("::error"));
}

#[test]
fn a_key_in_an_output_is_shown_nowhere() {
    // The test harness searches all written files for its key.
    let weave = server(full(&json!(
        "the key is 0123456789abcdef0123456789abcdef01234567"
    )));
    let outcome = check(&weave, &[]).code(1);
    assert!(outcome.read("r.md").contains("holds the API key"));
    Gate::new(&[
        "export",
        "cand",
        "--project=my-team/bot",
        "--base-url",
        &weave.url,
    ])
    .env("WANDB_API_KEY", KEY)
    .run()
    .code(3)
    .says("holds the API key");
}

#[test]
fn a_key_in_a_snapshot_is_shown_nowhere() {
    let weave = server(of_candidate(full(&json!("x"))));
    let taken = Gate::new(&[
        "snapshot",
        "cand",
        "--rows",
        "-o",
        "s.json",
        "--project=my-team/bot",
    ])
    .args(&["--base-url", &weave.url])
    .env("WANDB_API_KEY", KEY)
    .run()
    .code(0);
    let leaked = taken
        .read("s.json")
        .replace("question 3", &format!("the key {KEY}"));
    // The test harness searches the folder of the run for its key. So the file that holds the key is in another folder.
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("leaked.json");
    std::fs::write(&path, leaked).unwrap();
    let run = format!("file:{}", path.display());
    Gate::check(FLOOR, &["--candidate", &run])
        .run()
        .code(3)
        .says("it holds the API key or a token, and is not shown");
    Gate::new(&["export", &run])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(3)
        .says("it holds the API key");
    // JSON can spell the key in other ways. Such a spelling is hidden in all output.
    let escaped = format!("{}\\u0061{}", &KEY[..10], &KEY[11..]);
    assert_eq!(&KEY[10..11], "a");
    let spelled = format!("the key {escaped}");
    let spelled = taken.read("s.json").replace("question 3", &spelled);
    std::fs::write(&path, spelled).unwrap();
    let outcome = Gate::check(
        FLOOR,
        &["--candidate", &run, "--report=r.md", "--json=r.json"],
    )
    .run()
    .code(1);
    assert!(
        outcome.read("r.md").contains("the key ***"),
        "{}",
        outcome.read("r.md")
    );
    for format in ["csv", "jsonl"] {
        Gate::new(&["export", &run, "--format", format])
            .env("WANDB_API_KEY", KEY)
            .run()
            .code(0)
            .shows("the key ***");
    }
}

#[test]
fn a_table_is_whole_or_not_there() {
    let all = full(&json!("=1+1"));
    let weave = server(all.clone());
    let outcome = Gate::new(&["export", "cand", "-o", "rows.csv", "--project=my-team/bot"])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(0)
        .says("wrote 100 rows to rows.csv");
    let table = outcome.read("rows.csv");
    assert_eq!(table.lines().count(), 101);
    assert!(table.starts_with("\"row_digest\",\"run\",\"trial\",\"inputs\",\"output\",\"scores.correctness\",\"latency_seconds\""));
    assert!(table.contains(",\"'=1+1\","));
    // The second page never arrives.
    let weave = Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| {
            if request.body["offset"] == 0 {
                page(&all[..100], 200)
            } else {
                Reply::status(400, "gone")
            }
        })
    });
    let outcome = Gate::new(&["export", "cand", "-o", "rows.csv", "--project=my-team/bot"])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(3);
    assert_eq!(outcome.names(), Vec::<String>::new());
}

#[test]
fn a_snapshot_with_rows_is_whole_or_not_there() {
    let take = |all: Vec<Value>| {
        let weave = server(all);
        Gate::new(&[
            "snapshot",
            "cand",
            "--rows",
            "-o",
            "s.json",
            "--project=my-team/bot",
        ])
        .args(&["--base-url", &weave.url])
        .env("WANDB_API_KEY", KEY)
        .run()
    };
    let sound = take(of_candidate(full(&json!("x")))).code(0);
    let saved = sound.read("s.json");
    let mut turned = of_candidate(full(&json!("x")));
    turned[50]["evaluations"][0]["trials"][0]["scores"]["correctness"] = json!(false);
    let outcome = take(turned)
        .code(3)
        .says("the rows of the run are not what its summary says");
    assert_eq!(outcome.names(), Vec::<String>::new());

    let judge = |text: &str| {
        Gate::check(FLOOR, &["--candidate=file:s.json"])
            .file("s.json", text)
            .run()
    };
    judge(&saved).code(1).shows("question 0");
    // An edited snapshot contradicts itself.
    let wrong = saved.replacen("\"correctness\":false", "\"correctness\":true", 1);
    assert_ne!(wrong, saved);
    judge(&wrong)
        .code(3)
        .says("its rows and its counts contradict each other");
    let lost = saved.replacen("digest-000050\",\"trials", "digest-000049x\",\"trials", 1);
    assert_ne!(lost, saved);
    judge(&lost).code(3).says("contradict each other");
    // Inputs and outputs do not affect the verdict. They are not shown with the scores of another row.
    let moved = saved.replacen("digest-000050\",\"raw", "digest-000049x\",\"raw", 1);
    assert_ne!(moved, saved);
    let outcome = judge(&moved)
        .code(1)
        .shows("their texts contradict each other");
    assert!(!outcome.stdout.contains("question 0"));
    judge(&saved[..saved.len() - 40])
        .code(3)
        .says("it is cut short");
}

#[test]
fn inputs_that_are_not_there_are_no_slice() {
    let gate =
        "- {name: golden, scorer: correctness, metric: pass_rate, where: {golden: true}, min: 0.4}";
    let judged = |inputs: Value| {
        let mut all = full(&json!("x"));
        for row in &mut all {
            row["raw_data_row"] = inputs.clone();
        }
        let weave = server(all);
        Gate::check(gate, &["--candidate=cand", "--base-url", &weave.url]).run()
    };
    let reference = json!("weave:///my-team/bot/object/rows:v1/attr/rows/id/x");
    judged(reference)
        .code(3)
        .says("the inputs of the row `digest-000000` are not there");
    judged(Value::Null).code(3).says("the inputs of the row");
    for inputs in [
        json!("rows:v1/attr/rows/id/x"),
        json!(["golden"]),
        json!({"golden": "weave:///my-team/bot/object/yes:v1"}),
        json!({"golden": "weave-trace-internal:///1/object/yes:v1"}),
    ] {
        judged(inputs)
            .code(3)
            .says("the inputs of the row `digest-000000` are not there");
    }
    judged(json!({"gold": true}))
        .code(3)
        .shows("no row has an input `golden`; the inputs are");
    let weave = server(full(&json!("x")));
    Gate::check(
        gate,
        &["--candidate=cand", "--all", "--base-url", &weave.url],
    )
    .run()
    .code(0)
    .shows("pass rate  50 %  min 40 %")
    .shows("margin 2 rows");
    let asked = weave
        .requests()
        .into_iter()
        .find(|request| request.body["include_rows"] == true);
    let body = asked.unwrap().body;
    assert_eq!(
        (&body["include_raw_data_rows"], &body["resolve_row_refs"]),
        (&json!(true), &json!(true))
    );
}

/// Only the candidate's part of the rows, with the one score that the summary also has.
fn of_candidate(mut all: Vec<Value>) -> Vec<Value> {
    for row in &mut all {
        let runs = row["evaluations"].as_array_mut().unwrap();
        runs.retain(|run| run["evaluation_call_id"] == "cand");
        runs[0]["trials"][0]["scores"] =
            json!({"correctness": runs[0]["trials"][0]["scores"]["correctness"]});
    }
    all
}

#[test]
fn rows_that_two_runs_tell_apart_are_no_evidence() {
    let weave = server(of_candidate(full(&json!("x"))));
    let saved = Gate::new(&[
        "snapshot",
        "cand",
        "--rows",
        "-o",
        "s.json",
        "--project=my-team/bot",
    ])
    .args(&["--base-url", &weave.url])
    .env("WANDB_API_KEY", KEY)
    .run()
    .code(0)
    .read("s.json");
    let gate =
        "- {name: g, scorer: correctness, metric: pass_rate, where: {golden: true}, max_drop: 0}";
    let other = saved.replace("\"run\": \"cand\"", "\"run\": \"base\"");
    let judged = |candidate: &str| {
        Gate::check(gate, &["--candidate=file:c.json", "--baseline=file:b.json"])
            .file("c.json", candidate)
            .file("b.json", &other)
            .run()
    };
    judged(&saved).code(0);
    let edited = saved.replacen("\"golden\":true", "\"golden\":false", 18);
    assert_ne!(edited, saved);
    judged(&edited)
        .code(3)
        .says("the row `digest-000000` has other inputs in the candidate than in the baseline");
}

#[test]
fn rows_too_large_for_a_page_are_read_in_smaller_ones() {
    let all = of_candidate(full(&json!("x")));
    let weave = Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| {
            if request.body["limit"].as_u64().unwrap() > 30 {
                // This is larger than the limit for an answer.
                let large = "x".repeat(65 * 1024 * 1024);
                return Reply::json(&json!({"rows": large}));
            }
            page(asked(request, &all), all.len())
        })
    });
    let gate =
        "- {name: g, scorer: correctness, metric: pass_rate, min: 0.5, evidence: significant}";
    Gate::check(gate, &["--candidate=cand", "--base-url", &weave.url])
        .run()
        .code(0);
    let read = weave
        .requests()
        .into_iter()
        .filter(|request| request.body["include_rows"] == true);
    let limits: Vec<u64> = read
        .map(|request| request.body["limit"].as_u64().unwrap())
        .collect();
    // The first page is read again in smaller pages. Later pages are not larger than a page that succeeded.
    assert_eq!(limits, [100, 25, 50, 12, 25, 25, 25]);
}

#[test]
fn explaining_takes_no_time_from_another_policy() {
    // The server sends rows too late. The second policy needs no rows.
    let weave = Weave::with(move |request, _| {
        (request.body["include_rows"] == true).then(|| {
            std::thread::sleep(std::time::Duration::from_secs(3));
            Reply::status(500, "too late")
        })
    });
    let outcome = Gate::check(FLOOR, &["second.yaml", "--candidate=cand", "--timeout=2s", "--json=r.json"])
        .file(
            "second.yaml",
            "version: 1\nproject: my-team/bot\nbaseline: {run: base}\ngates: [{name: g, scorer: correctness, metric: pass_rate, max_drop: 0.1}]\n",
        )
        .args(&["gates.yaml", "--base-url", &weave.url])
        .run()
        .code(1);
    let report = outcome.json("r.json");
    let verdicts: Vec<&Value> = report["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| &policy["verdict"])
        .collect();
    assert_eq!(verdicts.len(), 2);
    assert!(
        verdicts.contains(&&json!("failed")) && verdicts.contains(&&json!("passed")),
        "{verdicts:?}"
    );
}
