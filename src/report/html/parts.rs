//! Small parts that the pages share: texts, links, findings, errors.

use maud::{Markup, html};

use crate::fault::Fault;
use crate::judge::{Effect, Finding};
use crate::prose::{Prose, Span};
use crate::report::also_changed::AlsoChanged;
use crate::report::finding::{cause_help, finding_text};
use crate::report::json::effect_word;
use crate::visible::{spelled_out, visible};

/// Longer outputs are cut, in characters.
const LONGEST: usize = 1_000;

pub(super) fn headline(sign: &str, kind: &str, title: &str) -> Markup {
    html! { h1 { (badge(sign, kind)) " weave-gate: " (title) } }
}

/// A sign in a coloured box. A word always comes with it.
pub(super) fn badge(sign: &str, kind: &str) -> Markup {
    html! { span class={ "badge " (kind) } aria-hidden="true" { (sign) } }
}

pub(super) fn all_findings(findings: &[&Finding]) -> Markup {
    html! {
        @if !findings.is_empty() {
            h3 { "Findings" }
            ul class="findings" { @for finding in findings { (one_finding(finding)) } }
        }
    }
}

pub(super) fn one_finding(finding: &Finding) -> Markup {
    let kind = match finding.effect {
        Effect::Undecided => "undecided",
        Effect::Warning => "warning",
        Effect::Note | Effect::Hint => "note",
    };
    html! {
        li {
            span class={ "label " (kind) } { (effect_word(finding.effect)) }
            " " code { (finding.name().word()) } ": " (prose(&finding_text(finding)))
            (help(cause_help(&finding.cause).as_ref()))
        }
    }
}

/// The next action.
pub(super) fn help(help: Option<&Prose>) -> Markup {
    html! { @if let Some(help) = help { p class="help" { "help: " (prose(help)) } } }
}

pub(super) fn error(fault: &Fault) -> Markup {
    html! {
        pre class="error" {
            @for line in fault.message.lines() { (spelled_out(line)) "\n" }
            @if let Some(help) = &fault.help { "help: " (spelled_out(help)) "\n" }
        }
    }
}

/// A part of the page that scrolls by itself if it is too wide, also with the keyboard.
pub(super) fn scrolling(label: &str, content: &Markup) -> Markup {
    html! { div class="scrolling" role="region" aria-label=(label) tabindex="0" { (content) } }
}

/// A link to another page.
pub(super) fn link(url: &str, text: &str) -> Markup {
    html! { a href=(url) rel="noreferrer noopener" { (text) } }
}

/// A foreign name with its hidden characters made visible.
pub(super) fn shown(text: &str) -> String {
    visible(text)
}

/// A longer foreign text: an input or an output.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => spelled_out(text.get(..end).unwrap_or_default()) + "…",
        None => spelled_out(text),
    }
}

/// A sentence with its names as code.
pub(super) fn prose(prose: &Prose) -> Markup {
    html! {
        @for span in prose.spans() {
            @match span {
                Span::Text(text) => (text),
                Span::Name(name) => code { (shown(name)) },
            }
        }
    }
}

/// What differs between two runs besides the evaluated model.
pub(super) fn also_changed(changed: &AlsoChanged<'_>) -> Markup {
    html! {
        @if !changed.is_empty() {
            h3 { "What else changed" }
            ul class="findings" {
                @for finding in &changed.findings { (one_finding(finding)) }
                @if let Some(sdk) = &changed.sdk { li { (shown(sdk)) } }
            }
        }
    }
}
