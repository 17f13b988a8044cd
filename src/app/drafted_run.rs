//! Chooses the run that a policy is drafted from. If the project has several evaluations, one must be named.

use jiff::Timestamp;

use super::console::Console;
use super::plan::is_ci;
use super::request::CandidateRequest;
use super::search::{Place, Search, UNNAMED, live};
use crate::cli::InitArgs;
use crate::evidence::{Completeness, EvaluationKey, RunInfo, RunStatus};
use crate::fault::Fault;
use crate::number::plural;
use crate::policy::Source;
use crate::selector::{Identity, Selector};
use crate::shell;
use crate::visible::{columns, padded, visible};

/// The branches that a run is preferred of.
const MAIN: [&str; 2] = ["main", "master"];

/// The run that a policy is drafted from.
pub(super) struct DraftedRun {
    pub(super) info: RunInfo,
    /// Why this run was taken; `None` if the command line names it.
    pub(super) why: Option<String>,
    /// Recent runs of its evaluation, the newest first. They may include the run itself.
    pub(super) recent: Vec<RunInfo>,
}

impl DraftedRun {
    /// The branch that later runs are compared with; `None` if the run was logged without a branch.
    pub(super) fn main_branch(&self, identity: &Identity) -> Option<String> {
        let own = self.info.branch(identity)?;
        let all =
            std::iter::once(own).chain(self.recent.iter().filter_map(|info| info.branch(identity)));
        let mut mains = all.filter(|branch| MAIN.contains(&branch.as_str()));
        Some(mains.next().unwrap_or_else(|| MAIN[0].to_owned()))
    }

    /// Returns an error, with the command that drafts from another run, if the run has not completed.
    fn completed(self, arguments: &InitArgs) -> Result<Self, Fault> {
        let info = &self.info;
        if info.has_finished(false) {
            return Ok(self);
        }
        let status = info.status.as_ref().map_or("unknown", RunStatus::word);
        let mut completed = self.recent.iter().filter(|info| info.has_finished(false));
        let help = match completed.next() {
            Some(other) => format!(
                "`{}` drafts it from the newest completed run",
                command(arguments, &other.id)
            ),
            None if info.is_running() => format!(
                "`{} --wait 15m` waits until it has finished",
                command(arguments, &info.id)
            ),
            None => "evaluate again; no recent run of this evaluation has completed".to_owned(),
        };
        Err(Fault::evidence(format!(
            "the status of run {} is {status}, and a policy is drafted from a completed run",
            info.id
        ))
        .help(help))
    }
}

/// Chooses the run: the one that the command line names, else the newest completed run of the project's evaluation,
/// if possible of a main branch.
///
/// # Errors
///
/// No run was found, no run has completed, or the project has several evaluations and none is named.
pub(super) fn choose(
    arguments: &InitArgs,
    search: &mut Search<'_>,
    place: Place<'_>,
    console: &Console,
) -> Result<DraftedRun, Fault> {
    let Some(text) = &arguments.run else {
        let runs = search.recent(place, &Selector::default())?;
        let mut evaluations = evaluations(runs);
        let chosen = match evaluations.len() {
            0 | 1 => 0,
            _ => ask(arguments, &evaluations, place.identity, console)?,
        };
        return preferred(evaluations.swap_remove(chosen).runs, place.identity)?
            .completed(arguments);
    };
    let source = Source::from_argument(text)?;
    live(&source).ok_or_else(|| {
        Fault::usage("a policy is drafted from a run in Weave, not from a file")
            .help("name a run by its id or a selector, such as `evaluation=NAME`")
    })?;
    match &source {
        Source::Find(selector) if arguments.wait.is_none() && names_evaluation(selector) => {
            let runs = search.recent(place, selector)?;
            preferred(runs, place.identity)?.completed(arguments)
        }
        _ => {
            let found = search.candidates(place, &CandidateRequest::only(source.clone()))?;
            let info = found.judged.into_iter().next().ok_or_else(no_run)?;
            let recent = match of_evaluation(&info) {
                Some(selector) => search.recent(place, &selector)?,
                None => Vec::new(),
            };
            let recent = recent
                .into_iter()
                .filter(|other| Evaluation::key(other) == Evaluation::key(&info))
                .collect();
            let why = None;
            DraftedRun { info, why, recent }.completed(arguments)
        }
    }
}

