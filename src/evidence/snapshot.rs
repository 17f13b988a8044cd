//! A run in a file: what `check` would know of it, judged with no network and no key.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::join::{Known, RowSource, Take};
use super::tally::Tally;
use super::trial::RunRow;
use super::{Dimension, Reference, Run, Totals, Usage};
use crate::fault::Fault;
use crate::json::{counts, objects};
use crate::number::TOLERANCE;
use crate::project::Project;

/// Says that a file is a snapshot.
const FORMAT: &str = "weave-gate-snapshot";
/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;
/// A larger file is refused: it is a million rows or many long outputs, or no snapshot.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A snapshot that was read.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The run.
    pub run: Run,
    /// The file, where it holds rows with their scores.
    bytes: Option<Arc<[u8]>>,
    shown: String,
}

impl Saved {
    /// Whether it holds rows with their scores.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.bytes.is_some()
    }

    /// The run, and where its rows are.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known {
            run: self.run.clone(),
            rows: self.has_rows().then_some(self as &dyn RowSource),
        }
    }
}

impl RowSource for Saved {
    fn each(&self, _: &Columns, take: &mut Take<'_>) -> Result<(), Fault> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let results: Results<'_> = serde_json::from_slice(bytes)
            .map_err(|error| unreadable(&self.shown, &error.to_string()))?;
        results.results.iter().try_for_each(take)
    }
}

/// The rows of the file alone.
#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow, default, deserialize_with = "objects")]
    results: Vec<RunRow<'a>>,
}

/// First read of a file: enough to say whether it is ours.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
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
    run: String,
    display_name: Option<String>,
    evaluation: Option<Named>,
    model: Option<Named>,
    status: Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    /// The run whose outputs it scores once more, where it does.
    #[serde(default)]
    rescored_from: Option<String>,
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
    /// Inputs, outputs and scores, row by row, where it was taken with `--rows`: written and read apart.
    #[serde(default, skip_serializing)]
    results: Option<IgnoredAny>,
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

/// Writes a run, and its rows if they are given.
///
/// # Errors
///
/// The run's row digests or its usage were not read, its rows cannot be had, or they cannot be written.
pub fn write(
    to: &mut dyn Write,
    run: &Run,
    rows: Option<&dyn RowSource>,
    taken_at: Timestamp,
) -> Result<(), Fault> {
    let unwritten =
        |error: io::Error| Fault::evidence(format!("cannot write the snapshot: {error}"));
    let text = text(run, taken_at)?;
    let Some(rows) = rows else {
        return to.write_all(text.as_bytes()).map_err(unwritten);
    };
    // The rows come last, one a line, so that they need not all be there at once.
    let open = text.trim_end().strip_suffix("\n}").unwrap_or_default();
    to.write_all(open.as_bytes()).map_err(unwritten)?;
    to.write_all(b",\n  \"results\": [").map_err(unwritten)?;
    let mut tally = Tally::default();
    let mut separator = "\n    ";
    rows.each(&Columns::everything(), &mut |row| {
        for trial in &row.trials {
            tally
                .trial(trial)
                .map_err(|error| unwritten(error.into()))?;
        }
        to.write_all(separator.as_bytes()).map_err(unwritten)?;
        separator = ",\n    ";
        serde_json::to_writer(&mut *to, row).map_err(|error| unwritten(error.into()))
    })?;
    to.write_all(b"\n  ]\n}\n").map_err(unwritten)?;
    if agree(&tally.totals(), &run.totals) {
        return Ok(());
    }
    Err(
        Fault::evidence("the rows of the run are not what its summary says")
            .help("was the run still being written? take the snapshot again when it has finished"),
    )
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

fn text(run: &Run, taken_at: Timestamp) -> Result<String, Fault> {
    let (Some(rows), Some(usage)) = (&run.digests, run.totals.usage) else {
        return Err(Fault::evidence(
            "the run was not read far enough for a snapshot",
        ));
    };
    let snapshot = Snapshot {
        format: FORMAT.to_owned(),
        version: VERSION,
        tool: concat!("weave-gate ", env!("CARGO_PKG_VERSION")).to_owned(),
        taken_at,
        project: run.project.to_string(),
        run: run.id.clone(),
        display_name: run.display_name.clone(),
        evaluation: run.evaluation.as_ref().map(named),
        model: run.model.as_ref().map(named),
        status: run.status.clone(),
        started_at: run.started_at,
        finished_at: run.finished_at,
        rescored_from: run.rescored_from.clone(),
        row_count: run.rows,
        trial_count: run.totals.trials,
        total_tokens: usage.tokens,
        total_cost: usage.cost,
        dimensions: run.totals.dimensions.iter().map(stats).collect(),
        rows: rows.clone(),
        results: None,
    };
    serde_json::to_string_pretty(&snapshot)
        .map(|text| text + "\n")
        .map_err(|error| Fault::evidence(format!("cannot write the snapshot: {error}")))
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
        return Err(fault("it holds the API key, and is not shown".to_owned())
            .help("somebody logged the key as a name or a text; revoke it, and log without it"));
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
    if header.version != VERSION {
        return Err(fault(format!(
            "it has version {}, and this weave-gate reads version {VERSION}",
            header.version
        ))
        .help("take it again with this version, or judge it with the version that wrote it"));
    }
    let snapshot: Snapshot =
        serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()).help(again))?;
    let has_rows = snapshot.results.is_some();
    let run = run(snapshot, web).map_err(|problem| fault(problem).help(again))?;
    let saved = Saved {
        run,
        bytes: has_rows.then(|| bytes.into()),
        shown: shown.to_owned(),
    };
    if has_rows {
        whole(&saved).map_err(|problem| fault(problem.message).help(again))?;
    }
    Ok(saved)
}

