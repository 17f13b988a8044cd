//! What tells a reader which run a report is about: its name, commit, branch and date.

use super::{links, view};
use crate::evidence::{Baseline, Evidence, ListedRun, Run, RunStatus};

/// What identifies a run. The texts come from whoever logged the run.
pub(super) struct RunFacts {
    /// `candidate`, `baseline`, or `baseline` and the name of a further one.
    pub(super) role: String,
    /// Its project, if the runs are of several.
    pub(super) project: Option<String>,
    /// Its display name, else its id.
    pub(super) name: String,
    /// The first characters of its commit.
    pub(super) commit: Option<String>,
    pub(super) branch: Option<String>,
    /// The day on which it finished, else began.
    pub(super) date: Option<String>,
    pub(super) rows: u64,
    /// The rows that it has in common with the candidate; `None` for the candidate and for further baselines.
    pub(super) common: Option<u64>,
    /// Its status, unless it is completed.
    pub(super) status: Option<String>,
    /// Its page in Weave.
    pub(super) url: Option<String>,
}

/// The facts of the candidate and of every baseline that was found, each with its run.
pub(super) fn facts(evidence: &Evidence) -> Vec<(RunFacts, &Run)> {
    let candidate = &evidence.candidate;
    let mut all = vec![(
        of("candidate".to_owned(), candidate, evidence, None),
        candidate,
    )];
    for (role, baseline) in view::baselines(evidence) {
        let common = match &evidence.baseline {
            Baseline::Found(run, pair) if run.id == baseline.id => Some(pair.common),
            _ => None,
        };
        all.push((of(role, baseline, evidence, common), baseline));
    }
    all
}

fn of(role: String, run: &Run, evidence: &Evidence, common: Option<u64>) -> RunFacts {
    let mut listed = evidence.selection.runs.iter();
    let listed = listed.find(|listed| listed.id == run.id);
    let commit = listed.and_then(|listed: &ListedRun| listed.commit.as_deref());
    let has_several = match &evidence.baseline {
        Baseline::Found(baseline, _) => baseline.project != evidence.candidate.project,
        Baseline::Unnamed | Baseline::NotFound(_) => false,
    };
    RunFacts {
        role,
        project: has_several.then(|| run.project.to_string()),
        name: run.display_name.as_ref().unwrap_or(&run.id).clone(),
        commit: commit.map(view::short_commit),
        branch: listed.and_then(|listed| listed.branch.clone()),
        date: run
            .finished_at
            .or(run.started_at)
            .map(|time| time.strftime("%Y-%m-%d").to_string()),
        rows: run.rows,
        common,
        status: match &run.status {
            Some(RunStatus::Completed) => None,
            Some(other) => Some(other.word().to_owned()),
            None => Some("no status".to_owned()),
        },
        url: links::run(run),
    }
}

/// The page that compares candidate and baseline; `None` without a baseline.
pub(super) fn comparison_url(evidence: &Evidence) -> Option<String> {
    match &evidence.baseline {
        Baseline::Found(baseline, _) => links::comparison(&evidence.candidate, baseline),
        Baseline::Unnamed | Baseline::NotFound(_) => None,
    }
}
