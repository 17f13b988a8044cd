//! Tests of comments on pull requests and merge requests, on scripted servers of the GitHub and GitLab APIs.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::ci::{example, root};
use crate::gate::{Gate, Outcome};
use crate::weave::{Reply, Request, Weave};

/// No output may contain these tokens.
const GITHUB_TOKEN: &str = "ghs_0123456789abcdefghijklmnopqrstuvwxyz";
const GITLAB_TOKEN: &str = "glpat-0123456789abcdefghij";

/// A comment on a request, as the server stores it.
#[derive(Clone, Debug)]
struct Note {
    is_ours: bool,
    body: String,
}

type Notes = Arc<Mutex<Vec<Note>>>;

fn theirs(body: &str) -> Note {
    Note {
        is_ours: false,
        body: body.to_owned(),
    }
}

fn ours(policy: &str, run: &str) -> Note {
    Note {
        is_ours: true,
        body: format!("<!-- weave-gate comment policy={policy} run={run} -->\nold"),
    }
}

/// A fake GitHub GraphQL API with pages of 100 comments.
fn github(notes: &Notes) -> Weave {
    let notes = Arc::clone(notes);
    Weave::with(move |request, _| Some(on_github_graphql(&notes, request)))
}

fn on_github_graphql(notes: &Notes, request: &Request) -> Reply {
    assert!(request.head.contains(&format!("{GITHUB_TOKEN}\r\n")));
    assert_eq!((&*request.method, &*request.path), ("POST", "/graphql"));
    let variables = &request.body["variables"];
    let query = request.body["query"].as_str().unwrap();
    let mut notes = notes.lock().unwrap();
    let text = |name: &str| variables[name].as_str().unwrap().to_owned();
    let data = if query.contains("addComment") {
        assert_eq!(text("subject"), "PR_7");
        notes.push(Note {
            is_ours: true,
            body: text("body"),
        });
        json!({"addComment": {"clientMutationId": null}})
    } else if query.contains("updateIssueComment") {
        let place: usize = text("id").parse().unwrap();
        notes[place].body = text("body");
        json!({"updateIssueComment": {"clientMutationId": null}})
    } else {
        assert_eq!(
            (text("owner"), text("name"), variables["number"].as_u64()),
            ("my-team".to_owned(), "bot".to_owned(), Some(7))
        );
        if query.contains("comments(") {
            let after = variables["after"].as_str().unwrap_or("0");
            let from: usize = after.parse().unwrap();
            let listed: Vec<Value> = notes
                    .iter()
                    .enumerate()
                    .skip(from)
                    .take(100)
                    .map(|(place, note)| json!({"id": place.to_string(), "body": note.body, "viewerDidAuthor": note.is_ours}))
                    .collect();
            let page = json!({"hasNextPage": from + 100 < notes.len(), "endCursor": (from + 100).to_string()});
            json!({"repository": {"pullRequest": {"comments": {"nodes": listed, "pageInfo": page}}}})
        } else {
            json!({"repository": {"pullRequest": {"id": "PR_7"}}})
        }
    };
    Reply::json(&json!({ "data": data }))
}

