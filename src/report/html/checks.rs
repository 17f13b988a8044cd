//! The table of checks.

use maud::{Markup, html};

use super::parts::{badge, help, prose, scrolling, shown};
use crate::judge::{Check, Name, Status};
use crate::report::reason::{conclusion, reason_help, reason_text};
use crate::report::view::{self, Group};
use crate::report::{Judged, units, worst_rows};

/// Checks with their values as a table, and below it each cause that leaves checks undecided.
pub(super) fn write(judged: &Judged, checks: &[&Check], title: &str) -> Markup {
    let groups = view::groups(checks);
    let measured: Vec<&Check> = groups
        .iter()
        .filter_map(|group| match group {
            Group::Measured(check) => Some(*check),
            Group::OfOneCause(_) => None,
        })
        .collect();
    let blocked = groups.iter().filter_map(|group| match group {
        Group::Measured(_) => None,
        Group::OfOneCause(checks) => Some(checks),
    });
    html! {
        @if !measured.is_empty() { (scrolling(title, &table(judged, &measured, title))) }
        @for checks in blocked { (cause(checks)) }
    }
}

fn table(judged: &Judged, checks: &[&Check], title: &str) -> Markup {
    let compares = checks.iter().any(|check| check.baseline.is_some());
    html! {
        table class="checks" {
            caption { (title) }
            thead {
                tr {
                    th scope="col" { "Status" }
                    th scope="col" { "Check" }
                    @if compares { th scope="col" class="number" { "Baseline" } }
                    th scope="col" class="number" { "Candidate" }
                    @if compares { th scope="col" class="number" { "Change" } }
                    th scope="col" class="number" { "Limit" }
                    @if compares { th scope="col" class="number" { "Worse / better" } }
                }
            }
            tbody { @for check in checks { (row(judged, check, compares)) } }
        }
    }
}

fn row(judged: &Judged, check: &Check, compares: bool) -> Markup {
    let conclusion = conclusion(check);
    let is_broken = check.blocks() && check.status == Status::Fail;
    let limits_change = check.limit.key.is_change();
    let has_baseline = check.baseline.is_some();
    let marked =
        |text: String, mark: bool| html! { @if mark { strong { (text) } } @else { (text) } };
    html! {
        tr {
            td { (status(check)) }
            th scope="row" {
                (name(check)) " " span class="metric" { (view::metric(check)) }
                @if !conclusion.is_empty() { div class="why wide" { (prose(&conclusion)) } }
                div class="why narrow" { (prose(&reason_text(check))) }
                (help(reason_help(check).as_ref()))
            }
            @if compares {
                td class="number" { @if has_baseline { (units::baseline_with_counts(check)) } @else { "–" } }
            }
            td class="number" { (marked(units::candidate_with_counts(check), is_broken && !limits_change)) }
            @if compares {
                td class="number" {
                    @if has_baseline { (marked(view::change(check).replace('-', "−"), is_broken && limits_change)) } @else { "–" }
                }
            }
            td class="number" { (shown(&view::limit(check))) }
            @if compares { td class="number" { (worst_rows::moved(judged, check)) } }
        }
    }
}

/// The status of a check: a sign and a word.
pub(super) fn status(check: &Check) -> Markup {
    let (sign, kind) = match check.status {
        Status::Pass => ("✓", "pass"),
        Status::Waived => ("~", "note"),
        Status::Skipped => ("–", "note"),
        Status::Fail if check.blocks() => ("✗", "fail"),
        Status::Undecided if check.blocks() => ("?", "undecided"),
        Status::Fail | Status::Undecided => ("!", "warning"),
    };
    html! { span class="status" { (badge(sign, kind)) " " (view::status_label(check)) } }
}

/// The name of a check.
pub(super) fn name(check: &Check) -> Markup {
    let name = view::name(check);
    html! {
        span class="gate" { (shown(name.gate)) }
        @if let Some(subject) = name.subject { " " code { (shown(subject)) } }
        @if let Some(slice) = name.slice { " where " code { (shown(&slice)) } }
    }
}

/// Checks that one cause leaves undecided: the cause once, and the checks.
fn cause(checks: &[&Check]) -> Markup {
    let Some(first) = checks.first() else {
        return html! {};
    };
    html! {
        div class="cause" {
            p {
                (status(first)) " " code { (first.finding().map_or("", Name::word)) } ": " (prose(&conclusion(first)))
            }
            (help(reason_help(first).as_ref()))
            ul { @for check in checks { li { (name(check)) " " (view::metric(check)) ", " (shown(&view::limit(check))) } } }
        }
    }
}
