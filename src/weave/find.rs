//! Finds runs: one run by its id, or all runs that match a selector.
//!
//! A run that an SDK logs has a root call whose op is a version of `Evaluation.evaluate`. A run that the v2 API creates
//! has a root call whose op name is exactly that text. The list of `evaluation_runs` holds only runs of the second
//! kind, oldest first and without attributes. One query for calls of both op names returns all runs, newest first.

use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api_error::{ApiError, contradiction};
use super::body::named;
use super::client::Client;
use super::eligible::Eligible;
use super::not_found;
use super::unknown_id;
use super::wire::{CallRead, CallStats};
use crate::evidence::{BaselineRules, EvaluationKey, Match, RunInfo};
use crate::evidence::{Choice, Completeness, Gap};
use crate::fault::Fault;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::{Identity, SHORTEST_COMMIT, Selector};

const OP: &str = "Evaluation.evaluate";
/// The name that `EvaluationLogger` gives an evaluation if the run names no dataset.
const UNNAMED: &str = "Evaluation";
/// The path that lists calls.
pub(super) const CALLS: &str = "/calls/stream_query";
/// The path that counts calls.
const CALL_STATS: &str = "/calls/query_stats";
/// The path that returns the progress of a run.
const STATUS: &str = "/evaluations/status";
/// Number of runs per page. The run that a search needs is nearly always the first.
const PAGE: usize = 10;
/// Maximum number of runs among which the run that was meant is searched.
const MEANT: usize = 50;
/// Maximum number of pages that a search reads. A server that returns more runs that do not match does not filter.
const MOST_PAGES: usize = 10;
/// Limit of the query for the runs of one commit. Reaching it is an error, because so many runs are not re-runs.
const MOST_RERUNS: usize = 100;
/// Maximum length of the chain from a rescored run to its sources.
const MOST_SOURCES: usize = 8;
/// Maximum number of spellings of an attribute path in one query.
const MOST_SPELLINGS: usize = 8;
/// Number of recent runs that are read if the server finds no match: to filter them here, and to list what exists.
const RECENT: usize = 200;
/// Maximum number of calls of a trace whose ids are read to check whether calls are stored twice.
const MOST_CALLS: usize = 100_000;

/// The columns that are read of a run's root call. Its inputs are references, not data. Its output is the summary.
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