fn no_run() -> Fault {
    Fault::evidence("no run was found").help("`weave-gate runs` lists the runs of the project")
}

/// Whether a selector names nothing but an evaluation or a model, so that it leaves the choice among their runs open.
fn names_evaluation(selector: &Selector) -> bool {
    let names_more =
        selector.commit.is_some() || selector.branch.is_some() || !selector.attributes.is_empty();
    !names_more && !selector.is_any()
}

/// The selector of all runs of a run's evaluation; `None` if nothing names it.
fn of_evaluation(info: &RunInfo) -> Option<Selector> {
    let model = info.model.as_ref().map(|model| model.name.clone());
    let evaluation = match info.evaluation_key() {
        Some(EvaluationKey::Named(name)) => {
            return Some(Selector {
                evaluation: Some(name),
                ..Selector::default()
            });
        }
        Some(EvaluationKey::Unnamed) => Some(UNNAMED.to_owned()),
        None => None,
    };
    let selector = Selector {
        evaluation,
        model,
        ..Selector::default()
    };
    selector.model.is_some().then_some(selector)
}

/// The newest completed run, if possible of a main branch, and if possible none that is known to be incomplete. If no
/// run has completed, the newest run.
fn preferred(runs: Vec<RunInfo>, identity: &Identity) -> Result<DraftedRun, Fault> {
    let is_completed = |info: &&RunInfo| info.has_finished(false);
    let is_whole = |info: &&RunInfo| {
        is_completed(info) && !matches!(info.own_completeness(), Completeness::Incomplete(_))
    };
    let main_of = |info: &RunInfo| {
        let branch = info.branch(identity)?;
        MAIN.contains(&branch.as_str()).then_some(branch)
    };
    let of_main = runs.iter().filter(is_whole).find_map(|info| {
        let branch = main_of(info)?;
        Some((
            info,
            format!("the newest completed run of branch `{branch}`"),
        ))
    });
    let (info, why) = of_main
        .or_else(|| {
            let newest = runs.iter().find(is_whole);
            let newest = newest.or_else(|| runs.iter().find(is_completed));
            let newest = newest.or_else(|| runs.first());
            newest.map(|info| (info, "the newest completed run".to_owned()))
        })
        .ok_or_else(no_run)?;
    Ok(DraftedRun {
        info: info.clone(),
        why: Some(why),
        recent: runs,
    })
}

/// An evaluation with its recent runs, the newest first; never empty.
struct Evaluation {
    /// What its runs share: the name of the evaluation, or of the model if the evaluation has no name.
    key: (Option<EvaluationKey>, Option<String>),
    runs: Vec<RunInfo>,
}

impl Evaluation {
    fn key(info: &RunInfo) -> (Option<EvaluationKey>, Option<String>) {
        match info.evaluation_key() {
            named @ Some(EvaluationKey::Named(_)) => (named, None),
            other => (other, info.model.as_ref().map(|model| model.name.clone())),
        }
    }

    /// Its name in the list.
    fn name(&self) -> String {
        match &self.key {
            (Some(EvaluationKey::Named(name)), _) => visible(name),
            (_, Some(model)) => format!("(unnamed, of model {})", visible(model)),
            (_, None) => "(unnamed)".to_owned(),
        }
    }

    /// The argument that names it, or its newest run if it has no name.
    fn argument(&self) -> Option<String> {
        let run = self.runs.first()?;
        Some(match &self.key {
            (Some(EvaluationKey::Named(name)), _) if visible(name) == *name => {
                let selector = Selector {
                    evaluation: Some(name.clone()),
                    ..Selector::default()
                };
                selector.to_string()
            }
            _ => run.id.clone(),
        })
    }

