//! Finds the runs of a request, by id or by selector, and waits for them.

use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::candidates::{Candidates, choose};
use super::console::{Console, WaitingLine};
use super::request::{BaselineRequest, CandidateRequest};
use super::server::client;
use crate::cli::ServerArgs;
use crate::evidence::{BaselineRules, EvaluationKey, RunInfo};
use crate::evidence::{Completeness, Fact, LeftOut, ListedRun, MissingBaseline, Role};
use crate::fault::Fault;
use crate::policy::Source;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::{Identity, Selector, is_same_commit};
use crate::weave::{Absence, Client, Eligible, Finder, Found, Named, State, Unread};

/// The pause between the first two searches of a wait. Each further pause is 1.5 times as long, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Minimum time for one search, even if less time is left of the wait.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// `required: after-first` skips change limits for at most this long after the first run of an evaluation.
const FIRST_DAYS: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The number of recent runs that are read to choose among them.
const RECENT: usize = 100;
/// The name that `EvaluationLogger` gives an evaluation if the run names no dataset.
pub(super) const UNNAMED: &str = "Evaluation";

/// How a source names a run in Weave; `None` if the source is a file.
pub(super) fn live(source: &Source) -> Option<Named<'_>> {
    match source {
        Source::Run(id) => Some(Named::Id(id)),
        Source::Find(selector) => Some(Named::Newest(selector)),
        Source::File(_) => None,
    }
}

/// The runs of a baseline that were found.
#[derive(Debug)]
pub(super) struct Baselines {
    /// The baseline's runs, the newest first.
    pub(super) infos: Vec<RunInfo>,
    /// Facts about how the runs were chosen.
    pub(super) facts: Vec<Fact>,
}

/// The result if no baseline was found.
#[derive(Debug)]
pub(super) struct NoBaseline {
    /// Why no baseline was found, and what exists instead.
    pub(super) reason: Prose,
    /// Whether `required: after-first` skips the change limits.
    pub(super) is_first: bool,
    /// The selector.
    pub(super) missing: MissingBaseline,
}

/// The project to search, and the attributes that hold a run's commit and branch.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) project: &'p Project,
    pub(super) identity: &'p Identity,
}

/// Finds runs in Weave, and waits for runs that are missing or unfinished.
pub(super) struct Search<'a> {
    client: Client<'a>,
    console: &'a Console,
    /// The maximum time to wait for all candidates together, and when the wait began.
    wait: Option<(SignedDuration, Instant)>,
    /// Which runs can be the candidate.
    eligible: Eligible<'static>,
    /// Candidates that were already found, so that the newest run is the same for all policies.
    found: Vec<(Project, CandidateRequest, Candidates)>,
    /// Runs that were read by their ids before they were needed.
    known: Vec<(Project, RunInfo)>,
}

impl<'a> Search<'a> {
    /// Creates a client; sends no request.
    ///
    /// # Errors
    ///
    /// The address or the key is missing or invalid, or the proxy or the certificates cannot be used.
    pub(super) fn new(
        server: &'a ServerArgs,
        wait: Option<SignedDuration>,
        console: &'a Console,
    ) -> Result<Self, Fault> {
        Ok(Self {
            client: client(server, console)?,
            console,
            wait: wait.map(|wait| (wait, Instant::now())),
            eligible: Eligible::Any,
            found: Vec::new(),
            known: Vec::new(),
        })
    }

    /// Limits the search to runs that have completed.
    pub(super) fn only_completed(mut self) -> Self {
        self.eligible = Eligible::Completed;
        self
    }

    /// Sets whether costs are judged.
    pub(super) fn needing_costs(self, needs_costs: bool) -> Self {
        Self {
            client: self.client.needing_costs(needs_costs),
            ..self
        }
    }

