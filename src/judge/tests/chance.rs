//! Tests of judging by rows with evidence rules, with and without missing scores.

use super::why;
use crate::policy;
use proptest::prelude::*;

use super::row::{both, on_rows, repeated};
use crate::judge::significance::attainable::AttainableP;
use crate::judge::significance::scenario::RuleOutcome;
use crate::judge::significance::scenario::{IntervalMethod, Scenario};
use crate::judge::significance::test::SignificanceTest;
use crate::judge::*;
use crate::policy::LimitKey;
use crate::stats::Sample;

#[test]
fn what_is_left_out_is_left_out_of_tests_too() {
    let (ours, theirs) = both(
        &repeated(&[(95, "true"), (5, "false"), (300, "gone")]),
        &repeated(&[(100, "true"), (300, "false")]),
    );
    for rule in ["observed", "significant", "proven"] {
        let gate = format!(
            "- {{name: g, scorer: s, metric: pass_rate, max_drop: 0.005, missing: ignore, evidence: {rule}}}"
        );
        let judgement = on_rows("", &gate, &ours, &theirs);
        let check = &judgement.checks[0];
        assert_ne!(check.status, Status::Pass, "{rule}: {}", why(check));
        if let Some(chance) = &check.chance {
            assert_eq!((chance.rows, chance.discordant), (100, Some((5, 0))));
        }
    }
}

/// A row that is left out does not count as a row of several trials.
#[test]
fn rows_that_are_left_out_do_not_say_how_many_trials_a_row_has() {
    let status = |third: &str| {
        let rows = format!("a {{}} | {{\"s\": true}}\nb {{}} | {{\"s\": false}}\nc {{}} | {third}");
        let gate =
            "- {name: g, scorer: s, metric: pass_rate, min: 1, missing: ignore, evidence: proven}";
        on_rows("", gate, &rows, "").checks[0].status
    };
    // Wilson's interval of two rows, one of which passes, is below 1. Student's interval is not.
    assert_eq!(status("{} | {}"), Status::Fail);
    assert_eq!(status("{\"s\": true} | {}"), Status::Undecided);
}

/// Four of eight rows pass. The interval is from 0.25 to 0.75.
#[test]
fn significant_by_default_leaves_min_and_max_to_the_measured_value() {
    use policy::Evidence::{Observed, Proven, Significant};
    let (ours, theirs) = both(
        &repeated(&[(4, "true"), (4, "false")]),
        &repeated(&[(5, "true"), (3, "false")]),
    );
    let judged = |file: &str, own: &str| {
        let gate =
            format!("- {{name: g, scorer: s, metric: pass_rate, min: 0.6, max_drop: 0{own}}}");
        let judgement = on_rows(file, &gate, &ours, &theirs);
        let checks = judgement.checks.into_iter();
        let found: Vec<(policy::Evidence, Status, bool)> = checks
            .map(|check| (check.evidence, check.status, check.chance.is_some()))
            .collect();
        found
    };
    let significant = "defaults: {evidence: significant}";
    assert_eq!(
        judged(significant, ""),
        [
            (Observed, Status::Fail, false),
            (Significant, Status::Pass, true)
        ]
    );
    assert_eq!(
        judged(significant, ", evidence: significant"),
        [
            (Significant, Status::Pass, true),
            (Significant, Status::Pass, true)
        ]
    );
    assert_eq!(
        judged("defaults: {evidence: proven}", ""),
        [
            (Proven, Status::Undecided, true),
            (Proven, Status::Undecided, true)
        ]
    );
}

#[test]
fn a_missing_score_hides_no_sure_fail() {
    let mut ours = vec!["0.85"; 8];
    let theirs = ["0.9", "0.91", "0.89", "0.9", "0.9", "0.9", "0.9", "0.9"];
    let status = |ours: &[&str], missing: &str| {
        let (ours, theirs) = both(ours, &theirs);
        let gate = format!(
            "- {{name: g, scorer: s, metric: numeric_mean, range: [0, 1], max_drop: 0.02, evidence: significant, missing: {missing}}}"
        );
        on_rows("", &gate, &ours, &theirs).checks[0].status
    };
    assert_eq!(status(&ours, "bound"), Status::Fail);
    ours[0] = "_";
    assert_eq!(status(&ours, "bound"), Status::Undecided);
    assert_eq!(status(&ours, "fail"), Status::Undecided);
    assert_eq!(status(&ours, "ignore"), Status::Fail);
}

#[test]
fn a_missing_score_leaves_nothing_open_that_it_cannot_turn() {
    // Nine rows did not change. For any value of the tenth, one changed row is no evidence: t is 1 and p is 0.17.
    let mut ours = vec!["0.8"; 10];
    let theirs = ["0.8"; 10];
    let check = |ours: &[&str], limit: &str, missing: &str| {
        let (ours, theirs) = both(ours, &theirs);
        let gate = format!(
            "- {{name: g, scorer: s, metric: numeric_mean, range: [0, 1], {limit}, evidence: significant, missing: {missing}}}"
        );
        on_rows("", &gate, &ours, &theirs).checks[0].clone()
    };
    ours[0] = "_";
    for limit in [
        "max_drop: 0.01",
        "max_drop: 0.09",
        "max_rise: 0.01",
        "max_relative_drop: 0.02",
        "min: 0.79",
        "max: 0.81",
    ] {
        for missing in ["bound", "fail"] {
            let check = check(&ours, limit, missing);
            assert_eq!(
                check.status,
                Status::Pass,
                "{limit}, {missing}: {}",
                why(&check)
            );
        }
    }
    let shown = check(&ours, "max_drop: 0.01", "bound").chance.unwrap();
    assert!((shown.p.unwrap() - 0.171_718).abs() < 1e-5, "{shown:?}");
    assert!(shown.point < -0.01, "{shown:?}");
    // Two scores are missing. If both are zero, t is 1.5. For other values it is smaller.
    ours[1] = "_";
    assert_eq!(check(&ours, "max_drop: 0.01", "bound").status, Status::Pass);
    // With three missing scores t can reach 1.96.
    ours[2] = "_";
    let check = check(&ours, "max_drop: 0.01", "bound");
    assert_eq!(check.status, Status::Undecided, "{}", why(&check));
}

