//! Tests of the value of a metric. Each row has the same weight, whatever its number of trials. Also tests what counts
//! as a score.

use super::why;
use crate::policy;
use crate::report::finding_text;
use proptest::prelude::*;

use super::row::{both, judged_runs, on_rows, repeated};
use super::{against, alone, judged, mean, names, passes, statuses, totals};
use crate::evidence::{Dimension, Flaw, Totals, Usage};
use crate::judge::*;

/// The only check of a gate on the scores `s`.
fn check(keys: &str, candidate: &[&str], baseline: &[&str]) -> Check {
    let (ours, theirs) = both(candidate, baseline);
    let gate = format!("- {{name: g, scorer: s, {keys}}}");
    let mut checks = on_rows("", &gate, &ours, &theirs).checks;
    assert_eq!(checks.len(), 1);
    checks.remove(0)
}

fn status(keys: &str, candidate: &[&str], baseline: &[&str]) -> Status {
    check(keys, candidate, baseline).status
}

#[test]
fn retries_of_failing_rows_hide_no_drop() {
    // The baseline passes 18 of 20 rows, and each failing row has three trials. The candidate passes 16 of 20.
    let retried = repeated(&[(18, "true"), (2, "false false false")]);
    let ours = repeated(&[(16, "true"), (4, "false")]);
    for evidence in ["observed", "significant"] {
        let keys = format!("metric: pass_rate, max_drop: 0, evidence: {evidence}");
        let found = check(&keys, &ours, &retried);
        let (candidate, baseline) = (found.candidate.unwrap(), found.baseline.unwrap());
        assert_eq!(
            (candidate.observed, baseline.observed),
            (Some(0.8), Some(0.9))
        );
        assert_eq!((baseline.rows, baseline.trials), (20, 24));
    }
    assert_eq!(
        status("metric: pass_rate, max_drop: 0", &ours, &retried),
        Status::Fail
    );
}

#[test]
fn retries_in_the_candidate_make_no_drop() {
    let theirs = repeated(&[(18, "true"), (2, "false")]);
    let retried = repeated(&[(18, "true"), (2, "false false false")]);
    for metric in ["pass_rate", "coverage"] {
        let found = check(&format!("metric: {metric}, max_drop: 0"), &retried, &theirs);
        assert_eq!(found.status, Status::Pass, "{metric}: {}", why(&found));
    }
}

#[test]
fn right_answers_that_are_logged_ten_times_count_once() {
    let often = ["true"; 10].join(" ");
    let rows = repeated(&[(9, often.as_str()), (11, "false")]);
    let found = check("metric: pass_rate, min: 0.85", &rows, &[]);
    assert_eq!(found.status, Status::Fail);
    assert_eq!(found.candidate.unwrap().observed, Some(0.45));
    assert_eq!(
        status("metric: pass_rate, min: 0.45", &rows, &[]),
        Status::Pass
    );
    let often = ["1"; 10].join(" ");
    let rows = repeated(&[(9, often.as_str()), (11, "0")]);
    for (limit, expected) in [("0.45", Status::Pass), ("0.46", Status::Fail)] {
        let keys = format!("metric: numeric_mean, min: {limit}");
        assert_eq!(status(&keys, &rows, &[]), expected, "{limit}");
    }
}

#[test]
fn missing_scores_are_filled_in_and_left_out_by_row() {
    // One row has four trials: one is true and three have no score. The other row passes.
    let rows = ["true _ _ _", "true"];
    for (keys, expected) in [
        // The first row is between 1/4 and 1, and the second is 1.
        ("min: 0.625", Status::Pass),
        ("min: 0.63", Status::Undecided),
        ("min: 0.63, missing: fail", Status::Fail),
        ("min: 1, missing: ignore", Status::Pass),
        // Three quarters of one row in two are missing.
        ("min: 1, max_missing: 0.375", Status::Pass),
        ("min: 1, max_missing: 0.37", Status::Undecided),
    ] {
        let found = check(&format!("metric: pass_rate, {keys}"), &rows, &[]);
        assert_eq!(found.status, expected, "{keys}: {}", why(&found));
    }
    let found = check("metric: coverage, min: 0.625", &rows, &[]);
    assert_eq!(found.candidate.unwrap().observed, Some(0.625));
    assert_eq!(found.status, Status::Pass);
}

