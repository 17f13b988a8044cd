//! Tests of judging by rows: slices, counts, and ranges.

use super::why;
use crate::policy;
use crate::report::finding_text;
use serde_json::{Value, json};

use super::{names, run};
use crate::evidence::{
    Columns, Known, Role, RowSource, Run, RunRow, SummaryBuilder, Take, Totals, Trial,
};
use crate::fault::Fault;
use crate::judge::*;

/// The rows of a run: digest, inputs, and the scores of each trial, all as JSON.
pub(super) struct OfRun(Vec<(String, String, Vec<String>)>);

impl OfRun {
    /// Reads lines of the form `digest {inputs} | {scores} | {scores}…`, one for each row.
    pub(super) fn new(text: &str) -> Self {
        let rows = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let rows = rows.map(|line| {
            let (digest, rest) = line.split_once(' ').unwrap();
            let mut parts = rest.split('|').map(|part| part.trim().to_owned());
            (digest.to_owned(), parts.next().unwrap(), parts.collect())
        });
        Self(rows.collect())
    }

    pub(super) fn run(&self, id: &str) -> Run {
        let mut builder = SummaryBuilder::default();
        self.each(&Columns::default(), &mut |row| {
            row.trials.iter().for_each(|trial| {
                builder.trial(trial).unwrap();
            });
            builder.end_row();
            Ok(())
        })
        .unwrap();
        let digests = self
            .0
            .iter()
            .map(|(digest, _, trials)| (digest.clone(), trials.len() as u64));
        Run {
            rows: self.0.len() as u64,
            digests: Some(digests.collect()),
            ..run(id, builder.totals())
        }
    }
}

impl RowSource for OfRun {
    fn each(&self, _: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        for (digest, inputs, trials) in &self.0 {
            let trials: Vec<String> = trials
                .iter()
                .map(|trial| {
                    // A trial may also name the latency, tokens and cost of its predict call.
                    let mut scores: serde_json::Map<String, Value> =
                        serde_json::from_str(trial).unwrap();
                    let mut take = |key| scores.remove(key).unwrap_or_default();
                    let (latency, tokens, cost) = (take("latency"), take("tokens"), take("cost"));
                    let output = take("output");
                    let call = take("without_call").is_null().then_some("predict");
                    json!({
                        "predict_and_score_call_id": format!("call of {digest}"),
                        "predict_call_id": call,
                        "model_output": output,
                        "scores": scores,
                        "model_latency_seconds": latency,
                        "total_tokens": tokens,
                        "total_cost": cost,
                    })
                    .to_string()
                })
                .collect();
            let text = format!(
                r#"{{"row_digest": "{digest}", "raw_data_row": {inputs}, "trials": [{}]}}"#,
                trials.join(", ")
            );
            let mut row: RunRow<'_> = serde_json::from_str(&text).unwrap();
            row.trials.iter_mut().for_each(Trial::keep_own_usage);
            take(&row)?;
        }
        Ok(())
    }
}

/// Judges gates on rows. The baseline may be empty.
pub(super) fn on_rows(file: &str, gates: &str, candidate: &str, baseline: &str) -> Judgement {
    judged_runs(file, gates, candidate, baseline, |_, _| ())
}

/// Judges the same after a change to the runs.
pub(in crate::judge) fn judged_runs(
    file: &str,
    gates: &str,
    candidate: &str,
    baseline: &str,
    change: impl Fn(&mut Run, Role),
) -> Judgement {
    let text = format!("version: 1\n{file}\ngates:\n{gates}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let wanted = |runs: &[&Totals]| columns(&policy, runs);
    let (ours, theirs) = (OfRun::new(candidate), OfRun::new(baseline));
    let known = |of: &'static str, rows| {
        let mut run = OfRun::run(rows, of);
        let role = match of {
            "candidate" => Role::Candidate,
            _ => Role::Baseline,
        };
        change(&mut run, role);
        Known {
            run,
            rows: Some(rows as &dyn RowSource),
        }
    };
    let evidence = if theirs.0.is_empty() {
        Evidence::alone(known("candidate", &ours), Some(&wanted))
    } else {
        Evidence::joined(
            known("candidate", &ours),
            Ok(known("baseline", &theirs)),
            Some(&wanted),
        )
    };
    judge(
        &policy,
        &evidence.unwrap(),
        "2026-11-23T12:00:00Z".parse().unwrap(),
    )
}

