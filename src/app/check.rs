//! `check`: reads policies and evidence, judges, writes reports, and returns the exit code.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::archive::Archive;
use super::comments;
use super::console::Console;
use super::environment::environment;
use super::github::Github;
use super::outputs::{Form, Forms, Outputs};
use super::plan::{files_of, plans};
use super::policies::policies;
use super::policy_base::{Based, based};
use super::repeated;
use super::server::known_key;
use crate::cli::{CheckArgs, JudgeArgs};
use crate::evidence::{Columns, Totals};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::forge::outsider;
use crate::judge::{MOST_OFFENDING, columns};
use crate::policy::{Policy, PolicyFile, expand};
use crate::report::{self, Judged, Report, Section};
use crate::weave::Needs;

pub(super) fn run(arguments: &CheckArgs, console: &Console) -> Exit {
    // Reports are checked before any request. If one report cannot be written, the others still say so.
    let (mut outputs, unwritable) = Outputs::prepare(&arguments.reports, Some(&arguments.ci));
    let report = Fault::all(keep_inputs(arguments, &mut outputs))
        .or(unwritable)
        .map_or(Ok(()), Err)
        .and_then(|()| read(&arguments.judge, &mut |path| outputs.keep(path)))
        .and_then(|policies| based(arguments, policies))
        .and_then(|plans| {
            if let Some(reason) = skip(arguments, &plans)? {
                return Ok(Report::of_skip(reason));
            }
            let rows = if arguments.no_excerpts {
                0
            } else {
                MOST_OFFENDING
            };
            gather(&arguments.judge, &plans, rows, console)
        })
        .unwrap_or_else(Report::of_fault);
    if report.fault.is_some() {
        // If there is a fault, some policies may not have been read yet.
        keep_snapshots(arguments, &mut outputs);
    }
    publish(arguments, &outputs, report, console)
}

/// Writes the reports of an invalid command line, which say that nothing was judged. `others` holds the further command
/// lines if an option was repeated.
pub(super) fn refuse(
    arguments: &CheckArgs,
    others: &[&CheckArgs],
    fault: Fault,
    console: &Console,
) -> Exit {
    let all = || [arguments].into_iter().chain(others.iter().copied());
    let mut faults = Vec::new();
    let mut outputs = Outputs::default();
    for arguments in all() {
        let (more, unwritable) = Outputs::prepare(&arguments.reports, Some(&arguments.ci));
        outputs.add(more);
        faults.extend(unwritable);
    }
    for arguments in all() {
        faults.extend(keep_inputs(arguments, &mut outputs));
        faults.extend(keep_snapshots(arguments, &mut outputs));
    }
    let report = Report::of_fault(fault.and(&faults));
    publish(arguments, &outputs, report, console)
}

/// Writes the result in every requested form, and returns the exit code.
fn publish(arguments: &CheckArgs, outputs: &Outputs, report: Report, console: &Console) -> Exit {
    let report = &report.without(console.secrets());
    for fault in report.faults() {
        console.fault(fault);
    }
    let forms = Forms {
        terminal: &|style| report::terminal(report, style),
        file: &|form| file(report, form),
    };
    outputs.write(&forms, console);
    if let Some(github) = Github::wanted(&arguments.ci) {
        github.publish(report, outputs, console);
    }
    comments::publish(arguments, report, console);
    // The report is shown last, so that the verdict is the last line.
    forms.show(arguments.reports.format, console);
    report.exit()
}

/// Returns why nothing is judged, if the command line allows that: a pull or merge request that gets no secrets has no
/// key.
fn skip(arguments: &CheckArgs, plans: &[Based]) -> Result<Option<String>, Fault> {
    let is_live = plans.iter().any(|based| based.plan.request.is_live());
    let server = Some(&arguments.judge.server);
    if !arguments.ci.skip_forks || !is_live || known_key(server)?.is_some() {
        return Ok(None);
    }
    let outsider = outsider(&environment)?;
    Ok(outsider.map(|why| format!("{why}, so there is no API key, and --skip-forks allows that")))
}

/// Renders the report for one file.
fn file(report: &Report, form: Form) -> Result<String, String> {
    let unwritten = |error: &dyn std::fmt::Display| format!("cannot write the report: {error}");
    match form {
        Form::Markdown => Ok(report::markdown(report)),
        Form::Html => Ok(report::html(report)),
        Form::Json => report::json(report).map_err(|error| unwritten(&error)),
        Form::Junit => report::junit(report).map_err(|error| unwritten(&error)),
        Form::Metrics => Ok(report::metrics(report)),
        Form::GitlabAnnotations => {
            report::gitlab_annotations(report).map_err(|error| unwritten(&error))
        }
    }
}