/// A fake GitLab REST API with pages of 100 notes.
fn gitlab(notes: &Notes) -> Weave {
    let notes = Arc::clone(notes);
    Weave::with(move |request, _| {
        assert!(request.head.contains(&format!("{GITLAB_TOKEN}\r\n")));
        let mut notes = notes.lock().unwrap();
        let path = "/api/v4/projects/31/merge_requests/7/notes";
        let shown = |place: usize, note: &Note| json!({"id": place, "body": note.body, "author": {"id": if note.is_ours { 5 } else { 6 }}});
        let body = || request.body["body"].as_str().unwrap().to_owned();
        Some(match (&*request.method, &*request.path) {
            ("GET", "/api/v4/user") => Reply::json(&json!({"id": 5, "username": "project_31_bot"})),
            ("GET", listed) => {
                let page = listed
                    .strip_prefix(path)
                    .and_then(|rest| rest.strip_prefix("?per_page=100&page="))
                    .and_then(|rest| rest.strip_suffix("&order_by=created_at&sort=asc"));
                let page: usize = page.unwrap().parse().unwrap();
                let all = notes.iter().enumerate().skip((page - 1) * 100).take(100);
                let known: Vec<Value> = all.map(|(place, note)| shown(place, note)).collect();
                let next = if page * 100 < notes.len() {
                    (page + 1).to_string()
                } else {
                    String::new()
                };
                Reply::json(&json!(known)).header(&format!("x-next-page: {next}"))
            }
            ("POST", created) => {
                assert_eq!(created, path);
                notes.push(Note {
                    is_ours: true,
                    body: body(),
                });
                Reply::Whole(201, String::new(), b"{}".to_vec())
            }
            ("PUT", updated) => {
                let place = updated.strip_prefix(path).unwrap();
                let place: usize = place.trim_start_matches('/').parse().unwrap();
                notes[place].body = body();
                Reply::json(&json!({}))
            }
            other => panic!("{other:?}"),
        })
    })
}

/// The event of a pull request whose branch is in this repository.
fn event(repository: &str) -> String {
    json!({"pull_request": {
        "number": 7,
        "head": {"sha": "0123456789abcdef", "repo": {"full_name": repository}},
        "base": {"sha": "ba5e", "repo": {"full_name": "my-team/bot"}},
        "user": {"login": "somebody"},
    }})
    .to_string()
}

fn on_github(gate: Gate, server: &Weave, run: &str) -> Gate {
    gate.file("event.json", &event("my-team/bot"))
        .env("GITHUB_EVENT_PATH", "event.json")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_REPOSITORY", "my-team/bot")
        .env("GITHUB_SERVER_URL", "https://github.com")
        .env("GITHUB_GRAPHQL_URL", &format!("{}/graphql", server.url))
        .env("GITHUB_RUN_ID", run)
        .env("GITHUB_RUN_ATTEMPT", "1")
        .env("GITHUB_TOKEN", GITHUB_TOKEN)
}

fn on_gitlab(gate: Gate, server: &Weave, pipeline: &str) -> Gate {
    gate.env("CI_API_V4_URL", &format!("{}/api/v4", server.url))
        .env("CI_PROJECT_ID", "31")
        .env("CI_MERGE_REQUEST_PROJECT_ID", "31")
        .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "31")
        .env("CI_MERGE_REQUEST_IID", "7")
        .env("CI_PIPELINE_ID", pipeline)
        .env("CI_JOB_ID", "900")
        .env("CI_JOB_URL", "https://gitlab.com/my-team/bot/-/jobs/900")
        .env("CI_COMMIT_SHA", "0123456789abcdef")
        .env("GITLAB_TOKEN", GITLAB_TOKEN)
}

#[track_caller]
fn hides(token: &str, outcome: &Outcome) {
    assert!(!outcome.stdout.contains(token) && !outcome.stderr.contains(token));
}

#[test]
fn github_has_one_comment_for_each_policy_whatever_the_run() {
    let notes: Notes = Arc::default();
    // A marker in another user's comment is ignored. The gate's own comment is on the second page.
    let foreign = theirs(&ours("gates.example.yaml", "1.1").body);
    notes.lock().unwrap().extend(vec![foreign.clone(); 130]);
    let server = github(&notes);
    let first = on_github(example(&["--github-comment"]), &server, "12").run();
    hides(GITHUB_TOKEN, &first.code(1));
    let body = notes.lock().unwrap()[130].body.clone();
    insta::assert_snapshot!("comment", body);
    on_github(example(&["--github-comment"]), &server, "13").run();
    let all = notes.lock().unwrap().clone();
    assert_eq!(all.len(), 131);
    assert_eq!(
        all[130].body,
        body.replacen("12.1", "13.1", 1)
            .replace("runs/12", "runs/13")
    );
    assert!(all.iter().take(130).all(|note| note.body == foreign.body));
    // Each policy has its own comment.
    on_github(example(&["--github-comment", "more.yaml"]), &server, "14")
        .file(
            "more.yaml",
            "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n",
        )
        .run()
        .code(1);
    let all = notes.lock().unwrap().clone();
    assert_eq!(all.len(), 132);
    assert!(all[131].body.contains("## ✅ "), "{}", all[131].body);
    assert!(all[130].body.contains("## ❌ "));
}

