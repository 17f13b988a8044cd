//! `explain`: shows the reason of one check, with its rows.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::check::{gather, prepare};
use super::console::Console;
use crate::cli::ExplainArgs;
use crate::fault::Fault;
use crate::report;

/// A larger file is no report.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

pub(super) fn run(arguments: &ExplainArgs, console: &Console) -> Result<(), Fault> {
    let report = match &arguments.from {
        Some(path) => read(path)?,
        None => judged(arguments, console)?,
    };
    let text = report::explain(&report, &arguments.check)?;
    console.print(&text)
}

/// Judges once more, and reports in the form that `--from` reads.
fn judged(arguments: &ExplainArgs, console: &Console) -> Result<Value, Fault> {
    let plans = prepare(&arguments.judge, &mut |_| Ok(()))?;
    let report = gather(&arguments.judge, &plans, false, console)?.without(console.secrets());
    let unreadable = |error| Fault::evidence(format!("cannot write the report as JSON: {error}"));
    let text = report::json(&report).map_err(unreadable)?;
    serde_json::from_str(&text).map_err(unreadable)
}

fn read(path: &Path) -> Result<Value, Fault> {
    let shown = path.display();
    let fault = |problem: String| {
        Fault::usage(format!("cannot read the report `{shown}`: {problem}"))
            .help("name a JSON report, as `weave-gate check --json FILE` writes it")
    };
    let size = fs::metadata(path)
        .map_err(|error| fault(error.to_string()))?
        .len();
    if size > MAX_BYTES {
        return Err(fault("it is too large for a report".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    if report.get("policies").is_some_and(Value::is_array) {
        return Ok(report);
    }
    Err(fault("it is none of `check`".to_owned()))
}
