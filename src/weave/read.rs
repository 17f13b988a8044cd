//! Reads results: which requests are made, which run in parallel, and which answers must agree.

use std::collections::BTreeMap;
use std::thread;

use serde_json::json;

use super::api_error::{ApiError, contradiction};
use super::body::{named, set};
use super::client::{CHILDREN, COSTS, Client};
use super::counts::{RowCounts, apart};
use super::rows::{self, LiveRows};
use super::setup::setup_of;
use super::wire::{EvaluationSummary, RowsAnswer, Summary, SummaryAnswer, Tokens};
use crate::evidence::RunInfo;
use crate::evidence::snapshot::{Saved, SavedRows};
use crate::evidence::{
    Baseline, Columns, Details, Dimension, Evidence, Known, Pair, Role, RowSource, Rows, Run,
    RunRow, Totals, Usage, Wanted, joined,
};
use crate::fault::Fault;
use crate::project::{Project, encode};
use crate::prose::Prose;

/// Number of rows per page of a request for row digests.
const PAGE: usize = 500;

/// The source of a judged run: Weave or a snapshot. It is chosen once, and then provides the summary, rows and details.
#[derive(Clone, Debug)]
pub enum RunSource {
    /// A run in Weave.
    Live(Box<RunInfo>),
    /// A run that a snapshot holds.
    Snapshot(Box<Run>, Saved),
}

impl RunSource {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Live(info) => &info.id,
            Self::Snapshot(run, _) => &run.id,
        }
    }

    /// Whether the run is in Weave.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// The source of the run's rows; `None` if they cannot be read. Without a client, only rows in a snapshot can be
    /// read.
    #[must_use]
    pub fn rows<'a>(
        &self,
        client: Option<&'a Client<'a>>,
        project: &Project,
    ) -> Option<Box<dyn RowSource + 'a>> {
        match self {
            Self::Live(info) => Some(Box::new(run_rows(client?, project, &info.id))),
            Self::Snapshot(..) => Some(Box::new(self.saved_rows()?)),
        }
    }

    /// The run's rows, if a snapshot holds them.
    #[must_use]
    pub fn saved_rows(&self) -> Option<SavedRows> {
        match self {
            Self::Live(_) => None,
            Self::Snapshot(run, saved) => saved.rows_of(&run.id),
        }
    }
}

/// What to read in addition to counts and means.
#[derive(Clone, Copy, Default)]
pub struct Needs<'a> {
    /// Whether to read tokens.
    pub usage: bool,
    /// Whether to read costs, which come with tokens.
    pub costs: bool,
    /// The columns of the rows to read; `None` if no rows are needed.
    pub rows: Option<&'a Wanted<'a>>,
    /// Whether rows are read without the model's calls if a server refuses to read the calls of so many trials.
    pub calls_are_optional: bool,
}

/// The runs of the candidate and of the baseline, the newest first.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The runs of the candidate.
    pub candidates: Vec<RunSource>,
    /// The runs of the baseline, or why there is no baseline; `None` if nothing is compared.
    pub baselines: Option<Result<Vec<RunSource>, Prose>>,
    /// Whether only the newest run of the candidate is judged.
    pub newest_only: bool,
    /// The project of the baseline if it is not that of the candidate. Only a comparison without a policy spans
    /// projects.
    pub across: Option<Project>,
}

impl Sources {
    /// The runs of the candidate that are judged, the newest first.
    #[must_use]
    pub fn judged_candidates(&self) -> &[RunSource] {
        let count = if self.newest_only {
            1
        } else {
            self.candidates.len()
        };
        self.candidates.get(..count).unwrap_or_default()
    }

    /// The runs of the baseline; empty if nothing is compared or no baseline was found.
    #[must_use]
    pub fn baselines(&self) -> &[RunSource] {
        match &self.baselines {
            Some(Ok(found)) => found,
            Some(Err(_)) | None => &[],
        }
    }
}

