//! The rows that failed checks have in common, as a table that can be sorted and filtered.

use maud::{Markup, html};

use super::parts::{excerpt, link, scrolling, shown};
use crate::number::plural;
use crate::report::Judged;
use crate::report::rows::Side;
use crate::report::worst_rows::{WorstRow, exceptions, worst_rows};

/// The rows of the checks that did not pass.
pub(super) fn write(judged: &Judged) -> Markup {
    table(&worst_rows(judged), "Worst rows")
}

/// A table of rows. Empty if there are no rows.
pub(super) fn table(rows: &[WorstRow], title: &str) -> Markup {
    if rows.is_empty() {
        return html! {};
    }
    let compares = rows.iter().any(|worst| worst.row.baseline.is_some());
    html! {
        h3 { (title) }
        @for (count, exception) in exceptions(rows) {
            p { (plural(count, "call")) " crashed in these rows: " code { (shown(&exception)) } }
        }
        (scrolling(title, &html! {
            table class="rows" {
                caption { (title) }
                thead {
                    tr {
                        th scope="col" { "Input" }
                        th scope="col" { "Scores" }
                        @if compares { th scope="col" { "Baseline's output" } }
                        th scope="col" { "Candidate's output" }
                        th scope="col" { "Trial" }
                    }
                }
                tbody { @for worst in rows { (row(worst, compares)) } }
            }
        }))
    }
}

fn row(worst: &WorstRow, compares: bool) -> Markup {
    let row = &worst.row;
    let before = row.baseline.as_ref().map(Side::excerpt);
    html! {
        tr {
            th scope="row" dir="auto" { (excerpt(&worst.title)) }
            td {
                ul class="scores" {
                    @for change in &worst.changes { li { (shown(&change.what)) " " (shown(&change.scores())) } }
                }
            }
            @if compares { td dir="auto" { (excerpt(&before.unwrap_or_default())) } }
            td dir="auto" { (excerpt(&row.candidate.excerpt())) }
            td { @if let Some(url) = worst.url() { (link(url, "open in Weave")) } @else { "–" } }
        }
    }
}
