//! Chooses among the runs of a commit: which re-runs are judged, and which facts the others imply.

use crate::evidence::RunStatus;
use std::collections::BTreeSet;
use std::thread;

use jiff::Timestamp;

use super::request::CandidateRequest;
use crate::evidence::{Completeness, Fact, Gap, LeftOut, ListedRun, Reference, Role};
use crate::evidence::{EvaluationKey, RunInfo};
use crate::fault::Fault;
use crate::policy::{Reruns, Source};
use crate::selector::{Identity, is_same_commit};
use crate::weave::{Finder, Found, Unread};

/// The runs that are judged as the candidate.
#[derive(Clone, Debug)]
pub(super) struct Candidates {
    /// The judged runs, the newest first; never empty.
    pub(super) judged: Vec<RunInfo>,
    /// Runs of the same commit that are not judged.
    pub(super) others: Vec<RunInfo>,
    /// Facts about how the runs were chosen.
    pub(super) facts: Vec<Fact>,
    /// The runs that are left out, as reports list them.
    pub(super) left_out: Vec<ListedRun>,
    /// What a longer wait may change, if anything.
    pub(super) pending: Option<String>,
    /// The id of the run that is waited for because it is still running.
    pub(super) running: Option<String>,
    /// The next action if waiting does not help.
    pub(super) help: Option<String>,
}

/// Chooses among the runs that were found. If `counts` is set, completeness is checked even if there are no re-runs.
///
/// # Errors
///
/// The re-runs cannot be read, or all runs are excluded.
pub(super) fn choose(
    finder: Finder<'_>,
    identity: &Identity,
    request: &CandidateRequest,
    found: &Found,
    counts: bool,
) -> Result<Candidates, Unread> {
    let Some(named) = found.infos.first() else {
        return Err(Fault::bug("no run was found").into());
    };
    let mut facts = held_against_policy(named, request, identity);
    facts.extend(ambiguous_commit(&found.infos, request, identity));
    let mut chosen = Candidates {
        judged: reruns(finder, request, found, named)?,
        others: Vec::new(),
        facts,
        left_out: Vec::new(),
        pending: None,
        running: None,
        help: None,
    };
    chosen.exclude(request, identity)?;
    let runs = chosen.judged.len();
    if request.reruns == Some(Reruns::Refuse) && runs > 1 {
        chosen.facts.push(Fact::SeveralReruns { runs });
    }
    if let Some(newest) = chosen.judged.first()
        && matches!(request.source, Source::Run(_))
        && request.is_newest_only()
        && newest.id != named.id
    {
        let newest = newest.id.clone();
        chosen.facts.push(Fact::NotNewest { newest });
    }
    if runs > 1 && named.evaluation_key() == Some(EvaluationKey::Unnamed) {
        chosen.facts.push(Fact::UnnamedRuns { runs });
        let older = chosen.judged.split_off(1);
        chosen.others.extend(older);
    }
    let older = chosen.judged.split_off(1);
    let finished = chosen.finished(older, request, identity);
    chosen.add_complete(finder, identity, finished, request, counts)?;
    let models = chosen.judged.iter().filter_map(|info| info.model.as_ref());
    chosen.facts.extend(several_models(models));
    if request.is_newest_only() {
        let older = chosen.judged.iter().skip(1);
        let older = older.map(|info| Fact::LeftOut {
            id: info.id.clone(),
            why: LeftOut::Older,
        });
        chosen.facts.extend(older);
    }
    Ok(chosen)
}

/// Returns the runs of the candidate's commit, the newest first, or only the candidate if its re-runs are ignored.
fn reruns(
    finder: Finder<'_>,
    request: &CandidateRequest,
    found: &Found,
    named: &RunInfo,
) -> Result<Vec<RunInfo>, Unread> {
    if request.reruns.is_none() {
        return Ok(vec![named.clone()]);
    }
    // The policy requests only what its own selector already found.
    let known = (!request.is_named).then_some(found);
    let mut runs = finder.reruns(named, &request.expected, known)?;
    if let Some(first) = runs.iter_mut().find(|info| info.id == named.id) {
        first.choice.clone_from(&named.choice);
    }
    runs.sort_by(|one, other| (other.started_at, &other.id).cmp(&(one.started_at, &one.id)));
    Ok(runs)
}

