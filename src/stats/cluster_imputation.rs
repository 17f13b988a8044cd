//! Bounds on the means and deviations of clusters of rows, whose sums are known only to lie between two ends.

use super::mean::sum;

/// The number of steps of a search by halving.
const STEPS: u32 = 60;

/// One cluster: the number of its rows, and the low and the high end of the sum of their numbers.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    rows: f64,
    low: f64,
    high: f64,
}

impl Cluster {
    /// The sum of the cluster that is closest to `rows` · mean + level.
    fn at(&self, mean: f64, level: f64) -> f64 {
        (self.rows * mean + level).clamp(self.low, self.high)
    }
}

/// Clusters of rows, of which an imputation gives each open sum a value.
///
/// For one mean μ of all rows, the sum of the squares of (sum − rows · μ) is smallest if each of these differences is as
/// close as possible to one common level: the condition of Lagrange for a convex sum of squares with one linear constraint.
#[derive(Clone, Debug)]
pub(super) struct Clusters {
    clusters: Vec<Cluster>,
    rows: f64,
}

impl Clusters {
    /// Clusters whose sums each lie between the values at the same index of two lists.
    pub(super) fn new(one: &[f64], other: &[f64], sizes: &[f64]) -> Self {
        let ends = one.iter().zip(other).zip(sizes);
        Self {
            clusters: ends
                .map(|((one, other), rows)| Cluster {
                    rows: *rows,
                    low: one.min(*other),
                    high: one.max(*other),
                })
                .collect(),
            rows: sum(sizes.iter().copied()),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.clusters.len() as u64
    }

    /// The lowest and the highest possible mean of all rows.
    pub(super) fn means(&self) -> (f64, f64) {
        let mean = |end: fn(&Cluster) -> f64| sum(self.clusters.iter().map(end)) / self.rows;
        (mean(|cluster| cluster.low), mean(|cluster| cluster.high))
    }

    /// An upper bound of the sum of squares of all imputations: each cluster is as far away as possible from any possible
    /// mean. The bound of each mean is a convex function of it, so it is largest at an end.
    pub(super) fn most_squares(&self) -> f64 {
        let at = |mean: f64| {
            sum(self.clusters.iter().map(|cluster| {
                let [low, high] = [cluster.low, cluster.high].map(|end| end - cluster.rows * mean);
                (low * low).max(high * high)
            }))
        };
        let (low, high) = self.means();
        at(low).max(at(high))
    }

    /// The smallest sum of squares of the imputations with this mean, which must be a possible one.
    pub(super) fn least_squares(&self, mean: f64) -> f64 {
        let wanted = mean * self.rows;
        let open = self.clusters.iter().filter(|one| one.low < one.high);
        let ends = open
            .clone()
            .flat_map(|one| [one.low - one.rows * mean, one.high - one.rows * mean]);
        let (mut low, mut high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), end| {
            (low.min(end), high.max(end))
        });
        let known: f64 = sum(self
            .clusters
            .iter()
            .filter(|one| one.low >= one.high)
            .map(|one| one.low));
        for _ in 0..STEPS {
            let level = f64::midpoint(low, high);
            let total = known + sum(open.clone().map(|one| one.at(mean, level)));
            if total < wanted {
                low = level;
            } else {
                high = level;
            }
        }
        let level = f64::midpoint(low, high);
        sum(self.clusters.iter().map(|one| {
            let away = one.at(mean, level) - one.rows * mean;
            away * away
        }))
    }

    /// The deviation that [`super::Sample`] has for a sum of squares.
    pub(super) fn deviation(&self, squares: f64) -> f64 {
        super::mean::deviation_of_clusters(self.number(), self.rows, squares)
    }

    /// The largest absolute value of the mean of a cluster.
    pub(super) fn scale(&self) -> f64 {
        let ends = self
            .clusters
            .iter()
            .flat_map(|one| [one.low / one.rows, one.high / one.rows]);
        ends.fold(1.0, |scale, end| scale.max(end.abs()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::number::count;
    use crate::stats::Sample;

    proptest! {
        #[test]
        fn no_imputation_lies_outside(
            all in proptest::collection::vec((-3.0..2.0_f64, 0.0..2.0_f64, 0.0..=1.0_f64, 1_u64..6, any::<bool>()), 2..7),
        ) {
            let low: Vec<f64> = all.iter().map(|one| one.0).collect();
            let width = |one: &(f64, f64, f64, u64, bool)| if one.4 { one.1 } else { 0.0 };
            let high: Vec<f64> = all.iter().map(|one| one.0 + width(one)).collect();
            let filled: Vec<f64> = all.iter().map(|one| one.0 + width(one) * one.2).collect();
            let sizes: Vec<f64> = all.iter().map(|one| count(one.3)).collect();
            let clusters = Clusters::new(&low, &high, &sizes);
            let sample = Sample::of_clusters(&filled, &sizes).unwrap();
            let (least, most) = clusters.means();
            prop_assert!(least - 1e-12 <= sample.mean && sample.mean <= most + 1e-12);
            let bounds = [clusters.least_squares(sample.mean), clusters.most_squares()];
            let [least, most] = bounds.map(|squares| clusters.deviation(squares));
            prop_assert!(least <= sample.deviation + 1e-9, "{least} {sample:?}");
            prop_assert!(most >= sample.deviation - 1e-9, "{most} {sample:?}");
        }

        #[test]
        fn clusters_of_one_row_have_a_common_level(
            all in proptest::collection::vec((-3.0..2.0_f64, 0.0..2.0_f64), 2..7),
            level in -3.0..4.0_f64,
        ) {
            let low: Vec<f64> = all.iter().map(|one| one.0).collect();
            let high: Vec<f64> = all.iter().map(|one| one.0 + one.1).collect();
            let filled: Vec<f64> = low.iter().zip(&high).map(|(low, high)| level.clamp(*low, *high)).collect();
            let sample = Sample::of(&filled).unwrap();
            let clusters = Clusters::new(&low, &high, &vec![1.0; all.len()]);
            let least = clusters.deviation(clusters.least_squares(sample.mean));
            prop_assert!((least - sample.deviation).abs() < 1e-6, "{least} {sample:?}");
        }
    }
}
