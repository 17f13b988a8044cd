//! Families of tests: which of them are counted, and their p-values corrected for each other.
//!
//! `significant` limits on changes are tests. The tests that can block today form one family. The tests that cannot
//! block, because their gates only warn or are waived, form another. In each family only the tests that could reject
//! are counted (Tarone 1990), and Holm's method is applied to these. A test that is not counted cannot fail.
//!
//! # Several confidences
//!
//! Each test is compared with the error rate of its own gate, in both steps. Which tests are counted depends only on
//! attainable p-values, so the counted tests can be treated as fixed. For any error rate a, the checks that fail at a
//! confidence of at least 1 − a are among those that Holm's method rejects at a. So the probability that any such
//! check fails only by chance is at most a. With a single confidence this is the published form of Tarone's and Holm's
//! methods.
//!
//! # Missing scores
//!
//! Which tests are counted, and their p-values, depend on the values of missing scores. For each test, bounds of both
//! are known over all imputations of its missing scores. The bounds of different tests are treated as independent of
//! each other, which allows more combinations than are possible. Then, with K from [`tarone`]:
//!
//! - K falls or stays the same as attainable p-values rise, because fewer tests could reject at any K.
//! - A counted test stays counted, at the same K, if its own attainable p-value falls, together with those of the
//!   tests on the same rows with the same error rate: the same number of tests as before could reject at that K, and K
//!   does not fall.
//! - So a test is counted in every imputation if it is counted with the upper bounds of its own attainable p-value
//!   and of the tests on the same rows, and the lower bounds of all other tests. It is counted in no imputation if it
//!   is not counted with its own lower bound and those of the tests on the same rows, and the upper bounds of all
//!   others.
//! - An adjusted p-value of Holm's method never falls if any p-value rises or if another test is counted: Holm's
//!   method is Bonferroni's method on every subset that contains the test, and both changes only add to what must be
//!   rejected.
//!
//! The p-value and the attainable p-value of a test come from the same imputation, and both are small only in some
//! imputations. If the imputations of a test can be tried one by one, the test must be counted and fail with both
//! values of one imputation.
//!
//! So the adjusted p-value of a test has two bounds. The lower bound is computed among the tests that are counted in
//! every imputation, at their smallest p-values. The upper bound is computed among all tests that are counted in any
//! imputation, at their largest p-values. A test fails in every imputation if it fails at the upper bound and is
//! counted in every imputation. It fails in no imputation if it does not fail at the lower bound or is counted in no
//! imputation.

use crate::stats::{Attainable, holm, tarone};

/// The facts about one test, over all imputations of missing scores.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Test {
    /// The error rate of its gate.
    pub(in crate::judge) alpha: f64,
    /// The smallest and the largest attainable p-value; infinite if the test may not be possible.
    pub(in crate::judge) attainable: (f64, f64),
    /// The smallest and the largest p-value.
    pub(in crate::judge) p: (f64, f64),
    /// The attainable p-value and the p-value of the imputations that fail most easily: for every other imputation,
    /// both values are at least as large as those of one of these. Empty if only the bounds above are known.
    pub(in crate::judge) imputations: Vec<(f64, f64)>,
    /// Tests with the same value are made on the same rows for the same gate.
    pub(in crate::judge) rows: Option<TestedRows>,
}

/// The rows that a test is made on: the index of its gate, and the number of its subject and slice within the gate.
pub(in crate::judge) type TestedRows = (usize, usize);

impl Test {
    /// A test that cannot be made because its missing scores have no bounds. It may have any p-value.
    pub(in crate::judge) fn unknown(alpha: f64) -> Self {
        Self {
            alpha,
            attainable: (0.0, f64::INFINITY),
            p: (0.0, 1.0),
            imputations: Vec::new(),
            rows: None,
        }
    }

    /// Whether both tests have the same attainable p in every imputation.
    fn is_on_rows_of(&self, other: &Self) -> bool {
        self.rows.is_some() && self.rows == other.rows
    }

    /// The test's result if nothing is corrected.
    pub(in crate::judge) fn alone(&self) -> Corrected {
        Corrected {
            least: Some(self.p.0),
            most: Some(self.p.1),
            family: 1,
        }
    }

    /// The test with this attainable p-value.
    fn at(&self, attainable: f64) -> Attainable {
        Attainable {
            p: attainable,
            alpha: self.alpha,
        }
    }
}

/// The p-value of a test, corrected for the others of its family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::judge) struct Corrected {
    /// The smallest value in any imputation of missing scores; `None` if the test is counted in no imputation.
    pub(in crate::judge) least: Option<f64>,
    /// The largest value in any imputation; `None` if the test is not counted in some imputation.
    pub(in crate::judge) most: Option<f64>,
    /// The smallest number of tests that are counted in any imputation.
    pub(in crate::judge) family: u64,
}

