//! Confidence intervals, as numbers and drawn to scale.

use maud::{Markup, html};

use super::checks;
use super::parts::scrolling;
use crate::judge::Check;
use crate::report::bar::{self, Marks};
use crate::report::statistics::{self, Statistics};
use crate::report::{Judged, view};

/// The width of a drawing and the margin at each side, in the units of the drawing.
const WIDTH: f64 = 320.0;
const MARGIN: f64 = 12.0;

/// The statistics of all checks that have any, folded.
pub(super) fn write(judged: &Judged) -> Markup {
    let ordered = view::ordered(&judged.judgement);
    let tested = ordered
        .iter()
        .filter_map(|check| Some((*check, statistics::of(check)?)));
    let tested: Vec<(&Check, Statistics)> = tested.collect();
    if tested.is_empty() {
        return html! {};
    }
    let title = "Statistics and intervals";
    html! {
        details {
            summary { (title) }
            (scrolling(title, &html! {
                table {
                    caption { (title) ". Intervals and p-values are one-sided." }
                    thead {
                        tr {
                            th scope="col" { "Check" }
                            th scope="col" { "Interval" }
                            th scope="col" class="number" { "Rows" }
                            th scope="col" class="number" { "Confidence" }
                            th scope="col" class="number" { "p" }
                            th scope="col" class="number" { "Corrected p" }
                            th scope="col" class="number" { "Smallest detectable change" }
                            th scope="col" class="number" { "Found in 80 % of cases" }
                            th scope="col" class="number" { "Rows needed to decide" }
                        }
                    }
                    tbody { @for (check, facts) in &tested { (row(check, facts)) } }
                }
            }))
        }
    }
}

fn row(check: &Check, facts: &Statistics) -> Markup {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let (low, high) = (facts.low.replace('-', "−"), facts.high.replace('-', "−"));
    let needed = facts.rows_needed.clone();
    html! {
        tr {
            th scope="row" { (checks::name(check)) " " (check.limit.key.word().replace('_', " ")) }
            td {
                (low) " to " (high)
                @if let Some(marks) = bar::marks(check) { (drawing(check, &marks)) }
            }
            td class="number" { (facts.rows) }
            td class="number" { (facts.confidence) }
            td class="number" { (or_dash(&facts.p)) }
            td class="number" { (or_dash(&facts.corrected_p)) }
            td class="number" { (or_dash(&facts.detectable)) }
            td class="number" { (or_dash(&facts.found)) }
            td class="number" { (or_dash(&needed)) }
        }
    }
}

/// The interval as a line with its value, the limit, and for a change the position of no change, above an axis.
fn drawing(check: &Check, marks: &Marks) -> Markup {
    let (low, high) = marks.ends();
    let width = if high > low { high - low } else { 1.0 };
    let place = |value: f64| {
        format!(
            "{:.1}",
            MARGIN + (value - low) / width * (WIDTH - 2.0 * MARGIN)
        )
    };
    let text = |value: f64| statistics::end(check, value).replace('-', "−");
    let limit = text(marks.bound);
    let label = format!(
        "{} measured, interval {} to {}, limit {limit}",
        text(marks.point),
        text(marks.low),
        text(marks.high)
    );
    // The label of the limit starts at its mark, or ends there if the mark is on the right.
    let is_right = marks.bound - low > width / 2.0;
    html! {
        svg class="plot" role="img" aria-label=(label) viewBox="0 0 320 56" width="320" height="56" {
            text class="limit-text" x=(place(marks.bound)) y="10" text-anchor=(if is_right { "end" } else { "start" }) { "limit " (limit) }
            line class="axis" x1="12" y1="38" x2="308" y2="38" {}
            @if let Some(zero) = marks.zero {
                line class="zero" x1=(place(zero)) y1="14" x2=(place(zero)) y2="42" {}
            }
            line class="limit" x1=(place(marks.bound)) y1="14" x2=(place(marks.bound)) y2="42" {}
            line class="interval" x1=(place(marks.low)) y1="26" x2=(place(marks.high)) y2="26" {}
            circle class="point" cx=(place(marks.point)) cy="26" r="4" {}
            text x="12" y="53" text-anchor="start" { (text(low)) }
            text x="308" y="53" text-anchor="end" { (text(high)) }
        }
    }
}
