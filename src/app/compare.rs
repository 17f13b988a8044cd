//! `compare`: compares two runs without a policy.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::archive::Archive;
use super::console::Console;
use super::offending::{MOST_OUTPUTS, Reader};
use super::outputs::{Form, Forms, Outputs};
use super::request::{BaselineRequest, CandidateRequest, Request};
use super::usual_policy::UsualPolicy;
use crate::cli::CompareArgs;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::{
    FlippedRow, RowChanges, add_same_scores, changed_scorers, columns_to_compare, compare,
};
use crate::policy::{Required, RunAddress, Source};
use crate::project::Project;
use crate::report::{self, Compared};
use crate::weave::Needs;

pub(super) fn run(arguments: &CompareArgs, console: &Console) -> Exit {
    let (mut outputs, unwritable) = Outputs::prepare(&arguments.reports, None);
    let faults = outputs.keep_runs([&arguments.baseline, &arguments.candidate]);
    let compared = Fault::all(faults)
        .or(unwritable)
        .map_or(Ok(()), Err)
        .and_then(|()| gather(arguments, console));
    let compared = compared.unwrap_or_else(|fault| Compared::of(Err(fault)));
    publish(arguments, &outputs, compared, console)
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
    let compared = Compared::of(Err(fault.and(&faults)));
    publish(arguments, &outputs, compared, console);
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

fn gather(arguments: &CompareArgs, console: &Console) -> Result<Compared, Fault> {
    let request = request(arguments, console)?;
    let needs = Needs {
        // Costs come with the rows. A server that does not know them is accepted.
        rows: Some(&columns_to_compare),
        calls_are_optional: true,
        ..Needs::default()
    };
    let mut archive = Archive::new(&arguments.server, arguments.wait, needs, console);
    let evidence = archive.evidence(&request)?;
    let comparison = compare(&evidence, Timestamp::now());
    let mut comparison = comparison.ok_or_else(|| evidence.baseline.absence())?;
    let reader = archive.reader(&request).filter(|_| !arguments.no_excerpts);
    let changes = comparison.rows.clone();
    let scorers = changed_scorers(&comparison.findings);
    if let (Some(reader), Some(changes)) = (&reader, &changes)
        && !scorers.is_empty()
        && (1..=MOST_OUTPUTS).contains(&changes.common)
        // The comparison is complete without it.
        && let Ok(Some(known)) = reader.same_scores(&scorers)
    {
        add_same_scores(&mut comparison.findings, &known);
    }
    let mut compared = Compared::of(Ok((comparison, evidence)));
    if let (Some(reader), Some(changes)) = (reader, changes)
        && let Err(fault) = read_rows(&reader, &changes, &mut compared)
    {
        compared.unexplained = Some(fault.message);
    }
    Ok(compared)
}

/// Decides which runs are compared. Each may be in a project of its own, which its address names.
fn request(arguments: &CompareArgs, console: &Console) -> Result<Request, Fault> {
    let policy = UsualPolicy::read();
    let source = |name: &str, text: &str| {
        Source::from_argument(text).map_err(|fault| fault.in_argument(name))
    };
    let baseline = source("BASELINE", &arguments.baseline)?;
    let candidate = source("CANDIDATE", &arguments.candidate)?;
    let addressed = |text: &str| RunAddress::parse(text).map(|address| address.project);
    let is_live = |source: &Source| !matches!(source, Source::File(_));
    let of_candidate = addressed(&arguments.candidate);
    let of_baseline = addressed(&arguments.baseline);
    let is_unnamed =
        |source: &Source, project: &Option<Project>| is_live(source) && project.is_none();
    let usual = if is_unnamed(&candidate, &of_candidate) || is_unnamed(&baseline, &of_baseline) {
        Some(policy.needed_project(&arguments.server, console)?)
    } else {
        None
    };
    let project_of = |source: &Source, addressed: Option<Project>| {
        addressed
            .or_else(|| usual.clone())
            .filter(|_| is_live(source))
    };
    let of_candidate = project_of(&candidate, of_candidate);
    let of_baseline = project_of(&baseline, of_baseline);
    Ok(Request {
        project: of_candidate.or_else(|| of_baseline.clone()),
        identity: policy.identity,
        candidate: CandidateRequest::only(candidate),
        baseline: Some(BaselineRequest {
            project: of_baseline,
            ..BaselineRequest::new(baseline, Required::Always)
        }),
        named: BTreeMap::new(),
        accept_failed: false,
        spans_projects: true,
    })
}

/// Reads the contents of the rows that changed. If none did, compares the outputs.
fn read_rows(
    reader: &Reader<'_>,
    changes: &RowChanges,
    compared: &mut Compared,
) -> Result<(), Fault> {
    let mut digests: Vec<&str> = changes
        .worst
        .iter()
        .map(|row| row.digest.as_str())
        .collect();
    digests.sort_unstable();
    compared.details = reader.details(&digests)?;
    let lost = |row: &&FlippedRow| row.changes.iter().any(|change| change.candidate.is_none());
    let lacking = changes.worst.iter().filter(lost);
    let lacking: BTreeSet<&str> = lacking.map(|row| row.digest.as_str()).collect();
    reader.exceptions(&lacking, &mut compared.details);
    if changes.same == changes.common && (1..=MOST_OUTPUTS).contains(&changes.common) {
        compared.same_outputs = reader.same_outputs()?;
    }
    Ok(())
}
