//! Measures the time of judging alone: a million pairs of rows in memory, and ten checks.
//!
//! Run it by hand: `cargo bench --bench judge_rows`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that is run by hand, and prints a figure"
)]

use std::time::Instant;

use jiff::Timestamp;
use weave_gate::evidence::{
    Baseline, Column, Columns, Completeness, Dimension, Evidence, Input, Kind, Pair, Role, Rows,
    Run, RunStatus, Score, Totals,
};
use weave_gate::judge::judge;
use weave_gate::policy;
use weave_gate::project::Project;

const ROWS: u64 = 1_000_000;
const SCORERS: usize = 5;
const ROUNDS: usize = 5;

fn run(id: &str, totals: Totals) -> Run {
    Run {
        project: Project::parse("a/b").expect("a project"),
        web: String::new(),
        id: id.to_owned(),
        display_name: None,
        evaluation: None,
        model: None,
        status: Some(RunStatus::Completed),
        started_at: None,
        finished_at: None,
        rescored_from: None,
        rows: ROWS,
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

fn totals(rows: &Rows, role: Role) -> Totals {
    let counted = rows.totals(role);
    let mut totals = Totals {
        trials: ROWS,
        rows: ROWS,
        ..Totals::default()
    };
    for (name, dimension) in counted.dimensions {
        let scored = dimension.judged + dimension.measured;
        totals.add(
            &name,
            None,
            Dimension {
                scored,
                ..dimension
            },
        );
    }
    totals
}

fn main() {
    let column = |number: usize, kind| Column::Dimension(format!("s{number}"), kind);
    // Three scorers give truth values, and two give numbers.
    let kinds = [
        Kind::Truth,
        Kind::Truth,
        Kind::Truth,
        Kind::Number,
        Kind::Number,
    ];
    let scores = kinds.into_iter().enumerate();
    let mut rows = Rows::new(Columns {
        scores: scores.map(|(number, kind)| column(number, kind)).collect(),
        inputs: vec![Input {
            path: "doc".to_owned(),
            named: Vec::new(),
            is_cluster: true,
        }],
        patterns: Vec::new(),
    });
    for row in 0..ROWS {
        for (role, shift) in [(Role::Candidate, 3), (Role::Baseline, 0)] {
            // The values are pseudo-random and the same on every run.
            let mut values = [0.0; SCORERS];
            for (number, value) in (0_u64..).zip(&mut values) {
                let mixed = (row + shift * number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                *value = if number < 3 {
                    f64::from(u8::from(mixed % 10 != 0))
                } else {
                    f64::from(u32::try_from(mixed % 1000).expect("a small number")) / 1000.0
                };
            }
            rows.push(role, &values.map(Score::of));
        }
        // Five rows ask about one document.
        let inputs = serde_json::json!({"doc": format!("document {}", row / 5)});
        rows.push_inputs(&inputs).expect("resolved inputs");
        rows.end_row(&format!("{row:043}"), 1, 1);
    }
    let (ours, theirs) = (
        totals(&rows, Role::Candidate),
        totals(&rows, Role::Baseline),
    );
    let pair = Pair {
        common: ROWS,
        removed: 0,
        added: 0,
        candidate: Some(ours.clone()),
        baseline: Some(theirs.clone()),
    };
    let baseline = Baseline::Found(Box::new(run("baseline", theirs)), pair);
    let evidence = Evidence::new(run("candidate", ours), baseline, Some(rows));
    let gates: Vec<String> = (0..SCORERS)
        .map(|number| {
            let metric = if number < 3 {
                "pass_rate"
            } else {
                "numeric_mean, range: [0, 1]"
            };
            format!(
                "- {{name: g{number}, scorer: s{number}, metric: {metric}, min: 0.1, max_drop: 0.02, evidence: significant}}"
            )
        })
        .collect();
    for (name, defaults) in [
        ("by row", ""),
        ("by cluster", "defaults: {cluster_by: doc}"),
    ] {
        let text = format!("version: 1\n{defaults}\ngates:\n{}\n", gates.join("\n"));
        let policy = policy::parse("gates.yaml", &text).expect("a valid policy");
        let mut times = Vec::new();
        let mut checks = 0;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            checks = judge(&policy, &evidence, Timestamp::UNIX_EPOCH)
                .checks
                .len();
            times.push(started.elapsed());
        }
        times.sort();
        let median = times.get(ROUNDS / 2).expect("a round");
        println!(
            "{ROWS} pairs, {checks} checks, {name}: {:.2} s, median of {ROUNDS}",
            median.as_secs_f64()
        );
    }
}
