//! Fuzzes snapshots. An accepted snapshot must be consistent, must not change when it is written again, and must pass
//! no claim that it does not support.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::LazyLock;

use serde_json::Value;
use weave_gate::evidence::snapshot::{self, Saved, SavedRows, Spool, Written};
use weave_gate::evidence::{
    Completeness, Evidence, Kind, Known, Role, RowSource, Run, Totals, gathered,
};
use weave_gate::judge::{Verdict, judge};

use super::made::{Claims, every_column, holds_together, now};
use super::text::{self, is_told};

const WEB: &str = "https://wandb.ai";

static CLAIMS: LazyLock<Claims> = LazyLock::new(Claims::new);

fn read(bytes: Vec<u8>) -> Result<Saved, weave_gate::fault::Fault> {
    snapshot::parse(bytes, "made.json", WEB, &|_| false)
}

/// Reads a snapshot, judges it alone and against itself, and writes it again.
///
/// # Panics
///
/// Panics if accepted data is inconsistent, if writing changes it, or if it passes a claim that it does not support.
pub fn check(data: &[u8]) {
    let saved = match read(data.to_vec()) {
        Ok(saved) => saved,
        Err(fault) => return is_told(&fault),
    };
    assert!(!saved.runs().is_empty());
    for run in saved.runs() {
        assert_eq!(run.web, WEB, "a file has no say in where links lead");
        assert_ne!(run.completeness, Completeness::NotAsked);
    }
    let wanted = |runs: &[&Totals]| CLAIMS.columns(runs);
    let sources: Vec<Option<SavedRows>> = saved
        .runs()
        .iter()
        .map(|run| saved.rows_of(&run.id))
        .collect();
    let known = || -> Vec<Known<'_>> {
        let runs = saved.runs().iter().zip(&sources);
        let known = runs.map(|(run, rows)| Known {
            run: run.clone(),
            rows: rows.as_ref().map(|rows| rows as &dyn RowSource),
        });
        known.collect()
    };
    let alone = Evidence::assembled(known(), None, false, Some(&wanted));
    let joined = Evidence::assembled(known(), Some(Ok(known())), false, Some(&wanted));
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
                runs(raw).for_each(summary_is_true);
            } else if std::ptr::eq(policy, &raw const CLAIMS.rows_true) {
                runs(raw).for_each(summary_is_true);
                assert!(scores(raw).all(|score| score == &Value::Bool(true)));
            }
        }
    }
    if let Ok(joined) = &joined {
        // Missing scores may make the check undecided. But no run is worse than itself.
        for policy in [&CLAIMS.no_drop, &CLAIMS.none_regressed] {
            assert_ne!(judge(policy, joined, now()).verdict, Verdict::Failed);
        }
    }
    if let Some(raw) = raw.filter(|_| saved.has_rows()) {
        for run in saved.runs() {
            rows_are_true(&saved, run, &raw);
        }
    }
    for with_texts in [true, false] {
        is_written_as_it_was(&saved, with_texts);
    }
}

/// The runs of a file. A file in version 1 of the format holds one run.
fn runs(raw: &Value) -> impl Iterator<Item = &Value> {
    let several = raw["version"] != 1;
    let runs = raw["runs"].as_array().into_iter().flatten();
    let one = (!several).then_some(raw);
    one.into_iter().chain(runs.filter(move |_| several))
}

/// The rows of one run of the file, or of all runs.
fn rows<'v>(raw: &'v Value, run: Option<&str>) -> Vec<&'v Value> {
    let results = raw["results"].as_array().into_iter().flatten();
    if raw["version"] == 1 {
        return results.collect();
    }
    let of_run = results.filter(|results| run.is_none_or(|run| results["run"] == run));
    of_run
        .flat_map(|results| results["rows"].as_array().into_iter().flatten())
        .collect()
}

/// Checks that the judge reads the same rows as independent code.
fn rows_are_true(saved: &Saved, run: &Run, raw: &Value) {
    let totals = &run.totals;
    let source = saved.rows_of(&run.id).expect("its rows");
    let read = gathered(&source, &every_column(totals)).expect("rows that were read before");
    assert_eq!(read.disagree(Role::Candidate, run.rows, totals), None);
    for (place, row) in rows(raw, Some(&run.id)).into_iter().enumerate() {
        assert_eq!(read.digest(place), row["row_digest"]);
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
            let truth = read.column(Some(name), Kind::Truth).expect("a column");
            let number = read.column(Some(name), Kind::Number).expect("a column");
            let scores = |column| read.scores(Role::Candidate, column, place);
            for (trial, leaves) in trials.iter().enumerate() {
                let leaf = leaves.get(name).copied().unwrap_or(&Value::Null);
                let as_truth = leaf.as_bool().map(|passed| f64::from(u8::from(passed)));
                assert_eq!(scores(truth)[trial].value(), as_truth);
                assert_eq!(scores(number)[trial].value(), leaf.as_f64());
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

/// Checks that the runs are unchanged after writing, with or without inputs and outputs.
fn is_written_as_it_was(saved: &Saved, with_texts: bool) {
    let sources: Vec<Option<SavedRows>> = saved
        .runs()
        .iter()
        .map(|run| saved.rows_of(&run.id))
        .collect();
    let raised = |trials: &[&str]| {
        let found = trials
            .iter()
            .map(|trial| ((*trial).to_owned(), saved.raised(trial).to_vec()));
        found.filter(|(_, raised)| !raised.is_empty()).collect()
    };
    let written: Vec<Written<'_>> = saved
        .runs()
        .iter()
        .zip(&sources)
        .map(|(run, rows)| Written {
            run,
            rows: rows.as_ref().map(|rows| rows as &dyn RowSource),
            raised: &raised,
        })
        .collect();
    let mut bytes = Vec::new();
    let mut texts = Cursor::new(Vec::new());
    let texts = with_texts.then_some(&mut texts as &mut dyn Spool);
    if let Err(fault) = snapshot::write(&mut bytes, &written, texts, now()) {
        panic!("not written: {fault:?}");
    }
    let again = read(bytes).unwrap_or_else(|fault| panic!("not read back: {fault:?}"));
    assert_eq!(again.runs().len(), saved.runs().len());
    for (again, run) in again.runs().iter().zip(saved.runs()) {
        assert_eq!(*again, completed(run, again));
    }
    assert_eq!(again.has_rows(), saved.has_rows());
}

/// Adds the data that version 1 of the format lacks: the run's attributes, and the number of trials that report their
/// usage.
fn completed(run: &Run, again: &Run) -> Run {
    let mut run = run.clone();
    run.attributes.get_or_insert_default();
    if let (Some(usage), Some(known)) = (&mut run.totals.usage, again.totals.usage) {
        usage.reported = usage.reported.or(known.reported);
        usage.priced = usage.priced.or(known.priced);
    }
    run
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

/// The score of each trial of every run in the dimension `ok`.
fn scores(raw: &Value) -> impl Iterator<Item = &Value> {
    let rows = rows(raw, None).into_iter();
    let trials = rows.flat_map(|row| row["trials"].as_array().into_iter().flatten());
    trials.map(|trial| &trial["scores"]["ok"])
}
