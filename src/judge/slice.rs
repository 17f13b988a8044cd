//! Slices: the rows whose inputs have certain values.

use std::fmt;

use crate::evidence::{Rows, Sort};
use crate::policy::Condition;

/// A subset of the rows, as a gate selects it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The conditions under `where`.
    pub conditions: Vec<Condition>,
    /// The input under `by` and the rows' value for it.
    pub by: Option<(String, Sort)>,
}

impl fmt::Display for Slice {
    /// Writes a slice as `golden: true, category: billing`.
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

/// Selects the rows of a slice.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// For each condition, the index of the input and the codes of which a row must have one. Empty for all rows. If
    /// an input was not read (`None`), no row matches.
    tests: Vec<(Option<usize>, Vec<u32>)>,
}

impl Selection {
    /// The selection for a slice; all rows without a slice.
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
            let input = rows.input(path);
            let codes = sorts
                .iter()
                .filter_map(|sort| rows.code(input?, sort))
                .collect();
            (input, codes)
        });
        Self {
            tests: tests.collect(),
        }
    }

    pub(super) fn has(&self, rows: &Rows, row: usize) -> bool {
        self.tests
            .iter()
            .all(|(input, codes)| input.is_some_and(|input| rows.is_any_of(input, row, codes)))
    }
}
