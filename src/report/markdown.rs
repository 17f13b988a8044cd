//! The Markdown report.

use crate::evidence::RunStatus;
use std::fmt::{self, Write as _};

use super::escape::{html_code, markdown as code, markdown_block};
use super::finding::finding_text;
use super::json::effect_word;
use super::reason::reason_text;
use super::rows::{self, Side, excerpt};
use super::{Compared, Judged, Report, Section, bar, links, view};
use crate::evidence::{Baseline, Evidence, Reference, Run};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::{Check, Finding, Line, Status, Verdict};
use crate::number::plural;
use crate::prose::{Prose, Span};

/// Renders the report.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> fmt::Result {
    if let Some(reason) = &report.skipped {
        writeln!(page, "## {SKIPPED}\n\n{}\n", code(reason, false))?;
    } else {
        writeln!(page, "## {}\n", headline(report.verdict()))?;
    }
    if let Some(fault) = &report.fault {
        write_fault(page, fault)?;
    }
    for section in &report.sections {
        if report.sections.len() > 1 {
            let word = view::verdict_word(section.verdict());
            writeln!(page, "### {}: {word}\n", code(&section.path, false))?;
        }
        match &section.outcome {
            Ok(judged) => write_judged(page, judged)?,
            Err(fault) => write_fault(page, fault)?,
        }
        write_policy(page, section)?;
    }
    if report.sections.is_empty() {
        writeln!(page, "<sub>weave-gate {}</sub>", env!("CARGO_PKG_VERSION"))?;
    }
    Ok(())
}

/// The headline if nothing had to be judged.
pub(super) const SKIPPED: &str = "⏭️ Weave gate: skipped, nothing was judged";

pub(super) fn headline(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "✅ Weave gate: passed",
        Some(Verdict::Failed) => "❌ Weave gate: failed",
        Some(Verdict::Undecided) => "⚠️ Weave gate: undecided, which is not passed",
        None => "⚠️ Weave gate: no verdict",
    }
}

fn write_fault(page: &mut String, fault: &Fault) -> fmt::Result {
    let help = fault
        .help
        .as_ref()
        .map_or(String::new(), |help| format!("\nhelp: {help}"));
    writeln!(
        page,
        "{}",
        markdown_block(&format!("{}{help}", fault.message))
    )
}

fn write_judged(page: &mut String, judged: &Judged) -> fmt::Result {
    let judgement = &judged.judgement;
    let blocking = view::headline(judgement);
    let mut first = blocking.chars();
    let capital = first
        .next()
        .map(|c| c.to_uppercase().collect::<String>())
        .unwrap_or_default();
    writeln!(
        page,
        "**{capital}{}** ({}).\n",
        first.as_str(),
        view::counts(judgement)
    )?;
    write_link(page, &judged.evidence)?;
    let (passing, others): (Vec<&Check>, Vec<&Check>) = view::ordered(judgement)
        .into_iter()
        .partition(|check| check.status == Status::Pass);
    for check in &others {
        let label = view::status_label(check);
        writeln!(
            page,
            "- {}: {}, {}: {}",
            if check.blocks() {
                format!("**{label}**")
            } else {
                label
            },
            code(&check.gate, false),
            subject(check, false),
            prose(&reason_text(check))
        )?;
    }
    if !others.is_empty() {
        writeln!(page)?;
        write_checks(page, &others)?;
        for check in &others {
            write_behind(page, judged, check)?;
        }
        if let Some(why) = &judged.unexplained {
            writeln!(
                page,
                "The rows behind these checks are not shown: {}\n",
                code(why, false)
            )?;
        }
    }
    if !passing.is_empty() {
        let count = plural(passing.len() as u64, "check");
        let verb = if passing.len() == 1 { "passes" } else { "pass" };
        writeln!(page, "<details><summary>{count} {verb}</summary>\n")?;
        write_checks(page, &passing)?;
        writeln!(page, "</details>\n")?;
    }
    write_findings(page, &judgement.findings)?;
    write_runs(page, &judged.evidence)?;
    write_listed(page, judged)
}

