//! Bounds on the means and deviations of numbers, some of which are known only to lie between two ends.

use super::cluster_imputation::Clusters;
use super::mean::sum;
use super::quantile::t_quantile;
use super::{RunComponent, Sample};
use crate::number::count;

/// The relative margin that keeps rounding errors from making bounds too narrow.
const ROUNDING: f64 = 1e-9;
/// Rounding errors are at most this fraction of the largest number.
const EPSILON: f64 = 1e-12;
/// The number of steps of a search for the lowest value: each leaves 0.618 of the range.
const STEPS: u32 = 70;

/// Numbers, some of which are open: they may lie anywhere between two ends. An imputation gives each open number a
/// value.
///
/// Among all imputations with the same mean, the deviation is smallest if every open number is as close as possible to
/// one common level. So an imputation with a low mean and a small deviation can be found by trying levels.
#[derive(Clone, Debug)]
pub struct Imputations {
    rows: u64,
    known: Moments,
    /// The low and high ends of the open numbers.
    open: Vec<(f64, f64)>,
    /// The largest absolute value of all ends, at least 1.
    scale: f64,
    /// The clusters that the rows are in; the fields above are empty then. `None` without clusters.
    clusters: Option<Clusters>,
}

impl Imputations {
    /// Numbers that each lie between the values at the same index of two lists. All values must be finite.
    #[must_use]
    pub fn new(one: &[f64], other: &[f64]) -> Self {
        let pairs = || one.iter().zip(other);
        let known: Vec<f64> = pairs().filter(|(a, b)| a == b).map(|(a, _)| *a).collect();
        let open = pairs().filter(|(a, b)| a != b);
        let all = one.iter().chain(other);
        Self {
            scale: all.fold(1.0, |scale, value| scale.max(value.abs())),
            rows: one.len() as u64,
            known: Moments::of(&known),
            open: open.map(|(a, b)| (a.min(*b), a.max(*b))).collect(),
            clusters: None,
        }
    }

    /// Clusters of rows, by the sum of each cluster, which lies between the values at the same index of two lists, and by
    /// the number of its rows.
    #[must_use]
    pub fn of_clusters(one: &[f64], other: &[f64], sizes: &[f64]) -> Self {
        let clusters = Clusters::new(one, other, sizes);
        Self {
            rows: clusters.number(),
            known: Moments::default(),
            open: Vec::new(),
            scale: clusters.scale(),
            clusters: Some(clusters),
        }
    }

    /// An upper bound of the standard deviation of all imputations, with a small margin for rounding.
    ///
    /// For any fixed centre, the sum of squares of an imputation is at most the sum of squared distances from that
    /// centre with each open number as far away from it as possible.
    #[must_use]
    pub fn greatest_deviation(&self) -> f64 {
        if let Some(clusters) = &self.clusters {
            return clusters.deviation(clusters.most_squares()) * (1.0 + ROUNDING);
        }
        let ends = || self.open.iter().flat_map(|(low, high)| [*low, *high]);
        let least = ends().fold(f64::INFINITY, f64::min);
        let most = ends().fold(f64::NEG_INFINITY, f64::max);
        let centre = if self.known.rows > 0 {
            self.known.mean
        } else {
            f64::midpoint(least, most)
        };
        let square = |(low, high): &(f64, f64)| {
            let farthest = (centre - low).abs().max((high - centre).abs());
            farthest * farthest
        };
        let squares = self.known.squares + sum(self.open.iter().map(square));
        (squares / (count(self.rows) - 1.0).max(1.0)).sqrt() * (1.0 + ROUNDING)
    }

    /// Among the imputations whose mean is at most `ceiling`, the one whose mean divided by its standard deviation is
    /// lowest. This is the imputation that is least likely by chance, also if a run component makes each of them more
    /// likely. `None` if no mean is that low.
    #[must_use]
    pub fn least_by_chance(&self, ceiling: f64, component: Option<RunComponent>) -> Option<Sample> {
        if self.clusters.is_some() || component.is_some() {
            // At means above 0 no p-value is small, and they need not fall and rise.
            let is_any_low = self.means().is_some_and(|(least, _)| least < 0.0);
            let ceiling = if is_any_low {
                ceiling.min(0.0)
            } else {
                ceiling
            };
            return self.searched(ceiling, |sample| match component {
                Some(_) => sample.p_with(true, component).unwrap_or(1.0),
                None => sample.mean / sample.deviation,
            });
        }
        let turns = |stretch: &Stretch| {
            // The first level is where the derivative of the ratio is zero.
            let fixed = &stretch.fixed;
            [
                fixed.mean + fixed.squares / (count(fixed.rows) * fixed.mean),
                stretch.level_of_mean(ceiling),
            ]
        };
        let most = ceiling + EPSILON * self.scale;
        // If all numbers are zero, the ratio is NaN, and no mean is lower.
        self.lowest(turns, |mean, squares| {
            (mean <= most).then(|| mean / squares.sqrt())
        })
    }

