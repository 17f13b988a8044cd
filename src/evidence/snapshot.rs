//! Runs in a file: what `check` would know of them, judged with no network and no key.
//!
//! A file holds the runs of one candidate or baseline, the newest first. What follows them is optional: the scores of
//! each run row by row, and with them the inputs and outputs. Version 1 of the format held one run, and neither what it
//! was logged with nor whether it was complete.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::columns::Columns;
use super::join::{RowSource, Take};
use super::tally::Tally;
use super::trial::RunRow;
use super::{Completeness, Dimension, Gap, Reference, Run, Totals, Usage};
use crate::fault::Fault;
use crate::json::{counts, distinct, object, objects};
use crate::number::TOLERANCE;
use crate::project::Project;

/// Says that a file is a snapshot.
const FORMAT: &str = "weave-gate-snapshot";
/// The version that is written.
const VERSION: u64 = 2;
/// The oldest version that is read.
const OLDEST_VERSION: u64 = 1;
/// A larger file is refused: it is a million rows or many long outputs, or no snapshot.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A snapshot that was read. Copies share its bytes.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The runs, the newest first; never empty.
    runs: Vec<Run>,
    /// The file, where it holds rows with their scores.
    bytes: Option<Arc<[u8]>>,
    version: u64,
    shown: String,
}

/// The rows of one run of a snapshot.
#[derive(Clone, Debug)]
pub struct SavedRows {
    saved: Saved,
    id: String,
}

impl Saved {
    /// Its runs, the newest first.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The project of its runs; `None` where it has no run, which no file can.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        self.runs.first().map(|run| &run.project)
    }

    /// Whether it holds rows with their scores.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.bytes.is_some()
    }

    /// The rows of one of its runs, where it holds rows.
    #[must_use]
    pub fn rows_of(&self, id: &str) -> Option<SavedRows> {
        self.has_rows().then(|| SavedRows {
            saved: self.clone(),
            id: id.to_owned(),
        })
    }
}

impl RowSource for SavedRows {
    fn each(&self, _: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        let saved = &self.saved;
        let bytes = saved.bytes.as_deref().unwrap_or_default();
        let unreadable = |error: serde_json::Error| unreadable(&saved.shown, &error.to_string());
        if saved.version == OLDEST_VERSION {
            let results: OldResults<'_> = serde_json::from_slice(bytes).map_err(unreadable)?;
            return results.results.iter().try_for_each(take);
        }
        let results: Results<'_> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let of_run = results
            .results
            .iter()
            .filter(|results| results.run == self.id);
        of_run.flat_map(|results| &results.rows).try_for_each(take)
    }
}

/// The rows of a file of version 1.
#[derive(Deserialize)]
struct OldResults<'a> {
    #[serde(borrow, default, deserialize_with = "objects")]
    results: Vec<RunRow<'a>>,
}

/// The rows of a file, run by run.
#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow, default, deserialize_with = "objects")]
    results: Vec<RunResults<'a>>,
}

#[derive(Deserialize)]
struct RunResults<'a> {
    run: String,
    #[serde(borrow, deserialize_with = "objects")]
    rows: Vec<RunRow<'a>>,
}

/// First read of a file: enough to say whether it is ours.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

/// A file of version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldSnapshot {
    #[serde(rename = "format")]
    _format: IgnoredAny,
    #[serde(rename = "version")]
    _version: IgnoredAny,
    #[serde(rename = "tool")]
    _tool: IgnoredAny,
    #[serde(rename = "taken_at")]
    _taken_at: Timestamp,
    project: String,
    run: String,
    display_name: Option<String>,
    evaluation: Option<Named>,
    model: Option<Named>,
    status: Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    #[serde(default)]
    rescored_from: Option<String>,
    row_count: u64,
    trial_count: u64,
    total_tokens: Option<u64>,
    total_cost: Option<f64>,
    #[serde(deserialize_with = "objects")]
    dimensions: Vec<Stats>,
    #[serde(deserialize_with = "counts")]
    rows: BTreeMap<String, u64>,
    #[serde(default)]
    results: Option<IgnoredAny>,
}

