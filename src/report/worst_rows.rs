//! The rows that failed checks have in common: each row once, with every check that it fails.

use super::rows::{self, Row, Side};
use super::{Judged, units, view};
use crate::judge::{Check, Status};
use crate::policy::{Kind, Metric};
use serde_json::Value;
use std::collections::BTreeMap;

/// Inputs that tell best what a row is about, the best first.
const TELLING: [&str; 6] = ["question", "input", "prompt", "query", "text", "messages"];

/// The maximum number of different exceptions that are named.
const MOST_EXCEPTIONS: usize = 3;

/// A row, and what failed checks say about it.
pub(super) struct WorstRow {
    pub(super) row: Row,
    /// What the row is about, from its inputs.
    pub(super) title: String,
    /// One for each dimension or metric.
    pub(super) changes: Vec<RowChange>,
}

/// A row's scores of one dimension or metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowChange {
    /// The dimension or metric.
    pub(super) what: String,
    /// The baseline's score; `None` without a baseline.
    pub(super) before: Option<String>,
    /// The candidate's score.
    pub(super) after: String,
    /// Whether the check is waived.
    pub(super) is_waived: bool,
}

impl RowChange {
    /// `✓→✗`, or one score without a baseline.
    pub(super) fn scores(&self) -> String {
        match &self.before {
            Some(before) => format!("{before}→{}", self.after),
            None => self.after.clone(),
        }
    }
}

impl WorstRow {
    /// The page of the row's trial in Weave: the candidate's if it has one.
    pub(super) fn url(&self) -> Option<&str> {
        let sides = [Some(&self.row.candidate), self.row.baseline.as_ref()];
        let mut answers = sides.into_iter().flatten().flat_map(|side| &side.answers);
        answers.find_map(|answer| answer.url.as_deref())
    }
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
                    title: title(&row.inputs, &judged.show),
                    row,
                    changes: vec![change],
                }),
            }
        }
    }
    for row in &mut found {
        // A waived check is named only if the row fails no other one.
        if row.changes.iter().any(|change| !change.is_waived) {
            row.changes.retain(|change| !change.is_waived);
        }
    }
    found.sort_by_key(|row| std::cmp::Reverse(row.changes.len()));
    found
}

fn change(check: &Check, row: &Row) -> RowChange {
    let what = match &check.subject {
        Some(subject) => subject.clone(),
        None => super::view::metric(check),
    };
    RowChange {
        what,
        before: row
            .baseline
            .as_ref()
            .map(|before| score(check.metric, before)),
        after: score(check.metric, &row.candidate),
        is_waived: check.status == Status::Waived,
    }
}

/// The score of one run for a row: a sign for a truth value, else in the metric's unit.
pub(super) fn score(metric: Metric, side: &Side) -> String {
    match side.score {
        _ if side.trials == 0 => "no row".to_owned(),
        score => score_of(metric, score),
    }
}

/// The same of a row that is there.
pub(super) fn score_of(metric: Metric, score: Option<f64>) -> String {
    match score {
        None => "no score".to_owned(),
        Some(score) if view::is_truth(metric) && score == 1.0 => "✓".to_owned(),
        Some(score) if view::is_truth(metric) && score == 0.0 => "✗".to_owned(),
        Some(score) => units::value(metric, score, 0.0),
    }
}

/// How many rows got worse and better: `13 / 3`, or `29 lower`.
pub(super) fn moved(judged: &Judged, check: &Check) -> String {
    if let Some((worse, better)) = check.chance.as_ref().and_then(|test| test.discordant) {
        return format!("{worse} / {better}");
    }
    match judged.offending(check) {
        Some(offending) if check.limit.key.is_change() => {
            let word = match (check.metric.column(), check.limit.key.wants_high()) {
                (Some(Kind::Number), true) => "lower",
                (Some(Kind::Number), false) => "higher",
                _ => "worse",
            };
            format!("{} {word}", offending.total)
        }
        _ => "–".to_owned(),
    }
}

/// The exceptions of the candidate's trials in these rows, each with the number of calls that raised it, the most
/// frequent first.
pub(super) fn exceptions(rows: &[WorstRow]) -> Vec<(u64, String)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let answers = rows.iter().flat_map(|worst| &worst.row.candidate.answers);
    for exception in answers.flat_map(|answer| &answer.exceptions) {
        *counts.entry(exception).or_default() += 1;
    }
    let mut counts: Vec<(u64, String)> = counts
        .into_iter()
        .map(|(exception, count)| (count, exception.to_owned()))
        .collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counts.truncate(MOST_EXCEPTIONS);
    counts
}

/// What a row is about: the inputs with these names, if it has any of them; else the input with a usual name, else the
/// longest text.
pub(super) fn title(inputs: &Value, show: &[String]) -> String {
    let shown = show.iter().filter_map(|name| inputs.get(name));
    let shown: Vec<String> = shown.map(rows::excerpt).collect();
    if !shown.is_empty() {
        return shown.join(" · ");
    }
    match telling(inputs) {
        (Some(_), Value::Array(messages)) => {
            let of_user = |message: &&Value| message["role"] == "user";
            let last = messages.iter().rev().find(of_user).or(messages.last());
            last.map_or_else(String::new, |message| rows::excerpt(&message["content"]))
        }
        (_, value) => rows::excerpt(value),
    }
}

/// The name and the value of that input; without a name, all inputs.
pub(super) fn telling(inputs: &Value) -> (Option<&str>, &Value) {
    let Some(map) = inputs.as_object() else {
        return (None, inputs);
    };
    let named = TELLING.iter().find_map(|name| map.get_key_value(*name));
    let texts = map.iter().filter(|(_, value)| value.is_string());
    let longest = texts.max_by_key(|(_, value)| value.as_str().map_or(0, str::len));
    match named.or(longest) {
        Some((name, value)) => (Some(name), value),
        None => (None, inputs),
    }
}