/// Evidence of two runs with these rows.
pub(super) fn evidence_of(
    candidate: &str,
    baseline: &str,
    wanted: &crate::evidence::Wanted<'_>,
) -> Evidence {
    let (ours, theirs) = (OfRun::new(candidate), OfRun::new(baseline));
    let known = |of, rows| Known {
        run: OfRun::run(rows, of),
        rows: Some(rows as &dyn RowSource),
    };
    Evidence::joined(
        known("candidate", &ours),
        Ok(known("baseline", &theirs)),
        Some(wanted),
    )
    .unwrap()
}

/// The checks as lines of id, status and reason.
fn lines(judgement: &Judgement) -> Vec<String> {
    judgement
        .checks
        .iter()
        .map(|check| format!("{}: {:?}: {}", check.id(), check.status, why(check)))
        .collect()
}

const SLICED: &str = r#"
    a {"golden": true, "topic": "billing", "meta": {"lang": "de"}} | {"s": true, "n": 0.5}
    b {"golden": true, "topic": "refunds"} | {"s": false, "n": 0.7}
    c {"golden": false, "topic": "billing"} | {"s": true, "n": 0.9}
    d {"golden": false} | {"n": 1}
"#;

#[test]
fn slices_are_judged_on_their_own_rows() {
    let judgement = on_rows(
        "",
        r#"
- {name: golden, scorer: s, metric: pass_rate, where: {golden: true}, min: 1}
- {name: billing, scorer: s, metric: pass_rate, where: {topic: [billing, other]}, min: 1}
- {name: german, metric: rows, where: {meta.lang: de}, min: 1, max: 1}
- {name: each, scorer: s, metric: pass_rate, by: topic, min: 1}
- {name: each golden, scorer: "[sn]", metric: coverage, where: {golden: false}, by: topic, min: 1}
- {name: mean, scorer: n, metric: numeric_mean, where: {golden: true}, min: 0.6}
- {name: errors, metric: error_rate, where: {golden: false}, max: 0}
"#,
        SLICED,
        "",
    );
    assert_eq!(
        lines(&judgement),
        [
            "golden / s / golden: true / min: Fail: 50 %, below min 100 %; missed by 1 row",
            "billing / s / topic: [billing, other] / min: Pass: 100 %, exactly at the limit",
            "german / meta.lang: de / min: Pass: 1, exactly at the limit",
            "german / meta.lang: de / max: Pass: 1, exactly at the limit",
            "each / s / topic: billing / min: Pass: 100 %, exactly at the limit",
            "each / s / topic: refunds / min: Fail: 0 %, below min 100 %; missed by 1 row",
            "each / s / no topic / min: Undecided: no trial has a score of `s` in the candidate where `no topic`",
            "each golden / n / golden: false, topic: billing / min: Pass: 100 %, exactly at the limit",
            "each golden / n / golden: false, no topic / min: Pass: 100 %, exactly at the limit",
            "each golden / s / golden: false, topic: billing / min: Pass: 100 %, exactly at the limit",
            "each golden / s / golden: false, no topic / min: Undecided: no trial has a score of `s` in the candidate where `golden: false, no topic`",
            "mean / n / golden: true / min: Pass: 0.6, exactly at the limit",
            "errors / golden: false / max: Pass: 0 %, exactly at the limit",
        ]
    );
}

#[test]
fn slices_without_rows_decide_nothing() {
    let judgement = on_rows(
        "",
        r#"
- {name: a, metric: rows, where: {golden: "true"}, max: 5}
- {name: b, metric: error_rate, where: {gold: true}, max: 1}
- {name: c, scorer: s, metric: pass_rate, by: subject, min: 0}
- {name: d, metric: latency_p50, where: {golden: 1}, max: 5}
- {name: e, scorer: s, metric: pass_rate, where: {golden: maybe}, by: topic, min: 0}
"#,
        SLICED,
        "",
    );
    assert_eq!(
        lines(&judgement),
        [
            "a / golden: \"true\" / max: Undecided: no row has `golden: \"true\"`; `golden` is one of `false`, `true`",
            "b / gold: true / max: Undecided: no row has an input `gold`; the inputs are `golden`, `meta`, `topic`",
            "c / s / min: Undecided: no row has an input `subject`; the inputs are `golden`, `meta`, `topic`",
            "d / golden: 1 / max: Undecided: no row has `golden: 1`; `golden` is one of `false`, `true`",
            "e / s / golden: maybe / min: Undecided: no row has `golden: maybe`; `golden` is one of `false`, `true`",
        ]
    );
    assert_eq!(judgement.verdict, Verdict::Undecided);
    assert!(names(&judgement).contains(&"empty-slice"));
}

