//! Findings about how the runs were chosen: which leave checks undecided, and which are notes.

use crate::evidence::{Baseline, Completeness, Evidence, Fact, Gap, LeftOut, Role, Run, RunStatus};
use crate::judge::finding::{Blocker, Effect, Finding, Name};
use crate::judge::terms::Terms;
use crate::number::plural;
use crate::policy::{self, Reruns};
use crate::prose::Prose;

/// As many commits, versions or runs are listed.
const MOST_LISTED: usize = 6;

/// What of the choice of one side's runs leaves its checks undecided.
pub(super) fn against(evidence: &Evidence, role: Role) -> Vec<Blocker> {
    let facts = evidence.selection.facts.iter();
    let facts = facts.filter(|(of, _)| *of == role).map(|(_, fact)| fact);
    facts
        .filter_map(|fact| blocker(evidence, role, fact))
        .collect()
}

fn blocker(evidence: &Evidence, role: Role, fact: &Fact) -> Option<Blocker> {
    let word = role.word();
    let (name, message) = match fact {
        Fact::WrongCandidate {
            key,
            expected,
            found,
        } => {
            let message = Prose::from("the run ")
                .name(&evidence.candidate.id)
                .text(" is not the candidate of this policy: its ")
                .name(key)
                .text(" is ");
            let message = match found {
                Some(found) => message.name(found),
                None => message.text("missing"),
            };
            let message = message.text(", and the policy asks for ").name(expected);
            (Name::WrongCandidate, message)
        }
        Fact::NotNewest { newest } => {
            let message = Prose::from(
                "a newer run of the candidate's commit exists than the one that is named, and `reruns: newest` judges only that: ",
            )
            .name(newest);
            (Name::WrongCandidate, message)
        }
        Fact::NotChecked {
            problem,
            in_ci: true,
        } => (Name::CommitNotChecked, not_checked(problem)),
        Fact::CommitAmbiguous { asked, commits } => {
            let message = Prose::from("the commit ")
                .name(asked)
                .text(" is a prefix of several: ")
                .names(commits, MOST_LISTED)
                .text("; name it in full");
            (Name::CommitAmbiguous, message)
        }
        Fact::SeveralModelVersions { model, versions } => {
            let message = Prose::from(format!(
                "the runs of the {word}'s commit are of {} versions of the model ",
                versions.len()
            ))
            .name(model)
            .text(", so they are not the same evaluation logged again: ")
            .names(versions, MOST_LISTED)
            .text(format!(
                "; add `attributes:` to `{word}:` that only one of them was logged with"
            ));
            (Name::RerunsAmbiguous, message)
        }
        Fact::NoSharedRow { runs } => {
            let message = Prose::from(format!("two runs of the {word}'s commit have no row in common: "))
                .names(runs, MOST_LISTED)
                .text(format!(
                    "; they are parts of one evaluation or different evaluations; add `attributes:` to `{word}:` that only one of them was logged with"
                ));
            (Name::RerunsAmbiguous, message)
        }
        Fact::UnnamedRuns { runs } => {
            let message = Prose::from(format!(
                "{} of the candidate's commit were logged by EvaluationLogger without a name and without a dataset, so whether they are the same evaluation is unknown; give `EvaluationLogger` a `name`",
                plural(*runs as u64, "run")
            ));
            (Name::RerunsAmbiguous, message)
        }
        Fact::SeveralReruns { runs } => {
            let message = Prose::from(format!(
                "the candidate's commit has {}, and `reruns: refuse` judges only a single one",
                plural(*runs as u64, "run")
            ));
            (Name::RerunsAmbiguous, message)
        }
        Fact::RerunRunning { id } => {
            let message = Prose::from("another run of the candidate's commit, ")
                .name(id)
                .text(", is still running; --wait waits for it");
            (Name::RunNotFinished, message)
        }
        Fact::SameOutputs => {
            let baseline = match &evidence.baseline {
                Baseline::Found(run, _) => run.id.as_str(),
                Baseline::Unnamed | Baseline::NotFound(_) => "",
            };
            return Some(same_outputs(baseline));
        }
        Fact::NotChecked { in_ci: false, .. }
        | Fact::LeftOut { .. }
        | Fact::Excluded { .. }
        | Fact::KeysInOtherOrder
        | Fact::BaselineSkipped { .. } => return None,
    };
    Some(Blocker { name, message })
}

