//! The HTML report: one file for people without access to Weave. It loads nothing from elsewhere, and is complete without
//! its script, which only sorts and filters.
//!
//! `maud` escapes every text. `parts::shown` and `parts::excerpt` also make hidden characters visible.

mod calibration;
mod checks;
mod comparison;
mod parts;
mod plot;
mod rows;
mod runs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::also_changed::AlsoChanged;
use super::{Judged, Report, Section, also_changed, view};
use crate::judge::{Check, Status, Verdict};
use parts::{all_findings, badge, error, headline, one_finding, scrolling, shown};

pub use calibration::render_calibration;
pub use comparison::render as render_comparison;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Renders the report.
#[must_use]
pub fn render(report: &Report) -> String {
    let verdict = report.verdict();
    let title = match &report.skipped {
        Some(_) => "skipped, nothing was judged".to_owned(),
        None => super::headline::of_report(report),
    };
    let body = html! {
        (headline(sign(verdict), kind(verdict), &title))
        @if let Some(reason) = &report.skipped { p { (shown(reason)) } }
        @if let Some(fault) = &report.fault { (error(fault)) }
        @if report.sections.len() > 1 { (overview(report)) }
        @for section in &report.sections {
            @if report.sections.len() > 1 {
                h2 { (badge(sign(section.verdict()), kind(section.verdict()))) " " (shown(&section.path)) ": " (super::headline::of_section(section)) }
            }
            (of_section(section))
        }
    };
    page(&format!("weave-gate: {title}"), &body)
}

/// The page around the contents.
fn page(title: &str, body: &Markup) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                footer { "weave-gate " (env!("CARGO_PKG_VERSION")) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string() + "\n"
}

/// The digest of an inline script or style, as a Content-Security-Policy names it.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// One line for each policy.
fn overview(report: &Report) -> Markup {
    scrolling(
        "Policies",
        &html! {
            table {
                caption { "Policies" }
                thead { tr { th scope="col" { "Policy" } th scope="col" { "Result" } } }
                tbody {
                    @for section in &report.sections {
                        tr {
                            th scope="row" { (shown(&section.path)) }
                            td { (badge(sign(section.verdict()), kind(section.verdict()))) " " (super::headline::of_section(section)) }
                        }
                    }
                }
            }
        },
    )
}

fn of_section(section: &Section) -> Markup {
    match &section.outcome {
        Err(fault) => error(fault),
        Ok(judged) => html! {
            @let changed = also_changed::of_judged(judged);
            (runs::summary(&judged.evidence))
            (of_checks(judged))
            (told_findings(judged, &changed))
            @if let Some(why) = &judged.unexplained { p { "The rows of these checks are not shown: " (shown(why)) } }
            (rows::write(judged))
            (plot::write(judged))
            (parts::also_changed(&changed))
            details {
                summary { "Runs, policy and findings" }
                (runs::table(&judged.evidence))
                (runs::listed(judged))
                (all_findings(&changed.others))
                p class="small" { "Policy " code { (shown(&section.path)) } ", SHA-256 " code { (section.sha256) } }
            }
        },
    }
}

/// The checks: those that did not pass, and below them the others, folded if any did not pass.
fn of_checks(judged: &Judged) -> Markup {
    let ordered = view::ordered(&judged.judgement);
    let is_passed = |check: &&Check| matches!(check.status, Status::Pass | Status::Skipped);
    let (passed, others): (Vec<&Check>, Vec<&Check>) = ordered.into_iter().partition(is_passed);
    html! {
        @if !others.is_empty() { (checks::write(judged, &others, "Checks that did not pass")) }
        @if !passed.is_empty() {
            details open[others.is_empty()] {
                summary { (crate::number::plural(passed.len() as u64, "check")) " passed or skipped" }
                (checks::write(judged, &passed, "Checks that passed"))
            }
        }
    }
}

/// The findings that a reader must know and that no check tells.
fn told_findings(judged: &Judged, changed: &AlsoChanged<'_>) -> Markup {
    let mut findings = view::told_findings(&judged.judgement);
    findings.retain(|finding| !changed.has(finding));
    html! {
        @if !findings.is_empty() {
            ul class="findings" { @for finding in findings { (one_finding(finding)) } }
        }
    }
}

const fn sign(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "✓",
        Some(Verdict::Failed) => "✗",
        Some(Verdict::Undecided) | None => "?",
    }
}

/// The class of a verdict, which gives it its colour.
const fn kind(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Passed) => "pass",
        Some(Verdict::Failed) => "fail",
        Some(Verdict::Undecided) | None => "undecided",
    }
}
