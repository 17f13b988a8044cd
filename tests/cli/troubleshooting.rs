//! Writes and tests the table "what went wrong → first line and help" in docs/troubleshooting.md: each row is produced by
//! a run of the binary. Every error must have a help.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::ci::root;
use crate::documents::generated;
use crate::gate::{Gate, KEY, Outcome};
use crate::init::{Logged, logged, server};
use crate::weave::{Reply, Weave};

/// Gates that the runs of [`server`] can meet.
const GATES: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5}";
const DROP: &str = "- {name: drop, scorer: correctness, metric: pass_rate, max_drop: 0.05}";

/// One row of the table.
struct Row {
    what: &'static str,
    outcome: Outcome,
}

fn row(what: &'static str, gate: Gate) -> Row {
    Row {
        what,
        outcome: gate.run(),
    }
}

/// A row with a policy of this text that `validate` refuses.
fn policy(what: &'static str, text: &str) -> Row {
    row(what, Gate::new(&["validate"]).file("gates.yaml", text))
}

/// A row with one gate of this text that `validate` refuses.
fn one_gate(what: &'static str, gate: &str) -> Row {
    policy(what, &format!("version: 1\ngates:\n  - {gate}\n"))
}

/// A check of a valid policy with these arguments.
fn check(gates: &str, arguments: &[&str]) -> Gate {
    Gate::check(gates, arguments)
        .file("c.json", &root("examples/candidate.json"))
        .file("b.json", &root("examples/baseline.json"))
        .env("CI", "true")
}

fn arguments(what: &'static str, arguments: &[&str]) -> Row {
    row(what, check(GATES, arguments))
}

/// A check of the run `cand` on a server with these runs.
fn judged(what: &'static str, runs: &[Logged], head: &str, gates: &str, more: &[&str]) -> Row {
    let weave = server(runs.to_vec());
    row(what, on(&weave, head, gates, more))
}

fn on(weave: &Weave, head: &str, gates: &str, more: &[&str]) -> Gate {
    let text = format!("version: 1\nproject: my-team/bot\n{head}\ngates:\n{gates}\n");
    let named = more.iter().any(|word| word.starts_with("--candidate"));
    let candidate: &[&str] = if named { &[] } else { &["--candidate=cand"] };
    Gate::new(&["check"])
        .file("gates.yaml", &text)
        .env("WANDB_API_KEY", KEY)
        .env("CI", "true")
        .args(&["--base-url", &weave.url])
        .args(candidate)
        .args(more)
}

/// A check on a server that gives this answer to every request.
fn answered(what: &'static str, reply: Reply) -> Row {
    let weave = Weave::with(move |_, _| Some(reply.clone()));
    row(what, on(&weave, "", GATES, &["--timeout=2s"]))
}

