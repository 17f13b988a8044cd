//! The report for a terminal or the log of a CI system: what failed, by how much, on which rows; the verdict last.

mod calibration;
mod checks;
mod comparison;
mod explained;
mod explained_rows;
mod findings;
mod lines;
mod listing;
mod page;
mod picture;
mod policy_diff;
mod policy_test;
mod rows;
mod runs;
mod style;

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::also_changed::also_changed;
use super::escape::{message, no_command};
use super::finding::{cause_help, cause_text};
use super::{Judged, Report, Section, next_command, view};
use crate::fault::Fault;
use crate::judge::{Check, Effect, Reason, Verdict};
use crate::number::plural;
use crate::visible::visible;
pub use calibration::render_calibration;
pub use comparison::render_comparison;
pub(super) use explained::{Explained, Found, render_explained};
pub(super) use explained_rows::ShownRows;
pub use listing::render_runs;
use page::{Page, prose};
pub use policy_diff::render_diff;
pub use policy_test::render_test;
pub use style::{Amount, Style, USUAL_WIDTH};

/// Renders the report.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut page = Page::new(style);
    // Writing to a string cannot fail.
    let _ = write_report(&mut page, report);
    no_command(&page.text)
}

/// Renders an error for stderr.
#[must_use]
pub fn render_fault(fault: &Fault, style: Style) -> String {
    let mut page = Page::new(style);
    let _ = if fault.problems.is_empty() {
        write_fault(&mut page, fault)
    } else {
        picture::write(&mut page, &fault.problems)
    };
    no_command(&page.text)
}

fn write_report(page: &mut Page, report: &Report) -> fmt::Result {
    let has_several = report.sections.len() > 1;
    if has_several {
        for section in &report.sections {
            heading(page, section)?;
        }
    }
    for section in &report.sections {
        let Ok(judged) = &section.outcome else {
            if !has_several {
                heading(page, section)?;
            }
            continue;
        };
        let has_passed = judged.judgement.verdict == Verdict::Passed;
        if has_several && has_passed && !page.style.is_whole() {
            continue;
        }
        page.empty_line();
        heading(page, section)?;
        if let Some(cause) = view::only_cause(&judged.judgement) {
            page.help(2, cause_help(cause).as_ref())?;
        }
        write_judged(page, judged, &report.arguments)?;
    }
    page.empty_line();
    last_line(page, report)
}

/// `FAILED  gates.yaml: 2 of 12 checks failed`.
fn heading(page: &mut Page, section: &Section) -> fmt::Result {
    let path = visible(&section.path);
    let judgement = section.outcome.as_ref().map(|judged| &judged.judgement);
    let (verdict, text) = match judgement {
        Ok(judgement) => match view::only_cause(judgement) {
            Some(cause) => (None, format!(" {path}: {}", prose(&cause_text(cause)))),
            None => (
                section.verdict(),
                format!(" {path}: {}", view::headline(judgement)),
            ),
        },
        Err(_) => (None, format!(" {path}")),
    };
    let (word, color) = verdict_word(verdict);
    page.block(0, word, color, &text)
}

/// `FAILED: 2 failed, 1 undecided, 9 passed (exit code 1)`.
fn last_line(page: &mut Page, report: &Report) -> fmt::Result {
    let code = report.exit().code();
    if let Some(reason) = &report.skipped {
        page.block(0, "SKIPPED:", AnsiColor::Yellow, &message(reason))?;
        return writeln!(page.text, "SKIPPED: nothing was judged (exit code {code})");
    }
    let (word, color) = verdict_word(report.verdict());
    let judged = report.sections.iter();
    let judged = judged.filter_map(|section| section.outcome.as_ref().ok());
    let counts = view::counted(&judged.flat_map(|judged| &judged.judgement.checks));
    let (word, counts) = if counts.is_empty() {
        (word.to_owned(), String::new())
    } else {
        (format!("{word}:"), format!("{counts} "))
    };
    let later = if report.is_retryable() {
        ", retryable"
    } else {
        ""
    };
    let text = format!("{counts}(exit code {code}{later})");
    page.block(0, &word, color, &text)
}

