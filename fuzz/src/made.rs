//! Runs and policies that the checks use.

use jiff::Timestamp;
use serde_json::Map;
use weave_gate::evidence::{
    Baseline, Column, Columns, Completeness, Dimension, Evidence, Kind, Pair, Reference, Role,
    Rows, Run, RunStatus, Totals, Usage,
};
use weave_gate::judge::{Verdict, columns, judge};
use weave_gate::policy::{self, Policy};
use weave_gate::project::Project;

/// The time at which everything is judged.
pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

pub(super) fn project() -> Project {
    Project::parse("my-team/bot").unwrap()
}

/// A completed run without any data.
pub(super) fn run(id: &str) -> Run {
    Run {
        project: project(),
        web: "https://wandb.ai".to_owned(),
        id: id.to_owned(),
        display_name: None,
        evaluation: Reference::parse("weave:///my-team/bot/object/answers:v1"),
        model: Reference::parse("weave:///my-team/bot/object/bot:v1"),
        status: Some(RunStatus::Completed),
        started_at: Timestamp::from_second(1_789_990_000).ok(),
        finished_at: Timestamp::from_second(1_789_999_000).ok(),
        rescored_from: None,
        rows: 0,
        totals: Totals {
            usage: Some(Usage::default()),
            ..Totals::default()
        },
        digests: None,
        choice: None,
        attributes: Some(Map::new()),
        completeness: Completeness::Complete,
        pooled_runs: 1,
        is_logged: false,
        exception: None,
        setup: None,
    }
}

/// Every kind of empty evidence for a policy.
pub(super) fn nothing(policy: &Policy) -> Vec<Evidence> {
    let pair = Pair {
        common: 0,
        removed: 0,
        added: 0,
        candidate: Some(Totals::default()),
        baseline: Some(Totals::default()),
    };
    let baselines = [
        Baseline::Unnamed,
        Baseline::NotFound("it is not there".into()),
        Baseline::Found(Box::new(run("b")), pair),
    ];
    let totals = Totals::default();
    let rows = [None, Some(Rows::new(columns(policy, &[&totals, &totals])))];
    baselines
        .into_iter()
        .flat_map(|baseline| {
            rows.iter()
                .map(move |rows| (baseline.clone(), rows.clone()))
        })
        .map(|(baseline, rows)| Evidence::new(run("c"), baseline, rows))
        .collect()
}

/// Every column that a run can have, except the columns of its calls.
pub(super) fn every_column(totals: &Totals) -> Columns {
    let kinds = [Kind::Truth, Kind::Number, Kind::Scored];
    let names = totals.dimensions.keys();
    let scores = names.flat_map(|name| kinds.map(|kind| Column::Dimension(name.clone(), kind)));
    Columns {
        scores: scores.chain([Column::Run(Kind::Anything)]).collect(),
        inputs: Vec::new(),
        patterns: Vec::new(),
    }
}

/// A policy of these gates. Each gate is the inside of a YAML flow mapping.
fn policy(gates: &[&str]) -> Policy {
    let gates: Vec<String> = gates.iter().map(|gate| format!("  - {{{gate}}}")).collect();
    let gates = gates.join("\n");
    let text = format!("version: 1\ncorrection: none\ngates:\n{gates}\n");
    policy::parse("made.yaml", &text).unwrap_or_else(|problems| panic!("{problems:?} in {text}"))
}

/// Claims that the checks compare with the input. Each is a policy of one gate on the dimension `ok`, except `rest`.
pub(super) struct Claims {
    /// Every trial of the candidate is true.
    pub(super) all_true: Policy,
    /// Every trial of the candidate is true, and the rows must confirm it.
    pub(super) rows_true: Policy,
    /// The rows whose input `a` is 1 are true.
    pub(super) slice_true: Policy,
    /// Every other kind of gate. The checks only test that these do not panic.
    pub(super) rest: Policy,
    /// The pass rate is at least that of the baseline.
    pub(super) no_drop: Policy,
    /// No row passed in the baseline and fails in the candidate.
    pub(super) none_regressed: Policy,
}

