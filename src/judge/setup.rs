//! Whether both runs were measured in the same way: with the same scorers, dataset and served models.

use std::collections::BTreeMap;

use crate::evidence::{
    FieldChange, Pair, Role, Run, Setup, SetupChange, scorer_names, setup_changes,
};
use crate::judge::cause::{Cause, ServedTo};
use crate::judge::check::Check;
use crate::judge::finding::Finding;
use crate::judge::name::Effect;
use crate::judge::reason::Reason;
use crate::judge::terms::Terms;
use crate::policy::{Consequence, is_of_scorer};

/// What cannot be judged because the runs were not measured in the same way.
#[derive(Default)]
pub(super) struct Blocked {
    /// Why no change can be judged.
    pub(super) change: Option<Cause>,
    /// The scorers that are not the same in both runs, by name: changes of their dimensions cannot be judged.
    pub(super) changed_scorers: BTreeMap<String, Cause>,
    /// The scorers that the candidate lacks, by name: gates that cover them cannot be judged.
    pub(super) removed_scorers: BTreeMap<String, Cause>,
    /// The scorers of the candidate's evaluation that have no dimension, by name, as far as the evaluation was read.
    pub(super) never_scored: BTreeMap<String, Cause>,
}

/// Compares how the runs were measured, and records the findings.
pub(super) fn check(
    terms: &Terms,
    candidate: &Run,
    baseline: &Run,
    pair: &Pair,
    findings: &mut Vec<Finding>,
) -> Blocked {
    let mut blocked = Blocked::default();
    let (Some(ours), Some(theirs)) = (&candidate.setup, &baseline.setup) else {
        return blocked;
    };
    let consequences = terms.comparability;
    // `EvaluationLogger` logs no scorers, and each of its runs has a version of its evaluation that says nothing.
    if candidate.is_logged || baseline.is_logged {
        add(
            findings,
            at_most_note(consequences.scorer),
            &Cause::ScorersUnknown,
        );
    } else {
        let newest = [ours, theirs];
        let is_logged = |setup: &Setup| {
            setup.evaluation.is_none() && !newest.iter().any(|one| std::ptr::eq(*one, setup))
        };
        for (ours, theirs) in pairs(ours, theirs) {
            if is_logged(ours) || is_logged(theirs) {
                let note = at_most_note(consequences.scorer);
                add(findings, note, &Cause::ScorersUnknown);
                continue;
            }
            match setup_changes(ours, theirs) {
                Ok(changes) => {
                    if ours.evaluation != theirs.evaluation {
                        let listed = scorer_names(ours).into_iter();
                        blocked
                            .never_scored
                            .extend(without_scores(candidate, listed));
                    }
                    for change in changes {
                        blocked.add(change, terms, candidate, pair, findings);
                    }
                }
                Err(role) => {
                    if let Some(cause) = unread(role, candidate, baseline)
                        && add(findings, consequences.scorer, &cause)
                    {
                        blocked.change.get_or_insert(cause);
                    }
                }
            }
        }
    }
    for (ours, theirs) in pairs(ours, theirs) {
        let Some(cause) = served(candidate, baseline, ours, theirs) else {
            continue;
        };
        let consequence = match (&cause, consequences.served_model) {
            // The evaluated model is meant to change, and its calls are among those that tell the models.
            (
                Cause::ServedModelsChanged {
                    by: ServedTo::UnknownOfOtherModel,
                    ..
                },
                Consequence::Warn,
            ) => Consequence::Note,
            (_, consequence) => consequence,
        };
        if add(findings, consequence, &cause) {
            blocked.change.get_or_insert(cause);
        }
    }
    blocked
}

/// The setups to compare: the newest run of each side, and each other run of a pool with the newest of the other side.
fn pairs<'s>(ours: &'s Setup, theirs: &'s Setup) -> impl Iterator<Item = (&'s Setup, &'s Setup)> {
    let of_candidate = ours.all().map(move |ours| (ours, theirs));
    of_candidate.chain(theirs.pooled.values().map(move |theirs| (ours, theirs)))
}

/// Makes a difference between the setups a warning if it leaves no check undecided.
pub(super) fn soften(checks: &[Check], findings: &mut [Finding]) {
    let is_setup_cause = |cause: &Cause| {
        matches!(
            cause,
            Cause::Setup { .. }
                | Cause::DatasetChanged { .. }
                | Cause::ServedModelsChanged { .. }
                | Cause::EvaluationUnread { .. }
        )
    };
    // A check has one reason. If it has several such causes, each of them still leaves it undecided.
    let is_used = checks
        .iter()
        .any(|check| matches!(&check.reason, Reason::Blocked(cause) if is_setup_cause(cause)));
    for finding in findings {
        let cause = &finding.cause;
        let is_cause = |check: &Check| {
            let covers = |name: &str| {
                let subject = check.subject.as_deref();
                subject.is_some_and(|subject| is_of_scorer(subject, name))
            };
            match (&check.reason, cause) {
                (Reason::Blocked(other), _) if other == cause => true,
                (
                    Reason::Blocked(other),
                    Cause::Setup {
                        change: SetupChange::ScorerChanged { name, .. },
                    },
                ) => is_setup_cause(other) && check.limit.key.is_change() && covers(name),
                // These concern every change.
                (_, Cause::ServedModelsChanged { .. } | Cause::DatasetChanged { .. }) => is_used,
                _ => false,
            }
        };
        if is_setup_cause(cause)
            && finding.effect == Effect::Undecided
            && !checks.iter().any(is_cause)
        {
            finding.effect = Effect::Warning;
        }
    }
}