fn policies() -> Vec<Row> {
    let bytes = |what, bytes: &[u8]| {
        let gate = Gate::new(&["validate"]);
        fs::write(gate.folder().join("gates.yaml"), bytes).unwrap();
        row(what, gate)
    };
    vec![
        row("there is no policy", Gate::new(&["check"])),
        row(
            "a pattern matches no file",
            Gate::new(&["check", "gates/*.yaml"]),
        ),
        policy(
            "a key is misspelt",
            "version: 1\ngates:\n  - {name: g, metric: rows, mn: 1}\n",
        ),
        policy(
            "a letter of another alphabet looks like a Latin one",
            "version: 1\ngates:\n  - {name: g, metric: rows, min: 1, sc\u{43e}rer: a}\n",
        ),
        policy(
            "a key occurs twice",
            "version: 1\nversion: 1\ngates:\n  - {name: g, metric: rows, min: 1}\n",
        ),
        policy(
            "a merge key",
            "version: 1\ngates:\n  - &first {name: g, metric: rows, min: 1}\n  - {<<: *first, name: h}\n",
        ),
        policy(
            "an unquoted commit is a number",
            "version: 1\ncandidate: {commit: 6063e25}\ngates:\n  - {name: g, metric: rows, min: 1}\n",
        ),
        policy(
            "a tab in the indentation",
            "version: 1\ngates:\n\t- {name: g, metric: rows, min: 1}\n",
        ),
        policy("brackets are not closed", "version: 1\ngates: [\n"),
        policy("there is no gate", "version: 1\ngates: []\n"),
        policy(
            "a later version of the policy language",
            "version: 2\ngates:\n  - {name: g, metric: rows, min: 1}\n",
        ),
        one_gate(
            "a metric that does not exist",
            "{name: g, scorer: a, metric: pass_rat, min: 0.9}",
        ),
        one_gate(
            "a rate in percent",
            "{name: g, scorer: a, metric: pass_rate, min: 90}",
        ),
        one_gate(
            "a number with a percent sign",
            "{name: g, scorer: a, metric: pass_rate, min: 90%}",
        ),
        one_gate(
            "a gate without a limit",
            "{name: g, scorer: a, metric: pass_rate}",
        ),
        one_gate(
            "a gate without a scorer",
            "{name: g, metric: pass_rate, min: 0.9}",
        ),
        one_gate(
            "a limit that the metric cannot have",
            "{name: g, metric: rows, max_drop: 1}",
        ),
        one_gate(
            "a range that is reversed",
            "{name: g, scorer: a, metric: numeric_mean, range: [5, 1], min: 2}",
        ),
        one_gate(
            "a waiver without a reason",
            "{name: g, metric: rows, min: 1, waive: {until: 2026-12-31}}",
        ),
        one_gate(
            "a value that is not one of the words",
            "{name: g, metric: rows, min: 1, severity: error}",
        ),
        policy(
            "a variable is written without braces",
            "version: 1\ncandidate: {commit: $GATE_SHA}\ngates:\n  - {name: g, metric: rows, min: 1}\n",
        ),
        bytes(
            "the file is a Git LFS pointer",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        ),
        bytes("the file is UTF-16", b"\xff\xfev\0e\0r\0"),
        bytes(
            "the file is a web page",
            b"<!DOCTYPE html>\n<title>Sign in</title>\n",
        ),
    ]
}

fn command_line() -> Vec<Row> {
    let unnamed = "version: 1\ngates:\n- {name: g, metric: rows, min: 1}\n";
    vec![
        row(
            "no run is named",
            Gate::new(&["check", "--project=a/b"]).file("gates.yaml", unnamed),
        ),
        row(
            "no project is named",
            Gate::new(&["check", "--candidate=cand"]).file("gates.yaml", unnamed),
        ),
        arguments(
            "a project without a team",
            &["--candidate=cand", "--project=bot"],
        ),
        arguments(
            "a selector with the name of an attribute",
            &["--candidate=git_sha=6063e25"],
        ),
        arguments(
            "a key of a selector is misspelt",
            &["--candidate=evalution=answers"],
        ),
        arguments(
            "a selector whose variable is not set",
            &["--candidate=commit="],
        ),
        arguments(
            "a display name with spaces instead of an id",
            &["--candidate=my run"],
        ),
        arguments("a snapshot without `file:`", &["--candidate=c.json"]),
        arguments(
            "the address of another page",
            &["--candidate=https://wandb.ai/my-team/bot/weave/evaluations"],
        ),
        arguments(
            "the address of a run of another project",
            &["--candidate=https://wandb.ai/my-team/other/r/call/0190ad3e"],
        ),
        arguments(
            "an option is misspelt",
            &["--candidate=cand", "--frmat=json"],
        ),
        arguments(
            "a duration without a unit",
            &["--candidate=cand", "--wait=15"],
        ),
        arguments(
            "a report would overwrite what is read",
            &["--candidate=file:c.json", "--json=c.json"],
        ),
        arguments(
            "the folder of a report does not exist",
            &["--candidate=file:c.json", "--json=no/r.json"],
        ),
        row(
            "a gate compares, and no baseline is named",
            check(DROP, &["--candidate=file:c.json"]),
        ),
    ]
}

