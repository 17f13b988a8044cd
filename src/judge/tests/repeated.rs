//! Tests of the noise between runs, of clusters of rows, and of several attempts at a row.

use proptest::prelude::*;

use super::row::{judged_runs, on_rows};
use super::{names, why};
use crate::evidence::Role;
use crate::judge::*;
use crate::stats::{Interval, Sample};

/// Noise of 12 runs with this standard deviation.
fn noise(run_sd: f64) -> String {
    format!(
        "noise: {{measured: 2026-11-01, expires: 2027-02-01, runs: 12, df: 11, run_sd: {{s: {run_sd}}}}}"
    )
}

/// Rows of one trial: `true`, `false`, a number, or nothing for a missing score; each with its cluster.
fn rows(scores: &[(&str, &str)]) -> String {
    let lines = scores.iter().enumerate().map(|(row, (cluster, score))| {
        let scores = if score.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{\"s\": {score}}}")
        };
        let inputs = if cluster.is_empty() {
            "{\"other\": 1}".to_owned()
        } else {
            format!("{{\"doc\": \"{cluster}\"}}")
        };
        format!("r{row:03} {inputs} | {scores}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Rows without clusters: the first pass, the others do not.
fn passing(passed: usize, of: usize) -> String {
    let score = |row: usize| if row < passed { "true" } else { "false" };
    let all: Vec<(&str, &str)> = (0..of).map(|row| ("a", score(row))).collect();
    rows(&all)
}

fn interval(judgement: &Judgement) -> Interval {
    judgement.checks[0].chance.as_ref().unwrap().interval
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn the_noise_widens_each_side_of_the_interval() {
    let change = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    let value = "- {name: g, scorer: s, metric: pass_rate, min: 0.8, evidence: proven}";
    // SciPy's t.ppf(0.95, 11) is 1.795884818704.
    let t = 1.795_884_818_704;
    for (gate, point, runs) in [(change, -0.1, 2.0), (value, 0.85, 1.0)] {
        let (ours, theirs) = (passing(170, 200), passing(190, 200));
        let plain = interval(&on_rows("", gate, &ours, &theirs));
        let wide = interval(&on_rows(&noise(0.02), gate, &ours, &theirs));
        let reach = t * 0.02 * f64::sqrt(runs);
        near(wide.low, point - (point - plain.low).hypot(reach));
        near(wide.high, point + (plain.high - point).hypot(reach));
    }
}

#[test]
fn noise_makes_a_failure_noise_and_pools_make_it_smaller() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    let (ours, theirs) = (passing(180, 200), passing(190, 200));
    let judged = |file: &str, runs: [u64; 2]| {
        let judgement = judged_runs(file, gate, &ours, &theirs, |run, role| {
            run.pooled_runs = runs[usize::from(role == Role::Baseline)];
        });
        let check = &judgement.checks[0];
        (check.status, check.chance.as_ref().unwrap().p.unwrap())
    };
    let (status, plain) = judged("", [1, 1]);
    assert_eq!(status, Status::Fail);
    let (status, single) = judged(&noise(0.03), [1, 1]);
    assert_eq!(status, Status::Pass);
    let (status, pooled) = judged(&noise(0.03), [4, 40]);
    assert_eq!(status, Status::Fail, "{pooled}");
    assert!(
        plain < pooled && pooled < single,
        "{plain} {pooled} {single}"
    );
    // A standard deviation of 0 changes nothing.
    assert_eq!(judged(&noise(0.0), [1, 1]), (Status::Fail, plain));
}

#[test]
fn noise_is_of_its_dimension_and_of_means_only() {
    let (ours, theirs) = (passing(180, 200), passing(190, 200));
    for keys in [
        "scorer: s, metric: coverage, max_drop: 0.02",
        "metric: error_rate, max_rise: 0.02",
        "scorer: s, metric: pass_hat_k, k: 1, max_drop: 0.02",
    ] {
        let gate = format!("- {{name: g, {keys}, evidence: significant}}");
        let plain = on_rows("", &gate, &ours, &theirs);
        let wide = on_rows(&noise(0.03), &gate, &ours, &theirs);
        assert_eq!(interval(&plain), interval(&wide), "{keys}");
    }
    let file = noise(0.03).replace("s: 0.03", "other: 0.03");
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    let judgement = on_rows(&file, gate, &ours, &theirs);
    assert_eq!(judgement.checks[0].status, Status::Fail);
    assert_eq!(names(&judgement), ["noise-unused"]);
}

#[test]
fn old_noise_is_used_with_a_warning() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant}";
    let (ours, theirs) = (passing(180, 200), passing(190, 200));
    // The clock of these tests is on 2026-11-23.
    let names_at = |expires: &str| {
        let file = noise(0.03).replace("2027-02-01", expires);
        let judgement = on_rows(&file, gate, &ours, &theirs);
        assert_eq!(judgement.checks[0].status, Status::Pass);
        names(&judgement)
    };
    assert!(names_at("2026-11-23").is_empty());
    assert_eq!(names_at("2026-11-22"), ["noise-expired"]);
}

#[test]
fn clusters_are_what_an_interval_counts() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, max_drop: 0.02, evidence: significant, cluster_by: doc}";
    // Four documents with three questions each. One document was not found by the candidate.
    let of = |found: &[&str]| -> String {
        let scores: Vec<(&str, &str)> = ["a", "b", "c", "d"]
            .into_iter()
            .flat_map(|doc| [doc; 3])
            .map(|doc| {
                (
                    doc,
                    if found.contains(&doc) {
                        "true"
                    } else {
                        "false"
                    },
                )
            })
            .collect();
        rows(&scores)
    };
    let (ours, theirs) = (of(&["b", "c", "d"]), of(&["a", "b", "c", "d"]));
    let judgement = on_rows("", gate, &ours, &theirs);
    let chance = judgement.checks[0].chance.as_ref().unwrap();
    assert_eq!((chance.rows, chance.clusters), (12, Some(4)));
    assert_eq!(chance.discordant, None);
    let sample = Sample::of_clusters(&[-3.0, 0.0, 0.0, 0.0], &[3.0; 4]).unwrap();
    let expected = sample.interval(0.95).unwrap();
    near(chance.interval.low, expected.low);
    near(chance.interval.high, expected.high);
    assert_eq!(judgement.checks[0].status, Status::Pass);
    // By rows, three of twelve rows regressed, which chance does not explain at 90 %.
    let by_rows = gate.replace(", cluster_by: doc", ", confidence: 0.9");
    let judgement = on_rows("", &by_rows, &ours, &theirs);
    assert_eq!(judgement.checks[0].status, Status::Fail);
}