/// Records a finding, unless it is ignored. Returns whether it leaves changes undecided.
fn add(findings: &mut Vec<Finding>, consequence: Consequence, cause: &Cause) -> bool {
    // Several runs of a pool may differ in the same way.
    if let Some(effect) = effect(consequence) {
        let finding = Finding::new(effect, cause.clone());
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    consequence == Consequence::Undecided
}

/// A note, unless the policy ignores it.
const fn at_most_note(consequence: Consequence) -> Consequence {
    match consequence {
        Consequence::Ignore => Consequence::Ignore,
        Consequence::Undecided | Consequence::Warn | Consequence::Note => Consequence::Note,
    }
}

impl Blocked {
    /// Adds a difference between the scorers or the datasets of the runs.
    fn add(
        &mut self,
        change: SetupChange,
        terms: &Terms,
        candidate: &Run,
        pair: &Pair,
        findings: &mut Vec<Finding>,
    ) {
        let consequences = terms.comparability;
        match &change {
            SetupChange::ScorerChanged { name, fields, .. } => {
                // The scores of a scorer that cannot be read may have any name.
                let is_any = fields.contains(&FieldChange::Unread);
                let (name, cause) = (name.clone(), Cause::Setup { change });
                if add(findings, consequences.scorer, &cause) {
                    if is_any {
                        self.change.get_or_insert_with(|| cause.clone());
                    }
                    self.changed_scorers.insert(name, cause);
                }
            }
            SetupChange::ScorerRemoved { name } => {
                let (name, cause) = (name.clone(), Cause::Setup { change });
                if add(findings, consequences.scorer, &cause) {
                    self.removed_scorers.insert(name, cause);
                }
            }
            SetupChange::ScorerAdded { .. } => {
                // It has no scores in the baseline, so it changes no comparison.
                let note = at_most_note(consequences.scorer);
                add(findings, note, &Cause::Setup { change });
            }
            SetupChange::EvaluationChanged { .. } => {
                let consequence = match consequences.scorer {
                    Consequence::Undecided => Consequence::Warn,
                    other => other,
                };
                add(findings, consequence, &Cause::Setup { change });
            }
            SetupChange::DatasetChanged { name, before } => {
                let cause = Cause::DatasetChanged {
                    name: name.clone(),
                    before: before.clone(),
                    rows: candidate.rows,
                    added: pair.added,
                    removed: pair.removed,
                };
                if add(findings, consequences.dataset, &cause) {
                    self.change.get_or_insert(cause);
                }
            }
        }
    }
}

/// The scorers of a run that scored no row, as far as its own summary tells.
pub(super) fn never_scored(run: &Run) -> BTreeMap<String, Cause> {
    let setups = run.setup.iter().flat_map(Setup::all);
    without_scores(run, setups.flat_map(|setup| setup.unscored.clone()))
}

/// The scorers among these that have no dimension in the run.
fn without_scores(run: &Run, names: impl Iterator<Item = String>) -> BTreeMap<String, Cause> {
    let has_scores = |name: &String| {
        let mut dimensions = run.totals.dimensions.keys();
        dimensions.any(|dimension| is_of_scorer(dimension, name))
    };
    names
        .filter(|name| !has_scores(name))
        .map(|name| (name.clone(), Cause::ScorerNeverScored { name }))
        .collect()
}

/// The cause if the runs are of evaluations with different names, or if it is unknown what differs between two versions
/// of one evaluation.
pub(super) fn other_evaluation(candidate: &Run, baseline: &Run) -> Option<Cause> {
    let (Some(ours), Some(theirs)) = (&candidate.evaluation, &baseline.evaluation) else {
        return Some(Cause::EvaluationChanged { names: None });
    };
    let is_known = candidate.setup.is_some() && baseline.setup.is_some();
    let is_other = if is_known {
        ours.name != theirs.name
    } else {
        ours != theirs
    };
    is_other.then(|| Cause::EvaluationChanged {
        names: Some((ours.name.clone(), theirs.name.clone())),
    })
}

/// The cause if the evaluation of one run cannot be read. A run without an evaluation has none to read.
fn unread(role: Role, candidate: &Run, baseline: &Run) -> Option<Cause> {
    let run = match role {
        Role::Candidate => candidate,
        Role::Baseline => baseline,
    };
    let evaluation = run.evaluation.as_ref()?;
    Some(Cause::EvaluationUnread {
        role,
        name: evaluation.name.clone(),
    })
}

/// The cause if the runs served different models, or if only one of them says which models were served. If the evaluated model is meant to change, only
/// the models that scorers called count, as far as they are known.
fn served(candidate: &Run, baseline: &Run, ours: &Setup, theirs: &Setup) -> Option<Cause> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names.dedup();
        names
    };
    let of = |before: &[String], after: &[String], by| {
        let (before, after) = (sorted(before), sorted(after));
        (before != after).then_some(Cause::ServedModelsChanged { before, after, by })
    };
    let is_other_model = candidate.model != baseline.model;
    let all = |by| of(&theirs.served_models, &ours.served_models, by);
    match (&theirs.scorer_models, &ours.scorer_models) {
        (Some(before), Some(after)) => {
            let of_scorers = of(before, after, ServedTo::Scorers);
            of_scorers.or_else(|| all(ServedTo::Model).filter(|_| !is_other_model))
        }
        _ if is_other_model => all(ServedTo::UnknownOfOtherModel),
        _ => all(ServedTo::Unknown),
    }
}

const fn effect(consequence: Consequence) -> Option<Effect> {
    match consequence {
        Consequence::Undecided => Some(Effect::Undecided),
        Consequence::Warn => Some(Effect::Warning),
        Consequence::Note => Some(Effect::Note),
        Consequence::Ignore => None,
    }
}
