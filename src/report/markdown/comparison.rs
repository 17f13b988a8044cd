//! A comparison of two runs as Markdown.

use std::fmt::{self, Write as _};

use super::{folds, runs, tool, write_fault};
use crate::exit::Exit;
use crate::judge::Line;
use crate::report::escape::markdown as code;
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
            folds::write_findings(page, &comparison.findings)?;
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
        "| Dimension | Metric | Baseline | Candidate | Change | Scored |"
    )?;
    writeln!(page, "|---|---|--:|--:|--:|--:|")?;
    for line in lines {
        let cells = view::line(line);
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} → {} |",
            code(&line.subject, true),
            line.metric.word().replace('_', " "),
            cells.baseline,
            cells.candidate,
            cells.change.replace('-', "−"),
            cells.baseline_scored,
            cells.candidate_scored,
        )?;
    }
    writeln!(page)
}
