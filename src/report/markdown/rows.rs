//! The rows that failed checks have in common, each once.

use std::fmt::{self, Write as _};

use crate::number::plural;
use crate::report::Judged;
use crate::report::escape::markdown as code;
use crate::report::rows::Side;
use crate::report::worst_rows::{WorstRow, exceptions, worst_rows};

/// Longer texts are cut on the first screen, in characters.
const LONGEST: usize = 100;
/// The maximum number of rows in the table of all rows. The JSON report has more.
const MOST_ROWS: usize = 50;

/// The worst rows of the first screen.
pub(super) fn write_worst(page: &mut String, judged: &Judged, most: usize) -> fmt::Result {
    let rows = worst_rows(judged);
    if rows.is_empty() || most == 0 {
        return Ok(());
    }
    for (count, exception) in exceptions(&rows) {
        let (calls, exception) = (plural(count, "call"), code(&exception, false));
        writeln!(page, "**{calls} crashed** in these rows: {exception}\n")?;
    }
    writeln!(page, "**Worst rows**\n")?;
    write_list(page, &rows, most)
}

/// A numbered list of rows.
pub(super) fn write_list(page: &mut String, rows: &[WorstRow], most: usize) -> fmt::Result {
    for (place, worst) in rows.iter().take(most).enumerate() {
        let input = excerpt(&worst.title);
        let open = worst
            .url()
            .map_or_else(String::new, |url| format!(" · [open]({url})"));
        let now = excerpt(&worst.row.candidate.excerpt());
        let outputs = match &worst.row.baseline {
            Some(before) => format!("was: {} → now: {now}", excerpt(&before.excerpt())),
            None => format!("output: {now}"),
        };
        writeln!(
            page,
            "{}. {input} — {}{open}<br>{outputs}",
            place + 1,
            changes(worst, false)
        )?;
    }
    writeln!(page)
}

/// The table of all rows, in a fold.
pub(super) fn write_all(page: &mut String, judged: &Judged) -> fmt::Result {
    let rows = worst_rows(judged);
    if rows.is_empty() {
        return Ok(());
    }
    let shown = rows.len().min(MOST_ROWS);
    let title = if shown < rows.len() {
        format!("the worst {shown} of {} rows", rows.len())
    } else {
        format!("all {shown} rows")
    };
    writeln!(page, "<details><summary>{title}</summary>\n")?;
    let compares = rows.iter().any(|worst| worst.row.baseline.is_some());
    if compares {
        writeln!(
            page,
            "| Input | Checks | Baseline | Candidate | |\n|---|---|---|---|---|"
        )?;
    } else {
        writeln!(page, "| Input | Checks | Candidate | |\n|---|---|---|---|")?;
    }
    for worst in rows.iter().take(MOST_ROWS) {
        let row = &worst.row;
        let input = code(&worst.title, true);
        let now = code(&row.candidate.excerpt(), true);
        let open = worst
            .url()
            .map_or_else(String::new, |url| format!("[open]({url})"));
        let changes = changes(worst, true);
        if compares {
            let before = row.baseline.as_ref().map(Side::excerpt);
            let before = before.map_or_else(super::parts::dash, |text| code(&text, true));
            writeln!(page, "| {input} | {changes} | {before} | {now} | {open} |")?;
        } else {
            writeln!(page, "| {input} | {changes} | {now} | {open} |")?;
        }
    }
    writeln!(page, "\n</details>\n")
}

/// `correctness ✅→❌, judge 4→2`.
fn changes(worst: &WorstRow, in_table: bool) -> String {
    let changes: Vec<String> = worst
        .changes
        .iter()
        .map(|change| {
            let what = code(&change.what, in_table);
            format!(
                "{what} {}",
                change.scores().replace('✓', "✅").replace('✗', "❌")
            )
        })
        .collect();
    changes.join(", ")
}

/// A text on one line as code, cut.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => code(&format!("{}…", text.get(..end).unwrap_or_default()), false),
        None => code(text, false),
    }
}