/// The file, as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: String,
    version: u64,
    /// The weave-gate that wrote it.
    tool: String,
    /// When it was taken.
    taken_at: Timestamp,
    project: String,
    /// The newest first.
    #[serde(deserialize_with = "objects")]
    runs: Vec<SavedRun>,
    /// Scores, and with `--rows` inputs and outputs, of each run row by row: written and read apart.
    #[serde(default, skip_serializing)]
    results: Option<IgnoredAny>,
    /// How many trials report tokens and a price, by run: known once all rows were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Vec<SavedUsage>>,
}

/// One run of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedRun {
    run: String,
    display_name: Option<String>,
    evaluation: Option<Named>,
    model: Option<Named>,
    status: Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// The run whose outputs it scores once more, where it does.
    rescored_from: Option<String>,
    /// What it was logged with.
    #[serde(deserialize_with = "distinct")]
    attributes: Map<String, Value>,
    /// Whether it was logged by `EvaluationLogger`.
    logged: bool,
    /// Whether Weave had all of it.
    #[serde(deserialize_with = "object")]
    completeness: SavedCompleteness,
    row_count: u64,
    trial_count: u64,
    /// Tokens of the predict calls, where any is reported.
    total_tokens: Option<u64>,
    /// US dollars of the predict calls, where any is priced.
    total_cost: Option<f64>,
    #[serde(deserialize_with = "objects")]
    dimensions: Vec<Stats>,
    /// Trials by row digest.
    #[serde(deserialize_with = "counts")]
    rows: BTreeMap<String, u64>,
}

/// Whether Weave had all of a run.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedCompleteness {
    /// complete, unknown, no-summary, calls-missing or too-many-calls.
    state: String,
    /// Calls that the run made, where some are missing or too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calls_made: Option<u64>,
    /// Calls that Weave had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calls_stored: Option<u64>,
}

/// How many trials of a run report what they used.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedUsage {
    run: String,
    tokens_reported: u64,
    cost_priced: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    version: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stats {
    name: String,
    trial_count: u64,
    pass_true_count: u64,
    pass_known_count: u64,
    numeric_count: u64,
    numeric_mean: Option<f64>,
    /// Another dimension of the run has the same name.
    ambiguous: bool,
}

/// A run to be written, and its rows where they are.
pub struct Written<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its rows.
    pub rows: Option<&'a dyn RowSource>,
}

/// Writes runs, the newest first, and their rows if they are given: the scores alone, or `with_texts` inputs and outputs
/// too.
///
/// # Errors
///
/// A run's row digests or its usage were not read, its rows cannot be had, or they cannot be written.
pub fn write(
    to: &mut dyn Write,
    runs: &[Written<'_>],
    with_texts: bool,
    taken_at: Timestamp,
) -> Result<(), Fault> {
    let unwritten =
        |error: io::Error| Fault::evidence(format!("cannot write the snapshot: {error}"));
    let with_rows: Option<Vec<(&Run, &dyn RowSource)>> = runs
        .iter()
        .map(|written| Some((written.run, written.rows?)))
        .collect();
    let Some(with_rows) = with_rows else {
        let used = runs
            .iter()
            .filter_map(|written| used(written.run))
            .collect();
        let text = text(runs, Some(used), taken_at)?;
        return to.write_all(text.as_bytes()).map_err(unwritten);
    };
    let text = text(runs, None, taken_at)?;
    // The rows come last, one a line, so that they need not all be there at once.
    let open = text.trim_end().strip_suffix("\n}").unwrap_or_default();
    to.write_all(open.as_bytes()).map_err(unwritten)?;
    to.write_all(b",\n  \"results\": [").map_err(unwritten)?;
    let mut usage = Vec::new();
    for (place, (run, source)) in with_rows.into_iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let id = serde_json::to_string(&run.id).map_err(|error| unwritten(error.into()))?;
        to.write_all(format!("{comma}\n    {{\"run\": {id}, \"rows\": [").as_bytes())
            .map_err(unwritten)?;
        usage.push(rows(to, run, source, with_texts)?);
        to.write_all(b"\n    ]}").map_err(unwritten)?;
    }
    let usage = serde_json::to_string(&usage).map_err(|error| unwritten(error.into()))?;
    to.write_all(format!("\n  ],\n  \"usage\": {usage}\n}}\n").as_bytes())
        .map_err(unwritten)
}

