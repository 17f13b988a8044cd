//! Tests with published values, and properties of every interval.

use proptest::prelude::*;
use statrs::distribution::{Binomial, Discrete as _};

use super::quantile::{t_quantile, t_tail};
use super::*;

/// The quantile for two-sided 95 %, as the sources use it.
const BOTH_95: f64 = 0.975;
/// The quantile for two-sided 90 %.
const BOTH_90: f64 = 0.95;

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "{found} is not {expected}"
    );
}

fn pairs(both: u64, regressed: u64, fixed: u64, neither: u64) -> Pairs {
    Pairs {
        both,
        regressed,
        fixed,
        neither,
    }
}

#[test]
fn quantiles() {
    // R: qnorm, pnorm, qt, pt.
    near(normal_quantile(0.95), 1.644_853_626_951_472_7, 1e-14);
    near(normal_quantile(0.975), 1.959_963_984_540_054, 1e-14);
    near(normal_quantile(0.9999), 3.719_016_485_455_681, 1e-12);
    near(normal_quantile(0.5), 0.0, 1e-15);
    near(normal_tail(1.959_963_984_540_054), 0.025, 5e-12);
    near(normal_tail(6.0) / 9.865_876_450_376_946e-10, 1.0, 1e-10);
    near(t_quantile(0.975, 9.0), 2.262_157_162_798_205, 1e-11);
    near(t_quantile(0.95, 1.0), 6.313_751_514_675_04, 1e-10);
    near(t_quantile(0.95, 99.0), 1.660_391_156_017_33, 1e-10);
    near(t_tail(2.262_157_162_798_205, 9.0), 0.025, 1e-12);
    // SciPy: stats.t.ppf, stats.t.sf.
    for (confidence, freedom, quantile) in [
        (0.95, 99_999.0, 1.644_868_864_937_350_2),
        (0.95, 999.0, 1.646_380_345_427_535),
        (0.99, 4.0, 3.746_947_387_979_196),
        (0.95, 2.0, 2.919_985_580_353_724_2),
        (0.9999, 30.0, 4.233_985_957_272_06),
        (0.6, 5.0, 0.267_180_865_704_145_1),
        // Values on both sides of the change of method.
        (0.55, 499.0, 0.125_725_314_641_513_49),
        (0.9999, 499.0, 3.746_834_906_267_400_5),
        (0.55, 500.0, 0.125_725_186_671_953),
        (0.95, 500.0, 1.647_906_853_929_510_5),
        (0.9999, 500.0, 3.746_778_899_057_784),
    ] {
        near(t_quantile(confidence, freedom), quantile, 1e-10);
    }
    near(t_tail(8.0, 9.0) / 1.106_740_840_470_007_8e-5, 1.0, 1e-10);
    near(
        t_tail(3.2, 99_999.0) / 0.000_687_352_336_606_380_5,
        1.0,
        1e-9,
    );
}

/// Newcombe 1998, two-sided 95 %.
#[test]
fn wilson_of_newcombe() {
    for (successes, trials, low, high) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let interval = wilson(successes, trials, BOTH_95);
        near(interval.low, low, 5e-5);
        near(interval.high, high, 5e-5);
    }
}

#[test]
fn paired_differences_of_newcombe() {
    // Cavo 2012, cited in Fagerland, Lydersen & Laake. Their difference is fixed − regressed.
    let cavo = pairs(59, 6, 16, 80);
    near(cavo.change(), 0.0621, 5e-5);
    let interval = cavo.interval(BOTH_95);
    near(interval.low, 0.0046, 5e-5);
    near(interval.high, 0.1186, 5e-5);
    let other = pairs(14, 0, 5, 22).interval(BOTH_95);
    near(other.low, 0.011_483_2, 5e-7);
    near(other.high, 0.226_493, 5e-6);
    for (regressed, fixed, both, wide, narrow) in [
        (16, 6, 154, (-0.0984, -0.0032), (-0.0903, -0.0109)),
        (24, 14, 146, (-0.1117, 0.0112), (-0.1016, 0.0013)),
        (12, 2, 158, (-0.0902, -0.0124), (-0.0832, -0.0186)),
    ] {
        let table = pairs(both, regressed, fixed, 200 - both - regressed - fixed);
        for (confidence, (low, high)) in [(BOTH_95, wide), (BOTH_90, narrow)] {
            let interval = table.interval(confidence);
            near(interval.low, low, 5e-5);
            near(interval.high, high, 5e-5);
        }
    }
    for (table, reach) in [(pairs(30, 0, 0, 10), 0.0641), (pairs(20, 0, 0, 0), 0.1611)] {
        let interval = table.interval(BOTH_95);
        near(interval.low, -reach, 5e-5);
        near(interval.high, reach, 5e-5);
    }
}

