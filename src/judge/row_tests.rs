//! Judging by rows: slices, counts, ranges.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{names, run};
use super::*;
use crate::evidence::{Columns, Known, RowSource, Run, Take, Tally, Totals};
use crate::fault::Fault;
use crate::policy::LimitKey;

/// The rows of a run: digest, inputs, and the scores of each trial, all of it JSON.
struct OfRun(Vec<(String, String, Vec<String>)>);

impl OfRun {
    /// Reads `digest {inputs} | {scores} | {scores}…`, a row a line.
    fn new(text: &str) -> Self {
        let rows = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let rows = rows.map(|line| {
            let (digest, rest) = line.split_once(' ').unwrap();
            let mut parts = rest.split('|').map(|part| part.trim().to_owned());
            (digest.to_owned(), parts.next().unwrap(), parts.collect())
        });
        Self(rows.collect())
    }

    fn run(&self, id: &str) -> Run {
        let mut tally = Tally::default();
        self.each(&Columns::default(), &mut |row| {
            row.trials
                .iter()
                .for_each(|trial| tally.trial(trial).unwrap());
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
            ..run(id, tally.totals())
        }
    }
}

impl RowSource for OfRun {
    fn each(&self, _: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        for (digest, inputs, trials) in &self.0 {
            let trials: Vec<String> = trials
                .iter()
                .map(|trial| {
                    // Beside the scores what the predict call took, where it is named.
                    let mut scores: serde_json::Map<String, Value> =
                        serde_json::from_str(trial).unwrap();
                    let mut take = |key| scores.remove(key).unwrap_or_default();
                    let (latency, tokens, cost) = (take("latency"), take("tokens"), take("cost"));
                    json!({
                        "predict_and_score_call_id": format!("call of {digest}"),
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
            take(&serde_json::from_str(&text).unwrap())?;
        }
        Ok(())
    }
}

/// Judges gates on rows, with a baseline or without.
fn on_rows(file: &str, gates: &str, candidate: &str, baseline: &str) -> Judgement {
    let text = format!("version: 1\n{file}\ngates:\n{gates}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let wanted = |runs: &[&Totals]| columns(&policy, runs);
    let (ours, theirs) = (OfRun::new(candidate), OfRun::new(baseline));
    let known = |of: &'static str, rows| Known {
        run: OfRun::run(rows, of),
        rows: Some(rows as &dyn RowSource),
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

/// The checks, each as its id, its status and its reason.
fn lines(judgement: &Judgement) -> Vec<String> {
    judgement
        .checks
        .iter()
        .map(|check| format!("{}: {:?}: {}", check.id(), check.status, check.reason))
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
            "golden / s / golden: true / min: Fail: 0.5 is below 1; 1 row short",
            "billing / s / topic: [billing, other] / min: Pass: 1 is at least 1; nothing to spare",
            "german / meta.lang: de / min: Pass: 1 is at least 1",
            "german / meta.lang: de / max: Pass: 1 is at most 1",
            "each / s / topic: billing / min: Pass: 1 is at least 1; nothing to spare",
            "each / s / topic: refunds / min: Fail: 0 is below 1; 1 row short",
            "each / s / no topic / min: Undecided: no trial has a score of `s` in the candidate where `no topic`",
            "each golden / n / golden: false, topic: billing / min: Pass: 1 is at least 1; nothing to spare",
            "each golden / n / golden: false, no topic / min: Pass: 1 is at least 1; nothing to spare",
            "each golden / s / golden: false, topic: billing / min: Pass: 1 is at least 1; nothing to spare",
            "each golden / s / golden: false, no topic / min: Undecided: no trial has a score of `s` in the candidate where `golden: false, no topic`",
            "mean / n / golden: true / min: Pass: 0.6 is at least 0.6",
            "errors / golden: false / max: Pass: 0 is at most 0",
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
            "drop / s / topic: billing / max_drop: Pass: unchanged, 0 allowed; nothing to spare",
            "drop / s / topic: gone / max_drop: Undecided: the candidate has no row with `topic: gone`",
            "drop / s / topic: refunds / max_drop: Fail: dropped by 1, 0 allowed; 1 row short",
            "drop / s / no topic / max_drop: Undecided: the baseline has no row with `no topic`",
            "broken / s / topic: refunds / max: Fail: 1 is above 0",
            "floor / s / topic: billing / min: Pass: 1 is at least 0.5; 1 row to spare",
            "floor / s / topic: refunds / min: Fail: 0 is below 0.5; 1 row short",
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
    let policy = policy::parse("gates.yaml", &format!("version: 1\ngates:\n{gates}\n")).unwrap();
    let wanted = |runs: &[&Totals]| columns(&policy, runs);
    let source = OfRun::new(&rows);
    let known = Known {
        run: source.run("candidate"),
        rows: Some(&source),
    };
    let evidence = Evidence::alone(known, Some(&wanted)).unwrap();
    let problems = problems(&policy, &evidence);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place, "gates[0] \"a\": by");
    // Of one row fewer each value is a slice.
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
            "errors / max: Fail: 0.333 is above 0.33",
            "tokens / max: Undecided: 1 of 3 trials has no tokens, and what they took is not known: 30 or more, against max 30",
            "tokens of those / max: Pass: 15 is at most 15",
            "cost / max: Undecided: 2 of 3 trials have no price, and what they took is not known: 0.5 or more, against max 10",
            "cost of those / max: Pass: 0.5 is at most 0.5",
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
    assert!(of("").starts_with("n / n / min: Pass"));
    assert_eq!(
        of(", evidence: significant"),
        "n / n / min: Undecided: a score of `n` in the candidate is 1.5, outside its range [0, 1]"
    );
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
    // A mean in the middle of scores that are not.
    let cells = repeated(&[(6, "1"), (6, "5")]);
    assert_eq!(status(&cells, "observed"), Status::Pass);
    assert_eq!(status(&cells, "significant"), Status::Undecided);
}

/// Rows that only one run has take no part in a change, and show all the same that its scores are on another scale.
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

/// Rows of both runs as lines; `_` is a missing score.
fn both(candidate: &[&str], baseline: &[&str]) -> (String, String) {
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

fn repeated<'a>(cells: &[(usize, &'a str)]) -> Vec<&'a str> {
    let each = cells
        .iter()
        .flat_map(|(count, cell)| std::iter::repeat_n(*cell, *count));
    each.collect()
}

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
        assert_ne!(check.status, Status::Pass, "{rule}: {}", check.reason);
        if let Some(chance) = &check.chance {
            assert_eq!((chance.rows, chance.discordant), (100, Some((5, 0))));
        }
    }
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
fn what_is_noise_once_it_is_corrected_stays_noise_also_where_missing_scores_fail() {
    // One score is missing; at its worst four rows regressed, which is sure alone and not beside two other tests.
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
        (
            judgement.checks[0].status,
            judgement.checks[0].reason.to_string(),
        )
    };
    assert_eq!(of("max_drop: 0.2, evidence: proven").0, Status::Undecided);
    assert_eq!(
        of("max_drop: 0.02, evidence: significant"),
        (
            Status::Pass,
            "changed by -0.1 on its rows, beyond max_drop 0.02; but 2 rows so alike show nothing"
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
        // One row was run twice.
        cells[3] = "true true";
        assert_eq!(status(&cells, limit), Status::Undecided);
    }
    assert_eq!(status(&cells, "min: 0.8"), Status::Pass);
}

/// One score is missing. If it is true, all rows are alike, and Wilson's interval of 14 of 14 begins at 0.838; if it is
/// false, Student's begins at 0.901.
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
        // As far apart as 0.162 could two runs of these rows be.
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

/// Fourteen rows that are alike may all have come down on either side, had they had one trial each.
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
        // Each row dropped by a half, and might have by a whole.
        (open_half, sound, "max_drop: 0.7", Status::Undecided),
        (open_half, sound, "max_rise: 0.7", Status::Pass),
        (sound, open_half, "max_rise: 0.7", Status::Undecided),
        (sound, open_half, "max_drop: 0.7", Status::Pass),
        // None changed.
        (open, sound, "max_drop: 0.3", Status::Pass),
        (open, sound, "max_rise: 0.3", Status::Pass),
        (open, sound, "max_relative_drop: 0.3", Status::Pass),
        (sound, open, "max_rise: 0.3", Status::Pass),
        // A half in each row might have been all or nothing; none and all are what they are.
        (open_half, half, "min: 0.3", Status::Undecided),
        (open_half, half, "max: 0.7", Status::Undecided),
        (wrong, half, "max: 0.5", Status::Pass),
        (open, half, "min: 0.5", Status::Pass),
    ] {
        assert_eq!(status(ours, theirs, limit), expected, "{ours:?} {limit}");
    }
}

