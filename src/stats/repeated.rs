//! Repeated runs of an unchanged model: how much their means differ, and how much of that single rows explain.

use statrs::distribution::{ChiSquared, ContinuousCDF as _, FisherSnedecor};

use super::Interval;
use super::quantile::{normal_quantile, normal_tail};
use crate::number::{TOLERANCE, count};

/// The probability that each end of the interval of the run component leaves out.
const TAIL: f64 = 0.05;

/// The mean squares of a one-way analysis of variance with a random effect, and the variance between the groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components {
    /// The mean square between the groups.
    pub between: f64,
    /// The mean square within the groups.
    pub within: f64,
    /// The variance between the groups: (between − within) / n, and 0 if that is negative.
    pub component: f64,
    /// Its interval by Williams (1962), of which each end is exceeded with at most 5 %; never negative.
    pub interval: Interval,
}

impl Components {
    /// The components for `groups` groups of `size` values each, from mean squares with `groups` − 1 and `freedom` degrees
    /// of freedom.
    fn of(groups: u64, size: u64, between: f64, within: f64, freedom: f64) -> Self {
        let size = count(size);
        let group_freedom = count(groups) - 1.0;
        let component = ((between - within) / size).max(0.0);
        let end = |tail: f64| {
            let (Ok(f), Ok(chi)) = (
                FisherSnedecor::new(group_freedom, freedom),
                ChiSquared::new(group_freedom),
            ) else {
                return f64::NAN;
            };
            let (f, chi) = (f.inverse_cdf(tail), chi.inverse_cdf(tail));
            // The sum of squares between the groups, less what chance explains at this end.
            (group_freedom * (between - f * within) / (size * chi)).max(0.0)
        };
        Self {
            between,
            within,
            component,
            interval: Interval {
                low: end(1.0 - TAIL),
                high: end(TAIL),
            },
        }
    }
}

/// The components of groups that have the same number of values: the one-way random-effects model. `None` for fewer than two
/// groups, or fewer than two values in a group, or groups of different sizes.
#[must_use]
pub fn one_way(groups: &[Vec<f64>]) -> Option<Components> {
    let size = groups.first()?.len();
    if groups.len() < 2 || size < 2 || groups.iter().any(|group| group.len() != size) {
        return None;
    }
    let means: Vec<f64> = groups.iter().map(|group| mean(group)).collect();
    let within: f64 = groups
        .iter()
        .zip(&means)
        .map(|(group, mean)| squares(group, *mean))
        .sum();
    let freedom = count((groups.len() * (size - 1)) as u64);
    let between = count(size as u64) * variance(&means);
    Some(Components::of(
        groups.len() as u64,
        size as u64,
        between,
        within / freedom,
        freedom,
    ))
}

/// What several runs of an unchanged model on the same rows show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunNoise {
    /// The number of runs.
    pub runs: u64,
    /// The number of rows that every run scored.
    pub rows: u64,
    /// The mean over rows and runs.
    pub mean: f64,
    /// The fraction of rows whose value is not the same in every run.
    pub flipped: f64,
    /// The standard deviation of a run's mean if rows varied independently of each other: √(Σ s²) / rows, with the
    /// variance s² of each row over the runs.
    pub expected: f64,
    /// The standard error of a run's mean over its rows, as the interval of one run has it: the standard deviation of the
    /// rows of a run / √rows, averaged over the runs as a variance. Rows that always differ count too.
    pub row_error: f64,
    /// The standard deviation of the means of the runs.
    pub observed: f64,
    /// The standard deviation of what moves all rows of a run at once: the square root of the run component of the
    /// rows × runs table without the rows' own means; 0 if rows explain all.
    pub run: f64,
    /// The interval of `run`.
    pub interval: Interval,
    /// Cochran's Q (1950) and its p-value: whether the runs pass equally often. `None` for values other than true and
    /// false, or if no row differs.
    pub cochran: Option<(f64, f64)>,
}