/// What of the choice of one side's runs is only to be known.
pub(super) fn notes(terms: &Terms, evidence: &Evidence, role: Role) -> Vec<Finding> {
    let facts = evidence.selection.facts.iter();
    let facts = facts.filter(|(of, _)| *of == role).map(|(_, fact)| fact);
    let mut findings: Vec<Finding> = facts.filter_map(note).collect();
    let run = match (&evidence.baseline, role) {
        (_, Role::Candidate) => &evidence.candidate,
        (Baseline::Found(run, _), Role::Baseline) => run,
        (Baseline::Unnamed | Baseline::NotFound(_), Role::Baseline) => return findings,
    };
    findings.extend(pooled(terms, evidence, role));
    findings.extend(of_run(terms, run, role));
    if role == Role::Baseline && is_newer(evidence, run) {
        findings.push(Finding {
            name: Name::BaselineNewer,
            effect: Effect::Warning,
            message: Prose::from("the baseline ")
                .name(&run.id)
                .text(" began after the candidate; are the two swapped?"),
        });
    }
    findings
}

fn note(fact: &Fact) -> Option<Finding> {
    let (name, effect, message) = match fact {
        Fact::NotChecked {
            problem,
            in_ci: false,
        } => (
            Name::CommitNotChecked,
            Effect::Warning,
            not_checked(problem),
        ),
        // What the others measured is said once they are measured.
        Fact::LeftOut {
            why: LeftOut::Older,
            ..
        } => return None,
        Fact::LeftOut { id, why } => {
            let message = Prose::from("the run ")
                .name(id)
                .text(" of the candidate's commit is left out: it ")
                .text(left_out(*why));
            (Name::RerunsLeftOut, Effect::Warning, message)
        }
        Fact::Excluded { id, reason } => {
            let message = Prose::from("the run ")
                .name(id)
                .text(" of the candidate's commit is excluded on the command line: ")
                .name(reason);
            (Name::RunExcluded, Effect::Warning, message)
        }
        Fact::BaselineSkipped { id, why } => {
            let message = Prose::from("the run ")
                .name(id)
                .text(" would have been the baseline and was passed over: it ")
                .text(left_out(*why));
            (Name::BaselineSkipped, Effect::Note, message)
        }
        _ => return None,
    };
    Some(Finding {
        name,
        effect,
        message,
    })
}

/// Whether one side is several runs that count as one.
pub(super) fn has_several_runs(evidence: &Evidence) -> bool {
    let judged = |role: Role| {
        let runs = evidence.selection.runs.iter();
        runs.filter(|run| run.role == role && run.left_out.is_none())
            .count()
    };
    judged(Role::Candidate) > 1 || judged(Role::Baseline) > 1
}

/// Says that several runs count as one.
fn pooled(terms: &Terms, evidence: &Evidence, role: Role) -> Option<Finding> {
    let runs = evidence.selection.runs.iter();
    let judged: Vec<&str> = runs
        .filter(|run| run.role == role && run.left_out.is_none())
        .map(|run| run.id.as_str())
        .collect();
    let is_pool = role == Role::Baseline || terms.reruns == Reruns::Pool;
    (judged.len() > 1 && is_pool).then(|| Finding {
        name: Name::RerunsPooled,
        effect: Effect::Note,
        message: Prose::from(format!(
            "{} of the {}'s commit are judged as one: the trials of all of them count: ",
            plural(judged.len() as u64, "run"),
            role.word()
        ))
        .names(judged, MOST_LISTED),
    })
}

