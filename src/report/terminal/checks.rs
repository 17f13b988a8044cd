//! The checks on a terminal: those that did not pass, each cause once, and how many passed.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::{Page, prose};
use crate::judge::{Check, Judgement, Name, Status};
use crate::number::plural;
use crate::report::reason::conclusion;
use crate::report::view::{self, CheckName, Group};
use crate::visible::{columns, padded, visible};

/// At most this many names of checks are listed where all have one cause.
const MOST_NAMES: usize = 4;

/// The checks in the order of their importance.
pub(super) fn write(page: &mut Page, judgement: &Judgement) -> fmt::Result {
    let style = page.style;
    let shown = view::ordered(judgement).into_iter().filter(|check| {
        style.is_all() || check.blocks() || (!style.is_brief() && check.status != Status::Pass)
    });
    let shown: Vec<&Check> = shown.collect();
    let groups = view::groups(&shown);
    let measured = groups.iter().filter_map(|group| match group {
        Group::Measured(check) => Some(*check),
        Group::OfOneCause(_) => None,
    });
    let widths = widths(&measured.collect::<Vec<_>>());
    for group in &groups {
        match group {
            Group::Measured(check) => one(page, check, widths)?,
            Group::OfOneCause(checks) => {
                of_one_cause(page, checks)?;
                cause(page, checks, view::only_cause(judgement).is_some())?;
            }
        }
    }
    Ok(())
}

/// The sign for a status, and its colour. Every sign comes with a word or a value, so that nothing depends on either.
fn sign(check: &Check) -> (&'static str, AnsiColor) {
    match check.status {
        Status::Pass => ("✓", AnsiColor::Green),
        Status::Waived => ("~", AnsiColor::Yellow),
        Status::Skipped => ("-", AnsiColor::Blue),
        Status::Fail if check.blocks() => ("✗", AnsiColor::Red),
        Status::Undecided if check.blocks() => ("?", AnsiColor::Yellow),
        Status::Fail | Status::Undecided => ("!", AnsiColor::Yellow),
    }
}

/// The name of a check on one line.
fn name(check: &Check) -> String {
    text(&view::name(check))
}

fn text(name: &CheckName<'_>) -> String {
    let mut text = visible(name.gate);
    if let Some(subject) = name.subject {
        text = format!("{text}: {}", visible(subject));
    }
    if let Some(slice) = &name.slice {
        text = format!("{text} where {}", visible(slice));
    }
    text
}

/// The cells of a check's line: name, metric, values, change, limit.
fn cells(check: &Check) -> [String; 5] {
    let values = match check.baseline {
        Some(_) => format!("{} → {}", view::baseline(check), view::candidate(check)),
        None => view::candidate(check),
    };
    let change = match check.baseline {
        Some(_) => view::change(check),
        None => String::new(),
    };
    [
        name(check),
        view::metric(check),
        values,
        change,
        view::limit(check),
    ]
}

fn widths(checks: &[&Check]) -> [usize; 5] {
    let mut widths = [0; 5];
    for check in checks {
        for (width, cell) in widths.iter_mut().zip(cells(check)) {
            *width = (*width).max(columns(&cell));
        }
    }
    widths
}

/// A check: one line if the lines of all checks fit, else its name above its values; then the conclusion.
fn one(page: &mut Page, check: &Check, widths: [usize; 5]) -> fmt::Result {
    let (sign, color) = sign(check);
    let sign = page.paint(sign, color);
    let cells = cells(check);
    let word = match check.status {
        Status::Waived => " (waived)",
        Status::Skipped => " (skipped)",
        Status::Fail | Status::Undecided if !check.blocks() => " (warning)",
        Status::Pass | Status::Fail | Status::Undecided => "",
    };
    let is_table = 4 + widths.iter().sum::<usize>() + 2 * 4 + 10 <= page.style.width;
    let line = |cells: &[String], widths: &[usize]| {
        let padded = cells
            .iter()
            .zip(widths)
            .filter(|(_, width)| **width > 0)
            .map(|(cell, width)| padded(cell, *width));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    if is_table {
        writeln!(page.text, "  {sign} {}{word}", line(&cells, &widths))?;
    } else {
        let [name, metric, ..] = &cells;
        writeln!(page.text, "  {sign} {}{word}", page.cut(4, name))?;
        let values = cells.get(2..).unwrap_or_default();
        let values: Vec<String> = values
            .iter()
            .filter(|cell| !cell.is_empty())
            .cloned()
            .collect();
        page.wrapped(6, 6, &format!("{metric}  {}", values.join("  ")))?;
    }
    let conclusion = prose(&conclusion(check));
    if conclusion.is_empty() {
        Ok(())
    } else {
        page.wrapped(6, 6, &conclusion)
    }
}

/// The names of checks that one cause leaves undecided.
fn of_one_cause(page: &mut Page, checks: &[&Check]) -> fmt::Result {
    let Some(first) = checks.first() else {
        return Ok(());
    };
    let (sign, color) = sign(first);
    let sign = page.paint(sign, color);
    let mut names: Vec<CheckName<'_>> = Vec::new();
    for check in checks {
        let name = view::name(check);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(MOST_NAMES);
    let shown = names.iter().take(MOST_NAMES).map(text);
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
    page.wrapped(6, 6, &cause)
}