#[test]
fn a_gate_clusters_by_its_own_key_or_by_the_default() {
    let (ours, theirs) = (passing(8, 12), passing(9, 12));
    let clusters = |file: &str, keys: &str| {
        let gate = format!("- {{name: g, scorer: s, metric: pass_rate, {keys}}}");
        let judgement = on_rows(file, &gate, &ours, &theirs);
        let check = &judgement.checks[0];
        check.chance.as_ref().map(|chance| chance.clusters)
    };
    let change = "max_drop: 0.1, evidence: significant";
    assert_eq!(clusters("", change), Some(None));
    let file = "defaults: {cluster_by: doc}";
    assert_eq!(clusters(file, change), Some(Some(1)));
    assert_eq!(clusters(file, "min: 0.1"), None);
    let file = "defaults: {cluster_by: nothing}";
    assert_eq!(
        clusters(file, &format!("{change}, cluster_by: doc")),
        Some(Some(1))
    );
}

#[test]
fn a_row_without_the_input_is_in_no_cluster() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, min: 0.1, evidence: significant, cluster_by: doc}";
    let ours = rows(&[("a", "true"), ("b", "true"), ("", "true")]);
    let judgement = on_rows("", gate, &ours, "");
    assert_eq!(judgement.checks[0].status, Status::Undecided);
    assert_eq!(names(&judgement), ["rows-without-cluster"]);
    assert!(
        why(&judgement.checks[0]).contains("1 of 3 rows lack the input"),
        "{}",
        why(&judgement.checks[0])
    );
    let unknown = gate.replace("cluster_by: doc", "cluster_by: docs");
    let judgement = on_rows("", &unknown, &ours, "");
    assert_eq!(judgement.checks[0].status, Status::Undecided);
    assert_eq!(names(&judgement), ["empty-slice"]);
    // Rows outside the slice do not matter.
    let sliced = gate.replace("min", "where: {doc: [a, b]}, min");
    let judgement = on_rows("", &sliced, &ours, "");
    assert_eq!(judgement.checks[0].status, Status::Pass);
}

