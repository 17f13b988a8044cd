//! A calibration as HTML: the noise of each dimension with a plot of its runs, and the false alarms of each limit.

use maud::{Markup, html};

use super::page;
use super::parts::{headline, scrolling, shown};
use crate::calibration::{DimensionNoise, GroupNoise};
use crate::number::{TOLERANCE, count, plural};
use crate::report::calibration::{
    CalibrationReport, HEADINGS, LEGEND, NO_ROWS, UNKNOWN_HELP, alarms, cells, check_name, mean,
    proposal, title, unknown,
};

/// The width and height of a plot, and the margin at each side, in its own units.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 72.0;
const MARGIN: f64 = 12.0;

/// Renders a calibration.
#[must_use]
pub fn render_calibration(report: &CalibrationReport) -> String {
    let heading = "noise of repeated runs";
    let body = html! {
        (headline("=", "note", heading))
        @if let Some(policy) = &report.policy { p { "Policy " code { (shown(policy)) } } }
        @for group in &report.groups { (of_group(group)) }
        @for (why, count) in &report.left_out { p { "Left out: " (plural(*count, "run")) " " (why) "." } }
        ul class="small" { @for line in LEGEND { li { (line) } } }
    };
    page(&format!("weave-gate: {heading}"), &body)
}

fn of_group(group: &GroupNoise) -> Markup {
    let title = shown(&title(group));
    html! {
        h2 { (title) }
        @if !group.is_known() {
            p { strong { "Unknown" } ": " (unknown()) "." }
            p class="help" { "help: " (UNKNOWN_HELP) }
        } @else if group.dimensions.is_empty() {
            p { (NO_ROWS) "." }
        } @else {
            (scrolling(&format!("Noise of {title}"), &html! {
                table {
                    caption { "Noise of each dimension, and the means of the runs, the oldest first" }
                    thead {
                        tr {
                            th scope="col" { "Dimension" }
                            @for heading in HEADINGS { th scope="col" class="number" { (heading) } }
                            th scope="col" { "Runs" }
                        }
                    }
                    tbody { @for dimension in &group.dimensions { (row(dimension)) } }
                }
            }))
        }
        @if !group.checks.is_empty() {
            ul {
                @for check in &group.checks {
                    li {
                        strong { (shown(&check_name(check))) } ": " (alarms(check))
                        @if let Some(text) = proposal(check) { "; " (coded(&text)) }
                    }
                }
            }
        }
    }
}

/// Our own text, with what is in backticks as code.
fn coded(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn row(dimension: &DimensionNoise) -> Markup {
    html! {
        tr {
            th scope="row" { code { (shown(&dimension.name)) } }
            @for cell in cells(dimension) { td class="number" { (cell) } }
            td { (plot(dimension)) }
        }
    }
}

/// The mean of each run as a point, the oldest at the left; the mean of all, and what rows alone explain around it.
fn plot(dimension: &DimensionNoise) -> Markup {
    let noise = &dimension.noise;
    let means: Vec<f64> = dimension.means.iter().rev().copied().collect();
    let band = [noise.mean - noise.expected, noise.mean + noise.expected];
    let all = || means.iter().copied().chain(band);
    let (low, high) = (
        all().fold(f64::INFINITY, f64::min),
        all().fold(f64::NEG_INFINITY, f64::max),
    );
    // Means of equal rows may differ by rounding errors.
    let is_flat = high - low <= TOLERANCE * high.abs().max(low.abs());
    let y = |value: f64| {
        let part = if is_flat {
            0.5
        } else {
            (high - value) / (high - low)
        };
        format!("{:.1}", MARGIN + part * (HEIGHT - 2.0 * MARGIN))
    };
    let step = (WIDTH - 8.0 * MARGIN) / count(means.len().max(2) as u64 - 1);
    let mut x = MARGIN;
    let points: Vec<(String, String)> = means
        .iter()
        .map(|value| {
            let point = (format!("{x:.1}"), y(*value));
            x += step;
            point
        })
        .collect();
    let text = |value: f64| mean(dimension.is_truth, value);
    let listed: Vec<String> = means.iter().map(|value| text(*value)).collect();
    let label = format!("means of the runs, the oldest first: {}", listed.join(", "));
    html! {
        svg class="plot" role="img" aria-label=(label) viewBox="0 0 320 72" width="320" height="72" {
            line class="zero" x1="12" y1=(y(noise.mean)) x2="236" y2=(y(noise.mean)) {}
            @for end in band { line class="axis" x1="12" y1=(y(end)) x2="236" y2=(y(end)) {} }
            @for (x, y) in &points { circle class="point" cx=(x) cy=(y) r="3" {} }
            text x="244" y=(y(high)) dominant-baseline="middle" { (text(high)) }
            @if !is_flat { text x="244" y=(y(low)) dominant-baseline="middle" { (text(low)) } }
        }
    }
}