impl RunNoise {
    /// Measures the noise of runs. Each item of `rows` has the value of one row in each run, as a fraction or a score;
    /// `are_truths` tells whether they are 0 or 1. `None` for fewer than two runs or rows.
    #[must_use]
    pub fn of(rows: &[Vec<f64>], are_truths: bool) -> Option<Self> {
        let runs = rows.first()?.len();
        if runs < 2 || rows.len() < 2 || rows.iter().any(|row| row.len() != runs) {
            return None;
        }
        let number = count(rows.len() as u64);
        let run_means: Vec<f64> = (0..runs)
            .map(|run| rows.iter().filter_map(|row| row.get(run)).sum::<f64>() / number)
            .collect();
        let all = mean(&run_means);
        let of_rows: f64 = rows.iter().map(|row| variance(row)).sum();
        let of_runs: f64 = (0..runs)
            .map(|run| {
                let values: Vec<f64> = rows
                    .iter()
                    .filter_map(|row| row.get(run).copied())
                    .collect();
                variance(&values)
            })
            .sum();
        // What is left after each row's and each run's mean is taken out.
        let residual: f64 = rows
            .iter()
            .map(|row| {
                let own = mean(row);
                let left = row.iter().zip(&run_means);
                left.map(|(value, run)| (value - own - run + all).powi(2))
                    .sum::<f64>()
            })
            .sum();
        let freedom = (number - 1.0) * (count(runs as u64) - 1.0);
        let components = Components::of(
            runs as u64,
            rows.len() as u64,
            number * variance(&run_means),
            residual / freedom,
            freedom,
        );
        let is_other = |row: &&Vec<f64>| row.iter().any(|value| Some(value) != row.first());
        Some(Self {
            runs: runs as u64,
            rows: rows.len() as u64,
            mean: all,
            flipped: count(rows.iter().filter(is_other).count() as u64) / number,
            expected: of_rows.sqrt() / number,
            row_error: (of_runs / (count(runs as u64) * number)).sqrt(),
            observed: variance(&run_means).sqrt(),
            run: components.component.sqrt(),
            interval: Interval {
                low: components.interval.low.sqrt(),
                high: components.interval.high.sqrt(),
            },
            cochran: are_truths.then(|| cochran(rows, runs)).flatten(),
        })
    }

    /// The standard deviation of a run's mean: of its rows and of the run together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.expected.hypot(self.run)
    }
}

/// Cochran's Q and its p-value by the chi-squared distribution.
fn cochran(rows: &[Vec<f64>], runs: usize) -> Option<(f64, f64)> {
    let totals: Vec<f64> = (0..runs)
        .map(|run| rows.iter().filter_map(|row| row.get(run)).sum())
        .collect();
    let of_rows: Vec<f64> = rows.iter().map(|row| row.iter().sum()).collect();
    let (number, all) = (count(runs as u64), totals.iter().sum::<f64>());
    let sum_of_squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    let divisor = number * all - sum_of_squares(&of_rows);
    if divisor == 0.0 {
        return None;
    }
    let q = (number - 1.0) * (number * sum_of_squares(&totals) - all * all) / divisor;
    let chi = ChiSquared::new(number - 1.0).ok()?;
    Some((q, chi.sf(q)))
}

/// How often a value that varies with the standard deviation `sd` is beyond a limit that is `margin` away from its mean, by
/// the normal distribution.
#[must_use]
pub fn rate_beyond(sd: f64, margin: f64) -> f64 {
    if sd == 0.0 {
        return if margin >= 0.0 { 0.0 } else { 1.0 };
    }
    normal_tail(margin / sd)
}

/// The shift of the mean with which the value is beyond the limit with the probability `power`.
#[must_use]
pub fn caught(sd: f64, margin: f64, power: f64) -> f64 {
    margin + normal_quantile(power) * sd
}

/// The margin at which the value is beyond the limit with the probability `rate`.
#[must_use]
pub fn margin_of(sd: f64, rate: f64) -> f64 {
    normal_quantile(1.0 - rate) * sd
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len() as u64)
}