#[test]
fn mid_p_of_mcnemar() {
    for (regressed, fixed, p, within) in [
        (16, 6, 0.03469, 5e-6),
        (24, 14, 0.10813, 5e-6),
        (12, 2, 0.007_385, 5e-7),
        (6, 16, 0.034_690, 5e-7),
        (150, 86, 2.893_390e-5, 1e-10),
        (1, 7, 0.039_062_5, 1e-12),
        (0, 0, 1.0, 0.0),
        // 1 - 20 / 64 / 2.
        (3, 3, 0.843_75, 1e-12),
    ] {
        near(mid_p(regressed, fixed), p, within);
    }
    // The exact test counts the whole probability of the observed outcome. Mid-p counts half of it.
    for (regressed, fixed, exact, within) in
        [(150, 86, 3.715_936e-5, 1e-11), (1, 7, 0.070_312_5, 1e-12)]
    {
        let turned = Binomial::new(0.5, regressed + fixed).unwrap();
        let found = turned.pmf(regressed.min(fixed));
        near(mid_p(regressed, fixed) + found, exact, within);
    }
    // Counts nearer to an even split never have a smaller p. Equal p-values are possible.
    for turned in 1..40 {
        let p: Vec<f64> = (0..=turned / 2)
            .map(|least| mid_p(turned - least, least))
            .collect();
        assert!(
            p.is_sorted() && p.iter().all(|p| *p <= 1.0),
            "{turned}: {p:?}"
        );
    }
}

/// Student's sleep data, as in R's `t.test(extra ~ group, paired = TRUE)`.
#[test]
fn paired_t_of_student() {
    let one = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    let other = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    let differences: Vec<f64> = one
        .iter()
        .zip(other)
        .map(|(one, other)| one - other)
        .collect();
    let sample = Sample::of(&differences).unwrap();
    near(sample.mean, -1.58, 1e-12);
    near(sample.mean / sample.error().unwrap(), -4.0621, 5e-5);
    let interval = sample.interval(BOTH_95).unwrap();
    near(interval.low, -2.4599, 5e-5);
    near(interval.high, -0.7001, 5e-5);
    near(2.0 * sample.p(true).unwrap(), 0.002_833, 5e-7);
}

/// Benjamini & Hochberg 1995, fifteen p-values.
#[test]
fn holm_of_benjamini_and_hochberg() {
    let p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.000,
    ];
    let adjusted = holm(&p);
    assert_eq!(adjusted.iter().filter(|p| **p <= 0.05).count(), 3);
    near(adjusted[0], 0.0015, 1e-12);
    let mut reversed = p;
    reversed.reverse();
    let mut back = holm(&reversed);
    back.reverse();
    assert_eq!(back, adjusted);
    assert_eq!(holm(&[]), Vec::<f64>::new());
    assert_eq!(holm(&[0.04]), [0.04]);
    // R: p.adjust(c(0.04, 0.01, 0.03, 0.02), "holm")
    let adjusted = holm(&[0.04, 0.01, 0.03, 0.02]);
    for (found, expected) in adjusted.into_iter().zip([0.06, 0.04, 0.06, 0.06]) {
        near(found, expected, 1e-12);
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
}

fn attainable(p: f64, alpha: f64) -> Attainable {
    Attainable { p, alpha }
}

/// The number of tests that could reject at their error rate divided by `k`.
fn could_reject(tests: &[Attainable], k: u64) -> u64 {
    let could = tests
        .iter()
        .filter(|test| test.p <= test.alpha / crate::number::count(k));
    could.count() as u64
}

#[test]
fn tarone_counts_what_could_reject() {
    let k = |p: &[f64]| tarone(&p.iter().map(|p| attainable(*p, 0.05)).collect::<Vec<_>>());
    // The example of Tarone 1990 has this form: nine tests could reject at 0.05, and three of them at 0.05 / 3.
    assert_eq!(
        k(&[0.001, 0.002, 0.01, 0.02, 0.03, 0.03, 0.04, 0.04, 0.05]),
        3
    );
    assert_eq!((k(&[]), k(&[0.5; 300]), k(&[0.04])), (1, 1, 1));
    // Each test could reject alone, and neither could together. At 0.05 / 2 at most two tests may reject, and here none
    // does.
    assert_eq!(k(&[0.03, 0.03]), 2);
    assert!(!attainable(0.03, 0.05).is_counted(2));
    assert_eq!(k(&[0.0; 40]), 40);
    // Constant dimensions have no effect.
    let with = |count: usize| k(&[&[0.0015, 0.02][..], &vec![0.5; count]].concat());
    for count in [0, 1, 10, 40, 300] {
        assert_eq!(with(count), 2);
    }
    // Each test uses its own error rate.
    let unequal = [attainable(0.003, 0.05), attainable(0.003, 0.001)];
    assert_eq!(tarone(&unequal), 1);
    assert!(unequal[0].is_counted(1) && !unequal[1].is_counted(1));
}

