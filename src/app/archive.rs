//! Evidence for plans, from snapshots or from Weave; read once for all policies on the same runs.

use std::path::Path;

use super::console::Console;
use super::environment;
use super::plan::Plan;
use super::server::{client, no_project};
use crate::cli::ServerArgs;
use crate::evidence::{Baseline, Evidence, Run, snapshot};
use crate::fault::Fault;
use crate::policy::Source;
use crate::project::Project;
use crate::weave::{Client, Needs, Side, read_evidence, web};

/// What was read so far.
pub(super) struct Archive<'a> {
    server: &'a ServerArgs,
    console: &'a Console,
    needs: Needs,
    client: Option<Client<'a>>,
    known: Vec<(Key, Result<Evidence, Fault>)>,
}

type Key = (Option<Project>, Source, Option<Source>);

impl<'a> Archive<'a> {
    /// An empty archive. What any of the policies needs is asked for with the first.
    pub(super) fn new(server: &'a ServerArgs, console: &'a Console, plans: &[Plan]) -> Self {
        let usage = plans.iter().any(|plan| plan.policy.needs_usage());
        Self {
            server,
            console,
            needs: Needs { usage },
            client: None,
            known: Vec::new(),
        }
    }

    /// The evidence for a plan.
    ///
    /// # Errors
    ///
    /// Why it could not be had.
    pub(super) fn evidence(&mut self, plan: &Plan) -> Result<Evidence, Fault> {
        let key = (
            plan.project.clone(),
            plan.candidate.clone(),
            plan.baseline.clone(),
        );
        if let Some((_, evidence)) = self.known.iter().find(|(known, _)| *known == key) {
            return evidence.clone();
        }
        if let Some(candidate) = self.candidate(plan) {
            return Ok(Evidence {
                candidate,
                baseline: Baseline::Unnamed,
            });
        }
        let evidence = self.read(plan);
        self.known.push((key, evidence.clone()));
        evidence
    }

    /// A candidate that is compared with nothing, and was read for another policy that compares it.
    fn candidate(&self, plan: &Plan) -> Option<Run> {
        if plan.baseline.is_some() {
            return None;
        }
        self.known
            .iter()
            .find_map(|((project, candidate, _), evidence)| {
                let is_same = *project == plan.project && *candidate == plan.candidate;
                evidence
                    .as_ref()
                    .ok()
                    .filter(|_| is_same)
                    .map(|evidence| evidence.candidate.clone())
            })
    }

    fn read(&mut self, plan: &Plan) -> Result<Evidence, Fault> {
        let candidate = match &plan.candidate {
            Source::Run(id) => Side::Live(id.clone()),
            Source::File(path) => {
                Side::Snapshot(Box::new(saved(plan, path)?.ok_or_else(|| {
                    Fault::evidence(format!("there is no snapshot `{}`", path.display()))
                        .help("take one with `weave-gate snapshot RUN -o FILE`")
                })?))
            }
        };
        let baseline = match &plan.baseline {
            None => Named::Nothing,
            Some(Source::Run(id)) => Named::Run(Side::Live(id.clone())),
            Some(Source::File(path)) => match saved(plan, path)? {
                Some(run) => Named::Run(Side::Snapshot(Box::new(run))),
                None => Named::Lost(format!("no file {}", path.display())),
            },
        };
        // Nothing of the network is set up where snapshots are enough.
        match (candidate, baseline) {
            (Side::Snapshot(candidate), Named::Nothing) => Ok(Evidence {
                candidate: *candidate,
                baseline: Baseline::Unnamed,
            }),
            (Side::Snapshot(candidate), Named::Lost(reason)) => {
                Evidence::joined(*candidate, Err(reason))
            }
            (Side::Snapshot(candidate), Named::Run(Side::Snapshot(baseline))) => {
                Evidence::joined(*candidate, Ok(*baseline))
            }
            (candidate, Named::Nothing) => self.ask(plan, candidate, None),
            (candidate, Named::Run(baseline)) => self.ask(plan, candidate, Some(baseline)),
            (candidate, Named::Lost(reason)) => Ok(Evidence {
                baseline: Baseline::NotFound(reason),
                ..self.ask(plan, candidate, None)?
            }),
        }
    }

    fn ask(
        &mut self,
        plan: &Plan,
        candidate: Side,
        baseline: Option<Side>,
    ) -> Result<Evidence, Fault> {
        let project = plan.project.as_ref().ok_or_else(no_project)?;
        let client = match self.client.take() {
            Some(client) => client,
            None => client(self.server, self.console)?,
        };
        let client = self.client.insert(client);
        self.console.while_waiting("asking Weave", || {
            read_evidence(client, project, candidate, baseline, self.needs)
        })
    }
}

/// A baseline, as it was named.
enum Named {
    Nothing,
    Run(Side),
    /// A file that is not there.
    Lost(String),
}

/// A snapshot's run, if there is one, and if it is of the project that is judged.
fn saved(plan: &Plan, path: &Path) -> Result<Option<Run>, Fault> {
    let Some(run) = snapshot::read(path, &web(&environment)?)? else {
        return Ok(None);
    };
    match &plan.project {
        Some(project) if *project != run.project => Err(Fault::evidence(format!(
            "the snapshot `{}` is of project `{}`, and `{project}` is judged",
            path.display(),
            run.project
        ))
        .help("name the snapshot of the right project, or give --project")),
        _ => Ok(Some(run)),
    }
}
