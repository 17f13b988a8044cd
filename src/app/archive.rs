//! Evidence for requests, from snapshots or from Weave; read once for all policies on the same runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use super::console::Console;
use super::environment;
use super::plan::Plan;
use super::search::{Search, Wanted, live};
use super::server::no_project;
use crate::cli::ServerArgs;
use crate::evidence::snapshot::{self, Saved};
use crate::evidence::{
    Baseline, Columns, Details, Evidence, Role, RowSource as _, Rows, Run, Totals, gathered, joined,
};
use crate::fault::Fault;
use crate::judge::{Behind, behind, columns_behind};
use crate::policy::Source;
use crate::project::Project;
use crate::prose::Prose;
use crate::report::Judged;
use crate::weave::{Needs, read_details, read_evidence, read_rows, run_rows, web};

/// Which evidence is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) project: Option<Project>,
    pub(super) candidate: Source,
    /// `None` where nothing is compared.
    pub(super) baseline: Option<Source>,
    /// Whether a failed run may be found as the baseline.
    pub(super) accept_failed: bool,
}

impl Request {
    /// Whether Weave has to be asked.
    pub(super) fn is_live(&self) -> bool {
        let is_live = |source: &Source| !matches!(source, Source::File(_));
        is_live(&self.candidate) || self.baseline.as_ref().is_some_and(is_live)
    }
}

/// What was read so far.
pub(super) struct Archive<'a> {
    server: &'a ServerArgs,
    wait: Option<SignedDuration>,
    console: &'a Console,
    needs: Needs<'a>,
    search: Option<Search<'a>>,
    saved: BTreeMap<PathBuf, Option<Saved>>,
    known: Vec<(Request, Result<Evidence, Fault>)>,
}

impl<'a> Archive<'a> {
    /// An empty archive. What any of the policies needs is asked for with the first.
    pub(super) fn new(
        server: &'a ServerArgs,
        wait: Option<SignedDuration>,
        needs: Needs<'a>,
        console: &'a Console,
    ) -> Self {
        Self {
            server,
            wait,
            console,
            needs,
            search: None,
            saved: BTreeMap::new(),
            known: Vec::new(),
        }
    }

    /// The evidence for a request.
    ///
    /// # Errors
    ///
    /// Why it could not be had.
    pub(super) fn evidence(&mut self, request: &Request) -> Result<Evidence, Fault> {
        if let Some((_, evidence)) = self.known.iter().find(|(known, _)| known == request) {
            return evidence.clone();
        }
        if let Some(evidence) = self.candidate(request) {
            return Ok(evidence);
        }
        let evidence = self.read(request);
        self.known.push((request.clone(), evidence.clone()));
        evidence
    }

    /// A candidate that is compared with nothing, and was read for another policy that compares it.
    fn candidate(&self, request: &Request) -> Option<Evidence> {
        if request.baseline.is_some() {
            return None;
        }
        self.known.iter().find_map(|(known, evidence)| {
            let is_same = known.project == request.project && known.candidate == request.candidate;
            evidence
                .as_ref()
                .ok()
                .filter(|_| is_same)
                .map(|evidence| Evidence {
                    candidate: evidence.candidate.clone(),
                    baseline: Baseline::Unnamed,
                    rows: evidence.rows.clone(),
                })
        })
    }

