//! Whether a limit holds for all possible values of the missing scores.

use crate::judge::measure::value::Measure;
use crate::number::{TOLERANCE, count};
use crate::policy::{Limit, LimitKey, MissingRule};

/// Whether measured values meet a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The limit holds.
    Holds,
    /// The limit does not hold.
    Broken,
    /// The result depends on the missing scores.
    Depends,
    /// The result depends on missing scores that have no bounds.
    Unbounded,
    /// The baseline is zero, so the relative change is undefined.
    ZeroBaseline,
}

/// The measured values of a check. The baseline is present only if the limit is on the change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pairing {
    pub(super) candidate: Measure,
    pub(super) baseline: Option<Measure>,
    /// Whether text is a score of the dimension: neither run has a boolean or a number there.
    pub(super) text_counts: bool,
}

impl Pairing {
    /// Whether missing scores leave one of the values without a bound.
    pub(super) fn is_unbounded(&self) -> bool {
        let mut both = std::iter::once(&self.candidate).chain(&self.baseline);
        both.any(Measure::is_unbounded)
    }

    /// The precision of both values.
    pub(super) fn precision(&self) -> Precision {
        let both = || std::iter::once(&self.candidate).chain(&self.baseline);
        Precision {
            exact: both().all(|measure| measure.exact),
            size: both().fold(0.0, |size, measure| measure.size.max(size)),
        }
    }
}

/// Judges a limit at every combination of the ends of both values. It is decided only if all combinations agree.
pub(super) fn decide(limit: Limit, pairing: &Pairing, rule: MissingRule) -> Decision {
    let ends = |measure: &Measure| [measure.low, measure.high];
    let ours = ends(&pairing.candidate);
    let theirs = pairing.baseline.as_ref().map_or([0.0; 2], ends);
    let precision = pairing.precision();
    let (mut kept, mut broken) = (false, false);
    let mut unknown = theirs[0] < 0.0 && theirs[1] > 0.0 && limit.key.is_relative();
    for candidate in ours {
        for baseline in theirs {
            // If both values are infinite, their difference is undefined. The other ends cover this case.
            if candidate.is_infinite() && candidate == baseline {
                continue;
            }
            match holds(limit, candidate, baseline, precision) {
                Some(true) => kept = true,
                Some(false) => broken = true,
                None => unknown = true,
            }
        }
    }
    let unbounded = pairing.is_unbounded();
    let open =
        pairing.candidate.is_open() || pairing.baseline.as_ref().is_some_and(Measure::is_open);
    let is_worst = rule == MissingRule::Fail && !unbounded;
    match (unknown, kept, broken) {
        // Every missing score counts as the worst, and the limit is broken at the worst ends.
        (_, _, true) if is_worst => Decision::Broken,
        (true, ..) if open => Decision::Depends,
        (true, ..) => Decision::ZeroBaseline,
        (false, _, false) => Decision::Holds,
        (false, false, true) => Decision::Broken,
        _ if unbounded => Decision::Unbounded,
        _ => Decision::Depends,
    }
}

/// The precision of values that are compared with a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Precision {
    /// Whether the values are counts or ratios of counts, which are compared exactly.
    pub(super) exact: bool,
    /// The size of the largest score that the values were computed from: 1 for rates.
    pub(super) size: f64,
}

impl Precision {
    /// The precision of values that were computed in floating point.
    pub(super) const fn computed(size: f64) -> Self {
        Self { exact: false, size }
    }

    /// The tolerance for a limit of this size: [`TOLERANCE`] times the size of the limit or of the scores, whichever
    /// is larger.
    pub(super) fn slack(self, limit: f64) -> f64 {
        TOLERANCE * limit.abs().max(self.size)
    }
}

/// Whether a limit holds for two values; `None` if a relative change is undefined.
///
/// Counts and ratios of counts are compared exactly. Means, costs, and all changes except those of counts are computed
/// in floating point and get the tolerance [`Precision::slack`]. So 0.90 − 0.88 meets a limit of 0.02, and 0.1 + 0.2 −
/// 0.3 meets a limit of 0.
pub(super) fn holds(
    limit: Limit,
    candidate: f64,
    baseline: f64,
    precision: Precision,
) -> Option<bool> {
    let slack = match limit.key {
        LimitKey::Min | LimitKey::Max if precision.exact => 0.0,
        LimitKey::MaxDrop | LimitKey::MaxRise if precision.exact && precision.size == 0.0 => 0.0,
        key if !key.is_relative() => precision.slack(limit.value),
        // The tolerance is relative to the baseline, because the change is.
        _ if baseline == 0.0 || baseline.is_infinite() => TOLERANCE * limit.value,
        _ => precision.slack(limit.value * baseline) / baseline.abs(),
    };
    let rise = candidate - baseline;
    let relative = || {
        if rise == 0.0 {
            return Some(0.0);
        }
        // Compared with an infinite baseline, any finite value is a change of 100 %.
        let relative = if baseline.is_infinite() && candidate.is_finite() {
            1.0_f64.copysign(rise)
        } else {
            rise / baseline.abs()
        };
        (baseline != 0.0 && !relative.is_nan()).then_some(relative)
    };
    Some(match limit.key {
        LimitKey::Min => candidate >= limit.value - slack,
        LimitKey::Max => candidate <= limit.value + slack,
        LimitKey::MaxDrop => -rise <= limit.value + slack,
        LimitKey::MaxRise => rise <= limit.value + slack,
        LimitKey::MaxRelativeDrop => -relative()? <= limit.value + slack,
        LimitKey::MaxRelativeRise => relative()? <= limit.value + slack,
    })
}

/// The number of the candidate's trials that could turn against it before a limit is broken that now holds, or that
/// would have to turn in its favour before a limit holds that is now broken.
///
/// Returns a number only for ratios of counts if all rows have the same number of trials.
pub(super) fn spare(limit: Limit, pairing: &Pairing, decision: Decision) -> Option<u64> {
    let measure = &pairing.candidate;
    let trials = measure.steps?;
    let precision = pairing.precision();
    let high_is_good = limit.key.wants_high();
    let at_worst = decision == Decision::Holds;
    if trials == 0 || !measure.exact || !matches!(decision, Decision::Holds | Decision::Broken) {
        return None;
    }
    // Start at the worst end if the limit holds, and at the best end if it does not.
    let low_end = high_is_good == at_worst;
    let start = if low_end { measure.low } else { measure.high };
    let baseline = pairing
        .baseline
        .as_ref()
        .map_or(0.0, |theirs| if low_end { theirs.high } else { theirs.low });
    let start = (start * count(trials)).round();
    let turned = |turned: u64| {
        let passed = if low_end {
            start - count(turned)
        } else {
            start + count(turned)
        };
        let value = passed / count(trials);
        let inside = (0.0..=1.0).contains(&value);
        holds(limit, value.clamp(0.0, 1.0), baseline, precision).filter(|_| inside)
    };
    if turned(0)? != at_worst {
        return None;
    }
    // As more trials turn, the answer changes at most once, so a binary search finds the number.
    let (mut same, mut other) = (0, trials.saturating_add(1));
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if turned(middle) == Some(at_worst) {
            same = middle;
        } else {
            other = middle;
        }
    }
    if at_worst {
        return Some(same);
    }
    (turned(other) == Some(true)).then_some(other)
}
