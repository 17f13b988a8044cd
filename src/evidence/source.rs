//! Sources of a run's rows, and the functions that collect them.

use super::Run;
use super::columns::Columns;
use super::gather::Gatherer;
use super::rows::{Role, Rows};
use super::trial::RunRow;
use crate::fault::Fault;

/// A function that receives rows one after the other.
pub type Take<'a> = dyn FnMut(&RunRow<'_>) -> Result<(), Fault> + 'a;

/// A source of the rows of one run, in the order of their digests.
pub trait RowSource {
    /// Passes every row to `take`, with the values that these columns need.
    ///
    /// # Errors
    ///
    /// The rows cannot be read, or `take` fails.
    fn each(&self, columns: &Columns, take: &mut Take<'_>) -> Result<(), Fault>;

    /// The error if a row has no inputs, and they are needed.
    fn without_inputs(&self, digest: &str) -> Fault {
        unresolved(digest)
    }
}

/// A run, and the source of its rows if available.
#[derive(Clone)]
pub struct Known<'a> {
    /// The run.
    pub run: Run,
    /// Its rows; `None` for a snapshot without rows.
    pub rows: Option<&'a dyn RowSource>,
}

/// Reads these columns of one run's rows, as rows of a candidate.
///
/// # Errors
///
/// The rows cannot be read.
pub fn gathered(source: &dyn RowSource, columns: &Columns) -> Result<Rows, Fault> {
    let mut gatherer = Gatherer::new(columns.clone());
    source.each(columns, &mut |row| {
        for trial in &row.trials {
            gatherer
                .trial(Role::Candidate, trial)
                .map_err(|error| unreadable(&error))?;
        }
        let trials = u32::try_from(row.trials.len()).unwrap_or(u32::MAX);
        gatherer
            .end_row(&row.row_digest, row.raw_data_row, (trials, 0))
            .map_err(|_| source.without_inputs(&row.row_digest))
    })?;
    Ok(gatherer.finish())
}

/// The rows of two runs, joined on their digests.
///
/// # Errors
///
/// A row has different inputs in the two runs.
pub fn joined(candidate: &Rows, baseline: &Rows) -> Result<Rows, Fault> {
    Rows::joined(candidate, baseline).map_err(|digest| {
        Fault::evidence(format!(
            "the row `{digest}` has other inputs in the candidate than in the baseline"
        ))
        .help("a digest is that of a row's content; was a snapshot edited?")
    })
}

pub(super) fn unreadable(error: &serde_json::Error) -> Fault {
    Fault::evidence(format!("the scores of a trial cannot be read: {error}"))
        .help("the scores must be a JSON object without duplicate keys: check the scorers, and evaluate again")
}

/// The error if inputs that `where` or `by` needs are unavailable.
#[must_use]
pub fn unresolved(digest: &str) -> Fault {
    Fault::evidence(format!("the inputs of the row `{digest}` are not there"))
        .help("`where` and `by` need the inputs themselves, not a reference to them; was the dataset deleted?")
}
