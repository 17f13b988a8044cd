//! Finding runs: by id, or all that match a selector.
//!
//! Runs that the SDKs log have a root call whose op is a version of `Evaluation.evaluate`; runs that the
//! v2 API makes have that word itself. The list of `evaluation_runs` holds only the second kind,
//! oldest first and without attributes. One query for calls of both names holds all of them, newest first.

use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api_error::{ApiError, contradiction};
use super::body::named;
use super::client::Client;
use super::eligible::Eligible;
use super::not_found;
use super::wire::{CallRead, CallStats};
use crate::evidence::{BaselineRules, EvaluationKey, Match, RunInfo};
use crate::evidence::{Choice, Completeness, Gap};
use crate::fault::Fault;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::{Identity, SHORTEST_COMMIT, Selector};

const OP: &str = "Evaluation.evaluate";
/// What `EvaluationLogger` calls the evaluation of a run that names no dataset.
const UNNAMED: &str = "Evaluation";
/// Where calls are listed.
const CALLS: &str = "/calls/stream_query";
/// Where calls are counted.
const CALL_STATS: &str = "/calls/query_stats";
/// Where a run says how far it is.
const STATUS: &str = "/evaluations/status";
/// Runs a page: what is looked for is nearly always the first.
const PAGE: usize = 10;
/// Pages after which a search ends: a server that finds so much that does not match does not filter.
const MOST_PAGES: usize = 10;
/// Runs of one commit; more are no re-runs, but a mistake.
const MOST_RERUNS: usize = 100;
/// Rescorings of rescorings that are followed.
const MOST_SOURCES: usize = 8;
/// Ways to read the dots of a path that are asked for.
const MOST_SPELLINGS: usize = 8;
/// Recent runs that are looked at to say what there is instead.
const RECENT: usize = 200;
/// Calls of a trace whose ids are read to see whether some are stored twice.
const MOST_CALLS: usize = 100_000;

/// What is read of a run. The inputs of its root call are references, not data; its output is the summary.
const COLUMNS: [&str; 12] = [
    "id",
    "trace_id",
    "parent_id",
    "op_name",
    "started_at",
    "ended_at",
    "exception",
    "display_name",
    "inputs",
    "attributes",
    "output",
    "summary",
];

/// A run in Weave, as it was named.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// By its id.
    Id(&'a str),
    /// The newest that matches.
    Newest(&'a Selector),
}

/// Runs that match a selector, newest first.
#[derive(Clone, Debug)]
pub struct Found {
    /// The runs that were listed, the newest first; never empty. The newest says how it was chosen.
    pub infos: Vec<RunInfo>,
    /// Whether these are all that match.
    pub is_whole: bool,
}

/// What is to be seen of runs that were asked for.
#[derive(Clone, Debug)]
pub enum State {
    /// There are some.
    Here(Box<Found>),
    /// There are none.
    Absent(Absence),
    /// Weave gave no answer that can be used, and may give one later; with the time that it asks for.
    Busy(Fault, Option<Duration>),
}

/// What there is in the place of runs that are not there.
#[derive(Clone, Debug, Default)]
pub struct Absence {
    /// What Weave said, where it said something.
    pub reason: Option<String>,
    /// The newest runs of the project, where a search looked through them.
    recent: Vec<RunInfo>,
}

/// What a search found.
enum Searched {
    Found(Found),
    /// Nothing, also among these newest runs of the project.
    Nothing(Vec<RunInfo>),
}

impl State {
    /// The state that a refused request leaves.
    ///
    /// # Errors
    ///
    /// What will not pass.
    fn refused(refusal: ApiError) -> Result<Self, Fault> {
        match refusal {
            ApiError::NotFound { reason, .. } => Ok(Self::Absent(Absence {
                reason: Some(reason),
                recent: Vec::new(),
            })),
            ApiError::Busy(fault, asked) => Ok(Self::Busy(fault, asked)),
            ApiError::TooLarge(fault)
            | ApiError::UnknownKey(_, fault)
            | ApiError::TooManyTrials(fault)
            | ApiError::Fault(fault) => Err(fault),
        }
    }
}

/// Why something about runs that were found could not be read.
#[derive(Debug)]
pub enum Unread {
    /// Weave gave no answer that can be used, and may give one later; with the time that it asks for.
    Busy(Fault, Option<Duration>),
    /// What will not pass.
    Fault(Fault),
}

impl From<ApiError> for Unread {
    fn from(refusal: ApiError) -> Self {
        match refusal {
            ApiError::Busy(fault, asked) => Self::Busy(fault, asked),
            other => Self::Fault(other.into()),
        }
    }
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Busy(fault, _) | Unread::Fault(fault) => fault,
        }
    }
}

