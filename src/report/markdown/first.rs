//! The first screen of a policy: which runs were compared, what did not pass, by how much, and on which rows.

use std::fmt::{self, Write as _};

use super::parts::{help, prose, write_fault_of};
use super::{checks, findings, rows, runs};
use crate::judge::{Check, Effect, Judgement, Status};
use crate::number::plural;
use crate::report::also_changed::{self, AlsoChanged};
use crate::report::escape::markdown as code;
use crate::report::finding::{cause_help, finding_text};
use crate::report::{Section, view};

/// How much the first screen shows.
#[derive(Clone, Copy)]
pub(super) struct Most {
    pub(super) checks: usize,
    pub(super) rows: usize,
    pub(super) findings: usize,
}

/// What fits on one screen.
pub(super) const MOST: Most = Most {
    checks: 10,
    rows: 3,
    findings: 5,
};

/// The number of passed checks that are shown if no check failed.
const MOST_PASSED: usize = 5;

/// Writes the first screen of a policy, without its headline.
pub(super) fn write(page: &mut String, section: &Section, most: Most) -> fmt::Result {
    let judged = match &section.outcome {
        Ok(judged) => judged,
        Err(fault) => return write_fault_of(page, &section.path, fault),
    };
    runs::write_line(page, &judged.evidence)?;
    let shown = shown(&judged.judgement);
    let (now, later) = shown.split_at(shown.len().min(most.checks));
    checks::write(page, judged, now)?;
    if !later.is_empty() {
        writeln!(page, "and {} more\n", plural(later.len() as u64, "check"))?;
    }
    let changed = also_changed::of_judged(judged);
    write_findings(page, &judged.judgement, &changed, most.findings)?;
    if changed.matters() {
        writeln!(page, "**What else changed**\n")?;
        findings::write_also_changed(page, &changed)?;
    }
    rows::write_worst(page, judged, most.rows)?;
    if let Some(why) = &judged.unexplained {
        writeln!(
            page,
            "The rows of these checks are not shown: {}\n",
            code(why, false)
        )?;
    }
    Ok(())
}

/// The checks of the first screen: those that did not pass; if there are none, the first that passed.
pub(super) fn shown(judgement: &Judgement) -> Vec<&Check> {
    let ordered = view::ordered(judgement);
    let is_told = |check: &&Check| !matches!(check.status, Status::Pass | Status::Skipped);
    let told: Vec<&Check> = ordered.iter().copied().filter(is_told).collect();
    if !told.is_empty() {
        return told;
    }
    let passed = ordered
        .into_iter()
        .filter(|check| check.status == Status::Pass);
    passed.take(MOST_PASSED).collect()
}

/// The findings that a reader must know and that no check above tells.
fn write_findings(
    page: &mut String,
    judgement: &Judgement,
    changed: &AlsoChanged<'_>,
    most: usize,
) -> fmt::Result {
    let mut all = view::told_findings(judgement);
    all.retain(|finding| !changed.has(finding));
    for finding in all.iter().take(most) {
        let icon = match finding.effect {
            Effect::Undecided => "❔",
            Effect::Warning => "⚠️",
            Effect::Note | Effect::Hint => "ℹ️",
        };
        let text = prose(&finding_text(finding));
        let help = help(cause_help(&finding.cause).as_ref());
        writeln!(page, "- {icon} `{}`: {text}{help}", finding.name().word())?;
    }
    let more = all.len().saturating_sub(most);
    if more > 0 {
        writeln!(page, "- and {}", plural(more as u64, "more finding"))?;
    }
    if all.is_empty() {
        Ok(())
    } else {
        writeln!(page)
    }
}
