//! The compared runs on a terminal: name, commit, branch, date, rows.

use std::fmt::{self, Write as _};

use jiff::Timestamp;

use super::page::Page;
use crate::evidence::{Evidence, Run, RunStatus};
use crate::number::plural;
use crate::report::json::{JsonPolicy, JsonRun};
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
    let rows = facts.common.map_or_else(
        || plural(facts.rows, "row"),
        |common| format!("{common} in common"),
    );
    let line = RunLine {
        role: &facts.role,
        project: facts.project.as_deref(),
        name: &facts.name,
        commit: facts.commit.as_deref(),
        branch: facts.branch.as_deref(),
        time: run.finished_at.or(run.started_at),
        rows: &rows,
        status: run.status.as_ref().map(RunStatus::word),
    };
    line.write(page)?;
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

/// A run of a JSON report.
pub(super) fn of_report(
    page: &mut Page,
    role: &str,
    run: &JsonRun<'_>,
    policy: &JsonPolicy<'_>,
    rows: &str,
) -> fmt::Result {
    let listed = policy.runs.iter().find(|listed| listed.id == run.id);
    let time = run.finished_at.as_deref().or(run.started_at.as_deref());
    let line = RunLine {
        role,
        project: None,
        name: run.display_name.as_deref().unwrap_or(&run.id),
        commit: listed.and_then(|listed| listed.commit.as_deref()),
        branch: listed.and_then(|listed| listed.branch.as_deref()),
        time: time.and_then(|time| time.parse().ok()),
        rows,
        status: run.status.as_deref(),
    };
    line.write(page)
}

/// What the line of a run shows.
struct RunLine<'a> {
    role: &'a str,
    /// The project, if the runs are of several.
    project: Option<&'a str>,
    name: &'a str,
    commit: Option<&'a str>,
    branch: Option<&'a str>,
    time: Option<Timestamp>,
    rows: &'a str,
    status: Option<&'a str>,
}

impl RunLine<'_> {
    fn write(&self, page: &mut Page) -> fmt::Result {
        let commit = self.commit.map(view::short_commit);
        let commit = [commit.as_deref(), self.branch].into_iter().flatten();
        let commit: Vec<String> = commit.map(visible).collect();
        let status = match self.status {
            Some("completed") => None,
            Some(other) => Some(visible(other)),
            None => Some("no status".to_owned()),
        };
        let facts = [
            self.project.map(visible),
            Some(visible(self.name)),
            (!commit.is_empty()).then(|| commit.join(" ")),
            self.time.map(|time| time.strftime("%Y-%m-%d").to_string()),
            Some(self.rows.to_owned()),
            status,
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        page.wrapped(2, 13, &format!("{:<10} {}", self.role, facts.join("  ")))
    }
}
