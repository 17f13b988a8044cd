//! Two runs without a policy: each dimension, what the runs took and used, and the rows that changed.

use std::fmt::{self, Write as _};

use anstyle::AnsiColor;

use super::page::Page;
use super::style::Style;
use super::{findings, rows, runs};
use crate::exit::Exit;
use crate::judge::{Comparison, Line, Measure, RunMetric};
use crate::number::plural;
use crate::report::Compared;
use crate::report::also_changed::also_changed;
use crate::report::escape::{message, no_command};
use crate::report::flipped::{flipped_rows, moved, sameness};
use crate::report::view;
use crate::visible::{columns, padded, visible};

/// At most this many changed rows are shown, unless all are.
const MOST_ROWS: usize = 5;

/// Renders a comparison of two runs.
#[must_use]
pub fn render_comparison(compared: &Compared, style: Style) -> String {
    let mut page = Page::new(style);
    // Writing to a string cannot fail.
    let _ = write(&mut page, compared);
    no_command(page.text.trim_start_matches('\n'))
}

fn write(page: &mut Page, compared: &Compared) -> fmt::Result {
    if let Ok((comparison, evidence)) = &compared.outcome {
        if !page.style.is_brief() {
            runs::of_evidence(page, evidence)?;
            page.empty_line();
            let lines: Vec<TableLine> = comparison.lines.iter().map(of_dimension).collect();
            table(page, &lines)?;
            page.empty_line();
            let metrics = comparison.run_metrics.iter();
            table(page, &metrics.map(of_run).collect::<Vec<TableLine>>())?;
            page.empty_line();
            changed_rows(page, compared, comparison)?;
        }
        page.empty_line();
        let changed = also_changed(&comparison.findings, evidence);
        if page.style.is_brief() {
            findings::list(page, &comparison.findings)?;
        } else {
            findings::also_changed(page, &changed)?;
            findings::list(page, changed.others)?;
        }
        page.empty_line();
    }
    let exit = compared.exit();
    let (word, color) = if exit == Exit::Passed {
        ("COMPARED", AnsiColor::Green)
    } else {
        ("NOT COMPARABLE", AnsiColor::Yellow)
    };
    let word = page.paint(word, color);
    writeln!(page.text, "{word} (exit code {})", exit.code())
}

/// One line: a name and values; and what more there is to say of it.
struct TableLine {
    cells: Vec<String>,
    note: String,
}

fn of_dimension(line: &Line) -> TableLine {
    let cells = view::line(line);
    TableLine {
        note: moved(line).unwrap_or_else(|| known(line.baseline, line.candidate)),
        cells: vec![
            visible(&line.subject),
            line.metric.word().replace('_', " "),
            format!("{} → {}", cells.baseline, cells.candidate),
            cells.change,
        ],
    }
}

fn of_run(line: &RunMetric) -> TableLine {
    let cells = view::run_metric(line);
    // A trial without any score is an error, and not unknown.
    let note = if line.metric.can_miss() {
        known(line.baseline, line.candidate)
    } else {
        String::new()
    };
    TableLine {
        note,
        cells: vec![
            line.metric.word().replace('_', " "),
            format!("{} → {}", cells.baseline, cells.candidate),
            cells.change,
        ],
    }
}

/// How many trials have a value, of the runs of which not all have one.
fn known(baseline: Option<Measure>, candidate: Option<Measure>) -> String {
    let sides = [("baseline", baseline), ("candidate", candidate)];
    let sides = sides.into_iter().filter_map(|(role, measure)| {
        let Measure { scored, trials, .. } = measure?;
        (scored < trials).then(|| format!("{role} {scored} of {trials} known"))
    });
    sides.collect::<Vec<_>>().join(", ")
}

/// A table, with the notes below the lines if the terminal is narrow, and names above the values if it is narrower.
fn table(page: &mut Page, lines: &[TableLine]) -> fmt::Result {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.cells.get(column));
        cells.map(|cell| columns(cell)).max().unwrap_or_default()
    };
    let count = lines.first().map_or(0, |line| line.cells.len());
    let widths: Vec<usize> = (0..count).map(width).collect();
    let notes = lines.iter().map(|line| columns(&line.note));
    let of_notes = notes.max().unwrap_or_default();
    let of_cells = widths.iter().map(|width| width + 2).sum::<usize>();
    let is_table = of_cells <= page.style.width;
    let has_notes = of_cells + 2 + of_notes <= page.style.width;
    for TableLine { cells, note } in lines {
        if is_table {
            let cells = cells.iter().zip(&widths);
            let mut line: Vec<String> = cells.map(|(cell, width)| padded(cell, *width)).collect();
            line.extend(has_notes.then(|| note.clone()));
            writeln!(page.text, "  {}", line.join("  ").trim_end())?;
        } else if let [name, rest @ ..] = cells.as_slice() {
            writeln!(page.text, "  {}", page.cut(2, name))?;
            page.wrapped(6, 6, &rest.join("  "))?;
        }
        if !(is_table && has_notes || note.is_empty()) {
            page.wrapped(6, 6, note)?;
        }
    }
    Ok(())
}

/// How many rows have the same scores, and the rows that changed.
fn changed_rows(page: &mut Page, compared: &Compared, comparison: &Comparison) -> fmt::Result {
    let Some(changes) = &comparison.rows else {
        if comparison.is_comparable {
            page.wrapped(
                2,
                4,
                "the scores of single rows are unknown, so no changed rows are counted",
            )?;
        }
        return Ok(());
    };
    if let Some(text) = sameness(compared) {
        page.wrapped(2, 4, &text)?;
    }
    let found = flipped_rows(compared);
    if found.is_empty() {
        return Ok(());
    }
    let most = if page.style.is_all() {
        found.len()
    } else {
        MOST_ROWS
    };
    let shown = found.len().min(most);
    let has_truth = comparison
        .lines
        .iter()
        .any(|line| view::is_truth(line.metric));
    let what = if has_truth {
        "flipped row"
    } else {
        "changed row"
    };
    let worst = if (shown as u64) < changes.flipped {
        format!(", the worst {shown}")
    } else {
        String::new()
    };
    page.empty_line();
    writeln!(page.text, "  {}{worst}", plural(changes.flipped, what))?;
    for row in found.iter().take(most) {
        rows::one(page, row)?;
    }
    if let Some(reason) = &compared.unexplained {
        let text = format!(
            "their inputs and outputs are not shown: {}",
            message(reason)
        );
        page.wrapped(4, 6, &text)?;
    }
    Ok(())
}