#[test]
fn the_filling_that_is_least_like_chance_has_to_be_beyond_the_limit() {
    // Nine rows dropped by about 1. If the tenth row dropped by 1 too, the drop is certain, but it is below the limit
    // of 2. If the tenth dropped by 11, the average drop is 2, with t 2.0 and p 0.04. If it dropped by 21, the average
    // drop is 3, with t 1.5 and p 0.08.
    let of = |size: f64, limit: &str| {
        let drops = [0.9, 0.95, 1.0, 1.05, 1.1, 0.9, 0.95, 1.05, 1.1];
        let ours: Vec<String> = drops.iter().map(|drop| (size - drop).to_string()).collect();
        let mut ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        ours.push("_");
        let theirs = vec![size.to_string(); 10];
        let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
        let (ours, theirs) = both(&ours, &theirs);
        let gate = format!(
            "- {{name: g, scorer: s, metric: numeric_mean, range: [0, 1000000], {limit}, evidence: significant}}"
        );
        on_rows("", &gate, &ours, &theirs).checks[0].clone()
    };
    for size in [
        100.0, 500_000.0, 500_000.1, 500_000.25, 500_000.3, 500_000.7, 500_001.9,
    ] {
        for (limit, status) in [
            ("max_drop: 2", Status::Undecided),
            ("max_drop: 3", Status::Pass),
        ] {
            let check = of(size, limit);
            assert_eq!(check.status, status, "{size} {limit}: {}", why(&check));
        }
    }
    let at = |limit: &str| of(100.0, limit).chance.unwrap();
    let chance = at("max_drop: 2");
    assert!((chance.point + 2.0).abs() < 1e-6, "{chance:?}");
    assert!((chance.p.unwrap() - 0.0382).abs() < 1e-3, "{chance:?}");
    // Relative to a baseline of 100.
    assert_eq!(
        of(100.0, "max_relative_drop: 0.02").status,
        Status::Undecided
    );
    assert_eq!(of(100.0, "max_relative_drop: 0.03").status, Status::Pass);
}

#[test]
fn of_no_world_nothing_is_known() {
    let text = "version: 1\ngates:\n- {name: g, scorer: s, metric: numeric_mean, max_drop: 0.1, evidence: significant}";
    let policy = policy::parse("gates.yaml", text).unwrap();
    let (gate, limit) = (&policy.gates[0], policy.gates[0].limits[0]);
    let sample = Sample::of(&[0.1, 0.2, 0.3]).unwrap();
    let scenario = Scenario {
        component: None,
        rows: 3,
        size: 1.0,
        candidate: 0.5 + sample.mean,
        baseline: 0.5,
        method: IntervalMethod::Means {
            sample,
            is_flat: false,
        },
    };
    let judged = |worst_cases: usize, best_cases: usize| {
        let scenarios = |count| vec![scenario.clone(); count];
        let trial = SignificanceTest::new(
            scenario.clone(),
            scenarios(worst_cases),
            scenarios(best_cases),
            true,
            false,
            AttainableP {
                at_worst: 0.0,
                bounds: (0.0, 1.0),
                imputations: Vec::new(),
            },
        );
        trial.judge(gate, limit).0
    };
    assert_eq!(judged(1, 1), Some(RuleOutcome::Holds));
    assert_eq!(
        (judged(0, 1), judged(1, 0), judged(0, 0)),
        (None, None, None)
    );
}

#[test]
fn what_is_noise_once_it_is_corrected_stays_noise_also_where_missing_scores_fail() {
    // One score is missing. In the worst case four rows regressed. This is significant alone, but not together with two
    // other tests.
    let (ours, theirs) = both(
        &repeated(&[(96, "true"), (3, "false"), (1, "_")]),
        &repeated(&[(100, "true")]),
    );
    let gate = "- {name: NAME, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant, missing: fail}";
    let statuses = |names: &[&str]| -> Vec<Status> {
        let gates: Vec<String> = names
            .iter()
            .map(|name| gate.replace("NAME", name))
            .collect();
        let judgement = on_rows("", &gates.join("\n"), &ours, &theirs);
        judgement.checks.iter().map(|check| check.status).collect()
    };
    assert_eq!(statuses(&["a"]), [Status::Fail]);
    assert_eq!(statuses(&["a", "b", "c"]), [Status::Pass; 3]);
}

#[test]
fn rows_that_are_alike_but_for_rounding_show_nothing() {
    let (ours, theirs) = both(&["0.7", "0.8"], &["0.8", "0.9"]);
    let of = |keys: &str| {
        let gate = format!("- {{name: g, scorer: s, metric: numeric_mean, {keys}}}");
        let judgement = on_rows("", &gate, &ours, &theirs);
        (judgement.checks[0].status, why(&judgement.checks[0]))
    };
    assert_eq!(of("max_drop: 0.2, evidence: proven").0, Status::Undecided);
    assert_eq!(
        of("max_drop: 0.02, evidence: significant"),
        (
            Status::Pass,
            "fell 0.1 (0.85 → 0.75), beyond the limit of 0.02; but 2 rows that are all alike show nothing"
                .to_owned()
        )
    );
}

#[test]
fn several_trials_prove_no_more_than_their_rows() {
    let mut cells = vec!["true"; 20];
    let status = |cells: &[&str], limit: &str| {
        let (ours, theirs) = both(cells, &["true"; 20]);
        let gate =
            format!("- {{name: g, scorer: s, metric: pass_rate, {limit}, evidence: proven}}");
        on_rows("", &gate, &ours, &theirs).checks[0].status
    };
    for limit in ["min: 0.99", "max_drop: 0.01"] {
        assert_eq!(status(&cells, limit), Status::Undecided);
        // One row has two trials.
        cells[3] = "true true";
        assert_eq!(status(&cells, limit), Status::Undecided);
    }
    assert_eq!(status(&cells, "min: 0.8"), Status::Pass);
}

