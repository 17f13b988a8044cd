//! The worlds between which every filling of missing scores lies, for means of rows and their t intervals.

use super::limit::Precision;
use super::question::{Means, Question};
use super::world::{Basis, World, is_flat};
use crate::policy;
use crate::stats::{Fillings, Rates, Sample};

/// By so much of their size numbers may differ once they are added and subtracted.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// Rows whose means lie each between what it is at the worst and at the best.
///
/// `proven` is told least easily where rows lie apart: it is judged with the worst mean, or the best, and the
/// greatest deviation that there can be. `significant` is told most easily where they are alike, and is judged by the
/// very fillings that break the limit if any does.
pub(super) struct Envelope<'a> {
    question: &'a Question<'a>,
    /// The values of rows, or their changes.
    worst: Vec<f64>,
    best: Vec<f64>,
    worst_mean: f64,
    best_mean: f64,
    /// Of the candidate and of the baseline: between which values all rows can be alike, nowhere if the first is larger.
    same: [(f64, f64); 2],
    /// Whether one run is the same in every row whatever is missing, so that differences are alike only where the other is.
    is_one_same: bool,
    /// The change says it all, unless it is held against the baseline: then these are its ends.
    baselines: Vec<f64>,
    /// The size of the numbers, below which a difference is nothing but rounding.
    scale: f64,
}

impl<'a> Envelope<'a> {
    /// Of the means of rows at the worst and at the best, and the worlds of both.
    pub(super) fn new(
        question: &'a Question<'a>,
        [worst_means, best_means]: [&Means; 2],
        [worst, best]: [&World; 2],
    ) -> Self {
        let key = question.limit.key;
        let mut baselines = vec![worst.baseline];
        if key.is_relative() {
            baselines.push(best.baseline);
        }
        Self {
            question,
            worst: worst_means.values(key.is_change()),
            best: best_means.values(key.is_change()),
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
            worst_mean: worst.point(question.limit),
            best_mean: best.point(question.limit),
            baselines,
            scale: worst_means.scale().max(best_means.scale()),
        }
    }

    /// The worlds in which the limit is broken, if it is in any.
    pub(super) fn prone(&self) -> Vec<World> {
        let significant = self.question.evidence() == policy::Evidence::Significant;
        let samples = if significant {
            self.least_like_chance()
        } else {
            vec![self.apart(self.worst_mean)]
        };
        let mut worlds: Vec<World> = samples
            .iter()
            .flat_map(|sample| self.worlds(*sample, false))
            .collect();
        // That `significant` fails where rows are not quite alike may be; where they may be, nothing is proven.
        if !significant {
            worlds.extend(self.flat());
        }
        worlds.extend(self.same_rates());
        worlds
    }

    /// The worlds in which it holds, if it does in any.
    pub(super) fn immune(&self) -> Vec<World> {
        let mut worlds = self.worlds(self.apart(self.best_mean), false);
        worlds.extend(self.flat());
        worlds.extend(self.same_rates());
        worlds
    }

    /// With rows as far apart as they can be.
    fn apart(&self, mean: f64) -> Sample {
        Sample {
            rows: self.rows(),
            mean,
            deviation: Fillings::new(&self.worst, &self.best).greatest_deviation(),
        }
    }

    /// The fillings that break a limit if any does: of a value the one whose interval ends first, of a change the one
    /// that is least like chance of those beyond the limit, and of all, which says how small its p can be.
    fn least_like_chance(&self) -> Vec<Sample> {
        let limit = self.question.limit;
        // Turned so that low is bad.
        let turn = |value: f64| {
            if limit.key.wants_high() {
                value
            } else {
                -value
            }
        };
        let turned = |values: &[f64]| -> Vec<f64> { values.iter().copied().map(turn).collect() };
        let fillings = Fillings::new(&turned(&self.worst), &turned(&self.best));
        let back = |sample: Sample| Sample {
            mean: turn(sample.mean),
            ..sample
        };
        if !limit.key.is_change() {
            let lowest = fillings.lowest_end(self.question.gate.confidence);
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
        let beyond = fillings.least_by_chance(bound).map(|sample| Sample {
            // A little more, so that it is not taken to be at the limit.
            mean: sample.mean.min(bound - ROUNDING * self.scale.max(1.0)),
            ..sample
        });
        let any = fillings.least_by_chance(f64::INFINITY);
        beyond.into_iter().chain(any).map(back).collect()
    }

    /// The fillings by which a rate is the same in every row of each run, if there are any: at the ends of what it can be,
    /// between which the intervals of all others lie.
    fn same_rates(&self) -> Vec<World> {
        let is_change = self.question.limit.key.is_change();
        let [ours, theirs] = self.same;
        let can_be = |(low, high): (f64, f64)| is_flat(low - high, self.scale);
        if !self.question.is_rate() || !can_be(ours) || (is_change && !can_be(theirs)) {
            return Vec::new();
        }
        let rows = self.rows();
        let ends = |(low, high): (f64, f64)| [low, high.max(low)];
        if !is_change {
            let world = |rate: f64| World {
                rows,
                size: self.precision().size,
                candidate: rate,
                baseline: 0.0,
                basis: Basis::SameRate { rate, rows },
            };
            return ends(ours).map(world).into();
        }
        let world = |ours: f64, theirs: f64| World {
            rows,
            size: self.precision().size,
            candidate: ours,
            baseline: theirs,
            basis: Basis::SameRates(Rates { ours, theirs, rows }),
        };
        let of = |ours: f64| ends(theirs).map(|theirs| world(ours, theirs));
        ends(ours).into_iter().flat_map(of).collect()
    }

    fn worlds(&self, sample: Sample, is_flat: bool) -> Vec<World> {
        let is_change = self.question.limit.key.is_change();
        let world = |baseline: &f64| World {
            rows: sample.rows,
            size: self.precision().size,
            candidate: if is_change {
                baseline + sample.mean
            } else {
                sample.mean
            },
            baseline: *baseline,
            basis: Basis::Means { sample, is_flat },
        };
        self.baselines.iter().map(world).collect()
    }

    fn precision(&self) -> Precision {
        Precision::computed(self.question.pairing.precision().size)
    }

    fn rows(&self) -> u64 {
        self.worst.len() as u64
    }

    /// A filling by which the t interval has no width, if there is one: all rows are alike, other than by a rate that is
    /// the same in every row of each run.
    fn flat(&self) -> Vec<World> {
        let (low, high) = common(&self.worst, &self.best);
        let is_change = self.question.limit.key.is_change();
        let is_same_rate = self.question.is_rate() && (!is_change || self.is_one_same);
        if is_same_rate || !is_flat(low - high, self.scale) {
            return Vec::new();
        }
        let sample = Sample {
            rows: self.rows(),
            mean: f64::midpoint(low, high),
            deviation: 0.0,
        };
        self.worlds(sample, true)
    }
}

/// Where all rows can be alike: from the first to the second, and nowhere if that is lower.
fn common(one: &[f64], other: &[f64]) -> (f64, f64) {
    let ends = || one.iter().zip(other);
    let low = ends().fold(f64::NEG_INFINITY, |low, (a, b)| low.max(a.min(*b)));
    let high = ends().fold(f64::INFINITY, |high, (a, b)| high.min(a.max(*b)));
    (low, high)
}