/// How many trials of a run report what they used, where that was counted.
fn used(run: &Run) -> Option<SavedUsage> {
    let usage = run.totals.usage?;
    Some(SavedUsage {
        run: run.id.clone(),
        tokens_reported: usage.reported?,
        cost_priced: usage.priced?,
    })
}

/// Writes the rows of a run, and makes sure that they are what its summary says.
fn rows(
    to: &mut dyn Write,
    run: &Run,
    source: &dyn RowSource,
    with_texts: bool,
) -> Result<SavedUsage, Fault> {
    let unwritten =
        |error: io::Error| Fault::evidence(format!("cannot write the snapshot: {error}"));
    let mut tally = Tally::default();
    let mut usage = SavedUsage {
        run: run.id.clone(),
        tokens_reported: 0,
        cost_priced: 0,
    };
    let mut separator = "\n      ";
    let columns = if with_texts {
        Columns::everything()
    } else {
        Columns::numbers()
    };
    source.each(&columns, &mut |row| {
        for trial in &row.trials {
            tally
                .trial(trial)
                .map_err(|error| unwritten(error.into()))?;
            usage.tokens_reported += u64::from(trial.total_tokens.is_some());
            usage.cost_priced += u64::from(trial.total_cost.is_some());
        }
        to.write_all(separator.as_bytes()).map_err(unwritten)?;
        separator = ",\n      ";
        let written = if with_texts {
            serde_json::to_writer(&mut *to, row)
        } else {
            serde_json::to_writer(&mut *to, &without_texts(row))
        };
        written.map_err(|error| unwritten(error.into()))
    })?;
    if agree(&tally.totals(), &run.totals) {
        return Ok(usage);
    }
    Err(
        Fault::evidence("the rows of the run are not what its summary says")
            .help("was the run still being written? take the snapshot again when it has finished"),
    )
}

/// The row without inputs and outputs.
fn without_texts<'a>(row: &RunRow<'a>) -> RunRow<'a> {
    let mut row = row.clone();
    row.raw_data_row = None;
    for trial in &mut row.trials {
        trial.take_output();
    }
    row
}

/// Whether rows come to what a summary says.
fn agree(rows: &Totals, summary: &Totals) -> bool {
    let near = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= TOLERANCE * other.abs().max(1.0),
        (one, other) => one.is_none() && other.is_none(),
    };
    let counts = |dimension: &Dimension| {
        [
            dimension.scored,
            dimension.passed,
            dimension.judged,
            dimension.measured,
        ]
    };
    let usage = |totals: &Totals| totals.usage.unwrap_or_default();
    rows.trials == summary.trials
        && usage(rows).tokens == usage(summary).tokens
        && near(usage(rows).cost, usage(summary).cost)
        && rows.dimensions.len() == summary.dimensions.len()
        && rows.dimensions.iter().all(|(name, ours)| {
            summary.dimensions.get(name).is_some_and(|theirs| {
                theirs.flaw.is_some()
                    || (counts(ours) == counts(theirs) && near(ours.mean, theirs.mean))
            })
        })
}