    /// The imputation whose interval, widened by a run component if there is one, has the lowest high end; `None` if there
    /// are no numbers. `confidence` is one-sided.
    #[must_use]
    pub fn lowest_end(&self, confidence: f64, component: Option<RunComponent>) -> Option<Sample> {
        if self.clusters.is_some() || component.is_some() {
            return self.searched(f64::INFINITY, |sample| {
                let high = sample
                    .interval(confidence)
                    .map_or(f64::INFINITY, |of| of.high);
                let reach = component.map_or(0.0, |of| of.reach(confidence));
                sample.mean + (high - sample.mean).hypot(reach)
            });
        }
        let freedom = count(self.rows) - 1.0;
        // The half-width of the interval per square root of the sum of squares.
        let part = t_quantile(confidence, freedom) / (count(self.rows) * freedom).sqrt();
        let turns = |stretch: &Stretch| {
            // The level is where the derivative of the sum is zero.
            let fixed = &stretch.fixed;
            let (slope, bend) = (stretch.share(), stretch.bend());
            let below =
                slope * (fixed.squares / (bend * (part * part * bend - slope * slope))).sqrt();
            [fixed.mean - below; 2]
        };
        self.lowest(turns, |mean, squares| Some(mean + part * squares.sqrt()))
    }

    /// The lowest and the highest possible mean; `None` if there are no numbers.
    fn means(&self) -> Option<(f64, f64)> {
        if let Some(clusters) = &self.clusters {
            return (clusters.number() > 0).then(|| clusters.means());
        }
        let stretches = self.stretches();
        let (first, last) = (stretches.first()?, stretches.last()?);
        Some((first.at(first.from).0, last.at(last.to).0))
    }