#[test]
fn changes_of_a_slice_are_measured_on_its_rows() {
    let baseline = r#"
    a {"topic": "billing"} | {"s": true}
    b {"topic": "refunds"} | {"s": true}
    c {"topic": "billing"} | {"s": true}
    e {"topic": "gone"} | {"s": true}
"#;
    let gates = r"
- {name: drop, scorer: s, metric: pass_rate, by: topic, max_drop: 0}
- {name: broken, scorer: s, metric: regressed_rows, where: {topic: refunds}, max: 0}
- {name: floor, scorer: s, metric: pass_rate, by: topic, min: 0.5}
";
    let shown = lines(&on_rows("", gates, SLICED, baseline));
    assert_eq!(
        shown,
        [
            "drop / s / topic: billing / max_drop: Pass: unchanged (100 %), limit 0 pts; no margin",
            "drop / s / topic: gone / max_drop: Undecided: the candidate has no row with `topic: gone`",
            "drop / s / topic: refunds / max_drop: Fail: fell 100 pts (100 % → 0 %), limit 0 pts; missed by 1 row",
            "drop / s / no topic / max_drop: Undecided: the baseline has no row with `no topic`",
            "broken / s / topic: refunds / max: Fail: 1, above max 0",
            "floor / s / topic: billing / min: Pass: 100 %, min 50 %; margin 1 row",
            "floor / s / topic: refunds / min: Fail: 0 %, below min 50 %; missed by 1 row",
            "floor / s / no topic / min: Undecided: no trial has a score of `s` in the candidate where `no topic`",
        ]
    );
}

