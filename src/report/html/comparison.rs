//! A comparison of two runs as HTML.

use maud::{Markup, html};

use super::parts::{all_findings, error, headline, scrolling, shown};
use super::{page, parts, rows, runs};
use crate::exit::Exit;
use crate::judge::{Line, RunMetric};
use crate::report::flipped::{flipped_rows, moved, sameness};
use crate::report::{Compared, also_changed, view};

/// Renders a comparison of two runs.
#[must_use]
pub fn render(compared: &Compared) -> String {
    let (sign, kind, title) = if compared.exit() == Exit::Passed {
        ("=", "note", "two runs compared")
    } else {
        ("?", "undecided", "the runs could not be compared")
    };
    let body = html! {
        (headline(sign, kind, title))
        @match &compared.outcome {
            Err(fault) => (error(fault)),
            Ok((comparison, evidence)) => {
                (runs::summary(evidence))
                @if !comparison.lines.is_empty() { (lines(&comparison.lines)) }
                @if !comparison.run_metrics.is_empty() { (run_metrics(&comparison.run_metrics)) }
                @if let Some(text) = sameness(compared) { p { (text) } }
                (rows::table(&flipped_rows(compared), "Rows that changed most"))
                @if let Some(why) = &compared.unexplained {
                    p { "The inputs and outputs of these rows are not shown: " (shown(why)) }
                }
                @let changed = also_changed::also_changed(&comparison.findings, evidence);
                (parts::also_changed(&changed))
                (all_findings(&changed.others))
                details { summary { "Runs" } (runs::table(evidence)) }
            },
        }
    };
    page(&format!("weave-gate: {title}"), &body)
}

fn lines(lines: &[Line]) -> Markup {
    let title = "Dimensions and metrics";
    scrolling(
        title,
        &html! {
            table {
                caption { (title) }
                thead {
                    tr {
                        th scope="col" { "Dimension" }
                        th scope="col" { "Metric" }
                        th scope="col" class="number" { "Baseline" }
                        th scope="col" class="number" { "Candidate" }
                        th scope="col" class="number" { "Change" }
                        th scope="col" class="number" { "Rows" }
                        th scope="col" class="number" { "Scored" }
                    }
                }
                tbody {
                    @for line in lines {
                        @let cells = view::line(line);
                        tr {
                            th scope="row" { (shown(&line.subject)) }
                            td { (line.metric.word().replace('_', " ")) }
                            td class="number" { (cells.baseline) }
                            td class="number" { (cells.candidate) }
                            td class="number" { (cells.change.replace('-', "−")) }
                            td class="number" { (moved(line).unwrap_or_else(|| "–".to_owned())) }
                            td class="number" { (cells.baseline_scored) " → " (cells.candidate_scored) }
                        }
                    }
                }
            }
        },
    )
}

/// What the runs themselves took and used.
fn run_metrics(metrics: &[RunMetric]) -> Markup {
    let title = "Metrics of the runs";
    scrolling(
        title,
        &html! {
            table {
                caption { (title) }
                thead {
                    tr {
                        th scope="col" { "Metric" }
                        th scope="col" class="number" { "Baseline" }
                        th scope="col" class="number" { "Candidate" }
                        th scope="col" class="number" { "Change" }
                    }
                }
                tbody {
                    @for metric in metrics {
                        @let cells = view::run_metric(metric);
                        tr {
                            th scope="row" { (metric.metric.word().replace('_', " ")) }
                            td class="number" { (cells.baseline) }
                            td class="number" { (cells.candidate) }
                            td class="number" { (cells.change.replace('-', "−")) }
                        }
                    }
                }
            }
        },
    )
}