/// Finds runs of one project.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    client: &'a Client<'a>,
    project: &'a Project,
    identity: &'a Identity,
}

impl<'a> Finder<'a> {
    /// A finder; nothing is asked.
    #[must_use]
    pub fn new(client: &'a Client<'a>, project: &'a Project, identity: &'a Identity) -> Self {
        Self {
            client,
            project,
            identity,
        }
    }

    /// Looks for the newest run that matches, and others that do.
    ///
    /// # Errors
    ///
    /// What will not pass: no access, answers that contradict each other.
    pub fn look(self, selector: &Selector, eligible: Eligible<'_>) -> Result<State, Fault> {
        match self.newest(selector, eligible) {
            Ok(Searched::Found(found)) => Ok(State::Here(Box::new(found))),
            Ok(Searched::Nothing(recent)) => Ok(State::Absent(Absence {
                reason: None,
                recent,
            })),
            Err(refusal) => State::refused(refusal),
        }
    }

    /// Looks for the run of an id.
    ///
    /// # Errors
    ///
    /// As [`Self::look`].
    pub fn look_up(self, id: &str) -> Result<State, Fault> {
        match self.by_ids(&[id]) {
            Ok(infos) if infos.is_empty() => Ok(State::Absent(Absence::default())),
            Ok(infos) => Ok(State::Here(Box::new(Found {
                infos,
                is_whole: true,
            }))),
            Err(refusal) => State::refused(refusal),
        }
    }

    /// Why a run is not there: what was asked, where, and the nearest things that exist.
    ///
    /// # Errors
    ///
    /// That nothing is there contradicts another answer.
    pub fn absence(
        self,
        named: Named<'_>,
        eligible: Eligible<'_>,
        absence: Absence,
    ) -> Result<Prose, Fault> {
        let Absence { reason, recent } = absence;
        match named {
            Named::Id(id) => {
                let absent = Prose::from("there is no run ")
                    .name(id)
                    .text(" in ")
                    .name(self.project.to_string());
                Ok(match reason {
                    Some(reason) => absent.text(": ").name(reason),
                    None => absent,
                })
            }
            Named::Newest(selector) => {
                // That there is no such list does not say that there is no run.
                if let Some(reason) = reason {
                    let what = "the list of evaluation runs".to_owned();
                    return Err(ApiError::NotFound { what, reason }.into());
                }
                contradicts(eligible, &recent)?;
                let asked = not_found::Asked {
                    project: self.project,
                    identity: self.identity,
                    selector,
                    eligible,
                };
                Ok(not_found::explain(&asked, &recent))
            }
        }
    }

    /// The runs of some ids, as far as they are there, in the order of the ids.
    ///
    /// # Errors
    ///
    /// They cannot be read, or an answer is about something else.
    pub(super) fn by_ids(self, ids: &[&str]) -> Result<Vec<RunInfo>, ApiError> {
        let body = json!({
            "project_id": self.project.to_string(),
            "filter": {"call_ids": ids},
            "limit": ids.len() + 1,
            "columns": COLUMNS,
        });
        let what = format!("the root call of {}", named(ids));
        let calls: Vec<CallRead> = self.client.post_lines(&what, CALLS, &body)?;
        let confused = |what: &str| ApiError::Fault(contradiction(what)).of("a run");
        let mut infos: Vec<RunInfo> = Vec::new();
        for call in calls {
            if !ids.contains(&call.id.as_str()) {
                return Err(confused("asked for one run, it sent another"));
            }
            if !is_root(&call.op_name) {
                let fault = Fault::evidence(format!("`{}` is a call, and not an evaluation run", call.id))
                    .help("name the run by the id of its root call, the last part of its address; `weave-gate runs` lists runs");
                return Err(ApiError::Fault(fault));
            }
            let info = RunInfo::from(call);
            match infos.iter().find(|known| known.id == info.id) {
                None => infos.push(info),
                Some(known) if *known == info => {}
                Some(_) => return Err(confused("one run is listed twice, and differs")),
            }
        }
        infos.sort_by_key(|info| ids.iter().position(|id| *id == info.id));
        Ok(infos)
    }

