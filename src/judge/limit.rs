//! Whether a limit holds, whatever the missing scores are.

use super::measure::Measure;
use crate::number::{TOLERANCE, count};
use crate::policy::{Limit, LimitKey, MissingRule};

/// What a limit says of measured values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It holds.
    Holds,
    /// It does not.
    Broken,
    /// It depends on the missing scores.
    Depends,
    /// It depends on missing scores of which nobody knows how bad they can be.
    Unbounded,
    /// The baseline is zero, so a change has no relative size.
    ZeroBaseline,
}

/// The measured values of a check; the baseline only where the limit is on the change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pairing {
    pub(super) candidate: Measure,
    pub(super) baseline: Option<Measure>,
}

impl Pairing {
    /// Whether missing scores leave a value without bound.
    pub(super) fn is_unbounded(&self) -> bool {
        let mut both = std::iter::once(&self.candidate).chain(&self.baseline);
        both.any(Measure::is_unbounded)
    }
}

/// Judges a limit at every combination of ends: decided only where all of them agree.
pub(super) fn decide(limit: Limit, pairing: &Pairing, rule: MissingRule) -> Decision {
    let ends = |measure: &Measure| [measure.low, measure.high];
    let ours = ends(&pairing.candidate);
    let theirs = pairing.baseline.as_ref().map_or([0.0; 2], ends);
    let (mut kept, mut broken) = (false, false);
    let mut unknown = theirs[0] < 0.0 && theirs[1] > 0.0 && limit.key.is_relative();
    for candidate in ours {
        for baseline in theirs {
            // Of two values without end nothing can be said that the other ends do not say.
            if candidate.is_infinite() && candidate == baseline {
                continue;
            }
            match holds(limit, candidate, baseline, pairing.candidate.exact) {
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
        // Every missing score counts as the worst, and at the worst ends the limit is broken.
        (_, _, true) if is_worst => Decision::Broken,
        (true, ..) if open => Decision::Depends,
        (true, ..) => Decision::ZeroBaseline,
        (false, _, false) => Decision::Holds,
        (false, false, true) => Decision::Broken,
        _ if unbounded => Decision::Unbounded,
        _ => Decision::Depends,
    }
}

/// Whether a limit holds of two plain values; `None` where a relative change has no size.
///
/// Counts and ratios of counts are compared exactly. Differences were computed in floating point and get
/// [`TOLERANCE`]; so were means and money, which get it in proportion to the limit, and never more.
pub(super) fn holds(limit: Limit, candidate: f64, baseline: f64, exact: bool) -> Option<bool> {
    let slack = match limit.key {
        LimitKey::Min | LimitKey::Max if exact => 0.0,
        LimitKey::Min | LimitKey::Max => TOLERANCE * limit.value.abs().min(1.0),
        _ => TOLERANCE,
    };
    let rise = candidate - baseline;
    let relative = || {
        if rise == 0.0 {
            return Some(0.0);
        }
        // Beside a baseline without end a value is nothing.
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

/// How many of the candidate's trials could turn against it before a limit that holds is broken, or
/// would have to turn in its favour before a broken one holds.
///
/// Only for ratios of counts over whole trials.
pub(super) fn spare(limit: Limit, pairing: &Pairing, decision: Decision) -> Option<u64> {
    let measure = &pairing.candidate;
    let trials = measure.denominator();
    let high_is_good = limit.key.wants_high();
    let at_worst = decision == Decision::Holds;
    if trials == 0 || !measure.exact || !matches!(decision, Decision::Holds | Decision::Broken) {
        return None;
    }
    // From the worst ends where it holds, from the best ends where it does not.
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
        holds(limit, value.clamp(0.0, 1.0), baseline, true).filter(|_| inside)
    };
    if turned(0)? != at_worst {
        return None;
    }
    // The answer changes at most once between none and all trials.
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
