//! Tests of `runs`: on terminals of several widths, piped, and as JSON.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::gate::{Gate, KEY};
use crate::screen;
use crate::weave::{Reply, Weave, call, is_list};

/// Four runs, the newest first: an id, minutes since it began, a name, commit and branch, and whether it failed.
fn runs() -> Vec<Value> {
    let now = Timestamp::now();
    let of = |id: &str, minutes: i64, name: &str, attributes: Value| {
        let mut run = call(id, 9);
        let started = now - SignedDuration::from_mins(minutes);
        run["started_at"] = json!(started.to_string());
        run["ended_at"] = json!((started + SignedDuration::from_secs(30)).to_string());
        run["display_name"] = json!(name);
        run["attributes"] = attributes;
        run
    };
    let sha = "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23";
    let mut running = of(
        "019ab2c4-77e0-7000-8000-0000000000a1",
        2,
        "nightly évaluation 日本語 of every question there is",
        json!({"git_sha": sha, "git_branch": "feature/a-very-long-branch-name", "team": "search"}),
    );
    running["ended_at"] = Value::Null;
    let mut failed = of(
        "019ab2c4-21d9-7000-8000-0000000000b2",
        185,
        "cheap model",
        json!({"git_sha": sha, "git_branch": "feat/cheap"}),
    );
    failed["exception"] = json!("boom");
    vec![
        running,
        failed,
        of(
            "019a0000-0000-7000-8000-0000000000c3",
            3 * 24 * 60,
            "main 3",
            json!({"git_sha": "e4666a6", "git_branch": "main"}),
        ),
        of(
            "base",
            90 * 24 * 60,
            "::error::[31m\u{1b}[31m",
            json!({"revision": "abc1234def"}),
        ),
    ]
}

fn weave() -> Weave {
    Weave::with(|request, _| {
        if is_list(request) {
            let limit = usize::try_from(request.body["limit"].as_u64().unwrap()).unwrap();
            let runs: Vec<Value> = runs().into_iter().take(limit).collect();
            return Some(Reply::lines(&runs));
        }
        let is_total =
            request.path == "/calls/query_stats" && request.body["filter"]["op_names"].is_array();
        if is_total {
            let is_all = request.body["query"].is_null();
            return Some(Reply::json(&json!({"count": if is_all { 10 } else { 4 }})));
        }
        None
    })
}

fn list(weave: &Weave, more: &[&str]) -> Gate {
    Gate::new(&["runs", "--base-url", &weave.url])
        .args(more)
        .env("WANDB_API_KEY", KEY)
}

const HERE: &str = "--project=my-team/bot";

#[test]
fn the_table_fits_the_terminal() {
    let weave = weave();
    let pages = [50, 60, 80, 120, 160].map(|width| {
        let outcome = screen::shown(list(&weave, &[HERE]).env("NO_COLOR", "1"), width).code(0);
        for line in outcome.stdout.lines() {
            let columns = unicode_width::UnicodeWidthStr::width(line);
            assert!(columns <= usize::from(width), "{width}: {line}");
        }
        format!("{width} columns\n{}\n", outcome.stdout)
    });
    insta::assert_snapshot!(pages.concat());
}

/// The text of a screen with links as `[text](address)`.
fn linked(weave: &Weave, more: &[&str]) -> String {
    let gate = list(weave, more).env("TERM", "xterm-256color");
    screen::readable(&screen::shown(gate, 80).code(0).stdout)
}

#[test]
fn short_ids_lead_to_their_runs_and_all_shows_whole_ones() {
    let weave = weave();
    let shown = linked(&weave, &[HERE]);
    let page = "https://wandb.ai/my-team/bot/r/call";
    let first = format!("[019ab2c4-7]({page}/019ab2c4-77e0-7000-8000-0000000000a1)  nightly");
    assert!(shown.contains(&first), "{shown}");
    assert!(
        shown.contains(&format!("[base]({page}/base)        ")),
        "{shown}"
    );
    let all = linked(&weave, &[HERE, "--all"]);
    let id = "019ab2c4-77e0-7000-8000-0000000000a1";
    assert!(all.contains(&format!("[{id}]({page}/{id})")), "{all}");
    assert!(all.contains("every question there is"));
    assert!(all.contains("EVALUATION  MODEL") && all.contains("answers     bot"));
    assert!(!all.contains('…') && !all.contains("--all"));
}

