//! Hints, for example about limits that the rows of a dataset cannot decide. Hints change no check.

pub(in crate::judge) mod logger_latency;
mod power;

use std::collections::BTreeSet;

use crate::evidence::{Baseline, Evidence, Kind, Role};
use crate::judge::cause::{Advice, Cause, ConstantScore};
use crate::judge::check::{Check, Status};
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::number::{count, nearest_count};
use crate::policy::{self, LimitKey, Policy};
use crate::stats::{Pairs, wilson};

/// A larger number of rows is not suggested to the user.
const MOST_ROWS: u64 = 10_000_000;

/// The hints for judged checks.
pub(in crate::judge) fn hints(
    policy: &Policy,
    evidence: &Evidence,
    checks: &[Check],
) -> Vec<Finding> {
    let judged: Vec<&Check> = checks.iter().filter(|check| is_judged(check)).collect();
    let of_limits = judged.iter().flat_map(|check| {
        let compared = evidence.with_baseline(check.against.as_deref());
        let below = compared.and_then(|evidence| power::below(evidence, check));
        [below, cannot_be_proven(check)].into_iter().flatten()
    });
    let mut findings: Vec<Finding> = of_limits.collect();
    // A `min` on a constant dimension is useful; a comparison of values that never differ shows nothing.
    let is_of_change = |check: &&&Check| {
        let mut gates = policy.gates.iter().filter(|gate| gate.name == check.gate);
        gates.any(|gate| gate.compares(check.limit))
    };
    let compared = judged.iter().filter(is_of_change);
    let subjects: BTreeSet<(Option<&str>, &str)> = compared
        .filter_map(|check| Some((check.against.as_deref(), check.subject.as_deref()?)))
        .collect();
    for (against, subject) in subjects {
        let compared = evidence.with_baseline(against);
        let constant = compared.and_then(|evidence| same_everywhere(evidence, subject));
        findings.extend(constant.filter(|constant| !findings.contains(constant)));
    }
    findings.extend(logger_latency::hints(evidence, &judged));
    findings
}

fn is_judged(check: &Check) -> bool {
    check.status != Status::Skipped && check.finding().is_none() && check.candidate.is_some()
}

/// A hint if this number of rows cannot prove the limit, whatever their scores are.
fn cannot_be_proven(check: &Check) -> Option<Finding> {
    let chance = check.chance.as_ref()?;
    let limit = check.limit;
    let is_open = check.status != Status::Pass && check.status != Status::Fail;
    if chance.rule != policy::Evidence::Proven
        || !is_open
        || !check.metric.is_rate()
        || chance.rows < 2
    {
        return None;
    }
    let theirs = check.baseline.and_then(|measure| measure.observed);
    let proves = |rows: u64| match limit.key {
        LimitKey::Min => wilson(rows, rows, chance.confidence).low >= limit.value,
        LimitKey::Max => wilson(0, rows, chance.confidence).high <= limit.value,
        LimitKey::MaxDrop | LimitKey::MaxRise => {
            let both = nearest_count(theirs.unwrap_or(0.5) * count(rows));
            let same = Pairs {
                both,
                neither: rows - both,
                ..Pairs::default()
            };
            let interval = same.interval(chance.confidence);
            let reach = if limit.key.wants_high() {
                -interval.low
            } else {
                interval.high
            };
            reach <= limit.value
        }
        LimitKey::MaxRelativeDrop | LimitKey::MaxRelativeRise => true,
    };
    if proves(chance.rows) {
        return None;
    }
    let needed = proves(MOST_ROWS).then(|| {
        let (mut too_few, mut enough) = (chance.rows, MOST_ROWS);
        while enough > too_few + 1 {
            let middle = u64::midpoint(too_few, enough);
            if proves(middle) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        enough
    });
    let advice = Advice::CannotBeProven {
        limit,
        rows: chance.rows,
        needed,
    };
    Some(Finding::of_gate(
        &check.gate,
        Effect::Hint,
        Cause::Advice(advice),
    ))
}

/// A finding if a scorer gives the same score to every row of both runs.
fn same_everywhere(evidence: &Evidence, subject: &str) -> Option<Finding> {
    let Baseline::Found(baseline, _) = &evidence.baseline else {
        return None;
    };
    let known =
        [&evidence.candidate, baseline.as_ref()].map(|run| run.totals.dimensions.get(subject));
    let [Some(ours), Some(theirs)] = known else {
        return None;
    };
    let always = |dimension: &crate::evidence::Dimension| match (dimension.judged, dimension.passed)
    {
        (judged, 0) if judged >= 2 => Some(false),
        (judged, passed) if judged >= 2 && judged == passed => Some(true),
        _ => None,
    };
    let score = match (always(ours), always(theirs)) {
        (Some(ours), Some(theirs)) if ours == theirs && evidence.candidate.rows >= 2 => {
            ConstantScore::Truth(ours)
        }
        _ => {
            let rows = evidence.rows.as_ref()?;
            let column = rows.column(Some(subject), Kind::Number)?;
            let of = |role| rows.extremes(role, column, |_| true);
            let ((low, high), (least, most)) = (of(Role::Candidate)?, of(Role::Baseline)?);
            // A missing score may differ from the others.
            let is_whole = |role| {
                let mut each = (0..rows.len()).flat_map(|row| rows.scores(role, column, row));
                !each.any(|score| score.is_missing())
            };
            let is_same = low == high
                && least == most
                && low == least
                && rows.len() >= 2
                && is_whole(Role::Candidate)
                && is_whole(Role::Baseline);
            is_same.then_some(ConstantScore::Number(low))?
        }
    };
    let dimension = subject.to_owned();
    let advice = Advice::ConstantScorer { dimension, score };
    Some(Finding::new(Effect::Hint, Cause::Advice(advice)))
}
