//! Reads the evidence for requests, from snapshots or from Weave, once for all policies that judge the same runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::SignedDuration;

use super::chosen::{Chosen, selected, together};
use super::console::Console;
use super::offending::{MOST_OUTPUTS, Reader};
use super::online::{Online, Read, Theirs};
use super::plan::Plan;
use super::request::Request;
use super::saved::{lost, of_file, path, saved_baselines, saved_candidates};
use super::search::{Place, Search, live};
use super::server::no_project;
use crate::cli::ServerArgs;
use crate::evidence::snapshot::Saved;
use crate::evidence::{Baseline, Details, Evidence, Role};
use crate::fault::Fault;
use crate::judge::{MOST_OFFENDING, OffendingRows, changed_scorers};
use crate::policy::Source;
use crate::prose::Prose;
use crate::report::{DetailsByBaseline, Judged};
use crate::weave::{Needs, Sources, saved_evidence};

/// The evidence that was read so far.
pub(super) struct Archive<'a> {
    server: &'a ServerArgs,
    wait: Option<SignedDuration>,
    console: &'a Console,
    needs: Needs<'a>,
    search: Option<Search<'a>>,
    saved: BTreeMap<PathBuf, Option<Saved>>,
    known: Vec<(Request, Result<Read, Fault>)>,
}

impl<'a> Archive<'a> {
    /// Creates an empty archive. The first request reads everything that any of the policies needs.
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

    /// Returns the evidence for a request.
    ///
    /// # Errors
    ///
    /// The evidence cannot be read.
    pub(super) fn evidence(&mut self, request: &Request) -> Result<Evidence, Fault> {
        let mut evidence = self
            .evidence_with_one(&request.with_baseline(None))?
            .evidence;
        for name in request.named.keys() {
            let compared = self.evidence_with_one(&request.with_baseline(Some(name)))?;
            evidence.named.insert(name.clone(), compared.evidence);
        }
        Ok(evidence)
    }

    /// Returns the evidence for a request that names no further baseline.
    fn evidence_with_one(&mut self, request: &Request) -> Result<Read, Fault> {
        if let Some((_, read)) = self.known.iter().find(|(known, _)| known == request) {
            return read.clone();
        }
        let read = match self.candidate(request) {
            Some(read) => Ok(read),
            None => self.read(request),
        };
        self.known.push((request.clone(), read.clone()));
        read
    }

    /// Returns the evidence for a candidate that is not compared, if it was read for another policy that compares it.
    fn candidate(&self, request: &Request) -> Option<Read> {
        if request.baseline.is_some() {
            return None;
        }
        self.known.iter().find_map(|(known, read)| {
            let alike = Request {
                baseline: None,
                ..known.clone()
            };
            let read = read.as_ref().ok().filter(|_| alike == *request)?;
            Some(Read {
                evidence: uncompared(&read.evidence),
                sources: Sources {
                    baselines: None,
                    ..read.sources.clone()
                },
            })
        })
    }

    fn read(&mut self, request: &Request) -> Result<Read, Fault> {
        let candidate = &request.candidate;
        let saved = self.saved(request, &candidate.source)?;
        if saved.is_none() && live(&candidate.source).is_none() {
            return Err(Fault::evidence(format!(
                "there is no snapshot `{}`",
                path(&candidate.source)
            ))
            .help("take one with `weave-gate snapshot RUN -o FILE`"));
        }
        let ours = saved
            .map(|saved| saved_candidates(&saved, candidate, &request.identity))
            .transpose()?;
        let theirs = match &request.baseline {
            None => Theirs::Unnamed,
            Some(baseline) => match (
                self.saved(request, &baseline.source)?,
                live(&baseline.source),
            ) {
                (Some(saved), _) => Theirs::Saved(saved_baselines(&saved)),
                (None, None) => Theirs::Lost(lost(&baseline.source)),
                (None, Some(_)) => Theirs::Live(baseline),
            },
        };
        // No client is created if snapshots are enough.
        match (ours, theirs) {
            (Some(ours), Theirs::Unnamed) => self.offline(request, ours, None),
            (Some(ours), Theirs::Lost(reason)) => self.offline(request, ours, Some(Err(reason))),
            (Some(ours), Theirs::Saved(theirs)) => self.offline(request, ours, Some(Ok(theirs))),
            (ours, theirs) => self.online(request, ours, &theirs),
        }
    }

    fn offline(
        &self,
        request: &Request,
        ours: Chosen,
        theirs: Option<Result<Chosen, Prose>>,
    ) -> Result<Read, Fault> {
        let (sources, selection) = together(request, ours, theirs);
        let evidence = saved_evidence(&sources, self.needs.rows)?;
        let evidence = selected(evidence, selection, &sources, &request.identity);
        Ok(Read { evidence, sources })
    }

