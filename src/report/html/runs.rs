//! The compared runs.

use maud::{Markup, html};

use super::parts::{link, scrolling, shown};
use crate::evidence::{Evidence, Reference, Run, RunStatus};
use crate::number::plural;
use crate::report::run_facts::{self, RunFacts};
use crate::report::{Judged, links, view};

/// Which runs are compared, in a few lines.
pub(super) fn summary(evidence: &Evidence) -> Markup {
    html! {
        dl class="runs" {
            @for (facts, _) in run_facts::facts(evidence) {
                dt { (shown(&facts.role)) }
                dd { (one(&facts)) }
            }
        }
        @if let Some(url) = run_facts::comparison_url(evidence) { p { (link(&url, "compare in Weave")) } }
    }
}

fn one(facts: &RunFacts) -> Markup {
    html! {
        @match &facts.url {
            Some(url) => (link(url, &shown(&facts.name))),
            None => (shown(&facts.name)),
        }
        @if let Some(commit) = &facts.commit { " " code { (shown(commit)) } }
        @if let Some(branch) = &facts.branch { " " code { (shown(branch)) } }
        @if let Some(date) = &facts.date { ", " (date) }
        ", "
        @match facts.common {
            Some(common) => { (plural(common, "row")) " in common" },
            None => (plural(facts.rows, "row")),
        }
        @if let Some(status) = &facts.status { ", " (shown(status)) }
    }
}

/// The table of the candidate and its baselines.
pub(super) fn table(evidence: &Evidence) -> Markup {
    let columns = [
        "Run",
        "Id",
        "Model",
        "Evaluation",
        "Status",
        "Finished",
        "Rows",
        "Trials",
    ];
    let rows = html! {
        @for (facts, run) in run_facts::facts(evidence) {
            @let time = run.finished_at.or(run.started_at);
            tr {
                th scope="row" { (shown(&facts.role)) }
                td { code { (shown(&run.id)) } }
                td { (named(run.model.as_ref())) }
                td { (named(run.evaluation.as_ref())) }
                td { (shown(run.status.as_ref().map_or("–", RunStatus::word))) }
                td { (time.map_or_else(|| "–".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())) }
                td class="number" { (run.rows) }
                td class="number" { (run.totals.trials) }
            }
        }
    };
    in_table("Runs", &columns, &rows)
}

/// Every run of a commit with several runs, with the values that each of the candidate's runs measured alone.
pub(super) fn listed(judged: &Judged) -> Markup {
    let listed = view::listed(&judged.evidence);
    if listed.is_empty() {
        return html! {};
    }
    let Run { web, project, .. } = &judged.evidence.candidate;
    let columns = [
        "Of",
        "Id",
        "Use",
        "Commit",
        "Rows",
        "Trials",
        "Measured alone",
    ];
    let count =
        |count: Option<u64>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
    let rows = html! {
        @for run in listed {
            tr {
                td { (run.role.word()) }
                th scope="row" {
                    @match links::call(web, project, &run.id) {
                        Some(url) => (link(&url, &shown(&run.id))),
                        None => (shown(&run.id)),
                    }
                }
                td { (view::use_word(run)) }
                td { (run.commit.as_deref().map_or_else(|| "–".to_owned(), |commit| shown(&view::short_commit(commit)))) }
                td class="number" { (count(run.rows)) }
                td class="number" { (count(run.trials)) }
                td {
                    ul class="scores" {
                        @for (check, value) in view::measured(&judged.judgement, &run.id) {
                            li { (shown(&check.gate)) " " (value) }
                        }
                    }
                }
            }
        }
    };
    in_table("Runs of the same commit", &columns, &rows)
}

fn in_table(title: &str, columns: &[&str], rows: &Markup) -> Markup {
    scrolling(
        title,
        &html! {
            table {
                caption { (title) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody { (rows) }
            }
        },
    )
}

fn named(reference: Option<&Reference>) -> Markup {
    html! {
        @match reference {
            None => "–",
            Some(reference) => {
                (shown(&reference.name))
                @if let Some(version) = &reference.version {
                    " " code { (shown(&version.chars().take(8).collect::<String>())) }
                }
            },
        }
    }
}
