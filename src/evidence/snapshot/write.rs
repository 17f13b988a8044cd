//! Writes runs to a snapshot file.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read, Seek, Write};

use jiff::Timestamp;

use super::wire::{Named, SavedException, SavedRun, SavedSetup, SavedUsage, Snapshot, Stats};
use crate::evidence::summary_builder::SummaryBuilder;
use crate::evidence::trial::{RowTexts, RunRow};
use crate::evidence::{
    Columns, Dimension, Flaw, Raised, Reference, RowSource, Run, Totals, WithoutCall,
};
use crate::fault::Fault;
use crate::number::TOLERANCE;

/// The maximum number of trials of a run whose exceptions are saved.
const MOST_TRIALS: usize = 200;

/// Reads the exceptions that calls within trials raised, by the id of each trial's call.
pub type ReadRaised<'a> = dyn Fn(&[&str]) -> BTreeMap<String, Vec<Raised>> + 'a;

/// A run to be written, with its rows if available.
pub struct Written<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its rows.
    pub rows: Option<&'a dyn RowSource>,
    /// Reads the exceptions that calls within these trials raised, by the ids of the trials' calls.
    pub raised: &'a ReadRaised<'a>,
}

/// Stores the texts until all scores are written, such as a temporary file.
pub trait Spool: Read + Write + Seek {}

impl<T: Read + Write + Seek> Spool for T {}

