//! Rows as CSV or JSON lines: one line for each trial, for spreadsheets, notebooks and BI tools.

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
/// The columns after them.
const LAST: [&str; 4] = ["latency_seconds", "tokens", "cost_usd", "url"];

/// A table that is being written.
pub enum Table<'a> {
    /// Comma-separated values (RFC 4180), one column a dimension.
    Csv {
        /// Where it goes.
        writer: Box<csv::Writer<&'a mut dyn Write>>,
        /// The dimensions, in the order of their columns.
        dimensions: Vec<String>,
        /// Whether it is shown, on a terminal or in a log, and not kept.
        is_shown: bool,
    },
    /// One JSON object a line.
    JsonLines(&'a mut dyn Write),
}

/// A line of JSON.
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
    /// Begins a table with a column for each of these dimensions, and writes its head.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn csv(
        to: &'a mut dyn Write,
        dimensions: &BTreeSet<&str>,
        is_shown: bool,
        secrets: &Secrets,
    ) -> io::Result<Self> {
        // A cell in quotes is one cell, whatever a spreadsheet takes for its separator.
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

    /// Writes the trials of a row, without any of these secrets.
    ///
    /// # Errors
    ///
    /// They cannot be written.
    pub fn row(&mut self, run: &Run, row: &RunRow<'_>, secrets: &Secrets) -> io::Result<()> {
        let text = |text: &str| secrets.redact(text).into_owned();
        let rendered = |text: &str| secrets.redact_rendered(text).into_owned();
        let read = |raw| read(raw).map(|value| value_without(value, secrets));
        let digest = text(&row.row_digest);
        let id = text(&run.id);
        let trials = row.trials.iter().enumerate();
        for (place, trial) in trials {
            // Columns are found by the names that the dimensions have.
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
                    // JSON has other words for what hides, and for what a runner reads.
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

    /// Ends the table.
    ///
    /// # Errors
    ///
    /// What is left of it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv { mut writer, .. } => writer.flush(),
            Self::JsonLines(to) => to.flush(),
        }
    }
}

/// What is shown has nothing in it that moves a cursor, or that a runner reads as a command.
fn shown(cell: String, is_shown: bool) -> String {
    if is_shown { message(&cell) } else { cell }
}

/// That a reader has gone away has to be seen as such.
fn unwritten(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Scores by the names of their dimensions. Lists are kept as they are.
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

/// A value that is parsed and written again is on one line.
fn read(raw: Option<&RawValue>) -> io::Result<Value> {
    let value = raw.map(|raw| serde_json::from_str(raw.get()));
    Ok(value.transpose()?.unwrap_or_default())
}

/// Text as it is, numbers and truth values as such, and anything else as JSON.
fn value_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        other => other.to_string(),
    }
}