    /// The runs of some ids, as [`Self::look_up`] finds each of them, by one request.
    ///
    /// # Errors
    ///
    /// As [`Self::look`].
    pub fn look_up_all(self, ids: &[&str]) -> Result<Vec<RunInfo>, Fault> {
        Ok(self.by_ids(ids)?)
    }

    /// Whether Weave has all calls of a run.
    ///
    /// # Errors
    ///
    /// The calls cannot be counted.
    pub fn completeness(self, info: &RunInfo) -> Result<Completeness, Unread> {
        let own = info.own_completeness();
        let (Completeness::NotAsked, Some(made)) = (own, info.calls_made) else {
            return Ok(own);
        };
        let trace = json!({"trace_ids": [info.trace_id]});
        let body = json!({"project_id": self.project.to_string(), "filter": trace});
        let what = format!("the number of calls of run `{}`", info.id);
        let stats: CallStats = self.client.post(&what, CALL_STATS, &body)?;
        let stored = stats.count;
        match stored.cmp(&made) {
            Ordering::Less => Ok(Completeness::Incomplete(Gap::Fewer { made, stored })),
            // The trace also has the calls around it, which may stand in for calls that are missing.
            Ordering::Equal | Ordering::Greater if info.has_parent => Ok(Completeness::Unknown),
            Ordering::Equal => Ok(Completeness::Complete),
            Ordering::Greater => {
                let distinct = self.distinct_calls(info)?;
                Ok(if distinct == made {
                    Completeness::Repeated
                } else {
                    Completeness::Incomplete(Gap::More { made, stored })
                })
            }
        }
    }

    /// How many rows of a run that still runs were evaluated, and of how many; `None` where the server does not say.
    #[must_use]
    pub fn progress(self, id: &str) -> Option<(u64, u64)> {
        let body = json!({"project_id": self.project.to_string(), "call_id": id});
        let what = format!("the progress of run `{id}`");
        let answer = self.client.post_aside::<Progress>(&what, STATUS, &body);
        let Progress { status } = answer.ok()?;
        let total = status.total_rows?;
        // Calls that are no rows, such as a summary, are counted as well.
        Some((status.completed_rows?.min(total), total))
    }

    /// How many calls with different ids a trace has. A call that was sent twice may be stored twice.
    fn distinct_calls(self, info: &RunInfo) -> Result<u64, Unread> {
        let body = json!({
            "project_id": self.project.to_string(),
            "filter": {"trace_ids": [info.trace_id]},
            "limit": MOST_CALLS,
            "columns": ["id"],
        });
        let what = format!("the ids of the calls of run `{}`", info.id);
        let calls: Vec<CallId> = self.client.post_lines(&what, CALLS, &body)?;
        let ids: std::collections::BTreeSet<&str> =
            calls.iter().map(|call| call.id.as_str()).collect();
        Ok(ids.len() as u64)
    }

    /// What a run scores once more, what that scored, and so on: none of them is its baseline.
    ///
    /// # Errors
    ///
    /// A run on the way cannot be read. One that is not there any more ends the way.
    pub fn sources(self, rescored_from: Option<&String>) -> Result<Vec<String>, Fault> {
        let mut sources: Vec<String> = rescored_from.into_iter().cloned().collect();
        while let Some(last) = sources.last()
            && sources.len() < MOST_SOURCES
        {
            let infos = self.by_ids(&[last])?;
            match infos.into_iter().next().and_then(|info| info.rescored_from) {
                Some(source) if !sources.contains(&source) => sources.push(source),
                _ => break,
            }
        }
        Ok(sources)
    }

