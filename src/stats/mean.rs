//! Means of rows, and of differences of rows.

use super::quantile::{normal_tail, t_quantile, t_tail, t_upper};
use super::{Interval, RunComponent};
use crate::number::count;

/// Numbers above this are scaled down, because their squares may overflow.
const HUGE: f64 = 1e150;
/// The divisor for large numbers: 2 to the power of 600.
const SCALE: f64 = f64::from_bits((1023 + 600) << 52);

/// The count, mean and deviation of rows' numbers, summed up so that their order hardly matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// The number of rows, or of clusters of rows.
    pub rows: u64,
    /// The mean of the numbers.
    pub mean: f64,
    /// The sample standard deviation, with the divisor n − 1. For clusters: the number that has the same role, so that
    /// the standard error of the mean is `deviation` / √`rows`.
    pub deviation: f64,
}

/// The mean of numbers, as [`Sample::of`] computes it; NaN if there are none.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    let Some(first) = values.first() else {
        return f64::NAN;
    };
    // Huge numbers are scaled, as in a sample.
    let is_huge = values.iter().any(|value| value.abs() > HUGE);
    if is_huge {
        return Sample::of(values).map_or(f64::NAN, |sample| sample.mean);
    }
    first + sum(values.iter().map(|value| value - first)) / count(values.len() as u64)
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
        // The first value is subtracted, so that large numbers that are close to each other lose no precision.
        let first = *values.first()?;
        let n = count(values.len() as u64);
        let mean = first + sum(values.iter().map(|value| value - first)) / n;
        let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
        Some(Self {
            rows: values.len() as u64,
            mean,
            deviation: (squares / (n - 1.0).max(1.0)).sqrt(),
        })
    }

    /// Summarizes the numbers of rows that are in clusters, from the sum and the number of rows of each cluster. The
    /// variance of the mean over n rows in C clusters is C / (C − 1) · Σ (sum − rows · mean)² / n² (Miller 2024). `None` if
    /// there are none.
    #[must_use]
    pub fn of_clusters(sums: &[f64], sizes: &[f64]) -> Option<Self> {
        let rows = sum(sizes.iter().copied());
        let mean = sum(sums.iter().copied()) / rows;
        let squares = sum(sums.iter().zip(sizes).map(|(sum, rows)| {
            let away = sum - rows * mean;
            away * away
        }));
        (rows > 0.0).then(|| Self {
            rows: sums.len() as u64,
            mean,
            deviation: deviation_of_clusters(sums.len() as u64, rows, squares),
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

    /// The same p-value by inverting the interval that a run component widens.
    #[must_use]
    pub fn p_with(&self, drop: bool, component: Option<RunComponent>) -> Option<f64> {
        let Some(component) = component else {
            return self.p(drop);
        };
        let error = self.error()?;
        let freedom = count(self.rows - 1);
        let toward = if drop { -self.mean } else { self.mean };
        let width = |z: f64| {
            if error == 0.0 {
                0.0
            } else {
                t_upper(normal_tail(z), freedom) * error
            }
        };
        let p = component.p(toward.abs(), width);
        Some(if toward < 0.0 { 1.0 - p } else { p })
    }

    /// The standard error of the mean.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let is_finite = self.mean.is_finite() && self.deviation.is_finite();
        (self.rows >= 2 && is_finite).then(|| self.deviation / count(self.rows).sqrt())
    }
}

/// The deviation of C clusters with n rows, from the sum of the squares of (sum − rows · mean).
pub(super) fn deviation_of_clusters(clusters: u64, rows: f64, squares: f64) -> f64 {
    let clusters = count(clusters);
    clusters / rows * (squares / (clusters - 1.0).max(1.0)).sqrt()
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
    fn clusters_of_one_row_are_rows() {
        let values = [0.25, -1.5, 3.0, 0.5, 0.0];
        let rows = Sample::of(&values).unwrap();
        let clusters = Sample::of_clusters(&values, &[1.0; 5]).unwrap();
        assert_eq!(rows.rows, clusters.rows);
        assert!((rows.mean - clusters.mean).abs() < 1e-15);
        assert!((rows.deviation - clusters.deviation).abs() < 1e-15);
        assert_eq!(Sample::of_clusters(&[], &[]), None);
    }

    #[test]
    fn the_error_of_clusters_is_the_published_one() {
        // Clusters (1, 2, 3), (4) and (0, 1): n = 6, mean 11/6, sums less rows · mean: 0.5, 13/6, -16/6.
        let sample = Sample::of_clusters(&[6.0, 4.0, 1.0], &[3.0, 1.0, 2.0]).unwrap();
        let squares = 0.25 + (13.0_f64 / 6.0).powi(2) + (16.0_f64 / 6.0).powi(2);
        let variance = 1.5 * squares / 36.0;
        assert!((sample.mean - 11.0 / 6.0).abs() < 1e-15);
        assert!((sample.error().unwrap() - variance.sqrt()).abs() < 1e-15);
        assert_eq!(sample.rows, 3);
    }

    #[test]
    fn a_component_widens_the_p_value() {
        let sample = Sample {
            rows: 50,
            mean: -0.05,
            deviation: 0.1,
        };
        let component = RunComponent::of_change(0.01, 11, 1, 1);
        let p = sample.p_with(true, component).unwrap();
        assert!(p > sample.p(true).unwrap(), "{p}");
        assert_eq!(sample.p_with(true, None), sample.p(true));
        let other = sample.p_with(false, component).unwrap();
        assert!((p + other - 1.0).abs() < 1e-12);
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
