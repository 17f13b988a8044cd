//! Rows as CSV or JSON lines, one line per trial, for spreadsheets, notebooks and BI tools.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::escape::{cell, message, visible_json};
use super::links;
use super::redact::value_without;
use crate::evidence::{Run, RunRow, Trial, is_of_sdk};
use crate::secret::Secrets;

/// The columns before the scores.
const FIRST: [&str; 5] = ["row_digest", "run", "trial", "inputs", "output"];
/// The columns after the scores.
const LAST: [&str; 4] = ["latency_seconds", "tokens", "cost_usd", "url"];

/// A table that is being written.
pub enum Table<'a> {
    /// Comma-separated values (RFC 4180), with one column per dimension.
    Csv {
        /// The CSV writer of the output.
        writer: Box<csv::Writer<&'a mut dyn Write>>,
        /// The dimensions, in the order of their columns.
        dimensions: Vec<String>,
        /// Whether the output is shown on a terminal or in a log instead of being written to a file.
        is_shown: bool,
    },
    /// One JSON object per line.
    JsonLines(&'a mut dyn Write),
}

/// One line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    row_digest: &'a str,
    run: &'a str,
    trial: usize,
    inputs: Value,
    output: Value,
    scores: BTreeMap<String, Value>,
    latency_seconds: Option<f64>,
    tokens: Option<u64>,
    cost_usd: Option<f64>,
    url: Option<String>,
}

impl<'a> Table<'a> {
    /// Starts a table with a column for each of these dimensions and writes its header.
    ///
    /// # Errors
    ///
    /// Writing fails.
    pub fn csv(
        to: &'a mut dyn Write,
        dimensions: &BTreeSet<&str>,
        is_shown: bool,
        secrets: &Secrets,
    ) -> io::Result<Self> {
        // Every cell is quoted, so that a spreadsheet reads it as one cell whatever separator it uses.
        let mut writer = Box::new(
            csv::WriterBuilder::new()
                .quote_style(csv::QuoteStyle::NonNumeric)
                .from_writer(to),
        );
        let scores = dimensions
            .iter()
            .map(|name| shown(cell(&format!("scores.{}", secrets.redact(name))), is_shown));
        let first = FIRST.into_iter().map(str::to_owned);
        let last = LAST.into_iter().map(str::to_owned);
        writer
            .write_record(first.chain(scores).chain(last))
            .map_err(unwritten)?;
        Ok(Self::Csv {
            writer,
            dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
            is_shown,
        })
    }

    /// Writes the trials of a row, with these secrets removed.
    ///
    /// # Errors
    ///
    /// Writing fails.
    pub fn row(&mut self, run: &Run, row: &RunRow<'_>, secrets: &Secrets) -> io::Result<()> {
        let text = |text: &str| secrets.redact(text).into_owned();
        let rendered = |text: &str| secrets.redact_rendered(text).into_owned();
        let read = |raw| read(raw).map(|value| value_without(value, secrets));
        let digest = text(&row.row_digest);
        let id = text(&run.id);
        let trials = row.trials.iter().enumerate();
        for (place, trial) in trials {
            // The names of the columns are those of the dimensions.
            let scores = flattened(trial)?.into_iter();
            let scores = scores.map(|(name, value)| (name, value_without(value, secrets)));
            let number = place + 1;
            let call = &trial.predict_and_score_call_id;
            let url = (!call.is_empty())
                .then(|| links::call(&run.web, &run.project, call))
                .flatten();
            match self {
                Self::JsonLines(to) => {
                    let line = Line {
                        row_digest: &digest,
                        run: &id,
                        trial: number,
                        inputs: read(row.raw_data_row)?,
                        output: read(trial.model_output)?,
                        scores: scores.map(|(name, value)| (text(&name), value)).collect(),
                        latency_seconds: trial.model_latency_seconds,
                        tokens: trial.total_tokens,
                        cost_usd: trial.total_cost,
                        url,
                    };
                    // In JSON, invisible characters and commands to a CI runner are written as escapes.
                    let line = rendered(&visible_json(&serde_json::to_string(&line)?));
                    to.write_all(line.replace("##", "#\\u0023").as_bytes())?;
                    to.write_all(b"\n")?;
                }
                Self::Csv {
                    writer,
                    dimensions,
                    is_shown,
                } => {
                    let scores: BTreeMap<String, Value> = scores.collect();
                    let number_cell = |value: Option<f64>| {
                        value.map_or_else(String::new, |value| value.to_string())
                    };
                    let first = [
                        cell(&digest),
                        cell(&id),
                        number.to_string(),
                        value_cell(&read(row.raw_data_row)?),
                        value_cell(&read(trial.model_output)?),
                    ];
                    let of_scorers = dimensions
                        .iter()
                        .map(|name| scores.get(name).map_or_else(String::new, value_cell));
                    let last = [
                        number_cell(trial.model_latency_seconds),
                        trial
                            .total_tokens
                            .map_or_else(String::new, |tokens| tokens.to_string()),
                        number_cell(trial.total_cost),
                        url.unwrap_or_default(),
                    ];
                    writer
                        .write_record(
                            first
                                .into_iter()
                                .chain(of_scorers)
                                .map(|cell| shown(cell, *is_shown))
                                .chain(last)
                                .map(|cell| rendered(&cell)),
                        )
                        .map_err(unwritten)?;
                }
            }
        }
        Ok(())
    }

    /// Finishes the table.
    ///
    /// # Errors
    ///
    /// Writing the rest of the table fails.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv { mut writer, .. } => writer.flush(),
            Self::JsonLines(to) => to.flush(),
        }
    }
}

/// If the output is shown, makes sure that a cell contains nothing that moves the cursor or is a command to a CI
/// runner.
fn shown(cell: String, is_shown: bool) -> String {
    if is_shown { message(&cell) } else { cell }
}

/// Keeps the kind of an I/O error, so that a closed pipe is recognized as such.
fn unwritten(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The scores by dimension name. Lists are kept unchanged.
fn flattened(trial: &Trial<'_>) -> io::Result<BTreeMap<String, Value>> {
    fn walk(name: String, value: Value, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    walk(format!("{name}.{key}"), value, into);
                }
            }
            value if !is_of_sdk(&name, None) => {
                into.insert(name, value);
            }
            _ => {}
        }
    }
    let scores: BTreeMap<String, Value> = serde_json::from_str(trial.scores.get())?;
    let mut flat = BTreeMap::new();
    for (scorer, value) in scores {
        walk(scorer, value, &mut flat);
    }
    Ok(flat)
}

/// Parses a value, so that it is written on one line.
fn read(raw: Option<&RawValue>) -> io::Result<Value> {
    let value = raw.map(|raw| serde_json::from_str(raw.get()));
    Ok(value.transpose()?.unwrap_or_default())
}

/// Text unchanged, numbers and booleans as such, and any other value as JSON.
fn value_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        other => other.to_string(),
    }
}