/// Reads the evidence for a candidate and, if there is one, for a baseline.
///
/// The status of a live run is read before its results. If the run had finished by then, its counts are complete.
///
/// # Errors
///
/// The evidence is unavailable: a network error, a refused key, or answers that contradict each other.
pub fn read_evidence(
    client: &Client<'_>,
    project: &Project,
    sources: &Sources,
    needs: Needs<'_>,
) -> Result<Evidence, Fault> {
    let of = |project| Reader {
        client,
        project,
        needs,
    };
    let reader = of(project);
    let found = sources.baselines();
    let is_compared = matches!(sources.baselines, Some(Ok(_)));
    if let ([RunSource::Live(candidate)], [RunSource::Live(baseline)], None) =
        (sources.candidates.as_slice(), found, &sources.across)
    {
        return reader.both((**candidate).clone(), (**baseline).clone());
    }
    // If the server does not join the rows, they are joined here by digest. With several runs, all rows are read
    // anyway.
    let has_several = sources.candidates.len() > 1 || found.len() > 1;
    let digests = is_compared && !has_several;
    let of_baseline = of(sources.across.as_ref().unwrap_or(project));
    let ours = reader.sides(&sources.candidates, digests)?;
    let theirs = of_baseline.sides(found, digests)?;
    let baselines = match &sources.baselines {
        None => None,
        Some(Err(reason)) => Some(Err(reason.clone())),
        Some(Ok(_)) => Some(Ok(theirs.iter().map(Loaded::known).collect())),
    };
    let candidates = ours.iter().map(Loaded::known).collect();
    let evidence = Evidence::assembled(candidates, baselines, sources.newest_only, needs.rows)?;
    of_one_project(evidence, sources)
}

/// Returns the evidence for runs in snapshots, without any request.
///
/// # Errors
///
/// The runs cannot be combined, or a run is in Weave.
pub fn saved_evidence(sources: &Sources, wanted: Option<&Wanted<'_>>) -> Result<Evidence, Fault> {
    let loaded = |sources: &[RunSource]| -> Result<Vec<Loaded<'static>>, Fault> {
        let of = |side: &RunSource| match side {
            RunSource::Snapshot(run, saved) => Ok(Loaded::saved(run.clone(), saved)),
            RunSource::Live(info) => Err(Fault::evidence(format!("run `{}` is in Weave", info.id))
                .help("this is a bug of weave-gate: please report it")),
        };
        sources.iter().map(of).collect()
    };
    let ours = loaded(&sources.candidates)?;
    let theirs = match &sources.baselines {
        Some(Ok(found)) => Some(Ok(loaded(found)?)),
        Some(Err(reason)) => Some(Err(reason.clone())),
        None => None,
    };
    let baselines = theirs.as_ref().map(|theirs| match theirs {
        Ok(loaded) => Ok(loaded.iter().map(Loaded::known).collect()),
        Err(reason) => Err(reason.clone()),
    });
    let candidates = ours.iter().map(Loaded::known).collect();
    let evidence = Evidence::assembled(candidates, baselines, sources.newest_only, wanted)?;
    of_one_project(evidence, sources)
}

/// Returns the evidence if both runs are of one project, or if other projects were asked for.
fn of_one_project(evidence: Evidence, sources: &Sources) -> Result<Evidence, Fault> {
    match &evidence.baseline {
        Baseline::Found(baseline, _)
            if sources.across.is_none() && baseline.project != evidence.candidate.project =>
        {
            Err(Fault::evidence(format!(
                "the candidate is of project `{}`, the baseline of `{}`",
                evidence.candidate.project, baseline.project
            ))
            .help("name two runs of one project; `weave-gate compare` takes two projects"))
        }
        _ => Ok(evidence),
    }
}

/// Runs `work` on all things in parallel, and returns the results in the order of the things.
fn side_by_side<T: Sync, R: Send>(
    things: &[T],
    work: &(dyn Fn(&T) -> Result<R, ApiError> + Sync),
) -> Result<Vec<R>, ApiError> {
    match things {
        [] => Ok(Vec::new()),
        [one] => Ok(vec![work(one)?]),
        several => thread::scope(|scope| {
            let started: Vec<_> = several
                .iter()
                .map(|thing| scope.spawn(move || work(thing)))
                .collect();
            started.into_iter().map(join).collect()
        }),
    }
}

/// Reads the part of one run that a snapshot stores.
///
/// # Errors
///
/// The same as [`read_evidence`].
pub fn read_run(client: &Client<'_>, project: &Project, info: RunInfo) -> Result<Run, Fault> {
    let reader = Reader {
        client,
        project,
        needs: Needs {
            usage: true,
            costs: true,
            ..Needs::default()
        },
    };
    Ok(reader.one(info, true)?)
}

/// Returns the source of the rows of one run.
#[must_use]
pub fn run_rows<'a>(
    client: &'a Client<'a>,
    project: &Project,
    id: &str,
) -> impl RowSource + use<'a> {
    LiveRows {
        client,
        path: results_path(project),
        id: id.to_owned(),
    }
}

