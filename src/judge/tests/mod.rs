//! Tests of the decision rules, as examples and as properties.

mod chance;
mod compared;
mod edge;
mod hint;
mod offending;
mod policy_diff;
mod recorded;
mod repeated;
mod rerun;
pub(in crate::judge) mod row;
mod setup;
mod value;

use crate::evidence::RunStatus;
use crate::policy::Limit;
use crate::prose::Prose;
use crate::report::{finding_text, reason_text};
use proptest::prelude::*;

use crate::evidence::{
    Baseline, Choice, Column, Completeness, Dimension, Pair, Reference, Role, Run, Score,
    Selection, Totals, Usage,
};
use crate::judge::limit::Decision;
use crate::judge::*;
use crate::policy::{self, Gate, LimitKey};
use crate::selector::Selector;

/// The reason for a check's status, as a report writes it.
pub(super) fn why(check: &Check) -> String {
    reason_text(check).to_string()
}

/// A dimension of truth values.
pub(super) fn passes(passed: u64, judged: u64) -> Dimension {
    Dimension {
        scored: judged,
        passed,
        judged,
        measured: 0,
        mean: None,
        flaw: None,
    }
}

/// A dimension of numbers.
pub(super) fn mean(mean: f64, measured: u64) -> Dimension {
    Dimension {
        scored: measured,
        passed: 0,
        judged: 0,
        measured,
        mean: Some(mean),
        flaw: None,
    }
}

pub(super) fn totals(trials: u64, dimensions: &[(&str, Dimension)]) -> Totals {
    let mut totals = Totals {
        trials,
        rows: trials,
        usage: Some(Usage::default()),
        ..Totals::default()
    };
    for (name, dimension) in dimensions {
        totals.add(name, None, dimension.clone());
    }
    totals
}

pub(super) fn run(id: &str, totals: Totals) -> Run {
    Run {
        project: crate::project::Project::parse("a/b").unwrap(),
        web: "https://wandb.ai".to_owned(),
        id: id.to_owned(),
        display_name: None,
        evaluation: Reference::parse("weave:///a/b/object/answers:v1"),
        model: Reference::parse("weave:///a/b/object/bot:v1"),
        status: Some(RunStatus::Completed),
        started_at: None,
        finished_at: None,
        rescored_from: None,
        rows: totals.trials,
        totals,
        digests: None,
        choice: None,
        attributes: None,
        completeness: Completeness::Complete,
        pooled_runs: 1,
        is_logged: false,
        exception: None,
        setup: None,
    }
}

/// Evidence of a candidate without a baseline.
pub(super) fn alone(totals: Totals) -> Evidence {
    Evidence {
        candidate: run("candidate", totals),
        baseline: Baseline::Unnamed,
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    }
}

/// Evidence of a candidate and a baseline on the same rows with one trial each.
pub(super) fn against(candidate: Totals, baseline: Totals) -> Evidence {
    let pair = Pair {
        common: candidate.trials,
        removed: 0,
        added: 0,
        candidate: Some(candidate.clone()),
        baseline: Some(baseline.clone()),
    };
    Evidence {
        candidate: run("candidate", candidate),
        baseline: Baseline::Found(Box::new(run("baseline", baseline)), pair),
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    }
}

pub(super) fn judged(file: &str, gates: &str, evidence: &Evidence) -> Judgement {
    let text = format!("version: 1\n{file}\ngates:\n{gates}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let evidence = with_rows(&policy, evidence);
    judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap())
}

/// Adds rows to the evidence if the summaries are not enough for the policy. The first trials have the scores, and each
/// number is the mean.
pub(super) fn with_rows(policy: &Policy, evidence: &Evidence) -> Evidence {
    let runs = match &evidence.baseline {
        Baseline::Found(baseline, _) => vec![&evidence.candidate, baseline],
        _ => vec![&evidence.candidate],
    };
    let totals: Vec<&Totals> = runs.iter().map(|run| &run.totals).collect();
    let wanted = columns(policy, &totals);
    let is_told = policy.gates.iter().any(Gate::needs_rows) || wanted.scores.is_empty();
    if evidence.rows.is_some() || is_told || wanted.scores.iter().any(|c| c.dimension().is_none()) {
        return evidence.clone();
    }
    let mut rows = Rows::new(wanted.clone());
    let most = totals.iter().map(|totals| totals.trials).max().unwrap_or(0);
    for row in 0..most {
        let mut trials = [0, 0];
        for ((role, totals), trials) in [Role::Candidate, Role::Baseline]
            .into_iter()
            .zip(&totals)
            .zip(&mut trials)
        {
            let value = |column: &Column| {
                let known = totals.dimensions.get(column.dimension()?)?;
                match column.kind() {
                    Kind::Truth => {
                        (row < known.judged).then(|| f64::from(u8::from(row < known.passed)))
                    }
                    Kind::Number => known.mean.filter(|_| row < known.measured),
                    _ => (row < known.scored)
                        .then(|| f64::from(u8::from(row < known.judged + known.measured))),
                }
            };
            if row < totals.trials {
                let values = wanted
                    .scores
                    .iter()
                    .map(|column| value(column).map_or(Score::MISSING, Score::of));
                rows.push(role, &values.collect::<Vec<_>>());
                *trials = 1;
            }
        }
        rows.end_row(&format!("{row:08}"), trials[0], trials[1]);
    }
    Evidence {
        rows: Some(rows),
        ..evidence.clone()
    }
}

pub(super) fn statuses(judgement: &Judgement) -> Vec<Status> {
    judgement.checks.iter().map(|check| check.status).collect()
}

/// The status of a gate with one limit on the dimension `s`.
pub(super) fn status(keys: &str, evidence: &Evidence) -> Status {
    let judgement = judged("", &format!("- {{name: g, scorer: s, {keys}}}"), evidence);
    assert_eq!(judgement.checks.len(), 1);
    judgement.checks[0].status
}