/// Writes the rows that caused a check to fail, in a collapsed block.
fn write_behind(page: &mut String, judged: &Judged, check: &Check) -> fmt::Result {
    let Some(offending) = judged.offending(check) else {
        return Ok(());
    };
    let rows = rows::rows(judged, offending);
    let count = plural(offending.total, "row");
    let shown = if offending.total > rows.len() as u64 {
        format!("the worst {} of {count}", rows.len())
    } else {
        count
    };
    writeln!(
        page,
        "<details><summary>{shown} behind {}</summary>\n",
        html_code(&check.id())
    )?;
    let has_baseline = rows.iter().any(|row| row.baseline.is_some());
    let (names, lines) = if has_baseline {
        (
            "| Input | Baseline's output | Candidate's output | Baseline | Candidate | Trial |",
            "| --- | --- | --- | ---: | ---: | --- |",
        )
    } else {
        (
            "| Input | Candidate's output | Candidate | Trial |",
            "| --- | --- | ---: | --- |",
        )
    };
    writeln!(page, "{names}\n{lines}")?;
    for row in &rows {
        let url = |side: &Side| side.answers.iter().find_map(|answer| answer.url.clone());
        let link = url(&row.candidate)
            .or_else(|| row.baseline.as_ref().and_then(url))
            .map_or_else(|| "–".to_owned(), |url| format!("[open]({url})"));
        let input = code(&excerpt(&row.inputs), true);
        let ours = code(&row.candidate.excerpt(), true);
        match &row.baseline {
            Some(theirs) => writeln!(
                page,
                "| {input} | {} | {ours} | {} | {} | {link} |",
                code(&theirs.excerpt(), true),
                theirs.score(),
                row.candidate.score(),
            )?,
            None => writeln!(
                page,
                "| {input} | {ours} | {} | {link} |",
                row.candidate.score()
            )?,
        }
    }
    writeln!(page, "\n</details>\n")
}

fn write_findings(page: &mut String, findings: &[Finding]) -> fmt::Result {
    if findings.is_empty() {
        return Ok(());
    }
    writeln!(page, "**Findings**\n")?;
    for finding in findings {
        let (name, effect) = (finding.name().word(), effect_word(finding.effect));
        writeln!(
            page,
            "- `{name}` ({effect}): {}",
            prose(&finding_text(finding))
        )?;
    }
    writeln!(page)
}

/// Renders a comparison of two runs.
#[must_use]
pub fn render_comparison(compared: &Compared) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_comparison(&mut page, compared);
    page
}

fn write_comparison(page: &mut String, compared: &Compared) -> fmt::Result {
    let is_comparable = compared.exit() == Exit::Passed;
    let headline = if is_comparable {
        "⚖️ Weave gate: two runs compared"
    } else {
        "⚠️ Weave gate: the runs could not be compared"
    };
    writeln!(page, "## {headline}\n")?;
    match &compared.outcome {
        Err(fault) => write_fault(page, fault)?,
        Ok((comparison, evidence)) => {
            write_link(page, evidence)?;
            if !comparison.lines.is_empty() {
                write_lines(page, &comparison.lines)?;
            }
            write_findings(page, &comparison.findings)?;
            write_runs(page, evidence)?;
        }
    }
    writeln!(page, "<sub>weave-gate {}</sub>", env!("CARGO_PKG_VERSION"))
}

fn write_lines(page: &mut String, lines: &[Line]) -> fmt::Result {
    writeln!(
        page,
        "| Dimension | Metric | Baseline | Candidate | Change | Scored/trials, baseline | Scored/trials, candidate |"
    )?;
    writeln!(page, "| --- | --- | ---: | ---: | ---: | ---: | ---: |")?;
    for line in lines {
        let cells = view::line(line);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            code(&line.subject, true),
            line.metric.word(),
            cells.baseline,
            cells.candidate,
            cells.change,
            cells.baseline_scored,
            cells.candidate_scored,
        )?;
    }
    writeln!(page)
}

fn write_checks(page: &mut String, checks: &[&Check]) -> fmt::Result {
    writeln!(
        page,
        "| Status | Gate | Subject | Baseline | Candidate | Change | Limit | Scored/trials | Margin |"
    )?;
    writeln!(
        page,
        "| --- | --- | --- | ---: | ---: | ---: | --- | ---: | --- |"
    )?;
    for check in checks {
        let label = view::status_label(check);
        let status = if check.blocks() {
            format!("**{label}**")
        } else {
            label
        };
        writeln!(
            page,
            "| {status} | {} | {} | {} | {} | {} | `{}` | {} | {} |",
            code(&check.gate, true),
            subject(check, true),
            view::baseline(check),
            view::candidate(check),
            view::change(check),
            view::limit(check),
            view::scored(check),
            view::margin(check),
        )?;
    }
    writeln!(page)?;
    write_pictures(page, checks)
}

