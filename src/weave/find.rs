//! Finding runs: by id, or the newest that matches a selector.
//!
//! Runs that the SDKs log have a root call whose op is a version of `Evaluation.evaluate`; runs that the
//! v2 API makes have that word itself. The list of `evaluation_runs` holds only the second kind,
//! oldest first and without attributes. One query for calls of both names holds all of them, newest first.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::Client;
use super::head::{Anchor, Head};
use super::nothing;
use super::refusal::Refusal;
use super::wire::{CallRead, CallStats, RunRead};
use crate::evidence::Choice;
use crate::fault::Fault;
use crate::project::{Project, encode};
use crate::prose::Prose;
use crate::selector::Selector;

const OP: &str = "Evaluation.evaluate";
/// Where calls are listed.
const CALLS: &str = "/calls/stream_query";
/// Runs a page: what is looked for is nearly always the first.
const PAGE: usize = 10;
/// Pages after which a search ends: a server that finds so much that does not match does not filter.
const MOST_PAGES: usize = 10;
/// Rescorings of rescorings that are followed.
const MOST_SOURCES: usize = 8;
/// Ways to read the dots of a path that are asked for.
const MOST_SPELLINGS: usize = 8;
/// Recent runs that are looked at to say what there is instead.
const RECENT: usize = 200;

/// What is read of a run. The inputs of its root call are references, not data.
const COLUMNS: [&str; 8] = [
    "id",
    "op_name",
    "started_at",
    "ended_at",
    "exception",
    "display_name",
    "inputs",
    "attributes",
];

/// Which runs of a project are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Eligible<'a> {
    /// All that match.
    Any,
    /// Those that have completed.
    Completed,
    /// Those that can be the baseline of a candidate.
    Baselines {
        /// The candidate.
        of: &'a Anchor,
        /// Whether a failed run is one.
        accept_failed: bool,
    },
}

impl Eligible<'_> {
    fn allows(self, head: &Head) -> bool {
        match self {
            Self::Any => true,
            Self::Completed => head.has_finished(false),
            Self::Baselines { of, accept_failed } => of.allows(head, accept_failed),
        }
    }
}

/// A run in Weave, as it was named.
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// By its id.
    Id(&'a str),
    /// The newest that matches.
    Newest(&'a Selector),
}

/// What is to be seen of a run that was asked for.
#[derive(Clone, Debug)]
pub enum State {
    /// It is there.
    Here(Box<Head>),
    /// It is not; with what Weave said, where it said something.
    Absent(Option<String>),
    /// Weave gave no answer that can be used, and may give one later; with the time that it asks for.
    Busy(Fault, Option<Duration>),
}

/// Finds runs of one project.
#[derive(Clone, Copy)]
pub struct Finder<'a> {
    client: &'a Client<'a>,
    project: &'a Project,
}

impl<'a> Finder<'a> {
    /// A finder; nothing is asked.
    #[must_use]
    pub fn new(client: &'a Client<'a>, project: &'a Project) -> Self {
        Self { client, project }
    }

    /// Looks for a run.
    ///
    /// # Errors
    ///
    /// What will not pass: no access, answers that contradict each other.
    pub fn look(self, named: Named<'_>, eligible: Eligible<'_>) -> Result<State, Fault> {
        let looked = match named {
            Named::Id(id) => self.head(id).map(Some),
            Named::Newest(selector) => self.newest(selector, eligible),
        };
        match looked {
            Ok(Some(head)) => Ok(State::Here(Box::new(head))),
            Ok(None) => Ok(State::Absent(None)),
            Err(Refusal::NotFound { reason, .. }) => Ok(State::Absent(Some(reason))),
            Err(Refusal::Busy(fault, asked)) => Ok(State::Busy(fault, asked)),
            Err(Refusal::TooLarge(fault) | Refusal::Fault(fault)) => Err(fault),
        }
    }

    /// Why a run is not there: what was asked, where, and the nearest things that exist.
    ///
    /// # Errors
    ///
    /// What there is could not be had.
    pub fn absence(
        self,
        named: Named<'_>,
        eligible: Eligible<'_>,
        reason: Option<String>,
    ) -> Result<Prose, Fault> {
        match named {
            Named::Id(_) => Ok(Prose::from("Weave has no such run: ")
                .name(reason.unwrap_or_else(|| "it is not there".to_owned()))),
            Named::Newest(selector) => {
                let (recent, _) = self.page(&Selector::default(), Eligible::Any, RECENT, 0)?;
                contradicts(selector, eligible, &recent)?;
                Ok(nothing::explain(self.project, selector, eligible, &recent))
            }
        }
    }