    /// The client, for further requests about runs that were found.
    pub(super) fn client(&self) -> &Client<'a> {
        &self.client
    }

    fn finder<'f>(&'f self, place: Place<'f>) -> Finder<'f> {
        Finder::new(&self.client, place.project, place.identity)
    }

    /// Reads runs that are named by their ids, with one request. A run that is missing from the answer is requested
    /// again alone: a line may have been lost, and a policy may not require a baseline.
    ///
    /// # Errors
    ///
    /// The runs cannot be read.
    pub(super) fn prefetch(&mut self, place: Place<'_>, ids: &[&str]) -> Result<(), Fault> {
        if self.wait.is_some() || !self.found.is_empty() || !self.known.is_empty() {
            return Ok(());
        }
        let finder = self.finder(place);
        let infos = self
            .console
            .while_waiting("asking Weave", || finder.look_up_all(ids))?;
        let known = infos.into_iter().map(|info| (place.project.clone(), info));
        self.known = known.collect();
        Ok(())
    }

    /// Finds the run that a source names, without its re-runs. Waits for it if a wait was requested.
    ///
    /// # Errors
    ///
    /// The run was not found, or cannot be read.
    pub(super) fn find(&mut self, place: Place<'_>, source: &Source) -> Result<RunInfo, Fault> {
        let request = CandidateRequest::only(source.clone());
        let found = self.candidates(place, &request)?;
        found
            .judged
            .into_iter()
            .next()
            .ok_or_else(|| Fault::bug("no run was found"))
    }

    /// Finds the runs that are judged. Waits for them if a wait was requested.
    ///
    /// # Errors
    ///
    /// No run was found, or a run cannot be read.
    pub(super) fn candidates(
        &mut self,
        place: Place<'_>,
        request: &CandidateRequest,
    ) -> Result<Candidates, Fault> {
        let known = self
            .found
            .iter()
            .find(|(project, known, _)| project == place.project && known == request);
        if let Some((_, _, candidates)) = known {
            return Ok(candidates.clone());
        }
        let candidates = match self.wait {
            None => {
                let look = || self.look(place, request);
                match self.console.while_waiting("asking Weave", look)? {
                    Seen::Here(candidates) => *candidates,
                    Seen::Absent(absence) => return Err(self.absent(place, request, absence)),
                    Seen::Busy(fault, _) => return Err(fault),
                }
            }
            Some((wait, since)) => self.wait(place, request, wait, since)?,
        };
        self.found
            .push((place.project.clone(), request.clone(), candidates.clone()));
        Ok(candidates)
    }

    /// Returns the newest runs that match, whatever their status.
    ///
    /// # Errors
    ///
    /// No run matches, or the runs cannot be read.
    pub(super) fn recent(
        &self,
        place: Place<'_>,
        selector: &Selector,
    ) -> Result<Vec<RunInfo>, Fault> {
        let look = || self.finder(place).recent(selector, RECENT);
        let found = self.console.while_waiting("asking Weave", look)?;
        found.map_err(|absence| {
            let request = CandidateRequest::only(Source::Find(selector.clone()));
            self.absent(place, &request, absence)
        })
    }

    /// Searches once for the runs that are judged.
    fn look(&self, place: Place<'_>, request: &CandidateRequest) -> Result<Seen, Fault> {
        let finder = self.finder(place);
        let state = match live(&request.source) {
            Some(Named::Id(id)) => match self.known(place, id) {
                Some(found) => State::Here(Box::new(found)),
                None => finder.look_up(id)?,
            },
            Some(Named::Newest(selector)) => finder.look(selector, self.eligible)?,
            None => return Err(Fault::bug("no run is named")),
        };
        let found = match state {
            State::Here(found) => found,
            State::Absent(absence) => return Ok(Seen::Absent(absence)),
            State::Busy(fault, asked) => return Ok(Seen::Busy(fault, asked)),
        };
        let is_waited_for = self.wait.is_some();
        match choose(finder, place.identity, request, &found, is_waited_for) {
            Ok(candidates) => Ok(Seen::Here(Box::new(candidates))),
            Err(Unread::Busy(fault, asked)) => Ok(Seen::Busy(fault, asked)),
            Err(Unread::Fault(fault)) => Err(fault),
        }
    }

    /// Returns the run with this id if it was read before.
    fn known(&self, place: Place<'_>, id: &str) -> Option<Found> {
        let known = self
            .known
            .iter()
            .find(|(project, info)| project == place.project && info.id == id);
        known.map(|(_, info)| Found {
            infos: vec![info.clone()],
            is_whole: true,
        })
    }

    /// Finds what a candidate is compared with. If the baseline was not found, returns what exists instead.
    ///
    /// # Errors
    ///
    /// It is unknown whether the baseline exists.
    pub(super) fn baselines(
        &self,
        place: Place<'_>,
        request: &BaselineRequest,
        rules: &BaselineRules,
    ) -> Result<Result<Baselines, NoBaseline>, Fault> {
        let console = self.console;
        match live(&request.source) {
            Some(Named::Id(id)) => {
                console.while_waiting("asking Weave", || self.named_baseline(place, id, rules))
            }
            Some(Named::Newest(selector)) => console.while_waiting("asking Weave", || {
                self.newest_baseline(place, request, selector, rules)
            }),
            None => Err(Fault::bug("no baseline is named")),
        }
    }

    fn named_baseline(
        &self,
        place: Place<'_>,
        id: &str,
        rules: &BaselineRules,
    ) -> Result<Result<Baselines, NoBaseline>, Fault> {
        let finder = self.finder(place);
        let state = match self.known(place, id) {
            Some(found) => State::Here(Box::new(found)),
            None => finder.look_up(id)?,
        };
        let infos = match state {
            State::Here(found) => found.infos,
            State::Busy(fault, _) => return Err(fault),
            State::Absent(absence) => {
                let mut reason = finder.absence(Named::Id(id), Eligible::Any, absence)?;
                if let Some(meant) = finder.meant(id) {
                    reason = reason.text("; ").then(meant);
                }
                return Ok(Err(NoBaseline {
                    reason,
                    is_first: false,
                    missing: MissingBaseline::Run,
                }));
            }
        };
        let mut facts = Vec::new();
        if let Some(info) = infos.first() {
            let sources = finder.sources(info.rescored_from.as_ref())?;
            let is_ours = |id: &String| rules.ids.contains(id) || rules.rescored_from.contains(id);
            let is_same = rules.ids.contains(&info.id);
            if !is_same && (is_ours(&info.id) || sources.iter().any(is_ours)) {
                facts.push(Fact::SameOutputs);
            }
        }
        Ok(Ok(Baselines { infos, facts }))
    }

    fn newest_baseline(
        &self,
        place: Place<'_>,
        request: &BaselineRequest,
        selector: &Selector,
        rules: &BaselineRules,
    ) -> Result<Result<Baselines, NoBaseline>, Fault> {
        let finder = self.finder(place);
        // A run of another evaluation is not a baseline, unless the policy names that evaluation.
        let mut rules = rules.clone();
        let own = rules.evaluation.clone();
        let of_evaluation = match (&selector.evaluation, &rules.evaluation) {
            (Some(_), _) => {
                rules.evaluation = None;
                selector.clone()
            }
            (None, Some(EvaluationKey::Named(name))) => Selector {
                evaluation: Some(name.clone()),
                ..selector.clone()
            },
            (None, Some(EvaluationKey::Unnamed)) => Selector {
                evaluation: Some(UNNAMED.to_owned()),
                model: selector.model.clone().or_else(|| rules.model.clone()),
                ..selector.clone()
            },
            (None, None) => return Err(unknown_evaluation()),
        };
        let selector = &of_evaluation;
        let is_own = match own {
            Some(EvaluationKey::Named(name)) => selector.evaluation.as_ref() == Some(&name),
            Some(EvaluationKey::Unnamed) | None => selector.evaluation.as_deref() == Some(UNNAMED),
        };
        let eligible = Eligible::Baselines(&rules);
        let found = match finder.look(selector, eligible)? {
            State::Here(found) => found,
            State::Busy(fault, _) => return Err(fault),
            State::Absent(absence) => {
                let missing = MissingBaseline::Selected {
                    selector: selector.clone(),
                    has_match: absence.has_match(selector, &rules),
                };
                let reason = finder.absence(Named::Newest(selector), eligible, absence)?;
                let is_first = request.is_after_first
                    && is_first(finder.history(selector, &rules, is_own)?, Timestamp::now());
                return Ok(Err(NoBaseline {
                    reason,
                    is_first,
                    missing,
                }));
            }
        };
        let Some(newest) = found.infos.first().cloned() else {
            return Err(unknown_evaluation());
        };
        let mut baselines = of_commit(finder, &newest, selector, &found, &rules)?;
        let commit = |info: &RunInfo| info.commit(place.identity);
        let mut commits: Vec<String> = commit(&newest).into_iter().collect();
        let (mut found, mut taken) = (found, 1);
        while taken < request.last {
            let ids = baselines.infos.iter().map(|info| info.id.clone());
            rules.skipped.extend(ids);
            let next = found.infos.iter().find(|info| rules.allows(info)).cloned();
            let next = match next {
                Some(next) => next,
                None if found.is_whole => break,
                None => {
                    let eligible = Eligible::Baselines(&rules);
                    found = match finder.look(selector, eligible)? {
                        State::Here(found) => found,
                        State::Busy(fault, _) => return Err(fault),
                        State::Absent(_) => break,
                    };
                    let fit = |info: &RunInfo| info.fit(selector, place.identity);
                    // Runs that match less exactly are taken only if none matches exactly.
                    match found.infos.first() {
                        Some(next) if fit(next) == fit(&newest) => next.clone(),
                        _ => break,
                    }
                }
            };
            let own = commit(&next);
            let is_known = |own: &String| commits.iter().any(|known| is_same_commit(known, own));
            if own.as_ref().is_some_and(is_known) {
                // A run of a commit that is taken, and not a re-run: of another model.
                rules.skipped.push(next.id);
                continue;
            }
            let older = of_commit(finder, &next, selector, &found, &rules)?;
            baselines.infos.extend(older.infos);
            baselines.facts.extend(older.facts);
            commits.extend(own);
            taken += 1;
        }
        Ok(Ok(baselines))
    }

    /// Returns the rules for which runs can be the baseline of these candidates.
    ///
    /// # Errors
    ///
    /// A run that a candidate was rescored from cannot be read.
    pub(super) fn rules(
        &self,
        place: Place<'_>,
        candidates: &Candidates,
        request: &BaselineRequest,
        accept_failed: bool,
    ) -> Result<BaselineRules, Fault> {
        let newest = candidates.judged.first();
        let all = || candidates.judged.iter().chain(&candidates.others);
        let finder = self.finder(place);
        let mut rescored_from = Vec::new();
        for info in all() {
            rescored_from.extend(finder.sources(info.rescored_from.as_ref())?);
        }
        let model = newest.and_then(|info| info.model.as_ref().map(|model| model.name.clone()));
        Ok(BaselineRules {
            ids: all().map(|info| info.id.clone()).collect(),
            rescored_from,
            started_at: all().filter_map(|info| info.started_at).min(),
            evaluation: newest.and_then(RunInfo::evaluation_key),
            commit: newest
                .and_then(|info| info.commit(place.identity))
                .filter(|_| !request.names_other_model(model.as_deref())),
            model,
            identity: place.identity.clone(),
            skipped: Vec::new(),
            accept_failed,
            is_live: true,
        })
    }

    /// Returns the ids of the run that a run rescored, of the run that that one rescored, and so on.
    ///
    /// # Errors
    ///
    /// A run in this chain cannot be read.
    pub(super) fn sources(
        &self,
        place: Place<'_>,
        rescored_from: Option<&String>,
    ) -> Result<Vec<String>, Fault> {
        self.finder(place).sources(rescored_from)
    }

    /// Checks in parallel whether Weave has all calls of each run.
    ///
    /// # Errors
    ///
    /// The calls of a run cannot be counted.
    pub(super) fn completeness(
        &self,
        place: Place<'_>,
        infos: &[&RunInfo],
    ) -> Result<Vec<Completeness>, Fault> {
        let finder = self.finder(place);
        Ok(super::candidates::completeness(finder, infos)?)
    }

    /// The error for a candidate that was not found, with the next action.
    fn absent(&self, place: Place<'_>, request: &CandidateRequest, absence: Absence) -> Fault {
        let Some(named) = live(&request.source) else {
            return Fault::bug("no run is named");
        };
        let absence = self.finder(place).absence(named, self.eligible, absence);
        match absence {
            Err(fault) => fault,
            Ok(absence) => match (named, self.meant(place, named)) {
                (_, Some(meant)) => Fault::evidence(absence).help(meant),
                (Named::Id(_), None) => Fault::evidence(absence).retryable().help(
                    "check the run id and the project; --wait waits for a run that was just logged",
                ),
                (Named::Newest(_), None) => Fault::evidence(absence).retryable().help(
                    "`weave-gate runs` lists the runs; --wait waits for a run that was just logged",
                ),
            },
        }
    }

    /// The edit that names the run that was meant by a text that is no run id, if it is known.
    fn meant(&self, place: Place<'_>, named: Named<'_>) -> Option<Prose> {
        match named {
            Named::Id(id) => self.finder(place).meant(id),
            Named::Newest(_) => None,
        }
    }

    /// Repeats the search until the runs exist, have finished and are complete, or until the wait ends.
    fn wait(
        &mut self,
        place: Place<'_>,
        request: &CandidateRequest,
        wait: SignedDuration,
        since: Instant,
    ) -> Result<Candidates, Fault> {
        let shown = request.source.to_string();
        let until = since + wait.unsigned_abs();
        let mut line = WaitingLine::new(self.console, shown.clone(), wait, since);
        let mut pause = FIRST_PAUSE;
        loop {
            // This loop makes the retries, so the client makes each request once and must end within the wait.
            let left = until.saturating_duration_since(Instant::now());
            self.client.restart(Some(left.max(SHORTEST_LOOK)));
            let state = match self.look(place, request) {
                Ok(state) => state,
                Err(fault) => {
                    line.end();
                    return Err(fault);
                }
            };
            let (seen, asked) = match &state {
                Seen::Here(candidates) => match &candidates.pending {
                    None => {
                        line.end();
                        self.client.restart(None);
                        return Ok((**candidates).clone());
                    }
                    Some(pending) => (pending.clone(), None),
                },
                Seen::Absent(absence) => {
                    let seen = match &absence.reason {
                        Some(reason) => format!("not there yet: {reason}"),
                        None => "no run matches yet".to_owned(),
                    };
                    (seen, None)
                }
                Seen::Busy(fault, asked) => (fault.message.clone(), *asked),
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                line.end();
                return Err(self.too_late(place, request, wait, state, &seen));
            }
            // A retry never comes sooner than the server asks.
            let polite = pause.max(asked.unwrap_or_default());
            let running = match &state {
                Seen::Here(candidates) if line.is_shown() => candidates.running.as_deref(),
                Seen::Here(_) | Seen::Absent(_) | Seen::Busy(..) => None,
            };
            let progress = running.and_then(|id| self.finder(place).progress(id));
            let progress = progress.map(|(rows, total)| format!("{rows} of {total} rows"));
            line.pause(&seen, progress.as_deref(), polite.min(left));
            pause = pause.mul_f64(1.5).min(LONGEST_PAUSE);
        }
    }

    /// The error if the wait ended without the run: what was seen last, with the next action.
    fn too_late(
        &mut self,
        place: Place<'_>,
        request: &CandidateRequest,
        wait: SignedDuration,
        state: Seen,
        seen: &str,
    ) -> Fault {
        let more = "give it more time with --wait";
        let shown = request.source.to_string();
        let (last, help) = match state {
            Seen::Here(candidates) => (
                seen.to_owned(),
                candidates.help.unwrap_or_else(|| {
                    format!("{more}, or find out why the evaluation is still running")
                }),
            ),
            Seen::Busy(fault, _) => (
                seen.to_owned(),
                fault.help.unwrap_or_else(|| more.to_owned()),
            ),
            Seen::Absent(absence) => {
                let finder = self.finder(place);
                let named = live(&request.source);
                let absence = named.map(|named| finder.absence(named, self.eligible, absence));
                let last = match absence {
                    Some(Ok(absence)) => absence.to_string(),
                    Some(Err(_)) | None => seen.to_owned(),
                };
                let meant = named.and_then(|named| self.meant(place, named));
                let help = match meant {
                    Some(meant) => meant.to_string(),
                    None => format!("{more}, or check whether the evaluation was logged with this"),
                };
                (last, help)
            }
        };
        let project = place.project;
        Fault::evidence(format!(
            "waited {wait:#} for {shown} in {project}; last seen: {last}"
        ))
        .help(help)
        .retryable()
    }
}

