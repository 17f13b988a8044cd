//! Quantiles and tails of the normal and the t distribution.

use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

/// From this many degrees of freedom on, the expansion is accurate to eleven digits.
const MUCH_FREEDOM: f64 = 500.0;
/// Below this tail probability the quantile of its complement loses digits.
const SMALL_TAIL: f64 = 1e-5;

/// The upper tail of the standard normal distribution: the probability of a value above `z`.
#[must_use]
pub fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The quantile of the standard normal distribution. `probability` is above 0 and below 1.
#[must_use]
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// The upper tail of Student's t distribution: the probability of a value above `t`.
pub(super) fn t_tail(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.sf(t))
}

/// The quantile of Student's t distribution. `probability` is above 0 and below 1.
pub(super) fn t_quantile(probability: f64, freedom: f64) -> f64 {
    // The library's inverse loses digits if there are many degrees of freedom.
    if freedom >= MUCH_FREEDOM {
        return expanded(normal_quantile(probability), freedom);
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.inverse_cdf(probability))
}

/// The value that Student's t exceeds with the probability `tail`, which is above 0 and at most 0.5. It is accurate for
/// small tails, too.
pub(super) fn t_upper(tail: f64, freedom: f64) -> f64 {
    if tail >= SMALL_TAIL {
        return t_quantile(1.0 - tail, freedom).max(0.0);
    }
    let (mut low, mut high) = (1.0_f64, 2.0_f64);
    while t_tail(high, freedom) > tail && high < f64::MAX / 2.0 {
        (low, high) = (high, high * 2.0);
    }
    while high - low > 1e-13 * high {
        let middle = f64::midpoint(low, high);
        if t_tail(middle, freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Student's quantile computed from the normal quantile `z`, for many degrees of freedom (Abramowitz & Stegun 1964,
/// 26.7.5).
fn expanded(z: f64, freedom: f64) -> f64 {
    let square = z * z;
    let series = |terms: &[f64]| terms.iter().fold(0.0, |sum, term| sum * square + term) * z;
    let terms = [
        series(&[1.0, 1.0]) / 4.0,
        series(&[5.0, 16.0, 3.0]) / 96.0,
        series(&[3.0, 19.0, 17.0, -15.0]) / 384.0,
        series(&[79.0, 776.0, 1482.0, -1920.0, -945.0]) / 92_160.0,
    ];
    let mut power = 1.0;
    terms.iter().fold(z, |sum, term| {
        power /= freedom;
        sum + term * power
    })
}
