//! The rows of a comparison that changed, with what both runs made of them.

use super::rows::{Answered, Row, Side, answered};
use super::worst_rows::{self, WorstRow, score_of, title};
use super::{Compared, view};
use crate::evidence::{Baseline, Detail};
use crate::judge::{FlippedRow, RowChange};

/// The rows that changed, the worst first, each with its changes: `correctness ✓→✗`.
pub(super) fn flipped_rows(compared: &Compared) -> Vec<WorstRow> {
    let found = compared.outcome.as_ref().ok();
    let rows = found.and_then(|(comparison, _)| comparison.rows.as_ref());
    let rows = rows.map_or(&[][..], |rows| &rows.worst);
    rows.iter().map(|row| flipped_row(compared, row)).collect()
}

fn flipped_row(compared: &Compared, row: &FlippedRow) -> WorstRow {
    let (baseline, candidate) = answers(compared, row);
    // A comparison is about several dimensions, so a side has no single score.
    let side = |answers: Vec<Answered>| Side {
        score: None,
        scored: 0,
        trials: answers.len() as u64,
        answers,
    };
    let inputs = inputs(compared, row);
    WorstRow {
        title: title(&inputs, &[]),
        row: Row {
            digest: row.digest.clone(),
            inputs,
            candidate: side(candidate),
            baseline: Some(side(baseline)),
        },
        changes: row.changes.iter().map(change).collect(),
    }
}

/// The inputs of a row; null if they are unavailable.
pub(super) fn inputs(compared: &Compared, row: &FlippedRow) -> serde_json::Value {
    let detail = compared.details.get(&row.digest);
    detail.map_or(serde_json::Value::Null, |detail| detail.inputs.clone())
}

/// What the baseline and the candidate made of a row.
pub(super) fn answers(compared: &Compared, row: &FlippedRow) -> (Vec<Answered>, Vec<Answered>) {
    let nothing = Detail::default();
    let detail = compared.details.get(&row.digest).unwrap_or(&nothing);
    match &compared.outcome {
        Ok((_, evidence)) => {
            let candidate = answered(&evidence.candidate, &detail.candidate);
            let baseline = match &evidence.baseline {
                Baseline::Found(run, _) => answered(run, &detail.baseline),
                Baseline::Unnamed | Baseline::NotFound(_) => Vec::new(),
            };
            (baseline, candidate)
        }
        Err(_) => (Vec::new(), Vec::new()),
    }
}

fn change(change: &RowChange) -> worst_rows::RowChange {
    let score = |score: Option<f64>| score_of(change.metric, score);
    worst_rows::RowChange {
        what: change.subject.clone(),
        before: Some(score(change.baseline)),
        after: score(change.candidate),
        is_waived: false,
    }
}

/// `13 regressed, 3 fixed`, or `29 lower, 10 higher`; and how many rows lost or gained a score.
pub(super) fn moved(line: &crate::judge::Line) -> Option<String> {
    let moved = line.moved?;
    let is_truth = view::is_truth(line.metric) && moved.has_one_trial;
    let (down, up) = if is_truth {
        ("regressed", "fixed")
    } else {
        ("lower", "higher")
    };
    if moved.lower + moved.higher + moved.lost + moved.gained == 0 {
        return Some("no row changed".to_owned());
    }
    let mut parts = vec![
        format!("{} {down}", moved.lower),
        format!("{} {up}", moved.higher),
    ];
    if moved.lost > 0 {
        parts.push(format!("{} no longer scored", moved.lost));
    }
    if moved.gained > 0 {
        parts.push(format!("{} newly scored", moved.gained));
    }
    Some(parts.join(", "))
}

/// What both runs have in common, and exactly what of it was compared; `None` if the rows are unknown.
pub(super) fn sameness(compared: &Compared) -> Option<String> {
    let (comparison, _) = compared.outcome.as_ref().ok()?;
    let rows = comparison.rows.as_ref()?;
    if rows.common == 0 {
        return None;
    }
    let common = format!(
        "{} common {}",
        rows.common,
        if rows.common == 1 { "row" } else { "rows" }
    );
    Some(match compared.same_outputs {
        Some(same) if same == rows.common && rows.same == rows.common => {
            format!("{same} of {common} identical: same outputs, same scores")
        }
        Some(same) => format!(
            "same scores on {} of {common}, same outputs on {same}",
            rows.same
        ),
        None => format!("same scores on {} of {common}", rows.same),
    })
}
