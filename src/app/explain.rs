//! `explain`: shows the reason of one check, with its rows.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::check::{gather, prepare};
use super::console::Console;
use crate::cli::ExplainArgs;
use crate::fault::Fault;
use crate::report;

/// Maximum size of a report, in bytes. A larger file is not a report.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

pub(super) fn run(arguments: &ExplainArgs, console: &Console) -> Result<(), Fault> {
    let report = match &arguments.from {
        Some(path) => read(path)?,
        None => judged(arguments, console)?,
    };
    let text = report::explain(&report, &arguments.check)?;
    console.print(&text)
}

/// Judges again, and returns the report in the format that `--from` reads.
fn judged(arguments: &ExplainArgs, console: &Console) -> Result<Value, Fault> {
    let plans = prepare(&arguments.judge, &mut |_| Ok(()))?;
    let report = gather(&arguments.judge, &plans, false, console)?.without(console.secrets());
    let text = report::json(&report);
    let read = text.and_then(|text| serde_json::from_str(&text));
    read.context("cannot write the report as JSON")
        .map_err(|error| Fault::evidence_of(&error))
}

fn read(path: &Path) -> Result<Value, Fault> {
    let what = format!("cannot read the report `{}`", path.display());
    parsed(path).context(what).map_err(|error| {
        Fault::usage_of(&error)
            .help("name a JSON report, as `weave-gate check --json FILE` writes it")
    })
}

fn parsed(path: &Path) -> anyhow::Result<Value> {
    ensure!(
        fs::metadata(path)?.len() <= MAX_BYTES,
        "it is too large for a report"
    );
    let report: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let is_of_check = report.get("policies").is_some_and(Value::is_array);
    ensure!(is_of_check, "it is no report of `check`");
    Ok(report)
}
