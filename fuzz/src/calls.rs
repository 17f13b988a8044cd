//! JSON Lines, as `calls/stream_query` sends them: the run that is found is one that was asked for, and the newest.
//!
//! The first line of an input is a selector, as `--candidate` takes it. The rest are pages, with an empty line
//! after each.

use std::sync::atomic::{AtomicUsize, Ordering};

use weave_gate::report::runs::{self, Listing};
use weave_gate::secret::Secrets;
use weave_gate::selector::Selector;
use weave_gate::weave::{Anchor, Eligible, Finder, Head, Named, State};

use super::made::{project, run};
use super::results::client;
use super::text::{has_no_command, is_plain, is_told};

/// Runs that are listed.
const MOST: usize = 20;

/// Looks for runs in the pages.
///
/// # Panics
///
/// What is found was not asked for, or what is said of it is not plain.
pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let selector = match Selector::parse(first) {
        Ok(selector) => selector,
        Err(problem) => {
            assert!(!problem.is_empty());
            Selector::default()
        }
    };
    let pages: Vec<&str> = rest.split("\n\n").collect();
    let anchor = Anchor::from(&run("c"));
    let baselines = Eligible::Baselines {
        of: &anchor,
        accept_failed: false,
    };
    for eligible in [Eligible::Any, Eligible::Completed, baselines] {
        looked(&pages, &selector, eligible);
    }
    listed(&pages, &selector);
}

/// Hands out the pages in their order, the last of them over and over.
fn asking<T>(pages: &[&str], ask: impl FnOnce(Finder<'_>) -> T) -> T {
    let asked = AtomicUsize::new(0);
    let answers = |path: &str, _: Option<&str>| {
        if path == "/calls/query_stats" {
            return br#"{"count": 3}"#.to_vec();
        }
        let place = asked.fetch_add(1, Ordering::Relaxed);
        let page = pages.get(place).or(pages.last());
        page.map_or_else(Vec::new, |page| page.as_bytes().to_vec())
    };
    let client = client().answered_by(&answers);
    let project = project();
    let result = ask(Finder::new(&client, &project));
    assert!(asked.into_inner() <= 12, "a search without an end");
    result
}

fn looked(pages: &[&str], selector: &Selector, eligible: Eligible<'_>) {
    let state = asking(pages, |finder| {
        finder.look(Named::Newest(selector), eligible)
    });
    match state {
        Ok(State::Here(head)) => {
            assert!(head.matches(selector), "another run: {head:?}");
            let status = head.status.as_deref();
            match eligible {
                Eligible::Any => {}
                Eligible::Completed => assert_eq!(status, Some("completed")),
                Eligible::Baselines { of, .. } => {
                    assert_eq!(status, Some("completed"));
                    assert!(head.id != of.id && head.started_at <= of.started_at);
                    assert!(head.rescored_from.as_ref() != Some(&of.id));
                }
            }
            let choice = head.choice.as_ref().expect("how it was chosen");
            assert!(choice.matches > 0 && choice.selector == *selector);
        }
        Ok(State::Absent(reason)) => assert_eq!(reason, None),
        Ok(State::Busy(fault, _)) | Err(fault) => is_told(&fault),
    }
    let absence = asking(pages, |finder| {
        finder.absence(Named::Newest(selector), eligible, None)
    });
    match absence {
        Ok(why) => is_plain(&weave_gate::report::message(&why.to_string())),
        Err(fault) => is_told(&fault),
    }
}

fn listed(pages: &[&str], selector: &Selector) {
    let heads = match asking(pages, |finder| finder.recent(selector, MOST)) {
        Ok(heads) => heads,
        Err(fault) => return is_told(&fault),
    };
    assert!(heads.len() <= MOST);
    assert!(heads.iter().all(|head: &Head| head.matches(selector)));
    assert!(heads.is_sorted_by(|one, next| one.started_at >= next.started_at));
    let project = project();
    let secrets = Secrets::default();
    let listing = Listing {
        secrets: &secrets,
        project: &project,
        web: "https://wandb.ai".to_owned(),
        selector,
        runs: &heads,
        trials: None,
    };
    let table = runs::terminal(&listing);
    is_plain(&table);
    has_no_command(&table);
    // A line for each, and one for the head of the table.
    let lines = if heads.is_empty() { 0 } else { heads.len() + 1 };
    assert_eq!(table.lines().count(), lines, "{table:?}");
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
