//! Tests of several runs of one commit. Logging an evaluation again must not turn a failure into a pass.

use crate::policy;
use crate::report::finding_text;
use proptest::prelude::*;

use super::row::OfRun;
use super::{names, statuses};
use crate::evidence::{Completeness, Evidence, Fact, Gap, Known, ListedRun, Role, Run, Selection};
use crate::judge::*;
use crate::selector::Identity;

/// A run of rows `r0`, `r1`, … with one trial each: true, false, or no score.
fn rows(scores: &[Option<bool>]) -> OfRun {
    let lines = scores.iter().enumerate().map(|(row, score)| match score {
        Some(score) => format!("r{row:03} {{}} | {{\"s\": {score}}}"),
        None => format!("r{row:03} {{}} | {{}}"),
    });
    OfRun::new(&lines.collect::<Vec<_>>().join("\n"))
}

fn known<'a>(rows: &'a OfRun, id: &str) -> Known<'a> {
    Known {
        run: rows.run(id),
        rows: Some(rows),
    }
}

/// Judges candidate runs, newest first, with an optional baseline.
fn judged(keys: &str, info: &str, candidates: &[OfRun], baseline: Option<&OfRun>) -> Judgement {
    let text = format!("version: 1\n{info}\ngates:\n- {{name: g, scorer: s, {keys}}}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let wanted = |totals: &[&crate::evidence::Totals]| columns(&policy, totals);
    let ids: Vec<String> = (0..candidates.len()).map(|run| format!("c{run}")).collect();
    let ours = candidates.iter().zip(&ids);
    let ours = ours.map(|(rows, id)| known(rows, id)).collect();
    let theirs = baseline.map(|rows| Ok(vec![known(rows, "b")]));
    let newest_only = policy.candidate.reruns == policy::Reruns::Newest;
    let mut evidence = Evidence::assembled(ours, theirs, newest_only, Some(&wanted)).unwrap();
    let listed = ids.iter().enumerate().map(|(place, id)| ListedRun {
        left_out: (newest_only && place > 0).then_some(crate::evidence::LeftOut::Older),
        ..ListedRun::judged(
            Role::Candidate,
            &candidates[place].run(id),
            &Identity::default(),
        )
    });
    evidence.selection.runs = listed.collect();
    judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap())
}

fn passes(passed: usize, rows: usize) -> Vec<Option<bool>> {
    (0..rows).map(|row| Some(row < passed)).collect()
}

#[test]
fn the_trials_of_all_runs_count() {
    let runs = [93, 88, 86].map(|passed| rows(&passes(passed, 100)));
    let judgement = judged("metric: pass_rate, min: 0.9", "", &runs, None);
    let check = &judgement.checks[0];
    assert_eq!(check.status, Status::Fail);
    assert!((check.candidate.unwrap().observed.unwrap() - 0.89).abs() < 1e-12);
    let alone: Vec<Option<f64>> = check.runs.iter().map(|run| run.value).collect();
    assert_eq!(alone, [Some(0.93), Some(0.88), Some(0.86)]);
    assert_eq!(names(&judgement), ["reruns-pooled"]);
}

#[test]
fn the_newest_run_has_to_meet_each_limit_too() {
    let runs = [88, 95, 96].map(|passed| rows(&passes(passed, 100)));
    let keys = "metric: pass_rate, min: 0.9";
    let judgement = judged(keys, "", &runs, None);
    assert_eq!(statuses(&judgement), [Status::Undecided]);
    assert_eq!(judgement.checks[0].finding(), Some(Name::NewestRunWorse));
    let better = [95, 88, 96].map(|passed| rows(&passes(passed, 100)));
    assert_eq!(statuses(&judged(keys, "", &better, None)), [Status::Pass]);
}