    fn online(
        &mut self,
        request: &Request,
        ours: Option<Chosen>,
        theirs: &Theirs<'_>,
    ) -> Result<Read, Fault> {
        let project = request.project.as_ref().ok_or_else(no_project)?;
        let (console, needs) = (self.console, self.needs);
        let mut online = Online {
            search: self.search()?,
            console,
            needs,
            place: Place {
                project,
                identity: &request.identity,
            },
            request,
        };
        online.evidence(ours, theirs)
    }

    /// Reads the snapshot that a source names; `None` if the source is not a file, or the file does not exist.
    fn saved(&mut self, request: &Request, source: &Source) -> Result<Option<Saved>, Fault> {
        let Source::File(path) = source else {
            return Ok(None);
        };
        let saved = if let Some(saved) = self.saved.get(path) {
            saved.clone()
        } else {
            let project = request.project.as_ref();
            of_file(
                project.filter(|_| !request.spans_projects),
                path,
                self.console,
            )?
        };
        self.saved.insert(path.clone(), saved.clone());
        Ok(saved)
    }

    /// Returns the rows of the checks that did not pass, at most `most` of each.
    ///
    /// # Errors
    ///
    /// The rows cannot be read. The judgement is unchanged.
    pub(super) fn explain(
        &self,
        plan: &Plan,
        judged: &Judged,
        most: usize,
    ) -> Result<(Vec<OffendingRows>, DetailsByBaseline), Fault> {
        let (mut all, mut details) = (Vec::new(), DetailsByBaseline::new());
        let named = judged.evidence.named.keys().cloned().map(Some);
        for name in std::iter::once(None).chain(named) {
            let (offending, of_rows) =
                self.explain_with_baseline(plan, judged, name.as_deref(), most)?;
            all.extend(offending);
            details.insert(name, of_rows);
        }
        all.sort_by_key(|offending| offending.check);
        Ok((all, details))
    }

    /// Returns the rows of the failed checks that compare with one baseline.
    fn explain_with_baseline(
        &self,
        plan: &Plan,
        judged: &Judged,
        name: Option<&str>,
        most: usize,
    ) -> Result<(Vec<OffendingRows>, Details), Fault> {
        let request = plan.request.with_baseline(name);
        let read = self.known.iter().find(|(known, _)| *known == request);
        let read = read.and_then(|(_, read)| read.as_ref().ok());
        let (Some(read), Some(evidence)) = (read, judged.evidence.with_baseline(name)) else {
            return Ok((Vec::new(), Details::new()));
        };
        let reader = Reader {
            client: self.search.as_ref().map(Search::client),
            console: self.console,
            sources: &read.sources,
            project: &evidence.candidate.project,
            most,
        };
        reader.explain(plan, judged, evidence, name)
    }

    /// Adds how changed scorers scored the same outputs, if there are not too many rows to read. Reports are complete
    /// without it.
    pub(super) fn add_same_scores(&self, plan: &Plan, judged: &mut Judged) {
        let changed = changed_scorers(&judged.judgement.findings);
        let is_short = match &judged.evidence.baseline {
            Baseline::Found(_, pair) => (1..=MOST_OUTPUTS).contains(&pair.common),
            Baseline::Unnamed | Baseline::NotFound(_) => false,
        };
        if changed.is_empty() || !is_short {
            return;
        }
        let reader = self.reader(&plan.request.with_baseline(None));
        if let Some(Ok(Some(known))) = reader.map(|reader| reader.same_scores(&changed)) {
            judged.judgement.add_same_scores(&known);
        }
    }

    /// Returns a reader of single rows of the runs of a request, if its evidence was read.
    pub(super) fn reader(&self, request: &Request) -> Option<Reader<'_>> {
        let read = self.known.iter().find(|(known, _)| known == request)?;
        let read = read.1.as_ref().ok()?;
        Some(Reader {
            client: self.search.as_ref().map(Search::client),
            console: self.console,
            sources: &read.sources,
            project: &read.evidence.candidate.project,
            most: MOST_OFFENDING,
        })
    }

    fn search(&mut self) -> Result<&mut Search<'a>, Fault> {
        let search = match self.search.take() {
            Some(search) => search,
            None => {
                Search::new(self.server, self.wait, self.console)?.needing_costs(self.needs.costs)
            }
        };
        Ok(self.search.insert(search))
    }
}

/// Returns the same evidence without a baseline.
fn uncompared(evidence: &Evidence) -> Evidence {
    let mut selection = evidence.selection.clone();
    selection.facts.retain(|(role, _)| *role == Role::Candidate);
    selection.runs.retain(|run| run.role == Role::Candidate);
    Evidence {
        candidate: evidence.candidate.clone(),
        baseline: Baseline::Unnamed,
        rows: evidence.rows.clone(),
        selection,
        each: evidence.each.iter().map(uncompared).collect(),
        named: BTreeMap::new(),
    }
}
