//! From a policy and evidence to a verdict. Pure: no I/O, no clock, no environment.
//!
//! A check is decided only when nothing that is not known could change the answer. What is not
//! decided is never a pass.

mod attainable;
mod behind;
mod by_row;
mod chance;
mod check;
mod columns;
mod comparability;
mod compare;
mod decide;
mod envelope;
mod family;
mod hints;
mod latency;
mod limit;
mod logger_latency;
mod measure;
mod noise;
mod plan;
mod question;
mod reruns;
mod selection;
mod slice;
mod survey;
#[cfg(test)]
mod tests;
mod words;
mod world;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use behind::{Behind, RowBehind, Scored, behind, columns_behind};
pub use chance::Chance;
pub use check::{Check, Margin, Status};
pub use columns::columns;
use comparability::Terms;
pub use comparability::{Effect, Finding, Name};
pub use compare::{Comparison, Line, columns_to_compare, compare, value};
pub use measure::Measure;
pub use reruns::RunValue;
pub use slice::Slice;

use crate::evidence::{Baseline, Evidence, Kind, Rows};
use crate::policy::{Policy, Severity};
use decide::Pending;
use plan::ComparedRuns;

/// The verdict of one policy on one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Of the whole.
    pub verdict: Verdict,
    /// One for each limit of each gate on each of its subjects, in the policy's order.
    pub checks: Vec<Check>,
    /// What is to be known about the comparison.
    pub findings: Vec<Finding>,
}

/// The verdict; a worse one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No check blocks, and at least one was judged.
    Passed,
    /// A check that blocks is undecided, and none fails.
    Undecided,
    /// A check that blocks fails.
    Failed,
}

/// Judges. `now` is the time by which waivers end and baselines age.
///
/// Every check is planned once, measured once, tested beside the other tests of its family, decided, and excused where
/// its gate is waived.
#[must_use]
pub fn judge(policy: &Policy, evidence: &Evidence, now: Timestamp) -> Judgement {
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut findings = Vec::new();
    // A gate is judged also where its baseline was not read: then there is none.
    let is_unread = |(name, _): (&str, _)| !evidence.named.contains_key(name);
    let unread = policy.used_baselines().any(is_unread).then(|| Evidence {
        baseline: Baseline::Unnamed,
        rows: None,
        named: BTreeMap::new(),
        ..evidence.clone()
    });
    let named = policy.used_baselines().map(|(name, _)| Some(name));
    let against = std::iter::once(None).chain(named);
    let compared: Vec<ComparedRuns<'_>> = against
        .filter_map(|against| {
            let evidence = evidence.beside(against).or(unread.as_ref())?;
            Some(compared_runs(policy, evidence, against, now, &mut findings))
        })
        .collect();
    let mut plans = plan::plan(policy, &compared, today);
    let mut pending: Vec<Pending<'_>> = plans.iter().flat_map(Pending::of).collect();
    decide::test(&mut pending, policy.correction);
    let (mut checks, noted): (Vec<Check>, Vec<_>) =
        pending.into_iter().map(Pending::decide).unzip();
    for (place, finding) in noted.into_iter().flatten() {
        if let Some(plan) = plans.get_mut(place)
            && !plan.findings.contains(&finding)
        {
            plan.findings.push(finding);
        }
    }
    for runs in &compared {
        let of_runs = plans
            .iter()
            .filter(|plan| plan.runs.against == runs.against);
        for finding in of_runs.flat_map(|plan| &plan.findings) {
            if !findings.contains(finding) {
                findings.push(finding.clone());
            }
        }
    }
    let can_block = plans.iter().any(|plan| plan.can_block);
    reruns::measure_each(policy, evidence, &mut checks, &mut findings);
    comparability::whole(&checks, can_block, &mut findings);
    findings.extend(hints::hints(policy, evidence, &checks));
    Judgement {
        verdict: verdict(&checks),
        checks,
        findings,
    }
}

/// Checks what the runs themselves allow, and keeps the findings.
fn compared_runs<'a>(
    policy: &'a Policy,
    evidence: &'a Evidence,
    against: Option<&'a str>,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> ComparedRuns<'a> {
    let mut found = Vec::new();
    let terms = Terms::of(policy, against);
    let mut ground = comparability::ground(&terms, evidence, now, &mut found);
    let contradicted = columns::contradicted(evidence);
    if let Some((role, obstacle)) = &contradicted {
        ground.contradict(*role, obstacle, &mut found);
    }
    let unknown = evidence.rows.is_none() && policy.needs_rows();
    let rows = contradicted
        .map(|(_, obstacle)| obstacle)
        .or_else(|| unknown.then(columns::unknown_rows));
    if policy.needs_usage() && !tells_usage(evidence) {
        found.push(comparability::usage_may_be_partial());
    }
    for finding in found {
        // A finding about the candidate is reported once; the others name the baseline.
        if !findings.contains(&finding) {
            findings.push(match against {
                None => finding,
                Some(name) => finding.beside(name),
            });
        }
    }
    ComparedRuns {
        evidence,
        against,
        ground,
        rows,
        removed_rows: policy.baseline.removed_rows,
    }
}

/// Whether it is known of how many trials tokens and cost are known: from the rows, or from the run itself.
fn tells_usage(evidence: &Evidence) -> bool {
    let mut columns = evidence.rows.iter().flat_map(Rows::columns);
    let baseline = match &evidence.baseline {
        Baseline::Found(run, _) => Some(&run.totals),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let mut runs = std::iter::once(&evidence.candidate.totals).chain(baseline);
    columns.any(|column| matches!(column.kind, Kind::Tokens | Kind::Cost))
        || runs.all(|totals| {
            let usage = totals.usage.unwrap_or_default();
            usage.reported.is_some() && usage.priced.is_some()
        })
}

/// Nothing judged is not passed: where checks are skipped, one that can block must be left.
fn verdict(checks: &[Check]) -> Verdict {
    let blocks = |status| {
        checks
            .iter()
            .any(|check| check.blocks() && check.status == status)
    };
    if blocks(Status::Fail) {
        Verdict::Failed
    } else if blocks(Status::Undecided) || nothing_judged(checks) {
        Verdict::Undecided
    } else {
        Verdict::Passed
    }
}

/// Whether checks that could have blocked were skipped and none of them was judged, or all were skipped.
fn nothing_judged(checks: &[Check]) -> bool {
    let is_skipped = |check: &Check| check.status == Status::Skipped;
    let could_block = |check: &&Check| check.severity == Severity::Block && !check.excused;
    let mut blocking = checks.iter().filter(could_block).peekable();
    let none_left = blocking.peek().is_some() && blocking.all(is_skipped);
    none_left || checks.iter().all(is_skipped)
}