    /// The imputation with the lowest score among those with a mean of at most `ceiling` and the smallest deviation for
    /// their mean. The scores of the means must fall and then rise: the smallest deviation is a convex function of the
    /// mean, so this is true of an end of an interval, and of a p-value at means below 0.
    fn searched(&self, ceiling: f64, score: impl Fn(&Sample) -> f64) -> Option<Sample> {
        let stretches = if self.clusters.is_none() {
            self.stretches()
        } else {
            Vec::new()
        };
        let (least, most) = self.means()?;
        let most = most.min(ceiling + EPSILON * self.scale);
        if self.rows == 0 || least.is_nan() || least > most {
            return None;
        }
        let at = |mean: f64| {
            let deviation = if let Some(clusters) = &self.clusters {
                clusters.deviation(clusters.least_squares(mean))
            } else {
                let place = stretches.partition_point(|one| one.at(one.to).0 < mean);
                let stretch = stretches.get(place).or(stretches.last());
                let squares = stretch.map_or(f64::NAN, |stretch| {
                    let level = stretch.level_of_mean(mean);
                    // Where no number is open, the mean is the same at every level.
                    let level = if level.is_nan() { stretch.from } else { level };
                    stretch.at(level.clamp(stretch.from, stretch.to)).1
                });
                (squares / (count(self.rows) - 1.0).max(1.0)).sqrt()
            };
            Sample {
                rows: self.rows,
                mean,
                deviation: deviation * (1.0 - ROUNDING),
            }
        };
        let part = (5.0_f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (least, most);
        let scored = |mean: f64| {
            let sample = at(mean);
            (score(&sample), sample)
        };
        let ends = [scored(low), scored(high)];
        let mut inner = [high - part * (high - low), low + part * (high - low)].map(scored);
        for _ in 0..STEPS {
            let [left, right] = inner;
            if left.0 <= right.0 {
                high = right.1.mean;
                inner = [scored(high - part * (high - low)), left];
            } else {
                low = left.1.mean;
                inner = [right, scored(low + part * (high - low))];
            }
        }
        let mut all = ends.into_iter().chain(inner);
        let first = all.next()?;
        let best = all.fold(first, |best, one| if one.0 < best.0 { one } else { best });
        Some(best.1)
    }

    /// The imputation with the lowest score among those with the smallest deviation for their mean. Along a stretch of
    /// levels the score is lowest at the ends or at one of the levels that `turns` returns.
    fn lowest(
        &self,
        turns: impl Fn(&Stretch) -> [f64; 2],
        score: impl Fn(f64, f64) -> Option<f64>,
    ) -> Option<Sample> {
        let mut best: Option<(f64, f64, f64)> = None;
        for stretch in self.stretches() {
            let ends = [stretch.from, stretch.to];
            for level in ends.into_iter().chain(turns(&stretch)) {
                // The level may not exist; then it is NaN.
                if level.is_nan() {
                    continue;
                }
                let (mean, squares) = stretch.at(level.clamp(stretch.from, stretch.to));
                if let Some(score) = score(mean, squares)
                    && best.is_none_or(|(least, ..)| score < least)
                {
                    best = Some((score, mean, squares));
                }
            }
        }
        let (_, mean, squares) = best?;
        let deviation = (squares / (count(self.rows) - 1.0).max(1.0)).sqrt();
        Some(Sample {
            rows: self.rows,
            mean,
            deviation: deviation * (1.0 - ROUNDING),
        })
    }

    /// The levels, divided at the ends of the open numbers, from the lowest to the highest.
    fn stretches(&self) -> Vec<Stretch> {
        let mut lows: Vec<f64> = self.open.iter().map(|(low, _)| *low).collect();
        let mut highs: Vec<f64> = self.open.iter().map(|(_, high)| *high).collect();
        lows.sort_by(f64::total_cmp);
        highs.sort_by(f64::total_cmp);
        // An open number whose high end is below a level is at its high end; one whose low end is above the level is
        // at its low end.
        let below = Moments::running(highs.iter().copied());
        let above = Moments::running(lows.iter().rev().copied());
        let mut bends = [lows.as_slice(), highs.as_slice()].concat();
        bends.sort_by(f64::total_cmp);
        bends.dedup();
        // If no number is open, there is a single imputation.
        if bends.is_empty() {
            bends = vec![self.known.mean; 2];
        }
        let mut stretches = Vec::with_capacity(bends.len());
        for (from, to) in bends.iter().zip(bends.iter().skip(1)) {
            let is_below = highs.partition_point(|high| high <= from);
            let is_above = lows.len() - lows.partition_point(|low| low < to);
            let [Some(left), Some(right)] = [below.get(is_below), above.get(is_above)] else {
                continue;
            };
            stretches.push(Stretch {
                from: *from,
                to: *to,
                fixed: self.known.and(left).and(right),
                free: (lows.len() - is_below - is_above) as u64,
            });
        }
        stretches
    }
}

/// A stretch of levels. Throughout it the same open numbers are at the level itself, and the other numbers do not
/// move.
struct Stretch {
    from: f64,
    to: f64,
    /// The numbers that are not at the level.
    fixed: Moments,
    /// The number of open numbers that are at the level.
    free: u64,
}

impl Stretch {
    /// The mean of all numbers, and the sum of their squared distances from it.
    fn at(&self, level: f64) -> (f64, f64) {
        let away = level - self.fixed.mean;
        (
            self.fixed.mean + self.share() * away,
            self.fixed.squares + self.bend() * away * away,
        )
    }

    /// The slope of the mean as a function of the level.
    fn share(&self) -> f64 {
        count(self.free) / count(self.fixed.rows + self.free)
    }

    /// The factor by which the squared distance between the level and the mean of the fixed numbers adds to the sum of
    /// squares.
    fn bend(&self) -> f64 {
        count(self.fixed.rows) * self.share()
    }