/// Reads the rows of one or two runs, the candidate first, into columns.
///
/// # Errors
///
/// The same as [`read_evidence`].
pub fn read_rows(
    client: &Client<'_>,
    project: &Project,
    ids: &[&str],
    columns: &Columns,
) -> Result<Rows, Fault> {
    Ok(rows::read(client, &results_path(project), ids, columns)?)
}

/// Reads a few complete rows of one or two runs, the candidate first.
///
/// # Errors
///
/// The same as [`read_evidence`].
pub fn read_details(
    client: &Client<'_>,
    project: &Project,
    runs: &[(Role, &str)],
    digests: &[&str],
    details: &mut Details,
) -> Result<(), Fault> {
    let ids: Vec<&str> = runs.iter().map(|(_, id)| *id).collect();
    let mut take = |run: &str, row: RunRow<'_>| {
        if let Some((role, _)) = runs.iter().find(|(_, id)| *id == run) {
            let detail = details.entry(row.row_digest.clone().into_owned());
            detail.or_default().take(*role, &row);
        }
    };
    Ok(rows::few(
        client,
        &results_path(project),
        &ids,
        digests,
        &mut take,
    )?)
}

/// Reads one prediction, as Weave returns it.
///
/// # Errors
///
/// The prediction does not exist, or cannot be read.
pub fn read_prediction(
    client: &Client<'_>,
    project: &Project,
    id: &str,
) -> Result<serde_json::Value, Fault> {
    let path = format!("/v2/{}/predictions/{}", project.encoded(), encode(id));
    let what = format!("prediction `{id}`");
    client.get(&what, &path).map_err(|refusal| match refusal {
        ApiError::NotFound { reason, .. } => {
            Fault::evidence(format!("there is no prediction `{id}`: {reason}"))
                .help("it is the id of the model's own call in a trial, its `predict_call_id`")
        }
        refusal => refusal.into(),
    })
}

/// Whether two runs without a common row have inputs that are equal except for the order of their keys. Compares only
/// their first rows.
#[must_use]
pub fn differ_by_key_order(
    client: &Client<'_>,
    candidate: (&Project, &str),
    baseline: (&Project, &str),
) -> bool {
    let inputs = |(project, id)| rows::inputs(client, &results_path(project), id);
    let (ours, theirs) = thread::scope(|scope| {
        let theirs = scope.spawn(|| inputs(baseline));
        (inputs(candidate), join(theirs))
    });
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else {
        return false;
    };
    ours.iter().any(|inputs| theirs.contains(inputs))
}

/// Returns the number of trials of each run, by run id. A run without rows is missing from the result.
///
/// # Errors
///
/// Weave cannot count the trials.
pub fn read_trials(
    client: &Client<'_>,
    project: &Project,
    ids: &[&str],
) -> Result<BTreeMap<String, u64>, Fault> {
    let reader = Reader {
        client,
        project,
        needs: Needs::default(),
    };
    let summary = reader.summary(ids, false)?;
    let counts = summary.evaluations.into_iter();
    Ok(counts
        .map(|run| (run.evaluation_call_id, run.trial_count))
        .collect())
}

/// Returns the counts and means of each run, by run id. A run without rows is missing from the result.
///
/// # Errors
///
/// Weave cannot count the scores.
pub fn read_totals(
    client: &Client<'_>,
    project: &Project,
    ids: &[&str],
) -> Result<BTreeMap<String, Totals>, Fault> {
    let reader = Reader {
        client,
        project,
        needs: Needs::default(),
    };
    let summary = reader.summary(ids, false)?;
    let counts = summary.evaluations.into_iter();
    Ok(counts
        .map(|run| {
            let id = run.evaluation_call_id.clone();
            (id, Reader::sum(Some(run), false, false))
        })
        .collect())
}

/// A run that was read, with the source of its rows.
enum Loaded<'a> {
    Live(Box<Run>, LiveRows<'a>),
    Saved(Box<Run>, Option<SavedRows>),
}

impl Loaded<'_> {
    fn saved(run: Box<Run>, saved: &Saved) -> Self {
        let rows = saved.rows_of(&run.id);
        Self::Saved(run, rows)
    }

    fn known(&self) -> Known<'_> {
        match self {
            Self::Live(run, rows) => Known {
                run: (**run).clone(),
                rows: Some(rows),
            },
            Self::Saved(run, rows) => Known {
                run: (**run).clone(),
                rows: rows.as_ref().map(|rows| rows as &dyn RowSource),
            },
        }
    }
}

