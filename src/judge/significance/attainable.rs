//! The smallest p-value that a test could have had, if every changed row had turned against the candidate.
//!
//! It depends on how much the rows changed, not on the direction. So a family of tests can be chosen by it (Tarone
//! 1990).

use std::collections::{BTreeMap, BTreeSet};

use crate::judge::significance::row_means::{RowMeans, RowTest};
use crate::judge::significance::scenario::{FEWEST_FLAT, is_flat};
use crate::stats::{Pairs, RunComponent, Sample};

/// The smallest p-value that a test could have had for any outcome of its rows.
#[derive(Clone, Debug)]
pub(in crate::judge) struct AttainableP {
    /// With every missing score at its worst.
    pub(in crate::judge) at_worst: f64,
    /// The smallest and the largest attainable p-value, over all imputations of missing scores.
    pub(in crate::judge) bounds: (f64, f64),
    /// The attainable p-value and the p-value of the imputations that fail most easily; empty if they were not tried
    /// one by one.
    pub(in crate::judge) imputations: Vec<(f64, f64)>,
}

/// The maximum number of imputations that are tried one by one.
const MOST_IMPUTATIONS: usize = 2000;
/// The same with a run component.
const MOST_IMPUTATIONS_OF_RUNS: usize = 200;
/// The maximum number of splits of rows that are missing in both runs that are tried.
const MOST_SPLITS: u64 = 1000;
/// Above this value, Newcombe's p-value is known to fall with every additional row that turned. Below it the p-value
/// may rise a little. This was observed for 46 and more rows, and never above 4e-7.
const LEAST_KNOWN: f64 = 1e-6;
/// The attainable p-value of a test that could not reject for any outcome of its rows.
const NEVER: f64 = f64::INFINITY;

impl RowTest<'_> {
    /// The smallest p-value that the check could have had, from the means of rows with missing scores at their worst
    /// and at their best.
    pub(in crate::judge) fn attainable(
        &self,
        worst: &RowMeans,
        best: &RowMeans,
        is_open: bool,
        one_trial: bool,
    ) -> AttainableP {
        if !self.limit.key.is_change() {
            return AttainableP {
                at_worst: NEVER,
                bounds: (NEVER, NEVER),
                imputations: Vec::new(),
            };
        }
        let at_worst = self.attainable_p(worst, one_trial);
        let imputations = if one_trial && is_open {
            of_fillings(worst, best, self.limit.key.wants_high(), self.component)
        } else {
            Vec::new()
        };
        let bounds = if !is_open {
            (at_worst, at_worst)
        } else if one_trial {
            of_pairs(worst, best, self.component)
        } else {
            of_means(worst, best, self.is_rate(), self.component)
        };
        AttainableP {
            at_worst,
            bounds,
            imputations,
        }
    }

    /// The smallest p-value that any pattern of these rows' own differences could have had; infinite if no pattern
    /// could reject.
    ///
    /// If rows have one trial each, the changed rows turn against the candidate. For means, each row keeps the size of
    /// its difference, or each cluster the size of its sum. If all sizes are equal, that pattern has an interval of zero width, which may show nothing.
    /// Then the next best pattern, in which one row turned the other way, counts as well.
    fn attainable_p(&self, means: &RowMeans, one_trial: bool) -> f64 {
        if one_trial {
            let pairs = means.pairs();
            return if pairs.rows() < 2 {
                NEVER
            } else {
                pairs.attainable_p(self.component)
            };
        }
        let drop = self.limit.key.wants_high();
        let sums = means.sums(true);
        let turned: Vec<f64> = sums
            .iter()
            .map(|sum| if (*sum > 0.0) == drop { -sum } else { *sum })
            .collect();
        let sample = means.sample_of(&turned);
        if let Some(sample) = sample
            && !is_flat(sample.deviation, means.scale())
        {
            return sample.p_with(drop, self.component).unwrap_or(NEVER);
        }
        let p = |means: &RowMeans| self.scenario(means, false).p(self.limit).unwrap_or(NEVER);
        let mut against = means.clone();
        against.swap(|unit| sums.get(unit).is_some_and(|sum| (*sum > 0.0) == drop));
        let all = p(&against);
        against.swap(|unit| unit == 0);
        all.min(p(&against))
    }
}