    /// All runs of the commit, evaluation and model of a run, itself included, that are what was expected of it; the
    /// newest first.
    ///
    /// # Errors
    ///
    /// They cannot be read, or there are too many.
    pub fn reruns(
        self,
        of: &RunInfo,
        expected: &Selector,
        known: Option<&Found>,
    ) -> Result<Vec<RunInfo>, Unread> {
        let Some(commit) = of.commit(self.identity) else {
            return Ok(vec![of.clone()]);
        };
        let is_rerun = |info: &RunInfo| {
            let same_model = match (&info.model, &of.model) {
                (Some(one), Some(other)) => one.name == other.name,
                (one, other) => one.is_none() && other.is_none(),
            };
            let of_commit = Selector {
                commit: Some(commit.clone()),
                ..Selector::default()
            };
            info.id == of.id
                || (same_model
                    && info.evaluation_key() == of.evaluation_key()
                    && info.matches(&of_commit, self.identity)
                    && info.matches(expected, self.identity))
        };
        if let Some(known) = known.filter(|known| known.is_whole) {
            return Ok(known
                .infos
                .iter()
                .filter(|info| is_rerun(info))
                .cloned()
                .collect());
        }
        let selector = Selector {
            commit: Some(commit.clone()),
            evaluation: match of.evaluation_key() {
                Some(EvaluationKey::Named(name)) => Some(name),
                Some(EvaluationKey::Unnamed) => Some(UNNAMED.to_owned()),
                None => None,
            },
            model: of.model.as_ref().map(|model| model.name.clone()),
            // What else is expected is looked at here: the run itself may not match it.
            ..Selector::default()
        };
        let (mut infos, lines) = self.page(&selector, Eligible::Any, MOST_RERUNS, 0)?;
        if lines == MOST_RERUNS {
            return Err(Fault::evidence(format!(
                "{MOST_RERUNS} runs or more match `{selector}`, which are too many to be re-runs of one commit"
            ))
            .help("name the evaluation, the model or more attributes under `candidate:`")
            .into());
        }
        infos.retain(is_rerun);
        if infos.iter().any(|info| info.id == of.id) {
            return Ok(infos);
        }
        Err(contradiction(&format!(
            "run `{}` is not among the runs of its own commit",
            of.id
        ))
        .into())
    }

