//! The HTML report: one file for people without access to Weave. It loads nothing from elsewhere, and is complete without
//! its script, which only sorts and filters.
//!
//! `maud` escapes every text. [`shown`] and [`excerpt`] also make hidden characters visible.

mod checks;
mod comparison;
mod plot;
mod rows;
mod runs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::finding::finding_text;
use super::json::effect_word;
use super::{Judged, Report, Section, view};
use crate::fault::Fault;
use crate::judge::{Check, Effect, Finding, Reason, Status, Verdict};
use crate::prose::{Prose, Span};
use crate::visible::{spelled_out, visible};

pub use comparison::render as render_comparison;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Longer outputs are cut, in characters.
const LONGEST: usize = 1_000;

/// Renders the report.
#[must_use]
pub fn render(report: &Report) -> String {
    let verdict = report.verdict();
    let title = match (&report.skipped, report.sections.as_slice()) {
        (Some(_), _) => "skipped, nothing was judged".to_owned(),
        (None, [only]) => result(only),
        (None, _) => view::several(report),
    };
    let body = html! {
        (headline(sign(verdict), kind(verdict), &title))
        @if let Some(reason) = &report.skipped { p { (shown(reason)) } }
        @if let Some(fault) = &report.fault { (error(fault)) }
        @if report.sections.len() > 1 { (overview(report)) }
        @for section in &report.sections {
            @if report.sections.len() > 1 {
                h2 { (badge(sign(section.verdict()), kind(section.verdict()))) " " (shown(&section.path)) ": " (result(section)) }
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

fn headline(sign: &str, kind: &str, title: &str) -> Markup {
    html! { h1 { (badge(sign, kind)) " weave-gate: " (title) } }
}

/// A sign in a coloured box. A word always comes with it.
fn badge(sign: &str, kind: &str) -> Markup {
    html! { span class={ "badge " (kind) } aria-hidden="true" { (sign) } }
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
                            td { (badge(sign(section.verdict()), kind(section.verdict()))) " " (result(section)) }
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
            (runs::summary(&judged.evidence))
            (of_checks(judged))
            (told_findings(judged))
            @if let Some(why) = &judged.unexplained { p { "The rows of these checks are not shown: " (shown(why)) } }
            (rows::write(judged))
            (plot::write(judged))
            details {
                summary { "Runs, policy and findings" }
                (runs::table(&judged.evidence))
                (runs::listed(judged))
                (all_findings(&judged.judgement.findings))
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
fn told_findings(judged: &Judged) -> Markup {
    let checks = &judged.judgement.checks;
    let is_told = |finding: &&Finding| {
        let mut checks = checks.iter();
        checks
            .any(|check| matches!(&check.reason, Reason::Blocked(cause) if *cause == finding.cause))
    };
    let matters =
        |finding: &&Finding| matches!(finding.effect, Effect::Undecided | Effect::Warning);
    let findings = judged.judgement.findings.iter();
    let findings: Vec<&Finding> = findings
        .filter(matters)
        .filter(|finding| !is_told(finding))
        .collect();
    html! {
        @if !findings.is_empty() {
            ul class="findings" { @for finding in findings { (one_finding(finding)) } }
        }
    }
}

fn all_findings(findings: &[Finding]) -> Markup {
    html! {
        @if !findings.is_empty() {
            h3 { "Findings" }
            ul class="findings" { @for finding in findings { (one_finding(finding)) } }
        }
    }
}

fn one_finding(finding: &Finding) -> Markup {
    let kind = match finding.effect {
        Effect::Undecided => "undecided",
        Effect::Warning => "warning",
        Effect::Note | Effect::Hint => "note",
    };
    html! {
        li {
            span class={ "label " (kind) } { (effect_word(finding.effect)) }
            " " code { (finding.name().word()) } ": " (prose(&finding_text(finding)))
        }
    }
}

fn error(fault: &Fault) -> Markup {
    html! {
        pre class="error" {
            @for line in fault.message.lines() { (spelled_out(line)) "\n" }
            @if let Some(help) = &fault.help { "help: " (spelled_out(help)) "\n" }
        }
    }
}

/// `2 of 12 checks failed`.
fn result(section: &Section) -> String {
    match &section.outcome {
        Ok(judged) => view::headline(&judged.judgement),
        Err(_) => view::verdict_word(None).to_owned(),
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

/// A part of the page that scrolls by itself if it is too wide, also with the keyboard.
fn scrolling(label: &str, content: &Markup) -> Markup {
    html! { div class="scrolling" role="region" aria-label=(label) tabindex="0" { (content) } }
}

/// A link to another page.
fn link(url: &str, text: &str) -> Markup {
    html! { a href=(url) rel="noreferrer noopener" { (text) } }
}

/// A foreign name with its hidden characters made visible.
fn shown(text: &str) -> String {
    visible(text)
}

/// A longer foreign text: an input or an output.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => spelled_out(text.get(..end).unwrap_or_default()) + "…",
        None => spelled_out(text),
    }
}

/// A sentence with its names as code.
fn prose(prose: &Prose) -> Markup {
    html! {
        @for span in prose.spans() {
            @match span {
                Span::Text(text) => (text),
                Span::Name(name) => code { (shown(name)) },
            }
        }
    }
}