#[test]
fn gitlab_has_one_note_for_each_policy_whatever_the_pipeline() {
    let notes: Notes = Arc::default();
    notes.lock().unwrap().extend(vec![theirs("hello"); 130]);
    let server = gitlab(&notes);
    for pipeline in ["12", "13"] {
        let outcome = on_gitlab(example(&["--gitlab-note"]), &server, pipeline).run();
        hides(GITLAB_TOKEN, &outcome.code(1));
        let all = notes.lock().unwrap().clone();
        assert_eq!(all.len(), 131);
        let start = format!(
            "<!-- weave-gate comment policy=gates.example.yaml run={pipeline}.900 -->\n## ❌"
        );
        assert!(all[130].body.starts_with(&start), "{}", all[130].body);
        assert!(
            all[130]
                .body
                .contains("[full report](https://gitlab.com/my-team/bot/-/jobs/900)")
        );
    }
}

/// Policies of one name in two folders of a repository have two comments, although each job runs in its folder.
#[test]
fn a_comment_is_identified_by_the_path_in_the_repository() {
    let (on_pull, on_merge): (Notes, Notes) = (Arc::default(), Arc::default());
    let (github, gitlab) = (github(&on_pull), gitlab(&on_merge));
    for (folder, run) in [
        ("services/bot", "12"),
        ("services/web", "13"),
        ("services/bot", "14"),
    ] {
        let gate = Gate::new(&[
            "check",
            "--candidate=file:c.json",
            "--github-comment",
            "--gitlab-note",
        ])
        .file(
            &format!("{folder}/c.json"),
            &root("examples/candidate.json"),
        )
        .file(
            &format!("{folder}/gates.yaml"),
            "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n",
        );
        let gate = on_gitlab(on_github(gate, &github, run), &gitlab, run);
        let mut command = gate.command();
        command
            .current_dir(gate.folder().join(folder))
            .env("GITHUB_EVENT_PATH", gate.folder().join("event.json"))
            .env("GITHUB_WORKSPACE", gate.folder())
            .env("CI_PROJECT_DIR", gate.folder());
        let output = command.output().unwrap();
        gate.ended(output).code(0).done();
    }
    for notes in [on_pull, on_merge] {
        let notes = notes.lock().unwrap();
        let policies: Vec<&str> = notes
            .iter()
            .filter_map(|note| note.body.split("policy=").nth(1)?.split(' ').next())
            .collect();
        let expected = ["services%2Fbot%2Fgates.yaml", "services%2Fweb%2Fgates.yaml"];
        assert_eq!(policies, expected);
        // The comment itself shows the path that was given.
        assert!(
            notes[0].body.contains("`gates.yaml`: "),
            "{}",
            notes[0].body
        );
    }
}

#[test]
fn a_stale_run_leaves_the_comment_of_a_newer_one() {
    let notes: Notes = Arc::default();
    notes
        .lock()
        .unwrap()
        .push(ours("gates.example.yaml", "20.1"));
    let server = github(&notes);
    on_github(example(&["--github-comment"]), &server, "19")
        .run()
        .code(1)
        .says("a newer pipeline has written the comment on the pull request, which stays");
    assert!(notes.lock().unwrap()[0].body.ends_with("\nold"));
    let server = gitlab(&notes);
    on_gitlab(example(&["--gitlab-note"]), &server, "19")
        .run()
        .code(1)
        .says("a newer pipeline has written the note on the merge request, which stays");
    assert!(notes.lock().unwrap()[0].body.ends_with("\nold"));
}

