//! Seconds of predict calls, from the trials themselves.

use super::measure::Measure;
use super::slice::Selection;
use crate::evidence::{Kind, Role, Rows};
use crate::number::count;
use crate::policy::{Gate, Metric, MissingRule, RemovedRows};

/// Which trials are measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// All of the candidate.
    Candidate,
    /// Those on the baseline's rows.
    Comparison(RemovedRows),
}

/// Measures a run's latency; `None` where no trial tells it, or the rows do not hold it.
pub(super) fn measure(
    gate: &Gate,
    rows: &Rows,
    role: Role,
    scope: Scope,
    selection: &Selection,
) -> Option<Measure> {
    let column = rows.column("", Kind::Latency)?;
    let mut known = Vec::new();
    let (mut trials, mut rows_measured, mut absent) = (0_u64, 0_u64, 0_u64);
    for row in 0..rows.len() {
        let is_wanted = match scope {
            Scope::Candidate => rows.trials(Role::Candidate, row) > 0,
            Scope::Comparison(RemovedRows::Missing) => rows.trials(Role::Baseline, row) > 0,
            Scope::Comparison(RemovedRows::Ignore) => {
                rows.trials(Role::Baseline, row) > 0 && rows.trials(Role::Candidate, row) > 0
            }
        };
        let values = rows.values(role, column, row);
        if !is_wanted || !selection.has(rows, row) {
            continue;
        }
        if values.is_empty() {
            absent += 1;
            continue;
        }
        rows_measured += 1;
        trials += values.len() as u64;
        known.extend(values.iter().copied().filter(|value| !value.is_nan()));
    }
    if known.is_empty() {
        return None;
    }
    // A removed row would have had as many trials as a row that is there, of which no part is none.
    let absent = absent * trials.div_ceil(rows_measured.max(1));
    let trials = trials + absent;
    known.sort_by(f64::total_cmp);
    let scored = known.len() as u64;
    let missing = trials - scored;
    let tolerated = count(missing) / count(trials) <= gate.missing.tolerated;
    let ignores = missing > 0 && (gate.missing.rule == MissingRule::Ignore || tolerated);
    let observed = of(gate.metric, &known, 0, 0);
    let (low, high) = if ignores || missing == 0 {
        (observed, observed)
    } else {
        (
            of(gate.metric, &known, missing, 0),
            of(gate.metric, &known, 0, missing),
        )
    };
    Some(Measure {
        observed: Some(observed),
        low,
        high,
        scored,
        trials,
        ignores,
        exact: false,
    })
}

/// The metric of sorted seconds, with so many more that took no time, and so many that never ended.
fn of(metric: Metric, known: &[f64], instant: u64, endless: u64) -> f64 {
    let all = count(known.len() as u64 + instant + endless);
    let share = match metric {
        Metric::LatencyP50 => 0.50,
        Metric::LatencyP95 => 0.95,
        Metric::LatencyP99 => 0.99,
        _ if endless > 0 => return f64::INFINITY,
        _ => return known.iter().sum::<f64>() / all,
    };
    let at = |place: u64| {
        let place = place.checked_sub(instant);
        let place = place.map(usize::try_from);
        match place {
            None => 0.0,
            Some(place) => place
                .ok()
                .and_then(|place| known.get(place))
                .copied()
                .unwrap_or(f64::INFINITY),
        }
    };
    percentile(share, all, at)
}

/// Between the two nearest values, as `NumPy` and R do by default (Hyndman & Fan 1996, type 7).
fn percentile(share: f64, all: f64, at: impl Fn(u64) -> f64) -> f64 {
    let place = share * (all - 1.0);
    let below = crate::number::nearest_count(place.floor());
    let (low, rest) = (at(below), place - place.floor());
    // Between one that never ended and the next lies nothing else.
    if rest < 1e-12 || low.is_infinite() {
        return low;
    }
    low + rest * (at(below + 1) - low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_the_two_nearest() {
        let known = [1.0, 2.0, 3.0, 4.0, 10.0];
        for (metric, instant, endless, expected) in [
            (Metric::LatencyMean, 0, 0, 4.0),
            (Metric::LatencyMean, 5, 0, 2.0),
            (Metric::LatencyMean, 0, 1, f64::INFINITY),
            (Metric::LatencyP50, 0, 0, 3.0),
            (Metric::LatencyP50, 1, 0, 2.5),
            (Metric::LatencyP50, 0, 1, 3.5),
            (Metric::LatencyP50, 6, 0, 0.0),
            (Metric::LatencyP95, 0, 0, 8.8),
            (Metric::LatencyP95, 0, 1, f64::INFINITY),
            (Metric::LatencyP50, 0, 10, f64::INFINITY),
        ] {
            let found = of(metric, &known, instant, endless);
            assert!(
                found == expected || (found - expected).abs() < 1e-12,
                "{metric:?} {found}"
            );
        }
        assert_eq!(of(Metric::LatencyP99, &[2.0], 0, 0), 2.0);
    }
}