#[test]
fn an_input_with_too_many_values_is_no_by() {
    let rows: Vec<String> = (0..51)
        .map(|row| {
            let half = row < 25;
            format!(r#"{row:03} {{"id": {row}, "half": {half}}} | {{"s": true}}"#)
        })
        .collect();
    let rows = rows.join("\n");
    let gates = "- {name: a, scorer: s, metric: pass_rate, by: id, min: 1}\n- {name: b, scorer: s, metric: pass_rate, by: id, where: {half: true}, min: 1}";
    let judgement = on_rows("", gates, &rows, "");
    assert_eq!(
        lines(&judgement)[0],
        "a / s / min: Undecided: `id` has 51 values; at most 50 make a check each"
    );
    assert_eq!(judgement.checks.len(), 26);
    assert_eq!(judgement.verdict, Verdict::Undecided);
    assert!(names(&judgement).contains(&"too-many-slices"));
    // A failed check elsewhere in the policy decides the verdict.
    let failing = format!("{gates}\n- {{name: c, scorer: s, metric: pass_rate, max: 0.5}}");
    assert_eq!(on_rows("", &failing, &rows, "").verdict, Verdict::Failed);
    // A gate that only warns does not make the verdict undecided.
    let warning = gates.replace("by: id", "by: id, severity: warn");
    assert_eq!(on_rows("", &warning, &rows, "").verdict, Verdict::Passed);
    // With one row fewer, each value is a slice.
    let fewer = rows.rsplit_once('\n').unwrap().0;
    assert_eq!(on_rows("", gates, fewer, "").checks.len(), 50 + 25);
}

#[test]
fn rows_tell_which_trials_have_no_score_and_no_price() {
    let rows = r#"
    a {} | {"s": true, "tokens": 10, "cost": 0.5}
    b {} | {"t": true, "tokens": 20}
    c {} | {}
"#;
    let gates = r"
- {name: errors, metric: error_rate, max: 0.33}
- {name: tokens, metric: tokens_total, max: 30}
- {name: tokens of those, metric: tokens_mean, max: 15, missing: ignore}
- {name: cost, metric: cost_total, max: 10}
- {name: cost of those, metric: cost_mean, max: 0.5, max_missing: 0.7}
";
    let judgement = on_rows("", gates, rows, "");
    assert_eq!(
        lines(&judgement),
        [
            "errors / max: Fail: 33.3 %, above max 33 %",
            "tokens / max: Undecided: 1 of 3 token counts is missing, without bounds",
            "tokens of those / max: Pass: 15, exactly at the limit",
            "cost / max: Undecided: 2 of 3 prices are missing, without bounds",
            "cost of those / max: Pass: $0.5, exactly at the limit",
        ]
    );
    assert!(!names(&judgement).contains(&"usage-may-be-partial"));
}

#[test]
fn a_single_score_outside_its_range_is_seen_in_rows() {
    let rows = "a {} | {\"n\": 0.5}\nb {} | {\"n\": 1.5}\nc {} | {\"n\": 0.5}";
    let gate = |more: &str| {
        format!("- {{name: n, scorer: n, metric: numeric_mean, range: [0, 1], min: 0.5{more}}}")
    };
    let of = |more| lines(&on_rows("", &gate(more), rows, ""))[0].clone();
    for more in [
        "",
        ", evidence: significant",
        ", evidence: proven",
        ", missing: ignore",
        ", missing: fail",
    ] {
        assert_eq!(
            of(more),
            "n / n / min: Undecided: a score of `n` in the candidate is 1.5, outside its range [0, 1]",
            "{more}"
        );
    }
}

#[test]
fn scores_and_means_may_lie_on_the_ends_of_their_range() {
    let status = |cells: &[&str], evidence: &str| {
        let (rows, _) = both(cells, &[]);
        let gate = format!(
            "- {{name: n, scorer: s, metric: numeric_mean, range: [2, 5], min: 2, evidence: {evidence}}}"
        );
        on_rows("", &gate, &rows, "").checks[0].status
    };
    for evidence in ["observed", "significant"] {
        for sound in ["2", "3", "5"] {
            assert_eq!(status(&[sound; 12], evidence), Status::Pass, "{sound}");
        }
        for beyond in ["1.9", "5.1"] {
            assert_eq!(
                status(&[beyond; 12], evidence),
                Status::Undecided,
                "{beyond}"
            );
        }
    }
    // The mean is in the middle of the range, but the scores are outside it.
    let cells = repeated(&[(6, "1"), (6, "5")]);
    assert_eq!(status(&cells, "observed"), Status::Undecided);
    assert_eq!(status(&cells, "significant"), Status::Undecided);
}

/// A row that only one run has is not used for a change. But its score shows that the run uses another scale.
#[test]
fn a_mean_of_a_whole_run_outside_its_range_leaves_changes_undecided() {
    let status = |ours: &str, theirs: &str| {
        let (ours, theirs) = both(
            &["0.5", "0.5", ours, "gone"],
            &["0.5", "0.5", "gone", theirs],
        );
        let gate = "- {name: n, scorer: s, metric: numeric_mean, range: [0, 1], max_drop: 0.6}\nbaseline: {removed_rows: ignore}";
        on_rows("", gate, &ours, &theirs).checks[0].status
    };
    assert_eq!(status("1", "1"), Status::Pass);
    assert_eq!(status("80", "1"), Status::Undecided);
    assert_eq!(status("1", "80"), Status::Undecided);
}

/// The rows of both runs as lines. `_` is a missing score.
pub(super) fn both(candidate: &[&str], baseline: &[&str]) -> (String, String) {
    let of = |cells: &[&str]| {
        let lines = cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| **cell != "gone");
        let lines = lines.map(|(row, cell)| {
            let trials = cell.split(' ').map(|score| match score {
                "_" => "{}".to_owned(),
                score => format!("{{\"s\": {score}}}"),
            });
            format!("{row:03} {{}} | {}", trials.collect::<Vec<_>>().join(" | "))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    (of(candidate), of(baseline))
}

pub(super) fn repeated<'a>(cells: &[(usize, &'a str)]) -> Vec<&'a str> {
    let each = cells
        .iter()
        .flat_map(|(count, cell)| std::iter::repeat_n(*cell, *count));
    each.collect()
}

#[test]
fn no_two_checks_have_one_id() {
    let gates = "- {name: a, scorer: b, metric: pass_rate, min: 0}\n- {name: a / b, metric: rows, min: 0}\n- {name: a // b, metric: rows, min: 0}";
    let judgement = on_rows("", gates, "r {} | {\"b\": true}", "");
    let ids: std::collections::BTreeSet<String> = judgement.checks.iter().map(Check::id).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[test]
fn a_listed_value_that_no_row_has_is_said() {
    let gate =
        "- {name: g, scorer: s, metric: pass_rate, where: {topic: [billing, biling]}, min: 1}";
    let judgement = on_rows("", gate, SLICED, "");
    assert_eq!(judgement.verdict, Verdict::Passed);
    assert_eq!(names(&judgement), ["unknown-value"]);
    assert_eq!(
        finding_text(&judgement.findings[0]).to_string(),
        "the gate `g`: no row has `topic: biling`"
    );
}

/// The result is the same as when Weave sends the rows of both runs together.
#[test]
fn the_inputs_that_there_are_are_those_of_the_first_row_of_both() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, by: subject, max_drop: 0.1}";
    let one = r#"a {"topic": "billing"} | {"s": true}"#;
    let other = r#"b {"lang": "de"} | {"s": true}"#;
    for (candidate, baseline) in [(one, other), (other, one)] {
        let judgement = on_rows("", gate, candidate, baseline);
        assert_eq!(
            why(&judgement.checks[0]),
            "no row has an input `subject`; the inputs are `topic`"
        );
    }
}

