//! Reads runs from snapshots, compares the candidate's runs with the policy, and finds the rules for a baseline in
//! Weave.

use std::path::Path;

use super::candidates::{not_checked, several_models};
use super::chosen::Chosen;
use super::console::Console;
use super::environment::environment;
use super::request::{BaselineRequest, CandidateRequest, Request};
use super::search::{Place, Search};
use crate::evidence::snapshot::{self, Saved};
use crate::evidence::{
    BaselineRules, EvaluationKey, Fact, LeftOut, ListedRun, Role, Run, attribute, saved_mismatches,
};
use crate::fault::Fault;
use crate::policy::{Reruns, Source};
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::Identity;
use crate::weave::{RunSource, web};

/// The reason if the file of a baseline does not exist.
pub(super) fn lost(source: &Source) -> Prose {
    Prose::from("no file ").name(path(source))
}

pub(super) fn path(source: &Source) -> String {
    let shown = source.to_string();
    shown.strip_prefix("file:").unwrap_or(&shown).to_owned()
}

/// Reads a snapshot; `None` if the file does not exist.
///
/// # Errors
///
/// The file is not a snapshot, or it contains a secret.
pub(super) fn read_snapshot(path: &Path, console: &Console) -> Result<Option<Saved>, Fault> {
    let holds_secret = |bytes: &[u8]| console.secrets().are_in(bytes);
    snapshot::read(path, &web(&environment)?, &holds_secret)
}

/// Reads a snapshot, which must be of the judged project; `None` if the file does not exist.
pub(super) fn of_file(
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

pub(super) fn saved_baselines(saved: &Saved) -> Chosen {
    let runs = saved.runs().iter().cloned();
    Chosen {
        sources: runs
            .map(|run| RunSource::Snapshot(Box::new(run), saved.clone()))
            .collect(),
        ..Chosen::default()
    }
}

/// Returns the runs of a candidate's snapshot, compared with the policy.
pub(super) fn saved_candidates(
    saved: &Saved,
    request: &CandidateRequest,
    identity: &Identity,
) -> Result<Chosen, Fault> {
    let mut runs: Vec<Run> = saved.runs().to_vec();
    let mut chosen = Chosen::default();
    for (id, reason) in &request.excluded {
        let Some(place) = runs.iter().position(|run| run.id == *id) else {
            return Err(Fault::evidence(format!(
                "--exclude-run names `{id}`, which is not in the snapshot"
            ))
            .help("name a run of the snapshot, or remove --exclude-run"));
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
        return Err(Fault::evidence("every run of the snapshot is excluded")
            .help("leave at least one run with --exclude-run"));
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
                unresolved: None,
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
    chosen.sources = runs
        .map(|run| RunSource::Snapshot(Box::new(run), saved.clone()))
        .collect();
    Ok(chosen)
}

/// Returns the rules for which runs in Weave can be the baseline of a candidate in a snapshot.
pub(super) fn saved_rules(
    ours: &Chosen,
    request: &Request,
    baseline: &BaselineRequest,
    search: &Search<'_>,
    place: Place<'_>,
) -> Result<BaselineRules, Fault> {
    let runs: Vec<&Run> = ours
        .sources
        .iter()
        .filter_map(|side| match side {
            RunSource::Snapshot(run, _) => Some(run.as_ref()),
            RunSource::Live(_) => None,
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