/// The bounds of the attainable p-value of means over all imputations of missing scores, by Student's t. The size of
/// each row's difference lies between two ends.
///
/// The p-value of the sizes falls as their mean, in standard deviations, rises. It is smallest for the imputation
/// whose sizes are least likely by chance. In every imputation it is at most the p-value of the smallest mean with the
/// greatest deviation, although no single imputation may have both.
///
/// If all sizes can be equal, patterns other than the bounded one may count. For means of many rows the bounded
/// pattern then has a p-value of zero, so any upper bound is valid. Otherwise there is no upper bound.
fn of_means(
    worst: &RowMeans,
    best: &RowMeans,
    is_rate: bool,
    component: Option<RunComponent>,
) -> (f64, f64) {
    let (one, other) = (worst.sums(true), best.sums(true));
    // The sizes are negated, so that the lowest mean is the least likely by chance.
    let ends = |end: fn(f64, f64) -> f64| -> Vec<f64> {
        let sizes = one.iter().zip(&other);
        sizes.map(|(a, b)| -end(*a, *b)).collect()
    };
    let largest = ends(|a, b| a.abs().max(b.abs()));
    let smallest = ends(|a, b| {
        let straddles = (a < 0.0) != (b < 0.0);
        if straddles { 0.0 } else { a.abs().min(b.abs()) }
    });
    let imputations = worst.imputations(&largest, &smallest);
    let p = |sample: Option<Sample>| sample.and_then(|sample| sample.p_with(true, component));
    let least = p(imputations.least_by_chance(f64::INFINITY, component)).unwrap_or(0.0);
    let most = p(worst.sample_of(&smallest).map(|sample| Sample {
        deviation: imputations.greatest_deviation(),
        ..sample
    }));
    let sizes = worst.sizes();
    let means = |sums: &[f64]| -> Vec<f64> {
        let both = sums.iter().zip(&sizes);
        both.map(|(sum, rows)| sum / rows).collect()
    };
    let highest_low = means(&largest)
        .into_iter()
        .fold(f64::NEG_INFINITY, f64::max);
    let lowest_high = means(&smallest).into_iter().fold(f64::INFINITY, f64::min);
    let can_be_alike = is_flat(highest_low - lowest_high, worst.scale().max(best.scale()));
    let is_bounded = !can_be_alike || (!is_rate && one.len() as u64 >= FEWEST_FLAT);
    let most = most.filter(|_| is_bounded).unwrap_or(NEVER);
    (least.min(most), most)
}

/// The bounds of the attainable p-value over all imputations of rows with one trial each, by Newcombe's interval.
///
/// The p-value falls with every row that turned, whatever the row's result was before. So it is smallest if as many
/// rows as possible turned, and largest if as few as possible turned. Rows that are missing in both runs may then have
/// passed in both runs or in neither. Neither case always gives the larger p-value, so every split is tried.
fn of_pairs(worst: &RowMeans, best: &RowMeans, component: Option<RunComponent>) -> (f64, f64) {
    let (mut most, mut fewest, mut either) = (Pairs::default(), Pairs::default(), 0);
    let ours = worst.candidate.iter().zip(&best.candidate);
    let theirs = worst.baseline.iter().zip(&best.baseline);
    for ((ours, our_best), (theirs, their_best)) in ours.zip(theirs) {
        let is_known = ours == our_best && theirs == their_best;
        *match (is_known && ours == theirs, *ours == 1.0) {
            (true, true) => &mut most.both,
            (true, false) => &mut most.neither,
            (false, _) => &mut most.regressed,
        } += 1;
        let can_be = |value: f64| {
            let is = |one: &f64, other: &f64| *one == value || *other == value;
            is(ours, our_best) && is(theirs, their_best)
        };
        *match (can_be(1.0), can_be(0.0)) {
            (true, true) => &mut either,
            (true, false) => &mut fewest.both,
            (false, true) => &mut fewest.neither,
            (false, false) => &mut fewest.regressed,
        } += 1;
    }
    if most.rows() < 2 {
        return (NEVER, NEVER);
    }
    let least = match most.attainable_p(component) {
        p if p < LEAST_KNOWN => 0.0,
        p => p,
    };
    if either > MOST_SPLITS {
        return (least, NEVER);
    }
    let splits = (0..=either).map(|both| {
        let split = Pairs {
            both: fewest.both + both,
            neither: fewest.neither + either - both,
            ..fewest
        };
        split.attainable_p(component)
    });
    (least, splits.fold(LEAST_KNOWN.max(least), f64::max))
}

/// A table of rows that passed in both runs, regressed, were fixed, and passed in neither.
type Table = [u64; 4];

