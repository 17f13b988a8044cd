//! What the noise of a dimension implies for a limit on it.

use std::f64::consts::SQRT_2;

use super::group::DimensionNoise;
use crate::evidence::Kind;
use crate::judge::Check;
use crate::number::{TOLERANCE, count, nearest_count};
use crate::policy::{Aggregate, Evidence, LimitKey, Policy};
use crate::stats::{RunComponent, caught, margin_of, normal_quantile, rate_beyond};

/// The rate of false alarms that a limit should have.
const WANTED_RATE: f64 = 0.05;
/// A larger number of rows is not proposed.
const MOST_ROWS: f64 = 1e7;
/// The probability with which a drop counts as caught.
const POWER: f64 = 0.8;

/// What the noise of repeated runs implies for a limit, by the normal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitNoise {
    /// How often the check fails although nothing changed, as a fraction.
    pub rate: f64,
    /// The limit that would bring this to 5 %, in the unit of the limit.
    pub limit_at_five: f64,
    /// The change that the check catches with 80 %, in the metric's unit; `None` if the limit is on the wrong side of the
    /// mean, so that it fails most of the time anyway.
    pub caught: Option<f64>,
    /// The number of rows that would bring the rate to 5 % with the limit as it is.
    pub rows_needed: RowsNeeded,
}

/// How many rows would be enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsNeeded {
    /// The rows that there are.
    TheseDo,
    /// About this many.
    About(u64),
    /// No number: all rows of a run move at once by too much.
    RunsMove,
    /// No number: the limit is at or beyond the mean.
    AtTheMean,
}

/// What the noise implies for this check; `None` if it is not on the mean of a dimension over all rows.
pub(super) fn noise(
    policy: &Policy,
    check: &Check,
    dimensions: &[DimensionNoise],
) -> Option<LimitNoise> {
    if check.metric.aggregate() != Aggregate::RowMean || check.slice.is_some() {
        return None;
    }
    let is_truth = match check.metric.column()? {
        Kind::Truth => true,
        Kind::Number => false,
        Kind::Scored
        | Kind::Anything
        | Kind::Latency
        | Kind::Elapsed
        | Kind::Tokens
        | Kind::Cost => {
            return None;
        }
    };
    let subject = check.subject.as_ref()?;
    let mut dimensions = dimensions.iter();
    let known = dimensions.find(|known| known.name == *subject && known.is_truth == is_truth)?;
    let mut gates = policy.gates.iter();
    let confidence = gates.find(|gate| gate.name == check.gate)?.confidence;
    let noise = known.noise;
    let key = check.limit.key;
    // The difference of two runs varies √2 times as much as one run.
    let factor = if key.is_change() { SQRT_2 } else { 1.0 };
    let sd = noise.total() * factor;
    // What the evidence rule adds to the limit. It knows the rows, and what moves all of them at once only if the policy
    // declares it. The interval of a change pairs the rows, so that only what differs between runs counts; that of a value
    // has the spread of the rows.
    let error = if key.is_change() {
        noise.expected * factor
    } else {
        noise.row_error
    };
    let declared = policy.noise.as_ref();
    let declared = declared.and_then(|noise| Some((*noise.run_sd.get(subject)?, noise.df)));
    let component = declared.and_then(|(run_sd, df)| {
        if key.is_change() {
            RunComponent::of_change(run_sd, df, 1, 1)
        } else {
            RunComponent::of_value(run_sd, df, 1)
        }
    });
    let reach = component.map_or(0.0, |component| component.reach(confidence));
    let allowance = (normal_quantile(confidence) * error).hypot(reach);
    let scale = if key.is_relative() {
        noise.mean.abs()
    } else {
        1.0
    };
    let distance = match key {
        LimitKey::Min => noise.mean - check.limit.value,
        LimitKey::Max => check.limit.value - noise.mean,
        LimitKey::MaxDrop
        | LimitKey::MaxRise
        | LimitKey::MaxRelativeDrop
        | LimitKey::MaxRelativeRise => check.limit.value * scale,
    };
    let margin = match check.evidence {
        Evidence::Observed => distance,
        Evidence::Significant if key.is_change() => distance.max(allowance),
        Evidence::Significant | Evidence::Proven => distance + allowance,
    };
    let wanted = margin_of(sd, WANTED_RATE);
    // The distance at which the margin is the wanted one.
    let distance_at_five = match check.evidence {
        Evidence::Observed => wanted,
        Evidence::Significant if key.is_change() => wanted,
        Evidence::Significant | Evidence::Proven => wanted - allowance,
    };
    let limit_at_five = match key {
        LimitKey::Min => noise.mean - distance_at_five,
        LimitKey::Max => noise.mean + distance_at_five,
        _ if scale == 0.0 => return None,
        LimitKey::MaxDrop
        | LimitKey::MaxRise
        | LimitKey::MaxRelativeDrop
        | LimitKey::MaxRelativeRise => distance_at_five.max(0.0) / scale,
    };
    Some(LimitNoise {
        rate: rate_beyond(sd, margin),
        limit_at_five,
        caught: (margin >= 0.0).then(|| caught(sd, margin, POWER)),
        rows_needed: rows_needed(known, distance, wanted <= margin, factor),
    })
}

/// The number of rows with which the measured value alone is beyond the limit in 5 %.
fn rows_needed(known: &DimensionNoise, distance: f64, is_enough: bool, factor: f64) -> RowsNeeded {
    if is_enough {
        return RowsNeeded::TheseDo;
    }
    let noise = known.noise;
    if distance <= TOLERANCE * noise.mean.abs() {
        return RowsNeeded::AtTheMean;
    }
    let of_rows = noise.expected.powi(2) * count(noise.rows);
    let allowed = (distance / (factor * normal_quantile(1.0 - WANTED_RATE))).powi(2);
    let left = allowed - noise.run.powi(2);
    let rows = (of_rows / left).ceil();
    if left > 0.0 && rows <= MOST_ROWS {
        RowsNeeded::About(nearest_count(rows))
    } else {
        RowsNeeded::RunsMove
    }
}