/// One score is missing. If it is true, all rows are alike, and Wilson's interval of 14 of 14 begins at 0.838. If it is
/// false, Student's interval begins at 0.901.
#[test]
fn a_missing_score_may_make_all_rows_alike() {
    let cells = repeated(&[(13, "true true"), (1, "true _")]);
    let status = |cells: &[&str], baseline: &[&str], limit: &str, evidence: &str| {
        let (ours, theirs) = both(cells, baseline);
        let gate =
            format!("- {{name: g, scorer: s, metric: pass_rate, {limit}, evidence: {evidence}}}");
        on_rows("", &gate, &ours, &theirs).checks[0].status
    };
    let all = repeated(&[(14, "true true")]);
    for (limit, proven, significant) in [
        ("min: 0.85", Status::Undecided, Status::Pass),
        ("max: 0.85", Status::Undecided, Status::Undecided),
        ("min: 0.8", Status::Pass, Status::Pass),
        ("max: 0.8", Status::Fail, Status::Fail),
        // The rates of two such runs could differ by 0.162.
        ("max_drop: 0.15", Status::Undecided, Status::Pass),
        ("max_drop: 0.3", Status::Pass, Status::Pass),
    ] {
        assert_eq!(status(&cells, &all, limit, "proven"), proven, "{limit}");
        assert_eq!(
            status(&cells, &all, limit, "significant"),
            significant,
            "{limit}"
        );
    }
    let whole = repeated(&[(13, "true true"), (1, "true false")]);
    assert_eq!(status(&whole, &all, "min: 0.85", "proven"), Status::Pass);
}

/// If fourteen equal rows had one trial each, all of them could have passed or failed by chance.
#[test]
fn rows_that_may_be_alike_prove_no_more_than_rows_of_one_trial() {
    let status = |ours: (&str, &str), theirs: (&str, &str), limit: &str| {
        let of = |(most, last)| repeated(&[(13, most), (1, last)]);
        let (ours, theirs) = both(&of(ours), &of(theirs));
        let gate =
            format!("- {{name: g, scorer: s, metric: pass_rate, {limit}, evidence: proven}}");
        on_rows("", &gate, &ours, &theirs).checks[0].status
    };
    let (sound, half, wrong) = (
        ("true true", "true true"),
        ("true false", "true false"),
        ("false false", "false _"),
    );
    let (open, open_half) = (("true true", "true _"), ("true false", "true _"));
    for (ours, theirs, limit, expected) in [
        // Each row dropped by 0.5, and with one trial might have dropped by 1.
        (open_half, sound, "max_drop: 0.7", Status::Undecided),
        (open_half, sound, "max_rise: 0.7", Status::Pass),
        (sound, open_half, "max_rise: 0.7", Status::Undecided),
        (sound, open_half, "max_drop: 0.7", Status::Pass),
        // No row changed.
        (open, sound, "max_drop: 0.3", Status::Pass),
        (open, sound, "max_rise: 0.3", Status::Pass),
        (open, sound, "max_relative_drop: 0.3", Status::Pass),
        (sound, open, "max_rise: 0.3", Status::Pass),
        // A rate of 0.5 in each row might be 0 or 1 with one trial. Rates of 0 and 1 remain as they are.
        (open_half, half, "min: 0.3", Status::Undecided),
        (open_half, half, "max: 0.7", Status::Undecided),
        (wrong, half, "max: 0.5", Status::Pass),
        (open, half, "min: 0.5", Status::Pass),
    ] {
        assert_eq!(status(ours, theirs, limit), expected, "{ours:?} {limit}");
    }
}

/// A difference below a billionth of the value is rounding. A larger one is not.
#[test]
fn rows_are_alike_or_not_by_their_size() {
    let status = |cells: &[&str]| {
        let (rows, _) = both(cells, &[]);
        let gate = "- {name: g, scorer: s, metric: numeric_mean, min: 1, evidence: proven}";
        on_rows("", gate, &rows, "").checks[0].status
    };
    assert_eq!(status(&["1000000", "1000000.0001"]), Status::Undecided);
    assert_eq!(status(&["1000000", "1000000.01"]), Status::Pass);
    assert_eq!(status(&["2", "2.0001"]), Status::Pass);
}

#[test]
fn a_latency_that_is_missing_may_have_been_any() {
    let status = |last: &str, limit: &str| {
        let row = |name: usize, latency: &str| {
            format!("{name:03} {{}} | {{\"s\": true, \"latency\": {latency}}}")
        };
        let rows: Vec<String> = (0..12)
            .map(|number| row(number, if number == 11 { last } else { "1.0" }))
            .collect();
        let gate = format!("- {{name: g, metric: latency_mean, {limit}, evidence: proven}}");
        on_rows("", &gate, &rows.join("\n"), "").checks[0].status
    };
    assert_eq!(status("1.1", "max: 3"), Status::Pass);
    assert_eq!(status("1.1", "min: 0.5"), Status::Pass);
    assert_eq!(status("null", "max: 3"), Status::Undecided);
    assert_eq!(status("null", "min: 0.5"), Status::Undecided);
}

#[test]
fn the_rows_that_it_would_take_are_those_that_do() {
    let needed = |cells: &[&str], keys: &str| {
        let (ours, theirs) = both(cells, &vec!["true"; cells.len()]);
        let gate = format!("- {{name: g, scorer: s, metric: pass_rate, {keys}, evidence: proven}}");
        let judgement = on_rows("", &gate, &ours, &theirs);
        judgement.checks[0].chance.as_ref().unwrap().rows_needed
    };
    assert_eq!(needed(&["true"; 20], "min: 0.99"), Some(268));
    assert_eq!(needed(&["true"; 100], "min: 0.99"), Some(268));
    assert_eq!(needed(&["true"; 300], "min: 0.99"), None);
    // If the value is exactly at the limit, no number of rows is enough.
    let on_limit = repeated(&[(98, "true"), (2, "false")]);
    assert_eq!(needed(&on_limit, "max_drop: 0.02"), None);
    assert_eq!(needed(&on_limit, "min: 0.98"), None);
}

#[test]
fn no_number_of_rows_decides_what_lies_on_the_limit() {
    let values = repeated(&[(6, "0.900001"), (6, "0.899999")]);
    let (ours, theirs) = both(&values, &[]);
    let gate = "- {name: g, scorer: s, metric: numeric_mean, min: 0.9, evidence: proven}";
    let check = on_rows("", gate, &ours, &theirs).checks[0].clone();
    assert_eq!(check.status, Status::Undecided, "{}", why(&check));
    assert_eq!(check.chance.unwrap().rows_needed, None);
}

