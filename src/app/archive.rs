//! Evidence for plans, from snapshots or from Weave; read once for all policies on the same runs.

use std::path::Path;

use jiff::SignedDuration;

use super::console::Console;
use super::environment;
use super::plan::Plan;
use super::search::{Search, Wanted, live};
use super::server::no_project;
use crate::cli::ServerArgs;
use crate::evidence::{Baseline, Evidence, Run, snapshot};
use crate::fault::Fault;
use crate::policy::Source;
use crate::project::Project;
use crate::prose::Prose;
use crate::weave::{Needs, read_evidence, web};

/// What was read so far.
pub(super) struct Archive<'a> {
    server: &'a ServerArgs,
    wait: Option<SignedDuration>,
    console: &'a Console,
    needs: Needs,
    search: Option<Search<'a>>,
    known: Vec<(Key, Result<Evidence, Fault>)>,
}

/// What evidence depends on: the last is whether a failed run may be found as a baseline.
type Key = (Option<Project>, Source, Option<Source>, bool);

impl<'a> Archive<'a> {
    /// An empty archive. What any of the policies needs is asked for with the first.
    pub(super) fn new(
        server: &'a ServerArgs,
        wait: Option<SignedDuration>,
        needs: Needs,
        console: &'a Console,
    ) -> Self {
        Self {
            server,
            wait,
            console,
            needs,
            search: None,
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
            plan.accept_failed,
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
            .find_map(|((project, candidate, ..), evidence)| {
                let is_same = *project == plan.project && *candidate == plan.candidate;
                evidence
                    .as_ref()
                    .ok()
                    .filter(|_| is_same)
                    .map(|evidence| evidence.candidate.clone())
            })
    }

    fn read(&mut self, plan: &Plan) -> Result<Evidence, Fault> {
        let candidate = match live(&plan.candidate) {
            Some(named) => Wanted::Live(named),
            None => saved(plan, &plan.candidate)?.ok_or_else(|| {
                Fault::evidence(format!("there is no snapshot `{}`", path(&plan.candidate)))
                    .help("take one with `weave-gate snapshot RUN -o FILE`")
            })?,
        };
        let Some(source) = &plan.baseline else {
            return match candidate {
                Wanted::Snapshot(run) => Ok(Evidence {
                    candidate: *run,
                    baseline: Baseline::Unnamed,
                }),
                Wanted::Live(_) => self.alone(plan, candidate),
            };
        };
        let baseline = match live(source) {
            Some(named) => Some(Wanted::Live(named)),
            None => saved(plan, source)?,
        };
        // Nothing of the network is set up where snapshots are enough.
        match (candidate, baseline) {
            (Wanted::Snapshot(candidate), None) => Evidence::joined(*candidate, Err(lost(source))),
            (Wanted::Snapshot(candidate), Some(Wanted::Snapshot(baseline))) => {
                Evidence::joined(*candidate, Ok(*baseline))
            }
            (candidate, None) => Ok(Evidence {
                baseline: Baseline::NotFound(lost(source)),
                ..self.alone(plan, candidate)?
            }),
            (candidate, Some(baseline)) => self.both(plan, candidate, baseline),
        }
    }

    fn alone(&mut self, plan: &Plan, candidate: Wanted<'_>) -> Result<Evidence, Fault> {
        let needs = self.needs;
        let project = plan.project.as_ref().ok_or_else(no_project)?;
        let console = self.console;
        let search = self.search()?;
        let candidate = search.candidate(project, candidate)?;
        let client = search.client();
        console.while_waiting("asking Weave", || {
            read_evidence(client, project, candidate, None, needs)
        })
    }

    fn both(
        &mut self,
        plan: &Plan,
        candidate: Wanted<'_>,
        baseline: Wanted<'_>,
    ) -> Result<Evidence, Fault> {
        let needs = self.needs;
        let project = plan.project.as_ref().ok_or_else(no_project)?;
        let console = self.console;
        let search = self.search()?;
        let (candidate, baseline) =
            search.pair(project, candidate, baseline, plan.accept_failed)?;
        let client = search.client();
        console.while_waiting("asking Weave", || match baseline {
            Ok(baseline) => read_evidence(client, project, candidate, Some(baseline), needs),
            Err(absence) => Ok(Evidence {
                baseline: Baseline::NotFound(absence),
                ..read_evidence(client, project, candidate, None, needs)?
            }),
        })
    }

    fn search(&mut self) -> Result<&mut Search<'a>, Fault> {
        let search = match self.search.take() {
            Some(search) => search,
            None => Search::new(self.server, self.wait, self.console)?,
        };
        Ok(self.search.insert(search))
    }
}

/// What is to be said of a baseline's file that is not there.
fn lost(source: &Source) -> Prose {
    Prose::from("no file ").name(path(source))
}

fn path(source: &Source) -> String {
    let shown = source.to_string();
    shown.strip_prefix("file:").unwrap_or(&shown).to_owned()
}

/// The run of a snapshot, where the source is one that is there.
fn saved<'a>(plan: &Plan, source: &Source) -> Result<Option<Wanted<'a>>, Fault> {
    let Source::File(path) = source else {
        return Ok(None);
    };
    let run = of_file(plan.project.as_ref(), path)?;
    Ok(run.map(|run| Wanted::Snapshot(Box::new(run))))
}

/// A snapshot's run, if there is one, and if it is of the project that is judged.
fn of_file(project: Option<&Project>, path: &Path) -> Result<Option<Run>, Fault> {
    let Some(run) = snapshot::read(path, &web(&environment)?)? else {
        return Ok(None);
    };
    match project {
        Some(project) if *project != run.project => Err(Fault::evidence(format!(
            "the snapshot `{}` is of project `{}`, and `{project}` is judged",
            path.display(),
            run.project
        ))
        .help("name the snapshot of the right project, or give --project")),
        _ => Ok(Some(run)),
    }
}