fn text(
    runs: &[Written<'_>],
    usage: Option<Vec<SavedUsage>>,
    taken_at: Timestamp,
) -> Result<String, Fault> {
    let unread = || Fault::evidence("the run was not read far enough for a snapshot");
    let mut saved = Vec::new();
    for Written { run, .. } in runs {
        let (Some(rows), Some(usage)) = (&run.digests, run.totals.usage) else {
            return Err(unread());
        };
        saved.push(SavedRun {
            run: run.id.clone(),
            display_name: run.display_name.clone(),
            evaluation: run.evaluation.as_ref().map(named),
            model: run.model.as_ref().map(named),
            status: run.status.clone(),
            started_at: run.started_at,
            finished_at: run.finished_at,
            rescored_from: run.rescored_from.clone(),
            attributes: run.attributes.clone().unwrap_or_default(),
            logged: run.is_logged,
            completeness: run.completeness.into(),
            row_count: run.rows,
            trial_count: run.totals.trials,
            total_tokens: usage.tokens,
            total_cost: usage.cost,
            dimensions: run.totals.dimensions.iter().map(stats).collect(),
            rows: rows.clone(),
        });
    }
    let project = runs.first().map(|written| written.run.project.to_string());
    let snapshot = Snapshot {
        format: FORMAT.to_owned(),
        version: VERSION,
        tool: concat!("weave-gate ", env!("CARGO_PKG_VERSION")).to_owned(),
        taken_at,
        project: project.ok_or_else(unread)?,
        runs: saved,
        results: None,
        usage: usage.filter(|usage| !usage.is_empty()),
    };
    serde_json::to_string_pretty(&snapshot)
        .map(|text| text + "\n")
        .map_err(|error| Fault::evidence(format!("cannot write the snapshot: {error}")))
}

const NO_SUMMARY: &str = "no-summary";
const CALLS_MISSING: &str = "calls-missing";
const TOO_MANY_CALLS: &str = "too-many-calls";

impl From<Completeness> for SavedCompleteness {
    fn from(completeness: Completeness) -> Self {
        let (state, calls) = match completeness {
            Completeness::Complete => ("complete", None),
            Completeness::Unknown | Completeness::NotAsked => ("unknown", None),
            Completeness::Incomplete(Gap::NoSummary) => (NO_SUMMARY, None),
            Completeness::Incomplete(Gap::Fewer { made, stored }) => {
                (CALLS_MISSING, Some((made, stored)))
            }
            Completeness::Incomplete(Gap::More { made, stored }) => {
                (TOO_MANY_CALLS, Some((made, stored)))
            }
        };
        Self {
            state: state.to_owned(),
            calls_made: calls.map(|(made, _)| made),
            calls_stored: calls.map(|(_, stored)| stored),
        }
    }
}

impl SavedCompleteness {
    fn read(&self) -> Result<Completeness, String> {
        let calls = self.calls_made.zip(self.calls_stored);
        match (self.state.as_str(), calls) {
            ("complete", _) => Ok(Completeness::Complete),
            ("unknown", _) => Ok(Completeness::Unknown),
            (NO_SUMMARY, _) => Ok(Completeness::Incomplete(Gap::NoSummary)),
            (CALLS_MISSING, Some((made, stored))) => {
                Ok(Completeness::Incomplete(Gap::Fewer { made, stored }))
            }
            (TOO_MANY_CALLS, Some((made, stored))) => {
                Ok(Completeness::Incomplete(Gap::More { made, stored }))
            }
            (other, _) => Err(format!(
                "it does not say whether a run is complete: `{other}`"
            )),
        }
    }
}

/// Reads a run from a file; `Ok(None)` where there is no such file. The rest is as in [`parse`].
///
/// # Errors
///
/// Not readable, too large, or as [`parse`].
pub fn read(
    path: &Path,
    web: &str,
    holds_key: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<Saved>, Fault> {
    let shown = path.display();
    let fault = |problem: String| unreadable(&shown, &problem);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(error.to_string())),
        Ok(_) if bytes.len() as u64 > MAX_BYTES => Err(fault(format!(
            "larger than {} MiB",
            MAX_BYTES / 1024 / 1024
        ))),
        Ok(_) => parse(bytes, &shown.to_string(), web, holds_key).map(Some),
    }
}

