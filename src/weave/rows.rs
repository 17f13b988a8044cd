//! Reads rows page by page. Each page is decoded while the next one is fetched. No page may repeat or lose a row.

use std::borrow::Cow;
use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::api_error::{ApiError, contradiction};
use super::body::{named, set};
use super::client::{CHILDREN, COSTS, Client};
use crate::evidence::{
    Columns, Gatherer, Role, RowSource, Rows, RunRow, Take, Trial, joined, unresolved,
};
use crate::fault::Fault;
use crate::json::objects;

/// Number of rows in the first page. The size of each further page follows from the size of the page before.
const FIRST_PAGE: usize = 100;
const MOST_ROWS: usize = 2_000;
const FEWEST_ROWS: usize = 2;
/// Number of rows per run that are compared to check whether only the order of keys differs.
const SAMPLE: usize = 200;
/// Target size of a page, in bytes: large enough that requests cost little, and small enough to hold two pages.
const GOOD_PAGE: usize = 4 * 1024 * 1024;

/// What to read of each row in addition to its scores and outputs.
#[derive(Clone, Copy, Default)]
pub(super) struct Ask {
    /// The latency and the tokens of its predict calls alone, which cost the server another query.
    pub(super) calls: bool,
    /// The costs of its predict calls.
    pub(super) costs: bool,
    /// The inputs of the row.
    pub(super) inputs: bool,
}

impl Ask {
    /// What these columns need.
    pub(super) fn of(columns: &Columns) -> Self {
        Self {
            calls: columns.need_calls(),
            costs: columns.need_costs(),
            inputs: !columns.inputs.is_empty(),
        }
    }
}

/// Reads all rows of one or two runs, the candidate first, into the requested columns. If a server refuses so many
/// trials at once, each run is read alone.
pub(super) fn read(
    client: &Client<'_>,
    path: &str,
    ids: &[&str],
    columns: &Columns,
) -> Result<Rows, ApiError> {
    match (together(client, path, ids, columns.clone()), ids) {
        (Err(ApiError::TooManyTrials(_)), [candidate, baseline]) => {
            let alone = |id: &str| together(client, path, &[id], columns.clone());
            joined(&alone(candidate)?, &alone(baseline)?).map_err(ApiError::Fault)
        }
        (rows, _) => rows,
    }
}

fn together(
    client: &Client<'_>,
    path: &str,
    ids: &[&str],
    columns: Columns,
) -> Result<Rows, ApiError> {
    let ask = Ask::of(&columns);
    let roles = [Role::Candidate, Role::Baseline];
    let mut gatherer = Gatherer::new(columns);
    let what = rows_of(ids);
    each(client, path, ids, ask, &mut |row| {
        let mut trials = [0, 0];
        for run in &row.evaluations {
            let place = ids.iter().position(|id| *id == run.evaluation_call_id);
            let Some((role, count)) =
                place.and_then(|place| roles.get(place).copied().zip(trials.get_mut(place)))
            else {
                continue;
            };
            for trial in &run.trials {
                *count += 1;
                gatherer
                    .trial(role, trial)
                    .map_err(|error| client.misread(&what, &error))?;
            }
        }
        let [ours, theirs] = trials;
        gatherer
            .end_row(&row.digest, row.inputs, (ours, theirs))
            .map_err(|_| ApiError::Fault(unresolved(&row.digest)))
    })?;
    Ok(gatherer.finish())
}

/// The rows of one run in Weave, read separately from other runs.
pub(super) struct LiveRows<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) path: String,
    pub(super) id: String,
}

impl RowSource for LiveRows<'_> {
    fn each(&self, columns: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        let ask = Ask::of(columns);
        each(self.client, &self.path, &[&self.id], ask, &mut |row| {
            let runs = row.evaluations.iter();
            let trials = runs
                .filter(|run| run.evaluation_call_id == self.id)
                .flat_map(|run| run.trials.iter().cloned());
            let row = RunRow {
                row_digest: row.digest.clone(),
                raw_data_row: row.inputs,
                trials: trials.collect(),
            };
            take(&row).map_err(ApiError::Fault)
        })?;
        Ok(())
    }
}

