//! The scenarios that bound all other scenarios, for means of rows and their t intervals.

use crate::judge::limit::Precision;
use crate::judge::significance::row_means::{RowMeans, RowTest};
use crate::judge::significance::scenario::{IntervalMethod, Scenario, is_flat};
use crate::policy;
use crate::stats::{Imputations, Rates, Sample};

/// The relative error of numbers that were added and subtracted.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// Rows whose means each lie between their value at the worst and at the best.
///
/// `proven` is hardest to reach if rows differ most. So it is judged with the worst or the best mean and the greatest
/// possible deviation. `significant` is easiest to reach if rows differ least. So it is judged by those imputations
/// that break the limit if any imputation does.
pub(in crate::judge) struct ScenarioBounds<'a> {
    row_test: &'a RowTest<'a>,
    /// The values of the rows or their changes, or the sums of these in each cluster, with missing scores at their worst.
    worst: Vec<f64>,
    best: Vec<f64>,
    /// The rows that these are of.
    means: &'a RowMeans,
    worst_mean: f64,
    best_mean: f64,
    /// For the candidate and the baseline: the range of values that all rows can have in common; empty if the first is
    /// larger.
    same: [(f64, f64); 2],
    /// Whether one run has the same value in every row for any missing scores. Then the differences are equal only if
    /// the other run's values are.
    is_one_same: bool,
    /// The values of the baseline. Only the change matters unless the limit is relative to the baseline; for a
    /// relative limit these are the baseline's values in the worst and the best scenario.
    baselines: Vec<f64>,
    /// The size of the numbers. Differences that are much smaller than it are rounding errors.
    scale: f64,
}