/// What lies apart by less than a billionth of its size is rounding, and more is not.
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
    assert_eq!(status("1.0", "max: 3"), Status::Pass);
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
    // On its limit no number of rows is enough.
    let on_limit = repeated(&[(98, "true"), (2, "false")]);
    assert_eq!(needed(&on_limit, "max_drop: 0.02"), None);
    assert_eq!(needed(&on_limit, "min: 0.98"), None);
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

/// What the missing numbers would have been is not known, and so neither is how much their test dilutes the other one.
#[test]
fn a_test_that_missing_scores_hide_may_belong_to_the_family() {
    // One row has a number in both runs, and all others have none of the means' numbers, which have no bound.
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
    // It fails by itself, and would not beside another test that says nothing.
    let gate = gate(1.0 - p * 1.5);
    let status = |gates: &str| on_rows("", gates, &ours, &theirs).checks[0].status;
    assert_eq!(status(&gate), Status::Fail);
    let hidden = "- {name: h, scorer: s, metric: numeric_mean, max_rise: 1, evidence: significant}";
    assert_eq!(status(&format!("{gate}\n{hidden}")), Status::Undecided);
    let observed = hidden.replace("significant", "observed");
    assert_eq!(status(&format!("{gate}\n{observed}")), Status::Fail);
    // Missing scores of its own that count as the worst do not make it sure of the others.
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
    // What is no test of a change, or has nothing to be tested, hides none.
    for other in [
        hidden.replace("significant", "proven"),
        hidden.replace("max_rise: 1", "min: 0"),
        "- {name: h, metric: latency_mean, max_rise: 1, evidence: significant}".to_owned(),
    ] {
        assert_eq!(status(&format!("{gate}\n{other}")), Status::Fail, "{other}");
    }
}

