//! Rates: confidence intervals of one rate, and of the difference of two on the same rows.

use super::Interval;
use statrs::distribution::{Binomial, Discrete as _, DiscreteCDF as _};

use super::RunComponent;
use super::quantile::{normal_quantile, normal_tail};
use crate::number::{count, nearest_count};

/// The Wilson score interval of the rate `successes` / `trials` (Wilson 1927; Newcombe 1998, single proportion, method
/// 3). `trials` must be above 0. `confidence` is one-sided.
#[must_use]
pub fn wilson(successes: u64, trials: u64, confidence: f64) -> Interval {
    at(count(successes), count(trials), normal_quantile(confidence))
}

/// The same interval for a rate that need not be a whole number of rows; `rows` must be above 0.
#[must_use]
pub fn wilson_of_rate(rate: f64, rows: u64, confidence: f64) -> Interval {
    let n = count(rows);
    at(rate * n, n, normal_quantile(confidence))
}

fn at(successes: f64, trials: f64, z: f64) -> Interval {
    let (k, n) = (successes, trials);
    let p = k / n;
    let scale = 1.0 + z * z / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Interval {
        // The ends for a rate of 0 or 1 are known exactly, so they are set without rounding errors.
        low: if successes == 0.0 {
            0.0
        } else {
            ((centre - spread) / scale).clamp(0.0, p)
        },
        high: if successes == trials {
            1.0
        } else {
            ((centre + spread) / scale).clamp(p, 1.0)
        },
    }
}

/// The counts of rows that two runs scored true or false, with one trial each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// True in both.
    pub both: u64,
    /// True in the baseline, false in the candidate: regressed.
    pub regressed: u64,
    /// False in the baseline, true in the candidate: fixed.
    pub fixed: u64,
    /// False in both.
    pub neither: u64,
}

impl Pairs {
    /// Whether `other` has the same rows and the same candidate results, and additional rows that are true in the
    /// baseline.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.rows() == other.rows()
            && self.both + self.fixed == other.both + other.fixed
            && self.both <= other.both
            && self.regressed <= other.regressed
            && self != other
    }

    /// The number of all rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.both + self.regressed + self.fixed + self.neither
    }

    /// The change, candidate − baseline, as one division of counts.
    #[must_use]
    pub fn change(&self) -> f64 {
        (count(self.fixed) - count(self.regressed)) / count(self.rows())
    }

    /// The confidence interval of the change: Newcombe 1998, paired differences, method 10 (hybrid score, with the
    /// continuity correction of phi). There must be at least one row. `confidence` is one-sided.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Interval {
        self.at(normal_quantile(confidence))
    }

    fn at(&self, z: f64) -> Interval {
        let [both, regressed, fixed, neither] =
            [self.both, self.regressed, self.fixed, self.neither].map(count);
        Table {
            rows: count(self.rows()),
            both,
            regressed,
            fixed,
            neither,
            change: self.change(),
        }
        .at(z)
    }

    /// The one-sided p-value of a change in this direction, by inverting the interval: 1 − the highest confidence at
    /// which the interval excludes no change. It is 0.5 or more if there is no change in this direction. `drop`
    /// selects a drop, otherwise a rise.
    #[must_use]
    pub fn p(&self, drop: bool) -> f64 {
        inverted(|z| self.at(z), drop)
    }

    /// The same p-value by inverting the interval that a run component widens.
    #[must_use]
    pub fn p_with(&self, drop: bool, component: Option<RunComponent>) -> f64 {
        p_with(|z| self.at(z), self.change(), drop, component)
    }

    /// The smallest p-value of any pattern of the rows that turned: all of them turned the same way. It is the same
    /// for a drop and for a rise.
    #[must_use]
    pub fn attainable_p(&self, component: Option<RunComponent>) -> f64 {
        let against = Self {
            regressed: self.regressed + self.fixed,
            fixed: 0,
            ..*self
        };
        against.p_with(true, component)
    }
}

/// The rates of two runs, each of which is the same in every row. They are treated as if each row had one trial, and
/// as many rows turned as the rates require.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The candidate's rate.
    pub ours: f64,
    /// The baseline's rate.
    pub theirs: f64,
    /// The number of rows, above 0.
    pub rows: u64,
}

impl Rates {
    /// The confidence interval of the change, as in [`Pairs::interval`]. `confidence` is one-sided.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> Interval {
        self.at(normal_quantile(confidence))
    }

    /// The one-sided p-value of a change in this direction, as in [`Pairs::p`].
    #[must_use]
    pub fn p(&self, drop: bool) -> f64 {
        inverted(|z| self.at(z), drop)
    }

    /// The same p-value by inverting the interval that a run component widens.
    #[must_use]
    pub fn p_with(&self, drop: bool, component: Option<RunComponent>) -> f64 {
        p_with(|z| self.at(z), self.ours - self.theirs, drop, component)
    }

    fn at(&self, z: f64) -> Interval {
        let rows = count(self.rows);
        let (ours, theirs) = (self.ours * rows, self.theirs * rows);
        let both = ours.min(theirs);
        Table {
            rows,
            both,
            regressed: theirs - both,
            fixed: ours - both,
            neither: rows - ours.max(theirs),
            change: self.ours - self.theirs,
        }
        .at(z)
    }
}

