//! The compared runs on a terminal: name, commit, branch, date, rows.

use std::fmt::{self, Write as _};

use super::page::Page;
use crate::evidence::{Evidence, Run};
use crate::number::plural;
use crate::report::run_facts::{self, RunFacts};
use crate::report::{Judged, view};
use crate::visible::visible;

/// The candidate and every baseline, and the further runs of a commit that was logged several times.
pub(super) fn write(page: &mut Page, judged: &Judged) -> fmt::Result {
    of_evidence(page, &judged.evidence)?;
    for run in view::listed(&judged.evidence) {
        let measured: Vec<String> = view::measured(&judged.judgement, &run.id)
            .into_iter()
            .map(|(check, value)| format!("{} {value}", visible(&check.gate)))
            .collect();
        let facts = [
            Some(visible(&run.id)),
            run.commit
                .as_deref()
                .map(|commit| visible(&view::short_commit(commit))),
            Some(view::use_word(run).to_owned()),
            run.rows.map(|rows| plural(rows, "row")),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        let measured = if measured.is_empty() {
            String::new()
        } else {
            format!(": {}", measured.join(", "))
        };
        let text = format!("{} run {}{measured}", run.role.word(), facts.join(", "));
        page.wrapped(2, 6, &text)?;
    }
    Ok(())
}

/// The candidate and every baseline.
pub(super) fn of_evidence(page: &mut Page, evidence: &Evidence) -> fmt::Result {
    for (facts, run) in run_facts::facts(evidence) {
        one(page, &facts, run)?;
    }
    if let Some(url) = run_facts::comparison_url(evidence) {
        // A log has no links, and an address of 200 characters is no text for a screen.
        if page.style.links {
            let link = page.link("compare in Weave", Some(&url));
            writeln!(page.text, "  {link}")?;
        } else if page.style.is_all() {
            writeln!(page.text, "  compare    {url}")?;
        }
    }
    Ok(())
}

fn one(page: &mut Page, facts: &RunFacts, run: &Run) -> fmt::Result {
    let commit = [facts.commit.as_deref(), facts.branch.as_deref()];
    let commit: Vec<String> = commit.into_iter().flatten().map(visible).collect();
    let shown = [
        Some(visible(&facts.name)),
        (!commit.is_empty()).then(|| commit.join(" ")),
        facts.date.clone(),
        Some(facts.common.map_or_else(
            || plural(facts.rows, "row"),
            |common| format!("{common} in common"),
        )),
        facts.status.as_deref().map(visible),
    ];
    let shown: Vec<String> = shown.into_iter().flatten().collect();
    page.wrapped(2, 13, &format!("{:<10} {}", facts.role, shown.join("  ")))?;
    if page.style.is_all() {
        let details = [
            Some(visible(&run.id)),
            run.model.as_ref().map(|model| visible(&model.name)),
            run.evaluation
                .as_ref()
                .map(|evaluation| visible(&evaluation.name)),
        ];
        let details: Vec<String> = details.into_iter().flatten().collect();
        page.wrapped(13, 13, &details.join(", "))?;
        if let Some(url) = &facts.url {
            writeln!(page.text, "{:13}{url}", "")?;
        }
    }
    Ok(())
}