#[test]
fn what_cannot_be_tested_dilutes_no_other_test() {
    let (ours, theirs) = both(
        &repeated(&[(94, "true"), (6, "false")]),
        &repeated(&[(100, "true")]),
    );
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    let p = |gates: &str| {
        let judgement = on_rows("", gates, &ours, &theirs);
        let chance = judgement.checks[0].chance.clone().unwrap();
        chance.adjusted_p.unwrap() / chance.p.unwrap()
    };
    assert_eq!(p(gate), 1.0);
    assert_eq!(
        p(&format!("{gate}\n{}", gate.replace("name: g", "name: h"))),
        2.0
    );
    assert_eq!(
        p(&format!(
            "{gate}\n{}",
            gate.replace("name: g, scorer: s", "name: h, scorer: t")
        )),
        1.0
    );
}

/// The missing numbers are unknown, and so is the effect of their test on the correction of the other test.
#[test]
fn a_test_that_missing_scores_hide_may_belong_to_the_family() {
    // Only one row has a number in both runs. The numbers of all other rows are missing and unbounded.
    let (ours, theirs) = both(
        &repeated(&[(94, "true"), (5, "false"), (1, "0.5")]),
        &repeated(&[(99, "true"), (1, "0.5")]),
    );
    let gate = |confidence: f64| {
        format!(
            "- {{name: g, scorer: s, metric: pass_rate, max_drop: 0, missing: ignore, evidence: significant, \
             confidence: {confidence}}}"
        )
    };
    let alone = on_rows("", &gate(0.95), &ours, &theirs);
    let p = alone.checks[0].chance.as_ref().unwrap().p.unwrap();
    // The test fails alone. It would not fail together with a second test without a result.
    let gate = gate(1.0 - p * 1.5);
    let status = |gates: &str| on_rows("", gates, &ours, &theirs).checks[0].status;
    assert_eq!(status(&gate), Status::Fail);
    let hidden = "- {name: h, scorer: s, metric: numeric_mean, max_rise: 1, evidence: significant}";
    assert_eq!(status(&format!("{gate}\n{hidden}")), Status::Undecided);
    let observed = hidden.replace("significant", "observed");
    assert_eq!(status(&format!("{gate}\n{observed}")), Status::Fail);
    // Missing scores that count as the worst do not make the check certain about other tests.
    let ours = format!("{ours}\n100 {{}} | {{}}");
    let theirs = format!("{theirs}\n100 {{}} | {{\"s\": false}}");
    let of = |confidence: f64| {
        format!(
            "- {{name: g, scorer: s, metric: pass_rate, max_drop: 0, missing: fail, evidence: significant, \
             confidence: {confidence}}}"
        )
    };
    let alone = on_rows("", &of(0.95), &ours, &theirs);
    let p = alone.checks[0].chance.as_ref().unwrap().p.unwrap();
    let at_worst = of(1.0 - p * 1.5);
    let status_of = |gates: &str| on_rows("", gates, &ours, &theirs).checks[0].status;
    assert_eq!(status_of(&at_worst), Status::Fail);
    assert_eq!(
        status_of(&format!("{at_worst}\n{hidden}")),
        Status::Undecided
    );
    // Checks that do not test a change, or have no scores to test, do not affect the family.
    for other in [
        hidden.replace("significant", "proven"),
        hidden.replace("max_rise: 1", "min: 0"),
        "- {name: h, metric: latency_mean, max_rise: 1, evidence: significant}".to_owned(),
    ] {
        assert_eq!(status(&format!("{gate}\n{other}")), Status::Fail, "{other}");
    }
}

#[test]
fn numbers_too_large_to_be_averaged_decide_nothing() {
    let (ours, theirs) = both(&["1e308", "-1e308"], &["-1e308", "1e308"]);
    for rule in ["significant", "proven"] {
        let gate = format!(
            "- {{name: g, scorer: s, metric: numeric_mean, max_drop: 1, evidence: {rule}}}"
        );
        let judgement = on_rows("", &gate, &ours, &theirs);
        assert_ne!(judgement.checks[0].status, Status::Fail);
        assert!(rule == "significant" || judgement.checks[0].status == Status::Undecided);
        assert!(
            !why(&judgement.checks[0]).contains("NaN"),
            "{}",
            why(&judgement.checks[0])
        );
    }
}

/// A relative change is defined only for a nonzero baseline. One missing score may move the baseline's mean across
/// zero.
#[test]
fn a_test_of_a_relative_change_is_undecided_where_the_baseline_may_be_on_either_side_of_zero() {
    let status = |theirs: &str| {
        let (ours, theirs) = both(
            &repeated(&[(12, "0.05")]),
            &repeated(&[(11, "0.05"), (1, theirs)]),
        );
        let gate = "- {name: g, scorer: s, metric: numeric_mean, range: [-1, 1], max_relative_drop: 0.1, evidence: significant}";
        let judgement = on_rows("", gate, &ours, &theirs);
        judgement.checks[0].status
    };
    assert_eq!(status("_"), Status::Undecided);
    assert_eq!(status("0.05"), Status::Pass);
    // With the score at its maximum or minimum, there is no certain drop.
    assert_eq!(status("1"), Status::Pass);
    assert_eq!(status("-1"), Status::Pass);
}

