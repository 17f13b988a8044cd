//! `diff`: what changed between two policies, and whether it is looser.

use super::console::Console;
use super::revision::PolicyPlace;
use crate::cli::{DiffArgs, Format};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::policy::{Policy, diff};
use crate::report::{self, DiffReport};

pub(super) fn run(arguments: &DiffArgs, console: &Console) -> Exit {
    shown(arguments, console).unwrap_or_else(|fault| {
        console.fault(&fault);
        fault.exit
    })
}

fn shown(arguments: &DiffArgs, console: &Console) -> Result<Exit, Fault> {
    let read = |text: &str| -> Result<Policy, Fault> {
        let place = PolicyPlace::parse(text, None)?;
        place.read()?.ok_or_else(|| {
            Fault::usage(format!("there is no policy `{}`", place.shown()))
                .help("a path in a revision starts at the current directory")
        })
    };
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let report = DiffReport {
        differences: diff(&old, &new),
        old: old.path,
        new: new.path,
    };
    let report = report.without(console.secrets());
    let text = match arguments.format {
        Format::Terminal => report::terminal_diff(&report, console.style()),
        Format::Markdown => report::markdown_diff(&report),
        Format::Json => report::json_diff(&report)
            .map_err(|error| Fault::bug(format!("cannot write the report: {error}")))?,
    };
    console.print(&text)?;
    Ok(report.exit())
}