fn network() -> Vec<Row> {
    let no_key = Gate::new(&["check", "--candidate=cand", "--project=a/b"]).file(
        "gates.yaml",
        "version: 1\ngates:\n- {name: g, metric: rows, min: 1}\n",
    );
    let no_server = Weave::start();
    let refused = no_server.url.clone();
    drop(no_server);
    let page = "<!DOCTYPE html><title>Sign in</title>".as_bytes().to_vec();
    let nan = br#"{"rows": [], "summary": {"row_count": NaN}}"#.to_vec();
    let nan = Weave::with(move |request, _| {
        let is_summary = request.path.ends_with("eval_results/query");
        is_summary.then(|| Reply::Whole(200, String::new(), nan.clone()))
    });
    vec![
        row("no key is set", no_key),
        row(
            "no server listens at the address",
            check(
                GATES,
                &["--candidate=cand", "--timeout=1s", "--base-url", &refused],
            ),
        ),
        row(
            "the host cannot be resolved",
            check(
                GATES,
                &[
                    "--candidate=cand",
                    "--timeout=2s",
                    "--base-url=https://weave.invalid",
                ],
            ),
        ),
        row(
            "plain http to another host",
            check(
                GATES,
                &["--candidate=cand", "--base-url=http://weave.example.com"],
            ),
        ),
        answered("the key is wrong", Reply::status(401, "Unauthorized")),
        answered(
            "the key may not read the project",
            Reply::status(403, "Forbidden"),
        ),
        answered(
            "the server is older than the API, or is not a trace server",
            Reply::Whole(404, String::new(), br#"{"detail":"Not Found"}"#.to_vec()),
        ),
        answered(
            "a proxy or login page answers",
            Reply::Whole(200, String::new(), page),
        ),
        answered(
            "the server redirects",
            Reply::status(302, "").header("Location: https://login.example.com"),
        ),
        answered(
            "the server is busy",
            Reply::status(503, "overloaded").header("Retry-After: 60"),
        ),
        row("a score is NaN or infinity", on(&nan, "", GATES, &[])),
    ]
}

const ANSWERS: &str = "candidate: {evaluation: answers}";

fn cand() -> Logged {
    logged("cand", 1, 0).on("pull/8")
}

fn chosen_runs() -> Vec<Row> {
    let base = || logged("base", 2, 0).on("main");
    let named = |name: &str| cand().with("/display_name", json!(name));
    vec![
        judged(
            "the run id does not exist",
            &[cand()],
            ANSWERS,
            GATES,
            &["--candidate=0190ad3e"],
        ),
        judged(
            "a display name instead of an id",
            &[named("nightly")],
            ANSWERS,
            GATES,
            &["--candidate=nightly"],
        ),
        judged(
            "a branch instead of an id",
            &[base()],
            ANSWERS,
            GATES,
            &["--candidate=main"],
        ),
        judged(
            "no run matches the selector",
            &[cand()],
            ANSWERS,
            GATES,
            &["--candidate=branch=main"],
        ),
        judged(
            "a commit of fewer than 7 characters",
            &[cand()],
            ANSWERS,
            GATES,
            &["--candidate=commit=00000"],
        ),
        judged(
            "the named run is of another evaluation",
            &[cand().of("tone")],
            ANSWERS,
            GATES,
            &[],
        ),
        judged(
            "the variable of the policy's commit is not set",
            &[cand()],
            "candidate: {evaluation: answers, commit: '${GATE_SHA}'}",
            GATES,
            &[],
        ),
    ]
}

fn states_of_runs() -> Vec<Row> {
    const MAIN: &str = "candidate: {evaluation: answers}\nbaseline: {branch: main}";
    vec![
        judged("there is no baseline yet", &[cand()], MAIN, DROP, &[]),
        judged(
            "the candidate is its own baseline",
            &[cand()],
            "baseline: {run: cand}",
            DROP,
            &[],
        ),
        judged(
            "the run is still running",
            &[cand().with("/ended_at", json!(null))],
            ANSWERS,
            GATES,
            &[],
        ),
        judged(
            "the run failed in Weave",
            &[cand().with("/exception", json!("ValueError: no rubric"))],
            ANSWERS,
            GATES,
            &[],
        ),
        judged(
            "calls of the run are missing",
            &[cand().stored(150)],
            ANSWERS,
            GATES,
            &[],
        ),
        judged(
            "a script never reached `log_summary()`",
            &[cand().by_logger("nightly").with("/output", json!(null))],
            "",
            GATES,
            &[],
        ),
        judged(
            "the run is too old",
            &[logged("cand", 24 * 9, 0)],
            "candidate: {evaluation: answers, max_age: 7d}",
            GATES,
            &[],
        ),
    ]
}

fn scores() -> Vec<Row> {
    let other = "- {name: other, scorer: corectness, metric: pass_rate, min: 0.5}";
    let mean = "- {name: mean, scorer: correctness, metric: numeric_mean, min: 0.5}";
    let text = "- {name: text, scorer: judge, metric: pass_rate, min: 0.5}";
    let noted = cand().scored("judge", |_| json!("good"));
    vec![
        judged("the scorer does not exist", &[cand()], ANSWERS, other, &[]),
        judged(
            "a mean of scores that are true or false",
            &[cand()],
            ANSWERS,
            mean,
            &[],
        ),
        judged(
            "a rate of scores that are text",
            &[noted],
            ANSWERS,
            text,
            &[],
        ),
        judged(
            "a score is outside the declared range",
            &[cand().scored("tone", |_| json!(80))],
            ANSWERS,
            "- {name: tone, scorer: tone, metric: numeric_mean, range: [0, 1], min: 0.5}",
            &[],
        ),
        judged(
            "`where` selects no row",
            &[cand()],
            ANSWERS,
            "- {name: slice, scorer: correctness, metric: pass_rate, where: {topic: shipping}, min: 0.5}",
            &[],
        ),
    ]
}

/// Snapshots of runs that were not measured in the same way.
fn setups() -> Vec<Row> {
    const STRICT: &str = "comparability: {scorer: undecided}";
    let saved = |name: &str, version: &str, change: &dyn Fn(&mut Value)| {
        let mut saved: Value =
            serde_json::from_str(&root(&format!("examples/{name}.json"))).unwrap();
        let at = |name: &str| format!("weave:///my-team/support-bot/object/{name}:{version}");
        let rows = "weave:///my-team/support-bot/object/rows:1";
        saved["runs"][0]["evaluation"]["version"] = json!(version);
        let mut setup = json!({
            "run": saved["runs"][0]["run"], "evaluation": at("answers"), "served_models": ["gpt-4o-2024-05-13"],
            "objects": {
                (at("answers")): {"scorers": [at("correctness")], "dataset": rows},
                (at("correctness")): {"name": "correctness", "model_id": "gpt-4o-2024-05-13"},
            },
        });
        change(&mut setup);
        saved["setup"] = json!([setup]);
        saved.to_string()
    };
    let row_of = |what, head: &str, change: &dyn Fn(&mut Value)| {
        let silent = "- {name: all, scorer: \"*\", metric: coverage, min: 0.5, max_drop: 0.5}";
        let gates = if head.is_empty() { silent } else { DROP };
        let policy = format!("version: 1\n{head}\ngates:\n{gates}\n");
        let gate = check(
            DROP,
            &["--candidate=file:new.json", "--baseline=file:old.json"],
        );
        let gate = gate.file("gates.yaml", &policy);
        let gate = gate.file("old.json", &saved("baseline", "1", &|_| {}));
        row(
            what,
            gate.file("new.json", &saved("candidate", "2", change)),
        )
    };
    let objects = "weave:///my-team/support-bot/object";
    vec![
        row_of("the judge's model was changed", STRICT, &|setup| {
            setup["objects"][format!("{objects}/correctness:2")]["model_id"] =
                json!("gpt-4o-2024-08-06");
        }),
        row_of("a scorer was removed", STRICT, &|setup| {
            setup["objects"][format!("{objects}/answers:2")]["scorers"] = json!([]);
        }),
        row_of("a scorer scores nothing", "", &|setup| {
            setup["unscored"] = json!(["style"]);
        }),
        row_of(
            "another model was served, and the policy asks for the same",
            "comparability: {served_model: undecided}",
            &|setup| setup["served_models"] = json!(["gpt-4o-2024-08-06"]),
        ),
    ]
}

fn snapshots() -> Vec<Row> {
    let snapshot = |what, arguments: &[&str], text: &str| {
        row(what, check(GATES, arguments).file("s.json", text))
    };
    let whole = root("examples/candidate.json");
    let weave = server(vec![cand()]);
    let taken = Gate::new(&[
        "snapshot",
        "cand",
        "--project=my-team/bot",
        "--summary-only",
        "-o",
        "s.json",
    ])
    .env("WANDB_API_KEY", KEY)
    .args(&["--base-url", &weave.url])
    .run()
    .code(0)
    .read("s.json");
    let sliced = "- {name: slice, scorer: correctness, metric: pass_rate, where: {topic: billing}, min: 0.5}";
    vec![
        snapshot(
            "the snapshot does not exist",
            &["--candidate=file:none.json"],
            "",
        ),
        snapshot(
            "the snapshot is of another project",
            &["--candidate=file:s.json"],
            &whole,
        ),
        snapshot(
            "the snapshot is cut short",
            &["--candidate=file:s.json"],
            &whole[..whole.len() / 2],
        ),
        snapshot(
            "the snapshot is a Git LFS pointer",
            &["--candidate=file:s.json"],
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        ),
        row(
            "the snapshot has no rows, and a gate needs them",
            check(sliced, &["--candidate=file:s.json"]).file("s.json", &taken),
        ),
    ]
}

/// What the user sees: the first line, and the next action.
fn shown(row: &Row) -> (String, String) {
    let outcome = &row.outcome;
    // Without an error on stderr, the report has the cause.
    let text = match outcome.stderr.find("error: ") {
        Some(place) => &outcome.stderr[place..],
        None => &outcome.stdout,
    };
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().to_owned();
    let mut help = Vec::new();
    for line in lines.take_while(|line| !line.starts_with("error: ")) {
        let words = line.trim_start();
        if let Some(start) = words.strip_prefix("help: ") {
            help.push(start.to_owned());
        } else if line.is_empty() && !help.is_empty() {
            break;
        } else if line.starts_with("    ") && !line.contains('|') {
            // A line that continues the one above.
            let text = help.last_mut().unwrap_or(&mut first);
            text.push(' ');
            text.push_str(words);
        }
    }
    let help = help.into_iter().next();
    let help = help.unwrap_or_else(|| panic!("{}: no help:\n{text}", row.what));
    (without_port(&first), without_port(&help))
}

/// The text with one port for all servers of the tests.
fn without_port(text: &str) -> String {
    let Some((before, after)) = text.split_once("127.0.0.1:") else {
        return text.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}127.0.0.1:8080{rest}")
}

/// A text as code in a cell of a table.
fn cell(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

#[test]
fn the_page_says_what_is_shown_for_each_problem() {
    let sections = [
        ("The policy", policies()),
        ("The command line", command_line()),
        ("The network and the server", network()),
        ("The runs", chosen_runs()),
        ("The state of the runs", states_of_runs()),
        ("The scores", scores()),
        ("How the runs were measured", setups()),
        ("Snapshots", snapshots()),
    ];
    let mut text = String::new();
    let mut count = 0;
    for (title, rows) in sections {
        let head = "| What went wrong | First line | Help | Exit code |\n|---|---|---|--:|";
        writeln!(text, "## {title}\n\n{head}").unwrap();
        for row in rows {
            let (first, help) = shown(&row);
            let code = row.outcome.code;
            assert!(matches!(code, 2 | 3), "{}: {code}", row.what);
            writeln!(
                text,
                "| {} | {} | {} | {code} |",
                row.what,
                cell(&first),
                cell(&help)
            )
            .unwrap();
            count += 1;
            row.outcome.done();
        }
        text.push('\n');
    }
    assert!(count >= 60, "{count}");
    generated(
        "docs/troubleshooting.md",
        "<!-- problems -->\n",
        "<!-- end of problems -->\n",
        &text,
    );
}
