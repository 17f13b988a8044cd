//! The slices of a gate, or the reason why there are none.

use std::collections::BTreeSet;

use crate::evidence::{Evidence, MOST_VALUES, Role, Rows, Sort};
use crate::judge::cause::{Cause, SliceCause};
use crate::judge::slice::{Selection, Slice};
use crate::policy::Gate;

/// The slices that a gate judges, in a stable order; `None` means all rows.
pub(super) fn of(gate: &Gate, evidence: &Evidence) -> Result<Vec<Option<Slice>>, Cause> {
    if !gate.is_sliced() {
        return Ok(vec![None]);
    }
    let slice = Slice {
        conditions: gate.conditions.clone(),
        by: None,
    };
    let Some(path) = &gate.by else {
        return Ok(vec![Some(slice)]);
    };
    let rows = evidence.rows.as_ref();
    let rows = rows.ok_or_else(|| Cause::rows_unknown(evidence, true))?;
    let sorts = sorts(gate, &slice, path, rows);
    // A long text does not count as a value, so the number of values is unknown.
    let is_open = sorts.contains(&Sort::Other);
    if is_open || sorts.len() > MOST_VALUES {
        return Err(Cause::Slice(SliceCause::TooManyValues {
            input: path.clone(),
            values: (!is_open).then_some(sorts.len() as u64),
        }));
    }
    if sorts.iter().all(|sort| *sort == Sort::Absent) {
        return Err(empty(&slice, Some(path), rows));
    }
    let of_sort = |sort| Slice {
        by: Some((path.clone(), sort)),
        ..slice.clone()
    };
    Ok(sorts.into_iter().map(|sort| Some(of_sort(sort))).collect())
}

/// The values that rows have for an input: the rows of both runs if the gate compares, otherwise those of the
/// candidate.
fn sorts(gate: &Gate, slice: &Slice, path: &str, rows: &Rows) -> BTreeSet<Sort> {
    let Some(input) = rows.input(path) else {
        return BTreeSet::new();
    };
    let compares = gate.limits.iter().any(|limit| gate.compares(*limit));
    let selection = Selection::of(Some(slice), rows);
    (0..rows.len())
        .filter(|row| compares || rows.trials(Role::Candidate, *row) > 0)
        .filter(|row| selection.has(rows, *row))
        .map(|row| rows.sort(input, row))
        .collect()
}

/// The cause if a slice has no rows, with the existing inputs or values.
pub(super) fn empty(slice: &Slice, by: Option<&str>, rows: &Rows) -> Cause {
    let conditions = slice
        .conditions
        .iter()
        .map(|condition| condition.input.as_str());
    let has_input = |path: &str| {
        rows.input(path)
            .is_some_and(|input| (0..rows.len()).any(|row| rows.sort(input, row) != Sort::Absent))
    };
    let unknown = conditions.chain(by).find(|path| !has_input(path));
    if let Some(path) = unknown {
        return Cause::Slice(SliceCause::UnknownInput {
            input: path.to_owned(),
            known: rows.input_names().to_vec(),
        });
    }
    let values = slice.conditions.iter().map(|condition| {
        let input = rows.input(&condition.input);
        let sorts: BTreeSet<Sort> = (0..rows.len())
            .filter_map(|row| Some(rows.sort(input?, row)))
            .collect();
        let values = sorts.iter().filter_map(|sort| match sort {
            Sort::Value(value) => Some(value.to_string()),
            Sort::Absent | Sort::Other => None,
        });
        (condition.input.clone(), values.collect())
    });
    Cause::Slice(SliceCause::EmptySlice {
        slice: slice.clone(),
        values: values.collect(),
    })
}

/// The cause if a gate names values that no row has.
pub(super) fn unknown_values(gate: &Gate, rows: &Rows) -> Option<Cause> {
    let mut unknown = Vec::new();
    for condition in gate
        .conditions
        .iter()
        .filter(|condition| condition.any_of.len() > 1)
    {
        let input = rows.input(&condition.input);
        for value in &condition.any_of {
            let code = input.and_then(|input| rows.code(input, &Sort::Value(value.clone())));
            let has = |row| input.is_some_and(|input| rows.is_any_of(input, row, code.as_slice()));
            if !(0..rows.len()).any(has) {
                unknown.push(format!("{}: {value}", condition.input));
            }
        }
    }
    (!unknown.is_empty()).then_some(Cause::Slice(SliceCause::UnknownValues { values: unknown }))
}
