//! A calibration on a terminal: the noise of each dimension, and the false alarms of each limit.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::Page;
use super::style::Style;
use crate::calibration::GroupNoise;
use crate::number::plural;
use crate::report::calibration::{
    CalibrationReport, HEADINGS, LEGEND, NO_ROWS, UNKNOWN_HELP, alarms, cells, check_name,
    proposal, title, unknown, without_noise,
};
use crate::report::escape::no_command;
use crate::visible::{columns, padded, visible};

/// Renders a calibration.
#[must_use]
pub fn render_calibration(report: &CalibrationReport, style: Style) -> String {
    let mut page = Page::new(style);
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    no_command(&page.text)
}

fn write(page: &mut Page, report: &CalibrationReport) -> fmt::Result {
    for group in &report.groups {
        page.empty_line();
        of_group(page, group)?;
    }
    if !report.left_out.is_empty() {
        page.empty_line();
        let left: Vec<String> = report
            .left_out
            .iter()
            .map(|(why, count)| format!("{} {why}", plural(*count, "run")))
            .collect();
        page.wrapped(0, 4, &format!("left out: {}", left.join(", ")))?;
    }
    if !page.style.is_brief() && report.groups.iter().any(GroupNoise::is_known) {
        page.empty_line();
        for line in LEGEND {
            page.wrapped(2, 4, line)?;
        }
    }
    Ok(())
}

fn of_group(page: &mut Page, group: &GroupNoise) -> fmt::Result {
    let title = visible(&title(group));
    if !group.is_known() {
        page.block(0, "UNKNOWN", AnsiColor::Yellow, &format!(" {title}"))?;
        page.wrapped(2, 4, &unknown())?;
        return page.block(2, "help:", AnsiColor::Cyan, UNKNOWN_HELP);
    }
    page.wrapped(0, 4, &title)?;
    page.empty_line();
    let rows: Vec<(String, [String; 7])> = group
        .dimensions
        .iter()
        .filter(|dimension| dimension.noise.flipped > 0.0)
        .map(|dimension| (visible(&dimension.name), cells(dimension)))
        .collect();
    let name = rows
        .iter()
        .map(|(name, _)| columns(name))
        .max()
        .unwrap_or(0);
    let widths: Vec<usize> = HEADINGS
        .iter()
        .enumerate()
        .map(|(place, heading)| {
            let cells = rows.iter().filter_map(|(_, cells)| cells.get(place));
            cells
                .map(|cell| columns(cell))
                .chain([columns(heading)])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let is_table =
        2 + name + widths.iter().map(|width| width + 2).sum::<usize>() <= page.style.width;
    if is_table && !rows.is_empty() {
        let heads = HEADINGS.iter().zip(&widths);
        let heads: Vec<String> = heads.map(|(head, width)| right(head, *width)).collect();
        writeln!(page.text, "  {:name$}  {}", "", heads.join("  "))?;
    }
    for (label, cells) in &rows {
        if is_table {
            let cells = cells.iter().zip(&widths);
            let cells: Vec<String> = cells.map(|(cell, width)| right(cell, *width)).collect();
            writeln!(page.text, "  {}  {}", padded(label, name), cells.join("  "))?;
        } else {
            page.wrapped(2, 4, label)?;
            let cells = HEADINGS.iter().zip(cells);
            let cells: Vec<String> = cells.map(|(head, cell)| format!("{head} {cell}")).collect();
            page.items(4, 6, &cells)?;
        }
    }
    if group.dimensions.is_empty() {
        page.wrapped(2, 4, NO_ROWS)?;
    }
    let same = without_noise(group);
    if !same.is_empty() {
        let names: Vec<String> = same.into_iter().map(visible).collect();
        let text = format!("the same in every run: {}", names.join(", "));
        page.wrapped(2, 4, &text)?;
    }
    if !group.checks.is_empty() {
        page.empty_line();
    }
    for check in &group.checks {
        page.wrapped(2, 6, &visible(&check_name(check)))?;
        page.wrapped(4, 6, &alarms(check))?;
        if let Some(text) = proposal(check) {
            page.wrapped(4, 6, &text)?;
        }
    }
    Ok(())
}

fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}
