//! The checks on a terminal: those that did not pass, each cause once, and how many passed.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::{Page, prose, visible_prose};
use crate::judge::{Check, Judgement, Name, Status};
use crate::number::plural;
use crate::report::json::JsonCheck;
use crate::report::reason::{conclusion, reason_help};
use crate::report::units::{self, Values};
use crate::report::view::{self, CheckName, Group};
use crate::visible::{columns, padded, visible};

/// At most this many names of checks are listed where all have one cause.
const MOST_NAMES: usize = 4;

/// The checks in the order of their importance.
pub(super) fn write(page: &mut Page, judgement: &Judgement) -> fmt::Result {
    let style = page.style;
    let shown = view::ordered(judgement).into_iter().filter(|check| {
        style.is_whole() || check.blocks() || (!style.is_brief() && check.status != Status::Pass)
    });
    let shown: Vec<&Check> = shown.collect();
    let groups = view::groups(&shown);
    let measured = groups.iter().filter_map(|group| match group {
        Group::Measured(check) => Some(*check),
        Group::OfOneCause(_) => None,
    });
    let lines: Vec<CheckLine> = measured.map(CheckLine::of).collect();
    let widths = widths(&lines);
    for line in &lines {
        one(page, line, widths)?;
    }
    for group in &groups {
        if let Group::OfOneCause(checks) = group {
            of_one_cause(page, checks)?;
            cause(page, checks, view::only_cause(judgement).is_some())?;
        }
    }
    Ok(())
}

/// A check as its line shows it.
pub(super) struct CheckLine {
    sign: &'static str,
    color: AnsiColor,
    /// Name, metric, values, change, limit.
    cells: [String; 5],
    word: &'static str,
    /// What the values show, for a line below them; may be empty.
    conclusion: String,
    /// What to do; may be empty.
    help: Option<String>,
}

impl CheckLine {
    fn of(check: &Check) -> Self {
        let (sign, color) = sign(check.status, check.blocks());
        Self {
            sign,
            color,
            cells: cells(name(&view::name(check)), check, view::limit(check)),
            word: word(check.status, check.blocks()),
            conclusion: prose(&conclusion(check)),
            help: reason_help(check).map(|help| prose(&help)),
        }
    }

    /// The line of a check of a JSON report.
    pub(super) fn of_report(check: &JsonCheck<'_>) -> Self {
        let (sign, color) = sign(check.status, check.blocks);
        let slice = check.slice.as_ref().map(|slice| slice.text.to_string());
        let name = name(&CheckName::of(&check.gate, check.subject.as_deref(), slice));
        let limit = view::limit_against(check, check.against.as_deref());
        Self {
            sign,
            color,
            cells: cells(name, check, limit),
            word: word(check.status, check.blocks),
            conclusion: visible_prose(&check.conclusion),
            help: check.help.as_deref().map(visible_prose),
        }
    }

    /// Writes the line and the conclusion below it.
    pub(super) fn write(&self, page: &mut Page) -> fmt::Result {
        one(page, self, widths(std::slice::from_ref(self)))
    }
}

/// The sign for a status, and its colour. Every sign comes with a word or a value, so that nothing depends on either.
fn sign(status: Status, blocks: bool) -> (&'static str, AnsiColor) {
    match status {
        Status::Pass => ("✓", AnsiColor::Green),
        Status::Waived => ("~", AnsiColor::Yellow),
        Status::Skipped => ("-", AnsiColor::Blue),
        Status::Fail if blocks => ("✗", AnsiColor::Red),
        Status::Undecided if blocks => ("?", AnsiColor::Yellow),
        Status::Fail | Status::Undecided => ("!", AnsiColor::Yellow),
    }
}

/// The word after a line whose sign does not say enough.
fn word(status: Status, blocks: bool) -> &'static str {
    match status {
        Status::Waived => " (waived)",
        Status::Skipped => " (skipped)",
        Status::Fail | Status::Undecided if !blocks => " (warning)",
        Status::Pass | Status::Fail | Status::Undecided => "",
    }
}

