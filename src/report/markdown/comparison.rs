//! A comparison of two runs as Markdown.

use std::fmt::{self, Write as _};

use super::parts::{dash, tool, write_fault};
use super::{findings, rows, runs};
use crate::exit::Exit;
use crate::judge::{Line, RunMetric};
use crate::number::plural;
use crate::report::also_changed::also_changed;
use crate::report::escape::markdown as code;
use crate::report::flipped::{flipped_rows, moved, sameness};
use crate::report::{Compared, view};

/// Renders a comparison of two runs.
#[must_use]
pub fn render(compared: &Compared) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, compared);
    page
}

fn write(page: &mut String, compared: &Compared) -> fmt::Result {
    let headline = if compared.exit() == Exit::Passed {
        "⚖️ weave-gate: two runs compared"
    } else {
        "❔ weave-gate: the runs could not be compared"
    };
    writeln!(page, "## {headline}\n")?;
    match &compared.outcome {
        Err(fault) => write_fault(page, fault)?,
        Ok((comparison, evidence)) => {
            runs::write_line(page, evidence)?;
            if !comparison.lines.is_empty() {
                write_lines(page, &comparison.lines)?;
            }
            if !comparison.run_metrics.is_empty() {
                write_run_metrics(page, &comparison.run_metrics)?;
            }
            write_rows(page, compared)?;
            let changed = also_changed(&comparison.findings, evidence);
            if !changed.is_empty() {
                writeln!(page, "**What else changed**\n")?;
                findings::write_also_changed(page, &changed)?;
            }
            findings::write(page, &changed.others)?;
            writeln!(page, "<details><summary>runs</summary>\n")?;
            runs::write_table(page, evidence)?;
            writeln!(page, "</details>\n")?;
        }
    }
    writeln!(page, "<sub>{}</sub>", tool())
}

fn write_lines(page: &mut String, lines: &[Line]) -> fmt::Result {
    writeln!(
        page,
        "| Dimension | Metric | Baseline | Candidate | Change | Rows | Scored |"
    )?;
    writeln!(page, "|---|---|--:|--:|--:|--:|--:|")?;
    for line in lines {
        let cells = view::line(line);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} → {} |",
            code(&line.subject, true),
            line.metric.word().replace('_', " "),
            cells.baseline,
            cells.candidate,
            cells.change.replace('-', "−"),
            moved(line).unwrap_or_else(dash),
            cells.baseline_scored,
            cells.candidate_scored,
        )?;
    }
    writeln!(page)
}

/// What the runs themselves took and used.
fn write_run_metrics(page: &mut String, metrics: &[RunMetric]) -> fmt::Result {
    writeln!(page, "| Metric | Baseline | Candidate | Change |")?;
    writeln!(page, "|---|--:|--:|--:|")?;
    for metric in metrics {
        let cells = view::run_metric(metric);
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            metric.metric.word().replace('_', " "),
            cells.baseline,
            cells.candidate,
            cells.change.replace('-', "−"),
        )?;
    }
    writeln!(page)
}

/// How many rows are the same, and the rows that changed.
fn write_rows(page: &mut String, compared: &Compared) -> fmt::Result {
    if let Some(text) = sameness(compared) {
        writeln!(page, "{text}\n")?;
    }
    let flipped = flipped_rows(compared);
    if !flipped.is_empty() {
        let count = plural(flipped.len() as u64, "row");
        writeln!(page, "**The {count} that changed most**\n")?;
        rows::write_list(page, &flipped, flipped.len())?;
    }
    if let Some(why) = &compared.unexplained {
        writeln!(
            page,
            "The inputs and outputs of these rows are not shown: {}\n",
            code(why, false)
        )?;
    }
    Ok(())
}