pub(super) fn names(judgement: &Judgement) -> Vec<&'static str> {
    judgement
        .findings
        .iter()
        // Other tests check the hints.
        .filter(|finding| finding.effect != Effect::Hint)
        .map(|finding| finding.name().word())
        .collect()
}

#[test]
fn equality_passes_and_a_miss_by_one_fails() {
    let of = |passed| alone(totals(1000, &[("s", passes(passed, 1000))]));
    assert_eq!(
        status("metric: pass_rate, min: 0.9", &of(900)),
        Status::Pass
    );
    assert_eq!(
        status("metric: pass_rate, min: 0.9", &of(899)),
        Status::Fail
    );
    assert_eq!(
        status("metric: pass_rate, max: 0.9", &of(900)),
        Status::Pass
    );
    assert_eq!(
        status("metric: pass_rate, max: 0.9", &of(901)),
        Status::Fail
    );
    assert_eq!(status("metric: pass_rate, min: 0", &of(0)), Status::Pass);
    assert_eq!(
        status("metric: pass_rate, min: 0.001", &of(0)),
        Status::Fail
    );
}

/// 0.90 − 0.88 > 0.02 is true in floating point. A naive comparison fails 661 of 1,810 such pairs.
#[test]
fn two_decimal_pairs_on_their_limit_all_pass() {
    let (mut pairs, mut naive) = (0, 0);
    for baseline in 0..=100_u64 {
        for drop in 1..=20_u64.min(baseline) {
            pairs += 1;
            let rate = |percent: u64| crate::number::count(percent) / 100.0;
            naive += u32::from(rate(baseline) - rate(baseline - drop) > rate(drop));
            let evidence = against(
                totals(100, &[("s", passes(baseline - drop, 100))]),
                totals(100, &[("s", passes(baseline, 100))]),
            );
            let keys = format!("metric: pass_rate, max_drop: {}", rate(drop));
            assert_eq!(status(&keys, &evidence), Status::Pass, "{baseline} {drop}");
        }
    }
    assert_eq!((pairs, naive), (1810, 661));
}

#[test]
fn every_limit_on_a_change() {
    let evidence = against(
        totals(100, &[("s", passes(80, 100))]),
        totals(100, &[("s", passes(90, 100))]),
    );
    for (limit, expected) in [
        ("max_drop: 0.1", Status::Pass),
        ("max_drop: 0.09", Status::Fail),
        ("max_rise: 0", Status::Pass),
        ("max_relative_drop: 0.112", Status::Pass),
        ("max_relative_drop: 0.111", Status::Fail),
        ("max_relative_rise: 0", Status::Pass),
    ] {
        assert_eq!(
            status(&format!("metric: pass_rate, {limit}"), &evidence),
            expected,
            "{limit}"
        );
    }
    let up = against(
        totals(100, &[("s", passes(90, 100))]),
        totals(100, &[("s", passes(80, 100))]),
    );
    assert_eq!(
        status("metric: pass_rate, max_rise: 0.1", &up),
        Status::Pass
    );
    assert_eq!(
        status("metric: pass_rate, max_rise: 0.09", &up),
        Status::Fail
    );
    assert_eq!(
        status("metric: pass_rate, max_relative_rise: 0.125", &up),
        Status::Pass
    );
    assert_eq!(
        status("metric: pass_rate, max_relative_rise: 0.124", &up),
        Status::Fail
    );
}

#[test]
fn a_zero_baseline_has_no_relative_change_unless_nothing_changed() {
    let zero = || totals(10, &[("s", passes(0, 10))]);
    let one = totals(10, &[("s", passes(1, 10))]);
    for limit in ["max_relative_drop: 0.5", "max_relative_rise: 0.5"] {
        let keys = format!("metric: pass_rate, {limit}");
        assert_eq!(status(&keys, &against(zero(), zero())), Status::Pass);
        assert_eq!(
            status(&keys, &against(one.clone(), zero())),
            Status::Undecided
        );
    }
    // The baseline is negative. The change is measured relative to its absolute value.
    let below = against(
        totals(10, &[("s", mean(-1.1, 10))]),
        totals(10, &[("s", mean(-1.0, 10))]),
    );
    assert_eq!(
        status("metric: numeric_mean, max_relative_drop: 0.1", &below),
        Status::Pass
    );
    assert_eq!(
        status("metric: numeric_mean, max_relative_drop: 0.09", &below),
        Status::Fail
    );
}

#[test]
fn missing_scores_are_bounded() {
    let evidence = alone(totals(24, &[("s", passes(18, 18))]));
    for (keys, expected) in [
        ("min: 0.75", Status::Pass),
        ("min: 0.76", Status::Undecided),
        ("max: 0.75", Status::Undecided),
        ("max: 1", Status::Pass),
        ("max: 0.74", Status::Fail),
        ("min: 0.76, missing: fail", Status::Fail),
        ("min: 0.75, missing: fail", Status::Pass),
        ("max: 0.9, missing: fail", Status::Fail),
        ("min: 1, missing: ignore", Status::Pass),
        ("min: 1, max_missing: 0.25", Status::Pass),
        ("min: 1, max_missing: 0.24", Status::Undecided),
        ("min: 1, missing: fail, max_missing: 0.24", Status::Fail),
    ] {
        assert_eq!(
            status(&format!("metric: pass_rate, {keys}"), &evidence),
            expected,
            "{keys}"
        );
    }
}