#[test]
fn hints_tell_of_means_and_of_several_trials_too() {
    // Sixteen rows, which differ by 0.5 or by -0.5: a deviation of 0.516, so an error of 0.129, and 0.226 shows at 15
    // degrees of freedom. R: qt(0.95, 15) * sqrt(4/15) / 4 is 0.2263; pt(-0.05 / 0.1291, 15) is 0.352.
    let rows = "- {name: r, scorer: s, metric: numeric_mean, max_rise: 9, evidence: significant}";
    let (ours, theirs) = both(
        &repeated(&[(8, "0.5"), (8, "1.5")]),
        &repeated(&[(16, "1.0")]),
    );
    let mean = "- {name: g, scorer: s, metric: numeric_mean, max_drop: 0.05}";
    let said = hints(&format!("{mean}\n{rows}"), &ours, &theirs);
    assert_eq!(
        said,
        [
            "limit-below-noise: the gate `g` has max_drop 0.05, and 16 rows show no change below 0.226: a model that did not \
             change, but whose rows vary as they do here, breaks it in 35 % of runs; `evidence: significant`, a larger limit or \
             more rows would tell"
        ]
    );
    let wide = mean.replace("0.05", "0.23");
    assert_eq!(hints(&format!("{wide}\n{rows}"), &ours, &theirs), [""; 0]);
    // A tenth of a baseline of 1 is 0.1.
    let relative = mean.replace("max_drop: 0.05", "max_relative_drop: 0.1");
    assert_eq!(
        hints(&format!("{relative}\n{rows}"), &ours, &theirs).len(),
        1
    );

    let (ours, theirs) = both(
        &repeated(&[(10, "true true"), (5, "true false"), (5, "false true")]),
        &repeated(&[(10, "true true"), (5, "true true"), (5, "false false")]),
    );
    let rate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.05}";
    let rows = rows
        .replace("numeric_mean", "pass_rate")
        .replace("max_rise: 9", "max_rise: 1");
    let said = hints(&format!("{rate}\n{rows}"), &ours, &theirs);
    assert!(
        said[0].contains("20 rows show no change below") && said[0].contains("whose rows vary"),
        "{said:?}"
    );
}

fn hints(gates: &str, candidate: &str, baseline: &str) -> Vec<String> {
    let judgement = on_rows("", gates, candidate, baseline);
    let hints = judgement.findings.iter();
    hints
        .filter(|finding| finding.effect == Effect::Hint)
        .map(|finding| format!("{}: {}", finding.name.word(), finding.message))
        .collect()
}

