//! The rows that failed checks have in common: each row once, with every check that it fails.

use super::rows::{self, Row, Side};
use super::{Judged, units, view};
use crate::judge::{Check, Status};
use crate::policy::Kind;
use serde_json::Value;

/// Inputs that tell best what a row is about, the best first.
const TELLING: [&str; 6] = ["question", "input", "prompt", "query", "text", "messages"];

/// A row, and what failed checks say about it.
pub(super) struct WorstRow {
    pub(super) row: Row,
    /// `correctness ✓→✗`, one for each dimension or metric.
    pub(super) changes: Vec<String>,
}

/// The rows of the checks that did not pass, those of the most checks first.
pub(super) fn worst_rows(judged: &Judged) -> Vec<WorstRow> {
    let mut found: Vec<WorstRow> = Vec::new();
    let failed = view::ordered(&judged.judgement).into_iter();
    for check in failed.filter(|check| check.status != Status::Pass) {
        let Some(offending) = judged.offending(check) else {
            continue;
        };
        for row in rows::rows(judged, offending) {
            let change = change(check, &row);
            match found
                .iter_mut()
                .find(|known| known.row.digest == row.digest)
            {
                Some(known) if known.changes.contains(&change) => {}
                Some(known) => known.changes.push(change),
                None => found.push(WorstRow {
                    row,
                    changes: vec![change],
                }),
            }
        }
    }
    found.sort_by_key(|row| std::cmp::Reverse(row.changes.len()));
    found
}

/// `correctness ✓→✗`.
fn change(check: &Check, row: &Row) -> String {
    let what = match &check.subject {
        Some(subject) => subject.clone(),
        None => check.metric.word().replace('_', " "),
    };
    let after = score(check, &row.candidate);
    match &row.baseline {
        Some(before) => format!("{what} {}→{after}", score(check, before)),
        None => format!("{what} {after}"),
    }
}

/// The score of one run for a row: a sign for a truth value, else in the metric's unit.
fn score(check: &Check, side: &Side) -> String {
    let is_truth = check.metric.column() == Some(Kind::Truth);
    match side.score {
        _ if side.trials == 0 => "no row".to_owned(),
        None => "no score".to_owned(),
        Some(score) if is_truth && score == 1.0 => "✓".to_owned(),
        Some(score) if is_truth && score == 0.0 => "✗".to_owned(),
        Some(score) => units::value(check.metric, score, 0.0),
    }
}

/// The input that tells what a row is about: one with a usual name, else the longest text.
pub(super) fn telling_input(inputs: &Value) -> String {
    let Some(map) = inputs.as_object() else {
        return rows::excerpt(inputs);
    };
    let named = TELLING.iter().find_map(|name| map.get(*name));
    match named {
        Some(Value::Array(messages)) => {
            let of_user = |message: &&Value| message["role"] == "user";
            let last = messages.iter().rev().find(of_user).or(messages.last());
            last.map_or_else(String::new, |message| rows::excerpt(&message["content"]))
        }
        Some(value) => rows::excerpt(value),
        None => {
            let texts = map.values().filter_map(Value::as_str);
            let longest = texts.max_by_key(|text| text.len());
            longest.map_or_else(
                || rows::excerpt(inputs),
                |text| rows::excerpt(&Value::from(text)),
            )
        }
    }
}
