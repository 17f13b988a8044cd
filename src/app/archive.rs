//! Evidence for requests, from snapshots or from Weave; read once for all policies on the same runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use super::candidates::{Candidates, not_checked, several_models};
use super::console::Console;
use super::environment::environment;
use super::plan::Plan;
use super::request::{BaselineRequest, CandidateRequest, Request};
use super::search::{Baselines, Place, Search, both, live, skipped};
use super::server::no_project;
use crate::cli::ServerArgs;
use crate::evidence::snapshot::{self, Saved};
use crate::evidence::{
    Baseline, Columns, Completeness, Details, Evidence, Fact, LeftOut, ListedRun, Role,
    RowSource as _, Rows, Run, Selection, Totals, attribute, gathered, joined,
};
use crate::evidence::{BaselineRules, EvaluationKey, RunInfo, saved_mismatches};
use crate::fault::Fault;
use crate::judge::{OffendingRows, behind, offending_columns};
use crate::policy::{Reruns, Source};
use crate::project::Project;
use crate::prose::Prose;
use crate::report::{DetailsBeside, Judged};
use crate::selector::Identity;
use crate::weave::{
    Needs, Side, Sides, differ_by_key_order, read_details, read_evidence, read_rows, run_rows,
    saved_evidence, web,
};

/// The runs of one side, and what their choice has to say.
#[derive(Default)]
struct Chosen {
    /// The newest first.
    sides: Vec<Side>,
    facts: Vec<Fact>,
    /// Runs that are left out.
    left_out: Vec<ListedRun>,
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
    /// Why it could not be read.
    pub(super) fn evidence(&mut self, request: &Request) -> Result<Evidence, Fault> {
        let mut evidence = self.beside_one(&request.beside(None))?;
        for name in request.named.keys() {
            let beside = self.beside_one(&request.beside(Some(name)))?;
            evidence.named.insert(name.clone(), beside);
        }
        Ok(evidence)
    }