#[test]
fn what_could_not_be_judged_is_said_in_the_comment_too() {
    let notes: Notes = Arc::default();
    notes.lock().unwrap().push(ours("gates.yaml", "1.1"));
    let server = github(&notes);
    let wrong = Gate::new(&["check", "--github-comment"]).file("gates.yaml", "version: 2\n");
    on_github(wrong, &server, "2").run().code(2);
    let all = notes.lock().unwrap().clone();
    assert_eq!(all.len(), 1);
    assert!(
        all[0].body.contains("## ❔ `gates.yaml`: no verdict"),
        "{}",
        all[0].body
    );
    for said in [
        "2 problems in the policy\n",
        "- `` gates.yaml:1:1: missing key `gates` ``<br>help: ",
        "- `gates.yaml:1:10: version: this weave-gate does not know version 2; expected 1`<br>help: ",
    ] {
        assert!(all[0].body.contains(said), "{}", all[0].body);
    }
}

#[test]
fn an_invalid_argument_is_said_in_the_comment_of_each_policy() {
    let notes: Notes = Arc::default();
    for policy in ["a.yaml", "b.yaml"] {
        notes.lock().unwrap().push(ours(policy, "1.1"));
    }
    let server = github(&notes);
    let wrong = Gate::new(&["check", "--bogus", "json", "a.yaml", "b.yaml"])
        .args(&["--wait", "soon", "--github-comment"])
        .file("a.yaml", "version: 1\n")
        .file("b.yaml", "version: 1\n");
    on_github(wrong, &server, "2").run().code(2);
    let all = notes.lock().unwrap().clone();
    assert_eq!(all.len(), 2);
    for comment in all {
        assert!(comment.body.contains(".yaml`: no verdict"));
        assert!(comment.body.contains("unexpected argument"));
    }
}

#[test]
fn the_token_of_a_fork_is_not_used() {
    let server = Weave::with(|_, _| panic!("asked"));
    on_github(example(&["--github-comment"]), &server, "1")
        .file("event.json", &event("stranger/bot"))
        .run()
        .code(1)
        .says("no comment on the pull request: the pull request is from a fork");
    on_gitlab(example(&["--gitlab-note"]), &server, "1")
        .env("CI_PROJECT_ID", "99")
        .run()
        .code(1)
        .says("no note on the merge request: the pipeline is that of a fork");
    assert!(server.requests().is_empty());
    // A `pull_request_target` workflow runs for the base branch, so its token may write comments.
    let notes: Notes = Arc::default();
    let server = github(&notes);
    on_github(example(&["--github-comment"]), &server, "1")
        .file("event.json", &event("stranger/bot"))
        .env("GITHUB_EVENT_NAME", "pull_request_target")
        .run()
        .code(1);
    assert_eq!(notes.lock().unwrap().len(), 1);
}

