//! Hints about change limits that chance alone can exceed.

use crate::evidence::{Baseline, Evidence, Role, Rows, Run};
use crate::judge::cause::{Advice, Cause, UnchangedModel};
use crate::judge::check::Check;
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::significance::scenario;
use crate::judge::slice::Selection;
use crate::number::{TOLERANCE, count, nearest_count};
use crate::policy::{self, Kind};
use crate::stats::{Pairs, Sample, chance_of_net};

/// The confidence level at which a change counts as detectable.
const USUAL: f64 = 0.95;

/// The change that a number of rows can detect.
struct Power {
    rows: u64,
    /// The smallest detectable change, in the metric's unit; `None` if no change is detectable.
    shows: Option<f64>,
    /// The probability that an unchanged model breaks the limit.
    chance: f64,
    /// What is assumed of an unchanged model.
    model: UnchangedModel,
}

/// A hint if the limit is smaller than the smallest detectable change.
pub(in crate::judge) fn below(evidence: &Evidence, check: &Check) -> Option<Finding> {
    let limit = check.limit;
    let theirs = check.baseline?.observed?;
    let is_observed = check.evidence == policy::Evidence::Observed;
    if !is_observed || !limit.key.is_change() || check.metric.takes_attempts() {
        return None;
    }
    // The limit in the metric's unit, also for a relative limit.
    let size = if limit.key.is_relative() {
        limit.value * theirs.abs()
    } else {
        limit.value
    };
    let power = power(evidence, check, size)?;
    if power.shows.is_some_and(|shows| size >= shows - TOLERANCE) || power.chance == 0.0 {
        return None;
    }
    let advice = Advice::LimitBelowNoise {
        limit,
        rows: power.rows,
        size,
        shows: power.shows,
        chance: power.chance,
        model: power.model,
    };
    Some(Finding::of_gate(
        &check.gate,
        Effect::Hint,
        Cause::Advice(advice),
    ))
}

fn power(evidence: &Evidence, check: &Check, size: f64) -> Option<Power> {
    let rows = evidence.rows.as_ref();
    if check.metric.column() == Some(Kind::Truth) {
        if let Some((rows, flips)) = rows.and_then(|rows| flips(rows, check)) {
            let model = UnchangedModel::FlipsAsOften;
            return of_flips(check, size, rows, flips, model);
        }
        let Baseline::Found(run, _) = &evidence.baseline else {
            return None;
        };
        let (ours, theirs) = (check.candidate?, check.baseline?);
        // Without rows, each answer is assumed to be independent of the other run. With several trials per row nothing
        // can be assumed.
        let once = |run: &Run| run.totals.trials == run.rows;
        if once(&evidence.candidate) && once(run) && check.slice.is_none() {
            let rate = f64::midpoint(ours.observed?, theirs.observed?);
            let flips = 2.0 * rate * (1.0 - rate);
            let model = UnchangedModel::AnswersAfresh;
            return of_flips(check, size, theirs.trials, flips, model);
        }
    }
    let sample = Sample::of(&differences(rows?, check)?)?;
    // The spread of these rows, around a mean of no change.
    let unchanged = |mean| Sample { mean, ..sample };
    Some(Power {
        rows: sample.rows,
        shows: Some(unchanged(0.0).interval(USUAL)?.high),
        chance: unchanged(-size).p(true)?,
        model: UnchangedModel::VariesAsMuch,
    })
}

/// The power of boolean rows with one trial each, of which this fraction flips between two runs.
fn of_flips(
    check: &Check,
    size: f64,
    rows: u64,
    flips: f64,
    model: UnchangedModel,
) -> Option<Power> {
    let each_way = nearest_count(flips * count(rows) / 2.0);
    if rows < 2 || each_way == 0 {
        return None;
    }
    let theirs = check.baseline?.observed?;
    let true_in_both = nearest_count(theirs * count(rows)).saturating_sub(each_way);
    let both = true_in_both.min(rows.saturating_sub(2 * each_way));
    let typical = Pairs {
        both,
        regressed: each_way,
        fixed: each_way,
        neither: rows.saturating_sub(both + 2 * each_way),
    };
    let allowed = nearest_count((size * count(rows) + TOLERANCE).floor());
    Some(Power {
        rows,
        shows: scenario::resolution(&typical, None, USUAL, check.limit.key.wants_high()),
        chance: chance_of_net(rows, flips, allowed),
        model,
    })
}

/// The number of rows that both runs scored once, and the fraction of them that flipped; `None` if a row has several
/// trials.
fn flips(rows: &Rows, check: &Check) -> Option<(u64, f64)> {
    let column = rows.column(Some(check.subject.as_deref()?), Kind::Truth)?;
    let selection = Selection::of(check.slice.as_ref(), rows);
    let (mut both, mut turned) = (0_u64, 0_u64);
    for row in (0..rows.len()).filter(|row| selection.has(rows, *row)) {
        let of = |role| rows.scores(role, column, row);
        match (of(Role::Candidate), of(Role::Baseline)) {
            ([ours], [theirs]) if !ours.is_missing() && !theirs.is_missing() => {
                both += 1;
                turned += u64::from(ours != theirs);
            }
            ([_, _, ..], _) | (_, [_, _, ..]) => return None,
            _ => {}
        }
    }
    (both >= 2).then(|| (both, count(turned) / count(both)))
}

/// The differences of the rows that have a mean in both runs; `None` if the metric has no per-row values.
fn differences(rows: &Rows, check: &Check) -> Option<Vec<f64>> {
    let has_means = check.metric.has_interval() && check.metric.can_miss();
    let kind = check.metric.column().filter(|_| has_means)?;
    let column = rows.column(check.subject.as_deref(), kind)?;
    let selection = Selection::of(check.slice.as_ref(), rows);
    let mean = |role, row| {
        let scores = rows.scores(role, column, row).iter();
        let known: Vec<f64> = scores.filter_map(|score| score.value()).collect();
        Sample::of(&known).map(|sample| sample.mean)
    };
    let all = (0..rows.len()).filter(|row| selection.has(rows, *row));
    let differences =
        all.filter_map(|row| Some(mean(Role::Candidate, row)? - mean(Role::Baseline, row)?));
    Some(differences.collect())
}