/// The p-value is smallest if all turned rows regressed.
#[test]
fn all_rows_that_turned_may_have_turned_against_the_candidate() {
    near(pairs(90, 10, 0, 0).attainable_p(None), 0.0015, 5e-5);
    assert_eq!(pairs(60, 0, 0, 40).attainable_p(None), 0.5);
    assert_eq!(
        pairs(60, 3, 4, 33).attainable_p(None),
        pairs(60, 7, 0, 33).p(true)
    );
    near(
        pairs(60, 3, 4, 33).attainable_p(None),
        pairs(60, 0, 7, 33).p(false),
        1e-12,
    );
}

#[test]
fn rates_that_need_not_be_whole_are_those_of_a_table() {
    let same = |rates: Rates, table: Pairs| {
        for confidence in [BOTH_90, BOTH_95] {
            let (one, other) = (rates.interval(confidence), table.interval(confidence));
            near(one.low, other.low, 1e-12);
            near(one.high, other.high, 1e-12);
        }
        near(rates.p(true), table.p(true), 1e-12);
        near(rates.p(false), table.p(false), 1e-12);
    };
    let rates = |ours, theirs, rows| Rates { ours, theirs, rows };
    same(rates(0.75, 0.75, 40), pairs(30, 0, 0, 10));
    same(rates(1.0, 1.0, 20), pairs(20, 0, 0, 0));
    same(rates(0.0, 1.0, 9), pairs(0, 9, 0, 0));
    same(rates(0.5, 0.25, 8), pairs(2, 0, 2, 4));
    near(
        wilson_of_rate(0.5, 8, BOTH_95).low,
        wilson(4, 8, BOTH_95).low,
        1e-15,
    );
    // For a rate between two whole numbers of rows, the ends are between the ends for these numbers.
    let low = |rate| wilson_of_rate(rate, 9, BOTH_95).low;
    assert!(low(4.0 / 9.0) < low(0.5) && low(0.5) < low(5.0 / 9.0));
}

#[test]
fn samples_at_their_edges() {
    assert_eq!(Sample::of(&[]), None);
    let one = Sample::of(&[3.0]).unwrap();
    assert_eq!((one.interval(0.95), one.p(true)), (None, None));
    let flat = Sample::of(&[0.1; 7]).unwrap();
    assert_eq!((flat.mean, flat.deviation), (0.1, 0.0));
    let Interval { low, high } = flat.interval(0.95).unwrap();
    assert_eq!((low, high), (0.1, 0.1));
    assert_eq!(Sample::of(&[0.0; 3]).unwrap().p(true), Some(0.5));
    assert_eq!((flat.p(true), flat.p(false)), (Some(0.5), Some(0.0)));
    // The values are large and their differences are small.
    let far = Sample::of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]).unwrap();
    near(far.deviation, 30_f64.sqrt(), 1e-9);
}

fn table() -> impl Strategy<Value = Pairs> {
    (0..60_u64, 0..40_u64, 0..40_u64, 0..60_u64)
        .prop_filter("a row", |(a, b, c, d)| a + b + c + d > 0)
        .prop_map(|(a, b, c, d)| pairs(a, b, c, d))
}

