//! A comparison of two policies in Markdown.

use std::fmt::{self, Write as _};

use crate::exit::Exit;
use crate::policy::{Difference, Direction};
use crate::report::escape::markdown as code;
use crate::report::policy_diff::{DiffReport, LEGEND};

/// Renders a comparison of policies.
#[must_use]
pub fn render_diff(report: &DiffReport) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &DiffReport) -> fmt::Result {
    let icon = match report.exit() {
        Exit::Passed => "✅",
        _ => "❌",
    };
    writeln!(page, "## {icon} weave-gate diff: {}\n", report.counts())?;
    writeln!(
        page,
        "{} compared with {}\n",
        code(&report.new, false),
        code(&report.old, false)
    )?;
    table(page, &report.ordered())?;
    writeln!(page, "<sub>{}</sub>", LEGEND.join("; "))
}

/// The changes as a table.
pub(super) fn table(page: &mut String, differences: &[&Difference]) -> fmt::Result {
    if differences.is_empty() {
        return Ok(());
    }
    writeln!(page, "| | Gate | Key | Before | After |")?;
    writeln!(page, "|---|---|---|---|---|")?;
    for difference in differences {
        let icon = match difference.direction {
            Direction::Looser => "❌",
            Direction::Incomparable => "❔",
            Direction::Tighter => "✅",
        };
        let cell =
            |text: Option<&String>| text.map_or_else(|| "–".to_owned(), |text| code(text, true));
        writeln!(
            page,
            "| {icon} {} | {} | {} | {} | {} |",
            difference.direction.word(),
            cell(difference.gate.as_ref()),
            code(&difference.key, true),
            cell(difference.old.as_ref()),
            cell(difference.new.as_ref())
        )?;
    }
    writeln!(page)
}