#[test]
fn only_the_newest_counts_where_the_policy_says_so() {
    let runs = [93, 86].map(|passed| rows(&passes(passed, 100)));
    let info = "candidate: {evaluation: e, reruns: newest}";
    let judgement = judged("metric: pass_rate, min: 0.9", info, &runs, None);
    assert_eq!(statuses(&judgement), [Status::Pass]);
    let said: Vec<String> = judgement
        .findings
        .iter()
        .map(|finding| finding_text(finding).to_string())
        .collect();
    assert_eq!(names(&judgement), ["reruns-left-out"]);
    assert!(said[0].contains("`c1` measured `g 0.86`"), "{said:?}");
}

#[test]
fn a_row_that_one_run_lacks_is_a_missing_trial_of_it() {
    let runs = [passes(10, 10), passes(8, 8)].map(|scores| rows(&scores));
    let bound = judged("metric: pass_rate, min: 0.9", "", &runs, None);
    let measure = bound.checks[0].candidate.unwrap();
    assert_eq!((measure.low, measure.high), (0.9, 1.0));
    assert_eq!((measure.scored, measure.trials), (18, 20));
    let strict = judged("metric: pass_rate, min: 0.95", "", &runs, None);
    assert_eq!(statuses(&strict), [Status::Undecided]);
}

#[test]
fn runs_that_share_no_row_are_no_reruns() {
    let other = OfRun::new("x {} | {\"s\": true}\ny {} | {\"s\": true}");
    let runs = [rows(&passes(2, 2)), other];
    let judgement = judged("metric: pass_rate, min: 0.5", "", &runs, None);
    assert_eq!(statuses(&judgement), [Status::Undecided]);
    assert!(names(&judgement).contains(&"reruns-ambiguous"));
}

/// Judges a candidate with these facts about its choice.
fn chosen(facts: Vec<Fact>, completeness: Completeness, info: &str) -> Judgement {
    let text = format!(
        "version: 1\n{info}\ngates:\n- {{name: g, scorer: s, metric: pass_rate, min: 0.5}}\n"
    );
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let candidate = Run {
        completeness,
        ..rows(&passes(4, 4)).run("c")
    };
    let evidence = Evidence {
        selection: Selection {
            facts: facts
                .into_iter()
                .map(|fact| (Role::Candidate, fact))
                .collect(),
            ..Selection::default()
        },
        ..Evidence::new(candidate, crate::evidence::Baseline::Unnamed, None)
    };
    judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap())
}

#[test]
fn what_is_wrong_with_the_choice_leaves_every_check_undecided() {
    let text = |text: &str| text.to_owned();
    for (fact, name) in [
        (
            Fact::WrongCandidate {
                key: text("commit"),
                expected: text("a"),
                found: None,
            },
            "wrong-candidate",
        ),
        (Fact::NotNewest { newest: text("n") }, "wrong-candidate"),
        (
            Fact::NotChecked {
                unresolved: None,
                in_ci: true,
            },
            "commit-not-checked",
        ),
        (
            Fact::CommitAmbiguous {
                asked: text("abcdef1"),
                commits: vec![text("abcdef12"), text("abcdef13")],
            },
            "commit-ambiguous",
        ),
        (
            Fact::SeveralModelVersions {
                model: text("m"),
                versions: vec![text("1"), text("2")],
            },
            "reruns-ambiguous",
        ),
        (Fact::UnnamedRuns { runs: 2 }, "reruns-ambiguous"),
        (Fact::SeveralReruns { runs: 2 }, "reruns-ambiguous"),
        (Fact::RerunRunning { id: text("r") }, "run-not-finished"),
        (Fact::SameOutputs, "same-run"),
    ] {
        let judgement = chosen(vec![fact], Completeness::Complete, "");
        assert_eq!(statuses(&judgement), [Status::Undecided], "{name}");
        assert_eq!(names(&judgement), [name]);
        assert_eq!(judgement.checks[0].finding().map(Name::word), Some(name));
    }
}