/// Whether a test is counted if its own attainable p-value and those of the tests on the same rows are `own` and those
/// of all other tests are given by `others`.
fn is_counted(tests: &[Test], place: usize, own: f64, others: fn(&Test) -> f64) -> bool {
    let Some(tested) = tests.get(place) else {
        return false;
    };
    let of = |(other, test): (usize, &Test)| {
        let is_own = other == place || tested.is_on_rows_of(test);
        test.at(if is_own { own } else { others(test) })
    };
    let all: Vec<Attainable> = tests.iter().enumerate().map(of).collect();
    tested.at(own).is_counted(tarone(&all))
}

/// Corrects the tests of one family. The result has the order of the tests.
pub(in crate::judge) fn corrected(tests: &[Test]) -> Vec<Corrected> {
    let counted = counted(tests);
    let of = |is_one: fn(&(bool, bool)) -> bool, p: fn(&Test) -> f64| -> Vec<f64> {
        let both = tests.iter().zip(&counted);
        both.filter(|(_, counted)| is_one(counted))
            .map(|(test, _)| p(test))
            .collect()
    };
    let always = of(|counted| counted.0, |test| test.p.0);
    let ever = of(|counted| counted.1, |test| test.p.1);
    let (mut of_always, mut of_ever) = (holm(&always).into_iter(), holm(&ever).into_iter());
    // Adjusts the p-value of one test among the other tests that are always counted.
    let compared = |place: usize, p: f64| {
        let others = tests.iter().zip(&counted).enumerate();
        let others = others.filter(|(other, (_, counted))| *other != place && counted.0);
        let others = others.map(|(_, (test, _))| test.p.0);
        holm(&others.chain([p]).collect::<Vec<_>>()).pop()
    };
    let mut corrected = Vec::with_capacity(tests.len());
    for (place, (test, (is_always, is_ever))) in tests.iter().zip(&counted).enumerate() {
        let largest = if *is_ever { of_ever.next() } else { None };
        let of_bounds = if *is_always { of_always.next() } else { None };
        let smallest = if test.imputations.is_empty() {
            of_bounds.or_else(|| is_ever.then(|| compared(place, test.p.0)).flatten())
        } else {
            let mut least: Option<f64> = None;
            for (attainable, p) in &test.imputations {
                if is_counted(tests, place, *attainable, |test| test.attainable.1) {
                    let p = compared(place, *p);
                    least = least.map_or(p, |least| p.map(|p| p.min(least)));
                }
            }
            least
        };
        corrected.push(Corrected {
            least: smallest,
            most: largest.filter(|_| *is_always),
            family: always.len() as u64 + u64::from(*is_ever && !is_always),
        });
    }
    corrected
}