    /// Its cells in the list: name, number of runs, age and branch of the newest run.
    fn cells(&self, identity: &Identity, now: Timestamp) -> [String; 4] {
        let newest = self.runs.first();
        let started = newest.and_then(|info| info.started_at);
        let branch = newest.and_then(|info| info.branch(identity));
        [
            self.name(),
            self.runs.len().to_string(),
            started.map_or_else(|| "-".to_owned(), |started| age(started, now)),
            branch.map_or_else(|| "-".to_owned(), |branch| visible(&branch)),
        ]
    }
}

/// Groups runs by their evaluation. The evaluation of the newest run comes first.
fn evaluations(runs: Vec<RunInfo>) -> Vec<Evaluation> {
    let mut evaluations: Vec<Evaluation> = Vec::new();
    for info in runs {
        let key = Evaluation::key(&info);
        match evaluations.iter_mut().find(|known| known.key == key) {
            Some(known) => known.runs.push(info),
            None => evaluations.push(Evaluation {
                key,
                runs: vec![info],
            }),
        }
    }
    evaluations
}

/// Asks for one of several evaluations: on a terminal the user, otherwise with an error that lists them.
fn ask(
    arguments: &InitArgs,
    evaluations: &[Evaluation],
    identity: &Identity,
    console: &Console,
) -> Result<usize, Fault> {
    let now = Timestamp::now();
    let runs: usize = evaluations.iter().map(|known| known.runs.len()).sum();
    let message = format!(
        "the newest {} of the project are of {} evaluations; name one of them",
        plural(runs as u64, "run"),
        evaluations.len()
    );
    let header = ["EVALUATION", "RUNS", "NEWEST", "BRANCH"].map(str::to_owned);
    let cells = evaluations.iter().map(|known| known.cells(identity, now));
    let rows: Vec<[String; 4]> = std::iter::once(header).chain(cells).collect();
    let table = table(&rows);
    if !is_ci() && console.can_ask() {
        let mut lines = table.iter();
        let header = lines.next().map(|line| format!("    {line}"));
        let numbered = lines
            .enumerate()
            .map(|(place, line)| format!("{:>2}  {line}", place + 1));
        for line in header.into_iter().chain(numbered) {
            console.done(&line);
        }
        let question = format!("which one? [1-{}] ", evaluations.len());
        let answer = console
            .ask(&question)
            .and_then(|text| text.parse::<usize>().ok());
        if let Some(place) = answer.and_then(|number| number.checked_sub(1))
            && place < evaluations.len()
        {
            return Ok(place);
        }
    }
    let lines: Vec<String> = std::iter::once(message).chain(table).collect();
    let fault = Fault::usage(lines.join("\n"));
    Err(match evaluations.first().and_then(Evaluation::argument) {
        Some(first) => fault.help(format!(
            "`{}` drafts a policy for the first",
            command(arguments, &first)
        )),
        None => fault,
    })
}

/// The command that drafts a policy from this run of the same project.
fn command(arguments: &InitArgs, run: &str) -> String {
    let project = arguments.server.project.as_deref();
    let project = project.map_or_else(String::new, |project| {
        format!(" --project {}", shell::word(project))
    });
    format!("weave-gate init {}{project}", shell::word(run))
}

/// Lines with aligned columns.
fn table(rows: &[[String; 4]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| columns(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..4).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let line: Vec<String> = cells.map(|(cell, width)| padded(cell, *width)).collect();
            line.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// How long ago a run began, in the largest fitting unit.
fn age(started: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(started);
    let (minutes, hours) = (age.as_mins(), age.as_hours());
    match (minutes, hours) {
        (..1, _) => "now".to_owned(),
        (..60, _) => format!("{minutes} min ago"),
        (_, ..48) => format!("{hours} h ago"),
        _ => format!("{} d ago", hours / 24),
    }
}