impl Candidates {
    /// One run, without its re-runs.
    pub(super) fn only(info: RunInfo) -> Self {
        Self {
            judged: vec![info],
            others: Vec::new(),
            facts: Vec::new(),
            left_out: Vec::new(),
            pending: None,
            running: None,
            help: None,
        }
    }

    /// Removes the runs that the command line excludes.
    fn exclude(&mut self, request: &CandidateRequest, identity: &Identity) -> Result<(), Fault> {
        for (id, reason) in &request.excluded {
            let Some(place) = self.judged.iter().position(|info| info.id == *id) else {
                return Err(Fault::evidence(format!(
                    "run `{id}` is to be excluded, and is not among the runs of the candidate"
                ))
                .help("`weave-gate runs` lists the runs of a commit, as in `weave-gate runs commit=SHA`"));
            };
            let info = self.judged.remove(place);
            self.facts.push(Fact::Excluded {
                id: id.clone(),
                reason: reason.clone(),
            });
            let listed = info.listed(Role::Candidate, Some(LeftOut::Excluded), identity);
            self.left_out.push(listed);
            self.others.push(info);
        }
        if self.judged.is_empty() {
            return Err(Fault::evidence("every run of the candidate is excluded")
                .help("leave one out of --exclude-run, or log the evaluation again"));
        }
        Ok(())
    }

    /// Returns the older runs that have finished, and records facts about the others.
    fn finished(
        &mut self,
        older: Vec<RunInfo>,
        request: &CandidateRequest,
        identity: &Identity,
    ) -> Vec<RunInfo> {
        let now = Timestamp::now();
        let mut finished = Vec::new();
        for info in older {
            if info.is_abandoned(now) {
                self.leave_out(info, LeftOut::Abandoned, identity);
            } else if info.is_running() {
                let id = info.id.clone();
                let pending = format!("run {id} is still running");
                self.pending.get_or_insert(pending);
                self.running.get_or_insert_with(|| id.clone());
                self.facts.push(Fact::RerunRunning { id });
                self.others.push(info);
            } else if info.status == Some(RunStatus::Failed) && !request.accept_failed {
                self.leave_out(info, LeftOut::Failed, identity);
            } else {
                finished.push(info);
            }
        }
        finished
    }

