//! A comparison of two policies on a terminal.

use std::fmt;

use anstyle::AnsiColor;

use super::page::Page;
use super::style::Style;
use crate::exit::Exit;
use crate::policy::Direction;
use crate::report::escape::no_command;
use crate::report::policy_diff::{DiffReport, LEGEND, title};
use crate::visible::visible;

/// Renders a comparison of policies.
#[must_use]
pub fn render_diff(report: &DiffReport, style: Style) -> String {
    let mut page = Page::new(style);
    // Writing to a string cannot fail.
    let _ = write(&mut page, report);
    no_command(&page.text)
}

fn write(page: &mut Page, report: &DiffReport) -> fmt::Result {
    let (new, changes) = title(report);
    page.wrapped(0, 4, &format!("{}: {}", visible(&new), visible(&changes)))?;
    page.empty_line();
    for difference in report.ordered() {
        let color = match difference.direction {
            Direction::Looser => AnsiColor::Red,
            Direction::Incomparable => AnsiColor::Yellow,
            Direction::Tighter => AnsiColor::Green,
        };
        let text = format!(" {}", visible(&difference.to_string()));
        page.block(2, difference.direction.word(), color, &text)?;
    }
    if !report.differences.is_empty() && !page.style.is_brief() {
        page.empty_line();
        for line in LEGEND {
            page.wrapped(2, 4, line)?;
        }
    }
    page.empty_line();
    let (word, color) = match report.exit() {
        Exit::Passed => ("NOT LOOSER:", AnsiColor::Green),
        _ => ("LOOSER:", AnsiColor::Red),
    };
    let text = format!("{} (exit code {})", report.counts(), report.exit().code());
    page.block(0, word, color, &text)
}
