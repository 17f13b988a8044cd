//! Means of rows, and of differences of rows.

use super::Interval;
use super::quantile::{t_quantile, t_tail};
use crate::number::count;

/// Numbers above this are scaled down, because their squares may overflow.
const HUGE: f64 = 1e150;
/// The divisor for large numbers: 2 to the power of 600.
const SCALE: f64 = f64::from_bits((1023 + 600) << 52);

/// The count, mean and deviation of rows' numbers, summed up so that their order hardly matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The number of rows.
    pub rows: u64,
    /// The mean of the numbers.
    pub mean: f64,
    /// The sample standard deviation, with the divisor n − 1.
    pub deviation: f64,
}

impl Sample {
    /// Summarizes numbers; `None` if there are none. It takes two passes: the deviations are computed from the mean.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let most = values
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()));
        if most > HUGE && most.is_finite() {
            // Dividing by a power of two changes no digit.
            let small: Vec<f64> = values.iter().map(|value| value / SCALE).collect();
            let sample = Self::of(&small)?;
            return Some(Self {
                mean: sample.mean * SCALE,
                deviation: sample.deviation * SCALE,
                ..sample
            });
        }
        let first = *values.first()?;
        let n = count(values.len() as u64);
        // The first value is subtracted, so that large numbers that are close to each other lose no precision.
        let mean = first + sum(values.iter().map(|value| value - first)) / n;
        let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
        Some(Self {
            rows: values.len() as u64,
            mean,
            deviation: (squares / (n - 1.0).max(1.0)).sqrt(),
        })
    }

    /// The Student t interval of the mean; `None` if there are fewer than two rows or the numbers are too large to
    /// compute it. `confidence` is one-sided.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let error = self.error()?;
        let reach = t_quantile(confidence, count(self.rows - 1)) * error;
        let reach = if error == 0.0 { 0.0 } else { reach };
        let (low, high) = (self.mean - reach, self.mean + reach);
        (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
    }

    /// The one-sided p-value of the mean: the probability of a mean this far on one side of zero if the true mean is
    /// zero, by inverting the interval. If `drop` is true, the side is below zero.
    #[must_use]
    pub fn p(&self, drop: bool) -> Option<f64> {
        let error = self.error()?;
        let toward = if drop { -self.mean } else { self.mean };
        if error == 0.0 {
            return Some(if toward > 0.0 { 0.0 } else { 0.5 });
        }
        Some(t_tail(toward / error, count(self.rows - 1)).max(0.0))
    }

    /// The standard error of the mean.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let is_finite = self.mean.is_finite() && self.deviation.is_finite();
        (self.rows >= 2 && is_finite).then(|| self.deviation / count(self.rows).sqrt())
    }
}

/// A compensated sum, in which small values are not lost next to large ones (Neumaier 1974).
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    total + lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_are_not_lost_to_large_ones() {
        for values in [
            [1.0, 1e100, 1.0, -1e100],
            [1e100, 1.0, -1e100, 1.0],
            [1.0, 1.0, 1e100, -1e100],
            [-1e100, 1.0, 1e100, 1.0],
        ] {
            assert_eq!(sum(values.into_iter()), 2.0, "{values:?}");
        }
        assert_eq!(sum(std::iter::empty()), 0.0);
    }

    #[test]
    fn what_is_not_finite_has_no_error_and_no_interval() {
        let sample = |mean, deviation| Sample {
            rows: 4,
            mean,
            deviation,
        };
        assert_eq!(sample(f64::NAN, 1.0).error(), None);
        assert_eq!(sample(1.0, f64::INFINITY).error(), None);
        assert_eq!(sample(1.0, 2.0).error(), Some(1.0));
        // One end of the interval would exceed the largest number, and the other would not.
        assert_eq!(sample(1.7e308, 1e308).interval(0.95), None);
        assert_eq!(sample(-1.7e308, 1e308).interval(0.95), None);
    }
}
