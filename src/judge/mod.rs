//! Computes a verdict from a policy and evidence. The functions here are pure: no I/O, no clock, no environment.
//!
//! A check is decided only if its result is the same for every possible value of what is unknown. A check that is not
//! decided is never a pass.

mod advice;
mod cause;
mod changed_rows;
mod check;
mod clusters;
mod compare;
mod decide;
mod finding;
mod limit;
mod measure;
mod name;
mod noise;
mod offending_rows;
mod plan;
mod preconditions;
mod reason;
mod reruns;
mod selection;
mod setup;
mod significance;
mod slice;
mod slices;
mod terms;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use cause::{
    Advice, BaselineHelp, Cause, ConstantScore, RunCause, ScoreCause, ServedTo, Skips, SliceCause,
    UnchangedModel, UntilThen,
};
pub use changed_rows::{FlippedRow, Moved, RowChange, RowChanges};
pub use check::{Check, Margin, RunValue, Status};
pub use compare::{Comparison, Line, RunMetric, columns_to_compare, compare, value};
pub use finding::{Finding, add_same_scores, changed_scorers};
pub use limit::Decision;
pub use measure::columns::columns;
pub use measure::value::Measure;
pub use name::{Effect, Name};
pub use offending_rows::{
    MOST_OFFENDING, OffendingRow, OffendingRows, Scored, offending, offending_columns,
};
pub use reason::Reason;
pub use significance::scenario::RuleOutcome;
pub use significance::test::TestResult;
pub use slice::Slice;
pub use verdict::{Judgement, Verdict};

use crate::evidence::{Baseline, Evidence, Kind, Rows};
use crate::policy::Policy;
use decide::Pending;
use plan::ComparedRuns;
use terms::Terms;

/// Judges a policy on evidence. `now` decides whether waivers have ended and runs are too old.
///
/// Every check is planned once, measured once, tested together with its family, decided, and waived if its gate is
/// waived.
#[must_use]
pub fn judge(policy: &Policy, evidence: &Evidence, now: Timestamp) -> Judgement {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let mut findings = Vec::new();
    // A gate is judged even if its baseline was not read. It is then treated as having no baseline.
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
            let evidence = evidence.with_baseline(against).or(unread.as_ref())?;
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
    setup::soften(&checks, &mut findings);
    take_inputs_along(&mut checks, &mut findings);
    let can_block = plans.iter().any(|plan| plan.can_block);
    reruns::measure_each(policy, evidence, &mut checks, &mut findings);
    verdict::whole(&checks, can_block, &mut findings);
    findings.extend(noise::findings(policy.noise.as_ref(), evidence, today));
    findings.extend(advice::hints(policy, evidence, &checks));
    findings.extend(clusters::hints(policy, &checks));
    Judgement {
        verdict: verdict::verdict(&checks),
        checks,
        findings,
    }
}

/// If one check needs inputs that a snapshot lacks, the snapshot has to be taken again with them, so that is said of all
/// checks that need its rows.
fn take_inputs_along(checks: &mut [Check], findings: &mut Vec<Finding>) {
    let needs = |cause: &Cause| {
        matches!(
            cause,
            Cause::RowsUnknown {
                needs_inputs: true,
                ..
            }
        )
    };
    let is_needed = checks
        .iter()
        .any(|check| matches!(&check.reason, Reason::Blocked(cause) if needs(cause)));
    if !is_needed {
        return;
    }
    let blocked = checks
        .iter_mut()
        .filter_map(|check| match &mut check.reason {
            Reason::Blocked(cause) => Some(cause),
            _ => None,
        });
    let noted = findings.iter_mut().map(|finding| &mut finding.cause);
    for cause in blocked.chain(noted) {
        if let Cause::RowsUnknown { needs_inputs, .. } = cause {
            *needs_inputs = true;
        }
    }
    let mut once: Vec<Finding> = Vec::new();
    for finding in findings.drain(..) {
        if !once.contains(&finding) {
            once.push(finding);
        }
    }
    *findings = once;
}

/// Checks whether the runs can be judged and compared, and collects the findings.
fn compared_runs<'a>(
    policy: &'a Policy,
    evidence: &'a Evidence,
    against: Option<&'a str>,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> ComparedRuns<'a> {
    let mut found = Vec::new();
    let terms = Terms::of(policy, against);
    let mut preconditions = preconditions::preconditions(&terms, evidence, now, &mut found);
    let contradicted = measure::columns::contradicted(evidence);
    if let Some((role, blocker)) = &contradicted {
        preconditions.contradict(*role, blocker, &mut found);
    }
    let unknown = evidence.rows.is_none() && policy.needs_rows();
    let rows = contradicted
        .map(|(_, blocker)| blocker)
        .or_else(|| unknown.then(|| Cause::rows_unknown(evidence, false)));
    if policy.needs_usage() && !tells_usage(evidence) {
        found.push(Finding::new(Effect::Warning, Cause::UsageMayBePartial));
    }
    for finding in found {
        // A finding about the candidate is reported only once. Findings about other baselines name the baseline.
        if !findings.contains(&finding) {
            findings.push(match against {
                None => finding,
                Some(name) => finding.against(name),
            });
        }
    }
    ComparedRuns {
        evidence,
        against,
        preconditions,
        rows,
        removed_rows: policy.baseline.removed_rows,
        noise: policy.noise.as_ref(),
    }
}

/// Whether the number of trials with known tokens and cost is known: from the rows or from the run itself.
fn tells_usage(evidence: &Evidence) -> bool {
    let mut columns = evidence.rows.iter().flat_map(Rows::columns);
    let baseline = match &evidence.baseline {
        Baseline::Found(run, _) => Some(&run.totals),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let mut runs = std::iter::once(&evidence.candidate.totals).chain(baseline);
    columns.any(|column| matches!(column.kind(), Kind::Tokens | Kind::Cost))
        || runs.all(|totals| {
            let usage = totals.usage.unwrap_or_default();
            usage.reported.is_some() && usage.priced.is_some()
        })
}