/// The attainable p-value and the p-value of those imputations of rows with one trial each that fail most easily: for
/// every other imputation, both values are at least as large as those of one of these. Empty if there are too many
/// imputations to try.
fn of_fillings(
    worst: &RowMeans,
    best: &RowMeans,
    drop: bool,
    component: Option<RunComponent>,
) -> Vec<(f64, f64)> {
    // With a run component a p-value takes longer.
    let most_imputations = if component.is_some() {
        MOST_IMPUTATIONS_OF_RUNS
    } else {
        MOST_IMPUTATIONS
    };
    let (mut known, mut open): (Table, BTreeMap<Vec<usize>, u64>) = Default::default();
    let ours = worst.candidate.iter().zip(&best.candidate);
    let theirs = worst.baseline.iter().zip(&best.baseline);
    for ((ours, our_best), (theirs, their_best)) in ours.zip(theirs) {
        let can_be = |ends: (&f64, &f64), value: f64| *ends.0 == value || *ends.1 == value;
        let cells = [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)];
        let possible = cells.iter().enumerate().filter(|(_, (our, their))| {
            can_be((ours, our_best), *our) && can_be((theirs, their_best), *their)
        });
        let possible: Vec<usize> = possible.map(|(cell, _)| cell).collect();
        match (
            &possible[..],
            known.get_mut(possible.first().copied().unwrap_or_default()),
        ) {
            ([_], Some(rows)) => *rows += 1,
            _ => *open.entry(possible).or_default() += 1,
        }
    }
    let mut tables = BTreeSet::from([known]);
    for (cells, rows) in open {
        let mut of_these = vec![([0; 4], rows)];
        for (place, cell) in cells.iter().enumerate() {
            let is_last = place + 1 == cells.len();
            let more = of_these.iter().flat_map(|(table, left)| {
                (if is_last { *left } else { 0 }..=*left).map(move |here| {
                    let mut table: Table = *table;
                    if let Some(rows) = table.get_mut(*cell) {
                        *rows += here;
                    }
                    (table, left - here)
                })
            });
            of_these = more.take(most_imputations + 1).collect();
        }
        if of_these.len() * tables.len() > most_imputations {
            return Vec::new();
        }
        let both = tables.iter().flat_map(|one| {
            of_these.iter().map(|(other, _)| {
                let mut sum = *one;
                sum.iter_mut()
                    .zip(other)
                    .for_each(|(sum, more)| *sum += more);
                sum
            })
        });
        tables = both.collect();
    }
    let of = |[both, regressed, fixed, neither]: Table| {
        let pairs = Pairs {
            both,
            regressed,
            fixed,
            neither,
        };
        (pairs.attainable_p(component), pairs.p_with(drop, component))
    };
    if worst.candidate.len() < 2 {
        return Vec::new();
    }
    least(tables.into_iter().map(of).collect())
}

