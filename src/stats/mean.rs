//! Means of rows, and of differences of rows.

use super::Interval;
use super::quantile::{t_quantile, t_tail};
use crate::number::count;

/// Squares of larger numbers may be too large.
const HUGE: f64 = 1e150;
/// By which they are then divided: 2 to the power of 600.
const SCALE: f64 = f64::from_bits((1023 + 600) << 52);

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
        let most = values
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()));
        if most > HUGE && most.is_finite() {
            // A power of two changes no digit.
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
        // Around a value of their own numbers lose nothing to their size.
        let mean = first + sum(values.iter().map(|value| value - first)) / n;
        let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
        Some(Self {
            rows: values.len() as u64,
            mean,
            deviation: (squares / (n - 1.0).max(1.0)).sqrt(),
        })
    }

    /// The Student t interval of the mean; `None` of fewer than two rows, or where numbers are too large to
    /// tell. `confidence` is one-sided.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let error = self.error()?;
        let reach = t_quantile(confidence, count(self.rows - 1)) * error;
        let reach = if error == 0.0 { 0.0 } else { reach };
        let (low, high) = (self.mean - reach, self.mean + reach);
        (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
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
        let is_finite = self.mean.is_finite() && self.deviation.is_finite();
        (self.rows >= 2 && is_finite).then(|| self.deviation / count(self.rows).sqrt())
    }
}

/// The least and the greatest standard deviation that numbers can have of which each lies between its place
/// in one list and in the other. The greatest is a bound that is at most a little too high.
///
/// The sum of squares around c is least, over all fillings and over c, where each open number is as near to c as
/// it can be: a convex function of c. No filling's sum of squares is above that around any one c at which each
/// open number is as far away as it can be.
#[must_use]
pub fn deviations(one: &[f64], other: &[f64]) -> (f64, f64) {
    let pairs = || one.iter().zip(other);
    let known: Vec<f64> = pairs().filter(|(a, b)| a == b).map(|(a, _)| *a).collect();
    let open: Vec<(f64, f64)> = pairs()
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (a.min(*b), a.max(*b)))
        .collect();
    let rows = count(one.len() as u64);
    let of = |squares: f64| (squares.max(0.0) / (rows - 1.0).max(1.0)).sqrt();
    let fixed = Sample::of(&known).unwrap_or(Sample {
        rows: 0,
        mean: 0.0,
        deviation: 0.0,
    });
    let weight = count(fixed.rows);
    let within = fixed.deviation * fixed.deviation * (weight - 1.0).max(0.0);
    let around = |c: f64| within + weight * (c - fixed.mean) * (c - fixed.mean);
    let nearest = |c: f64, (low, high): (f64, f64)| c - c.clamp(low, high);
    let ends = open.iter().flat_map(|(low, high)| [*low, *high]);
    let ends = ends.chain((fixed.rows > 0).then_some(fixed.mean));
    let (mut low, mut high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| {
        (low.min(end), high.max(end))
    });
    let centre = f64::midpoint(low, high);
    if !centre.is_finite() {
        return (0.0, f64::INFINITY);
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        let slope =
            weight * (middle - fixed.mean) + sum(open.iter().map(|ends| nearest(middle, *ends)));
        if slope > 0.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    let square = |distance: f64| distance * distance;
    let least = around(low) + sum(open.iter().map(|ends| square(nearest(low, *ends))));
    let centre = if fixed.rows > 0 { fixed.mean } else { centre };
    let farthest = |(low, high): &(f64, f64)| (centre - low).abs().max((high - centre).abs());
    let most = around(centre) + sum(open.iter().map(|ends| square(farthest(ends))));
    // Rounding must not make the bounds narrower.
    (of(least) * (1.0 - 1e-9), of(most) * (1.0 + 1e-9))
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
        // One end would be beyond all numbers, and the other would not.
        assert_eq!(sample(1.7e308, 1e308).interval(0.95), None);
        assert_eq!(sample(-1.7e308, 1e308).interval(0.95), None);
    }

    #[test]
    fn deviations_are_as_near_as_they_are_said_to_be() {
        let is = |(least, most): (f64, f64), expected: (f64, f64)| {
            assert!((least - expected.0).abs() < 1e-8, "{least} {expected:?}");
            assert!((most - expected.1).abs() < 1e-8, "{most} {expected:?}");
        };
        // Around 10.5, in the middle of both: half away each.
        is(
            deviations(&[10.0, 10.0], &[11.0, 11.0]),
            (0.0, 0.5_f64.sqrt()),
        );
        // Around 1, the mean of what is known: 1 + 1, and 81 of the one that is open; nearest it lies there, too.
        is(
            deviations(&[0.0, 2.0, 0.0], &[0.0, 2.0, 10.0]),
            (1.0, 41.5_f64.sqrt()),
        );
        // The known ones count as often as there are of them: four at 0, one from 5 to 7, which is nearest at 5.
        is(
            deviations(&[0.0, 0.0, 0.0, 0.0, 5.0], &[0.0, 0.0, 0.0, 0.0, 7.0]),
            (5_f64.sqrt(), 12.25_f64.sqrt()),
        );
        assert_eq!(
            deviations(&[f64::NEG_INFINITY, 1.0], &[f64::INFINITY, 1.0]),
            (0.0, f64::INFINITY)
        );
    }
}