/// The name of a check on one line.
fn name(name: &CheckName<'_>) -> String {
    let mut text = visible(name.gate);
    if let Some(subject) = name.subject {
        text = format!("{text}: {}", visible(subject));
    }
    if let Some(slice) = &name.slice {
        text = format!("{text} where {}", visible(slice));
    }
    text
}

/// The cells of a check's line.
fn cells(name: String, check: impl Into<Values>, limit: String) -> [String; 5] {
    let values = check.into();
    let (shown, change) = match values.baseline {
        Some(_) => (
            format!("{} → {}", view::baseline(values), view::candidate(values)),
            view::change(values),
        ),
        None => (view::candidate(values), String::new()),
    };
    let metric = units::metric(values.metric, values.attempts);
    [name, metric, shown, change, limit]
}

fn widths(lines: &[CheckLine]) -> [usize; 5] {
    let mut widths = [0; 5];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(&line.cells) {
            *width = (*width).max(columns(cell));
        }
    }
    widths
}

/// A check: one line if the lines of all checks fit, else its name above its values; then the conclusion.
fn one(page: &mut Page, check: &CheckLine, widths: [usize; 5]) -> fmt::Result {
    let sign = page.paint(check.sign, check.color);
    let (cells, word) = (&check.cells, check.word);
    let is_table = 4 + widths.iter().sum::<usize>() + 2 * 4 + 10 <= page.style.width;
    if is_table {
        let padded = cells
            .iter()
            .zip(widths)
            .filter(|(_, width)| *width > 0)
            .map(|(cell, width)| padded(cell, width));
        let line = padded.collect::<Vec<_>>().join("  ");
        writeln!(page.text, "  {sign} {}{word}", line.trim_end())?;
    } else {
        let [name, metric, ..] = cells;
        writeln!(page.text, "  {sign} {}{word}", page.cut(4, name))?;
        let values = cells.get(2..).unwrap_or_default();
        let values: Vec<&str> = values
            .iter()
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
            .collect();
        page.wrapped(6, 6, &format!("{metric}  {}", values.join("  ")))?;
    }
    if !check.conclusion.is_empty() {
        page.wrapped(6, 6, &check.conclusion)?;
    }
    match &check.help {
        Some(help) => page.block(6, "help:", AnsiColor::Cyan, help),
        None => Ok(()),
    }
}

/// The names of checks that one cause leaves undecided.
fn of_one_cause(page: &mut Page, checks: &[&Check]) -> fmt::Result {
    let Some(first) = checks.first() else {
        return Ok(());
    };
    let (sign, color) = sign(first.status, first.blocks());
    let sign = page.paint(sign, color);
    let mut names: Vec<CheckName<'_>> = Vec::new();
    for check in checks {
        let name = view::name(check);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(MOST_NAMES);
    let shown = names.iter().take(MOST_NAMES).map(name);
    let listed = shown.collect::<Vec<_>>().join(", ");
    let listed = if more > 0 {
        format!("{listed} and {more} more")
    } else {
        listed
    };
    let what = match checks.len() {
        1 => format!("{listed}: {} {}", view::metric(first), view::limit(first)),
        count => format!("{}: {listed}", plural(count as u64, "check")),
    };
    writeln!(page.text, "  {sign} {}", page.cut(4, &what))
}

/// The cause that these checks share: only its name if the headline tells it.
fn cause(page: &mut Page, checks: &[&Check], is_told: bool) -> fmt::Result {
    let Some(first) = checks.first() else {
        return Ok(());
    };
    let name = first.finding().map_or("", Name::word);
    let label = view::status_label(first);
    let cause = if is_told {
        format!("{label}[{name}]")
    } else {
        format!("{label}[{name}]: {}", prose(&conclusion(first)))
    };
    page.wrapped(6, 6, &cause)?;
    if is_told {
        return Ok(());
    }
    page.help(6, reason_help(first).as_ref())
}