    /// When the first run of an evaluation began, and whether any run but those of the candidate's commit matches a
    /// selector. `is_own` says whether the evaluation is the candidate's own. For `required: after-first`.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn history(
        self,
        selector: &Selector,
        rules: &BaselineRules,
        is_own: bool,
    ) -> Result<(Option<Timestamp>, bool), Fault> {
        let of_evaluation = Selector {
            evaluation: selector.evaluation.clone(),
            ..Selector::default()
        };
        let body = self.list(&of_evaluation, Eligible::Any, "asc", PAGE, 0);
        let oldest: Vec<CallRead> =
            self.client
                .post_lines("the first run of the evaluation", CALLS, &body)?;
        let mut oldest = oldest.into_iter().map(RunInfo::from);
        let first = oldest.find(|info| info.matches(&of_evaluation, self.identity));
        // A candidate in a snapshot may be the first, and is not listed.
        let own = rules.started_at.filter(|_| !rules.is_live && is_own);
        let first = first.and_then(|info| info.started_at).or(own);
        let mut read = 0;
        for _ in 0..MOST_PAGES {
            let (page, lines) = self.page(selector, Eligible::Any, RECENT, read)?;
            let others = page.iter().filter(|info| {
                info.matches(selector, self.identity)
                    && !rules.ids.contains(&info.id)
                    && !rules.is_own_commit(info)
            });
            if others.count() > 0 {
                return Ok((first, true));
            }
            if lines < RECENT {
                return Ok((first, false));
            }
            read += lines;
        }
        // So many runs of one commit: then it is not the first.
        Ok((first, true))
    }

    /// The newest runs that match, and how many do.
    fn newest(self, selector: &Selector, eligible: Eligible<'_>) -> Result<Searched, ApiError> {
        if let Eligible::Baselines(rules) = eligible
            && rules.started_at.is_none()
        {
            return Err(ApiError::Fault(
                Fault::evidence(
                    "the candidate has no start time, so no run can be told to be older",
                )
                .help("name the baseline by its id"),
            ));
        }
        let mut matching: Vec<(Match, RunInfo)> = Vec::new();
        let (mut unwanted, mut read, mut pages) = (0, 0, 0);
        let is_last = loop {
            let (page, lines) = match self.page(selector, eligible, PAGE, read) {
                Err(ApiError::NotFound { .. }) if pages == 0 => {
                    return self.among_recent(selector, eligible);
                }
                page => page?,
            };
            pages += 1;
            self.refuse_nameless(&page, selector, eligible)?;
            let fits = page.into_iter().filter_map(|info| {
                let fit = info.fit(selector, self.identity)?;
                eligible.allows(&info).then_some((fit, info))
            });
            let before = matching.len();
            matching.extend(fits);
            unwanted += lines - (matching.len() - before);
            read += lines;
            let is_last = lines < PAGE;
            // A run that has exactly the text comes before one that has its value.
            let is_found = matching.iter().any(|(fit, _)| *fit == Match::ByText);
            if is_last || is_found {
                break is_last;
            }
            if pages == MOST_PAGES {
                if !matching.is_empty() {
                    break false;
                }
                return Err(ApiError::Fault(
                    Fault::evidence(format!(
                        "gave up the search for `{selector}` after {read} runs that do not match"
                    ))
                    .help("name the run by its id"),
                ));
            }
        };
        let best = matching.iter().map(|(fit, _)| *fit).max();
        let mut infos: Vec<RunInfo> = matching
            .into_iter()
            .filter(|(fit, _)| Some(*fit) == best)
            .map(|(_, info)| info)
            .collect();
        let kept = infos.len() as u64;
        let Some(newest) = infos.first_mut() else {
            return self.among_recent(selector, eligible);
        };
        // The server's count is asked for only where it counts what matches here, too; without it
        // there are at least as many as were seen.
        let counted = (unwanted == 0 && read == PAGE && !is_last)
            .then(|| self.count(selector, eligible).ok())
            .flatten();
        let (matches, is_exact) = match counted {
            Some(counted) => (counted.max(kept), true),
            None => (kept, is_last),
        };
        newest.choice = Some(Choice {
            selector: selector.clone(),
            matches,
            is_exact,
        });
        Ok(Searched::Found(Found {
            infos,
            is_whole: is_last,
        }))
    }

    /// The same among the newest runs of the project, of which the server has chosen none: it may compare a value by a
    /// text that is escaped in another way, or an answer may have been lost.
    fn among_recent(
        self,
        selector: &Selector,
        eligible: Eligible<'_>,
    ) -> Result<Searched, ApiError> {
        let (recent, lines) = self.page(&Selector::default(), Eligible::Any, RECENT, 0)?;
        let fits = recent.iter().filter_map(|info| {
            let fit = info.fit(selector, self.identity)?;
            eligible.allows(info).then_some((fit, info))
        });
        let matching: Vec<(Match, &RunInfo)> = fits.collect();
        let best = matching.iter().map(|(fit, _)| *fit).max();
        let best = matching.into_iter().filter(|(fit, _)| Some(*fit) == best);
        let mut infos: Vec<RunInfo> = best.map(|(_, info)| info.clone()).collect();
        let matches = infos.len() as u64;
        let is_whole = lines < RECENT;
        let Some(newest) = infos.first_mut() else {
            return Ok(Searched::Nothing(recent));
        };
        newest.choice = Some(Choice {
            selector: selector.clone(),
            matches,
            is_exact: is_whole,
        });
        Ok(Searched::Found(Found { infos, is_whole }))
    }

    /// The newest runs that match, and no more than a number of them; where there are none, what there is instead.
    ///
    /// # Errors
    ///
    /// They could not be had.
    pub fn recent(
        self,
        selector: &Selector,
        most: usize,
    ) -> Result<Result<Vec<RunInfo>, Absence>, Fault> {
        let (mut found, _) = self.page(selector, Eligible::Any, most, 0)?;
        found.retain(|info| info.matches(selector, self.identity));
        if !found.is_empty() {
            return Ok(Ok(found));
        }
        Ok(match self.among_recent(selector, Eligible::Any)? {
            Searched::Found(mut found) => {
                found.infos.truncate(most);
                Ok(found.infos)
            }
            Searched::Nothing(recent) => Err(Absence {
                reason: None,
                recent,
            }),
        })
    }

    /// The body of a query for runs.
    fn list(
        self,
        selector: &Selector,
        eligible: Eligible<'_>,
        direction: &str,
        limit: usize,
        offset: usize,
    ) -> Value {
        json!({
            "project_id": self.project.to_string(),
            "filter": self.filter(),
            "query": self.query(selector, eligible),
            "sort_by": [{"field": "started_at", "direction": direction}],
            "limit": limit,
            "offset": offset,
            "columns": COLUMNS,
        })
    }

    /// Runs that the server says match, each once, newest first; and how many lines it sent.
    fn page(
        self,
        selector: &Selector,
        eligible: Eligible<'_>,
        limit: usize,
        offset: usize,
    ) -> Result<(Vec<RunInfo>, usize), ApiError> {
        let body = self.list(selector, eligible, "desc", limit, offset);
        let calls: Vec<CallRead> =
            self.client
                .post_lines("the list of evaluation runs", CALLS, &body)?;
        // More than asked for, or one out of its order: then the newest may be somewhere else.
        let descends = calls.is_sorted_by(|one, next| one.started_at >= next.started_at);
        let wrong = if calls.len() > limit {
            Some("more runs than asked for")
        } else {
            (!descends).then_some("the runs in another order than asked for")
        };
        if let Some(wrong) = wrong {
            let fault = format!("Weave listed {wrong}, so the newest is not known");
            return Err(ApiError::Fault(
                Fault::evidence(fault).help("name the runs by their ids"),
            ));
        }
        let lines = calls.len();
        let mut infos: Vec<RunInfo> = Vec::new();
        for call in calls.into_iter().filter(|call| is_root(&call.op_name)) {
            let info = RunInfo::from(call);
            match infos.iter().find(|known| known.id == info.id) {
                None => infos.push(info),
                Some(known) if *known == info => {}
                Some(_) => {
                    return Err(ApiError::Fault(Fault::evidence(
                        "the answers of Weave contradict each other: one run is listed twice, and differs",
                    )));
                }
            }
        }
        Ok((infos, lines))
    }

    fn count(self, selector: &Selector, eligible: Eligible<'_>) -> Result<u64, ApiError> {
        let body = json!({
            "project_id": self.project.to_string(),
            "filter": self.filter(),
            "query": self.query(selector, eligible),
        });
        let stats: CallStats =
            self.client
                .post_aside("the number of evaluation runs", CALL_STATS, &body)?;
        Ok(stats.count)
    }

    /// All evaluation runs, by both names of their root calls; also those that were made inside another traced function.
    fn filter(self) -> Value {
        json!({"op_names": [format!("weave:///{}/op/{OP}:*", self.project), OP]})
    }

    /// Makes sure that each run in front of the first that matches says what it is. The server was asked for runs of
    /// that name, so one without any may be the newest of them.
    fn refuse_nameless(
        self,
        page: &[RunInfo],
        selector: &Selector,
        eligible: Eligible<'_>,
    ) -> Result<(), ApiError> {
        let is_nameless = |info: &&RunInfo| {
            selector.evaluation.is_some() && info.evaluation.is_none()
                || selector.model.is_some() && info.model.is_none()
        };
        let nameless = page
            .iter()
            .filter(|info| eligible.allows(info))
            .take_while(|info| !info.matches(selector, self.identity))
            .find(is_nameless);
        match nameless {
        None => Ok(()),
        Some(info) => Err(ApiError::Fault(
            Fault::evidence(format!(
                "Weave lists run `{}` among those of `{selector}`, and does not say of which evaluation or model it is",
                info.id
            ))
            .help("name the run by its id"),
        )),
    }
    }

    /// What is asked of the server. It may know less than we do; so each answer is filtered again.
    fn query(self, selector: &Selector, eligible: Eligible<'_>) -> Option<Value> {
        let mut all = Vec::new();
        if let Some(name) = &selector.evaluation {
            // `EvaluationLogger` gives its name to the run.
            let [python, typescript] =
                ["inputs.self", "inputs.this"].map(|field| refers_to(field, name));
            all.push(json!({"$or": [python, typescript, equals("display_name", name)]}));
        }
        if let Some(name) = &selector.model {
            let plain = equals("inputs.model", name);
            all.push(json!({"$or": [refers_to("inputs.model", name), plain]}));
        }
        all.extend(
            selector
                .commit
                .as_ref()
                .map(|text| commit(&self.identity.commit, text)),
        );
        all.extend(
            selector
                .branch
                .as_ref()
                .map(|text| attribute(&self.identity.branch, text)),
        );
        let attributes = selector.attributes.iter();
        all.extend(attributes.map(|(path, text)| attribute(path, text)));
        let accept_failed = match eligible {
            Eligible::Any => None,
            Eligible::Completed => Some(false),
            Eligible::Baselines(rules) => Some(rules.accept_failed),
        };
        if let Some(accept_failed) = accept_failed {
            all.push(json!({"$not": [is_null("ended_at")]}));
            if !accept_failed {
                all.push(is_null("exception"));
            }
        }
        if let Eligible::Baselines(rules) = eligible {
            let others = rules.ids.iter().chain(&rules.skipped);
            all.extend(others.map(|id| json!({"$not": [equals("id", id)]})));
            if let Some(time) = rules.started_at {
                all.push(json!({"$lte": [field("started_at"), literal(&time_text(time))]}));
            }
        }
        (!all.is_empty()).then(|| json!({"$expr": {"$and": all}}))
    }
}