#[test]
fn missing_numbers_need_a_range() {
    let evidence = alone(totals(10, &[("s", mean(0.9, 8))]));
    for (keys, expected) in [
        ("min: 0.7", Status::Undecided),
        ("min: 0.7, range: [0, 1]", Status::Pass),
        ("min: 0.72, range: [0, 1]", Status::Pass),
        ("min: 0.73, range: [0, 1]", Status::Undecided),
        ("min: 0.93, range: [0, 1]", Status::Fail),
        ("min: 0.73, range: [0, 1], missing: fail", Status::Fail),
        ("min: 0.7, missing: fail", Status::Undecided),
        ("min: 0.9, missing: ignore", Status::Pass),
        ("max: 0.8, range: [0, 1]", Status::Undecided),
        ("max: 0.91, range: [0, 1], missing: fail", Status::Fail),
        ("max: 0.92, range: [0, 1]", Status::Pass),
    ] {
        let keys = format!("metric: numeric_mean, {keys}");
        assert_eq!(status(&keys, &evidence), expected, "{keys}");
    }
}

#[test]
fn a_mean_that_is_its_limit_but_for_rounding_passes() {
    // The server's running mean of ten values of 0.7.
    let value = (0..10).fold(0.0_f64, |mean, n| {
        (mean * f64::from(n) + 0.7) / f64::from(n + 1)
    });
    assert_ne!(value, 0.7);
    let evidence = alone(totals(10, &[("s", mean(value, 10))]));
    assert_eq!(
        status("metric: numeric_mean, min: 0.7", &evidence),
        Status::Pass
    );
    assert_eq!(
        status("metric: numeric_mean, max: 0.7", &evidence),
        Status::Pass
    );
    assert_eq!(
        status("metric: numeric_mean, min: 0.7000001", &evidence),
        Status::Fail
    );
}

#[test]
fn a_change_is_judged_with_candidate_and_baseline_at_opposite_ends() {
    // The candidate is between 0.85 and 0.9, and the baseline between 0.9 and 0.95.
    let evidence = against(
        totals(100, &[("s", passes(85, 95))]),
        totals(100, &[("s", passes(90, 95))]),
    );
    for (keys, expected) in [
        ("max_drop: 0.1", Status::Pass),
        ("max_drop: 0.09", Status::Undecided),
        ("max_drop: 0.09, missing: fail", Status::Fail),
        ("max_drop: 0.1, missing: fail", Status::Pass),
        ("max_rise: 0", Status::Pass),
        ("max_drop: 0.053, missing: ignore", Status::Pass),
        ("max_drop: 0.052, missing: ignore", Status::Fail),
    ] {
        assert_eq!(
            status(&format!("metric: pass_rate, {keys}"), &evidence),
            expected,
            "{keys}"
        );
    }
}

#[test]
fn removed_rows_are_missing_scores_or_ignored() {
    let common = totals(90, &[("s", passes(81, 90))]);
    let pair = Pair {
        common: 90,
        removed: 10,
        added: 5,
        candidate: Some(common.clone()),
        baseline: Some(totals(90, &[("s", passes(80, 90))])),
    };
    let evidence = Evidence {
        candidate: run("candidate", totals(95, &[("s", passes(86, 95))])),
        baseline: Baseline::Found(
            Box::new(run("baseline", totals(100, &[("s", passes(90, 100))]))),
            pair,
        ),
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    };
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.05}";
    let missing = judged("", gate, &evidence);
    assert_eq!(statuses(&missing), [Status::Undecided]);
    let check = &missing.checks[0];
    let candidate = check.candidate.unwrap();
    assert_eq!(
        (
            candidate.low,
            candidate.high,
            candidate.scored,
            candidate.trials
        ),
        (0.81, 0.91, 90, 100)
    );
    assert_eq!(names(&missing), ["rows-removed", "rows-added"]);
    let ignored = judged("baseline: {removed_rows: ignore}", gate, &evidence);
    assert_eq!(statuses(&ignored), [Status::Pass]);
    assert_eq!(
        ignored.checks[0].baseline.unwrap().observed,
        Some(80.0 / 90.0)
    );
    // If a row has several trials, only the rows tell its mean.
    let Baseline::Found(baseline, mut pair) = evidence.baseline else {
        unreachable!()
    };
    let mut three = totals(270, &[("s", passes(243, 270))]);
    three.rows = 90;
    pair.candidate = Some(three);
    let evidence = Evidence {
        candidate: evidence.candidate,
        baseline: Baseline::Found(baseline, pair),
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    };
    let judgement = judged("", gate, &evidence);
    assert_eq!(statuses(&judgement), [Status::Undecided]);
    assert!(names(&judgement).contains(&"rows-unknown"));
}

/// If missing scores are ignored, removed rows are ignored on both sides. Otherwise, removing hard questions would look
/// like a rise.
#[test]
fn a_change_is_measured_on_the_same_rows_also_where_missing_scores_are_ignored() {
    let common = || totals(50, &[("s", passes(30, 50))]);
    let with = |theirs: Option<Totals>| Evidence {
        candidate: run("candidate", common()),
        baseline: Baseline::Found(
            Box::new(run("baseline", totals(100, &[("s", passes(50, 100))]))),
            Pair {
                common: 50,
                removed: 50,
                added: 0,
                candidate: Some(common()),
                baseline: theirs,
            },
        ),
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    };
    let known = with(Some(totals(50, &[("s", passes(50, 50))])));
    for more in ["missing: ignore", "max_missing: 0.5"] {
        let keys = format!("metric: pass_rate, max_drop: 0.02, {more}");
        assert_eq!(status(&keys, &known), Status::Fail, "{more}");
        // A snapshot does not hold the baseline's scores on the common rows.
        let gate = format!("- {{name: g, scorer: s, {keys}}}");
        let judgement = judged("", &gate, &with(None));
        assert_eq!(statuses(&judgement), [Status::Undecided], "{more}");
        assert!(names(&judgement).contains(&"common-rows-unknown"));
    }
    assert_eq!(
        status("metric: pass_rate, max_drop: 0.02", &known),
        Status::Undecided
    );
}