    /// Adds the older runs that are complete, and records what waiting may change about the newest run.
    fn add_complete(
        &mut self,
        finder: Finder<'_>,
        identity: &Identity,
        mut finished: Vec<RunInfo>,
        request: &CandidateRequest,
        counts: bool,
    ) -> Result<(), Unread> {
        let accept_incomplete = request.accepts_incomplete();
        let newest_runs = self.judged.first().is_some_and(RunInfo::is_running);
        if !finished.is_empty() || counts {
            let newest = self.judged.iter().filter(|_| !newest_runs);
            let asked: Vec<&RunInfo> = newest.chain(&finished).collect();
            let answers = completeness(finder, &asked)?;
            let newest = self.judged.iter_mut().filter(|_| !newest_runs);
            for (info, answer) in newest.chain(&mut finished).zip(answers) {
                info.completeness = answer;
            }
        }
        for info in finished {
            match info.completeness {
                Completeness::Incomplete(gap) if !accept_incomplete => {
                    self.leave_out(info, LeftOut::Incomplete(gap), identity);
                }
                _ => self.judged.push(info),
            }
        }
        if let Some(newest) = self.judged.first() {
            if newest_runs {
                self.pending = Some(format!("run {} is still running", newest.id));
                self.running = Some(newest.id.clone());
            } else if let Completeness::Incomplete(gap) = newest.completeness
                && !accept_incomplete
            {
                self.running = None;
                self.pending = Some(format!(
                    "run {} is incomplete: {}",
                    newest.id,
                    gap_text(gap)
                ));
                self.help = Some(gap_help(gap).to_owned());
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, info: RunInfo, why: LeftOut, identity: &Identity) {
        self.facts.push(Fact::LeftOut {
            id: info.id.clone(),
            why,
        });
        self.left_out
            .push(info.listed(Role::Candidate, Some(why), identity));
        self.others.push(info);
    }
}

/// The differences between the named run and the policy's `candidate:`.
fn held_against_policy(
    info: &RunInfo,
    request: &CandidateRequest,
    identity: &Identity,
) -> Vec<Fact> {
    if !request.is_named {
        return Vec::new();
    }
    let wrong = info.mismatches(&request.expected, identity).into_iter();
    let wrong = wrong.map(|(key, expected, found)| Fact::WrongCandidate {
        key,
        expected,
        found,
    });
    wrong.chain(not_checked(request)).collect()
}

/// The keys of the policy's `candidate:` that cannot be compared.
pub(super) fn not_checked(request: &CandidateRequest) -> impl Iterator<Item = Fact> {
    let unknown = request.unknown.iter().filter(|_| request.is_named);
    unknown.map(|unresolved| Fact::NotChecked {
        unresolved: Some(unresolved.clone()),
        in_ci: request.in_ci,
    })
}

/// Returns a fact if the requested commit is a prefix of several commits.
fn ambiguous_commit(
    infos: &[RunInfo],
    request: &CandidateRequest,
    identity: &Identity,
) -> Option<Fact> {
    let asked = match &request.source {
        Source::Find(selector) => selector.commit.as_ref(),
        Source::Run(_) | Source::File(_) => None,
    }?;
    let commits: BTreeSet<String> = infos
        .iter()
        .filter_map(|info| info.commit(identity))
        .collect();
    let differ = |one: &String| commits.iter().any(|other| !is_same_commit(one, other));
    commits.iter().any(differ).then(|| Fact::CommitAmbiguous {
        asked: asked.clone(),
        commits: commits.iter().cloned().collect(),
    })
}

/// Returns a fact if runs are of several versions of one model, as in a matrix of models under one name.
pub(super) fn several_models<'r>(
    models: impl Iterator<Item = &'r Reference> + Clone,
) -> Option<Fact> {
    let versions: BTreeSet<&str> = models
        .clone()
        .filter_map(|model| model.version.as_deref())
        .collect();
    (versions.len() > 1).then(|| Fact::SeveralModelVersions {
        model: models
            .map(|model| model.name.clone())
            .next()
            .unwrap_or_default(),
        versions: versions.into_iter().map(str::to_owned).collect(),
    })
}

/// Checks in parallel whether Weave has all calls of each run.
///
/// # Errors
///
/// The calls of a run cannot be counted.
pub(super) fn completeness(
    finder: Finder<'_>,
    infos: &[&RunInfo],
) -> Result<Vec<Completeness>, Unread> {
    match infos {
        [] => Ok(Vec::new()),
        [one] => Ok(vec![finder.completeness(one)?]),
        several => thread::scope(|scope| {
            let started: Vec<_> = several
                .iter()
                .map(|info| scope.spawn(move || finder.completeness(info)))
                .collect();
            let answers = started.into_iter().map(|started| {
                started
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            answers.collect()
        }),
    }
}

/// Describes which calls are missing or extra.
pub(super) fn gap_text(gap: Gap) -> String {
    match gap {
        Gap::NoSummary => "its script ended without `log_summary`".to_owned(),
        Gap::Fewer { made, stored } => format!("Weave has {stored} of its {made} calls"),
        Gap::More { made, stored } => format!("Weave has {stored} calls of it, and it made {made}"),
    }
}

pub(super) fn gap_help(gap: Gap) -> &'static str {
    match gap {
        Gap::NoSummary => {
            "call `log_summary()` at the end of the script; `finish()` alone leaves a run incomplete"
        }
        Gap::Fewer { .. } | Gap::More { .. } => {
            "calls were deleted, lost in transit, or stored twice; log the evaluation again"
        }
    }
}
