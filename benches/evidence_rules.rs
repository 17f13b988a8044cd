//! Measures how often each evidence rule fails a model that did not change, and how often it finds a real drop.
//!
//! Run it by hand: `cargo bench --bench evidence_rules`. It prints a Markdown table, which is the same on every run.
//!
//! The simulated model always answers eight rows in ten right. It answers each of the other two rows right with
//! probability 1/2. So the pass rate is 0.9, and one row in ten flips between two runs. A drop affects random rows that
//! are otherwise always right. The gates limit the drop to 0.02. With ten scorers, each has independent noise, one
//! policy judges all of them, and only one of them drops. For ten scorers the table counts two cases: any gate of an
//! unchanged model fails, and the gate of the dropped scorer finds the drop. Both are measured with Holm's correction
//! and with `correction: none`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that is run by hand, and prints a table"
)]

use jiff::Timestamp;
use weave_gate::evidence::{
    Baseline, Column, Columns, Completeness, Dimension, Evidence, Kind, Pair, Role, Rows, Run,
    RunStatus, Score, Totals,
};
use weave_gate::judge::{Status, judge};
use weave_gate::number::count;
use weave_gate::policy::{self, Policy};
use weave_gate::project::Project;

const ROUNDS: u64 = 2_000;
const DROPS: [u64; 3] = [2, 5, 10];

/// `SplitMix64` (Steele, Lea & Flood 2014), a small random number generator with the same results on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns true with probability `share` / 1000.
    fn permille(&mut self, share: u64) -> bool {
        self.next() % 1_000 < share
    }
}

fn policy(rule: &str, correction: &str, scorers: usize) -> Policy {
    let gates: Vec<String> = (0..scorers)
        .map(|scorer| {
            format!("- {{name: g{scorer}, scorer: s{scorer}, metric: pass_rate, max_drop: 0.02, evidence: {rule}}}")
        })
        .collect();
    let text = format!(
        "version: 1\ncorrection: {correction}\ngates:\n{}\n",
        gates.join("\n")
    );
    policy::parse("gates.yaml", &text).expect("a valid policy")
}

fn run(id: &str, rows: u64, totals: Totals) -> Run {
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
        rows,
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

/// Two runs of the model. The first scorer drops by `drop` percent in the candidate.
fn evidence(random: &mut Random, size: u64, trials: u32, scorers: usize, drop: u64) -> Evidence {
    let columns = (0..scorers)
        .map(|scorer| Column::Dimension(format!("s{scorer}"), Kind::Truth))
        .collect();
    let mut rows = Rows::new(Columns {
        scores: columns,
        inputs: Vec::new(),
        patterns: Vec::new(),
    });
    let mut values = [
        vec![Score::MISSING; scorers * trials as usize],
        vec![Score::MISSING; scorers * trials as usize],
    ];
    for row in 0..size {
        for scorer in 0..scorers {
            let is_noisy = random.permille(200);
            // Eight rows in ten are steady. The share of lost rows is scaled so that the drop over all rows is `drop`
            // percent.
            let is_lost = scorer == 0 && !is_noisy && random.permille(drop * 10 * 10 / 8);
            for (side, lost) in values.iter_mut().zip([is_lost, false]) {
                for trial in 0..trials as usize {
                    let right = if is_noisy {
                        random.permille(500)
                    } else {
                        !lost
                    };
                    if let Some(slot) = side.get_mut(trial * scorers + scorer) {
                        *slot = Score::of(f64::from(u8::from(right)));
                    }
                }
            }
        }
        for (role, side) in [Role::Candidate, Role::Baseline].into_iter().zip(&values) {
            for trial in side.chunks(scorers) {
                rows.push(role, trial);
            }
        }
        rows.end_row(&format!("{row:08}"), trials, trials);
    }
    let totals = |role| {
        let mut totals = rows.totals(role);
        for dimension in totals.dimensions.values_mut() {
            *dimension = Dimension {
                scored: dimension.judged,
                ..dimension.clone()
            };
        }
        totals
    };
    let (candidate, baseline) = (totals(Role::Candidate), totals(Role::Baseline));
    let pair = Pair {
        common: size,
        removed: 0,
        added: 0,
        candidate: Some(candidate.clone()),
        baseline: Some(baseline.clone()),
    };
    let baseline = Baseline::Found(Box::new(run("b", size, baseline)), pair);
    Evidence::new(run("c", size, candidate), baseline, Some(rows))
}

/// The percentage of rounds in which a rule fails, and in which it is undecided.
struct Share {
    fails: f64,
    undecided: f64,
}

fn share(policy: &Policy, size: u64, trials: u32, scorers: usize, drop: u64) -> Share {
    let mut random = Random(size * 1_000 + u64::from(trials) * 100 + scorers as u64 * 10 + drop);
    let (mut fails, mut undecided) = (0, 0);
    for _ in 0..ROUNDS {
        let evidence = evidence(&mut random, size, trials, scorers, drop);
        let judgement = judge(policy, &evidence, Timestamp::UNIX_EPOCH);
        // A drop must be found by the gate of the dropped scorer. Without a drop, no gate may fail.
        let looked_at = if drop > 0 { 1 } else { scorers };
        let has = |status| {
            let mut checks = judgement.checks.iter().take(looked_at);
            checks.any(|check| check.status == status)
        };
        fails += u64::from(has(Status::Fail));
        undecided += u64::from(has(Status::Undecided));
    }
    let percent = |rounds: u64| 100.0 * count(rounds) / count(ROUNDS);
    Share {
        fails: percent(fails),
        undecided: percent(undecided),
    }
}

/// Writes the table that `docs/benchmarks.md` shows, line by line.
struct Table(String);

impl Table {
    fn line(&mut self, line: &str) {
        println!("{line}");
        self.0.push_str(line);
        self.0.push('\n');
    }
}

fn main() {
    let mut table = Table(String::new());
    table.line(
        "| Rows | Trials | Scorers | unchanged: `observed` fails | `significant` fails | without Holm | `proven` undecided | drop of 2 / 5 / 10 points found: `observed` | `significant` | without Holm | `proven` |"
    );
    table.line("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for scorers in [1, 10] {
        let rules = [
            ("observed", "holm"),
            ("significant", "holm"),
            ("significant", "none"),
            ("proven", "holm"),
        ]
        .map(|(rule, correction)| policy(rule, correction, scorers));
        for trials in [1, 3] {
            for size in [20, 50, 100, 200, 500, 1_000] {
                let still = rules
                    .each_ref()
                    .map(|rule| share(rule, size, trials, scorers, 0));
                let found = rules.each_ref().map(|rule| {
                    DROPS
                        .map(|drop| {
                            format!("{:.0}", share(rule, size, trials, scorers, drop).fails)
                        })
                        .join(" / ")
                });
                let [observed, significant, uncorrected, proven] = &still;
                table.line(&format!(
                    "| {size} | {trials} | {scorers} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {} |",
                    observed.fails,
                    significant.fails,
                    uncorrected.fails,
                    proven.undecided,
                    found.join(" % | ") + " %"
                ));
            }
        }
    }
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/benches/results/evidence_rules.md"
    );
    std::fs::write(path, table.0).expect("the file with the results");
}
