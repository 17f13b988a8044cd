//! What `diff` calls tighter lets no run pass that the old policy stops.

use proptest::prelude::*;

use super::row::on_rows;
use crate::judge::*;
use crate::policy::{self, Policy, diff};

/// One choice for each key of a gate on the truth values `s`.
#[derive(Clone, Debug, PartialEq)]
struct Keys {
    metric: &'static str,
    scorer: &'static str,
    limits: &'static str,
    evidence: &'static str,
    confidence: &'static str,
    missing: &'static str,
    max_missing: &'static str,
    severity: &'static str,
    waive: &'static str,
    rows: &'static str,
}

const SCORERS: [&str; 3] = ["s", "[s, t]", "t"];
const LIMITS: [&str; 7] = [
    "min: 0.6",
    "min: 0.4",
    "max_drop: 0.1",
    "max_drop: 0.2",
    "min: 0.4, max_drop: 0.1",
    "max: 0.9, max_rise: 0.3",
    "max_relative_drop: 0.2",
];
const EVIDENCE: [&str; 4] = [
    "",
    ", evidence: observed",
    ", evidence: significant",
    ", evidence: proven",
];
const CONFIDENCE: [&str; 3] = ["", ", confidence: 0.8", ", confidence: 0.6"];
const MISSING: [&str; 4] = [
    "",
    ", missing: bound",
    ", missing: fail",
    ", missing: ignore",
];
const MAX_MISSING: [&str; 3] = ["", ", max_missing: 0.1", ", max_missing: 0.3"];
const SEVERITY: [&str; 3] = ["", ", severity: block", ", severity: warn"];
// The clock of these tests is on 2026-11-23.
const WAIVE: [&str; 3] = [
    "",
    ", waive: {until: 2026-11-01, reason: r}",
    ", waive: {until: 2027-11-01, reason: r}",
];
const ROWS: [&str; 3] = ["", ", cluster_by: doc", ", where: {doc: [a, b]}"];
const METRICS: [&str; 3] = ["pass_rate", "pass_rate", "coverage"];
const FILE: [&str; 4] = [
    "",
    "correction: none",
    "noise: {measured: 2026-11-01, expires: 2027-11-01, runs: 12, df: 11, run_sd: {s: 0.05}}",
    "noise: {measured: 2026-11-01, expires: 2027-11-01, runs: 12, df: 11, run_sd: {s: 0.2}}",
];

impl Keys {
    fn text(&self, name: &str) -> String {
        let Self {
            metric,
            scorer,
            limits,
            evidence,
            confidence,
            missing,
            max_missing,
            severity,
            waive,
            rows,
        } = self;
        format!(
            "- {{name: {name}, scorer: {scorer}, metric: {metric}, {limits}{evidence}{confidence}{missing}{max_missing}{severity}{waive}{rows}}}"
        )
    }

    /// The same keys with another choice for one of them.
    fn with(&self, key: usize, choice: usize) -> Self {
        let mut other = self.clone();
        let pick = |all: &'static [&'static str]| all[choice % all.len()];
        match key {
            0 => other.scorer = pick(&SCORERS),
            1 => other.limits = pick(&LIMITS),
            2 => other.evidence = pick(&EVIDENCE),
            3 => other.confidence = pick(&CONFIDENCE),
            4 => other.missing = pick(&MISSING),
            5 => other.max_missing = pick(&MAX_MISSING),
            6 => other.severity = pick(&SEVERITY),
            7 => other.waive = pick(&WAIVE),
            8 => other.rows = pick(&ROWS),
            _ => other.metric = pick(&METRICS),
        }
        other
    }
}

fn keys() -> impl Strategy<Value = Keys> {
    proptest::collection::vec(0..12_usize, 10).prop_map(|choices| {
        let start = Keys {
            metric: "pass_rate",
            scorer: "s",
            limits: LIMITS[0],
            evidence: "",
            confidence: "",
            missing: "",
            max_missing: "",
            severity: "",
            waive: "",
            rows: "",
        };
        choices
            .into_iter()
            .enumerate()
            .fold(start, |keys, (key, choice)| keys.with(key, choice))
    })
}

fn parsed(file: &str, gates: &str) -> Option<Policy> {
    policy::parse(
        "gates.yaml",
        &format!("version: 1\n{file}\ngates:\n{gates}\n"),
    )
    .ok()
}

fn rows(scores: &[(usize, [Option<bool>; 2])], side: usize) -> String {
    let lines = scores.iter().enumerate().map(|(row, (doc, scores))| {
        let score = scores[side];
        // The second scorer says the reverse on the first rows.
        let other = score.map(|score| score != (row < 2));
        let value =
            |score: Option<bool>| score.map_or("null".to_owned(), |score| score.to_string());
        let doc = ["a", "b", "c"][*doc];
        format!(
            "r{row:03} {{\"doc\": \"{doc}\"}} | {{\"s\": {}, \"t\": {}}}",
            value(score),
            value(other)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn score() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![6 => Just(Some(true)), 3 => Just(Some(false)), 1 => Just(None)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 96 } else { 2_000 }, max_global_rejects: 1_000_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_looser_passes_nothing_more(
        gates in proptest::collection::vec(keys(), 1..4),
        changes in proptest::collection::vec((0..4_usize, 0..10_usize, 0..12_usize), 0..3),
        files in (0..4_usize, 0..4_usize, any::<bool>()),
        (adds, removes) in (0..4_u8, 0..4_u8),
        scores in proptest::collection::vec((0..3_usize, [score(), score()]), 2..24),
    ) {
        let names = ["a", "b", "c", "d"];
        let text = |gates: &[Keys]| -> String {
            let all = gates.iter().zip(names);
            all.map(|(keys, name)| keys.text(name)).collect::<Vec<_>>().join("\n")
        };
        let mut other = gates.clone();
        for (gate, key, choice) in changes {
            let gate = gate % other.len();
            other[gate] = other[gate].with(key, choice);
        }
        if adds == 0 {
            let added = other[0].with(1, 2);
            other.push(added);
        }
        if removes == 0 && other.len() > 1 {
            other.pop();
        }
        let files = (FILE[files.0], FILE[if files.2 { files.0 } else { files.1 }]);
        let (old_gates, new_gates) = (text(&gates), text(&other));
        let (Some(old), Some(new)) = (parsed(files.0, &old_gates), parsed(files.1, &new_gates)) else {
            return Err(TestCaseError::reject("a gate has a key without effect"));
        };
        let changes = diff(&old, &new);
        prop_assume!(!changes.iter().any(|change| change.direction.may_pass_more()));
        let (ours, theirs) = (rows(&scores, 0), rows(&scores, 1));
        let under = |file: &str, gates: &str| on_rows(file, gates, &ours, &theirs).verdict;
        if under(files.1, &new_gates) == Verdict::Passed {
            prop_assert_eq!(
                under(files.0, &old_gates),
                Verdict::Passed,
                "old {} {}\nnew {} {}\n{:?}",
                files.0, old_gates, files.1, new_gates, changes
            );
        }
    }
}
