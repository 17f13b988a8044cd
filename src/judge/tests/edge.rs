//! Tests of values exactly at their limit, of their messages, and of the comparison of two runs.

use super::why;
use super::{against, alone, judged, mean, names, passes, status, statuses, totals};
use crate::evidence::RunStatus;
use crate::evidence::{Baseline, Dimension, Flaw, Pair, Totals};
use crate::judge::limit::{Decision, Pairing, decide};
use crate::judge::*;
use crate::policy;
use crate::policy::Limit;
use crate::policy::{LimitKey, MissingRule};
use crate::report::finding_text;

/// A value with a minimum and a maximum.
fn between(low: f64, high: f64) -> Measure {
    Measure {
        observed: None,
        low,
        high,
        scored: 1,
        trials: 2,
        rows: 2,
        ignores: false,
        exact: false,
        size: 1.0,
        steps: None,
    }
}

fn decided(key: LimitKey, value: f64, candidate: Measure, baseline: Measure) -> Decision {
    let pairing = Pairing {
        candidate,
        baseline: Some(baseline),
        text_counts: false,
    };
    decide(Limit { key, value }, &pairing, MissingRule::Bound)
}

#[test]
fn a_rate_of_very_many_trials_has_no_tolerance() {
    let of = |passed| {
        alone(totals(
            10_000_000_000,
            &[("s", passes(passed, 10_000_000_000))],
        ))
    };
    assert_eq!(
        status("metric: pass_rate, min: 0.5", &of(5_000_000_000)),
        Status::Pass
    );
    assert_eq!(
        status("metric: pass_rate, min: 0.5", &of(4_999_999_999)),
        Status::Fail
    );
    assert_eq!(
        status("metric: pass_rate, max: 0.5", &of(5_000_000_001)),
        Status::Fail
    );
}

#[test]
fn a_mean_may_lie_outside_its_range_by_rounding_alone() {
    let of = |mean_| alone(totals(5, &[("s", mean(mean_, 5))]));
    let gate = "metric: numeric_mean, range: [0, 1], max: 1";
    for inside in [0.0, -1e-9, -5e-10, 1.0, 1.0 + 1e-9, 1.0 + 5e-10] {
        assert_eq!(status(gate, &of(inside)), Status::Pass, "{inside}");
    }
    for outside in [-2e-9, 1.0 + 2e-9, -0.5, 1.5] {
        assert_eq!(status(gate, &of(outside)), Status::Undecided, "{outside}");
    }
    // The same holds for a range that begins below zero.
    let gate = "metric: numeric_mean, range: [-2, -1], max: -1";
    assert_eq!(status(gate, &of(-2.0 - 1e-9)), Status::Pass);
    assert_eq!(status(gate, &of(-2.1)), Status::Undecided);
}

#[test]
fn a_relative_change_is_undecided_where_the_baseline_may_be_on_either_side_of_zero() {
    let drop = |candidate, baseline| decided(LimitKey::MaxRelativeDrop, 0.1, candidate, baseline);
    let zero = between(0.0, 0.0);
    // If the baseline is at most zero and the candidate is zero, there is no drop.
    assert_eq!(drop(zero, between(-0.5, 0.0)), Decision::Holds);
    assert_eq!(drop(zero, between(-0.5, 0.5)), Decision::Depends);
    assert_eq!(drop(zero, between(0.0, 0.5)), Decision::Depends);
    assert_eq!(
        drop(between(1.0, 1.0), between(-0.5, 0.5)),
        Decision::Depends
    );
    // An absolute change has a size for any baseline.
    let own = |candidate| decided(LimitKey::MaxDrop, 1.0, candidate, between(-0.5, 0.5));
    assert_eq!(own(zero), Decision::Holds);
}

#[test]
fn a_change_is_that_of_the_observed_values() {
    let evidence = against(
        totals(10, &[("s", passes(4, 10))]),
        totals(10, &[("s", passes(9, 10))]),
    );
    let text = "version: 1\ngates:\n- {name: g, scorer: s, metric: pass_rate, max_drop: 1}\n";
    let policy = policy::parse("gates.yaml", text).unwrap();
    let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
    assert_eq!(judgement.checks[0].change(), Some(-0.5));
}

