//! Rounded limits for drafted policies.

use crate::judge::Check;
use crate::policy::LimitKey;

/// The standard normal quantile of 0.95.
const Z: f64 = 1.644_853_626_951_472_2;

/// The smallest limit that the measured drop would have met, rounded up.
pub(super) fn wider(check: &Check) -> Option<f64> {
    let (ours, theirs) = (check.candidate?, check.baseline?);
    let drop = theirs.high - ours.low;
    let drop = match check.limit.key {
        LimitKey::MaxDrop => drop,
        LimitKey::MaxRelativeDrop => drop / theirs.high.abs().min(theirs.low.abs()),
        _ => return None,
    };
    let most = if check.limit.key.is_relative() {
        10.0
    } else {
        1.0
    };
    let value = ceil(drop, 2);
    (value.is_finite() && (0.0..=most).contains(&value)).then_some(value)
}

/// The lower end of the one-sided 95 % Wilson score interval of a rate.
pub(super) fn wilson_low(rate: f64, rows: f64) -> f64 {
    let z = Z;
    let (centre, spread) = (
        rate + z * z / (2.0 * rows),
        z * (rate * (1.0 - rate) / rows + z * z / (4.0 * rows * rows)).sqrt(),
    );
    (centre - spread) / (1.0 + z * z / rows)
}

/// The number of decimals that shows two digits of a number: at least two, at most nine.
pub(super) fn decimals(value: f64) -> i32 {
    let mut decimals = 2;
    let mut unit = 0.1;
    while value.abs() < unit && decimals < 9 {
        decimals += 1;
        unit /= 10.0;
    }
    decimals
}

/// Rounds down to this number of decimals.
pub(super) fn floor(value: f64, decimals: i32) -> f64 {
    rounded(value, decimals, f64::floor)
}

/// Rounds up to this number of decimals.
pub(super) fn ceil(value: f64, decimals: i32) -> f64 {
    rounded(value, decimals, f64::ceil)
}

/// Rounds to this number of decimals. A value that differs from such a number only by a floating-point error becomes
/// that number.
fn rounded(value: f64, decimals: i32, round: fn(f64) -> f64) -> f64 {
    let unit = 10_f64.powi(decimals);
    let scaled = value * unit;
    let near = scaled.round();
    let whole = if (scaled - near).abs() < 1e-9 {
        near
    } else {
        round(scaled)
    };
    whole / unit + 0.0
}
