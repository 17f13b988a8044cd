//! Why no run matches: what was asked, where, and the nearest things that exist.

use std::collections::BTreeSet;

use super::find::Eligible;
use super::head::Head;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::Selector;

/// As many names or values are listed.
const MOST: usize = 6;

/// Says why no run matches, from the newest runs of the project, newest first.
pub(super) fn explain(
    project: &Project,
    selector: &Selector,
    eligible: Eligible<'_>,
    recent: &[Head],
) -> Prose {
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
    let matching: Vec<&Head> = recent
        .iter()
        .filter(|head| head.matches(selector))
        .collect();
    if let (Eligible::Baselines { of, .. }, false) = (eligible, matching.is_empty()) {
        return Prose::from("no finished run that is older than the candidate matches ")
            .name(selector.to_string())
            .text(" in ")
            .name(project.to_string())
            .text(format!("; what matches, of {among}: "))
            .then(ineligible(&matching, &of.id));
    }
    if let Some(name) = &selector.evaluation {
        let of_name = Selector {
            evaluation: Some(name.clone()),
            ..Selector::default()
        };
        if !recent.iter().any(|head| head.matches(&of_name)) {
            let known = recent.iter().filter_map(Head::evaluation_name);
            return asked
                .text(format!("; evaluations of {among}: "))
                .names(nearest(name, known), MOST);
        }
    }
    if let Some(name) = &selector.model {
        let models = recent.iter().filter_map(|head| head.model.as_ref());
        let known: Vec<&str> = models.map(|model| model.name.as_str()).collect();
        if !known.contains(&name.as_str()) {
            return asked
                .text(format!("; models of {among}: "))
                .names(nearest(name, known.into_iter()), MOST);
        }
    }
    attributes(asked, selector, recent, &among)
}

/// Why runs that match cannot be a baseline.
fn ineligible(matching: &[&Head], candidate: &str) -> Prose {
    let own = matching.iter().filter(|head| head.id == candidate).count();
    let running = matching
        .iter()
        .filter(|head| head.id != candidate && head.is_running())
        .count();
    let failed = matching
        .iter()
        .filter(|head| head.id != candidate && head.status.as_deref() == Some("failed"))
        .count();
    let rest = matching.len() - own - running - failed;
    let parts = [
        (own, "the candidate itself".to_owned()),
        (running, format!("{running} still running")),
        (failed, format!("{failed} failed")),
        (
            rest,
            format!("{rest} newer, or rescored from the candidate"),
        ),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, words)| words)
        .collect();
    Prose::from(parts.join(", "))
}

/// Which attribute no run has as it was asked for, and what recent runs have.
fn attributes(asked: Prose, selector: &Selector, recent: &[Head], among: &str) -> Prose {
    for (path, text) in &selector.attributes {
        let alone = |attributes| Selector {
            attributes,
            ..Selector::default()
        };
        let one = alone([(path.clone(), text.clone())].into());
        if recent.iter().any(|head| head.matches(&one)) {
            continue;
        }
        let known: Vec<(String, String)> = recent.iter().flat_map(Head::own_attributes).collect();
        let values: Vec<&str> = known
            .iter()
            .filter(|(known, _)| known == path)
            .map(|(_, value)| value.as_str())
            .collect();
        return if !values.is_empty() {
            asked
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
        "; each part of it matches some of {among}, and all of it none"
    ))
}

/// Different names, the most alike first.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut known: Vec<&str> = known.collect::<BTreeSet<_>>().into_iter().collect();
    known.sort_by(|one, other| {
        let likeness = |known| strsim::jaro_winkler(name, known);
        likeness(other).total_cmp(&likeness(one))
    });
    known
}

/// Different values, in the order in which they first come.
fn unique<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    values.filter(|value| seen.insert(*value)).collect()
}