    fn read(&mut self, request: &Request) -> Result<Evidence, Fault> {
        let candidate = match live(&request.candidate) {
            Some(named) => Wanted::Live(named),
            None => self.saved(request, &request.candidate)?.ok_or_else(|| {
                Fault::evidence(format!(
                    "there is no snapshot `{}`",
                    path(&request.candidate)
                ))
                .help("take one with `weave-gate snapshot RUN -o FILE`")
            })?,
        };
        let Some(source) = &request.baseline else {
            return match candidate {
                Wanted::Snapshot(saved) => Evidence::alone(saved.known(), self.needs.rows),
                Wanted::Live(_) => self.alone(request, candidate),
            };
        };
        let baseline = match live(source) {
            Some(named) => Some(Wanted::Live(named)),
            None => self.saved(request, source)?,
        };
        // Nothing of the network is set up where snapshots are enough.
        match (candidate, baseline) {
            (Wanted::Snapshot(candidate), None) => {
                Evidence::joined(candidate.known(), Err(lost(source)), self.needs.rows)
            }
            (Wanted::Snapshot(candidate), Some(Wanted::Snapshot(baseline))) => {
                Evidence::joined(candidate.known(), Ok(baseline.known()), self.needs.rows)
            }
            (candidate, None) => Ok(Evidence {
                baseline: Baseline::NotFound(lost(source)),
                ..self.alone(request, candidate)?
            }),
            (candidate, Some(baseline)) => self.both(request, candidate, baseline),
        }
    }

    fn alone(&mut self, request: &Request, candidate: Wanted<'_>) -> Result<Evidence, Fault> {
        let needs = self.needs;
        let project = request.project.as_ref().ok_or_else(no_project)?;
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
        request: &Request,
        candidate: Wanted<'_>,
        baseline: Wanted<'_>,
    ) -> Result<Evidence, Fault> {
        let needs = self.needs;
        let project = request.project.as_ref().ok_or_else(no_project)?;
        let console = self.console;
        let search = self.search()?;
        let (candidate, baseline) =
            search.pair(project, candidate, baseline, request.accept_failed)?;
        let client = search.client();
        console.while_waiting("asking Weave", || match baseline {
            Ok(baseline) => read_evidence(client, project, candidate, Some(baseline), needs),
            Err(absence) => Ok(Evidence {
                baseline: Baseline::NotFound(absence),
                ..read_evidence(client, project, candidate, None, needs)?
            }),
        })
    }