/// Writes runs, the newest first, and the scores of their rows if the rows are given. If `texts` is given, inputs and
/// outputs follow the scores. `texts` must be empty; it stores them in the meantime.
///
/// # Errors
///
/// A run's row digests or its usage were not read, its rows are unavailable, or writing fails.
pub fn write(
    to: &mut dyn Write,
    runs: &[Written<'_>],
    texts: Option<&mut dyn Spool>,
    taken_at: Timestamp,
) -> Result<(), Fault> {
    let with_rows: Option<Vec<(&Written<'_>, &dyn RowSource)>> = runs
        .iter()
        .map(|written| Some((written, written.rows?)))
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
    // The rows come last, one per line, so that they are not all in memory at once.
    let open = text.trim_end().strip_suffix("\n}").unwrap_or_default();
    to.write_all(open.as_bytes()).map_err(unwritten)?;
    to.write_all(b",\n  \"results\": [").map_err(unwritten)?;
    let mut texts = texts.map(BufWriter::new);
    let mut usage = Vec::new();
    let mut exceptions = Vec::new();
    for (place, (written, source)) in with_rows.into_iter().enumerate() {
        let run = written.run;
        let comma = if place > 0 { "," } else { "" };
        let id = serde_json::to_string(&run.id).map_err(|error| unwritten(error.into()))?;
        let opened = format!("{comma}\n    {{\"run\": {id}, \"rows\": [");
        let closed = b"\n    ]}";
        to.write_all(opened.as_bytes()).map_err(unwritten)?;
        if let Some(texts) = &mut texts {
            texts.write_all(opened.as_bytes()).map_err(unwritten)?;
        }
        let (used, lacking) = rows(to, texts.as_mut(), run, source)?;
        usage.push(used);
        if texts.is_some() && !lacking.is_empty() {
            let lacking: Vec<&str> = lacking.iter().map(String::as_str).collect();
            exceptions.extend(saved_exceptions((written.raised)(&lacking)));
        }
        to.write_all(closed).map_err(unwritten)?;
        if let Some(texts) = &mut texts {
            texts.write_all(closed).map_err(unwritten)?;
        }
    }
    let usage = serde_json::to_string(&usage).map_err(|error| unwritten(error.into()))?;
    to.write_all(format!("\n  ],\n  \"usage\": {usage}").as_bytes())
        .map_err(unwritten)?;
    if !exceptions.is_empty() {
        let lines = exceptions.iter().map(serde_json::to_string);
        let lines = lines.collect::<Result<Vec<String>, _>>();
        let lines = lines.map_err(|error| unwritten(error.into()))?;
        let lines = lines.join(",\n    ");
        to.write_all(format!(",\n  \"exceptions\": [\n    {lines}\n  ]").as_bytes())
            .map_err(unwritten)?;
    }
    if let Some(texts) = texts {
        let texts = texts
            .into_inner()
            .map_err(|error| unwritten(error.into_error()))?;
        texts.rewind().map_err(unwritten)?;
        to.write_all(b",\n  \"texts\": [").map_err(unwritten)?;
        io::copy(texts, to).map_err(unwritten)?;
        to.write_all(b"\n  ]").map_err(unwritten)?;
    }
    to.write_all(b"\n}\n").map_err(unwritten)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
fn unwritten(error: io::Error) -> Fault {
    Fault::evidence(format!("cannot write the snapshot: {error}"))
        .help("check the path, its permissions and the free space")
}

/// The number of trials of a run that report their usage; `None` if they were not counted.
fn used(run: &Run) -> Option<SavedUsage> {
    let usage = run.totals.usage?;
    Some(SavedUsage {
        run: run.id.clone(),
        tokens_reported: usage.reported?,
        cost_priced: usage.priced?,
    })
}

fn saved_exceptions(raised: BTreeMap<String, Vec<Raised>>) -> Vec<SavedException> {
    let all = raised.into_iter().flat_map(|(trial, raised)| {
        raised.into_iter().map(move |raised| SavedException {
            trial: trial.clone(),
            op: raised.op,
            exception: raised.exception,
        })
    });
    all.collect()
}

/// Writes the rows of a run and checks that they agree with its summary. Returns its usage, and the ids of trials in
/// which a score is missing.
fn rows(
    to: &mut dyn Write,
    mut texts: Option<&mut BufWriter<&mut dyn Spool>>,
    run: &Run,
    source: &dyn RowSource,
) -> Result<(SavedUsage, Vec<String>), Fault> {
    let mut lacking = Vec::new();
    let mut builder = SummaryBuilder::default();
    let mut usage = SavedUsage {
        run: run.id.clone(),
        tokens_reported: 0,
        cost_priced: 0,
    };
    let mut separator = "\n      ";
    let columns = if texts.is_some() {
        Columns::everything()
    } else {
        Columns::numbers()
    };
    source.each(&columns, &mut |row| {
        for trial in &row.trials {
            let scored = builder
                .trial(trial)
                .map_err(|error| unwritten(error.into()))?;
            usage.tokens_reported += u64::from(trial.total_tokens.is_some());
            usage.cost_priced += u64::from(trial.total_cost.is_some());
            let lacks = trial.has_no_output() || scored < run.totals.dimensions.len();
            if lacks && lacking.len() < MOST_TRIALS {
                lacking.push(trial.predict_and_score_call_id.clone().into_owned());
            }
        }
        to.write_all(separator.as_bytes()).map_err(unwritten)?;
        if let Some(texts) = &mut texts {
            texts.write_all(separator.as_bytes()).map_err(unwritten)?;
            serde_json::to_writer(&mut *texts, &RowTexts::of(row))
                .map_err(|error| unwritten(error.into()))?;
        }
        separator = ",\n      ";
        serde_json::to_writer(&mut *to, &without_texts(row))
            .map_err(|error| unwritten(error.into()))
    })?;
    let without_call = builder.without_call();
    if agree(&builder.totals(), without_call, &run.totals) {
        return Ok((usage, lacking));
    }
    Err(
        Fault::evidence("the rows of the run are not what its summary says")
            .help("was the run still being written? take the snapshot again when it has finished"),
    )
}

/// The row without its inputs and outputs.
fn without_texts<'a>(row: &RunRow<'a>) -> RunRow<'a> {
    let mut row = row.clone();
    row.raw_data_row = None;
    for trial in &mut row.trials {
        trial.take_output();
    }
    row
}

/// Whether the totals of rows agree with a summary. The summary also counts the scorers' tokens of trials without a
/// predict call.
pub(super) fn agree(rows: &Totals, without_call: WithoutCall, summary: &Totals) -> bool {
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
    let mut tokens = without_call;
    tokens.add(WithoutCall {
        trials: 0,
        tokens: usage(rows).tokens,
    });
    rows.trials == summary.trials
        && tokens.tokens == usage(summary).tokens
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
    let unread = || Fault::bug("the run was not read far enough for a snapshot");
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
            status: run.status.as_ref().map(|status| status.word().to_owned()),
            started_at: run.started_at,
            finished_at: run.finished_at,
            rescored_from: run.rescored_from.clone(),
            attributes: run.attributes.clone().unwrap_or_default(),
            logged: run.is_logged,
            exception: run.exception.clone(),
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
    let setups = runs.iter().filter_map(|Written { run, .. }| {
        Some(SavedSetup {
            run: run.id.clone(),
            setup: run.setup.clone()?,
        })
    });
    let project = project.ok_or_else(unread)?;
    let snapshot = Snapshot::new(project, saved, setups.collect(), usage, taken_at);
    serde_json::to_string_pretty(&snapshot)
        .map(|text| text + "\n")
        .map_err(|error| Fault::bug(format!("cannot write the snapshot: {error}")))
}

fn stats((name, dimension): (&String, &Dimension)) -> Stats {
    Stats {
        name: name.clone(),
        trial_count: dimension.scored,
        pass_true_count: dimension.passed,
        pass_known_count: dimension.judged,
        numeric_count: dimension.measured,
        numeric_mean: dimension.mean,
        ambiguous: dimension.flaw == Some(Flaw::Ambiguous),
    }
}

fn named(reference: &Reference) -> Named {
    Named {
        name: reference.name.clone(),
        version: reference.version.clone(),
    }
}