/// The runs of the commit of a baseline that can be the baseline, the newest first.
///
/// # Errors
///
/// The runs cannot be read.
fn of_commit(
    finder: Finder<'_>,
    newest: &RunInfo,
    selector: &Selector,
    found: &Found,
    rules: &BaselineRules,
) -> Result<Baselines, Fault> {
    let mut infos = if newest.evaluation_key() == Some(EvaluationKey::Unnamed) {
        vec![newest.clone()]
    } else {
        finder.reruns(newest, selector, Some(found))?
    };
    infos.retain(|info| info.id == newest.id || rules.allows(info));
    if let Some(first) = infos.iter_mut().find(|info| info.id == newest.id) {
        first.choice.clone_from(&newest.choice);
    }
    let models = infos.iter().filter_map(|info| info.model.as_ref());
    let facts = super::candidates::several_models(models);
    Ok(Baselines {
        facts: facts.into_iter().collect(),
        infos,
    })
}

/// The result of one search.
enum Seen {
    Here(Box<Candidates>),
    Absent(Absence),
    Busy(Fault, Option<Duration>),
}

/// Whether an evaluation is so new that it cannot have a baseline: its first run is recent, and no run matches.
fn is_first((first, has_match): (Option<Timestamp>, bool), now: Timestamp) -> bool {
    let age = first.map(|first| now.duration_since(first));
    // If no first run is known, an answer may have been lost.
    !has_match && age.is_some_and(|age| age <= FIRST_DAYS)
}

/// A baseline run that was skipped: the fact for reports, and the entry in their list of runs.
pub(super) fn skipped(info: &RunInfo, why: LeftOut, identity: &Identity) -> (Fact, ListedRun) {
    let fact = Fact::BaselineSkipped {
        id: info.id.clone(),
        why,
    };
    (fact, info.listed(Role::Baseline, Some(why), identity))
}

/// Runs two closures in parallel.
pub(super) fn both<A: Send, B>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (one, other)
    })
}

fn unknown_evaluation() -> Fault {
    Fault::evidence("the candidate's evaluation is not known, so no baseline can be searched for")
        .help("name the evaluation of the baseline, or the baseline by its id")
}
