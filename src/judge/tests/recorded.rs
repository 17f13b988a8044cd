//! Replays recorded results of an independent judge in Python on random cases. It also compares the words and numbers
//! of this judge. `tests/oracle/record.py` describes how the cases are chosen.

use crate::policy;
use crate::prose::Prose;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::evidence::snapshot::{Saved, SavedRows, parse};
use crate::evidence::{Known, Run, Totals, gathered, joined};
use crate::judge::*;
use crate::number::TOLERANCE;

const HELP: &str = "the statuses are another judge's, so look here first; where only words or numbers were meant to \
    change, `tests/oracle/run record` writes them anew";

/// A policy, two snapshots, and the expected result.
#[derive(Deserialize)]
struct Case {
    seed: u64,
    now: Timestamp,
    policy: Box<RawValue>,
    candidate: Box<RawValue>,
    baseline: Option<Box<RawValue>>,
    verdict: String,
    checks: Vec<Said>,
    findings: Vec<Value>,
}

/// A check. The status is that of the Python judge, and all other fields are those of this judge.
#[derive(Deserialize)]
struct Said {
    id: String,
    status: String,
    told: Value,
}

impl Case {
    fn judge(&self) -> (Judgement, Vec<OffendingRows>) {
        // JSON is also YAML.
        let policy = policy::parse("gates.yaml", self.policy.get()).unwrap();
        let wanted = |runs: &[&Totals]| columns(&policy, runs);
        let candidate = saved(&self.candidate);
        let baseline = self.baseline.as_deref().map(saved);
        let (ours, theirs) = (Part::of(&candidate), baseline.as_ref().map(Part::of));
        let evidence = if policy.compares(None) {
            let baseline = theirs.as_ref().map(Part::known);
            let baseline = baseline.ok_or_else(|| Prose::from("no file ").name("baseline.json"));
            Evidence::joined(ours.known(), baseline, Some(&wanted)).unwrap()
        } else {
            // The baseline is not read if no gate needs it.
            Evidence::alone(ours.known(), Some(&wanted)).unwrap()
        };
        let judgement = judge(&policy, &evidence, self.now);
        let mut runs = vec![&ours];
        if policy.compares(None) {
            runs.extend(&theirs);
        }
        let totals: Vec<&Totals> = runs.iter().map(|part| &part.run.totals).collect();
        let columns = offending_columns(&policy, &judgement, None, &totals);
        // If judging needs no rows, the rows behind the check are still read.
        let sides = |place: usize| {
            let side = runs.get(place).map(|part| gathered(&part.rows, &columns));
            side.unwrap_or_else(|| Ok(Rows::new(columns.clone())))
                .unwrap()
        };
        let rows = joined(&sides(0), &sides(1)).unwrap();
        let offending = if columns.is_empty() {
            Vec::new()
        } else {
            offending(&policy, &rows, &judgement, None, MOST_OFFENDING)
        };
        (judgement, offending)
    }
}

/// The only run of a snapshot, with its rows.
struct Part {
    run: Run,
    rows: SavedRows,
}

impl Part {
    fn of(saved: &Saved) -> Self {
        let run = saved.runs()[0].clone();
        let rows = saved.rows_of(&run.id).unwrap();
        Self { run, rows }
    }

    fn known(&self) -> Known<'_> {
        Known {
            run: self.run.clone(),
            rows: Some(&self.rows),
        }
    }
}

fn saved(text: &RawValue) -> Saved {
    parse(text.get().into(), "run.json", "", &|_| false).unwrap()
}

/// The text of a value in reports.
fn word(of: impl std::fmt::Debug) -> String {
    format!("{of:?}").to_lowercase()
}

