//! A calibration in Markdown.

use std::fmt::{self, Write as _};

use crate::calibration::GroupNoise;
use crate::number::plural;
use crate::report::calibration::{
    CalibrationReport, HEADINGS, LEGEND, NO_ROWS, UNKNOWN_HELP, alarms, cells, check_name,
    proposal, title, unknown,
};
use crate::report::escape::markdown as code;

/// Renders a calibration.
#[must_use]
pub fn render_calibration(report: &CalibrationReport) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    page
}

fn write(page: &mut String, report: &CalibrationReport) -> fmt::Result {
    writeln!(page, "## weave-gate: noise of repeated runs\n")?;
    for group in &report.groups {
        of_group(page, group)?;
    }
    for (why, count) in &report.left_out {
        writeln!(page, "- left out: {} {why}", plural(*count, "run"))?;
    }
    writeln!(page, "\n<sub>{}.</sub>", LEGEND.join(". "))
}

fn of_group(page: &mut String, group: &GroupNoise) -> fmt::Result {
    writeln!(page, "### {}\n", code(&title(group), false))?;
    if !group.is_known() {
        return writeln!(
            page,
            "❔ **unknown**: {}<br>help: {UNKNOWN_HELP}\n",
            unknown()
        );
    }
    if group.dimensions.is_empty() {
        writeln!(page, "{NO_ROWS}\n")?;
    }
    writeln!(page, "| Dimension | {} |", HEADINGS.join(" | "))?;
    writeln!(page, "|---{}|", "|--:".repeat(HEADINGS.len()))?;
    for dimension in &group.dimensions {
        let cells = cells(dimension).join(" | ");
        writeln!(page, "| {} | {cells} |", code(&dimension.name, true))?;
    }
    writeln!(page)?;
    for check in &group.checks {
        writeln!(
            page,
            "- {}<br>{}",
            code(&check_name(check), false),
            alarms(check)
        )?;
        if let Some(text) = proposal(check) {
            writeln!(page, "  <br>{text}")?;
        }
    }
    writeln!(page)
}