    /// The evidence for a request that names no further baseline.
    fn beside_one(&mut self, request: &Request) -> Result<Evidence, Fault> {
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
            let alike = Request {
                baseline: None,
                ..known.clone()
            };
            let evidence = evidence.as_ref().ok().filter(|_| alike == *request)?;
            Some(uncompared(evidence))
        })
    }

    fn read(&mut self, request: &Request) -> Result<Evidence, Fault> {
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
        // Nothing of the network is set up where snapshots are enough.
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
    ) -> Result<Evidence, Fault> {
        let (sides, selection) = together(request, ours, theirs);
        let evidence = saved_evidence(&sides, self.needs.rows)?;
        Ok(selected(evidence, selection, &sides, &request.identity))
    }

    fn online(
        &mut self,
        request: &Request,
        ours: Option<Chosen>,
        theirs: &Theirs<'_>,
    ) -> Result<Evidence, Fault> {
        let needs = self.needs;
        let accepts = request.candidate.accepts_incomplete();
        let project = request.project.as_ref().ok_or_else(no_project)?;
        let place = Place {
            project,
            identity: &request.identity,
        };
        let console = self.console;
        let search = self.search()?;
        if let (Source::Run(ours), Theirs::Live(baseline)) = (&request.candidate.source, theirs)
            && let Source::Run(theirs) = &baseline.source
        {
            search.prefetch(place, &[ours, theirs])?;
        }
        let (ours, candidates) = if let Some(ours) = ours {
            (ours, None)
        } else {
            let found = search.candidates(place, &request.candidate)?;
            (live_candidates(&found), Some(found))
        };
        let mut skipped_runs: Vec<(Fact, ListedRun)> = Vec::new();
        let mut rules = match (theirs, &candidates) {
            (Theirs::Live(baseline), Some(found)) => {
                Some(search.rules(place, found, baseline, request.accept_failed)?)
            }
            (Theirs::Live(baseline), None) => {
                Some(saved_rules(&ours, request, baseline, search, place)?)
            }
            _ => None,
        };
        loop {
            let mut is_first = false;
            let theirs = match (theirs, &rules) {
                (Theirs::Unnamed, _) => None,
                (Theirs::Lost(reason), _) => Some(Err(reason.clone())),
                (Theirs::Saved(chosen), _) => Some(Ok(chosen.again())),
                (Theirs::Live(baseline), Some(rules)) => {
                    match search.baselines(place, baseline, rules)? {
                        Ok(found) => Some(Ok(live_baselines(found))),
                        Err(absent) => {
                            is_first = absent.is_first;
                            Some(Err(absent.reason))
                        }
                    }
                }
                (Theirs::Live(_), None) => return Err(no_project()),
            };
            let looked_for = matches!(&theirs, Some(Ok(chosen)) if chosen.is_looked_for());
            let (sides, mut selection) = together(request, ours.again(), theirs);
            selection.is_first = is_first;
            let heads = uncounted(&sides);
            let client = search.client();
            let (counted, evidence) = console.while_waiting("asking Weave", || {
                both(
                    || search.completeness(place, &heads),
                    || read_evidence(client, project, &sides, needs),
                )
            });
            let counted = counted?;
            let incomplete = heads.iter().zip(&counted).find_map(|(head, known)| {
                let is_baseline = looked_for && !ours.has(&head.id);
                match known {
                    Completeness::Incomplete(gap) if is_baseline && !accepts => Some((*head, *gap)),
                    _ => None,
                }
            });
            // A baseline that was looked for is another one where that is not complete.
            if let (Some((head, gap)), Some(rules)) = (incomplete, &mut rules) {
                rules.skipped.push(head.id.clone());
                skipped_runs.push(skipped(head, LeftOut::Incomplete(gap), &request.identity));
                continue;
            }
            let mut evidence = evidence?;
            for (head, known) in heads.iter().zip(counted) {
                set_completeness(&mut evidence, &head.id, known);
            }
            if have_other_rows(&evidence)
                && let ([Side::Live(ours), ..], Some(Ok([Side::Live(theirs), ..]))) = (
                    sides.candidates.as_slice(),
                    sides.baselines.as_ref().map(|known| known.as_deref()),
                )
                && console.while_waiting("asking Weave", || {
                    differ_by_key_order(client, project, &ours.id, &theirs.id)
                })
            {
                selection
                    .facts
                    .push((Role::Baseline, Fact::KeysInOtherOrder));
            }
            for (fact, listed) in skipped_runs {
                selection.facts.push((Role::Baseline, fact));
                selection.runs.push(listed);
            }
            return Ok(selected(evidence, selection, &sides, &request.identity));
        }
    }

    /// The snapshot that a source names, where it is one that is there.
    fn saved(&mut self, request: &Request, source: &Source) -> Result<Option<Saved>, Fault> {
        let Source::File(path) = source else {
            return Ok(None);
        };
        let saved = match self.saved.get(path) {
            Some(saved) => saved.clone(),
            None => of_file(request.project.as_ref(), path, self.console)?,
        };
        self.saved.insert(path.clone(), saved.clone());
        Ok(saved)
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
    ) -> Result<(Vec<OffendingRows>, DetailsBeside), Fault> {
        let (mut all, mut details) = (Vec::new(), DetailsBeside::new());
        let named = judged.evidence.named.keys().cloned().map(Some);
        for name in std::iter::once(None).chain(named) {
            let (behind, of_rows) = self.explain_beside(plan, judged, name.as_deref())?;
            all.extend(behind);
            details.insert(name, of_rows);
        }
        all.sort_by_key(|behind| behind.check);
        Ok((all, details))
    }

    /// The same for the checks that compare with one baseline.
    fn explain_beside(
        &self,
        plan: &Plan,
        judged: &Judged,
        name: Option<&str>,
    ) -> Result<(Vec<OffendingRows>, Details), Fault> {
        let (request, policy) = (&plan.request.beside(name), &plan.policy);
        let Some(evidence) = judged.evidence.beside(name) else {
            return Ok((Vec::new(), Details::new()));
        };
        let judgement = &judged.judgement;
        let baseline = match &evidence.baseline {
            Baseline::Found(run, _) => Some(run.as_ref()),
            Baseline::Unnamed | Baseline::NotFound(_) => None,
        };
        let runs = [Some(&evidence.candidate), baseline];
        let totals: Vec<&Totals> = runs.iter().flatten().map(|run| &run.totals).collect();
        let columns = offending_columns(policy, judgement, name, &totals);
        if columns.is_empty() {
            return Ok((Vec::new(), Details::new()));
        }
        let judged_runs = judged_runs(request, evidence);
        let known = evidence.rows.as_ref().filter(|rows| rows.has(&columns));
        let behind = if let Some(rows) = known {
            behind(policy, rows, judgement, name)
        } else {
            let rows = self.rows(evidence, &judged_runs, &columns)?;
            behind(policy, &rows, judgement, name)
        };
        let digests: BTreeSet<&str> = behind
            .iter()
            .flat_map(|behind| &behind.rows)
            .map(|row| row.digest.as_str())
            .collect();
        let digests: Vec<&str> = digests.into_iter().collect();
        let details = self.details(evidence, &judged_runs, &digests)?;
        Ok((behind, details))
    }

    /// Rows that were not read for the judgement.
    fn rows(
        &self,
        evidence: &Evidence,
        runs: &[JudgedRun<'_>],
        columns: &Columns,
    ) -> Result<Rows, Fault> {
        let project = &evidence.candidate.project;
        let is_plain = evidence.each.is_empty() && runs.len() <= 2;
        if is_plain
            && runs.iter().all(JudgedRun::is_live)
            && let Some(search) = &self.search
        {
            let ids: Vec<&str> = runs.iter().map(|run| run.id).collect();
            return self.console.while_waiting("asking Weave", || {
                read_rows(search.client(), project, &ids, columns)
            });
        }
        let of = |role: Role| -> Result<Rows, Fault> {
            let mut all = Vec::new();
            for run in runs.iter().filter(|run| run.role == role) {
                all.push(match (&self.search, self.file(run.source)) {
                    (Some(search), _) if run.is_live() => {
                        gathered(&run_rows(search.client(), project, run.id), columns)?
                    }
                    (_, Some(saved)) => {
                        let rows = saved.rows_of(run.id).ok_or_else(|| no_rows(role))?;
                        gathered(&rows, columns)?
                    }
                    _ => return Err(no_rows(role)),
                });
            }
            all.reverse();
            match all.as_slice() {
                [] => Ok(Rows::new(columns.clone())),
                [one] => Ok(one.clone()),
                several => Rows::pooled(several).map_err(Fault::evidence),
            }
        };
        joined(&of(Role::Candidate)?, &of(Role::Baseline)?)
    }

    /// What stands in a few rows.
    fn details(
        &self,
        evidence: &Evidence,
        runs: &[JudgedRun<'_>],
        digests: &[&str],
    ) -> Result<Details, Fault> {
        let mut details = Details::new();
        if digests.is_empty() {
            return Ok(details);
        }
        for run in runs {
            let Some(rows) = self
                .file(run.source)
                .and_then(|saved| saved.rows_of(run.id))
            else {
                continue;
            };
            rows.each(&Columns::everything(), &mut |row| {
                if digests.binary_search(&&*row.row_digest).is_ok() {
                    let detail = details.entry(row.row_digest.clone().into_owned());
                    detail.or_default().take(run.role, row);
                }
                Ok(())
            })?;
        }
        let of_weave = runs.iter().filter(|run| run.is_live());
        let of_weave: Vec<(Role, &str)> = of_weave.map(|run| (run.role, run.id)).collect();
        if let Some(search) = &self.search
            && !of_weave.is_empty()
        {
            let project = &evidence.candidate.project;
            self.console.while_waiting("asking Weave", || {
                read_details(search.client(), project, &of_weave, digests, &mut details)
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
            None => {
                Search::new(self.server, self.wait, self.console)?.needing_costs(self.needs.costs)
            }
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
        Some(project) if saved.project().is_some_and(|known| known != project) => {
            Err(Fault::evidence(format!(
                "the snapshot `{}` is of project `{}`, and `{project}` is judged",
                path.display(),
                saved.project().map(ToString::to_string).unwrap_or_default()
            ))
            .help("name the snapshot of the right project, or give --project"))
        }
        _ => Ok(Some(saved)),
    }
}

/// What a candidate is compared with, as far as it is known before Weave is asked.
enum Theirs<'r> {
    Unnamed,
    Lost(Prose),
    Saved(Chosen),
    Live(&'r BaselineRequest),
}

impl Chosen {
    /// The same once more.
    fn again(&self) -> Self {
        Self {
            sides: self.sides.clone(),
            facts: self.facts.clone(),
            left_out: self.left_out.clone(),
        }
    }

    fn has(&self, id: &str) -> bool {
        self.sides.iter().any(|side| side.id() == id)
    }

    /// Whether the newest run was looked for, and not named by its id.
    fn is_looked_for(&self) -> bool {
        self.sides.iter().any(|side| match side {
            Side::Live(head) => head.choice.is_some(),
            Side::Snapshot(..) => false,
        })
    }
}

/// A run that was judged, and how it was named.
struct JudgedRun<'a> {
    role: Role,
    source: &'a Source,
    id: &'a str,
}

impl JudgedRun<'_> {
    fn is_live(&self) -> bool {
        live(self.source).is_some()
    }
}

fn judged_runs<'a>(request: &'a Request, evidence: &'a Evidence) -> Vec<JudgedRun<'a>> {
    let only_newest = request.candidate.is_newest_only();
    let listed = evidence.selection.runs.iter();
    let judged = listed.filter(|run| match run.left_out {
        None => true,
        Some(LeftOut::Older) => !only_newest,
        Some(_) => false,
    });
    judged
        .filter_map(|run| {
            let source = match run.role {
                Role::Candidate => &request.candidate.source,
                Role::Baseline => &request.baseline.as_ref()?.source,
            };
            Some(JudgedRun {
                role: run.role,
                source,
                id: &run.id,
            })
        })
        .collect()
}

fn no_rows(role: Role) -> Fault {
    Fault::evidence(format!("the snapshot of the {} holds no rows", role.word()))
        .help("take it again without --summary-only")
}

/// The same evidence, compared with nothing.
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

fn live_candidates(found: &Candidates) -> Chosen {
    let sides = found.judged.iter().cloned();
    Chosen {
        sides: sides.map(|head| Side::Live(Box::new(head))).collect(),
        facts: found.facts.clone(),
        left_out: found.left_out.clone(),
    }
}

fn live_baselines(found: Baselines) -> Chosen {
    let sides = found.heads.into_iter();
    Chosen {
        sides: sides.map(|head| Side::Live(Box::new(head))).collect(),
        facts: found.facts,
        left_out: Vec::new(),
    }
}

fn saved_baselines(saved: &Saved) -> Chosen {
    let runs = saved.runs().iter().cloned();
    Chosen {
        sides: runs
            .map(|run| Side::Snapshot(Box::new(run), saved.clone()))
            .collect(),
        ..Chosen::default()
    }
}

/// The runs of a candidate's snapshot, held against the policy.
fn saved_candidates(
    saved: &Saved,
    request: &CandidateRequest,
    identity: &Identity,
) -> Result<Chosen, Fault> {
    let mut runs: Vec<Run> = saved.runs().to_vec();
    let mut chosen = Chosen::default();
    for (id, reason) in &request.excluded {
        let Some(place) = runs.iter().position(|run| run.id == *id) else {
            return Err(Fault::evidence(format!(
                "run `{id}` is to be excluded, and is not in the snapshot"
            )));
        };
        let run = runs.remove(place);
        chosen.facts.push(Fact::Excluded {
            id: id.clone(),
            reason: reason.clone(),
        });
        chosen.left_out.push(ListedRun {
            left_out: Some(LeftOut::Excluded),
            ..ListedRun::judged(Role::Candidate, &run, identity)
        });
    }
    let Some(newest) = runs.first() else {
        return Err(Fault::evidence("every run of the snapshot is excluded"));
    };
    if request.is_named {
        match saved_mismatches(newest, &request.expected, identity) {
            Some(wrong) => {
                let facts = wrong.into_iter();
                chosen
                    .facts
                    .extend(facts.map(|(key, expected, found)| Fact::WrongCandidate {
                        key,
                        expected,
                        found,
                    }));
            }
            None => chosen.facts.push(Fact::NotChecked {
                problem: "the snapshot does not hold what the run was logged with; take it again"
                    .to_owned(),
                in_ci: request.in_ci,
            }),
        }
        chosen.facts.extend(not_checked(request));
    }
    let reruns = request.reruns.unwrap_or_default();
    if reruns == Reruns::Refuse && runs.len() > 1 {
        chosen.facts.push(Fact::SeveralReruns { runs: runs.len() });
    }
    if reruns == Reruns::Newest {
        let older = runs.iter().skip(1);
        chosen.facts.extend(older.map(|run| Fact::LeftOut {
            id: run.id.clone(),
            why: LeftOut::Older,
        }));
    }
    let models = runs.iter().filter_map(|run| run.model.as_ref());
    chosen.facts.extend(several_models(models));
    let runs = runs.into_iter();
    chosen.sides = runs
        .map(|run| Side::Snapshot(Box::new(run), saved.clone()))
        .collect();
    Ok(chosen)
}

/// What decides which runs in Weave can be the baseline of a candidate in a snapshot.
fn saved_rules(
    ours: &Chosen,
    request: &Request,
    baseline: &BaselineRequest,
    search: &Search<'_>,
    place: Place<'_>,
) -> Result<BaselineRules, Fault> {
    let runs: Vec<&Run> = ours
        .sides
        .iter()
        .filter_map(|side| match side {
            Side::Snapshot(run, _) => Some(run.as_ref()),
            Side::Live(_) => None,
        })
        .collect();
    let newest = runs.first();
    let model = newest.and_then(|run| run.model.as_ref().map(|model| model.name.clone()));
    let evaluation = newest.and_then(|run| run.evaluation.as_ref());
    let commit =
        newest.and_then(|run| attribute(run.attributes.as_ref()?, &request.identity.commit));
    let mut rescored_from = Vec::new();
    for run in &runs {
        rescored_from.extend(search.sources(place, run.rescored_from.as_ref())?);
    }
    Ok(BaselineRules {
        ids: runs.iter().map(|run| run.id.clone()).collect(),
        rescored_from,
        started_at: runs.iter().filter_map(|run| run.started_at).min(),
        evaluation: evaluation.map(|evaluation| {
            EvaluationKey::of_name(&evaluation.name, newest.is_some_and(|run| run.is_logged))
        }),
        commit: commit.filter(|_| !baseline.names_other_model(model.as_deref())),
        model,
        identity: request.identity.clone(),
        skipped: Vec::new(),
        accept_failed: request.accept_failed,
        is_live: false,
    })
}

/// Whether both runs have rows, and none in common.
fn have_other_rows(evidence: &Evidence) -> bool {
    match &evidence.baseline {
        Baseline::Found(baseline, pair) => {
            pair.common == 0 && evidence.candidate.rows > 0 && baseline.rows > 0
        }
        Baseline::Unnamed | Baseline::NotFound(_) => false,
    }
}

/// Both sides, and what their choice has to say.
fn together(
    request: &Request,
    ours: Chosen,
    theirs: Option<Result<Chosen, Prose>>,
) -> (Sides, Selection) {
    let mut selection = Selection {
        identity: request.identity.clone(),
        ..Selection::default()
    };
    let mut add = |role: Role, chosen: &mut Chosen| {
        let facts = std::mem::take(&mut chosen.facts).into_iter();
        selection.facts.extend(facts.map(|fact| (role, fact)));
        selection.runs.append(&mut chosen.left_out);
    };
    let mut ours = ours;
    add(Role::Candidate, &mut ours);
    let baselines = theirs.map(|theirs| {
        theirs.map(|mut theirs| {
            add(Role::Baseline, &mut theirs);
            theirs.sides
        })
    });
    let sides = Sides {
        candidates: ours.sides,
        baselines,
        newest_only: request.candidate.is_newest_only(),
    };
    (sides, selection)
}

/// The runs of Weave of which it is not known yet whether they are complete.
fn uncounted(sides: &Sides) -> Vec<&RunInfo> {
    let baselines = match &sides.baselines {
        Some(Ok(found)) => found.as_slice(),
        Some(Err(_)) | None => &[],
    };
    let mut heads: Vec<&RunInfo> = Vec::new();
    for side in sides.candidates.iter().chain(baselines) {
        if let Side::Live(head) = side
            && head.completeness == Completeness::NotAsked
            && !heads.iter().any(|known| known.id == head.id)
        {
            heads.push(head);
        }
    }
    heads
}

fn set_completeness(evidence: &mut Evidence, id: &str, known: Completeness) {
    if evidence.candidate.id == id {
        evidence.candidate.completeness = known;
    }
    if let Baseline::Found(run, _) = &mut evidence.baseline
        && run.id == id
    {
        run.completeness = known;
    }
    for each in &mut evidence.each {
        set_completeness(each, id, known);
    }
}

/// The evidence, with what the choice of its runs has to say, and a list of all of them.
fn selected(
    mut evidence: Evidence,
    selection: Selection,
    sides: &Sides,
    identity: &Identity,
) -> Evidence {
    let runs = |role: Role, sides: &[Side]| -> Vec<ListedRun> {
        sides
            .iter()
            .enumerate()
            .map(|(place, side)| {
                let mut listed = match side {
                    Side::Live(head) => head.listed(role, None, identity),
                    Side::Snapshot(run, _) => ListedRun::judged(role, run, identity),
                };
                let alone = match role {
                    Role::Candidate => match evidence.each.get(place) {
                        Some(each) => Some(&each.candidate),
                        None => Some(&evidence.candidate),
                    },
                    Role::Baseline => match &evidence.baseline {
                        Baseline::Found(run, _) if sides.len() == 1 => Some(run.as_ref()),
                        _ => None,
                    },
                };
                if let Some(run) = alone {
                    listed.rows = Some(run.rows);
                    listed.trials = Some(run.totals.trials);
                    listed.display_name.clone_from(&run.display_name);
                }
                listed
            })
            .collect()
    };
    let mut listed = runs(Role::Candidate, &sides.candidates);
    if sides.newest_only {
        for older in listed.iter_mut().skip(1) {
            older.left_out = Some(LeftOut::Older);
        }
    }
    if let Some(Ok(baselines)) = &sides.baselines {
        listed.extend(runs(Role::Baseline, baselines));
    }
    let of_rows = std::mem::take(&mut evidence.selection.facts);
    let mut selection = selection;
    selection.facts.extend(of_rows);
    listed.append(&mut selection.runs);
    // Candidates first, each side from the newest on.
    listed.sort_by_key(|run| {
        (
            run.role == Role::Baseline,
            std::cmp::Reverse(run.started_at),
        )
    });
    selection.runs = listed;
    evidence.selection = selection;
    evidence
}
