//! The compared runs on a terminal: name, commit, branch, date, rows.

use std::fmt::{self, Write as _};

use super::page::Page;
use crate::evidence::{Baseline, Evidence, ListedRun, Run, RunStatus};
use crate::number::plural;
use crate::report::{Judged, links, view};
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
    let rows = plural(evidence.candidate.rows, "row");
    one(page, "candidate", &evidence.candidate, evidence, &rows)?;
    for (role, baseline) in view::baselines(evidence) {
        let common = match &evidence.baseline {
            Baseline::Found(run, pair) if run.id == baseline.id => {
                format!("{} in common", pair.common)
            }
            _ => plural(baseline.rows, "row"),
        };
        one(page, &role, baseline, evidence, &common)?;
    }
    if let Baseline::Found(baseline, _) = &evidence.baseline
        && let Some(url) = links::comparison(&evidence.candidate, baseline)
    {
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

fn one(page: &mut Page, role: &str, run: &Run, evidence: &Evidence, rows: &str) -> fmt::Result {
    let listed = evidence
        .selection
        .runs
        .iter()
        .find(|listed| listed.id == run.id);
    let commit = listed.and_then(|listed: &ListedRun| listed.commit.as_deref());
    let branch = listed.and_then(|listed| listed.branch.as_deref());
    let commit = commit.map(view::short_commit);
    let commit = [commit.as_deref(), branch].into_iter().flatten();
    let commit: Vec<String> = commit.map(visible).collect();
    let status = match &run.status {
        Some(RunStatus::Completed) => None,
        Some(other) => Some(visible(other.word())),
        None => Some("no status".to_owned()),
    };
    let name = run.display_name.as_deref().unwrap_or(&run.id);
    let facts = [
        Some(visible(name)),
        (!commit.is_empty()).then(|| commit.join(" ")),
        run.finished_at
            .or(run.started_at)
            .map(|time| time.strftime("%Y-%m-%d").to_string()),
        Some(rows.to_owned()),
        status,
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    page.wrapped(2, 13, &format!("{role:<10} {}", facts.join("  ")))?;
    if page.style.is_all() {
        let facts = [
            Some(visible(&run.id)),
            run.model.as_ref().map(|model| visible(&model.name)),
            run.evaluation
                .as_ref()
                .map(|evaluation| visible(&evaluation.name)),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        page.wrapped(13, 13, &facts.join(", "))?;
        if let Some(url) = links::run(run) {
            writeln!(page.text, "{:13}{url}", "")?;
        }
    }
    Ok(())
}
