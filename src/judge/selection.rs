//! Findings about the choice of runs: those that leave checks undecided, and notes.

use std::collections::BTreeSet;

use crate::evidence::{Baseline, Completeness, Evidence, Fact, ListedRun, Role, Run, RunStatus};
use crate::judge::cause::{Cause, RunCause, effect_of_choice};
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::terms::Terms;
use crate::policy::{self, Reruns};

/// The facts about the choice of one side's runs that leave its checks undecided.
pub(super) fn against(evidence: &Evidence, role: Role) -> Vec<Cause> {
    let facts = facts(evidence, role);
    facts
        .filter(|fact| effect_of_choice(fact) == Some(Effect::Undecided))
        .map(|fact| choice(evidence, role, fact))
        .collect()
}

/// The findings about the choice of one side's runs that leave nothing undecided.
pub(super) fn notes(terms: &Terms, evidence: &Evidence, role: Role) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts(evidence, role)
        .filter_map(|fact| {
            let effect = effect_of_choice(fact).filter(|effect| *effect != Effect::Undecided)?;
            Some(Finding::new(effect, choice(evidence, role, fact)))
        })
        .collect();
    let run = match (&evidence.baseline, role) {
        (_, Role::Candidate) => &evidence.candidate,
        (Baseline::Found(run, _), Role::Baseline) => run,
        (Baseline::Unnamed | Baseline::NotFound(_), Role::Baseline) => return findings,
    };
    findings.extend(pooled(terms, evidence, role));
    findings.extend(of_run(terms, run, role));
    if role == Role::Baseline && is_newer(evidence, run) {
        let cause = Cause::of_run(role, run, RunCause::BaselineNewer);
        findings.push(Finding::new(Effect::Warning, cause));
    }
    findings
}

fn facts(evidence: &Evidence, role: Role) -> impl Iterator<Item = &Fact> {
    let facts = evidence.selection.facts.iter();
    facts
        .filter(move |(of, _)| *of == role)
        .map(|(_, fact)| fact)
}

fn choice(evidence: &Evidence, role: Role, fact: &Fact) -> Cause {
    if let (Baseline::Found(run, _), Fact::SameOutputs) = (&evidence.baseline, fact) {
        let run = run.id.clone();
        return Cause::SameOutputs { run };
    }
    let what = RunCause::Choice { fact: fact.clone() };
    Cause::of_run(role, &evidence.candidate, what)
}

/// Whether one side consists of several judged runs.
pub(super) fn has_several_runs(evidence: &Evidence) -> bool {
    let judged = |role: Role| {
        let runs = evidence.selection.runs.iter();
        runs.filter(|run| run.role == role && run.left_out.is_none())
            .count()
    };
    judged(Role::Candidate) > 1 || judged(Role::Baseline) > 1
}

/// A finding that several runs are pooled.
fn pooled(terms: &Terms, evidence: &Evidence, role: Role) -> Option<Finding> {
    let runs = evidence.selection.runs.iter();
    let judged: Vec<&ListedRun> = runs
        .filter(|run| run.role == role && run.left_out.is_none())
        .collect();
    // A run without a commit counts as one.
    let commits: BTreeSet<(&str, Option<&str>)> = judged
        .iter()
        .map(|run| match &run.commit {
            Some(commit) => (commit.as_str(), None),
            None => ("", Some(run.id.as_str())),
        })
        .collect();
    let is_pool = role == Role::Baseline || terms.reruns == Reruns::Pool;
    (judged.len() > 1 && is_pool).then(|| {
        let runs = judged.iter().map(|run| run.id.clone()).collect();
        let commits = commits.len() as u64;
        let cause = Cause::RerunsPooled {
            role,
            commits,
            runs,
        };
        Finding::new(Effect::Note, cause)
    })
}

/// The findings about a run itself: it failed and is judged anyway, it is incomplete, or its completeness is unknown.
fn of_run(terms: &Terms, run: &Run, role: Role) -> Vec<Finding> {
    let failed = terms.accept_failed && run.status == Some(RunStatus::Failed);
    let failed = failed.then(|| RunCause::Failed {
        is_judged: true,
        exception: run.exception.clone(),
    });
    let unknown = run.completeness == Completeness::Unknown;
    let unknown = unknown.then_some(RunCause::CompletenessUnknown);
    let only_warns = terms.completeness == policy::Completeness::Warn;
    let incomplete = incomplete(run, role).filter(|_| only_warns);
    let about = |what| Cause::of_run(role, run, what);
    let all = [failed.map(about), incomplete, unknown.map(about)];
    let all = all.into_iter().flatten();
    all.map(|cause| Finding::new(Effect::Warning, cause))
        .collect()
}

/// The cause if a run is incomplete.
pub(super) fn incomplete(run: &Run, role: Role) -> Option<Cause> {
    let Completeness::Incomplete(gap) = run.completeness else {
        return None;
    };
    Some(Cause::of_run(role, run, RunCause::Incomplete { gap }))
}

/// Whether the baseline was scored from the candidate's outputs, the candidate from the baseline's, or both from those
/// of a third run.
pub(super) fn shares_outputs(evidence: &Evidence, baseline: &Run) -> bool {
    let ours = &evidence.candidate;
    let is = |source: &Option<String>, run: &Run| source.as_deref() == Some(run.id.as_str());
    let of_third = ours.rescored_from.is_some() && ours.rescored_from == baseline.rescored_from;
    is(&ours.rescored_from, baseline) || is(&baseline.rescored_from, ours) || of_third
}

/// Whether a baseline began after every run of the candidate.
fn is_newer(evidence: &Evidence, baseline: &Run) -> bool {
    let both = baseline.started_at.zip(evidence.candidate.started_at);
    both.is_some_and(|(theirs, ours)| theirs > ours) && baseline.id != evidence.candidate.id
}