proptest! {
    #[test]
    fn wilson_holds_its_point_and_shrinks(successes in 0..50_u64, more in 0..50_u64, confidence in 0.55..0.999_f64) {
        let trials = successes + more + 1;
        let interval = wilson(successes, trials, confidence);
        let p = crate::number::count(successes) / crate::number::count(trials);
        prop_assert!(0.0 <= interval.low && interval.low <= p && p <= interval.high && interval.high <= 1.0);
        let tenfold = wilson(10 * successes, 10 * trials, confidence);
        prop_assert!(tenfold.high - tenfold.low < interval.high - interval.low);
        let mirror = wilson(trials - successes, trials, confidence);
        prop_assert!((mirror.low - (1.0 - interval.high)).abs() < 1e-12);
    }

    #[test]
    fn differences_hold_their_point_and_mirror(table in table(), confidence in 0.55..0.999_f64) {
        let interval = table.interval(confidence);
        prop_assert!(-1.0 <= interval.low && interval.low <= table.change());
        prop_assert!(table.change() <= interval.high && interval.high <= 1.0);
        let swapped = pairs(table.both, table.fixed, table.regressed, table.neither);
        let mirror = swapped.interval(confidence).mirrored();
        prop_assert!((mirror.low - interval.low).abs() < 1e-12 && (mirror.high - interval.high).abs() < 1e-12);
        let wider = table.interval(confidence + (1.0 - confidence) / 2.0);
        prop_assert!(wider.low <= interval.low && interval.high <= wider.high);
        let tenfold = pairs(10 * table.both, 10 * table.regressed, 10 * table.fixed, 10 * table.neither);
        let tenfold = tenfold.interval(confidence);
        prop_assert!(tenfold.high - tenfold.low < interval.high - interval.low);
    }

    #[test]
    fn p_of_differences_agrees_with_the_interval(table in table(), drop in any::<bool>(), confidence in 0.55..0.999_f64) {
        let p = table.p(drop);
        prop_assert!((0.0..=0.5).contains(&p));
        let interval = table.interval(confidence);
        let excludes = if drop { interval.high < 0.0 } else { interval.low > 0.0 };
        if (p - (1.0 - confidence)).abs() > 1e-9 {
            prop_assert_eq!(p < 1.0 - confidence, excludes);
        }
    }

    #[test]
    fn means_hold_their_point_and_do_not_depend_on_order(
        mut values in prop::collection::vec(-1e3..1e3_f64, 2..40),
        confidence in 0.55..0.999_f64,
    ) {
        let sample = Sample::of(&values).unwrap();
        let interval = sample.interval(confidence).unwrap();
        prop_assert!(interval.low <= sample.mean && sample.mean <= interval.high);
        let p = sample.p(true).unwrap();
        if (p - (1.0 - confidence)).abs() > 1e-9 {
            prop_assert_eq!(p < 1.0 - confidence, interval.high < 0.0);
        }
        values.reverse();
        let reversed = Sample::of(&values).unwrap();
        prop_assert!((reversed.mean - sample.mean).abs() < 1e-10);
        prop_assert!((reversed.deviation - sample.deviation).abs() < 1e-10);
        let opposite: Vec<f64> = values.iter().map(|value| -value).collect();
        let mirror = Sample::of(&opposite).unwrap().interval(confidence).unwrap().mirrored();
        prop_assert!((mirror.low - interval.low).abs() < 1e-9);
        let fourfold: Vec<f64> = values.iter().cycle().take(4 * values.len()).copied().collect();
        let narrow = Sample::of(&fourfold).unwrap().interval(confidence).unwrap();
        prop_assert!(narrow.high - narrow.low <= interval.high - interval.low);
    }

    /// Any other pattern of the same turned rows has a larger p, and more turned rows have a smaller attainable p.
    /// Differences far below any error rate are ignored.
    #[test]
    fn no_pattern_has_a_smaller_p_than_the_attainable_one(table in table(), some in 0..80_u64, drop in any::<bool>()) {
        let least = table.attainable_p(None);
        let turned = table.regressed + table.fixed;
        let some = some.min(turned);
        let pattern = Pairs { regressed: some, fixed: turned - some, ..table };
        prop_assert!(least <= pattern.p(drop) + 1e-15);
        prop_assert!((pattern.attainable_p(None) - least).abs() < 1e-15);
        if table.both > 0 {
            let more = Pairs { both: table.both - 1, regressed: table.regressed + 1, ..table };
            prop_assert!(more.attainable_p(None) <= (least + 1e-15).max(1e-6));
        }
        if table.neither > 0 {
            let more = Pairs { neither: table.neither - 1, regressed: table.regressed + 1, ..table };
            prop_assert!(more.attainable_p(None) <= (least + 1e-15).max(1e-6));
        }
    }

    /// A higher rate of the candidate or a lower rate of the baseline raises both ends of the interval, and p of a
    /// drop.
    #[test]
    fn intervals_of_rates_follow_the_rates(
        ours in 0.0..=1.0_f64,
        theirs in 0.0..=1.0_f64,
        ups in (0.0..=1.0_f64, 0.0..=1.0_f64),
        rows in 2..60_u64,
        confidence in 0.55..0.999_f64,
    ) {
        let low = Rates { ours, theirs, rows };
        let high = Rates { ours: ours + (1.0 - ours) * ups.0, theirs: theirs * (1.0 - ups.1), rows };
        let (one, other) = (low.interval(confidence), high.interval(confidence));
        prop_assert!(one.low <= other.low + 1e-12 && one.high <= other.high + 1e-12, "{:?} {:?}", one, other);
        prop_assert!(low.p(true) <= high.p(true) + 1e-12 && high.p(false) <= low.p(false) + 1e-12);
    }

    /// Checks Tarone's K and the counted tests by their definitions.
    #[test]
    fn tarone_is_the_smallest_such_number(
        tests in prop::collection::vec((0.0..0.6_f64, prop::sample::select(vec![0.05, 0.05, 0.1, 0.01])), 0..40),
        is_equal in any::<bool>(),
    ) {
        let tests: Vec<Attainable> = tests
            .into_iter()
            .map(|(p, alpha)| attainable(p * p, if is_equal { 0.05 } else { alpha }))
            .collect();
        let k = tarone(&tests);
        prop_assert!(could_reject(&tests, k) <= k);
        prop_assert!((1..k).all(|less| could_reject(&tests, less) > less));
        // Tests that can never reject have no effect.
        let more = [&tests[..], &[attainable(0.5, 0.05); 9]].concat();
        prop_assert_eq!(tarone(&more), k);
        // Tests with larger attainable p-values never give a larger K.
        let harder: Vec<Attainable> = tests.iter().map(|test| attainable(test.p * 2.0, test.alpha)).collect();
        prop_assert!(tarone(&harder) <= k);
    }

    #[test]
    fn holm_is_no_less_than_p_and_keeps_its_order(p in prop::collection::vec(0.0..1.0_f64, 0..12)) {
        let adjusted = holm(&p);
        for (one, own) in p.iter().zip(&adjusted) {
            prop_assert!(own >= one && *own <= 1.0);
            for (other, their) in p.iter().zip(&adjusted) {
                prop_assert!(one > other || own <= their);
            }
        }
    }

    #[test]
    fn no_finite_number_is_too_much(values in prop::collection::vec(prop::num::f64::NORMAL, 0..6), drop in any::<bool>()) {
        if let Some(sample) = Sample::of(&values) {
            let _ = (sample.interval(0.95), sample.p(drop));
        }
    }
}

