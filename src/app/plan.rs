//! Decides which runs each policy is judged on, before any request.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::environment::environment;
use super::request::{BaselineRequest, CandidateRequest, Request};
use super::server::{no_project, project};
use crate::cli::JudgeArgs;
use crate::fault::Fault;
use crate::policy::{Policy, Required, RunAddress, Source, SourceTemplate};
use crate::problem::Problem;
use crate::project::Project;
use crate::selector::Selector;

/// A policy, and the runs that it is judged on.
pub(super) struct Plan {
    pub(super) policy: Policy,
    /// Has no baseline if no gate compares with it, because such a baseline is not read.
    pub(super) request: Request,
}

/// The snapshots that a policy names, whether or not this check reads them.
pub(super) fn files_of(policy: &Policy) -> Vec<PathBuf> {
    let sources = [&policy.candidate.source, &policy.baseline.source];
    let further = policy.baselines.values().map(|baseline| &baseline.source);
    let named = sources.into_iter().flatten().chain(further);
    named
        .filter_map(|template| match template.resolve(&environment) {
            Ok(Source::File(path)) => Some(path),
            Ok(Source::Run(_) | Source::Find(_)) | Err(_) => None,
        })
        .collect()
}

/// Decides which runs each policy is judged on.
///
/// # Errors
///
/// Something is missing or invalid. The error names the problems of all policies.
pub(super) fn plans(arguments: &JudgeArgs, policies: Vec<Policy>) -> Result<Vec<Plan>, Fault> {
    let argument = |name: &str, text: Option<&String>| {
        text.map(|text| Source::from_argument(text))
            .transpose()
            .map_err(|fault| fault.in_argument(name))
    };
    let mut excluded = BTreeSet::new();
    for id in &arguments.exclude_run {
        if !excluded.insert(id) {
            return Err(Fault::usage(format!("--exclude-run names `{id}` twice"))
                .help("name each run once"));
        }
    }
    let candidate = argument("--candidate", arguments.candidate.as_ref())?;
    let baseline = argument("--baseline", arguments.baseline.as_ref())?;
    let mut plans = Vec::new();
    let mut faults: Vec<Fault> = Vec::new();
    for policy in policies {
        let named = Named {
            candidate: candidate.as_ref(),
            baseline: baseline.as_ref(),
        };
        match plan(arguments, policy, &named) {
            Ok(plan) => plans.push(plan),
            Err(fault) if faults.contains(&fault) => {}
            Err(fault) => faults.push(fault),
        }
    }
    Fault::all(faults).map_or(Ok(plans), Err)
}

/// The runs that the command line names.
struct Named<'a> {
    candidate: Option<&'a Source>,
    baseline: Option<&'a Source>,
}

/// The run that the command line names, else the one that the policy describes under these keys.
fn settle(
    policy: &Policy,
    keys: &[&str],
    named: Option<&Source>,
    template: Option<&SourceTemplate>,
) -> Result<Option<Source>, Fault> {
    let wrong = |fault: Fault| wrong(policy, keys, &fault);
    match named {
        // A policy gates one evaluation, so the selector is limited to the evaluation that the policy names, if any.
        Some(Source::Find(selector)) if selector.evaluation.is_none() => {
            let evaluation = template.map(|template| template.evaluation(&environment));
            let evaluation = evaluation.transpose();
            let evaluation = evaluation.map_err(|unresolved| wrong(unresolved.into()))?;
            Ok(Some(Source::Find(Selector {
                evaluation: evaluation.flatten(),
                ..selector.clone()
            })))
        }
        Some(source) => Ok(Some(source.clone())),
        None => {
            let source = template.map(|template| template.resolve(&environment));
            source.transpose().map_err(wrong)
        }
    }
}

/// An error in the value under these keys of a policy.
fn wrong(policy: &Policy, keys: &[&str], fault: &Fault) -> Fault {
    let problem = policy.problem(keys, &fault.message);
    Fault::of_problems(vec![match &fault.help {
        Some(help) => problem.help(help),
        None => problem,
    }])
}