#[test]
fn what_is_only_to_be_known_of_the_choice_decides_nothing() {
    let text = |text: &str| text.to_owned();
    let facts = vec![
        Fact::NotChecked {
            unresolved: None,
            in_ci: false,
        },
        Fact::LeftOut {
            id: text("f"),
            why: crate::evidence::LeftOut::Failed,
        },
        Fact::Excluded {
            id: text("x"),
            reason: text("outage"),
        },
    ];
    let judgement = chosen(facts, Completeness::Unknown, "");
    assert_eq!(statuses(&judgement), [Status::Pass]);
    assert_eq!(
        names(&judgement),
        [
            "commit-not-checked",
            "reruns-left-out",
            "run-excluded",
            "completeness-unknown"
        ]
    );
    assert!(
        judgement
            .findings
            .iter()
            .all(|finding| finding.effect == Effect::Warning)
    );
}

#[test]
fn a_run_that_is_not_complete_decides_nothing() {
    for gap in [
        Gap::NoSummary,
        Gap::Fewer { made: 9, stored: 8 },
        Gap::More { made: 8, stored: 9 },
    ] {
        let incomplete = Completeness::Incomplete(gap);
        let judgement = chosen(Vec::new(), incomplete, "");
        assert_eq!(statuses(&judgement), [Status::Undecided], "{gap:?}");
        assert_eq!(names(&judgement), ["run-incomplete"]);
        let judgement = chosen(Vec::new(), incomplete, "completeness: warn");
        assert_eq!(statuses(&judgement), [Status::Pass], "{gap:?}");
        assert_eq!(names(&judgement), ["run-incomplete"]);
    }
}

fn a_run() -> impl Strategy<Value = Vec<Option<bool>>> {
    let score = prop_oneof![6 => Just(Some(true)), 3 => Just(Some(false)), 1 => Just(None)];
    proptest::collection::vec(score, 6)
}

const GATES: [&str; 5] = [
    "metric: pass_rate, min: 0.6",
    "metric: pass_rate, min: 0.6, missing: ignore",
    "metric: pass_rate, min: 0.6, missing: fail",
    "metric: pass_rate, max_drop: 0.2",
    "metric: pass_rate, max_drop: 0.2, missing: ignore",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Adds a run that is no better in any row than every existing run. Its score is missing where one of theirs is
    /// missing.
    #[test]
    fn a_run_that_is_no_better_never_turns_a_fail_into_a_pass(
        runs in proptest::collection::vec(a_run(), 1..4),
        worse in proptest::collection::vec(any::<bool>(), 6),
        baseline in a_run(),
        newest in any::<bool>(),
    ) {
        let added: Vec<Option<bool>> = (0..6).map(|row| {
            let scores = runs.iter().map(|run| run[row]);
            let is_true = scores.clone().all(|score| score == Some(true));
            let is_known = scores.clone().all(|score| score.is_some());
            is_known.then_some(is_true && !worse[row])
        }).collect();
        let all = |with: bool| {
            let mut all: Vec<Vec<Option<bool>>> = runs.clone();
            if with {
                let place = if newest { 0 } else { all.len() };
                all.insert(place, added.clone());
            }
            all.iter().map(|run| rows(run)).collect::<Vec<OfRun>>()
        };
        let baseline = rows(&baseline);
        for keys in GATES {
            let of = |with: bool| {
                let judgement = judged(keys, "", &all(with), keys.contains("drop").then_some(&baseline));
                judgement.checks[0].status
            };
            let (before, after) = (of(false), of(true));
            prop_assert!(
                !(before == Status::Fail && after == Status::Pass),
                "{} {:?} {:?}", keys, runs, added
            );
        }
    }

    #[test]
    fn the_order_of_older_runs_changes_nothing(
        runs in proptest::collection::vec(a_run(), 3),
        baseline in a_run(),
    ) {
        let baseline = rows(&baseline);
        for keys in GATES {
            let of = |order: [usize; 3]| {
                let all: Vec<OfRun> = order.iter().map(|place| rows(&runs[*place])).collect();
                let judgement = judged(keys, "", &all, keys.contains("drop").then_some(&baseline));
                let check = &judgement.checks[0];
                (check.status, check.candidate, check.baseline)
            };
            prop_assert_eq!(of([0, 1, 2]), of([0, 2, 1]));
        }
    }
}