    /// The run of a snapshot, where the source is one that is there.
    fn saved<'w>(
        &mut self,
        request: &Request,
        source: &Source,
    ) -> Result<Option<Wanted<'w>>, Fault> {
        let Source::File(path) = source else {
            return Ok(None);
        };
        let saved = match self.saved.get(path) {
            Some(saved) => saved.clone(),
            None => of_file(request.project.as_ref(), path, self.console)?,
        };
        self.saved.insert(path.clone(), saved.clone());
        Ok(saved.map(|saved| Wanted::Snapshot(Box::new(saved))))
    }

    /// The rows behind the checks of a judgement that do not pass.
    ///
    /// # Errors
    ///
    /// They cannot be had; the judgement stands.
    pub(super) fn explain(
        &self,
        plan: &Plan,
        judged: &Judged,
    ) -> Result<(Vec<Behind>, Details), Fault> {
        let (request, policy) = (&plan.request, &plan.policy);
        let (evidence, judgement) = (&judged.evidence, &judged.judgement);
        let mut runs = vec![(Role::Candidate, &request.candidate, &evidence.candidate)];
        if let (Baseline::Found(run, _), Some(source)) = (&evidence.baseline, &request.baseline) {
            runs.push((Role::Baseline, source, run));
        }
        let totals: Vec<&Totals> = runs.iter().map(|(_, _, run)| &run.totals).collect();
        let columns = columns_behind(policy, judgement, &totals);
        if columns.is_empty() {
            return Ok((Vec::new(), Details::new()));
        }
        let known = evidence.rows.as_ref().filter(|rows| rows.has(&columns));
        let behind = if let Some(rows) = known {
            behind(policy, rows, judgement)
        } else {
            behind(policy, &self.rows(&runs, columns)?, judgement)
        };
        let digests: BTreeSet<&str> = behind
            .iter()
            .flat_map(|behind| &behind.rows)
            .map(|row| row.digest.as_str())
            .collect();
        let digests: Vec<&str> = digests.into_iter().collect();
        let details = self.details(&runs, &digests)?;
        Ok((behind, details))
    }

    /// Rows that were not read for the judgement.
    fn rows(&self, runs: &[(Role, &Source, &Run)], columns: Columns) -> Result<Rows, Fault> {
        let are_live = runs.iter().all(|(_, source, _)| live(source).is_some());
        if are_live && let Some(search) = &self.search {
            let ids: Vec<&str> = runs.iter().map(|(_, _, run)| run.id.as_str()).collect();
            let (_, _, candidate) = runs.first().ok_or_else(no_project)?;
            return self.console.while_waiting("asking Weave", || {
                read_rows(search.client(), &candidate.project, &ids, columns)
            });
        }
        let mut found = Vec::new();
        for (_, source, run) in runs {
            found.push(match (live(source), &self.search, self.file(source)) {
                (Some(_), Some(search), _) => {
                    let source = run_rows(search.client(), &run.project, &run.id);
                    Some(gathered(&source, &columns)?)
                }
                (_, _, Some(saved)) if saved.has_rows() => Some(gathered(saved, &columns)?),
                _ => None,
            });
        }
        let mut found = found.into_iter();
        let candidate = found.next().flatten().ok_or_else(|| {
            Fault::evidence("the snapshot of the candidate holds no rows")
                .help("take it with `weave-gate snapshot --rows`")
        })?;
        let nothing = Rows::new(columns);
        joined(&candidate, &found.next().flatten().unwrap_or(nothing))
    }

    /// What stands in a few rows.
    fn details(&self, runs: &[(Role, &Source, &Run)], digests: &[&str]) -> Result<Details, Fault> {
        let mut details = Details::new();
        if digests.is_empty() {
            return Ok(details);
        }
        for (role, source, _) in runs {
            let Some(saved) = self.file(source).filter(|saved| saved.has_rows()) else {
                continue;
            };
            saved.each(&Columns::default(), &mut |row| {
                if digests.binary_search(&&*row.row_digest).is_ok() {
                    let detail = details.entry(row.row_digest.clone().into_owned());
                    detail.or_default().take(*role, row);
                }
                Ok(())
            })?;
        }
        let of_weave: Vec<(Role, &str)> = runs
            .iter()
            .filter(|(_, source, _)| live(source).is_some())
            .map(|(role, _, run)| (*role, run.id.as_str()))
            .collect();
        if let (Some(search), Some((_, _, run))) = (&self.search, runs.first())
            && !of_weave.is_empty()
        {
            self.console.while_waiting("asking Weave", || {
                read_details(
                    search.client(),
                    &run.project,
                    &of_weave,
                    digests,
                    &mut details,
                )
            })?;
        }
        Ok(details)
    }

    /// The snapshot that a source names.
    fn file(&self, source: &Source) -> Option<&Saved> {
        match source {
            Source::File(path) => self.saved.get(path)?.as_ref(),
            Source::Run(_) | Source::Find(_) => None,
        }
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

/// A snapshot, if there is such a file.
///
/// # Errors
///
/// It is none, or holds what must not be shown.
pub(super) fn read_snapshot(path: &Path, console: &Console) -> Result<Option<Saved>, Fault> {
    let holds_secret = |bytes: &[u8]| console.secrets().are_in(bytes);
    snapshot::read(path, &web(&environment)?, &holds_secret)
}

/// A snapshot's run, if there is one, and if it is of the project that is judged.
fn of_file(
    project: Option<&Project>,
    path: &Path,
    console: &Console,
) -> Result<Option<Saved>, Fault> {
    let Some(saved) = read_snapshot(path, console)? else {
        return Ok(None);
    };
    match project {
        Some(project) if *project != saved.run.project => Err(Fault::evidence(format!(
            "the snapshot `{}` is of project `{}`, and `{project}` is judged",
            path.display(),
            saved.run.project
        ))
        .help("name the snapshot of the right project, or give --project")),
        _ => Ok(Some(saved)),
    }
}
