//! Hints: what a policy asks of its rows that they cannot tell, though every check came out as it did.

use std::collections::BTreeSet;

use super::comparability::{Effect, Finding, Name};
use super::slice::Selection;
use super::{Check, Status, world};
use crate::evidence::{Baseline, Evidence, Kind, Role, Rows};
use crate::number::{TOLERANCE, count, full, nearest_count, plural, show};
use crate::policy::{self, LimitKey, Metric, Policy};
use crate::prose::Prose;
use crate::stats::{Pairs, chance_of_net, wilson};

/// The confidence at which a change is said to show.
const USUAL: f64 = 0.95;
/// More rows than this are no advice.
const MOST_ROWS: u64 = 10_000_000;

/// Looks at the checks once they are judged.
pub(super) fn hints(policy: &Policy, evidence: &Evidence, checks: &[Check]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut constant = BTreeSet::new();
    for check in checks.iter().filter(|check| is_judged(check)) {
        findings.extend(below_noise(evidence, check));
        findings.extend(cannot_be_proven(check));
        let gate = policy.gates.iter().find(|gate| gate.name == check.gate);
        if let Some(subject) = &check.subject
            && gate.is_some_and(|gate| gate.compares(check.limit))
            && constant.insert(subject)
        {
            findings.extend(same_everywhere(evidence, subject));
        }
    }
    findings
}

fn is_judged(check: &Check) -> bool {
    check.status != Status::Skipped && check.finding.is_none() && check.candidate.is_some()
}

fn hint(name: Name, message: Prose) -> Finding {
    Finding {
        name,
        effect: Effect::Hint,
        message,
    }
}

/// A limit on an observed change that chance alone breaks.
fn below_noise(evidence: &Evidence, check: &Check) -> Option<Finding> {
    let limit = check.limit;
    let is_of_change = matches!(limit.key, LimitKey::MaxDrop | LimitKey::MaxRise);
    let (ours, theirs) = (check.candidate?, check.baseline?);
    let is_rate = check.metric == Metric::PassRate && check.evidence == policy::Evidence::Observed;
    if !is_rate || !is_of_change || theirs.trials < 2 {
        return None;
    }
    let known = evidence.rows.as_ref().and_then(|rows| flips(rows, check));
    let Baseline::Found(run, _) = &evidence.baseline else {
        return None;
    };
    let (rows, flips, model) = match known {
        Some((rows, flips)) => (rows, flips, "but whose answers flip as often as here"),
        // Without rows: as if each answer was given anew. Of several trials a row nothing is known.
        None if run.totals.trials == run.rows && check.slice.is_none() => {
            let rate = f64::midpoint(ours.observed?, theirs.observed?);
            let flips = 2.0 * rate * (1.0 - rate);
            (theirs.trials, flips, "but answers every row afresh")
        }
        None => return None,
    };
    let each_way = nearest_count(flips * count(rows) / 2.0);
    let true_in_both = nearest_count(theirs.observed? * count(rows)).saturating_sub(each_way);
    let typical = Pairs {
        both: true_in_both.min(rows.saturating_sub(2 * each_way)),
        regressed: each_way,
        fixed: each_way,
        neither: 0,
    };
    let typical = Pairs {
        neither: rows.saturating_sub(typical.rows()),
        ..typical
    };
    let shows = world::resolution(&typical, USUAL, limit.key.wants_high());
    if shows.is_some_and(|shows| limit.value >= shows - TOLERANCE) || each_way == 0 {
        return None;
    }
    let allowed = nearest_count((limit.value * count(rows) + TOLERANCE).floor());
    let chance = chance_of_net(rows, flips, allowed);
    let least = shows.map_or_else(
        || "no change at all".to_owned(),
        |shows| format!("no change below {}", show(shows, limit.value)),
    );
    Some(hint(
        Name::LimitBelowNoise,
        Prose::from("the gate ").name(&check.gate).text(format!(
            " has {} {}, and {} show {least}: a model that did not change, {model}, breaks it in {} % of runs; \
             `evidence: significant`, a larger limit or more rows would tell",
            limit.key.word(),
            full(limit.value),
            plural(rows, "row"),
            show((chance * 100.0).round(), 0.0)
        )),
    ))
}

/// How many rows both runs have scored once, and the fraction of them that turned.
fn flips(rows: &Rows, check: &Check) -> Option<(u64, f64)> {
    let column = rows.column(check.subject.as_deref()?, Kind::Truth)?;
    let selection = Selection::of(check.slice.as_ref(), rows);
    let (mut both, mut turned) = (0_u64, 0_u64);
    for row in (0..rows.len()).filter(|row| selection.has(rows, *row)) {
        let of = |role| rows.values(role, column, row);
        match (of(Role::Candidate), of(Role::Baseline)) {
            ([ours], [theirs]) if !ours.is_nan() && !theirs.is_nan() => {
                both += 1;
                turned += u64::from(ours != theirs);
            }
            ([_, _, ..], _) | (_, [_, _, ..]) => return None,
            _ => {}
        }
    }
    (both >= 2).then(|| (both, count(turned) / count(both)))
}

/// A proof that so few rows cannot give, whatever they had said.
fn cannot_be_proven(check: &Check) -> Option<Finding> {
    let chance = check.chance.as_ref()?;
    let limit = check.limit;
    let is_open = check.status != Status::Pass && check.status != Status::Fail;
    let is_rate = matches!(
        check.metric,
        Metric::PassRate | Metric::Coverage | Metric::ErrorRate
    );
    if chance.rule != policy::Evidence::Proven || !is_open || !is_rate || chance.rows < 2 {
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
    let outcome = if limit.key.is_change() {
        "not even the same answers on every row would prove"
    } else {
        "not even the best answer on every row would prove"
    };
    let takes = if proves(MOST_ROWS) {
        let (mut too_few, mut enough) = (chance.rows, MOST_ROWS);
        while enough > too_few + 1 {
            let middle = u64::midpoint(too_few, enough);
            if proves(middle) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        format!("it takes {}", plural(enough, "row"))
    } else {
        "no number of rows would".to_owned()
    };
    Some(hint(
        Name::CannotBeProven,
        Prose::from("the gate ").name(&check.gate).text(format!(
            " asks for a proof of {} {} on {}, and {outcome} it; {takes}",
            limit.key.word(),
            full(limit.value),
            plural(chance.rows, "row")
        )),
    ))
}

/// A scorer that says the same of everything in both runs.
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
        (judged, 0) if judged >= 2 => Some("false"),
        (judged, passed) if judged >= 2 && judged == passed => Some("true"),
        _ => None,
    };
    let said = match (always(ours), always(theirs)) {
        (Some(ours), Some(theirs)) if ours == theirs && evidence.candidate.rows >= 2 => {
            ours.to_owned()
        }
        _ => {
            let rows = evidence.rows.as_ref()?;
            let column = rows.column(subject, Kind::Number)?;
            let of = |role| rows.extremes(role, column, |_| true);
            let ((low, high), (least, most)) = (of(Role::Candidate)?, of(Role::Baseline)?);
            // What is missing may be different.
            let is_whole = |role| {
                let mut each = (0..rows.len()).flat_map(|row| rows.values(role, column, row));
                !each.any(|value| value.is_nan())
            };
            let is_same = low == high
                && least == most
                && low == least
                && rows.len() >= 2
                && is_whole(Role::Candidate)
                && is_whole(Role::Baseline);
            is_same.then(|| full(low))?
        }
    };
    Some(hint(
        Name::ConstantScorer,
        Prose::new().name(subject).text(format!(
            " is {said} on every row of both runs, so it shows no difference between them"
        )),
    ))
}