#[test]
fn rows_of_which_nothing_is_wanted_are_not_read() {
    struct Unreadable;
    impl RowSource for Unreadable {
        fn each(&self, _: &Columns, _: &mut Take<'_>) -> Result<(), Fault> {
            Err(Fault::evidence("they were read"))
        }
    }
    let source = OfRun::new(SLICED);
    let of = |wanted: Columns| {
        let known = Known {
            run: source.run("candidate"),
            rows: Some(&Unreadable),
        };
        Evidence::alone(known, Some(&|_: &[&Totals]| wanted.clone())).map(|evidence| evidence.rows)
    };
    assert!(of(Columns::default()).unwrap().is_none());
    assert_eq!(
        of(Columns::everything()).unwrap_err().message,
        "they were read"
    );
}

#[test]
fn a_summary_that_its_rows_contradict_judges_nothing() {
    let gates = "
- {name: floor, scorer: s, metric: pass_rate, min: 0.1}
- {name: drop, scorer: s, metric: pass_rate, max_drop: 0.9}
- {name: proof, scorer: s, metric: pass_rate, min: 0.1, evidence: proven}";
    let (ours, theirs) = both(&["true"; 30], &["true"; 30]);
    let judged = |wrong: Option<Role>| {
        let policy = policy::parse("gates.yaml", &format!("version: 1\ngates:{gates}\n")).unwrap();
        let (ours, theirs) = (OfRun::new(&ours), OfRun::new(&theirs));
        let wanted = |runs: &[&Totals]| columns(&policy, runs);
        let known = |of: &'static str, rows, role| {
            let mut run = OfRun::run(rows, of);
            if wrong == Some(role) {
                run.totals.dimensions.get_mut("s").unwrap().passed -= 1;
            }
            Known {
                run,
                rows: Some(rows as &dyn RowSource),
            }
        };
        let candidate = known("candidate", &ours, Role::Candidate);
        let baseline = known("baseline", &theirs, Role::Baseline);
        let evidence = Evidence::joined(candidate, Ok(baseline), Some(&wanted)).unwrap();
        judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap())
    };
    let statuses = |judgement: &Judgement| -> Vec<Status> {
        judgement.checks.iter().map(|check| check.status).collect()
    };
    let (sound, ours, theirs) = (
        judged(None),
        judged(Some(Role::Candidate)),
        judged(Some(Role::Baseline)),
    );
    assert_eq!(statuses(&sound), [Status::Pass; 3]);
    assert_eq!(names(&sound), [""; 0]);
    assert_eq!(statuses(&ours), [Status::Undecided; 3]);
    assert_eq!(names(&ours)[0], "rows-disagree");
    // The candidate's summary is used if the check needs no rows.
    assert_eq!(
        statuses(&theirs),
        [Status::Pass, Status::Undecided, Status::Undecided]
    );
    assert_eq!(names(&theirs)[0], "rows-disagree");
    let words = finding_text(&theirs.findings[0]).to_string();
    assert_eq!(
        words,
        "the rows of the baseline contradict what its summary says of `s`"
    );
}

#[test]
fn rows_that_were_not_listed_are_not_judged() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, where: {q: a}, max_drop: 0.1}";
    let policy = policy::parse("gates.yaml", &format!("version: 1\ngates:\n{gate}\n")).unwrap();
    let rows = OfRun::new("a {\"q\": \"a\"} | {\"s\": true}\nb {\"q\": \"a\"} | {\"s\": true}");
    let wanted = |runs: &[&Totals]| columns(&policy, runs);
    let joined = |renamed: bool| {
        let mut ours = rows.run("candidate");
        if renamed {
            let digests = ours.digests.as_mut().unwrap();
            digests.remove("b");
            digests.insert("c".to_owned(), 1);
        }
        let known = |run| Known {
            run,
            rows: Some(&rows as &dyn RowSource),
        };
        Evidence::joined(known(ours), Ok(known(rows.run("baseline"))), Some(&wanted))
    };
    assert!(joined(false).is_ok());
    let fault = joined(true).unwrap_err();
    assert_eq!(
        fault.message,
        "run `candidate` has other rows when they are read than when they are listed"
    );
}