#[test]
fn a_removed_row_weighs_one_row_however_many_trials_others_have() {
    let theirs = repeated(&[(4, "true true true")]);
    let mut ours = theirs.clone();
    ours[0] = "gone";
    let found = check("metric: pass_rate, max_drop: 0.25", &ours, &theirs);
    let candidate = found.candidate.unwrap();
    assert_eq!((candidate.low, candidate.high), (0.75, 1.0));
    assert_eq!(
        (candidate.rows, candidate.trials, candidate.scored),
        (4, 10, 9)
    );
    assert_eq!(found.status, Status::Pass);
    let found = check("metric: pass_rate, max_drop: 0.24", &ours, &theirs);
    assert_eq!(found.status, Status::Undecided);
    // The same holds if the other rows have different numbers of trials.
    ours[1] = "true";
    let found = check("metric: coverage, max_drop: 0.25", &ours, &theirs);
    assert_eq!(found.candidate.unwrap().observed, Some(0.75));
    assert_eq!(found.status, Status::Pass);
}

#[test]
fn a_change_without_missing_scores_is_one_on_rows_that_both_runs_scored() {
    // No row with a score in both runs changed. Alone, the candidate passes two of three and the baseline one of two.
    let ours = ["true", "_", "true", "false"];
    let theirs = ["true", "true", "_", "false"];
    for keys in ["missing: ignore", "max_missing: 0.25"] {
        let found = check(
            &format!("metric: pass_rate, max_drop: 0, {keys}"),
            &ours,
            &theirs,
        );
        assert_eq!(found.status, Status::Pass, "{}", why(&found));
        assert_eq!(found.change(), Some(0.0));
    }
    // The row that only the baseline scored would have hidden a drop.
    let theirs = ["true", "false", "false", "true"];
    let found = check(
        "metric: pass_rate, max_drop: 0.1, missing: ignore",
        &ours,
        &theirs,
    );
    assert_eq!(found.status, Status::Pass);
    assert_eq!(found.change(), Some(0.0));
    let theirs = ["true", "false", "true", "true"];
    let found = check(
        "metric: pass_rate, max_drop: 0.1, missing: ignore",
        &ours,
        &theirs,
    );
    assert_eq!(found.status, Status::Fail);
}

#[test]
fn a_row_whose_summary_alone_is_known_has_no_mean() {
    let mut retried = totals(24, &[("s", passes(18, 24))]);
    retried.rows = 20;
    let evidence = alone(retried.clone());
    let gates = "- {name: a, scorer: s, metric: pass_rate, min: 0.1}
- {name: b, scorer: s, metric: coverage, min: 0.1}
- {name: c, metric: rows, min: 20}
- {name: d, metric: trials, min: 24}
- {name: e, metric: error_rate, max: 0}";
    let judgement = judge(
        &policy::parse("gates.yaml", &format!("version: 1\ngates:\n{gates}\n")).unwrap(),
        &evidence,
        "2026-11-23T12:00:00Z".parse().unwrap(),
    );
    assert_eq!(
        statuses(&judgement),
        [
            Status::Undecided,
            Status::Undecided,
            Status::Pass,
            Status::Pass,
            Status::Pass
        ]
    );
    assert_eq!(judgement.checks[0].finding(), Some(Name::RowsUnknown));
    // Rows are read only where a check needs them.
    let wanted = |keys: &str, runs: &[&Totals]| {
        let text = format!("version: 1\ngates:\n- {{name: g, {keys}}}\n");
        !columns(&policy::parse("gates.yaml", &text).unwrap(), runs).is_empty()
    };
    let one = totals(20, &[("s", passes(18, 20))]);
    let rate = "scorer: s, metric: pass_rate";
    assert!(wanted(&format!("{rate}, min: 0.5"), &[&retried]));
    assert!(!wanted(&format!("{rate}, min: 0.5"), &[&one]));
    assert!(!wanted(&format!("{rate}, min: 0.5"), &[&one, &retried]));
    assert!(wanted(&format!("{rate}, max_drop: 0.5"), &[&one, &retried]));
    assert!(!wanted(&format!("{rate}, max_drop: 0.5"), &[&one, &one]));
    assert!(!wanted("metric: rows, min: 3", &[&retried]));
    let errors = "metric: error_rate, max: 0.5";
    assert!(!wanted(errors, &[&retried]));
    // Several runs may lack rows of each other, so their number of rows is not known yet.
    let mut several = retried.clone();
    several.rows = 0;
    assert!(wanted(errors, &[&several]));
    // A change that ignores missing scores compares the same rows.
    let some = totals(20, &[("s", passes(18, 19))]);
    let ignores = format!("{rate}, max_drop: 0.5, missing: ignore");
    assert!(wanted(&ignores, &[&one, &some]));
    assert!(!wanted(&ignores, &[&one, &one]));
    assert!(!wanted(&format!("{rate}, max_drop: 0.5"), &[&one, &some]));
}