#[test]
fn few_clusters_are_a_hint() {
    let gate = "- {name: g, scorer: s, metric: pass_rate, min: 0.1, evidence: significant, cluster_by: doc}";
    let hinted = |clusters: usize| {
        let docs: Vec<String> = (0..clusters).map(|doc| doc.to_string()).collect();
        let scores: Vec<(&str, &str)> = docs.iter().map(|doc| (doc.as_str(), "true")).collect();
        let judgement = on_rows("", gate, &rows(&scores), "");
        let mut findings = judgement.findings.iter();
        findings.any(|finding| finding.name() == Name::FewClusters)
    };
    assert!(hinted(9));
    assert!(!hinted(10));
}

#[test]
fn rates_that_are_all_alike_are_judged_by_as_many_rows_as_clusters() {
    let gate =
        "- {name: g, scorer: s, metric: pass_rate, min: 0.5, evidence: proven, cluster_by: doc}";
    let scores: Vec<(&str, &str)> = ["a", "b", "c", "d", "e", "f"]
        .into_iter()
        .flat_map(|doc| [(doc, "true"); 4])
        .collect();
    let judgement = on_rows("", gate, &rows(&scores), "");
    let expected = crate::stats::wilson(6, 6, 0.95);
    assert_eq!(interval(&judgement), expected);
    assert_eq!(judgement.checks[0].status, Status::Pass);
}

#[test]
fn pass_hat_k_and_pass_at_k_are_means_of_rows() {
    // 3 of 3, 2 of 3 and 0 of 3 trials pass.
    let trial = |passed: bool| format!("{{\"s\": {passed}}}");
    let row = |digest: &str, passed: [bool; 3]| {
        format!("{digest} {{}} | {}", passed.map(trial).join(" | "))
    };
    let ours = [
        row("a", [true; 3]),
        row("b", [true, false, true]),
        row("c", [false; 3]),
    ]
    .join("\n");
    for (keys, expected) in [
        ("pass_hat_k, k: 1", 5.0 / 9.0),
        ("pass_hat_k, k: 2", (1.0 + 1.0 / 3.0) / 3.0),
        ("pass_hat_k, k: 3", 1.0 / 3.0),
        ("pass_at_k, k: 1", 5.0 / 9.0),
        ("pass_at_k, k: 2", 2.0 / 3.0),
        ("pass_at_k, k: 3", 2.0 / 3.0),
    ] {
        let gate = format!("- {{name: g, scorer: s, metric: {keys}, min: 0.1}}");
        let judgement = on_rows("", &gate, &ours, "");
        let check = &judgement.checks[0];
        let measure = check.candidate.unwrap();
        near(measure.observed.unwrap(), expected);
        assert!(!measure.is_open());
        assert_eq!(check.status, Status::Pass, "{keys}");
        // Under the other rules the interval is around the same value.
        let gate = format!("- {{name: g, scorer: s, metric: {keys}, min: 0.1, evidence: proven}}");
        let judgement = on_rows("", &gate, &ours, "");
        let chance = judgement.checks[0].chance.as_ref().unwrap();
        near(chance.point, expected);
    }
}