#[test]
fn the_last_line_says_of_how_many_runs() {
    let last = |weave: &Weave, more: &[&str]| {
        let gate = list(weave, more).args(&[HERE]);
        let outcome = screen::shown(gate, 80).code(0);
        outcome.stdout.lines().last().unwrap().to_owned()
    };
    let weave = weave();
    let ids = "whole ids with --all";
    assert_eq!(last(&weave, &[]), format!("4 runs ({ids})"));
    assert_eq!(
        last(&weave, &["--limit=2"]),
        format!("2 of 10 runs (more with --limit, {ids})")
    );
    assert_eq!(
        last(&weave, &["attributes.team=search"]),
        format!("1 of 10 runs matches ({ids})")
    );
    assert_eq!(
        last(&weave, &["model=bot", "--limit=3"]),
        format!("3 of 4 matching runs (more with --limit, {ids})")
    );
    // A server that does not count.
    let weave = Weave::with(|request, _| {
        is_list(request).then(|| {
            let limit = usize::try_from(request.body["limit"].as_u64().unwrap()).unwrap();
            Reply::lines(&runs()[..limit.min(4)])
        })
    });
    assert_eq!(
        last(&weave, &["--limit=2"]),
        format!("2 runs shown, there are more (--limit, {ids})")
    );
}

#[test]
fn scripts_get_whole_values_and_say_on_stderr_if_there_are_more() {
    let weave = weave();
    let outcome = list(&weave, &[HERE]).run().code(0);
    assert_eq!(outcome.stderr, "");
    let lines: Vec<Vec<&str>> = outcome
        .stdout
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "RUN",
            "STATUS",
            "STARTED",
            "TRIALS",
            "EVALUATION",
            "MODEL",
            "NAME",
            "COMMIT",
            "BRANCH",
            "ATTRIBUTES"
        ]
    );
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line.len() == 10));
    let first = &lines[1];
    assert_eq!(first[0], "019ab2c4-77e0-7000-8000-0000000000a1");
    assert_eq!(first[1], "running");
    assert!(first[2].parse::<Timestamp>().is_ok(), "{}", first[2]);
    assert_eq!(
        first[6],
        "nightly évaluation 日本語 of every question there is"
    );
    assert_eq!(first[7], "8dc29fc41b6c0a7d2f94e35b17a60c8d5e9f1a23");
    assert_eq!(first[8], "feature/a-very-long-branch-name");
    assert!(first[9].ends_with(" team=search"), "{}", first[9]);
    assert!(!outcome.stdout.contains('\u{1b}') && !outcome.stdout.contains("::"));
    list(&weave, &[HERE, "--limit=3"])
        .run()
        .code(0)
        .says("3 runs shown, there are more (--limit)");
    let json = list(&weave, &[HERE, "--limit=3", "--json"]).run().code(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["has_more"], true);
    assert_eq!(json["runs"].as_array().unwrap().len(), 3);
    assert_eq!(json["runs"][1]["branch"], "feat/cheap");
    assert_eq!(json["runs"][2]["commit"], "e4666a6");
}

#[test]
fn project_and_attributes_come_from_the_policy_here() {
    let weave = weave();
    let policy = "version: 1\nproject: my-team/${NAME:-bot}\nidentity: {commit: revision}\ngates: [{name: g, metric: rows, min: 1}]\n";
    let with = |policy: &str, more: &[&str]| list(&weave, more).file("gates.yaml", policy);
    let from_policy = with(policy, &["-v", "commit=abc1234", "--json"])
        .run()
        .code(0);
    assert!(
        from_policy
            .stderr
            .contains("project my-team/bot, from gates.yaml")
    );
    let json: Value = serde_json::from_str(&from_policy.stdout).unwrap();
    assert_eq!(json["project"], "my-team/bot");
    let ids: Vec<&Value> = json["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["id"])
        .collect();
    assert_eq!(ids, ["base"]);
    assert_eq!(json["runs"][0]["commit"], "abc1234def");
    // As in `check`, the policy comes before the environment, and the argument before both.
    with(policy, &["-v"])
        .env("WANDB_ENTITY", "other")
        .env("WANDB_PROJECT", "project")
        .run()
        .code(0)
        .says("project my-team/bot, from gates.yaml");
    with(&policy.replace("my-team/", "other/"), &["-v", HERE])
        .run()
        .code(0)
        .says("project my-team/bot, from --project");
    // An invalid policy is only in the way if the project is not named elsewhere.
    let wrong = "version: 1\nproject: my-team/bot\n";
    with(wrong, &["-v"])
        .env("WANDB_ENTITY", "my-team")
        .env("WANDB_PROJECT", "bot")
        .run()
        .code(0)
        .says("project my-team/bot, from WANDB_ENTITY and WANDB_PROJECT");
    with(wrong, &[])
        .run()
        .code(2)
        .says("no project is named")
        .says("gates.yaml is invalid; `weave-gate validate` says why");
    with(&policy.replace(":-bot", ""), &[])
        .run()
        .code(2)
        .says("gates.yaml does not tell its project: the variable `NAME` is not set");
    list(&weave, &[])
        .run()
        .code(2)
        .says("or write `project: entity/project` into gates.yaml");
}