/// Reads a run from the bytes of a file that messages call `shown`. `web` is the address of the web pages: a file
/// has no say in where links lead. `holds_key` says what must not be shown.
///
/// # Errors
///
/// Cut short, no snapshot, of another version, contradicting itself, or holding the key.
pub fn parse(
    bytes: Vec<u8>,
    shown: &str,
    web: &str,
    holds_key: &dyn Fn(&[u8]) -> bool,
) -> Result<Saved, Fault> {
    let fault = |problem: String| unreadable(&shown, &problem);
    if holds_key(&bytes) {
        return Err(
            fault("it holds the API key or a token, and is not shown".to_owned())
                .help("somebody logged the key as a name or a text; revoke it, and log without it"),
        );
    }
    let again = "take it again with `weave-gate snapshot RUN -o FILE`";
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| {
        if error.is_eof() {
            fault("it is cut short".to_owned()).help(again)
        } else {
            fault(format!("not a snapshot of weave-gate ({error})")).help(again)
        }
    })?;
    if header.format != FORMAT {
        return Err(fault(format!("its format is not `{FORMAT}`")).help(again));
    }
    if !(OLDEST_VERSION..=VERSION).contains(&header.version) {
        return Err(fault(format!(
            "it has version {}, and this weave-gate reads versions {OLDEST_VERSION} to {VERSION}",
            header.version
        ))
        .help("take it again with this version, or judge it with the version that wrote it"));
    }
    let problem = |problem: String| fault(problem).help(again);
    let (runs, has_rows) = if header.version == OLDEST_VERSION {
        let old: OldSnapshot =
            serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))?;
        old_runs(old, web).map_err(problem)?
    } else {
        let snapshot: Snapshot =
            serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))?;
        runs(snapshot, web).map_err(problem)?
    };
    let saved = Saved {
        runs,
        bytes: has_rows.then(|| bytes.into()),
        version: header.version,
        shown: shown.to_owned(),
    };
    if has_rows {
        for run in &saved.runs {
            whole(&saved, run).map_err(|found| problem(found.message))?;
        }
    }
    Ok(saved)
}

fn unreadable(shown: &dyn std::fmt::Display, problem: &str) -> Fault {
    Fault::evidence(format!("cannot read the snapshot `{shown}`: {problem}"))
}

/// Makes sure that the rows of a run are those that the file says, and come to what it says.
fn whole(saved: &Saved, run: &Run) -> Result<(), Fault> {
    let contradiction = || Fault::evidence("its rows and its counts contradict each other");
    let rows = saved.rows_of(&run.id).ok_or_else(contradiction)?;
    let digests = run.digests.as_ref();
    let mut left = digests.into_iter().flatten();
    let mut tally = Tally::default();
    let (mut reported, mut priced) = (0, 0);
    rows.each(&Columns::default(), &mut |row| {
        let (digest, trials) = left.next().ok_or_else(contradiction)?;
        if *digest != *row.row_digest || *trials != row.trials.len() as u64 {
            return Err(contradiction());
        }
        for trial in &row.trials {
            reported += u64::from(trial.total_tokens.is_some());
            priced += u64::from(trial.total_cost.is_some());
        }
        row.trials
            .iter()
            .try_for_each(|trial| tally.trial(trial))
            .map_err(|error| Fault::evidence(error.to_string()))
    })?;
    let usage = run.totals.usage.unwrap_or_default();
    let counts = [
        usage.reported.unwrap_or(reported),
        usage.priced.unwrap_or(priced),
    ];
    if left.next().is_none() && counts == [reported, priced] && agree(&tally.totals(), &run.totals)
    {
        return Ok(());
    }
    Err(contradiction())
}

/// The run of a file of version 1, and whether it has rows.
fn old_runs(old: OldSnapshot, web: &str) -> Result<(Vec<Run>, bool), String> {
    let has_rows = old.results.is_some();
    let project = Project::parse(&old.project).ok_or("it names no project")?;
    let saved = SavedRun {
        run: old.run,
        display_name: old.display_name,
        evaluation: old.evaluation,
        model: old.model,
        status: old.status,
        started_at: old.started_at,
        finished_at: old.finished_at,
        rescored_from: old.rescored_from,
        attributes: Map::new(),
        logged: false,
        completeness: Completeness::Unknown.into(),
        row_count: old.row_count,
        trial_count: old.trial_count,
        total_tokens: old.total_tokens,
        total_cost: old.total_cost,
        dimensions: old.dimensions,
        rows: old.rows,
    };
    let run = Run {
        attributes: None,
        ..run(saved, &project, web, None)?
    };
    Ok((vec![run], has_rows))
}

