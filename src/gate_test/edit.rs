//! Edits of a run: other scores, missing scores, missing rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::evidence::{OwnedRow, OwnedRun, OwnedTrial};
use crate::fault::Fault;
use crate::number::{count, nearest_count};
use crate::policy::Kind;

/// The largest number of rows that a run is enlarged to.
const MOST_ROWS: usize = 100_000;
/// The scorer that scores a trial in which nothing was scored.
const ADDED: &str = "weave_gate_test";

/// What a gate reads from each trial, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) kind: Kind,
    /// The places of the gate's dimensions in the scorers' output: the scorer's key, then the path. Empty if the gate
    /// is measured on the run itself.
    pub(super) paths: Vec<Vec<String>>,
}

/// The value that a trial gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NewValue {
    /// This value; for a boolean dimension 1 is true.
    Known(f64),
    /// No value.
    Missing,
    /// Its own value, times this factor.
    Scaled(f64),
}

impl Target {
    /// Sets the value of a trial.
    pub(super) fn set(&self, trial: &mut OwnedTrial, value: NewValue) {
        match self.kind {
            Kind::Truth | Kind::Number | Kind::Scored => {
                let mut scores = trial.score_map();
                for path in &self.paths {
                    let old = leaf(&scores, path).cloned();
                    put(&mut scores, path, self.score(old.as_ref(), value));
                }
                trial.set_scores(&scores);
                trial.has_output = true;
            }
            Kind::Anything => {
                if value == NewValue::Missing {
                    trial.crash();
                } else if trial.score_map().is_empty() {
                    trial.set_scores(&Map::from_iter([(ADDED.to_owned(), Value::Bool(true))]));
                    trial.has_output = true;
                }
            }
            Kind::Latency | Kind::Elapsed => {
                trial.latency = number(trial.latency, value);
                // The latency of a crashed call is unknown.
                trial.has_output |= trial.latency.is_some();
            }
            Kind::Tokens => {
                let old = trial.tokens.map(count);
                trial.tokens = number(old, value).map(nearest_count);
            }
            Kind::Cost => trial.cost = number(trial.cost, value),
        }
    }

    /// The score that replaces an old one.
    fn score(&self, old: Option<&Value>, value: NewValue) -> Value {
        match (self.kind, value) {
            (_, NewValue::Missing) => Value::Null,
            (Kind::Truth, NewValue::Known(value)) => Value::Bool(value > 0.5),
            // Any score counts.
            (Kind::Scored, NewValue::Known(_)) => match old {
                Some(old @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => old.clone(),
                _ => Value::Bool(true),
            },
            (_, NewValue::Known(value)) => value.into(),
            (_, NewValue::Scaled(factor)) => match old.and_then(Value::as_f64) {
                Some(old) => (old * factor).into(),
                None => Value::Null,
            },
        }
    }

    /// Keeps the dimensions that have a value of the right kind on one of these trials.
    pub(super) fn keep_own_kind(&mut self, trials: &[&OwnedTrial]) {
        let kind = self.kind;
        let is_own = |value: &Value| match kind {
            Kind::Truth => value.is_boolean(),
            Kind::Number => value.is_number(),
            // A text is a score of a dimension of texts.
            _ => value.is_boolean() || value.is_number() || value.is_string(),
        };
        let scores: Vec<_> = trials.iter().map(|trial| trial.score_map()).collect();
        self.paths.retain(|path| {
            let mut values = scores.iter().filter_map(|scores| leaf(scores, path));
            values.any(is_own)
        });
    }

    /// The values of a trial, one for each dimension; a boolean is 1 or 0.
    pub(super) fn values(&self, trial: &OwnedTrial) -> Vec<f64> {
        let of_trial = match self.kind {
            Kind::Truth | Kind::Number | Kind::Scored => {
                let scores = trial.score_map();
                let leaves = self.paths.iter().filter_map(|path| leaf(&scores, path));
                return leaves.filter_map(as_number).collect();
            }
            Kind::Anything => None,
            Kind::Latency | Kind::Elapsed => trial.latency,
            Kind::Tokens => trial.tokens.map(count),
            Kind::Cost => trial.cost,
        };
        of_trial.into_iter().collect()
    }

    /// Removes the scorers of the dimensions from a trial.
    pub(super) fn remove_scorers(&self, trial: &mut OwnedTrial) {
        let mut scores = trial.score_map();
        scores.retain(|key, _| !self.paths.iter().any(|path| path.first() == Some(key)));
        trial.set_scores(&scores);
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(passed) => Some(if *passed { 1.0 } else { 0.0 }),
        other => other.as_f64(),
    }
}

fn number(old: Option<f64>, value: NewValue) -> Option<f64> {
    match value {
        NewValue::Known(value) => Some(value),
        NewValue::Missing => None,
        NewValue::Scaled(factor) => old.map(|old| old * factor),
    }
}

fn leaf<'a>(scores: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let mut value = scores.get(first)?;
    for key in rest {
        value = value.get(key)?;
    }
    Some(value)
}

