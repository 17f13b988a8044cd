//! The Markdown report. Its first screen has the verdict, the checks that did not pass and their worst rows; everything
//! else is folded.

mod checks;
mod comment;
mod comparison;
mod first;
mod folds;
mod rows;
mod runs;

use std::fmt::{self, Write as _};

use super::escape::{markdown as code, markdown_block};
use super::{Report, Section, view};
use crate::fault::Fault;
use crate::judge::{Status, Verdict};
use crate::prose::{Prose, Span};

pub use comment::{About, comment, render as short};
pub use comparison::render as render_comparison;

/// Renders the report.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &Report) -> fmt::Result {
    write_head(page, report)?;
    let is_only = report.sections.len() == 1;
    for section in &report.sections {
        if is_only {
            first::write(page, section, first::MOST)?;
            folds::write(page, section)?;
            continue;
        }
        let heading = format!("{}: {}", code(&section.path, false), result(section));
        // A policy that passed is folded as a whole.
        if section.verdict() == Some(Verdict::Passed) {
            let summary = super::escape::html_code(&section.path);
            writeln!(
                page,
                "<details><summary>✅ {summary}: {}</summary>\n",
                result(section)
            )?;
            first::write(page, section, first::MOST)?;
            folds::write(page, section)?;
            writeln!(page, "</details>\n")?;
        } else {
            writeln!(page, "### {} {heading}\n", icon(section.verdict()))?;
            first::write(page, section, first::MOST)?;
            folds::write(page, section)?;
        }
    }
    if report.sections.is_empty() {
        writeln!(page, "<sub>{}</sub>", tool())?;
    }
    Ok(())
}

/// The headline of a report; for several policies one line each.
fn write_head(page: &mut String, report: &Report) -> fmt::Result {
    if let Some(reason) = &report.skipped {
        return writeln!(page, "## ⏭️ {SKIPPED}\n\n{}\n", code(reason, false));
    }
    writeln!(page, "## {}\n", headline(report))?;
    if let Some(fault) = &report.fault {
        write_fault(page, fault)?;
    }
    if report.sections.len() < 2 {
        return Ok(());
    }
    writeln!(page, "| | Policy | Result |\n|---|---|---|")?;
    for section in &report.sections {
        let (icon, path) = (icon(section.verdict()), code(&section.path, true));
        writeln!(page, "| {icon} | {path} | {} |", result(section))?;
    }
    writeln!(page)
}

/// The headline if nothing had to be judged.
const SKIPPED: &str = "weave-gate: skipped, nothing was judged";

/// `❌ weave-gate: 2 of 12 checks failed`, or `❌ weave-gate: 1 of 3 policies failed`.
fn headline(report: &Report) -> String {
    let verdict = report.verdict();
    let said = match report.sections.as_slice() {
        [only] => result(only),
        _ => view::several(report),
    };
    format!("{} weave-gate: {said}", icon(verdict))
}

/// `2 of 12 checks failed`.
fn result(section: &Section) -> String {
    match &section.outcome {
        Ok(judged) => view::headline(&judged.judgement),
        Err(_) => view::verdict_word(None).to_owned(),
    }
}

const fn icon(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "✅",
        Some(Verdict::Failed) => "❌",
        Some(Verdict::Undecided) | None => "❔",
    }
}

/// The icon of a status. A word or a value always comes with it.
const fn icon_of(status: Status, blocks: bool) -> &'static str {
    match status {
        Status::Pass => "✅",
        Status::Waived => "⏸️",
        Status::Skipped => "⏭️",
        Status::Fail if blocks => "❌",
        Status::Undecided if blocks => "❔",
        Status::Fail | Status::Undecided => "⚠️",
    }
}

fn tool() -> String {
    format!("weave-gate {}", env!("CARGO_PKG_VERSION"))
}

fn write_fault(page: &mut String, fault: &Fault) -> fmt::Result {
    let help = fault.help.as_ref();
    let help = help.map_or(String::new(), |help| format!("\nhelp: {help}"));
    let text = format!("{}{help}", fault.message);
    writeln!(page, "{}", markdown_block(&text))
}

/// A sentence with its names as code.
fn prose(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.clone(),
        Span::Name(name) => code(name, false),
    };
    prose.spans().iter().map(show).collect()
}

/// The same, for a table.
fn prose_cell(prose: &Prose) -> String {
    let show = |span: &Span| match span {
        Span::Text(text) => text.replace('|', "\\|"),
        Span::Name(name) => code(name, true),
    };
    prose.spans().iter().map(show).collect()
}

fn dash() -> String {
    "–".to_owned()
}