    /// The run of an id.
    fn head(self, id: &str) -> Result<Head, Refusal> {
        let path = format!(
            "/v2/{}/evaluation_runs/{}",
            self.project.encoded(),
            encode(id)
        );
        let run: RunRead = self
            .client
            .get(&format!("the status of run `{id}`"), &path)?;
        if run.evaluation_run_id == id {
            let head = Head::from(run);
            return if head.may_be_logged() {
                self.logged(head)
            } else {
                Ok(head)
            };
        }
        let fault = Fault::evidence(
            "the answers of Weave contradict each other: asked for one run, it sent another",
        );
        Err(Refusal::Fault(fault))
    }

    /// A run that may be one of `EvaluationLogger`, with the name that it was given.
    fn logged(self, head: Head) -> Result<Head, Refusal> {
        let body = json!({
            "project_id": self.project.to_string(),
            "filter": {"call_ids": [head.id]},
            "limit": 1,
            "columns": COLUMNS,
        });
        let what = format!("the root call of run `{}`", head.id);
        let calls: Vec<CallRead> = self.client.post_lines(&what, CALLS, &body)?;
        let call = calls.into_iter().find(|call| call.id == head.id);
        Ok(match call.map(Head::from) {
            // What was read of the run itself stays: its status above all.
            Some(call) => Head {
                display_name: call.display_name,
                attributes: call.attributes,
                is_logged: call.is_logged,
                ..head
            },
            None => head,
        })
    }