#[test]
fn hints_say_what_so_few_rows_cannot_tell() {
    let gate = |keys: &str| format!("- {{name: g, scorer: s, metric: pass_rate, {keys}}}");
    // Ten rows of a hundred flipped.
    let (ours, theirs) = both(
        &repeated(&[(85, "true"), (5, "false"), (5, "true"), (5, "false")]),
        &repeated(&[(85, "true"), (5, "true"), (5, "false"), (5, "false")]),
    );
    // Without rows each answer is taken to be given afresh.
    assert_eq!(
        hints(&gate("max_drop: 0.02"), &ours, &theirs),
        [
            "limit-below-noise: the gate `g` has max_drop 0.02, and 100 rows show no change below 0.09: a model that did not \
             change, but answers every row afresh, breaks it in 28 % of runs; `evidence: significant`, a larger limit or more rows \
             would tell"
        ]
    );
    let with_rows = format!(
        "{}\n{}",
        gate("max_drop: 0.02"),
        gate("max_rise: 0.5, evidence: significant").replace("name: g", "name: h")
    );
    let said = hints(&with_rows, &ours, &theirs);
    assert_eq!(said.len(), 1);
    for part in [
        "100 rows show no change below 0.07: ",
        "but whose answers flip as often as here, breaks it in 21 % of runs",
    ] {
        assert!(said[0].contains(part), "{}", said[0]);
    }
    // One row of ten flipped each way, of which few can have been right before.
    let (few, of_few) = both(
        &repeated(&[(2, "true"), (2, "false"), (16, "false")]),
        &repeated(&[(2, "false"), (2, "true"), (16, "false")]),
    );
    let said = hints(&with_rows, &few, &of_few);
    assert!(
        said[0].contains("20 rows show no change below 0.25: "),
        "{}",
        said[0]
    );
    assert_eq!(hints(&gate("max_drop: 0.1"), &ours, &theirs), [""; 0]);
    // A relative limit is as large as its part of the baseline's 0.9.
    let relative = hints(&gate("max_relative_drop: 0.03"), &ours, &theirs);
    assert!(
        relative[0].contains("max_relative_drop 0.03, and 100 rows show no change below 0.09"),
        "{}",
        relative[0]
    );

    let (ours, theirs) = both(&["true"; 40], &["true"; 40]);
    assert_eq!(
        hints(
            &gate("min: 0.99, max_drop: 0.02, evidence: proven"),
            &ours,
            &theirs
        ),
        [
            "cannot-be-proven: the gate `g` asks for a proof of min 0.99 on 40 rows, and not even the best answer on every row would \
             prove it; it takes 268 rows",
            "cannot-be-proven: the gate `g` asks for a proof of max_drop 0.02 on 40 rows, and not even the same answers on every row \
             would prove it; it takes 133 rows",
            "constant-scorer: `s` is true on every row of both runs, so it shows no difference between them",
        ]
    );
    assert_eq!(
        hints(&gate("min: 0.9, evidence: proven"), &ours, &theirs),
        [""; 0]
    );
    let (ours, theirs) = both(&["0.5"; 12], &["0.5"; 12]);
    let number =
        "- {name: g, scorer: s, metric: numeric_mean, max_drop: 0.1, evidence: significant}";
    assert_eq!(
        hints(number, &ours, &theirs),
        [
            "constant-scorer: `s` is 0.5 on every row of both runs, so it shows no difference between them"
        ]
    );
    assert_eq!(hints(number, &ours, &both(&["0.6"; 12], &[]).0), [""; 0]);
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
            !judgement.checks[0].reason.to_string().contains("NaN"),
            "{}",
            judgement.checks[0].reason
        );
    }
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
        judgement.findings[0].message.to_string(),
        "the gate `g`: no row has `topic: biling`"
    );
}

/// As where Weave sends the rows of both runs together.
#[test]
fn the_inputs_that_there_are_are_those_of_the_first_row_of_both() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, by: subject, max_drop: 0.1}";
    let one = r#"a {"topic": "billing"} | {"s": true}"#;
    let other = r#"b {"lang": "de"} | {"s": true}"#;
    for (candidate, baseline) in [(one, other), (other, one)] {
        let judgement = on_rows("", gate, candidate, baseline);
        assert_eq!(
            judgement.checks[0].reason.to_string(),
            "no row has an input `subject`; the inputs are `topic`"
        );
    }
}

