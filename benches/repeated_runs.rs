//! Measures what `noise:`, `baseline.last`, `cluster_by` and a further baseline change: how often a model that did not
//! change fails, and how often a real drop is found.
//!
//! Run it by hand: `cargo bench --bench repeated_runs`. It prints Markdown tables, which are the same on every run, and
//! takes some minutes. A name of a table makes only that table: `-- slow_declines`.
//!
//! The simulated model always answers eight rows in ten right. It answers each of the other two right with probability
//! 1/2. So the pass rate is 0.9, and one row in ten flips between two runs. The gates are `significant` with `max_drop:
//! 0.02` unless a table says otherwise.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that is run by hand, and prints tables"
)]

use jiff::Timestamp;
use weave_gate::evidence::{
    Baseline, Column, Columns, Completeness, Dimension, Evidence, Input, Kind, Pair, Role, Rows,
    Run, RunStatus, Score, Totals,
};
use weave_gate::judge::{Status, judge};
use weave_gate::number::count;
use weave_gate::policy::{self, Policy};
use weave_gate::project::Project;
use weave_gate::stats::{RunNoise, normal_quantile};

const ROUNDS: u64 = 10_000;
/// The number of runs from which the noise is estimated.
const HISTORY: usize = 12;

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

    /// A number above 0 and below 1.
    fn unit(&mut self) -> f64 {
        (count(self.next() >> 12) + 0.5) / count(1 << 52)
    }

    /// Returns true with this probability.
    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    fn normal(&mut self) -> f64 {
        normal_quantile(self.unit())
    }
}

/// The rows of a dataset: whether the model always answers a row right.
fn dataset(random: &mut Random, size: usize) -> Vec<bool> {
    (0..size).map(|_| !random.chance(0.2)).collect()
}

/// The answers of one run. The pass rate of the run is shifted by `shift`.
fn answers(random: &mut Random, steady: &[bool], shift: f64) -> Vec<bool> {
    let unsure = (0.5 + shift / 0.2).clamp(0.0, 1.0);
    let answer = |is_steady: &bool| *is_steady || random.chance(unsure);
    steady.iter().map(answer).collect()
}

/// Loses this share of the rows that are always right, so that the pass rate drops by `drop`.
fn lose(random: &mut Random, steady: &[bool], answers: &mut [bool], drop: f64) {
    for (is_steady, answer) in steady.iter().zip(answers) {
        if *is_steady && random.chance(drop / 0.8) {
            *answer = false;
        }
    }
}

fn policy(keys: &str, more: &str) -> Policy {
    let text = format!(
        "version: 1\n{more}\ngates:\n- {{name: g, scorer: s, metric: pass_rate, {keys}}}\n"
    );
    policy::parse("gates.yaml", &text).expect("a valid policy")
}

fn run(id: &str, rows: u64, totals: Totals, pooled_runs: usize) -> Run {
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
        pooled_runs: pooled_runs as u64,
        is_logged: false,
        exception: None,
        setup: None,
    }
}

