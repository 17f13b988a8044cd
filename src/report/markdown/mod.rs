//! The Markdown report. Its first screen has the verdict, the checks that did not pass and their worst rows; everything
//! else is folded.

mod calibration;
mod checks;
mod comment;
mod comparison;
mod findings;
mod first;
mod folds;
mod parts;
mod policy_diff;
mod policy_test;
mod rows;
mod runs;

use std::fmt::{self, Write as _};

use super::escape::markdown as code;
use super::{Report, headline};
use crate::judge::Verdict;
use parts::{icon, tool, write_fault};

pub use calibration::render_calibration;
pub use comment::{About, comment, render as short};
pub use comparison::render as render_comparison;
pub use policy_diff::render_diff;
pub use policy_test::render_test;

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
        let heading = format!(
            "{}: {}",
            code(&section.path, false),
            headline::of_section(section)
        );
        // A policy that passed is folded as a whole.
        if section.verdict() == Some(Verdict::Passed) {
            let summary = super::escape::html_code(&section.path);
            writeln!(
                page,
                "<details><summary>✅ {summary}: {}</summary>\n",
                headline::of_section(section)
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
    writeln!(page, "## {}\n", title(report))?;
    if let Some(fault) = &report.fault {
        write_fault(page, fault)?;
    }
    if report.sections.len() < 2 {
        return Ok(());
    }
    writeln!(page, "| | Policy | Result |\n|---|---|---|")?;
    for section in &report.sections {
        let (icon, path) = (icon(section.verdict()), code(&section.path, true));
        writeln!(
            page,
            "| {icon} | {path} | {} |",
            headline::of_section(section)
        )?;
    }
    writeln!(page)
}

/// The headline if nothing had to be judged.
const SKIPPED: &str = "weave-gate: skipped, nothing was judged";

/// `❌ weave-gate: 2 of 12 checks failed`, or `❌ weave-gate: 1 of 3 policies failed`.
fn title(report: &Report) -> String {
    format!(
        "{} weave-gate: {}",
        icon(report.verdict()),
        headline::of_report(report)
    )
}
