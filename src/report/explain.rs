//! Which checks of a JSON report `explain` shows.

use std::cmp::Reverse;

use super::json::{JsonCheck, JsonReport};
use super::terminal::{Explained, Found, ShownRows, Style, render_explained};
use crate::fault::Fault;
use crate::judge::Status;
use crate::number::plural;
use crate::prose::Prose;

/// At most this many checks are shown, unless all are.
const MOST_CHECKS: usize = 3;
/// At most this many rows of a check are shown if its name was given.
const MOST_ROWS: usize = 10;
/// At most this many rows of a check are shown if several checks are.
const FEW_ROWS: usize = 3;
/// At most this many names of checks are in an error.
const MOST_NAMES: usize = 5;

/// What is asked of `explain`.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The id of a check, or the name of a gate or a dimension; `None` for every check that blocks.
    pub check: Option<&'a str>,
    /// The maximum number of rows of each check; `None` for the default.
    pub rows: Option<usize>,
    /// Whether the report was read from a file, so that it has no more rows than it shows.
    pub is_from_file: bool,
    /// The arguments that name the report, or the policies and the runs, for the command that explains another check.
    pub arguments: &'a [String],
}

/// Explains the check with this id, or the checks of the gate or dimension with this name. If there are several,
/// explains those that do not pass. Without a name, explains the checks that block.
///
/// # Errors
///
/// There is no such check, or the report has no verdict.
pub fn explain(report: &JsonReport<'_>, asked: Asked<'_>, style: Style) -> Result<String, Fault> {
    let policies = report.policies.iter();
    let all: Vec<Found<'_>> = policies
        .flat_map(|policy| {
            let checks = policy.checks.iter();
            checks.map(move |check| Found { policy, check })
        })
        .collect();
    if all.is_empty() {
        return Err(not_judged(report));
    }
    let mut found = match asked.check {
        Some(name) => named(&all, name)?,
        None => blocking(&all),
    };
    let most = if style.is_all() {
        found.len()
    } else {
        MOST_CHECKS
    };
    let more = found.split_off(most.min(found.len()));
    let is_one = asked.check.is_some() && found.len() == 1;
    let rows = match asked.rows {
        Some(rows) => rows,
        None if style.is_all() => usize::MAX,
        None if is_one => MOST_ROWS,
        None => FEW_ROWS,
    };
    let checks = plural(all.len() as u64, "check");
    Ok(render_explained(
        &Explained {
            report,
            found: &found,
            more: &more,
            arguments: asked.arguments,
            nothing: format!("none of {checks} blocks; name a check to explain it"),
            rows: ShownRows {
                most: rows,
                is_from_file: asked.is_from_file,
            },
        },
        style,
    ))
}

/// The checks that block, failed ones first.
fn blocking<'r>(all: &[Found<'r>]) -> Vec<Found<'r>> {
    let mut blocking: Vec<Found<'r>> = all.to_vec();
    blocking.retain(|found| found.check.blocks);
    blocking.sort_by_key(|found| found.check.status != Status::Fail);
    blocking
}

/// The checks with this id, or else of the gate, or else of the dimension with this name.
fn named<'r>(all: &[Found<'r>], name: &str) -> Result<Vec<Found<'r>>, Fault> {
    let is_named: [fn(&JsonCheck<'_>, &str) -> bool; 3] = [
        |check, name| check.id == name,
        |check, name| check.gate == name,
        |check, name| check.subject.as_deref() == Some(name),
    ];
    let found = is_named.iter().find_map(|is_named| {
        let found = all.iter().filter(|found| is_named(found.check, name));
        let found: Vec<Found<'r>> = found.copied().collect();
        (!found.is_empty()).then_some(found)
    });
    let found = found.ok_or_else(|| unknown(all, name))?;
    let wrong = found
        .iter()
        .filter(|found| found.check.status != Status::Pass);
    let mut wrong: Vec<Found<'r>> = wrong.copied().collect();
    // Checks that block come first.
    wrong.sort_by_key(|found| Reverse(found.check.blocks));
    Ok(if wrong.is_empty() { found } else { wrong })
}

/// The error if no check has this name.
fn unknown(all: &[Found<'_>], name: &str) -> Fault {
    let mut gates: Vec<&str> = Vec::new();
    for found in all {
        if !gates.contains(&&*found.check.gate) {
            gates.push(&found.check.gate);
        }
    }
    let likeness = |gate: &str| strsim::jaro_winkler(name, gate);
    gates.sort_by(|one, other| likeness(other).total_cmp(&likeness(one)));
    let absent = Prose::from("there is no check ").name(name);
    let help = Prose::from("name a gate: ").names(gates, MOST_NAMES);
    let help = help.text("; or a dimension, or an id of the JSON report; without a name, every check that blocks is explained");
    Fault::usage(absent).help(help)
}

/// The error if the report has no checks.
fn not_judged(report: &JsonReport<'_>) -> Fault {
    let error = report.error.as_ref();
    let of_policies = report
        .policies
        .iter()
        .find_map(|policy| policy.error.as_ref());
    match (error.or(of_policies), &report.skipped) {
        (Some(error), _) => {
            let fault = Fault::evidence(format!("nothing was judged: {}", error.message));
            match &error.help {
                Some(help) => fault.help(help),
                None => fault.help("run the check again"),
            }
        }
        (None, Some(reason)) => Fault::evidence(format!("nothing was judged: {reason}"))
            .help("give the report of a check that judged its runs"),
        (None, None) => Fault::evidence("nothing was judged")
            .help("give the report of a check that judged its runs"),
    }
}
