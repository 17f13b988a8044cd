//! Means of rows, and of differences of rows.

use super::Interval;
use super::quantile::{t_quantile, t_tail};
use crate::number::count;

/// Numbers of rows, summed up so that their order hardly matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// How many rows.
    pub rows: u64,
    /// Their mean.
    pub mean: f64,
    /// The standard deviation, with n − 1.
    pub deviation: f64,
}

impl Sample {
    /// Sums up numbers; `None` where there are none. Two passes: the deviations are taken from the mean.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let first = *values.first()?;
        let n = count(values.len() as u64);
        // Around a value of their own numbers lose nothing to their size.
        let mean = first + sum(values.iter().map(|value| value - first)) / n;
        let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
        let drift = sum(values.iter().map(|value| value - mean));
        let variance = ((squares - drift * drift / n) / (n - 1.0).max(1.0)).max(0.0);
        let is_flat = values.iter().all(|value| *value == first);
        Some(Self {
            rows: values.len() as u64,
            mean: if is_flat { first } else { mean + drift / n },
            deviation: if is_flat { 0.0 } else { variance.sqrt() },
        })
    }

    /// The Student t interval of the mean; `None` of fewer than two rows. `confidence` is one-sided.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let error = self.error()?;
        let reach = t_quantile(confidence, count(self.rows - 1)) * error;
        let reach = if error == 0.0 { 0.0 } else { reach };
        Some(Interval {
            low: self.mean - reach,
            high: self.mean + reach,
        })
    }

    /// How likely a mean on this side of zero is where the true one is zero, one-sided, by inverting the
    /// interval. `drop` asks for one below zero.
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
        (self.rows >= 2).then(|| self.deviation / count(self.rows).sqrt())
    }
}

/// A sum in which small parts are not lost to large ones (Neumaier 1974).
fn sum(values: impl Iterator<Item = f64>) -> f64 {
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
