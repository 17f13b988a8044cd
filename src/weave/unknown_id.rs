//! Explains why a text that was given as a run id names no run: it is something else that a recent run has.

use crate::evidence::RunInfo;
use crate::prose::Prose;
use crate::selector::{Identity, Selector, is_same_commit};

/// Minimum length of the start of an id that is recognized, in characters. Lists of runs show at least this much.
const SHORTEST_ID: usize = 8;

/// Returns the edit that names the run that was meant; `None` if the text is nothing that a recent run has. `recent`
/// holds the newest runs of the project, newest first.
#[must_use]
pub(super) fn meant(text: &str, recent: &[RunInfo], identity: &Identity) -> Option<Prose> {
    let matches = |selector: &Selector| recent.iter().any(|info| info.matches(selector, identity));
    let by_name = |info: &&RunInfo| info.display_name.as_deref() == Some(text);
    if let Some(info) = recent.iter().find(by_name) {
        return Some(is(
            text,
            "the display name of a run; name it by its id, ",
            &info.id,
        ));
    }
    let is_start = |info: &&RunInfo| text.len() >= SHORTEST_ID && info.id.starts_with(text);
    let mut starts = recent.iter().filter(is_start);
    if let Some(info) = starts.next() {
        return Some(if starts.next().is_none() {
            is(text, "the start of an id; give all of it, ", &info.id)
        } else {
            Prose::new()
                .name(text)
                .text(" is the start of several ids; `weave-gate runs --json` has them in full")
        });
    }
    let named = |key: &str| format!("{key}={text}");
    if matches(&Selector {
        evaluation: Some(text.to_owned()),
        ..Selector::default()
    }) {
        let what = "an evaluation; its newest run is selected by ";
        return Some(is(text, what, named("evaluation")));
    }
    if matches(&Selector {
        model: Some(text.to_owned()),
        ..Selector::default()
    }) {
        return Some(is(
            text,
            "a model; its newest run is selected by ",
            named("model"),
        ));
    }
    let commits = || recent.iter().filter_map(|info| info.commit(identity));
    if commits().any(|commit| is_same_commit(&commit, text)) {
        return Some(is(
            text,
            "a commit; its runs are selected by ",
            named("commit"),
        ));
    }
    if matches(&Selector {
        branch: Some(text.to_owned()),
        ..Selector::default()
    }) {
        return Some(is(
            text,
            "a branch; its newest run is selected by ",
            named("branch"),
        ));
    }
    None
}

fn is(text: &str, what: &str, instead: impl Into<String>) -> Prose {
    Prose::new()
        .name(text)
        .text(format!(" is {what}"))
        .name(instead)
}