#[test]
fn rows_tell_what_was_used_where_the_summary_does_not() {
    let gates = "
- {name: tokens, metric: tokens_total, max: 60}
- {name: cost, metric: cost_mean, max: 0.25}";
    let policy = policy::parse("gates.yaml", &format!("version: 1\ngates:{gates}\n")).unwrap();
    let source = OfRun::new(
        r#"
        a {} | {"s": true, "tokens": 20, "cost": 0.2}
        b {} | {"s": true, "tokens": 40, "cost": 0.3}
    "#,
    );
    let mut run = source.run("candidate");
    run.totals.usage = None;
    let wanted = |runs: &[&Totals]| columns(&policy, runs);
    let known = Known {
        run,
        rows: Some(&source),
    };
    let evidence = Evidence::alone(known, Some(&wanted)).unwrap();
    let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
    let found = judgement.checks.iter().map(|check| check.status);
    assert_eq!(
        found.collect::<Vec<_>>(),
        [Status::Pass; 2],
        "{:?}",
        lines(&judgement)
    );
}

#[test]
fn latencies_are_compared_on_the_same_rows() {
    let theirs = r#"
        a {} | {"s": true, "latency": 1}
        b {} | {"s": true, "latency": 1}
        c {} | {"s": true, "latency": 10}
    "#;
    let ours = r#"
        a {} | {"s": true, "latency": 1.5} | {"s": true}
        b {} | {"s": true, "latency": 1.5}
    "#;
    let check = |ours: &str, more: &str| {
        let gate = format!("- {{name: g, metric: latency_mean, max_rise: 1{more}}}");
        on_rows("", &gate, ours, theirs).checks[0].clone()
    };
    // The missing latency is left out. The row that the candidate lacks is also left out of the baseline.
    let left_out = check(ours, ", missing: ignore");
    assert_eq!(
        (left_out.status, left_out.change()),
        (Status::Pass, Some(0.5))
    );
    // Without `ignore`, it counts as missing.
    let whole = ours.replace(r#" | {"s": true}"#, "");
    assert_eq!(check(&whole, "").status, Status::Undecided);
}

/// All tests of one policy are one family, for all baselines.
#[test]
fn tests_against_further_baselines_are_corrected_with_the_others() {
    let rows = |failed: usize| -> String {
        let row = |place| format!("r{place} {{}} | {{\"s\": {}}}\n", place >= failed);
        (0..10).map(row).collect()
    };
    let statuses = |gates: &str| {
        let text =
            format!("version: 1\nbaselines: {{release: {{branch: main}}}}\ngates:\n{gates}\n");
        let policy = policy::parse("gates.yaml", &text).unwrap();
        let wanted = |runs: &[&Totals]| columns(&policy, runs);
        let mut evidence = evidence_of(&rows(3), &rows(0), &wanted);
        let release = evidence_of(&rows(3), &rows(0), &wanted);
        evidence.named.insert("release".to_owned(), release);
        let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
        judgement
            .checks
            .iter()
            .map(|check| check.status)
            .collect::<Vec<_>>()
    };
    // Three of ten rows turned, with p 0.038. This is enough for one test, but not for two.
    let test = "scorer: s, metric: pass_rate, max_drop: 0, evidence: significant";
    let (one, other) = (
        format!("- {{name: a, {test}}}"),
        format!("- {{name: b, {test}, against: release}}"),
    );
    assert_eq!(statuses(&one), [Status::Fail]);
    assert_eq!(statuses(&other), [Status::Fail]);
    assert_eq!(
        statuses(&format!("{one}\n{other}")),
        [Status::Pass, Status::Pass]
    );
}

#[test]
fn a_gate_whose_further_baseline_was_not_read_is_undecided() {
    let rows = "a {} | {\"s\": true}\nb {} | {\"s\": true}";
    let head = "baselines: {release: {branch: main}}";
    for rule in ["observed", "significant", "proven"] {
        let gates = format!(
            "- {{name: a, scorer: s, metric: pass_rate, max_drop: 0.5, evidence: {rule}, against: release}}"
        );
        let judgement = on_rows(head, &gates, rows, rows);
        assert_eq!(judgement.verdict, Verdict::Undecided, "{rule}");
        assert_eq!(judgement.checks[0].finding(), Some(Name::NoBaseline));
    }
}