#[test]
fn evaluations_of_another_version_and_of_another_name_are_told_apart() {
    let changed = |name: &str| {
        let of = || totals(4, &[("s", passes(4, 4))]);
        let mut evidence = against(of(), of());
        evidence.candidate.evaluation =
            crate::evidence::Reference::parse(&format!("weave:///a/b/object/{name}"));
        let text = "version: 1\ngates:\n- {name: g, scorer: s, metric: pass_rate, max_drop: 0}\n";
        let policy = policy::parse("gates.yaml", text).unwrap();
        let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
        let messages = judgement.findings.iter();
        let found = messages.filter(|finding| finding.name() == Name::EvaluationChanged);
        found
            .map(|finding| finding_text(finding).to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(changed("answers:v1"), Vec::<String>::new());
    let (version, name) = (changed("answers:v2"), changed("others:v1"));
    assert_eq!((version.len(), name.len()), (1, 1));
    assert!(version[0].contains("different versions"), "{version:?}");
    assert!(
        name[0].contains("`answers") && name[0].contains("`others"),
        "{name:?}"
    );
}

/// The status and the findings of a policy with one gate.
fn found(head: &str, gate: &str, evidence: &Evidence) -> (Status, Vec<&'static str>) {
    let text = format!("version: 1\n{head}\ngates:\n- {{name: g, scorer: s, {gate}}}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let judgement = judge(&policy, evidence, "2026-11-23T12:00:00Z".parse().unwrap());
    (judgement.checks[0].status, names(&judgement))
}

#[test]
fn only_where_removed_rows_are_ignored_the_baseline_has_to_be_known_on_the_common_rows() {
    let of = || totals(4, &[("s", passes(4, 4))]);
    let mut evidence = against(of(), of());
    let Baseline::Found(_, pair) = &mut evidence.baseline else {
        unreachable!()
    };
    pair.baseline = None;
    let gate = "metric: pass_rate, max_drop: 0.1";
    assert_eq!(found("", gate, &evidence), (Status::Pass, vec![]));
    let ignore = "baseline: {removed_rows: ignore}";
    let unknown = (Status::Undecided, vec!["common-rows-unknown"]);
    assert_eq!(found(ignore, gate, &evidence), unknown);
}

#[test]
fn what_needs_rows_is_undecided_without_them() {
    let evidence = alone(totals(4, &[("s", passes(4, 4))]));
    let gate = "metric: pass_rate, min: 0.1, evidence: proven";
    let unknown = (Status::Undecided, vec!["rows-unknown"]);
    assert_eq!(found("", gate, &evidence), unknown);
    // `significant` in `defaults` does not apply to a `min` limit, so that limit needs no rows. The limit on the change
    // needs them.
    let text = "version: 1\ndefaults: {evidence: significant}\ngates:\n- {name: g, scorer: s, metric: pass_rate, min: 0.1, max_drop: 0.1}";
    let policy = policy::parse("gates.yaml", text).unwrap();
    let evidence = against(
        totals(4, &[("s", passes(4, 4))]),
        totals(4, &[("s", passes(4, 4))]),
    );
    let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
    let statuses: Vec<Status> = judgement.checks.iter().map(|check| check.status).collect();
    assert_eq!(statuses, [Status::Pass, Status::Undecided]);
}

// ------------------------------------------------------------------------------------- side by side

fn side_by_side(candidate: Totals, baseline: Totals) -> Comparison {
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    compare(&against(candidate, baseline), now).unwrap()
}

fn lines(comparison: &Comparison) -> Vec<String> {
    comparison
        .lines
        .iter()
        .map(|line| {
            let observed = |of: Option<Measure>| of.and_then(|of| of.observed);
            let (theirs, ours) = (observed(line.baseline), observed(line.candidate));
            format!(
                "{} {}: {theirs:?} {ours:?} {:?}",
                line.subject,
                line.metric.word(),
                line.change
            )
        })
        .collect()
}

#[test]
fn two_runs_are_put_side_by_side_metric_by_metric() {
    let text = Dimension {
        scored: 4,
        ..Dimension::default()
    };
    let ours = totals(
        4,
        &[
            ("mean", mean(0.75, 4)),
            ("rate", passes(1, 4)),
            ("text", text.clone()),
        ],
    );
    let theirs = totals(
        4,
        &[
            ("mean", mean(0.5, 4)),
            ("old", passes(2, 4)),
            ("rate", passes(3, 4)),
            ("text", text),
        ],
    );
    let comparison = side_by_side(ours, theirs);
    assert!(comparison.is_comparable);
    assert_eq!(
        lines(&comparison),
        [
            "mean numeric_mean: Some(0.5) Some(0.75) Some(0.25)",
            "old pass_rate: Some(0.5) None None",
            "rate pass_rate: Some(0.75) Some(0.25) Some(-0.5)",
            "text coverage: Some(1.0) Some(1.0) Some(0.0)",
        ]
    );
    assert!(comparison.findings.is_empty(), "{:?}", comparison.findings);
    assert!(
        compare(
            &alone(totals(4, &[])),
            "2026-11-23T12:00:00Z".parse().unwrap()
        )
        .is_none()
    );
}

#[test]
fn runs_without_a_common_score_cannot_be_compared() {
    let found = |comparison: &Comparison| {
        let findings = comparison.findings.iter();
        findings.map(Finding::name).collect::<Vec<_>>()
    };
    let apart = side_by_side(
        totals(4, &[("a", passes(1, 4))]),
        totals(4, &[("b", passes(1, 4))]),
    );
    assert!(!apart.is_comparable);
    assert_eq!(found(&apart), [Name::NoScores]);
    // The reason why the runs cannot be compared is reported once.
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut evidence = against(
        totals(4, &[("a", passes(1, 4))]),
        totals(4, &[("a", passes(1, 4))]),
    );
    let Baseline::Found(_, pair) = &mut evidence.baseline else {
        unreachable!()
    };
    *pair = Pair {
        common: 0,
        removed: 4,
        added: 4,
        candidate: None,
        baseline: None,
    };
    let strangers = compare(&evidence, now).unwrap();
    assert!(!strangers.is_comparable);
    assert_eq!(
        found(&strangers)
            .iter()
            .filter(|name| **name == Name::NoScores)
            .count(),
        0
    );
}

#[test]
fn of_a_failed_run_and_of_flawed_counts_it_is_said() {
    let of = || totals(4, &[("a", passes(1, 4))]);
    let mut evidence = against(of(), of());
    evidence.candidate.status = Some(RunStatus::Failed);
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let failed = compare(&evidence, now).unwrap();
    let said: Vec<String> = failed
        .findings
        .iter()
        .map(|finding| finding_text(finding).to_string())
        .collect();
    assert_eq!(
        said,
        ["the candidate `candidate` failed; what it scored is judged anyway"]
    );
    let flawed = Dimension {
        flaw: Some(Flaw::Ambiguous),
        ..passes(1, 4)
    };
    let mut twice = totals(4, &[("a", passes(1, 4))]);
    twice.dimensions.insert("b".to_owned(), flawed);
    let comparison = side_by_side(twice, of());
    assert_eq!(comparison.findings.len(), 1);
    assert_eq!(comparison.findings[0].effect, Effect::Warning);
}

#[test]
fn usage_that_only_a_summary_tells_may_be_partial() {
    let evidence = alone(totals(4, &[("s", passes(4, 4))]));
    let judgement = judged("", "- {name: g, metric: tokens_total, max: 9}", &evidence);
    assert!(names(&judgement).contains(&"usage-may-be-partial"));
    let judgement = judged("", "- {name: g, metric: rows, min: 1}", &evidence);
    assert_eq!(names(&judgement), [""; 0]);
}

#[test]
fn errors_are_counted_by_rows_where_the_summary_does_not_tell() {
    let errors = "- {name: errors, metric: error_rate, max: 0.1}";
    let tested = "- {name: proof, scorer: s, metric: pass_rate, min: 0.5, evidence: proven}";
    let known = totals(4, &[("s", passes(3, 4))]);
    // Each dimension lacks one score. It may be the same trial.
    let open = totals(4, &[("s", passes(3, 3)), ("t", passes(3, 3))]);
    let counts = |gates: &[&str], runs: &[&Totals]| {
        let text = format!("version: 1\ngates:\n{}\n", gates.join("\n"));
        let wanted = columns(&policy::parse("gates.yaml", &text).unwrap(), runs);
        let mut kinds = wanted.scores.iter().map(crate::evidence::Column::kind);
        kinds.any(|kind| kind == Kind::Anything)
    };
    assert!(!counts(&[errors], &[&known]));
    assert!(counts(&[errors], &[&open]));
    // The gate is only about the candidate.
    assert!(!counts(&[errors], &[&known, &open]));
    let rises = "- {name: errors, metric: error_rate, max_rise: 0.1}";
    assert!(counts(&[rises], &[&known, &open]));
    // The rows are read in any case.
    assert!(counts(&[errors, tested], &[&known]));
    assert!(!counts(&[tested], &[&open]));
}

#[test]
fn common_rows_that_are_not_known_are_said_once() {
    let mut evidence = against(
        totals(4, &[("s", passes(4, 4))]),
        totals(4, &[("s", passes(4, 4))]),
    );
    let Baseline::Found(_, pair) = &mut evidence.baseline else {
        unreachable!()
    };
    pair.candidate = None;
    let gates = "- {name: one, scorer: s, metric: pass_rate, max_drop: 0.1, max_rise: 1}
- {name: other, scorer: s, metric: coverage, max_drop: 0.1}";
    let judgement = judged("", gates, &evidence);
    assert_eq!(statuses(&judgement), [Status::Undecided; 3]);
    assert_eq!(names(&judgement), ["common-rows-unknown"]);
}

#[test]
fn a_mean_of_the_common_rows_may_lie_outside_its_range_by_itself() {
    for (of, status) in [
        (0.9, Status::Pass),
        (1.1, Status::Undecided),
        (-0.1, Status::Undecided),
    ] {
        let mut evidence = against(
            totals(4, &[("s", mean(0.5, 4))]),
            totals(4, &[("s", mean(0.5, 4))]),
        );
        let Baseline::Found(_, pair) = &mut evidence.baseline else {
            unreachable!()
        };
        pair.candidate = Some(totals(2, &[("s", mean(of, 2))]));
        pair.baseline = Some(totals(2, &[("s", mean(0.5, 2))]));
        (pair.common, pair.removed, pair.added) = (2, 2, 2);
        let gates = "- {name: g, scorer: s, metric: numeric_mean, range: [0, 1], max_drop: 1}";
        let judgement = judged("baseline: {removed_rows: ignore}", gates, &evidence);
        assert_eq!(
            statuses(&judgement),
            [status],
            "{}",
            why(&judgement.checks[0])
        );
    }
}

#[test]
fn reasons_tell_why_errors_are_not_decided() {
    let evidence = alone(totals(4, &[("s", passes(3, 3)), ("t", passes(3, 3))]));
    let judgement = judged("", "- {name: g, metric: error_rate, max: 0.1}", &evidence);
    let reason = why(&judgement.checks[0]);
    assert!(
        reason.starts_with("the summary does not say which trials have no score at all: "),
        "{reason}"
    );
}

#[test]
fn a_move_the_other_way_needs_no_more_digits_than_others() {
    let evidence = against(
        totals(4, &[("s", mean(0.52, 4))]),
        totals(4, &[("s", mean(0.500_004, 4))]),
    );
    let gates = "- {name: g, scorer: s, metric: numeric_mean, max_drop: 0.02}";
    let reason = why(&judged("", gates, &evidence).checks[0]);
    assert!(reason.contains("rose 0.02 ("), "{reason}");
}

#[test]
fn an_end_close_to_the_limit_is_told_apart_from_it() {
    let evidence = against(
        totals(2, &[("s", mean(1.0, 1))]),
        totals(2, &[("s", mean(0.520_000_1, 2))]),
    );
    let gates = "- {name: g, scorer: s, metric: numeric_mean, range: [0, 1], max_drop: 0.02}";
    let reason = why(&judged("", gates, &evidence).checks[0]);
    assert!(
        reason.contains("changed by -0.0200001 to +0.48"),
        "{reason}"
    );
}
