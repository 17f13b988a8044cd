//! Draws a confidence interval and its limit as a line of characters.

use crate::judge::TestResult;
use crate::policy::Limit;

/// The width, in characters.
const WIDTH: usize = 25;

/// A one-line explanation of the marks.
pub(super) const LEGEND: &str = "`●` measured, `━` plausible values, `┃` limit, `┆` no change";

/// Draws the confidence interval of a check, its limit, and for a change the position of no change. The marks differ
/// in shape, not in color. `None` if an end is unknown.
pub(super) fn bar(chance: &TestResult, limit: Limit, relative_to: Option<f64>) -> Option<String> {
    let interval = chance.interval;
    // A relative limit is drawn in the metric's unit, like the interval.
    let size = if limit.key.is_relative() {
        limit.value * relative_to?.abs()
    } else {
        limit.value
    };
    let is_drop = limit.key.is_change() && limit.key.wants_high();
    let bound = if is_drop { -size } else { size };
    let zero = limit.key.is_change().then_some(0.0);
    let marks = [interval.low, interval.high, chance.point, bound];
    if marks.iter().any(|mark| !mark.is_finite()) {
        return None;
    }
    let all = marks.into_iter().chain(zero);
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mark| {
        (low.min(mark), high.max(mark))
    });
    let width = if high > low { high - low } else { 1.0 };
    let place = |value: f64| {
        let share = (value - low) / width;
        // The index of the last character, to which values are scaled.
        let last = crate::number::count(WIDTH as u64 - 1);
        usize::try_from(crate::number::nearest_count(share * last)).unwrap_or(0)
    };
    let mut cells = [' '; WIDTH];
    let mut put = |at: usize, mark: char| {
        if let Some(cell) = cells.get_mut(at) {
            *cell = mark;
        }
    };
    for at in 0..WIDTH {
        put(at, '·');
    }
    for at in place(interval.low)..=place(interval.high) {
        put(at, '━');
    }
    if let Some(zero) = zero {
        put(place(zero), '┆');
    }
    put(place(bound), '┃');
    // If the point and the limit fall on the same character, the point is shown. Text says whether it is beyond the
    // limit.
    put(place(chance.point), '●');
    Some(cells.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Evidence, LimitKey};
    use crate::stats::Interval;

    fn drawn(low: f64, point: f64, high: f64, key: LimitKey, value: f64) -> Option<String> {
        let chance = TestResult {
            rule: Evidence::Significant,
            confidence: 0.95,
            rows: 10,
            discordant: None,
            is_open: false,
            shows_nothing: false,
            point,
            interval: Interval { low, high },
            p: None,
            adjusted_p: None,
            family: None,
            counted: None,
            resolution: None,
            rows_needed: None,
        };
        bar(&chance, Limit { key, value }, Some(0.5))
    }

    #[test]
    fn intervals_are_drawn_to_scale() {
        assert_eq!(
            drawn(-0.10, -0.05, 0.0, LimitKey::MaxDrop, 0.02).as_deref(),
            Some("━━━━━━━━━━━━●━━━━━━┃━━━━┆")
        );
        assert_eq!(
            drawn(0.70, 0.80, 0.90, LimitKey::Min, 0.95).as_deref(),
            Some("━━━━━━━━━━●━━━━━━━━━····┃")
        );
        assert_eq!(
            drawn(0.0, 0.0, 0.0, LimitKey::MaxRise, 0.0).as_deref(),
            Some("●························")
        );
        assert_eq!(
            drawn(-0.1, 0.0, 0.1, LimitKey::MaxRelativeRise, 0.4).as_deref(),
            Some("━━━━━━━━●━━━━━━━━·······┃")
        );
        assert_eq!(drawn(f64::NEG_INFINITY, 0.0, 1.0, LimitKey::Min, 0.5), None);
    }
}