#[test]
fn trials_that_lack_for_the_attempts_are_missing() {
    let ours = "a {} | {\"s\": true} | {\"s\": true}\nb {} | {\"s\": true} | {\"s\": true} | {\"s\": true}";
    let check = |keys: &str| {
        let gate = format!("- {{name: g, scorer: s, metric: pass_hat_k, k: 3, {keys}}}");
        on_rows("", &gate, ours, "").checks.remove(0)
    };
    let open = check("min: 0.9");
    let measure = open.candidate.unwrap();
    assert_eq!((measure.low, measure.high), (0.5, 1.0));
    assert_eq!((measure.scored, measure.trials), (5, 6));
    assert_eq!(open.status, Status::Undecided);
    assert_eq!(check("min: 0.5").status, Status::Pass);
    assert_eq!(check("min: 0.9, missing: fail").status, Status::Fail);
    // Rows without enough trials are left out, too.
    let ignored = check("min: 0.9, missing: ignore");
    assert_eq!(ignored.status, Status::Pass);
    assert_eq!(ignored.candidate.unwrap().observed, Some(1.0));
    assert_eq!(check("min: 0.9, max_missing: 0.4").status, Status::Pass);
    let none = "- {name: g, scorer: s, metric: pass_hat_k, k: 4, min: 0.1, missing: ignore}";
    let judgement = on_rows("", none, ours, "");
    assert_eq!(judgement.checks[0].status, Status::Undecided);
    assert!(
        why(&judgement.checks[0]).contains("has 4 trials"),
        "{}",
        why(&judgement.checks[0])
    );
}

/// A score of a row: true, false, or missing.
fn score() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![
        5 => Just(Some(true)),
        3 => Just(Some(false)),
        1 => Just(None),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 96 } else { 512 }))]

    /// A check that is decided with missing scores has the same result for every possible value of them.
    #[test]
    fn what_is_decided_holds_for_every_imputation(
        all in proptest::collection::vec((0..4_usize, score(), score()), 4..14),
        has_noise in any::<bool>(),
        has_clusters in any::<bool>(),
        (rule, limit) in (0..2_usize, 0..5_usize),
        confidence in prop_oneof![Just(0.6), Just(0.8), Just(0.95)],
    ) {
        let missing: usize = all.iter().map(|(_, one, other)| usize::from(one.is_none()) + usize::from(other.is_none())).sum();
        prop_assume!(missing <= 5);
        let rule = ["significant", "proven"][rule];
        let limit = ["max_drop: 0.05", "max_rise: 0", "min: 0.5", "max_relative_drop: 0.1", "max: 0.7"][limit];
        let clusters = if has_clusters { ", cluster_by: doc" } else { "" };
        let gate = format!("- {{name: g, scorer: s, metric: pass_rate, {limit}, evidence: {rule}, confidence: {confidence}{clusters}}}");
        let file = if has_noise { noise(0.05) } else { String::new() };
        let docs = ["a", "b", "c", "d"];
        let of = |side: bool, fill: &mut dyn FnMut() -> Option<bool>| -> String {
            let scores: Vec<(&str, &str)> = all.iter().map(|(doc, ours, theirs)| {
                let score = if side { *ours } else { *theirs };
                let score = score.or_else(&mut *fill);
                (docs[*doc], score.map_or("", |score| if score { "true" } else { "false" }))
            }).collect();
            rows(&scores)
        };
        let judged = |fill: &mut dyn FnMut() -> Option<bool>| {
            let (ours, theirs) = (of(true, fill), of(false, fill));
            on_rows(&file, &gate, &ours, &theirs).checks[0].status
        };
        let open = judged(&mut || None);
        prop_assume!(matches!(open, Status::Pass | Status::Fail));
        for filling in 0..1_u32 << missing {
            let mut place = 0;
            let filled = judged(&mut || {
                place += 1;
                Some(filling >> (place - 1) & 1 == 1)
            });
            prop_assert_eq!(open, filled, "{} {:?}", gate, all);
        }
    }
}