/// Ten truth values and ten texts.
fn with_text() -> Totals {
    let judge = Dimension {
        scored: 20,
        ..passes(10, 10)
    };
    totals(20, &[("judge", judge)])
}

#[test]
fn a_text_among_truth_values_is_a_missing_score() {
    let gates = "- {name: rate, scorer: judge, metric: pass_rate, min: 0.9, missing: ignore}
- {name: judged, scorer: judge, metric: coverage, min: 0.95}
- {name: errors, metric: error_rate, max: 0.05}";
    let judgement = judged("", gates, &alone(with_text()));
    assert_eq!(
        statuses(&judgement),
        [Status::Pass, Status::Fail, Status::Pass]
    );
    assert_eq!(judgement.checks[1].candidate.unwrap().observed, Some(0.5));
    assert_eq!(names(&judgement), ["mixed-types"]);
    let words = finding_text(&judgement.findings[0]).to_string();
    assert!(
        words.contains("has a text on 10 trials of the candidate"),
        "{words}"
    );
    // The result is the same from rows as from the summary.
    let mut cells = repeated(&[(10, "true"), (10, "\"error:429\"")]);
    cells[0] = "true true";
    for evidence in ["observed", "proven"] {
        let keys = format!("metric: coverage, min: 0.95, evidence: {evidence}");
        let found = check(&keys, &cells, &[]);
        assert_eq!(found.status, Status::Fail, "{}", why(&found));
        assert_eq!(found.candidate.unwrap().observed, Some(0.5));
    }
    let bounded = check("metric: pass_rate, min: 0.9", &cells, &[]);
    assert_eq!(bounded.status, Status::Undecided);
    assert_eq!(
        status("metric: pass_rate, min: 0.9, missing: fail", &cells, &[]),
        Status::Fail
    );
}

#[test]
fn text_counts_where_neither_run_has_anything_else() {
    let text = "\"fine\"";
    let texts = repeated(&[(2, text), (2, "_")]);
    let found = check("metric: coverage, min: 0.5", &texts, &[]);
    assert_eq!(found.candidate.unwrap().observed, Some(0.5));
    assert_eq!(found.status, Status::Pass);
    let found = check("metric: coverage, max_drop: 0.5", &texts, &[text; 4]);
    assert_eq!(found.change(), Some(-0.5));
    // The baseline has truth values, so the dimension is one of truth values. Texts then do not count as scores.
    let ours = repeated(&[(3, text), (1, "true")]);
    let found = check("metric: coverage, max_drop: 0.5", &ours, &["true"; 4]);
    assert_eq!(found.change(), Some(-0.75));
    assert_eq!(found.status, Status::Fail);
    assert_ne!(
        status("metric: coverage, max_drop: 0.5", &[text; 4], &["true"; 4]),
        Status::Pass
    );
}

#[test]
fn one_score_outside_the_range_leaves_a_mean_undecided() {
    let rows = repeated(&[(19, "0.5"), (1, "10")]);
    for more in [
        "",
        ", missing: ignore",
        ", missing: fail",
        ", evidence: significant",
    ] {
        let keys = format!("metric: numeric_mean, range: [0, 1], min: 0.9{more}");
        let found = check(&keys, &rows, &[]);
        assert_eq!(found.status, Status::Undecided, "{more}");
        assert_eq!(found.finding(), Some(Name::OutOfRange), "{more}");
    }
    // The same holds for a row that the check does not use.
    let (rows, _) = both(&rows, &[]);
    let rows = rows.replace("000 {}", "000 {\"golden\": true}");
    let gate = "- {name: g, scorer: s, metric: numeric_mean, range: [0, 1], max: 0.9, where: {golden: true}}";
    let judgement = on_rows("", gate, &rows, "");
    assert_eq!(judgement.checks[0].finding(), Some(Name::OutOfRange));
    // Without rows this is unknown.
    let summary = alone(totals(20, &[("s", mean(0.5, 20))]));
    let text = "version: 1\ngates:\n- {name: g, scorer: s, metric: numeric_mean, range: [0, 1], min: 0.4}\n";
    let policy = policy::parse("gates.yaml", text).unwrap();
    let judgement = judge(&policy, &summary, "2026-11-23T12:00:00Z".parse().unwrap());
    assert_eq!(judgement.checks[0].finding(), Some(Name::RowsUnknown));
}