/// If every score counts, removed rows count as not scored. This is so for coverage and errors.
#[test]
fn removed_rows_are_not_covered() {
    let evidence = Evidence {
        candidate: run("candidate", totals(80, &[("s", passes(80, 80))])),
        baseline: Baseline::Found(
            Box::new(run("baseline", totals(100, &[("s", passes(100, 100))]))),
            Pair {
                common: 80,
                removed: 20,
                added: 0,
                candidate: Some(totals(80, &[("s", passes(80, 80))])),
                baseline: Some(totals(80, &[("s", passes(80, 80))])),
            },
        ),
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    };
    assert_eq!(
        status("metric: coverage, max_drop: 0.2", &evidence),
        Status::Pass
    );
    assert_eq!(
        status("metric: coverage, max_drop: 0.19", &evidence),
        Status::Fail
    );
    let rates = "- {name: e, metric: error_rate, max_rise: 0.19}";
    assert_eq!(statuses(&judged("", rates, &evidence)), [Status::Fail]);
    let ignored = judged("baseline: {removed_rows: ignore}", rates, &evidence);
    assert_eq!(statuses(&ignored), [Status::Pass]);
}

#[test]
fn a_skipped_check_is_not_made_good_by_one_that_cannot_block() {
    let evidence = alone(totals(10, &[("s", passes(5, 10))]));
    let drop = "- {name: drop, scorer: s, metric: pass_rate, max_drop: 0.1}";
    let floor = "- {name: floor, scorer: s, metric: pass_rate, min: 0.1";
    for (more, expected) in [
        ("}", Verdict::Passed),
        (", severity: warn}", Verdict::Undecided),
        (
            ", waive: {until: 2026-12-31, reason: r}}",
            Verdict::Undecided,
        ),
    ] {
        let gates = format!("{drop}\n{floor}{more}");
        let judgement = judged("baseline: {required: false}", &gates, &evidence);
        assert_eq!(judgement.verdict, expected, "{more}");
        assert_eq!(
            names(&judgement).contains(&"nothing-judged"),
            expected != Verdict::Passed
        );
    }
}

/// A policy that cannot block is accepted, even if it skips checks.
#[test]
fn a_policy_that_only_warns_passes_where_something_was_judged() {
    let evidence = alone(totals(10, &[("s", passes(5, 10))]));
    let gate = "- {name: g, scorer: s, metric: pass_rate, min: 0.1, max_drop: 0.1, severity: warn}";
    let judgement = judged("baseline: {required: false}", gate, &evidence);
    assert_eq!(judgement.verdict, Verdict::Passed);
    assert!(names(&judgement).contains(&"nothing-can-block"));
}

#[test]
fn tiny_numbers_get_no_more_tolerance_than_their_size() {
    let evidence = alone(totals(10, &[("s", mean(9e-10, 10))]));
    assert_eq!(
        status("metric: numeric_mean, max: 0.0000000001", &evidence),
        Status::Fail
    );
    assert_eq!(
        status("metric: numeric_mean, max: 0", &evidence),
        Status::Fail
    );
    assert_eq!(
        status("metric: numeric_mean, max: 0.0000000009", &evidence),
        Status::Pass
    );
}

#[test]
fn defaults_say_nothing_where_no_score_can_be_missing() {
    let evidence = alone(totals(10, &[("s", passes(6, 6)), ("t", passes(6, 6))]));
    for missing in ["bound", "fail", "ignore"] {
        let file = format!("defaults: {{missing: {missing}, max_missing: 1}}");
        let judgement = judged(
            &file,
            "- {name: e, metric: error_rate, max: 0.2}",
            &evidence,
        );
        assert_eq!(statuses(&judgement), [Status::Undecided], "{missing}");
    }
}

#[test]
fn no_reason_says_nan() {
    let open = |tokens| {
        let mut totals = totals(10, &[("s", passes(5, 9))]);
        totals.usage = Some(Usage {
            tokens: Some(tokens),
            cost: None,
            ..Usage::default()
        });
        totals
    };
    let evidence = against(open(100), open(90));
    let judgement = judged(
        "",
        "- {name: t, metric: tokens_total, max_drop: 1, max_rise: 1, max_relative_rise: 1}",
        &evidence,
    );
    assert_eq!(statuses(&judgement), [Status::Undecided; 3]);
    for check in &judgement.checks {
        let reason = why(check);
        assert!(!reason.contains("NaN") && !reason.contains('∞'), "{reason}");
    }
}

#[test]
fn runs_that_are_not_fit_decide_nothing() {
    let gates = "- {name: floor, scorer: s, metric: pass_rate, min: 0.5}
- {name: drop, scorer: s, metric: pass_rate, max_drop: 0.5}
- {name: rows, metric: rows, min: 1}";
    let good = || totals(10, &[("s", passes(10, 10))]);
    let with = |status: Option<&str>, of_candidate: bool| {
        let mut evidence = against(good(), good());
        let status = status.map(|word| RunStatus::of(word.to_owned()));
        match &mut evidence.baseline {
            Baseline::Found(baseline, _) if !of_candidate => baseline.status = status,
            _ => evidence.candidate.status = status,
        }
        evidence
    };
    for (status, finding) in [
        (Some("running"), "run-not-finished"),
        (Some("paused"), "run-not-finished"),
        (None, "run-not-finished"),
        (Some("failed"), "run-failed"),
    ] {
        let judgement = judged("", gates, &with(status, true));
        assert_eq!(judgement.verdict, Verdict::Undecided);
        assert_eq!(statuses(&judgement), [Status::Undecided; 3]);
        assert_eq!(names(&judgement), [finding]);
        let judgement = judged("", gates, &with(status, false));
        assert_eq!(judgement.verdict, Verdict::Undecided);
        assert_eq!(
            statuses(&judgement),
            [Status::Pass, Status::Undecided, Status::Pass]
        );
        assert_eq!(names(&judgement), [finding]);
    }
    let accepted = "accept_status: [completed, failed]";
    assert_eq!(
        judged(accepted, gates, &with(Some("failed"), true)).verdict,
        Verdict::Passed
    );
    assert_eq!(
        judged(accepted, gates, &with(Some("running"), true)).verdict,
        Verdict::Undecided
    );
    let empty = judged(
        "",
        "- {name: g, metric: rows, max: 5}",
        &alone(totals(0, &[])),
    );
    assert_eq!(
        (empty.verdict, names(&empty)),
        (Verdict::Undecided, vec!["no-scores"])
    );
}

