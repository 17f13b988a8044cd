//! Slices: the rows whose inputs have given values.

use crate::judge::finding::unknown_rows;
use std::collections::BTreeSet;
use std::fmt;

use crate::evidence::{Evidence, MOST_VALUES, Role, Rows, Sort};
use crate::judge::finding::{Blocker, Name};
use crate::policy::{Condition, Gate};
use crate::prose::Prose;

/// As many values are listed where one is not there.
const MOST_LISTED: usize = 12;

/// Some of the rows, as a gate names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// What `where` asks of a row.
    pub conditions: Vec<Condition>,
    /// The input under `by`, and what a row is by it.
    pub by: Option<(String, Sort)>,
}

impl fmt::Display for Slice {
    /// `golden: true, category: billing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = self.conditions.iter().map(|condition| {
            let values: Vec<String> = condition.any_of.iter().map(ToString::to_string).collect();
            match values.as_slice() {
                [value] => format!("{}: {value}", condition.input),
                _ => format!("{}: [{}]", condition.input, values.join(", ")),
            }
        });
        let by = self.by.iter().map(|(path, sort)| match sort {
            Sort::Value(value) => format!("{path}: {value}"),
            Sort::Absent | Sort::Other => format!("no {path}"),
        });
        f.write_str(&conditions.chain(by).collect::<Vec<_>>().join(", "))
    }
}

/// Tells which rows are in a slice.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Inputs, and the codes of which a row has to have one; all rows where there are none.
    tests: Vec<(usize, Vec<u32>)>,
}

impl Selection {
    /// The rows of a slice, or all.
    pub(super) fn of(slice: Option<&Slice>, rows: &Rows) -> Self {
        let Some(slice) = slice else {
            return Self::default();
        };
        let conditions = slice.conditions.iter().map(|condition| {
            let sorts = condition.any_of.iter().cloned().map(Sort::Value);
            (&condition.input, sorts.collect::<Vec<_>>())
        });
        let by = slice
            .by
            .iter()
            .map(|(path, sort)| (path, vec![sort.clone()]));
        let tests = conditions.chain(by).map(|(path, sorts)| {
            // An input that was not read is no row's.
            let input = rows.input(path).unwrap_or(usize::MAX);
            let codes = sorts.iter().filter_map(|sort| rows.code(input, sort));
            (input, codes.collect())
        });
        Self {
            tests: tests.collect(),
        }
    }

    pub(super) fn has(&self, rows: &Rows, row: usize) -> bool {
        self.tests
            .iter()
            .all(|(input, codes)| rows.is_any_of(*input, row, codes))
    }
}

/// The slices that a gate judges, in a stable order; `None` stands for all rows.
pub(super) fn of(gate: &Gate, evidence: &Evidence) -> Result<Vec<Option<Slice>>, Blocker> {
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
    let rows = evidence.rows.as_ref().ok_or_else(unknown_rows)?;
    let sorts = sorts(gate, &slice, path, rows);
    if let Some(message) = too_many(path, &sorts) {
        return Err(Blocker {
            name: Name::TooManySlices,
            message,
        });
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

/// What rows are by an input: those of both runs where anything is compared, else those of the candidate.
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

fn too_many(path: &str, sorts: &BTreeSet<Sort>) -> Option<Prose> {
    let is_open = sorts.contains(&Sort::Other);
    (is_open || sorts.len() > MOST_VALUES).then(|| {
        let values = if is_open {
            // A long text is no sort that rows are told by.
            "many values, or long ones".to_owned()
        } else {
            format!("{} values", sorts.len())
        };
        Prose::new().name(path).text(format!(
            " has {values}; at most {MOST_VALUES} make a check each"
        ))
    })
}

/// Why a slice has no rows: what there is instead.
pub(super) fn empty(slice: &Slice, by: Option<&str>, rows: &Rows) -> Blocker {
    let name = Name::EmptySlice;
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
        return Blocker {
            name,
            message: Prose::from("no row has an input ")
                .name(path)
                .text("; the inputs are ")
                .names(rows.input_names(), MOST_LISTED),
        };
    }
    let mut message = Prose::from("no row has ").name(slice.to_string());
    for condition in &slice.conditions {
        let input = rows.input(&condition.input).unwrap_or(usize::MAX);
        let sorts: BTreeSet<Sort> = (0..rows.len()).map(|row| rows.sort(input, row)).collect();
        let values: Vec<String> = sorts
            .iter()
            .filter_map(|sort| match sort {
                Sort::Value(value) => Some(value.to_string()),
                Sort::Absent | Sort::Other => None,
            })
            .collect();
        message = message.text("; ").name(&condition.input);
        // Texts that are all different are data, and no names.
        message = if values.len() <= MOST_LISTED {
            message.text(" is one of ").names(values, MOST_LISTED)
        } else {
            message.text(format!(" has {} other values", values.len()))
        };
    }
    Blocker { name, message }
}

/// The values that a gate names and no row has.
pub(super) fn unknown_values(gate: &Gate, rows: &Rows) -> Option<Prose> {
    let mut unknown = Vec::new();
    for condition in gate
        .conditions
        .iter()
        .filter(|condition| condition.any_of.len() > 1)
    {
        let input = rows.input(&condition.input).unwrap_or(usize::MAX);
        for value in &condition.any_of {
            let code = rows.code(input, &Sort::Value(value.clone()));
            let has = |row| rows.is_any_of(input, row, code.as_slice());
            if !(0..rows.len()).any(has) {
                unknown.push(format!("{}: {value}", condition.input));
            }
        }
    }
    (!unknown.is_empty()).then(|| Prose::from("no row has ").names(unknown, MOST_LISTED))
}

/// Why a slice decides nothing: a run has no row of it.
pub(super) fn empty_in(slice: &Slice, role: &str) -> Blocker {
    Blocker {
        name: Name::EmptySlice,
        message: Prose::from(format!("the {role} has no row with ")).name(slice.to_string()),
    }
}