#[test]
fn rows_that_do_not_count_are_not_behind_a_check() {
    let baseline = repeated(&[(10, "true"), (3, "true"), (2, "true")]);
    let candidate = repeated(&[(6, "true"), (4, "false"), (3, "gone"), (2, "_")]);
    let (ours, theirs) = both(&candidate, &baseline);
    let gate =
        |more: &str| format!("- {{name: g, scorer: s, metric: pass_rate, max_drop: 0.01{more}}}");
    let count = |head: &str, gate: &str| {
        // An evidence rule brings the rows; what is behind is the same.
        let text = format!("version: 1\n{head}\ngates:\n{gate}\n");
        let policy = policy::parse("gates.yaml", &text).unwrap();
        let (ours, theirs) = (OfRun::new(&ours), OfRun::new(&theirs));
        let every = |_: &[&Totals]| Columns {
            scores: vec![crate::evidence::Column {
                dimension: "s".to_owned(),
                kind: crate::evidence::Kind::Truth,
            }],
            inputs: Vec::new(),
        };
        let known = |of: &'static str, rows| Known {
            run: OfRun::run(rows, of),
            rows: Some(rows as &dyn RowSource),
        };
        let evidence =
            Evidence::joined(known("c", &ours), Ok(known("b", &theirs)), Some(&every)).unwrap();
        let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
        let rows = evidence.rows.as_ref().unwrap();
        behind(&policy, rows, &judgement)[0].total
    };
    assert_eq!(count("", &gate("")), 9);
    assert_eq!(count("baseline: {removed_rows: ignore}", &gate("")), 6);
    assert_eq!(count("", &gate(", missing: ignore")), 4);
}

/// The digests of the rows behind the only check, the worst first.
fn digests_behind(gate: &str, candidate: &[&str], baseline: &[&str]) -> Vec<String> {
    let (ours, theirs) = both(candidate, baseline);
    let text = format!("version: 1\ngates:\n- {{name: g, {gate}}}\n");
    let policy = policy::parse("gates.yaml", &text).unwrap();
    let (ours, theirs) = (OfRun::new(&ours), OfRun::new(&theirs));
    let every = |runs: &[&Totals]| columns(&policy, runs);
    let evidence = Evidence::joined(
        Known {
            run: ours.run("c"),
            rows: Some(&ours),
        },
        Ok(Known {
            run: theirs.run("b"),
            rows: Some(&theirs),
        }),
        Some(&every),
    )
    .unwrap();
    let judgement = judge(&policy, &evidence, "2026-11-23T12:00:00Z".parse().unwrap());
    assert_eq!(judgement.checks.len(), 1);
    let rows = evidence.rows.as_ref().unwrap();
    let behind = behind(&policy, rows, &judgement);
    let rows = behind.into_iter().flat_map(|behind| behind.rows);
    rows.map(|row| row.digest).collect()
}

#[test]
fn the_worst_rows_come_first() {
    let regressed = "scorer: s, metric: regressed_rows, max: 0";
    let passed = &["true true"; 4];
    let now = ["true false", "false false", "true true", "true _"];
    // What a missing score may hide is the worst, then what fails most.
    assert_eq!(
        digests_behind(regressed, &now, passed),
        ["003", "001", "000"]
    );
    let fixed = "scorer: s, metric: fixed_rows, min: 4";
    let failed = &["false false"; 3];
    let now = ["true false", "false false", "true true"];
    assert_eq!(digests_behind(fixed, &now, failed), ["001", "000"]);
    // A floor under errors is missed by those rows that have the fewest.
    let errors = "metric: error_rate, min: 0.9, evidence: proven";
    let now = ["_ true", "true true", "_ _"];
    assert_eq!(digests_behind(errors, &now, &now), ["001", "000"]);
}

/// Whether a relative change has a size depends on the baseline's mean, which one missing score moves across zero.
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
    // With the score at its highest, and at its lowest, it is no sure drop.
    assert_eq!(status("1"), Status::Pass);
    assert_eq!(status("-1"), Status::Pass);
}

/// What rises whatever the missing score is, rises by no part of nothing.
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

/// A cell of a row: up to two trials, or a run that lacks the row.
fn cells(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let trial = proptest::sample::select(of);
    let trials = (trial.clone(), proptest::option::of(trial));
    let cell = trials.prop_map(|(one, other)| match other {
        Some(other) => format!("{one} {other}"),
        None => one.to_owned(),
    });
    proptest::collection::vec(cell, 2..7)
}

/// Every way to fill what is missing.
fn fillings(cells: &[String], with: &[&str]) -> Vec<Vec<String>> {
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

    /// What is decided stays so, however the missing scores had come out.
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
            for ours in fillings(ours, ends) {
                for theirs in fillings(theirs, ends) {
                    prop_assert_eq!(status(&ours, &theirs), decided, "{} {:?} {:?}", gate, ours, theirs);
                }
            }
        }
    }
}