/// Protects the input files that the command line names from being overwritten, even if the command line is invalid.
fn keep_inputs(arguments: &CheckArgs, outputs: &mut Outputs) -> Vec<Fault> {
    let judge = &arguments.judge;
    let mut faults: Vec<Fault> = policy_files(arguments)
        .iter()
        .filter_map(|file| outputs.keep(Path::new(&file.path)).err())
        .collect();
    let runs = [&judge.candidate, &judge.baseline];
    faults.extend(outputs.keep_runs(runs.into_iter().flatten()));
    faults
}

/// Protects the snapshots that the valid policies name from being overwritten.
fn keep_snapshots(arguments: &CheckArgs, outputs: &mut Outputs) -> Vec<Fault> {
    let read = |file: PolicyFile| policies(&[file]).ok();
    let policies = policy_files(arguments).into_iter().filter_map(read);
    let snapshots = policies.flatten().flat_map(|policy| files_of(&policy));
    snapshots
        .filter_map(|path| outputs.keep(&path).err())
        .collect()
}

/// The policies that exist.
fn policy_files(arguments: &CheckArgs) -> Vec<PolicyFile> {
    // Each argument is expanded alone, because the files of another argument may be missing.
    let files = |argument| expand(std::slice::from_ref(argument)).unwrap_or_default();
    arguments.judge.policy.iter().flat_map(files).collect()
}

/// Reads the policies, and decides which runs they are judged on. Calls `keep` for every snapshot that they name.
pub(super) fn prepare(
    arguments: &JudgeArgs,
    keep: &mut dyn FnMut(&Path) -> Result<(), Fault>,
) -> Result<Vec<Based>, Fault> {
    let plans = plans(arguments, read(arguments, keep)?)?;
    Ok(plans.into_iter().map(Based::alone).collect())
}

/// Reads the policies. Calls `keep` for every snapshot that they name.
fn read(
    arguments: &JudgeArgs,
    keep: &mut dyn FnMut(&Path) -> Result<(), Fault>,
) -> Result<Vec<Policy>, Fault> {
    let files = expand(&arguments.policy)?;
    let policies = policies(&files)?;
    let kept = policies.iter().flat_map(files_of).map(|path| keep(&path));
    let faults = kept.filter_map(Result::err).collect();
    Fault::all(faults).map_or(Ok(policies), Err)
}

/// Reads the evidence, judges, and reads at most `rows` rows of each check that did not pass.
pub(super) fn gather(
    arguments: &JudgeArgs,
    plans: &[Based],
    rows: usize,
    console: &Console,
) -> Result<Report, Fault> {
    let policies = || plans.iter().flat_map(Based::policies);
    let wanted = |runs: &[&Totals]| {
        let mut all = Columns::default();
        for policy in policies() {
            all.add(columns(policy, runs));
        }
        all
    };
    let needs = Needs {
        usage: policies().any(Policy::needs_usage),
        costs: policies().any(Policy::needs_costs),
        rows: Some(&wanted),
        calls_are_optional: false,
    };
    let mut archive = Archive::new(&arguments.server, arguments.wait, needs, console);
    let mut sections = Vec::new();
    for based in plans {
        let plan = &based.plan;
        let evidence = archive.evidence(&plan.request);
        let outcome = match evidence {
            Ok(evidence) => Ok(Judged {
                // The clock is read after the evidence, because waiting takes time.
                judgement: based.judge(&evidence, Timestamp::now()),
                evidence,
                offending: Vec::new(),
                details: BTreeMap::new(),
                unexplained: None,
                show: plan.policy.show.clone(),
            }),
            // An invalid command line is invalid for every policy.
            Err(fault) if fault.exit == Exit::Usage => return Err(fault),
            Err(fault) => Err(fault),
        };
        sections.push(Section {
            path: plan.policy.path.clone(),
            sha256: plan.policy.sha256.clone(),
            text: plan.policy.text.clone(),
            outcome,
        });
    }
    if rows > 0 {
        explain(&archive, plans, &mut sections, rows);
    }
    Ok(Report {
        sections,
        fault: None,
        skipped: None,
        arguments: repeated::arguments(arguments),
    })
}

/// Adds the rows of failed checks after every policy is judged. This step delays no verdict and changes none.
fn explain(archive: &Archive<'_>, plans: &[Based], sections: &mut [Section], rows: usize) {
    for (based, section) in plans.iter().zip(sections) {
        let plan = &based.of_both();
        if let Ok(judged) = &mut section.outcome {
            match archive.explain(plan, judged, rows) {
                Ok(explained) => (judged.offending, judged.details) = explained,
                Err(fault) => judged.unexplained = Some(fault.message),
            }
            archive.add_same_scores(plan, judged);
        }
    }
}
