//! The runs of each side, facts about how they were chosen, and how reports list them.

use super::candidates::Candidates;
use super::request::Request;
use super::search::Baselines;
use crate::evidence::{
    Baseline, Completeness, Evidence, Fact, LeftOut, ListedRun, MissingBaseline, Role, Run,
    RunInfo, Selection, Setup, SnapshotOf,
};
use crate::policy::Source;
use crate::project::Project;
use crate::prose::Prose;
use crate::selector::Identity;
use crate::weave::{RunSource, Sources};

/// The runs of one side, and facts about how they were chosen.
#[derive(Clone, Default)]
pub(super) struct Chosen {
    /// The runs, the newest first.
    pub(super) sources: Vec<RunSource>,
    pub(super) facts: Vec<Fact>,
    /// Runs that are left out.
    pub(super) left_out: Vec<ListedRun>,
}

impl Chosen {
    pub(super) fn has(&self, id: &str) -> bool {
        self.sources.iter().any(|side| side.id() == id)
    }

    /// Whether the newest run was found by a search, and not named by its id.
    pub(super) fn is_looked_for(&self) -> bool {
        self.sources.iter().any(|side| match side {
            RunSource::Live(info) => info.choice.is_some(),
            RunSource::Snapshot(..) => false,
        })
    }
}

pub(super) fn live_candidates(found: &Candidates) -> Chosen {
    let sources = found.judged.iter().cloned();
    Chosen {
        sources: sources
            .map(|info| RunSource::Live(Box::new(info)))
            .collect(),
        facts: found.facts.clone(),
        left_out: found.left_out.clone(),
    }
}

pub(super) fn live_baselines(found: Baselines) -> Chosen {
    let sources = found.infos.into_iter();
    Chosen {
        sources: sources
            .map(|info| RunSource::Live(Box::new(info)))
            .collect(),
        facts: found.facts,
        left_out: Vec::new(),
    }
}

/// Returns the sources of both sides, and facts about how they were chosen.
pub(super) fn together(
    request: &Request,
    ours: Chosen,
    theirs: Option<Result<Chosen, Prose>>,
) -> (Sources, Selection) {
    let missing = match (&theirs, &request.baseline) {
        (Some(Err(_)), Some(baseline)) => Some(missing(&baseline.source)),
        _ => None,
    };
    let mut selection = Selection {
        identity: request.identity.clone(),
        missing,
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
            theirs.sources
        })
    });
    let sources = Sources {
        candidates: ours.sources,
        baselines,
        newest_only: request.candidate.is_newest_only(),
        across: None,
    };
    let sources = Sources {
        across: other_project(request, &sources),
        ..sources
    };
    (sources, selection)
}

/// The snapshots that do not hold the scores of rows, each once.
fn without_rows(sources: &Sources) -> Vec<SnapshotOf> {
    let mut found: Vec<SnapshotOf> = Vec::new();
    for side in sources.candidates.iter().chain(sources.baselines()) {
        if let RunSource::Snapshot(run, saved) = side
            && !saved.has_rows()
            && !found.iter().any(|known| known.path == saved.path())
        {
            found.push(SnapshotOf {
                run: run.id.clone(),
                path: saved.path().to_owned(),
            });
        }
    }
    found
}

/// How a baseline that was not found was named.
fn missing(source: &Source) -> MissingBaseline {
    match source {
        Source::Run(_) => MissingBaseline::Run,
        Source::File(path) => MissingBaseline::Snapshot(path.display().to_string()),
        Source::Find(selector) => MissingBaseline::Selected {
            selector: selector.clone(),
            has_match: false,
        },
    }
}

/// The project of the baseline, if the request allows that it is not that of the candidate.
fn other_project(request: &Request, sources: &Sources) -> Option<Project> {
    let baseline = request
        .baseline
        .as_ref()
        .filter(|_| request.spans_projects)?;
    let of = |side: &RunSource, named: Option<&Project>| match side {
        RunSource::Live(_) => named.cloned(),
        RunSource::Snapshot(run, _) => Some(run.project.clone()),
    };
    let ours = of(sources.candidates.first()?, request.project.as_ref());
    let named = baseline.project.as_ref().or(request.project.as_ref());
    let theirs = of(sources.baselines().first()?, named);
    theirs.filter(|theirs| ours.as_ref() != Some(theirs))
}

/// The runs of these in Weave of which the completeness is still unknown.
pub(super) fn uncounted(sources: &[RunSource]) -> Vec<&RunInfo> {
    let mut infos: Vec<&RunInfo> = Vec::new();
    for side in sources {
        if let RunSource::Live(info) = side
            && info.completeness == Completeness::NotAsked
            && !infos.iter().any(|known| known.id == info.id)
        {
            infos.push(info);
        }
    }
    infos
}

pub(super) fn set_completeness(evidence: &mut Evidence, id: &str, known: Completeness) {
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

/// Sets how a run was measured, wherever the evidence has it.
pub(super) fn set_setup(evidence: &mut Evidence, id: &str, setup: &Setup) {
    let set = |run: &mut Run| {
        if run.id == id {
            let pooled = run.setup.take().map(|known| known.pooled);
            run.setup = Some(Setup {
                pooled: pooled.unwrap_or_default(),
                ..setup.clone()
            });
        } else if let Some(known) = (run.setup.as_mut()).and_then(|all| all.pooled.get_mut(id)) {
            known.clone_from(setup);
        }
    };
    set(&mut evidence.candidate);
    if let Baseline::Found(run, _) = &mut evidence.baseline {
        set(run);
    }
    for each in &mut evidence.each {
        set_setup(each, id, setup);
    }
}

/// Returns the evidence with facts about how its runs were chosen, and a list of all its runs.
pub(super) fn selected(
    mut evidence: Evidence,
    selection: Selection,
    sources: &Sources,
    identity: &Identity,
) -> Evidence {
    let runs = |role: Role, sources: &[RunSource]| -> Vec<ListedRun> {
        sources
            .iter()
            .enumerate()
            .map(|(place, side)| {
                let mut listed = match side {
                    RunSource::Live(info) => info.listed(role, None, identity),
                    RunSource::Snapshot(run, _) => ListedRun::judged(role, run, identity),
                };
                let alone = match role {
                    Role::Candidate => match evidence.each.get(place) {
                        Some(each) => Some(&each.candidate),
                        None => Some(&evidence.candidate),
                    },
                    Role::Baseline => match &evidence.baseline {
                        Baseline::Found(run, _) if sources.len() == 1 => Some(run.as_ref()),
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
    let mut listed = runs(Role::Candidate, &sources.candidates);
    if sources.newest_only {
        for older in listed.iter_mut().skip(1) {
            older.left_out = Some(LeftOut::Older);
        }
    }
    listed.extend(runs(Role::Baseline, sources.baselines()));
    let of_rows = std::mem::take(&mut evidence.selection.facts);
    let mut selection = selection;
    selection.facts.extend(of_rows);
    listed.append(&mut selection.runs);
    // Candidates come first. Each side is sorted from the newest run to the oldest.
    listed.sort_by_key(|run| {
        (
            run.role == Role::Baseline,
            std::cmp::Reverse(run.started_at),
        )
    });
    selection.runs = listed;
    selection.without_rows = without_rows(sources);
    evidence.selection = selection;
    evidence
}
