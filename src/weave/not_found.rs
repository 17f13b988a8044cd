//! Explains why no run matches: what was requested, in which project, and the most similar names that exist.

use crate::evidence::RunStatus;
use std::collections::{BTreeMap, BTreeSet};

use super::eligible::Eligible;
use crate::evidence::{BaselineRules, RunInfo};
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::{Identity, SHORTEST_COMMIT, Selector};

/// Maximum number of names or values that are listed.
const MOST: usize = 6;

/// What was requested.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) project: &'a Project,
    pub(super) identity: &'a Identity,
    pub(super) selector: &'a Selector,
    pub(super) eligible: Eligible<'a>,
}

/// Explains why no run matches. `recent` holds the newest runs of the project, newest first.
pub(super) fn explain(asked: &Asked<'_>, recent: &[RunInfo]) -> Prose {
    let Asked {
        project,
        identity,
        selector,
        eligible,
    } = *asked;
    let asked = Prose::from("no run of ")
        .name(project.to_string())
        .text(" matches ")
        .name(selector.to_string());
    if recent.is_empty() {
        return asked.text("; the project has no evaluation runs at all, or is another one");
    }
    let among = match recent.len() {
        1 => "the newest run".to_owned(),
        count => format!("the newest {count} runs"),
    };
    let matching: Vec<&RunInfo> = recent
        .iter()
        .filter(|info| info.matches(selector, identity))
        .collect();
    if !matching.is_empty() {
        return asked.then(match eligible {
            Eligible::Any => Prose::new(),
            Eligible::Completed => Prose::from(" and has completed"),
            Eligible::Baselines(rules) => Prose::from(format!(
                " and can be a baseline; what matches, of {among}: "
            ))
            .then(ineligible(&matching, rules)),
        });
    }
    if let Some(name) = &selector.evaluation {
        let of_name = Selector {
            evaluation: Some(name.clone()),
            ..Selector::default()
        };
        if !recent.iter().any(|info| info.matches(&of_name, identity)) {
            let known = recent.iter().filter_map(RunInfo::evaluation_name);
            return asked
                .text(format!("; evaluations of {among}: "))
                .names(nearest(name, known), MOST);
        }
    }
    if let Some(name) = &selector.model {
        let models = recent.iter().filter_map(|info| info.model.as_ref());
        let known: Vec<&str> = models.map(|model| model.name.as_str()).collect();
        if !known.contains(&name.as_str()) {
            return asked
                .text(format!("; models of {among}: "))
                .names(nearest(name, known.into_iter()), MOST);
        }
    }
    attributes(asked, selector, identity, recent, &among)
}

const OWN: &str = "the candidate itself";

/// Why runs that match cannot be a baseline.
fn ineligible(matching: &[&RunInfo], rules: &BaselineRules) -> Prose {
    let why = |info: &RunInfo| match &info.status {
        _ if rules.ids.contains(&info.id) => OWN,
        _ if rules.shares_outputs(info) => "scored from the same outputs",
        _ if rules.is_own_commit(info) => "of the candidate's own commit",
        _ if !rules.is_older(info) => "newer than the candidate",
        _ if rules.skipped.contains(&info.id) => "incomplete",
        Some(RunStatus::Failed) if !rules.accept_failed => "failed",
        None | Some(RunStatus::Running) => "still running",
        _ => "not finished",
    };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for info in matching {
        *counts.entry(why(info)).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(why, count)| match why {
            OWN => why.to_owned(),
            _ => format!("{count} {why}"),
        })
        .collect();
    Prose::from(parts.join(", "))
}

/// Names the attribute that no recent run has with the requested value, and lists what recent runs have.
fn attributes(
    asked: Prose,
    selector: &Selector,
    identity: &Identity,
    recent: &[RunInfo],
    among: &str,
) -> Prose {
    let commit = selector.commit.iter().map(|text| {
        let one = Selector {
            commit: Some(text.clone()),
            ..Selector::default()
        };
        (identity.commit.as_str(), one)
    });
    let of_attribute = |path: &str, text: &String| Selector {
        attributes: [(path.to_owned(), text.clone())].into(),
        ..Selector::default()
    };
    let branch = selector.branch.iter().map(|text| {
        (
            identity.branch.as_str(),
            of_attribute(&identity.branch, text),
        )
    });
    let attributes = selector.attributes.iter();
    let attributes = attributes.map(|(path, text)| (path.as_str(), of_attribute(path, text)));
    for (path, one) in commit.chain(branch).chain(attributes) {
        if recent.iter().any(|info| info.matches(&one, identity)) {
            continue;
        }
        let known: Vec<(String, String)> =
            recent.iter().flat_map(RunInfo::own_attributes).collect();
        let values: Vec<&str> = known
            .iter()
            .filter(|(known, _)| known == path)
            .map(|(_, value)| value.as_str())
            .collect();
        return if !values.is_empty() {
            let is_short = selector
                .commit
                .as_ref()
                .is_some_and(|commit| path == identity.commit && commit.len() < SHORTEST_COMMIT);
            let short = format!("; a commit needs at least {SHORTEST_COMMIT} characters");
            asked
                .text(if is_short { short.as_str() } else { "" })
                .text("; values of ")
                .name(format!("attributes.{path}"))
                .text(format!(" in {among}: "))
                .names(unique(values.into_iter()), MOST)
        } else if known.is_empty() {
            asked.text(format!("; no attributes were logged with {among}"))
        } else {
            let paths = known.iter().map(|(path, _)| path.as_str());
            asked
                .text("; there is no attribute ")
                .name(path)
                .text(format!(" in {among}, but "))
                .names(nearest(path, paths), MOST)
        };
    }
    asked.text(format!(
        "; each part of it matches some of {among}, and no run matches all of it"
    ))
}

/// Distinct names, the most similar to `name` first.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<&str> = known.collect::<BTreeSet<_>>().into_iter().collect();
    known.sort_by(|one, other| {
        let likeness = |known| strsim::jaro_winkler(name, known);
        likeness(other).total_cmp(&likeness(one))
    });
    known
}

/// Distinct values, in the order of their first occurrence.
fn unique<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}
