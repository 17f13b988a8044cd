//! `compare`: compares two runs without a policy.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::archive::Archive;
use super::console::Console;
use super::outputs::{Form, Forms, Outputs};
use super::plan::addressed;
use super::request::{BaselineRequest, CandidateRequest, Request};
use super::server::{needed_project, project};
use crate::cli::CompareArgs;
use crate::evidence::Evidence;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::{Comparison, columns_to_compare, compare};
use crate::policy::{Required, Source};
use crate::report::{self, Compared};
use crate::selector::Identity;
use crate::weave::Needs;

pub(super) fn run(arguments: &CompareArgs, console: &Console) -> Exit {
    let (mut outputs, unwritable) = Outputs::prepare(&arguments.reports, None);
    let faults = outputs.keep_runs([&arguments.baseline, &arguments.candidate]);
    let outcome = Fault::all(faults)
        .or(unwritable)
        .map_or(Ok(()), Err)
        .and_then(|()| gather(arguments, console));
    publish(arguments, &outputs, Compared { outcome }, console)
}

/// Writes the reports of an invalid command line, which say that nothing was compared. `others` holds the further
/// command lines if an option was repeated.
pub(super) fn refuse(
    arguments: &CompareArgs,
    others: &[&CompareArgs],
    fault: Fault,
    console: &Console,
) -> Exit {
    let all = || [arguments].into_iter().chain(others.iter().copied());
    let mut faults = Vec::new();
    let mut outputs = Outputs::default();
    for arguments in all() {
        let (more, unwritable) = Outputs::prepare(&arguments.reports, None);
        outputs.add(more);
        faults.extend(unwritable);
    }
    for arguments in all() {
        faults.extend(outputs.keep_runs([&arguments.baseline, &arguments.candidate]));
    }
    let outcome = Err(fault.and(&faults));
    publish(arguments, &outputs, Compared { outcome }, console);
    Exit::Usage
}

/// Writes the result in every requested form, and returns the exit code.
fn publish(
    arguments: &CompareArgs,
    outputs: &Outputs,
    compared: Compared,
    console: &Console,
) -> Exit {
    let compared = &compared.without(console.secrets());
    if let Err(fault) = &compared.outcome {
        console.fault(fault);
    }
    let forms = Forms {
        terminal: &|style| report::terminal_comparison(compared, style),
        file: &|form| match form {
            Form::Markdown => Ok(report::markdown_comparison(compared)),
            Form::Html => Ok(report::html_comparison(compared)),
            // JSON is the only other file of a comparison.
            _ => report::json_comparison(compared)
                .map_err(|error| format!("cannot write the comparison as JSON: {error}")),
        },
    };
    let is_whole = outputs.write(&forms, console) & forms.show(arguments.reports.format, console);
    // If the comparison cannot be written, the command did not succeed.
    if is_whole {
        compared.exit()
    } else {
        Exit::NoVerdict
    }
}

fn gather(arguments: &CompareArgs, console: &Console) -> Result<(Comparison, Evidence), Fault> {
    let source = |name: &str, text: &str| {
        Source::from_argument(text).map_err(|problem| Fault::usage(format!("{name}: {problem}")))
    };
    let named = [&arguments.baseline, &arguments.candidate];
    let baseline = source("BASELINE", &arguments.baseline)?;
    let request = Request {
        project: addressed(
            project(&arguments.server, || Ok(None))?,
            named.into_iter().map(String::as_str),
        )?,
        identity: Identity::default(),
        candidate: CandidateRequest::only(source("CANDIDATE", &arguments.candidate)?),
        baseline: Some(BaselineRequest::new(baseline, Required::Always)),
        named: BTreeMap::new(),
        accept_failed: false,
    };
    if request.project.is_none() && request.is_live() {
        needed_project(&arguments.server)?;
    }
    let needs = Needs {
        rows: Some(&columns_to_compare),
        ..Needs::default()
    };
    let mut archive = Archive::new(&arguments.server, arguments.wait, needs, console);
    let evidence = archive.evidence(&request)?;
    match compare(&evidence, Timestamp::now()) {
        Some(comparison) => Ok((comparison, evidence)),
        None => Err(evidence.baseline.absence()),
    }
}