/// The pairs for which no other pair has both numbers at most as large.
pub(in crate::judge) fn least(mut all: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    all.sort_by(|one, other| one.1.total_cmp(&other.1).then(one.0.total_cmp(&other.0)));
    let mut least = f64::INFINITY;
    all.retain(|(attainable, _)| {
        let is_less = *attainable < least;
        least = least.min(*attainable);
        is_less
    });
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::limit::Pairing;
    use crate::judge::measure::value::Measure;
    use crate::judge::slice::Selection;
    use crate::policy::{self, RemovedRows};

    /// The means of rows, given as pairs (candidate, baseline).
    fn means(rows: &[(f64, f64)], one_trial: bool) -> RowMeans {
        let (candidate, baseline) = rows.iter().copied().unzip();
        RowMeans {
            candidate,
            baseline,
            one_trial,
            clusters: None,
            has_missing: false,
        }
    }

    /// Evaluates a gate that limits the change of a rate or a mean.
    fn ask<T>(metric: &str, key: &str, of: impl FnOnce(&RowTest<'_>) -> T) -> T {
        let text = format!(
            "version: 1\ngates:\n- {{name: g, scorer: s, metric: {metric}, {key}: 0, evidence: significant}}"
        );
        let policy = policy::parse("gates.yaml", &text).unwrap();
        let candidate = Measure {
            observed: None,
            low: 0.0,
            high: 0.0,
            scored: 0,
            trials: 0,
            rows: 0,
            ignores: false,
            exact: false,
            size: 1.0,
            steps: None,
        };
        let pairing = Pairing {
            candidate,
            baseline: None,
            text_counts: false,
        };
        of(&RowTest {
            gate: &policy.gates[0],
            limit: policy.gates[0].limits[0],
            subject: None,
            selection: &Selection::default(),
            removed_rows: RemovedRows::Missing,
            pairing: &pairing,
            component: None,
            clusters: None,
        })
    }

    fn attainable(metric: &str, key: &str, rows: &[(f64, f64)], one_trial: bool) -> f64 {
        ask(metric, key, |row_test| {
            row_test.attainable_p(&means(rows, one_trial), one_trial)
        })
    }

    fn p(metric: &str, key: &str, rows: &[(f64, f64)]) -> Option<f64> {
        ask(metric, key, |row_test| {
            row_test
                .scenario(&means(rows, false), false)
                .p(row_test.limit)
        })
    }

    #[test]
    fn every_row_turns_against_the_candidate_and_keeps_its_size() {
        for (key, sign) in [("max_drop", -1.0), ("max_rise", 1.0)] {
            let rows = |signs: [f64; 4]| {
                let sizes = [0.1, 0.2, 0.0, 0.4].into_iter().zip(signs);
                sizes
                    .map(|(size, sign)| (0.5 + size * sign, 0.5))
                    .collect::<Vec<_>>()
            };
            let against = p("numeric_mean", key, &rows([sign; 4])).unwrap();
            for signs in [[1.0; 4], [-1.0; 4], [1.0, -1.0, 1.0, -1.0]] {
                let found = attainable("numeric_mean", key, &rows(signs), false);
                assert!((found - against).abs() < 1e-12, "{key} {signs:?}");
            }
        }
        // No row changed, or there is only one row.
        assert_eq!(
            attainable("numeric_mean", "max_drop", &[(0.5, 0.5); 20], false),
            0.5
        );
        assert_eq!(
            attainable("numeric_mean", "max_drop", &[(0.1, 0.5)], false),
            NEVER
        );
        assert_eq!(
            attainable("pass_rate", "max_drop", &[(0.0, 1.0)], true),
            NEVER
        );
        let turned = [(0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (1.0, 1.0)];
        let pairs = |regressed| Pairs {
            both: 2,
            regressed,
            ..Pairs::default()
        };
        assert_eq!(
            attainable("pass_rate", "max_drop", &turned, true),
            pairs(2).attainable_p(None)
        );
        assert_eq!(
            attainable("pass_rate", "max_rise", &turned, true),
            pairs(2).attainable_p(None)
        );
    }

    /// Nine rows changed by 0.5 each. If all change in the same direction, the test cannot reject. If all but one do,
    /// it can.
    #[test]
    fn sizes_that_are_all_alike_count_by_the_next_best_pattern() {
        let rows = |count: usize, rises: usize| -> Vec<(f64, f64)> {
            (0..count)
                .map(|row| {
                    if row < rises {
                        (0.75, 0.25)
                    } else {
                        (0.25, 0.75)
                    }
                })
                .collect()
        };
        assert_eq!(p("numeric_mean", "max_drop", &rows(9, 0)), None);
        let next = p("numeric_mean", "max_drop", &rows(9, 1)).unwrap();
        assert!(next < 0.01);
        for rises in [1, 2, 5, 9] {
            assert_eq!(
                attainable("numeric_mean", "max_drop", &rows(9, rises), false),
                next
            );
        }
        // If all six rows change in one direction, there is no p. If five of six do, p is above 0.05.
        assert!(attainable("numeric_mean", "max_drop", &rows(6, 3), false) > 0.05);
        assert_eq!(
            attainable("numeric_mean", "max_drop", &rows(10, 3), false),
            0.0
        );
        // If the rates are the same in every row, p is that of Newcombe's method.
        let (whole, next) = (
            p("pass_rate", "max_drop", &rows(12, 0)).unwrap(),
            p("pass_rate", "max_drop", &rows(12, 1)).unwrap(),
        );
        assert!(whole > 0.0);
        assert_eq!(
            attainable("pass_rate", "max_drop", &rows(12, 4), false),
            whole.min(next)
        );
    }

    /// Rows of one trial with their missing scores filled in. A score of 2 is missing.
    fn filled(rows: &[(u8, u8)], missing: [f64; 2]) -> Vec<(f64, f64)> {
        let value = |score: u8, missing| {
            if score == 2 {
                missing
            } else {
                f64::from(score)
            }
        };
        rows.iter()
            .map(|(ours, theirs)| (value(*ours, missing[0]), value(*theirs, missing[1])))
            .collect()
    }

    proptest! {
        /// No testable pattern of signs has a smaller p.
        #[test]
        fn no_pattern_of_signs_has_a_smaller_p(
            sizes in prop_oneof![
                proptest::collection::vec(0.0..0.5_f64, 2..9),
                proptest::collection::vec(Just(0.25), 2..9),
                proptest::collection::vec(proptest::sample::select(vec![0.0, 0.25, 0.5]), 2..9),
            ],
            signs in proptest::collection::vec(any::<bool>(), 9),
            metric in proptest::sample::select(vec!["numeric_mean", "pass_rate"]),
            key in proptest::sample::select(vec!["max_drop", "max_rise"]),
        ) {
            let rows: Vec<(f64, f64)> = sizes
                .iter()
                .zip(signs)
                .map(|(size, up)| if up { (0.5 + size, 0.5) } else { (0.5, 0.5 + size) })
                .collect();
            let least = attainable(metric, key, &rows, false);
            if let Some(p) = p(metric, key, &rows) {
                prop_assert!(least <= p + 1e-12, "{} {}", least, p);
            }
        }

        /// For any values of the missing scores, the attainable p is within its bounds. Both bounds are reached, except
        /// for differences far below any error rate.
        #[test]
        fn no_filling_of_truth_values_is_out_of_bounds(rows in proptest::collection::vec((0..3_u8, 0..3_u8), 2..9)) {
            let missing: Vec<(usize, bool)> = (0..rows.len())
                .flat_map(|row| [(row, true), (row, false)])
                .filter(|(row, ours)| if *ours { rows[*row].0 == 2 } else { rows[*row].1 == 2 })
                .collect();
            prop_assume!((1..=9).contains(&missing.len()));
            let (worst, best) = (filled(&rows, [0.0, 1.0]), filled(&rows, [1.0, 0.0]));
            let (low, high) = of_pairs(&means(&worst, true), &means(&best, true), None);
            let imputations = of_fillings(&means(&worst, true), &means(&best, true), true, None);
            let mut seen = Vec::new();
            let mut found = (f64::INFINITY, 0.0_f64);
            for imputation in 0..1_u32 << missing.len() {
                let mut rows = rows.clone();
                for (place, (row, ours)) in missing.iter().enumerate() {
                    let value = u8::from(imputation >> place & 1 == 1);
                    *if *ours { &mut rows[*row].0 } else { &mut rows[*row].1 } = value;
                }
                let filled = filled(&rows, [0.0, 0.0]);
                let p = attainable("pass_rate", "max_drop", &filled, true);
                let own = means(&filled, true).pairs().p(true);
                prop_assert!(imputations.iter().any(|(attainable, least)| *attainable <= p && *least <= own));
                seen.push((p, own));
                prop_assert!(low <= p && p <= high, "{} {} {}", low, p, high);
                found = (found.0.min(p), found.1.max(p));
            }
            prop_assert!(imputations.iter().all(|imputation| seen.contains(imputation)));
            prop_assert!(found.0 - low <= LEAST_KNOWN && high - found.1 <= LEAST_KNOWN);
        }

        #[test]
        fn no_filling_of_means_is_out_of_bounds(
            rows in proptest::collection::vec(
                (0..4_u8, 0..4_u8, proptest::sample::select(vec![0.0, 0.0, 0.2, 0.5]), 0.0..=1.0_f64),
                2..14,
            ),
            noise in proptest::sample::select(vec![0.0, 0.01]),
            is_rate in any::<bool>(),
        ) {
            // Each open value of the candidate at this fraction of its range, or at its own fraction.
            let filled = |part: Option<f64>| -> Vec<(f64, f64)> {
                let all = rows.iter().enumerate();
                all.map(|(row, (ours, theirs, open, own))| {
                    let value = f64::from(*ours) / 5.0 + noise * f64::from(*theirs) * f64::from(u8::try_from(row).unwrap());
                    (value + open * part.unwrap_or(*own), f64::from(*theirs) / 5.0)
                })
                .collect()
            };
            let (worst, best) = (filled(Some(0.0)), filled(Some(1.0)));
            prop_assume!(worst != best);
            let (low, high) = of_means(&means(&worst, false), &means(&best, false), is_rate, None);
            let metric = if is_rate { "pass_rate" } else { "numeric_mean" };
            for filled in [filled(None), filled(Some(0.4)), worst, best] {
                let p = attainable(metric, "max_drop", &filled, false);
                prop_assert!(low <= p + 1e-9 && p <= high + 1e-9, "{} {} {}", low, p, high);
            }
        }
    }
}