/// A relative limit depends on the baseline, and so does the width of the interval for passing. So the worst case of
/// the baseline's missing scores may be between their minimum and maximum.
#[test]
fn a_relative_change_is_proven_only_where_no_scores_of_the_baseline_between_the_ends_break_it() {
    // The numbers of the candidate's right and wrong rows. Each pair counts the rows that pass in the baseline and the
    // rows whose baseline score is missing.
    let judged = |[right, wrong]: [(usize, usize); 2],
                  limit: f64,
                  filled: Option<(usize, usize)>| {
        let (i, j) = filled.unwrap_or_default();
        let of = |(known, missing): (usize, usize), passing| match filled {
            Some(_) => [(known + passing, "true"), (missing - passing, "false")],
            None => [(known, "true"), (missing, "_")],
        };
        let ours = repeated(&[(right.0 + right.1, "true"), (wrong.0 + wrong.1, "false")]);
        let theirs = repeated(&[of(right, i), of(wrong, j)].concat());
        let gate = format!(
            "- {{name: g, scorer: s, metric: pass_rate, max_relative_drop: {limit}, evidence: proven, confidence: 0.975}}"
        );
        let (ours, theirs) = both(&ours, &theirs);
        on_rows("", &gate, &ours, &theirs).checks[0].status
    };
    let small = [(3, 1), (1, 8)];
    let mut between_alone = 0;
    for step in 0..24 {
        let limit = 0.76 + f64::from(step) / 100.0;
        let at = |filled| judged(small, limit, Some(filled));
        let all = (0..=1).flat_map(|i| (0..=8).map(move |j| (i, j)));
        let all: Vec<Status> = all.map(at).collect();
        let corners = [(0, 0), (0, 8), (1, 0), (1, 8)].map(at);
        let is_same = |statuses: &[Status]| statuses.iter().all(|status| *status == statuses[0]);
        let expected = if is_same(&all) {
            all[0]
        } else {
            Status::Undecided
        };
        assert_eq!(judged(small, limit, None), expected, "{limit}");
        between_alone += usize::from(is_same(&corners) && !is_same(&all));
    }
    assert!(between_alone > 2, "{between_alone}");
    // Here only some combinations are tested. No combination may contradict a decided status.
    let large = [(500, 500), (20, 5)];
    for step in 0..4 {
        let limit = f64::from(step) / 25.0;
        let decided = judged(large, limit, None);
        let all = (0..=500).step_by(250).flat_map(|i| [0, 5].map(|j| (i, j)));
        for filled in all.filter(|_| decided != Status::Undecided) {
            assert_eq!(
                judged(large, limit, Some(filled)),
                decided,
                "{limit} {filled:?}"
            );
        }
    }
    assert_eq!(judged(large, 0.12, None), Status::Pass);
}

/// Every score of the baseline is 0. A missing score of the candidate may be above 0.
#[test]
fn a_change_from_zero_is_undecided_where_a_missing_score_may_have_changed() {
    let status = |kind: &str, ours: &str, evidence: &str| {
        let zero = if kind == "pass_rate" { "false" } else { "0" };
        let (ours, theirs) = both(
            &repeated(&[(12, zero), (4, ours)]),
            &repeated(&[(16, zero)]),
        );
        let range = if kind == "pass_rate" {
            ""
        } else {
            "range: [0, 5], "
        };
        let gate = format!(
            "- {{name: g, scorer: s, metric: {kind}, {range}max_relative_drop: 1.0, evidence: {evidence}}}"
        );
        on_rows("", &gate, &ours, &theirs).checks[0].status
    };
    for evidence in ["observed", "significant", "proven"] {
        for kind in ["pass_rate", "numeric_mean"] {
            assert_eq!(
                status(kind, "_", evidence),
                Status::Undecided,
                "{kind} {evidence}"
            );
        }
    }
    assert_eq!(status("pass_rate", "false", "observed"), Status::Pass);
    assert_eq!(status("numeric_mean", "0", "significant"), Status::Pass);
}

/// In the worst case, every missing score of the baseline is true and every one of the candidate is false. That change
/// has a relative size.
#[test]
fn missing_scores_at_their_worst_break_a_relative_limit_also_where_the_baseline_may_be_zero() {
    let (ours, theirs) = both(
        &repeated(&[(1, "false"), (7, "_")]),
        &repeated(&[(1, "false"), (7, "_")]),
    );
    for evidence in ["observed", "significant", "proven"] {
        let gate = format!(
            "- {{name: g, scorer: s, metric: pass_rate, max_relative_drop: 0.2, missing: fail, evidence: {evidence}}}"
        );
        let judgement = on_rows("", &gate, &ours, &theirs);
        assert_eq!(judgement.checks[0].status, Status::Fail, "{evidence}");
    }
}

/// The candidate is above the baseline for every value of the missing score. But a change from a baseline of zero has
/// no relative size.
#[test]
fn a_rise_from_about_zero_has_no_relative_size_either() {
    let status = |theirs: &str| {
        let (ours, theirs) = both(
            &repeated(&[(12, "1")]),
            &repeated(&[(6, "0.05"), (5, "0.06"), (1, theirs)]),
        );
        let gate = "- {name: g, scorer: s, metric: numeric_mean, range: [-1, 1], max_relative_drop: 0.1, evidence: significant}";
        on_rows("", gate, &ours, &theirs).checks[0].status
    };
    for sound in ["0.05", "1", "-1"] {
        assert_eq!(status(sound), Status::Pass, "{sound}");
    }
    assert_eq!(status("_"), Status::Undecided);
}