#[test]
fn a_crashed_call_has_an_unknown_latency_of_at_least_what_elapsed() {
    let rows = |crashed: &str| {
        format!(
            r#"a {{}} | {{"s": true, "latency": 2, "output": "x"}}
               b {{}} | {{"s": true, "latency": 4, "output": "x"}}
               c {{}} | {crashed}"#
        )
    };
    let measure = |metric: &str, crashed: &str| {
        let gate = format!("- {{name: g, metric: {metric}, max: 10}}");
        on_rows("", &gate, &rows(crashed), "").checks[0]
            .candidate
            .unwrap()
    };
    let crashed = r#"{"latency": 0.3}"#;
    let found = measure("latency_mean", crashed);
    assert_eq!((found.observed, found.high), (Some(3.0), f64::INFINITY));
    assert!((found.low - 2.1).abs() < 1e-12, "{found:?}");
    assert_eq!((found.scored, found.trials), (2, 3));
    let found = measure("latency_p50", crashed);
    assert_eq!((found.low, found.high), (2.0, 4.0));
    // A call did not crash if it was scored, even with a null output, or if it has an output.
    for fine in [
        r#"{"s": false, "latency": 0.3}"#,
        r#"{"latency": 0.3, "output": "x"}"#,
        r#"{"list": [1], "latency": 0.3}"#,
    ] {
        let found = measure("latency_mean", fine);
        assert!(!found.is_open(), "{fine}");
    }
    // The elapsed time alone may exceed the limit.
    let gate = "- {name: g, metric: latency_mean, max: 3}";
    let judgement = on_rows("", gate, &rows(r#"{"latency": 30}"#), "");
    assert_eq!(statuses(&judgement), [Status::Fail]);
}

#[test]
fn whatever_was_scored_is_no_error() {
    let errors = |scores: &str| {
        let rows = format!("a {{}} | {{\"s\": true}}\nb {{}} | {scores}");
        let gates = "- {name: g, metric: error_rate, max: 0}";
        let judgement = on_rows("", gates, &rows, "");
        judgement.checks[0].candidate.unwrap().observed
    };
    for something in [
        r#"{"t": "text"}"#,
        r#"{"t": [1, 2]}"#,
        r#"{"t": {"deep": {"list": []}}}"#,
        r#"{"t": {"_type": "Out"}}"#,
    ] {
        assert_eq!(errors(something), Some(0.0), "{something}");
    }
    for nothing in ["{}", r#"{"s": null}"#, r#"{"t": {"deep": null}, "u": {}}"#] {
        assert_eq!(errors(nothing), Some(0.5), "{nothing}");
    }
}

#[test]
fn fields_that_the_sdk_adds_are_no_dimensions() {
    let rows = r#"a {} | {"p": {"_type": "Out", "_class_name": "Out", "_bases": ["Base"], "passed": true, "of": {"_type": "In", "n": 1}}}"#;
    let gates = "- {name: all, scorer: \"p.*\", metric: coverage, min: 1}
- {name: own, scorer: p._type, metric: coverage, min: 1}";
    let judgement = on_rows("", gates, rows, "");
    let subjects: Vec<&str> = judgement
        .checks
        .iter()
        .filter_map(|check| check.subject.as_deref())
        .collect();
    assert_eq!(subjects, ["p.of.n", "p.passed", "p._type"]);
    assert_eq!(judgement.checks[2].finding(), Some(Name::UnknownDimension));
}

#[test]
fn usage_without_counts_is_bounded_below_at_most() {
    let of = |reported: Option<u64>| {
        let mut totals = totals(4, &[("s", passes(4, 4))]);
        totals.usage = Some(Usage {
            tokens: Some(400),
            cost: Some(0.4),
            reported,
            priced: reported,
        });
        alone(totals)
    };
    for (keys, unknown, whole) in [
        (
            "metric: tokens_total, max: 400",
            Status::Undecided,
            Status::Pass,
        ),
        // Without a call of the model alone, the tokens include those of the scorers.
        (
            "metric: tokens_total, max: 399",
            Status::Undecided,
            Status::Fail,
        ),
        (
            "metric: tokens_total, min: 400",
            Status::Undecided,
            Status::Pass,
        ),
        ("metric: cost_total, max: 0.3", Status::Fail, Status::Fail),
        (
            "metric: tokens_mean, max: 100",
            Status::Undecided,
            Status::Pass,
        ),
        (
            "metric: tokens_mean, max: 99",
            Status::Undecided,
            Status::Fail,
        ),
        (
            "metric: cost_mean, max: 1, missing: ignore",
            Status::Undecided,
            Status::Pass,
        ),
        (
            "metric: cost_total, max: 1, max_missing: 1",
            Status::Undecided,
            Status::Pass,
        ),
    ] {
        let found = |evidence| {
            let judgement = judged("", &format!("- {{name: g, {keys}}}"), &evidence);
            let is_warned = names(&judgement).contains(&"usage-may-be-partial");
            (statuses(&judgement)[0], is_warned)
        };
        assert_eq!(found(of(None)), (unknown, true), "{keys}");
        assert_eq!(found(of(Some(4))), (whole, false), "{keys}");
    }
}

/// The server counts the tokens of the scorers if it finds no call of the model alone.
#[test]
fn without_a_call_of_the_model_its_usage_is_missing() {
    let rows = r#"
        a {} | {"s": true, "latency": 1, "tokens": 1020, "without_call": true}
        b {} | {"s": true, "latency": 1, "tokens": 20"#;
    let gates = "- {name: t, metric: tokens_total, max: 100}
- {name: m, metric: tokens_mean, min: 10}
- {name: l, metric: latency_mean, max: 2}";
    let judged = |second: &str| {
        let judgement = judged_runs("", gates, &format!("{rows}{second}}}"), "", |run, _| {
            let usage = run.totals.usage.get_or_insert_default();
            usage.tokens = Some(1040);
        });
        let reasons = judgement.checks.iter().map(why);
        (statuses(&judgement), reasons.collect::<Vec<_>>())
    };
    let (mixed, _) = judged("");
    assert_eq!(mixed, [Status::Undecided, Status::Pass, Status::Undecided]);
    let (none, reasons) = judged(", \"without_call\": true");
    assert_eq!(none, [Status::Undecided; 3]);
    for reason in reasons {
        assert!(reason.contains("no call of the model alone"), "{reason}");
    }
}

#[test]
fn tokens_of_rows_are_averaged_first() {
    let rows = r#"
        a {} | {"s": true, "tokens": 100, "cost": 1} | {"s": true, "tokens": 300, "cost": 3}
        b {} | {"s": true, "tokens": 10, "cost": 0.1}"#;
    let gates = "- {name: t, metric: tokens_mean, max: 105}
- {name: c, metric: cost_mean, max: 1.05}
- {name: all, metric: tokens_total, max: 410}";
    let judgement = on_rows("", gates, rows, "");
    let values: Vec<f64> = judgement
        .checks
        .iter()
        .map(|check| check.candidate.unwrap().low)
        .collect();
    assert_eq!(values, [105.0, 1.05, 410.0]);
    assert_eq!(statuses(&judgement), [Status::Pass; 3]);
    // A mean has a tolerance relative to its limit. A sum is a count and has no tolerance.
    for (limit, status) in [
        ("tokens_mean, max: 104.99999999", Status::Pass),
        ("tokens_mean, max: 104.9999", Status::Fail),
        ("tokens_total, max: 409.9999999", Status::Fail),
    ] {
        let judgement = on_rows("", &format!("- {{name: t, metric: {limit}}}"), rows, "");
        assert_eq!(statuses(&judgement), [status], "{limit}");
    }
}

#[test]
fn a_limit_has_a_tolerance_of_the_size_of_the_scores() {
    let of = |keys: &str, candidate: &[&str], baseline: &[&str]| {
        status(
            &format!("metric: numeric_mean, {keys}"),
            candidate,
            baseline,
        )
    };
    let bias = ["0.1", "0.2", "-0.3"];
    for evidence in ["observed", "significant"] {
        let keys = |limit: &str| format!("{limit}, evidence: {evidence}");
        assert_eq!(of(&keys("max: 0"), &bias, &[]), Status::Pass);
        assert_eq!(of(&keys("min: 0"), &bias, &[]), Status::Pass);
    }
    // The tolerance is one billionth of the largest score.
    for (score, expected) in [
        ("100.00000005", Status::Pass),
        ("100.0000005", Status::Fail),
    ] {
        assert_eq!(of("max: 0", &[score, "-100"], &[]), expected, "{score}");
        assert_eq!(of("max_rise: 0", &[score], &["100"]), expected, "{score}");
    }
    assert_eq!(of("min: 0.3", &["0.2999999"], &[]), Status::Fail);
    assert_eq!(of("max: 0", &["1e-10", "1e-10"], &[]), Status::Fail);
    // Without rows, the size of the scores is that of the limit, or 1.
    let summary = |value: f64, keys: &str| {
        let evidence = alone(totals(3, &[("s", mean(value, 3))]));
        let gate = format!("- {{name: g, scorer: s, metric: numeric_mean, {keys}}}");
        let policy = policy::parse("gates.yaml", &format!("version: 1\ngates:\n{gate}\n")).unwrap();
        let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
        judgement.checks[0].status
    };
    assert_eq!(summary(1.850_371_707_708_594e-17, "max: 0"), Status::Pass);
    assert_eq!(summary(1e-8, "max: 0"), Status::Fail);
    assert_eq!(summary(0.299_999_9, "min: 0.3"), Status::Fail);
    assert_eq!(summary(0.3 - 1e-12, "min: 0.3"), Status::Pass);
    // The rows are read if the tolerance could decide.
    let wanted = |keys: &str, value: f64| {
        let text =
            format!("version: 1\ngates:\n- {{name: g, scorer: s, metric: numeric_mean, {keys}}}\n");
        let totals = totals(3, &[("s", mean(value, 3))]);
        !columns(&policy::parse("gates.yaml", &text).unwrap(), &[&totals]).is_empty()
    };
    assert!(wanted("max: 0", 1e-17) && !wanted("max: 0", 0.0) && !wanted("max: 0", -1e-17));
}

#[test]
fn counts_and_changes_of_counts_have_no_tolerance() {
    let rate = |passed: u64, of: u64| totals(of, &[("s", passes(passed, of))]);
    let gate = |limit: &str| format!("- {{name: g, scorer: s, metric: pass_rate, {limit}}}");
    let pair = against(rate(88, 100), rate(90, 100));
    assert_eq!(
        statuses(&judged("", &gate("max_drop: 0.02"), &pair)),
        [Status::Pass]
    );
    assert_eq!(
        statuses(&judged("", &gate("max_drop: 0.0199999"), &pair)),
        [Status::Fail]
    );
    let almost = alone(rate(3_333_333_333, 10_000_000_000));
    assert_eq!(
        statuses(&judged("", &gate("min: 0.3333333334"), &almost)),
        [Status::Fail]
    );
}

#[test]
fn compared_runs_are_compared_by_row() {
    let compared = |ours: &[&str], theirs: &[&str]| {
        let (ours, theirs) = both(ours, theirs);
        let evidence = super::row::evidence_of(&ours, &theirs, &columns_to_compare);
        compare(&evidence, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap()
    };
    let retried = repeated(&[(18, "true"), (2, "false false false")]);
    let comparison = compared(&repeated(&[(16, "true"), (4, "false")]), &retried);
    let line = &comparison.lines[0];
    let observed = |measure: Option<Measure>| measure.and_then(|measure| measure.observed);
    assert_eq!(observed(line.baseline), Some(0.9));
    assert_eq!(observed(line.candidate), Some(0.8));
    assert!((line.change.unwrap() + 0.1).abs() < 1e-12);
    // The value is from the rows that have a score in both runs.
    let comparison = compared(&["true", "_", "true"], &["true", "true", "_"]);
    assert_eq!(comparison.lines[0].change, Some(0.0));
}

/// Rows of a few trials each, with true, false and missing scores.
fn cells() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let score = proptest::sample::select(vec!["true", "true", "false", "_"]);
    let row = proptest::collection::vec(score, 1..4);
    proptest::collection::vec(row, 1..8)
}

fn joined(cells: &[Vec<&str>]) -> Vec<String> {
    cells.iter().map(|row| row.join(" ")).collect()
}

fn measured(keys: &str, candidate: &[Vec<&str>], baseline: &[Vec<&str>]) -> Check {
    let (ours, theirs) = (joined(candidate), joined(baseline));
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    check(keys, &ours, &theirs)
}

/// The order of a status. A pass is best.
fn rank(status: Status) -> u8 {
    match status {
        Status::Pass => 2,
        Status::Undecided => 1,
        _ => 0,
    }
}

const METRICS: [&str; 3] = ["pass_rate", "coverage", "pass_rate, missing: ignore"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The mean over rows is the mean of the values of the single rows.
    #[test]
    fn a_mean_over_rows_is_the_mean_of_rows(rows in cells()) {
        for metric in METRICS {
            let keys = format!("metric: {metric}, min: 0.5");
            let of = |rows: &[Vec<&str>]| measured(&keys, rows, &[]).candidate;
            let all = of(&rows);
            let scores = |row: &Vec<&str>| row.iter().any(|score| *score != "_");
            let each: Vec<Measure> = rows.iter().filter(|row| scores(row)).filter_map(|row| of(std::slice::from_ref(row))).collect();
            let unscored = rows.iter().filter(|row| !scores(row)).count() as u64;
            let Some(all) = all else {
                prop_assert!(each.is_empty());
                continue;
            };
            let mean = |value: fn(&Measure) -> f64, unscored_value: Option<f64>| {
                let sum: f64 = each.iter().map(value).sum();
                let more = unscored_value.map_or(0, |_| unscored);
                let rows = crate::number::count(each.len() as u64 + more);
                (sum + unscored_value.unwrap_or(0.0) * crate::number::count(more)) / rows
            };
            // A row without any score may have any pass rate and counts 0 for coverage. For other metrics it is left
            // out.
            let (low, high) = match metric {
                "pass_rate" => (Some(0.0), Some(1.0)),
                "coverage" => (Some(0.0), Some(0.0)),
                _ => (None, None),
            };
            prop_assert!((all.low - mean(|one| one.low, low)).abs() < 1e-12, "{metric} {all:?} {each:?}");
            prop_assert!((all.high - mean(|one| one.high, high)).abs() < 1e-12, "{metric} {all:?} {each:?}");
        }
    }

    /// Logging every row twice changes no value and no status.
    #[test]
    fn doubling_all_trials_changes_nothing(ours in cells(), theirs in cells(), limit in 0..=10_u32) {
        let twice = |rows: &[Vec<&'static str>]| -> Vec<Vec<&'static str>> {
            rows.iter().map(|row| [row.clone(), row.clone()].concat()).collect()
        };
        for metric in METRICS {
            for key in ["min", "max_drop"] {
                if key == "max_drop" && metric == "coverage, missing: ignore" {
                    continue;
                }
                let keys = format!("metric: {metric}, {key}: {}", f64::from(limit) / 10.0);
                let baseline = if key == "min" { Vec::new() } else { theirs.clone() };
                let once = measured(&keys, &ours, &baseline);
                for (ours, theirs) in [(twice(&ours), baseline.clone()), (ours.clone(), twice(&baseline))] {
                    let doubled = measured(&keys, &ours, &theirs);
                    prop_assert_eq!(doubled.status, once.status, "{} {}", &keys, why(&doubled));
                    let ends = |measure: Option<Measure>| measure.map(|measure| (measure.low, measure.high));
                    let is_near = |one: Option<(f64, f64)>, other: Option<(f64, f64)>| match (one, other) {
                        (Some(one), Some(other)) => {
                            (one.0 - other.0).abs() < 1e-12 && (one.1 - other.1).abs() < 1e-12
                        }
                        (one, other) => one.is_none() && other.is_none(),
                    };
                    prop_assert!(is_near(ends(doubled.candidate), ends(once.candidate)));
                    prop_assert!(is_near(ends(doubled.baseline), ends(once.baseline)));
                }
            }
        }
    }

    /// One more failed trial of the candidate never helps it, in any row.
    #[test]
    fn a_failing_trial_never_helps(ours in cells(), theirs in cells(), row in 0..8_usize, limit in 0..=10_u32) {
        let row = row % ours.len();
        let mut worse = ours.clone();
        worse[row].push("false");
        for missing in ["bound", "fail"] {
            for key in ["min", "max_drop"] {
                let keys = format!("metric: pass_rate, missing: {missing}, {key}: {}", f64::from(limit) / 10.0);
                let baseline = if key == "min" { Vec::new() } else { theirs.clone() };
                let (before, after) = (measured(&keys, &ours, &baseline), measured(&keys, &worse, &baseline));
                prop_assert!(!(before.status == Status::Fail && after.status == Status::Pass), "{keys} {}", why(&after));
                // The added trial lowers the share of missing scores, so an undecided status may become decided.
                // Without missing scores, the status must not improve.
                let has_open = ours.iter().flatten().any(|score| *score == "_");
                prop_assert!(has_open || key == "max_drop" || rank(after.status) <= rank(before.status));
            }
        }
    }
}

#[test]
fn the_order_of_trials_changes_no_digit() {
    let of = |cell: &str, gate: &str| {
        let rows = format!(
            "a {{}} | {cell}\nb {{}} | {{\"s\": 0.3, \"latency\": 2}}\nc {{}} | {{\"s\": 0.7, \"latency\": 1}}"
        );
        let judgement = on_rows("", gate, &rows, "");
        format!("{:?}", judgement.checks)
    };
    let forth =
        r#"{"s": 0.1, "latency": 0.7} | {"s": 0.2, "latency": 0.1} | {"s": 0.4, "latency": 0.3}"#;
    let back =
        r#"{"s": 0.4, "latency": 0.3} | {"s": 0.2, "latency": 0.1} | {"s": 0.1, "latency": 0.7}"#;
    for gate in [
        "- {name: g, scorer: s, metric: numeric_mean, max: 0.1}",
        "- {name: g, scorer: s, metric: numeric_mean, max: 0.1, evidence: proven}",
        "- {name: g, metric: latency_mean, max: 0.1}",
    ] {
        assert_eq!(of(forth, gate), of(back, gate), "{gate}");
    }
}

#[test]
fn counts_of_a_run_that_cannot_be_used_decide_nothing_on_its_rows_either() {
    let (ours, theirs) = both(&["true true", "true"], &["true", "true"]);
    for limit in ["min: 0.5", "max_drop: 0.5"] {
        let gate = format!("- {{name: g, scorer: s, metric: pass_rate, {limit}}}");
        let text = format!("version: 1\ngates:\n{gate}\n");
        let policy = policy::parse("gates.yaml", &text).unwrap();
        let wanted = |runs: &[&Totals]| columns(&policy, runs);
        let mut evidence = super::row::evidence_of(&ours, &theirs, &wanted);
        // The totals are those of several runs, whose common rows are counted again.
        let totals = &mut evidence.candidate.totals;
        totals.dimensions.get_mut("s").unwrap().flaw = Some(Flaw::Ambiguous);
        let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
        assert_eq!(statuses(&judgement), [Status::Undecided], "{limit}");
        assert_eq!(
            judgement.checks[0].finding(),
            Some(Name::AmbiguousDimension)
        );
    }
}

/// Runs whose candidate is changed after it was logged.
#[test]
fn rows_that_contradict_a_summary_of_several_trials_decide_nothing() {
    let (rows, _) = both(&["true true", "false"], &[]);
    let gate = "- {name: g, scorer: s, metric: pass_rate, min: 0.1}";
    let judgement = judged_runs("", gate, &rows, "", |run, _| {
        run.totals.dimensions.get_mut("s").unwrap().passed = 1;
    });
    assert_eq!(statuses(&judgement), [Status::Undecided]);
    assert_eq!(names(&judgement)[0], "rows-disagree");
}

/// With one trial in each row, the summary has the rate. If another gate needs the rows, they must agree with it.
#[test]
fn rows_that_are_read_for_another_gate_may_not_contradict_what_the_summary_tells() {
    let (rows, _) = both(&["true", "false", "true"], &[]);
    let gates = "- {name: g, scorer: s, metric: pass_rate, min: 0.1}";
    let with_rows = format!("{gates}\n- {{name: fast, metric: latency_p50, min: 0}}");
    for (gates, is_read) in [(gates, false), (&with_rows, true)] {
        let judgement = judged_runs("", gates, &rows, "", |run, _| {
            run.totals.dimensions.get_mut("s").unwrap().passed = 3;
        });
        assert_eq!(judgement.checks[0].status == Status::Undecided, is_read);
        assert_eq!(names(&judgement).contains(&"rows-disagree"), is_read);
    }
}