#[test]
fn a_baseline_ages() {
    let drop = "- {name: drop, scorer: s, metric: pass_rate, max_drop: 0.5}";
    let aged = |started: Option<&str>, finished: Option<&str>, max_age: &str| {
        let good = || totals(10, &[("s", passes(9, 10))]);
        let mut evidence = against(good(), good());
        if let Baseline::Found(baseline, _) = &mut evidence.baseline {
            baseline.started_at = started.map(|time| time.parse().unwrap());
            baseline.finished_at = finished.map(|time| time.parse().unwrap());
        }
        let judgement = judged(
            &format!("baseline: {{max_age: {max_age}}}"),
            drop,
            &evidence,
        );
        let found = judgement
            .findings
            .iter()
            .map(|found| finding_text(found).to_string());
        (judgement.verdict, found.collect::<Vec<_>>().join("; "))
    };
    // The current time is noon.
    let fresh = (Verdict::Passed, String::new());
    assert_eq!(aged(None, Some("2026-11-22T12:00:00Z"), "1d"), fresh);
    assert_eq!(aged(Some("2026-11-23T11:00:00Z"), None, "1h"), fresh);
    // A run from a clock that is ahead is not too old.
    assert_eq!(aged(None, Some("2026-11-23T13:00:00Z"), "1h"), fresh);
    for (started, finished, max_age, said) in [
        (
            None,
            Some("2026-11-22T11:59:00Z"),
            "1d",
            "finished 24 h 1 min ago, and `max_age` is 24 hours",
        ),
        (
            None,
            Some("2026-11-20T10:00:00Z"),
            "2d",
            "finished 3 d 2 h ago, and `max_age` is 2 days",
        ),
        (
            Some("2026-11-23T13:00:00Z"),
            Some("2026-11-23T10:00:00Z"),
            "1h",
            "finished 2 hours ago, and `max_age` is 1 hour",
        ),
        (None, None, "30d", "does not say when it finished"),
    ] {
        let (verdict, found) = aged(started, finished, max_age);
        assert_eq!(verdict, Verdict::Undecided);
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn the_newest_of_several_runs_says_so() {
    let mut evidence = alone(totals(10, &[("s", passes(10, 10))]));
    let floor = "- {name: floor, scorer: s, metric: pass_rate, min: 0.5}";
    for (matches, is_exact, said) in [
        (1, true, ""),
        (
            3,
            true,
            "3 runs match `evaluation=answers`; the newest is the candidate",
        ),
        (
            10,
            false,
            "at least 10 runs match `evaluation=answers`; the newest is the candidate",
        ),
    ] {
        evidence.candidate.choice = Some(Choice {
            selector: Selector::parse("evaluation=answers").unwrap(),
            matches,
            is_exact,
        });
        let judgement = judged("", floor, &evidence);
        let found = judgement
            .findings
            .iter()
            .map(|found| finding_text(found).to_string());
        assert_eq!(found.collect::<Vec<_>>().join("; "), said);
        assert_eq!(judgement.verdict, Verdict::Passed);
    }
}

#[test]
fn baselines_that_are_not_there() {
    let candidate = || totals(10, &[("s", passes(10, 10))]);
    let drop = "- {name: drop, scorer: s, metric: pass_rate, max_drop: 0.5}";
    let both = format!("{drop}\n- {{name: floor, scorer: s, metric: pass_rate, min: 0.5}}");
    let lost = Evidence {
        candidate: run("candidate", candidate()),
        baseline: Baseline::NotFound(Prose::from("gone")),
        rows: None,
        selection: Selection::default(),
        each: Vec::new(),
        named: std::collections::BTreeMap::new(),
    };
    let required = judged("", &both, &lost);
    assert_eq!(statuses(&required), [Status::Undecided, Status::Pass]);
    assert_eq!(
        (required.verdict, names(&required)),
        (Verdict::Undecided, vec!["no-baseline"])
    );
    let optional = judged("baseline: {required: false}", &both, &lost);
    assert_eq!(statuses(&optional), [Status::Skipped, Status::Pass]);
    assert_eq!(
        (optional.verdict, names(&optional)),
        (Verdict::Passed, vec!["no-baseline"])
    );
    // If all checks are skipped, the verdict is not a pass.
    let nothing = judged("baseline: {required: false}", drop, &alone(candidate()));
    assert_eq!(statuses(&nothing), [Status::Skipped]);
    assert_eq!(
        (nothing.verdict, names(&nothing)),
        (Verdict::Undecided, vec!["no-baseline", "nothing-judged"])
    );
    let mut same = against(candidate(), candidate());
    if let Baseline::Found(baseline, _) = &mut same.baseline {
        baseline.id = "candidate".to_owned();
    }
    assert_eq!(names(&judged("", drop, &same)), ["same-run"]);
    let mut apart = against(candidate(), candidate());
    if let Baseline::Found(_, pair) = &mut apart.baseline {
        *pair = Pair {
            common: 0,
            removed: 10,
            added: 10,
            candidate: Some(totals(0, &[])),
            baseline: Some(totals(0, &[])),
        };
    }
    let judgement = judged("", drop, &apart);
    assert_eq!(judgement.verdict, Verdict::Undecided);
    assert!(names(&judgement).contains(&"no-common-rows"));
}

#[test]
fn dimensions_that_are_not_there() {
    let text = Dimension {
        scored: 10,
        judged: 0,
        ..passes(0, 0)
    };
    let evidence = against(
        totals(
            10,
            &[
                ("s", passes(10, 10)),
                ("text", text),
                ("new", passes(5, 10)),
            ],
        ),
        totals(10, &[("s", passes(10, 10)), ("old", passes(10, 10))]),
    );
    for (keys, finding, words) in [
        (
            "scorer: sx, metric: pass_rate, min: 0",
            "unknown-dimension",
            "there are `new`, `old`, `s`, `text`",
        ),
        (
            "scorer: 'x*', metric: pass_rate, min: 0",
            "unknown-dimension",
            "no dimension matches `x*`",
        ),
        (
            "scorer: old, metric: pass_rate, min: 0",
            "no-scores",
            "there are scores of `new`, `s`, `text`",
        ),
        (
            "scorer: new, metric: pass_rate, max_drop: 1",
            "no-scores",
            "in the baseline",
        ),
        (
            "scorer: text, metric: pass_rate, min: 0",
            "metric-not-available",
            "its scores are text",
        ),
        (
            "scorer: s, metric: numeric_mean, min: 0",
            "metric-not-available",
            "its scores are true or false",
        ),
        (
            "metric: cost_total, max: 1",
            "metric-not-available",
            "no trial in the candidate is priced",
        ),
    ] {
        for missing in ["bound", "fail", "ignore"] {
            let file = format!("defaults: {{missing: {missing}, max_missing: 1}}");
            let judgement = judged(&file, &format!("- {{name: g, {keys}}}"), &evidence);
            assert_eq!(statuses(&judgement), [Status::Undecided], "{keys}");
            assert!(
                names(&judgement).contains(&finding),
                "{keys}: {:?}",
                names(&judgement)
            );
            assert!(
                why(&judgement.checks[0]).contains(words),
                "{}",
                why(&judgement.checks[0])
            );
        }
    }
}

#[test]
fn patterns_make_a_check_of_each_match_and_names_come_first() {
    let one = || passes(10, 10);
    let evidence = alone(totals(
        10,
        &[
            ("a.x", one()),
            ("a.y", passes(0, 10)),
            ("a.*", one()),
            ("b", one()),
        ],
    ));
    let subjects = |scorer: &str| -> Vec<String> {
        let gate = format!("- {{name: g, scorer: '{scorer}', metric: pass_rate, min: 1}}");
        judged("", &gate, &evidence)
            .checks
            .into_iter()
            .filter_map(|check| check.subject)
            .collect()
    };
    assert_eq!(subjects("a.*"), ["a.*"]);
    assert_eq!(subjects("a.?"), ["a.*", "a.x", "a.y"]);
    assert_eq!(subjects("*"), ["a.*", "a.x", "a.y", "b"]);
    assert_eq!(subjects("[ab]"), ["b"]);
    let all = judged(
        "",
        "- {name: g, scorer: '*', metric: pass_rate, min: 1}",
        &evidence,
    );
    assert_eq!(all.verdict, Verdict::Failed);
}

#[test]
fn scores_out_of_their_range() {
    let evidence = against(
        totals(10, &[("s", mean(0.8, 10))]),
        totals(10, &[("s", mean(80.0, 10))]),
    );
    let judgement = judged(
        "",
        "- {name: g, scorer: s, metric: numeric_mean, range: [0, 1], min: 0.7, max_drop: 0.1}",
        &evidence,
    );
    assert_eq!(statuses(&judgement), [Status::Pass, Status::Undecided]);
    assert_eq!(names(&judgement), ["out-of-range"]);
}

#[test]
fn severity_and_waivers() {
    let bad = alone(totals(10, &[("s", passes(0, 10))]));
    let gate = |more: &str| format!("- {{name: g, scorer: s, metric: pass_rate, min: 1{more}}}");
    let good = "\n- {name: rows, metric: rows, min: 1}";
    let judgement = judged("", &(gate(", severity: warn") + good), &bad);
    assert_eq!(
        (judgement.verdict, statuses(&judgement)),
        (Verdict::Passed, vec![Status::Fail, Status::Pass])
    );
    let until = |day: &str| gate(&format!(", waive: {{until: {day}, reason: why}}"));
    let today = judged("", &(until("2026-11-23") + good), &bad);
    assert_eq!(
        (today.verdict, statuses(&today)),
        (Verdict::Passed, vec![Status::Waived, Status::Pass])
    );
    assert_eq!(names(&today), ["waiver-active"]);
    let over = judged("", &(until("2026-11-22") + good), &bad);
    assert_eq!(
        (over.verdict, statuses(&over)),
        (Verdict::Failed, vec![Status::Fail, Status::Pass])
    );
    assert_eq!(names(&over), ["waiver-expired"]);
    // The waiver is also shown if the gate passes, and if no gate can block.
    let fine = alone(totals(10, &[("s", passes(10, 10))]));
    let idle = judged("", &until("2026-11-23"), &fine);
    assert_eq!(
        (idle.verdict, statuses(&idle)),
        (Verdict::Passed, vec![Status::Pass])
    );
    assert_eq!(names(&idle), ["waiver-active", "nothing-can-block"]);
    let unknown = judged(
        "",
        &until("2026-11-23").replace("scorer: s", "scorer: t"),
        &fine,
    );
    assert_eq!(statuses(&unknown), [Status::Waived]);
}

#[test]
fn failed_outranks_undecided() {
    let evidence = alone(totals(10, &[("s", passes(5, 9))]));
    let gates = "- {name: u, scorer: t, metric: pass_rate, min: 1}\n- {name: f, scorer: s, metric: pass_rate, min: 0.9}";
    assert_eq!(judged("", gates, &evidence).verdict, Verdict::Failed);
}

#[test]
fn error_rate_and_usage_are_bounded_by_the_summary() {
    let mut of_two = totals(100, &[("s", passes(95, 95)), ("t", passes(10, 10))]);
    of_two.usage = Some(Usage {
        tokens: Some(9500),
        cost: Some(0.95),
        reported: Some(95),
        priced: Some(95),
    });
    let evidence = alone(of_two);
    let metric =
        |keys: &str| statuses(&judged("", &format!("- {{name: g, {keys}}}"), &evidence))[0];
    assert_eq!(metric("metric: error_rate, max: 0.05"), Status::Pass);
    assert_eq!(metric("metric: error_rate, max: 0.04"), Status::Undecided);
    assert_eq!(metric("metric: tokens_total, max: 9499"), Status::Fail);
    assert_eq!(metric("metric: tokens_total, max: 9500"), Status::Undecided);
    assert_eq!(
        metric("metric: tokens_total, max: 9500, max_missing: 0.05"),
        Status::Pass
    );
    assert_eq!(metric("metric: tokens_total, min: 9500"), Status::Pass);
    assert_eq!(
        metric("metric: tokens_mean, max: 100, missing: ignore"),
        Status::Pass
    );
    assert_eq!(metric("metric: tokens_mean, max: 94"), Status::Fail);
    assert_eq!(
        metric("metric: cost_mean, max: 0.01, missing: ignore"),
        Status::Pass
    );
    assert_eq!(
        metric("metric: cost_total, max: 0.9, missing: fail"),
        Status::Fail
    );
}

#[test]
fn the_worst_score_breaks_a_relative_limit_although_the_best_leaves_a_baseline_of_zero() {
    let evidence = against(
        totals(10, &[("s", passes(0, 10))]),
        totals(10, &[("s", passes(0, 9))]),
    );
    let says = |limit: &str, missing: &str| {
        let gate =
            format!("- {{name: g, scorer: s, metric: pass_rate, {limit}, missing: {missing}}}");
        statuses(&judged("", &gate, &evidence))[0]
    };
    assert_eq!(says("max_relative_drop: 0.5", "fail"), Status::Fail);
    assert_eq!(says("max_relative_drop: 0.5", "bound"), Status::Undecided);
    assert_eq!(says("max_relative_drop: 1", "fail"), Status::Pass);
    assert_eq!(says("max_relative_rise: 0.5", "fail"), Status::Pass);
}

/// The baseline may have used more tokens than it reports, without a bound. The relative change still has two bounds.
#[test]
fn a_relative_change_has_ends_if_the_baseline_has_none() {
    let of = |tokens, scored| {
        let mut totals = totals(10, &[("s", passes(5, scored))]);
        totals.usage = Some(Usage {
            tokens: Some(tokens),
            reported: Some(scored),
            ..Usage::default()
        });
        totals
    };
    let says = |candidate: Totals, limit: &str| {
        let gate = format!("- {{name: t, metric: tokens_total, {limit}}}");
        statuses(&judged("", &gate, &against(candidate, of(120, 9))))[0]
    };
    let known = || of(100, 10);
    assert_eq!(says(known(), "max_relative_rise: 0"), Status::Pass);
    assert_eq!(says(known(), "max_relative_drop: 1"), Status::Pass);
    assert_eq!(says(known(), "max_relative_drop: 0.5"), Status::Undecided);
    assert_eq!(says(known(), "max_relative_drop: 0.1"), Status::Fail);
    assert_eq!(
        says(of(150, 10), "max_relative_rise: 0.1"),
        Status::Undecided
    );
    let open = || of(100, 9);
    assert_eq!(says(open(), "max_relative_drop: 1"), Status::Pass);
    assert_eq!(says(open(), "max_relative_drop: 0.5"), Status::Undecided);
    assert_eq!(says(open(), "max_relative_rise: 0"), Status::Undecided);
}

#[test]
fn margins_are_counted_in_rows() {
    let reason = |limit: &str, evidence: &Evidence| {
        let gate = format!("- {{name: g, scorer: s, metric: pass_rate, {limit}}}");
        why(&judged("", &gate, evidence).checks[0])
    };
    let of = |passed| alone(totals(200, &[("s", passes(passed, 200))]));
    assert_eq!(
        reason("min: 0.9", &of(183)),
        "91.5 %, min 90 %; margin 3 rows"
    );
    assert_eq!(reason("min: 0.9", &of(180)), "90 %, exactly at the limit");
    assert_eq!(
        reason("min: 0.9", &of(179)),
        "89.5 %, below min 90 %; missed by 1 row"
    );
    assert_eq!(
        reason("max: 0.1", &of(30)),
        "15 %, above max 10 %; missed by 10 rows"
    );
    // If missing scores are ignored, the rate is over the other scores.
    let few = alone(totals(24, &[("s", passes(18, 18))]));
    assert_eq!(
        reason("min: 0.8, missing: ignore", &few),
        "100 %, min 80 %; margin 3 rows"
    );
    let pair = against(
        totals(200, &[("s", passes(170, 200))]),
        totals(200, &[("s", passes(176, 200))]),
    );
    assert_eq!(
        reason("max_drop: 0.05", &pair),
        "fell 3 pts (88 % → 85 %), limit 5 pts; margin 4 rows"
    );
    assert_eq!(
        reason("max_drop: 0.02", &pair),
        "fell 3 pts (88 % → 85 %), limit 2 pts; missed by 2 rows"
    );
    assert_eq!(
        reason("max_rise: 0.01", &pair),
        "fell 3 pts (88 % → 85 %), limit 1 pt; margin 8 rows"
    );
    assert_eq!(
        reason("max_relative_drop: 0.05", &pair),
        "fell 3.4 % (88 % → 85 %), limit 5 %; margin 2 rows"
    );
}

/// A candidate and a baseline on the same rows with some missing scores, and a limit.
fn cases() -> impl Strategy<Value = (u64, [u64; 2], [u64; 2], LimitKey, f64)> {
    (1..60_u64)
        .prop_flat_map(|trials| {
            let side = move || (0..=trials).prop_flat_map(|known| (0..=known, Just(known)));
            (
                Just(trials),
                side(),
                side(),
                proptest::sample::select(LimitKey::ALL.to_vec()),
                0..=20_u32,
            )
        })
        .prop_map(|(trials, ours, theirs, key, limit)| {
            (
                trials,
                [ours.0, ours.1],
                [theirs.0, theirs.1],
                key,
                f64::from(limit) / 20.0,
            )
        })
}

fn rate_status(
    trials: u64,
    ours: [u64; 2],
    theirs: [u64; 2],
    key: LimitKey,
    limit: f64,
    more: &str,
) -> Status {
    let evidence = against(
        totals(trials, &[("s", passes(ours[0], ours[1]))]),
        totals(trials, &[("s", passes(theirs[0], theirs[1]))]),
    );
    status(
        &format!("metric: pass_rate, {}: {limit}{more}", key.word()),
        &evidence,
    )
}

proptest! {
    /// A status is decided exactly if all values of the missing scores agree on it.
    #[test]
    fn decided_is_what_no_missing_score_could_change((trials, ours, theirs, key, limit) in cases()) {
        let found = rate_status(trials, ours, theirs, key, limit, "");
        let fill = |side: [u64; 2]| side[0]..=side[0] + (trials - side[1]);
        let mut seen = std::collections::BTreeSet::new();
        for candidate in fill(ours) {
            for baseline in if key.is_change() { fill(theirs) } else { 0..=0 } {
                let of = |passed| crate::number::count(passed) / crate::number::count(trials);
                seen.insert(limit::holds(Limit { key, value: limit }, of(candidate), of(baseline), limit::Precision { exact: true, size: 1.0 }));
            }
        }
        let nothing_known = ours[1] == 0 || (key.is_change() && theirs[1] == 0);
        let expected = match seen.into_iter().collect::<Vec<_>>().as_slice() {
            _ if nothing_known => Status::Undecided,
            [Some(true)] => Status::Pass,
            [Some(false)] => Status::Fail,
            _ => Status::Undecided,
        };
        prop_assert_eq!(found, expected);
    }

    /// Removing scores never turns a fail into a pass, except with `ignore`.
    #[test]
    fn missing_scores_never_help((trials, ours, theirs, key, limit) in cases(), lost in 0..10_u64) {
        for more in ["", ", missing: fail"] {
            let before = rate_status(trials, ours, theirs, key, limit, more);
            let lost_true = lost.min(ours[0]);
            let fewer = [ours[0] - lost_true, ours[1] - lost_true];
            let after = rate_status(trials, fewer, theirs, key, limit, more);
            prop_assert!(!(before == Status::Fail && after == Status::Pass));
            let lost_false = lost.min(ours[1] - ours[0]);
            let fewer = [ours[0], ours[1] - lost_false];
            let after = rate_status(trials, fewer, theirs, key, limit, more);
            prop_assert!(!(before == Status::Fail && after == Status::Pass));
        }
    }

    /// One more failed trial never helps if the limit wants a high candidate.
    #[test]
    fn a_failure_never_helps((trials, ours, theirs, key, limit) in cases()) {
        prop_assume!(key.wants_high() && ours[0] > 0);
        let better = rate_status(trials, ours, theirs, key, limit, "");
        let worse = rate_status(trials, [ours[0] - 1, ours[1]], theirs, key, limit, "");
        let rank = |status| match status { Status::Pass => 2, Status::Undecided => 1, _ => 0 };
        prop_assert!(rank(worse) <= rank(better) || (key.is_relative() && theirs[0] == 0));
    }

    /// The margin is exact: that many rows change the status, and one fewer does not.
    #[test]
    fn margins_are_exact(trials in 1..80_u64, passed in 0..80_u64, limit in 0..=20_u32) {
        let passed = passed.min(trials);
        let limit = Limit { key: LimitKey::Min, value: f64::from(limit) / 20.0 };
        let judged = |passed: u64| {
            let of = alone(totals(trials, &[("s", passes(passed, trials))]));
            let gate = format!("- {{name: g, scorer: s, metric: pass_rate, min: {}}}", limit.value);
            judged("", &gate, &of).checks.remove(0)
        };
        let check = judged(passed);
        let measure = check.candidate.unwrap();
        let pairing = limit::Pairing { candidate: measure, baseline: None, text_counts: false };
        if check.status == Status::Pass {
            let spare = limit::spare(limit, &pairing, Decision::Holds).unwrap();
            prop_assert_eq!(judged(passed - spare).status, Status::Pass);
            prop_assert!(passed == spare || judged(passed - spare - 1).status == Status::Fail);
        } else {
            let short = limit::spare(limit, &pairing, Decision::Broken).unwrap();
            prop_assert_eq!(judged(passed + short).status, Status::Pass);
            prop_assert_eq!(judged(passed + short - 1).status, Status::Fail);
        }
    }

    /// The order of gates does not change a status or the verdict.
    #[test]
    fn order_changes_nothing(passed in 0..=10_u64, judged_count in 10..=12_u64) {
        let evidence = alone(totals(12, &[("s", passes(passed, judged_count))]));
        let gates = ["- {name: a, scorer: s, metric: pass_rate, min: 0.5}", "- {name: b, scorer: s, metric: coverage, min: 0.9}", "- {name: c, metric: rows, min: 12}"];
        let forth = judged("", &gates.join("\n"), &evidence);
        let back = judged("", &gates.iter().rev().copied().collect::<Vec<_>>().join("\n"), &evidence);
        prop_assert_eq!(forth.verdict, back.verdict);
        let mut reversed = statuses(&back);
        reversed.reverse();
        prop_assert_eq!(statuses(&forth), reversed);
    }
}