/// The runs of a file, and whether it has their rows.
fn runs(snapshot: Snapshot, web: &str) -> Result<(Vec<Run>, bool), String> {
    let project = Project::parse(&snapshot.project).ok_or("it names no project")?;
    let usage = snapshot.usage.unwrap_or_default();
    let mut runs: Vec<Run> = Vec::new();
    for saved in snapshot.runs {
        if runs.iter().any(|known| known.id == saved.run) {
            return Err(format!("it holds the run `{}` twice", saved.run));
        }
        let used = usage.iter().find(|usage| usage.run == saved.run);
        runs.push(run(saved, &project, web, used)?);
    }
    if runs.is_empty() {
        return Err("it holds no run".to_owned());
    }
    if !runs.is_sorted_by(|one, next| one.started_at >= next.started_at) {
        return Err("its runs are not in the order of their start, the newest first".to_owned());
    }
    Ok((runs, snapshot.results.is_some()))
}

fn run(
    saved: SavedRun,
    project: &Project,
    web: &str,
    used: Option<&SavedUsage>,
) -> Result<Run, String> {
    let trials = saved
        .rows
        .values()
        .try_fold(0_u64, |sum, trials| sum.checked_add(*trials));
    if saved.trial_count > Totals::MOST_TRIALS
        || trials != Some(saved.trial_count)
        || saved.rows.len() as u64 != saved.row_count
        || saved.rows.values().any(|trials| *trials == 0)
        || used.is_some_and(|used| used.tokens_reported.max(used.cost_priced) > saved.trial_count)
    {
        return Err("its rows and its counts contradict each other".to_owned());
    }
    let mut totals = Totals {
        trials: saved.trial_count,
        rows: saved.row_count,
        usage: Some(Usage {
            tokens: saved.total_tokens,
            cost: saved.total_cost.filter(|cost| cost.is_finite()),
            reported: used.map(|used| used.tokens_reported),
            priced: used.map(|used| used.cost_priced),
        }),
        ..Totals::default()
    };
    for stats in saved.dimensions {
        let dimension = Dimension {
            scored: stats.trial_count,
            passed: stats.pass_true_count,
            judged: stats.pass_known_count,
            measured: stats.numeric_count,
            mean: stats.numeric_mean,
            flaw: None,
        };
        if stats.ambiguous {
            totals.add(&stats.name, None, dimension.clone());
        }
        totals.add(&stats.name, None, dimension);
    }
    Ok(Run {
        project: project.clone(),
        web: web.to_owned(),
        id: saved.run,
        display_name: saved.display_name,
        evaluation: saved.evaluation.map(reference),
        model: saved.model.map(reference),
        status: saved.status,
        started_at: saved.started_at,
        finished_at: saved.finished_at,
        rescored_from: saved.rescored_from,
        rows: saved.row_count,
        totals,
        digests: Some(saved.rows),
        choice: None,
        attributes: Some(saved.attributes),
        completeness: saved.completeness.read()?,
        is_logged: saved.logged,
    })
}

fn stats((name, dimension): (&String, &Dimension)) -> Stats {
    Stats {
        name: name.clone(),
        trial_count: dimension.scored,
        pass_true_count: dimension.passed,
        pass_known_count: dimension.judged,
        numeric_count: dimension.measured,
        numeric_mean: dimension.mean,
        ambiguous: dimension.flaw == Some(super::Flaw::Ambiguous),
    }
}

fn named(reference: &Reference) -> Named {
    Named {
        name: reference.name.clone(),
        version: reference.version.clone(),
    }
}

fn reference(named: Named) -> Reference {
    Reference {
        name: named.name,
        version: named.version,
    }
}