/// A run of 100 rows, of which `passed` pass. Each row also has `constant` dimensions that are always true or 0.5.
fn with_constant(passed: usize, constant: usize) -> String {
    let rows = (0..100).map(|row| {
        let others = (0..constant).map(|place| {
            if place % 2 == 0 {
                format!(", \"flag.{place}\": true")
            } else {
                format!(", \"level.{place}\": 0.5")
            }
        });
        format!(
            "{row:03} {{}} | {{\"s\": {}{}}}",
            row < passed,
            others.collect::<String>()
        )
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// A drop from 100 to 90 of 100 rows has p 0.0015 and fails. This must not depend on the number of constant dimensions
/// or on their gates.
#[test]
fn constant_dimensions_make_no_check_more_lenient() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    for constant in [0, 1, 10, 40, 300] {
        let (ours, theirs) = (with_constant(90, constant), with_constant(100, constant));
        for keys in [
            "",
            ", severity: warn",
            ", waive: {until: 2026-12-31, reason: r}",
        ] {
            if constant == 300 && keys != ", severity: warn" {
                continue;
            }
            let more = |gate: &str| {
                format!("- {{name: {gate}, max_drop: 0, evidence: significant{keys}}}")
            };
            let mut gates = vec![gate.to_owned()];
            if constant > 0 {
                gates.push(more("a, scorer: flag.*, metric: pass_rate, max_rise: 0"));
                gates.push(more("b, scorer: flag.*, metric: coverage"));
            }
            if constant > 1 {
                gates.push(more(
                    "c, scorer: level.*, metric: numeric_mean, max_rise: 0",
                ));
            }
            let judgement = on_rows("", &gates.join("\n"), &ours, &theirs);
            let check = &judgement.checks[0];
            assert_eq!(judgement.verdict, Verdict::Failed, "{constant} {keys}");
            assert_eq!(
                check.status,
                Status::Fail,
                "{constant} {keys}: {}",
                why(check)
            );
            let chance = check.chance.as_ref().unwrap();
            assert!((chance.p.unwrap() - 0.0015).abs() < 5e-5, "{chance:?}");
            assert_eq!(chance.adjusted_p, chance.p);
            assert_eq!((chance.family, chance.counted), (Some(1), Some(true)));
            for check in &judgement.checks[1..] {
                let chance = check.chance.as_ref().unwrap();
                assert_eq!((chance.adjusted_p, chance.counted), (None, Some(false)));
            }
        }
    }
}

/// Gates that only warn or are waived today form a separate family for the correction. An expired waiver has no effect.
#[test]
fn what_cannot_block_has_a_family_of_its_own() {
    let (ours, theirs) = both(
        &repeated(&[(90, "true"), (10, "false")]),
        &repeated(&[(100, "true")]),
    );
    let families = |keys: &[&str]| -> Vec<(u64, f64)> {
        let gates: Vec<String> = (keys.iter().enumerate())
            .map(|(place, keys)| {
                format!("- {{name: g{place}, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant{keys}}}")
            })
            .collect();
        let judgement = on_rows("", &gates.join("\n"), &ours, &theirs);
        let chances = judgement
            .checks
            .iter()
            .map(|check| check.chance.as_ref().unwrap());
        chances
            .map(|chance| {
                let times = chance.adjusted_p.unwrap() / chance.p.unwrap();
                (chance.family.unwrap(), times.round())
            })
            .collect()
    };
    let (warns, waived) = (
        ", severity: warn",
        ", waive: {until: 2026-11-23, reason: r}",
    );
    let over = ", waive: {until: 2026-11-22, reason: r}";
    assert_eq!(
        families(&["", warns, waived]),
        [(1, 1.0), (2, 2.0), (2, 2.0)]
    );
    assert_eq!(families(&["", over, warns]), [(2, 2.0), (2, 2.0), (1, 1.0)]);
    assert_eq!(families(&["", "", ""]), [(3, 3.0); 3]);
}

#[test]
fn nothing_is_counted_where_nothing_is_corrected() {
    let (ours, theirs) = both(
        &repeated(&[(94, "true"), (6, "false")]),
        &repeated(&[(100, "true")]),
    );
    let gate = "- {name: g, scorer: s, metric: pass_rate, min: 0.5, max_drop: 0.02, evidence: significant}";
    let judgement = on_rows(
        "correction: none",
        &format!("{gate}\n{}", gate.replace("g,", "h,")),
        &ours,
        &theirs,
    );
    for check in judgement.checks {
        let chance = check.chance.unwrap();
        assert_eq!((chance.family, chance.counted), (None, None));
        assert_eq!(chance.adjusted_p, chance.p);
    }
}

/// Two rows of 100 regressed. This is beyond the limit, but two rows can never be significant.
#[test]
fn a_check_that_could_not_reject_cannot_fail_and_says_so() {
    let (ours, theirs) = both(
        &repeated(&[(98, "true"), (2, "false")]),
        &repeated(&[(100, "true")]),
    );
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0, evidence: significant}";
    let check = &on_rows("", gate, &ours, &theirs).checks[0];
    assert_eq!(check.status, Status::Pass);
    assert!(
        why(check)
            .ends_with("; not counted as a test: no pattern of these changes would be significant"),
        "{}",
        why(check)
    );
    let chance = check.chance.as_ref().unwrap();
    assert_eq!(
        (chance.family, chance.counted, chance.adjusted_p),
        (Some(0), Some(false), None)
    );
}

/// Each gate has its own confidence. The same drop fails at 0.95 and is not counted at 0.9999.
#[test]
fn each_test_of_a_family_is_held_against_its_own_confidence() {
    let (ours, theirs) = both(
        &repeated(&[(93, "true"), (7, "false")]),
        &repeated(&[(100, "true")]),
    );
    let gate = |name: &str, confidence: f64| {
        format!(
            "- {{name: {name}, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant, confidence: {confidence}}}"
        )
    };
    let gates = format!("{}\n{}", gate("a", 0.95), gate("b", 0.9999));
    let judgement = on_rows("", &gates, &ours, &theirs);
    let found: Vec<(Status, Option<u64>, Option<bool>)> = (judgement.checks.iter())
        .map(|check| {
            let chance = check.chance.as_ref().unwrap();
            (check.status, chance.family, chance.counted)
        })
        .collect();
    assert_eq!(
        found,
        [
            (Status::Fail, Some(1), Some(true)),
            (Status::Pass, Some(1), Some(false))
        ]
    );
}

/// A mean that is equal in every row proves nothing for any number of rows. The same holds for a change of such a mean.
/// From ten rows on, `significant` fails it.
#[test]
fn an_interval_without_width_proves_nothing_of_a_mean() {
    use Status::{Fail, Pass, Undecided};
    let statuses = |rows: usize, cell: &str, metric: &str, limit: &str| {
        let (ours, theirs) = both(&vec![cell; rows], &vec!["0.9"; rows]);
        ["significant", "proven"].map(|rule| {
            let gate =
                format!("- {{name: g, scorer: s, metric: {metric}, {limit}, evidence: {rule}}}");
            on_rows("", &gate, &ours, &theirs).checks[0].status
        })
    };
    for (rows, fails) in [(2, Pass), (9, Pass), (10, Fail), (100, Fail)] {
        for limit in [
            "min: 0.8",
            "max: 0.6",
            "max_drop: 0.1",
            "max_relative_drop: 0.1",
        ] {
            assert_eq!(
                statuses(rows, "0.7", "numeric_mean", limit),
                [fails, Undecided],
                "{rows} {limit}"
            );
        }
        for limit in ["min: 0.7", "max_drop: 0.2", "max_rise: 0"] {
            assert_eq!(
                statuses(rows, "0.7", "numeric_mean", limit),
                [Pass, Undecided],
                "{rows} {limit}"
            );
        }
        // A missing score may equal all others, and then nothing is proven.
        let mut cells = vec!["0.7"; rows];
        cells[0] = "_";
        let (ours, theirs) = both(&cells, &vec!["0.9"; rows]);
        let gate =
            "- {name: g, scorer: s, metric: numeric_mean, range: [0, 1], min: 0, evidence: proven}";
        assert_eq!(
            on_rows("", gate, &ours, &theirs).checks[0].status,
            Undecided
        );
    }
}

/// Rows of two trials with equal rates are judged as rows of one trial. This also holds for few rows.
#[test]
fn rates_that_are_the_same_in_every_row_are_judged_as_rows_of_one_trial() {
    let of = |rows: usize, cells: (&str, &str), limit: &str, rule: &str| {
        let (ours, theirs) = both(&vec![cells.0; rows], &vec![cells.1; rows]);
        let gate =
            format!("- {{name: g, scorer: s, metric: pass_rate, {limit}, evidence: {rule}}}");
        on_rows("", &gate, &ours, &theirs).checks[0].clone()
    };
    for rows in [4, 8, 20] {
        for (twice, once) in [("true true", "true"), ("false false", "false")] {
            for limit in [
                "min: 0.5",
                "min: 0.8",
                "max: 0.5",
                "max: 0.2",
                "max_drop: 0.3",
                "max_rise: 0.3",
                "max_drop: 0",
            ] {
                for rule in ["significant", "proven"] {
                    for theirs in [("true true", "true"), ("false false", "false")] {
                        let two = of(rows, (twice, theirs.0), limit, rule);
                        let one = of(rows, (once, theirs.1), limit, rule);
                        assert_eq!(
                            two.status, one.status,
                            "{rows} {twice} {} {limit} {rule}",
                            theirs.0
                        );
                        let (two, one) = (two.chance.unwrap(), one.chance.unwrap());
                        assert!(
                            (two.interval.low - one.interval.low).abs() < 1e-12,
                            "{two:?} {one:?}"
                        );
                        assert!(
                            (two.interval.high - one.interval.high).abs() < 1e-12,
                            "{two:?} {one:?}"
                        );
                    }
                }
            }
        }
    }
    // A rate of 0.5 in each row has the interval of half of the rows.
    let half = of(8, ("true false", "true false"), "min: 0.2", "proven")
        .chance
        .unwrap();
    let rows = crate::stats::wilson(4, 8, 0.95);
    assert!(
        (half.interval.low - rows.low).abs() < 1e-12
            && (half.interval.high - rows.high).abs() < 1e-12
    );
    // Equal changes are not enough. The rows themselves differ.
    let (ours, theirs) = both(
        &repeated(&[(6, "true false"), (6, "false false")]),
        &repeated(&[(6, "true true"), (6, "true false")]),
    );
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.9, evidence: proven}";
    assert_eq!(
        on_rows("", gate, &ours, &theirs).checks[0].status,
        Status::Undecided
    );
}