impl<'a> ScenarioBounds<'a> {
    /// Builds the bounds from the means of rows and the scenarios with missing scores at their worst and at their
    /// best.
    pub(in crate::judge) fn new(
        row_test: &'a RowTest<'a>,
        [worst_means, best_means]: [&'a RowMeans; 2],
        [worst, best]: [&Scenario; 2],
    ) -> Self {
        let key = row_test.limit.key;
        let mut baselines = vec![worst.baseline];
        if key.is_relative() {
            baselines.push(best.baseline);
        }
        Self {
            row_test,
            worst: worst_means.sums(key.is_change()),
            best: best_means.sums(key.is_change()),
            means: worst_means,
            same: [
                common(&worst_means.candidate, &best_means.candidate),
                common(&worst_means.baseline, &best_means.baseline),
            ],
            is_one_same: [
                (&worst_means.candidate, &best_means.candidate),
                (&worst_means.baseline, &best_means.baseline),
            ]
            .into_iter()
            .any(|(one, other)| {
                let sample = Sample::of(one);
                one == other
                    && sample.is_some_and(|sample| is_flat(sample.deviation, worst_means.scale()))
            }),
            worst_mean: worst.point(row_test.limit),
            best_mean: best.point(row_test.limit),
            baselines,
            scale: worst_means.scale().max(best_means.scale()),
        }
    }

    /// Scenarios such that, if the limit is broken in any scenario, it is broken in one of these.
    pub(in crate::judge) fn worst_cases(&self) -> Vec<Scenario> {
        let significant = self.row_test.evidence() == policy::Evidence::Significant;
        let samples = if significant {
            self.least_like_chance()
        } else {
            vec![self.apart(self.worst_mean)]
        };
        let mut scenarios: Vec<Scenario> = samples
            .iter()
            .flat_map(|sample| self.scenarios(*sample, false))
            .collect();
        // `significant` can fail if rows differ a little, so a flat scenario adds nothing. `proven` cannot be decided
        // if rows can be equal.
        if !significant {
            scenarios.extend(self.flat());
        }
        scenarios.extend(self.same_rates());
        scenarios
    }

    /// Scenarios such that, if the limit holds in any scenario, it holds in one of these.
    pub(in crate::judge) fn best_cases(&self) -> Vec<Scenario> {
        let mut scenarios = self.scenarios(self.apart(self.best_mean), false);
        scenarios.extend(self.flat());
        scenarios.extend(self.same_rates());
        scenarios
    }

    /// A sample with this mean in which the rows differ as much as they can.
    fn apart(&self, mean: f64) -> Sample {
        Sample {
            rows: self.rows(),
            mean,
            deviation: self
                .imputations(&self.worst, &self.best)
                .greatest_deviation(),
        }
    }

    fn imputations(&self, one: &[f64], other: &[f64]) -> Imputations {
        self.means.imputations(one, other)
    }

    /// The imputations that break a limit if any imputation does. For a value: the one whose interval ends first. For
    /// a change: the one that is least likely by chance among those beyond the limit, and the one among all, which
    /// gives the smallest possible p-value.
    fn least_like_chance(&self) -> Vec<Sample> {
        let limit = self.row_test.limit;
        // The sign is chosen so that low values are bad.
        let turn = |value: f64| {
            if limit.key.wants_high() {
                value
            } else {
                -value
            }
        };
        let turned = |values: &[f64]| -> Vec<f64> { values.iter().copied().map(turn).collect() };
        let imputations = self.imputations(&turned(&self.worst), &turned(&self.best));
        let component = self.row_test.component;
        let back = |sample: Sample| Sample {
            mean: turn(sample.mean),
            ..sample
        };
        if !limit.key.is_change() {
            let lowest = imputations.lowest_end(self.row_test.gate.confidence, component);
            return lowest.map(back).into_iter().collect();
        }
        let precision = self.precision();
        let bounds = self.baselines.iter().map(|baseline| {
            let allowed = if limit.key.is_relative() {
                limit.value * baseline.abs()
            } else {
                limit.value
            };
            allowed + precision.slack(allowed)
        });
        let bound = -bounds.fold(f64::INFINITY, f64::min);
        let beyond = imputations
            .least_by_chance(bound, component)
            .map(|sample| Sample {
                // The mean is moved a little further, so that it does not count as being at the limit.
                mean: sample.mean.min(bound - ROUNDING * self.scale.max(1.0)),
                ..sample
            });
        let any = imputations.least_by_chance(f64::INFINITY, component);
        beyond.into_iter().chain(any).map(back).collect()
    }

    /// The imputations in which each run has the same rate in every row, if there are any. The rates are at the ends
    /// of their range; the intervals of all other such imputations lie between these.
    fn same_rates(&self) -> Vec<Scenario> {
        let is_change = self.row_test.limit.key.is_change();
        let [ours, theirs] = self.same;
        let can_be = |(low, high): (f64, f64)| is_flat(low - high, self.scale);
        if !self.row_test.is_rate() || !can_be(ours) || (is_change && !can_be(theirs)) {
            return Vec::new();
        }
        let rows = self.rows();
        let ends = |(low, high): (f64, f64)| [low, high.max(low)];
        if !is_change {
            let scenario = |rate: f64| Scenario {
                rows,
                size: self.precision().size,
                candidate: rate,
                baseline: 0.0,
                method: IntervalMethod::SameRate { rate, rows },
                component: self.row_test.component,
            };
            return ends(ours).map(scenario).into();
        }
        let scenario = |ours: f64, theirs: f64| Scenario {
            rows,
            size: self.precision().size,
            candidate: ours,
            baseline: theirs,
            method: IntervalMethod::SameRates(Rates { ours, theirs, rows }),
            component: self.row_test.component,
        };
        let of = |ours: f64| ends(theirs).map(|theirs| scenario(ours, theirs));
        ends(ours).into_iter().flat_map(of).collect()
    }

    fn scenarios(&self, sample: Sample, is_flat: bool) -> Vec<Scenario> {
        let is_change = self.row_test.limit.key.is_change();
        let scenario = |baseline: &f64| Scenario {
            rows: sample.rows,
            size: self.precision().size,
            candidate: if is_change {
                baseline + sample.mean
            } else {
                sample.mean
            },
            baseline: *baseline,
            method: IntervalMethod::Means { sample, is_flat },
            component: self.row_test.component,
        };
        self.baselines.iter().map(scenario).collect()
    }

    fn precision(&self) -> Precision {
        Precision::computed(self.row_test.pairing.precision().size)
    }

    fn rows(&self) -> u64 {
        self.worst.len() as u64
    }

    /// An imputation whose t interval has zero width, if there is one: all rows are equal. Rates that are the same in
    /// every row of each run are excluded, because they have another interval.
    fn flat(&self) -> Vec<Scenario> {
        let sizes = self.means.sizes();
        let of_rows = |sums: &[f64]| -> Vec<f64> {
            let both = sums.iter().zip(&sizes);
            both.map(|(sum, rows)| sum / rows).collect()
        };
        let (low, high) = common(&of_rows(&self.worst), &of_rows(&self.best));
        let is_change = self.row_test.limit.key.is_change();
        let is_same_rate = self.row_test.is_rate()
            && if self.means.clusters.is_some() {
                // The clusters can be equal although rows differ, unless no row or every row passes.
                !is_change && low == high && (low == 0.0 || low == 1.0)
            } else {
                !is_change || self.is_one_same
            };
        if is_same_rate || !is_flat(low - high, self.scale) {
            return Vec::new();
        }
        let sample = Sample {
            rows: self.rows(),
            mean: f64::midpoint(low, high),
            deviation: 0.0,
        };
        self.scenarios(sample, true)
    }
}

/// The range of values that all rows can have in common; empty if the second value is lower than the first.
fn common(one: &[f64], other: &[f64]) -> (f64, f64) {
    let ends = || one.iter().zip(other);
    let low = ends().fold(f64::NEG_INFINITY, |low, (a, b)| low.max(a.min(*b)));
    let high = ends().fold(f64::INFINITY, |high, (a, b)| high.min(a.max(*b)));
    (low, high)
}