#[test]
fn where_there_is_no_request_no_comment_is_due() {
    let server = Weave::with(|_, _| panic!("asked"));
    let outcome = on_github(
        example(&["--github-comment", "--gitlab-note"]),
        &server,
        "1",
    )
    .file("event.json", r#"{"ref": "refs/heads/main"}"#)
    .run()
    .code(1)
    .says("no comment on the pull request: this is no workflow of a pull request")
    .says("no note on the merge request: this is no pipeline of a merge request");
    assert!(!outcome.stderr.contains("warning"));
}

/// Tests the message for an answer that refuses the comment.
fn refused(reply: &Reply, words: &[&str]) {
    let on_forges: [fn(Gate, &Weave, &str) -> Gate; 2] = [on_github, on_gitlab];
    let options = [
        ("--github-comment", GITHUB_TOKEN),
        ("--gitlab-note", GITLAB_TOKEN),
    ];
    for ((option, token), on_forge) in options.iter().zip(on_forges) {
        let reply = reply.clone();
        let server = Weave::with(move |_, _| Some(reply.clone()));
        let outcome = on_forge(example(&[option]), &server, "1").run();
        // A comment never changes the verdict. The verdict is the last line of output.
        assert!(outcome.stdout.ends_with("(exit code 1)\n"));
        let mut outcome = outcome.code(1).says("warning: no ");
        for word in words {
            outcome = outcome.says(word);
        }
        hides(token, &outcome);
        assert!(server.requests().len() <= 3);
    }
}

#[test]
fn what_a_token_may_not_is_named() {
    let said = |status, said: &str| {
        Reply::Whole(
            status,
            String::new(),
            json!({"message": said}).to_string().into_bytes(),
        )
    };
    refused(
        &said(401, "Bad credentials"),
        &["refused the token (401): Bad credentials"],
    );
    refused(
        &said(
            403,
            &format!("no\u{1b}[31m ::error::x {GITHUB_TOKEN} {GITLAB_TOKEN}"),
        ),
        &["may not comment on this", "help: "],
    );
    refused(&said(500, "oops"), &["answered 500: oops"]);
    refused(&Reply::Raw(Vec::new()), &["the connection to Git"]);
    refused(
        &Reply::Whole(200, String::new(), b"<html>".to_vec()),
        &["warning"],
    );
    refused(
        &Reply::Whole(
            302,
            "Location: https://example.com/\r\n".to_owned(),
            Vec::new(),
        ),
        &["answered 302"],
    );
}

/// The answers with which GitHub and GitLab report a rate limit.
fn rate_limits(after: u64) -> Vec<Reply> {
    let refused = |status, headers: String, message: &str| {
        let body = json!({"message": message}).to_string().into_bytes();
        Reply::Whole(status, headers, body)
    };
    let reset = jiff::Timestamp::now().as_second().unsigned_abs() + after;
    let limited = json!({"data": null, "errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]});
    vec![
        refused(
            429,
            format!("Retry-After: {after}\r\n"),
            "Too many requests",
        ),
        refused(
            403,
            format!("Retry-After: {after}\r\n"),
            "You have exceeded a secondary rate limit",
        ),
        refused(
            403,
            format!("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {reset}\r\n"),
            "API rate limit exceeded",
        ),
        Reply::Whole(
            200,
            format!("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: {reset}\r\n"),
            limited.to_string().into_bytes(),
        ),
    ]
}

#[test]
fn a_rate_limit_is_waited_for() {
    for limit in rate_limits(1) {
        let notes = Notes::default();
        let written = Arc::clone(&notes);
        let server = Weave::with(move |request, place| {
            let is_limited = place == 0 && request.body["query"].to_string().contains("omment");
            Some(if is_limited {
                limit.clone()
            } else {
                on_github_graphql(&written, request)
            })
        });
        let outcome = on_github(example(&["--github-comment"]), &server, "1").run();
        let outcome = outcome.code(1);
        assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
        assert_eq!(notes.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_rate_limit_that_lasts_is_no_missing_permission() {
    for limit in rate_limits(3000) {
        let server = Weave::with(move |_, _| Some(limit.clone()));
        let outcome = on_github(example(&["--github-comment"]), &server, "1").run();
        let outcome = outcome
            .code(1)
            .says("the rate limit of GitHub is reached")
            .says("asks to wait")
            .says("help: run the job again when the rate limit has ended");
        assert!(!outcome.stderr.contains("permission"), "{}", outcome.stderr);
        assert_eq!(server.requests().len(), 1);
    }
    let limit = rate_limits(3000).remove(0);
    let server = Weave::with(move |_, _| Some(limit.clone()));
    on_gitlab(example(&["--gitlab-note"]), &server, "1")
        .run()
        .code(1)
        .says("the rate limit of GitLab is reached (429) and asks to wait 3000 s");
}

#[test]
fn github_says_what_permission_is_missing() {
    let errors = json!({"data": null, "errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]});
    let server = Weave::with(move |_, _| Some(Reply::json(&errors)));
    on_github(example(&["--github-comment"]), &server, "1")
        .run()
        .code(1)
        .says("may not comment on this pull request: Resource not accessible by integration")
        .says("permissions: pull-requests: write");
    let server = Weave::with(|_, _| panic!("asked"));
    on_github(example(&["--github-comment"]), &server, "1")
        .env("GITHUB_TOKEN", "")
        .run()
        .code(1)
        .says("warning: no comment on the pull request: GITHUB_TOKEN is not set");
    on_gitlab(example(&["--gitlab-note"]), &server, "1")
        .env("GITLAB_TOKEN", "")
        .env("CI_JOB_TOKEN", "glcbt-0123456789")
        .run()
        .code(1)
        .says("GITLAB_TOKEN is not set")
        .says("CI_JOB_TOKEN may not write notes");
}

#[test]
fn a_comment_is_never_made_twice_by_trying_again() {
    let server = Weave::with(|request: &Request, _| {
        let query = request.body["query"].as_str().unwrap();
        let data = if query.contains("addComment") {
            return Some(Reply::status(502, "bad gateway"));
        } else if query.contains("comments(") {
            json!({"repository": {"pullRequest": {"comments": {"nodes": [], "pageInfo": {"hasNextPage": false, "endCursor": null}}}}})
        } else {
            json!({"repository": {"pullRequest": {"id": "PR_7"}}})
        };
        Some(Reply::json(&json!({ "data": data })))
    });
    on_github(example(&["--github-comment"]), &server, "1")
        .run()
        .code(1)
        .says("answered 502");
    let made = |request: &&Request| {
        request.body["query"]
            .as_str()
            .unwrap()
            .contains("addComment")
    };
    assert_eq!(server.requests().iter().filter(made).count(), 1);
}

#[test]
fn tokens_are_sent_in_the_open_to_nobody() {
    let server = Weave::with(|_, _| panic!("asked"));
    on_github(example(&["--github-comment"]), &server, "1")
        .env("GITHUB_GRAPHQL_URL", "http://github.example.com/graphql")
        .run()
        .code(1)
        .says("refused to send the token over plain http to `github.example.com`");
}

#[test]
fn hostile_names_stay_in_their_spans() {
    let hostile = "a` --> | <img src=x> @team #1\\n/approve [x](http://evil) <!-- weave-gate comment policy=gates.yaml run=9.9 -->";
    let gates = format!(
        "version: 1\ngates: [{{name: \"{hostile}\", scorer: correctness, metric: pass_rate, min: 1}}]\n"
    );
    let notes: Notes = Arc::default();
    let server = github(&notes);
    let gate = Gate::new(&["check", "--candidate=file:c.json", "--github-comment"])
        .file("gates.yaml", &gates)
        .file("c.json", &root("examples/candidate.json"));
    on_github(gate, &server, "1").run().code(1);
    let body = notes.lock().unwrap()[0].body.clone();
    let line = body
        .lines()
        .find(|line| line.starts_with("| ❌ fail |"))
        .unwrap();
    assert!(
        line.contains("``a` --> \\| <img src=x> @team #1\\n/approve [x](http://evil) <!--"),
        "{line}"
    );
    assert!(body.lines().all(|line| !line.starts_with('/')));
}

#[test]
fn a_fork_without_a_key_is_undecided_or_skipped_if_that_is_asked() {
    let gate = |more: &[&str]| {
        Gate::new(&["check", "--candidate=cand", "--project=my-team/bot"])
            .args(more)
            .file(
                "gates.yaml",
                "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n",
            )
            .file("event.json", &event("stranger/bot"))
            .env("GITHUB_EVENT_PATH", "event.json")
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_OUTPUT", "output")
            .env("GITHUB_STEP_SUMMARY", "summary")
            .env("GITHUB_ACTIONS", "true")
    };
    gate(&[])
        .run()
        .code(3)
        .says("pull requests from forks and Dependabot do not get");
    let skipped = gate(&["--skip-forks", "--report-dir=out"]).run().code(0);
    assert!(
        skipped
            .stdout
            .ends_with("SKIPPED: nothing was judged (exit code 0)\n")
    );
    assert!(
        skipped
            .read("output")
            .starts_with("verdict=skipped\nexit-code=0\n")
    );
    assert!(
        skipped
            .read("summary")
            .contains("skipped, nothing was judged")
    );
    assert!(skipped.stderr.contains(
        "::warning title=weave-gate%3A skipped%2C nothing was judged::the pull request is from a fork"
    ));
    assert!(skipped.read("out/junit.xml").contains("<skipped"));
    let report = skipped.json("out/report.json");
    assert_eq!(report["verdict"], Value::Null);
    assert!(report["skipped"].as_str().unwrap().contains("from a fork"));
    // GitHub gives Dependabot no API key either.
    let sent_by = |login: &str| {
        let mut event: Value = serde_json::from_str(&event("my-team/bot")).unwrap();
        event["sender"] = json!({ "login": login });
        event["pull_request"]["user"] = json!({"login": "dependabot[bot]"});
        event.to_string()
    };
    gate(&["--skip-forks"])
        .file("event.json", &sent_by("dependabot[bot]"))
        .run()
        .code(0)
        .shows("the pull request is by Dependabot");
    // A user who pushes to a Dependabot branch gets secrets. The variable `GITHUB_ACTOR` does not identify Dependabot.
    gate(&["--skip-forks"])
        .file("event.json", &sent_by("somebody"))
        .env("GITHUB_ACTOR", "dependabot[bot]")
        .run()
        .code(3);
    // `--skip-forks` skips a check in no other case.
    let own = gate(&["--skip-forks"]).file("event.json", &event("my-team/bot"));
    own.run().code(3);
    let target = gate(&["--skip-forks"]).env("GITHUB_EVENT_NAME", "pull_request_target");
    target.run().code(3);
    let broken = gate(&["--skip-forks"]).file("event.json", "{");
    broken
        .run()
        .code(3)
        .says("cannot read the event in GITHUB_EVENT_PATH");
    let wrong = gate(&["--skip-forks"]).file("gates.yaml", "version: 2\n");
    wrong.run().code(2);
    // Snapshots need no API key.
    let snapshot = example(&["--skip-forks"])
        .file("event.json", &event("stranger/bot"))
        .env("GITHUB_EVENT_PATH", "event.json")
        .env("GITHUB_EVENT_NAME", "pull_request");
    snapshot.run().code(1);
    // The check runs when there is an API key.
    let server = Weave::start();
    gate(&["--skip-forks"])
        .env("WANDB_API_KEY", crate::gate::KEY)
        .env("WF_TRACE_SERVER_URL", &server.url)
        .run()
        .code(0)
        .shows("passed");
}

/// GitLab's variables have an effect only in GitLab CI. A step on GitHub or on another CI system could set them.
#[test]
fn a_fork_is_named_by_the_system_that_runs_the_job() {
    let gate = |more: &[(&str, &str)]| {
        let gate = Gate::new(&["check", "--candidate=cand", "--project=my-team/bot"])
            .args(&["--skip-forks"])
            .file(
                "gates.yaml",
                "version: 1\ngates: [{name: g, metric: rows, min: 1}]\n",
            )
            .file("event.json", &event("stranger/bot"))
            .env("CI_MERGE_REQUEST_PROJECT_ID", "31")
            .env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "99");
        more.iter()
            .fold(gate, |gate, (name, value)| gate.env(name, value))
            .run()
    };
    let of_github = [
        ("GITHUB_EVENT_PATH", "event.json"),
        ("GITHUB_EVENT_NAME", "pull_request"),
    ];
    gate(&[("GITLAB_CI", "true")])
        .code(0)
        .shows("the merge request is from a fork");
    gate(&[]).code(3);
    gate(&[("CI", "true")]).code(3);
    gate(&[("GITHUB_ACTIONS", "true")]).code(3);
    gate(&[("GITHUB_ACTIONS", "true"), ("GITLAB_CI", "true")]).code(3);
    gate(&of_github).code(3);
    gate(&[&of_github[..], &[("BUILDKITE", "true")]].concat()).code(3);
    gate(&[&of_github[..], &[("GITHUB_ACTIONS", "true")]].concat())
        .code(0)
        .shows("the pull request is from a fork");
}
