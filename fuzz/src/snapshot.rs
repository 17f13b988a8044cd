//! Snapshots: what is accepted adds up, comes out again as it went in, and passes nothing that it does not say.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;
use weave_gate::evidence::snapshot::{self, Saved};
use weave_gate::evidence::{Evidence, Kind, Role, RowSource, Totals, gathered};
use weave_gate::judge::{Verdict, judge};

use super::made::{Claims, every_column, holds_together, now};
use super::text::{self, is_told};

const WEB: &str = "https://wandb.ai";

static CLAIMS: LazyLock<Claims> = LazyLock::new(Claims::new);

fn read(bytes: Vec<u8>) -> Result<Saved, weave_gate::fault::Fault> {
    snapshot::parse(bytes, "made.json", WEB, &|_| false)
}

/// Reads a snapshot, judges it, alone and against itself, and writes it again.
///
/// # Panics
///
/// What is accepted does not add up, is changed by writing it, or passes a claim that it does not bear out.
pub fn check(data: &[u8]) {
    let saved = match read(data.to_vec()) {
        Ok(saved) => saved,
        Err(fault) => return is_told(&fault),
    };
    assert_eq!(saved.run.web, WEB, "a file has no say in where links lead");
    let wanted = |runs: &[&Totals]| CLAIMS.columns(runs);
    let alone = Evidence::alone(saved.known(), Some(&wanted));
    let joined = Evidence::joined(saved.known(), Ok(saved.known()), Some(&wanted));
    for evidence in [&alone, &joined] {
        match evidence {
            Ok(evidence) => holds_together(evidence),
            Err(fault) => is_told(fault),
        }
    }
    let raw = str::from_utf8(data).ok().and_then(text::read);
    if let (Ok(alone), Some(raw)) = (&alone, &raw) {
        for policy in CLAIMS.passed(alone) {
            if std::ptr::eq(policy, &raw const CLAIMS.all_true) {
                summary_is_true(raw);
            } else if std::ptr::eq(policy, &raw const CLAIMS.rows_true) {
                summary_is_true(raw);
                assert!(scores(raw).all(|score| score == &Value::Bool(true)));
            }
        }
    }
    if let Ok(joined) = &joined {
        // Missing scores may leave it undecided; but no run is worse than itself.
        for policy in [&CLAIMS.no_drop, &CLAIMS.none_regressed] {
            assert_ne!(judge(policy, joined, now()).verdict, Verdict::Failed);
        }
    }
    if let Some(raw) = raw.filter(|_| saved.has_rows()) {
        rows_are_true(&saved, &raw);
    }
    is_written_as_it_was(&saved);
}

/// Rows as the judge sees them are those of the file, read once more and in another way.
fn rows_are_true(saved: &Saved, raw: &Value) {
    let totals = &saved.run.totals;
    let rows = gathered(saved, &every_column(totals)).expect("rows that were read before");
    assert_eq!(rows.disagree(Role::Candidate, saved.run.rows, totals), None);
    for (place, row) in raw["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(rows.digest(place), row["row_digest"]);
        let trials: Vec<BTreeMap<String, &Value>> = row["trials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trial| {
                let mut leaves = BTreeMap::new();
                flatten(None, &trial["scores"], &mut leaves);
                leaves
            })
            .collect();
        let sound = totals
            .dimensions
            .iter()
            .filter(|(_, known)| known.flaw.is_none());
        for (name, _) in sound {
            let truth = rows.column(name, Kind::Truth).expect("a column");
            let number = rows.column(name, Kind::Number).expect("a column");
            let read = |column| rows.values(Role::Candidate, column, place);
            for (trial, leaves) in trials.iter().enumerate() {
                let leaf = leaves.get(name).copied().unwrap_or(&Value::Null);
                let as_truth = leaf.as_bool().map(|passed| f64::from(u8::from(passed)));
                assert_eq!(
                    Some(read(truth)[trial]).filter(|value| !value.is_nan()),
                    as_truth
                );
                assert_eq!(
                    Some(read(number)[trial]).filter(|value| !value.is_nan()),
                    leaf.as_f64()
                );
            }
        }
    }
}

/// Scores by the names of their dimensions.
fn flatten<'v>(name: Option<&str>, value: &'v Value, leaves: &mut BTreeMap<String, &'v Value>) {
    let Some(map) = value.as_object() else {
        leaves.extend(name.map(|name| (name.to_owned(), value)));
        return;
    };
    for (key, value) in map {
        let inner = name.map_or_else(|| key.clone(), |name| format!("{name}.{key}"));
        flatten(Some(&inner), value, leaves);
    }
}

fn is_written_as_it_was(saved: &Saved) {
    let rows = saved.has_rows().then_some(saved as &dyn RowSource);
    let mut bytes = Vec::new();
    if let Err(fault) = snapshot::write(&mut bytes, &saved.run, rows, now()) {
        panic!("not written: {fault:?}");
    }
    let again = read(bytes).unwrap_or_else(|fault| panic!("not read back: {fault:?}"));
    assert_eq!(again.run, saved.run);
    assert_eq!(again.has_rows(), saved.has_rows());
}

fn summary_is_true(raw: &Value) {
    let dimensions = raw["dimensions"].as_array().unwrap().iter();
    let of_ok: Vec<&Value> = dimensions.filter(|stats| stats["name"] == "ok").collect();
    assert_eq!(of_ok.len(), 1);
    let trials = raw["trial_count"].as_u64().unwrap();
    assert!(trials > 0);
    for key in ["pass_true_count", "pass_known_count", "trial_count"] {
        assert_eq!(of_ok[0][key].as_u64(), Some(trials));
    }
}

/// The score of each trial in the dimension `ok`.
fn scores(raw: &Value) -> impl Iterator<Item = &Value> {
    let rows = raw["results"].as_array().into_iter().flatten();
    let trials = rows.flat_map(|row| row["trials"].as_array().into_iter().flatten());
    trials.map(|trial| &trial["scores"]["ok"])
}
