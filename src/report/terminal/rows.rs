//! The worst rows on a terminal: each once, with all that it fails.

use std::fmt::{self, Write as _};

use super::page::Page;
use crate::number::plural;
use crate::report::Judged;
use crate::report::rows::Side;
use crate::report::worst_rows::{WorstRow, exceptions, worst_rows};
use crate::visible::visible;

/// At most this many rows are shown, unless all are.
const MOST_ROWS: usize = 3;

/// The rows that the most checks fail on.
pub(super) fn write(page: &mut Page, judged: &Judged) -> fmt::Result {
    let rows = worst_rows(judged);
    let most = if page.style.is_all() {
        rows.len()
    } else {
        MOST_ROWS
    };
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(page.text, "  worst rows")?;
    for (count, exception) in exceptions(&rows) {
        let calls = plural(count, "call");
        let text = format!("{calls} crashed: {}", visible(&exception));
        page.wrapped(4, 6, &text)?;
    }
    for row in rows.iter().take(most) {
        one(page, row)?;
    }
    Ok(())
}

/// A row: its telling input, what changed, and both outputs.
pub(super) fn one(page: &mut Page, worst: &WorstRow) -> fmt::Result {
    let row = &worst.row;
    let input = page.cut(4, &visible(&worst.title));
    let input = page.link(&input, worst.url());
    writeln!(page.text, "    {input}")?;
    let changes = worst.changes.iter();
    let changes: Vec<String> = changes
        .map(|change| format!("{} {}", visible(&change.what), visible(&change.scores())))
        .collect();
    page.items(6, 8, &changes)?;
    let before = row.baseline.as_ref().map(Side::excerpt);
    let sides = before.map(|text| ("was", text)).into_iter();
    for (word, text) in sides.chain([("now", row.candidate.excerpt())]) {
        if text != "–" {
            let text = page.cut(11, &visible(&text));
            writeln!(page.text, "      {word}  {text}")?;
        }
    }
    Ok(())
}
