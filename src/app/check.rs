//! `check`: policies, then evidence, then judgement, then reports, then the exit code.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::console::Console;
use super::output::Output;
use super::snapshot::{client, no_project, project};
use super::{environment, policies};
use crate::cli::{CheckArgs, Format};
use crate::evidence::{Baseline, Evidence, Run, snapshot};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::judge::judge;
use crate::policy::{Policy, Source, SourceTemplate, expand};
use crate::report::{self, Judged, Report, Section};
use crate::weave::{Client, Needs, Project, Side, read_evidence};

pub(super) fn run(arguments: &CheckArgs, console: &Console) -> Exit {
    // Whether the reports can be written is known before anything is asked of anybody.
    let outputs = match Outputs::prepare(arguments) {
        Ok(outputs) => outputs,
        Err(fault) => {
            console.fault(&fault);
            return fault.exit;
        }
    };
    let report = gather(arguments, console).unwrap_or_else(Report::of_fault);
    outputs.write(&report, console);
    for fault in report.fault.iter().chain(
        report
            .sections
            .iter()
            .filter_map(|section| section.outcome.as_ref().err()),
    ) {
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

struct Outputs {
    markdown: Option<Output>,
    json: Option<Output>,
}

impl Outputs {
    fn prepare(arguments: &CheckArgs) -> Result<Self, Fault> {
        let prepare = |path: &Option<PathBuf>| path.as_deref().map(Output::prepare).transpose();
        let (markdown, json) = (prepare(&arguments.report)?, prepare(&arguments.json)?);
        match (&markdown, &json) {
            (Some(one), Some(other)) if one.is(other) => Err(other.taken()),
            _ => Ok(Self { markdown, json }),
        }
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

/// What one policy is judged on, before it is read.
struct Plan {
    policy: Policy,
    project: Option<Project>,
    candidate: Source,
    baseline: Option<Source>,
}

fn gather(arguments: &CheckArgs, console: &Console) -> Result<Report, Fault> {
    let policies = policies(&expand(&arguments.policy)?)?;
    let argument = |name: &str, text: &Option<String>| {
        text.as_deref()
            .map(Source::from_argument)
            .transpose()
            .map_err(|problem| Fault::usage(format!("{name}: {problem}")))
    };
    let candidate = argument("--candidate", &arguments.candidate)?;
    let baseline = argument("--baseline", &arguments.baseline)?;
    let plans: Vec<Plan> = policies
        .into_iter()
        .map(|policy| plan(arguments, policy, candidate.as_ref(), baseline.as_ref()))
        .collect::<Result<_, _>>()?;
    let mut archive = Archive {
        arguments,
        console,
        client: None,
        known: Vec::new(),
        usage: plans.iter().any(|plan| plan.policy.needs_usage()),
    };
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let mut sections = Vec::new();
    for plan in plans {
        let outcome = match archive.evidence(&plan) {
            Ok(evidence) => Ok(Judged {
                judgement: judge(&plan.policy, &evidence, today),
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

/// Settles which runs a policy is judged on.
fn plan(
    arguments: &CheckArgs,
    policy: Policy,
    candidate: Option<&Source>,
    baseline: Option<&Source>,
) -> Result<Plan, Fault> {
    let path = policy.path.clone();
    let wrong = |key: &str, problem: String| Fault::usage(format!("{path}: {key}: {problem}"));
    let from_policy = |key: &str, template: Option<&SourceTemplate>| {
        template
            .map(|template| template.resolve(&environment))
            .transpose()
            .map_err(|problem| wrong(key, problem))
    };
    let candidate = match candidate {
        Some(source) => source.clone(),
        None => from_policy("candidate", policy.candidate.as_ref())?.ok_or_else(|| {
            Fault::usage(format!("{path}: no candidate is named"))
                .help("give --candidate RUN, or write `candidate: {run: …}` into the policy")
        })?,
    };
    let baseline = match baseline {
        Some(source) => Some(source.clone()),
        None => from_policy("baseline", policy.baseline.source.as_ref())?,
    };
    if baseline.is_none() && policy.compares() && policy.baseline.required {
        return Err(Fault::usage(format!(
            "{path}: a gate limits the change from a baseline, and no baseline is named"
        ))
        .help("give --baseline RUN, write `baseline: {run: …}`, or `baseline: {required: false}` to skip such limits"));
    }
    let of_policy = policy
        .project
        .as_ref()
        .map(|template| template.resolve(&environment))
        .transpose()
        .map_err(|problem| wrong("project", problem))?;
    let project = project(&arguments.server, of_policy)?;
    let is_live = |source: &Source| matches!(source, Source::Run(_));
    if project.is_none() && (is_live(&candidate) || baseline.as_ref().is_some_and(is_live)) {
        return Err(no_project());
    }
    Ok(Plan {
        policy,
        project,
        candidate,
        baseline,
    })
}

/// Evidence that was read, so that policies on the same runs share it.
struct Archive<'a> {
    arguments: &'a CheckArgs,
    console: &'a Console,
    client: Option<Client<'a>>,
    known: Vec<(Key, Result<Evidence, Fault>)>,
    usage: bool,
}

type Key = (Option<Project>, Source, Option<Source>);

impl Archive<'_> {
    fn evidence(&mut self, plan: &Plan) -> Result<Evidence, Fault> {
        let key = (
            plan.project.clone(),
            plan.candidate.clone(),
            plan.baseline.clone(),
        );
        if let Some((_, evidence)) = self.known.iter().find(|(known, _)| *known == key) {
            return evidence.clone();
        }
        let evidence = self.read(plan);
        self.known.push((key, evidence.clone()));
        evidence
    }

    fn read(&mut self, plan: &Plan) -> Result<Evidence, Fault> {
        let candidate = match &plan.candidate {
            Source::Run(id) => Side::Live(id.clone()),
            Source::File(path) => {
                let run = snapshot::read(path)?.ok_or_else(|| {
                    Fault::evidence(format!("there is no snapshot `{}`", path.display()))
                        .help("take one with `weave-gate snapshot RUN -o FILE`")
                })?;
                Side::Snapshot(Box::new(of_project(run, plan, path)?))
            }
        };
        let baseline = match &plan.baseline {
            None => None,
            Some(Source::Run(id)) => Some(Ok(Side::Live(id.clone()))),
            Some(Source::File(path)) => Some(match snapshot::read(path)? {
                Some(run) => Ok(Side::Snapshot(Box::new(of_project(run, plan, path)?))),
                None => Err(format!("no file {}", path.display())),
            }),
        };
        // Nothing of the network is set up where snapshots are enough.
        let (candidate, missing, baseline) = match (candidate, baseline) {
            (Side::Snapshot(candidate), None) => {
                return Ok(Evidence {
                    candidate: *candidate,
                    baseline: Baseline::Unnamed,
                });
            }
            (Side::Snapshot(candidate), Some(Err(reason))) => {
                return Evidence::joined(*candidate, Err(reason));
            }
            (Side::Snapshot(candidate), Some(Ok(Side::Snapshot(baseline)))) => {
                return Evidence::joined(*candidate, Ok(*baseline));
            }
            (candidate, Some(Err(reason))) => (candidate, Some(reason), None),
            (candidate, Some(Ok(baseline))) => (candidate, None, Some(baseline)),
            (candidate, None) => (candidate, None, None),
        };
        let project = plan.project.clone().ok_or_else(no_project)?;
        let needs = Needs { usage: self.usage };
        let console = self.console;
        let client = self.client()?;
        let mut evidence = console.while_waiting("asking Weave", || {
            read_evidence(client, &project, candidate, baseline, needs)
        })?;
        if let Some(reason) = missing {
            evidence.baseline = Baseline::NotFound(reason);
        }
        Ok(evidence)
    }

    fn client(&mut self) -> Result<&Client<'_>, Fault> {
        if self.client.is_none() {
            self.client = Some(client(&self.arguments.server, self.console)?);
        }
        self.client
            .as_ref()
            .ok_or_else(|| Fault::evidence("there is no client"))
    }
}

/// A snapshot's run, if it is of the project that is judged.
fn of_project(run: Run, plan: &Plan, path: &std::path::Path) -> Result<Run, Fault> {
    match &plan.project {
        Some(project) if project.to_string() != run.project => Err(Fault::evidence(format!(
            "the snapshot `{}` is of project `{}`, and `{project}` is judged",
            path.display(),
            run.project
        ))
        .help("name the snapshot of the right project, or give --project")),
        _ => Ok(run),
    }
}
