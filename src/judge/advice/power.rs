//! Hints about change limits that chance alone exceeds.

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

/// The confidence at which a change is said to show.
const USUAL: f64 = 0.95;

/// What rows can tell of a change.
struct Power {
    rows: u64,
    /// The smallest change that shows, in the metric's unit; `None` where none does.
    shows: Option<f64>,
    /// How likely a model that did not change breaks the limit.
    chance: f64,
    /// What is taken of such a model.
    model: UnchangedModel,
}

/// A hint, where the limit is smaller than what its rows show.
pub(in crate::judge) fn below(evidence: &Evidence, check: &Check) -> Option<Finding> {
    let limit = check.limit;
    let theirs = check.baseline?.observed?;
    if check.evidence != policy::Evidence::Observed || !limit.key.is_change() {
        return None;
    }
    // In the metric's unit, whatever the limit is in.
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
        // Without rows: as if each answer was given anew. Of several trials a row nothing is known.
        let once = |run: &Run| run.totals.trials == run.rows;
        if once(&evidence.candidate) && once(run) && check.slice.is_none() {
            let rate = f64::midpoint(ours.observed?, theirs.observed?);
            let flips = 2.0 * rate * (1.0 - rate);
            let model = UnchangedModel::AnswersAfresh;
            return of_flips(check, size, theirs.trials, flips, model);
        }
    }
    let sample = Sample::of(&differences(rows?, check)?)?;
    // The spread is that of the rows here, around no change.
    let unchanged = |mean| Sample { mean, ..sample };
    Some(Power {
        rows: sample.rows,
        shows: Some(unchanged(0.0).interval(USUAL)?.high),
        chance: unchanged(-size).p(true)?,
        model: UnchangedModel::VariesAsMuch,
    })
}

/// Of rows with one trial each that are true or false, of which this fraction turns from run to run.
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
        shows: scenario::resolution(&typical, USUAL, check.limit.key.wants_high()),
        chance: chance_of_net(rows, flips, allowed),
        model,
    })
}

/// How many rows both runs have scored once, and the fraction of them that turned; `None` where a row has several
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

/// The differences of the rows of which both runs know a mean; `None` where the metric has none of single rows.
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
