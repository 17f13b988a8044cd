//! What gates have to see of rows, and why they cannot.

use std::collections::BTreeSet;

use super::comparability::{Name, Obstacle};
use crate::evidence::{Baseline, Column, Columns, Evidence, Input, Kind, Role, Rows, Totals};
use crate::policy::{Gate, Metric, Policy};
use crate::prose::Prose;

/// What a policy's gates have to see of the rows of these runs.
#[must_use]
pub fn columns(policy: &Policy, runs: &[&Totals]) -> Columns {
    let known: BTreeSet<&str> = runs
        .iter()
        .flat_map(|totals| totals.dimensions.keys().map(String::as_str))
        .collect();
    // Where the summaries tell how many trials have no score, rows need not.
    let is_open = |totals: &&Totals| {
        let (least, most) = totals.unscored();
        least != most
    };
    // Where they are read in any case, they have to agree.
    let reads_rows = |gate: &Gate| gate.needs_rows() || gate.metric.is_usage();
    let tells_errors = runs.iter().any(is_open) || policy.gates.iter().any(reads_rows);
    let mut columns = Columns::default();
    for gate in &policy.gates {
        let is_wanted = reads_rows(gate) || (gate.metric == Metric::ErrorRate && tells_errors);
        if is_wanted {
            columns.add(of_gate(gate, &known));
        }
    }
    columns
}

/// What one gate has to see.
pub(super) fn of_gate(gate: &Gate, known: &BTreeSet<&str>) -> Columns {
    let column = |name: &str, kind| Column {
        dimension: name.to_owned(),
        kind,
    };
    let scores = match kind(gate.metric) {
        None => Vec::new(),
        Some(kind @ (Kind::Anything | Kind::Latency | Kind::Tokens | Kind::Cost)) => {
            vec![column("", kind)]
        }
        Some(kind) => {
            let names = gate.subjects(known).into_iter();
            names.map(|name| column(name, kind)).collect()
        }
    };
    let named = gate.conditions.iter().map(|condition| Input {
        path: condition.input.clone(),
        named: condition.any_of.clone(),
    });
    let by = gate.by.iter().map(|path| Input {
        path: path.clone(),
        named: Vec::new(),
    });
    Columns {
        scores,
        inputs: named.chain(by).collect(),
    }
}

/// What a metric is made of; `None` where rows and trials are counted.
pub(super) fn kind(metric: Metric) -> Option<Kind> {
    Some(match metric {
        Metric::PassRate | Metric::RegressedRows | Metric::FixedRows => Kind::Truth,
        Metric::NumericMean => Kind::Number,
        Metric::Coverage => Kind::Scored,
        Metric::ErrorRate => Kind::Anything,
        Metric::LatencyMean | Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99 => {
            Kind::Latency
        }
        Metric::TokensMean | Metric::TokensTotal => Kind::Tokens,
        Metric::CostMean | Metric::CostTotal => Kind::Cost,
        Metric::Trials | Metric::Rows => return None,
    })
}

/// The column that a metric of a subject is measured on.
pub(super) fn column(
    rows: &Rows,
    metric: Metric,
    subject: Option<&str>,
) -> Result<usize, Obstacle> {
    kind(metric)
        .and_then(|kind| rows.column(subject.unwrap_or_default(), kind))
        .ok_or_else(unknown_rows)
}

/// The run whose rows are not what its summary says, where there is one.
pub(super) fn contradicted(evidence: &Evidence) -> Option<(Role, Obstacle)> {
    let rows = evidence.rows.as_ref()?;
    let baseline = match &evidence.baseline {
        Baseline::Found(baseline, _) => Some((Role::Baseline, baseline.as_ref())),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    };
    let candidate = (Role::Candidate, &evidence.candidate);
    std::iter::once(candidate)
        .chain(baseline)
        .find_map(|(role, run)| {
            let what = rows.disagree(role, run.rows, &run.totals)?;
            let word = role.word();
            let obstacle = Obstacle {
                name: Name::RowsDisagree,
                message: Prose::from(format!(
                    "the rows of the {word} are not what its summary says of "
                ))
                .name(what),
            };
            Some((role, obstacle))
        })
}

pub(super) fn unknown_rows() -> Obstacle {
    Obstacle {
        name: Name::RowsUnknown,
        message: Prose::from(
            "its evidence needs single rows, and a snapshot has none; take it with --rows, or compare the runs in Weave \
             itself",
        ),
    }
}
