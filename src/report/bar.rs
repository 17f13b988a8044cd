//! Draws a confidence interval and its limit as a line of characters.

use super::statistics;
use crate::judge::{Check, TestResult};
use crate::policy::Limit;

/// The width, in characters.
const WIDTH: usize = 25;

/// A one-line explanation of the marks.
pub(super) const LEGEND: &str = "`●` measured, `━` plausible values, `┃` limit, `┆` no change";

/// A drawn interval, with the values at both ends of the line.
pub(super) struct Drawn {
    pub(super) picture: String,
    pub(super) low: String,
    pub(super) high: String,
}

/// Draws the interval of a check. `None` if it has none, or if an end is unknown.
pub(super) fn of(check: &Check) -> Option<Drawn> {
    let marks = marks(check)?;
    Some(Drawn {
        picture: line(&marks),
        low: statistics::end(check, marks.ends().0),
        high: statistics::end(check, marks.ends().1),
    })
}

/// What is drawn of a check, in the unit of its interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// The ends of the confidence interval.
    pub(super) low: f64,
    pub(super) high: f64,
    /// The measured value or change.
    pub(super) point: f64,
    /// The limit.
    pub(super) bound: f64,
    /// No change; `None` if the limit is on a value.
    pub(super) zero: Option<f64>,
}

impl Marks {
    /// The smallest and the largest mark.
    pub(super) fn ends(&self) -> (f64, f64) {
        let marks = [self.low, self.high, self.point, self.bound];
        let all = marks.into_iter().chain(self.zero);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mark| {
            (low.min(mark), high.max(mark))
        })
    }
}

/// What is drawn of a check. `None` if it has no interval, or if an end is unknown.
pub(super) fn marks(check: &Check) -> Option<Marks> {
    let baseline = check.baseline.and_then(|measure| measure.observed);
    marks_of(check.chance.as_ref()?, check.limit, baseline)
}

fn marks_of(chance: &TestResult, limit: Limit, relative_to: Option<f64>) -> Option<Marks> {
    // A relative limit is drawn in the metric's unit, like the interval.
    let size = if limit.key.is_relative() {
        limit.value * relative_to?.abs()
    } else {
        limit.value
    };
    let is_drop = limit.key.is_change() && limit.key.wants_high();
    let marks = Marks {
        low: chance.interval.low,
        high: chance.interval.high,
        point: chance.point,
        bound: if is_drop { -size } else { size },
        zero: limit.key.is_change().then_some(0.0),
    };
    let drawn = [marks.low, marks.high, marks.point, marks.bound];
    drawn.iter().all(|mark| mark.is_finite()).then_some(marks)
}

/// The confidence interval, the limit, and for a change the position of no change. The marks differ in shape, not in
/// color.
fn line(marks: &Marks) -> String {
    let (low, high) = marks.ends();
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
    for at in place(marks.low)..=place(marks.high) {
        put(at, '━');
    }
    if let Some(zero) = marks.zero {
        put(place(zero), '┆');
    }
    put(place(marks.bound), '┃');
    // If the point and the limit fall on the same character, the point is shown. Text says whether it is beyond the
    // limit.
    put(place(marks.point), '●');
    cells.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Evidence, LimitKey};
    use crate::stats::Interval;

    fn drawn(low: f64, point: f64, high: f64, key: LimitKey, value: f64) -> Option<String> {
        let chance = TestResult {
            clusters: None,
            found: None,
            run_reach: None,
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
        marks_of(&chance, Limit { key, value }, Some(0.5)).map(|marks| line(&marks))
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
