//! The clusters of rows that a gate counts in its confidence intervals.

use std::collections::BTreeSet;

use crate::evidence::{Role, Rows};
use crate::judge::cause::{Advice, Cause, SliceCause};
use crate::judge::check::Check;
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::plan::CheckSpec;
use crate::judge::slice::Selection;
use crate::policy::{self, Policy};

/// With fewer clusters, an interval by clusters is too short or too long by chance.
const FEWEST: u64 = 10;

/// The index of the input whose value the rows of a cluster share; `None` if this check has no clusters.
///
/// # Errors
///
/// The input was not read, or a row of the check lacks it.
pub(super) fn input(
    spec: CheckSpec<'_>,
    rows: &Rows,
    selection: &Selection,
    unread: impl FnOnce() -> Cause,
) -> Result<Option<usize>, Cause> {
    let is_observed = spec.gate.evidence_of(spec.limit) == policy::Evidence::Observed;
    let Some(path) = spec.gate.cluster_by.as_ref().filter(|_| !is_observed) else {
        return Ok(None);
    };
    let input = rows.input(path).ok_or_else(unread)?;
    let role = if spec.gate.compares(spec.limit) {
        Role::Baseline
    } else {
        Role::Candidate
    };
    let takes_part = |row: &usize| rows.trials(role, *row) > 0 && selection.has(rows, *row);
    let lacks = |row: &usize| rows.value_code(input, *row).is_none();
    let lacking = (0..rows.len())
        .filter(|row| lacks(row) && takes_part(row))
        .count() as u64;
    if lacking == 0 {
        return Ok(Some(input));
    }
    let has_any = (0..rows.len()).any(|row| rows.value_code(input, row).is_some());
    Err(Cause::Slice(if has_any {
        SliceCause::RowsWithoutCluster {
            input: path.clone(),
            lacking,
            rows: (0..rows.len()).filter(takes_part).count() as u64,
        }
    } else {
        SliceCause::UnknownInput {
            input: path.clone(),
            known: rows.input_names().to_vec(),
        }
    }))
}

/// The hints about gates with few clusters, one for each gate.
pub(super) fn hints(policy: &Policy, checks: &[Check]) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let few = checks.iter().filter_map(|check| {
        let clusters = check
            .chance
            .as_ref()?
            .clusters
            .filter(|clusters| *clusters < FEWEST)?;
        let gate = policy.gates.iter().find(|gate| gate.name == check.gate)?;
        let input = gate.cluster_by.clone()?;
        told.insert(&check.gate).then(|| {
            let advice = Advice::FewClusters { input, clusters };
            Finding::of_gate(&check.gate, Effect::Hint, Cause::Advice(advice))
        })
    });
    few.collect()
}
