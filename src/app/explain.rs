//! `explain`: shows the reason of checks, with their rows.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use super::check::{gather, prepare};
use super::console::Console;
use super::repeated;
use crate::cli::{ExplainArgs, JudgeArgs, USUAL_POLICY};
use crate::fault::Fault;
use crate::file_kind::FileKind;
use crate::report::{self, Asked};

/// Maximum size of a report, in bytes. A larger file is not a report.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// The number of rows that are read if no number is given.
const ROWS: usize = 10;

pub(super) fn run(arguments: &ExplainArgs, console: &Console) -> Result<(), Fault> {
    let (check, judge) = asked(arguments);
    let repeated = match &arguments.from {
        Some(path) => vec![format!("--from={}", path.display())],
        None => repeated::arguments(&judge),
    };
    let asked = Asked {
        check,
        rows: arguments.limit.map(usize::from),
        is_from_file: arguments.from.is_some(),
        arguments: &repeated,
    };
    let style = console.style();
    if let Some(path) = &arguments.from {
        return console.print(&report::explain(&read(path)?, asked, style)?);
    }
    let plans = prepare(&judge, &mut |_| Ok(()))?;
    let rows = asked.rows.unwrap_or(ROWS);
    let judged = gather(&judge, &plans, rows, console)?.without(console.secrets());
    console.print(&report::explain(&report::document(&judged), asked, style)?)
}

/// The check that is named, and what is judged. A file in place of the check is a policy.
fn asked(arguments: &ExplainArgs) -> (Option<&str>, JudgeArgs) {
    let mut judge = arguments.judge.clone();
    match arguments.check.as_deref() {
        Some(file) if arguments.from.is_none() && Path::new(file).is_file() => {
            let is_default = judge.policy == [USUAL_POLICY];
            if is_default {
                judge.policy.clear();
            }
            judge.policy.insert(0, file.to_owned());
            (None, judge)
        }
        check => (check, judge),
    }
}

fn read(path: &Path) -> Result<report::JsonReport<'static>, Fault> {
    let what = format!("cannot read the report `{}`", path.display());
    parsed(path).context(what).map_err(|error| {
        Fault::usage_of(&error)
            .help("name a JSON report, as `weave-gate check --json FILE` writes it")
    })
}

fn parsed(path: &Path) -> anyhow::Result<report::JsonReport<'static>> {
    ensure!(
        fs::metadata(path)?.len() <= MAX_BYTES,
        "it is too large for a report"
    );
    let bytes = fs::read(path)?;
    if let Some(kind) = FileKind::of(&bytes) {
        bail!("it {}; {}", kind.message(), kind.help());
    }
    report::read(&String::from_utf8(bytes)?).context("it is not a report of `check`")
}