fn put(scores: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((last, outer)) = path.split_last() else {
        return;
    };
    let mut map = scores;
    for key in outer {
        let inner = map.entry(key.clone()).or_insert(Value::Null);
        if !inner.is_object() {
            *inner = Value::Object(Map::new());
        }
        let Value::Object(inner) = inner else {
            return;
        };
        map = inner;
    }
    map.insert(last.clone(), value);
}

/// Where each dimension of a run is in the scorers' output.
pub(super) fn dimensions(run: &OwnedRun, found: &mut BTreeMap<String, Vec<String>>) {
    fn walk(name: &str, path: &[String], value: &Value, found: &mut BTreeMap<String, Vec<String>>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = [path, std::slice::from_ref(key)].concat();
                    walk(&format!("{name}.{key}"), &path, value, found);
                }
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                found
                    .entry(name.to_owned())
                    .or_insert_with(|| path.to_vec());
            }
            Value::Null | Value::Array(_) => {}
        }
    }
    for trial in run.rows.iter().flat_map(|row| &row.trials) {
        for (key, value) in trial.score_map() {
            walk(&key, std::slice::from_ref(&key), &value, found);
        }
    }
}

/// The same run with an edit of the trials of these rows, given by their digests.
///
/// # Errors
///
/// The scores of a trial cannot be counted.
pub(super) fn edited(
    run: &OwnedRun,
    digests: &BTreeSet<&str>,
    edit: impl Fn(&mut OwnedTrial),
) -> Result<OwnedRun, Fault> {
    let mut run = run.clone();
    let rows = run.rows.iter_mut();
    for row in rows.filter(|row| digests.contains(row.digest.as_str())) {
        row.trials.iter_mut().for_each(&edit);
    }
    run.counted()
}

/// The same run without these rows, given by their digests.
///
/// # Errors
///
/// The scores of a trial cannot be counted.
pub(super) fn without(run: &OwnedRun, digests: &BTreeSet<&str>) -> Result<OwnedRun, Fault> {
    let mut run = run.clone();
    run.rows
        .retain(|row| !digests.contains(row.digest.as_str()));
    run.counted()
}

/// The number of rows or trials that a run should have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    /// As few as possible, but at least this many.
    AtLeast(u64),
    /// As many as possible, but at most this many.
    AtMost(u64),
}

/// The same run with another number of these rows: some are removed, or copies are added. `units` counts what a row
/// contributes. `None` if that takes too many rows.
///
/// # Errors
///
/// The scores of a trial cannot be counted.
pub(super) fn resized(
    run: &OwnedRun,
    selected: &BTreeSet<&str>,
    size: Size,
    units: impl Fn(&OwnedRow) -> u64,
) -> Result<Option<OwnedRun>, Fault> {
    let mut run = run.clone();
    let (own, others): (Vec<OwnedRow>, Vec<OwnedRow>) = run
        .rows
        .into_iter()
        .partition(|row| selected.contains(row.digest.as_str()));
    run.rows = others;
    let mut sum = 0;
    let mut added = 0;
    let is_enough = |sum: u64, next: u64| match size {
        Size::AtLeast(least) => sum >= least,
        Size::AtMost(most) => sum + next > most,
    };
    'all: for copy in 0_usize.. {
        let before = sum;
        for row in &own {
            if is_enough(sum, units(row)) {
                break 'all;
            }
            if added >= MOST_ROWS {
                return Ok(None);
            }
            let digest = if copy == 0 {
                row.digest.clone()
            } else {
                format!("{}-copy-{copy}", row.digest)
            };
            run.rows.push(OwnedRow {
                digest,
                ..row.clone()
            });
            sum += units(row);
            added += 1;
        }
        if sum == before {
            return Ok(None);
        }
    }
    run.rows.sort_by(|one, next| one.digest.cmp(&next.digest));
    run.counted().map(Some)
}