/// Reads all rows, and passes them to `take` one by one, in the order of their digests.
pub(super) fn each(
    client: &Client<'_>,
    path: &str,
    ids: &[&str],
    ask: Ask,
    take: &mut dyn FnMut(&Row<'_>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let what = &*rows_of(ids);
    let fetch = |offset: usize, limit: usize| {
        let mut body = json!({
            "evaluation_run_ids": ids,
            "include_rows": true,
            "include_summary": false,
            "limit": limit,
            "offset": offset,
        });
        // Keys that are not needed are not sent, because an older server may not know them.
        let more = [
            (!ask.calls, CHILDREN, false),
            (ask.costs, COSTS, true),
            (ask.inputs, "include_raw_data_rows", true),
            (ask.inputs, "resolve_row_refs", true),
        ];
        for (_, key, value) in more.into_iter().filter(|(is_needed, ..)| *is_needed) {
            set(&mut body, key, value);
        }
        client.post_results(what, path, &body)
    };
    let mut reader = Reader {
        what,
        ids,
        read: 0,
        last: None,
        total: None,
        calls: ask.calls,
    };
    // If rows are large, fewer rows per page keep an answer within the size limit.
    let (mut limit, mut most) = (FIRST_PAGE, MOST_ROWS);
    let smaller = |offset: usize, limit: &mut usize, most: &mut usize| loop {
        match fetch(offset, *limit) {
            Err(ApiError::TooLarge(_)) if *limit > FEWEST_ROWS => {
                *most = *limit / 2;
                *limit = (*limit / 4).max(FEWEST_ROWS);
            }
            page => return page,
        }
    };
    let mut page = smaller(0, &mut limit, &mut most)?;
    loop {
        let (offset, asked) = (reader.read + limit, limit);
        limit = better(limit, page.len()).min(most);
        // Whether there is a next page is unknown until the first page is decoded.
        let ahead = reader.total.is_some_and(|total| (offset as u64) < total);
        let next = thread::scope(|scope| {
            let next = ahead.then(|| scope.spawn(|| fetch(offset, limit)));
            let decoded = reader.page(client, &page, asked, take);
            let next = next.map(|next| {
                next.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            decoded.map(|()| next)
        })?;
        match next {
            Some(Err(ApiError::TooLarge(_))) => {
                page = smaller(reader.read, &mut limit, &mut most)?;
            }
            Some(next) => page = next?,
            None if reader
                .total
                .is_some_and(|total| reader.read as u64 >= total) =>
            {
                return Ok(());
            }
            None => page = smaller(reader.read, &mut limit, &mut most)?,
        }
    }
}

/// Reads a few complete rows by their digests, and passes each run's part of a row to `take`.
pub(super) fn few(
    client: &Client<'_>,
    path: &str,
    ids: &[&str],
    digests: &[&str],
    take: &mut dyn FnMut(&str, RunRow<'_>),
) -> Result<(), ApiError> {
    let what = format!("the contents of {}", rows_of(ids));
    for some in digests.chunks(FIRST_PAGE) {
        let literals: Vec<Value> = some
            .iter()
            .map(|digest| json!({"$literal": digest}))
            .collect();
        let body = json!({
            "evaluation_run_ids": ids,
            "include_rows": true,
            "include_summary": false,
            "include_raw_data_rows": true,
            "resolve_row_refs": true,
            CHILDREN: false,
            "filters": [{"query": {"$expr": {"$in": [{"$getField": "row_digest"}, literals]}}}],
            "limit": some.len(),
            "offset": 0,
        });
        let bytes = client.post_results(&what, path, &body)?;
        let mut page: Page<'_> = client.decode(&what, &bytes)?;
        for run in page.rows.iter_mut().flat_map(|row| &mut row.evaluations) {
            in_order(&mut run.trials, false).map_err(ApiError::Fault)?;
        }
        // A server that does not know the filter sends other rows.
        let wanted = page
            .rows
            .into_iter()
            .filter(|row| some.contains(&&*row.digest));
        for row in wanted {
            for run in row.evaluations {
                let of_run = RunRow {
                    row_digest: row.digest.clone(),
                    raw_data_row: row.inputs,
                    trials: run.trials,
                };
                take(&run.evaluation_call_id, of_run);
            }
        }
    }
    Ok(())
}

/// Reads the inputs of a run's first rows, as JSON with sorted keys. The request is optional, because verdicts do not
/// depend on it.
pub(super) fn inputs(client: &Client<'_>, path: &str, id: &str) -> Result<Vec<String>, ApiError> {
    #[derive(Deserialize)]
    struct Inputs {
        rows: Vec<RawRow>,
    }
    #[derive(Deserialize)]
    struct RawRow {
        raw_data_row: Value,
    }
    let body = json!({
        "evaluation_run_ids": [id],
        "include_rows": true,
        "include_summary": false,
        "include_raw_data_rows": true,
        "resolve_row_refs": true,
        "limit": SAMPLE,
        "offset": 0,
    });
    let what = format!("the inputs of {}", rows_of(&[id]));
    let page: Inputs = client.post_aside(&what, path, &body)?;
    let rows = page.rows.into_iter();
    // `Value` sorts the keys of maps.
    Ok(rows.map(|row| row.raw_data_row.to_string()).collect())
}

/// Sorts the trials of a row by the ids of their calls, which ascend with time: some servers send trials in any order.
/// A call that is stored twice is one trial. If `calls` were requested, a trial without a predict call has no usage.
///
/// # Errors
///
/// Two trials have the same id, but differ.
fn in_order(trials: &mut Vec<Trial<'_>>, calls: bool) -> Result<(), Fault> {
    if calls {
        trials.iter_mut().for_each(Trial::keep_own_usage);
    }
    trials.sort_by(|one, other| {
        one.predict_and_score_call_id
            .cmp(&other.predict_and_score_call_id)
    });
    let mut differs = false;
    trials.dedup_by(|one, other| {
        let id = &one.predict_and_score_call_id;
        let is_same = !id.is_empty() && *id == other.predict_and_score_call_id;
        differs |= is_same && one.scores.get() != other.scores.get();
        is_same
    });
    if differs {
        return Err(contradiction("a trial is listed twice, and differs"));
    }
    Ok(())
}

/// Names the rows of these runs in messages.
fn rows_of(ids: &[&str]) -> String {
    format!("the rows of {}", named(ids))
}

/// The number of rows of the next page, from the size of this page in bytes.
fn better(rows: usize, bytes: usize) -> usize {
    let good = rows.saturating_mul(GOOD_PAGE) / bytes.max(1);
    good.clamp(rows / 2, rows * 4).clamp(FEWEST_ROWS, MOST_ROWS)
}

/// The state of reading pages.
struct Reader<'a> {
    what: &'a str,
    ids: &'a [&'a str],
    read: usize,
    last: Option<String>,
    total: Option<u64>,
    /// Whether the calls within each trial were requested.
    calls: bool,
}

impl Reader<'_> {
    fn page(
        &mut self,
        client: &Client<'_>,
        bytes: &[u8],
        asked: usize,
        take: &mut dyn FnMut(&Row<'_>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut page: Page<'_> = client.decode(self.what, bytes)?;
        for run in page.rows.iter_mut().flat_map(|row| &mut row.evaluations) {
            in_order(&mut run.trials, self.calls).map_err(ApiError::Fault)?;
        }
        if *self.total.get_or_insert(page.total_rows) != page.total_rows {
            return Err(ApiError::Fault(contradiction(
                "a run grew while it was read",
            )));
        }
        let left = page.total_rows.saturating_sub(self.read as u64);
        if page.rows.len() as u64 != left.min(asked as u64) {
            return Err(ApiError::Fault(contradiction(
                "a page repeats or loses rows",
            )));
        }
        for row in &page.rows {
            // Rows are sorted by digest. If a digest is not greater than the last one, a row was repeated or lost.
            let ascends = self.last.as_deref().is_none_or(|last| *last < *row.digest);
            if !ascends {
                return Err(ApiError::Fault(contradiction(
                    "a page repeats or loses rows",
                )));
            }
            let is_ours = |run: &&OfRun<'_>| self.ids.contains(&&*run.evaluation_call_id);
            let mut runs = row.evaluations.iter().filter(is_ours);
            let is_repeated = |id: &&str| {
                let runs = row.evaluations.iter();
                runs.filter(|run| run.evaluation_call_id == *id).count() > 1
            };
            if self.ids.iter().any(is_repeated) {
                return Err(ApiError::Fault(contradiction("a row has one run twice")));
            }
            if !runs.any(|run| !run.trials.is_empty()) {
                return Err(ApiError::Fault(contradiction("a row has no trials")));
            }
            take(row)?;
            let last = self.last.get_or_insert_default();
            last.clear();
            last.push_str(&row.digest);
        }
        self.read += page.rows.len();
        Ok(())
    }
}

/// A page of rows. Other fields of the answer are ignored.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, deserialize_with = "objects")]
    rows: Vec<Row<'a>>,
    total_rows: u64,
}

/// A row with the trials of all requested runs.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    #[serde(borrow, rename = "row_digest")]
    pub(super) digest: Cow<'a, str>,
    #[serde(borrow, default, rename = "raw_data_row")]
    pub(super) inputs: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "objects")]
    pub(super) evaluations: Vec<OfRun<'a>>,
}

#[derive(Deserialize)]
pub(super) struct OfRun<'a> {
    #[serde(borrow)]
    pub(super) evaluation_call_id: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "objects")]
    pub(super) trials: Vec<Trial<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_grow_to_a_good_size_and_no_further() {
        assert_eq!(better(100, 100 * 1024), 400);
        assert_eq!(better(100, 100 * 1024 * 1024), 50);
        assert_eq!(better(2_000, 1), MOST_ROWS);
        assert_eq!(better(10, usize::MAX), 5);
        assert_eq!(better(2, usize::MAX), FEWEST_ROWS);
    }
}
