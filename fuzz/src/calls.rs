//! Fuzzes the JSON Lines of `calls/stream_query`. The run that is found must match the selector and must be the newest
//! match.
//!
//! The first line of an input is a selector, as for `--candidate`. The rest are pages, with an empty line after each
//! page.

use std::sync::atomic::{AtomicUsize, Ordering};

use weave_gate::evidence::{BaselineRules, RunInfo, RunStatus};
use weave_gate::evidence::{Completeness, Gap};
use weave_gate::report::runs::{self, Listing};
use weave_gate::report::{Style, terminal_runs};
use weave_gate::secret::Secrets;
use weave_gate::selector::{Identity, Selector, is_same_commit};
use weave_gate::weave::{Eligible, Finder, Found, Named, State};

use super::made::{now, project, run};
use super::results::client;
use super::text::{has_no_command, is_plain, is_told};

/// The number of calls that the server counts for a trace.
const COUNTED: u64 = 3;
/// The maximum number of listed runs.
const MOST: usize = 20;

/// Searches for runs in the pages.
///
/// # Panics
///
/// Panics if a found run does not match the selector, or if an output text is not plain.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let selector = match Selector::parse(first) {
        Ok(selector) => selector,
        Err(problem) => {
            assert!(!problem.message.is_empty() && problem.help.is_some());
            Selector::default()
        }
    };
    let pages: Vec<&str> = rest.split("\n\n").collect();
    let without_commit = rules(None);
    let with_commit = rules(Some("b"));
    for eligible in [
        Eligible::Any,
        Eligible::Completed,
        Eligible::Baselines(&without_commit),
        Eligible::Baselines(&with_commit),
    ] {
        looked(&pages, &selector, eligible);
    }
    named(&pages);
    listed(&pages, &selector);
}

/// The rules for a baseline of the run `c` with this commit.
fn rules(commit: Option<&str>) -> BaselineRules {
    let run = run("c");
    BaselineRules {
        ids: vec![run.id],
        rescored_from: Vec::new(),
        started_at: run.started_at,
        evaluation: None,
        model: None,
        commit: commit.map(str::to_owned),
        identity: Identity::default(),
        skipped: vec!["skipped".to_owned()],
        accept_failed: false,
        is_live: true,
    }
}