fn squares(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// The unbiased variance; 0 for values that differ only by rounding errors.
fn variance(values: &[f64]) -> f64 {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if high - low <= TOLERANCE * high.abs().max(low.abs()) {
        return 0.0;
    }
    squares(values, mean(values)) / (count(values.len() as u64) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64, digits: f64) -> bool {
        (one - other).abs() < digits
    }

    /// The yield of dyestuff of five samples from each of six batches (Davies 1947), with the components of Box and Tiao
    /// (1973).
    #[test]
    fn dyestuff() {
        let batches = [
            [1545.0, 1440.0, 1440.0, 1520.0, 1580.0],
            [1540.0, 1555.0, 1490.0, 1560.0, 1495.0],
            [1595.0, 1550.0, 1605.0, 1510.0, 1560.0],
            [1445.0, 1440.0, 1595.0, 1465.0, 1545.0],
            [1595.0, 1630.0, 1515.0, 1635.0, 1625.0],
            [1520.0, 1455.0, 1450.0, 1480.0, 1445.0],
        ];
        let found = one_way(&batches.map(Vec::from)).unwrap();
        assert!(near(found.between, 11271.5, 1e-9), "{found:?}");
        assert!(near(found.within, 2451.25, 1e-9), "{found:?}");
        assert!(near(found.component, 1764.05, 1e-9), "{found:?}");
        assert!(found.interval.low < 1764.05 && found.interval.high > 1764.05);
        assert!(found.interval.low > 0.0, "{found:?}");
    }

    /// tau-bench's airline tasks with gpt-4o: 50 tasks in four runs that passed 21, 22, 20 and 21 of them. 10 tasks passed
    /// in every run, 4 in three, 10 in two, 12 in one.
    #[test]
    fn tau_bench() {
        let mut left: [f64; 4] = [21.0, 22.0, 20.0, 21.0];
        let mut rows = Vec::new();
        for (tasks, passed) in [(10, 4), (4, 3), (10, 2), (12, 1), (14, 0)] {
            for _ in 0..tasks {
                let mut row = vec![0.0; 4];
                for _ in 0..passed {
                    let free = (0..4).filter(|run| row[*run] == 0.0);
                    let run = free.max_by(|one, other| left[*one].total_cmp(&left[*other]));
                    let run = run.unwrap();
                    row[run] = 1.0;
                    left[run] -= 1.0;
                }
                rows.push(row);
            }
        }
        assert_eq!(left, [0.0; 4]);
        let found = RunNoise::of(&rows, true).unwrap();
        assert!(near(found.mean, 0.42, 1e-12));
        assert!(near(found.expected, 0.0542, 5e-5), "{found:?}");
        let (q, p) = found.cochran.unwrap();
        assert!(near(q, 0.273, 5e-4) && near(p, 0.965, 5e-4), "{q} {p}");
        // Runs that differ less than rows explain have no component of their own.
        assert_eq!((found.run, found.interval.low), (0.0, 0.0));
        assert!(near(found.flipped, 26.0 / 50.0, 1e-12));
        assert!(near(found.total(), found.expected, 1e-12));
    }

    /// The example in pingouin's documentation: Q 6.705882 and p 0.034981 for three conditions. Q depends on the totals of
    /// rows and columns only, and these are totals that give it.
    #[test]
    fn cochran_of_pingouin() {
        let mut rows = vec![vec![1.0, 1.0, 0.0], vec![1.0; 3], vec![0.0; 3]];
        for (number, row) in [
            (10, [1.0, 0.0, 0.0]),
            (3, [0.0, 1.0, 0.0]),
            (3, [0.0, 0.0, 1.0]),
        ] {
            rows.extend(std::iter::repeat_n(Vec::from(row), number));
        }
        let (q, p) = RunNoise::of(&rows, true).unwrap().cochran.unwrap();
        assert!(
            near(q, 6.705_882, 5e-7) && near(p, 0.034_981, 5e-7),
            "{q} {p}"
        );
        assert_eq!(RunNoise::of(&rows, false).unwrap().cochran, None);
    }

    /// A run component of 2 points on 1,000 rows is found, and one of 0 is not.
    #[test]
    fn what_moves_all_rows_at_once_is_found() {
        // Independent noise of rows from a fixed sequence, and one shift for each run.
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            count(state >> 11) / count(1 << 53) - 0.5
        };
        let shifts = [-0.03, 0.02, 0.01, -0.01, 0.03, -0.02, 0.0, 0.0];
        for scale in [0.0, 1.0] {
            let rows: Vec<Vec<f64>> = (0..1000)
                .map(|_| shifts.iter().map(|shift| shift * scale + next()).collect())
                .collect();
            let found = RunNoise::of(&rows, false).unwrap();
            assert!(found.interval.low <= found.run && found.run <= found.interval.high);
            if scale == 0.0 {
                assert!(found.run < 0.01, "{found:?}");
            } else {
                assert!(near(found.run, variance(&shifts).sqrt(), 0.01), "{found:?}");
                assert!(found.interval.low > 0.005, "{found:?}");
            }
            assert!(near(
                found.expected,
                (1.0_f64 / 12.0).sqrt() / 1000.0_f64.sqrt(),
                0.001
            ));
        }
    }

    #[test]
    fn limits_and_how_often_they_are_crossed() {
        let sd = 0.02;
        let at = margin_of(sd, 0.05);
        assert!(near(rate_beyond(sd, at), 0.05, 1e-9));
        assert!(near(at, 1.644_853_6 * sd, 1e-9));
        assert!(near(caught(sd, at, 0.5), at, 1e-9));
        assert!(near(caught(sd, 0.0, 0.8), 0.841_621_2 * sd, 1e-9));
        assert_eq!((rate_beyond(0.0, 0.02), rate_beyond(0.0, -0.1)), (0.0, 1.0));
    }

    /// The table of false alarms of the decision rules, without the run component: an unchanged model, a run shift of s, a
    /// drop limit of 2 points, 200 to 1,000 rows. It was simulated with a pass rate that it does not state; with 10 % of
    /// rows that flip this formula is near it.
    #[test]
    fn more_rows_make_false_alarms_worse() {
        for (shift, rates) in [
            (0.01, [0.068, 0.101, 0.129]),
            (0.02, [0.112, 0.183, 0.246]),
            (0.03, [0.166, 0.258, 0.327]),
        ] {
            let mut last = 0.0;
            for (rows, expected) in [200.0, 500.0, 1000.0_f64].into_iter().zip(rates) {
                // The standard deviation of a row's difference between two runs.
                let of_rows = 0.42 / rows.sqrt();
                let threshold = (normal_quantile(0.95) * of_rows).max(0.02);
                let sd = of_rows.hypot(shift * std::f64::consts::SQRT_2);
                let rate = rate_beyond(sd, threshold);
                assert!(
                    rate > last && near(rate, expected, 0.04),
                    "{shift} {rows}: {rate}"
                );
                last = rate;
            }
        }
    }

    #[test]
    fn too_little_shows_nothing() {
        assert_eq!(RunNoise::of(&[], true), None);
        assert_eq!(RunNoise::of(&[vec![1.0], vec![0.0]], true), None);
        assert_eq!(RunNoise::of(&[vec![1.0, 0.0]], true), None);
        assert_eq!(RunNoise::of(&[vec![1.0, 0.0], vec![1.0]], true), None);
        assert_eq!(one_way(&[vec![1.0, 2.0]]), None);
        let still = RunNoise::of(&[vec![1.0, 1.0], vec![0.0, 0.0]], true).unwrap();
        assert_eq!((still.flipped, still.observed, still.run), (0.0, 0.0, 0.0));
        assert_eq!(still.cochran, None);
    }
}