impl Claims {
    pub(super) fn new() -> Self {
        Self {
            all_true: policy(&["name: a, scorer: ok, metric: pass_rate, min: 1"]),
            rows_true: policy(&[
                "name: a, scorer: ok, metric: pass_rate, min: 1, evidence: significant",
            ]),
            slice_true: policy(&["name: a, scorer: ok, metric: pass_rate, min: 1, where: {a: 1}"]),
            rest: policy(&[
                "name: a, scorer: '*', metric: coverage, min: 0.5, max_drop: 0.1",
                "name: b, scorer: score, metric: numeric_mean, min: 0.5, range: [0, 1], max_drop: 0.1, evidence: proven",
                "name: c, metric: latency_p95, max: 1, max_relative_rise: 0.1",
                "name: d, metric: tokens_mean, max: 100",
                "name: e, metric: cost_total, max: 1, max_rise: 0.5",
                "name: f, scorer: ok, metric: pass_rate, by: a, min: 0.5, missing: fail",
                "name: g, metric: error_rate, max: 0.1",
                "name: h, scorer: ok, metric: fixed_rows, min: 1",
                "name: i, metric: rows, min: 1",
                "name: j, metric: trials, max: 1000",
            ]),
            no_drop: policy(&["name: a, scorer: ok, metric: pass_rate, max_drop: 0"]),
            none_regressed: policy(&["name: a, scorer: ok, metric: regressed_rows, max: 0"]),
        }
    }

    pub(super) fn all(&self) -> [&Policy; 6] {
        [
            &self.all_true,
            &self.rows_true,
            &self.slice_true,
            &self.rest,
            &self.no_drop,
            &self.none_regressed,
        ]
    }

    /// The columns that all claims need.
    pub(super) fn columns(&self, runs: &[&Totals]) -> Columns {
        let mut all = Columns::default();
        for policy in self.all() {
            all.add(columns(policy, runs));
        }
        all
    }

    /// Judges all claims, and returns those that pass.
    pub(super) fn passed(&self, evidence: &Evidence) -> Vec<&Policy> {
        let all = self.all().into_iter();
        all.filter(|policy| judge(policy, evidence, now()).verdict == Verdict::Passed)
            .collect()
    }
}

/// Checks that the data of the runs does not contradict itself.
///
/// # Panics
///
/// Panics if it does.
pub(super) fn holds_together(evidence: &Evidence) {
    evidence.each.iter().for_each(holds_together);
    counts(&evidence.candidate.totals, evidence.candidate.rows);
    if let Baseline::Found(baseline, pair) = &evidence.baseline {
        counts(&baseline.totals, baseline.rows);
        assert_eq!(pair.common + pair.added, evidence.candidate.rows);
        assert_eq!(pair.common + pair.removed, baseline.rows);
        for (all, some) in [
            (&evidence.candidate.totals, &pair.candidate),
            (&baseline.totals, &pair.baseline),
        ] {
            if let Some(some) = some {
                counts(some, pair.common);
                assert!(some.trials <= all.trials);
            }
        }
    }
    let Some(rows) = &evidence.rows else {
        return;
    };
    for row in 0..rows.len() {
        assert!(row == 0 || rows.digest(row - 1) < rows.digest(row));
        let trials = |role| rows.trials(role, row);
        assert!(trials(Role::Candidate) + trials(Role::Baseline) > 0);
        for role in [Role::Candidate, Role::Baseline] {
            for column in 0..rows.columns().len() {
                assert_eq!(rows.scores(role, column, row).len(), trials(role));
            }
        }
    }
}

fn counts(totals: &Totals, rows: u64) {
    assert!(rows <= totals.trials && totals.trials <= Totals::MOST_TRIALS);
    let (least, most) = totals.unscored();
    assert!(least <= most && most <= totals.trials);
    for dimension in totals.dimensions.values() {
        let Dimension {
            scored,
            passed,
            judged,
            measured,
            mean,
            flaw,
        } = dimension;
        let adds_up = passed <= judged
            && judged
                .checked_add(*measured)
                .is_some_and(|kinds| kinds <= *scored)
            && *scored <= totals.trials
            && mean.is_none_or(|mean| mean.is_finite() && *measured > 0);
        assert!(
            adds_up || flaw.is_some(),
            "{dimension:?} of {}",
            totals.trials
        );
    }
}
