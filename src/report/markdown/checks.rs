//! Tables of checks.

use std::fmt::{self, Write as _};

use super::parts::{dash, help, icon_of, prose, prose_cell};
use crate::judge::{Check, Name, Status};
use crate::number::plural;
use crate::report::escape::markdown as code;
use crate::report::reason::{conclusion, reason_help};
use crate::report::view::{self, Group};
use crate::report::{Judged, units, worst_rows};

/// The maximum number of names that are listed where several checks have one cause.
const MOST_NAMES: usize = 6;

/// Checks with their values as a table, and below it each cause that leaves checks undecided.
pub(super) fn write(page: &mut String, judged: &Judged, checks: &[&Check]) -> fmt::Result {
    let groups = view::groups(checks);
    let measured: Vec<&Check> = groups
        .iter()
        .filter_map(|group| match group {
            Group::Measured(check) => Some(*check),
            Group::OfOneCause(_) => None,
        })
        .collect();
    if !measured.is_empty() {
        write_table(page, judged, &measured)?;
    }
    for group in &groups {
        if let Group::OfOneCause(checks) = group {
            write_cause(page, checks)?;
        }
    }
    if measured.len() < groups.len() {
        writeln!(page)?;
    }
    Ok(())
}

fn write_table(page: &mut String, judged: &Judged, checks: &[&Check]) -> fmt::Result {
    let compares = checks.iter().any(|check| check.baseline.is_some());
    if compares {
        writeln!(
            page,
            "| | Check | Baseline | Candidate | Change | Limit | Worse / better |"
        )?;
        writeln!(page, "|---|---|--:|--:|--:|--:|--:|")?;
    } else {
        writeln!(page, "| | Check | Candidate | Limit |\n|---|---|--:|--:|")?;
    }
    for check in checks {
        let status = format!(
            "{} {}",
            icon_of(check.status, check.blocks()),
            view::status_label(check)
        );
        let (what, candidate, limit) = (about(check), candidate(check), limit(check));
        if compares {
            let (before, change) = match check.baseline {
                Some(_) => (units::baseline_with_counts(check), change(check)),
                None => (dash(), dash()),
            };
            let moved = worst_rows::moved(judged, check);
            writeln!(
                page,
                "| {status} | {what} | {before} | {candidate} | {change} | {limit} | {moved} |"
            )?;
        } else {
            writeln!(page, "| {status} | {what} | {candidate} | {limit} |")?;
        }
    }
    writeln!(page)
}

/// The name and metric of a check, and what its values do not show: why it is undecided, or that it may be chance.
fn about(check: &Check) -> String {
    let conclusion = conclusion(check);
    let said = if conclusion.is_empty() {
        String::new()
    } else {
        format!("<br>{}", prose_cell(&conclusion))
    };
    let help = reason_help(check).map_or_else(String::new, |help| {
        format!("<br>help: {}", prose_cell(&help))
    });
    format!("{} {}{said}{help}", name(check, true), view::metric(check))
}

/// The name of a check.
pub(super) fn name(check: &Check, in_table: bool) -> String {
    let name = view::name(check);
    let mut text = format!("**{}**", code(name.gate, in_table));
    if let Some(subject) = name.subject {
        text = format!("{text} {}", code(subject, in_table));
    }
    if let Some(slice) = name.slice {
        text = format!("{text} where {}", code(&slice, in_table));
    }
    text
}

/// `max drop 4 pts`.
fn limit(check: &Check) -> String {
    let limit = units::limit(check);
    match &check.against {
        Some(name) => format!("{limit} against {}", code(name, true)),
        None => limit,
    }
}

/// The change with a minus sign, in bold if it is beyond its limit.
fn change(check: &Check) -> String {
    let change = view::change(check).replace('-', "−");
    if check.blocks() && check.status == Status::Fail && check.limit.key.is_change() {
        format!("**{change}**")
    } else {
        change
    }
}

/// The candidate's value, in bold if it is beyond its limit.
fn candidate(check: &Check) -> String {
    let value = units::candidate_with_counts(check);
    if check.blocks() && check.status == Status::Fail && !check.limit.key.is_change() {
        format!("**{value}**")
    } else {
        value
    }
}

/// Checks that one cause leaves undecided: the cause once, and the checks.
fn write_cause(page: &mut String, checks: &[&Check]) -> fmt::Result {
    let Some(first) = checks.first() else {
        return Ok(());
    };
    let icon = icon_of(first.status, first.blocks());
    let label = view::status_label(first);
    let mut names: Vec<&str> = checks.iter().map(|check| check.gate.as_str()).collect();
    names.dedup();
    let more = names.len().saturating_sub(MOST_NAMES);
    let shown = names.iter().take(MOST_NAMES);
    let shown: Vec<String> = shown.map(|name| code(name, false)).collect();
    let mut listed = shown.join(", ");
    if more > 0 {
        listed = format!("{listed} and {more} more");
    }
    let count = plural(checks.len() as u64, "check");
    let finding = first.finding().map_or("", Name::word);
    writeln!(
        page,
        "- {icon} **{count} {label}** (`{finding}`): {}{}<br>{listed}",
        prose(&conclusion(first)),
        help(reason_help(first).as_ref())
    )
}