fn write_fault(page: &mut Page, fault: &Fault) -> fmt::Result {
    let label = page.paint("error", AnsiColor::Red);
    let mut lines = fault.message.lines();
    let first = lines.next().unwrap_or_default();
    writeln!(page.text, "{label}: {}", message(first))?;
    for rest in lines {
        writeln!(page.text, "  {}", message(rest))?;
    }
    if let Some(help) = &fault.help {
        let label = page.paint("help", AnsiColor::Cyan);
        writeln!(page.text, "  {label}: {}", message(help))?;
    }
    Ok(())
}

fn write_judged(page: &mut Page, judged: &Judged, arguments: &[String]) -> fmt::Result {
    let judgement = &judged.judgement;
    let style = page.style;
    if !style.is_brief() {
        page.empty_line();
        runs::write(page, judged)?;
    }
    page.empty_line();
    checks::write(page, judgement)?;
    if !style.is_brief()
        && let Some(power) = view::power(judgement)
    {
        page.empty_line();
        page.wrapped(2, 4, &prose(&power))?;
    }
    page.empty_line();
    let changed = also_changed(&judgement.findings, &judged.evidence);
    findings::write(page, &changed, |finding| {
        let shown = judgement.checks.iter();
        let mut shown = shown.filter(|check| check.blocks() || !style.is_brief());
        let is_told = shown.any(
            |check| matches!(&check.reason, Reason::Blocked(cause) if *cause == finding.cause),
        );
        !is_told
    })?;
    if style.is_brief() && !style.is_all() {
        return Ok(());
    }
    if let Some(why) = &judged.unexplained {
        page.empty_line();
        page.wrapped(
            2,
            6,
            &format!("the rows of these checks are not shown: {}", visible(why)),
        )?;
    }
    page.empty_line();
    rows::write(page, judged)?;
    if style.is_brief() {
        return Ok(());
    }
    page.empty_line();
    footer(page, judged, arguments)
}

/// How many checks passed, what is not shown, and the next step.
fn footer(page: &mut Page, judged: &Judged, arguments: &[String]) -> fmt::Result {
    let judgement = &judged.judgement;
    let is_of = |effect| {
        let findings = judgement.findings.iter();
        findings.filter(|finding| finding.effect == effect).count()
    };
    let mut hidden = Vec::new();
    if !page.style.is_all() {
        let passed = view::passed(judgement);
        if passed > 0 {
            hidden.push(format!("{passed} passed"));
        }
        for (effect, word) in [(Effect::Note, "note"), (Effect::Hint, "hint")] {
            let count = is_of(effect) as u64;
            if count > 0 {
                hidden.push(plural(count, word));
            }
        }
    }
    if !hidden.is_empty() {
        page.wrapped(2, 2, &format!("{} (show with --all)", hidden.join(", ")))?;
    }
    // Rows say nothing about a check that cannot be judged.
    let has_values = |check: &&Check| !matches!(check.reason, Reason::Blocked(_));
    let failed = view::ordered(judgement)
        .into_iter()
        .filter(has_values)
        // `explain` does not know the base of the policy.
        .find(|check| check.blocks() && !check.is_of_base);
    if let Some(check) = failed {
        let command = next_command::explain(&check.gate, arguments);
        page.command("next:", &command)?;
    }
    Ok(())
}

/// The word for a verdict in capitals, and its color.
fn verdict_word(verdict: Option<Verdict>) -> (&'static str, AnsiColor) {
    match verdict {
        Some(Verdict::Passed) => ("PASSED", AnsiColor::Green),
        Some(Verdict::Failed) => ("FAILED", AnsiColor::Red),
        Some(Verdict::Undecided) => ("UNDECIDED", AnsiColor::Yellow),
        None => ("NO VERDICT", AnsiColor::Yellow),
    }
}
