//! Snapshots: runs in a file, which can be judged without network access and without an API key.
//!
//! A file contains the runs of one candidate or baseline, the newest first. Optional parts follow: how each run was
//! measured, its scores row by row, and after all scores the inputs and outputs, which are not needed for judging.
//! Version 1 of the format held a single run, without its attributes and without its completeness.

use crate::evidence::RunStatus;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::Map;

use super::columns::Columns;
use super::source::{RowSource, Take, unresolved};
use super::summary_builder::SummaryBuilder;
use super::trial::{RowTexts, RunRow, Trial};
use super::{Completeness, Dimension, Raised, Reference, Run, Totals, Usage};
use crate::fault::Fault;
use crate::file_kind::FileKind;
use crate::json::is_not_finite;
use crate::project::Project;
use crate::shell;
use wire::{
    FORMAT, Header, Named, OldResults, OldSnapshot, Results, SavedRun, SavedSetup, SavedUsage,
    Snapshot, Texts, VERSION,
};
use write::agree;
pub use write::{ReadRaised, Spool, Written, write};

#[cfg(test)]
mod tests;
mod wire;
mod write;

/// The oldest version that is read.
const OLDEST_VERSION: u64 = 1;
/// The byte order mark of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A larger file is refused: it has a million rows or many long outputs, or it is not a snapshot.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A snapshot that was read. Copies share its bytes.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The runs, the newest first; never empty.
    runs: Vec<Run>,
    /// The bytes of the file; `None` if it contains no rows with scores.
    bytes: Option<Arc<[u8]>>,
    /// Whether it is known to contain no inputs and outputs.
    has_no_texts: bool,
    /// The exceptions that calls within trials raised, by the id of the trial's call.
    raised: BTreeMap<String, Vec<Raised>>,
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

    /// The project of its runs; `None` if there is no run, which cannot happen for a file.
    #[must_use]
    pub fn project(&self) -> Option<&Project> {
        self.runs.first().map(|run| &run.project)
    }

    /// Its path, as messages show it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.shown
    }

    /// The exceptions that calls within a trial raised; empty if there were none, or they were not saved.
    #[must_use]
    pub fn raised(&self, trial: &str) -> &[Raised] {
        self.raised.get(trial).map_or(&[], Vec::as_slice)
    }

    /// Whether it contains rows with their scores.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.bytes.is_some()
    }

    /// The rows of one of its runs; `None` if it contains no rows.
    #[must_use]
    pub fn rows_of(&self, id: &str) -> Option<SavedRows> {
        self.has_rows().then(|| SavedRows {
            saved: self.clone(),
            id: id.to_owned(),
        })
    }
}

impl RowSource for SavedRows {
    fn without_inputs(&self, digest: &str) -> Fault {
        if !self.saved.has_no_texts {
            return unresolved(digest);
        }
        let path = &self.saved.shown;
        let (run, to) = (shell::word(&self.id), shell::word(path));
        Fault::evidence(format!(
            "the snapshot `{path}` holds no inputs, which `where` and `by` need"
        ))
        .help(format!(
            "take it again with them: `weave-gate snapshot {run} -o {to} --rows`"
        ))
    }

    /// Passes inputs and outputs with the rows if inputs are needed.
    fn each(&self, columns: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        let saved = &self.saved;
        let bytes = saved.bytes.as_deref().unwrap_or_default();
        let unreadable = |error: serde_json::Error| unreadable(&saved.shown, &error.to_string());
        if saved.version == OLDEST_VERSION {
            let results: OldResults<'_> = serde_json::from_slice(bytes).map_err(unreadable)?;
            return results
                .results
                .into_iter()
                .map(own)
                .try_for_each(|row| take(&row));
        }
        let results: Results<'_> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let of_run = results
            .results
            .into_iter()
            .filter(|results| results.run == self.id);
        let mut rows = of_run.flat_map(|results| results.rows).map(own);
        if columns.inputs.is_empty() {
            return rows.try_for_each(|row| take(&row));
        }
        let texts: Texts<'_> = serde_json::from_slice(bytes).map_err(unreadable)?;
        let of_run = texts.texts.into_iter().filter(|texts| texts.run == self.id);
        let mut texts = of_run.flat_map(|texts| texts.rows).peekable();
        if texts.peek().is_none() {
            return rows.try_for_each(|row| take(&row));
        }
        let confused = || {
            self::unreadable(
                &saved.shown,
                "its rows and their texts contradict each other",
            )
        };
        for row in rows {
            let texts = texts.next().ok_or_else(confused)?;
            take(&with_texts(row, texts).ok_or_else(confused)?)?;
        }
        match texts.next() {
            None => Ok(()),
            Some(_) => Err(confused()),
        }
    }
}