/// Whether each test is counted in every imputation, and whether in any.
fn counted(tests: &[Test]) -> Vec<(bool, bool)> {
    let is_known = |test: &Test| test.attainable.0 == test.attainable.1;
    if tests.iter().all(is_known) {
        let all: Vec<Attainable> = tests
            .iter()
            .map(|test| test.at(test.attainable.0))
            .collect();
        let k = tarone(&all);
        return all
            .iter()
            .map(|test| test.is_counted(k))
            .map(|is| (is, is))
            .collect();
    }
    let each = tests.iter().enumerate().map(|(place, test)| {
        let (least, most) = test.attainable;
        (
            is_counted(tests, place, most, |test| test.attainable.0),
            is_counted(tests, place, least, |test| test.attainable.1),
        )
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::judge::significance::attainable::least;

    fn known(alpha: f64, attainable: f64, p: f64) -> Test {
        Test {
            alpha,
            attainable: (attainable, attainable),
            p: (p, p),
            imputations: Vec::new(),
            rows: None,
        }
    }

    /// Whether each test fails when all p-values are known. This uses only the definitions of the methods.
    fn fails(tests: &[Test]) -> Vec<bool> {
        let could = |test: &Test, k: usize| {
            let k = crate::number::count(k as u64);
            test.attainable.0 <= test.alpha / k
        };
        let is_enough = |k: &usize| tests.iter().filter(|test| could(test, *k)).count() <= *k;
        let k = (1..=tests.len() + 1).find(is_enough).unwrap();
        let mut counted: Vec<usize> = (0..tests.len())
            .filter(|place| could(&tests[*place], k))
            .collect();
        counted.sort_by(|one, other| tests[*one].p.0.total_cmp(&tests[*other].p.0));
        let mut fails = vec![false; tests.len()];
        for place in &counted {
            // Holm's method with the test's own error rate, applied to all tests up to this one.
            let mut ranks = counted.iter().enumerate();
            let up_to = ranks.position(|(_, other)| other == place).unwrap();
            fails[*place] = counted
                .iter()
                .enumerate()
                .take(up_to + 1)
                .all(|(rank, other)| {
                    let left = crate::number::count((counted.len() - rank) as u64);
                    tests[*other].p.0 * left <= tests[*place].alpha
                });
        }
        fails
    }

    fn fails_surely(tests: &[Test]) -> Vec<bool> {
        let corrected = corrected(tests).into_iter().zip(tests);
        corrected
            .map(|(of, test)| of.most.is_some_and(|p| p <= test.alpha))
            .collect()
    }

    fn may_fail(tests: &[Test]) -> Vec<bool> {
        let corrected = corrected(tests).into_iter().zip(tests);
        corrected
            .map(|(of, test)| of.least.is_some_and(|p| p <= test.alpha))
            .collect()
    }

    /// The first test could reject alone. But the second test can always reject at its error rate, so no imputation
    /// counts the first test.
    #[test]
    fn a_test_is_held_against_the_others_as_they_are_where_it_could_reject() {
        let open = Test {
            alpha: 0.05,
            attainable: (0.0382, 0.2),
            p: (0.0382, 0.5),
            imputations: Vec::new(),
            rows: None,
        };
        let found = corrected(&[open, known(0.05, 0.0318, 0.0609)]);
        assert_eq!((found[0].least, found[0].most), (None, None));
    }

    /// The two limits of one gate use the same rows, so either both tests could reject or neither could. Together,
    /// neither is counted.
    #[test]
    fn tests_on_the_same_rows_have_the_same_attainable_p() {
        let drop = Test {
            attainable: (0.0382, 0.2),
            p: (0.0382, 0.5),
            rows: Some((0, 0)),
            ..known(0.05, 0.0, 0.0)
        };
        let rise = Test {
            p: (0.5, 1.0),
            ..drop.clone()
        };
        let both = corrected(&[drop.clone(), rise.clone()]);
        assert_eq!((both[0].least, both[1].least), (None, None));
        let elsewhere = Test {
            rows: Some((0, 1)),
            ..rise
        };
        assert_eq!(corrected(&[drop, elsewhere])[0].least, Some(0.0382));
    }

    #[test]
    fn what_could_not_reject_is_not_counted() {
        let tests = [
            known(0.05, 0.0015, 0.0015),
            known(0.05, 0.5, 0.5),
            known(0.05, 0.04, 0.2),
        ];
        let [one, constant, other] = corrected(&tests)[..] else {
            unreachable!();
        };
        // The third test could reject alone, but not together with the first.
        assert_eq!(
            (one.least, one.most, one.family),
            (Some(0.0015), Some(0.0015), 1)
        );
        assert_eq!(
            (constant.least, constant.most, constant.family),
            (None, None, 1)
        );
        assert_eq!((other.least, other.most), (None, None));
    }

    #[test]
    fn a_test_of_which_nothing_is_known_makes_a_failure_less_sure() {
        let one = known(0.05, 0.001, 0.03);
        let [alone] = corrected(std::slice::from_ref(&one))[..] else {
            unreachable!();
        };
        assert_eq!((alone.least, alone.most), (Some(0.03), Some(0.03)));
        let [compared, _] = corrected(&[one.clone(), Test::unknown(0.05)])[..] else {
            unreachable!();
        };
        assert_eq!((compared.least, compared.most), (Some(0.03), Some(0.06)));
        // A test that is counted only in some imputations never fails with certainty.
        let hidden = Test {
            attainable: (0.001, 0.5),
            ..one
        };
        let [found] = corrected(&[hidden])[..] else {
            unreachable!();
        };
        assert_eq!((found.least, found.most), (Some(0.03), None));
    }

    fn test() -> impl Strategy<Value = (Test, Test)> {
        let number = || prop_oneof![0.0..0.1_f64, 0.0..0.02_f64, 0.3..0.6_f64];
        let all = (
            proptest::sample::select(vec![0.05, 0.05, 0.05, 0.1, 0.01]),
            (number(), number()),
            (number(), number()),
            (0.0..=1.0_f64, 0.0..=1.0_f64),
            any::<bool>(),
        );
        all.prop_map(|(alpha, one, other, place, is_known)| {
            let sorted = |(a, b): (f64, f64)| {
                if is_known {
                    (a.min(b), a.min(b))
                } else {
                    (a.min(b), a.max(b))
                }
            };
            let (attainable, p) = (sorted(one), sorted(other));
            // A p-value is at least the attainable p.
            let p = (p.0.max(attainable.0), p.1.max(attainable.1));
            let between = |(low, high): (f64, f64), place: f64| low + (high - low) * place;
            let of = between(attainable, place.0);
            let filled = known(alpha, of, between((p.0.max(of), p.1.max(of)), place.1));
            (
                Test {
                    alpha,
                    attainable,
                    p,
                    imputations: Vec::new(),
                    rows: None,
                },
                filled,
            )
        })
    }

    /// Two tests on the same rows. Their attainable p-values are equal, and their p-values differ.
    fn on_the_same_rows(tests: &mut [(Test, Test)], place: usize) {
        if let Some([(one, of_one), (other, of_other)]) = tests.get_mut(place..place + 2) {
            let rows = Some((place, 0));
            let raised = |p: (f64, f64), least: f64| (p.0.max(least), p.1.max(least));
            let p = raised(other.p, one.attainable.0);
            one.rows = rows;
            *other = Test { p, ..one.clone() };
            let p = (of_other.p.0.max(of_one.attainable.0)).clamp(p.0, p.1);
            *of_other = Test {
                p: (p, p),
                ..of_one.clone()
            };
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// With one error rate, the result is that of Tarone's and Holm's methods. With several, each test uses its own
        /// error rate.
        #[test]
        fn known_tests_fail_as_the_methods_say(tests in proptest::collection::vec(test(), 0..12), is_equal in any::<bool>()) {
            let alpha = |test: &Test| if is_equal { 0.05 } else { test.alpha };
            let tests: Vec<Test> = tests.into_iter().map(|(_, test)| Test { alpha: alpha(&test), ..test }).collect();
            prop_assert_eq!(&fails_surely(&tests), &fails(&tests));
            prop_assert_eq!(&may_fail(&tests), &fails(&tests));
        }

        /// A test that certainly fails must fail in every imputation. A test that cannot fail must fail in none.
        #[test]
        fn no_filling_is_out_of_bounds(
            mut tests in proptest::collection::vec(test(), 1..12),
            pairs in proptest::collection::vec(0..12_usize, 0..4),
        ) {
            for place in pairs.into_iter().filter(|place| place % 2 == 0) {
                on_the_same_rows(&mut tests, place);
            }
            let (bounded, filled): (Vec<Test>, Vec<Test>) = tests.into_iter().unzip();
            let found = fails(&filled);
            for (found, (surely, may)) in found.iter().zip(fails_surely(&bounded).iter().zip(may_fail(&bounded))) {
                prop_assert!(!surely || *found);
                prop_assert!(!found || may);
            }
        }

        /// The same with a list of imputations for each test, and with pairs of tests on the same rows.
        #[test]
        fn no_filling_that_is_looked_at_is_out_of_bounds(
            tests in proptest::collection::vec(
                (proptest::collection::vec((0.0..0.06_f64, 1.0..3.0_f64, 1.0..20.0_f64), 1..5), 0..5_usize, any::<bool>()),
                1..7,
            ),
        ) {
            let (mut bounded, mut filled) = (Vec::new(), Vec::new());
            for (place, (imputations, which, is_pair)) in tests.into_iter().enumerate() {
                let mut add = |raised: fn(&(f64, f64, f64)) -> f64| {
                    let imputations: Vec<(f64, f64)> = imputations
                        .iter()
                        .map(|imputation| (imputation.0, (imputation.0 * raised(imputation)).min(1.0)))
                        .collect();
                    let ends = |of: fn(&(f64, f64)) -> f64| {
                        let all = imputations.iter().map(of);
                        (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max))
                    };
                    let (attainable, p) = imputations[which % imputations.len()];
                    filled.push(known(0.05, attainable, p));
                    bounded.push(Test {
                        alpha: 0.05,
                        attainable: ends(|imputation| imputation.0),
                        p: ends(|imputation| imputation.1),
                        imputations: least(imputations),
                        rows: Some((place, 0)),
                    });
                };
                add(|imputation| imputation.1);
                if is_pair {
                    add(|imputation| imputation.2);
                }
            }
            let found = fails(&filled);
            for (found, (surely, may)) in found.iter().zip(fails_surely(&bounded).iter().zip(may_fail(&bounded))) {
                prop_assert!(!surely || *found);
                prop_assert!(!found || may);
            }
        }

        /// Tests that can never reject do not change the results of other tests.
        #[test]
        fn constant_tests_change_nothing(tests in proptest::collection::vec(test(), 0..9), constant in 0..50_usize) {
            let tests: Vec<Test> = tests.into_iter().map(|(test, _)| test).collect();
            let more = [&tests[..], &vec![known(0.05, 0.5, 0.5); constant]].concat();
            prop_assert_eq!(&corrected(&more)[..tests.len()], &corrected(&tests)[..]);
        }
    }
}