fn unreadable(shown: &dyn std::fmt::Display, problem: &str) -> Fault {
    Fault::evidence(format!("cannot read the snapshot `{shown}`: {problem}"))
}

/// Makes sure that the rows are those that the file says, and come to what it says.
fn whole(saved: &Saved) -> Result<(), Fault> {
    let contradiction = || Fault::evidence("its rows and its counts contradict each other");
    let digests = saved.run.digests.as_ref();
    let mut left = digests.into_iter().flatten();
    let mut tally = Tally::default();
    saved.each(&Columns::default(), &mut |row| {
        let (digest, trials) = left.next().ok_or_else(contradiction)?;
        if *digest != *row.row_digest || *trials != row.trials.len() as u64 {
            return Err(contradiction());
        }
        row.trials
            .iter()
            .try_for_each(|trial| tally.trial(trial))
            .map_err(|error| Fault::evidence(error.to_string()))
    })?;
    if left.next().is_none() && agree(&tally.totals(), &saved.run.totals) {
        return Ok(());
    }
    Err(contradiction())
}

fn run(snapshot: Snapshot, web: &str) -> Result<Run, String> {
    let trials = snapshot
        .rows
        .values()
        .try_fold(0_u64, |sum, trials| sum.checked_add(*trials));
    if snapshot.trial_count > Totals::MOST_TRIALS
        || trials != Some(snapshot.trial_count)
        || snapshot.rows.len() as u64 != snapshot.row_count
        || snapshot.rows.values().any(|trials| *trials == 0)
    {
        return Err("its rows and its counts contradict each other".to_owned());
    }
    let mut totals = Totals {
        trials: snapshot.trial_count,
        rows: snapshot.row_count,
        usage: Some(Usage {
            tokens: snapshot.total_tokens,
            cost: snapshot.total_cost.filter(|cost| cost.is_finite()),
            ..Usage::default()
        }),
        ..Totals::default()
    };
    for stats in snapshot.dimensions {
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
        project: Project::parse(&snapshot.project).ok_or("it names no project")?,
        web: web.to_owned(),
        id: snapshot.run,
        display_name: snapshot.display_name,
        evaluation: snapshot.evaluation.map(reference),
        model: snapshot.model.map(reference),
        status: snapshot.status,
        started_at: snapshot.started_at,
        finished_at: snapshot.finished_at,
        rescored_from: snapshot.rescored_from,
        rows: snapshot.row_count,
        totals,
        digests: Some(snapshot.rows),
        choice: None,
        is_logged: false,
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