    fn level_of_mean(&self, mean: f64) -> f64 {
        self.fixed.mean + (mean - self.fixed.mean) / self.share()
    }
}

/// The number of values, their mean, and the sum of their squared distances from it.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    rows: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        Sample::of(values).map_or(Self::default(), |sample| Self {
            rows: sample.rows,
            mean: sample.mean,
            squares: sample.deviation * sample.deviation * count(sample.rows - 1),
        })
    }

    /// The moments of both sets together (Chan, Golub & Leveque 1983).
    fn and(&self, other: &Self) -> Self {
        let rows = self.rows + other.rows;
        if rows == 0 {
            return *self;
        }
        let share = count(other.rows) / count(rows);
        let apart = other.mean - self.mean;
        Self {
            rows,
            mean: self.mean + apart * share,
            squares: self.squares + other.squares + apart * apart * share * count(self.rows),
        }
    }

    /// The moments of the first 0 values, the first 1, the first 2, and so on.
    fn running(values: impl Iterator<Item = f64>) -> Vec<Self> {
        let mut all = vec![Self::default()];
        all.extend(values.scan(Self::default(), |sum, mean| {
            *sum = sum.and(&Self {
                rows: 1,
                mean,
                squares: 0.0,
            });
            Some(*sum)
        }));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is(found: Option<Sample>, mean: f64, deviation: f64) {
        let found = found.unwrap();
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-8 * (1.0 + b.abs());
        assert!(
            near(found.mean, mean) && near(found.deviation, deviation),
            "{found:?}"
        );
    }

    #[test]
    fn the_greatest_deviation_is_as_near_as_it_is_said_to_be() {
        let is = |one: &[f64], other: &[f64], expected: f64| {
            let found = Imputations::new(one, other).greatest_deviation();
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        };
        // The deviation is greatest around 10.5, the middle of both: each value is 0.5 away.
        is(&[10.0, 10.0], &[11.0, 11.0], 0.5_f64.sqrt());
        // The deviation is taken around 1, the mean of the known numbers. Their squares are 1 + 1, and the open number
        // adds 81.
        is(&[0.0, 2.0, 0.0], &[0.0, 2.0, 10.0], 41.5_f64.sqrt());
        // The known numbers have a weight by their count: four numbers at 0, and one open number up to 7.
        is(
            &[0.0, 0.0, 0.0, 0.0, 5.0],
            &[0.0, 0.0, 0.0, 0.0, 7.0],
            12.25_f64.sqrt(),
        );
        is(&[0.0, 1.0, 2.0], &[0.0, 1.0, 2.0], 1.0);
    }

    #[test]
    fn the_imputation_least_like_chance() {
        // The numbers are -1, -3 and one between -9 and 9. The ratio is least if the open number is the mean of the
        // known ones plus 2 / (2 * -2).
        let imputations = Imputations::new(&[-1.0, -3.0, -9.0], &[-1.0, -3.0, 9.0]);
        let squares = 2.0 + 2.0 / 3.0 * 0.25;
        is(
            imputations.least_by_chance(f64::INFINITY, None),
            -6.5 / 3.0,
            f64::sqrt(squares / 2.0),
        );
        // For a mean of at most -3, the open number must be -5.
        is(imputations.least_by_chance(-3.0, None), -3.0, 2.0);
        assert_eq!(imputations.least_by_chance(-4.4, None), None);
        // A mean that is above the ceiling only by rounding counts as at the ceiling.
        let large = Imputations::new(&[-1e5, -3e5, -9e5], &[-1e5, -3e5, 9e5]);
        for step in 0..50 {
            let ceiling = -3e5 - 1_234.567 * f64::from(step);
            is(large.least_by_chance(ceiling, None), ceiling, {
                let last = 3.0 * ceiling + 4e5;
                Sample::of(&[-1e5, -3e5, last]).unwrap().deviation
            });
        }
        // If no number is open, the only imputation is the numbers themselves.
        let known = Imputations::new(&[-1.0, -3.0], &[-1.0, -3.0]);
        is(known.least_by_chance(-1.0, None), -2.0, 2.0_f64.sqrt());
        is(known.lowest_end(0.9, None), -2.0, 2.0_f64.sqrt());
        // Both numbers can be equal at every level. The lowest level is chosen.
        is(
            Imputations::new(&[-2.0, -2.0], &[-1.0, -1.0]).least_by_chance(f64::INFINITY, None),
            -2.0,
            0.0,
        );
        // All numbers can be equal below 0.
        is(
            Imputations::new(&[-1.0, -3.0, -2.0], &[-1.0, 0.0, 0.0])
                .least_by_chance(f64::INFINITY, None),
            -1.0,
            0.0,
        );
    }

    #[test]
    fn the_imputation_of_the_lowest_end() {
        // The numbers are 1, 3 and one from -9 on. Lowering the open number lowers the end of the interval while the
        // mean has more effect than the deviation.
        let imputations = Imputations::new(&[1.0, 3.0, -9.0], &[1.0, 3.0, 9.0]);
        is(
            imputations.lowest_end(0.51, None),
            -5.0 / 3.0,
            f64::sqrt(124.0 / 3.0),
        );
        // SciPy's t.ppf(0.95, 2) is 2.919986. The end is lowest when the third number is 1.368651.
        is(
            imputations.lowest_end(0.95, None),
            1.789_550_376,
            1.064_362_313,
        );
    }

    /// Low ends, high ends, and one imputation between them.
    fn ends() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>)> {
        let one = (-3.0..2.0_f64, 0.0..2.0_f64, 0.0..=1.0_f64, any::<bool>());
        proptest::collection::vec(one, 2..9).prop_map(|all| {
            let width = |width: f64, is_open: bool| if is_open { width } else { 0.0 };
            let low = all.iter().map(|(low, ..)| *low).collect();
            let high = all
                .iter()
                .map(|(low, open, _, is)| low + width(*open, *is))
                .collect();
            let filled = all
                .iter()
                .map(|(low, open, place, is)| low + width(*open, *is) * place);
            (low, high, filled.collect())
        })
    }

    proptest! {
        #[test]
        fn no_imputation_lies_outside((low, high, filled) in ends(), confidence in 0.51..0.999_f64, ceiling in -3.0..1.0_f64) {
            let imputations = Imputations::new(&low, &high);
            prop_assume!(low != high);
            let found = Sample::of(&filled).unwrap();
            prop_assert!(found.deviation <= imputations.greatest_deviation() + 1e-12);
            let end = |sample: Sample| sample.interval(confidence).unwrap().high;
            prop_assert!(end(imputations.lowest_end(confidence, None).unwrap()) <= end(found) + 1e-8);
            if found.mean <= ceiling && found.mean < 0.0 {
                let least = imputations.least_by_chance(ceiling, None).unwrap();
                prop_assert!(least.mean / least.deviation <= found.mean / found.deviation + 1e-6);
            }
        }

        #[test]
        fn what_is_found_is_a_imputation_and_the_lowest(
            (low, high, _) in ends(),
            confidence in 0.51..0.999_f64,
            is_large in any::<bool>(),
        ) {
            prop_assume!(low != high);
            let size = if is_large { 1e6 } else { 1.0 };
            let sized = |values: Vec<f64>| -> Vec<f64> { values.iter().map(|value| value * size).collect() };
            let (low, high) = (sized(low), sized(high));
            let imputations = Imputations::new(&low, &high);
            let at = |level: f64| {
                let values = low.iter().zip(&high).map(|(low, high)| level.clamp(*low, *high));
                Sample::of(&values.collect::<Vec<f64>>()).unwrap()
            };
            let levels = || (0..=700).map(|step| at(size * (-3.0 + 0.01 * f64::from(step))));
            let is_one = |found: Sample| {
                let (mut below, mut above) = (-4.0 * size, 5.0 * size);
                for _ in 0..100 {
                    let middle = f64::midpoint(below, above);
                    if at(middle).mean < found.mean {
                        below = middle;
                    } else {
                        above = middle;
                    }
                }
                let same = at(above);
                (same.mean - found.mean).abs() < 1e-9 * size && (same.deviation - found.deviation).abs() < 1e-6 * size
            };
            let end = |sample: Sample| sample.interval(confidence).unwrap().high;
            let lowest = imputations.lowest_end(confidence, None).unwrap();
            prop_assert!(is_one(lowest), "{:?}", lowest);
            prop_assert!(levels().all(|sample| end(lowest) <= end(sample) + 1e-6 * size));
            // Clusters of one row, and a component that is too small to count, give the same by a search.
            let clusters = Imputations::of_clusters(&low, &high, &vec![1.0; low.len()]);
            let tiny = RunComponent::of_value(1e-12 * size, 11, 1);
            for searched in [clusters.lowest_end(confidence, None), imputations.lowest_end(confidence, tiny)] {
                prop_assert!((end(searched.unwrap()) - end(lowest)).abs() < 1e-6 * size);
            }
            if let Some(least) = imputations.least_by_chance(-0.01 * size, None) {
                prop_assert!(is_one(least), "{:?}", least);
                let p = |sample: Option<Sample>| sample.unwrap().p(true).unwrap();
                for searched in [
                    clusters.least_by_chance(-0.01 * size, None),
                    clusters.least_by_chance(-0.01 * size, tiny),
                    imputations.least_by_chance(-0.01 * size, tiny),
                ] {
                    prop_assert!((p(searched) - p(Some(least))).abs() < 1e-6);
                }
                let ratio = |sample: Sample| (sample.mean / sample.deviation).max(-1e6);
                let mut low = levels().filter(|sample| sample.mean <= -0.01 * size);
                prop_assert!(low.all(|sample| ratio(least) <= ratio(sample) + 1e-6 * ratio(sample).abs()));
            }
        }
    }
}