/// One candidate run against pooled baseline runs. `questions` is the number of rows of one document.
fn evidence(ours: &[bool], theirs: &[Vec<bool>], questions: usize) -> Evidence {
    let mut rows = Rows::new(Columns {
        scores: vec![Column::Dimension("s".to_owned(), Kind::Truth)],
        inputs: vec![Input {
            path: "doc".to_owned(),
            named: Vec::new(),
            is_cluster: true,
        }],
        patterns: Vec::new(),
    });
    let score = |answer: bool| Score::of(f64::from(u8::from(answer)));
    for (row, answer) in ours.iter().enumerate() {
        rows.push(Role::Candidate, &[score(*answer)]);
        let mut trials = 0;
        for answer in theirs.iter().filter_map(|run| run.get(row)) {
            rows.push(Role::Baseline, &[score(*answer)]);
            trials += 1;
        }
        let inputs = serde_json::json!({"doc": row / questions});
        rows.push_inputs(&inputs).expect("resolved inputs");
        rows.end_row(&format!("{row:08}"), 1, trials);
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
    let size = ours.len() as u64;
    let (candidate, baseline) = (totals(Role::Candidate), totals(Role::Baseline));
    let pair = Pair {
        common: size,
        removed: 0,
        added: 0,
        candidate: Some(candidate.clone()),
        baseline: Some(baseline.clone()),
    };
    let baseline = Baseline::Found(Box::new(run("b", size, baseline, theirs.len())), pair);
    Evidence::new(run("c", size, candidate, 1), baseline, Some(rows))
}

fn fails(policy: &Policy, evidence: &Evidence) -> bool {
    let judgement = judge(policy, evidence, Timestamp::UNIX_EPOCH);
    judgement
        .checks
        .iter()
        .any(|check| check.status == Status::Fail)
}

fn percent(rounds: u64) -> String {
    format!("{:.1} %", 100.0 * count(rounds) / count(ROUNDS))
}

/// The name of a table, and what makes it.
type Table = (&'static str, fn(&mut Tables));

/// Writes the tables that `docs/benchmarks.md` shows, line by line.
struct Tables(Vec<(&'static str, String)>);

impl Tables {
    fn begin(&mut self, name: &'static str) {
        println!("\n{name}");
        self.0.push((name, String::new()));
    }

    fn line(&mut self, line: &str) {
        println!("{line}");
        if let Some((_, text)) = self.0.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
}

const GATE: &str = "max_drop: 0.02, evidence: significant";

fn noise(run_sd: f64) -> String {
    format!(
        "noise: {{measured: 1970-01-01, expires: 1970-01-01, runs: {HISTORY}, df: {}, run_sd: {{s: {run_sd}}}}}",
        HISTORY - 1
    )
}

/// An unchanged model whose runs are shifted by chance: how often it fails.
fn run_noise(tables: &mut Tables) {
    tables.begin("run_noise");
    tables.line("| Standard deviation between runs | Rows | without `noise` | estimated from 12 runs | the true value |");
    tables.line("| ---: | ---: | ---: | ---: | ---: |");
    let plain = policy(GATE, "");
    for points in [1.0, 2.0, 3.0] {
        let sd = points / 100.0;
        // The true value is known exactly, so it has many degrees of freedom.
        let exact = noise(sd).replace("runs: 12, df: 11", "runs: 100001, df: 100000");
        let exact = policy(GATE, &exact);
        for size in [200, 500, 1_000] {
            let mut random = Random(size as u64 * 10 + 1);
            let mut failed = [0_u64; 3];
            for _ in 0..ROUNDS {
                let steady = dataset(&mut random, size);
                let mut shifted = || {
                    let shift = random.normal() * sd;
                    answers(&mut random, &steady, shift)
                };
                let (ours, theirs) = (shifted(), shifted());
                let history: Vec<Vec<bool>> = (0..HISTORY).map(|_| shifted()).collect();
                let rows: Vec<Vec<f64>> = (0..size)
                    .map(|row| {
                        let answers = history.iter().filter_map(|run| run.get(row));
                        answers.map(|answer| f64::from(u8::from(*answer))).collect()
                    })
                    .collect();
                let found = RunNoise::of(&rows, true).expect("noise of twelve runs");
                let estimated = policy(GATE, &noise(found.run));
                let evidence = evidence(&ours, &[theirs], 1);
                for (failed, policy) in failed.iter_mut().zip([&plain, &estimated, &exact]) {
                    *failed += u64::from(fails(policy, &evidence));
                }
            }
            let [plain, estimated, exact] = failed.map(percent);
            tables.line(&format!(
                "| {} | {size} | {plain} | {estimated} | {exact} |",
                if points > 1.0 {
                    format!("{points} points")
                } else {
                    "1 point".to_owned()
                }
            ));
        }
    }
}

/// A drop against one baseline run, and against five that are pooled.
fn pooled_baselines(tables: &mut Tables) {
    tables.begin("pooled_baselines");
    tables.line(
        "| Rows | Drop | found: `last: 1` | `last: 5` | unchanged, fails: `last: 1` | `last: 5` |",
    );
    tables.line("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let gate = policy(GATE, "");
    for (size, points) in [(200, 5.0), (100, 10.0)] {
        let mut shares = [0_u64; 4];
        let mut random = Random(size as u64 * 10 + 2);
        for _ in 0..ROUNDS {
            let steady = dataset(&mut random, size);
            let theirs: Vec<Vec<bool>> =
                (0..5).map(|_| answers(&mut random, &steady, 0.0)).collect();
            let unchanged = answers(&mut random, &steady, 0.0);
            let mut dropped = unchanged.clone();
            lose(&mut random, &steady, &mut dropped, points / 100.0);
            let cases = [
                (&dropped, 1),
                (&dropped, 5),
                (&unchanged, 1),
                (&unchanged, 5),
            ];
            for (share, (ours, last)) in shares.iter_mut().zip(cases) {
                let theirs = theirs.get(..last).unwrap_or(&theirs);
                *share += u64::from(fails(&gate, &evidence(ours, theirs, 1)));
            }
        }
        let [one, five, still_one, still_five] = shares.map(percent);
        tables.line(&format!(
            "| {size} | {points} points | {one} | {five} | {still_one} | {still_five} |"
        ));
    }
}

/// An unchanged model that does not always find the documents that the rows ask about.
fn clusters(tables: &mut Tables) {
    tables.begin("clusters");
    tables.line("| Documents | Questions each | Documents that are sometimes not found | fails by row | fails with `cluster_by` |");
    tables.line("| ---: | ---: | ---: | ---: | ---: |");
    let (by_row, by_cluster) = (
        policy(GATE, ""),
        policy(&format!("{GATE}, cluster_by: doc"), ""),
    );
    for (documents, questions, share) in [(40, 5, 0.1), (20, 10, 0.25)] {
        let mut random = Random(documents as u64 * 10 + 3);
        let mut failed = [0_u64; 2];
        for _ in 0..ROUNDS {
            let steady = dataset(&mut random, documents * questions);
            let is_unsafe: Vec<bool> = (0..documents).map(|_| random.chance(share)).collect();
            let mut run = || {
                let found: Vec<bool> = is_unsafe
                    .iter()
                    .map(|is_unsafe| !is_unsafe || random.chance(0.5))
                    .collect();
                let mut run = answers(&mut random, &steady, 0.0);
                for (row, answer) in run.iter_mut().enumerate() {
                    *answer &= found.get(row / questions).copied().unwrap_or(true);
                }
                run
            };
            let (ours, theirs) = (run(), run());
            let evidence = evidence(&ours, &[theirs], questions);
            for (failed, policy) in failed.iter_mut().zip([&by_row, &by_cluster]) {
                *failed += u64::from(fails(policy, &evidence));
            }
        }
        let [rows, with_clusters] = failed.map(percent);
        tables.line(&format!(
            "| {documents} | {questions} | {:.0} % | {rows} | {with_clusters} |",
            share * 100.0
        ));
    }
}

/// A model that gets worse by one point in each release: how many are caught after some releases.
fn slow_declines(tables: &mut Tables) {
    const RELEASES: usize = 12;
    const SHOWN: [usize; 3] = [6, 8, 10];
    tables.begin("slow_declines");
    tables.line("| Limit on 200 rows | caught within 6 releases | 8 | 10 | no decline: a false alarm in 12 releases |");
    tables.line("| --- | ---: | ---: | ---: | ---: |");
    let rules = [
        (
            "`max_drop: 0.02`, `significant`, from the previous release",
            policy(GATE, ""),
            true,
        ),
        (
            "`max_drop: 0.02`, `observed`, from the previous release",
            policy("max_drop: 0.02", ""),
            true,
        ),
        (
            "`max_drop: 0.05`, `observed`, from a fixed release (`against`)",
            policy("max_drop: 0.05", ""),
            false,
        ),
    ];
    let mut caught = [[0_u64; RELEASES + 1]; 6];
    let mut random = Random(4);
    for _ in 0..ROUNDS {
        for (decline, place) in [(0.01, 0), (0.0, rules.len())] {
            let steady = dataset(&mut random, 200);
            let mut lost = vec![false; 200];
            let mut runs: Vec<Vec<bool>> = Vec::new();
            for _ in 0..=RELEASES {
                let mut run = answers(&mut random, &steady, 0.0);
                for (answer, lost) in run.iter_mut().zip(&lost) {
                    *answer &= !lost;
                }
                runs.push(run);
                let all: Vec<usize> = (0..200)
                    .filter(|row| steady.get(*row) == Some(&true) && lost.get(*row) == Some(&false))
                    .collect();
                // Two of 200 rows are lost for good.
                for _ in 0..(if decline > 0.0 { 2 } else { 0 }) {
                    let chosen = usize::try_from(random.next() % all.len() as u64).unwrap_or(0);
                    if let Some(lost) = all.get(chosen).and_then(|row| lost.get_mut(*row)) {
                        *lost = true;
                    }
                }
            }
            for (number, (_, policy, is_previous)) in rules.iter().enumerate() {
                let first = (1..=RELEASES).find(|release| {
                    let before = if *is_previous { release - 1 } else { 0 };
                    let both = runs.get(*release).zip(runs.get(before));
                    both.is_some_and(|(ours, theirs)| {
                        fails(policy, &evidence(ours, std::slice::from_ref(theirs), 1))
                    })
                });
                if let Some(counts) = caught.get_mut(place + number) {
                    for count in counts.iter_mut().skip(first.unwrap_or(RELEASES + 1)) {
                        *count += 1;
                    }
                }
            }
        }
    }
    let of = |line: usize, release: usize| {
        let counts = caught.get(line).and_then(|counts| counts.get(release));
        percent(counts.copied().unwrap_or(0))
    };
    for (line, (name, ..)) in rules.iter().enumerate() {
        let [six, eight, ten] = SHOWN.map(|release| of(line, release));
        let still = of(line + rules.len(), RELEASES);
        tables.line(&format!("| {name} | {six} | {eight} | {ten} | {still} |"));
    }
}

fn main() {
    let mut tables = Tables(Vec::new());
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all: [Table; 4] = [
        ("run_noise", run_noise),
        ("pooled_baselines", pooled_baselines),
        ("clusters", clusters),
        ("slow_declines", slow_declines),
    ];
    let is_named = |name: &str| wanted.iter().any(|it| it == name);
    let is_any_named = all.iter().any(|(name, _)| is_named(name));
    for (name, make) in all {
        if is_named(name) || !is_any_named {
            make(&mut tables);
        }
    }
    for (name, text) in tables.0 {
        let path = format!("{}/benches/results/{name}.md", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, text).expect("the file with the results");
    }
}