/// Whether an empty list of recent runs contradicts that a candidate was read: an answer that was lost says that there is
/// no baseline, and a policy may let that pass.
fn contradicts(eligible: Eligible<'_>, recent: &[RunInfo]) -> Result<(), Fault> {
    match eligible {
        Eligible::Baselines(rules) if recent.is_empty() && rules.is_live => {
            let ids: Vec<&str> = rules.ids.iter().map(String::as_str).collect();
            Err(Fault::evidence(format!(
                "the answers of Weave contradict each other: the project has no runs, and has {}",
                named(&ids)
            ))
            .help("try again; a run may have been logged just now, or an answer got lost"))
        }
        _ => Ok(()),
    }
}

fn time_text(time: Timestamp) -> Value {
    Value::String(time.to_string())
}

fn field(path: &str) -> Value {
    json!({"$getField": path})
}

fn literal(value: &Value) -> Value {
    json!({"$literal": value})
}

fn equals(path: &str, text: &str) -> Value {
    json!({"$eq": [field(path), literal(&text.into())]})
}

fn is_null(path: &str) -> Value {
    json!({"$eq": [field(path), literal(&Value::Null)]})
}

/// Whether a reference is to an object or op of this name, whatever the version.
fn refers_to(path: &str, name: &str) -> Value {
    json!({"$contains": {"input": field(path), "substr": literal(&format!("/{name}:").into())}})
}

