//! Corrections for multiple tests: Tarone 1990 and Holm 1979.

/// Holm's step-down adjustment (Holm 1979). Returns the adjusted p-values in the given order. Each can be compared
/// with the error rate of the whole family.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut adjusted = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, (place, p)) in order.into_iter().enumerate() {
        let left = crate::number::count((adjusted.len() - rank) as u64);
        least = least.max((p * left).min(1.0));
        if let Some(slot) = adjusted.get_mut(place) {
            *slot = least;
        }
    }
    adjusted
}

/// A test that may be counted: its smallest possible p-value and the error rate of its gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attainable {
    /// The smallest p-value of any pattern of its differences; infinite if no pattern could reject.
    pub p: f64,
    /// The error rate of its gate: 1 − confidence.
    pub alpha: f64,
}

impl Attainable {
    /// Whether the test could reject among this number of tests, by Bonferroni's bound.
    #[must_use]
    pub fn is_counted(&self, tests: u64) -> bool {
        self.p <= self.alpha / crate::number::count(tests)
    }
}

/// Tarone's K (Tarone 1990): the smallest number such that at most K of the tests could reject at their error rate
/// divided by K; at least 1. The tests that could reject are the ones that are counted.
///
/// Tarone uses one error rate for all tests. Here each test is compared with its own error rate. Which tests are
/// counted still depends only on attainable p-values, not on the p-values themselves. So any procedure that keeps its
/// error rate over the counted tests also keeps it over all tests, because the other tests never reject.
#[must_use]
pub fn tarone(tests: &[Attainable]) -> u64 {
    let mut most: Vec<&Attainable> = tests.iter().collect();
    // The tests are sorted so that those come first that could reject among the largest number of tests.
    most.sort_by(|one, other| (one.p / one.alpha).total_cmp(&(other.p / other.alpha)));
    let mut k = 1;
    while most.partition_point(|test| test.is_counted(k)) as u64 > k {
        k += 1;
    }
    k
}
