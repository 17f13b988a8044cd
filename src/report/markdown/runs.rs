//! The compared runs: one line on the first screen, and a table with everything.

use std::fmt::{self, Write as _};

use super::parts::dash;
use crate::evidence::{Evidence, Reference, Run, RunStatus};
use crate::number::plural;
use crate::report::escape::markdown as code;
use crate::report::run_facts::{self, RunFacts};
use crate::report::{Judged, links, view};

/// `8dc29fc` feat/cheap-model vs `e4666a6` main · 60 rows in common · [compare in Weave](…).
pub(super) fn write_line(page: &mut String, evidence: &Evidence) -> fmt::Result {
    let facts = run_facts::facts(evidence);
    let named: Vec<String> = facts.iter().map(|(facts, _)| short(facts)).collect();
    let rows = facts
        .iter()
        .find_map(|(facts, _)| facts.common)
        .map(|common| format!("{} in common", plural(common, "row")));
    let rows = rows.unwrap_or_else(|| plural(evidence.candidate.rows, "row"));
    let compare =
        run_facts::comparison_url(evidence).map(|url| format!("[compare in Weave]({url})"));
    let link = compare.or_else(|| {
        let url = links::run(&evidence.candidate)?;
        Some(format!("[open in Weave]({url})"))
    });
    let parts = [Some(named.join(" vs ")), Some(rows), link];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    writeln!(page, "{}\n", parts.join(" · "))
}

/// The commit and branch of a run, else its name; its status unless it is completed.
fn short(facts: &RunFacts) -> String {
    let names = [facts.commit.as_deref(), facts.branch.as_deref()];
    let mut names: Vec<String> = names
        .into_iter()
        .flatten()
        .map(|name| code(name, false))
        .collect();
    if names.is_empty() {
        names.push(code(&facts.name, false));
    }
    // The names of further baselines come from the policy.
    if let Some(name) = facts.role.strip_prefix("baseline ") {
        names.push(format!("({})", code(name, false)));
    }
    names.extend(
        facts
            .status
            .as_ref()
            .map(|status| format!("({})", code(status, false))),
    );
    names.join(" ")
}

/// The table of the candidate and its baselines.
pub(super) fn write_table(page: &mut String, evidence: &Evidence) -> fmt::Result {
    writeln!(
        page,
        "| Run | Name | Commit | Model | Evaluation | Status | Finished | Rows | Trials |"
    )?;
    writeln!(page, "|---|---|---|---|---|---|---|--:|--:|")?;
    for (facts, run) in run_facts::facts(evidence) {
        let name = code(&facts.name, true);
        let name = match &facts.url {
            Some(url) => format!("[{name}]({url})"),
            None => name,
        };
        let role = match facts.role.strip_prefix("baseline ") {
            Some(name) => format!("baseline {}", code(name, true)),
            None => facts.role.clone(),
        };
        let commit = [facts.commit.as_deref(), facts.branch.as_deref()];
        let commit: Vec<String> = commit
            .into_iter()
            .flatten()
            .map(|text| code(text, true))
            .collect();
        let status = run.status.as_ref().map(RunStatus::word);
        let time = run.finished_at.or(run.started_at);
        writeln!(
            page,
            "| {role} | {name} | {} | {} | {} | {} | {} | {} | {} |",
            if commit.is_empty() {
                dash()
            } else {
                commit.join(" ")
            },
            named(run.model.as_ref()),
            named(run.evaluation.as_ref()),
            status.map_or_else(dash, |status| code(status, true)),
            time.map_or_else(dash, |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            run.rows,
            run.totals.trials,
        )?;
    }
    writeln!(page)
}

/// Every run of a commit with several runs, with the values that each of the candidate's runs measured alone.
pub(super) fn write_listed(page: &mut String, judged: &Judged) -> fmt::Result {
    let listed = view::listed(&judged.evidence);
    if listed.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "| Of | Id | Use | Commit | Started | Rows | Trials | Measured alone |\n|---|---|---|---|---|--:|--:|---|"
    )?;
    let Run { web, project, .. } = &judged.evidence.candidate;
    for run in listed {
        let id = code(&run.id, true);
        let id = links::call(web, project, &run.id)
            .map_or_else(|| id.clone(), |url| format!("[{id}]({url})"));
        let commit = run.commit.as_deref().map(view::short_commit);
        let measured: Vec<String> = view::measured(&judged.judgement, &run.id)
            .into_iter()
            .map(|(check, value)| format!("{} {value}", code(&check.gate, true)))
            .collect();
        writeln!(
            page,
            "| {} | {id} | {} | {} | {} | {} | {} | {} |",
            run.role.word(),
            view::use_word(run),
            commit.map_or_else(dash, |commit| code(&commit, true)),
            run.started_at
                .map_or_else(dash, |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            run.rows.map_or_else(dash, |rows| rows.to_string()),
            run.trials.map_or_else(dash, |trials| trials.to_string()),
            if measured.is_empty() {
                dash()
            } else {
                measured.join("; ")
            },
        )?;
    }
    writeln!(page)
}

fn named(reference: Option<&Reference>) -> String {
    reference.map_or_else(dash, |reference| match &reference.version {
        Some(version) => {
            let short: String = version.chars().take(8).collect();
            format!("{} {}", code(&reference.name, true), code(&short, true))
        }
        None => code(&reference.name, true),
    })
}