#[test]
fn numbers_too_large_for_their_squares_are_no_certainty() {
    let sample = Sample::of(&[1e160, 0.0, 1e160, 0.0]).unwrap();
    let interval = sample.interval(0.95).unwrap();
    assert!(interval.low < 0.0 && interval.high > 1e160, "{interval:?}");
    assert_eq!(Sample::of(&[1e308, -1e308]).unwrap().interval(0.95), None);
    assert_eq!(Sample::of(&[f64::MAX, f64::MAX]).unwrap().mean, f64::MAX);
}

#[test]
fn chance_of_a_net_drop() {
    // The example in the documents: 100 rows, of which one in ten flips, and a net drop of more than two.
    assert!((chance_of_net(100, 0.1, 2) - 0.2116).abs() < 5e-4);
    // Three rows all turn. A net drop of more than one needs all three in the same direction.
    assert!((chance_of_net(3, 1.0, 1) - 0.125).abs() < 1e-12);
    assert!((chance_of_net(2, 1.0, 0) - 0.25).abs() < 1e-12);
    assert_eq!(chance_of_net(10, 0.0, 0), 0.0);
    // Rows almost never turn. The result is the chance that one of three turns in one direction.
    near(chance_of_net(3, 0.001, 0), 0.001_497_75, 1e-8);
    // Many rows, with the normal approximation: the deviation is 100, and the net drop is more than 100.
    near(chance_of_net(100_000, 0.1, 100), normal_tail(1.005), 1e-4);
    assert_eq!(chance_of_net(10, 0.5, 10), 0.0);
    // A sum over all outcomes of six rows.
    let (turns, rows) = (0.3, 6_u32);
    let mut expected = 0.0;
    for outcome in 0..3_u32.pow(rows) {
        let (mut left, mut net, mut likely) = (outcome, 0_i32, 1.0);
        for _ in 0..rows {
            let step = i32::try_from(left % 3).unwrap() - 1;
            likely *= if step == 0 { 1.0 - turns } else { turns / 2.0 };
            net += step;
            left /= 3;
        }
        expected += if net > 1 { likely } else { 0.0 };
    }
    assert!((chance_of_net(6, turns, 1) - expected).abs() < 1e-12);
}