/// A paired table whose counts need not be whole.
struct Table {
    rows: f64,
    both: f64,
    regressed: f64,
    fixed: f64,
    neither: f64,
    /// The change, candidate − baseline.
    change: f64,
}

impl Table {
    fn at(&self, z: f64) -> Interval {
        let rows = self.rows;
        // Rounding errors must not make a rate larger than 1.
        let ours = (self.both + self.fixed).min(rows);
        let theirs = (self.both + self.regressed).min(rows);
        let (one, other) = (at(ours, rows, z), at(theirs, rows, z));
        let (p1, p2) = (ours / rows, theirs / rows);
        let phi = self.phi();
        let change = self.change;
        let reach = |a: f64, b: f64| (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt();
        Interval {
            low: (change - reach(p1 - one.low, other.high - p2)).clamp(-1.0, change),
            high: (change + reach(one.high - p1, p2 - other.low)).clamp(change, 1.0),
        }
    }

    /// The correlation of the two runs, with Newcombe's continuity correction.
    fn phi(&self) -> f64 {
        let [a, b, c, d] = [self.both, self.fixed, self.regressed, self.neither];
        let product = (a + b) * (c + d) * (a + c) * (b + d);
        if product == 0.0 {
            return 0.0;
        }
        let covariance = a * d - b * c;
        let half = self.rows / 2.0;
        let corrected = (covariance - half).max(0.0) + covariance.min(0.0);
        corrected / product.sqrt()
    }
}

/// The one-sided p-value of a change in this direction: 1 − the highest confidence at which the interval excludes no
/// change.
fn inverted(interval: impl Fn(f64) -> Interval, drop: bool) -> f64 {
    let toward = |z: f64| {
        let interval = interval(z);
        if drop { interval.high } else { -interval.low }
    };
    // The interval grows with z until it includes no change. It includes it at once if there is no change in this
    // direction. If it never includes it, the search ends at the upper bound of z.
    let (mut out, mut within) = (0.0_f64, 64.0_f64);
    for _ in 0..200 {
        let middle = f64::midpoint(out, within);
        // Stop if there is no number in between, or if the difference would not show in p.
        if middle <= out || middle >= within || within - out < 1e-17 {
            break;
        }
        // It makes no measurable difference to which side a zero is counted.
        if toward(middle) < 0.0 {
            out = middle;
        } else {
            within = middle;
        }
    }
    normal_tail(within)
}

/// The p-value of a change by inverting its interval, with a run component if there is one.
fn p_with(
    interval: impl Fn(f64) -> Interval,
    change: f64,
    drop: bool,
    component: Option<RunComponent>,
) -> f64 {
    let Some(component) = component else {
        return inverted(interval, drop);
    };
    let size = if drop { -change } else { change };
    let width = |z: f64| {
        let interval = interval(z);
        if drop {
            interval.high - change
        } else {
            change - interval.low
        }
    };
    component.p(size, width)
}

/// The two-sided p-value of `McNemar`'s test with the mid-p correction (Fagerland, Lydersen & Laake 2013; for equal
/// counts their supplement).
#[must_use]
pub fn mid_p(regressed: u64, fixed: u64) -> f64 {
    let n = regressed + fixed;
    let least = regressed.min(fixed);
    if n == 0 {
        return 1.0;
    }
    let Ok(binomial) = Binomial::new(0.5, n) else {
        return f64::NAN;
    };
    let point = binomial.pmf(least);
    // The exact p-value is 1 here. The mid-p correction subtracts half the probability of the observed counts.
    if regressed == fixed {
        return 1.0 - point / 2.0;
    }
    2.0 * binomial.cdf(least) - point
}

/// The probability that the net number of rows that turn one way is more than `allowed`. Each of `rows` turns with the
/// probability `turns`, and either way with equal probability. This is a sum of independent steps of -1, 0 and 1. It
/// is exact except for terms that are too small to matter.
#[must_use]
pub fn chance_of_net(rows: u64, turns: f64, allowed: u64) -> f64 {
    let Ok(turned) = Binomial::new(turns.clamp(0.0, 1.0), rows) else {
        return f64::NAN;
    };
    let mean = count(rows) * turns;
    // Larger numbers are too unlikely to matter and would only take more time.
    let most = nearest_count(mean + 10.0 * mean.sqrt() + 10.0).min(rows);
    let beyond = |of: u64| {
        let Ok(one_way) = Binomial::new(0.5, of) else {
            return 0.0;
        };
        // The net number is above `allowed` if more than half of `of` + `allowed` rows turn one way.
        one_way.sf(u64::midpoint(of, allowed))
    };
    (allowed..=most).map(|of| turned.pmf(of) * beyond(of)).sum()
}