/// Whether an attribute is what a text says: nested, or with the dots in its name; as a text or as a number.
fn attribute(path: &str, text: &str) -> Value {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let mut ways = Vec::new();
    for path in spellings(path) {
        let path = format!("attributes.{path}");
        ways.push(equals(&path, text));
        ways.extend(number.map(|number| json!({"$eq": [field(&path), literal(&json!(number))]})));
    }
    json!({"$or": ways})
}

/// Whether the attribute that holds the commit begins as this commit does. How much of it a run logged is not known,
/// so all that begin alike are asked for.
fn commit(path: &str, text: &str) -> Value {
    let short: String = text.chars().take(SHORTEST_COMMIT).collect();
    let begins = spellings(path).into_iter().map(|path| {
        let input = field(&format!("attributes.{path}"));
        json!({"$contains": {"input": input, "substr": literal(&short.as_str().into())}})
    });
    let begins: Vec<Value> = begins.collect();
    json!({"$or": [{"$or": begins}, attribute(path, text)]})
}

/// A call of which only its id was asked for.
#[derive(serde::Deserialize)]
struct CallId {
    id: String,
}

/// `POST /evaluations/status`.
#[derive(serde::Deserialize)]
struct Progress {
    status: RowsDone,
}

/// Of a run that still runs.
#[derive(serde::Deserialize)]
struct RowsDone {
    completed_rows: Option<u64>,
    total_rows: Option<u64>,
}

/// The ways in which the dots of a path may lead into a map, or be part of a key, which a backslash says.
fn spellings(path: &str) -> Vec<String> {
    let mut parts = path.split('.');
    let mut ways = vec![parts.next().unwrap_or_default().to_owned()];
    for part in parts {
        let longer = |separator: &str| -> Vec<String> {
            let of = |way: &String| format!("{way}{separator}{part}");
            ways.iter().map(of).collect()
        };
        // Of many dots only the plain way is asked for, so that the question stays short.
        ways = if ways.len() < MOST_SPELLINGS {
            [longer("."), longer("\\.")].concat()
        } else {
            longer(".")
        };
    }
    ways
}

/// Whether a call of this op is the root of an evaluation run.
fn is_root(op: &str) -> bool {
    let versioned = op
        .strip_prefix("weave:///")
        .and_then(|rest| rest.rsplit_once("/op/"))
        .map(|(_, name)| name.split_once(':').map_or(name, |(name, _)| name));
    op == OP || versioned == Some(OP)
}