struct Reader<'a> {
    client: &'a Client<'a>,
    project: &'a Project,
    needs: Needs<'a>,
}

impl Reader<'_> {
    /// Reads runs in parallel.
    fn sides(&self, sources: &[RunSource], digests: bool) -> Result<Vec<Loaded<'_>>, ApiError> {
        side_by_side(sources, &|side: &RunSource| {
            self.side(side.clone(), digests)
        })
    }

    /// Reads one run, and returns it with the source of its rows.
    fn side(&self, side: RunSource, digests: bool) -> Result<Loaded<'_>, ApiError> {
        match side {
            RunSource::Snapshot(run, saved) => Ok(Loaded::saved(run, &saved)),
            RunSource::Live(info) => {
                let rows = LiveRows {
                    client: self.client,
                    path: self.results_path(),
                    id: info.id.clone(),
                };
                Ok(Loaded::Live(Box::new(self.one(*info, digests)?), rows))
            }
        }
    }

    /// Reads the rows of one or two runs, the candidate first; `None` if no rows are needed.
    fn rows(&self, ids: &[&str], totals: &[&Totals]) -> Result<Option<Rows>, ApiError> {
        let Some(wanted) = self.needs.rows else {
            return Ok(None);
        };
        let columns = wanted(totals);
        if columns.is_empty() || totals.iter().all(|totals| totals.trials == 0) {
            return Ok(None);
        }
        let read = |columns: &Columns| rows::read(self.client, &self.results_path(), ids, columns);
        match read(&columns) {
            Err(ApiError::TooManyTrials(_)) if self.needs.calls_are_optional => {
                read(&columns.without_calls()).map(Some)
            }
            rows => rows.map(Some),
        }
    }

    /// Reads one run: its own statistics and, if `digests` is set, its row digests, in parallel.
    fn one(&self, info: RunInfo, digests: bool) -> Result<Run, ApiError> {
        let id = &*info.id.clone();
        let ids = [id];
        let (own, digests) = thread::scope(|scope| {
            let digests = digests.then(|| scope.spawn(|| self.digests(id)));
            let own = self.summary(&ids, false);
            (own, digests.map(join))
        });
        let mut own = own?;
        let totals = self.totals(&mut own, id).map_err(ApiError::Fault)?;
        let digests = digests.transpose()?;
        if let Some(digests) = &digests {
            let trials: u64 = digests.values().sum();
            if digests.len() as u64 != own.row_count || trials != totals.0.trials {
                return Err(ApiError::Fault(contradiction(
                    "the rows of the run are not those of its summary",
                )));
            }
        }
        self.assemble(info, totals, own.row_count, digests)
            .map_err(ApiError::Fault)
    }

    /// Reads both runs: their own statistics and those of the common rows, in parallel. One more request is needed only
    /// if rows were both removed and added.
    fn both(&self, ours: RunInfo, theirs: RunInfo) -> Result<Evidence, Fault> {
        let (candidate, baseline) = (&*ours.id.clone(), &*theirs.id.clone());
        let ids = [candidate, baseline];
        let (own, common) = thread::scope(|scope| {
            let common = scope.spawn(|| self.summary(&ids, true));
            (self.summary(&ids, false), join(common))
        });
        let (mut own, mut common) = (own?, common?);
        let mut ours_own = self.totals(&mut own, candidate)?;
        if candidate == baseline {
            let rows = own.row_count;
            ours_own.0.rows = rows;
            let pair = Pair {
                common: rows,
                removed: 0,
                added: 0,
                candidate: Some(ours_own.0.clone()),
                baseline: Some(ours_own.0.clone()),
            };
            let run = self.assemble(ours, ours_own, rows, None)?;
            // `min` and `max` limits need the rows even if the candidate is its own baseline.
            let rows = self.rows(&[candidate], &[&run.totals])?;
            let rows = rows.map(|rows| joined(&rows, &rows)).transpose()?;
            let baseline = Baseline::Found(Box::new(run.clone()), pair);
            return Ok(Evidence::new(run, baseline, rows));
        }
        let mut theirs_own = self.totals(&mut own, baseline)?;
        let mut ours_common = self.totals(&mut common, candidate)?.0;
        let mut theirs_common = self.totals(&mut common, baseline)?.0;
        for (own, common) in [
            (&mut ours_own.0, &mut ours_common),
            (&mut theirs_own.0, &mut theirs_common),
        ] {
            common.adopt_flaws(own);
            own.adopt_flaws(common);
        }
        let rows = RowCounts {
            union: own.row_count,
            common: common.row_count,
        };
        (ours_common.rows, theirs_common.rows) = (rows.common, rows.common);
        let ours_apart = apart(&ours_own.0, &ours_common, rows.common)?;
        let theirs_apart = apart(&theirs_own.0, &theirs_common, rows.common)?;
        let (added, removed) = rows.tell(ours_apart, theirs_apart, || {
            let mut alone = self.summary(&[candidate], false)?;
            if self.totals(&mut alone, candidate)?.0.trials != ours_own.0.trials {
                return Err(contradiction(
                    "a run has other trials when it is asked for alone",
                ));
            }
            Ok(alone.row_count)
        })?;
        let pair = Pair {
            common: rows.common,
            removed,
            added,
            candidate: Some(ours_common),
            baseline: Some(theirs_common),
        };
        let ours = self.assemble(ours, ours_own, rows.common + added, None)?;
        let theirs = self.assemble(theirs, theirs_own, rows.common + removed, None)?;
        let rows = self.rows(&ids, &[&ours.totals, &theirs.totals])?;
        let baseline = Baseline::Found(Box::new(theirs), pair);
        Ok(Evidence::new(ours, baseline, rows))
    }

    fn summary(&self, ids: &[&str], intersect: bool) -> Result<Summary, ApiError> {
        let mut body = json!({
            "evaluation_run_ids": ids,
            "include_rows": false,
            "include_summary": true,
            "summary_require_intersection": intersect,
        });
        // A trial's usage is that of its predict call alone only if the server reads the calls within the trial.
        if !self.needs.usage {
            set(&mut body, CHILDREN, false);
        }
        if self.needs.costs {
            set(&mut body, COSTS, true);
        }
        let what = if intersect {
            format!(
                "the statistics of the rows that {} have in common",
                named(ids)
            )
        } else {
            format!("the statistics of {}", named(ids))
        };
        let path = self.results_path();
        let mut asked = self.client.post_results(&what, &path, &body);
        let without_calls = matches!(asked, Err(ApiError::TooManyTrials(_)));
        if without_calls {
            // The usage is then read from the rows of each run.
            set(&mut body, CHILDREN, false);
            asked = self.client.post_results(&what, &path, &body);
        }
        let mut answer: SummaryAnswer = self.client.decode(&what, &asked?)?;
        answer.summary.without_calls = without_calls;
        // A server tells the tokens of every run, or it is too old to tell them of any.
        let evaluations = answer.summary.evaluations.iter();
        let told = evaluations
            .filter(|evaluation| matches!(evaluation.predict_total_tokens, Tokens::Told(_)))
            .count();
        if told != 0 && told != answer.summary.evaluations.len() {
            return Err(ApiError::Fault(contradiction(
                "an answer tells the tokens of one run and not of another",
            )));
        }
        let evaluations = answer.summary.evaluations.iter();
        let strange = evaluations
            .map(|evaluation| evaluation.evaluation_call_id.as_str())
            .find(|id| !ids.contains(id));
        match strange {
            None => Ok(answer.summary),
            // The row count would include the rows of this other run.
            Some(id) => Err(ApiError::Fault(contradiction(&format!(
                "asked for {}, it sent the statistics of `{id}`, too",
                named(ids)
            )))),
        }
    }

    fn results_path(&self) -> String {
        results_path(self.project)
    }

    /// Removes a run's totals from an answer and returns them. A run without rows is missing from the answer, and has
    /// no trials. If the calls within trials were left out, the usage is unknown.
    fn totals(&self, summary: &mut Summary, id: &str) -> Result<(Totals, Option<String>), Fault> {
        let mut found = summary
            .evaluations
            .extract_if(.., |evaluation| evaluation.evaluation_call_id == id);
        let first = found.next();
        if found.next().is_some() {
            return Err(contradiction("an answer has one run twice"));
        }
        drop(found);
        let has_usage = self.needs.usage && !summary.without_calls;
        let judges_rows = self.needs.rows.is_some();
        let Some(evaluation) = first else {
            return Ok((Self::sum(None, has_usage, judges_rows), None));
        };
        let name = evaluation.display_name.clone();
        Ok((Self::sum(Some(evaluation), has_usage, judges_rows), name))
    }

    fn sum(evaluation: Option<EvaluationSummary>, has_usage: bool, judges_rows: bool) -> Totals {
        let usage = |tokens, cost| {
            has_usage.then_some(Usage {
                tokens,
                cost,
                ..Usage::default()
            })
        };
        let Some(evaluation) = evaluation else {
            return Totals {
                usage: usage(None, None),
                ..Totals::default()
            };
        };
        let mut totals = Totals {
            trials: evaluation.trial_count,
            usage: match evaluation.predict_total_tokens {
                // The usage then comes from the rows, and there is no total to compare them with.
                Tokens::Untold if judges_rows => None,
                Tokens::Untold => usage(None, evaluation.predict_total_cost),
                Tokens::Told(tokens) => usage(tokens, evaluation.predict_total_cost),
            },
            ..Totals::default()
        };
        for stats in evaluation.scorer_stats {
            let dimension = Dimension {
                scored: stats.trial_count,
                passed: stats.pass_true_count,
                judged: stats.pass_known_count,
                measured: stats.numeric_count,
                mean: stats.numeric_mean,
                flaw: None,
            };
            totals.add(&stats.scorer_key, stats.path.as_deref(), dimension);
        }
        totals
    }

    fn assemble(
        &self,
        info: RunInfo,
        (mut totals, display_name): (Totals, Option<String>),
        rows: u64,
        digests: Option<BTreeMap<String, u64>>,
    ) -> Result<Run, Fault> {
        if totals.trials < rows || totals.trials > Totals::MOST_TRIALS {
            return Err(contradiction("a run has more rows than trials"));
        }
        if rows == 0 && totals.trials > 0 {
            return Err(contradiction("a run has trials, and no row"));
        }
        totals.rows = rows;
        let setup = setup_of(&info);
        Ok(Run {
            pooled_runs: 1,
            is_logged: info.is_logged,
            exception: info.exception.clone(),
            project: self.project.clone(),
            web: self.client.web().to_owned(),
            evaluation: info.evaluation(),
            id: info.id,
            display_name: display_name.or(info.display_name),
            model: info.model,
            status: info.status,
            started_at: info.started_at,
            finished_at: info.finished_at,
            rescored_from: info.rescored_from,
            rows,
            totals,
            digests,
            choice: info.choice,
            attributes: Some(info.attributes),
            completeness: info.completeness,
            setup: Some(setup),
        })
    }

    /// Reads the digests of all rows of a run, each with its number of trials, page by page.
    fn digests(&self, id: &str) -> Result<BTreeMap<String, u64>, ApiError> {
        let what = format!("the row digests of {}", named(&[id]));
        let mut digests = BTreeMap::new();
        let mut total = None;
        loop {
            let body = json!({
                "evaluation_run_ids": [id],
                "include_rows": true,
                CHILDREN: false,
                "limit": PAGE,
                "offset": digests.len(),
            });
            let bytes = self
                .client
                .post_results(&what, &self.results_path(), &body)?;
            let page: RowsAnswer = self.client.decode(&what, &bytes)?;
            if *total.get_or_insert(page.total_rows) != page.total_rows {
                return Err(ApiError::Fault(contradiction(
                    "the run grew while it was read",
                )));
            }
            let got = page.rows.len();
            for row in page.rows {
                let of_run = row
                    .evaluations
                    .iter()
                    .filter(|one| one.evaluation_call_id == id);
                let trials = of_run.map(|one| one.trials.len() as u64).sum();
                // Rows are sorted by digest. If a digest is not greater than the last one, a row was repeated or lost.
                let ascends = digests
                    .last_key_value()
                    .is_none_or(|(last, _)| *last < row.row_digest);
                if !ascends || trials == 0 {
                    return Err(ApiError::Fault(contradiction(
                        "a page repeats or loses rows",
                    )));
                }
                digests.insert(row.row_digest, trials);
            }
            match (digests.len() as u64).cmp(&page.total_rows) {
                std::cmp::Ordering::Equal => return Ok(digests),
                std::cmp::Ordering::Less if got > 0 => {}
                _ => {
                    return Err(ApiError::Fault(contradiction(
                        "a page repeats or loses rows",
                    )));
                }
            }
        }
    }
}

fn results_path(project: &Project) -> String {
    format!("/v2/{}/eval_results/query", project.encoded())
}

fn join<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