/// The fields of a check in the JSON report, except its status. Null fields are removed.
fn told(check: &Check, offending: Option<&OffendingRows>) -> Value {
    let finite = |number: f64| number.is_finite().then_some(number);
    let range = |measure: Option<Measure>| measure.map(|of| [finite(of.low), finite(of.high)]);
    let observed = |measure: Option<Measure>| measure.and_then(|of| of.observed);
    let chance = check.chance.as_ref().map(|chance| {
        known(&json!({
            "rows": chance.rows,
            "regressed": chance.discordant.map(|(regressed, _)| regressed),
            "fixed": chance.discordant.map(|(_, fixed)| fixed),
            "point": finite(chance.point),
            "interval": [finite(chance.interval.low), finite(chance.interval.high)],
            "p": chance.p,
            "adjusted_p": chance.adjusted_p,
            "family": chance.family,
            "counted": chance.counted,
            "resolution": chance.resolution,
            "rows_needed": chance.rows_needed,
        }))
    });
    known(&json!({
        "reason_kind": check.reason.kind(),
        "margin": check.margin.map(|margin| margin.count),
        "baseline": observed(check.baseline),
        "baseline_range": range(check.baseline),
        "candidate": observed(check.candidate),
        "candidate_range": range(check.candidate),
        "scored": check.candidate.map(|measure| measure.scored),
        "trials": check.candidate.map(|measure| measure.trials),
        "change": check.change(),
        "chance": chance,
        "behind": offending.map(|offending| {
            let rows = offending.rows.iter();
            let rows = rows.map(|row| json!([row.digest, side(Some(&row.candidate)), side(row.baseline.as_ref())]));
            json!({"total": offending.total, "rows": rows.collect::<Vec<_>>()})
        }),
    }))
}

/// The values of one run in a row.
fn side(of: Option<&Scored>) -> Value {
    of.map_or(Value::Null, |of| json!([of.mean, of.scored, of.trials]))
}

/// A JSON object without its null fields.
fn known(of: &Value) -> Value {
    let entries = of.as_object().unwrap().iter();
    let known = entries.filter(|(_, value)| !value.is_null());
    Value::Object(
        known
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<_, _>>(),
    )
}

/// Whether two values are equal. Numbers may differ by floating-point rounding on another machine.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= TOLERANCE * one.abs().max(1.0)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.keys().eq(other.keys())
                && one
                    .values()
                    .zip(other.values())
                    .all(|(one, other)| is_same(one, other))
        }
        _ => one == other,
    }
}

/// All cases with their results, judged once for all tests.
fn replayed() -> &'static [(Case, Judgement, Vec<OffendingRows>)] {
    static REPLAYED: LazyLock<Vec<(Case, Judgement, Vec<OffendingRows>)>> = LazyLock::new(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/recorded.jsonl");
        let text = fs::read_to_string(path).unwrap();
        let cases = text.lines().map(|line| serde_json::from_str(line).unwrap());
        cases
            .map(|case: Case| {
                let (judgement, offending) = case.judge();
                (case, judgement, offending)
            })
            .collect()
    });
    assert!(REPLAYED.len() > 50, "few cases are left");
    &REPLAYED
}

#[test]
fn checks_and_verdicts_come_out_as_another_judge_has_them() {
    for (case, judgement, _) in replayed() {
        let ours: Vec<(String, String)> = judgement
            .checks
            .iter()
            .map(|check| (check.id(), word(check.status)))
            .collect();
        let theirs: Vec<(String, String)> = case
            .checks
            .iter()
            .map(|said| (said.id.clone(), said.status.clone()))
            .collect();
        assert_eq!(ours, theirs, "seed {}: {HELP}", case.seed);
        assert_eq!(word(judgement.verdict), case.verdict, "seed {}", case.seed);
    }
}

#[test]
fn reason_kinds_values_and_intervals_are_as_they_were_recorded() {
    for (case, judgement, offending) in replayed() {
        for (place, (check, said)) in judgement.checks.iter().zip(&case.checks).enumerate() {
            let offending = offending.iter().find(|offending| offending.check == place);
            let ours = told(check, offending);
            assert!(
                is_same(&ours, &said.told),
                "seed {}, {}: {ours:#} is not {:#}: {HELP}",
                case.seed,
                said.id,
                said.told
            );
        }
    }
}

#[test]
fn findings_are_as_they_were_recorded() {
    for (case, judgement, _) in replayed() {
        let ours: Vec<Value> = judgement
            .findings
            .iter()
            .map(|finding| json!([finding.name().word(), word(finding.effect)]))
            .collect();
        assert_eq!(ours, case.findings, "seed {}: {HELP}", case.seed);
    }
}