/// The cells of the rows. Each has one or two trials.
fn cells(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let trial = proptest::sample::select(of);
    let trials = (trial.clone(), proptest::option::of(trial));
    let cell = trials.prop_map(|(one, other)| match other {
        Some(other) => format!("{one} {other}"),
        None => one.to_owned(),
    });
    proptest::collection::vec(cell, 2..7)
}

/// Every way to fill in the missing scores.
fn imputations(cells: &[String], with: &[&str]) -> Vec<Vec<String>> {
    let mut all = vec![cells.to_vec()];
    while let Some(place) = all[0].iter().position(|cell| cell.contains('_')) {
        let of_one = |cells: &Vec<String>| {
            with.iter()
                .map(|score| {
                    let mut cells = cells.clone();
                    cells[place] = cells[place].replacen('_', score, 1);
                    cells
                })
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(of_one).collect();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A decided status holds for every value of the missing scores.
    #[test]
    fn no_filling_changes_what_is_decided(
        (is_numeric, ours, theirs) in prop_oneof![
            (Just(true), cells(&["0", "0.5", "0.6", "1", "0.9", "_"]), cells(&["0.5", "1", "0.9", "0.4"])),
            (Just(false), cells(&["true", "true", "false", "_"]), cells(&["true", "true", "false", "_"])),
        ],
        key in proptest::sample::select(LimitKey::ALL.to_vec()),
        limit in 0..20_u32,
        rule in proptest::sample::select(vec!["observed", "significant", "proven"]),
        confidence in proptest::sample::select(vec!["0.55", "0.8", "0.95"]),
    ) {
        let missing = |cells: &[String]| cells.iter().map(|cell| cell.matches('_').count()).sum::<usize>();
        prop_assume!((1..=4).contains(&(missing(&ours) + missing(&theirs))));
        let rows = ours.len().min(theirs.len());
        let (ours, theirs) = (&ours[..rows], &theirs[..rows]);
        let metric = if is_numeric { "numeric_mean, range: [0, 1]" } else { "pass_rate" };
        let confidence = if rule == "observed" { String::new() } else { format!(", confidence: {confidence}") };
        let gate = format!(
            "- {{name: g, scorer: s, metric: {metric}, {}: {}, evidence: {rule}{confidence}}}",
            key.word(),
            f64::from(limit) / 20.0
        );
        let status = |ours: &[String], theirs: &[String]| {
            let text = |cells: &[String]| cells.iter().map(String::as_str).collect::<Vec<_>>().join(";");
            let (ours, theirs) = (text(ours), text(theirs));
            let (ours, theirs) = both(
                &ours.split(';').collect::<Vec<_>>(),
                &theirs.split(';').collect::<Vec<_>>(),
            );
            on_rows("", &gate, &ours, &theirs).checks[0].status
        };
        let decided = status(ours, theirs);
        if decided != Status::Undecided {
            let ends: &[&str] = if is_numeric { &["0", "0.55", "1"] } else { &["true", "false"] };
            for ours in imputations(ours, ends) {
                for theirs in imputations(theirs, ends) {
                    prop_assert_eq!(status(&ours, &theirs), decided, "{} {:?} {:?}", gate, ours, theirs);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Constant dimensions, and gates that only warn or are waived, do not change a check that can block.
    #[test]
    fn what_cannot_reject_or_block_changes_no_blocking_check(
        ours in proptest::collection::vec(proptest::sample::select(vec!["true", "true", "false", "true false", "_"]), 12..24),
        theirs in proptest::collection::vec(proptest::sample::select(vec!["true", "true", "true", "false"]), 40),
        rules in proptest::collection::vec(proptest::sample::select(vec!["observed", "significant", "proven"]), 3),
        missing in proptest::sample::select(vec!["bound", "fail", "ignore"]),
        confidence in proptest::sample::select(vec![0.6, 0.8, 0.95]),
        constant in 1..12_usize,
        default in proptest::sample::select(vec!["observed", "significant", "proven"]),
        extra in proptest::sample::select(vec![
            "scorer: constant.*, metric: pass_rate, max_drop: 0, max_rise: 0.1",
            "scorer: constant.*, metric: coverage, min: 0.5, max_drop: 0",
            "scorer: s, metric: pass_rate, max_drop: 0, max_rise: 0, severity: warn",
            "scorer: s, metric: coverage, max_drop: 0, severity: warn",
            "scorer: s, metric: pass_rate, min: 0.2, max_drop: 0.1, waive: {until: 2026-12-31, reason: r}",
        ]),
        with_own in any::<bool>(),
    ) {
        let run = |cells: &[&str]| {
            let others: Vec<String> = (0..constant)
                .map(|place| format!("\"constant.{place}\": {}", place % 3 > 0))
                .collect();
            let others = others.join(", ");
            let rows = cells.iter().enumerate().map(|(row, cell)| {
                let trials = cell.split(' ').map(|score| {
                    let own = if score == "_" { String::new() } else { format!("\"s\": {score}, ") };
                    format!("{{{own}{others}}}")
                });
                format!("{row:03} {{}} | {}", trials.collect::<Vec<_>>().join(" | "))
            });
            rows.collect::<Vec<_>>().join("\n")
        };
        let (ours, theirs) = (run(&ours), run(&theirs[..ours.len()]));
        let gate = |(place, rule): (usize, &&str)| {
            let confidence = if *rule == "observed" { String::new() } else { format!(", confidence: {confidence}") };
            format!(
                "- {{name: g{place}, scorer: s, metric: pass_rate, max_drop: 0.0{place}, max_rise: 0.1, min: 0.{place}, \
                 missing: {missing}, evidence: {rule}{confidence}}}"
            )
        };
        let gates: Vec<String> = rules.iter().enumerate().map(gate).collect();
        let gates = gates.join("\n");
        let file = format!("defaults: {{evidence: {default}}}");
        let own = if with_own { ", evidence: significant" } else { "" };
        let more = format!("{gates}\n- {{name: more, {extra}{own}}}");
        let without = on_rows(&file, &gates, &ours, &theirs);
        let with = on_rows(&file, &more, &ours, &theirs);
        prop_assert!(with.checks.len() > without.checks.len());
        prop_assert_eq!(&with.checks[..without.checks.len()], &without.checks[..]);
    }

    /// A decided status of several tests holds for every value of the missing scores.
    #[test]
    fn no_filling_changes_what_is_decided_of_a_family(
        ours in cells(&["true", "true", "false", "false", "_"]),
        theirs in cells(&["true", "true", "true", "_"]),
        numbers in cells(&["0", "0.5", "0.6", "1", "_"]),
        gates in proptest::collection::vec(
            (any::<bool>(), any::<bool>(), proptest::sample::select(vec!["0.55", "0.7", "0.9"]), any::<bool>()),
            2..5,
        ),
    ) {
        let rows = ours.len().min(theirs.len()).min(numbers.len());
        let (ours, theirs, numbers) = (&ours[..rows], &theirs[..rows], &numbers[..rows]);
        let missing = |cells: &[String]| cells.iter().map(|cell| cell.matches('_').count()).sum::<usize>();
        prop_assume!((1..=3).contains(&(missing(ours) + missing(theirs) + missing(numbers))));
        // A check without any score is undecided before any test.
        let is_scored = |cells: &[String]| cells.iter().any(|cell| cell.split(' ').any(|score| score != "_"));
        prop_assume!(is_scored(ours) && is_scored(theirs) && is_scored(numbers));
        let gates: Vec<String> = gates
            .into_iter()
            .enumerate()
            .map(|(place, (is_numeric, drop, confidence, warns))| {
                let metric = if is_numeric { "n, metric: numeric_mean, range: [0, 1]" } else { "s, metric: pass_rate" };
                let key = if drop { "max_drop" } else { "max_rise" };
                let severity = if warns { "warn" } else { "block" };
                format!(
                    "- {{name: g{place}, scorer: {metric}, {key}: 0, evidence: significant, confidence: {confidence}, \
                     severity: {severity}}}"
                )
            })
            .collect();
        let gates = gates.join("\n");
        let run = |cells: &[String], numbers: &[String]| {
            let score = |name: &str, score: Option<&str>| {
                score.filter(|score| *score != "_").map(|score| format!("\"{name}\": {score}"))
            };
            let rows = cells.iter().zip(numbers).enumerate().map(|(row, (cell, number))| {
                let numbers: Vec<&str> = number.split(' ').collect();
                let cells: Vec<&str> = cell.split(' ').collect();
                let trials = (0..cells.len().max(numbers.len())).map(|trial| {
                    // If a cell has fewer trials, its last score is repeated.
                    let of = |scores: &[&str]| scores.get(trial).or(scores.last()).map(|score| (*score).to_owned());
                    let (own, other) = (of(&cells), of(&numbers));
                    let scores = [score("s", own.as_deref()), score("n", other.as_deref())];
                    format!("{{{}}}", scores.into_iter().flatten().collect::<Vec<_>>().join(", "))
                });
                format!("{row:03} {{}} | {}", trials.collect::<Vec<_>>().join(" | "))
            });
            rows.collect::<Vec<_>>().join("\n")
        };
        let baseline = vec!["0.7".to_owned(); rows];
        let statuses = |ours: &[String], theirs: &[String], numbers: &[String]| {
            let judgement = on_rows("", &gates, &run(ours, numbers), &run(theirs, &baseline));
            judgement.checks.into_iter().map(|check| (check.status, why(&check))).collect::<Vec<_>>()
        };
        let decided = statuses(ours, theirs, numbers);
        for ours in imputations(ours, &["true", "false"]) {
            for theirs in imputations(theirs, &["true", "false"]) {
                for numbers in imputations(numbers, &["0", "0.55", "1"]) {
                    let filled = statuses(&ours, &theirs, &numbers);
                    for ((before, why), (after, _)) in decided.iter().zip(&filled) {
                        prop_assert!(
                            before == after || *before == Status::Undecided,
                            "{} {:?} {:?} {:?}: {} {:?}", gates, ours, theirs, numbers, why, after
                        );
                    }
                }
            }
        }
    }
}