/// How a request names a run in Weave.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// By its id.
    Id(&'a str),
    /// The newest run that matches a selector.
    Newest(&'a Selector),
}

/// Runs that match a selector, newest first.
#[derive(Clone, Debug)]
pub struct Found {
    /// The listed runs, the newest first; never empty. The `choice` of the newest run says how it was chosen.
    pub infos: Vec<RunInfo>,
    /// Whether `infos` holds all runs that match.
    pub is_whole: bool,
}

/// The result of one request for runs.
#[derive(Clone, Debug)]
pub enum State {
    /// At least one run was found.
    Here(Box<Found>),
    /// No run was found.
    Absent(Absence),
    /// Weave gave no usable answer, but may give one later. The duration is the wait that the server asks for.
    Busy(Fault, Option<Duration>),
}

/// What is known if no run was found.
#[derive(Clone, Debug, Default)]
pub struct Absence {
    /// The reason that Weave gave, if it gave one.
    pub reason: Option<String>,
    /// The newest runs of the project, if a search read them.
    recent: Vec<RunInfo>,
}

impl Absence {
    /// Whether a recent run of another commit than the candidate's matches the baseline's selector. Such a run cannot
    /// be the baseline, because the search found none.
    #[must_use]
    pub fn has_match(&self, selector: &Selector, rules: &BaselineRules) -> bool {
        let mut recent = self.recent.iter();
        recent.any(|info| rules.is_other(info) && info.matches(selector, &rules.identity))
    }
}

/// The result of a search in Weave.
enum Searched {
    Found(Found),
    /// No run matches. Holds the newest runs of the project, which do not match either.
    Nothing(Vec<RunInfo>),
}

impl State {
    /// The state after a request that failed.
    ///
    /// # Errors
    ///
    /// A permanent failure.
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

/// Why data about runs that were found could not be read.
#[derive(Debug)]
pub enum Unread {
    /// Weave gave no usable answer, but may give one later. The duration is the wait that the server asks for.
    Busy(Fault, Option<Duration>),
    /// A permanent failure.
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
    /// Creates a finder; sends no request.
    #[must_use]
    pub fn new(client: &'a Client<'a>, project: &'a Project, identity: &'a Identity) -> Self {
        Self {
            client,
            project,
            identity,
        }
    }

    /// Searches for the newest run that matches, and for other runs that match.
    ///
    /// # Errors
    ///
    /// A permanent failure, such as missing access or answers that contradict each other.
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

    /// Searches for the run with this id.
    ///
    /// # Errors
    ///
    /// The same as [`Self::look`].
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

    /// Explains why a run was not found: what was requested, in which project, and the most similar names that exist.
    ///
    /// # Errors
    ///
    /// The empty result contradicts another answer, or Weave says that the list of runs does not exist.
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
                // If the list itself does not exist, it is unknown whether a run exists.
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

    /// Returns the edit that names the run that was meant, if `text` is no run id but something that one of the newest
    /// runs has: a display name, the start of an id, an evaluation, a model, a commit or a branch. `None` as well if the
    /// runs cannot be listed, because this only improves an error message.
    #[must_use]
    pub fn meant(self, text: &str) -> Option<Prose> {
        let body = self.list(&Selector::default(), Eligible::Any, "desc", MEANT, 0);
        let what = "the list of evaluation runs";
        let calls: Vec<CallRead> = self.client.post_lines_aside(what, CALLS, &body).ok()?;
        let recent: Vec<RunInfo> = calls.into_iter().map(RunInfo::from).collect();
        unknown_id::meant(text, &recent, self.identity)
    }

    /// Returns the runs with these ids that exist, in the order of the ids.
    ///
    /// # Errors
    ///
    /// The runs cannot be read, or an answer is about something else.
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

    /// Returns the runs that [`Self::look_up`] finds for each of these ids, with one request.
    ///
    /// # Errors
    ///
    /// The same as [`Self::look`].
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
            // The trace also holds the calls around the run. They may hide that calls of the run are missing.
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

    /// Returns the number of evaluated rows and the total number of rows of a run that is still running; `None` if the
    /// server does not return them.
    #[must_use]
    pub fn progress(self, id: &str) -> Option<(u64, u64)> {
        let body = json!({"project_id": self.project.to_string(), "call_id": id});
        let what = format!("the progress of run `{id}`");
        let answer = self.client.post_aside::<Progress>(&what, STATUS, &body);
        let Progress { status } = answer.ok()?;
        let total = status.total_rows?;
        // The server also counts calls that are not rows, such as a summary.
        Some((status.completed_rows?.min(total), total))
    }

    /// Returns the number of distinct call ids in a trace. Weave may store a call twice if it was sent twice.
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

    /// Returns the ids of the run that a run rescored, of the run that that one rescored, and so on. None of them can
    /// be its baseline.
    ///
    /// # Errors
    ///
    /// A run in this chain cannot be read. A run that no longer exists ends the chain.
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

    /// Returns all runs with the same commit, evaluation and model as a run that match `expected`, the newest first.
    /// The run itself is always included.
    ///
    /// # Errors
    ///
    /// The runs cannot be read, or there are too many.
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
            // The other expectations are checked here and not by the server, because the run itself may not match them.
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

    /// Returns the start time of an evaluation's first run, and whether any run other than those of the candidate's
    /// commit matches a selector. `is_own` is whether the evaluation is the candidate's own. Used for
    /// `required: after-first`.
    ///
    /// # Errors
    ///
    /// The runs cannot be read.
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
        // A candidate in a snapshot may be the first run, and Weave may not list it.
        let own = rules.started_at.filter(|_| !rules.is_live && is_own);
        let first = first.and_then(|info| info.started_at).or(own);
        let mut read = 0;
        for _ in 0..MOST_PAGES {
            let (page, lines) = self.page(selector, Eligible::Any, RECENT, read)?;
            let others = page
                .iter()
                .filter(|info| info.matches(selector, self.identity) && rules.is_other(info));
            if others.count() > 0 {
                return Ok((first, true));
            }
            if lines < RECENT {
                return Ok((first, false));
            }
            read += lines;
        }
        // All pages hold only runs of the candidate's commit or runs that do not match: too many runs for a new
        // evaluation.
        Ok((first, true))
    }

    /// Returns the newest runs that match, and the number of runs that match.
    fn newest(self, selector: &Selector, eligible: Eligible<'_>) -> Result<Searched, ApiError> {
        if let Eligible::Baselines(rules) = eligible
            && rules.started_at.is_none()
        {
            return Err(ApiError::Fault(
                Fault::evidence(
                    "the candidate has no start time, so it is unknown which runs are older",
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
            // A run with exactly the requested text is preferred to a run with the same value in another notation.
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
        // The server's count is requested only if all runs that it listed also match here. Without that count, the
        // number of runs read is a lower bound.
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

    /// Searches the newest runs of the project here, because the server found no match. The server may compare a value
    /// with a text that is escaped differently, or an answer may have been lost.
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

    /// Returns the newest runs that match, at most `most` of them. If no run matches, returns what exists instead.
    ///
    /// # Errors
    ///
    /// The runs cannot be read.
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

    /// Returns the number of runs that match according to the server; `None` if it does not say.
    #[must_use]
    pub fn total(self, selector: &Selector) -> Option<u64> {
        self.count(selector, Eligible::Any).ok()
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

    /// Returns the runs that match according to the server, each once, newest first; and the number of lines that the
    /// server sent.
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
        // If the server sends too many runs, or runs in another order, the newest run may not be among them.
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
                    )
                    .help("try again later: the run may still be written")
                    .retryable()));
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

    /// Selects all evaluation runs, by both op names of their root calls. Includes runs that were created inside
    /// another traced function.
    fn filter(self) -> Value {
        json!({"op_names": [format!("weave:///{}/op/{OP}:*", self.project), OP]})
    }

    /// Checks that each run before the first match names its evaluation and model. The server was asked for runs of
    /// that name, so a run without a name may be the newest match.
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

    /// The query that the server evaluates. The server may know less about a run, so each answer is filtered again
    /// here.
    fn query(self, selector: &Selector, eligible: Eligible<'_>) -> Option<Value> {
        let mut all = Vec::new();
        if let Some(name) = &selector.evaluation {
            // `EvaluationLogger` stores its name as the display name of the run.
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

/// Returns an error if the list of recent runs is empty although a candidate was read. If that answer was lost, the
/// baseline would seem to be missing, and a policy may allow a missing baseline.
fn contradicts(eligible: Eligible<'_>, recent: &[RunInfo]) -> Result<(), Fault> {
    match eligible {
        Eligible::Baselines(rules) if recent.is_empty() && rules.is_live => {
            let ids: Vec<&str> = rules.ids.iter().map(String::as_str).collect();
            Err(Fault::evidence(format!(
                "the answers of Weave contradict each other: the project has no runs, and has {}",
                named(&ids)
            ))
            .help("try again; a run may have been logged just now, or an answer was lost"))
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

/// A condition: the field refers to an object or op with this name, in any version.
fn refers_to(path: &str, name: &str) -> Value {
    json!({"$contains": {"input": field(path), "substr": literal(&format!("/{name}:").into())}})
}

/// A condition: the attribute equals a text, or the number that the text spells. The path may lead into nested maps, or
/// its dots may be part of a key.
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

/// A condition: the attribute that holds the commit contains the first characters of this commit, or equals it. The
/// length of the commit that a run logged is unknown, so all commits with the same start are requested.
fn commit(path: &str, text: &str) -> Value {
    let short: String = text.chars().take(SHORTEST_COMMIT).collect();
    let begins = spellings(path).into_iter().map(|path| {
        let input = field(&format!("attributes.{path}"));
        json!({"$contains": {"input": input, "substr": literal(&short.as_str().into())}})
    });
    let begins: Vec<Value> = begins.collect();
    json!({"$or": [{"$or": begins}, attribute(path, text)]})
}

/// A call, of which only the id is read.
#[derive(serde::Deserialize)]
struct CallId {
    id: String,
}

/// The answer of `POST /evaluations/status`.
#[derive(serde::Deserialize)]
struct Progress {
    status: RowsDone,
}

/// The progress of a run that is still running.
#[derive(serde::Deserialize)]
struct RowsDone {
    completed_rows: Option<u64>,
    total_rows: Option<u64>,
}

/// Returns the spellings of a path. Each dot leads into a nested map or, after a backslash, is part of a key.
fn spellings(path: &str) -> Vec<String> {
    let mut parts = path.split('.');
    let mut ways = vec![parts.next().unwrap_or_default().to_owned()];
    for part in parts {
        let longer = |separator: &str| -> Vec<String> {
            let of = |way: &String| format!("{way}{separator}{part}");
            ways.iter().map(of).collect()
        };
        // If a path has many dots, the further ones are not escaped, so that the query stays short.
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