/// Draws the intervals and limits of checks. They are below the table, because the table already has the width of a
/// page.
fn write_pictures(page: &mut String, checks: &[&Check]) -> fmt::Result {
    let drawn: Vec<(&Check, String)> = checks
        .iter()
        .filter_map(|check| Some((*check, picture(check)?)))
        .collect();
    if drawn.is_empty() {
        return Ok(());
    }
    for (check, picture) in drawn {
        writeln!(page, "- `{picture}` {}", code(&check.id(), false))?;
    }
    writeln!(page, "\n<sub>{}</sub>\n", bar::LEGEND)
}

/// The interval of a check and its limit; `None` if the check has no interval.
fn picture(check: &Check) -> Option<String> {
    let baseline = check.baseline.and_then(|measure| measure.observed);
    let chance = check.chance.as_ref()?;
    bar::bar(chance, check.limit, baseline)
}

fn write_runs(page: &mut String, evidence: &Evidence) -> fmt::Result {
    writeln!(
        page,
        "| Run | Id | Model | Evaluation | Status | Finished | Rows | Trials |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- | ---: | ---: |")?;
    write_run(page, "candidate", &evidence.candidate)?;
    for (role, baseline) in view::baselines(evidence) {
        write_run(page, &role, baseline)?;
    }
    writeln!(page)
}

/// Writes every run of a commit with several runs, with the values that each of the candidate's runs measured alone.
fn write_listed(page: &mut String, judged: &Judged) -> fmt::Result {
    let listed = view::listed(&judged.evidence);
    if listed.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "| Of | Id | Use | Commit | Started | Rows | Trials | Measured alone |\n| --- | --- | --- | --- | --- | ---: | ---: | --- |"
    )?;
    let Run { web, project, .. } = &judged.evidence.candidate;
    let dash = || "–".to_owned();
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

/// Writes a link to the runs in Weave.
fn write_link(page: &mut String, evidence: &Evidence) -> fmt::Result {
    let both = match &evidence.baseline {
        Baseline::Found(baseline, _) => links::comparison(&evidence.candidate, baseline),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    match (both, links::run(&evidence.candidate)) {
        (Some(url), _) => writeln!(page, "[Compare both runs in Weave]({url})\n"),
        (None, Some(url)) => writeln!(page, "[The run in Weave]({url})\n"),
        (None, None) => Ok(()),
    }
}

fn write_run(page: &mut String, role: &str, run: &Run) -> fmt::Result {
    let id = code(&run.id, true);
    let id = links::run(run).map_or_else(|| id.clone(), |url| format!("[{id}]({url})"));
    let time = run.finished_at.or(run.started_at);
    writeln!(
        page,
        "| {role} | {id} | {} | {} | {} | {} | {} | {} |",
        named(run.model.as_ref()),
        named(run.evaluation.as_ref()),
        run.status
            .as_ref()
            .map(RunStatus::word)
            .map_or_else(|| "–".to_owned(), |status| code(status, true)),
        time.map_or_else(
            || "–".to_owned(),
            |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string()
        ),
        run.rows,
        run.totals.trials,
    )
}

fn write_policy(page: &mut String, section: &Section) -> fmt::Result {
    let (path, sha256) = (code(&section.path, false), &section.sha256);
    writeln!(
        page,
        "<sub>weave-gate {}, policy {path}, SHA-256 `{sha256}`</sub>\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn named(reference: Option<&Reference>) -> String {
    reference.map_or_else(
        || "–".to_owned(),
        |reference| match &reference.version {
            Some(version) => {
                let short: String = version.chars().take(8).collect();
                format!("{} {}", code(&reference.name, true), code(&short, true))
            }
            None => code(&reference.name, true),
        },
    )
}

pub(super) fn subject(check: &Check, in_table: bool) -> String {
    let metric = check.metric.word();
    let slice = check.slice.as_ref().map_or(String::new(), |slice| {
        format!(" where {}", code(&slice.to_string(), in_table))
    });
    match &check.subject {
        Some(subject) => format!("{} {metric}{slice}", code(subject, in_table)),
        None => format!("{metric}{slice}"),
    }
}

pub(super) fn prose(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.clone(),
        Span::Name(name) => code(name, false),
    };
    prose.spans().iter().map(show).collect()
}