/// Serves the pages in order, and repeats the last page.
fn asking<T>(pages: &[&str], ask: impl FnOnce(Finder<'_>) -> T) -> T {
    let asked = AtomicUsize::new(0);
    let answers = |path: &str, _: Option<&str>| {
        if path == "/calls/query_stats" {
            return format!("{{\"count\": {COUNTED}}}").into_bytes();
        }
        let place = asked.fetch_add(1, Ordering::Relaxed);
        let page = pages.get(place).or(pages.last());
        page.map_or_else(Vec::new, |page| page.as_bytes().to_vec())
    };
    let client = client().answered_by(&answers);
    let project = project();
    let identity = Identity::default();
    let result = ask(Finder::new(&client, &project, &identity));
    assert!(asked.into_inner() <= 12, "a search without an end");
    result
}

fn looked(pages: &[&str], selector: &Selector, eligible: Eligible<'_>) {
    let identity = Identity::default();
    match asking(pages, |finder| finder.look(selector, eligible)) {
        Ok(State::Here(found)) => {
            assert!(!found.infos.is_empty());
            for head in &found.infos {
                assert!(head.matches(selector, &identity), "another run: {head:?}");
                is_eligible(head, eligible);
            }
            let newest_first = |one: &RunInfo, next: &RunInfo| {
                one.started_at >= next.started_at && one.id != next.id
            };
            assert!(found.infos.is_sorted_by(newest_first));
            let choice = found.infos[0].choice.as_ref().expect("how it was chosen");
            assert!(choice.matches > 0 && choice.selector == *selector);
            repeated(pages, selector, &found);
        }
        Ok(State::Absent(absence)) => {
            assert_eq!(absence.reason, None);
            let why = asking(pages, |finder| {
                finder.absence(Named::Newest(selector), eligible, absence)
            });
            match why {
                Ok(why) => is_plain(&weave_gate::report::message(&why.to_string())),
                Err(fault) => is_told(&fault),
            }
        }
        Ok(State::Busy(fault, _)) | Err(fault) => is_told(&fault),
    }
}

fn is_eligible(head: &RunInfo, eligible: Eligible<'_>) {
    let status = head.status.as_ref().map(RunStatus::word);
    match eligible {
        Eligible::Any => {}
        Eligible::Completed => assert_eq!(status, Some("completed")),
        Eligible::Baselines(rules) => {
            assert_eq!(status, Some("completed"));
            assert!(!rules.ids.contains(&head.id) && !rules.skipped.contains(&head.id));
            assert!(head.started_at <= rules.started_at);
            let source = head.rescored_from.as_ref();
            assert!(!source.is_some_and(|source| rules.ids.contains(source)));
            let commits = head.commit(&rules.identity).zip(rules.commit.as_ref());
            assert!(!commits.is_some_and(|(commit, ours)| is_same_commit(&commit, ours)));
        }
    }
}

/// Checks the re-runs of the newest run, both among the found runs and from a new search. They must have the same
/// commit, evaluation and model, and include the run itself.
fn repeated(pages: &[&str], selector: &Selector, found: &Found) {
    let identity = Identity::default();
    let newest = &found.infos[0];
    for known in [Some(found), None] {
        let reruns = match asking(pages, |finder| finder.reruns(newest, selector, known)) {
            Ok(reruns) => reruns,
            Err(unread) => {
                is_told(&unread.into());
                continue;
            }
        };
        assert!(reruns.iter().any(|head| head.id == newest.id));
        for head in reruns.iter().filter(|head| head.id != newest.id) {
            let commits = head.commit(&identity).zip(newest.commit(&identity));
            assert!(commits.is_some_and(|(one, other)| is_same_commit(&one, &other)));
            assert!(head.matches(selector, &identity), "another run: {head:?}");
            assert_eq!(head.evaluation_key(), newest.evaluation_key());
            let model = |head: &RunInfo| head.model.as_ref().map(|model| model.name.clone());
            assert_eq!(model(head), model(newest));
        }
    }
}

/// Checks the search by id. It must find that run or no run. The run may be complete only if as many calls are stored
/// as it made.
fn named(pages: &[&str]) {
    let heads = match asking(pages, |finder| finder.look_up("a")) {
        Ok(State::Here(found)) => found.infos,
        Ok(State::Absent(absence)) => return assert_eq!(absence.reason, None),
        Ok(State::Busy(fault, _)) | Err(fault) => return is_told(&fault),
    };
    let [head] = heads.as_slice() else {
        panic!("one run, and not {heads:?}");
    };
    assert_eq!(head.id, "a");
    let known = match asking(pages, |finder| finder.completeness(head)) {
        Ok(known) => known,
        Err(unread) => return is_told(&unread.into()),
    };
    match known {
        Completeness::Complete | Completeness::Repeated => {
            assert!(head.calls_made.is_some_and(|made| made <= COUNTED));
        }
        Completeness::Incomplete(Gap::NoSummary) => assert!(head.is_logged && !head.has_output),
        Completeness::Incomplete(Gap::Fewer { made, stored }) => {
            assert!(stored == COUNTED && made > stored && head.calls_made == Some(made));
        }
        Completeness::Incomplete(Gap::More { made, stored }) => {
            assert!(stored == COUNTED && made < stored && head.calls_made == Some(made));
        }
        Completeness::Unknown => assert!(head.calls_made.is_none() || head.has_parent),
        Completeness::NotAsked => assert!(head.is_running()),
    }
}

fn listed(pages: &[&str], selector: &Selector) {
    let heads = match asking(pages, |finder| finder.recent(selector, MOST)) {
        Ok(found) => found.unwrap_or_default(),
        Err(fault) => return is_told(&fault),
    };
    assert!(heads.len() <= MOST);
    let identity = Identity::default();
    let matches = |head: &RunInfo| head.matches(selector, &identity);
    assert!(heads.iter().all(matches));
    assert!(heads.is_sorted_by(|one, next| one.started_at >= next.started_at));
    let project = project();
    let secrets = Secrets::default();
    let listing = Listing {
        secrets: &secrets,
        project: &project,
        web: "https://wandb.ai".to_owned(),
        selector,
        identity: &identity,
        runs: &heads,
        trials: None,
        has_more: false,
        matching: None,
        all: None,
        now: now(),
    };
    let table = runs::plain(&listing);
    is_plain(&table.replace('\t', " "));
    has_no_command(&table);
    // The table has one line for each run and one header line.
    let lines = if heads.is_empty() { 0 } else { heads.len() + 1 };
    assert_eq!(table.lines().count(), lines, "{table:?}");
    assert!(table.lines().all(|line| line.matches('\t').count() == 9));
    for width in [40, 80, 200] {
        let style = Style {
            width,
            ..Style::plain()
        };
        let shown = terminal_runs(&listing, style);
        is_plain(&shown);
        has_no_command(&shown);
        let lines = if heads.is_empty() { 0 } else { heads.len() + 3 };
        assert_eq!(shown.lines().count(), lines, "{shown:?}");
    }
    let json = runs::json(&listing).unwrap();
    is_plain(&json);
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
    let runs = read["runs"].as_array().unwrap().iter();
    assert_eq!(
        ids,
        runs.map(|run| run["id"].as_str().unwrap())
            .collect::<Vec<_>>()
    );
}