/// What a run itself has to say: that it failed and is judged anyway, that it is incomplete, or that this is not known.
fn of_run(terms: &Terms, run: &Run, role: Role) -> Vec<Finding> {
    let about = |name, what: Prose| Finding {
        name,
        effect: Effect::Warning,
        message: Prose::from(format!("the {} ", role.word()))
            .name(&run.id)
            .text(" ")
            .then(what),
    };
    let mut findings = Vec::new();
    if terms.accept_failed && run.status == Some(RunStatus::Failed) {
        findings.push(about(
            Name::RunFailed,
            Prose::from("failed; what it scored is judged anyway"),
        ));
    }
    if let Some(incomplete) = incomplete(run)
        && terms.completeness == policy::Completeness::Warn
    {
        findings.push(about(Name::RunIncomplete, incomplete));
    }
    if run.completeness == Completeness::Unknown {
        findings.push(about(
            Name::CompletenessUnknown,
            Prose::from(
                "does not say how many calls it made, so whether all of it is in Weave is unknown",
            ),
        ));
    }
    findings
}

/// Why a run is not complete, for the end of a sentence about it.
pub(super) fn incomplete(run: &Run) -> Option<Prose> {
    let Completeness::Incomplete(gap) = run.completeness else {
        return None;
    };
    Some(Prose::from(match gap {
        Gap::NoSummary => {
            "is incomplete: its script ended without `log_summary()`, so rows may be missing; call `log_summary()` at its end, `finish()` alone is not enough".to_owned()
        }
        Gap::Fewer { made, stored } => format!(
            "is incomplete: it made {made} calls, and Weave has {stored} of them; calls were deleted, lost on their way, or are not visible yet"
        ),
        Gap::More { made, stored } => {
            format!("made {made} calls, and Weave has {stored} of it; calls may be stored twice")
        }
    }))
}

fn left_out(why: LeftOut) -> String {
    match why {
        LeftOut::Failed => "failed".to_owned(),
        LeftOut::Incomplete(Gap::NoSummary) => {
            "is incomplete, its script ended without `log_summary()`".to_owned()
        }
        LeftOut::Incomplete(Gap::Fewer { made, stored }) => {
            format!("is incomplete, Weave has {stored} of its {made} calls")
        }
        LeftOut::Incomplete(Gap::More { made, stored }) => {
            format!("made {made} calls, and Weave has {stored}")
        }
        LeftOut::Abandoned => "began more than 24 hours ago and never finished".to_owned(),
        LeftOut::Older => "is not the newest".to_owned(),
        LeftOut::Excluded => "is excluded on the command line".to_owned(),
    }
}

fn not_checked(problem: &str) -> Prose {
    Prose::from("whether the run that is named is the candidate of this policy was not checked: ")
        .name(problem.replace('`', "'"))
}

/// Whether a baseline was scored from the candidate's outputs, or the other way round, or both from those of a third.
pub(super) fn shares_outputs(evidence: &Evidence, baseline: &Run) -> bool {
    let ours = &evidence.candidate;
    let is = |source: &Option<String>, run: &Run| source.as_deref() == Some(run.id.as_str());
    let of_third = ours.rescored_from.is_some() && ours.rescored_from == baseline.rescored_from;
    is(&ours.rescored_from, baseline) || is(&baseline.rescored_from, ours) || of_third
}

pub(super) fn same_outputs(baseline: &str) -> Blocker {
    Blocker {
        name: Name::SameRun,
        message: Prose::from("candidate and baseline were scored from the same outputs: ")
            .name(baseline)
            .text(" is a rescoring of the other, or both are of a third run"),
    }
}

/// Whether a baseline began after every run of the candidate.
fn is_newer(evidence: &Evidence, baseline: &Run) -> bool {
    let both = baseline.started_at.zip(evidence.candidate.started_at);
    both.is_some_and(|(theirs, ours)| theirs > ours) && baseline.id != evidence.candidate.id
}
