//! `check`: policies, then evidence, then judgement, then reports, then the exit code.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::archive::Archive;
use super::console::Console;
use super::output::Output;
use super::plan::{files_of, plans};
use super::policies;
use crate::cli::{CheckArgs, Format};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::judge;
use crate::policy::expand;
use crate::report::{self, Judged, Report, Section};
use crate::weave::Needs;

pub(super) fn run(arguments: &CheckArgs, console: &Console) -> Exit {
    // Whether the reports can be written is known before anything is asked of anybody; where one cannot,
    // the other still says so.
    let (mut outputs, unwritable) = Outputs::prepare(arguments);
    let report = keep_inputs(arguments, &mut outputs)
        .and_then(|()| unwritable.map_or(Ok(()), Err))
        .and_then(|()| gather(arguments, console, &mut outputs))
        .unwrap_or_else(Report::of_fault);
    outputs.write(&report, console);
    for fault in report.faults() {
        console.fault(fault);
    }
    let text = match arguments.format {
        Format::Terminal => Ok(report::terminal(&report, console.style())),
        Format::Markdown => Ok(report::markdown(&report)),
        Format::Json => report::json(&report),
    };
    match text {
        Ok(text) => console.report(&text),
        Err(error) => console.warn(&format!("cannot write the report as JSON: {error}")),
    }
    report.exit()
}

/// Keeps what the command line says is read from being written, whatever else is wrong with it.
fn keep_inputs(arguments: &CheckArgs, outputs: &mut Outputs) -> Result<(), Fault> {
    // One argument at a time: what another one names may be missing.
    for argument in &arguments.policy {
        for file in expand(std::slice::from_ref(argument)).unwrap_or_default() {
            outputs.keep(Path::new(&file.path))?;
        }
    }
    for run in [&arguments.candidate, &arguments.baseline]
        .into_iter()
        .flatten()
    {
        if let Some(path) = run.strip_prefix("file:") {
            outputs.keep(Path::new(path))?;
        }
    }
    Ok(())
}

fn gather(
    arguments: &CheckArgs,
    console: &Console,
    outputs: &mut Outputs,
) -> Result<Report, Fault> {
    let files = expand(&arguments.policy)?;
    let policies = policies(&files)?;
    for path in policies.iter().flat_map(files_of) {
        outputs.keep(&path)?;
    }
    let plans = plans(arguments, policies)?;
    let needs = Needs {
        usage: plans.iter().any(|plan| plan.policy.needs_usage()),
    };
    let mut archive = Archive::new(&arguments.server, arguments.wait, needs, console);
    let mut sections = Vec::new();
    for plan in plans {
        let outcome = match archive.evidence(&plan) {
            Ok(evidence) => Ok(Judged {
                // The clock is read late: waiting takes time.
                judgement: judge(&plan.policy, &evidence, Timestamp::now()),
                evidence,
            }),
            // A wrong command line is wrong for every policy.
            Err(fault) if fault.exit == Exit::Usage => return Err(fault),
            Err(fault) => Err(fault),
        };
        sections.push(Section {
            path: plan.policy.path,
            sha256: plan.policy.sha256,
            outcome,
        });
    }
    Ok(Report {
        sections,
        fault: None,
    })
}

/// The files to write.
struct Outputs {
    markdown: Option<Output>,
    json: Option<Output>,
}

impl Outputs {
    /// The outputs that can be written, and why others cannot.
    fn prepare(arguments: &CheckArgs) -> (Self, Option<Fault>) {
        let mut faults = Vec::new();
        let mut prepare = |path: &Option<PathBuf>| {
            let output = path.as_deref().map(Output::prepare).transpose();
            output.map_err(|fault| faults.push(fault)).ok().flatten()
        };
        let (markdown, json) = (prepare(&arguments.report), prepare(&arguments.json));
        if let (Some(one), Some(other)) = (&markdown, &json)
            && one.is(other)
        {
            let shown = other.shown();
            let fault = Fault::usage(format!("two reports would be written to `{shown}`"))
                .help("give each a file of its own");
            let nothing = Self {
                markdown: None,
                json: None,
            };
            return (nothing, Some(fault));
        }
        (Self { markdown, json }, Fault::all(faults))
    }

    /// Makes sure that a file that is read is not written: not even the report that says so.
    fn keep(&mut self, input: &Path) -> Result<(), Fault> {
        let clashes = |output: &&Output| output.overwrites(input);
        let clash = self.markdown.iter().chain(&self.json).find(clashes);
        let Some(shown) = clash.map(|output| output.shown().to_owned()) else {
            return Ok(());
        };
        (self.markdown, self.json) = (None, None);
        Err(Fault::usage(format!(
            "the report would overwrite `{shown}`, which is read"
        ))
        .help("give the report a file of its own"))
    }

    /// Writes the files; one that cannot be written is a warning, and changes no verdict.
    fn write(&self, report: &Report, console: &Console) {
        let markdown = self
            .markdown
            .as_ref()
            .map(|output| output.write(&report::markdown(report)));
        let json = self.json.as_ref().map(|output| {
            report::json(report)
                .map_err(|error| error.to_string())
                .and_then(|text| output.write(&text))
        });
        for problem in [markdown, json]
            .into_iter()
            .flatten()
            .filter_map(Result::err)
        {
            console.warn(&problem);
        }
    }
}