/// A row as it is read from Weave. Older files contain the usage of trials without a predict call, which is removed.
fn own(mut row: RunRow<'_>) -> RunRow<'_> {
    row.trials.iter_mut().for_each(Trial::keep_own_usage);
    row
}

/// A row with its inputs and the outputs of its trials; `None` if the texts belong to another row.
fn with_texts<'a>(mut row: RunRow<'a>, texts: RowTexts<'a>) -> Option<RunRow<'a>> {
    if texts.row_digest != row.row_digest || texts.outputs.len() != row.trials.len() {
        return None;
    }
    row.raw_data_row = texts.raw_data_row;
    for (trial, output) in row.trials.iter_mut().zip(texts.outputs) {
        trial.model_output = output;
        trial.has_output = None;
    }
    Some(row)
}

/// Reads a snapshot from a file; `Ok(None)` if the file does not exist. Otherwise as [`parse`].
///
/// # Errors
///
/// The file is not readable or too large; or the errors of [`parse`].
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

/// Parses a snapshot from the bytes of a file; messages call the file `shown`. `web` is the address of the web pages:
/// the file itself cannot decide where links lead. `holds_key` detects text that must not be shown.
///
/// # Errors
///
/// The file is truncated, is not a snapshot, has an unknown version, contradicts itself, or contains the API key.
pub fn parse(
    mut bytes: Vec<u8>,
    shown: &str,
    web: &str,
    holds_key: &dyn Fn(&[u8]) -> bool,
) -> Result<Saved, Fault> {
    let fault = |problem: String| unreadable(&shown, &problem);
    if holds_key(&bytes) {
        return Err(
            fault("it holds the API key or a token, and is not shown".to_owned())
                .help("the key was logged as a name or a text: revoke it, and log without it"),
        );
    }
    // Some editors write a byte order mark at the start, which is not part of the text.
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    if let Some(kind) = FileKind::of(&bytes) {
        return Err(fault(format!("it {}", kind.message())).help(kind.help()));
    }
    let again = "take it again with `weave-gate snapshot RUN -o FILE`";
    let header: Header = serde_json::from_slice(&bytes).map_err(|error| {
        if error.is_eof() {
            fault("it is cut short".to_owned()).help(again)
        } else if is_like_a_snapshot(&bytes) {
            let problem = if is_not_finite(&bytes, &error) {
                format!("it holds NaN or infinity, which JSON does not have: {error}")
            } else {
                format!("it is damaged: {error}")
            };
            fault(problem).help(again)
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
    let mut raised: BTreeMap<String, Vec<Raised>> = BTreeMap::new();
    let (runs, has_rows, has_no_texts) = if header.version == OLDEST_VERSION {
        let old: OldSnapshot =
            serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))?;
        // Its rows contain the texts, if it has any.
        let (runs, has_rows) = old_runs(old, web).map_err(problem)?;
        (runs, has_rows, false)
    } else {
        let mut snapshot: Snapshot =
            serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))?;
        for saved in snapshot.exceptions.take().unwrap_or_default() {
            raised.entry(saved.trial).or_default().push(Raised {
                op: saved.op,
                exception: saved.exception,
            });
        }
        let has_no_texts = snapshot.texts.is_none();
        let (runs, has_rows) = runs(snapshot, web).map_err(problem)?;
        (runs, has_rows, has_no_texts)
    };
    let saved = Saved {
        runs,
        bytes: has_rows.then(|| bytes.into()),
        has_no_texts,
        raised,
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

/// Whether a file begins as a snapshot does.
fn is_like_a_snapshot(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    String::from_utf8_lossy(start).contains(&format!("\"{FORMAT}\""))
}

fn unreadable(shown: &dyn std::fmt::Display, problem: &str) -> Fault {
    Fault::evidence(format!("cannot read the snapshot `{shown}`: {problem}"))
}

/// Checks that the rows of a run are those that the file lists and that their totals agree with it.
fn whole(saved: &Saved, run: &Run) -> Result<(), Fault> {
    let contradiction = || Fault::evidence("its rows and its counts contradict each other");
    let rows = saved.rows_of(&run.id).ok_or_else(contradiction)?;
    let digests = run.digests.as_ref();
    let mut left = digests.into_iter().flatten();
    let mut builder = SummaryBuilder::default();
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
            .try_for_each(|trial| builder.trial(trial).map(drop))
            .map_err(|error| Fault::evidence(error.to_string()))
    })?;
    let usage = run.totals.usage.unwrap_or_default();
    let counts = [
        usage.reported.unwrap_or(reported),
        usage.priced.unwrap_or(priced),
    ];
    let without_call = builder.without_call();
    let agrees = agree(&builder.totals(), without_call, &run.totals);
    if left.next().is_none() && counts == [reported, priced] && agrees {
        return Ok(());
    }
    Err(contradiction())
}

/// The run of a file of version 1, and whether the file contains its rows.
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
        exception: None,
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
        ..run(saved, &project, web, None, None)?
    };
    Ok((vec![run], has_rows))
}

/// The runs of a file, and whether the file contains their rows.
fn runs(snapshot: Snapshot, web: &str) -> Result<(Vec<Run>, bool), String> {
    let project = Project::parse(&snapshot.project).ok_or("it names no project")?;
    let usage = snapshot.usage.unwrap_or_default();
    let mut setups = snapshot.setup.unwrap_or_default();
    let mut runs: Vec<Run> = Vec::new();
    for saved in snapshot.runs {
        if runs.iter().any(|known| known.id == saved.run) {
            return Err(format!("it holds the run `{}` twice", saved.run));
        }
        let used = usage.iter().find(|usage| usage.run == saved.run);
        let setup = setups.iter().position(|setup| setup.run == saved.run);
        let setup = setup.map(|place| setups.swap_remove(place));
        runs.push(run(saved, &project, web, used, setup)?);
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
    setup: Option<SavedSetup>,
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
        status: saved.status.map(RunStatus::of),
        started_at: saved.started_at,
        finished_at: saved.finished_at,
        rescored_from: saved.rescored_from,
        rows: saved.row_count,
        totals,
        digests: Some(saved.rows),
        choice: None,
        attributes: Some(saved.attributes),
        completeness: saved.completeness.read()?,
        pooled_runs: 1,
        is_logged: saved.logged,
        exception: saved.exception,
        setup: setup.map(|saved| {
            let mut setup = saved.setup;
            // Earlier versions wrote secrets of scorers as they were.
            setup.mask();
            setup
        }),
    })
}

fn reference(named: Named) -> Reference {
    Reference {
        name: named.name,
        version: named.version,
    }
}