    /// What a run scores once more, what that scored, and so on: none of them is its baseline.
    ///
    /// # Errors
    ///
    /// A run on the way cannot be read. One that is not there any more ends the way.
    pub fn sources(self, rescored_from: &[String]) -> Result<Vec<String>, Fault> {
        let mut sources = rescored_from.to_vec();
        while let Some(last) = sources.last()
            && sources.len() < MOST_SOURCES
        {
            match self.head(last) {
                Ok(head) => match head.rescored_from {
                    Some(source) if !sources.contains(&source) => sources.push(source),
                    _ => break,
                },
                Err(Refusal::NotFound { .. }) => break,
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(sources)
    }

    /// The newest run that matches, and how many do.
    fn newest(self, selector: &Selector, eligible: Eligible<'_>) -> Result<Option<Head>, Refusal> {
        if let Eligible::Baselines { of, .. } = eligible
            && of.started_at.is_none()
        {
            return Err(Refusal::Fault(
                Fault::evidence(
                    "the candidate has no start time, so no run can be told to be older",
                )
                .help("name the baseline by its id"),
            ));
        }
        let mut newest: Option<Head> = None;
        let (mut kept, mut read) = (0_u64, 0);
        for _ in 0..MOST_PAGES {
            let (mut page, lines) = self.page(selector, eligible, PAGE, read)?;
            let is_last = lines < PAGE;
            refuse_nameless(&page, selector, eligible)?;
            page.retain(|head| head.matches(selector) && eligible.allows(head));
            let unwanted = lines - page.len();
            read += lines;
            kept += page.len() as u64;
            newest = newest.or_else(|| page.into_iter().next());
            let Some(mut head) = newest.take() else {
                if is_last {
                    return Ok(None);
                }
                continue;
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
            head.choice = Some(Choice {
                selector: selector.clone(),
                matches,
                is_exact,
            });
            return Ok(Some(head));
        }
        Err(Refusal::Fault(
            Fault::evidence(format!(
                "gave up the search for `{selector}` after {read} runs that do not match"
            ))
            .help("name the run by its id"),
        ))
    }

    /// The newest runs that match, and no more than a number of them.
    ///
    /// # Errors
    ///
    /// They could not be had.
    pub fn recent(self, selector: &Selector, most: usize) -> Result<Vec<Head>, Fault> {
        let (mut found, _) = self.page(selector, Eligible::Any, most, 0)?;
        found.retain(|head| head.matches(selector));
        Ok(found)
    }

    /// Runs that the server says match, each once, newest first; and how many lines it sent.
    fn page(
        self,
        selector: &Selector,
        eligible: Eligible<'_>,
        limit: usize,
        offset: usize,
    ) -> Result<(Vec<Head>, usize), Refusal> {
        let body = json!({
            "project_id": self.project.to_string(),
            "filter": self.filter(),
            "query": query(selector, eligible),
            "sort_by": [{"field": "started_at", "direction": "desc"}],
            "limit": limit,
            "offset": offset,
            "columns": COLUMNS,
        });
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
            return Err(Refusal::Fault(
                Fault::evidence(fault).help("name the runs by their ids"),
            ));
        }
        let lines = calls.len();
        let mut heads: Vec<Head> = Vec::new();
        for call in calls.into_iter().filter(|call| is_root(&call.op_name)) {
            let head = Head::from(call);
            match heads.iter().find(|known| known.id == head.id) {
                None => heads.push(head),
                Some(known) if *known == head => {}
                Some(_) => {
                    return Err(Refusal::Fault(Fault::evidence(
                        "the answers of Weave contradict each other: one run stands twice in a list, and differs",
                    )));
                }
            }
        }
        Ok((heads, lines))
    }

    fn count(self, selector: &Selector, eligible: Eligible<'_>) -> Result<u64, Refusal> {
        let body = json!({
            "project_id": self.project.to_string(),
            "filter": self.filter(),
            "query": query(selector, eligible),
        });
        let stats: CallStats =
            self.client
                .post_aside("the number of evaluation runs", "/calls/query_stats", &body)?;
        Ok(stats.count)
    }

    /// All evaluation runs, by both names of their root calls.
    fn filter(self) -> Value {
        json!({
            "op_names": [format!("weave:///{}/op/{OP}:*", self.project), OP],
            "trace_roots_only": true,
        })
    }
}

/// Makes sure that each run in front of the first that matches says what it is. The server was asked for runs of that name,
/// so one without any may be the newest of them.
fn refuse_nameless(
    page: &[Head],
    selector: &Selector,
    eligible: Eligible<'_>,
) -> Result<(), Refusal> {
    let is_nameless = |head: &&Head| {
        selector.evaluation.is_some() && head.evaluation_name().is_none()
            || selector.model.is_some() && head.model.is_none()
    };
    let nameless = page
        .iter()
        .filter(|head| eligible.allows(head))
        .take_while(|head| !head.matches(selector))
        .find(is_nameless);
    match nameless {
        None => Ok(()),
        Some(head) => Err(Refusal::Fault(
            Fault::evidence(format!(
                "Weave lists run `{}` among those of `{selector}`, and does not say of which evaluation or model it is",
                head.id
            ))
            .help("name the run by its id"),
        )),
    }
}

/// Whether the list of recent runs is another one than that in which no baseline was found: an answer that was lost says
/// that there is none, and a policy may let that pass.
fn contradicts(selector: &Selector, eligible: Eligible<'_>, recent: &[Head]) -> Result<(), Fault> {
    let Eligible::Baselines { of, .. } = eligible else {
        return Ok(());
    };
    let matching = recent
        .iter()
        .find(|head| head.matches(selector) && eligible.allows(head));
    let what = match matching {
        Some(head) => format!("no run matches `{selector}`, and `{}` does", head.id),
        None if recent.is_empty() && of.is_live => {
            format!("the project has no runs, and `{}` is one", of.id)
        }
        None => return Ok(()),
    };
    let fault = Fault::evidence(format!(
        "the answers of Weave contradict each other: {what}"
    ));
    Err(fault.help("try again; a run may have been logged just now, or an answer got lost"))
}

/// What is asked of the server. It may know less than we do; so each answer is filtered again.
fn query(selector: &Selector, eligible: Eligible<'_>) -> Option<Value> {
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
    let attributes = selector.attributes.iter();
    all.extend(attributes.map(|(path, text)| attribute(path, text)));
    let accept_failed = match eligible {
        Eligible::Any => None,
        Eligible::Completed => Some(false),
        Eligible::Baselines { accept_failed, .. } => Some(accept_failed),
    };
    if let Some(accept_failed) = accept_failed {
        all.push(json!({"$not": [is_null("ended_at")]}));
        if !accept_failed {
            all.push(is_null("exception"));
        }
    }
    if let Eligible::Baselines { of, .. } = eligible {
        all.push(json!({"$not": [equals("id", &of.id)]}));
        if let Some(time) = of.started_at {
            all.push(json!({"$lte": [field("started_at"), literal(&time_text(time))]}));
        }
    }
    (!all.is_empty()).then(|| json!({"$expr": {"$and": all}}))
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