fn plan(arguments: &JudgeArgs, policy: Policy, named: &Named<'_>) -> Result<Plan, Fault> {
    let lacks = |problem: &str, help: &str| {
        Fault::of_problems(vec![Problem::of_file(&policy.path, problem).help(help)])
    };
    let candidate = settle(
        &policy,
        &["candidate"],
        named.candidate,
        policy.candidate.source.as_ref(),
    )?
    .ok_or_else(|| {
        let help = "give --candidate RUN, or write `candidate: {evaluation: …}` into the policy";
        lacks("no candidate is named", help)
    })?;
    let baseline = if policy.compares(None) {
        let baseline = settle(
            &policy,
            &["baseline"],
            named.baseline,
            policy.baseline.source.as_ref(),
        )?;
        if baseline.is_none() && policy.baseline.required == Required::Always {
            return Err(lacks(
                "a gate limits the change from a baseline, and no baseline is named",
                "give --baseline RUN, write `baseline: {evaluation: …}`, or `baseline: {required: false}` to skip such limits",
            ));
        }
        baseline
    } else {
        None
    };
    let mut further = BTreeMap::new();
    for (name, rule) in policy.used_baselines() {
        if let Some(source) = settle(&policy, &["baselines", name], None, Some(&rule.source))? {
            further.insert(
                name.to_owned(),
                BaselineRequest::new(source, Required::Always),
            );
        }
    }
    let of_policy = || {
        let resolved = policy
            .project
            .as_ref()
            .map(|template| template.resolve(&environment));
        resolved
            .transpose()
            .map_err(|unset| wrong(&policy, &["project"], &unset.into()))
    };
    let addresses = [&arguments.candidate, &arguments.baseline];
    let addresses = addresses.into_iter().flatten();
    let project = project(&arguments.server, of_policy)?;
    let project = addressed(project, addresses.map(String::as_str))?;
    let (expected, unknown) = policy
        .candidate
        .source
        .as_ref()
        .map(|template| template.expected(&environment))
        .unwrap_or_default();
    let reason = arguments.reason.clone().unwrap_or_default();
    let excluded = arguments.exclude_run.iter();
    let request = Request {
        project,
        identity: policy.identity.clone(),
        candidate: CandidateRequest {
            source: candidate,
            is_named: named.candidate.is_some(),
            expected,
            unknown,
            reruns: Some(policy.candidate.reruns),
            excluded: excluded.map(|id| (id.clone(), reason.clone())).collect(),
            accept_failed: policy.accept_failed,
            completeness: policy.completeness,
            in_ci: is_ci(),
        },
        baseline: baseline.map(|source| BaselineRequest {
            last: policy.baseline.last,
            ..BaselineRequest::new(source, policy.baseline.required)
        }),
        named: further,
        accept_failed: policy.accept_failed,
        spans_projects: false,
    };
    if request.project.is_none() && request.is_live() {
        return Err(no_project());
    }
    Ok(Plan { policy, request })
}

/// Whether a CI system runs this process.
pub(super) fn is_ci() -> bool {
    environment("CI").is_some_and(|value| !matches!(value.as_str(), "" | "false" | "0"))
}

/// Returns the project, which the address of a run may also name.
///
/// # Errors
///
/// An address names another project than the one that is judged.
pub(super) fn addressed<'t>(
    project: Option<Project>,
    texts: impl Iterator<Item = &'t str>,
) -> Result<Option<Project>, Fault> {
    let mut known = project;
    for address in texts.filter_map(RunAddress::parse) {
        match &known {
            Some(project) if *project != address.project => {
                return Err(Fault::usage(format!(
                    "the address of run `{}` is in project `{}`, and `{project}` is judged",
                    address.id, address.project
                ))
                .help("name a run of the project that is judged, or give --project"));
            }
            Some(_) => {}
            None => known = Some(address.project),
        }
    }
    Ok(known)
}
